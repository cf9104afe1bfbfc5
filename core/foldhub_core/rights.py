"""Who may ask what: a table, and what reads it.

| scope | who may ask |
|---|---|
| open | every principal |
| own | every principal, and is answered with what it may see |
| agent | who may act for the agent that the question names |
| session | who may act for a participant of the session, an invited one included |
| task | who may act for the task's owner, or for a participant of the session it is for |
| administrator | the administrator, who may ask everything else, too |

What may not be seen is answered like what is not there: a live session of others like one that is over or never was, so that
nobody learns by asking which ids are live. A session that has ended was its participants'; who they were the log tells, and
whoever asks for it hands that in as `was_in`.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from .access import check_acts_for
from .commands import Principal
from .envelope import Envelope, visible_to
from .errors import AccessDeniedError, Malformed, NotFoundError
from .ids import HUB_SESSION, was_issued
from .questions import (
    AgentsWithCapability,
    CanSend,
    CreatedSessions,
    DeadLetters,
    Expected,
    FindAgentId,
    FindByCausation,
    FindEnvelope,
    GetAgent,
    GetEndedSession,
    GetHealth,
    GetResume,
    GetRule,
    GetSession,
    GetSkill,
    GetTask,
    HiddenParticipants,
    InboxCountOf,
    InboxCursor,
    LinkOf,
    ListAgents,
    ListEndedSessions,
    ListEndedTasks,
    ListSessions,
    ListTasks,
    LogQuestion,
    NamesFor,
    NameToIdMap,
    PendingTurns,
    PostsLeft,
    ProtocolState,
    Question,
    ReadAudit,
    ReadCheckpoint,
    ReadCommits,
    ReadOwed,
    ReadSession,
    StandingOf,
    SubjectOf,
    Violations,
)
from .sessions import no_session
from .tasks import no_task

if TYPE_CHECKING:
    from .state import HubState

Scope = Literal["open", "own", "agent", "session", "task", "administrator"]

SCOPES: Mapping[type, tuple[Scope, str]] = {
    GetAgent: ("open", ""),
    GetResume: ("open", ""),
    GetRule: ("open", ""),
    GetSkill: ("open", ""),
    FindAgentId: ("open", ""),
    NamesFor: ("open", ""),
    ListAgents: ("open", ""),
    AgentsWithCapability: ("administrator", ""),
    NameToIdMap: ("administrator", ""),
    SubjectOf: ("administrator", ""),
    LinkOf: ("agent", "agent_id"),
    PostsLeft: ("agent", "agent_id"),
    CanSend: ("agent", "sender_id"),
    CreatedSessions: ("agent", "agent_id"),
    PendingTurns: ("agent", "agent_id"),
    InboxCountOf: ("agent", "agent_id"),
    InboxCursor: ("agent", "agent_id"),
    DeadLetters: ("agent", "agent_id"),
    StandingOf: ("agent", "agent_id"),
    GetSession: ("session", "session_id"),
    ListSessions: ("own", "agent_id"),
    Expected: ("session", "session_id"),
    ProtocolState: ("session", "session_id"),
    Violations: ("session", "session_id"),
    HiddenParticipants: ("session", "session_id"),
    GetTask: ("task", "task_id"),
    ListTasks: ("own", ""),
    ReadCheckpoint: ("task", "task_id"),
    GetHealth: ("administrator", ""),
    # of the log
    ReadSession: ("session", "session_id"),
    FindEnvelope: ("session", "session_id"),
    FindByCausation: ("session", "session_id"),
    GetEndedSession: ("session", "session_id"),
    ListEndedSessions: ("agent", "agent_id"),
    ListEndedTasks: ("agent", "owner_id"),
    ReadAudit: ("administrator", ""),
    ReadCommits: ("administrator", ""),
    ReadOwed: ("agent", "agent_id"),
}
"""The scope of every question, and the field that names what it is about."""

_LOG_SESSION = (ReadSession, FindEnvelope, FindByCausation, GetEndedSession)


def may_ask(state: "HubState", principal: Principal, question: Question | LogQuestion, was_in: tuple[str, ...] = ()) -> None:
    """Raise the refusal of a question that the principal may not ask.

    `was_in` says who took part in the session that `ended_session_of` names. O(log n) for every agent of the principal.
    """
    if not isinstance(question, Question):
        _check_page(state, question)
    scope, field = SCOPES[type(question)]
    if scope == "administrator" and not principal.admin:
        raise AccessDeniedError(f"expected the administrator for {type(question).__name__}, came another principal")
    if scope == "agent":
        check_acts_for(principal, getattr(question, field) or "", field)
    elif scope == "own" and field and getattr(question, field) is not None:
        check_acts_for(principal, getattr(question, field), field)
    elif scope == "session":
        _check_session(state, principal, question, getattr(question, field), was_in)
    elif scope == "task" and not sees_task(state, principal, getattr(question, field)):
        raise no_task(state, getattr(question, field))


def ended_session_of(state: "HubState", question: LogQuestion) -> str | None:
    """The session a question is about that is not live: `may_ask` must be told who was in it at its end."""
    if isinstance(question, _LOG_SESSION) and question.session_id not in state.sessions.entries:
        return None if question.session_id == HUB_SESSION else question.session_id
    return None


def readers(state: "HubState", principal: Principal, session_id: str, was_in: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    """As whom a principal reads a session; None is as the administrator, who sees all of it."""
    if principal.admin:
        return None
    entry = state.sessions.entries.get(session_id)
    there = was_in if entry is None else [one.agent_id for one in entry.session.participants]
    return tuple([agent_id for agent_id in principal.agent_ids if agent_id in there])


def visible(question: LogQuestion, words: Iterable[Envelope], reading: tuple[str, ...] | None) -> tuple[Envelope, ...]:
    """Those of these words that are of the session the question is about, and that the readers may see."""
    of_session = [word for word in words if word.session_id == getattr(question, "session_id", None)]
    if reading is None:
        return tuple(of_session)
    return tuple([word for word in of_session if any(visible_to(word, agent_id) for agent_id in reading)])


def sees_session(state: "HubState", principal: Principal, session_id: str) -> bool:
    """Whether a principal may see a live session; False where it is not live."""
    if session_id not in state.sessions.entries:
        return False
    return principal.admin or bool(readers(state, principal, session_id))


def sees_task(state: "HubState", principal: Principal, task_id: str) -> bool:
    """Whether a principal may see a live task; False where it is not live."""
    entry = state.tasks.entries.get(task_id)
    if entry is None:
        return False
    if principal.admin or entry.task.owner_id in principal.agent_ids:
        return True
    return entry.task.session_id is not None and sees_session(state, principal, entry.task.session_id)


def _check_session(
    state: "HubState", principal: Principal, question: Question | LogQuestion, session_id: str, was_in: tuple[str, ...]
) -> None:
    if isinstance(question, Question):
        if not sees_session(state, principal, session_id):
            raise no_session(state, session_id)
        return
    known = session_id == HUB_SESSION or was_issued(state.hub_id, "s", session_id, state.seq)
    if not known or (not principal.admin and not readers(state, principal, session_id, was_in)):
        raise NotFoundError("expected the id of a session that the principal may read, came another", where="session_id")


def _check_page(state: "HubState", question: LogQuestion) -> None:
    limits = state.limits
    for name, least, most in (("since", 0, None), ("after", 0, None), ("limit", 1, limits.page_items)):
        came = getattr(question, name, least)
        if came < least or (most is not None and came > most):
            expected = f"{least} or more" if most is None else f"{least} to {most}"
            raise Malformed(f"expected {expected}, came {came}", where=name)
