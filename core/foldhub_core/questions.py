"""What a client may ask of the hub without changing it: questions, as records that can cross a wire.

A question is named after the function that answers it, and has its parameters. Some are answered from the published state
(`Question`), the others from the log (`LogQuestion`), which the shell reads in its store. Who may ask what stands in
`rights`, and what is answered in `answering`.
"""

from .directory import SortBy
from .envelope import EV_TEXT, Envelope
from .identity import AgentKind
from .records import named
from .session import SessionState
from .task import TaskState


@named
class GetAgent:
    """Who an agent is, by id or name; answered with its `Passport`."""

    name_or_id: str


@named
class GetResume:
    """What an agent claims, and what the hub observed of it; answered with its `Resume`."""

    agent_id: str


@named
class GetRule:
    """What an agent may do, and what may be done to it; answered with its `Rule`."""

    agent_id: str


@named
class GetSkill:
    """What an agent can do, in its words; answered with its `Skill`, or None where it has none."""

    agent_id: str


@named
class FindAgentId:
    """Which agent has this name; answered with its id, or None."""

    name: str


@named
class NamesFor:
    """What agents are called; answered with a map of names by id, without those that are not registered."""

    agent_ids: tuple[str, ...]


@named
class ListAgents:
    """Search the registry; answered with an `AgentPage`."""

    capability: str | None = None
    kind: AgentKind | None = None
    query: str | None = None
    sort_by: SortBy | None = None
    limit: int = 50
    cursor: str | None = None


@named
class AgentsWithCapability:
    """Who can do something; answered with the ids of all of them, sorted."""

    capability: str


@named
class NameToIdMap:
    """Answered with the id of every agent by its name."""


@named
class SubjectOf:
    """Whom an agent belongs to; answered with the subject that registered it."""

    agent_id: str


@named
class LinkOf:
    """What carries an agent's deliveries; answered with the name of the link, or None."""

    agent_id: str


@named
class PostsLeft:
    """How often an agent may post now; answered with a number, or None where there is no bound."""

    agent_id: str
    now_ms: int | None = None


@named
class CanSend:
    """Whether an agent could say something; answered with the `ErrorRecord` it would be refused with, or None."""

    session_id: str
    sender_id: str
    event_type: str = EV_TEXT
    now_ms: int | None = None


@named
class CreatedSessions:
    """How many live sessions an agent created; answered with a number."""

    agent_id: str


@named
class PendingTurns:
    """Which turns an agent owes; answered with a tuple of `PendingTurn`."""

    agent_id: str


@named
class InboxCountOf:
    """What is owed to an agent; answered with an `InboxCount`."""

    agent_id: str


@named
class InboxCursor:
    """Up to where an agent's deliveries are settled; answered with a delivery's number."""

    agent_id: str


@named
class DeadLetters:
    """Which deliveries to an agent were given up; answered with a tuple of `DeadLetter`."""

    agent_id: str


@named
class StandingOf:
    """How things are for an agent to whom this was delivered; answered with a `Standing`."""

    agent_id: str
    envelope: Envelope


@named
class GetSession:
    """What a live session is; answered with the `Session`."""

    session_id: str


@named
class ListSessions:
    """Live sessions of an agent, or of all agents the principal may act for; answered with a `SessionPage`."""

    agent_id: str | None = None
    session_state: SessionState | None = None
    type: str | None = None
    label: tuple[str, str] | None = None
    intent: str | None = None
    limit: int = 50
    cursor: str | None = None


@named
class Expected:
    """Who owes a turn in a session; answered with a tuple of `ExpectedTurn`."""

    session_id: str


@named
class ProtocolState:
    """How far the protocol of a session is; answered with a state of its adapter's class."""

    session_id: str


@named
class Violations:
    """Which violations stand in a session; answered with a tuple of `Fired`."""

    session_id: str


@named
class HiddenParticipants:
    """Whom the others of a session go on without; answered with their ids."""

    session_id: str


@named
class GetTask:
    """What a live task is and how far; answered with the `Task`."""

    task_id: str


@named
class ListTasks:
    """Live tasks that the principal may see; answered with a `TaskPage`."""

    owner_id: str | None = None
    session_id: str | None = None
    task_state: TaskState | None = None
    capability: str | None = None
    limit: int = 50
    cursor: str | None = None


@named
class ReadCheckpoint:
    """What a live task could be resumed from; answered with a map, or None."""

    task_id: str


@named
class GetHealth:
    """The hub in numbers; answered with a `Health`."""


Question = (
    GetAgent
    | GetResume
    | GetRule
    | GetSkill
    | FindAgentId
    | NamesFor
    | ListAgents
    | AgentsWithCapability
    | NameToIdMap
    | SubjectOf
    | LinkOf
    | PostsLeft
    | CanSend
    | CreatedSessions
    | PendingTurns
    | InboxCountOf
    | InboxCursor
    | DeadLetters
    | StandingOf
    | GetSession
    | ListSessions
    | Expected
    | ProtocolState
    | Violations
    | HiddenParticipants
    | GetTask
    | ListTasks
    | ReadCheckpoint
    | GetHealth
)


@named
class ReadSession:
    """The words of a session after number `since` up to number `until`; answered with a tuple of `Envelope`."""

    session_id: str
    since: int = 0
    until: int | None = None


@named
class FindEnvelope:
    """A word of a session by its id; answered with the `Envelope`, or None."""

    session_id: str
    envelope_id: str


@named
class FindByCausation:
    """The first word somebody said for a cause in a session; answered with the `Envelope`, or None."""

    session_id: str
    sender_id: str
    causation_id: str


@named
class ReadOwed:
    """What is owed to an agent after delivery `after`, of one session or of all; answered with a `DeliveryPage`.

    What waits out the pause of a nack is left out: it comes by itself. How much a page holds is the hub's to say.
    """

    agent_id: str
    session_id: str | None = None
    after: int = 0


@named
class GetEndedSession:
    """How a session ended; answered with an `EndedSessionRow`, or None where it did not."""

    session_id: str


@named
class ListEndedSessions:
    """Sessions of an agent that ended, in that order; answered with an `EndedSessionPage`."""

    agent_id: str | None = None
    limit: int = 50
    cursor: str | None = None


@named
class ListEndedTasks:
    """Tasks of an owner that ended, in that order; answered with an `EndedTaskPage`."""

    owner_id: str | None = None
    limit: int = 50
    cursor: str | None = None


@named
class ReadAudit:
    """What is worth knowing of the commits after `after`; answered with an `AuditPage`."""

    kinds: tuple[str, ...]
    after: int = 0
    limit: int = 50


@named
class ReadCommits:
    """The commits after `after`, as they are; answered with a `CommitPage`."""

    after: int = 0
    limit: int = 50


LogQuestion = (
    ReadSession
    | FindEnvelope
    | FindByCausation
    | GetEndedSession
    | ListEndedSessions
    | ListEndedTasks
    | ReadAudit
    | ReadCommits
    | ReadOwed
)
