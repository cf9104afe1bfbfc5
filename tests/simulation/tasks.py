"""The model's tasks: how they begin, what becomes of them, who asks for their end."""

from typing import assert_never

from foldhub_core import (
    EV_TASK_CANCEL_REQUEST,
    EV_TASK_CANCELLED,
    EV_TASK_CHECKPOINTED,
    EV_TASK_OBSERVED,
    EV_TASK_PROGRESSED,
    CheckpointTask,
    EndTask,
    ObserveTask,
    RequestCancel,
    TaskState,
    UpdateTask,
    changed,
    duration_ms,
)
from foldhub_core.ids import make_id
from tests.simulation.ground import Refused
from tests.simulation.sessions import Sessions
from tests.simulation.talks import Fault
from tests.simulation.works import Work, packed

TaskCommand = ObserveTask | UpdateTask | CheckpointTask | EndTask | RequestCancel


class Tasks(Sessions):
    """What is asked of tasks."""

    def _ask_task(self, command: TaskCommand) -> None:
        match command:
            case ObserveTask():
                self._observe(command)
            case UpdateTask():
                self._update(command)
            case CheckpointTask():
                self._checkpoint(command)
            case EndTask():
                self._end_task(command)
            case RequestCancel():
                self._request_cancel(command)
            case _:
                assert_never(command)

    def _work(self, task_id: str) -> Work:
        if task_id in self.done:
            raise Refused("task_over")
        if task_id not in self.works:
            raise Refused("not_found")
        return self.works[task_id]

    def _own_work(self, task_id: str, agent_id: str) -> Work:
        work = self._work(task_id)
        if agent_id != work.owner and not (self.now.principal.admin and not agent_id):
            raise Refused("access_denied")
        return work

    def _check_data(self, data: object) -> None:
        """Refuse long texts, and what has more bytes than a task may hold."""
        texts = [data] if isinstance(data, str) else list(data.values()) if isinstance(data, dict) else []
        if any(isinstance(text, str) and len(text) > self.config.limits.text_chars for text in texts):
            raise Refused("malformed")

    def _check_bytes(self, data: object) -> None:
        if len(packed(data)) > self.config.limits.task_bytes:
            raise Refused("malformed")

    def _observe(self, command: ObserveTask) -> None:
        ttl_ms = None if command.ttl is None else duration_ms(command.ttl)
        key, body = command.idempotency_key, changed(command, ttl=ttl_ms)
        if key is not None and self._known(command.owner_id, "task", key, body):
            return
        owner = self._box(command.owner_id)
        if command.session_id is not None and command.owner_id not in self._talk(command.session_id).members:
            raise Refused("access_denied")
        spec = command.spec
        self._check_short(spec.title)
        self._check_short(spec.capability)
        self._check_data(spec.description)
        self._check_data(spec.payload)
        self._check_bytes(
            {
                "title": spec.title,
                "description": spec.description,
                "payload": dict(spec.payload),
                "capability": spec.capability,
            }
        )
        self._check_short(key)
        limits, now_ms = owner.rule.limits, self.now.now_ms
        live = [work for work in self.works.values() if work.owner == command.owner_id]
        if 0 < limits.max_concurrent_tasks <= len(live):
            raise Refused("access_denied")
        lasts_ms = duration_ms(limits.task_ttl_default) if ttl_ms is None else ttl_ms
        expires_ms = now_ms + lasts_ms if lasts_ms > 0 else None
        task_id = make_id("demo", "t", self.now.seq)
        self.works[task_id] = Work(task_id, command.owner_id, command.session_id, spec.capability, now_ms, expires_ms)
        self._record(command.owner_id, EV_TASK_OBSERVED)
        self._remember(command.owner_id, "task", key, body, task_id)
        self.now.made_id = task_id

    def _update(self, command: UpdateTask) -> None:
        work = self._own_work(command.task_id, command.agent_id)
        self._check_data(command.progress)
        self.now.made_id = work.task_id
        progress = {**work.progress, **command.progress}
        if packed(progress) == packed(work.progress):
            return
        self._check_bytes(progress)
        work.progress = progress
        self._record(work.owner, EV_TASK_PROGRESSED)

    def _checkpoint(self, command: CheckpointTask) -> None:
        work = self._own_work(command.task_id, command.agent_id)
        self._check_data(command.data)
        self._check_bytes(command.data)
        if work.checkpoint is None or packed(work.checkpoint) != packed(command.data):
            work.checkpoint = dict(command.data)
            self._record(work.owner, EV_TASK_CHECKPOINTED)

    def _end_task(self, command: EndTask) -> None:
        agent_id, key = command.agent_id, command.idempotency_key if command.agent_id else None
        if key is not None and self._known(agent_id, "end", key, command):
            self.now.made_id = None
            return
        work = self._own_work(command.task_id, agent_id)
        if command.outcome in (TaskState.CREATED, TaskState.RUNNING):
            raise Refused("protocol_error")
        self._check_data(command.result)
        self._check_data(command.error)
        self._check_short(key)
        self._finish(work, command.outcome)
        self._remember(agent_id, "end", key, command, work.task_id)
        if command.outcome is TaskState.CANCELLED and work.session_id is not None:
            talk = self.talks[work.session_id]
            to = [one for one in work.asked if one in talk.members]
            if to:
                self._hub_says(talk, EV_TASK_CANCELLED, to)

    def _request_cancel(self, command: RequestCancel) -> None:
        work, agent_id = self._work(command.task_id), command.agent_id
        self._check_short(command.reason)
        talk = None if work.session_id is None else self.talks[work.session_id]
        peers = [] if talk is None else talk.members
        if agent_id != work.owner and agent_id not in peers and not (self.now.principal.admin and not agent_id):
            raise Refused("access_denied")
        if agent_id in work.asked:
            return
        work.asked.append(agent_id)
        if talk is None:
            word = self._record("demo", EV_TASK_CANCEL_REQUEST)
            self.now.sent += self.boxes[work.owner].deliver(word, False)
            return
        try:
            self._hub_says(talk, EV_TASK_CANCEL_REQUEST, [work.owner])
        except Fault:
            raise Refused("protocol_error") from None
