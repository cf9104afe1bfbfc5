"""The handlers that come with the hub, each on every evaluator, and what becomes of a hidden participant."""

from typing import Any

import pytest

from foldhub_core import (
    BUILT_IN_EVALUATORS,
    BUILT_IN_HANDLERS,
    EV_EXPECTATION_VIOLATED,
    EV_SESSION_CLOSED,
    EV_SESSION_HIDDEN,
    EV_SESSION_LEFT,
    EV_SESSION_SHOWN,
    EV_TEXT,
    AdapterResult,
    Emit,
    Envelope,
    Expectation,
    Invite,
    Limits,
    NotFoundError,
    Session,
    expected,
    hidden_participants,
    violations,
)
from tests.core.rounds import Rounds
from tests.core.session_driver import Broken, Free, Heard, Talks
from tests.core.watchers import ended, expects, pass_until, recorded, through_a_snapshot, violated

LONG = Limits(invite_timeout_ms=100_000_000)
EVALUATORS = [one.name for one in BUILT_IN_EVALUATORS]
HANDLERS = [one.name for one in BUILT_IN_HANDLERS]


def overdue(evaluator: str, handler: str) -> tuple[Talks, str]:
    """A session of three in which bob, and at silence nobody in particular, is late by 5 s at 7,000 ms."""
    hub = Talks("alice", "bob", "carol", adapters=(Rounds(), Free()), limits=LONG)
    hub.now_ms = 1999
    type = "rounds" if evaluator == "turn_within" else "free"
    expectation = expects(evaluator, handler, 5)
    session_id = hub.pending("alice", "bob", "carol", type=type, ttl=0, required_acks=1, expectations=(expectation,))
    hub.now_ms = 1999
    hub.answer("carol", session_id)
    if evaluator != "acks_within":
        hub.now_ms = 1999
        hub.answer("bob", session_id)
        if evaluator != "max_silence":
            hub.now_ms = 1999
            hub.say("alice", session_id, to=None if type == "rounds" else ("bob",))
            if type == "rounds":  # who came later comes last
                hub.now_ms = 1999
                hub.say("carol", session_id)
    for name in hub.ids:
        hub.attach(name)
    hub.now_ms = 2000
    pass_until(hub, 7000)
    return hub, session_id


def after(hub: Talks, session_id: str) -> list[tuple[str, Any, Any]]:
    """What was said in the session since the violation: type, audience, and the data but for texts for people."""
    names = {agent_id: name for name, agent_id in hub.ids.items()}
    words = [word for word in hub.words(session_id) if word.created_at_ms >= 7000]
    hidden = ("detail", "session_id")
    told: list[tuple[str, Any, Any]] = []
    for word in words:
        audience = None if word.audience is None else tuple([names[one] for one in word.audience])
        data = {key: value for key, value in word.event_data.items() if key not in hidden}
        told.append((word.event_type, audience, {key: _named(names, value) for key, value in data.items()}))
    return told


def _named(names: dict[str, str], value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple([names[one] for one in value])
    return names.get(value, value)


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_every_handler_on_every_evaluator(evaluator: str, handler: str) -> None:
    hub, session_id = overdue(evaluator, handler)
    nobody = evaluator == "max_silence"
    owes = () if nobody else ("bob",)
    assert violated(hub) == [(7000, evaluator, *owes)]
    told = {"expectation": evaluator, "violators": owes}
    everybody = ("alice", "bob", "carol")
    reason = f"expectation_violated:{evaluator}"
    left = {"agent_id": "bob", "reason": reason}
    follows: dict[str, list[tuple[str, Any, Any]]] = {
        "audit": [],
        "warn": [(EV_EXPECTATION_VIOLATED, None if nobody else ("bob",), told)],
        "notify_session": [(EV_EXPECTATION_VIOLATED, None, told)],
        # Who has not accepted is not hidden, nor is nobody in particular.
        "hide": [] if evaluator in ("acks_within", "max_silence") else [(EV_SESSION_HIDDEN, None, {"agent_id": "bob"})],
        "remove": [] if nobody else [(EV_SESSION_LEFT, ("alice", "carol", "bob"), left)],
        "auto_close": [(EV_SESSION_CLOSED, everybody, {"reason": reason})],
    }
    assert after(hub, session_id) == follows[handler]
    assert ended(hub, session_id) == (reason if handler == "auto_close" else None)


@pytest.mark.parametrize("handler", [one for one in HANDLERS if one != "auto_close"])
@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_a_violation_fires_once(evaluator: str, handler: str) -> None:
    hub, _ = overdue(evaluator, handler)
    through_a_snapshot(hub)
    hub.recover(Rounds(), Free(), limits=LONG)
    pass_until(hub, 11_000)
    assert len(violated(hub)) == 1


def test_a_warning_says_what_was_expected() -> None:
    hub, session_id = overdue("reply_within", "warn")
    assert hub.words(session_id)[-1].event_data["detail"] == "reply_within(seconds=5) was due at 7000 ms"


def test_a_warning_is_delivered_to_the_violator_only() -> None:
    hub, _ = overdue("reply_within", "warn")
    assert [EV_EXPECTATION_VIOLATED in hub.owed_types(name) for name in ("alice", "bob", "carol")] == [False, True, False]


def test_a_warning_is_not_counted_in_an_inbox() -> None:
    quiet, _ = overdue("reply_within", "audit")
    warned, _ = overdue("reply_within", "warn")
    assert quiet.count("bob") == warned.count("bob")


def test_one_who_was_invited_and_has_not_answered_is_warned() -> None:
    hub, _ = overdue("acks_within", "warn")
    assert hub.owed_types("bob")[-1] == EV_EXPECTATION_VIOLATED


def test_putting_out_an_invited_that_is_needed_ends_the_session() -> None:
    hub = Talks("alice", "bob", adapters=(Free(),), limits=LONG)
    session_id = hub.pending("alice", "bob", type="free", expectations=(expects("acks_within", "remove", 5),))
    pass_until(hub, 10_000)
    assert ended(hub, session_id) == "invite_failed"


def test_putting_out_the_last_that_are_needed_ends_the_session() -> None:
    hub = Talks("alice", "bob", adapters=(Rounds(),))
    session_id = hub.opened("alice", "bob", type="rounds", expectations=(expects("turn_within", "remove", 5),))
    pass_until(hub, 10_000)
    assert ended(hub, session_id) == "participant_left"


def test_the_next_one_in_turn_has_its_own_time() -> None:
    hub = Talks("alice", "bob", "carol", adapters=(Rounds(),))
    hub.now_ms = 999
    session_id = hub.opened("alice", "bob", "carol", type="rounds", expectations=(expects("turn_within", "hide", 5),))
    pass_until(hub, 30_000)
    assert violated(hub) == [(at_ms, "turn_within", who) for at_ms, who in ((6002, "alice"), (11_002, "bob"), (16_002, "carol"))]
    assert hidden_participants(hub.state, session_id) == hub.these("alice", "bob", "carol")


def test_everybody_in_turn_is_hidden_at_once_where_there_is_no_time() -> None:
    hub = Talks("alice", "bob", "carol", adapters=(Rounds(),))
    session_id = hub.opened("alice", "bob", "carol", type="rounds", expectations=(expects("turn_within", "hide", 0),))
    hub.tick(hub.now_ms)
    assert hidden_participants(hub.state, session_id) == hub.these("alice", "bob", "carol")
    assert hub.tick_until_rest(hub.now_ms) == 0


# --- hidden, and back


def turns(hub: Talks, session_id: str) -> list[str]:
    return [turn.agent_id for turn in expected(hub.config, hub.state, session_id)]


def hidden_bob(adapter: Any = None, handler: str = "hide") -> tuple[Talks, str]:
    """A session of three in which bob was hidden at 6,000 ms, when carol's turn began."""
    hub = Talks("alice", "bob", "carol", adapters=(adapter or Rounds(),))
    hub.now_ms = 996
    type = hub.config.adapters[-1].manifest.type
    expectation = expects("turn_within", handler, 5, hub.ids["bob"])
    session_id = hub.opened("alice", "bob", "carol", type=type, ttl=0, expectations=(expectation,))
    hub.say("alice", session_id, now_ms=1000)
    pass_until(hub, 6000)
    assert hidden_participants(hub.state, session_id) == hub.these("bob")
    return hub, session_id


def test_the_others_go_on_without_a_hidden_one() -> None:
    hub, session_id = hidden_bob()
    assert turns(hub, session_id) == [hub.ids["carol"]]
    hub.say("carol", session_id)
    assert turns(hub, session_id) == [hub.ids["alice"]]
    hub.say("alice", session_id)
    assert turns(hub, session_id) == [hub.ids["carol"]]


def test_a_hidden_one_still_hears_everything() -> None:
    hub, session_id = hidden_bob()
    before = len(hub.numbers("bob"))
    hub.say("carol", session_id)
    assert len(hub.numbers("bob")) == before + 1


def test_a_hidden_one_that_speaks_is_back() -> None:
    hub, session_id = hidden_bob()
    word = hub.say("bob", session_id)
    said, shown = hub.words(session_id)[-2:]
    assert said == word
    assert (shown.event_type, shown.event_data, shown.audience) == (EV_SESSION_SHOWN, {"agent_id": hub.ids["bob"]}, None)
    assert shown.sender_id == hub.state.hub_id
    assert hidden_participants(hub.state, session_id) == ()


def test_one_that_is_not_hidden_is_not_said_to_be_back() -> None:
    hub, session_id = hidden_bob()
    hub.say("carol", session_id)
    assert hub.types(session_id)[-1] == EV_TEXT
    assert hidden_participants(hub.state, session_id) == hub.these("bob")


def test_a_word_of_a_hidden_one_that_is_refused_does_not_bring_it_back() -> None:
    hub, session_id = hidden_bob()
    assert hub.unsaid("bob", session_id, to=("alice", "alice")) == "protocol_error"
    assert hidden_participants(hub.state, session_id) == hub.these("bob")


def test_one_that_came_back_can_be_hidden_again() -> None:
    hub, session_id = hidden_bob()
    hub.say("bob", session_id, now_ms=7000)
    hub.say("carol", session_id, now_ms=8000)
    hub.say("alice", session_id, now_ms=9000)
    pass_until(hub, 20_000)
    assert violated(hub) == [(6000, "turn_within", "bob"), (14_000, "turn_within", "bob")]
    assert hidden_participants(hub.state, session_id) == hub.these("bob")


def test_leaving_forgets_that_one_was_hidden() -> None:
    hub, session_id = hidden_bob()
    hub.leave("bob", session_id)
    command = Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=hub.these("bob"))
    hub.value(hub.who("alice"), command)
    hub.answer("bob", session_id)
    assert hidden_participants(hub.state, session_id) == ()


def test_who_is_hidden_survives_restarts_and_snapshots() -> None:
    hub, session_id = hidden_bob()
    through_a_snapshot(hub)
    assert hidden_participants(hub.state, session_id) == hub.these("bob")
    hub.recover(Rounds())
    hub.say("bob", session_id)
    assert hidden_participants(hub.state, session_id) == ()


def test_when_all_are_hidden_whoever_speaks_goes_on() -> None:
    hub = Talks("alice", "bob", adapters=(Rounds(),))
    session_id = hub.opened("alice", "bob", type="rounds", expectations=(expects("turn_within", "hide", 5),))
    pass_until(hub, 20_000)
    assert turns(hub, session_id) == []
    hub.say("bob", session_id)
    assert turns(hub, session_id) == [hub.ids["bob"]]


class Announces(Rounds):
    """Says what it is asked about, where that is a participant that is hidden or back."""

    def on_accepted(self, session: Session, state: Any, envelope: Envelope) -> Any:
        if envelope.event_type in (EV_SESSION_HIDDEN, EV_SESSION_SHOWN):
            return AdapterResult(emit=(Emit(f"told.{envelope.event_type}"),))
        return AdapterResult()


def test_the_protocol_is_asked_what_follows_from_hiding_and_coming_back() -> None:
    hub, session_id = hidden_bob(Announces())
    assert hub.types(session_id)[-2:] == [EV_SESSION_HIDDEN, "told.session.hidden"]
    hub.say("bob", session_id)
    assert hub.types(session_id)[-3:] == [EV_TEXT, EV_SESSION_SHOWN, "told.session.shown"]


class RaisesAt(Rounds):
    """Raises when it folds a word of one type."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at = at

    def fold(self, state: Any, envelope: Envelope) -> Any:
        if envelope.event_type == self.at:
            raise RuntimeError("out of order")
        return super().fold(state, envelope)


def test_a_protocol_that_cannot_fold_a_hiding_sleeps() -> None:
    hub, session_id = hidden_bob(RaisesAt(EV_SESSION_HIDDEN))
    assert hub.state.sessions.entries[session_id].dormant == "its adapter raised RuntimeError: out of order"


def test_a_protocol_that_cannot_fold_a_coming_back_costs_the_sender_a_refusal() -> None:
    hub, session_id = hidden_bob(RaisesAt(EV_SESSION_SHOWN))
    assert hub.unsaid("bob", session_id) == "protocol_error"
    assert hidden_participants(hub.state, session_id) == hub.these("bob")


def test_a_last_word_of_a_hidden_one_ends_the_session_all_the_same() -> None:
    class Ends(Rounds):
        def on_accepted(self, session: Session, state: Any, envelope: Envelope) -> Any:
            over = envelope.event_type == EV_TEXT and envelope.event_data["text"] == "over"
            return AdapterResult("closed", "said") if over else AdapterResult()

    hub, session_id = hidden_bob(Ends())
    hub.say("bob", session_id, "over")
    assert hub.types(session_id)[-3:] == [EV_TEXT, EV_SESSION_SHOWN, EV_SESSION_CLOSED]


def test_asking_who_is_hidden_in_no_session_is_refused() -> None:
    hub, _ = hidden_bob()
    for question in (hidden_participants, violations):
        with pytest.raises(NotFoundError):
            question(hub.state, "demo:s:c999")


def test_a_hidden_one_is_not_hidden_again() -> None:
    hub = Talks("alice", "bob", adapters=(Rounds(),))
    both = (expects("turn_within", "hide", 5), expects("turn_within", "hide", 5))
    session_id = hub.opened("alice", "bob", type="rounds", expectations=both)
    pass_until(hub, 20_000)
    assert hub.types(session_id).count(EV_SESSION_HIDDEN) == 2
    assert len(recorded(hub)) == 2, "the second expectation finds the turn passed on already"


def test_a_word_that_a_handler_made_the_hub_say_is_told_to_the_protocol() -> None:
    hub = Talks("alice", "bob", adapters=(Free(),))
    session_id = hub.opened("alice", "bob", type="free", expectations=(expects("max_silence", "notify_session", 5),))
    pass_until(hub, 10_000)
    heard: Any = hub.state.sessions.talks[session_id].protocol
    assert isinstance(heard, Heard)
    assert heard.event_types[-1] == EV_EXPECTATION_VIOLATED


def test_what_follows_from_a_handlers_word_can_put_the_session_to_sleep() -> None:
    adapter = Broken("on_accepted", EV_EXPECTATION_VIOLATED)
    hub = Talks("alice", "bob", adapters=(adapter,))
    both: tuple[Expectation, ...] = (expects("max_silence", "notify_session", 5), expects("max_silence", "audit", 5))
    session_id = hub.opened("alice", "bob", type="broken", expectations=both)
    pass_until(hub, 10_000)
    assert hub.state.sessions.entries[session_id].dormant is not None
    assert len(recorded(hub)) == 1, "nothing is expected in a session that sleeps"
