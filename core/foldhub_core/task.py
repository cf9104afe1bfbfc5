"""What a task is: work an agent does beside talking, as the hub observes it."""

from collections.abc import Mapping
from enum import StrEnum

from .data import Value
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
