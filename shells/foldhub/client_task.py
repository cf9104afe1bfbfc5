"""A task in a client: work that the hub observes, as long as a block lasts."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import cast

import trio

from foldhub_core import (
    CheckpointTask,
    Command,
    EndTask,
    NotFoundError,
    ObserveTask,
    Task,
    TaskOver,
    TaskSpec,
    TaskState,
    UpdateTask,
)
from foldhub_core.data import Value
from foldhub_core.rule import Duration

from .turning import current


class TaskOwner:
    """What an agent does about tasks. Every coroutine raises the hub's refusal; cancelled, it may have been done or not."""

    agent_id: str
    running: dict[str, Callable[[str], None]]
    """How the agent's running tasks are called off, by id."""

    async def ask(self, command: Command) -> object:
        """Ask the hub for anything that the agent may ask; gives the value of the answer."""
        raise NotImplementedError

    async def observe_task(
        self, spec: TaskSpec, *, session_id: str | None = None, ttl: Duration | None = None, idempotency_key: str | None = None
    ) -> Task:
        """Have the hub observe a task that begins now.

        Begun inside a turn, it is that turn's: a request to call the task off reaches the turn, and ends both. `task` gives a
        task a scope of its own.
        """
        command = ObserveTask(owner_id=self.agent_id, spec=spec, session_id=session_id, ttl=ttl, idempotency_key=idempotency_key)
        task = cast(Task, await self.ask(command))
        doing = current.get()
        if doing is not None and doing.agent_id == self.agent_id:
            doing.tasks.append(task.task_id)
            self.running[task.task_id] = doing.call_off
        return task

    @asynccontextmanager
    async def task(
        self,
        title: str,
        *,
        description: str = "",
        payload: Mapping[str, object] | None = None,
        capability: str | None = None,
        session_id: str | None = None,
        ttl: Duration | None = None,
    ) -> AsyncGenerator["ClientTask", None]:
        """Do a task in the block: observed from its beginning, completed at its end, failed where the block raises.

        A request to call it off cancels the block, which then ends quietly, and `ClientTask.called_off` says why. Cancelled from
        elsewhere it stays as it is in the hub, until its time is over or somebody resumes it from its checkpoint.
        """
        spec = TaskSpec(title, description, {} if payload is None else payload, capability)
        command = ObserveTask(owner_id=self.agent_id, spec=spec, session_id=session_id, ttl=ttl)
        async with run_task(self, cast(Task, await self.ask(command))) as task:
            yield task


class ClientTask:
    """A task that is being done. `AgentClient.task` gives one.

    Every coroutine raises the hub's refusal, `TaskOver` where the task has ended meanwhile, with its
    session, say; cancelled, what was asked for may have happened or not.
    """

    def __init__(self, client: TaskOwner, task: Task) -> None:
        self.client = client
        self.task_id = task.task_id
        self.task = task
        """As it was told last."""
        self.result: Value = None
        """What comes of it; told at its end."""
        self.called_off: str | None = None
        """Why it was called off, where it was."""

    async def progress(self, **progress: object) -> Task:
        """Tell how far it is; what is told joins what was told."""
        command = UpdateTask(task_id=self.task_id, agent_id=self.client.agent_id, progress=progress)
        self.task = cast(Task, await self.client.ask(command))
        return self.task

    async def checkpoint(self, data: Mapping[str, object]) -> None:
        """Keep what it could be resumed from, in the place of what was kept before."""
        await self.client.ask(CheckpointTask(task_id=self.task_id, agent_id=self.client.agent_id, data=data))


@asynccontextmanager
async def run_task(client: TaskOwner, task: Task) -> AsyncGenerator[ClientTask, None]:
    """Have a task that has begun end with the block; while it lasts, its owner's `running` says how it is called off."""
    running = client.running
    doing = ClientTask(client, task)

    async def end(outcome: TaskState, error: str = "") -> None:
        command = EndTask(
            task_id=task.task_id, agent_id=client.agent_id, outcome=outcome, result=doing.result, error=error[:1_000]
        )
        with suppress(TaskOver, NotFoundError):  # it has ended with its session, or because its time was over
            await client.ask(command)

    with trio.CancelScope() as scope:

        def call_off(reason: str) -> None:
            doing.called_off = reason
            scope.cancel()

        running[task.task_id] = call_off
        try:
            yield doing
        except Exception as error:
            running.pop(task.task_id, None)
            await end(TaskState.FAILED, f"{type(error).__name__}: {error}")
            raise
        finally:
            running.pop(task.task_id, None)
    if scope.cancelled_caught:
        await end(TaskState.CANCELLED, doing.called_off or "")
    else:
        await end(TaskState.COMPLETED)
