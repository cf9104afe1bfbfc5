"""Commands and arrivals: what may be asked for, the clock, and who acts."""

import pytest

from foldhub_core import (
    Arrival,
    Attach,
    Command,
    HubConfig,
    HubState,
    Limits,
    Malformed,
    Principal,
    RecordObservation,
    Register,
    Rule,
    Start,
    TaskState,
    Tick,
    Unregister,
)
from foldhub_core.commands import acting_id
from foldhub_core.state import GENESIS
from tests.core.hub_driver import ADMIN, Hub, registration

LAST_MS = (2**63 - 1) // 2


@pytest.mark.parametrize("now_ms", [0, 1, LAST_MS])
def test_an_arrival_comes_at_any_time_from_0_on(now_ms: int) -> None:
    assert Arrival(principal=ADMIN, command=Tick(), now_ms=now_ms).now_ms == now_ms


@pytest.mark.parametrize("now_ms", [-1, LAST_MS + 1])
def test_a_time_before_0_or_out_of_reach_is_malformed(now_ms: int) -> None:
    with pytest.raises(Malformed, match=r"Arrival\.now_ms: expected a time from 0 to"):
        Arrival(principal=ADMIN, command=Tick(), now_ms=now_ms)


@pytest.mark.parametrize(
    ("command", "agent_id"),
    [
        (Start(), ""),
        (registration("alice"), ""),
        (Unregister(agent_id="a"), "a"),
        (Attach(agent_id="a", link="l"), "a"),
        (RecordObservation(owner_id="a", capability="c", outcome=TaskState.FAILED), "a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_command_names_who_acts(command: Command, agent_id: str) -> None:
    assert acting_id(command) == agent_id


def test_a_principal_may_do_nothing_where_nothing_is_said() -> None:
    assert Principal() == Principal(subject="", agent_ids=(), may_register=(), admin=False)


def test_a_registration_has_the_default_rule_where_nothing_is_said() -> None:
    plain = registration("alice")
    assert Register(passport=plain.passport, resume=plain.resume) == plain
    assert plain.rule == Rule()


class TestClock:
    def test_the_hubs_clock_is_that_of_the_arrival(self) -> None:
        hub = Hub()
        hub.register("alice", now_ms=500)
        assert hub.state.now_ms == 500

    def test_it_never_runs_backwards(self) -> None:
        hub = Hub()
        hub.register("alice", now_ms=500)
        passport = hub.value(ADMIN, registration("bob"), 3)
        assert (hub.state.now_ms, hub.log[-1].now_ms, passport.created_at_ms) == (500, 500, 500)

    def test_a_refusal_moves_it_too(self) -> None:
        hub = Hub()
        hub.refused(Principal(), Tick(), 500)
        assert hub.state.now_ms == 500


class TestBeginning:
    def test_a_hub_begins_with_nothing(self) -> None:
        state = HubState("demo")
        assert (state.seq, state.now_ms, state.head, state.hub_words) == (0, 0, GENESIS, 0)

    @pytest.mark.parametrize("hub_id", ["", "Demo", "-demo", "a b", "d" * 33, "hub:1"])
    def test_a_hub_has_an_id_that_can_stand_in_others(self, hub_id: str) -> None:
        with pytest.raises(Malformed, match="hub_id"):
            HubState(hub_id)

    def test_the_limits_are_the_default_ones_where_nothing_is_configured(self) -> None:
        assert HubConfig().limits == HubState("demo").limits == Limits()
