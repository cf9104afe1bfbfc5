"""Violations: recorded once, mended, broken anew; what a faulty evaluator or handler costs; a user's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foldhub_core import (
    BUILT_IN_EVALUATORS,
    BUILT_IN_HANDLERS,
    EV_EXPECTATION_VIOLATED,
    EV_SESSION_HIDDEN,
    HUB_SESSION,
    Adapter,
    AdapterResult,
    Arrival,
    Close,
    Debt,
    Emit,
    Expectation,
    ExpectedTurn,
    Fired,
    Handler,
    Hide,
    Limits,
    Post,
    Remove,
    Response,
    Start,
    Tick,
    Violation,
    Warn,
    Watched,
    next_deadline,
    step,
    violations,
)
from tests.core import own_expectation
from tests.core.hub_driver import ADMIN
from tests.core.own_expectation import CloseQuietly, GreetingWithin
from tests.core.rounds import Round, Rounds
from tests.core.session_driver import Following, Free, Talks
from tests.core.watchers import Answers, Owes, ended, expects, faults, pass_until, raises, recorded, through_a_snapshot, violated

TWO = ("alice", "bob")


def hub_of(
    *names: str,
    owed: Callable[[Watched], Any] = lambda _: (),
    respond: Callable[[Watched, Violation], Any] = lambda *_: (),
    patience_ms: Any = None,
    adapter: Adapter[Any] | None = None,
    limits: Limits | None = None,
) -> Talks:
    """A hub with the evaluator `owes` and the handler `answers`."""
    evaluators, handlers = (*BUILT_IN_EVALUATORS, Owes(owed, patience_ms)), (*BUILT_IN_HANDLERS, Answers(respond))
    adapters = (Free(), Rounds(), *(() if adapter is None else (adapter,)))
    return Talks(*names or TWO, adapters=adapters, evaluators=evaluators, handlers=handlers, limits=limits)


def session(hub: Talks, *expectations: Expectation, type: str = "free") -> str:
    """A session of all agents, whose opening was said at 1,000 ms."""
    first, *others = hub.ids
    hub.now_ms = 999 - len(others)
    return hub.opened(first, *others, type=type, ttl=0, expectations=expectations)


# --- once, mended, anew


def test_a_violation_is_recorded_in_the_hub_session() -> None:
    hub = hub_of()
    session_id = session(hub, expects("reply_within", "warn", 5))
    asked = hub.say("alice", session_id, now_ms=2000)
    pass_until(hub, 7000)
    (event,) = recorded(hub)
    assert (event.session_id, event.sender_id, event.audience) == (HUB_SESSION, hub.state.hub_id, ())
    assert event.event_data == {
        "session_id": session_id,
        "expectation": "reply_within",
        "index": 0,
        "on_violation": "warn",
        "params": {"seconds": 5},
        "violators": (hub.ids["bob"],),
        "detail": "reply_within(seconds=5) was due at 7000 ms",
        "keys": ((hub.ids["bob"], asked.envelope_id),),
        "at_fault": None,
        "fault": "",
    }


def test_a_violation_stands_until_it_is_mended() -> None:
    hub = hub_of()
    session_id = session(hub, expects("reply_within", "audit", 5))
    asked = hub.say("alice", session_id, now_ms=2000)
    assert violations(hub.state, session_id) == ()
    pass_until(hub, 60_000)
    assert violations(hub.state, session_id) == (Fired(0, hub.ids["bob"], asked.envelope_id),)
    hub.say("bob", session_id)
    assert violations(hub.state, session_id) == ()


def test_it_is_mended_by_the_word_that_mends_it_however_soon_the_session_is_looked_at_again() -> None:
    hub = hub_of()
    session_id = session(hub, expects("reply_within", "audit", 5), expects("max_silence", "audit", 8))
    hub.say("alice", session_id, now_ms=2000)
    pass_until(hub, 7000)
    assert hub.state.agenda.by_subject[session_id] == 10_000
    hub.say("bob", session_id, now_ms=7500)
    assert violations(hub.state, session_id) == ()


def test_broken_anew_it_fires_again() -> None:
    hub = hub_of()
    session_id = session(hub, expects("max_silence", "audit", 5))
    for at_ms in (10_000, 11_000, 30_000):
        pass_until(hub, at_ms)
        hub.say("alice", session_id, now_ms=at_ms)
    pass_until(hub, 100_000)
    assert [at_ms for at_ms, _ in violated(hub)] == [6000, 16_000, 35_000]


def test_a_cause_that_comes_again_after_it_was_mended_fires_again() -> None:
    hub = hub_of(owed=lambda shown: (Debt(None, shown.last_said_ms + 5000),) if shown.last_said_ms else ())
    session_id = session(hub, expects("owes"))
    for at_ms in (2000, 20_000):
        hub.say("alice", session_id, now_ms=at_ms)
        pass_until(hub, at_ms + 10_000)
    assert [at_ms for at_ms, _ in violated(hub)] == [7000, 25_000]


def test_words_that_mend_nothing_leave_it_standing() -> None:
    hub = hub_of("alice", "bob", "carol")
    session_id = session(hub, expects("reply_within", "audit", 5))
    hub.say("alice", session_id, now_ms=2000)
    hub.say("carol", session_id, now_ms=3000)
    pass_until(hub, 10_000)
    hub.say("alice", session_id)
    assert [one.agent_id for one in violations(hub.state, session_id)] == [hub.ids["bob"]]
    assert violated(hub) == [(7000, "reply_within", "bob")]


def test_all_who_are_late_at_one_time_are_one_violation() -> None:
    hub = hub_of("alice", "bob", "carol")
    session_id = session(hub, expects("reply_within", "warn", 5))
    hub.say("alice", session_id, now_ms=2000)
    pass_until(hub, 7000)
    assert violated(hub) == [(7000, "reply_within", "bob", "carol")]
    assert hub.words(session_id)[-1].audience == hub.these("bob", "carol")


def test_who_is_late_later_is_a_violation_of_its_own() -> None:
    hub = hub_of("alice", "bob", "carol")
    session_id = session(hub, expects("reply_within", "audit", 5))
    hub.say("alice", session_id, to=("bob",), now_ms=2000)
    hub.say("alice", session_id, to=("carol",), now_ms=3000)
    pass_until(hub, 10_000)
    assert violated(hub) == [(7000, "reply_within", "bob"), (8000, "reply_within", "carol")]
    assert [one.agent_id for one in violations(hub.state, session_id)] == list(hub.these("bob", "carol"))


def test_what_stands_survives_snapshots_and_recovery() -> None:
    hub = hub_of()
    session_id = session(hub, expects("reply_within", "audit", 5), expects("max_silence", "audit", 60))
    hub.say("alice", session_id, now_ms=2000)
    through_a_snapshot(hub)
    pass_until(hub, 7000)
    stands = violations(hub.state, session_id)
    through_a_snapshot(hub)
    hub.check_log()
    assert violations(hub.state, session_id) == stands
    hub.say("bob", session_id, now_ms=8000)
    through_a_snapshot(hub)
    pass_until(hub, 100_000)
    assert violated(hub) == [(7000, "reply_within", "bob"), (68_000, "max_silence")]


def test_the_same_name_twice_is_two() -> None:
    hub = hub_of()
    session_id = session(hub, expects("max_silence", "audit", 5), expects("max_silence", "notify_session", 10))
    pass_until(hub, 100_000)
    assert violated(hub) == [(6000, "max_silence"), (11_000, "max_silence")]
    assert [one.event_data["index"] for one in recorded(hub)] == [0, 1]
    assert [one.index for one in violations(hub.state, session_id)] == [0, 1]


def test_what_stands_is_in_the_order_of_the_expectations() -> None:
    hub = hub_of()
    session_id = session(hub, expects("max_silence", "audit", 10), expects("max_silence", "audit", 5))
    pass_until(hub, 100_000)
    assert [one.index for one in violations(hub.state, session_id)] == [0, 1]


def test_expectations_come_in_their_order_at_one_time() -> None:
    hub = hub_of()
    session_id = session(hub, expects("max_silence", "notify_session", 5), expects("max_silence", "auto_close", 5))
    pass_until(hub, 6000)
    assert hub.types(session_id)[-2:] == [EV_EXPECTATION_VIOLATED, "session.closed"]


def test_after_a_close_nothing_more_is_looked_at() -> None:
    hub = hub_of()
    session(hub, expects("max_silence", "auto_close", 5), expects("max_silence", "audit", 5))
    pass_until(hub, 6000)
    assert len(recorded(hub)) == 1


@pytest.mark.parametrize("whom", ["participant", "carol"])
def test_it_applies_to_roles_and_to_ids(whom: str) -> None:
    hub = hub_of("alice", "bob", "carol")
    session_id = session(hub, expects("reply_within", "audit", 5, hub.ids.get(whom, whom)))
    hub.say("bob", session_id, now_ms=2000)
    pass_until(hub, 10_000)
    assert violated(hub) == [(7000, "reply_within", "carol")], "alice, the initiator, was asked too"


def test_it_applies_to_nobody_in_particular_whoever_is_named() -> None:
    hub = hub_of()
    session(hub, expects("max_silence", "audit", 5, "initiator"))
    pass_until(hub, 10_000)
    assert violated(hub) == [(6000, "max_silence")]


def test_debts_of_one_agent_are_one_violator() -> None:
    hub = hub_of(owed=lambda shown: tuple([Debt(shown.session.creator_id, 2000, cause) for cause in ("a", "b")]))
    session_id = session(hub, expects("owes"))
    pass_until(hub, 2000)
    assert violated(hub) == [(2000, "owes", "alice")]
    assert [one.cause for one in violations(hub.state, session_id)] == ["a", "b"]


def test_a_debt_that_is_named_twice_is_one() -> None:
    hub = hub_of(owed=lambda _: (Debt(None, 2000, "a"), Debt(None, 2500, "a")))
    session_id = session(hub, expects("owes"))
    pass_until(hub, 10_000)
    assert violated(hub) == [(2000, "owes")]
    assert violations(hub.state, session_id) == (Fired(0, None, "a"),)


def test_the_end_of_a_session_comes_before_what_is_expected_in_it() -> None:
    hub = hub_of()
    hub.now_ms = 998
    expectation = expects("max_silence", "auto_close", 9)
    session_id = hub.opened("alice", "bob", type="free", ttl=10, expectations=(expectation,))
    hub.tick(60_000)
    assert ended(hub, session_id) == "ttl_expired"


def test_the_time_of_the_invited_comes_before_what_is_expected_of_them() -> None:
    hub = hub_of()
    session_id = hub.pending("alice", "bob", type="consulting")
    pass_until(hub, 60_000)
    assert ended(hub, session_id) == "invite_timeout"
    assert recorded(hub) == []


def test_a_consulting_whose_invited_have_longer_to_answer_closes_by_its_expectation() -> None:
    hub = hub_of(limits=Limits(invite_timeout_ms=60_000))
    session_id = hub.pending("alice", "bob", type="consulting", now_ms=1000)
    pass_until(hub, 31_000)
    assert ended(hub, session_id) == "expectation_violated:acks_within"


def test_a_consulting_without_a_reply_closes_by_its_expectation() -> None:
    hub = hub_of()
    session_id = session(hub, type="consulting")
    hub.say("alice", session_id, now_ms=2000)
    pass_until(hub, 601_999)
    assert ended(hub, session_id) is None
    pass_until(hub, 602_000)
    assert ended(hub, session_id) == "expectation_violated:reply_within"


def test_a_conversation_that_falls_silent_is_on_record_and_goes_on() -> None:
    hub = hub_of()
    session_id = session(hub, type="conversation")
    pass_until(hub, 3_601_000)
    assert violated(hub) == [(3_601_000, "max_silence")]
    assert ended(hub, session_id) is None


def test_where_nothing_is_expected_nothing_is_looked_at() -> None:
    hub = hub_of()
    session_id = session(hub)
    hub.say("alice", session_id)
    pass_until(hub, 10**8)
    assert recorded(hub) == []
    assert session_id not in hub.state.agenda.by_subject


# --- opening


@pytest.mark.parametrize(
    ("expectation", "says"),
    [
        (expects("nobody"), "expected the name of a configured evaluator, came str 'nobody'"),
        (expects("max_silence", "nobody"), "expected the name of a configured handler, came str 'nobody'"),
        (expects("max_silence", seconds=-1), "max_silence.seconds: expected seconds of 0 or more, came int -1"),
    ],
)
def test_what_nobody_can_judge_is_refused(expectation: Expectation, says: str) -> None:
    hub = hub_of()
    refused = hub.ask(hub.who("alice"), hub.opening("alice", "bob", expectations=(expectation,)))[0]
    error: Any = refused
    assert (error.error.code, error.error.where, error.error.message) == ("protocol_error", "expectations", says)


def test_what_the_protocol_expects_must_be_judged_too() -> None:
    hub = Talks("alice", "bob", evaluators=())
    assert hub.refused(hub.who("alice"), hub.opening("alice", "bob")) == "protocol_error"


class Choosy(Owes):
    """Raises what it is given at the check."""

    def __init__(self, error: Exception) -> None:
        super().__init__(lambda _: ())
        self.error = error

    def check(self, expectation: Expectation) -> None:
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyError(1)])
def test_a_check_that_raises_something_else_is_a_refusal(error: Exception) -> None:
    hub = Talks("alice", "bob", evaluators=(*BUILT_IN_EVALUATORS, Choosy(error)))
    assert hub.refused(hub.who("alice"), hub.opening("alice", "bob", expectations=(expects("owes"),))) == "protocol_error"


def test_an_evaluator_that_checks_nothing_takes_anything() -> None:
    hub = hub_of()
    assert session(hub, expects("owes", x={"y": [1]}))


# --- another configuration


def test_what_a_configuration_lacks_is_passed_over() -> None:
    hub = hub_of()
    session_id = session(hub, expects("max_silence", "audit", 5), expects("reply_within", "notify_session", 5))
    hub.say("alice", session_id, now_ms=2000)
    hub.restart(Free(), Rounds(), evaluators=())
    pass_until(hub, 10_000)
    hub.say("alice", session_id, now_ms=11_000)
    pass_until(hub, 20_000)
    assert recorded(hub) == []
    assert next_deadline(hub.state) is None or session_id not in hub.state.agenda.by_subject


def test_what_a_configuration_has_again_is_due_at_once() -> None:
    hub = hub_of()
    session_id = session(hub, expects("reply_within", "audit", 5))
    hub.restart(Free(), Rounds(), handlers=())
    hub.say("alice", session_id, now_ms=2000)
    pass_until(hub, 10_000)
    hub.restart(Free(), Rounds())
    pass_until(hub, 10_000)
    assert violated(hub) == [(10_000, "reply_within", "bob")]


def test_what_stands_is_kept_while_its_evaluator_is_lacking() -> None:
    hub = hub_of()
    session_id = session(hub, expects("reply_within", "audit", 5), expects("max_silence", "audit", 5))
    hub.say("alice", session_id, now_ms=2000)
    pass_until(hub, 7000)
    stands = violations(hub.state, session_id)
    hub.restart(Free(), Rounds(), evaluators=BUILT_IN_EVALUATORS[3:])
    hub.say("alice", session_id, now_ms=8000)
    assert violations(hub.state, session_id) == stands[:1]
    hub.restart(Free(), Rounds())
    pass_until(hub, 9000)
    assert violations(hub.state, session_id) == stands[:1]


def test_a_start_under_the_same_configuration_looks_at_nothing() -> None:
    asked: list[Watched] = []

    def owed(shown: Watched) -> tuple[Debt, ...]:
        asked.append(shown)
        return ()

    hub = hub_of(owed=owed)
    session(hub, expects("owes"))
    asked.clear()
    step(hub.config, hub.state, Arrival(principal=ADMIN, command=Start(), now_ms=2000))
    assert asked == []


def test_nothing_is_expected_in_a_session_that_sleeps() -> None:
    hub = hub_of()
    session_id = session(hub, expects("max_silence", "auto_close", 5))
    hub.restart()
    pass_until(hub, 10_000)
    assert hub.is_live(session_id)
    hub.recover(Free(), Rounds())
    pass_until(hub, 10_000)
    assert ended(hub, session_id) == "expectation_violated:max_silence"


# --- when to ask


def asked_times(patience_ms: Any, due_ms: int = 100_000) -> int:
    """How often an evaluator is asked for ten words."""
    asked: list[int] = []

    def owed(shown: Watched) -> tuple[Debt, ...]:
        asked.append(1)
        return (Debt(None, (shown.last_said_ms or 0) + due_ms),)

    hub = hub_of(owed=owed, patience_ms=patience_ms)
    session_id = session(hub, expects("owes"))
    state = hub.state
    asked.clear()
    for at_ms in range(2000, 2010):
        command = hub.saying("alice", session_id)
        assert isinstance(command, Post)
        state = step(hub.config, state, Arrival(principal=ADMIN, command=command, now_ms=at_ms)).state
    return len(asked)


def test_an_evaluator_whose_patience_is_known_is_not_asked_after_every_word() -> None:
    assert asked_times(100_000) == 0


@pytest.mark.parametrize("patience_ms", [None, RuntimeError("x"), "soon", -5, 1.5])
def test_an_evaluator_whose_patience_is_not_known_is_asked_after_every_word(patience_ms: Any) -> None:
    assert asked_times(patience_ms) == 10


def test_an_evaluator_with_less_patience_than_the_next_look_is_asked() -> None:
    assert asked_times(50) == 10


# --- evaluators at fault


NONSENSE = [
    (raises, "raised RuntimeError: out of order"),
    (lambda _: None, "raised TypeError: expected a tuple of Debt, came None"),
    (lambda _: [Debt(None, 1)], None),
    (lambda _: (1,), "raised TypeError: expected a Debt, came int 1"),
    (lambda _: (Debt(None, 1),) * 10_001, "raised ValueError: expected at most 10000 debts, came 10001"),
    (lambda _: (Debt("eve", 1),), "named str 'eve', who does not take part"),
    (lambda _: (Debt(None, 1, "x" * 1025),), None),
    (lambda _: (Debt(None, "soon"),), None),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("owed", "fault"), NONSENSE)
def test_an_evaluator_at_fault_is_recorded_once_and_costs_nothing_else(owed: Callable[[Watched], Any], fault: str | None) -> None:
    hub = hub_of(owed=owed)
    session_id = session(hub, expects("owes", "auto_close"), expects("max_silence", "audit", 5))
    pass_until(hub, 1000)
    ((where, what),) = faults(hub)
    assert where == "evaluator"
    assert fault is None or what == fault
    for at_ms in (2000, 3000):
        hub.say("alice", session_id, now_ms=at_ms)
    through_a_snapshot(hub)
    pass_until(hub, 10_000)
    assert violated(hub) == [(8000, "max_silence")]
    assert len(faults(hub)) == 1
    assert [one.faulty for one in violations(hub.state, session_id)] == [True, False]


def test_a_fault_that_passed_and_comes_again_is_recorded_again() -> None:
    hub = hub_of(owed=lambda shown: raises() if shown.hidden or (shown.last_said_ms or 0) % 2 else ())
    session_id = session(hub, expects("owes"))
    for at_ms in (2001, 3001, 4000, 5001):
        hub.say("alice", session_id, now_ms=at_ms)
        pass_until(hub, at_ms)
    assert [one.created_at_ms for one in recorded(hub)] == [2001, 5001]


def test_what_stood_stands_while_the_evaluator_is_at_fault() -> None:
    hub = hub_of(owed=lambda shown: raises() if shown.last_said_ms == 3000 else (Debt(None, 1500, "late"),))
    session_id = session(hub, expects("owes"))
    pass_until(hub, 2000)
    hub.say("alice", session_id, now_ms=3000)
    pass_until(hub, 3000)
    assert violations(hub.state, session_id) == (Fired(0, None, "late"), Fired(0, None, "", True))
    hub.say("alice", session_id, now_ms=4000)
    pass_until(hub, 4000)
    assert violations(hub.state, session_id) == (Fired(0, None, "late"),)
    assert violated(hub) == [(1500, "owes")]


class Muddled(Rounds):
    """Cannot say whose turn it is."""

    def __init__(self, turns: Any) -> None:
        super().__init__("muddled")
        self.turns = turns

    def expected_next(self, session: Any, state: Any) -> Any:
        return self.turns if self.turns is not raises else raises()


@pytest.mark.parametrize("turns", [raises, None, (1,)])
def test_who_owes_a_turn_is_unknown_where_the_protocol_cannot_say(turns: Any) -> None:
    hub = hub_of(adapter=Muddled(turns))
    session_id = session(hub, expects("turn_within", "auto_close", 5), type="muddled")
    pass_until(hub, 10_000)
    assert recorded(hub) == []
    assert hub.is_live(session_id)


# --- handlers at fault


@pytest.mark.parametrize(
    ("respond", "fault"),
    [
        (raises, "raised RuntimeError: out of order"),
        (lambda *_: None, "answered with None where a tuple of responses was expected"),
        (lambda *_: ("close",), "answered with str 'close' where a response was expected"),
        (lambda *_: (Warn(("eve",)),), "warned somebody who does not take part"),
        (lambda *_: (Hide("eve"),), "meant str 'eve', who does not take part"),
        (lambda *_: (Remove("eve"),), "meant str 'eve', who does not take part"),
        (lambda *_: (Close("x" * 1025),), "gave a reason of 1025 characters"),
        (lambda *_: (Emit("session.closed"),), "may not make the hub's own events, as str 'session.closed'"),
        (lambda *_: (Emit("a", {}, ("eve",)),), "spoke to str 'eve', who does not take part or was named before"),
        (lambda *_: (Emit("x" * 1025),), "said too much: event_type: expected at most 1024 characters, came 1025"),
        (lambda *_: (Warn(),) * 65, "never came to rest: it said more than 64 words"),
        (lambda *_: (Emit("a"), Close("x"), Hide("eve")), "meant str 'eve', who does not take part"),
    ],
)
def test_a_handler_at_fault_is_recorded_and_costs_nothing_else(respond: Callable[..., Any], fault: str) -> None:
    hub = hub_of(respond=respond)
    session_id = session(hub, expects("max_silence", "answers", 5), expects("max_silence", "notify_session", 5))
    words = len(hub.words(session_id))
    pass_until(hub, 20_000)
    assert faults(hub) == [("handler", fault)]
    assert violated(hub) == [(6000, "max_silence"), (6000, "max_silence")]
    assert hub.types(session_id)[words:] == [EV_EXPECTATION_VIOLATED], "nothing of it is done"


def test_a_handler_that_never_comes_to_rest_is_at_fault() -> None:
    """What is owed at once after every word, and answered by a word, would go on for ever."""
    hub = hub_of(
        owed=lambda shown: tuple([Debt(None, 0, str(one.triggering_envelope_id)) for one in shown.turns]),
        respond=lambda *_: (Emit("message.text", {"text": "go on"}),),
        adapter=Restless(),
        limits=Limits(emits=3),
    )
    session_id = session(hub, expects("owes", "answers"), expects("max_silence", "audit", 5), type="restless")
    pass_until(hub, 1000)
    assert faults(hub) == [("handler", "never came to rest: it said more than 3 words")]
    assert hub.types(session_id)[-3:] == ["message.text"] * 3
    pass_until(hub, 10_000)
    assert violated(hub)[-1] == (6000, "max_silence")


class Restless(Rounds):
    """Every word is somebody's turn anew."""

    def __init__(self) -> None:
        super().__init__("restless")

    def fold(self, state: Any, envelope: Any) -> Any:
        return Round((), (), envelope.sender_id, envelope.envelope_id, envelope.created_at_ms)

    def expected_next(self, session: Any, state: Any) -> Any:
        return (ExpectedTurn(session.creator_id, state.trigger, state.since_ms),)


# --- what a handler has the hub do


def answered(*responses: Response, names: tuple[str, ...] = TWO, adapter: Adapter[Any] | None = None) -> tuple[Talks, str]:
    """A session whose handler answers with these; an agent's name stands for its id."""
    hub = hub_of(*names, respond=lambda *_: tuple(responses), adapter=adapter)
    return hub, session(hub, expects("max_silence", "answers", 5), type="free" if adapter is None else adapter.manifest.type)


def ids_of(*names: str) -> tuple[str, ...]:
    """The ids the agents of these hubs come to have."""
    hub = hub_of("alice", "bob", "carol")
    return hub.these(*names)


ALICE, BOB, CAROL = ids_of("alice", "bob", "carol")


def test_what_it_emits_the_hub_says_to_those_it_is_for() -> None:
    hub, session_id = answered(Emit("nudge", {"text": "?"}, (BOB,)), Emit("told"))
    pass_until(hub, 6000)
    nudge, told = hub.words(session_id)[-2:]
    assert (nudge.sender_id, nudge.event_type, nudge.audience) == (hub.state.hub_id, "nudge", (BOB,))
    assert (told.sender_id, told.event_type, told.audience) == (hub.state.hub_id, "told", None)


def test_what_the_hub_says_breaks_no_silence_and_asks_nobody() -> None:
    hub, session_id = answered(Emit("message.text", {"text": "?"}))
    pass_until(hub, 60_000)
    assert violated(hub) == [(6000, "max_silence")]
    assert hub.state.sessions.talks[session_id].last_said_ms is None


def test_what_it_says_to_one_it_put_out_before_is_said_to_the_rest() -> None:
    hub, session_id = answered(Remove(CAROL), Emit("told", {}, (BOB, CAROL)), Warn((CAROL, BOB)), names=("alice", "bob", "carol"))
    pass_until(hub, 6000)
    assert [word.audience for word in hub.words(session_id)[-2:]] == [(BOB,), (BOB,)]


def test_one_that_is_gone_or_hidden_stays_so() -> None:
    hub, session_id = answered(Remove(CAROL), Remove(CAROL), Hide(CAROL), Hide(BOB), Hide(BOB), names=("alice", "bob", "carol"))
    pass_until(hub, 6000)
    assert hub.types(session_id)[-2:] == ["session.left", EV_SESSION_HIDDEN]


def test_nobody_is_hidden_in_a_session_that_is_pending() -> None:
    hub = hub_of("alice", "bob", "carol", respond=lambda *_: (Hide(ALICE),))
    expectation = expects("acks_within", "answers", 5)
    session_id = hub.pending("alice", "bob", "carol", type="free", expectations=(expectation,))
    pass_until(hub, 10_000)
    assert hub.types(session_id) == ["session.invited"]


def test_after_the_end_nothing_is_done() -> None:
    hub, session_id = answered(Close("enough"), Emit("late"), Warn())
    pass_until(hub, 6000)
    assert hub.end(session_id) == {"reason": "enough"}


def test_what_the_protocol_closes_in_consequence_is_closed() -> None:
    adapter = Following({"nudge": AdapterResult("closed", "nudged")})
    hub, session_id = answered(Emit("nudge"), Hide(BOB), adapter=adapter)
    pass_until(hub, 6000)
    assert hub.end(session_id) == {"reason": "nudged"}


def test_a_warning_to_nobody_is_told_to_nobody() -> None:
    hub, session_id = answered(Warn(()))
    pass_until(hub, 6000)
    assert hub.words(session_id)[-1].audience == ()


def test_a_tick_before_its_time_records_nothing() -> None:
    hub = hub_of()
    session_id = session(hub, expects("max_silence", "audit", 5))
    hub.say("alice", session_id, now_ms=5999)
    hub.value(ADMIN, Tick(), 6000)
    assert recorded(hub) == []


# --- a user's own


def test_a_users_own_are_short_and_need_only_the_front_door() -> None:
    lines = Path(own_expectation.__file__).read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40
    assert [line.split()[1] for line in lines if line.startswith(("import ", "from "))] == ["foldhub_core"]


def test_an_evaluator_and_a_handler_of_a_users_own() -> None:
    evaluators, handlers = (*BUILT_IN_EVALUATORS, GreetingWithin()), (*BUILT_IN_HANDLERS, CloseQuietly())
    hub = Talks("alice", "bob", evaluators=evaluators, handlers=handlers)
    hub.now_ms = 999
    expectation = expects("greeting_within", "close_quietly", 60)
    session_id = hub.opened("alice", "bob", ttl=0, expectations=(expectation,))
    pass_until(hub, 100_000)
    assert ended(hub, session_id) == "quiet"


def test_the_names_and_versions_of_a_users_own_are_recorded() -> None:
    class Louder(Answers):
        name = "louder"
        version = 3

    hub = Talks(handlers=(*BUILT_IN_HANDLERS, Louder(lambda *_: ())))
    assert hub.state.configured is not None
    assert ("handler louder", "3") in hub.state.configured.parts


def test_the_last_of_one_name_counts() -> None:
    class Other(Handler):
        name = "audit"

        def respond(self, watched: Watched, violation: Violation) -> tuple[Response, ...]:
            return (Close("strict"),)

    hub = Talks("alice", "bob", handlers=[*BUILT_IN_HANDLERS, Other()])
    session_id = hub.opened("alice", "bob", ttl=0)
    pass_until(hub, 4_000_000)
    assert ended(hub, session_id) == "strict"
