"""Discussion: everybody in turn, round and round, until it is closed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldhub_core import (
    EV_PACKET,
    EV_SESSION_HIDDEN,
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_SESSION_SHOWN,
    EV_TEXT,
    DiscussionAdapter,
    DiscussionState,
    Envelope,
    ExpectedTurn,
    Invite,
    Participant,
    PendingTurn,
    ProtocolError,
    Session,
    changed,
    expected,
    pending_turns,
    read_snapshot,
    take_snapshot,
)
from foldhub_core.adapters.protocol import NOTHING_FOLLOWS
from tests.core.session_driver import Talks

ADAPTER = DiscussionAdapter()
SESSION = Session("s", ADAPTER.manifest, "bob", (Participant("ada"), Participant("bob", "initiator", 1), Participant("cy")))


def word(event_type: str, **data: Any) -> Envelope:
    """A word of the hub, as the only one at its time."""
    return Envelope("s", "hub", event_type, data, envelope_id=f"e-{event_type}", created_at_ms=9)


def after(*words: tuple[str, str] | str, present: tuple[str, ...] = ("ada", "bob", "cy")) -> DiscussionState:
    """The state after an opening and these: texts by their senders, hub's words by type and agent."""
    state = ADAPTER.fold(ADAPTER.initial_state(SESSION), word(EV_SESSION_OPENED, participants=present))
    for one in words:
        if isinstance(one, str):
            state = ADAPTER.fold(state, Envelope("s", one, EV_TEXT, {"text": "hi"}, envelope_id=f"e-{one}", created_at_ms=7))
        else:
            state = ADAPTER.fold(state, word(one[0], agent_id=one[1]))
    return state


def hidden(agent_id: str) -> tuple[str, str]:
    return EV_SESSION_HIDDEN, agent_id


def shown(agent_id: str) -> tuple[str, str]:
    return EV_SESSION_SHOWN, agent_id


def left(agent_id: str) -> tuple[str, str]:
    return EV_SESSION_LEFT, agent_id


def joined(agent_id: str) -> tuple[str, str]:
    return EV_SESSION_JOINED, agent_id


def test_its_manifest_is_the_references() -> None:
    manifest = ADAPTER.manifest
    assert (manifest.type, manifest.version, manifest.default_view_policy) == ("discussion", 1, "named_windowed_summary")
    assert (manifest.participants.min, manifest.participants.max) == (2, None)
    assert [(one.name, one.on_violation, one.params) for one in manifest.expectations] == [
        ("turn_within", "warn", {"seconds": 120}),
        ("turn_within", "hide", {"seconds": 600}),
    ]
    assert (manifest.information, manifest.may_close) == ((), ("creator",))


@pytest.mark.parametrize("ordering", ["random", "Round_Robin", 1, None, ["round_robin"]])
def test_no_other_ordering_is_known(ordering: object) -> None:
    with pytest.raises(ProtocolError, match="round_robin") as refused:
        ADAPTER.validate_create(changed(SESSION, knobs={"ordering": ordering}))
    assert refused.value.where == "knobs.ordering"


@pytest.mark.parametrize("knobs", [{}, {"ordering": "round_robin"}])
def test_the_order_is_round_robin_unless_it_is_said_otherwise(knobs: dict[str, object]) -> None:
    ADAPTER.validate_create(changed(SESSION, knobs=knobs))


def test_before_the_opening_nobody_owes_a_turn_and_who_joins_comes_in_its_place() -> None:
    state = ADAPTER.initial_state(SESSION)
    for agent_id in ("cy", "ada"):
        state = ADAPTER.fold(state, word(EV_SESSION_JOINED, agent_id=agent_id))
    assert ADAPTER.expected_next(SESSION, state) == ()
    assert ADAPTER.fold(state, word(EV_SESSION_OPENED, participants=("ada", "bob", "cy"))).order == ("ada", "bob", "cy")


def test_the_creator_begins_and_nobodys_word_was_the_reason() -> None:
    assert ADAPTER.expected_next(SESSION, after()) == (ExpectedTurn("bob", None, 9),)


def test_after_a_text_the_next_in_the_list_owes_one_by_it() -> None:
    assert ADAPTER.expected_next(SESSION, after("bob")) == (ExpectedTurn("cy", "e-bob", 7),)


def test_a_text_is_counted_and_kept() -> None:
    state = after("bob", "cy")
    assert (state.turn_count, state.last_speaker_id, state.last_envelope_id) == (2, "cy", "e-cy")


@pytest.mark.parametrize(
    ("words", "turn"),
    [
        ((), "bob"),
        (("bob",), "cy"),
        (("bob", "cy"), "ada"),
        (("bob", "cy", "ada"), "bob"),
        # who leaves
        ((left("bob"),), "cy"),
        ((left("ada"),), "bob"),
        (("bob", left("cy")), "ada"),
        (("bob", "cy", left("cy")), "ada"),
        ((left("dan"),), "bob"),
        # who joins late
        ((joined("dan"), "bob", "cy"), "dan"),
        ((joined("dan"), "bob", "cy", "dan"), "ada"),
        ((joined("ada"), "bob", "cy", "ada"), "bob"),
        ((left("ada"), joined("ada"), "bob", "cy"), "ada"),
        # who is hidden
        ((hidden("bob"),), "cy"),
        ((hidden("cy"), "bob"), "ada"),
        ((hidden("cy"), hidden("cy"), "bob"), "ada"),
        ((hidden("dan"), "bob"), "cy"),
        (("bob", hidden("cy"), "ada", "bob"), "ada"),
        (("bob", hidden("cy"), "cy"), "ada"),
        (("bob", hidden("cy"), "cy", shown("cy"), "ada", "bob"), "cy"),
        (("bob", hidden("cy"), left("cy")), "ada"),
        ((shown("bob"),), "bob"),
        # all of them
        ((hidden("ada"), hidden("cy"), hidden("bob")), None),
        ((hidden("ada"), hidden("cy"), hidden("bob"), "ada"), None),
        ((hidden("ada"), hidden("cy"), hidden("bob"), "ada", shown("ada")), "ada"),
        ((hidden("ada"), hidden("cy"), hidden("bob"), left("bob")), None),
        ((hidden("ada"), hidden("cy"), hidden("bob"), joined("dan")), "dan"),
        ((hidden("ada"), hidden("cy"), left("bob")), None),
    ],
)
def test_whose_turn_it_is(words: tuple[Any, ...], turn: str | None) -> None:
    assert after(*words).turn_id == turn


def test_a_turn_that_passed_is_owed_by_the_word_that_passed_it() -> None:
    assert ADAPTER.expected_next(SESSION, after(left("bob"))) == (ExpectedTurn("cy", "e-session.left", 9),)
    assert ADAPTER.expected_next(SESSION, after(hidden("bob"))) == (ExpectedTurn("cy", "e-session.hidden", 9),)


def test_nobody_owes_a_turn_while_all_are_hidden() -> None:
    assert ADAPTER.expected_next(SESSION, after(hidden("ada"), hidden("bob"), hidden("cy"))) == ()


def test_a_hidden_ones_text_is_counted_and_moves_no_turn() -> None:
    before, state = after(hidden("cy")), after(hidden("cy"), "cy")
    assert (state.turn_count, state.last_speaker_id) == (1, "cy")
    assert ADAPTER.expected_next(SESSION, state) == ADAPTER.expected_next(SESSION, before)


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        ((), ("bob",)),
        (("bob",), ("cy",)),
        ((hidden("ada"),), ("ada", "bob")),
        ((hidden("ada"), hidden("bob"), hidden("cy")), ("ada", "bob", "cy")),
    ],
)
def test_who_may_speak(words: tuple[Any, ...], allowed: tuple[str, ...]) -> None:
    state = after(*words)
    for agent_id in ("ada", "bob", "cy"):
        try:
            ADAPTER.validate_send(SESSION, state, Envelope("s", agent_id, EV_TEXT, {"text": "hi"}))
        except ProtocolError:
            assert agent_id not in allowed
        else:
            assert agent_id in allowed


@pytest.mark.parametrize("event_type", [EV_PACKET, "note"])
def test_nothing_but_texts_may_be_said(event_type: str) -> None:
    with pytest.raises(ProtocolError, match=r"expected message\.text") as refused:
        ADAPTER.validate_send(SESSION, after(), Envelope("s", "bob", event_type))
    assert refused.value.where == "event_type"


def test_an_invitation_means_nothing_to_it() -> None:
    state = after()
    assert ADAPTER.fold(state, word(EV_SESSION_INVITE, participants=("dan",), names=("dan",))) is state


def test_it_never_ends_of_itself() -> None:
    assert ADAPTER.on_accepted(SESSION, after("bob"), word(EV_TEXT)) == NOTHING_FOLLOWS


AGENTS = st.sampled_from(["ada", "bob", "cy", "dan"])
MOVES = st.tuples(st.sampled_from([EV_SESSION_HIDDEN, EV_SESSION_SHOWN, EV_SESSION_LEFT, EV_SESSION_JOINED]), AGENTS)


@given(st.lists(AGENTS | MOVES, max_size=12))
def test_a_turn_is_owed_exactly_while_somebody_can_be_seen_and_by_such_a_one(words: list[Any]) -> None:
    state = after()
    for one in words:
        gone = isinstance(one, str) and one not in state.order
        if not gone and state.order:  # the hub lets nobody speak who is not there, and closes a session that all have left
            state = ADAPTER.fold(
                state,
                Envelope("s", one, EV_TEXT) if isinstance(one, str) else word(one[0], agent_id=one[1]),
            )
        visible = [agent_id for agent_id in state.order if agent_id not in state.hidden]
        assert (state.turn_id in visible) if visible else state.turn_id is None
        assert len(set(state.order)) == len(state.order)
        assert set(state.hidden) <= set(state.order)


# --- in a hub


def discussion(*names: str, **fields: Any) -> tuple[Talks, str]:
    hub = Talks("alice", "bob", "carol", "dave")
    return hub, hub.opened(*(names or ("alice", "bob", "carol")), type="discussion", **fields)


def test_in_a_hub_they_speak_in_turn() -> None:
    hub, session_id = discussion()
    assert hub.unsaid("bob", session_id) == "protocol_error"
    for name in ("alice", "bob", "carol", "alice"):
        last = hub.say(name, session_id)
    bob = hub.ids["bob"]
    assert expected(hub.config, hub.state, session_id) == (ExpectedTurn(bob, last.envelope_id, last.created_at_ms),)
    assert pending_turns(hub.config, hub.state, bob) == (PendingTurn(session_id, last.envelope_id, last.created_at_ms),)


def test_in_a_hub_the_creator_begins_wherever_it_is_listed() -> None:
    hub = Talks("alice", "bob", "carol")
    session_id = hub.pending("bob", "alice", "bob", "carol", type="discussion")
    for name in ("alice", "carol"):
        hub.answer(name, session_id)
    for name in ("bob", "carol", "alice", "bob"):
        hub.say(name, session_id)


def test_in_a_hub_a_leavers_turn_passes_and_too_few_end_it() -> None:
    hub, session_id = discussion()
    hub.say("alice", session_id)
    hub.leave("bob", session_id)
    hub.say("carol", session_id)
    hub.leave("carol", session_id)
    assert hub.end(session_id) == {"reason": "participant_left", "agent_id": hub.ids["carol"]}


def test_in_a_hub_who_answers_late_speaks_last() -> None:
    hub = Talks("alice", "bob", "carol", "dave")
    session_id = hub.pending("alice", "bob", "carol", type="discussion", required_acks=1)
    hub.answer("carol", session_id)
    hub.value(hub.who("alice"), Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=hub.these("dave")))
    hub.say("alice", session_id)
    hub.answer("dave", session_id)
    hub.answer("bob", session_id)
    for name in ("carol", "dave", "bob", "alice"):
        hub.say(name, session_id)
    assert read_snapshot(hub.config, take_snapshot(hub.state)) == hub.state


def test_in_a_hub_two_are_needed_and_the_ordering_is_checked() -> None:
    hub = Talks("alice", "bob")
    assert hub.refused(hub.who("alice"), hub.opening("alice", "alice", type="discussion")) == "protocol_error"
    opening = hub.opening("alice", "bob", type="discussion", knobs={"ordering": "dynamic"})
    assert hub.refused(hub.who("alice"), opening) == "protocol_error"
