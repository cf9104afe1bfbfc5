"""Tasks: the defaults of their records, and the states they end in."""

import pytest

from foldhub_core.task import TERMINAL_TASK_STATES, Task, TaskSpec, TaskState
from tests.core.record_kinds import defaults_of, required_of


def test_the_states_are_as_written() -> None:
    assert [str(state) for state in TaskState] == ["created", "running", "completed", "failed", "expired", "cancelled"]


def test_the_terminal_states_are_the_last_four() -> None:
    assert tuple(TaskState)[2:] == TERMINAL_TASK_STATES


def test_what_must_be_given_is_as_written() -> None:
    assert (required_of(TaskSpec), required_of(Task)) == (["title"], ["task_id", "owner_id", "spec"])


def test_the_defaults_of_a_spec_are_as_written() -> None:
    assert defaults_of(TaskSpec) == {"description": "", "payload": {}, "capability": None}


def test_the_defaults_of_a_task_are_as_written() -> None:
    assert defaults_of(Task) == {
        "state": TaskState.CREATED,
        "created_at_ms": 0,
        "started_at_ms": None,
        "completed_at_ms": None,
        "expires_at_ms": None,
        "last_progress_at_ms": None,
        "progress": {},
        "result": None,
        "error": "",
        "session_id": None,
    }


@pytest.mark.parametrize(
    ("result", "kept"), [([1, [2]], (1, (2,))), ({"b": 1, "a": []}, {"a": (), "b": 1}), (1.5, 1.5), (None, None)]
)
def test_a_result_of_any_kind_is_frozen(result: object, kept: object) -> None:
    assert Task("t", "ada", TaskSpec("x"), result=result).result == kept  # type: ignore[arg-type]


def test_a_state_may_be_given_by_its_name() -> None:
    assert Task("t", "ada", TaskSpec("x"), state="running").state is TaskState.RUNNING  # type: ignore[arg-type]
