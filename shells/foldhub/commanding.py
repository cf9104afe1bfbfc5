"""Commanding: what a client asks its hub to do for any of the agents on its connection, each named by its id."""

from collections.abc import Mapping
from typing import cast

from foldhub_core import (
    CheckpointTask,
    CloseSession,
    Command,
    EndTask,
    Envelope,
    ObserveTask,
    OpenSession,
    Post,
    RecordObservation,
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

from .asking import Asking


class Commanding(Asking):
    """What may be asked for on a connection, agent by agent. Most of it an agent's own client does as well.

    Every coroutine raises the hub's refusal; cancelled, what was asked for may have happened or not. Each is a checkpoint, but
    for a hub in memory, where only one in several is.
    """

    async def ask(self, command: Command) -> object:
        """Ask for any command of the core; gives the value of its answer, when it is durable."""
        return await self.duplex.ask(command)

    # --- agents

    async def set_resume(self, agent_id: str, resume: Resume) -> Resume:
        """Replace what an agent claims."""
        return cast(Resume, await self.ask(SetResume(agent_id=agent_id, resume=resume)))

    async def set_skill(self, agent_id: str, skill_md: str | None) -> Skill | None:
        """Replace an agent's SKILL.md; None takes it away."""
        return cast("Skill | None", await self.ask(SetSkill(agent_id=agent_id, skill_md=skill_md)))

    async def set_rule(self, agent_id: str, rule: Rule) -> Rule:
        """Replace an agent's rule."""
        return cast(Rule, await self.ask(SetRule(agent_id=agent_id, rule=rule)))

    async def unregister_agent(self, agent_id: str) -> None:
        """End an agent. Its client here, if there is one, hears nothing more."""
        await self.ask(Unregister(agent_id=agent_id))

    async def record_observation(
        self, *, owner_id: str, capability: str, outcome: TaskState, latency_ms: int | None = None, task_id: str | None = None
    ) -> Resume:
        """Count the end of a task that the hub did not observe into its owner's track record, once per `task_id`."""
        told = {"capability": capability, "outcome": outcome, "latency_ms": latency_ms, "task_id": task_id}
        return cast(Resume, await self.ask(RecordObservation(owner_id=owner_id, **told)))  # type: ignore[arg-type]

    async def resend(self, agent_id: str, number: int) -> None:
        """Have a delivery that was given up come again."""
        await self.ask(Resend(agent_id=agent_id, number=number))

    # --- sessions

    async def create_session(
        self,
        *,
        creator_id: str,
        manifest_type: str,
        participants: list[str],
        manifest_version: int = 1,
        required_acks: int | None = None,
        ttl: Duration | None = None,
        knobs: Mapping[str, object] | None = None,
        intent: str = "",
        labels: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Session:
        """Open a session; gives it at once, pending. `AgentClient.open` waits until it is active."""
        command = OpenSession(
            creator_id=creator_id,
            type=manifest_type,
            version=manifest_version,
            participants=tuple(participants),
            required_acks=required_acks,
            ttl=ttl,
            knobs={} if knobs is None else knobs,
            intent=intent,
            labels={} if labels is None else labels,
            idempotency_key=idempotency_key,
        )
        return cast(Session, await self.ask(command))

    async def close_session(self, session_id: str, agent_id: str, *, reason: str = "explicit_close") -> None:
        """End a session in the name of an agent that may."""
        await self.ask(CloseSession(session_id=session_id, agent_id=agent_id, reason=reason))

    async def post_envelope(self, envelope: Envelope) -> Envelope:
        """Say an envelope in the name of its sender; gives it as it was said."""
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
        """Have the hub observe a task that begins now."""
        what = ObserveTask(owner_id=owner_id, spec=spec, session_id=session_id, ttl=ttl, idempotency_key=idempotency_key)
        return cast(Task, await self.ask(what))

    async def update_task(self, task_id: str, agent_id: str, progress: Mapping[str, object]) -> Task:
        """Tell how far a task is."""
        return cast(Task, await self.ask(UpdateTask(task_id=task_id, agent_id=agent_id, progress=progress)))

    async def checkpoint_task(self, task_id: str, agent_id: str, data: Mapping[str, object]) -> None:
        """Keep what a task could be resumed from."""
        await self.ask(CheckpointTask(task_id=task_id, agent_id=agent_id, data=data))

    async def end_task(
        self,
        task_id: str,
        agent_id: str,
        outcome: TaskState,
        *,
        result: Value = None,
        error: str = "",
        idempotency_key: str | None = None,
    ) -> None:
        """End a task."""
        how = {"outcome": outcome, "result": result, "error": error, "idempotency_key": idempotency_key}
        await self.ask(EndTask(task_id=task_id, agent_id=agent_id, **how))  # type: ignore[arg-type]

    async def request_cancel(self, task_id: str, agent_id: str, reason: str = "") -> None:
        """Ask a task's owner to stop, in the name of an agent that may."""
        await self.ask(RequestCancel(task_id=task_id, agent_id=agent_id, reason=reason))
