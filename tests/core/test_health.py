"""Health: a hub in numbers, each of which is what counting gives."""

import pytest

from foldhub_core import Health, HubConfig, HubState, Inbox, Limits, Principal, Tick, health, inbox, next_deadline
from tests.core.hub_driver import ADMIN, HUB_ID
from tests.core.session_driver import Free, Talks


def healthy(hub: Talks) -> Health:
    return health(hub.state, config=hub.config)


@pytest.fixture
def hub() -> Talks:
    return Talks("alice", "bob", "carol", adapters=(Free(),))


def test_a_hub_that_has_not_started_has_nothing() -> None:
    found = health(HubState(HUB_ID), config=HubConfig(adapters=()))
    assert found == Health(HUB_ID, 0, 0, False, None, (), 0, 0, 0, 0, 0, 0, 0, None, 0, 0, 0)


def test_it_says_of_which_commit_it_is(hub: Talks) -> None:
    found = healthy(hub)
    assert (found.hub_id, found.seq, found.now_ms) == (HUB_ID, hub.state.seq, hub.state.now_ms)
    assert found.is_started


def test_it_says_what_is_due_next(hub: Talks) -> None:
    assert healthy(hub).next_deadline_ms is None
    hub.pending("alice", "bob")
    assert healthy(hub).next_deadline_ms == next_deadline(hub.state) is not None


def test_it_names_the_protocols_each_once_in_order(hub: Talks) -> None:
    hub.restart(Free(version=2), Free(), Free(), built_in=False)
    assert healthy(hub).adapters_loaded == (("free", 1), ("free", 2))


def test_agents_are_registered_and_attached(hub: Talks) -> None:
    hub.attach("alice")
    hub.unregister("carol")
    assert (healthy(hub).registered_agents, healthy(hub).attached_agents) == (2, 1)


def test_sessions_are_pending_or_active_until_they_are_over(hub: Talks) -> None:
    hub.pending("alice", "bob")
    hub.opened("alice", "bob")
    hub.close("alice", hub.opened("alice", "carol"))
    found = healthy(hub)
    assert (found.pending_sessions, found.active_sessions, found.dormant_sessions) == (1, 1, 0)


def test_a_dormant_session_is_active_or_pending_all_the_same(hub: Talks) -> None:
    hub.opened("alice", "bob", type="free")
    hub.pending("alice", "bob", type="free")
    hub.opened("alice", "bob")
    hub.recover()
    found = healthy(hub)
    assert (found.pending_sessions, found.active_sessions, found.dormant_sessions) == (1, 2, 2)


def test_inboxes_are_those_of_the_questions(hub: Talks) -> None:
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.say("alice", session_id)
    hub.say("bob", session_id, to=("carol",))
    counts = [inbox(hub.state, agent_id) for agent_id in hub.ids.values()]
    found = healthy(hub)
    assert (found.pending_inbox_total, found.max_pending_inbox_depth) == (3, 2)
    assert found.pending_inbox_total == sum(one.pending for one in counts)
    assert found.max_pending_inbox_depth == max(one.pending for one in counts)
    assert found.owed_total == sum(one.owed for one in counts) > 3


def test_inboxes_that_are_empty_are_no_deeper_than_none(hub: Talks) -> None:
    assert (healthy(hub).pending_inbox_total, healthy(hub).max_pending_inbox_depth) == (0, 0)


def test_without_agents_no_inbox_has_a_depth() -> None:
    assert healthy(Talks()).max_pending_inbox_depth is None


def test_dead_letters_are_counted_until_they_are_sent_again(hub: Talks) -> None:
    hub.pending("alice", "bob", "carol", type="free")
    hub.tick_until_rest(hub.now_ms + Limits().owed_ms)
    before = healthy(hub)
    assert before.dead_letters_total == sum(len(hub.dead(name)) for name in hub.ids) == 2
    hub.resend("bob", 1)
    assert (healthy(hub).dead_letters_total, healthy(hub).owed_total) == (1, before.owed_total + 1)


def test_what_made_room_is_owed_no_more(hub: Talks) -> None:
    hub.set_rule("bob", inbox=Inbox(max_pending=1, overflow="drop_oldest"))
    session_id = hub.opened("alice", "bob")
    hub.say("alice", session_id)
    before = healthy(hub)
    hub.say("alice", session_id)
    assert (healthy(hub).pending_inbox_total, healthy(hub).owed_total) == (1, before.owed_total)


def test_refusals_are_counted_in_their_window() -> None:
    hub = Talks(limits=Limits(refusal_window_ms=1000, refusals=2))
    for subject in ("eve", "eve", "eve", "mallory"):
        hub.refused(Principal(subject=subject), Tick(), 1500)
    assert healthy(hub).refusals_in_window == 3
    hub.register("alice", now_ms=2000)
    assert healthy(hub).refusals_in_window == 0
    assert hub.refused(Principal(subject="eve"), Tick(), 2000)
    assert healthy(hub).refusals_in_window == 1


def test_asking_changes_nothing(hub: Talks) -> None:
    before = hub.state
    assert healthy(hub) == healthy(hub)
    assert hub.state is before
    hub.quiet(ADMIN, Tick())


def test_tasks_are_live_until_they_end(hub: Talks) -> None:
    task_id = hub.observe("alice")
    assert healthy(hub).live_tasks == 1
    hub.end_task("alice", task_id)
    assert healthy(hub).live_tasks == 0
