"""A protocol that takes turns: everybody in turn, and what brings a turn is told."""

from typing import Any

import attrs

from foldhub_core import (
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_TEXT,
    Adapter,
    Envelope,
    ExpectedTurn,
    Manifest,
    ParticipantBounds,
    ProtocolError,
    Session,
)


@attrs.frozen
class Order:
    """Who takes part in the order of turns, and the word by which it is the first one's."""

    agents: tuple[str, ...] = ()
    trigger_id: str | None = None


class Circle(Adapter[Order]):
    """Everybody in turn; a leaver's turn passes on."""

    manifest = Manifest("circle", participants=ParticipantBounds(1), default_view_policy="named_windowed_summary")
    state_type = Order

    def initial_state(self, session: Session) -> Order:
        return Order()

    def validate_send(self, session: Session, state: Order, envelope: Envelope) -> None:
        if envelope.sender_id != state.agents[0]:
            raise ProtocolError("expected another")

    def fold(self, state: Order, envelope: Envelope) -> Order:
        if envelope.event_type == EV_SESSION_OPENED:
            members: Any = envelope.event_data["participants"]
            return Order(members)
        if envelope.event_type == EV_TEXT:
            return Order((*state.agents[1:], state.agents[0]), envelope.envelope_id)
        if envelope.event_type == EV_SESSION_LEFT:
            left = tuple([one for one in state.agents if one != envelope.event_data["agent_id"]])
            return Order(left, envelope.envelope_id if left[:1] != state.agents[:1] else state.trigger_id)
        return state

    def expected_next(self, session: Session, state: Order) -> tuple[ExpectedTurn, ...]:
        return (ExpectedTurn(state.agents[0], state.trigger_id),) if state.agents else ()
