"""Bytes to payloads: any bytes lead to one, to nothing yet, or to one refusal, however they come."""

import gc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub_core import Malformed
from foldhub_core.wire.framing import FrameBuffer, framed

many = settings(max_examples=300, deadline=None)

MOST = 40


def outcome(pieces: list[bytes]) -> tuple[list[bytes], str | None]:
    """What comes of bytes that come like this: the payloads, and the refusal."""
    buffer, found = FrameBuffer(), list[bytes]()
    for piece in pieces:
        buffer.take(piece)
        try:
            while (payload := buffer.next(MOST)) is not None:
                found.append(payload)
        except Malformed as refused:
            return found, str(refused)
    return found, None


@many
@given(st.binary(max_size=200))
def test_byte_by_byte_is_all_at_once(data: bytes) -> None:
    assert outcome([data]) == outcome([bytes([byte]) for byte in data])


@many
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_in_any_pieces_is_all_at_once(data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert outcome([data]) == outcome([data[begin:end] for begin, end in pairwise(places)])


@many
@given(st.lists(st.binary(min_size=1, max_size=MOST), max_size=8), st.binary(max_size=3))
def test_what_is_framed_comes_out_again(payloads: list[bytes], rest: bytes) -> None:
    assert outcome([b"".join(framed(payload) for payload in payloads) + rest]) == (payloads, None)


@pytest.mark.parametrize("length", [0, MOST + 1, 2**31, 2**32 - 1])
def test_a_length_that_is_not_allowed_is_refused_before_anything_comes(length: int) -> None:
    found, refused = outcome([length.to_bytes(4, "big")])
    assert found == []
    assert refused == f"frame: expected a frame of 1 to {MOST} bytes, came one of {length}"


def test_a_stream_that_was_refused_is_refused_for_ever() -> None:
    buffer = FrameBuffer()
    buffer.take(b"\0\0\0\0")
    with pytest.raises(Malformed) as first:
        buffer.next(MOST)
    buffer.take(framed(b"x"))
    with pytest.raises(Malformed) as second:
        buffer.next(MOST)
    assert first.value is second.value


def test_a_buffer_says_what_it_holds() -> None:
    buffer = FrameBuffer()
    buffer.take(b"\0\0\0")
    assert (buffer.held, buffer.length, buffer.whole) == (3, None, False)
    buffer.take(b"\2a")
    assert (buffer.held, buffer.length, buffer.whole) == (5, 2, False)
    buffer.take(b"b\0")
    assert (buffer.held, buffer.length, buffer.whole) == (7, 2, True)
    assert buffer.next(MOST) == b"ab"
    assert (buffer.held, buffer.length, buffer.whole) == (1, None, False)


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_of_what_was_given_out_nothing_is_held(pieces: int) -> None:
    buffer, data = FrameBuffer(), framed(bytes(MOST)) * 3
    for piece in range(pieces):
        buffer.take(data[len(data) * piece // pieces : len(data) * (piece + 1) // pieces])
        while buffer.next(MOST) is not None:
            pass
    assert sum([len(one) for one in gc.get_referents(buffer) if isinstance(one, bytes | bytearray)]) == 0
