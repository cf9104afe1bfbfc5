"""Consulting: one question, one reply, over."""

import pytest

from foldhub_core import (
    EV_PACKET,
    EV_SESSION_CLOSED,
    EV_SESSION_JOINED,
    EV_TEXT,
    AdapterResult,
    ConsultingAdapter,
    ConsultingState,
    Envelope,
    ExpectedTurn,
    Participant,
    PendingTurn,
    ProtocolError,
    Session,
    expected,
    pending_turns,
    protocol_state,
)
from foldhub_core.adapters.protocol import NOTHING_FOLLOWS
from tests.core.session_driver import Talks

ADAPTER = ConsultingAdapter()
SESSION = Session("s", ADAPTER.manifest, "ada", (Participant("ada", "initiator"), Participant("bob", "respondent", 1)))
BEGIN = ConsultingState()
ASKED = ConsultingState("e1", 5)
DONE = ConsultingState("e1", 5, "e2")


def word(sender_id: str, event_type: str = EV_TEXT, envelope_id: str = "e9", at_ms: int = 7) -> Envelope:
    return Envelope("s", sender_id, event_type, {"text": "hi"}, envelope_id=envelope_id, created_at_ms=at_ms)


def consulting() -> tuple[Talks, str]:
    hub = Talks("alice", "bob", "carol")
    return hub, hub.opened("alice", "bob", type="consulting", now_ms=50)


def test_its_manifest_is_the_references() -> None:
    manifest = ADAPTER.manifest
    assert (manifest.type, manifest.version, manifest.default_view_policy) == ("consulting", 1, "full_transcript")
    assert (manifest.participants.min, manifest.participants.max) == (2, 2)
    assert [(one.name, one.on_violation, one.params) for one in manifest.expectations] == [
        ("acks_within", "auto_close", {"seconds": 30}),
        ("reply_within", "auto_close", {"seconds": 600}),
    ]
    assert (manifest.information, manifest.may_close) == ((), ("creator",))


def test_at_its_beginning_nothing_was_asked() -> None:
    assert ADAPTER.initial_state(SESSION) == BEGIN


@pytest.mark.parametrize(
    ("state", "sender", "allowed"),
    [
        (BEGIN, "ada", True),
        (BEGIN, "bob", False),
        (ASKED, "bob", True),
        (ASKED, "ada", False),
        (DONE, "ada", False),
        (DONE, "bob", False),
    ],
)
def test_the_initiator_asks_and_then_the_respondent_replies(state: ConsultingState, sender: str, allowed: bool) -> None:
    try:
        ADAPTER.validate_send(SESSION, state, word(sender))
    except ProtocolError:
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize("state", [BEGIN, ASKED, DONE])
@pytest.mark.parametrize("event_type", [EV_PACKET, "note"])
def test_nothing_but_texts_may_be_said(state: ConsultingState, event_type: str) -> None:
    for sender in ("ada", "bob"):
        with pytest.raises(ProtocolError, match=r"expected message\.text") as refused:
            ADAPTER.validate_send(SESSION, state, word(sender, event_type))
        assert refused.value.where == "event_type"


@pytest.mark.parametrize(
    ("before", "after"), [(BEGIN, ConsultingState("e9", 7)), (ASKED, ConsultingState("e1", 5, "e9"))], ids=["question", "reply"]
)
def test_a_text_is_the_question_and_then_the_reply(before: ConsultingState, after: ConsultingState) -> None:
    assert ADAPTER.fold(before, word("ada")) == after


@pytest.mark.parametrize("state", [BEGIN, ASKED])
def test_the_hubs_words_mean_nothing_to_it(state: ConsultingState) -> None:
    assert ADAPTER.fold(state, word("hub", EV_SESSION_JOINED)) is state


@pytest.mark.parametrize(
    ("state", "result"),
    [(BEGIN, NOTHING_FOLLOWS), (ASKED, NOTHING_FOLLOWS), (DONE, AdapterResult("closed", "consulting_complete"))],
)
def test_the_reply_completes_it(state: ConsultingState, result: AdapterResult) -> None:
    assert ADAPTER.on_accepted(SESSION, state, word("bob")) == result


@pytest.mark.parametrize(
    ("state", "turns"),
    [(BEGIN, (ExpectedTurn("ada", None, 0),)), (ASKED, (ExpectedTurn("bob", "e1", 5),)), (DONE, ())],
)
def test_the_question_is_expected_and_then_the_reply(state: ConsultingState, turns: tuple[ExpectedTurn, ...]) -> None:
    assert ADAPTER.expected_next(SESSION, state) == turns


def test_it_waits_for_no_deadline() -> None:
    assert ADAPTER.next_deadline(SESSION, ASKED) is None
    assert ADAPTER.on_deadline(SESSION, ASKED, 9) == NOTHING_FOLLOWS


def test_in_a_hub_the_reply_closes_the_session() -> None:
    hub, session_id = consulting()
    hub.attach("alice")
    question = hub.say("alice", session_id)
    reply = hub.say("bob", session_id, causation_id=question.envelope_id)
    assert hub.types(session_id)[-2:] == [EV_TEXT, EV_SESSION_CLOSED]
    assert hub.end(session_id) == {"reason": "consulting_complete"}
    assert reply.number == question.number + 1
    assert hub.owed_types("alice")[-2:] == [EV_TEXT, EV_SESSION_CLOSED]


def test_in_a_hub_whose_turn_it_is_is_asked_for() -> None:
    hub, session_id = consulting()
    alice, bob = hub.these("alice", "bob")
    assert expected(hub.config, hub.state, session_id) == (ExpectedTurn(alice, None, 50),)
    assert pending_turns(hub.config, hub.state, alice) == (PendingTurn(session_id, None, 50),)
    question = hub.say("alice", session_id, now_ms=900)
    assert pending_turns(hub.config, hub.state, alice) == ()
    assert pending_turns(hub.config, hub.state, bob) == (PendingTurn(session_id, question.envelope_id, 900),)
    assert protocol_state(hub.state, session_id) == ConsultingState(question.envelope_id, 900)


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_in_a_hub_it_closes_when_one_of_the_two_leaves(name: str) -> None:
    hub, session_id = consulting()
    hub.say("alice", session_id)
    hub.leave(name, session_id)
    assert hub.end(session_id) == {"reason": "participant_left", "agent_id": hub.ids[name]}


@pytest.mark.parametrize("others", [("alice",), ("bob", "carol")])
def test_in_a_hub_two_are_needed(others: tuple[str, ...]) -> None:
    hub = Talks("alice", "bob", "carol")
    assert hub.refused(hub.who("alice"), hub.opening("alice", *others, type="consulting")) == "protocol_error"


def test_in_a_hub_a_third_cannot_be_let_in_nor_one_close_it_but_the_creator() -> None:
    hub, session_id = consulting()
    (answer, *_) = hub.close("bob", session_id)
    assert hub.is_live(session_id)
    assert type(answer).__name__ == "Refuse"
