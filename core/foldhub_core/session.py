"""What a session is: the manifest of its protocol, its participants, what is expected of them, and how far its life is."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from .data import FrozenDict
from .errors import Malformed, ProtocolError
from .exact import EMPTY
from .records import record

NO_LABELS: FrozenDict[str] = FrozenDict()


class SessionState(StrEnum):
    """Where a session's life is. Pending until the invited have answered, then active, then over in one of two ways."""

    PENDING = "pending"
    ACTIVE = "active"
    CLOSED = "closed"
    EXPIRED = "expired"


LIFE: dict[tuple[SessionState, str], SessionState] = {
    (SessionState.PENDING, "invite"): SessionState.PENDING,
    (SessionState.PENDING, "join"): SessionState.PENDING,
    (SessionState.PENDING, "leave"): SessionState.PENDING,
    (SessionState.PENDING, "open"): SessionState.ACTIVE,
    (SessionState.PENDING, "close"): SessionState.CLOSED,
    (SessionState.PENDING, "expire"): SessionState.EXPIRED,
    (SessionState.ACTIVE, "invite"): SessionState.ACTIVE,
    (SessionState.ACTIVE, "join"): SessionState.ACTIVE,
    (SessionState.ACTIVE, "leave"): SessionState.ACTIVE,
    (SessionState.ACTIVE, "post"): SessionState.ACTIVE,
    (SessionState.ACTIVE, "close"): SessionState.CLOSED,
    (SessionState.ACTIVE, "expire"): SessionState.EXPIRED,
}
"""The life of a session: what can happen in a state, and the state after it. A missing key is the refusal."""


def next_state(state: SessionState, event: str) -> SessionState:
    """The state after an event; raises `ProtocolError` where the event cannot happen."""
    after = LIFE.get((state, event))
    if after is None:
        possible = sorted(other for (at, other) in LIFE if at is state)
        raise ProtocolError(f"expected one of {', '.join(possible)} while the session is {state.value}, came {event}")
    return after


@record
class Expectation:
    """Something participants owe in time, checked by the evaluator of this name, answered by the handler `on_violation`."""

    name: str
    on_violation: str
    params: Mapping[str, object] = EMPTY
    applies_to: tuple[str, ...] | None = None
    """Roles or agent ids; None is everybody."""


@record
class Asked:
    """Somebody was asked something and has not answered: by which envelope, and since when."""

    agent_id: str
    envelope_id: str
    since_ms: int


@record
class Fired:
    """A violation that stands: it was recorded, and is not recorded again before it is mended."""

    index: int
    """Of which of the session's expectations."""
    agent_id: str | None
    cause: str = ""
    faulty: bool = False
    """Not a debt: the evaluator itself raised, or answered nonsense."""


Role = Literal["initiator", "respondent", "participant"]


@record
class ParticipantBounds:
    """How many take part, and in which roles; `max` None is no bound."""

    min: int = 1
    max: int | None = None
    roles: tuple[str, ...] = ()

    def __checked__(self) -> None:
        if self.min < 1 or (self.max is not None and self.max < self.min):
            came = f"{self.min} to {self.max}"
            raise Malformed(f"expected bounds from at least 1 upwards, came {came}", where="ParticipantBounds")


@record
class Manifest:
    """What a protocol says of itself; a copy stands in every session from its opening and never changes."""

    type: str
    version: int = 1
    participants: ParticipantBounds = ParticipantBounds()
    knobs_schema: Mapping[str, object] = EMPTY
    default_view_policy: str = "full_transcript"
    expectations: tuple[Expectation, ...] = ()
    information: tuple[str, ...] = ()
    """Event types that any participant may post at any time and that are nobody's turn."""
    may_close: tuple[Literal["creator", "participant"], ...] = ("creator",)


@record
class Participant:
    """One agent's place in a session; `order` is its place in the list the session was opened with."""

    agent_id: str
    role: Role = "participant"
    order: int = 0
    joined_at_ms: int = 0
    name: str = ""
    """The name it was registered under; "" where nobody said it."""


@record
class Session:
    """A conversation of agents under one protocol, as its participants may ask for it."""

    session_id: str
    manifest: Manifest
    creator_id: str
    participants: tuple[Participant, ...]
    state: SessionState = SessionState.PENDING
    created_at_ms: int = 0
    expires_at_ms: int | None = None
    closed_at_ms: int | None = None
    close_reason: str = ""
    parent_session_id: str | None = None
    knobs: Mapping[str, object] = EMPTY
    labels: Mapping[str, str] = NO_LABELS
    intent: str = ""
    required_acks: int | None = None
    """How many invited must accept; None is all of them."""
    pending_acks: tuple[str, ...] = ()
    rejected_by: str | None = None
