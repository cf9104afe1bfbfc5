"""Asking: the questions that a client asks of its hub, as methods. Who may ask what, the hub says."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from foldhub_core import (
    EV_TEXT,
    AgentPage,
    CanSend,
    DeadLetter,
    DeadLetters,
    Envelope,
    ErrorRecord,
    Expected,
    ExpectedTurn,
    Face,
    FindAgentId,
    FindByCausation,
    FindEnvelope,
    GetAgent,
    GetEndedSession,
    GetResume,
    GetRule,
    GetSession,
    GetSkill,
    GetTask,
    InboxCount,
    InboxCountOf,
    InboxCursor,
    ListAgents,
    ListEndedSessions,
    ListSessions,
    ListTasks,
    NamesFor,
    Passport,
    PendingTurn,
    PendingTurns,
    PostsLeft,
    ProtocolState,
    ReadCheckpoint,
    ReadSession,
    Resume,
    Rule,
    Session,
    SessionPage,
    Skill,
    Task,
    TaskPage,
    TaskState,
    View,
)
from foldhub_core.directory import SortBy
from foldhub_core.identity import AgentKind
from foldhub_core.index import EndedSessionRow
from foldhub_core.session import SessionState

from .link import Duplex


class Asking:
    """What may be asked on a connection. Nothing here changes anything.

    Every coroutine is a checkpoint, may be cancelled at any time, and raises the hub's refusal: what may not be seen is answered
    like what is not there. Answers come from what is durable.
    """

    @property
    def duplex(self) -> Duplex:
        """The connection; raises `trio.ClosedResourceError` where there is none."""
        raise NotImplementedError

    # Any: what a question is answered with, its class says; each method here casts to that.
    async def question(self, question: Any) -> Any:
        """Ask any question of the core."""
        return await self.duplex.question(question)

    # --- agents

    async def get_agent(self, name_or_id: str) -> Passport:
        """An agent's passport, by its id or name. Raises `NotFoundError`."""
        return cast(Passport, await self.question(GetAgent(name_or_id=name_or_id)))

    async def get_resume(self, agent_id: str) -> Resume:
        """What an agent claims, and what the hub observed of it. Raises `NotFoundError`."""
        return cast(Resume, await self.question(GetResume(agent_id=agent_id)))

    async def get_rule(self, agent_id: str) -> Rule:
        """An agent's rule. Raises `NotFoundError`."""
        return cast(Rule, await self.question(GetRule(agent_id=agent_id)))

    async def get_skill(self, agent_id: str) -> Skill | None:
        """An agent's SKILL.md and its version; None where it has none. Raises `NotFoundError`."""
        return cast("Skill | None", await self.question(GetSkill(agent_id=agent_id)))

    async def find_agent_id(self, name: str) -> str | None:
        """The id of the agent of this name, or None."""
        return cast("str | None", await self.question(FindAgentId(name=name)))

    async def names_for(self, agent_ids: Iterable[str]) -> Mapping[str, str]:
        """The names of agents by id, without those that are not registered."""
        return cast("Mapping[str, str]", await self.question(NamesFor(agent_ids=tuple(agent_ids))))

    async def name_for(self, agent_id: str, default: str | None = None) -> str:
        """An agent's name; for an id that is not registered `default`, or the id itself."""
        return (await self.names_for([agent_id])).get(agent_id, agent_id if default is None else default)

    async def list_agents(
        self,
        *,
        capability: str | None = None,
        kind: AgentKind | None = None,
        query: str | None = None,
        sort_by: SortBy | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> AgentPage:
        """A page of agents that fit, and where the next begins."""
        asked = ListAgents(capability=capability, kind=kind, query=query, sort_by=sort_by, limit=limit, cursor=cursor)
        return cast(AgentPage, await self.question(asked))

    # --- sessions

    async def get_session(self, session_id: str) -> Session:
        """A live session that one of the agents here takes part in. Raises `SessionOver` or `NotFoundError`."""
        return cast(Session, await self.question(GetSession(session_id=session_id)))

    async def get_ended_session(self, session_id: str) -> EndedSessionRow | None:
        """How a session ended that one of the agents here took part in; None where it did not."""
        return cast("EndedSessionRow | None", await self.question(GetEndedSession(session_id=session_id)))

    async def list_sessions(
        self,
        *,
        agent_id: str | None = None,
        include_terminal: bool = False,
        session_state: SessionState | None = None,
        type: str | None = None,
        limit: int = 50,
    ) -> list[Session | EndedSessionRow]:
        """Live sessions of one of the agents here, or of all of them, in the order of their opening.

        With `include_terminal`, and for one agent, behind them those that have ended, in the order in which they did, as far as
        the limit goes. `ListSessions` and `ListEndedSessions` give page after page.
        """
        asked = ListSessions(agent_id=agent_id, session_state=session_state, type=type, limit=limit)
        found: list[Session | EndedSessionRow] = list(cast(SessionPage, await self.question(asked)).sessions)
        if include_terminal and len(found) < limit:
            found += (await self.question(ListEndedSessions(agent_id=agent_id, limit=limit - len(found)))).sessions
        return found

    async def can_send(self, session_id: str, sender_id: str, *, event_type: str = EV_TEXT) -> ErrorRecord | None:
        """What an agent would be refused with if it said something now, to everybody; None where it could."""
        asked = CanSend(session_id=session_id, sender_id=sender_id, event_type=event_type)
        return cast("ErrorRecord | None", await self.question(asked))

    async def expected(self, session_id: str) -> tuple[ExpectedTurn, ...]:
        """Who owes a turn in a session."""
        return cast("tuple[ExpectedTurn, ...]", await self.question(Expected(session_id=session_id)))

    async def adapter_state(self, session_id: str) -> object:
        """The state of a live session's protocol. Raises `SessionOver` or `NotFoundError`."""
        return cast(object, await self.question(ProtocolState(session_id=session_id)))

    # Any: a face of a protocol of any state.
    def adapter_for(self, type: str, version: int = 1) -> Face[Any] | None:
        """The face of a protocol, None where it is not known here. Asks nobody; no checkpoint."""
        return self.duplex.adapter_face(type, version)

    async def default_view_policy(self, session_id: str) -> View:
        """What the participants of a session are shown where they do not ask for another view."""
        session = await self.get_session(session_id)
        face = self.adapter_for(session.manifest.type, session.manifest.version)
        return View() if face is None else face.default_view(session)

    # --- what was said

    async def read_wal(self, session_id: str, *, since: int = 0, until: int | None = None) -> list[Envelope]:
        """The words of a session after number `since` up to number `until`, as far as the agents here may see them.

        Also of one that has ended, by those who were in it then. Raises `NotFoundError`.
        """
        asked = ReadSession(session_id=session_id, since=since, until=until)
        return list(cast("tuple[Envelope, ...]", await self.question(asked)))

    async def find_envelope(self, session_id: str, envelope_id: str) -> Envelope | None:
        """A word of a session by its id, or None."""
        asked = FindEnvelope(session_id=session_id, envelope_id=envelope_id)
        return cast("Envelope | None", await self.question(asked))

    async def find_envelope_by_causation(self, session_id: str, sender_id: str, causation_id: str) -> Envelope | None:
        """The first word that somebody said for a cause in a session, or None."""
        asked = FindByCausation(session_id=session_id, sender_id=sender_id, causation_id=causation_id)
        return cast("Envelope | None", await self.question(asked))

    # --- tasks

    async def get_task(self, task_id: str) -> Task:
        """A live task. Raises `TaskOver` or `NotFoundError`."""
        return cast(Task, await self.question(GetTask(task_id=task_id)))

    async def list_tasks(
        self,
        *,
        agent_id: str | None = None,
        session_id: str | None = None,
        state: TaskState | None = None,
        capability: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> TaskPage:
        """A page of the live tasks that the agents here may see, and where the next begins."""
        asked = ListTasks(
            owner_id=agent_id, session_id=session_id, task_state=state, capability=capability, limit=limit, cursor=cursor
        )
        return cast(TaskPage, await self.question(asked))

    async def read_task_checkpoint(self, task_id: str) -> Mapping[str, object] | None:
        """What a live task could be resumed from; None where nothing was kept. Raises `TaskOver` or `NotFoundError`."""
        return cast("Mapping[str, object] | None", await self.question(ReadCheckpoint(task_id=task_id)))

    # --- what is owed

    async def pending_turns_for(self, agent_id: str) -> tuple[PendingTurn, ...]:
        """The turns that one of the agents here owes."""
        return cast("tuple[PendingTurn, ...]", await self.question(PendingTurns(agent_id=agent_id)))

    async def inbox(self, agent_id: str) -> InboxCount:
        """What is owed to one of the agents here, exactly."""
        return cast(InboxCount, await self.question(InboxCountOf(agent_id=agent_id)))

    async def inbox_cursor(self, agent_id: str) -> int:
        """The number of the last delivery up to which everything is settled."""
        return cast(int, await self.question(InboxCursor(agent_id=agent_id)))

    async def dead_letters(self, agent_id: str) -> tuple[DeadLetter, ...]:
        """The deliveries to one of the agents here that were given up."""
        return cast("tuple[DeadLetter, ...]", await self.question(DeadLetters(agent_id=agent_id)))

    async def posts_left(self, agent_id: str) -> int | None:
        """How often one of the agents here may post now; None where there is no bound."""
        return cast("int | None", await self.question(PostsLeft(agent_id=agent_id)))
