"""A sound protocol that does all that a protocol may do, for others to break in one place."""

from typing import cast

import attrs

from foldhub_core import (
    EV_SESSION_HIDDEN,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_SESSION_SHOWN,
    EV_TEXT,
    Adapter,
    AdapterResult,
    Emit,
    Envelope,
    ExpectedTurn,
    Manifest,
    ParticipantBounds,
    ProtocolError,
    Session,
    ToolOffer,
)

WAIT_MS = 60_000
NOTHING = AdapterResult()


@attrs.frozen
class Turns:
    """Who is there, whose turn it is, and until when."""

    order: tuple[str, ...] = ()
    at: int = 0
    said: int = 0
    due_ms: int | None = None
    last: str = ""
    done: bool = False


class Circle(Adapter[Turns]):
    """Everybody in turn; `stop` ends it, and who is silent for a minute is passed over."""

    manifest = Manifest(
        "circle", participants=ParticipantBounds(2), information=("circle.note",), may_close=("creator", "participant")
    )
    state_type = Turns

    def initial_state(self, session: Session) -> Turns:
        return Turns()

    def validate_send(self, session: Session, state: Turns, envelope: Envelope) -> None:
        if envelope.event_type != EV_TEXT:
            raise ProtocolError("expected a text", where="event_type")
        text = envelope.event_data.get("text")
        if not isinstance(text, str) or len(text) > 100:
            raise ProtocolError("expected a text of at most 100 signs", where="event_data.text")
        if state.order and envelope.sender_id != state.order[state.at]:
            raise ProtocolError("expected another's turn", where="sender_id")

    def fold(self, state: Turns, envelope: Envelope) -> Turns:
        kind, data = envelope.event_type, envelope.event_data
        if kind == EV_SESSION_OPENED:
            return attrs.evolve(
                state, order=cast("tuple[str, ...]", data["participants"]), due_ms=envelope.created_at_ms + WAIT_MS
            )
        if kind in (EV_SESSION_JOINED, EV_SESSION_SHOWN) and state.order and data["agent_id"] not in state.order:
            return attrs.evolve(state, order=(*state.order, cast(str, data["agent_id"])))
        if kind in (EV_SESSION_LEFT, EV_SESSION_HIDDEN):
            return self.without(state, cast(str, data["agent_id"]))
        if kind == "circle.passed" and state.order:
            return self.passed(state, envelope)
        if kind == EV_TEXT:
            text = cast(str, data["text"])
            return attrs.evolve(self.passed(state, envelope), said=state.said + 1, last=text, done=state.done or text == "stop")
        return state

    def passed(self, state: Turns, envelope: Envelope) -> Turns:
        at = (state.at + 1) % max(len(state.order), 1)
        return attrs.evolve(state, at=at, due_ms=envelope.created_at_ms + WAIT_MS)

    def without(self, state: Turns, agent_id: str) -> Turns:
        if agent_id not in state.order:
            return state
        gone = state.order.index(agent_id)
        order = tuple([one for one in state.order if one != agent_id])
        at = state.at - 1 if gone < state.at else state.at
        return attrs.evolve(state, order=order, at=at % max(len(order), 1))

    def on_accepted(self, session: Session, state: Turns, envelope: Envelope) -> AdapterResult:
        if envelope.event_type == EV_TEXT and state.done:
            return AdapterResult("closed", "stopped", (Emit("circle.ended", {"said": state.said}),))
        return NOTHING

    def expected_next(self, session: Session, state: Turns) -> tuple[ExpectedTurn, ...]:
        return (ExpectedTurn(state.order[state.at]),) if state.order and not state.done else ()

    def next_deadline(self, session: Session, state: Turns) -> int | None:
        return state.due_ms

    def on_deadline(self, session: Session, state: Turns, now_ms: int) -> AdapterResult:
        return AdapterResult(emit=(Emit("circle.passed", audience=None),)) if state.order else AdapterResult("closed", "empty")

    def tools(self, session: Session, state: Turns, agent_id: str) -> tuple[ToolOffer, ...]:
        return (ToolOffer("say", "Say something."),)
