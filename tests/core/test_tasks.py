"""The live tasks: when their time is over, what ends with them and with what they end, and the questions about them."""

from typing import Any

import pytest

from foldhub_core import (
    EV_OBSERVATION_RECORDED,
    EV_SESSION_CLOSED,
    EV_SESSION_LEFT,
    EV_TASK_ENDED,
    EV_TEXT,
    CloseSession,
    Envelope,
    Limits,
    Malformed,
    NetworkError,
    RemoveParticipant,
    RequestCancel,
    TaskState,
    Tick,
    changed,
    digest,
    get_resume,
    get_task,
    list_tasks,
    next_deadline,
    read_checkpoint,
    read_snapshot,
    take_snapshot,
)
from foldhub_core.tasks import Tasks
from tests.core.hub_driver import ADMIN
from tests.core.session_driver import Free, Talks

COMPLETED, FAILED, EXPIRED, CANCELLED = list(TaskState)[2:]


def said(hub: Talks) -> list[str]:
    """What the last commit said, by type."""
    return [fact.event_type for fact in hub.log[-1].facts if isinstance(fact, Envelope)]


# --- time


def test_a_task_expires_exactly_when_it_is_due() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice", ttl=5, now_ms=1_000)
    assert next_deadline(hub.state) == 6_000
    hub.quiet(ADMIN, Tick(), 5_999)
    hub.tick(6_000)
    assert hub.ends() == [(task_id, "expired", "ttl_expired")]
    assert next_deadline(hub.state) is None


def test_tasks_expire_in_the_order_of_their_times() -> None:
    hub = Talks("alice", "bob")
    late, soon, same = hub.observe("alice", ttl=9), hub.observe("bob", ttl=3), hub.observe("alice", ttl=9)
    hub.tick(20_000)
    assert hub.ends() == [(one, "expired", "ttl_expired") for one in (soon, late, same)]


def test_a_tick_lets_no_more_expire_than_its_share() -> None:
    hub = Talks("alice", limits=Limits(tick_entries=2))
    ids = [hub.observe("alice", ttl=5) for _ in range(5)]
    assert hub.tick_until_rest(60_000) == 3
    ends = [end for commit in range(-3, 0) for end in hub.ends(commit)]
    assert ends == [(one, "expired", "ttl_expired") for one in ids]


def test_an_expired_task_is_counted() -> None:
    hub = Talks("alice")
    hub.observe("alice", ttl=5, capability="sum", now_ms=1_000)
    hub.tick(7_000)
    stat = get_resume(hub.state, hub.ids["alice"]).observed["sum"]
    assert (stat.n, stat.expired, stat.p50_latency_ms) == (1, 1, 6_000)


def test_a_task_is_not_told_how_far_it_is_to_last_longer() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice", ttl=5)
    due_ms = get_task(hub.state, task_id).expires_at_ms
    hub.progress("alice", task_id, done=1)
    hub.checkpoint("alice", task_id, step=1)
    assert next_deadline(hub.state) == due_ms


def test_a_session_that_is_due_with_its_task_takes_it_along() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob", ttl=10, now_ms=1_000)
    task_id = hub.observe("bob", session_id, ttl=5, now_ms=6_000)
    hub.tick(11_000)
    assert hub.ends() == [(task_id, "expired", "session_closed")]
    assert not hub.is_live(session_id)


# --- what tasks end with


def test_the_tasks_of_a_session_expire_before_its_last_word() -> None:
    hub = Talks("alice", "bob")
    session_id, other = hub.opened("alice", "bob"), hub.opened("alice", "bob")
    ids = [hub.observe(name, session_id) for name in ("bob", "alice", "bob")]
    stay = [hub.observe("bob", other), hub.observe("bob")]
    hub.close("alice", session_id)
    assert hub.ends() == [(one, "expired", "session_closed") for one in ids]
    assert said(hub) == [EV_TASK_ENDED] * 3 + [EV_SESSION_CLOSED]
    assert [task.task_id for task in list_tasks(hub.state).tasks] == stay


def test_a_reply_that_completes_its_session_ends_the_tasks_done_for_it() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob", type="consulting")
    hub.say("alice", session_id, to=("bob",))
    hub.observe("bob", session_id, capability="sum")
    hub.say("bob", session_id)
    assert said(hub) == [EV_TEXT, EV_TASK_ENDED, EV_OBSERVATION_RECORDED, EV_SESSION_CLOSED]


def test_the_administrator_who_closes_a_session_ends_its_tasks() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    task_id = hub.observe("alice", session_id)
    hub.value(ADMIN, CloseSession(session_id=session_id))
    assert hub.ends() == [(task_id, "expired", "session_closed")]


def three() -> tuple[Talks, str, str]:
    """Three who are in two sessions that go on without one of them."""
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    first, second = [hub.opened("alice", "bob", "carol", type="free") for _ in range(2)]
    return hub, first, second


def test_who_leaves_a_session_leaves_its_tasks_of_that_session() -> None:
    hub, first, second = three()
    ids = [hub.observe("bob", first), hub.observe("bob", first)]
    stay = [hub.observe("carol", first), hub.observe("bob", second), hub.observe("bob")]
    hub.leave("bob", first)
    assert hub.ends() == [(one, "expired", "left") for one in ids]
    assert said(hub) == [EV_TASK_ENDED, EV_TASK_ENDED, EV_SESSION_LEFT]
    assert [task.task_id for task in list_tasks(hub.state).tasks] == stay


def test_who_is_put_out_of_a_session_leaves_its_tasks_there() -> None:
    hub, first, _ = three()
    task_id = hub.observe("bob", first)
    out = RemoveParticipant(session_id=first, agent_id=hub.ids["alice"], participant_id=hub.ids["bob"])
    hub.value(hub.who("alice"), out)
    assert hub.ends() == [(task_id, "expired", "left")]


def test_who_leaves_a_session_that_cannot_go_on_ends_all_of_its_tasks() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    of_bob, of_alice = hub.observe("bob", session_id), hub.observe("alice", session_id)
    hub.leave("bob", session_id)
    assert hub.ends() == [(of_bob, "expired", "left"), (of_alice, "expired", "session_closed")]
    assert said(hub) == [EV_TASK_ENDED, EV_SESSION_LEFT, EV_TASK_ENDED, EV_SESSION_CLOSED]


def test_all_tasks_of_an_agent_end_with_it() -> None:
    hub, first, second = three()
    ids = [hub.observe("bob", one) for one in (second, None, first)]
    stay = hub.observe("alice", first)
    hub.unregister("bob")
    assert hub.ends() == [(one, "expired", "unregistered") for one in ids]
    assert [task.task_id for task in list_tasks(hub.state).tasks] == [stay]


def test_an_agent_that_is_gone_ends_nothing_more() -> None:
    hub = Talks("alice")
    hub.unregister("alice")
    hub.unregister("alice")
    assert hub.state.tasks == Tasks()


def test_what_was_asked_of_the_owner_stays_owed_after_the_end() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    hub.ack_all()
    task_id = hub.observe("bob", session_id)
    hub.request_cancel("alice", task_id)
    hub.end_task("bob", task_id, CANCELLED)
    assert hub.owed_types("bob") == ["task.cancel_requested"]
    assert hub.owed_types("alice") == ["task.cancelled"]


# --- runs


def working() -> tuple[Talks, str]:
    """A hub with tasks of every kind."""
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob", ttl=0)
    hub.observe("alice", ttl=0)
    task_id = hub.observe("bob", session_id, ttl="1h", capability="sum", idempotency_key="k")
    hub.progress("bob", task_id, done=1)
    hub.checkpoint("bob", task_id, step=2)
    hub.request_cancel("alice", task_id)
    hub.ask(ADMIN, RequestCancel(task_id=task_id, agent_id=""))
    hub.end_task("alice", hub.observe("alice", session_id))
    return hub, task_id


def test_tasks_are_read_back_from_a_snapshot() -> None:
    hub, _ = working()
    read = read_snapshot(hub.config, take_snapshot(hub.state, 2))
    assert read == hub.state
    assert digest(read) == digest(hub.state)


@pytest.mark.parametrize("how", ["log", "snapshot"])
def test_a_task_outlives_a_restart_whole(how: str) -> None:
    hub, task_id = working()
    before = get_task(hub.state, task_id)
    if how == "snapshot":
        hub.state = read_snapshot(hub.config, take_snapshot(hub.state))
    hub.recover() if how == "log" else hub.restart()
    assert get_task(hub.state, task_id) == before
    assert read_checkpoint(hub.state, task_id) == {"step": 2}
    hub.quiet(hub.who("alice"), RequestCancel(task_id=task_id, agent_id=hub.ids["alice"]))
    hub.quiet(hub.who("bob"), hub.observing("bob", before.session_id, ttl="1h", capability="sum", idempotency_key="k"))
    assert before.expires_at_ms is not None
    hub.tick(before.expires_at_ms)
    assert hub.ends() == [(task_id, "expired", "ttl_expired")]


def test_the_log_tells_all_of_it() -> None:
    hub, task_id = working()
    hub.end_task("bob", task_id, COMPLETED, result={"sum": [1, 2.0, None]}, idempotency_key="e")
    hub.check_log()


# --- questions


def ids_of(page: Any) -> list[str]:
    return [task.task_id for task in page.tasks]


@pytest.mark.parametrize("question", [get_task, read_checkpoint])
@pytest.mark.parametrize(
    ("task_id", "code"),
    [
        ("demo:t:a1", "task_over"),
        ("demo:t:c999", "not_found"),
        ("demo:s:a1", "not_found"),
        ("else:t:a1", "not_found"),
        ("", "not_found"),
    ],
)
def test_what_is_not_live_is_over_or_not_found(question: Any, task_id: str, code: str) -> None:
    hub = Talks("alice")
    with pytest.raises(NetworkError) as refused:
        question(hub.state, task_id)
    assert (refused.value.code, refused.value.where) == (code, "task_id")


@pytest.fixture
def many() -> tuple[Talks, list[str], str]:
    """Five tasks: of alice and bob, in a session and in none."""
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    ids = [
        hub.observe("alice", session_id, capability="sum"),
        hub.observe("bob", session_id),
        hub.observe("bob", capability="sum"),
        hub.observe("bob", session_id, capability="ask"),
        hub.observe("bob"),
    ]
    return hub, ids, session_id


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"owner_id": "alice"}, [0]),
        ({"owner_id": "bob"}, [1, 2, 3, 4]),
        ({"session_id": "live"}, [0, 1, 3]),
        ({"owner_id": "bob", "session_id": "live"}, [1, 3]),
        ({"owner_id": "alice", "session_id": "live"}, [0]),
        ({"owner_id": "nobody"}, []),
        ({"session_id": "nowhere"}, []),
        ({"capability": "sum"}, [0, 2]),
        ({"capability": "sum", "owner_id": "bob"}, [2]),
        ({"task_state": TaskState.RUNNING, "capability": "ask"}, [3]),
        ({"task_state": TaskState.COMPLETED}, []),
    ],
)
def test_tasks_are_found_by_what_is_asked_for(
    many: tuple[Talks, list[str], str], asked: dict[str, Any], expected: list[int]
) -> None:
    hub, ids, session_id = many
    # Any: a condition is a text or a state.
    named: dict[Any, Any] = {**hub.ids, "live": session_id}
    conditions: dict[str, Any] = {key: named.get(value, value) for key, value in asked.items()}
    found = list_tasks(hub.state, **conditions)
    assert ids_of(found) == [ids[at] for at in expected]
    assert found.cursor is None


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_pages_together_are_the_whole(many: tuple[Talks, list[str], str], limit: int) -> None:
    hub, ids, _ = many
    found: list[str] = []
    page = list_tasks(hub.state, owner_id=hub.ids["bob"], limit=limit)
    while True:
        found += ids_of(page)
        if page.cursor is None:
            break
        page = list_tasks(hub.state, owner_id=hub.ids["bob"], limit=limit, cursor=page.cursor)
    assert found == ids[1:]


def test_a_page_goes_on_where_a_task_has_ended_since(many: tuple[Talks, list[str], str]) -> None:
    hub, ids, _ = many
    cursor = list_tasks(hub.state, limit=2).cursor
    hub.end_task("bob", ids[1])
    assert ids_of(list_tasks(hub.state, cursor=cursor)) == ids[2:]


def test_a_page_looks_at_no_more_than_the_limit(many: tuple[Talks, list[str], str]) -> None:
    hub, ids, _ = many
    state = changed(hub.state, limits=Limits(scan_items=3))
    page = list_tasks(state, capability="ask")
    assert (page.tasks, page.cursor) == ((), ids[2])
    assert ids_of(list_tasks(state, capability="ask", cursor=page.cursor)) == [ids[3]]


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_page_of_no_size_or_of_too_many_is_malformed(limit: int) -> None:
    with pytest.raises(Malformed, match="limit: expected 1 to 1000"):
        list_tasks(Talks().state, limit=limit)
