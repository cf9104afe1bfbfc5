"""Answers on a wire: what each request is answered with, as bytes.

A request says of what type its answer is, so an answer is written without a name. Two answers are not written as they are
held: the state of a protocol, whose class only its adapter knows, and a session's words, which come a page at a time.
"""

from collections.abc import Mapping
from types import NoneType
from typing import Any

from foldhub_core import commands as c
from foldhub_core import questions as q
from foldhub_core import task_commands as t
from foldhub_core.adapters.protocol import ExpectedTurn
from foldhub_core.codec import FORMAT, decode, decode_as, encode, encode_as
from foldhub_core.config import HubConfig
from foldhub_core.delivery import InboxCount
from foldhub_core.envelope import Envelope
from foldhub_core.error_record import ErrorRecord
from foldhub_core.errors import NotFoundError, shown
from foldhub_core.health import Health
from foldhub_core.identity import Passport, Resume, Skill
from foldhub_core.index import EndedSessionRow
from foldhub_core.mailbox import DeadLetter
from foldhub_core.pages import AuditPage, CommitPage, DeliveryPage, EndedSessionPage, EndedTaskPage
from foldhub_core.protocol_bytes import read_protocol, write_protocol
from foldhub_core.records import hot, record
from foldhub_core.rule import Rule
from foldhub_core.search import AgentPage
from foldhub_core.session import Fired, Session
from foldhub_core.sessions import Faulty, PendingTurn, SessionPage
from foldhub_core.task import Task
from foldhub_core.tasks import TaskPage
from foldhub_core.turn import Delivery, Standing


@record
class WordsPage:
    """What a `ReadSession` is answered with on a wire: the words that its asker may see, up to a number."""

    words: tuple[Envelope, ...]
    upto: int
    """The number of the last word that was looked at."""
    more: bool
    """Whether there is more after it of what was asked for."""


@hot
class ProtocolRow:
    """The state of a protocol."""

    type: str
    version: int
    fault: str | None
    """What its adapter did, where there is no state."""
    state: bytes
    """The state as its adapter's class says it, in the form of a snapshot."""


@hot
class StandingRow:
    """A `Standing`, with its protocol's state as it crosses a wire."""

    session: Session | None
    protocol: ProtocolRow | None
    dormant: str | None
    turns: tuple[ExpectedTurn, ...]
    refused: ErrorRecord | None
    answered_by: str | None
    names: Mapping[str, str]


# Any: declared types, which have no type of their own.
ANSWERS: Mapping[type, Any] = {
    c.Register: Passport,
    c.Unregister: NoneType,
    c.SetResume: Resume,
    c.SetRule: Rule,
    c.SetSkill: Skill | None,
    c.RecordObservation: Resume,
    c.Attach: NoneType,
    c.OpenSession: Session,
    c.AnswerInvite: NoneType,
    c.Invite: NoneType,
    c.Leave: NoneType,
    c.RemoveParticipant: NoneType,
    c.CloseSession: NoneType,
    c.Post: Envelope,
    c.Ack: NoneType,
    c.Nack: NoneType,
    c.Resend: NoneType,
    t.ObserveTask: Task,
    t.UpdateTask: Task,
    t.CheckpointTask: NoneType,
    t.EndTask: NoneType,
    t.RequestCancel: NoneType,
    q.GetAgent: Passport,
    q.GetResume: Resume,
    q.GetRule: Rule,
    q.GetSkill: Skill | None,
    q.FindAgentId: str | None,
    q.NamesFor: Mapping[str, str],
    q.ListAgents: AgentPage,
    q.AgentsWithCapability: tuple[str, ...],
    q.NameToIdMap: Mapping[str, str],
    q.SubjectOf: str,
    q.LinkOf: str | None,
    q.PostsLeft: int | None,
    q.CanSend: ErrorRecord | None,
    q.CreatedSessions: int,
    q.PendingTurns: tuple[PendingTurn, ...],
    q.InboxCountOf: InboxCount,
    q.InboxCursor: int,
    q.DeadLetters: tuple[DeadLetter, ...],
    q.StandingOf: StandingRow,
    q.GetSession: Session,
    q.ListSessions: SessionPage,
    q.Expected: tuple[ExpectedTurn, ...],
    q.ProtocolState: ProtocolRow,
    q.Violations: tuple[Fired, ...],
    q.HiddenParticipants: tuple[str, ...],
    q.GetTask: Task,
    q.ListTasks: TaskPage,
    q.ReadCheckpoint: Mapping[str, object] | None,
    q.GetHealth: Health,
    q.ReadSession: WordsPage,
    q.FindEnvelope: Envelope | None,
    q.FindByCausation: Envelope | None,
    q.GetEndedSession: EndedSessionRow | None,
    q.ListEndedSessions: EndedSessionPage,
    q.ListEndedTasks: EndedTaskPage,
    q.ReadAudit: AuditPage,
    q.ReadCommits: CommitPage,
    q.ReadOwed: DeliveryPage,
}
"""The declared type of every answer that crosses a wire, by the class of its request."""

NOTHING = encode_as(NoneType, None)
"""The answer of a command that is answered with None."""


def write_answer(config: HubConfig, request: object, value: object) -> bytes:
    """Write what a request is answered with. A `ReadSession` is answered with a `WordsPage`."""
    if value is None and ANSWERS[type(request)] is NoneType:
        return NOTHING
    if type(request) is c.Post and type(value) is Envelope:
        return encode(value)
    if isinstance(value, Standing):
        value = _standing_row(value)
    elif type(request) is q.ProtocolState:
        value = _protocol_row(value, _named_by_state(config, value))
    return encode_as(ANSWERS[type(request)], value)


def read_answer(config: HubConfig, request: object, data: bytes) -> object:
    """Read what a request is answered with, or raise `Malformed`.

    The state of a protocol is read by the reader's own adapter. Without one a `Standing` has no protocol state, and a
    `ProtocolState` raises `NotFoundError`.
    """
    declared = ANSWERS[type(request)]
    if data == NOTHING and declared is NoneType:
        return None
    if declared is Envelope:
        return decode(data, Envelope)
    value = decode_as(declared, data)
    if isinstance(value, StandingRow):
        return _standing(config, value)
    if isinstance(value, ProtocolRow):
        return _protocol(config, value)
    return value


def words_page(words: tuple[Envelope, ...], upto: int, more: bool, most: int) -> WordsPage:
    """A page of as many of these words as fit into so many bytes, at least one where there are any."""
    fit = _fitting(Envelope, words, most)
    return WordsPage(words, upto, more) if fit == len(words) else WordsPage(words[:fit], words[fit].number - 1, True)


def delivery_page(page: DeliveryPage, most: int) -> DeliveryPage:
    """As much of a page as fits into so many bytes. A first one that does not fit is passed over: it fits nowhere."""
    fit = _fitting(Delivery, page.deliveries, most)
    these = page.deliveries[:fit]
    if fit == 1 and len(encode_as(Delivery, these[0])) > most - _AROUND_VALUES:
        return DeliveryPage((), these[0].number or 0, True)
    return page if fit == len(page.deliveries) else DeliveryPage(these, these[-1].number or 0, True)


_AROUND_VALUES = 24
"""What a page has around its values, at most."""


# Any: a declared type.
def _fitting(declared: Any, values: tuple[object, ...], most: int) -> int:
    """How many of these values fit into a page of so many bytes, and one where there are any."""
    room = most - _AROUND_VALUES
    for fit, value in enumerate(values):
        room -= len(encode_as(declared, value))
        if fit and room < 0:
            return fit
    return len(values)


def _standing_row(standing: Standing) -> StandingRow:
    row = None
    if standing.session is not None:
        manifest = standing.session.manifest
        row = _protocol_row(standing.protocol, (manifest.type, manifest.version))
    more = (standing.dormant, standing.turns, standing.refused, standing.answered_by, standing.names)
    return StandingRow(standing.session, row, *more)


def _standing(config: HubConfig, row: StandingRow) -> Standing:
    held = row.protocol
    known = held is not None and config.adapter_for(held.type, held.version) is not None
    protocol = _protocol(config, held) if held is not None and (known or held.fault is not None) else None
    return Standing(row.session, protocol, row.dormant, row.turns, row.refused, row.answered_by, row.names)


def _protocol_row(protocol: object, named: tuple[str, int]) -> ProtocolRow:
    if isinstance(protocol, Faulty):
        return ProtocolRow(*named, protocol.reason, b"")
    return ProtocolRow(*named, None, write_protocol(protocol))


def _protocol(config: HubConfig, row: ProtocolRow) -> object:
    if row.fault is not None:
        return Faulty(row.fault)
    adapter = config.adapter_for(row.type, row.version)
    if adapter is None:
        raise NotFoundError(f"expected an adapter of {shown(row.type)} version {row.version} here, came none", where="adapters")
    return read_protocol(adapter, row.state, FORMAT, "answer")


def _named_by_state(config: HubConfig, protocol: object) -> tuple[str, int]:
    """The type and version of an adapter that can read this state; empty where it is none."""
    for adapter in config.adapters:
        if adapter.state_type is type(protocol):
            return adapter.manifest.type, adapter.manifest.version
    return "", 0
