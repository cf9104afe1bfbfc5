"""What the shell owes after a step: data only, in the order in which it is to be done.

The answer to the arrival comes first. No effect may be carried out before its commit is durable, and all before it.
"""

from .envelope import Envelope
from .error_record import ErrorRecord
from .identity import Passport
from .records import hot


@hot
class Reply:
    """Answer the request `ref`; what `value` is, the command says."""

    ref: str
    value: object


@hot
class Refuse:
    """Answer the request `ref` with a refusal."""

    ref: str
    error: ErrorRecord


@hot
class Evict:
    """Tell this link that another one carries the agent's deliveries now."""

    agent_id: str
    link: str


@hot
class Deliver:
    """Send an envelope to an agent for the first time."""

    agent_id: str
    link: str
    number: int
    attempt: int
    envelope: Envelope


@hot
class Forward:
    """Hand an envelope to a remote agent's proxy for the first time; `ForwardDone` or `ForwardFailed` says what came of it."""

    scheme: str
    """Which proxy: the scheme of the agent's `Auth`."""
    passport: Passport
    """The remote agent, its claim included."""
    number: int
    attempt: int
    envelope: Envelope


@hot
class Redeliver:
    """Send an envelope again; the shell reads it from the store."""

    agent_id: str
    link: str | None
    """None says that the agent is a remote one: hand it to its proxy."""
    number: int
    attempt: int
    session_id: str
    envelope_id: str


@hot
class Pressure:
    """Tell the owner that so much is owed to an agent; once each time its high water is reached."""

    agent_id: str
    pending: int
    cap: int


Effect = Reply | Refuse | Deliver | Redeliver | Forward | Pressure | Evict
