"""What may be asked of tasks: that one is observed, what becomes of it, that its owner stop.

A task is its owner's: only the owner, or the administrator, who then names no agent, says what becomes of it.
"""

from collections.abc import Mapping
from typing import ClassVar

from .data import Value
from .records import named
from .rule import Duration, duration_ms
from .task import TaskSpec, TaskState


@named
class ObserveTask:
    """Have the hub observe a task that begins now. Answered with the running `Task`."""

    acting: ClassVar[str] = "owner_id"

    owner_id: str
    spec: TaskSpec
    session_id: str | None = None
    """The session it is done for, in which its owner takes part."""
    ttl: Duration | None = None
    """How long it may take; None is the default of the owner's rule, 0 is for ever."""
    idempotency_key: str | None = None

    def __checked__(self) -> None:
        if self.ttl is not None:
            duration_ms(self.ttl, "ObserveTask.ttl")


@named
class UpdateTask:
    """Tell how far a task is; what is told joins what was told. Answered with the `Task` as it is then."""

    acting: ClassVar[str] = "agent_id"

    task_id: str
    agent_id: str
    progress: Mapping[str, object]


@named
class CheckpointTask:
    """Keep what a task could be resumed from, in the place of what was kept before. Answered with None."""

    acting: ClassVar[str] = "agent_id"

    task_id: str
    agent_id: str
    data: Mapping[str, object]


@named
class EndTask:
    """End a task. Answered with None.

    The hub forgets a task that ends; a key is what it knows a second try by.
    """

    acting: ClassVar[str] = "agent_id"

    task_id: str
    agent_id: str
    outcome: TaskState
    result: Value = None
    error: str = ""
    idempotency_key: str | None = None


@named
class RequestCancel:
    """Ask a task's owner to stop: its own, a peer's in its session, the administrator's. Answered with None, also again."""

    acting: ClassVar[str] = "agent_id"

    task_id: str
    agent_id: str
    reason: str = ""


TaskCommand = ObserveTask | UpdateTask | CheckpointTask | EndTask | RequestCancel
