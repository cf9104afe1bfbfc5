"""What an event tells of its command: read back from bytes, the command is the one that came."""

import pytest

from foldhub_core import (
    Access,
    Attach,
    Attached,
    Auth,
    Command,
    Cost,
    Envelope,
    Example,
    Log,
    ObservedStat,
    Passport,
    RecordObservation,
    Register,
    Resume,
    Rule,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    TaskState,
    Unregister,
    changed,
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
    Unregister(agent_id=ALICE),
]


def read_back(hub: Hub) -> Command:
    """The last command as the log gives it back from its bytes."""
    arrival = read_log(write_log(Log(HUB_ID, tuple(hub.log)))).commits[-1].arrival
    assert arrival is not None
    return arrival.command


def hub_with_alice() -> Hub:
    hub = Hub()
    assert hub.register("alice", by=owner("s")) == ALICE
    return hub


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
    assert {type(command) for command in TOLD} == set(TOLD_COMMANDS)


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
    "fact", [Attached(ALICE, "l", None), Envelope("s", ALICE, "message.text", {"text": "hi"})], ids=["mark", "message"]
)
def test_other_facts_tell_no_command(fact: Attached | Envelope) -> None:
    assert told_command(fact) is None


@pytest.mark.parametrize("command", [Start(), Attach(agent_id=ALICE, link="l")], ids=lambda one: type(one).__name__)
def test_a_command_that_no_fact_tells_is_kept_itself(command: Command) -> None:
    hub = hub_with_alice()
    hub.value(ADMIN, command)
    assert read_back(hub) == command
