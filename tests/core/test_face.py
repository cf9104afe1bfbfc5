"""The face of a protocol: how words are shown, what a round says, which tools are offered."""

from typing import Any

import pytest

from foldhub_core import (
    EV_CONTEXT_SET,
    EV_PACKET,
    EV_SESSION_OPENED,
    EV_TEXT,
    ConsultingAdapter,
    ConsultingState,
    ConversationAdapter,
    ConversationState,
    Draft,
    Envelope,
    Face,
    Participant,
    Round,
    Session,
    ToolOffer,
    View,
)
from tests.core.session_driver import Free, Heard

FACE = Face[object]()
SESSION = Session("s", ConsultingAdapter.manifest, "a", (Participant("a", "initiator"), Participant("b", "respondent", 1)))


def said(event_type: str, data: dict[str, Any]) -> Envelope:
    return Envelope("s", "a", event_type, data)


@pytest.mark.parametrize(
    ("event_type", "data", "parts"),
    [
        (EV_TEXT, {"text": "hi"}, ("hi",)),
        (EV_TEXT, {"text": ""}, ()),
        (EV_TEXT, {"text": 5}, ()),
        (EV_TEXT, {}, ()),
        (EV_PACKET, {"body": "done"}, ("done",)),
        (EV_PACKET, {"body": "", "routing": {"kind": "text"}}, ()),
        (EV_PACKET, {"body": "so", "routing": {"kind": "finish", "reason": "r", "tool": "t"}}, ("so",)),
        (EV_PACKET, {"body": "so", "routing": {"kind": "handoff", "tool": "to_bob", "reason": "he knows"}},
         ("[Handed off via to_bob] he knows", "so")),
        (EV_PACKET, {"routing": {"kind": "handoff", "tool": "to_bob"}}, ("[Handed off via to_bob]",)),
        (EV_PACKET, {"routing": {"kind": "handoff", "reason": 5}}, ("[Handed off]",)),
        (EV_PACKET, {"routing": "handoff", "body": ["so"]}, ()),
        (EV_CONTEXT_SET, {"set": {"text": "hi"}}, ()),
        (EV_SESSION_OPENED, {"participants": ["a"]}, ()),
        ("poll.opened", {"text": "hi"}, ()),
    ],
)  # fmt: skip
def test_texts_and_packets_are_rendered_part_by_part(event_type: str, data: dict[str, Any], parts: tuple[str, ...]) -> None:
    assert FACE.render(said(event_type, data)) == parts
    assert FACE.turn_input(said(event_type, data)) == (parts or None)


def test_a_round_says_its_body_to_everybody() -> None:
    assert FACE.round_envelope(SESSION, None, Round("hi")) == Draft(EV_TEXT, {"text": "hi"}, None)


def test_a_round_without_a_body_says_nothing() -> None:
    assert FACE.round_envelope(SESSION, None, Round()) is None


def test_a_protocol_offers_no_tools_unless_it_says_so() -> None:
    assert Free().tools(SESSION, Heard(), "a") == ()


@pytest.mark.parametrize(
    ("state", "who"),
    [(ConsultingState(), "a"), (ConsultingState("e1", 1), "b"), (ConsultingState("e1", 1, "e2"), None)],
)
def test_consulting_offers_to_speak_to_whose_turn_it_is(state: ConsultingState, who: str | None) -> None:
    offered = {agent_id: [tool.name for tool in ConsultingAdapter().tools(SESSION, state, agent_id)] for agent_id in "ab"}
    assert offered == {agent_id: ["say"] if agent_id == who else [] for agent_id in "ab"}


def test_conversation_offers_to_speak_to_both() -> None:
    tools = ConversationAdapter().tools(SESSION, ConversationState(), "b")
    assert [tool.name for tool in tools] == ["say"]


def test_consulting_and_conversation_show_what_their_manifests_say() -> None:
    conversing = Session("s", ConversationAdapter.manifest, "a", SESSION.participants)
    assert ConsultingAdapter().default_view(SESSION) == View()
    assert ConversationAdapter().default_view(conversing) == View(10)


class Polite(Free):
    """A user's own face: another view, another rendering, another answer, a tool."""

    def default_view(self, session: Session) -> View:
        return View(3, named=True)

    def render(self, envelope: Envelope) -> tuple[str, ...]:
        return ("Dear all,", *super().render(envelope))

    def round_envelope(self, session: Session, state: Heard, round: Round) -> Draft | None:
        return Draft("letter.sent", {"text": round.body}, (session.creator_id,))

    def tools(self, session: Session, state: Heard, agent_id: str) -> tuple[ToolOffer, ...]:
        return (ToolOffer("bow", "Be polite."),)


def test_a_protocol_of_ones_own_overrides_what_it_wants() -> None:
    polite = Polite()
    assert polite.default_view(SESSION) == View(3, named=True)
    assert polite.turn_input(said(EV_TEXT, {"text": "hi"})) == ("Dear all,", "hi")
    assert polite.round_envelope(SESSION, Heard(), Round("hi")) == Draft("letter.sent", {"text": "hi"}, ("a",))
    assert polite.tools(SESSION, Heard(), "a") == (ToolOffer("bow", "Be polite."),)
