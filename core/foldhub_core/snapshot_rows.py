"""What a snapshot is made of: one record for each kind of row.

They are the slices of the state without what can be derived, and with their maps laid out in the order they are written in.
"""

from collections.abc import Mapping

from .facts import Configured
from .identity import Passport, Resume, Skill
from .mailbox import DeadLetter, Owed
from .records import hot
from .rule import Rule
from .session import Asked, Fired, Session
from .task import Task


@hot
class HubRow:
    """Whose state it is, where in the chain, and what is not in a table. The first row."""

    form: int
    """The format of all rows; this first one is the same in every format."""
    hub_id: str
    seq: int
    now_ms: int
    head: bytes
    hub_words: int
    refusal_window: int


@hot
class ConfiguredRow:
    """What the last `Start` recorded."""

    configured: Configured


@hot
class RefusalsRow:
    """How many refusals of a subject were recorded in the window."""

    subject: str
    count: int


@hot
class AgentRow:
    """One agent of the registry."""

    agent_id: str
    passport: Passport
    resume: Resume
    rule: Rule
    skill: Skill | None
    subject: str
    latencies: Mapping[str, tuple[int, ...]]
    first_task: int
    tasks: tuple[str, ...]


@hot
class KeyRow:
    """One idempotency key and what came of it."""

    key: str
    body: bytes
    made_id: str
    at_ms: int
    number: int
    depth: int
    audience: tuple[str, ...] | None


@hot
class KeysRow:
    """The keys of one agent, oldest first; `first` is the number of the oldest."""

    agent_id: str
    first: int
    keys: tuple[KeyRow, ...]


@hot
class SessionRow:
    """One live session, and the state of its protocol as a row of its own class."""

    session: Session
    members: tuple[str, ...]
    invited_until_ms: int | None
    dormant: str | None
    words: int
    protocol: bytes
    opened_at_ms: int | None
    hidden: tuple[str, ...]
    fired: tuple[Fired, ...]
    last_said_ms: int | None
    asked: tuple[Asked, ...]


@hot
class TaskRow:
    """One live task, what it could be resumed from, and who asked for its end."""

    task: Task
    checkpoint: Mapping[str, object] | None
    asked_by: tuple[str, ...]


@hot
class MailboxRow:
    """One agent's mailbox, but for what is owed."""

    agent_id: str
    next_number: int
    settled: int
    attachings: int


@hot
class OwedRow:
    """One delivery that is owed."""

    agent_id: str
    number: int
    owed: Owed
    waits_until_ms: int | None


@hot
class DeadLetterRow:
    """One delivery that was given up."""

    agent_id: str
    letter: DeadLetter


@hot
class LinkRow:
    """The link of one agent."""

    agent_id: str
    link: str


@hot
class RateRow:
    """What one agent has spent of its rate."""

    agent_id: str
    at_ms: int
    parts: int


@hot
class DueRow:
    """One entry of the agenda."""

    due_ms: int
    kind: str
    subject_id: str


@hot
class EndRow:
    """That the snapshot is whole: where it stands, and the digest of all rows before. The last row."""

    seq: int
    digest: bytes


StateRow = (
    ConfiguredRow
    | RefusalsRow
    | AgentRow
    | KeysRow
    | SessionRow
    | TaskRow
    | MailboxRow
    | OwedRow
    | DeadLetterRow
    | LinkRow
    | RateRow
    | DueRow
)
SnapshotRow = HubRow | StateRow | EndRow
