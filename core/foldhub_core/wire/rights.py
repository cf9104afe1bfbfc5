"""What may cross a wire: a table of commands, and for whom each is.

The scope says in whose name a command comes. The core checks it again against the principal when the command is stepped;
here stands what a wire carries at all. What the shell alone may ask (`Start`, `Tick`, `Detach`, `ForwardDone`,
`ForwardFailed`) is not carried, not even for the administrator. Who may ask a question stands in `foldhub_core.rights`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast

from foldhub_core import codec
from foldhub_core.commands import (
    Ack,
    AnswerInvite,
    Attach,
    CloseSession,
    Command,
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
    Unregister,
)
from foldhub_core.envelope import Envelope
from foldhub_core.errors import Malformed, ProtocolError, unexpected
from foldhub_core.exact import is_list
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.records import trusted
from foldhub_core.tags import TAGS
from foldhub_core.task_commands import CheckpointTask, EndTask, ObserveTask, RequestCancel, UpdateTask

if TYPE_CHECKING:
    from foldhub_core.state import HubState

CommandScope = Literal["open", "agent", "session", "task"]

CARRIED: Mapping[type, tuple[CommandScope, str]] = {
    Register: ("open", ""),
    Unregister: ("agent", "agent_id"),
    SetResume: ("agent", "agent_id"),
    SetRule: ("agent", "agent_id"),
    SetSkill: ("agent", "agent_id"),
    RecordObservation: ("agent", "owner_id"),
    Attach: ("agent", "agent_id"),
    Ack: ("agent", "agent_id"),
    Nack: ("agent", "agent_id"),
    Resend: ("agent", "agent_id"),
    OpenSession: ("agent", "creator_id"),
    AnswerInvite: ("session", "agent_id"),
    Invite: ("session", "agent_id"),
    Leave: ("session", "agent_id"),
    RemoveParticipant: ("session", "agent_id"),
    CloseSession: ("session", "agent_id"),
    Post: ("session", "envelope.sender_id"),
    ObserveTask: ("agent", "owner_id"),
    UpdateTask: ("task", "agent_id"),
    CheckpointTask: ("task", "agent_id"),
    EndTask: ("task", "agent_id"),
    RequestCancel: ("task", "agent_id"),
}
"""Every command a wire carries: its scope, and the field that names who acts.

Open is for everybody whose credential may register the name; agent, for who may act for the agent; session, for a
participant, and task, for the owner, both as the agent they act for.
"""


_POST = TAGS[Post]
_post = trusted(Post)


def read_command(data: bytes) -> Command:
    """The command of an `Ask`, or `Malformed`; `ProtocolError` where no wire carries it."""
    command = _read(data)
    if type(command) in CARRIED:
        return cast(Command, command)
    if not isinstance(command, Command):
        raise unexpected("a command", command)
    raise ProtocolError(f"expected a command that a wire carries, came {type(command).__name__}")


def read_question(data: bytes) -> Question | LogQuestion:
    """The question of a `Query`, or `Malformed`."""
    question = _read(data)
    if not isinstance(question, Question | LogQuestion):
        raise unexpected("a question", question)
    return question


def belongs(state: "HubState", principal: Principal, agent_id: str) -> bool:
    """Whether an agent belongs to the principal's subject, which registered it. O(log n).

    So a client that comes back acts for what it registered before. To a principal without a subject nothing belongs.
    """
    entry = state.registry.agents.get(agent_id)
    return entry is not None and principal.subject != "" and entry.subject == principal.subject


def _read(data: bytes) -> object:
    row = codec.unpack(data)
    if is_list(row) and len(row) == 2 and type(row[0]) is int and row[0] == _POST:
        envelope = codec.record_of(row[1])
        if type(envelope) is Envelope and codec.pack((_POST, codec.row_of(envelope))) == data:
            return _post(envelope)
    record = codec.record_of(row)
    if codec.encode(record) != data:
        raise Malformed(f"expected the canonical bytes of a {type(record).__name__}, came other bytes for it")
    return record
