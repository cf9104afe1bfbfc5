"""What an attacker may try on a link, as far as the machines are concerned, and what comes of it.

Whatever is tried, the link ends or the request is refused, the hub is told nothing, and no other link hears of it. Sockets, TLS
and addresses are the shell's.
"""

from typing import Any

import msgspec
import pytest

from foldhub_core import (
    Ack,
    Envelope,
    HubConfig,
    Passport,
    Post,
    Principal,
    Register,
    Resume,
    encode,
)
from foldhub_core.codec import pack
from foldhub_core.tags import TAGS
from foldhub_core.wire.events import Asked, Gone
from foldhub_core.wire.frame_bytes import read_frame, write_frame
from foldhub_core.wire.frames import Ask, Frame, Goodbye, Hello, Ping, Refusal
from foldhub_core.wire.framing import FrameBuffer, framed
from foldhub_core.wire.limits import WireLimits
from foldhub_core.wire.server import HubEnd

POST = Post(envelope=Envelope("s", "a1", "x", {"text": "t"}))


class Link:
    """A link whose client is an attacker that has a good credential."""

    def __init__(self, **limits: int) -> None:
        self.end = HubEnd(HubConfig(), "l1", 0, WireLimits(**limits))
        self.send(Hello(1, "token"))
        self.end.accept(Principal(subject="eve", agent_ids=("a1",)), "demo", 0)
        self.end.events()
        self.said()

    def send(self, *frames: Frame) -> None:
        self.end.receive(b"".join([framed(write_frame(frame)) for frame in frames]), 0)

    def said(self) -> list[Frame]:
        buffer, found = FrameBuffer(), list[Frame]()
        while data := self.end.data_to_send():
            buffer.take(data)
        while (payload := buffer.next(1 << 24)) is not None:
            found.append(read_frame(payload))
        return found

    def check_ended(self) -> None:
        """The link is over, its client was told why, and nothing was asked of the hub."""
        (gone,) = self.end.events()
        assert isinstance(gone, Gone)
        assert gone.error.code in ("malformed", "protocol_error")
        assert isinstance(self.said()[-1], Goodbye)

    def check_refused(self, code: str = "malformed") -> None:
        """The request is refused, nothing was asked of the hub, and the link goes on."""
        assert self.end.events() == ()
        (refusal,) = self.said()
        assert isinstance(refusal, Refusal)
        assert refusal.error.code == code
        self.send(Ping(1))
        assert self.said()


def touched(record: Any, **fields: object) -> bytes:
    """A record's bytes with some fields that its constructor would refuse."""
    row: list[Any] = msgspec.msgpack.decode(encode(record))
    names = [name for name in type(record).__slots__ if not name.startswith("_")]
    for name, value in fields.items():
        row[1 + names.index(name)] = value
    return msgspec.msgpack.encode(row)


def in_an_envelope(**fields: object) -> bytes:
    """A post of an envelope with such fields."""
    return b"\x92" + pack(TAGS[Post]) + touched(POST.envelope, **fields)


@pytest.mark.parametrize("length", [0, 2**31, 2**32 - 1, 1_048_577])
def test_a_length_that_lies_ends_the_link_before_anything_is_kept(length: int) -> None:
    link = Link()
    link.end.receive(length.to_bytes(4, "big"), 0)
    link.check_ended()


BOMBS = {
    "a hundred thousand arrays in each other": b"\x91" * 100_000,
    "an array of four thousand million": b"\xdd\xff\xff\xff\xff",
    "a map of four thousand million": b"\xdf\xff\xff\xff\xff",
    "a text that is no text": b"\x92\xcc\xef\xa2\xff\xfe",
    "an extension": b"\xd4\x01\x00",
    "nothing of ours": b"\xc1",
    "two values": b"\xc0\xc0",
}


@pytest.mark.parametrize("payload", BOMBS.values(), ids=BOMBS)
def test_a_payload_that_would_break_a_reader_ends_the_link(payload: bytes) -> None:
    link = Link()
    link.end.receive(framed(payload), 0)
    link.check_ended()


@pytest.mark.parametrize("payload", BOMBS.values(), ids=BOMBS)
def test_a_request_that_would_break_a_reader_is_refused(payload: bytes) -> None:
    link = Link()
    link.send(Ask(1, payload))
    link.check_refused()


ODD: dict[str, bytes] = {
    "a boolean for a number": touched(Ack(agent_id="a1", numbers=(1,)), numbers=[True]),
    "a number for a text": touched(Ack(agent_id="a1", numbers=(1,)), agent_id=1),
    "a number beyond 64 bits": touched(Ack(agent_id="a1", numbers=(1,)), numbers=[2**64 - 1]),
    "a float for a number": touched(Ack(agent_id="a1", numbers=(1,)), numbers=[1.0]),
    "no number at all": in_an_envelope(event_data={"x": float("nan")}),
    "an infinite number": in_an_envelope(event_data={"x": float("inf")}),
    "bytes in free data": in_an_envelope(event_data={"x": b"y"}),
    "keys that are no texts": in_an_envelope(event_data={1: "y"}),
    "keys in another order": in_an_envelope(event_data={"b": 1, "a": 1}),
    "a key twice": in_an_envelope().replace(b"\x81\xa4text\xa1t", b"\x82\xa4text\xa1t\xa4text\xa1u"),
    "a word that is none": in_an_envelope(priority="now"),
    "a lone surrogate": in_an_envelope().replace(b"\xa4text\xa1t", b"\xa4text\xa3\xed\xa0\x80"),
    "one field more": b"\x93" + pack(TAGS[Post]) + encode(POST.envelope) + b"\xc0",
    "one field less": b"\x91" + pack(TAGS[Post]),
    "another record in its place": b"\x92" + pack(TAGS[Post]) + encode(Ack(agent_id="a1", numbers=())),
    "free data as deep as can be": in_an_envelope(event_data={"x": [[[[[[[[1]]]]]]]]}).replace(b"\x91" * 8, b"\x91" * 5_000),
}


@pytest.mark.parametrize("command", ODD.values(), ids=ODD)
def test_a_request_that_is_nearly_right_is_refused(command: bytes) -> None:
    link = Link()
    link.send(Ask(1, command))
    link.check_refused()


def test_who_sends_is_not_what_a_frame_says() -> None:
    """A stamp that the sender put in comes as it is, and is overridden by the hub; a frame has no field for who asks."""
    link = Link()
    forged = Envelope("s", "a1", "x", envelope_id="demo:e:a1", created_at_ms=5, number=7)
    link.send(Ask(1, encode(Post(envelope=forged))))
    (asked,) = link.end.events()
    assert isinstance(asked, Asked)
    assert link.end.principal == Principal(subject="eve", agent_ids=("a1",))


def test_a_flood_of_requests_is_taken_as_fast_as_may_be_and_no_faster() -> None:
    link = Link(frames_per_s=100, in_flight=10_000)
    link.send(*[Ask(ref, encode(POST)) for ref in range(1, 1_001)])
    taken = len(link.end.events())
    for now_ms in range(10, 1_001, 10):
        link.end.advance(now_ms)
        taken += len(link.end.events())
    assert 199 <= taken <= 200


def test_a_flood_of_nonsense_is_answered_as_fast_as_may_be_and_costs_the_flooder_its_link() -> None:
    link = Link(frames_per_s=1_000, send_bytes=10_000)
    link.send(*[Ask(ref, b"") for ref in range(1, 500)])
    (gone,) = link.end.events()
    assert isinstance(gone, Gone)
    assert gone.error.code == "unavailable"
    assert link.end.waiting == 0


def test_names_that_could_act_are_names() -> None:
    """Paths, escapes and formats cross as they are: the hub refuses what is not printable, and who shows them escapes."""
    for name in ("../../x", "%n", "{0.__class__}", "\x1b[31m", "a\u202eb"):
        link = Link()
        link.send(Ask(1, encode(Register(passport=Passport(name), resume=Resume()))))
        (asked,) = link.end.events()
        assert isinstance(asked, Asked)
