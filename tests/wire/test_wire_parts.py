"""The parts of both ends: limits, how fast an end may speak, what waits to be sent, how requests and answers are written."""

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub.testing.strategies import of_type, records
from foldhub_core import (
    Ack,
    AgentTarget,
    Always,
    Attach,
    ConsultingAdapter,
    ConversationAdapter,
    EndTask,
    Envelope,
    GetSession,
    HubConfig,
    InboxCursor,
    Malformed,
    NotFoundError,
    ObserveTask,
    OpenSession,
    Passport,
    Post,
    Principal,
    ProtocolError,
    ProtocolState,
    ReadSession,
    RecordObservation,
    Register,
    Resume,
    Standing,
    StandingOf,
    Start,
    TaskSpec,
    TaskState,
    Transition,
    WorkflowAdapter,
    WorkflowGraph,
    answer,
    decode,
    freeze,
)
from foldhub_core.commands import SHELL_COMMANDS, Command
from foldhub_core.pages import DeliveryPage
from foldhub_core.questions import LogQuestion, Question, ReadOwed
from foldhub_core.sessions import Faulty
from foldhub_core.turn import Delivery
from foldhub_core.wire.answers import ANSWERS, WordsPage, delivery_page, read_answer, words_page, write_answer
from foldhub_core.wire.frame_bytes import read_frame
from foldhub_core.wire.frames import Answer, Ask, Deliveries, Ping, Query
from foldhub_core.wire.framing import HEADER, FrameBuffer
from foldhub_core.wire.ledger import Ledger
from foldhub_core.wire.limits import WireLimits
from foldhub_core.wire.pace import Pace
from foldhub_core.wire.requests import Request, carried
from foldhub_core.wire.rights import CARRIED, belongs
from foldhub_core.wire.sending import SendQueue
from tests.core.record_kinds import sample
from tests.core.session_driver import Broken, Talks

# --- limits and rights


@pytest.mark.parametrize("wrong", [{"in_flight": 0}, {"ping_ms": 2**31}, {"frame_bytes": -1}])
def test_a_limit_that_is_none_is_malformed(wrong: dict[str, int]) -> None:
    with pytest.raises(Malformed):
        WireLimits(**wrong)


def test_a_wire_carries_every_command_but_the_shells() -> None:
    assert set(CARRIED) == set(get_args(Command)) - set(SHELL_COMMANDS)


@pytest.mark.parametrize("kind", CARRIED, ids=lambda kind: kind.__name__)
def test_the_table_names_who_acts(kind: Any) -> None:
    scope, field = CARRIED[kind]
    assert field == kind.acting
    assert (scope == "open") == (field == "")


def test_what_an_answer_is_written_as_is_said_for_every_request() -> None:
    assert set(ANSWERS) == set(CARRIED) | set(get_args(Question)) | set(get_args(LogQuestion))


def test_an_agent_belongs_to_the_subject_that_registered_it() -> None:
    hub = Talks("alice")
    nobodys = hub.register("nobodys")
    assert belongs(hub.state, Principal(subject="alice"), hub.ids["alice"])
    assert not belongs(hub.state, Principal(subject="bob"), hub.ids["alice"])
    assert not belongs(hub.state, Principal(), nobodys)
    assert not belongs(hub.state, Principal(subject="alice"), "no id")


# --- pace


def test_as_much_may_come_at_once_as_in_a_second() -> None:
    pace = Pace(WireLimits(frames_per_s=3, bytes_per_s=100), 0)
    for _ in range(3):
        assert pace.may_take
        pace.spend(1)
    assert not pace.may_take
    assert pace.ready_ms == 334


def test_a_large_frame_is_paid_for_afterwards() -> None:
    pace = Pace(WireLimits(frames_per_s=3, bytes_per_s=100), 0)
    pace.spend(300)
    assert not pace.may_take
    assert pace.ready_ms == 2_010
    may_take: list[bool] = []
    for now_ms in (2_009, 2_010):
        pace.advance(now_ms)
        may_take.append(pace.may_take)
    assert may_take == [False, True]
    assert pace.ready_ms == 2_010


def test_time_that_runs_backwards_gives_nothing() -> None:
    pace = Pace(WireLimits(frames_per_s=1), 1_000)
    pace.spend(1)
    pace.advance(0)
    assert not pace.may_take
    assert pace.ready_ms == 2_000


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(0, 500), st.integers(0, 30)), max_size=20))
def test_no_more_comes_than_the_rate_and_a_burst(rate: int, tries: list[tuple[int, int]]) -> None:
    pace, now_ms, taken = Pace(WireLimits(frames_per_s=rate), 0), 0, 0
    for gone_ms, frames in tries:
        now_ms += gone_ms
        pace.advance(now_ms)
        for _ in range(frames):
            if pace.may_take:
                pace.spend(1)
                taken += 1
    assert taken <= rate + now_ms * rate / 1_000


# --- what waits to be sent

WORD = Envelope("s", "a", "x", {"text": "t" * 50})


def payloads(queue: SendQueue, most: int) -> list[object]:
    buffer, found = FrameBuffer(), list[object]()
    while data := queue.take(most):
        assert len(data) <= most
        buffer.take(data)
        while (payload := buffer.next(10_000)) is not None:
            found.append(read_frame(payload))
    return found


@pytest.mark.parametrize("most", [1, 7, 10_000])
def test_deliveries_in_a_row_are_joined_and_the_order_stays(most: int) -> None:
    queue = SendQueue(3)
    for number in range(1, 5):
        assert queue.put_delivery("a", number, 1, WORD, 10_000)
    queue.put(Ping(1))
    assert queue.put_delivery("a", 5, 1, WORD, 10_000)
    assert queue.waiting
    found = payloads(queue, most)
    numbers = [[sent.number for sent in one.deliveries] if isinstance(one, Deliveries) else [] for one in found]
    assert numbers == [[1, 2, 3], [4], [], [5]]
    assert queue.waiting == 0


def test_a_delivery_alone_is_taken_in_pieces() -> None:
    queue = SendQueue(3)
    queue.put_delivery("a", 1, 1, WORD, 10_000)
    (frame,) = payloads(queue, 5)
    assert isinstance(frame, Deliveries)
    assert queue.waiting == 0


def test_what_waits_is_counted_and_not_less_than_it_is() -> None:
    queue = SendQueue(3)
    queue.put_delivery("a", 1, 1, WORD, 10_000)
    queue.put(Ping(1))
    queue.put_delivery("a", 1, 1, WORD, 10_000)
    waiting, taken = queue.waiting, 0
    while data := queue.take(11):
        taken += len(data)
        assert queue.waiting <= waiting
    assert taken <= waiting <= taken + 12


def test_a_frame_of_deliveries_is_no_larger_than_its_reader_takes() -> None:
    queue, one = SendQueue(100), len(WORD.event_data["text"]) + 60  # type: ignore[arg-type]
    for number in range(20):
        assert queue.put_delivery("a", number, 1, WORD, 3 * one)
    assert not queue.put_delivery("a", 1, 1, Envelope("s", "a", "x", {"text": "t" * 4 * one}), 3 * one)
    buffer = FrameBuffer()
    buffer.take(queue.take(1 << 20))
    while (payload := buffer.next(3 * one)) is not None:
        assert isinstance(read_frame(payload), Deliveries)
    assert buffer.held == 0


def test_what_was_cleared_is_not_sent() -> None:
    queue = SendQueue(3)
    queue.put(Ping(1))
    queue.put_delivery("a", 1, 1, WORD, 10_000)
    queue.clear()
    assert (queue.waiting, queue.take(100)) == (0, b"")


# --- requests

SPEC = TaskSpec("Do it.")


@pytest.mark.parametrize(
    "command",
    [
        OpenSession(creator_id="a", type="t", participants=("b",)),
        Register(passport=Passport("a"), resume=Resume()),
        ObserveTask(owner_id="a", spec=SPEC),
        EndTask(task_id="t", agent_id="a", outcome=TaskState.FAILED),
    ],
)
def test_what_would_make_a_thing_twice_gets_a_key(command: Any) -> None:
    keyed: Any = carried(command, "k1")
    assert keyed.idempotency_key == "k1"
    assert carried(keyed, "k2") == keyed


def test_a_post_gets_a_key_where_it_has_none() -> None:
    post: Any = carried(Post(envelope=WORD), "k1")
    assert post.envelope.idempotency_key == "k1"
    assert carried(post, "k2") is post


def test_a_command_names_no_link_of_the_clients() -> None:
    assert carried(Attach(agent_id="a", link="mine"), "k") == Attach(agent_id="a", link="")
    assert carried(Ack(agent_id="a", numbers=(1,)), "k") == Ack(agent_id="a", numbers=(1,))


def test_what_no_wire_carries_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ProtocolError):
        carried(Start(), "k")


def test_a_count_without_a_task_is_not_asked_for_twice() -> None:
    once = RecordObservation(owner_id="a", capability="ask", outcome=TaskState.FAILED)
    again = RecordObservation(owner_id="a", capability="ask", outcome=TaskState.FAILED, task_id="t")
    assert (Request(1, once).repeatable, Request(1, again).repeatable) == (False, True)
    assert Request(1, Post(envelope=WORD)).repeatable


def test_a_question_of_a_standing_leaves_out_what_the_hub_knows() -> None:
    request = Request(1, StandingOf(agent_id="a", envelope=WORD))
    assert request.kind is Query
    assert decode(request.body, StandingOf).envelope.event_data == {}
    assert Request(1, Post(envelope=WORD)).kind is Ask


def test_a_session_is_read_page_by_page() -> None:
    request = Request(1, ReadSession(session_id="s", until=5))
    assert request.taken(WordsPage((WORD,), 3, True))
    assert request.record == ReadSession(session_id="s", since=3, until=5)
    with pytest.raises(Malformed):
        request.taken(WordsPage((), 3, True))
    assert not request.taken(WordsPage((WORD,), 5, False))
    assert request.words == [WORD, WORD]


def test_a_ledger_knows_only_what_is_under_way() -> None:
    ledger = Ledger()
    with pytest.raises(ProtocolError):
        ledger.landed(1)
    ledger.forget(1)
    ledger.ack("a", ())
    assert list(ledger.sendable(5, 5)) == []


# --- answers

CONFIG = HubConfig(adapters=(ConsultingAdapter(), ConversationAdapter(), WorkflowAdapter()))


TAGLESS = [one for one in ANSWERS if one not in (StandingOf, ProtocolState)]


@pytest.mark.parametrize("kind", TAGLESS, ids=lambda kind: kind.__name__)
def test_an_answer_comes_back_from_its_bytes(kind: Any) -> None:
    request = sample(kind)

    @settings(max_examples=5, deadline=None)
    @given(of_type(ANSWERS[kind]))
    def holds(value: object) -> None:
        assert read_answer(CONFIG, request, write_answer(CONFIG, request, value)) == value

    holds()


def test_an_answer_in_other_bytes_is_malformed() -> None:
    assert read_answer(CONFIG, InboxCursor(agent_id="a"), b"\x01") == 1
    for data in (b"\xcc\x01", b"", b"\xc1", b"\x01\x01", b"\xc0"):
        with pytest.raises(Malformed):
            read_answer(CONFIG, InboxCursor(agent_id="a"), data)


def standing_in(hub: Talks, name: str, session_id: str) -> tuple[StandingOf, Standing]:
    question = StandingOf(agent_id=hub.ids[name], envelope=Envelope(session_id, "a", "x"))
    standing: Any = answer(hub.config, hub.state, hub.who(name), question)
    return question, standing


@pytest.mark.parametrize("type", ["consulting", "conversation"])
def test_a_standing_crosses_with_the_state_of_its_protocol(type: str) -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob", type=type)
    question, standing = standing_in(hub, "alice", session_id)
    assert standing.protocol is not None
    assert read_answer(CONFIG, question, write_answer(hub.config, question, standing)) == standing


def test_a_standing_in_a_workflow_crosses() -> None:
    hub = Talks("alice", "bob")
    knobs = freeze({"graph": WorkflowGraph("alice", (Transition(Always(), AgentTarget("bob")),)).to_json()})
    session_id = hub.opened("alice", "bob", type="workflow", knobs=knobs)
    hub.say("alice", session_id)
    question, standing = standing_in(hub, "alice", session_id)
    assert read_answer(CONFIG, question, write_answer(hub.config, question, standing)) == standing


def test_a_standing_without_a_session_crosses() -> None:
    question = StandingOf(agent_id="a", envelope=WORD)
    assert read_answer(CONFIG, question, write_answer(CONFIG, question, Standing())) == Standing()


def test_a_reader_without_the_adapter_reads_the_rest_of_a_standing() -> None:
    hub = Talks("alice", "bob")
    question, standing = standing_in(hub, "alice", hub.opened("alice", "bob", type="discussion"))
    read: Any = read_answer(CONFIG, question, write_answer(hub.config, question, standing))
    assert read.protocol is None
    assert read.session == standing.session


def test_a_state_that_could_not_be_folded_crosses_as_why() -> None:
    hub = Talks("alice", "bob", adapters=[Broken("fold", "x")])
    session_id = hub.opened("alice", "bob", type="broken")
    standing = Standing(hub.session(session_id), Faulty("raised"), "raised")
    question = StandingOf(agent_id="a", envelope=WORD)
    assert read_answer(CONFIG, question, write_answer(hub.config, question, standing)) == standing


def test_the_state_of_a_protocol_crosses_where_both_have_its_adapter() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    question = ProtocolState(session_id=session_id)
    state = answer(hub.config, hub.state, hub.who("alice"), question)
    data = write_answer(hub.config, question, state)
    assert read_answer(CONFIG, question, data) == state
    with pytest.raises(NotFoundError):
        read_answer(HubConfig(adapters=()), question, data)
    with pytest.raises(NotFoundError):
        read_answer(CONFIG, question, write_answer(HubConfig(adapters=()), question, state))


@pytest.mark.parametrize("chars", range(860, 960, 3))
def test_what_fits_as_a_delivery_fits_as_an_answer_that_says_it_is_owed(chars: int) -> None:
    word = Envelope("s", "a", "x", {"text": "t" * chars}, number=2**40, created_at_ms=2**45)
    for length in (1, 40):
        agent_id, number = "a" * length, 2**40
        if SendQueue(10).put_delivery(agent_id, number, 3, word, 1_000):
            page = delivery_page(DeliveryPage((Delivery(agent_id, word, number, 3),) * 2, number, False), 1_000 - 32)
            assert len(page.deliveries) == 1
            queue = SendQueue(1)
            queue.put_carrier(Answer, 2**40, write_answer(CONFIG, ReadOwed(agent_id=agent_id), page))
            assert queue.waiting <= 1_000 + HEADER


def test_what_is_owed_and_fits_into_no_frame_is_passed_over() -> None:
    large, small = (Envelope("s", "a", "x", {"text": "t" * chars}, number=1) for chars in (2_000, 10))
    for rest in ((), (Delivery("a", small, 8),)):
        page = DeliveryPage((Delivery("a", large, 7), *rest), 8, False)
        assert delivery_page(page, 1_000) == DeliveryPage((), 7, True)


def test_words_are_given_as_many_as_fit_and_at_least_one() -> None:
    words = tuple([Envelope("s", "a", "x", {"text": "t" * 100}, number=number) for number in (1, 2, 5, 6)])
    assert words_page(words, 9, False, 10_000) == WordsPage(words, 9, False)
    assert words_page(words, 9, False, 400) == WordsPage(words[:2], 4, True)
    assert words_page(words, 9, False, 1) == WordsPage(words[:1], 1, True)
    assert words_page((), 9, True, 1) == WordsPage((), 9, True)


@settings(max_examples=10, deadline=None)
@given(records(Envelope))
def test_an_answer_of_another_type_is_malformed(word: Envelope) -> None:
    request = GetSession(session_id="s")
    with pytest.raises(Malformed):
        read_answer(CONFIG, request, write_answer(CONFIG, Post(envelope=word), word))
