"""A protocol that does all that a protocol may do: it speaks, waits, ends sessions, and goes wrong when it is asked to."""

from foldhub_core import (
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
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
    SessionState,
    changed,
)
from foldhub_core.adapters.protocol import NOTHING_FOLLOWS
from foldhub_core.data import Data
from foldhub_core.records import record

TEXTS = 6
"""With so many texts a relay is done."""

EMITS = 3
"""What a hub of the simulation lets a protocol say to one word."""


@record
class RelayState:
    """How far a relay is, and when it will wait no longer."""

    wait_ms: int
    texts: int = 0
    reminders: int = 0
    due_ms: int | None = None
    trap: bool = False


class Relay(Adapter[RelayState]):
    """Anybody speaks; after some texts it is done, and after too long a silence it reminds once and then closes.

    The texts `boom`, `unfoldable`, `loop`, `forge`, `stranger`, `more` and `trap` make it do what an adapter must not.
    """

    manifest = Manifest(
        "relay",
        participants=ParticipantBounds(2, 4),
        information=("relay.note",),
        may_close=("creator", "participant"),
    )
    state_type = RelayState

    def initial_state(self, session: Session) -> RelayState:
        """Nothing was said."""
        wait_ms = session.knobs["wait_ms"]
        assert isinstance(wait_ms, int)
        return RelayState(wait_ms)

    def validate_create(self, session: Session) -> None:
        """It needs to know how long to wait."""
        if "boom" in session.knobs:
            raise RuntimeError("boom")
        if type(session.knobs.get("wait_ms")) is not int:
            raise ProtocolError("expected a number of ms to wait", where="knobs.wait_ms")

    def validate_send(self, session: Session, state: RelayState, envelope: Envelope) -> None:
        """Texts, from whoever takes part."""
        if envelope.event_type != EV_TEXT:
            raise ProtocolError("expected a text", where="event_type")
        if envelope.event_data.get("text") == "boom":
            raise RuntimeError("boom")

    def fold(self, state: RelayState, envelope: Envelope) -> RelayState:
        """Count texts and reminders, and wait from each anew."""
        due_ms = envelope.created_at_ms + state.wait_ms
        if envelope.event_type == EV_SESSION_OPENED:
            return changed(state, due_ms=due_ms)
        if envelope.event_type == EV_TEXT:
            text = envelope.event_data.get("text")
            if text == "unfoldable":
                raise RuntimeError("unfoldable")
            return changed(state, texts=state.texts + 1, reminders=0, due_ms=due_ms, trap=state.trap or text == "trap")
        if envelope.event_type == "relay.reminded":
            return changed(state, reminders=state.reminders + 1, due_ms=due_ms)
        return state

    def on_accepted(self, session: Session, state: RelayState, envelope: Envelope) -> AdapterResult:
        """Answer what asks for an answer, and end when it is done."""
        if envelope.event_type == EV_SESSION_LEFT:
            if state.trap:
                raise RuntimeError("trapped")
            return AdapterResult(emit=(Emit("relay.missed", envelope.event_data),))
        if envelope.event_type == EV_SESSION_JOINED and session.state is SessionState.ACTIVE:
            agent_id = envelope.event_data["agent_id"]
            assert isinstance(agent_id, str)
            return AdapterResult(emit=(Emit("relay.welcomed", audience=(agent_id,)),))
        if envelope.event_type == "relay.looped":
            return AdapterResult(emit=(Emit("relay.looped"),))
        if envelope.event_type != EV_TEXT:
            return NOTHING_FOLLOWS
        text = envelope.event_data.get("text")
        wrong = {
            "loop": Emit("relay.looped"),
            "forge": Emit("session.closed"),
            "stranger": Emit("relay.told", audience=("demo:a:a1",)),
        }
        if isinstance(text, str) and text in wrong:
            return AdapterResult(emit=(wrong[text],))
        if text in ("much", "more"):
            return AdapterResult(emit=(Emit("relay.said"),) * (EMITS + (text == "more")))
        if state.texts == TEXTS:
            return AdapterResult("closed", "relay_done", (Emit("relay.finished", Data({"texts": TEXTS})),))
        if text == "count":
            return AdapterResult(emit=(Emit("relay.counted", Data({"texts": state.texts})),))
        return NOTHING_FOLLOWS

    def expected_next(self, session: Session, state: RelayState) -> tuple[ExpectedTurn, ...]:
        """The first who takes part owes the next text."""
        return (ExpectedTurn(session.participants[0].agent_id),)

    def next_deadline(self, session: Session, state: RelayState) -> int | None:
        """When it has waited long enough."""
        return state.due_ms

    def on_deadline(self, session: Session, state: RelayState, now_ms: int) -> AdapterResult:
        """Remind once, then close."""
        if state.trap:
            raise RuntimeError("trapped")
        if state.reminders == 0:
            return AdapterResult(emit=(Emit("relay.reminded"),))
        return AdapterResult("closed", "silence")
