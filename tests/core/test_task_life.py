"""The life of a task: one table says what can happen in which state, and what is not in it is refused."""

from itertools import product

import pytest

from foldhub_core import TERMINAL_TASK_STATES, ProtocolError, TaskState
from foldhub_core.task import ENDS, TASK_LIFE, next_task_state

CREATED, RUNNING, COMPLETED, FAILED, EXPIRED, CANCELLED = TaskState
EVENTS = ("start", "progress", "checkpoint", "request_cancel", "complete", "fail", "expire", "cancel")
STAYS = ("progress", "checkpoint", "request_cancel")
MOVES = {
    (CREATED, "start"): RUNNING,
    (RUNNING, "complete"): COMPLETED,
    (RUNNING, "fail"): FAILED,
    (RUNNING, "expire"): EXPIRED,
    (RUNNING, "cancel"): CANCELLED,
}


@pytest.mark.parametrize(("state", "event"), list(product(TaskState, EVENTS)))
def test_each_event_leads_where_it_is_written_or_is_refused(state: TaskState, event: str) -> None:
    after = RUNNING if state is RUNNING and event in STAYS else MOVES.get((state, event))
    if after is not None:
        assert next_task_state(state, event) is after
        return
    with pytest.raises(ProtocolError, match=f"while the task is {state.value}, came {event}"):
        next_task_state(state, event)


def test_a_refusal_says_what_could_happen() -> None:
    with pytest.raises(ProtocolError, match="expected start while the task is created"):
        next_task_state(CREATED, "complete")


@pytest.mark.parametrize("state", TERMINAL_TASK_STATES)
def test_nothing_happens_after_the_end(state: TaskState) -> None:
    with pytest.raises(ProtocolError, match="expected nothing while"):
        next_task_state(state, "progress")


def test_the_table_knows_no_other_event() -> None:
    assert {event for _, event in TASK_LIFE} == set(EVENTS)


def test_every_end_is_led_to_by_its_event() -> None:
    assert {state: next_task_state(RUNNING, event) for state, event in ENDS.items()} == {one: one for one in TERMINAL_TASK_STATES}
