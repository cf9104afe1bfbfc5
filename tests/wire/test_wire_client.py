"""The client's end alone: what it tells, what it says, and what it does when a connection breaks."""

import pytest

from foldhub_core import (
    Ack,
    Attach,
    Envelope,
    ErrorRecord,
    FindAgentId,
    HubConfig,
    Malformed,
    Post,
    ProtocolError,
    ReadSession,
    RecordObservation,
    Start,
    TaskState,
    Unavailable,
    Unregister,
    decode,
    encode,
)
from foldhub_core.wire.answers import WordsPage, write_answer
from foldhub_core.wire.client import AGAIN_MS, ClientEnd
from foldhub_core.wire.events import Answered, Closed, Connected, Connecting, Delivered, Lost, Refused
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
    Sent,
    Welcome,
)
from foldhub_core.wire.framing import FrameBuffer, framed
from foldhub_core.wire.limits import WireLimits

CONFIG = HubConfig()
LIMITS = WireLimits(ack_batch=3)
WELCOME = Welcome(1, "demo", "ann", ("a1",), 2_000, 2, 30_000, 75_000)
WORD = Envelope("s", "a", "x", {"text": "t"}, idempotency_key="k")
POST = Post(envelope=WORD)
COUNT = RecordObservation(owner_id="a", capability="ask", outcome=TaskState.FAILED)
UNAVAILABLE = ErrorRecord("unavailable", "full")
NONE = b"\xc0"


class Link:
    """A client's end whose hub is the test."""

    def __init__(self, *, greeted: bool = True, welcome: Welcome = WELCOME) -> None:
        self.end = ClientEnd(CONFIG, "keys", 0, credential="token", client="test", limits=LIMITS)
        self.buffer = FrameBuffer()
        assert self.end.events() == (Connecting(None),)
        if greeted:
            self.connect(0, welcome)

    def connect(self, at: int, welcome: Welcome = WELCOME) -> None:
        self.buffer = FrameBuffer()
        self.end.connected(at)
        (hello,) = self.heard()
        assert hello == Hello(1, "token", "test", LIMITS.client_frame_bytes)
        self.say(welcome, at=at)
        assert self.end.events() == (Connected("demo", "ann", ("a1",)),)

    def say(self, *frames: Frame, at: int = 0) -> None:
        self.end.receive(b"".join([framed(write_frame(frame)) for frame in frames]), at)

    def heard(self) -> list[Frame]:
        """What the client's end says."""
        while data := self.end.data_to_send():
            self.buffer.take(data)
        found: list[Frame] = []
        while (payload := self.buffer.next(1 << 20)) is not None:
            found.append(read_frame(payload))
        return found

    def asked(self) -> list[tuple[int, object]]:
        """What the client's end asks for, with the numbers."""
        asks = [frame for frame in self.heard() if isinstance(frame, Ask)]
        return [(frame.ref, read_any(frame.command)) for frame in asks]

    def deliver(self, *numbers: int, agent_id: str = "a1", attempt: int = 1) -> None:
        self.say(Deliveries(tuple([Sent(agent_id, number, attempt, WORD) for number in numbers])))

    def delivered(self) -> list[int]:
        return [event.number for event in self.end.events() if isinstance(event, Delivered)]

    def attach(self, agent_id: str = "a1") -> None:
        self.end.ask(Attach(agent_id=agent_id, link=""))
        ((ref, _),) = self.asked()
        self.say(Answer(ref, NONE))
        self.end.events()


def read_any(command: bytes) -> object:
    for kind in (Post, Attach, Ack, RecordObservation, Unregister):
        try:
            return decode(command, kind)
        except Malformed:
            continue
    raise AssertionError(command)


# --- requests


def test_a_request_is_answered_under_its_number() -> None:
    link = Link()
    ref = link.end.ask(POST)
    question = link.end.question(FindAgentId(name="x"))
    ask, query = link.heard()
    assert isinstance(ask, Ask)
    assert isinstance(query, Query)
    assert (ask.ref, decode(ask.command, Post)) == (1, POST)
    link.say(Answer(query.ref, write_answer(CONFIG, FindAgentId(name="x"), "a1")))
    link.say(Refusal(ask.ref, ErrorRecord("session_over", "x")))
    assert link.end.events() == (Answered(question, "a1"), Refused(ref, ErrorRecord("session_over", "x")))
    assert link.end.unanswered == 0


def test_what_is_asked_before_there_is_a_link_is_sent_when_there_is() -> None:
    link = Link(greeted=False)
    link.end.ask(POST)
    assert (link.end.unanswered, link.heard()) == (1, [])
    link.connect(0)
    assert link.asked() == [(1, POST)]


def test_a_post_without_a_key_is_given_one_that_no_other_has() -> None:
    link = Link()
    for _ in range(2):
        link.end.ask(Post(envelope=Envelope("s", "a", "x")))
    keys = [post.envelope.idempotency_key for _, post in link.asked() if isinstance(post, Post)]
    assert keys == ["keys-1", "keys-2"]


def test_no_more_is_under_way_than_the_hub_takes() -> None:
    link = Link()
    for _ in range(3):
        link.end.ask(POST)
    assert [ref for ref, _ in link.asked()] == [1, 2]
    link.say(Refusal(1, UNAVAILABLE))
    assert [ref for ref, _ in link.asked()] == [3]


def test_what_no_wire_carries_or_no_frame_holds_is_refused_at_once() -> None:
    link = Link()
    with pytest.raises(ProtocolError):
        link.end.ask(Start())
    with pytest.raises(Malformed):
        link.end.ask(Post(envelope=Envelope("s", "a", "x", {"text": "t" * 1_048_576})))
    assert link.end.unanswered == 0


def test_what_the_hub_takes_no_frame_for_is_refused() -> None:
    link = Link(greeted=False)
    refs = [link.end.ask(Post(envelope=Envelope("s", "a", "x", {"text": "t" * 3_000}))) for _ in range(2)]
    link.end.forget(refs[1])
    link.end.connected(0)
    link.say(WELCOME)
    _, refused = link.end.events()
    assert isinstance(refused, Refused)
    assert (refused.ref, refused.error.code) == (refs[0], "malformed")
    assert link.end.unanswered == 0


def test_what_nobody_waits_for_is_answered_to_nobody() -> None:
    link = Link()
    first, second = link.end.ask(POST), link.end.ask(POST)
    third = link.end.ask(POST)
    link.end.forget(third)
    link.end.forget(third)
    assert len(link.heard()) == 2
    link.end.forget(first)
    link.end.forget(second)
    link.say(Answer(1, write_answer(CONFIG, POST, WORD)), Refusal(2, UNAVAILABLE))
    assert (link.end.events(), link.end.unanswered) == ((), 0)


def test_a_session_is_read_to_its_end() -> None:
    link = Link()
    question = ReadSession(session_id="s")
    ref = link.end.question(question)
    for number in (1, 2, 3):
        (query,) = link.heard()
        assert isinstance(query, Query)
        assert decode(query.question, ReadSession).since == number - 1
        page = WordsPage((WORD,) if number != 2 else (), number, number < 3)
        link.say(Answer(query.ref, write_answer(CONFIG, question, page)))
    assert link.end.events() == (Answered(ref, (WORD, WORD)),)


def test_pages_that_lead_nowhere_end_the_connection() -> None:
    link = Link()
    question = ReadSession(session_id="s")
    link.end.question(question)
    link.heard()
    link.say(Answer(1, write_answer(CONFIG, question, WordsPage((), 0, True))))
    assert link.end.hung_up


# --- deliveries and acks


def test_deliveries_come_in_their_order_and_are_acked_together() -> None:
    link = Link()
    link.deliver(1, 2, 3)
    assert link.delivered() == [1, 2, 3]
    link.end.ack("a1", [2])
    assert link.asked() == [(1, Ack(agent_id="a1", numbers=(2,)))]
    link.end.ack("a1", [1])
    link.end.ack("a1", [3])
    link.end.ack("a2", [9])
    assert link.asked() == [(2, Ack(agent_id="a2", numbers=(9,)))]
    link.say(Answer(1, NONE))
    assert link.asked() == [(3, Ack(agent_id="a1", numbers=(1, 3)))]
    link.say(Answer(3, NONE))
    assert link.asked() == []


def test_acks_come_in_batches() -> None:
    link = Link()
    link.end.ack("a1", range(1, 6))
    assert link.asked() == [(1, Ack(agent_id="a1", numbers=(1, 2, 3)))]
    link.say(Answer(1, NONE))
    assert link.asked() == [(2, Ack(agent_id="a1", numbers=(4, 5)))]


def test_what_was_acked_and_is_not_confirmed_does_not_come_again() -> None:
    link = Link()
    link.end.ack("a1", [1])
    link.end.ack("a1", [2])
    link.deliver(1, 2, 3, attempt=2)
    assert link.delivered() == [3]


def test_an_ack_is_no_larger_than_the_hub_takes() -> None:
    link = Link(welcome=Welcome(1, "demo", "ann", ("a1",), 1_033, 2, 1, 1))
    link.end.ack("a1", range(1, 6))
    assert link.asked() == [(1, Ack(agent_id="a1", numbers=(1, 2)))]


def test_an_ack_that_is_refused_is_over() -> None:
    link = Link()
    link.end.ack("a1", [1])
    link.heard()
    assert (link.end.unanswered, link.end.acking) == (1, True)
    link.say(Refusal(1, ErrorRecord("not_found", "x")))
    assert (link.end.events(), link.end.unanswered, link.end.acking) == ((), 0, False)


def test_an_ack_that_cannot_be_taken_now_is_sent_again_later() -> None:
    link = Link()
    link.end.ack("a1", [1])
    link.heard()
    link.say(Refusal(1, UNAVAILABLE), at=5)
    assert link.end.next_deadline() == 5 + AGAIN_MS
    link.end.advance(4 + AGAIN_MS)
    assert link.asked() == []
    link.end.advance(5 + AGAIN_MS)
    assert link.asked() == [(2, Ack(agent_id="a1", numbers=(1,)))]
    assert link.end.next_deadline() == 5 + WELCOME.ping_ms


def test_an_eviction_is_told() -> None:
    link = Link()
    link.attach()
    link.say(Evicted("a1"))
    assert link.end.events() == (Lost("a1", None),)


# --- a connection that breaks


def test_a_client_that_lost_its_link_acks_attaches_and_asks_again_in_this_order() -> None:
    link = Link()
    link.attach()
    ref = link.end.ask(POST)
    link.heard()
    link.end.ack("a1", [4])
    link.end.receive(b"", 10)
    assert link.end.hung_up
    link.end.lost(10, 0.0)
    (connecting,) = link.end.events()
    assert isinstance(connecting, Connecting)
    assert connecting.error is not None
    assert link.end.connect_at == 110
    wide = Welcome(1, "demo", "ann", ("a1",), 2_000, 9, 30_000, 75_000)
    link.connect(110, wide)
    assert link.asked() == [(1, Ack(agent_id="a1", numbers=(4,))), (2, Attach(agent_id="a1", link="")), (3, POST)]
    link.say(Answer(1, NONE), Answer(2, NONE), Answer(3, write_answer(CONFIG, POST, WORD)))
    assert link.end.events() == (Answered(ref, WORD),)


def test_on_a_new_connection_what_was_acked_is_acked_together() -> None:
    link = Link()
    link.attach()
    link.end.ack("a1", [4])
    link.heard()
    link.end.ack("a1", [5, 4])
    link.end.lost(0, 0.0)
    link.end.ack("a1", [6])
    link.end.ack("a2", [1])
    link.end.events()
    link.connect(1_000, Welcome(1, "demo", "ann", ("a1",), 2_000, 9, 30_000, 75_000))
    acks = [request for _, request in link.asked() if isinstance(request, Ack)]
    assert sorted(acks, key=lambda ack: ack.agent_id) == [
        Ack(agent_id="a1", numbers=(4, 5, 6)),
        Ack(agent_id="a2", numbers=(1,)),
    ]


def test_an_attach_that_is_asked_for_is_not_asked_for_twice() -> None:
    link = Link()
    link.attach()
    link.end.ask(Attach(agent_id="a1", link=""))
    link.end.lost(0, 0.0)
    link.end.events()
    link.connect(1_000)
    assert link.asked() == [(1, Attach(agent_id="a1", link=""))]


def test_an_agent_that_left_is_not_attached_again() -> None:
    link = Link()
    link.attach()
    link.end.ask(Unregister(agent_id="a1"))
    ((ref, _),) = link.asked()
    link.say(Answer(ref, NONE))
    link.end.lost(0, 0.0)
    link.end.events()
    link.connect(1_000)
    assert link.asked() == []


def test_an_agent_that_cannot_be_attached_again_is_lost() -> None:
    link = Link()
    link.attach()
    link.end.lost(0, 0.0)
    link.end.events()
    link.connect(1_000)
    link.say(Refusal(1, UNAVAILABLE), at=1_000)
    link.end.advance(1_000 + AGAIN_MS)
    error = ErrorRecord("not_found", "x")
    link.say(Refusal(2, error))
    assert link.end.events() == (Lost("a1", error),)


def test_what_counts_is_not_asked_for_twice() -> None:
    link = Link()
    ref, quiet = link.end.ask(COUNT), link.end.ask(COUNT)
    later = link.end.ask(COUNT)
    link.heard()
    link.end.forget(quiet)
    link.end.lost(0, 0.0)
    _, refused = link.end.events()
    assert isinstance(refused, Refused)
    assert (refused.ref, refused.error.code) == (ref, "unavailable")
    link.connect(1_000)
    assert link.asked() == [(1, COUNT)]
    assert later


def test_what_nobody_waits_for_is_not_asked_for_again() -> None:
    link = Link()
    link.end.forget(link.end.ask(POST))
    link.end.forget(link.end.ask(POST))
    link.end.lost(0, 0.0)
    link.end.events()
    link.connect(1_000)
    assert link.asked() == []


def test_what_is_forgotten_while_there_is_no_link_is_never_asked() -> None:
    link = Link()
    ref = link.end.ask(POST)
    link.end.lost(0, 0.0)
    link.end.forget(ref)
    link.end.events()
    link.connect(1_000)
    assert (link.asked(), link.end.unanswered) == ([], 0)


@pytest.mark.parametrize(("jitter", "pauses"), [(0.0, [100, 200, 400, 800]), (1.0, [200, 400, 800, 1_600])])
def test_pauses_grow_and_are_drawn(jitter: float, pauses: list[int]) -> None:
    link = Link(greeted=False)
    now_ms, found = 0, list[int]()
    for _ in pauses:
        link.end.lost(now_ms, jitter, Unavailable("nobody listens"))
        assert link.end.connect_at is not None
        found.append(link.end.connect_at - now_ms)
        now_ms = link.end.connect_at
    assert found == pauses
    for _ in range(40):
        link.end.lost(now_ms, jitter)
    assert link.end.connect_at == now_ms + int(LIMITS.longest_pause_ms * (1 + jitter) / 2)
    link.end.events()
    link.connect(now_ms)
    link.end.lost(now_ms, jitter)
    assert link.end.connect_at == now_ms + pauses[0]


def test_a_welcome_that_does_not_come_ends_the_connection() -> None:
    link = Link(greeted=False)
    link.end.connected(5)
    assert link.end.next_deadline() == 5 + LIMITS.connect_ms
    hung_up: list[bool] = []
    for wait_ms in (LIMITS.connect_ms - 1, LIMITS.connect_ms):
        link.end.advance(5 + wait_ms)
        hung_up.append(link.end.hung_up)
    assert hung_up == [False, True]
    assert link.end.next_deadline() is None
    link.end.lost(99_999, 0.0)
    last = link.end.events()[-1]
    assert isinstance(last, Connecting)
    assert last.error is not None
    assert "welcome" in last.error.message


def test_a_silent_hub_is_asked_and_then_gone() -> None:
    link = Link()
    assert link.end.next_deadline() == LIMITS.ping_ms
    link.end.advance(LIMITS.ping_ms)
    assert link.heard() == [Ping(LIMITS.ping_ms)]
    assert link.end.next_deadline() == LIMITS.idle_ms
    link.end.advance(LIMITS.ping_ms + 1)
    assert link.heard() == []
    link.end.advance(LIMITS.idle_ms)
    assert link.end.hung_up


def test_a_hub_that_asks_is_told_that_the_client_is_there() -> None:
    link = Link()
    link.say(Ping(7), Pong(8))
    assert link.heard() == [Pong(7)]


@pytest.mark.parametrize("frame", [Answer(1, NONE), Refusal(9, UNAVAILABLE), WELCOME, Ask(1, b"x"), Hello(1, "")])
def test_a_hub_that_says_what_it_may_not_is_left(frame: Frame) -> None:
    link = Link()
    link.say(frame)
    assert link.end.hung_up
    assert isinstance(link.heard()[-1], Goodbye)
    link.say(Ping(1))
    assert link.heard() == []


def test_bytes_that_are_no_frame_end_the_connection() -> None:
    link = Link()
    link.end.receive(b"\0\0\0\0", 0)
    assert link.end.hung_up


def test_an_answer_that_is_none_ends_the_connection() -> None:
    link = Link()
    link.end.ask(POST)
    link.say(Answer(1, b"\x01"))
    assert link.end.hung_up


@pytest.mark.parametrize(("version", "frame_bytes"), [(2, 9_999), (1, 1_023)])
def test_a_hub_that_is_not_understood_is_left(version: int, frame_bytes: int) -> None:
    link = Link(greeted=False)
    link.end.connected(0)
    link.say(Welcome(version, "demo", "ann", (), frame_bytes, 1, 1, 1))
    assert link.end.hung_up


def test_anything_before_the_welcome_ends_the_connection() -> None:
    link = Link(greeted=False)
    link.end.connected(0)
    link.say(Ping(1))
    assert link.end.hung_up


# --- the end


def test_a_hub_that_goes_is_come_back_to() -> None:
    link = Link()
    link.say(Goodbye(ErrorRecord("closed", "the hub has gone")))
    assert link.end.hung_up
    link.end.lost(0, 0.0)
    assert link.end.events() == (Connecting(ErrorRecord("closed", "the hub has gone")),)
    assert (link.end.state, link.end.connect_at) == ("waiting", 100)


@pytest.mark.parametrize("code", ["auth_failed", "access_denied", "protocol_error", "malformed"])
@pytest.mark.parametrize("greeted", [True, False])
def test_a_hub_that_turns_away_is_not_come_back_to(code: str, greeted: bool) -> None:
    link = Link(greeted=greeted)
    ref = link.end.ask(POST)
    if not greeted:
        link.end.connected(0)
    error = ErrorRecord(code, "no")
    link.say(Goodbye(error))
    assert link.end.events() == (Refused(ref, ErrorRecord("unavailable", "the link is closed: no")), Closed(error))
    assert (link.end.state, link.end.hung_up, link.end.connect_at) == ("over", True, None)


def test_what_is_asked_when_it_is_over_is_refused() -> None:
    link = Link()
    link.attach()
    quiet, told = link.end.ask(POST), link.end.ask(POST)
    link.heard()
    link.end.forget(quiet)
    link.end.close()
    assert [type(frame) for frame in link.heard()] == [Goodbye]
    refused, closed = link.end.events()
    assert isinstance(refused, Refused)
    assert refused.ref == told
    assert isinstance(closed, Closed)
    ref = link.end.ask(POST)
    link.end.ack("a1", [1])
    (refused,) = link.end.events()
    assert isinstance(refused, Refused)
    assert refused.ref == ref
    link.end.close()
    link.end.lost(0, 0.0)
    link.end.connected(0)
    link.end.advance(0)
    assert (link.end.events(), link.heard(), link.end.unanswered) == ((), [], 0)


def test_a_client_that_waits_may_be_closed() -> None:
    link = Link(greeted=False)
    link.end.close()
    assert (link.heard(), link.end.state, link.end.waiting) == ([], "over", 0)


def test_a_credential_is_in_no_event_and_no_text() -> None:
    link = Link(greeted=False)
    link.end.connected(0)
    assert "token" not in repr(link.heard())
    assert b"token" not in encode(Post(envelope=WORD))
