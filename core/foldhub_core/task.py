"""What a task is: work an agent does beside talking, as the hub observes it; and how far its life is."""

from collections.abc import Mapping
from enum import StrEnum

from .data import Value
from .errors import ProtocolError
from .exact import EMPTY
from .records import record


class TaskState(StrEnum):
    """Where a task's life is; the last four are final."""

    CREATED = "created"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


TERMINAL_TASK_STATES = (TaskState.COMPLETED, TaskState.FAILED, TaskState.EXPIRED, TaskState.CANCELLED)
"""The states a task never leaves, and the outcomes an observation may record."""

TASK_LIFE: dict[tuple[TaskState, str], TaskState] = {
    (TaskState.CREATED, "start"): TaskState.RUNNING,
    (TaskState.RUNNING, "progress"): TaskState.RUNNING,
    (TaskState.RUNNING, "checkpoint"): TaskState.RUNNING,
    (TaskState.RUNNING, "request_cancel"): TaskState.RUNNING,
    (TaskState.RUNNING, "complete"): TaskState.COMPLETED,
    (TaskState.RUNNING, "fail"): TaskState.FAILED,
    (TaskState.RUNNING, "expire"): TaskState.EXPIRED,
    (TaskState.RUNNING, "cancel"): TaskState.CANCELLED,
}
"""The life of a task: what can happen in a state, and the state after it. A missing key is the refusal."""

ENDS = {
    TaskState.COMPLETED: "complete",
    TaskState.FAILED: "fail",
    TaskState.EXPIRED: "expire",
    TaskState.CANCELLED: "cancel",
}
"""What happens to a task that ends, by the state it ends in."""


def next_task_state(state: TaskState, event: str) -> TaskState:
    """The state after an event; raises `ProtocolError` where the event cannot happen."""
    after = TASK_LIFE.get((state, event))
    if after is None:
        possible = ", ".join(sorted(other for (at, other) in TASK_LIFE if at is state)) or "nothing"
        raise ProtocolError(f"expected {possible} while the task is {state.value}, came {event}")
    return after


@record
class TaskSpec:
    """What is to be done; a `capability` puts the task's end into its owner's track record."""

    title: str
    description: str = ""
    payload: Mapping[str, object] = EMPTY
    capability: str | None = None


@record
class Task:
    """A task as its owner and peers may ask for it."""

    task_id: str
    owner_id: str
    spec: TaskSpec
    state: TaskState = TaskState.CREATED
    created_at_ms: int = 0
    started_at_ms: int | None = None
    completed_at_ms: int | None = None
    expires_at_ms: int | None = None
    last_progress_at_ms: int | None = None
    progress: Mapping[str, object] = EMPTY
    result: Value = None
    error: str = ""
    session_id: str | None = None
