"""What an adapter is: the rules of one kind of session, as a pure value.

The hub asks an adapter what is allowed and tells it what was said; it holds the adapter's state and never looks into it. All
of it is pure: no clock, no randomness, no memory but the state it gives back. The state is frozen, an attrs class, and named
by `state_type`, so that snapshots can write it and read it back.

An adapter folds every word of its session, the hub's own included: who joined and who left are words. A fold is never asked
to refuse: what may not be said is refused by `validate_send`, and what was said stands.

`(type, version)` of the manifest is written into every session at its opening. An adapter that behaves otherwise than it did
needs a new version; the old one stays configured until its last session is over.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

from foldhub_core.adapters.face import Face
from foldhub_core.codec import from_data
from foldhub_core.envelope import Envelope
from foldhub_core.exact import EMPTY
from foldhub_core.records import record
from foldhub_core.session import Manifest, Session

S = TypeVar("S")


@record
class ExpectedTurn:
    """A participant owes a turn: by which envelope, and since when."""

    agent_id: str
    triggering_envelope_id: str | None = None
    expected_since_ms: int | None = None
    """When the word was said by which the turn began."""


@record
class Emit:
    """Something the hub is to say in the session on the protocol's behalf."""

    event_type: str
    event_data: Mapping[str, object] = EMPTY
    audience: tuple[str, ...] | None = None
    """None is every participant."""


@record
class AdapterResult:
    """What follows from what was said: the session goes on, or ends for a reason; and what the hub says before."""

    next_state: Literal["closed"] | None = None
    auto_close_reason: str = ""
    emit: tuple[Emit, ...] = ()


NOTHING_FOLLOWS = AdapterResult()


class Adapter(Face[S], ABC, Generic[S]):
    """The rules of one kind of session, and its face. Every method is pure; none may change its arguments."""

    manifest: Manifest
    """Type, version, bounds, and what else the protocol says of itself."""
    state_type: ClassVar[type[Any]]
    """The class of the protocol's state, by which it is read back from a snapshot.

    A snapshot writes a state field by field, by the types its fields are declared with. Where that does not do, as for a state
    that holds values of classes only this adapter knows, the class has a method `to_data()` that gives all of the state as
    free data; then that is written, and `read_state` reads it back. Equal states must give equal data.
    """

    @abstractmethod
    def initial_state(self, session: Session) -> S:
        """The protocol's state before the first word."""

    def validate_create(self, session: Session) -> None:
        """Refuse a session that cannot be run: raise `ProtocolError`. The bounds of the manifest were checked before."""

    @abstractmethod
    def validate_send(self, session: Session, state: S, envelope: Envelope) -> None:
        """Refuse what may not be said now: raise `ProtocolError`. Nothing is asked of the types in `manifest.information`."""

    @abstractmethod
    def fold(self, state: S, envelope: Envelope) -> S:
        """The protocol's state after a word, whoever said it; the same state where the word means nothing to it."""

    def on_accepted(self, session: Session, state: S, envelope: Envelope) -> AdapterResult:
        """What follows from a word that was folded, a joining or leaving included."""
        return NOTHING_FOLLOWS

    def expected_next(self, session: Session, state: S) -> tuple[ExpectedTurn, ...]:
        """Who owes a turn; () where nobody does, as in free conversation."""
        return ()

    def next_deadline(self, session: Session, state: S) -> int | None:
        """When `on_deadline` is to be asked, in ms; None for never."""
        return None

    def on_deadline(self, session: Session, state: S, now_ms: int) -> AdapterResult:
        """What follows from the deadline having come."""
        return NOTHING_FOLLOWS

    def read_state(self, data: Mapping[str, object]) -> S:
        """Give back the state whose `to_data()` gave this; by default a state whose data are its fields by name."""
        return cast(S, from_data(self.state_type, data))
