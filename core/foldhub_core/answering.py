"""Answering: what a question is answered with, from the published state, for the principal that asks it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, assert_never

from .data import FrozenDict
from .delivery import dead_letters, inbox, inbox_cursor, link_of
from .health import health
from .limits import check_count
from .posting import can_send
from .questions import (
    AgentsWithCapability,
    CanSend,
    CreatedSessions,
    DeadLetters,
    Expected,
    FindAgentId,
    GetAgent,
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
    ListSessions,
    ListTasks,
    NamesFor,
    NameToIdMap,
    PendingTurns,
    PostsLeft,
    ProtocolState,
    Question,
    ReadCheckpoint,
    StandingOf,
    SubjectOf,
    Violations,
)
from .rates import posts_left
from .records import values_of
from .registry import find_agent_id, get_agent, get_resume, get_rule, get_skill, subject_of
from .rights import may_ask
from .search import agents_with_capability, list_agents, name_to_id_map
from .sessions import (
    SessionPage,
    created_sessions,
    expected,
    get_session,
    hidden_participants,
    list_sessions,
    pending_turns,
    protocol_state,
    session_filter,
    session_page,
    sessions_of,
    violations,
)
from .tasks import TaskPage, get_task, list_tasks, read_checkpoint, task_filter, task_page, tasks_seen
from .turn import standing

if TYPE_CHECKING:
    from .commands import Principal
    from .config import HubConfig
    from .state import HubState


def answer(config: "HubConfig", state: "HubState", principal: "Principal", question: Question) -> object:
    """Answer a question from a published state, or raise the refusal; what each is answered with stands at its class.

    It costs what the function costs that the question is named after, and O(log n) for every agent of the principal; a
    principal's own tasks are found in O(k) in its live sessions.
    """
    may_ask(state, principal, question)
    match question:
        case GetAgent():
            return get_agent(state, question.name_or_id)
        case GetResume():
            return get_resume(state, question.agent_id)
        case GetRule():
            return get_rule(state, question.agent_id)
        case GetSkill():
            return get_skill(state, question.agent_id)
        case FindAgentId():
            return find_agent_id(state, question.name)
        case NamesFor():
            return _names_for(state, question)
        case ListAgents():
            return list_agents(
                state,
                capability=question.capability,
                kind=question.kind,
                query=question.query,
                sort_by=question.sort_by,
                limit=question.limit,
                cursor=question.cursor,
            )
        case AgentsWithCapability():
            return agents_with_capability(state, question.capability)
        case NameToIdMap():
            return FrozenDict(name_to_id_map(state))
        case SubjectOf():
            return subject_of(state, question.agent_id)
        case LinkOf():
            return link_of(state, question.agent_id)
        case PostsLeft():
            return posts_left(state, question.agent_id, question.now_ms)
        case CanSend():
            return can_send(config, state, *values_of(question))  # type: ignore[arg-type]
        case CreatedSessions():
            return created_sessions(state, question.agent_id)
        case PendingTurns():
            return pending_turns(config, state, question.agent_id)
        case InboxCountOf():
            return inbox(state, question.agent_id)
        case InboxCursor():
            return inbox_cursor(state, question.agent_id)
        case DeadLetters():
            return dead_letters(state, question.agent_id)
        case StandingOf():
            return standing(config, state, question.agent_id, question.envelope)
        case GetSession():
            return get_session(state, question.session_id)
        case ListSessions():
            return _sessions(state, principal, question)
        case Expected():
            return expected(config, state, question.session_id)
        case ProtocolState():
            return protocol_state(state, question.session_id)
        case Violations():
            return violations(state, question.session_id)
        case HiddenParticipants():
            return hidden_participants(state, question.session_id)
        case GetTask():
            return get_task(state, question.task_id)
        case ListTasks():
            return _tasks(state, principal, question)
        case ReadCheckpoint():
            return read_checkpoint(state, question.task_id)
        case GetHealth():
            return health(state, config=config)
        case _:
            assert_never(question)


def _names_for(state: "HubState", question: NamesFor) -> Mapping[str, str]:
    check_count(len(question.agent_ids), state.limits.page_items, "agent_ids")
    agents = state.registry.agents
    return FrozenDict({one: agents[one].passport.name for one in question.agent_ids if one in agents})


def _sessions(state: "HubState", principal: "Principal", question: ListSessions) -> SessionPage:
    """A page of one agent's sessions, of all the principal may act for, or, for the administrator, of everybody."""
    if principal.admin and question.agent_id is None:
        return list_sessions(
            state,
            session_state=question.session_state,
            type=question.type,
            label=question.label,
            intent=question.intent,
            limit=question.limit,
            cursor=question.cursor,
        )
    agent_ids = principal.agent_ids if question.agent_id is None else (question.agent_id,)
    fits = session_filter(question.session_state, question.type, question.label, question.intent)
    ids = sessions_of(state, agent_ids, question.cursor)
    return session_page(state, ids, fits, question.limit, question.cursor)


def _tasks(state: "HubState", principal: "Principal", question: ListTasks) -> TaskPage:
    """A page of the tasks that the principal may see."""
    if principal.admin:
        return list_tasks(
            state,
            owner_id=question.owner_id,
            session_id=question.session_id,
            task_state=question.task_state,
            capability=question.capability,
            limit=question.limit,
            cursor=question.cursor,
        )
    fits = task_filter(question.owner_id, question.session_id, question.task_state, question.capability)
    session_ids = [session_id for (session_id,) in sessions_of(state, principal.agent_ids, None)]
    ids = tasks_seen(state, principal.agent_ids, session_ids, question.cursor)
    return task_page(state, ids, fits, question.limit, question.cursor)
