"""The errors a peer can cause: one family, each class with a code that survives any wire.

Two kinds of wrong are kept apart. A *refusal* is a peer's mistake: an error of this family, answered with its code, after
which the hub goes on. A broken invariant of ours is an assertion: it is never caught, never answered and stops the hub.

A message says what was expected and what came; `where` says in which field or record.
"""

from typing import ClassVar


class NetworkError(Exception):
    """Base of everything a hub refuses with; its own code stands for an error of a newer hub that we do not know."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class NotFoundError(NetworkError):
    """What was named is not there, or not to be seen by who asked."""

    code = "not_found"


class AccessDeniedError(NetworkError):
    """The principal, or the rule of an agent, does not allow it."""

    code = "access_denied"


class AuthError(NetworkError):
    """A credential was missing, wrong or expired."""

    code = "auth_failed"


class ProtocolError(NetworkError):
    """The request is well formed, but does not fit the state of things."""

    code = "protocol_error"


class SessionOver(ProtocolError):
    """The session was there and has ended."""

    code = "session_over"


class TaskOver(ProtocolError):
    """The task was there and has ended."""

    code = "task_over"


class InboxFull(NetworkError):
    """A recipient owes too many acks to be sent more."""

    code = "inbox_full"


class RateLimited(NetworkError):
    """More came in a minute than the rule allows."""

    code = "rate_limited"


class KeyConflict(NetworkError):
    """An idempotency key came back with another body; the first one stands."""

    code = "key_conflict"


class Malformed(NetworkError, ValueError):
    """What came is not a record of the kind that was expected, or is larger than the limits allow."""

    code = "malformed"


class WorkflowGraphError(ProtocolError):
    """A workflow graph that cannot be run."""

    code = "workflow_graph"


class Compacted(NetworkError):
    """What was asked for lies before the oldest word that is kept."""

    code = "compacted"


class Unavailable(NetworkError):
    """The hub cannot do it now; the same request may succeed later."""

    code = "unavailable"


ERRORS: tuple[type[NetworkError], ...] = (
    NetworkError,
    NotFoundError,
    AccessDeniedError,
    AuthError,
    ProtocolError,
    SessionOver,
    TaskOver,
    InboxFull,
    RateLimited,
    KeyConflict,
    Malformed,
    WorkflowGraphError,
    Compacted,
    Unavailable,
)

SHOWN_CHARS = 60


def shown(value: object) -> str:
    """Name a value in a message: its type, and as much of it as fits on a line with nothing in it that could act."""
    if value is None or value is True or value is False:
        return repr(value)
    if isinstance(value, str | bytes | int | float):
        if isinstance(value, int) and value.bit_length() > 128:
            return f"int of {value.bit_length()} bits"
        text = ascii(value[:SHOWN_CHARS] if isinstance(value, str | bytes) else value)
        more = "..." if isinstance(value, str | bytes) and len(value) > SHOWN_CHARS else ""
        return f"{type(value).__name__} {text}{more}"
    return type(value).__name__


def unexpected(expected: str, came: object, *, where: str = "") -> Malformed:
    """The one way a `Malformed` says what was expected and what came."""
    return Malformed(f"expected {expected}, came {shown(came)}", where=where)


def inside(place: str, refused: Malformed) -> Malformed:
    """The same refusal, seen from around the place where it was raised: `place` is put before its `where`."""
    step = place if len(place) <= SHOWN_CHARS else f"{place[:SHOWN_CHARS]}..."
    joint = "" if refused.where[:1] in ("", "[") else "."
    return Malformed(refused.message, where=f"{step}{joint}{refused.where}")
