"""What the hub made true: envelopes, and marks.

A mark is bookkeeping that nobody reads as a message. Facts carry all that folding them needs, limits and times included: a
fold asks no configuration for a number, so that recovery under other limits comes to the same state.
"""

from .envelope import Envelope
from .limits import Limits
from .records import hot, record


@record
class Configured:
    """A run began, or goes on, under this configuration; every link is detached."""

    parts: tuple[tuple[str, str], ...]
    """What the configuration is made of: name and version of each part, sorted."""
    fingerprint: str
    limits: Limits


@hot
class Attached:
    """A link carries the agent's deliveries; `evicted` is the link that did before."""

    agent_id: str
    link: str
    evicted: str | None


@hot
class Detached:
    """No link carries the agent's deliveries."""

    agent_id: str
    link: str


@hot
class KeysExpired:
    """The agent's oldest `count` idempotency keys are forgotten."""

    agent_id: str
    count: int


@hot
class Rearmed:
    """An agenda entry was taken out when it came up; `due_ms` is when it comes up next, None is never."""

    kind: str
    subject_id: str
    due_ms: int | None


@hot
class Skipped:
    """The envelope that follows is not delivered to these agents: their rule refuses its sender, or their inbox is full."""

    envelope_id: str
    agent_ids: tuple[str, ...]
    reason: str


@hot
class Readdressed:
    """The envelope that follows went to others than its sender named, who are these: the arbiter put others in their place."""

    envelope_id: str
    audience: tuple[str, ...]


@hot
class Dropped:
    """A delivery is owed no more, undelivered: it made room for another, or was not worth delivering any longer."""

    agent_id: str
    number: int
    session_id: str
    envelope_id: str
    reason: str


@hot
class Acked:
    """These deliveries arrived."""

    agent_id: str
    numbers: tuple[int, ...]


@hot
class Nacked:
    """A delivery failed, and comes again at `due_ms`."""

    agent_id: str
    number: int
    session_id: str
    envelope_id: str
    due_ms: int
    reason: str


@hot
class Redelivered:
    """The pause of a nacked delivery is over."""

    agent_id: str
    number: int


@hot
class DeadLettered:
    """A delivery was given up."""

    agent_id: str
    number: int
    session_id: str
    envelope_id: str
    reason: str


@hot
class Resent:
    """A dead letter is owed again."""

    agent_id: str
    number: int
    session_id: str
    envelope_id: str
    at_ms: int


@hot
class Dormant:
    """A session cannot go on: its adapter is missing or raised."""

    session_id: str
    reason: str


@hot
class Woken:
    """A dormant session goes on: its adapter folded all of it."""

    session_id: str


Mark = (
    Acked
    | Nacked
    | Redelivered
    | Skipped
    | Dropped
    | DeadLettered
    | Resent
    | Attached
    | Detached
    | Configured
    | KeysExpired
    | Rearmed
    | Dormant
    | Woken
    | Readdressed
)
Fact = Envelope | Mark

LAZY_FACTS = frozenset({Acked, KeysExpired, Rearmed})
"""Facts whose commit need not be synced on its own account: lost in a crash, they are decided again."""
