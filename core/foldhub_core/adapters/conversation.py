"""Conversation: two agents talk as they like."""

from foldhub_core.adapters.face import SAY, ToolOffer
from foldhub_core.adapters.protocol import Adapter
from foldhub_core.data import Data
from foldhub_core.envelope import EV_TEXT, Envelope
from foldhub_core.errors import ProtocolError, shown
from foldhub_core.records import record
from foldhub_core.session import Expectation, Manifest, ParticipantBounds, Session


@record
class ConversationState:
    """How much was said, and by whom last."""

    turn_count: int = 0
    last_speaker_id: str | None = None
    last_envelope_id: str | None = None


class ConversationAdapter(Adapter[ConversationState]):
    """Either may speak at any time; nobody owes a turn; it ends when it is closed."""

    manifest = Manifest(
        "conversation",
        participants=ParticipantBounds(2, 2, ("initiator", "respondent")),
        default_view_policy="windowed_summary",
        expectations=(Expectation("max_silence", "audit", Data({"seconds": 3600})),),
        may_close=("creator", "participant"),
    )
    state_type = ConversationState

    def initial_state(self, session: Session) -> ConversationState:
        """Nothing was said."""
        return ConversationState()

    def validate_send(self, session: Session, state: ConversationState, envelope: Envelope) -> None:
        """Texts, from whoever takes part."""
        if envelope.event_type != EV_TEXT:
            raise ProtocolError(f"expected {EV_TEXT}, came {shown(envelope.event_type)}", where="event_type")

    def fold(self, state: ConversationState, envelope: Envelope) -> ConversationState:
        """Count the texts."""
        if envelope.event_type != EV_TEXT:
            return state
        return ConversationState(state.turn_count + 1, envelope.sender_id, envelope.envelope_id)

    def tools(self, session: Session, state: ConversationState, agent_id: str) -> tuple[ToolOffer, ...]:
        """Both may say more than their turns do."""
        return (SAY,)
