"""Conversation: two agents talk as they like."""

import pytest

from foldhub_core import (
    EV_PACKET,
    EV_SESSION_JOINED,
    EV_TEXT,
    ConversationAdapter,
    ConversationState,
    Envelope,
    Participant,
    ProtocolError,
    Reply,
    Session,
    expected,
    pending_turns,
    protocol_state,
)
from foldhub_core.adapters.protocol import NOTHING_FOLLOWS
from tests.core.session_driver import Talks

ADAPTER = ConversationAdapter()
SESSION = Session("s", ADAPTER.manifest, "ada", (Participant("ada", "initiator"), Participant("bob", "respondent", 1)))
BEGIN = ConversationState()
LATER = ConversationState(3, "ada", "e3")


def word(sender_id: str, event_type: str = EV_TEXT) -> Envelope:
    return Envelope("s", sender_id, event_type, {"text": "hi"}, envelope_id="e9", created_at_ms=7)


def test_its_manifest_is_the_references() -> None:
    manifest = ADAPTER.manifest
    assert (manifest.type, manifest.version, manifest.default_view_policy) == ("conversation", 1, "windowed_summary")
    assert (manifest.participants.min, manifest.participants.max) == (2, 2)
    assert [(one.name, one.on_violation, one.params) for one in manifest.expectations] == [
        ("max_silence", "audit", {"seconds": 3600}),
    ]
    assert manifest.may_close == ("creator", "participant")


def test_at_its_beginning_nothing_was_said() -> None:
    assert ADAPTER.initial_state(SESSION) == BEGIN


@pytest.mark.parametrize("state", [BEGIN, LATER])
@pytest.mark.parametrize("sender", ["ada", "bob"])
def test_either_may_speak_at_any_time(state: ConversationState, sender: str) -> None:
    ADAPTER.validate_send(SESSION, state, word(sender))


@pytest.mark.parametrize("event_type", [EV_PACKET, "note"])
def test_nothing_but_texts_may_be_said(event_type: str) -> None:
    with pytest.raises(ProtocolError, match=r"expected message\.text") as refused:
        ADAPTER.validate_send(SESSION, BEGIN, word("ada", event_type))
    assert refused.value.where == "event_type"


def test_texts_are_counted_and_the_last_is_kept() -> None:
    assert ADAPTER.fold(LATER, word("bob")) == ConversationState(4, "bob", "e9")


def test_the_hubs_words_mean_nothing_to_it() -> None:
    assert ADAPTER.fold(LATER, word("hub", EV_SESSION_JOINED)) is LATER


@pytest.mark.parametrize("state", [BEGIN, LATER])
def test_nothing_follows_and_nobody_owes_a_turn(state: ConversationState) -> None:
    assert ADAPTER.on_accepted(SESSION, state, word("bob")) == NOTHING_FOLLOWS
    assert ADAPTER.expected_next(SESSION, state) == ()
    assert ADAPTER.next_deadline(SESSION, state) is None


def test_any_session_that_fits_the_bounds_can_be_made() -> None:
    ADAPTER.validate_create(SESSION)


def test_in_a_hub_they_talk_until_one_of_them_closes_it() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    for name in ("bob", "bob", "alice"):
        last = hub.say(name, session_id)
    assert protocol_state(hub.state, session_id) == ConversationState(3, hub.ids["alice"], last.envelope_id)
    assert expected(hub.config, hub.state, session_id) == ()
    assert [pending_turns(hub.config, hub.state, one) for one in hub.these("alice", "bob")] == [(), ()]
    (answer, *_) = hub.close("bob", session_id, reason="enough")
    assert isinstance(answer, Reply)
    assert hub.end(session_id) == {"reason": "enough"}
