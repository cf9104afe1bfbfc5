"""What a principal may ask of the hub: commands, and the arrival that brings one.

Commands are imperative and name who acts. A second try of any command changes nothing and answers like the first: those
that would make a thing twice carry an `idempotency_key`, the others are the same by their content.
"""

from collections.abc import Mapping
from typing import ClassVar

from .data import INT_MAX
from .envelope import Envelope
from .errors import Malformed
from .exact import EMPTY
from .identity import Passport, Resume
from .records import named
from .rule import Duration, Rule, duration_ms
from .session import NO_LABELS, Expectation
from .task import TaskState
from .task_commands import CheckpointTask, EndTask, ObserveTask, RequestCancel, UpdateTask


@named
class Principal:
    """On whose behalf a command comes, as the shell that checked the credential says."""

    subject: str = ""
    """The credential's lasting name. What it registers belongs to it."""
    agent_ids: tuple[str, ...] = ()
    """The agents it may act for."""
    may_register: tuple[str, ...] = ()
    """Globs over the names it may register."""
    admin: bool = False
    """The administrator may do all of it, and alone what is the shell's."""


@named
class Start:
    """Begin a run of the hub, or go on under another configuration; detaches every link. The shell's."""

    acting: ClassVar[str] = ""


@named
class Tick:
    """Let happen what is due at the arrival's time. The shell's."""

    acting: ClassVar[str] = ""


@named
class Register:
    """Make an agent; answered with its stamped `Passport`."""

    acting: ClassVar[str] = ""

    passport: Passport
    resume: Resume
    rule: Rule = Rule()
    skill_md: str | None = None
    idempotency_key: str | None = None


@named
class Unregister:
    """End an agent; its name is free at once, its id is never used again. Answered with None."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str


@named
class SetResume:
    """Replace what the agent claims; what the hub observed stays. Answered with the `Resume` as it is then."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str
    resume: Resume


@named
class SetRule:
    """Replace the agent's rule. Answered with the `Rule` as it is then."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str
    rule: Rule


@named
class SetSkill:
    """Replace the agent's SKILL.md; None takes it away. Answered with the `Skill` as it is then, or None."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str
    skill_md: str | None


@named
class RecordObservation:
    """Count the end of a task into its owner's track record, once per `task_id`; answered with the `Resume`.

    Without a `task_id` there is nothing to know a repetition by, and each one counts.
    """

    acting: ClassVar[str] = "owner_id"

    owner_id: str
    capability: str
    outcome: TaskState
    latency_ms: int | None = None
    task_id: str | None = None

    def __checked__(self) -> None:
        if self.latency_ms is not None and self.latency_ms < 0:
            raise Malformed(f"expected a latency of 0 or more, came {self.latency_ms}", where="latency_ms")


@named
class Attach:
    """Let a link carry the agent's deliveries from now on; evicts the link that did before. Answered with None."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str
    link: str


@named
class Detach:
    """A link is gone. Changes nothing where another link has taken its place. Answered with None. The shell's."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str
    link: str


@named
class OpenSession:
    """Open a session: invite the others. Answered at once with the pending `Session`."""

    acting: ClassVar[str] = "creator_id"

    creator_id: str
    type: str
    version: int = 1
    participants: tuple[str, ...]
    knobs: Mapping[str, object] = EMPTY
    labels: Mapping[str, str] = NO_LABELS
    intent: str = ""
    ttl: Duration | None = None
    """How long it may last; None is the default of the creator's rule, 0 is for ever."""
    parent_session_id: str | None = None
    required_acks: int | None = None
    """How many of the invited must accept; None is all."""
    expectations: tuple[Expectation, ...] = ()
    """Beside those of the protocol."""
    idempotency_key: str | None = None

    def __checked__(self) -> None:
        if self.ttl is not None:
            duration_ms(self.ttl, "OpenSession.ttl")


@named
class AnswerInvite:
    """Accept or decline an invitation. Answered with None."""

    acting: ClassVar[str] = "agent_id"

    session_id: str
    agent_id: str
    accept: bool
    reason: str = ""


@named
class Invite:
    """Invite further agents into a session. Its creator's. Answered with None."""

    acting: ClassVar[str] = "agent_id"

    session_id: str
    agent_id: str
    participants: tuple[str, ...]


@named
class Leave:
    """Leave a session. Answered with None."""

    acting: ClassVar[str] = "agent_id"

    session_id: str
    agent_id: str
    reason: str = ""


@named
class RemoveParticipant:
    """Put a participant out of a session. Its creator's. Answered with None."""

    acting: ClassVar[str] = "agent_id"

    session_id: str
    agent_id: str
    participant_id: str
    reason: str = ""


@named
class CloseSession:
    """End a session: its creator's, and a participant's where the protocol lets them. Answered with None, also again.

    The administrator names no agent.
    """

    acting: ClassVar[str] = "agent_id"

    session_id: str
    agent_id: str = ""
    reason: str = "explicit_close"


@named
class Post:
    """Say something in a session. Answered with the stamped `Envelope`."""

    acting: ClassVar[str] = "envelope.sender_id"

    envelope: Envelope


@named
class Ack:
    """These deliveries arrived. Numbers that are not owed are passed over. Answered with None."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str
    numbers: tuple[int, ...]


@named
class Nack:
    """A delivery failed: it comes again after a pause, or is given up. Answered with None."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str
    number: int
    reason: str = ""


@named
class Resend:
    """Owe a dead letter again. Answered with None."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str
    number: int


@named
class ForwardDone:
    """A remote agent's proxy took a delivery: it is owed no more. Answered with None. The shell's."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str
    number: int


@named
class ForwardFailed:
    """A delivery could not be forwarded: it goes out again after a pause, or is given up. Answered with None. The shell's."""

    acting: ClassVar[str] = "agent_id"

    agent_id: str
    number: int
    reason: str = ""
    """What went wrong; what is over `Limits.short_text_chars` of it is cut off."""


Command = (
    Post
    | Ack
    | OpenSession
    | AnswerInvite
    | Invite
    | Leave
    | RemoveParticipant
    | CloseSession
    | Nack
    | Resend
    | Attach
    | Detach
    | ForwardDone
    | ForwardFailed
    | Register
    | Unregister
    | SetResume
    | SetRule
    | SetSkill
    | RecordObservation
    | ObserveTask
    | UpdateTask
    | CheckpointTask
    | EndTask
    | RequestCancel
    | Start
    | Tick
)

SHELL_COMMANDS: tuple[type, ...] = (Start, Tick, Detach, ForwardDone, ForwardFailed)
"""What only the administrator may ask, and no wire carries."""


@named
class Arrival:
    """A command as a shell saw it arrive: the one input of the core."""

    principal: Principal
    command: Command
    now_ms: int
    ref: str = ""
    """The caller's name for this request; its answer carries it back."""

    def __checked__(self) -> None:
        if not 0 <= self.now_ms <= INT_MAX // 2:
            raise Malformed(f"expected a time from 0 to {INT_MAX // 2} ms, came {self.now_ms}", where="Arrival.now_ms")


def acting_id(command: Command) -> str:
    """The agent a command acts for; empty for those that act for none."""
    if type(command) is Post:
        return command.envelope.sender_id
    field = command.acting
    return getattr(command, field) if field else ""
