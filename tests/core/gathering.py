"""A protocol for tests: any number of agents talk, as nobody's turn, until a deadline that never moves on."""

from foldhub_core import EV_TEXT, Adapter, Envelope, Manifest, ProtocolError, Session
from foldhub_core.records import record
from foldhub_core.session import ParticipantBounds


@record
class Gathered:
    """Who said something, and what was said last."""

    speakers: tuple[str, ...] = ()
    last_id: str | None = None


class Gathering(Adapter[Gathered]):
    """Everybody may speak. The knob `due_ms` is a deadline to which nothing happens: the session becomes dormant there."""

    manifest = Manifest("gathering", participants=ParticipantBounds(2), information=("note",))
    state_type = Gathered

    def initial_state(self, session: Session) -> Gathered:
        return Gathered()

    def validate_send(self, session: Session, state: Gathered, envelope: Envelope) -> None:
        if envelope.event_type != EV_TEXT:
            raise ProtocolError(f"expected {EV_TEXT}, came another event", where="event_type")

    def fold(self, state: Gathered, envelope: Envelope) -> Gathered:
        if envelope.event_type != EV_TEXT:
            return state
        return Gathered((*state.speakers, envelope.sender_id), envelope.envelope_id)

    def next_deadline(self, session: Session, state: Gathered) -> int | None:
        due_ms = session.knobs.get("due_ms")
        return due_ms if isinstance(due_ms, int) else None
