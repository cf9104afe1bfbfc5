"""A hub whose agents do more than talk: what may happen to tasks."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from foldhub_core import (
    TERMINAL_TASK_STATES,
    CheckpointTask,
    CloseSession,
    Command,
    EndTask,
    Leave,
    ObserveTask,
    Reply,
    RequestCancel,
    Task,
    TaskSpec,
    TaskState,
    Unregister,
    UpdateTask,
)
from tests.simulation.machine import ADMIN, NOTHING, HubBesideItsModel

sound_specs = st.builds(TaskSpec, st.just("sum"), capability=st.sampled_from([None, "sum", "sum", "ask"]))
any_specs = st.builds(
    TaskSpec,
    st.sampled_from(["sum", "sum", "sum", "s" * 41]),
    description=st.sampled_from(["", "", "all", "d" * 41]),
    payload=st.sampled_from([{}, {}, {"rows": 7}, {"text": "x" * 41}, {"a": "x" * 40, "b": "x" * 40}]),
    capability=st.sampled_from([None, "sum", "sum", "ask", "tell", "c" * 41]),
)
lengths = st.sampled_from([None, None, None, 0, "2s", 5, "1m"])
kept: st.SearchStrategy[dict[str, object]] = st.sampled_from(
    [{}, {"a": 1}, {"a": True}, {"a": 1.0}, {"b": "x" * 40}, {"c": "x" * 40}, {"d": "x" * 40}, {"e": "x" * 41}]
)
keys = st.sampled_from([None, None, None, "k", "m", "k" * 41])
reasons = st.sampled_from(["", "late", "r" * 41])


class HubThatWorks(HubBesideItsModel):
    """What may happen to tasks."""

    def some_task(self, data: st.DataObject) -> str:
        """A live task; now and then one that is over or never was."""
        there = sorted(self.model.works)
        others = [*there, *sorted(self.model.done), *NOTHING]
        return data.draw(st.sampled_from(others if not there or data.draw(st.integers(0, 9)) == 9 else there))

    def its_owner(self, data: st.DataObject, task_id: str) -> str:
        """The owner of a task, mostly; else its administrator or anybody."""
        work = self.model.works.get(task_id)
        return "" if data.draw(st.integers(0, 9)) == 9 else self.someone(data, *(() if work is None else (work.owner,)))

    @precondition(lambda self: self.model.boxes and len(self.model.works) < 12)
    @rule(data=st.data(), spec=sound_specs | sound_specs | any_specs, ttl=lengths, key=keys, for_session=st.integers(0, 2))
    def observe_task(self, data: st.DataObject, spec: TaskSpec, ttl: str | int | None, key: str | None, for_session: int) -> None:
        session_id = self.some_session(data) if for_session and self.model.talks else None
        members = () if session_id is None else self.members(session_id)
        owner = self.someone(data, *members)
        command = ObserveTask(owner_id=owner, spec=spec, session_id=session_id, ttl=ttl, idempotency_key=key)
        principal = self.whoever(data, owner)
        answer = self.ask(principal, command)
        if key is not None:
            self.keep(principal, command, answer)

    @precondition(lambda self: self.model.boxes)
    @rule(data=st.data(), count=st.integers(1, 4), then=st.sampled_from([*[None] * 6, "close", "leave", "leave", "unregister"]))
    def work(self, data: st.DataObject, count: int, then: str | None) -> None:
        """Several tasks that may be begun, and what may become of them; then perhaps of those who do them."""
        session_id = data.draw(st.sampled_from([None, *sorted(self.model.talks), *sorted(self.model.talks)]))
        members = sorted(self.model.boxes) if session_id is None else self.members(session_id)
        owner = data.draw(st.sampled_from(members))
        for _ in range(count):
            worker = data.draw(st.sampled_from([owner, owner, *members]))
            spec = TaskSpec("sum", capability=data.draw(st.sampled_from([None, "sum", "ask", "tell"])))
            answer = self.ask(ADMIN, ObserveTask(owner_id=worker, spec=spec, session_id=session_id, ttl=data.draw(lengths)))
            if isinstance(answer, Reply) and isinstance(answer.value, Task):
                self.go_on(data, answer.value, members)
        if then == "unregister":
            self.ask(ADMIN, Unregister(agent_id=owner))
        elif then is not None and session_id is not None:
            leave = Leave(session_id=session_id, agent_id=owner)
            self.ask(ADMIN, leave if then == "leave" else CloseSession(session_id=session_id))

    def go_on(self, data: st.DataObject, task: Task, members: list[str]) -> None:
        """Some of what may become of a task."""
        named = {"task_id": task.task_id, "agent_id": task.owner_id}
        for what in data.draw(st.lists(st.sampled_from(["tell", "keep", "ask", "end", "call off", "call off"]), max_size=4)):
            if task.task_id not in self.model.works:
                return
            told, peer = data.draw(kept), data.draw(st.sampled_from(["", *members, *members]))
            commands: dict[str, list[Command]] = {
                "tell": [UpdateTask(**named, progress=told)],
                "keep": [CheckpointTask(**named, data=told)],
                "ask": [RequestCancel(task_id=task.task_id, agent_id=peer)],
                "end": [EndTask(**named, outcome=data.draw(st.sampled_from(TERMINAL_TASK_STATES)))],
                "call off": [
                    RequestCancel(task_id=task.task_id, agent_id=peer),
                    EndTask(**named, outcome=TaskState.CANCELLED, error="called off"),
                ],
            }
            for command in commands[what]:
                self.ask(ADMIN, command)

    @precondition(lambda self: self.model.works or self.model.done)
    @rule(data=st.data(), progress=kept)
    def update_task(self, data: st.DataObject, progress: dict[str, object]) -> None:
        task_id = self.some_task(data)
        agent_id = self.its_owner(data, task_id)
        self.ask(self.whoever(data, agent_id), UpdateTask(task_id=task_id, agent_id=agent_id, progress=progress))

    @precondition(lambda self: self.model.works or self.model.done)
    @rule(data=st.data(), checkpoint=kept)
    def checkpoint_task(self, data: st.DataObject, checkpoint: dict[str, object]) -> None:
        task_id = self.some_task(data)
        agent_id = self.its_owner(data, task_id)
        self.ask(self.whoever(data, agent_id), CheckpointTask(task_id=task_id, agent_id=agent_id, data=checkpoint))

    @precondition(lambda self: self.model.works or self.model.done)
    @rule(data=st.data(), outcome=st.sampled_from([*TaskState, TaskState.CANCELLED]), error=reasons, result=kept, key=keys)
    def end_task(self, data: st.DataObject, outcome: TaskState, error: str, result: dict[str, object], key: str | None) -> None:
        task_id = self.some_task(data)
        agent_id = self.its_owner(data, task_id)
        named = {"task_id": task_id, "agent_id": agent_id}
        command = EndTask(**named, outcome=outcome, error=error, result=result, idempotency_key=key)  # type: ignore[arg-type]
        principal = self.whoever(data, agent_id)
        answer = self.ask(principal, command)
        if key is not None:
            self.keep(principal, command, answer)

    @precondition(lambda self: self.model.works or self.model.done)
    @rule(data=st.data(), reason=reasons)
    def request_cancel(self, data: st.DataObject, reason: str) -> None:
        task_id = self.some_task(data)
        work = self.model.works.get(task_id)
        peers = self.members(work.session_id) if work is not None and work.session_id is not None else []
        agent_id = "" if data.draw(st.integers(0, 9)) == 9 else self.someone(data, *peers)
        self.ask(self.whoever(data, agent_id), RequestCancel(task_id=task_id, agent_id=agent_id, reason=reason))
