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


Mark = Configured | Attached | Detached | KeysExpired | Rearmed
Fact = Envelope | Mark

LAZY_FACTS: tuple[type, ...] = (KeysExpired, Rearmed)
"""Facts whose commit need not be synced on its own account: lost in a crash, they are decided again."""
