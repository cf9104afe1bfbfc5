"""The tasks that run: what the hub holds of each, how one ends, and the questions about them.

What becomes of a task stands in the hub session; only that its owner is asked to stop, and that it did, is said in the
session the task belongs to. A task that ends leaves at once, and nothing of it stays but its key: the rest is the log's.
So whoever comes late is told by the id alone that the task is over.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from immutables import Map

from . import delivery, keys
from .codec import from_data
from .data import Value, freeze
from .envelope import (
    EV_TASK_CHECKPOINTED,
    EV_TASK_ENDED,
    EV_TASK_OBSERVED,
    EV_TASK_PROGRESSED,
    Envelope,
)
from .errors import Malformed, NotFoundError, TaskOver, shown
from .ids import was_issued
from .ordered import Ordered, each_once
from .records import changed, hot, record
from .registry import agent_entry, say_observed
from .task import ENDS, Task, TaskSpec, TaskState, next_task_state
from .task_commands import ObserveTask

if TYPE_CHECKING:
    from .decision import Decision
    from .state import HubState


@hot
class TaskEntry:
    """What the hub holds of a live task."""

    task: Task
    checkpoint: Mapping[str, object] | None = None
    """What it could be resumed from. The content itself, which a limit bounds: a hub without a store is asked for it too."""
    asked_by: tuple[str, ...] = ()
    """Who asked that it be cancelled, in that order; empty text for the administrator."""


_Ids = Ordered[tuple[str]]
_NONE: _Ids = Ordered()


@hot
class Tasks:
    """All live tasks: by id, in the order of their beginning, by owner and by session."""

    entries: Map[str, TaskEntry] = Map()
    order: _Ids = Ordered()
    of_owner: Map[str, _Ids] = Map()
    of_session: Map[str, _Ids] = Map()

    @classmethod
    def of(cls, entries: Mapping[str, TaskEntry]) -> "Tasks":
        """Build the slice of these tasks anew."""
        tasks = cls()
        for entry in entries.values():
            tasks = tasks.begun(entry)
        return tasks

    def begun(self, entry: TaskEntry) -> "Tasks":
        """Put a task in."""
        task, key = entry.task, (entry.task.task_id,)
        of_session = self.of_session
        if task.session_id is not None:
            of_session = of_session.set(task.session_id, of_session.get(task.session_id, _NONE).add(key))
        return Tasks(
            self.entries.set(task.task_id, entry),
            self.order.add(key),
            self.of_owner.set(task.owner_id, self.of_owner.get(task.owner_id, _NONE).add(key)),
            of_session,
        )

    def with_entry(self, entry: TaskEntry) -> "Tasks":
        """Put a task in anew; it is the same owner's, in the same session."""
        return changed(self, entries=self.entries.set(entry.task.task_id, entry))

    def ended(self, task_id: str) -> "Tasks":
        """Take a task out."""
        task = self.entries[task_id].task
        of_session = self.of_session
        if task.session_id is not None:
            of_session = _without(of_session, task.session_id, task_id)
        return Tasks(
            self.entries.delete(task_id),
            self.order.remove((task_id,)),
            _without(self.of_owner, task.owner_id, task_id),
            of_session,
        )

    def ids(self, owner_id: str | None, session_id: str | None) -> _Ids:
        """The shortest of the orders in which all tasks of an owner, of a session, or of both can be found."""
        orders = [self.order] if owner_id is None and session_id is None else []
        if owner_id is not None:
            orders.append(self.of_owner.get(owner_id, _NONE))
        if session_id is not None:
            orders.append(self.of_session.get(session_id, _NONE))
        return min(orders, key=len)


def _without(index: Map[str, _Ids], key: str, task_id: str) -> Map[str, _Ids]:
    left = index[key].remove((task_id,))
    return index.set(key, left) if len(left) else index.delete(key)


# --- decide


def end_task(
    decision: "Decision",
    task: Task,
    outcome: TaskState,
    *,
    agent_id: str = "",
    result: Value = None,
    error: str = "",
    idempotency_key: str | None = None,
    body: str = "",
) -> None:
    """Say that a live task ended, and count it in its owner's track record where it was of a capability.

    `agent_id` says who ended it; empty is the hub or the administrator.
    """
    next_task_state(task.state, ENDS[outcome])
    told = {"task_id": task.task_id, "agent_id": agent_id, "outcome": outcome.value, "result": result, "error": error}
    # What a reader of the end alone asks next: for which session it was, and what it says of its owner.
    more = {"session_id": task.session_id, "capability": task.spec.capability, "body": body}
    decision.record_event(task.owner_id, EV_TASK_ENDED, {**told, **more}, idempotency_key)
    _count(decision, task, outcome)


def expire_tasks(decision: "Decision", error: str, *, owner_id: str | None = None, session_id: str | None = None) -> None:
    """Let all tasks of an owner, of a session, or of an owner in a session expire, in the order of their beginning."""
    tasks = decision.state.tasks
    for (task_id,) in tuple(tasks.ids(owner_id, session_id)):
        task = tasks.entries[task_id].task
        if _is_of(task, owner_id, session_id):
            end_task(decision, task, TaskState.EXPIRED, error=error)


def make_due(decision: "Decision", task_id: str) -> None:
    """Let a task whose time is over expire. What was due with it may have ended it."""
    entry = decision.state.tasks.entries.get(task_id)
    if entry is not None:
        end_task(decision, entry.task, TaskState.EXPIRED, error="ttl_expired")


def _count(decision: "Decision", task: Task, outcome: TaskState) -> None:
    """Count the end of a task once. A task's end is not refused: where the record has no room for a capability it is left out."""
    capability, state = task.spec.capability, decision.state
    owner = agent_entry(state, task.owner_id)
    if capability is None:
        return
    if capability in owner.resume.observed or len(owner.resume.observed) < state.limits.capabilities:
        began_ms = task.created_at_ms if task.started_at_ms is None else task.started_at_ms
        say_observed(decision, task.owner_id, capability, outcome, decision.now_ms - began_ms, task.task_id)


# --- fold


def fold_event(state: "HubState", event: Envelope) -> "HubState":
    """Fold an event of a task in the hub session."""
    state = changed(state, hub_words=event.number)
    if event.event_type == EV_TASK_OBSERVED:
        return _fold_observed(state, event)
    if event.event_type == EV_TASK_ENDED:
        return _fold_ended(state, event)
    # Any: what the hub said of a task has the fields it gave it.
    data = cast(Mapping[str, Any], event.event_data)
    entry = state.tasks.entries[data["task_id"]]
    if event.event_type == EV_TASK_PROGRESSED:
        progress = joined(entry.task.progress, data["progress"])
        entry = changed(entry, task=changed(entry.task, progress=progress, last_progress_at_ms=event.created_at_ms))
    elif event.event_type == EV_TASK_CHECKPOINTED:
        entry = changed(entry, checkpoint=data["data"])
    else:
        return _delivered(fold_request(state, event), event)
    return changed(state, tasks=state.tasks.with_entry(entry))


def fold_request(state: "HubState", word: Envelope) -> "HubState":
    """Remember who asked that a task be cancelled, wherever it was said."""
    entry = state.tasks.entries[cast(str, word.event_data["task_id"])]
    asked_by = (*entry.asked_by, cast(str, word.event_data["requested_by"]))
    return changed(state, tasks=state.tasks.with_entry(changed(entry, asked_by=asked_by)))


def joined(before: Mapping[str, object], told: Mapping[str, object]) -> Mapping[str, object]:
    """Progress with what is told of it now."""
    return freeze({**before, **told})


def told_observing(event: Envelope) -> ObserveTask:
    """The command that the event of a task's beginning tells."""
    data = cast(Mapping[str, Any], event.event_data)
    return ObserveTask(
        owner_id=event.sender_id,
        spec=from_data(TaskSpec, data["spec"]),
        session_id=data["session_id"],
        ttl=data["ttl"],
        idempotency_key=event.idempotency_key,
    )


def _delivered(state: "HubState", event: Envelope) -> "HubState":
    """Owe an event of the hub session to those it is for."""
    mailboxes, agenda = delivery.fold_delivered(state, event, event.audience or (), state.agenda, counted=False)
    return changed(state, mailboxes=mailboxes, agenda=agenda)


def _fold_observed(state: "HubState", event: Envelope) -> "HubState":
    data = cast(Mapping[str, Any], event.event_data)
    command = told_observing(event)
    at_ms, expires_at_ms = event.created_at_ms, data["expires_at_ms"]
    task = Task(
        task_id=data["task_id"],
        owner_id=event.sender_id,
        spec=command.spec,
        state=next_task_state(TaskState.CREATED, "start"),
        created_at_ms=at_ms,
        started_at_ms=at_ms,
        expires_at_ms=expires_at_ms,
        session_id=command.session_id,
    )
    state = changed(state, tasks=state.tasks.begun(TaskEntry(task)))
    if expires_at_ms is not None:
        state = changed(state, agenda=state.agenda.armed("task", task.task_id, expires_at_ms))
    return _remembered(state, event, event.sender_id, "task")


def _fold_ended(state: "HubState", event: Envelope) -> "HubState":
    data = cast(Mapping[str, Any], event.event_data)
    task_id = data["task_id"]
    state = changed(state, tasks=state.tasks.ended(task_id), agenda=state.agenda.disarmed("task", task_id))
    return _remembered(state, event, data["agent_id"], "end")


def _remembered(state: "HubState", event: Envelope, agent_id: str, request: str) -> "HubState":
    """Remember what came of a request, where it had a key."""
    if event.idempotency_key is None:
        return state
    data = cast("Mapping[str, str]", event.event_data)
    came = keys.Answered(bytes.fromhex(data["body"]), data["task_id"], event.created_at_ms)
    return changed(
        state,
        keys=keys.remember(state.keys, agent_id, request, event.idempotency_key, came, state.limits.keys),
        agenda=state.agenda.armed("agent", agent_id, event.created_at_ms + state.limits.key_ms),
    )


# --- questions


@record
class TaskPage:
    """Tasks found, and where to go on; a `cursor` of None says that there are no more."""

    tasks: tuple[Task, ...]
    cursor: str | None


def task_entry(state: "HubState", task_id: str) -> TaskEntry:
    """What is held of a live task; raises `TaskOver` for one that was, `NotFoundError` for one never was. O(log n)."""
    entry = state.tasks.entries.get(task_id)
    if entry is None:
        raise no_task(state, task_id)
    return entry


def no_task(state: "HubState", task_id: str) -> TaskOver | NotFoundError:
    """The refusal for a task that is not live, or that is not to be seen: it tells no more than the id does."""
    if was_issued(state.hub_id, "t", task_id, state.seq):
        return TaskOver(f"expected a live task, came {shown(task_id)}, which is over", where="task_id")
    return NotFoundError(f"expected the id of a task, came {shown(task_id)}", where="task_id")


def get_task(state: "HubState", task_id: str) -> Task:
    """A live task; raises `TaskOver` or `NotFoundError`. O(log n)."""
    return task_entry(state, task_id).task


def read_checkpoint(state: "HubState", task_id: str) -> Mapping[str, object] | None:
    """What a live task could be resumed from, or None; raises `TaskOver` or `NotFoundError`. O(log n)."""
    return task_entry(state, task_id).checkpoint


def live_tasks(state: "HubState", agent_id: str) -> int:
    """How many live tasks an agent owns. O(log n)."""
    return len(state.tasks.of_owner.get(agent_id, _NONE))


def list_tasks(
    state: "HubState",
    *,
    owner_id: str | None = None,
    session_id: str | None = None,
    task_state: TaskState | None = None,
    capability: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> TaskPage:
    """Live tasks in the order of their beginning; ended ones are the store's to list.

    Of one owner, of one session, or of all; the other conditions are tried on one task after another, at most
    `limits.scan_items` for a page, which may therefore be short and still have a cursor.
    """
    ids = state.tasks.ids(owner_id, session_id).after(None if cursor is None else (cursor,))
    return task_page(state, ids, task_filter(owner_id, session_id, task_state, capability), limit, cursor)


def tasks_seen(
    state: "HubState", owner_ids: Iterable[str], session_ids: Iterable[str], cursor: str | None
) -> Iterator[tuple[str]]:
    """The live tasks of any of these owners or for any of these sessions after a cursor, in their order, each once."""
    orders = [state.tasks.of_owner.get(owner_id, _NONE) for owner_id in dict.fromkeys(owner_ids)]
    orders += [state.tasks.of_session[session_id] for session_id in session_ids if session_id in state.tasks.of_session]
    return each_once(orders, cursor)


def task_filter(
    owner_id: str | None, session_id: str | None, task_state: TaskState | None, capability: str | None
) -> Callable[[Task], bool]:
    """What a task must be to be listed; None asks for nothing."""

    def fits(task: Task) -> bool:
        return (
            _is_of(task, owner_id, session_id)
            and (task_state is None or task.state is task_state)
            and (capability is None or task.spec.capability == capability)
        )

    return fits


def task_page(
    state: "HubState", ids: Iterable[tuple[str]], fits: Callable[[Task], bool], limit: int, cursor: str | None
) -> TaskPage:
    """A page of those of these live tasks that fit; the cursor is where the ids begin."""
    if not 1 <= limit <= state.limits.page_items:
        raise Malformed(f"expected 1 to {state.limits.page_items}, came {limit}", where="limit")
    found: list[Task] = []
    looked_at = 0
    last = cursor
    for (task_id,) in ids:
        if len(found) == limit or looked_at == state.limits.scan_items:
            return TaskPage(tuple(found), last)
        last = task_id
        looked_at += 1
        task = state.tasks.entries[task_id].task
        if fits(task):
            found.append(task)
    return TaskPage(tuple(found), None)


def _is_of(task: Task, owner_id: str | None, session_id: str | None) -> bool:
    return (owner_id is None or task.owner_id == owner_id) and (session_id is None or task.session_id == session_id)
