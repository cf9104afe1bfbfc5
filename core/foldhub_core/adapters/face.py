"""The face of a protocol: what an agent's client asks of it. The client's half of an adapter.

The rules say what may be said; the face says how a participant is shown it, and what its answer becomes. All of it has defaults,
which do for every protocol that speaks in texts or packets. It is asked in the client's process, with the session and the
protocol's state as the hub gave them; it is as pure as the rules are, and nothing of it changes what the hub does.
"""

from collections.abc import Mapping
from typing import Generic, TypeVar, cast

from foldhub_core.envelope import EV_PACKET, EV_TEXT, Envelope
from foldhub_core.exact import EMPTY
from foldhub_core.records import record
from foldhub_core.round import Round
from foldhub_core.session import Session
from foldhub_core.views import View, policy_view

S = TypeVar("S")


@record
class ToolOffer:
    """A tool that a protocol offers an agent for its turn: its name and what it is for. What it does, the client knows."""

    name: str
    purpose: str


SAY = ToolOffer("say", "Say something in this session now. What is said this way is not said again at the end of the turn.")


@record
class Draft:
    """What a turn says, before it is an envelope: who says it in which session, and why, the turn knows."""

    event_type: str
    event_data: Mapping[str, object] = EMPTY
    audience: tuple[str, ...] | None = None
    """None is every other participant."""


class Face(Generic[S]):
    """How a client shows a session to an agent and makes its answer a word. Every method is pure."""

    def default_view(self, session: Session) -> View:
        """What a participant is shown where it does not ask for another view; by default as the manifest says."""
        return policy_view(session)

    def render(self, envelope: Envelope) -> tuple[str, ...]:
        """The texts of a word, each a part of its own; () for one that is not shown. By default of texts and packets."""
        data = envelope.event_data
        if envelope.event_type == EV_TEXT:
            return _texts(data.get("text"))
        if envelope.event_type == EV_PACKET:
            return (*_handed_off(data.get("routing")), *_texts(data.get("body")))
        return ()

    def turn_input(self, envelope: Envelope) -> tuple[str, ...] | None:
        """What an agent is asked whose turn a word begins; None where it asks nothing. By default as it is rendered."""
        return self.render(envelope) or None

    def round_envelope(self, session: Session, state: S, round: Round) -> Draft | None:
        """What a round says; None where it says nothing. By default its body, to everybody."""
        return Draft(EV_TEXT, {"text": round.body}) if round.body else None

    def tools(self, session: Session, state: S, agent_id: str) -> tuple[ToolOffer, ...]:
        """The tools an agent is offered for its turn; by default none."""
        return ()


def _texts(text: object) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) and text else ()


def _handed_off(routing: object) -> tuple[str, ...]:
    if not isinstance(routing, dict):
        return ()
    told = cast("dict[str, object]", routing)
    if told.get("kind") != "handoff":
        return ()
    tool, reason = _texts(told.get("tool")), _texts(told.get("reason"))
    return (" ".join([f"[Handed off via {tool[0]}]" if tool else "[Handed off]", *reason]),)
