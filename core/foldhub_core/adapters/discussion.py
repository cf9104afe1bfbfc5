"""Discussion: everybody in turn, round and round, until it is closed.

The order is that of the participants in their list; the creator begins. Who leaves is out of it, and its turn passes to the
next; who joins late comes last. Who is hidden is skipped, may still speak at any time, and is then back in its old place.
"""

from typing import cast

from foldhub_core.adapters.protocol import Adapter, ExpectedTurn
from foldhub_core.data import Data
from foldhub_core.envelope import (
    EV_SESSION_HIDDEN,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_SESSION_SHOWN,
    EV_TEXT,
    Envelope,
)
from foldhub_core.errors import ProtocolError, shown
from foldhub_core.records import changed, record
from foldhub_core.session import Expectation, Manifest, ParticipantBounds, Session


@record
class DiscussionState:
    """Who takes part, and whose turn it is."""

    creator_id: str
    order: tuple[str, ...] = ()
    """Who is there, in the order of turns; empty until the session is open."""
    hidden: tuple[str, ...] = ()
    """Who of them is skipped."""
    turn_id: str | None = None
    """Who owes the next text; None before the session is open and while all are hidden."""
    trigger_id: str | None = None
    """The word by which it is its turn; None for the first."""
    since_ms: int | None = None
    turn_count: int = 0
    last_speaker_id: str | None = None
    last_envelope_id: str | None = None


class DiscussionAdapter(Adapter[DiscussionState]):
    """Texts of those who take part, in turn; it never ends of itself."""

    manifest = Manifest(
        "discussion",
        participants=ParticipantBounds(2),
        knobs_schema=Data({"type": "object", "properties": {"ordering": {"enum": ["round_robin"]}}}),
        default_view_policy="named_windowed_summary",
        expectations=(
            Expectation("turn_within", "warn", Data({"seconds": 120})),
            Expectation("turn_within", "hide", Data({"seconds": 600})),
        ),
    )
    state_type = DiscussionState

    def initial_state(self, session: Session) -> DiscussionState:
        """Nobody is there yet."""
        return DiscussionState(session.creator_id)

    def validate_create(self, session: Session) -> None:
        """There is one order only."""
        ordering = session.knobs.get("ordering", "round_robin")
        if ordering != "round_robin":
            raise ProtocolError(f"expected the ordering round_robin, came {shown(ordering)}", where="knobs.ordering")

    def validate_send(self, session: Session, state: DiscussionState, envelope: Envelope) -> None:
        """The text of whose turn it is, and of who is hidden."""
        if envelope.event_type != EV_TEXT:
            raise ProtocolError(f"expected {EV_TEXT}, came {shown(envelope.event_type)}", where="event_type")
        sender_id, turn_id = envelope.sender_id, state.turn_id
        if turn_id is not None and sender_id != turn_id and sender_id not in state.hidden:
            raise ProtocolError(f"expected a text of {turn_id}, whose turn it is, came one of {sender_id}", where="sender_id")

    def fold(self, state: DiscussionState, envelope: Envelope) -> DiscussionState:
        """Pass the turn on when a text comes, and when who owed it leaves or is hidden."""
        event_type = envelope.event_type
        if event_type == EV_TEXT:
            return _said(state, envelope)
        if event_type in _MOVES:
            return _MOVES[event_type](state, cast(str, envelope.event_data["agent_id"]), envelope)
        if event_type == EV_SESSION_OPENED:
            # The creator is there: a session that waits for its invited does not outlive its creator's leaving.
            order = cast("tuple[str, ...]", envelope.event_data["participants"])
            return changed(state, order=order, turn_id=state.creator_id, since_ms=envelope.created_at_ms)
        return state

    def expected_next(self, session: Session, state: DiscussionState) -> tuple[ExpectedTurn, ...]:
        """The next text."""
        return () if state.turn_id is None else (ExpectedTurn(state.turn_id, state.trigger_id, state.since_ms),)


def _said(state: DiscussionState, envelope: Envelope) -> DiscussionState:
    """Count a text; that of one who is hidden is nobody's turn."""
    sender_id = envelope.sender_id
    state = changed(
        state,
        turn_count=state.turn_count + 1,
        last_speaker_id=sender_id,
        last_envelope_id=envelope.envelope_id,
    )
    return _passed(state, envelope) if sender_id == state.turn_id else state


def _passed(state: DiscussionState, word: Envelope) -> DiscussionState:
    """Give the turn to the next who is not hidden."""
    order, hidden = state.order, state.hidden
    at = order.index(cast(str, state.turn_id)) + 1
    turn_id = next((one for one in order[at:] + order[:at] if one not in hidden), None)
    return changed(state, turn_id=turn_id, trigger_id=word.envelope_id, since_ms=word.created_at_ms)


def _goes_on(state: DiscussionState, agent_id: str, word: Envelope) -> DiscussionState:
    """Where nobody owed a turn, the one who is there now does."""
    if state.turn_id is not None:
        return state
    return changed(state, turn_id=agent_id, trigger_id=word.envelope_id, since_ms=word.created_at_ms)


def _joined(state: DiscussionState, agent_id: str, word: Envelope) -> DiscussionState:
    if not state.order or agent_id in state.order:
        return state  # who is there at the opening, the opening says
    return _goes_on(changed(state, order=(*state.order, agent_id)), agent_id, word)


def _left(state: DiscussionState, agent_id: str, word: Envelope) -> DiscussionState:
    # Its place is looked at before it is given up: the turn goes to whom it would have gone.
    state = _hidden(state, agent_id, word)
    return changed(state, order=_without(state.order, agent_id), hidden=_without(state.hidden, agent_id))


def _hidden(state: DiscussionState, agent_id: str, word: Envelope) -> DiscussionState:
    if agent_id not in state.order or agent_id in state.hidden:
        return state
    state = changed(state, hidden=(*state.hidden, agent_id))
    return _passed(state, word) if agent_id == state.turn_id else state


def _shown(state: DiscussionState, agent_id: str, word: Envelope) -> DiscussionState:
    if agent_id not in state.hidden:
        return state
    return _goes_on(changed(state, hidden=_without(state.hidden, agent_id)), agent_id, word)


def _without(agent_ids: tuple[str, ...], agent_id: str) -> tuple[str, ...]:
    return tuple([one for one in agent_ids if one != agent_id])


_MOVES = {
    EV_SESSION_JOINED: _joined,
    EV_SESSION_LEFT: _left,
    EV_SESSION_HIDDEN: _hidden,
    EV_SESSION_SHOWN: _shown,
}
"""How the words that say who is there move the turn."""
