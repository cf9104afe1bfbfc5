"""Rates: what was spent is folded from posts, given back by the clock, and belongs to agents that have a rate."""

import pytest
from immutables import Map

from foldhub_core import (
    Arbiter,
    HubState,
    Inbox,
    NotFoundError,
    Rate,
    digest,
    posts_left,
    read_snapshot,
    replay,
    take_snapshot,
)
from foldhub_core.rates import POST, Rates, Spent, fold_posted, room, spent
from tests.core.hub_driver import HUB_ID, NOWHERE
from tests.core.session_driver import Free, Talks

NOTHING: Rates = Map()


def rated(rate: Rate, arbiter: Arbiter | None = None) -> tuple[Talks, str]:
    """A hub in which alice has a rate."""
    hub = Talks("alice", "bob", adapters=[Free()], arbiter=arbiter)
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("bob", inbox=Inbox(0))
    hub.set_rule("alice", rate=rate)
    return hub, session_id


def left(hub: Talks, now_ms: int | None = None) -> int | None:
    return posts_left(hub.state, hub.ids["alice"], now_ms)


@pytest.mark.parametrize(("rate", "posts"), [(Rate(6), 6), (Rate(6, 2), 2), (Rate(6, 60), 60), (Rate(1, 1), 1)])
def test_there_is_room_for_the_burst_or_for_a_minute(rate: Rate, posts: int) -> None:
    assert room(rate) == posts * POST


@pytest.mark.parametrize(("later_ms", "parts"), [(0, POST), (1, POST - 7), (8_571, 3), (8_572, 0), (10**18, 0)])
def test_what_was_spent_is_given_back_to_the_millisecond(later_ms: int, parts: int) -> None:
    rates = fold_posted(NOTHING, "a", Rate(7), 50)
    assert spent(rates, "a", Rate(7), 50 + later_ms) == parts


def test_a_stricter_rule_forgives_what_it_has_no_room_for() -> None:
    rates = Map({"a": Spent(0, 100 * POST)})
    assert spent(rates, "a", Rate(60, 2), 0) == 2 * POST
    assert fold_posted(rates, "a", Rate(60, 2), 0) == Map({"a": Spent(0, 2 * POST)})


def test_who_has_not_posted_has_spent_nothing() -> None:
    assert spent(NOTHING, "a", Rate(1), 0) == 0


def test_an_agent_has_so_many_posts_left() -> None:
    hub, session_id = rated(Rate(60, 3))
    counts = [left(hub)]
    for _ in range(3):
        hub.say("alice", session_id, now_ms=1_000)
        counts.append(left(hub))
    assert counts == [3, 2, 1, 0]
    assert [left(hub, now_ms) for now_ms in (0, 1_999, 2_000, 9_000)] == [0, 0, 1, 3]


def test_an_agent_without_a_rate_has_no_bound() -> None:
    hub, _ = rated(Rate())
    assert left(hub) is None


def test_what_one_has_left_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        posts_left(HubState(HUB_ID), NOWHERE)


def test_only_who_has_a_rate_is_counted() -> None:
    hub, session_id = rated(Rate(60))
    hub.say("bob", session_id)
    assert len(hub.state.rates) == 0
    hub.say("alice", session_id)
    assert set(hub.state.rates) == {hub.ids["alice"]}


def test_what_was_spent_is_forgotten_with_the_rate() -> None:
    hub, session_id = rated(Rate(60, 1))
    hub.say("alice", session_id)
    hub.set_rule("alice", delegation_depth=2)
    assert len(hub.state.rates) == 0
    hub.set_rule("alice", rate=Rate(60, 1))
    hub.say("alice", session_id)


def test_another_rule_with_a_rate_keeps_what_was_spent() -> None:
    hub, session_id = rated(Rate(60, 1))
    hub.say("alice", session_id)
    hub.set_rule("alice", rate=Rate(60, 1), delegation_depth=2)
    assert hub.unsaid("alice", session_id) == "rate_limited"


def test_another_rate_holds_from_the_next_post() -> None:
    hub, session_id = rated(Rate(1, 1))
    hub.say("alice", session_id)
    hub.set_rule("alice", rate=Rate(1, 2))
    hub.say("alice", session_id)
    hub.set_rule("alice", rate=Rate(6_000, 1))
    hub.say("alice", session_id, now_ms=hub.now_ms + 10)


def test_what_was_spent_leaves_with_the_agent() -> None:
    hub, session_id = rated(Rate(60))
    hub.say("alice", session_id)
    hub.unregister("alice")
    assert len(hub.state.rates) == 0


def test_what_was_spent_survives_a_restart_and_a_snapshot() -> None:
    hub, session_id = rated(Rate(60, 1))
    hub.say("alice", session_id, now_ms=1_000)
    before = hub.state
    restored = read_snapshot(hub.config, take_snapshot(before))
    assert restored.rates == replay(hub.config, hub.log, HubState(HUB_ID)).rates == before.rates
    assert digest(restored) == digest(before)
    hub.state = restored
    assert hub.refused(hub.who("alice"), hub.saying("alice", session_id), 1_999) == "rate_limited"


def test_under_an_arbiter_that_asks_for_no_rate_what_is_spent_is_never_more_than_all_of_it() -> None:
    hub, session_id = rated(Rate(60, 2), Arbiter())
    for _ in range(5):
        hub.say("alice", session_id, now_ms=1_000)
    assert dict(hub.state.rates) == {hub.ids["alice"]: Spent(1_000, 2 * POST)}


def test_the_hub_of_a_late_age_can_be_written_down() -> None:
    hub, session_id = rated(Rate(2**62, 2**62))
    hub.say("alice", session_id, now_ms=2**62 - 1)
    assert read_snapshot(hub.config, take_snapshot(hub.state)) == hub.state
