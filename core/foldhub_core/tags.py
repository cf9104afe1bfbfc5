"""The tag of every record: what its bytes begin with.

Tags come from this table, not from class names, so that a class may be renamed and its bytes stay. A tag is given once and
never to another record.
"""

from .commands import (
    Ack,
    AnswerInvite,
    Arrival,
    Attach,
    CloseSession,
    Detach,
    Invite,
    Leave,
    Nack,
    OpenSession,
    Post,
    Principal,
    RecordObservation,
    Register,
    RemoveParticipant,
    Resend,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    Tick,
    Unregister,
)
from .effects import Deliver, Evict, Pressure, Redeliver, Refuse, Reply
from .envelope import Envelope
from .error_record import ErrorRecord
from .facts import (
    Acked,
    Attached,
    Configured,
    DeadLettered,
    Detached,
    Dormant,
    Dropped,
    KeysExpired,
    Nacked,
    Rearmed,
    Redelivered,
    Resent,
    Skipped,
    Woken,
)
from .identity import Auth, Cost, Example, ObservedStat, Passport, Resume, Skill
from .limits import Limits
from .mailbox import DeadLetter, Owed
from .rule import Access, Inbox, Rate, Rule, RuleLimits, SessionTypes
from .session import Expectation, Manifest, Participant, ParticipantBounds, Session
from .snapshot_rows import (
    AgentRow,
    ConfiguredRow,
    DeadLetterRow,
    DueRow,
    EndRow,
    HubRow,
    KeyRow,
    KeysRow,
    LinkRow,
    MailboxRow,
    OwedRow,
    RefusalsRow,
    SessionRow,
)
from .task import Task, TaskSpec

TAGS: dict[type, int] = {
    # what is said and who says it
    Envelope: 1,
    Passport: 2,
    Auth: 3,
    Cost: 4,
    Resume: 5,
    Example: 6,
    ObservedStat: 7,
    Skill: 8,
    Rule: 9,
    Access: 10,
    SessionTypes: 11,
    RuleLimits: 12,
    Rate: 13,
    Inbox: 14,
    # sessions and tasks
    Manifest: 15,
    ParticipantBounds: 16,
    Expectation: 17,
    Participant: 18,
    Session: 19,
    TaskSpec: 20,
    Task: 21,
    # errors and configuration
    ErrorRecord: 22,
    Limits: 23,
    Principal: 24,
    Arrival: 25,
    # commands
    Start: 32,
    Tick: 33,
    Register: 34,
    Unregister: 35,
    SetResume: 36,
    SetRule: 37,
    SetSkill: 38,
    RecordObservation: 39,
    Attach: 40,
    Detach: 41,
    OpenSession: 42,
    AnswerInvite: 43,
    Invite: 44,
    Leave: 45,
    RemoveParticipant: 46,
    CloseSession: 47,
    Post: 48,
    Ack: 49,
    Nack: 50,
    Resend: 51,
    # marks
    Configured: 80,
    Attached: 81,
    Detached: 82,
    KeysExpired: 83,
    Rearmed: 84,
    Skipped: 85,
    Dropped: 86,
    Acked: 87,
    Nacked: 88,
    Redelivered: 89,
    DeadLettered: 90,
    Resent: 91,
    Dormant: 92,
    Woken: 93,
    # effects
    Reply: 110,
    Refuse: 111,
    Evict: 112,
    Deliver: 113,
    Redeliver: 114,
    Pressure: 115,
    # rows of a snapshot
    HubRow: 140,
    ConfiguredRow: 141,
    RefusalsRow: 142,
    AgentRow: 143,
    KeyRow: 144,
    KeysRow: 145,
    LinkRow: 146,
    DueRow: 147,
    EndRow: 148,
    SessionRow: 149,
    MailboxRow: 150,
    OwedRow: 151,
    Owed: 152,
    DeadLetterRow: 153,
    DeadLetter: 154,
}
"""The tag of every record. A tag is given once and never to another record."""
