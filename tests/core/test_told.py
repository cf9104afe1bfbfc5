"""What an event tells of its command: read back from bytes, the command is the one that came."""

import pytest

from foldhub_core import (
    EV_TEXT,
    Access,
    Ack,
    AnswerInvite,
    Attach,
    Attached,
    Auth,
    CheckpointTask,
    CloseSession,
    Command,
    Cost,
    Data,
    Dropped,
    EndTask,
    Envelope,
    Example,
    Expectation,
    Fact,
    Leave,
    Log,
    Nack,
    ObservedStat,
    ObserveTask,
    OpenSession,
    Passport,
    Post,
    RecordObservation,
    Register,
    RequestCancel,
    Resume,
    Rule,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    TaskSpec,
    TaskState,
    Unregister,
    UpdateTask,
    changed,
    codec,
    read_log,
    write_log,
)
from foldhub_core.told import TOLD_COMMANDS, told_command
from tests.core.hub_driver import ADMIN, HUB_ID, Hub, owner, registration

ALICE = "demo:a:a2"
RESUME = Resume(("ask",), ("law",), "answers", (Example("t", when="1999"),))
RULE = Rule(Access(inbound_from=("b*",)))

TOLD: list[Command] = [
    registration("bob"),
    Register(
        passport=Passport("bob", owner="o", cost=Cost(1.0), auth=Auth("key"), kind="human", version=3),
        resume=RESUME,
        rule=RULE,
        skill_md="text",
        idempotency_key="k",
    ),
    registration("bob", kind="remote_agent", hub_id="else"),
    SetResume(agent_id=ALICE, resume=RESUME),
    SetRule(agent_id=ALICE, rule=RULE),
    SetSkill(agent_id=ALICE, skill_md="text"),
    RecordObservation(owner_id=ALICE, capability="ask", outcome=TaskState.FAILED),
    RecordObservation(owner_id=ALICE, capability="", outcome=TaskState.EXPIRED, latency_ms=0, task_id=""),
]
BOB = "demo:a:a3"
PENDING, TALK = "demo:s:a4", "demo:s:a5"
"""A session that bob has not answered, and one that goes on."""

TOLD_OF_SESSIONS: list[Command] = [
    OpenSession(creator_id=ALICE, type="conversation", participants=(ALICE, BOB)),
    OpenSession(creator_id=ALICE, type="conversation", participants=(BOB, ALICE), ttl=0, idempotency_key="k"),
    OpenSession(
        creator_id=ALICE,
        type="consulting",
        participants=(ALICE, BOB),
        knobs={"a": [1, 1.0, True, None]},
        labels={"b": "c"},
        intent="Why?",
        ttl=90,
        parent_session_id=TALK,
        required_acks=1,
        expectations=(Expectation("max_silence", "audit", {"seconds": 5}, ("initiator",)),),
        idempotency_key="k",
    ),
    Post(envelope=Envelope(TALK, ALICE, EV_TEXT, {"text": "Hello."})),
    Post(
        envelope=Envelope(
            TALK,
            BOB,
            EV_TEXT,
            {"text": "Hello.", "more": [{"a": 1.0}]},
            audience=(ALICE,),
            causation_id="demo:e:a9",
            idempotency_key="k",
            task_id="t",
            trace_id="tr",
            priority="background",
            ttl_seconds=5,
            depth=3,
        )
    ),
    Ack(agent_id=BOB, numbers=(2, 1)),
    ObserveTask(owner_id=BOB, spec=TaskSpec("Sum.")),
    ObserveTask(
        owner_id=ALICE,
        spec=TaskSpec("Sum.", "All.", {"a": [1, 1.0, True, None]}, "sum"),
        session_id=TALK,
        ttl=90,
        idempotency_key="k",
    ),
]
TASK, FREE = "demo:t:a7", "demo:t:a8"
"""A task of bob's in the session that goes on, and one in none."""

TOLD_OF_TASKS: list[Command] = [
    UpdateTask(task_id=TASK, agent_id=BOB, progress={"a": [1, 1.0, True, None]}),
    UpdateTask(task_id=TASK, agent_id="", progress={"a": {}}),
    CheckpointTask(task_id=TASK, agent_id=BOB, data={}),
    CheckpointTask(task_id=FREE, agent_id="", data={"a": {"b": 1.0}}),
    EndTask(task_id=TASK, agent_id=BOB, outcome=TaskState.COMPLETED, result=(1, Data({"a": 1.0})), idempotency_key="k"),
    EndTask(task_id=FREE, agent_id="", outcome=TaskState.CANCELLED, error="enough"),
    RequestCancel(task_id=TASK, agent_id=ALICE, reason="enough"),
    RequestCancel(task_id=TASK, agent_id=""),
    RequestCancel(task_id=FREE, agent_id=BOB),
]


def read_back(hub: Hub) -> Command:
    """The last command as the log gives it back from its bytes."""
    arrival = read_log(write_log(Log(HUB_ID, tuple(hub.log)))).commits[-1].arrival
    assert arrival is not None
    return arrival.command


def hub_with_alice() -> Hub:
    hub = Hub(remote_agents=True)
    assert hub.register("alice", by=owner("s")) == ALICE
    return hub


def hub_with_sessions() -> Hub:
    """A hub in which alice waits for bob in one session and talks with him in another."""
    hub = hub_with_alice()
    assert hub.register("bob", by=owner("t")) == BOB
    for expected in (PENDING, TALK):
        opening = OpenSession(creator_id=ALICE, type="conversation", participants=(BOB,))
        assert hub.value(ADMIN, opening).session_id == expected
    hub.value(ADMIN, AnswerInvite(session_id=TALK, agent_id=BOB, accept=True))
    return hub


def hub_with_tasks() -> Hub:
    """A hub in which bob works, for a session and for himself."""
    hub = hub_with_sessions()
    for expected, session_id in ((TASK, TALK), (FREE, None)):
        task = hub.value(ADMIN, ObserveTask(owner_id=BOB, spec=TaskSpec("Sum.", capability="sum"), session_id=session_id))
        assert task.task_id == expected
    return hub


@pytest.mark.parametrize("command", TOLD_OF_TASKS, ids=lambda command: type(command).__name__)
def test_what_is_asked_of_tasks_is_told(command: Command) -> None:
    hub = hub_with_tasks()
    hub.value(ADMIN, command)
    assert hub.log[-1].kept is None
    assert codec.encode(read_back(hub)) == codec.encode(command)


@pytest.mark.parametrize("command", TOLD_OF_TASKS, ids=lambda command: type(command).__name__)
def test_what_is_told_of_tasks_is_decided_again_alike(command: Command) -> None:
    hub = hub_with_tasks()
    hub.value(ADMIN, command)
    hub.check_log()


def test_a_task_is_told_with_its_time_in_seconds() -> None:
    hub = hub_with_sessions()
    hub.value(ADMIN, ObserveTask(owner_id=BOB, spec=TaskSpec("Sum."), ttl="2h"))
    assert read_back(hub) == ObserveTask(owner_id=BOB, spec=TaskSpec("Sum."), ttl=7200)


@pytest.mark.parametrize("command", TOLD_OF_SESSIONS, ids=lambda command: type(command).__name__)
def test_what_is_asked_of_sessions_is_told(command: Command) -> None:
    hub = hub_with_sessions()
    hub.value(ADMIN, command)
    assert hub.log[-1].kept is None
    assert codec.encode(read_back(hub)) == codec.encode(command)


@pytest.mark.parametrize("command", TOLD_OF_SESSIONS, ids=lambda command: type(command).__name__)
def test_what_is_told_of_sessions_is_decided_again_alike(command: Command) -> None:
    hub = hub_with_sessions()
    hub.value(owner("s", ALICE, BOB), command)
    hub.check_log()


def test_an_opening_is_told_with_its_creator_among_the_participants_and_its_time_in_seconds() -> None:
    hub = hub_with_sessions()
    hub.value(ADMIN, OpenSession(creator_id=ALICE, type="conversation", participants=(BOB,), ttl="2h"))
    assert read_back(hub) == OpenSession(creator_id=ALICE, type="conversation", participants=(ALICE, BOB), ttl=7200)


def test_an_ack_is_told_by_what_it_settled() -> None:
    hub = hub_with_sessions()
    hub.value(ADMIN, Ack(agent_id=BOB, numbers=(2, 2, 99)))
    assert read_back(hub) == Ack(agent_id=BOB, numbers=(2,))


def test_the_stamp_a_poster_sent_is_left_out() -> None:
    hub = hub_with_sessions()
    said = Envelope(TALK, ALICE, EV_TEXT, {"text": "Hello."})
    stamped = changed(said, envelope_id="demo:e:a1", created_at_ms=7, number=9)
    hub.value(ADMIN, Post(envelope=stamped))
    assert read_back(hub) == Post(envelope=said)


def test_a_post_is_told_behind_the_marks_that_made_room_for_it() -> None:
    said = Envelope(TALK, ALICE, EV_TEXT, {"text": "Hello."}, envelope_id="demo:e:a9", created_at_ms=9, number=4)
    posted = changed(said, envelope_id="", created_at_ms=0, number=0)
    assert told_command((Dropped(BOB, 1, TALK, "demo:e:a7", "overflow"), said)) == Post(envelope=posted)


@pytest.mark.parametrize("command", TOLD, ids=lambda command: type(command).__name__)
def test_the_command_that_came_is_told(command: Command) -> None:
    hub = hub_with_alice()
    hub.value(ADMIN, command)
    assert read_back(hub) == command


@pytest.mark.parametrize("command", TOLD, ids=lambda command: type(command).__name__)
def test_what_is_told_is_decided_again_alike(command: Command) -> None:
    hub = hub_with_alice()
    hub.value(owner("s", ALICE), command)
    hub.check_log()


def test_every_command_that_is_told_is_tried_here() -> None:
    assert {type(command) for command in TOLD + TOLD_OF_SESSIONS + TOLD_OF_TASKS} == set(TOLD_COMMANDS)


def test_that_a_skill_was_taken_away_is_told() -> None:
    hub = hub_with_alice()
    for text in ("text", None):
        hub.value(ADMIN, SetSkill(agent_id=ALICE, skill_md=text))
    assert read_back(hub) == SetSkill(agent_id=ALICE, skill_md=None)


def test_what_the_hub_overrides_is_left_out() -> None:
    hub = hub_with_alice()
    stamped = changed(RESUME, observed={"ask": ObservedStat(n=2)}, version=5, last_updated_ms=7)
    hub.value(ADMIN, SetResume(agent_id=ALICE, resume=stamped))
    assert read_back(hub) == SetResume(agent_id=ALICE, resume=RESUME)


@pytest.mark.parametrize(
    "facts",
    [
        (),
        (Attached(ALICE, "l", None),),
        (Envelope("hub", ALICE, "agent.unregistered", {"name": "alice"}),),
        (Envelope(TALK, "demo", "session.closed", {"reason": "closed"}),),
        (Envelope(TALK, "demo", "task.cancelled", {"reason": "enough"}),),
    ],
    ids=["none", "mark", "event of the registry", "event of a session", "event of a task"],
)
def test_other_facts_tell_no_command(facts: tuple[Fact, ...]) -> None:
    assert told_command(facts) is None


@pytest.mark.parametrize(
    "command",
    [
        Start(),
        Attach(agent_id=ALICE, link="l"),
        Unregister(agent_id=ALICE),
        AnswerInvite(session_id=PENDING, agent_id=BOB, accept=False, reason="no time"),
        Leave(session_id=TALK, agent_id=BOB),
        CloseSession(session_id=TALK, agent_id=ALICE, reason="enough"),
        Nack(agent_id=BOB, number=1, reason="crashed"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_command_that_no_fact_tells_is_kept_itself(command: Command) -> None:
    hub = hub_with_sessions()
    hub.value(ADMIN, command)
    assert hub.log[-1].kept == command
    assert read_back(hub) == command
