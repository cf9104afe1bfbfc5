"""Working: an agent says what it does beside talking, and is asked to stop.

The checks of a task's beginning, in this order: its key; the owner is registered; the session is live and the owner takes
part in it; the sizes; the arbiter. From then on the owner alone, or the administrator, says what becomes of
it. Anybody in its session may ask once that it be cancelled: the owner hears of it and does as it thinks right.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import authorizing, codec, keys
from .codec import body_hash, to_data
from .consequences import follow_or_refuse, follow_or_sleep
from .data import freeze
from .envelope import (
    EV_TASK_CANCEL_REQUEST,
    EV_TASK_CANCELLED,
    EV_TASK_CHECKPOINTED,
    EV_TASK_OBSERVED,
    EV_TASK_PROGRESSED,
)
from .errors import AccessDeniedError, Malformed, ProtocolError, shown
from .limits import Limits, check_data, check_length
from .records import changed
from .registry import agent_entry
from .rule import duration_ms
from .sessions import session_entry
from .task import ENDS, TERMINAL_TASK_STATES, Task, TaskSpec, TaskState, next_task_state
from .task_commands import CheckpointTask, EndTask, ObserveTask, RequestCancel, UpdateTask
from .tasks import TaskEntry, end_task, get_task, joined, task_entry

if TYPE_CHECKING:
    from .decision import Decision
    from .state import HubState


def observe_task(decision: "Decision", command: ObserveTask) -> Task:
    """Begin to observe a task, or answer a retry with the one that began."""
    state, owner_id = decision.state, command.owner_id
    command = changed(command, ttl=None if command.ttl is None else duration_ms(command.ttl) // 1000)
    key = command.idempotency_key
    if key is not None:
        came = keys.answered(state.keys, owner_id, "task", key, lambda: body_hash(command))
        if came is not None:
            return _begun_before(state, command, came)
    owner = agent_entry(state, owner_id)
    if command.session_id is not None and owner_id not in session_entry(state, command.session_id).members:
        raise AccessDeniedError(f"expected one who takes part in the session, came {shown(owner_id)}", where="owner_id")
    _check_spec(state.limits, command.spec)
    check_length(key or "", state.limits.short_text_chars, "idempotency_key")
    authorizing.check_task(decision, command)
    ttl_ms = duration_ms(owner.rule.limits.task_ttl_default if command.ttl is None else command.ttl)
    task_id = decision.new_id("t")
    told = {
        "task_id": task_id,
        "spec": to_data(command.spec),
        "session_id": command.session_id,
        "ttl": command.ttl,
        "expires_at_ms": decision.now_ms + ttl_ms if ttl_ms > 0 else None,
        "body": "" if key is None else body_hash(command).hex(),
    }
    decision.record_event(owner_id, EV_TASK_OBSERVED, told, key)
    return get_task(decision.state, task_id)


def update_task(decision: "Decision", command: UpdateTask) -> Task:
    """Take in how far a task is; what was told before and is told again changes nothing."""
    state = decision.state
    task = _own_task(decision, command.task_id, command.agent_id).task
    next_task_state(task.state, "progress")
    check_data(state.limits, command.progress, "progress")
    progress = joined(task.progress, command.progress)
    # In bytes: 1 and True are equal, and not the same.
    if codec.pack(progress) != codec.pack(task.progress):
        check_data(state.limits, progress, "progress")
        _check_bytes(state.limits, progress, "progress")
        told = {"task_id": command.task_id, "agent_id": command.agent_id, "progress": command.progress}
        decision.record_event(task.owner_id, EV_TASK_PROGRESSED, told)
    return get_task(decision.state, command.task_id)


def checkpoint_task(decision: "Decision", command: CheckpointTask) -> None:
    """Keep what a task could be resumed from; the same again changes nothing."""
    entry = _own_task(decision, command.task_id, command.agent_id)
    next_task_state(entry.task.state, "checkpoint")
    check_data(decision.state.limits, command.data, "data")
    _check_bytes(decision.state.limits, command.data, "data")
    if entry.checkpoint is None or codec.pack(entry.checkpoint) != codec.pack(command.data):
        told = {"task_id": command.task_id, "agent_id": command.agent_id, "data": command.data}
        decision.record_event(entry.task.owner_id, EV_TASK_CHECKPOINTED, told)


def finish_task(decision: "Decision", command: EndTask) -> None:
    """End a task, or let a retry be."""
    state = decision.state
    if not command.agent_id:
        command = changed(command, idempotency_key=None)  # keys are agents'
    key = command.idempotency_key
    if key is not None and keys.answered(state.keys, command.agent_id, "end", key, lambda: body_hash(command)) is not None:
        return
    entry = _own_task(decision, command.task_id, command.agent_id)
    if command.outcome not in ENDS:
        expected = ", ".join(TERMINAL_TASK_STATES)
        raise ProtocolError(f"expected one of {expected}, came {command.outcome.value}", where="outcome")
    check_data(state.limits, freeze({"result": command.result, "error": command.error}), "result")
    check_length(key or "", state.limits.short_text_chars, "idempotency_key")
    end_task(
        decision,
        entry.task,
        command.outcome,
        agent_id=command.agent_id,
        result=command.result,
        error=command.error,
        idempotency_key=key,
        body="" if key is None else body_hash(command).hex(),
    )
    if command.outcome is TaskState.CANCELLED:
        _say_cancelled(decision, entry, command.error)


def request_cancel(decision: "Decision", command: RequestCancel) -> None:
    """Ask a task's owner to stop; who asked before changes nothing."""
    state, agent_id = decision.state, command.agent_id
    entry = task_entry(state, command.task_id)
    task = entry.task
    check_length(command.reason, state.limits.short_text_chars, "reason")
    peers = () if task.session_id is None else session_entry(state, task.session_id).members
    if agent_id != task.owner_id and agent_id not in peers and not _is_the_administrator(decision, agent_id):
        expected = "the task's owner or one who takes part in its session"
        raise AccessDeniedError(f"expected {expected}, came {shown(agent_id)}", where="agent_id")
    next_task_state(task.state, "request_cancel")
    if agent_id in entry.asked_by:
        return
    asked = {"task_id": task.task_id, "reason": command.reason, "requested_by": agent_id}
    if task.session_id is None:
        decision.record_event(state.hub_id, EV_TASK_CANCEL_REQUEST, asked, audience=(task.owner_id,))
        return
    follow_or_refuse(decision, decision.say(task.session_id, EV_TASK_CANCEL_REQUEST, asked, (task.owner_id,)))


def _begun_before(state: "HubState", command: ObserveTask, came: keys.Answered) -> Task:
    """What a retry is answered with: the task as it is, or, where it is over, what the request says of it."""
    entry = state.tasks.entries.get(came.made_id)
    if entry is not None:
        return entry.task
    return Task(came.made_id, command.owner_id, command.spec, created_at_ms=came.at_ms, session_id=command.session_id)


def _own_task(decision: "Decision", task_id: str, agent_id: str) -> TaskEntry:
    """A live task of which who acts may say what becomes."""
    entry = task_entry(decision.state, task_id)
    if agent_id != entry.task.owner_id and not _is_the_administrator(decision, agent_id):
        raise AccessDeniedError(f"expected the task's owner, came {shown(agent_id)}", where="agent_id")
    return entry


def _is_the_administrator(decision: "Decision", agent_id: str) -> bool:
    return decision.principal.admin and not agent_id


def _check_spec(limits: Limits, spec: TaskSpec) -> None:
    check_length(spec.title, limits.short_text_chars, "spec.title")
    check_length(spec.capability or "", limits.short_text_chars, "spec.capability")
    check_length(spec.description, limits.text_chars, "spec.description")
    check_data(limits, spec.payload, "spec.payload")
    _check_bytes(limits, to_data(spec), "spec")


def _check_bytes(limits: Limits, data: Mapping[str, object], where: str) -> None:
    size = len(codec.pack(data))
    if size > limits.task_bytes:
        raise Malformed(f"expected at most {limits.task_bytes} bytes, came {size}", where=where)


def _say_cancelled(decision: "Decision", entry: TaskEntry, reason: str) -> None:
    """Tell those who asked for it, and are still there, that a task of their session was cancelled."""
    session_id = entry.task.session_id
    if session_id is None:
        return
    members = session_entry(decision.state, session_id).members
    audience = tuple([agent_id for agent_id in entry.asked_by if agent_id in members])
    if audience:
        told = {"task_id": entry.task.task_id, "reason": reason}
        follow_or_sleep(decision, decision.say(session_id, EV_TASK_CANCELLED, told, audience))
