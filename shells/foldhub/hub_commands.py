"""What can be asked of a hub, as plain methods: on behalf of the administrator it is to its own process.

Each gives back when what it asked for is durable, and raises the hub's refusal, or `Unavailable` where the hub is full, closing
or has stopped. One that is cancelled may have been carried out or not. They are checkpoints now and then only where the store
is in memory: see `Loop.ask`.
"""

from collections.abc import Mapping
from typing import cast

from foldhub_core import (
    CheckpointTask,
    CloseSession,
    Command,
    EndTask,
    Envelope,
    Expectation,
    ObserveTask,
    OpenSession,
    Passport,
    Post,
    RecordObservation,
    Register,
    RemoveParticipant,
    RequestCancel,
    Resend,
    Resume,
    Rule,
    Session,
    SetResume,
    SetRule,
    SetSkill,
    Skill,
    Task,
    TaskSpec,
    TaskState,
    Unregister,
    UpdateTask,
)
from foldhub_core.data import Value
from foldhub_core.rule import Duration

from .loop import ADMIN, Loop

_NOTHING: Mapping[str, object] = {}
_NO_LABELS: Mapping[str, str] = {}


class HubCommands:
    """A hub's doings, on behalf of the administrator.

    Every coroutine gives back when what it asked for is durable, and raises the hub's refusal, or `Unavailable` where the hub is
    full, closing or has stopped. Cancelled, what was asked for may have been carried out or not.
    """

    loop: Loop

    async def ask(self, command: Command) -> object:
        """Ask for any command; gives the value of its `Reply`."""
        return await self.loop.ask(ADMIN, command)

    # --- agents

    async def register(
        self,
        passport: Passport,
        resume: Resume,
        *,
        skill_md: str | None = None,
        rule: Rule | None = None,
        idempotency_key: str | None = None,
    ) -> Passport:
        """Make an agent that belongs to the hub itself; gives its stamped passport. Agents of clients register through them."""
        command = Register(
            passport=passport,
            resume=resume,
            rule=Rule() if rule is None else rule,
            skill_md=skill_md,
            idempotency_key=idempotency_key,
        )
        return cast(Passport, await self.ask(command))

    async def unregister(self, agent_id: str) -> None:
        """End an agent: it leaves its sessions, and what it did ends."""
        await self.ask(Unregister(agent_id=agent_id))

    async def set_resume(self, agent_id: str, resume: Resume) -> Resume:
        """Replace what an agent claims; gives the resume as it is then."""
        return cast(Resume, await self.ask(SetResume(agent_id=agent_id, resume=resume)))

    async def set_skill(self, agent_id: str, skill_md: str | None) -> Skill | None:
        """Replace an agent's SKILL.md; None takes it away."""
        return cast("Skill | None", await self.ask(SetSkill(agent_id=agent_id, skill_md=skill_md)))

    async def set_rule(self, agent_id: str, rule: Rule) -> Rule:
        """Replace an agent's rule; gives the rule as it is then."""
        return cast(Rule, await self.ask(SetRule(agent_id=agent_id, rule=rule)))

    async def record_observation(
        self,
        *,
        owner_id: str,
        capability: str,
        outcome: TaskState,
        latency_ms: int | None = None,
        task_id: str | None = None,
    ) -> Resume:
        """Count the end of a task into its owner's track record; gives the resume as it is then."""
        command = RecordObservation(
            owner_id=owner_id, capability=capability, outcome=outcome, latency_ms=latency_ms, task_id=task_id
        )
        return cast(Resume, await self.ask(command))

    async def resend(self, agent_id: str, number: int) -> None:
        """Owe a dead letter again."""
        await self.ask(Resend(agent_id=agent_id, number=number))

    # --- sessions

    async def create_session(
        self,
        *,
        creator_id: str,
        type: str,
        participants: tuple[str, ...],
        version: int = 1,
        knobs: Mapping[str, object] = _NOTHING,
        labels: Mapping[str, str] = _NO_LABELS,
        intent: str = "",
        ttl: Duration | None = None,
        parent_session_id: str | None = None,
        required_acks: int | None = None,
        expectations: tuple[Expectation, ...] = (),
        idempotency_key: str | None = None,
    ) -> Session:
        """Open a session in the name of an agent; gives it while it is pending: the invited answer later."""
        command = OpenSession(
            creator_id=creator_id,
            type=type,
            version=version,
            participants=participants,
            knobs=knobs,
            labels=labels,
            intent=intent,
            ttl=ttl,
            parent_session_id=parent_session_id,
            required_acks=required_acks,
            expectations=expectations,
            idempotency_key=idempotency_key,
        )
        return cast(Session, await self.ask(command))

    async def close_session(self, session_id: str, *, reason: str = "explicit_close") -> None:
        """End a session; one that has ended stays as it is."""
        await self.ask(CloseSession(session_id=session_id, reason=reason))

    async def remove_participant(self, session_id: str, participant_id: str, *, by: str, reason: str = "") -> None:
        """Put a participant out of a session, in the name of its creator."""
        command = RemoveParticipant(session_id=session_id, agent_id=by, participant_id=participant_id, reason=reason)
        await self.ask(command)

    async def post_envelope(self, envelope: Envelope) -> Envelope:
        """Say something in the name of an agent; gives the stamped envelope. What remote agents say comes this way."""
        return cast(Envelope, await self.ask(Post(envelope=envelope)))

    # --- tasks

    async def observe_task(
        self,
        owner_id: str,
        spec: TaskSpec,
        *,
        session_id: str | None = None,
        ttl: Duration | None = None,
        idempotency_key: str | None = None,
    ) -> Task:
        """Observe a task that begins now; gives the running task."""
        command = ObserveTask(owner_id=owner_id, spec=spec, session_id=session_id, ttl=ttl, idempotency_key=idempotency_key)
        return cast(Task, await self.ask(command))

    async def update_task(self, task_id: str, progress: Mapping[str, object]) -> Task:
        """Tell how far a task is; gives the task as it is then."""
        return cast(Task, await self.ask(UpdateTask(task_id=task_id, agent_id="", progress=progress)))

    async def checkpoint_task(self, task_id: str, data: Mapping[str, object]) -> None:
        """Keep what a task could be resumed from."""
        await self.ask(CheckpointTask(task_id=task_id, agent_id="", data=data))

    async def end_task(self, task_id: str, outcome: TaskState, *, result: Value = None, error: str = "") -> None:
        """End a task."""
        await self.ask(EndTask(task_id=task_id, agent_id="", outcome=outcome, result=result, error=error))

    async def cancel_task(self, task_id: str, *, reason: str = "") -> None:
        """Ask a task's owner to stop."""
        await self.ask(RequestCancel(task_id=task_id, agent_id="", reason=reason))
