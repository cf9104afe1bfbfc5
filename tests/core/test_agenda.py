"""The agenda: what comes due, and the ticks that let it happen."""

import pytest

from foldhub_core import KeysExpired, Limits, Rearmed, Tick, Unregister, next_deadline
from foldhub_core.agenda import Agenda, fold_rearmed
from tests.core.hub_driver import ADMIN, Hub

EMPTY = Agenda()


class TestEntries:
    def test_nothing_is_due_ever_on_an_empty_agenda(self) -> None:
        assert EMPTY.next_deadline() is None

    def test_the_first_deadline_is_the_least(self) -> None:
        assert EMPTY.armed("agent", "a", 9).armed("agent", "b", 4).next_deadline() == 4

    def test_a_subject_comes_up_once(self) -> None:
        agenda = EMPTY.armed("agent", "a", 9).armed("agent", "a", 4)
        assert list(agenda.due(100)) == [(4, "agent", "a")]

    @pytest.mark.parametrize("due_ms", [4, 5, 9])
    def test_an_entry_is_not_moved_to_a_later_time(self, due_ms: int) -> None:
        agenda = EMPTY.armed("agent", "a", 4)
        assert agenda.armed("agent", "a", due_ms) is agenda

    def test_an_entry_that_is_taken_out_does_not_come_up(self) -> None:
        assert EMPTY.armed("agent", "a", 4).disarmed("agent", "a") == EMPTY

    def test_taking_out_what_is_not_there_changes_nothing(self) -> None:
        agenda = EMPTY.armed("agent", "a", 4)
        assert agenda.disarmed("agent", "b") is agenda

    def test_what_is_due_is_told_by_time_then_kind_then_id(self) -> None:
        agenda = EMPTY
        for kind, subject_id, due_ms in [("task", "c", 5), ("agent", "b", 5), ("agent", "a", 5), ("session", "d", 1)]:
            agenda = agenda.armed(kind, subject_id, due_ms)
        assert [subject_id for _, _, subject_id in agenda.due(5)] == ["d", "a", "b", "c"]

    @pytest.mark.parametrize(("now_ms", "count"), [(3, 0), (4, 1), (5, 1), (6, 2)])
    def test_an_entry_is_due_from_its_time_on(self, now_ms: int, count: int) -> None:
        assert len(list(EMPTY.armed("agent", "a", 4).armed("agent", "b", 6).due(now_ms))) == count

    def test_an_entry_that_came_up_comes_up_next_where_the_mark_says(self) -> None:
        agenda = fold_rearmed(EMPTY.armed("agent", "a", 4), Rearmed("agent", "a", 9))
        assert agenda == EMPTY.armed("agent", "a", 9)

    def test_an_entry_that_came_up_for_the_last_time_is_gone(self) -> None:
        assert fold_rearmed(EMPTY.armed("agent", "a", 4), Rearmed("agent", "a", None)) == EMPTY


def hub_with_keys(count: int, **limits: int) -> Hub:
    """A hub whose agents each used a key, the first at 10 ms, the next at 11 ms and so on."""
    hub = Hub(Limits(key_ms=1000, **limits))
    for at in range(count):
        hub.register(f"agent {at}", now_ms=10 + at, idempotency_key="k")
    return hub


class TestTick:
    def test_a_registration_without_a_key_is_never_due(self) -> None:
        hub = Hub()
        hub.register("alice")
        assert next_deadline(hub.state) is None

    def test_the_next_deadline_is_that_of_the_oldest_key(self) -> None:
        assert next_deadline(hub_with_keys(3).state) == 1010

    @pytest.mark.parametrize("now_ms", [12, 500, 1009])
    def test_before_anything_is_due_it_makes_no_commit(self, now_ms: int) -> None:
        assert hub_with_keys(3).quiet(ADMIN, Tick(), now_ms) is None

    def test_on_an_empty_agenda_it_makes_no_commit(self) -> None:
        assert Hub().quiet(ADMIN, Tick(), 10**12) is None

    def test_when_a_key_is_due_it_forgets_the_key_and_takes_the_entry_out(self) -> None:
        hub = hub_with_keys(1)
        hub.value(ADMIN, Tick(), 1010)
        assert hub.log[-1].facts == (KeysExpired("demo:a:a2", 1), Rearmed("agent", "demo:a:a2", None))

    def test_its_commit_is_lazy(self) -> None:
        hub = hub_with_keys(1)
        hub.value(ADMIN, Tick(), 1010)
        assert hub.log[-1].lazy

    def test_it_handles_what_is_due_and_no_more(self) -> None:
        hub = hub_with_keys(3)
        hub.value(ADMIN, Tick(), 1011)
        assert len(hub.state.keys) == 1
        assert next_deadline(hub.state) == 1012

    def test_it_handles_as_many_entries_as_the_limit_says_oldest_first(self) -> None:
        hub = hub_with_keys(5, tick_entries=2)
        hub.value(ADMIN, Tick(), 5000)
        assert sorted(hub.state.keys) == ["demo:a:a4", "demo:a:a5", "demo:a:a6"]

    @pytest.mark.parametrize(("tick_entries", "ticks"), [(1, 5), (2, 3), (5, 1), (64, 1)])
    def test_ticks_come_to_rest(self, tick_entries: int, ticks: int) -> None:
        hub = hub_with_keys(5, tick_entries=tick_entries)
        assert hub.tick_until_rest(5000) == ticks
        assert next_deadline(hub.state) is None
        hub.quiet(ADMIN, Tick(), 5000)

    def test_an_ended_agent_is_not_due_any_more(self) -> None:
        hub = hub_with_keys(1)
        hub.value(ADMIN, Unregister(agent_id="demo:a:a2"))
        assert next_deadline(hub.state) is None

    def test_it_goes_by_the_clock_of_the_hub_where_its_own_runs_behind(self) -> None:
        hub = hub_with_keys(1)
        hub.register("bob", now_ms=2000)
        hub.value(ADMIN, Tick(), 5)
        assert len(hub.state.keys) == 0
        assert hub.state.now_ms == 2000
