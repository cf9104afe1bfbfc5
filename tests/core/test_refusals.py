"""Refusals: recorded so that one can read what happened, and no more of them than a disk can bear."""

import pytest

from foldhub_core import Limits, Principal, Tick, Unregister, changed
from foldhub_core.refusals import RefusalCount, fold_refusal, is_recorded
from tests.core.hub_driver import ADMIN, NOWHERE, Hub, owner, registration

REFUSED = Unregister(agent_id=NOWHERE)


def refuse(hub: Hub, by: Principal, now_ms: int) -> bool:
    """Be refused; tells whether it was recorded."""
    commits = len(hub.log)
    hub.refused(by, REFUSED, now_ms)
    return len(hub.log) > commits


def test_a_refused_arrival_changes_only_sequence_clock_head_and_count() -> None:
    hub = Hub()
    hub.register("alice", idempotency_key="k")
    before = hub.state
    hub.refused(owner("s"), REFUSED, 77)
    now = hub.state
    assert (now.seq, now.now_ms) == (before.seq + 1, 77)
    assert now == changed(before, seq=now.seq, now_ms=now.now_ms, head=now.head, refusals=now.refusals)


def test_the_commit_carries_the_refusal_and_no_facts() -> None:
    hub = Hub()
    hub.refused(owner("s"), REFUSED)
    commit = hub.log[-1]
    assert commit.refusal is not None
    assert (commit.refusal.code, commit.facts, commit.command) == ("access_denied", (), REFUSED)


def test_up_to_the_cap_refusals_are_recorded_and_beyond_it_not() -> None:
    hub = Hub(Limits(refusals=3))
    assert [refuse(hub, owner("s"), 5) for _ in range(5)] == [True, True, True, False, False]


def test_with_a_cap_of_0_none_is_recorded() -> None:
    hub = Hub(Limits(refusals=0, refusal_window_ms=100))
    assert [refuse(hub, owner("s"), now_ms) for now_ms in (5, 150)] == [False, False]


def test_the_cap_is_for_each_subject() -> None:
    hub = Hub(Limits(refusals=1))
    assert [refuse(hub, owner(subject), 5) for subject in ("s", "s", "t", "t", "s")] == [True, False, True, False, False]


def test_the_administrator_is_a_subject_like_any_other() -> None:
    hub = Hub(Limits(refusals=1))
    assert [refuse(hub, ADMIN, 5) for _ in range(2)] == [True, False]


def test_a_new_window_begins_to_count_again() -> None:
    hub = Hub(Limits(refusals=1, refusal_window_ms=100))
    assert [refuse(hub, owner("s"), now_ms) for now_ms in (50, 99, 100, 150, 350)] == [True, False, True, False, True]


def test_a_new_window_forgets_the_subjects_of_the_last() -> None:
    hub = Hub(Limits(refusal_window_ms=100))
    for subject in ("s", "t", "u"):
        refuse(hub, owner(subject), 50)
    refuse(hub, owner("s"), 100)
    assert dict(hub.state.refusals.by_subject) == {"s": 1}


def test_beyond_the_cap_the_answer_is_still_the_refusal() -> None:
    hub = Hub(Limits(refusals=1))
    first = hub.refused(owner("s"), REFUSED, 5)
    assert hub.refused(owner("s"), REFUSED, 5) == first


def test_beyond_the_cap_what_is_allowed_still_is() -> None:
    hub = Hub(Limits(refusals=1))
    refuse(hub, owner("s"), 5)
    refuse(hub, owner("s"), 5)
    assert hub.register("alice", by=owner("s"), now_ms=5)


def test_refusals_before_the_first_start_count_too() -> None:
    hub = Hub(started=False)
    hub.refused(ADMIN, Tick())
    assert dict(hub.state.refusals.by_subject) == {"": 1}


def test_a_registration_that_is_refused_leaves_the_clock_where_an_unrecorded_one_found_it() -> None:
    hub = Hub(Limits(refusals=0))
    hub.refused(ADMIN, registration("a*"), 900)
    assert hub.state.now_ms == 1


@pytest.mark.parametrize(("now_ms", "recorded"), [(199, False), (200, True), (99, True)])
def test_what_is_counted_is_the_window_of_the_time(now_ms: int, recorded: bool) -> None:
    limits = Limits(refusals=1, refusal_window_ms=100)
    count = fold_refusal(RefusalCount(), limits, "s", 150)
    assert is_recorded(count, limits, "s", now_ms) == recorded
