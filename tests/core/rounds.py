"""A protocol of the tests: everybody in turn, without those who are hidden; it has nothing that is expected of its own."""

from typing import Any

import attrs

from foldhub_core import (
    EV_SESSION_HIDDEN,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_SESSION_SHOWN,
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
class Round:
    """Who takes part, in the order of their turns, who is hidden, and whose turn it is: by which word, since when."""

    order: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    turn: str | None = None
    trigger: str | None = None
    since_ms: int | None = None


class Rounds(Adapter[Round]):
    """Two or more say texts in turn. Whoever is hidden may speak at any time."""

    state_type = Round

    def __init__(self, type: str = "rounds", **fields: Any) -> None:  # Any: the fields are the manifest's
        self.manifest = Manifest(type, participants=ParticipantBounds(2), **fields)

    def initial_state(self, session: Session) -> Round:
        return Round()

    def validate_send(self, session: Session, state: Round, envelope: Envelope) -> None:
        if envelope.sender_id not in (state.turn, *state.hidden):
            raise ProtocolError(f"expected a word of {state.turn}, came one of {envelope.sender_id}")

    def fold(self, state: Round, envelope: Envelope) -> Round:
        type = envelope.event_type
        if type == EV_SESSION_OPENED:
            order: Any = envelope.event_data["participants"]
            return _turned(attrs.evolve(state, order=order), order[0], envelope)
        if type == EV_TEXT and envelope.sender_id == state.turn:
            return _next(state, envelope)
        if type not in _MOVES or not state.order:
            return state
        who: Any = envelope.event_data["agent_id"]
        if type == EV_SESSION_JOINED:
            return attrs.evolve(state, order=(*state.order, who))
        if type == EV_SESSION_HIDDEN:
            hidden = attrs.evolve(state, hidden=(*state.hidden, who))
            return _next(hidden, envelope) if state.turn == who else hidden
        shown = attrs.evolve(state, hidden=tuple([one for one in state.hidden if one != who]))
        if type == EV_SESSION_SHOWN:
            return _turned(shown, who, envelope) if state.turn is None else shown
        moved = _next(shown, envelope) if state.turn == who else shown
        return attrs.evolve(moved, order=tuple([one for one in state.order if one != who]))

    def expected_next(self, session: Session, state: Round) -> tuple[ExpectedTurn, ...]:
        return () if state.turn is None else (ExpectedTurn(state.turn, state.trigger, state.since_ms),)


_MOVES = (EV_SESSION_JOINED, EV_SESSION_LEFT, EV_SESSION_HIDDEN, EV_SESSION_SHOWN)


def _next(state: Round, word: Envelope) -> Round:
    at = state.order.index(state.turn) if state.turn in state.order else -1
    gone = word.event_data["agent_id"] if word.event_type == EV_SESSION_LEFT else None
    coming = [one for one in state.order[at + 1 :] + state.order[: at + 1] if one not in (*state.hidden, gone)]
    return _turned(state, coming[0] if coming else None, word)


def _turned(state: Round, turn: str | None, word: Envelope) -> Round:
    return attrs.evolve(state, turn=turn, trigger=word.envelope_id, since_ms=word.created_at_ms)
