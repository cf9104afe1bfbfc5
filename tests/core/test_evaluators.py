"""The evaluators that come with the hub: what each calls a violation, and when."""

from typing import Any

import pytest

from foldhub_core import BUILT_IN_EVALUATORS, Expectation, Invite, Limits, Manifest, ProtocolError, Session, Watched
from foldhub_core import SessionState as At
from foldhub_core.adapters.protocol import ExpectedTurn
from foldhub_core.expectations import Debt
from foldhub_core.session import Asked, Participant
from tests.core.rounds import Rounds
from tests.core.session_driver import Free, Talks
from tests.core.watchers import expects, pass_until, violated

BY_NAME = {one.name: one for one in BUILT_IN_EVALUATORS}
LONG = Limits(invite_timeout_ms=100_000_000)
ANN, BOB, CAT = (Participant(name, joined_at_ms=at) for at, name in enumerate(("ann", "bob", "cat"), start=10))


def watched(state: At = At.ACTIVE, **fields: Any) -> Watched:
    """A session of three, opened at 100 ms; `pending` are those who have not answered."""
    pending = fields.pop("pending", ())
    session = Session("s", Manifest("free"), "ann", (ANN, BOB, CAT), state, pending_acks=pending)
    return Watched(session, **{"opened_at_ms": 100 if state is At.ACTIVE else None, **fields})


def owed(name: str, shown: Watched, seconds: object = 5) -> list[tuple[str | None, int, str]]:
    expectation = expects(name, seconds=seconds)
    return [(one.agent_id, one.due_ms, one.cause) for one in BY_NAME[name].owed(shown, expectation)]


# --- what each owes, by itself


def test_the_invited_owe_an_answer_each_since_its_invitation() -> None:
    shown = watched(At.PENDING, pending=("bob", "cat"))
    assert owed("acks_within", shown) == [("bob", 5011, "11"), ("cat", 5012, "12")]


def test_whoever_was_asked_owes_an_answer_since_the_question() -> None:
    shown = watched(asked=(Asked("bob", "e1", 200), Asked("cat", "e2", 300)))
    assert owed("reply_within", shown) == [("bob", 5200, "e1"), ("cat", 5300, "e2")]


def test_nobody_owes_a_reply_in_a_session_that_is_not_active() -> None:
    assert owed("reply_within", watched(At.PENDING, asked=(Asked("bob", "e1", 200),))) == []


def test_whose_turn_it_is_owes_a_word_since_then() -> None:
    assert owed("turn_within", watched(turns=(ExpectedTurn("bob", "e1", 200),))) == [("bob", 5200, "e1")]


def test_a_turn_that_no_word_began_is_named_by_its_time() -> None:
    assert owed("turn_within", watched(turns=(ExpectedTurn("bob", None, 200),))) == [("bob", 5200, "200")]


def test_no_turn_begins_before_the_session_opened() -> None:
    assert owed("turn_within", watched(turns=(ExpectedTurn("bob", None, 50),))) == [("bob", 5100, "100")]


def test_a_turn_of_which_the_protocol_does_not_say_since_when_is_one_since_the_last_word() -> None:
    assert owed("turn_within", watched(turns=(ExpectedTurn("bob"),), last_said_ms=700)) == [("bob", 5700, "700")]
    assert owed("turn_within", watched(turns=(ExpectedTurn("bob"),))) == [("bob", 5100, "100")]


def test_a_hidden_participant_owes_no_turn() -> None:
    turns = (ExpectedTurn("bob", "e1", 200), ExpectedTurn("cat", "e1", 200))
    assert owed("turn_within", watched(turns=turns, hidden=("bob",))) == [("cat", 5200, "e1")]


def test_nobody_owes_a_turn_before_the_session_opened() -> None:
    assert owed("turn_within", watched(At.PENDING, turns=(ExpectedTurn("bob", "e1", 200),))) == []


def test_silence_lasts_since_the_last_word_or_the_opening() -> None:
    assert owed("max_silence", watched(last_said_ms=700)) == [(None, 5700, "700")]
    assert owed("max_silence", watched()) == [(None, 5100, "100")]
    assert owed("max_silence", watched(At.PENDING)) == []


@pytest.mark.parametrize(
    ("name", "seconds"), [("acks_within", 30), ("reply_within", 600), ("turn_within", 120), ("max_silence", 3600)]
)
def test_the_time_where_the_expectation_does_not_say(name: str, seconds: int) -> None:
    assert BY_NAME[name].patience_ms(expects(name)) == seconds * 1000


@pytest.mark.parametrize(("seconds", "ms"), [(7, 7000), (0, 0), ("15m", 900_000), ("90", 90_000)])
def test_seconds_are_a_number_or_a_duration(seconds: object, ms: int) -> None:
    for evaluator in BUILT_IN_EVALUATORS:
        expectation = expects(evaluator.name, seconds=seconds)
        evaluator.check(expectation)
        assert evaluator.patience_ms(expectation) == ms


@pytest.mark.parametrize("seconds", [-1, "", "soon", 1.5, True, None, [5], 10**17])
def test_seconds_that_are_no_time_from_now_are_refused(seconds: object) -> None:
    for evaluator in BUILT_IN_EVALUATORS:
        with pytest.raises(ProtocolError, match="seconds"):
            evaluator.check(Expectation(evaluator.name, "audit", {"seconds": seconds}))


def test_another_param_is_refused() -> None:
    with pytest.raises(ProtocolError, match="'secs'"):
        BY_NAME["max_silence"].check(expects("max_silence", secs=5))


# --- in a hub


def hub_of(*names: str, **more: Any) -> Talks:
    return Talks(*names, adapters=(Free(), Rounds()), limits=LONG, **more)


def session(hub: Talks, *expectations: Expectation, type: str = "free", opened: bool = True) -> str:
    """A session of all agents, opened by the first; its clock begins at 1,000 ms."""
    hub.now_ms = 999
    first, *others = hub.ids
    open_it = hub.opened if opened else hub.pending
    return open_it(first, *others, type=type, expectations=expectations, ttl=0)


def test_an_answer_is_owed_until_it_is_given() -> None:
    hub = hub_of("alice", "bob", "carol")
    session_id = session(hub, expects("acks_within", seconds=5), opened=False)
    hub.answer("bob", session_id, now_ms=3000)
    pass_until(hub, 5999)
    assert violated(hub) == []
    pass_until(hub, 6000)
    assert violated(hub) == [(6000, "acks_within", "carol")]


def test_one_who_is_invited_later_has_its_own_time() -> None:
    hub = hub_of("alice", "bob")
    session_id = session(hub, expects("acks_within", seconds=5))
    hub.join("carol")
    hub.now_ms = 8999
    command = Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=hub.these("carol"))
    hub.value(hub.who("alice"), command)
    pass_until(hub, 20_000)
    assert violated(hub) == [(14_000, "acks_within", "carol")]


def test_a_reply_is_owed_by_everybody_who_heard_the_question_until_it_speaks() -> None:
    hub = hub_of("alice", "bob", "carol")
    session_id = session(hub, expects("reply_within", seconds=5))
    hub.say("alice", session_id, now_ms=2000)
    hub.say("bob", session_id, now_ms=3000)
    pass_until(hub, 100_000)
    assert violated(hub) == [(7000, "reply_within", "carol")]


def test_an_answer_asks_nobody() -> None:
    hub = hub_of("alice", "bob")
    session_id = session(hub, expects("reply_within", seconds=5))
    hub.say("alice", session_id, now_ms=2000)
    hub.say("bob", session_id, now_ms=3000)
    pass_until(hub, 100_000)
    assert violated(hub) == []


def test_who_was_asked_and_asks_again_answers_with_it() -> None:
    hub = hub_of("alice", "bob")
    session_id = session(hub, expects("reply_within", seconds=5))
    for at_ms, name in ((2000, "alice"), (3000, "bob"), (4000, "bob")):
        hub.say(name, session_id, now_ms=at_ms)
    pass_until(hub, 100_000)
    assert violated(hub) == [(9000, "reply_within", "alice")]


def test_a_reply_is_owed_since_the_first_question() -> None:
    hub = hub_of("alice", "bob")
    session_id = session(hub, expects("reply_within", seconds=5))
    hub.say("alice", session_id, now_ms=2000)
    hub.say("alice", session_id, now_ms=4000)
    pass_until(hub, 100_000)
    assert violated(hub) == [(7000, "reply_within", "bob")]


def test_a_question_to_one_asks_only_that_one() -> None:
    hub = hub_of("alice", "bob", "carol")
    session_id = session(hub, expects("reply_within", seconds=5))
    hub.say("alice", session_id, to=("carol", "alice"), now_ms=2000)
    pass_until(hub, 100_000)
    assert violated(hub) == [(7000, "reply_within", "carol")]


def test_who_did_not_hear_a_question_was_not_asked() -> None:
    hub = hub_of("alice", "bob", "carol")
    session_id = session(hub, expects("reply_within", seconds=5))
    hub.set_rule("bob", inbound_from=("carol",))
    hub.say("alice", session_id, now_ms=2000)
    pass_until(hub, 100_000)
    assert violated(hub) == [(7000, "reply_within", "carol")]


def test_information_neither_asks_nor_answers() -> None:
    hub = Talks("alice", "bob", adapters=(Free(information=("note",)),), limits=LONG)
    session_id = session(hub, expects("reply_within", seconds=5))
    hub.say("alice", session_id, event_type="note", now_ms=2000)
    assert hub.state.sessions.talks[session_id].asked == ()
    hub.say("alice", session_id, now_ms=3000)
    hub.say("bob", session_id, event_type="note", now_ms=4000)
    pass_until(hub, 100_000)
    assert violated(hub) == [(8000, "reply_within", "bob")]


def test_who_left_owes_no_reply() -> None:
    hub = hub_of("alice", "bob", "carol")
    session_id = session(hub, expects("reply_within", seconds=5))
    hub.say("alice", session_id, now_ms=2000)
    hub.leave("bob", session_id)
    pass_until(hub, 100_000)
    assert violated(hub) == [(7000, "reply_within", "carol")]


def test_who_was_asked_is_kept_only_where_somebody_looks() -> None:
    hub = hub_of("alice", "bob")
    session_id = session(hub, expects("max_silence"))
    hub.say("alice", session_id)
    assert hub.state.sessions.talks[session_id].asked == ()


def test_a_turn_is_owed_since_the_word_before() -> None:
    hub = hub_of("alice", "bob")
    session_id = session(hub, expects("turn_within", seconds=5), type="rounds")
    hub.say("alice", session_id, now_ms=2000)
    pass_until(hub, 6999)
    assert violated(hub) == []
    pass_until(hub, 7000)
    assert violated(hub) == [(7000, "turn_within", "bob")]


def test_silence_is_owed_by_nobody_in_particular() -> None:
    hub = hub_of("alice", "bob")
    session_id = session(hub, expects("max_silence", seconds=5))
    hub.say("alice", session_id, now_ms=2000)
    pass_until(hub, 100_000)
    assert violated(hub) == [(7000, "max_silence")]


def test_silence_is_not_broken_by_who_comes_and_goes() -> None:
    hub = hub_of("alice", "bob", "carol")
    session_id = session(hub, expects("max_silence", seconds=5))
    hub.now_ms = 2999
    hub.leave("carol", session_id)
    pass_until(hub, 100_000)
    assert violated(hub) == [(6002, "max_silence")]


@pytest.mark.parametrize(("name", "type"), [("reply_within", "free"), ("turn_within", "rounds"), ("max_silence", "free")])
def test_no_time_at_all_is_over_at_once(name: str, type: str) -> None:
    hub = hub_of("alice", "bob")
    session_id = session(hub, expects(name, seconds=0), type=type)
    pass_until(hub, hub.now_ms)
    hub.say("alice", session_id, now_ms=2000)
    pass_until(hub, 2000)
    assert violated(hub)[-1][:2] == (2000, name)


def test_no_time_to_answer_an_invitation_is_over_at_once() -> None:
    hub = hub_of("alice", "bob")
    session(hub, expects("acks_within", seconds=0), opened=False)
    pass_until(hub, 1000)
    assert violated(hub) == [(1000, "acks_within", "bob")]


def test_evaluators_of_one_kind_are_equal() -> None:
    assert Debt("a", 1) == Debt("a", 1)
    assert tuple(type(one)() for one in BUILT_IN_EVALUATORS) == BUILT_IN_EVALUATORS
