"""Consulting: one question, one reply, over."""

from foldhub_core.adapters.face import SAY, ToolOffer
from foldhub_core.adapters.protocol import NOTHING_FOLLOWS, Adapter, AdapterResult, ExpectedTurn
from foldhub_core.data import Data
from foldhub_core.envelope import EV_TEXT, Envelope
from foldhub_core.errors import ProtocolError, shown
from foldhub_core.exact import EMPTY
from foldhub_core.records import changed, record
from foldhub_core.session import Expectation, Manifest, ParticipantBounds, Session


@record
class ConsultingState:
    """How far the exchange is."""

    question_id: str | None = None
    asked_at_ms: int | None = None
    reply_id: str | None = None


class ConsultingAdapter(Adapter[ConsultingState]):
    """The initiator asks, the respondent answers, and the session closes as `consulting_complete`."""

    manifest = Manifest(
        "consulting",
        participants=ParticipantBounds(2, 2, ("initiator", "respondent")),
        knobs_schema=EMPTY,
        default_view_policy="full_transcript",
        expectations=(
            Expectation("acks_within", "auto_close", Data({"seconds": 30})),
            Expectation("reply_within", "auto_close", Data({"seconds": 600})),
        ),
    )
    state_type = ConsultingState

    def initial_state(self, session: Session) -> ConsultingState:
        """Nothing was asked."""
        return ConsultingState()

    def validate_send(self, session: Session, state: ConsultingState, envelope: Envelope) -> None:
        """The initiator's question first, then the respondent's reply."""
        if envelope.event_type != EV_TEXT:
            raise ProtocolError(f"expected {EV_TEXT}, came {shown(envelope.event_type)}", where="event_type")
        if state.reply_id is not None:
            raise ProtocolError("expected nothing more: the consulting is already complete")
        turn = _respondent(session) if state.question_id is not None else session.creator_id
        if envelope.sender_id != turn:
            what = "the question" if state.question_id is None else "the reply"
            raise ProtocolError(f"expected {what} of {turn}, came a word of {envelope.sender_id}", where="sender_id")

    def fold(self, state: ConsultingState, envelope: Envelope) -> ConsultingState:
        """The first text is the question, the second the reply."""
        if envelope.event_type != EV_TEXT:
            return state
        if state.question_id is None:
            return ConsultingState(envelope.envelope_id, envelope.created_at_ms)
        return changed(state, reply_id=envelope.envelope_id)

    def on_accepted(self, session: Session, state: ConsultingState, envelope: Envelope) -> AdapterResult:
        """The reply ends it."""
        if state.reply_id is None:
            return NOTHING_FOLLOWS
        return AdapterResult("closed", "consulting_complete")

    def expected_next(self, session: Session, state: ConsultingState) -> tuple[ExpectedTurn, ...]:
        """The question, then the reply."""
        if state.question_id is None:
            return (ExpectedTurn(session.creator_id, None, session.created_at_ms),)
        if state.reply_id is None:
            return (ExpectedTurn(_respondent(session), state.question_id, state.asked_at_ms),)
        return ()

    def tools(self, session: Session, state: ConsultingState, agent_id: str) -> tuple[ToolOffer, ...]:
        """Whoever's turn it is may say it."""
        return (SAY,) if any(turn.agent_id == agent_id for turn in self.expected_next(session, state)) else ()


def _respondent(session: Session) -> str:
    return next(one.agent_id for one in session.participants if one.agent_id != session.creator_id)
