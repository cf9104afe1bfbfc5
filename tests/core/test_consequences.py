"""What follows from a word: what a protocol says and closes, and that one that is broken costs nobody but its own session."""

from typing import Any

import pytest

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_TEXT,
    AccessDeniedError,
    AdapterResult,
    AnswerInvite,
    CloseSession,
    Data,
    Dormant,
    Emit,
    Envelope,
    Fact,
    HubConfig,
    Limits,
    NetworkError,
    Rearmed,
    Session,
    Woken,
    expected,
    pending_turns,
)
from foldhub_core.adapters.protocol import NOTHING_FOLLOWS
from foldhub_core.sessions import Faulty
from tests.core.hub_driver import ADMIN
from tests.core.session_driver import Broken, Following, Free, Heard, Talks

NOTE = Emit("vote.note", Data({"a": 1}))


def following(result: AdapterResult, *names: str, **fields: Any) -> tuple[Talks, str]:
    """A hub with a session whose protocol answers every text with this."""
    limits = fields.pop("limits", None)
    hub = Talks(*(names or ("alice", "bob")), adapters=[Following({EV_TEXT: result}, **fields)], limits=limits)
    return hub, hub.opened(*hub.ids, type="following")


# --- what a protocol says


def test_what_a_protocol_says_is_said_by_the_hub_right_behind_the_word() -> None:
    hub, session_id = following(AdapterResult(emit=(NOTE, Emit("vote.end"))))
    asked = hub.say("alice", session_id)
    word, note, end = hub.words(session_id)[-3:]
    assert word == asked
    assert [(one.event_type, one.sender_id, one.audience) for one in (note, end)] == [
        ("vote.note", "demo", None),
        ("vote.end", "demo", None),
    ]
    assert note.event_data == {"a": 1}
    assert [one.number for one in (word, note, end)] == [4, 5, 6]


def test_what_a_protocol_says_is_owed_to_all_and_counts_for_nobody() -> None:
    hub, session_id = following(AdapterResult(emit=(NOTE,)))
    hub.ack_all()
    hub.say("alice", session_id)
    assert hub.owed_types("alice") == ["vote.note"]
    assert hub.owed_types("bob") == [EV_TEXT, "vote.note"]
    assert [hub.count(name) for name in hub.ids] == [0, 1]


def test_a_protocol_may_speak_to_some() -> None:
    hub = Talks("alice", "bob")
    hub.restart(Following({EV_TEXT: AdapterResult(emit=(Emit("vote.note", audience=hub.these("bob")),))}))
    session_id = hub.opened("alice", "bob", type="following")
    hub.ack_all()
    hub.say("alice", session_id)
    assert hub.owed_types("bob") == [EV_TEXT, "vote.note"]
    assert hub.numbers("alice") == ()


def test_a_protocol_may_say_something_and_close() -> None:
    hub, session_id = following(AdapterResult("closed", "counted", (NOTE,)))
    hub.say("alice", session_id)
    assert hub.types(session_id)[-3:] == [EV_TEXT, "vote.note", EV_SESSION_CLOSED]
    assert hub.end(session_id) == {"reason": "counted"}


def test_a_protocol_that_closes_without_a_reason_is_given_one() -> None:
    hub, session_id = following(AdapterResult("closed"))
    hub.say("alice", session_id)
    assert hub.end(session_id) == {"reason": "closed_by_protocol"}


def test_a_protocol_is_asked_about_its_own_words_too() -> None:
    table = {EV_TEXT: AdapterResult(emit=(Emit("one"),)), "one": AdapterResult(emit=(Emit("two"),))}
    hub = Talks("alice", "bob", adapters=[Following({**table, "two": AdapterResult("closed", "said")})])
    session_id = hub.opened("alice", "bob", type="following")
    hub.say("alice", session_id)
    assert hub.types(session_id)[-4:] == [EV_TEXT, "one", "two", EV_SESSION_CLOSED]


def test_a_protocol_folds_the_hubs_words_as_well() -> None:
    hub, session_id = following(AdapterResult(emit=(NOTE,)))
    hub.say("alice", session_id)
    protocol = hub.state.sessions.talks[session_id].protocol
    assert isinstance(protocol, Heard)
    assert list(protocol.event_types) == hub.types(session_id)


# --- it must come to rest


class Counting(Free):
    """After a text it says one word after another until so many are said."""

    def __init__(self, most: int) -> None:
        super().__init__("counting")
        self.most = most

    def on_accepted(self, session: Session, state: Heard, envelope: Envelope) -> AdapterResult:
        begun = EV_TEXT in state.event_types
        return AdapterResult(emit=(Emit("again"),)) if begun and state.event_types.count("again") < self.most else NOTHING_FOLLOWS


@pytest.mark.parametrize(("said", "rests"), [(4, True), (5, False), (9, False)])
def test_a_protocol_that_says_more_than_the_limit_is_refused(said: int, rests: bool) -> None:
    hub = Talks("alice", "bob", adapters=[Counting(said)], limits=Limits(emits=4))
    session_id = hub.opened("alice", "bob", type="counting")
    before = hub.words(session_id)
    if rests:
        hub.say("alice", session_id)
        assert hub.types(session_id).count("again") == said
    else:
        assert hub.unsaid("alice", session_id) == "protocol_error"
        assert hub.words(session_id) == before


@pytest.mark.parametrize(("said", "rests"), [(4, True), (5, False)])
def test_the_limit_holds_for_what_is_said_at_once(said: int, rests: bool) -> None:
    hub, session_id = following(AdapterResult(emit=(NOTE,) * said), limits=Limits(emits=4))
    if rests:
        hub.say("alice", session_id)
    else:
        assert hub.unsaid("alice", session_id) == "protocol_error"


# --- what it may not say


@pytest.mark.parametrize(
    "emit",
    [
        Emit(EV_SESSION_CLOSED),
        Emit("task.cancelled"),
        Emit("x" * 41),
        Emit("note", Data({"a": "x" * 1001})),
        Emit("note", audience=("demo:a:c999",)),
    ],
)
def test_a_protocol_that_says_what_it_may_not_costs_the_sender_a_refusal(emit: Emit) -> None:
    limits = Limits(short_text_chars=40, text_chars=1000)
    hub, session_id = following(AdapterResult(emit=(NOTE, emit)), limits=limits)
    before = hub.words(session_id)
    assert hub.unsaid("alice", session_id) == "protocol_error"
    assert hub.words(session_id) == before


def test_a_protocol_that_speaks_to_one_twice_costs_the_sender_a_refusal() -> None:
    hub = Talks("alice", "bob")
    hub.restart(Following({EV_TEXT: AdapterResult(emit=(Emit("vote.note", audience=hub.these("bob", "bob")),))}))
    assert hub.unsaid("alice", hub.opened("alice", "bob", type="following")) == "protocol_error"


class WrongAnswer(Free):
    """Answers a text with what is no answer."""

    wrong: Any = "closed"

    def on_accepted(self, session: Session, state: Heard, envelope: Envelope) -> AdapterResult:
        wrong: AdapterResult = self.wrong
        return wrong if envelope.event_type == EV_TEXT else NOTHING_FOLLOWS


def test_an_answer_of_the_wrong_type_costs_the_sender_a_refusal() -> None:
    hub = Talks("alice", "bob", adapters=[WrongAnswer()])
    session_id = hub.opened("alice", "bob", type="free")
    assert hub.unsaid("alice", session_id) == "protocol_error"


# --- a protocol that raises where somebody speaks


@pytest.mark.parametrize("place", ["validate_send", "fold", "on_accepted", "next_deadline"])
def test_a_protocol_that_raises_costs_the_sender_a_refusal_and_nothing_else(place: str) -> None:
    hub = Talks("alice", "bob", adapters=[Broken(place, "bad")])
    session_id = hub.opened("alice", "bob", type="broken")
    before = (hub.state.sessions, hub.state.mailboxes, hub.state.agenda)
    assert hub.unsaid("alice", session_id, event_type="bad") == "protocol_error"
    refusal = hub.log[-1].refusal
    assert refusal is not None
    assert "RuntimeError: out of order" in refusal.message
    assert (hub.state.sessions, hub.state.mailboxes, hub.state.agenda) == before
    hub.say("alice", session_id)


@pytest.mark.parametrize("place", ["fold", "on_accepted"])
def test_a_refusal_raised_where_none_can_be_given_is_a_fault_too(place: str) -> None:
    hub = Talks("alice", "bob", adapters=[Broken(place, "bad", NetworkError("no"))])
    session_id = hub.opened("alice", "bob", type="broken")
    assert hub.unsaid("alice", session_id, event_type="bad") == "protocol_error"


@pytest.mark.parametrize("text", ["\ud800", "a\nb", "x" * 5000])
@pytest.mark.parametrize("place", ["validate_send", "fold", "on_accepted"])
def test_whatever_text_a_protocol_raises_with_is_told_in_plain_characters(place: str, text: str) -> None:
    hub = Talks("alice", "bob", adapters=[Broken(place, "bad", RuntimeError(text))])
    session_id = hub.opened("alice", "bob", type="broken")
    assert hub.unsaid("alice", session_id, event_type="bad") == "protocol_error"
    refusal = hub.log[-1].refusal
    assert refusal is not None
    assert refusal.message.isprintable()
    assert len(refusal.message) < 400


class Unsayable(Exception):
    """Cannot even say what it is about."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Unbuilt(NetworkError):
    """A refusal by its class alone."""

    def __init__(self) -> None:
        pass


@pytest.mark.parametrize("error", [Unsayable(), Unbuilt()])
def test_an_error_that_cannot_be_told_is_refused_all_the_same(error: Exception) -> None:
    hub = Talks("alice", "bob", adapters=[Broken("validate_send", "bad", error)])
    session_id = hub.opened("alice", "bob", type="broken")
    assert hub.unsaid("alice", session_id, event_type="bad") == "protocol_error"


@pytest.mark.parametrize("place", ["validate_create", "validate_send"])
def test_a_refusal_that_cannot_be_written_down_is_a_fault(place: str) -> None:
    hub = Talks(
        "alice", "bob", adapters=[Broken(place, "" if place == "validate_create" else "bad", AccessDeniedError("\ud800"))]
    )
    if place == "validate_create":
        assert hub.refused(hub.who("alice"), hub.opening("alice", "bob", type="broken")) == "protocol_error"
    else:
        assert hub.unsaid("alice", hub.opened("alice", "bob", type="broken"), event_type="bad") == "protocol_error"


class WrongState(Free):
    """Folds a text to what is not its state."""

    wrong: Any = ("a", "b")

    def fold(self, state: Heard, envelope: Envelope) -> Heard:
        folded: Heard = self.wrong
        return folded if envelope.event_type == EV_TEXT else super().fold(state, envelope)


def test_a_state_of_the_wrong_type_costs_the_sender_a_refusal() -> None:
    hub = Talks("alice", "bob", adapters=[WrongState()])
    session_id = hub.opened("alice", "bob", type="free")
    assert hub.unsaid("alice", session_id) == "protocol_error"
    hub.say("alice", session_id, event_type="note")


class WrongDeadline(Free):
    """After a text it waits for what is no time."""

    def __init__(self, wrong: object) -> None:
        super().__init__()
        self.wrong: Any = wrong

    def next_deadline(self, session: Session, state: Heard) -> int | None:
        wrong: int = self.wrong
        return wrong if state.event_types[-1] == EV_TEXT else None


@pytest.mark.parametrize("wrong", ["soon", 1.5, True, 2**63])
def test_a_deadline_that_is_no_time_costs_the_sender_a_refusal(wrong: object) -> None:
    hub = Talks("alice", "bob", adapters=[WrongDeadline(wrong)])
    session_id = hub.opened("alice", "bob", type="free")
    assert hub.unsaid("alice", session_id) == "protocol_error"


# --- a protocol that raises where nobody can be refused


def asleep(place: str = "on_accepted", **fields: Any) -> tuple[Talks, str]:
    """A hub with a session whose protocol broke when carol left it."""
    hub = Talks("alice", "bob", "carol", adapters=[Broken(place, EV_SESSION_LEFT, **fields)])
    session_id = hub.opened("alice", "bob", "carol", type="broken")
    hub.leave("carol", session_id)
    return hub, session_id


@pytest.mark.parametrize("place", ["fold", "on_accepted", "next_deadline"])
def test_at_a_leaver_it_makes_the_session_dormant(place: str) -> None:
    hub, session_id = asleep(place)
    reason = "its adapter raised RuntimeError: out of order"
    assert hub.log[-1].facts[-1] == Dormant(session_id, reason)
    assert hub.state.sessions.entries[session_id].dormant == reason


def test_at_an_agent_that_is_unregistered_it_makes_the_session_dormant() -> None:
    hub = Talks("alice", "bob", adapters=[Broken("fold", EV_SESSION_LEFT)])
    session_id = hub.opened("alice", "bob", type="broken")
    hub.unregister("bob")
    assert hub.state.sessions.entries[session_id].dormant is not None


def test_at_one_that_leaves_before_it_opened_it_makes_the_session_dormant() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Broken("fold", EV_SESSION_LEFT)])
    session_id = hub.pending("alice", "bob", "carol", type="broken", required_acks=1)
    hub.leave("carol", session_id)
    assert hub.state.sessions.entries[session_id].dormant is not None


def test_a_dormant_session_can_be_read() -> None:
    hub, session_id = asleep("fold")
    assert [one.agent_id for one in hub.session(session_id).participants] == list(hub.these("alice", "bob"))
    assert hub.state.sessions.talks[session_id].protocol == Faulty("raised RuntimeError: out of order")
    assert expected(hub.config, hub.state, session_id) == ()


@pytest.mark.parametrize("place", ["fold", "on_accepted"])
def test_a_dormant_session_is_silent(place: str) -> None:
    hub, session_id = asleep(place)
    assert hub.unsaid("alice", session_id) == "protocol_error"
    refusal = hub.log[-1].refusal
    assert refusal is not None
    assert refusal.where == "session_id"
    assert "out of order" in refusal.message


def test_the_administrator_closes_a_dormant_session() -> None:
    hub, session_id = asleep("fold")
    hub.value(ADMIN, CloseSession(session_id=session_id))
    assert hub.end(session_id) == {"reason": "explicit_close"}


def test_a_dormant_session_expires() -> None:
    hub, session_id = asleep("fold")
    hub.tick_until_rest(40_000)
    assert hub.is_live(session_id)
    hub.tick_until_rest(3 * 3600 * 1000)
    assert hub.end(session_id) == {"reason": "ttl_expired"}


def test_agents_leave_a_dormant_session_and_it_closes_when_too_few_are_left() -> None:
    hub, session_id = asleep("fold", least=2)
    assert hub.is_live(session_id)
    hub.leave("bob", session_id)
    assert hub.end(session_id)["reason"] == "participant_left"


@pytest.mark.parametrize("accept", [True, False])
def test_the_invited_may_answer_a_dormant_session(accept: bool) -> None:
    hub = Talks("alice", "bob", "carol", "dave", adapters=[Broken("fold", EV_SESSION_LEFT)])
    session_id = hub.pending("alice", "bob", "carol", "dave", type="broken", required_acks=1)
    for name in ("bob",):
        hub.answer(name, session_id)
    hub.leave("carol", session_id)
    hub.value(hub.who("dave"), AnswerInvite(session_id=session_id, agent_id=hub.ids["dave"], accept=accept))
    assert hub.session(session_id).pending_acks == ()
    assert (hub.ids["dave"] in hub.state.sessions.entries[session_id].members) is accept


def test_other_sessions_of_its_agents_go_on() -> None:
    hub, _ = asleep("fold")
    hub.say("alice", hub.opened("alice", "bob"))


# --- deadlines


class Timed(Free):
    """Waits so long from its opening for a text; then it does what it is told."""

    def __init__(self, result: Any, wait_ms: int = 500) -> None:
        super().__init__("timed")
        self.result = result
        self.wait_ms = wait_ms

    def next_deadline(self, session: Session, state: Heard) -> int | None:
        if "passed" in state.event_types or EV_TEXT in state.event_types:
            return None
        return session.created_at_ms + self.wait_ms

    def on_deadline(self, session: Session, state: Heard, now_ms: int) -> AdapterResult:
        if isinstance(self.result, Exception):
            raise self.result
        result: AdapterResult = self.result
        return result


def timed(result: Any, **fields: Any) -> tuple[Talks, str]:
    """A hub with a timed session opened at 1000, due at 1500."""
    hub = Talks("alice", "bob", adapters=[Timed(result, **fields)])
    return hub, hub.opened("alice", "bob", type="timed", now_ms=1000, ttl=0)


PASSED = Emit("passed")


def test_a_protocol_is_asked_when_its_deadline_has_come() -> None:
    hub, session_id = timed(AdapterResult(emit=(PASSED,)))
    hub.tick_until_rest(1499)
    assert "passed" not in hub.types(session_id)
    hub.tick_until_rest(1500)
    assert hub.types(session_id)[-1] == "passed"
    assert hub.is_live(session_id)


def test_a_deadline_that_has_passed_comes_no_more() -> None:
    hub, session_id = timed(AdapterResult(emit=(PASSED,)))
    hub.tick_until_rest(1500)
    hub.tick_until_rest(90_000)
    assert hub.types(session_id).count("passed") == 1
    assert session_id not in hub.state.agenda.by_subject


def test_a_deadline_that_was_met_is_looked_at_in_vain() -> None:
    hub, session_id = timed(AdapterResult(emit=(PASSED,)))
    hub.say("alice", session_id, now_ms=1400)
    hub.tick(1500)
    assert hub.log[-1].facts == (Rearmed("session", session_id, None),)


def test_a_protocol_may_close_at_its_deadline() -> None:
    hub, session_id = timed(AdapterResult("closed", "too_late", (PASSED,)))
    hub.tick_until_rest(1500)
    assert hub.types(session_id)[-2:] == ["passed", EV_SESSION_CLOSED]
    assert hub.end(session_id) == {"reason": "too_late"}


def test_a_protocol_that_closes_at_its_deadline_without_a_reason_is_given_one() -> None:
    hub, session_id = timed(AdapterResult("closed"))
    hub.tick_until_rest(1500)
    assert hub.end(session_id) == {"reason": "closed_by_protocol"}


@pytest.mark.parametrize("after", [AdapterResult("closed", "counted"), AdapterResult(emit=(Emit("end"),))])
def test_what_follows_from_what_is_said_at_a_deadline_follows(after: AdapterResult) -> None:
    class Both(Timed):
        def on_accepted(self, session: Session, state: Heard, envelope: Envelope) -> AdapterResult:
            return after if envelope.event_type == "passed" else NOTHING_FOLLOWS

    hub = Talks("alice", "bob", adapters=[Both(AdapterResult("closed", "too_late", (PASSED, Emit("more"))))])
    session_id = hub.opened("alice", "bob", type="timed", now_ms=1000, ttl=0)
    hub.tick_until_rest(1500)
    assert hub.end(session_id) == {"reason": after.auto_close_reason or "too_late"}


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (NOTHING_FOLLOWS, "its adapter waits for a deadline that does not move on"),
        (AdapterResult(emit=(Emit("note"),)), "its adapter waits for a deadline that does not move on"),
        (RuntimeError("lost"), "its adapter raised RuntimeError: lost"),
        ("closed", "its adapter answered with str 'closed' where an AdapterResult was expected"),
        (
            AdapterResult(emit=(Emit(EV_SESSION_OPENED),)),
            f"its adapter may not make the hub's own events, as str '{EV_SESSION_OPENED}'",
        ),
    ],
    ids=["nothing", "a word that is not enough", "raises", "no answer", "a hub event"],
)
def test_a_protocol_that_cannot_pass_its_deadline_makes_the_session_dormant(result: Any, reason: str) -> None:
    hub, session_id = timed(result)
    hub.tick_until_rest(1500)
    assert hub.state.sessions.entries[session_id].dormant == reason
    assert sum(isinstance(fact, Dormant) for fact in hub.log[-1].facts) == 1


def test_a_dormant_session_waits_for_no_deadline() -> None:
    hub, session_id = timed(NOTHING_FOLLOWS)
    hub.tick_until_rest(1500)
    commits = len(hub.log)
    hub.tick_until_rest(90_000)
    assert len(hub.log) == commits
    assert session_id not in hub.state.agenda.by_subject


@pytest.mark.parametrize("end", [NOTHING_FOLLOWS, AdapterResult("closed", "too_late")])
def test_what_is_said_at_a_deadline_and_breaks_the_protocol_makes_the_session_dormant_once(end: AdapterResult) -> None:
    class Breaking(Timed):
        def fold(self, state: Heard, envelope: Envelope) -> Heard:
            if envelope.event_type == "passed":
                raise RuntimeError("lost")
            return super().fold(state, envelope)

    hub = Talks("alice", "bob", adapters=[Breaking(AdapterResult(end.next_state, end.auto_close_reason, (PASSED, PASSED)))])
    session_id = hub.opened("alice", "bob", type="timed", now_ms=1000, ttl=0)
    hub.tick_until_rest(1500)
    assert hub.state.sessions.entries[session_id].dormant == "its adapter raised RuntimeError: lost"
    assert sum(isinstance(fact, Dormant) for fact in hub.log[-1].facts) == 1


def test_a_deadline_before_the_opening_is_asked_for_after_it() -> None:
    hub = Talks("alice", "bob", adapters=[Timed(AdapterResult(emit=(PASSED,)), 5)])
    session_id = hub.pending("alice", "bob", type="timed", now_ms=1000)
    hub.tick_until_rest(2000)
    assert "passed" not in hub.types(session_id)
    hub.answer("bob", session_id)
    hub.tick_until_rest(2002)
    assert hub.types(session_id)[-1] == "passed"


def test_an_adapter_that_is_missing_without_a_start_makes_the_session_dormant_at_its_deadline() -> None:
    hub, session_id = timed(AdapterResult(emit=(PASSED,)))
    hub.config = HubConfig()
    hub.tick_until_rest(1500)
    assert hub.state.sessions.entries[session_id].dormant == "its adapter is missing"


def test_the_end_of_a_session_comes_before_its_deadline() -> None:
    hub = Talks("alice", "bob", adapters=[Timed(AdapterResult("closed", "too_late"), 60_000)])
    session_id = hub.opened("alice", "bob", type="timed", ttl=60, now_ms=1000)
    hub.tick_until_rest(61_000)
    assert hub.end(session_id) == {"reason": "ttl_expired"}


# --- waking


def marks_of(hub: Talks) -> tuple[Fact, ...]:
    """What the last start made of the sessions."""
    return hub.log[-1].facts[1:]


def test_a_session_whose_protocol_was_mended_wakes_at_the_next_start() -> None:
    hub, session_id = asleep("fold")
    hub.recover(Broken("nowhere"))
    assert marks_of(hub) == (Woken(session_id),)
    hub.say("alice", session_id)


def test_a_session_whose_protocol_is_as_broken_as_before_stays_dormant() -> None:
    hub, session_id = asleep("fold")
    hub.recover(Broken("fold", EV_SESSION_LEFT))
    assert len(hub.log[-1].facts) == 1
    assert hub.state.sessions.entries[session_id].dormant is not None


def test_a_session_whose_protocol_is_missing_is_dormant_from_the_start() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.recover()
    assert marks_of(hub) == (Dormant(session_id, "its adapter is missing"),)
    hub.recover(Free())
    assert marks_of(hub) == (Woken(session_id),)
    hub.say("alice", session_id)


@pytest.mark.parametrize("place", ["initial_state", "fold"])
def test_a_session_whose_protocol_raises_now_at_its_first_word_is_dormant_from_the_start(place: str) -> None:
    hub = Talks("alice", "bob", adapters=[Broken("nowhere")])
    session_id = hub.opened("alice", "bob", type="broken")
    hub.recover(Broken(place, "" if place == "initial_state" else "session.invited"))
    assert marks_of(hub) == (Dormant(session_id, "its adapter raised RuntimeError: out of order"),)


def test_words_of_a_session_whose_protocol_is_missing_are_folded_as_far_as_they_can_be() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.restart()
    hub.leave("carol", session_id)
    assert hub.state.sessions.talks[session_id].protocol == Faulty("is missing")
    assert hub.state.sessions.entries[session_id].dormant == "its adapter is missing"
    assert len(hub.session(session_id).participants) == 2


def test_a_hub_that_goes_on_without_an_adapter_makes_its_sessions_dormant_until_it_is_there_again() -> None:
    hub, session_id = timed(AdapterResult(emit=(PASSED,)))
    hub.restart()
    assert marks_of(hub) == (Dormant(session_id, "its adapter is missing"),)
    hub.tick_until_rest(1500)
    hub.restart()
    assert len(hub.log[-1].facts) == 1, "it is as dormant as before"
    hub.restart(Timed(AdapterResult(emit=(PASSED,))))
    assert marks_of(hub) == (Woken(session_id),)
    hub.tick_until_rest(1501)
    assert hub.types(session_id)[-1] == "passed"


def test_a_start_without_an_adapter_wakes_nobody() -> None:
    hub, session_id = timed(NOTHING_FOLLOWS)
    hub.tick_until_rest(1500)
    reason = hub.state.sessions.entries[session_id].dormant
    hub.restart()
    assert hub.state.sessions.entries[session_id].dormant == reason


def test_a_session_that_wakes_waits_for_its_deadline_again() -> None:
    hub, session_id = timed(RuntimeError("lost"))
    hub.tick_until_rest(1500)
    hub.restart(Timed(AdapterResult(emit=(PASSED,)), 2000))
    assert marks_of(hub) == (Woken(session_id),)
    hub.tick_until_rest(3000)
    assert hub.types(session_id)[-1] == "passed"


def test_a_session_whose_deadline_cannot_be_told_does_not_wake() -> None:
    class Untold(Timed):
        def next_deadline(self, session: Session, state: Heard) -> int | None:
            raise RuntimeError("untold")

    hub, session_id = timed(RuntimeError("lost"))
    hub.tick_until_rest(1500)
    hub.restart(Untold(NOTHING_FOLLOWS))
    assert marks_of(hub) == (Woken(session_id), Dormant(session_id, "its adapter raised RuntimeError: untold"))


def test_a_broken_protocol_owes_nobody_a_turn_and_hides_no_other() -> None:
    class Unsaid(Free):
        def expected_next(self, session: Session, state: Heard) -> tuple[Any, ...]:
            raise RuntimeError("unsaid")

    hub = Talks("alice", "bob", adapters=[Unsaid()])
    broken = hub.opened("alice", "bob", type="free")
    whole = hub.opened("alice", "bob", type="consulting")
    assert expected(hub.config, hub.state, broken) == ()
    assert [turn.session_id for turn in pending_turns(hub.config, hub.state, hub.ids["alice"])] == [whole]
