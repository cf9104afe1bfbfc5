"""Working: what an agent says of its tasks, who may say it, and how it is asked to stop."""

from typing import Any

import pytest

from foldhub_core import (
    EV_OBSERVATION_RECORDED,
    EV_TASK_CANCEL_REQUEST,
    EV_TASK_CANCELLED,
    EV_TASK_CHECKPOINTED,
    EV_TASK_ENDED,
    EV_TASK_OBSERVED,
    EV_TASK_PROGRESSED,
    HUB_SESSION,
    AdapterResult,
    CheckpointTask,
    Deliver,
    EndTask,
    Envelope,
    Limits,
    ObservedStat,
    ObserveTask,
    Principal,
    RecordObservation,
    Redeliver,
    RequestCancel,
    Task,
    TaskSpec,
    TaskState,
    UpdateTask,
    agents_with_capability,
    get_resume,
    get_task,
    inbox,
    live_tasks,
    read_checkpoint,
)
from tests.core.hub_driver import ADMIN, NOWHERE, owner
from tests.core.session_driver import Broken, Following, Free, Talks

HOUR_MS = 3_600_000
COMPLETED, FAILED, EXPIRED, CANCELLED = list(TaskState)[2:]
ENDS = [COMPLETED, FAILED, EXPIRED, CANCELLED]


def two() -> tuple[Talks, str]:
    """A hub in which alice and bob talk."""
    hub = Talks("alice", "bob", "carol")
    return hub, hub.opened("alice", "bob")


def events(hub: Talks) -> list[str]:
    """What the last commit said, by type."""
    return [fact.event_type for fact in hub.log[-1].facts if isinstance(fact, Envelope)]


def told(hub: Talks, event_type: str) -> dict[str, Any]:
    """What the last event of a type told. Any: each event tells what it likes."""
    facts = [fact for commit in hub.log for fact in commit.facts if isinstance(fact, Envelope)]
    return dict([fact for fact in facts if fact.event_type == event_type][-1].event_data)


def begun(hub: Talks, owner: str, session_id: str | None = None, **fields: Any) -> Task:
    """Begin a task; gives what the hub holds of it."""
    task_id = hub.observe(owner, session_id, **fields)
    return get_task(hub.state, task_id)


# --- beginning


def test_a_task_runs_from_its_beginning() -> None:
    hub, session_id = two()
    spec = TaskSpec("Sum it up.", "All of it.", {"a": [1]}, "sum")
    task = hub.value(hub.who("bob"), ObserveTask(owner_id=hub.ids["bob"], spec=spec, session_id=session_id, ttl="1m"))
    now_ms = hub.now_ms
    assert task == Task(
        f"demo:t:a{hub.state.seq}",
        hub.ids["bob"],
        spec,
        TaskState.RUNNING,
        created_at_ms=now_ms,
        started_at_ms=now_ms,
        expires_at_ms=now_ms + 60_000,
        session_id=session_id,
    )
    assert get_task(hub.state, task.task_id) == task


def test_its_event_tells_all_of_it_to_nobody() -> None:
    hub, session_id = two()
    task_id = hub.observe("bob", session_id, ttl="1m")
    (event,) = hub.log[-1].facts
    assert isinstance(event, Envelope)
    assert (event.session_id, event.sender_id, event.event_type, event.audience, event.number) == (
        HUB_SESSION,
        hub.ids["bob"],
        EV_TASK_OBSERVED,
        (),
        hub.state.hub_words,
    )
    assert event.event_data == {
        "task_id": task_id,
        "spec": {"title": "Sum it up.", "description": "", "payload": {}, "capability": None},
        "session_id": session_id,
        "ttl": 60,
        "expires_at_ms": hub.now_ms + 60_000,
        "body": "",
    }


@pytest.mark.parametrize(("ttl", "lasts_ms"), [(None, 900_000), ("2h", 2 * HOUR_MS), (5, 5_000)])
def test_it_lasts_as_long_as_is_said_or_as_its_owners_rule_says(ttl: str | int | None, lasts_ms: int) -> None:
    hub = Talks("alice")
    task = begun(hub, "alice", ttl=ttl)
    assert task.expires_at_ms == task.created_at_ms + lasts_ms


def test_the_owners_own_rule_says_how_long() -> None:
    hub = Talks("alice")
    hub.set_rule("alice", task_ttl_default="30s")
    task = begun(hub, "alice")
    assert task.expires_at_ms == task.created_at_ms + 30_000


@pytest.mark.parametrize("ttl", [0, -5, "", "0s"])
def test_it_lasts_for_ever_where_its_time_is_none(ttl: str | int) -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice", ttl=ttl)
    assert get_task(hub.state, task_id).expires_at_ms is None
    assert task_id not in hub.state.agenda.by_subject


def test_an_agent_may_work_in_a_session_that_is_pending() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob")
    assert begun(hub, "alice", session_id).session_id == session_id


def test_the_administrator_may_have_a_task_observed() -> None:
    hub = Talks("alice")
    assert hub.value(ADMIN, hub.observing("alice")).owner_id == hub.ids["alice"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"owner_id": NOWHERE}, "not_found"),
        ({"session_id": "demo:s:c999"}, "not_found"),
        ({"session_id": ""}, "not_found"),
        ({"session_id": "over"}, "session_over"),
        ({"owner": "carol"}, "access_denied"),
        ({"session_id": "invited"}, "access_denied"),
        ({"spec": TaskSpec("t" * 21)}, "malformed"),
        ({"spec": TaskSpec("t", "d" * 31)}, "malformed"),
        ({"spec": TaskSpec("t", capability="c" * 21)}, "malformed"),
        ({"spec": TaskSpec("t", payload={"a": [[[[1]]]]})}, "malformed"),
        ({"spec": TaskSpec("t", payload={"a": ["x" * 25] * 10})}, "malformed"),
        ({"idempotency_key": "k" * 21}, "malformed"),
    ],
)
def test_a_beginning_is_refused(change: dict[str, Any], code: str) -> None:
    hub = Talks("alice", "bob", "carol")
    live, over, invited = hub.opened("alice", "bob"), hub.opened("alice", "bob"), hub.pending("alice", "bob")
    hub.close("alice", over)
    hub.restart(limits=Limits(text_chars=30, short_text_chars=20, depth=4, task_bytes=200))
    named = hub.ids[change.pop("owner", "bob")]
    fields = {"owner_id": named, "spec": TaskSpec("t"), "session_id": live, **change}
    fields["session_id"] = {"over": over, "invited": invited}.get(fields["session_id"], fields["session_id"])
    assert hub.refused(ADMIN, ObserveTask(**fields)) == code


def test_a_task_of_another_is_not_ones_own_to_begin() -> None:
    hub = Talks("alice", "bob")
    assert hub.refused(hub.who("alice"), hub.observing("bob")) == "access_denied"


# --- the cap


def test_an_agent_has_no_more_tasks_at_once_than_its_rule_says() -> None:
    hub, session_id = two()
    hub.set_rule("bob", max_concurrent_tasks=2)
    first = hub.observe("bob", session_id)
    hub.observe("bob")
    assert hub.refused(hub.who("bob"), hub.observing("bob")) == "access_denied"
    hub.observe("alice")
    hub.end_task("bob", first)
    hub.observe("bob")
    assert hub.refused(hub.who("bob"), hub.observing("bob", session_id)) == "access_denied"


def test_a_cap_of_none_is_no_cap() -> None:
    hub = Talks("alice")
    for _ in range(5):
        hub.observe("alice")
    assert live_tasks(hub.state, hub.ids["alice"]) == 5


# --- keys


def test_a_retry_is_answered_with_the_task_as_it_is() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice", idempotency_key="k")
    hub.progress("alice", task_id, done=1)
    again = hub.quiet(hub.who("alice"), hub.observing("alice", idempotency_key="k"))
    assert again == get_task(hub.state, task_id)


def test_a_retry_may_say_its_time_in_another_form() -> None:
    hub = Talks("alice")
    hub.observe("alice", idempotency_key="k", ttl="2m")
    hub.quiet(hub.who("alice"), hub.observing("alice", idempotency_key="k", ttl=120))


def test_a_retry_of_a_task_that_is_over_is_told_what_it_asked_for() -> None:
    hub, session_id = two()
    task_id = hub.observe("bob", session_id, idempotency_key="k")
    begun_ms = hub.now_ms
    hub.close("alice", session_id)
    again = hub.quiet(hub.who("bob"), hub.observing("bob", session_id, idempotency_key="k"))
    assert again == Task(task_id, hub.ids["bob"], TaskSpec("Sum it up."), created_at_ms=begun_ms, session_id=session_id)
    assert again.state is TaskState.CREATED


def test_a_retry_is_not_held_to_the_cap() -> None:
    hub = Talks("alice")
    hub.set_rule("alice", max_concurrent_tasks=1)
    hub.observe("alice", idempotency_key="k")
    hub.quiet(hub.who("alice"), hub.observing("alice", idempotency_key="k"))


def test_another_task_under_the_key_is_a_conflict() -> None:
    hub = Talks("alice")
    hub.observe("alice", idempotency_key="k")
    assert hub.refused(hub.who("alice"), hub.observing("alice", title="Else.", idempotency_key="k")) == "key_conflict"


def test_a_key_of_a_task_is_forgotten_in_time() -> None:
    hub = Talks("alice", limits=Limits(key_ms=10_000))
    first = hub.observe("alice", idempotency_key="k", ttl=0)
    hub.tick_until_rest(hub.now_ms + 10_000)
    assert hub.observe("alice", idempotency_key="k", ttl=0) != first


# --- progress


def test_progress_joins_what_was_told() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    hub.progress("alice", task_id, done=1, of=3)
    task = hub.progress("alice", task_id, done=2, note=["half"])
    assert (task.progress, task.last_progress_at_ms) == ({"done": 2, "note": ("half",), "of": 3}, hub.now_ms)
    assert get_task(hub.state, task_id) == task
    assert told(hub, EV_TASK_PROGRESSED) == {
        "task_id": task_id,
        "agent_id": hub.ids["alice"],
        "progress": {"done": 2, "note": ("half",)},
    }


@pytest.mark.parametrize("again", [{}, {"done": 1}, {"of": 3, "done": 1}])
def test_progress_told_again_changes_nothing(again: dict[str, object]) -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    before = hub.progress("alice", task_id, done=1, of=3)
    update = UpdateTask(task_id=task_id, agent_id=hub.ids["alice"], progress=again)
    assert hub.quiet(hub.who("alice"), update) == before


def test_what_is_equal_and_not_the_same_is_progress() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    hub.progress("alice", task_id, done=1)
    assert hub.progress("alice", task_id, done=True).progress["done"] is True


@pytest.mark.parametrize(
    "progress", [{"a": "x" * 31}, {"a": [[[[1]]]]}, {f"k{at}": at for at in range(4)}, {"more": 1}, {"a": ["x" * 25] * 9}]
)
def test_progress_over_the_limits_is_refused(progress: dict[str, object]) -> None:
    hub = Talks("alice")
    hub.restart(limits=Limits(text_chars=30, depth=4, map_items=3, task_bytes=200))
    task_id = hub.observe("alice")
    hub.progress("alice", task_id, b=0, c=0, a=0)
    update = UpdateTask(task_id=task_id, agent_id=hub.ids["alice"], progress=progress)
    assert hub.refused(hub.who("alice"), update) == "malformed"


def test_progress_that_is_allowed_by_itself_and_too_much_in_all_is_refused() -> None:
    hub = Talks("alice", limits=Limits(task_bytes=200))
    task_id = hub.observe("alice")
    hub.progress("alice", task_id, a="x" * 150)
    update = UpdateTask(task_id=task_id, agent_id=hub.ids["alice"], progress={"b": "x" * 150})
    assert hub.refused(hub.who("alice"), update) == "malformed"


# --- checkpoints


def test_the_last_checkpoint_is_the_one_that_is_read() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    assert read_checkpoint(hub.state, task_id) is None
    hub.checkpoint("alice", task_id, step=1)
    hub.checkpoint("alice", task_id, at="two")
    assert read_checkpoint(hub.state, task_id) == {"at": "two"}
    assert told(hub, EV_TASK_CHECKPOINTED) == {"task_id": task_id, "agent_id": hub.ids["alice"], "data": {"at": "two"}}


def test_an_empty_checkpoint_is_one() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    hub.checkpoint("alice", task_id)
    assert read_checkpoint(hub.state, task_id) == {}


def test_the_same_checkpoint_again_changes_nothing() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    hub.checkpoint("alice", task_id, step=1)
    hub.quiet(hub.who("alice"), CheckpointTask(task_id=task_id, agent_id=hub.ids["alice"], data={"step": 1}))
    hub.checkpoint("alice", task_id, step=1.0)
    assert isinstance((read_checkpoint(hub.state, task_id) or {})["step"], float)


@pytest.mark.parametrize("data", [{"a": "x" * 31}, {"a": [[[[1]]]]}, {"a": ["x" * 25] * 9}])
def test_a_checkpoint_over_the_limits_is_refused(data: dict[str, object]) -> None:
    hub = Talks("alice")
    hub.restart(limits=Limits(text_chars=30, depth=4, task_bytes=200))
    task_id = hub.observe("alice")
    checkpoint = CheckpointTask(task_id=task_id, agent_id=hub.ids["alice"], data=data)
    assert hub.refused(hub.who("alice"), checkpoint) == "malformed"


# --- the end


@pytest.mark.parametrize("outcome", ENDS)
def test_a_task_that_ends_leaves_nothing(outcome: TaskState) -> None:
    hub, session_id = two()
    before = hub.state
    task_id = hub.observe("bob", session_id)
    hub.checkpoint("bob", task_id, step=1)
    assert hub.end_task("bob", task_id, outcome, result=[1], error="so it is") == ()
    assert (hub.state.tasks, hub.state.agenda, hub.state.keys) == (before.tasks, before.agenda, before.keys)
    assert told(hub, EV_TASK_ENDED) == {
        "task_id": task_id,
        "agent_id": hub.ids["bob"],
        "outcome": outcome.value,
        "result": (1,),
        "error": "so it is",
        "session_id": session_id,
        "capability": None,
        "body": "",
    }


@pytest.mark.parametrize("outcome", [TaskState.CREATED, TaskState.RUNNING])
def test_what_is_no_end_is_refused(outcome: TaskState) -> None:
    hub = Talks("alice")
    assert hub.refused(hub.who("alice"), hub.ending("alice", hub.observe("alice"), outcome)) == "protocol_error"


@pytest.mark.parametrize(
    "fields", [{"result": "x" * 31}, {"result": [[[[1]]]]}, {"error": "x" * 31}, {"idempotency_key": "k" * 21}]
)
def test_an_end_over_the_limits_is_refused(fields: dict[str, Any]) -> None:
    hub = Talks("alice")
    hub.restart(limits=Limits(text_chars=30, short_text_chars=20, depth=4))
    task_id = hub.observe("alice")
    assert hub.refused(hub.who("alice"), hub.ending("alice", task_id, **fields)) == "malformed"


def test_a_retry_of_an_end_with_a_key_is_answered_like_the_first() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    hub.end_task("alice", task_id, result=1, idempotency_key="k")
    assert hub.quiet(hub.who("alice"), hub.ending("alice", task_id, result=1, idempotency_key="k")) is None


def test_another_end_under_the_key_is_a_conflict() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    hub.end_task("alice", task_id, result=1, idempotency_key="k")
    assert hub.refused(hub.who("alice"), hub.ending("alice", task_id, result=2, idempotency_key="k")) == "key_conflict"


def test_a_key_of_an_end_is_no_key_of_a_beginning() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice", idempotency_key="k")
    hub.end_task("alice", task_id, idempotency_key="k")
    assert hub.quiet(hub.who("alice"), hub.ending("alice", task_id, idempotency_key="k")) is None


def test_a_key_that_ended_one_task_with_ends_no_other() -> None:
    hub = Talks("alice")
    first, second = hub.observe("alice"), hub.observe("alice")
    hub.end_task("alice", first, idempotency_key="k")
    assert hub.refused(hub.who("alice"), hub.ending("alice", second, idempotency_key="k")) == "key_conflict"


def test_the_administrators_end_remembers_no_key() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    end = EndTask(task_id=task_id, agent_id="", outcome=FAILED, idempotency_key="k")
    assert hub.value(ADMIN, end) is None
    assert len(hub.state.keys) == 0
    assert hub.refused(ADMIN, end) == "task_over"


# --- whose it is, and when it is too late


def asks(task_id: str, agent_id: str) -> list[Any]:
    """Everything that may be asked of a task. Any: the commands differ."""
    named = {"task_id": task_id, "agent_id": agent_id}
    return [
        UpdateTask(**named, progress={"a": 1}),
        CheckpointTask(**named, data={}),
        EndTask(**named, outcome=COMPLETED),
        RequestCancel(**named),
    ]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize(("ending", "code"), [("ended", "task_over"), ("never", "not_found")])
def test_a_task_that_is_over_is_told_from_one_that_never_was(which: int, ending: str, code: str) -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    hub.end_task("alice", task_id)
    asked = asks(task_id if ending == "ended" else "demo:t:c999", hub.ids["alice"])[which]
    assert hub.refused(hub.who("alice"), asked) == code


@pytest.mark.parametrize("which", range(3))
def test_nobody_but_its_owner_says_what_becomes_of_a_task(which: int) -> None:
    hub, session_id = two()
    task_id = hub.observe("bob", session_id)
    assert hub.refused(hub.who("alice"), asks(task_id, hub.ids["alice"])[which]) == "access_denied"
    assert hub.refused(hub.who("alice"), asks(task_id, hub.ids["bob"])[which]) == "access_denied"


@pytest.mark.parametrize("which", range(4))
def test_who_names_nobody_and_is_not_the_administrator_is_refused(which: int) -> None:
    hub, session_id = two()
    task_id = hub.observe("bob", session_id)
    assert hub.refused(Principal(agent_ids=("",)), asks(task_id, "")[which]) == "access_denied"


@pytest.mark.parametrize("which", range(4))
def test_the_administrator_may_say_it_too(which: int) -> None:
    hub, session_id = two()
    task_id = hub.observe("bob", session_id)
    hub.value(ADMIN, asks(task_id, "")[which])
    assert len(events(hub)) == 1


# --- asking to stop


def test_a_peer_asks_in_the_session_and_the_owner_alone_hears() -> None:
    hub, session_id = two()
    task_id = hub.observe("bob", session_id)
    for name in ("alice", "bob"):
        hub.attach(name)
    (deliver,) = hub.request_cancel("alice", task_id, "too slow")
    assert isinstance(deliver, Deliver)
    word = deliver.envelope
    assert (deliver.agent_id, word.session_id, word.sender_id) == (hub.ids["bob"], session_id, "demo")
    assert (word.event_type, word.audience) == (EV_TASK_CANCEL_REQUEST, (hub.ids["bob"],))
    assert word.event_data == {"task_id": task_id, "reason": "too slow", "requested_by": hub.ids["alice"]}


def test_a_request_is_counted_in_no_inbox() -> None:
    hub, session_id = two()
    hub.ack_all("bob")
    hub.request_cancel("alice", hub.observe("bob", session_id))
    assert (inbox(hub.state, hub.ids["bob"]).pending, inbox(hub.state, hub.ids["bob"]).owed) == (0, 1)


def test_without_a_session_the_owner_hears_it_in_the_hubs_own() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    hub.attach("alice", "l1")
    (deliver,) = hub.ask(ADMIN, RequestCancel(task_id=task_id, agent_id="", reason="stop"))[1:]
    assert isinstance(deliver, Deliver)
    word = deliver.envelope
    assert (word.session_id, word.sender_id, word.audience) == (HUB_SESSION, "demo", (hub.ids["alice"],))
    assert word.number == hub.state.hub_words
    assert word.event_data == {"task_id": task_id, "reason": "stop", "requested_by": ""}


def test_what_is_said_in_the_hubs_session_is_owed_until_it_is_acked() -> None:
    hub = Talks("alice")
    hub.request_cancel("alice", hub.observe("alice"))
    (redeliver,) = hub.attach("alice")
    assert isinstance(redeliver, Redeliver)
    assert (redeliver.session_id, redeliver.number) == (HUB_SESSION, 1)
    hub.ack("alice", 1)
    assert hub.attach("alice", "l2")[1:] == ()


def test_each_asks_once() -> None:
    hub, session_id = two()
    task_id = hub.observe("bob", session_id)
    for name in ("alice", "bob"):
        hub.request_cancel(name, task_id)
        hub.quiet(hub.who(name), RequestCancel(task_id=task_id, agent_id=hub.ids[name], reason="again"))
    hub.ask(ADMIN, RequestCancel(task_id=task_id, agent_id=""))
    hub.quiet(ADMIN, RequestCancel(task_id=task_id, agent_id=""))
    assert hub.types(session_id).count(EV_TASK_CANCEL_REQUEST) == 3


def test_a_stranger_asks_for_nothing() -> None:
    hub, session_id = two()
    for task_id in (hub.observe("bob", session_id), hub.observe("bob")):
        assert hub.refused(hub.who("carol"), RequestCancel(task_id=task_id, agent_id=hub.ids["carol"])) == "access_denied"


def test_one_who_is_only_invited_asks_for_nothing() -> None:
    hub = Talks("alice", "bob")
    task_id = hub.observe("alice", hub.pending("alice", "bob"))
    assert hub.refused(hub.who("bob"), RequestCancel(task_id=task_id, agent_id=hub.ids["bob"])) == "access_denied"


def test_a_reason_over_the_limits_is_refused() -> None:
    hub = Talks("alice")
    hub.restart(limits=Limits(short_text_chars=10))
    request = RequestCancel(task_id=hub.observe("alice"), agent_id=hub.ids["alice"], reason="r" * 11)
    assert hub.refused(hub.who("alice"), request) == "malformed"


def test_who_asked_hears_that_the_task_was_cancelled() -> None:
    hub, session_id = two()
    task_id = hub.observe("bob", session_id)
    hub.request_cancel("alice", task_id)
    hub.attach("alice")
    (deliver,) = hub.end_task("bob", task_id, CANCELLED, error="as you wish")
    assert isinstance(deliver, Deliver)
    assert (deliver.agent_id, deliver.envelope.event_type) == (hub.ids["alice"], EV_TASK_CANCELLED)
    assert deliver.envelope.event_data == {"task_id": task_id, "reason": "as you wish"}
    assert events(hub) == [EV_TASK_ENDED, EV_TASK_CANCELLED]


@pytest.mark.parametrize("outcome", [COMPLETED, FAILED, EXPIRED])
def test_a_task_that_ends_otherwise_is_not_called_cancelled(outcome: TaskState) -> None:
    hub, session_id = two()
    task_id = hub.observe("bob", session_id)
    hub.request_cancel("alice", task_id)
    hub.end_task("bob", task_id, outcome)
    assert events(hub) == [EV_TASK_ENDED]


def test_a_cancelling_that_nobody_asked_for_is_told_to_nobody() -> None:
    hub, session_id = two()
    hub.end_task("bob", hub.observe("bob", session_id), CANCELLED)
    assert events(hub) == [EV_TASK_ENDED]


def test_who_asked_and_has_left_is_told_nothing() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", "carol", type="free")
    task_id = hub.observe("bob", session_id)
    for name in ("carol", "alice"):
        hub.request_cancel(name, task_id)
    hub.ask(ADMIN, RequestCancel(task_id=task_id, agent_id=""))
    hub.leave("carol", session_id)
    hub.end_task("bob", task_id, CANCELLED)
    assert hub.words(session_id)[-1].audience == hub.these("alice")


def test_a_task_of_no_session_that_is_cancelled_is_told_to_nobody() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    hub.request_cancel("alice", task_id)
    hub.end_task("alice", task_id, CANCELLED)
    assert events(hub) == [EV_TASK_ENDED]


# --- protocols and the words of tasks


def test_a_protocol_may_end_its_session_when_a_task_is_to_be_cancelled() -> None:
    hub = Talks("alice", "bob", adapters=[Following({EV_TASK_CANCEL_REQUEST: AdapterResult("closed", "called off")})])
    session_id = hub.opened("alice", "bob", type="following")
    task_id = hub.observe("bob", session_id)
    hub.request_cancel("alice", task_id)
    assert hub.end(session_id) == {"reason": "called off"}
    assert hub.ends() == [(task_id, "expired", "session_closed")]


def test_a_protocol_may_end_its_session_when_a_task_was_cancelled() -> None:
    hub = Talks("alice", "bob", adapters=[Following({EV_TASK_CANCELLED: AdapterResult("closed", "called off")})])
    session_id = hub.opened("alice", "bob", type="following")
    first, second = hub.observe("bob", session_id), hub.observe("alice", session_id)
    hub.request_cancel("alice", first)
    hub.end_task("bob", first, CANCELLED)
    assert hub.end(session_id) == {"reason": "called off"}
    assert hub.ends() == [(first, "cancelled", ""), (second, "expired", "session_closed")]


@pytest.mark.parametrize("place", ["fold", "on_accepted"])
def test_a_protocol_that_raises_at_a_request_costs_who_asked_a_refusal(place: str) -> None:
    hub = Talks("alice", "bob", adapters=[Broken(place, EV_TASK_CANCEL_REQUEST)])
    session_id = hub.opened("alice", "bob", type="broken")
    task_id = hub.observe("bob", session_id)
    assert hub.refused(hub.who("alice"), RequestCancel(task_id=task_id, agent_id=hub.ids["alice"])) == "protocol_error"


@pytest.mark.parametrize("place", ["fold", "on_accepted"])
def test_a_protocol_that_raises_keeps_no_task_from_ending(place: str) -> None:
    hub = Talks("alice", "bob", adapters=[Broken(place, EV_TASK_CANCELLED)])
    session_id = hub.opened("alice", "bob", type="broken")
    task_id = hub.observe("bob", session_id)
    hub.request_cancel("alice", task_id)
    hub.end_task("bob", task_id, CANCELLED)
    assert hub.ends() == [(task_id, "cancelled", "")]
    assert hub.state.sessions.entries[session_id].dormant is not None


def test_in_a_session_that_is_dormant_work_goes_on() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    task_id = hub.observe("bob", session_id)
    hub.recover()
    assert hub.state.sessions.entries[session_id].dormant is not None
    hub.observe("alice", session_id)
    hub.request_cancel("alice", task_id)
    hub.end_task("bob", task_id, CANCELLED)
    assert hub.types(session_id)[-2:] == [EV_TASK_CANCEL_REQUEST, EV_TASK_CANCELLED]


# --- the track record


@pytest.mark.parametrize("outcome", ENDS)
def test_an_end_of_a_capability_is_counted_once_in_the_same_commit(outcome: TaskState) -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice", capability="sum", now_ms=1_000)
    hub.value(hub.who("alice"), hub.ending("alice", task_id, outcome), 1_250)
    assert events(hub) == [EV_TASK_ENDED, EV_OBSERVATION_RECORDED]
    counts = {"n": 1, outcome.value: 1}
    assert get_resume(hub.state, hub.ids["alice"]).observed == {"sum": ObservedStat(**counts, p50_latency_ms=250)}


def test_whom_an_end_was_counted_for_is_found_by_the_capability() -> None:
    hub = Talks("alice", "bob")
    hub.end_task("bob", hub.observe("bob", capability="sum"))
    assert agents_with_capability(hub.state, "sum") == hub.these("bob")


def test_an_end_of_no_capability_is_not_counted() -> None:
    hub = Talks("alice")
    hub.end_task("alice", hub.observe("alice"))
    assert get_resume(hub.state, hub.ids["alice"]).observed == {}


def test_who_tells_of_a_task_that_was_counted_counts_it_no_more() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice", capability="sum")
    hub.end_task("alice", task_id)
    observation = RecordObservation(owner_id=hub.ids["alice"], capability="sum", outcome=FAILED, task_id=task_id)
    assert hub.quiet(hub.who("alice"), observation).observed["sum"].n == 1


def test_an_owner_does_not_say_itself_how_a_task_ended_that_the_hub_observes() -> None:
    hub = Talks("alice")
    task_id = hub.observe("alice")
    observation = RecordObservation(owner_id=hub.ids["alice"], capability="sum", outcome=COMPLETED, task_id=task_id)
    assert hub.refused(hub.who("alice"), observation) == "protocol_error"


def test_the_end_of_a_task_to_come_cannot_be_told_before() -> None:
    hub = Talks("alice")
    to_come = f"demo:t:a{hub.state.seq + 2}"
    told = RecordObservation(owner_id=hub.ids["alice"], capability="sum", outcome=COMPLETED, task_id=to_come)
    assert hub.refused(ADMIN, told) == "protocol_error"
    assert hub.observe("alice", capability="sum") == to_come


def test_where_the_record_has_no_room_for_a_capability_its_tasks_end_uncounted() -> None:
    hub = Talks("alice", limits=Limits(capabilities=1))
    for capability in ("sum", "sum", "ask"):
        hub.end_task("alice", hub.observe("alice", capability=capability))
    assert {name: stat.n for name, stat in get_resume(hub.state, hub.ids["alice"]).observed.items()} == {"sum": 2}
    assert events(hub) == [EV_TASK_ENDED]


def test_another_subject_may_not_act_for_the_owner() -> None:
    hub = Talks("alice")
    assert hub.refused(owner("eve"), hub.observing("alice")) == "access_denied"
