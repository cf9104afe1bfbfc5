"""Start: a run of the hub begins, and the log says under what configuration."""

from foldhub_core import (
    Configured,
    HubConfig,
    HubState,
    Limits,
    Start,
    changed,
    find_agent_id,
    next_deadline,
)
from foldhub_core.starting import CORE_VERSION, configured
from tests.core.hub_driver import ADMIN, HUB_ID, Hub, registration


def restart(hub: Hub, limits: Limits) -> None:
    hub.config = HubConfig(limits=limits)
    hub.value(ADMIN, Start())


def test_the_commit_says_what_the_hub_is_made_of_and_its_limits() -> None:
    hub = Hub(Limits(name_chars=9))
    (mark,) = hub.log[0].facts
    assert isinstance(mark, Configured)
    assert ("core", CORE_VERSION) in mark.parts
    assert mark.limits == Limits(name_chars=9)


def test_the_answer_is_what_was_recorded() -> None:
    hub = Hub(started=False)
    assert (hub.value(ADMIN, Start()),) == hub.log[0].facts


def test_before_the_first_one_nothing_is_configured() -> None:
    assert HubState(HUB_ID).configured is None


def test_the_same_configuration_has_the_same_fingerprint() -> None:
    assert configured(HubConfig()) == configured(HubConfig(limits=Limits()))


def test_other_limits_have_another_fingerprint() -> None:
    limits = HubConfig(limits=Limits(name_chars=9))
    assert configured(HubConfig()).fingerprint != configured(limits).fingerprint


def test_its_limits_hold_from_then_on() -> None:
    hub = Hub()
    hub.register("alice")
    restart(hub, Limits(name_chars=3))
    assert hub.refused(ADMIN, registration("alicia")) == "malformed"
    assert hub.register("bob")


def test_what_was_registered_under_other_limits_stays() -> None:
    hub = Hub()
    agent_id = hub.register("alice")
    restart(hub, Limits(name_chars=3))
    assert find_agent_id(hub.state, "alice") == agent_id


def test_a_configuration_that_was_not_started_does_not_hold() -> None:
    hub = Hub()
    hub.config = HubConfig(limits=Limits(name_chars=3))
    assert hub.register("alice")


def test_a_second_one_changes_nothing_but_what_every_commit_moves() -> None:
    hub = Hub()
    hub.register("alice", idempotency_key="k")
    before = hub.state
    hub.value(ADMIN, Start())
    now = hub.state
    assert now == changed(before, seq=now.seq, now_ms=now.now_ms, head=now.head)


def test_keys_that_are_remembered_for_less_time_come_up_earlier() -> None:
    hub = Hub(Limits(key_ms=1000))
    hub.register("alice", now_ms=10, idempotency_key="k")
    hub.register("bob", now_ms=20, idempotency_key="k")
    restart(hub, Limits(key_ms=100))
    assert next_deadline(hub.state) == 110


def test_keys_that_are_remembered_for_more_time_are_looked_at_no_later() -> None:
    hub = Hub(Limits(key_ms=100))
    hub.register("alice", now_ms=10, idempotency_key="k")
    restart(hub, Limits(key_ms=1000))
    assert hub.tick_until_rest(110) == 1
    assert next_deadline(hub.state) == 1010
