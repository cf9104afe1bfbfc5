"""The hub's end alone: what it tells, what it says, and how a link ends."""

from typing import Any

import pytest

from foldhub_core import (
    AccessDeniedError,
    Ack,
    Attach,
    AuthError,
    Delivery,
    DeliveryPage,
    Envelope,
    ErrorRecord,
    GetAgent,
    HubConfig,
    Passport,
    Principal,
    ReadOwed,
    ReadSession,
    Register,
    Resume,
    Start,
    Tick,
    Unregister,
    encode,
)
from foldhub_core.wire.answers import WordsPage, read_answer
from foldhub_core.wire.events import Asked, Gone, Introduced, Questioned, Undeliverable
from foldhub_core.wire.frame_bytes import read_frame, write_frame
from foldhub_core.wire.frames import (
    Answer,
    Ask,
    Deliveries,
    Evicted,
    Frame,
    Goodbye,
    Hello,
    Ping,
    Pong,
    Query,
    Refusal,
    Welcome,
)
from foldhub_core.wire.framing import FrameBuffer, framed
from foldhub_core.wire.limits import WireLimits
from foldhub_core.wire.server import HubEnd

CONFIG = HubConfig()
LIMITS = WireLimits(in_flight=2, frames_per_s=10, send_bytes=5_000, frame_bytes=6_000)
ANN = Principal(subject="ann", agent_ids=("a1",), may_register=("*",))
WORD = Envelope("s", "a", "x", {"text": "t"})
ACK = Ack(agent_id="a1", numbers=(1,))


class Link:
    """A hub's end whose client is the test."""

    def __init__(self, *, greeted: bool = True, limits: WireLimits = LIMITS, frame_bytes: int = 8_000) -> None:
        self.end = HubEnd(CONFIG, "l1", 0, limits)
        self.buffer = FrameBuffer()
        if greeted:
            self.say(Hello(1, "token", "test", frame_bytes))
            assert self.end.events() == (Introduced("token", "test"),)
            self.end.accept(ANN, "demo", 0)
            assert isinstance(self.heard()[0], Welcome)

    def say(self, *frames: Frame, at: int = 0) -> None:
        self.end.receive(b"".join([framed(write_frame(frame)) for frame in frames]), at)

    def ask(self, ref: int, command: Any = ACK, at: int = 0) -> None:
        self.say(Ask(ref, encode(command)), at=at)

    def heard(self) -> list[Frame]:
        """What the hub's end says."""
        while data := self.end.data_to_send():
            self.buffer.take(data)
        found: list[Frame] = []
        while (payload := self.buffer.next(1 << 20)) is not None:
            found.append(read_frame(payload))
        return found

    def gone(self) -> str:
        """The link is over: gives the code that says why."""
        *_, last = self.end.events()
        assert isinstance(last, Gone)
        assert (self.end.over, self.end.state, self.end.reading) == (True, "over", False)
        return last.error.code

    def goodbye(self) -> str:
        """The link is over, and its client was told so: gives the code that says why."""
        code = self.gone()
        *_, last = self.heard()
        assert isinstance(last, Goodbye)
        assert last.error.code == code
        return code


# --- the beginning


def test_a_credential_is_handed_on_and_nothing_is_read_before_it_is_checked() -> None:
    link = Link(greeted=False)
    assert (link.end.state, link.end.reading, link.end.link) == ("opening", True, "l1")
    link.say(Hello(1, "token", "test"), Ask(1, encode(ACK)))
    assert link.end.events() == (Introduced("token", "test"),)
    assert (link.end.state, link.end.reading) == ("checking", False)
    assert "token" not in repr(link.end.events())
    link.end.accept(ANN, "demo", 5)
    assert link.end.events() == (Asked(1, ACK),)
    assert link.heard() == [Welcome(1, "demo", "ann", ("a1",), 6_000, 2, LIMITS.ping_ms, LIMITS.idle_ms)]
    assert link.end.principal == ANN
    link.end.accept(Principal(admin=True), "demo", 6)
    assert link.end.principal == ANN


@pytest.mark.parametrize(("error", "code"), [(None, "auth_failed"), (AccessDeniedError("too many"), "access_denied")])
def test_who_is_turned_away_is_told_so_and_goes(error: Any, code: str) -> None:
    link = Link(greeted=False)
    link.end.turn_away(0)
    assert link.end.events() == ()
    link.say(Hello(1, "token"))
    assert link.end.events()
    link.end.turn_away(0, error)
    assert link.goodbye() == code
    link.end.accept(ANN, "demo", 0)
    assert link.heard() == []


def test_what_a_wrong_credential_hears_says_nothing_of_it() -> None:
    link = Link(greeted=False)
    link.say(Hello(1, "hunter2"))
    link.end.turn_away(0)
    assert "hunter2" not in repr(link.heard())
    assert AuthError.code == "auth_failed"


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_version_is_unsupported(version: int) -> None:
    link = Link(greeted=False)
    link.say(Hello(version, "token"))
    assert link.goodbye() == "protocol_error"


def test_a_client_that_takes_less_than_a_refusal_is_unsupported() -> None:
    link = Link(greeted=False)
    link.say(Hello(1, "token", "", 100))
    assert link.goodbye() == "protocol_error"


@pytest.mark.parametrize("frame", [Ask(1, encode(ACK)), Query(1, b""), Ping(1), Goodbye(ErrorRecord("closed", "")), Pong(1)])
def test_anything_before_the_hello_ends_the_link(frame: Frame) -> None:
    link = Link(greeted=False)
    link.say(frame)
    assert link.goodbye() == "protocol_error"


def test_a_second_hello_ends_the_link() -> None:
    link = Link()
    link.say(Hello(1, "another"))
    assert link.goodbye() == "protocol_error"


def test_a_first_frame_is_small() -> None:
    link = Link(greeted=False)
    link.end.receive((4_097).to_bytes(4, "big"), 0)
    assert link.goodbye() == "malformed"


@pytest.mark.parametrize(
    "data", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", framed(b"\xc1")]
)
def test_what_is_no_frame_ends_the_link_once(data: bytes) -> None:
    link = Link(greeted=False)
    link.end.receive(data, 0)
    assert link.goodbye() == "malformed"
    link.end.receive(data, 0)
    link.end.receive(b"", 0)
    assert (link.end.events(), link.heard()) == ((), [])


# --- requests


def test_a_request_is_answered_by_its_number() -> None:
    link = Link()
    link.ask(1, Register(passport=Passport("a2"), resume=Resume()))
    link.say(Query(2, encode(GetAgent(name_or_id="a1"))))
    asked, questioned = link.end.events()
    assert isinstance(asked, Asked)
    assert questioned == Questioned(2, GetAgent(name_or_id="a1"))
    link.end.refuse(2, ErrorRecord("not_found", "x"), 1)
    link.end.answer(1, Passport("a2", agent_id="a2"), 1)
    refusal, answer = link.heard()
    assert refusal == Refusal(2, ErrorRecord("not_found", "x"))
    assert isinstance(answer, Answer)
    assert read_answer(CONFIG, asked.command, answer.value) == Passport("a2", agent_id="a2")
    assert link.end.principal.agent_ids == ("a1", "a2")
    link.end.widen("a2")
    assert link.end.principal.agent_ids == ("a1", "a2")


def test_what_was_answered_is_not_answered_again() -> None:
    link = Link()
    link.ask(1)
    for _ in range(2):
        link.end.answer(1, None, 1)
        link.end.refuse(1, ErrorRecord("not_found", "x"), 1)
    assert len(link.heard()) == 1


def test_an_attach_bears_the_name_of_the_link_and_what_is_attached_is_detached_at_its_end() -> None:
    link = Link()
    link.ask(1, Attach(agent_id="a1", link="another"))
    assert link.end.events() == (Asked(1, Attach(agent_id="a1", link="l1")),)
    link.end.answer(1, None, 1)
    link.ask(2, Attach(agent_id="a2", link=""))
    link.end.answer(2, None, 1)
    link.end.evict("a2", 1)
    assert link.heard()[-1] == Evicted("a2")
    link.end.events()
    link.end.close(2)
    assert link.end.events() == (Gone(ErrorRecord("closed", "the hub has gone"), ("a1",)),)


def test_of_an_agent_that_has_ended_a_link_keeps_nothing() -> None:
    link = Link()
    link.ask(1, Register(passport=Passport("a2"), resume=Resume()))
    link.end.answer(1, Passport("a2", agent_id="a2"), 1)
    link.ask(2, Attach(agent_id="a2", link=""))
    link.end.answer(2, None, 1)
    link.ask(3, Unregister(agent_id="a2"))
    link.end.events()
    link.end.answer(3, None, 1)
    assert link.end.principal.agent_ids == ("a1",)
    link.end.close(2)
    assert link.end.events() == (Gone(ErrorRecord("closed", "the hub has gone"), ()),)


@pytest.mark.parametrize("command", [Start(), Tick()])
def test_what_no_wire_carries_is_refused_and_the_link_goes_on(command: Any) -> None:
    link = Link()
    link.ask(1, command)
    (refusal,) = link.heard()
    assert isinstance(refusal, Refusal)
    assert (refusal.ref, refusal.error.code) == (1, "protocol_error")
    link.ask(2)
    assert link.end.events() == (Asked(2, ACK),)


@pytest.mark.parametrize(
    "frame", [Ask(1, b"\xc1"), Ask(1, encode(GetAgent(name_or_id="a"))), Query(1, encode(ACK)), Query(1, b"")]
)
def test_a_request_that_is_nonsense_is_refused_and_the_link_goes_on(frame: Frame) -> None:
    link = Link()
    link.say(frame)
    (refusal,) = link.heard()
    assert isinstance(refusal, Refusal)
    assert refusal.error.code == "malformed"
    assert not link.end.over


@pytest.mark.parametrize("ref", [1, 2])
def test_numbers_of_requests_rise(ref: int) -> None:
    link = Link()
    link.ask(2)
    link.ask(ref)
    assert link.goodbye() == "protocol_error"


def test_with_as_many_requests_as_may_be_the_socket_is_not_read() -> None:
    link = Link()
    for ref in (1, 2, 3):
        link.ask(ref)
    assert link.end.events() == (Asked(1, ACK), Asked(2, ACK))
    assert not link.end.reading
    assert link.end.next_deadline() is None
    link.end.advance(10 * LIMITS.idle_ms)
    assert not link.end.over
    link.end.answer(2, None, 10 * LIMITS.idle_ms)
    assert link.end.events() == (Asked(3, ACK),)


def test_who_speaks_too_fast_is_heard_later() -> None:
    link = Link(limits=WireLimits(frames_per_s=10))
    link.say(*[Ping(at) for at in range(12)])
    assert link.heard() == [Pong(at) for at in range(9)]  # the hello was the first of ten
    assert not link.end.reading
    assert link.end.next_deadline() == 100
    link.end.advance(100)
    assert link.heard() == [Pong(9)]
    link.end.advance(300)
    assert link.heard() == [Pong(10), Pong(11)]


def test_an_answer_that_no_frame_holds_is_a_refusal() -> None:
    link = Link()
    link.say(Query(1, encode(GetAgent(name_or_id="a"))))
    link.end.answer(1, Passport("a", owner="o" * 9_000), 0)
    (refusal,) = link.heard()
    assert isinstance(refusal, Refusal)
    assert refusal.error.code == "malformed"


def test_words_are_answered_as_many_as_fit() -> None:
    link = Link(limits=WireLimits(), frame_bytes=5_000)
    question = ReadSession(session_id="s")
    link.say(Query(1, encode(question)))
    words = tuple([Envelope("s", "a", "x", {"text": "t" * 2_000}, number=number) for number in (1, 2, 3)])
    link.end.answer(1, WordsPage(words, 3, False), 0)
    (answer,) = link.heard()
    assert isinstance(answer, Answer)
    assert read_answer(CONFIG, question, answer.value) == WordsPage(words[:2], 2, True)


def test_what_is_owed_is_answered_as_much_as_fits() -> None:
    link = Link(limits=WireLimits(), frame_bytes=5_000)
    question = ReadOwed(agent_id="a")
    words = [Envelope("s", "b", "x", {"text": "t" * 2_000}, number=number) for number in (1, 2, 3)]
    owed = tuple([Delivery("a", word, 5 * word.number) for word in words])
    for ref, (many, heard) in enumerate([(3, DeliveryPage(owed[:2], 10, True)), (1, DeliveryPage(owed[:1], 20, False))], 1):
        link.say(Query(ref, encode(question)))
        link.end.answer(ref, DeliveryPage(owed[:many], 20, False), 0)
        (answer,) = link.heard()
        assert isinstance(answer, Answer)
        assert read_answer(CONFIG, question, answer.value) == heard


# --- deliveries


def test_deliveries_go_out_in_their_order() -> None:
    link = Link()
    link.end.deliver("a1", 1, 1, WORD, 0)
    link.end.deliver("a1", 2, 3, WORD, 0)
    assert link.end.waiting
    (frame,) = link.heard()
    assert isinstance(frame, Deliveries)
    assert [(sent.agent_id, sent.number, sent.attempt, sent.envelope) for sent in frame.deliveries] == [
        ("a1", 1, 1, WORD),
        ("a1", 2, 3, WORD),
    ]


def test_what_no_frame_holds_is_told_and_nothing_else_is_held_up() -> None:
    link = Link()
    link.end.deliver("a1", 1, 1, Envelope("s", "a", "x", {"text": "t" * 9_000}), 0)
    link.end.deliver("a1", 2, 1, WORD, 0)
    (told,) = link.end.events()
    assert isinstance(told, Undeliverable)
    assert (told.agent_id, told.number) == ("a1", 1)
    assert isinstance(link.heard()[0], Deliveries)


def test_who_does_not_read_loses_the_link() -> None:
    link = Link()
    for number in range(100):
        link.end.deliver("a1", number, 1, Envelope("s", "a", "x", {"text": "t" * 500}), 0)
    assert link.gone() == "unavailable"
    assert (link.end.waiting, link.heard()) == (0, [])
    link.end.deliver("a1", 101, 1, WORD, 0)
    link.end.evict("a1", 0)
    link.end.close(0)
    assert (link.end.events(), link.heard()) == ((), [])


# --- time


def test_a_hello_that_does_not_come_ends_the_link() -> None:
    link = Link(greeted=False)
    assert link.end.next_deadline() == LIMITS.hello_ms
    link.end.advance(LIMITS.hello_ms - 1)
    assert not link.end.over
    link.end.advance(LIMITS.hello_ms)
    assert link.goodbye() == "unavailable"


def test_a_check_that_takes_too_long_ends_the_link() -> None:
    link = Link(greeted=False)
    link.say(Hello(1, "token"), at=1)
    link.end.events()
    assert link.end.next_deadline() == 1 + LIMITS.check_ms
    link.end.advance(1 + LIMITS.check_ms)
    assert link.goodbye() == "unavailable"


def test_a_frame_that_is_not_ended_ends_the_link() -> None:
    link = Link()
    link.end.receive((2_048).to_bytes(4, "big"), 10)
    for at in range(10, 12_010, 1_000):
        assert link.end.next_deadline() == 12_010
        link.end.receive(b"x", at)
        link.end.advance(at)
    link.end.advance(12_010)
    assert link.goodbye() == "unavailable"


def test_a_frame_is_timed_from_its_own_beginning() -> None:
    link = Link()
    whole = framed(write_frame(Ping(1)))
    link.end.receive(whole[:2], 0)
    link.end.receive(whole[2:] + whole[:3], 9_000)
    link.end.advance(10_001)
    assert not link.end.over


def test_a_silent_client_is_asked_and_then_gone() -> None:
    link = Link()
    assert link.end.next_deadline() == LIMITS.ping_ms
    link.end.advance(LIMITS.ping_ms)
    assert link.heard() == [Ping(LIMITS.ping_ms)]
    link.end.advance(LIMITS.ping_ms + 1)
    assert link.heard() == []
    assert link.end.next_deadline() == LIMITS.idle_ms
    link.end.advance(LIMITS.idle_ms)
    assert link.goodbye() == "unavailable"


def test_a_client_that_says_it_is_there_stays() -> None:
    link = Link()
    link.end.advance(LIMITS.ping_ms)
    link.say(Pong(LIMITS.ping_ms), at=LIMITS.ping_ms + 5)
    link.end.advance(LIMITS.idle_ms)
    assert not link.end.over


# --- the end


def test_a_client_that_says_goodbye_is_gone() -> None:
    link = Link()
    link.say(Goodbye(ErrorRecord("closed", "bye")))
    assert link.gone() == "closed"
    assert link.heard() == []


def test_the_end_of_the_stream_is_the_end() -> None:
    link = Link()
    link.end.receive(b"", 0)
    assert link.gone() == "closed"


def test_the_end_of_the_stream_in_a_frame_is_told_apart() -> None:
    link = Link()
    link.end.receive(b"\0\0", 0)
    link.end.receive(b"", 0)
    assert link.gone() == "malformed"


def test_the_hub_ends_the_link_and_says_why() -> None:
    link = Link()
    link.end.deliver("a1", 1, 1, WORD, 0)
    link.end.close(0, AuthError("revoked"))
    assert link.gone() == "auth_failed"
    assert [type(frame) for frame in link.heard()] == [Deliveries, Goodbye]
    assert link.end.next_deadline() == LIMITS.goodbye_ms


def test_last_words_that_nobody_takes_are_thrown_away() -> None:
    link = Link()
    link.end.close(0)
    assert link.end.waiting
    link.end.advance(LIMITS.goodbye_ms)
    assert (link.end.waiting, link.end.next_deadline()) == (0, None)
    link.end.advance(LIMITS.goodbye_ms + 1)


def test_a_frame_cut_at_every_byte_does_nothing() -> None:
    whole = framed(write_frame(Ask(1, encode(ACK))))
    for cut in range(len(whole)):
        link = Link()
        link.end.receive(whole[:cut] or b"\0", 0)
        link.end.receive(b"", 0)
        (gone,) = link.end.events()
        assert isinstance(gone, Gone)
