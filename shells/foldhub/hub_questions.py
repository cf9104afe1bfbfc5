"""What a hub can be asked, as plain methods: by the administrator it is to its own process.

Those that wait for nothing are answered from the published state: what is durable. Those of the log are read from the store.
Each refuses what the question of the core that it asks refuses.
"""

from collections.abc import Collection, Mapping
from typing import Any

import foldhub_core as core
from foldhub_core import (
    AgentPage,
    AuditRecord,
    Commit,
    DeadLetter,
    EndedSessionRow,
    Envelope,
    ErrorRecord,
    ExpectedTurn,
    Fired,
    Health,
    HubConfig,
    HubState,
    InboxCount,
    NotFoundError,
    Passport,
    PendingTurn,
    Resume,
    Rule,
    Session,
    SessionPage,
    SessionState,
    Skill,
    Task,
    TaskPage,
    TaskState,
    View,
)
from foldhub_core.audit_readings import KINDS
from foldhub_core.config import AnyAdapter
from foldhub_core.directory import SortBy
from foldhub_core.identity import AgentKind
from foldhub_stores import START, Cursor, SessionsPage, TasksPage

from .loop import Loop
from .reading import Desk


class HubQuestions:
    """A hub's answers. See each question of the core for what it costs and raises.

    What is answered from the published state is answered at once. What is read from the store is a coroutine, and a checkpoint:
    it raises what the store raises, too, and cancelled it has changed nothing.
    """

    config: HubConfig
    """What the hub runs under now."""
    desk: Desk
    loop: Loop

    @property
    def state(self) -> HubState:
        """The published state: what is durable."""
        return self.loop.engine.state

    @property
    def hub_id(self) -> str:
        """The hub's name."""
        return self.state.hub_id

    def health(self) -> Health:
        """The hub in numbers."""
        return core.health(self.state, config=self.config)

    # --- agents

    def get_agent(self, name_or_id: str) -> Passport:
        """An agent's passport, by its id or name."""
        return core.get_agent(self.state, name_or_id)

    def get_resume(self, agent_id: str) -> Resume:
        """What an agent claims, and what was observed of it."""
        return core.get_resume(self.state, agent_id)

    def get_rule(self, agent_id: str) -> Rule:
        """What an agent may do."""
        return core.get_rule(self.state, agent_id)

    def get_skill(self, agent_id: str) -> Skill | None:
        """An agent's skill, None where it has none."""
        return core.get_skill(self.state, agent_id)

    def find_agent_id(self, name: str) -> str | None:
        """The id of the agent of this name, or None."""
        return core.find_agent_id(self.state, name)

    def name_for(self, agent_id: str, *, default: str | None = None) -> str:
        """The agent's name; for an id that is not registered `default`, or the id itself."""
        return core.name_for(self.state, agent_id, default)

    def name_to_id_map(self) -> Mapping[str, str]:
        """The id of every agent by its name."""
        return core.name_to_id_map(self.state)

    def subject_of(self, agent_id: str) -> str:
        """The subject an agent belongs to."""
        return core.subject_of(self.state, agent_id)

    def list_agents(
        self,
        *,
        capability: str | None = None,
        kind: AgentKind | None = None,
        query: str | None = None,
        sort_by: SortBy | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> AgentPage:
        """A page of agents."""
        return core.list_agents(
            self.state, capability=capability, kind=kind, query=query, sort_by=sort_by, limit=limit, cursor=cursor
        )

    def agents_with_capability(self, capability: str) -> tuple[str, ...]:
        """The ids of all agents that claim a capability or were observed in it."""
        return core.agents_with_capability(self.state, capability)

    def inbox(self, agent_id: str) -> InboxCount:
        """What is owed to an agent."""
        return core.inbox(self.state, agent_id)

    def inbox_cursor(self, agent_id: str) -> int:
        """The number of the last delivery up to which everything is settled."""
        return core.inbox_cursor(self.state, agent_id)

    def dead_letters(self, agent_id: str) -> tuple[DeadLetter, ...]:
        """The deliveries to an agent that were given up."""
        return core.dead_letters(self.state, agent_id)

    def posts_left(self, agent_id: str) -> int | None:
        """How many posts an agent's rate leaves it; None is no bound."""
        return core.posts_left(self.state, agent_id)

    # --- sessions

    def get_session(self, session_id: str) -> Session:
        """A live session; of an ended one `ended_session` tells."""
        return core.get_session(self.state, session_id)

    def list_sessions(
        self,
        *,
        agent_id: str | None = None,
        session_state: SessionState | None = None,
        type: str | None = None,
        label: tuple[str, str] | None = None,
        intent: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> SessionPage:
        """A page of live sessions; `list_ended_sessions` lists the others."""
        return core.list_sessions(
            self.state,
            agent_id=agent_id,
            session_state=session_state,
            type=type,
            label=label,
            intent=intent,
            limit=limit,
            cursor=cursor,
        )

    def can_send(self, session_id: str, sender_id: str, *, event_type: str = core.EV_TEXT) -> ErrorRecord | None:
        """Why an agent could not say something now; None where it could."""
        return core.can_send(self.config, self.state, session_id, sender_id, event_type)

    def pending_turns_for(self, agent_id: str) -> tuple[PendingTurn, ...]:
        """The turns an agent owes."""
        return core.pending_turns(self.config, self.state, agent_id)

    def expected(self, session_id: str) -> tuple[ExpectedTurn, ...]:
        """Who owes a turn in a session."""
        return core.expected(self.config, self.state, session_id)

    def violations(self, session_id: str) -> tuple[Fired, ...]:
        """The violations that stand in a session."""
        return core.violations(self.state, session_id)

    def hidden_participants(self, session_id: str) -> tuple[str, ...]:
        """The participants the others go on without."""
        return core.hidden_participants(self.state, session_id)

    def adapter_for(self, session_id: str) -> AnyAdapter:
        """The protocol of a session; raises `NotFoundError` where it is not configured."""
        manifest = self.get_session(session_id).manifest
        adapter = self.config.adapter_of(manifest)
        if adapter is None:
            raise NotFoundError(f"expected the adapter {manifest.type} version {manifest.version}, came none", where="session_id")
        return adapter

    # Any: the state of whatever protocol the session has.
    def adapter_state(self, session_id: str) -> Any:
        """The state of a session's protocol."""
        return core.protocol_state(self.state, session_id)

    def default_view_policy(self, session_id: str) -> View:
        """What a participant is shown of a session where it does not ask for another view."""
        return self.adapter_for(session_id).default_view(self.get_session(session_id))

    # --- tasks

    def get_task(self, task_id: str) -> Task:
        """A live task."""
        return core.get_task(self.state, task_id)

    def list_tasks(
        self,
        *,
        owner_id: str | None = None,
        session_id: str | None = None,
        task_state: TaskState | None = None,
        capability: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> TaskPage:
        """A page of live tasks; `list_ended_tasks` lists the others."""
        return core.list_tasks(
            self.state,
            owner_id=owner_id,
            session_id=session_id,
            task_state=task_state,
            capability=capability,
            limit=limit,
            cursor=cursor,
        )

    def read_task_checkpoint(self, task_id: str) -> Mapping[str, object] | None:
        """What a live task could be resumed from, None where nothing was kept."""
        return core.read_checkpoint(self.state, task_id)

    # --- the log: each is a checkpoint, may be cancelled, and raises what the store raises, too

    async def read_wal(self, session_id: str, *, since: int = 0, until: int | None = None) -> tuple[Envelope, ...]:
        """The words of a session, live or ended, after number `since` up to number `until`; `hub` is a session too."""
        return await self.desk.read(self.desk.store.read_session, session_id, since, until)

    async def find_envelope(self, envelope_id: str) -> Envelope | None:
        """The envelope of this id, or None."""
        return await self.desk.read(self.desk.store.envelope, envelope_id)

    async def find_envelope_by_causation(self, session_id: str, *, sender_id: str, causation_id: str) -> Envelope | None:
        """The first word somebody said for a cause in a session, or None."""
        return await self.desk.read(self.desk.store.by_cause, session_id, sender_id, causation_id)

    async def ended_session(self, session_id: str) -> EndedSessionRow | None:
        """How a session ended, or None where it did not."""
        return await self.desk.read(self.desk.store.ended_session, session_id)

    async def list_ended_sessions(self, *, agent_id: str | None = None, after: Cursor = START, limit: int = 50) -> SessionsPage:
        """A page of ended sessions, of one agent or of all, in the order they ended."""
        return await self.desk.read(lambda: self.desk.store.ended_sessions(after, limit, agent_id=agent_id))

    async def list_ended_tasks(self, *, owner_id: str | None = None, after: Cursor = START, limit: int = 50) -> TasksPage:
        """A page of ended tasks, of one owner or of all, in the order they ended."""
        return await self.desk.read(lambda: self.desk.store.ended_tasks(after, limit, owner_id=owner_id))

    async def read_commits(self, *, after: int = 0, limit: int = 50) -> tuple[Commit, ...]:
        """The commits of the log after a place."""
        return await self.desk.read(self.desk.store.read, after, limit)

    async def audit_log(self, kinds: Collection[str] = KINDS, *, after: int = 0, limit: int = 50) -> tuple[AuditRecord, ...]:
        """What an auditor wants to know of the commits after a place: of the first `limit` that tell something of these kinds."""
        commits = await self.desk.read(self.desk.store.audited, kinds, after, limit)
        return tuple(core.audit(commits, kinds=kinds))
