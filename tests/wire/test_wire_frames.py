"""Payloads to frames and back: what is read is what is written, and everything else is one error."""

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub.testing.strategies import envelopes, frames, texts
from foldhub_core import Envelope, ErrorRecord, GetHealth, Malformed, Post, ProtocolError, Start, codec, encode
from foldhub_core.codec import pack
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.tags import TAGS
from foldhub_core.wire.frame_bytes import join_deliveries, read_frame, write_frame, write_sent
from foldhub_core.wire.frames import (
    Answer,
    Ask,
    Deliveries,
    Frame,
    Goodbye,
    Hello,
    Ping,
    Query,
    Refusal,
    Sent,
    Welcome,
)
from foldhub_core.wire.rights import read_command, read_question
from tests.core.record_kinds import sample

many = settings(max_examples=300, deadline=None)


@many
@given(frames())
def test_a_frame_comes_back_from_its_payload(frame: Frame) -> None:
    assert read_frame(write_frame(frame)) == frame


@many
@given(st.binary(max_size=60))
def test_any_payload_is_a_frame_or_malformed(payload: bytes) -> None:
    is_frame_or_malformed(payload)


@many
@given(frames(), st.data())
def test_a_payload_that_was_touched_is_a_frame_or_malformed(frame: Frame, draw: st.DataObject) -> None:
    payload = bytearray(write_frame(frame))
    at = draw.draw(st.integers(0, len(payload) - 1))
    payload[at] = draw.draw(st.integers(0, 255))
    is_frame_or_malformed(bytes(payload))


def is_frame_or_malformed(payload: bytes) -> None:
    try:
        frame = read_frame(payload)
    except Malformed:
        return
    assert write_frame(frame) == payload


def test_a_record_that_is_no_frame_is_malformed() -> None:
    with pytest.raises(Malformed, match="expected a frame"):
        read_frame(encode(Start()))


def test_a_frame_in_other_bytes_is_malformed() -> None:
    with pytest.raises(Malformed, match="canonical"):
        read_frame(bytes.fromhex("92ccefcc05"))  # 5, in two bytes


ROW = codec.row_of(Envelope("s", "a", "x"))
SENT = [TAGS[Sent], "a", 1, 1, ROW]
NO_FRAMES = [
    [],
    ["x"],
    [True, 1, b""],
    [TAGS[Ask], 0, b""],
    [TAGS[Ask], 2**63, b""],
    [TAGS[Ask], True, b""],
    [TAGS[Answer], 1, "x"],
    [TAGS[Deliveries], [[TAGS[Sent], "a", 1, 1]]],
    [TAGS[Deliveries], [[TAGS[Ask], "a", 1, 1, ROW]]],
    [TAGS[Deliveries], [SENT, [TAGS[Sent], 1, 1, 1, ROW]]],
    [TAGS[Deliveries], [SENT, [TAGS[Sent], "a", True, 1, ROW]]],
    [TAGS[Deliveries], [SENT, [TAGS[Sent], "a", 1, 2**63, ROW]]],
    [TAGS[Deliveries], [SENT, [TAGS[Sent], "a", 1, 1, [1]]]],
    [TAGS[Deliveries], [SENT, [TAGS[Sent], "a", 1, 1, codec.row_of(Ping(1))]]],
    [TAGS[Deliveries], [SENT] * 65_536],
]
"""What has something of a frame of a post, and is none."""


@pytest.mark.parametrize("row", NO_FRAMES, ids=lambda row: str(row)[:40])
def test_what_has_something_of_a_frame_and_is_none_is_malformed(row: object) -> None:
    with pytest.raises(Malformed):
        read_frame(pack(row))


def test_a_delivery_to_whom_no_ascii_names_is_read_like_any_other() -> None:
    frame = Deliveries((Sent("ä", 1, 1, Envelope("s", "a", "x")),))
    assert read_frame(write_frame(frame)) == frame


def test_deliveries_in_other_bytes_are_malformed() -> None:
    payload = write_frame(Deliveries((Sent("a", 5, 1, Envelope("s", "a", "x")),)))
    other = payload.replace(b"\xa1a\x05", b"\xa1a\xcc\x05")
    assert other != payload
    with pytest.raises(Malformed, match="canonical"):
        read_frame(other)


TOO_MUCH = [b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b""]
"""Arrays in arrays, and an array, a map and bytes that are said to be as long as can be said."""


@pytest.mark.parametrize("nested", TOO_MUCH)
def test_what_would_break_a_reader_is_malformed(nested: bytes) -> None:
    with pytest.raises(Malformed):
        read_frame(nested)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(texts(), st.integers(1, 9), st.integers(1, 9), envelopes()), max_size=20))
def test_deliveries_that_are_joined_are_one_frame(some: list[tuple[str, int, int, Envelope]]) -> None:
    joined = join_deliveries([write_sent(*one) for one in some])
    assert joined == write_frame(Deliveries(tuple([Sent(*one) for one in some])))


def test_a_credential_is_in_no_text() -> None:
    assert "secret" not in repr(Hello(1, "secret"))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Hello(-1, ""),
        lambda: Hello(1, "x" * 2_049),
        lambda: Hello(1, "", "x" * 129),
        lambda: Hello(1, "", "", 0),
        lambda: Welcome(1, "h", "s", (), 0, 1, 1, 1),
        lambda: Ask(0, b""),
        lambda: Query(0, b""),
        lambda: Answer(0, b""),
        lambda: Refusal(0, ErrorRecord("error", "")),
        lambda: Deliveries((sample(Sent),) * 65_536),
    ],
)
def test_fields_have_bounds(wrong: Callable[[], object]) -> None:
    with pytest.raises(Malformed):
        wrong()


# --- what stands in a request


def test_a_command_that_no_wire_carries_is_refused() -> None:
    with pytest.raises(ProtocolError):
        read_command(encode(Start()))


def test_what_is_no_command_and_no_question_is_malformed() -> None:
    for data in (b"", encode(GetHealth()), pack([1, 2])):
        with pytest.raises(Malformed):
            read_command(data)
    for data in (b"", encode(Start())):
        with pytest.raises(Malformed):
            read_question(data)


def test_a_request_in_other_bytes_is_malformed() -> None:
    with pytest.raises(Malformed, match="canonical"):
        read_question(bytes.fromhex("dc0001ccc6"))  # an array of one, in three bytes


def test_every_request_is_read_as_it_was_written() -> None:
    post = Post(envelope=Envelope("s", "a", "x"))
    assert read_command(encode(post)) == post
    for kind in get_args(Question | LogQuestion):
        question = sample(kind)
        assert read_question(encode(question)) == question


def test_a_goodbye_says_why() -> None:
    assert read_frame(write_frame(Goodbye(ErrorRecord("closed", "x")))) == Goodbye(ErrorRecord("closed", "x"))
