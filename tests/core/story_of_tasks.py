"""The part of the whole story that is about tasks: how they begin, what becomes of them, who asks for their end."""

from typing import TYPE_CHECKING

from foldhub_core import (
    CheckpointTask,
    EndTask,
    ObserveTask,
    Principal,
    RequestCancel,
    TaskSpec,
    TaskState,
    UpdateTask,
)

if TYPE_CHECKING:
    from tests.core.recorded_hub import RecordedHub


def tell_of_tasks(hub: "RecordedHub", session_id: str, owner_id: str, peer_id: str) -> None:
    """Two in a session; tasks in it and outside of it are left, one of them with all it can have."""
    ask, as_owner = hub.ask, Principal(agent_ids=(owner_id,))

    def begin(key: str | None = None, **fields: object) -> str:
        taken = ask(ObserveTask(owner_id=owner_id, spec=TaskSpec("Sum \u2211.", capability="sum"), idempotency_key=key, **fields))  # type: ignore[arg-type]
        assert taken.commit is not None, taken.effects
        return f"demo:t:{taken.commit.facts[0].envelope_id.removeprefix('demo:e:')}"  # type: ignore[union-attr]

    def end(task_id: str, outcome: TaskState, **fields: object) -> None:
        ask(EndTask(task_id=task_id, agent_id=owner_id, outcome=outcome, **fields), as_owner)  # type: ignore[arg-type]

    done = begin("kt", session_id=session_id, ttl="1h")
    begin_again = ObserveTask(
        owner_id=owner_id, spec=TaskSpec("Sum \u2211.", capability="sum"), session_id=session_id, ttl="1h", idempotency_key="kt"
    )
    ask(begin_again)
    ask(UpdateTask(task_id=done, agent_id=owner_id, progress={"done": 1, "of": 2}), as_owner)
    ask(UpdateTask(task_id=done, agent_id=peer_id, progress={"done": 3}))
    ask(CheckpointTask(task_id=done, agent_id="", data={"row": 7}))
    end(done, TaskState.COMPLETED, result=[42, 1.0, None], idempotency_key="ke")
    end(done, TaskState.COMPLETED, result=[42, 1.0, None], idempotency_key="ke")
    end(done, TaskState.FAILED, error="late")
    ask(begin_again)
    called_off = begin(session_id=session_id)
    ask(RequestCancel(task_id=called_off, agent_id=peer_id, reason="enough"))
    ask(RequestCancel(task_id=called_off, agent_id=""))
    end(called_off, TaskState.RUNNING)
    end(called_off, TaskState.CANCELLED, error="as you wish")
    begin(ttl=1)
    hub.tick(hub.now_ms + 1_000)
    left = begin(session_id=session_id, ttl=0)
    ask(UpdateTask(task_id=left, agent_id=owner_id, progress={"\u2211": [1, {"a": None}]}), as_owner)
    ask(CheckpointTask(task_id=left, agent_id=owner_id, data={"at": [1, True]}), as_owner)
    ask(RequestCancel(task_id=left, agent_id=peer_id))
    ask(RequestCancel(task_id=begin(), agent_id=owner_id), as_owner)
