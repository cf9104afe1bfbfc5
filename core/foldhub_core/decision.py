"""A decision in the making: what one arrival is coming to.

The rooms decide with it. It folds every fact as it is made, so that each consequence sees the facts before it, and what
cannot be folded is never stored: an exception in a fold is an exception of the decision. It lives for one step and is the
only thing in a step that changes.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .data import freeze, frozen_map
from .effects import Effect
from .envelope import Envelope
from .facts import Fact
from .ids import HUB_SESSION, Kind, make_id
from .state import HubState, state_at

if TYPE_CHECKING:
    from .commands import Principal
    from .config import HubConfig

    Fold = Callable[[HubConfig, HubState, Fact], HubState]
    EffectsOf = Callable[[HubConfig, HubState, Fact], tuple[Effect, ...]]


class Decision:
    """The facts so far, the state they lead to, and the effects they owe."""

    __slots__ = (
        "_effects_of",
        "_envelopes",
        "_fold",
        "config",
        "effects",
        "facts",
        "now_ms",
        "principal",
        "seq",
        "state",
    )

    def __init__(
        self,
        config: "HubConfig",
        state: HubState,
        principal: "Principal",
        now_ms: int,
        fold: "Fold",
        effects_of: "EffectsOf",
    ) -> None:
        self.config = config
        self.state = state
        self.principal = principal
        self.now_ms = now_ms
        self.seq = state.seq + 1
        """The sequence of the commit this will be."""
        self.facts: list[Fact] = []
        self.effects: list[Effect] = []
        self._envelopes = 0
        self._fold = fold
        self._effects_of = effects_of

    def make(self, fact: Fact) -> None:
        """Make something true: fold it, and owe its effects."""
        self.state = self._fold(self.config, self.state, fact)
        self.facts.append(fact)
        effects = self._effects_of(self.config, self.state, fact)
        if effects:
            self.effects.extend(effects)

    def state_now(self) -> HubState:
        """The state at the time of the arrival, as it is shown to who is asked."""
        return state_at(self.state, self.now_ms)

    def new_id(self, kind: Kind, place: int = 0) -> str:
        """Derive the id of a thing this commit makes."""
        return make_id(self.state.hub_id, kind, self.seq, place)

    def next_envelope_id(self) -> str:
        """The id of the envelope that is said next."""
        return make_id(self.state.hub_id, "e", self.seq, self._envelopes)

    def word(self, stamped: Envelope) -> None:
        """Say what was posted, stamped with the id that is next and the next number of its session."""
        self._envelopes += 1
        self.make(stamped)

    def say(
        self,
        session_id: str,
        event_type: str,
        event_data: Mapping[str, object],
        audience: tuple[str, ...] | None,
        *,
        sender_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Envelope:
        """Let the hub itself say something in a session, or say it of a participant."""
        talk = self.state.sessions.talks.get(session_id)
        envelope = Envelope(
            session_id=session_id,
            sender_id=self.state.hub_id if sender_id is None else sender_id,
            event_type=event_type,
            event_data=freeze(event_data),
            audience=audience,
            idempotency_key=idempotency_key,
            envelope_id=self.next_envelope_id(),
            created_at_ms=self.now_ms,
            number=1 if talk is None else talk.words + 1,
        )
        self._envelopes += 1
        self.make(envelope)
        return envelope

    def record_event(
        self,
        agent_id: str,
        event_type: str,
        event_data: Mapping[str, object],
        idempotency_key: str | None = None,
        audience: tuple[str, ...] = (),
    ) -> None:
        """Say something of an agent in the hub session: stamped, numbered, mostly to nobody. The data is frozen."""
        envelope = Envelope(
            session_id=HUB_SESSION,
            sender_id=agent_id,
            event_type=event_type,
            event_data=frozen_map(sorted(event_data.items())),
            audience=audience,
            idempotency_key=idempotency_key,
            envelope_id=self.next_envelope_id(),
            created_at_ms=self.now_ms,
            number=self.state.hub_words + 1,
        )
        self._envelopes += 1
        self.make(envelope)
