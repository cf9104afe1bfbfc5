"""The track record: tasks that ended, each counted once, and the median of the last latencies."""

import pytest

from foldhub_core import (
    EV_OBSERVATION_RECORDED,
    TERMINAL_TASK_STATES,
    Envelope,
    Limits,
    Malformed,
    ObservedStat,
    RecordObservation,
    Resume,
    TaskState,
    get_resume,
)
from foldhub_core.track_record import LATENCIES
from tests.core.hub_driver import ADMIN, Hub


def ended(
    agent_id: str,
    outcome: TaskState = TaskState.COMPLETED,
    latency_ms: int | None = None,
    task_id: str | None = None,
    capability: str = "ask",
) -> RecordObservation:
    return RecordObservation(owner_id=agent_id, capability=capability, outcome=outcome, latency_ms=latency_ms, task_id=task_id)


def hub_with_agent(limits: Limits | None = None) -> tuple[Hub, str]:
    hub = Hub(limits)
    return hub, hub.register("alice")


def median_of(latencies: list[int | None]) -> int | None:
    """The median a hub tells of these latencies."""
    hub, agent_id = hub_with_agent()
    for latency_ms in latencies:
        hub.value(ADMIN, ended(agent_id, latency_ms=latency_ms))
    return get_resume(hub.state, agent_id).observed["ask"].p50_latency_ms


def test_every_ending_counts_for_itself() -> None:
    hub, agent_id = hub_with_agent()
    for times, outcome in enumerate(TERMINAL_TASK_STATES, start=1):
        for _ in range(times):
            hub.value(ADMIN, ended(agent_id, outcome))
    assert get_resume(hub.state, agent_id).observed == {"ask": ObservedStat(n=10, completed=1, failed=2, expired=3, cancelled=4)}


def test_capabilities_are_counted_apart() -> None:
    hub, agent_id = hub_with_agent()
    hub.value(ADMIN, ended(agent_id, capability="ask", latency_ms=5))
    hub.value(ADMIN, ended(agent_id, capability="tell", latency_ms=9))
    assert get_resume(hub.state, agent_id).observed == {
        "ask": ObservedStat(n=1, completed=1, p50_latency_ms=5),
        "tell": ObservedStat(n=1, completed=1, p50_latency_ms=9),
    }


def test_the_answer_is_the_resume_with_its_claims_and_a_new_version() -> None:
    hub = Hub()
    agent_id = hub.register("alice", resume=Resume(("ask",), summary="answers"))
    resume = hub.value(ADMIN, ended(agent_id), 80)
    assert resume == Resume(
        ("ask",),
        summary="answers",
        observed={"ask": ObservedStat(n=1, completed=1)},
        version=2,
        last_updated_ms=80,
    )


def test_it_is_an_event_that_tells_what_was_observed() -> None:
    hub, agent_id = hub_with_agent()
    hub.value(ADMIN, ended(agent_id, TaskState.FAILED, 7, "t"))
    (event,) = hub.log[-1].facts
    assert isinstance(event, Envelope)
    assert (event.event_type, event.sender_id) == (EV_OBSERVATION_RECORDED, agent_id)
    assert event.event_data == {"capability": "ask", "outcome": "failed", "latency_ms": 7, "task_id": "t"}


@pytest.mark.parametrize("outcome", sorted(set(TaskState) - set(TERMINAL_TASK_STATES)))
def test_a_task_that_has_not_ended_is_no_observation(outcome: TaskState) -> None:
    hub, agent_id = hub_with_agent()
    assert hub.refused(ADMIN, ended(agent_id, outcome)) == "protocol_error"


def test_a_latency_below_0_is_malformed() -> None:
    with pytest.raises(Malformed, match="expected a latency of 0 or more, came -1"):
        ended("demo:a:a2", latency_ms=-1)


@pytest.mark.parametrize(
    ("latencies", "median"),
    [
        ([None], None),
        ([0], 0),
        ([9, 1, 5], 5),
        ([1, 9], 5),
        ([1, 4], 2),
        ([9, 1, 5, 3], 4),
        ([5, None, 1, None, 9], 5),
    ],
)
def test_the_median_is_the_middle_latency_or_between_the_two_in_the_middle(
    latencies: list[int | None], median: int | None
) -> None:
    assert median_of(latencies) == median


def test_a_task_without_a_latency_leaves_the_median() -> None:
    assert median_of([7, None]) == 7


def test_the_median_is_of_as_many_latencies_as_it_says() -> None:
    # 32 small ones and 32 large ones: the middle lies between them.
    assert median_of([*[0] * 32, *[100] * 32]) == 50


def test_one_latency_more_drops_the_oldest() -> None:
    assert LATENCIES == 64
    assert median_of([*[0] * 33, *[100] * 32]) == 50


@pytest.mark.parametrize("task_id", ["t", ""])
def test_a_task_counts_once(task_id: str) -> None:
    hub, agent_id = hub_with_agent()
    first = hub.value(ADMIN, ended(agent_id, task_id=task_id))
    assert hub.quiet(ADMIN, ended(agent_id, task_id=task_id)) == first


def test_a_task_counts_once_whatever_is_told_of_it_later() -> None:
    hub, agent_id = hub_with_agent()
    first = hub.value(ADMIN, ended(agent_id, task_id="t"))
    assert hub.quiet(ADMIN, ended(agent_id, TaskState.FAILED, 9, "t", "tell")) == first


def test_a_task_counts_once_for_each_of_two_agents() -> None:
    hub, agent_id = hub_with_agent()
    hub.value(ADMIN, ended(agent_id, task_id="t"))
    other = hub.register("bob")
    assert hub.value(ADMIN, ended(other, task_id="t")).observed["ask"].n == 1


def test_tasks_without_an_id_each_count() -> None:
    hub, agent_id = hub_with_agent()
    hub.value(ADMIN, ended(agent_id))
    assert hub.value(ADMIN, ended(agent_id)).observed["ask"].n == 2


def test_as_many_tasks_are_remembered_as_the_limit_says() -> None:
    hub, agent_id = hub_with_agent(Limits(observed_tasks=2))
    for task_id in ("t1", "t2", "t3"):
        hub.value(ADMIN, ended(agent_id, task_id=task_id))
    hub.quiet(ADMIN, ended(agent_id, task_id="t2"))
    assert hub.value(ADMIN, ended(agent_id, task_id="t1")).observed["ask"].n == 4
