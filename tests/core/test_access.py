"""Who may ask for what: the principal's own rights, before anything else of a command."""

import pytest

from foldhub_core import (
    Attach,
    Command,
    Detach,
    Principal,
    RecordObservation,
    Refuse,
    Resume,
    Rule,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    TaskState,
    Tick,
    Unregister,
)
from foldhub_core.access import check_may_register, registering_glob
from tests.core.hub_driver import ADMIN, NOWHERE, Hub, owner, registration


def commands_of(agent_id: str) -> list[Command]:
    """One command of each kind that acts for an agent."""
    return [
        SetResume(agent_id=agent_id, resume=Resume()),
        SetRule(agent_id=agent_id, rule=Rule()),
        SetSkill(agent_id=agent_id, skill_md="text"),
        RecordObservation(owner_id=agent_id, capability="ask", outcome=TaskState.FAILED),
        Attach(agent_id=agent_id, link="l"),
        Unregister(agent_id=agent_id),
    ]


ACTING = range(len(commands_of("")))
ACTING_NAMES = [type(command).__name__ for command in commands_of("")]


@pytest.mark.parametrize("command", [Start(), Tick(), Detach(agent_id="demo:a:a2", link="l")], ids=repr)
def test_what_is_the_shells_needs_the_administrator(command: Command) -> None:
    hub = Hub()
    assert hub.refused(owner("s", hub.register("alice", by=owner("s"))), command) == "access_denied"


@pytest.mark.parametrize("which", ACTING, ids=ACTING_NAMES)
def test_a_principal_may_act_for_its_agents(which: int) -> None:
    hub = Hub()
    agent_id = hub.register("alice", by=owner("s"))
    hub.value(owner("s", NOWHERE, agent_id), commands_of(agent_id)[which])


@pytest.mark.parametrize("which", ACTING, ids=ACTING_NAMES)
def test_the_administrator_may_act_for_all_agents(which: int) -> None:
    hub = Hub()
    agent_id = hub.register("alice", by=owner("s"))
    hub.value(ADMIN, commands_of(agent_id)[which])


def denied(hub: Hub, by: Principal, command: Command, agent_id: str) -> tuple[str, str, str]:
    """A refusal without the id that was asked for."""
    (answer,) = hub.ask(by, command)
    assert isinstance(answer, Refuse)
    error = answer.error
    assert error.code == "access_denied"
    return error.code, error.message.replace(repr(agent_id), "..."), error.where


@pytest.mark.parametrize("which", ACTING, ids=ACTING_NAMES)
@pytest.mark.parametrize("absent", [NOWHERE, "else:a:a1", "alice", ""])
def test_the_agent_of_another_and_one_that_is_not_there_are_denied_alike(which: int, absent: str) -> None:
    hub = Hub()
    others, mine = hub.register("alice", by=owner("s")), hub.register("bob", by=owner("t"))
    stranger = owner("t", mine)
    assert denied(hub, stranger, commands_of(others)[which], others) == denied(hub, stranger, commands_of(absent)[which], absent)


def test_an_agent_that_ended_is_denied_to_strangers_like_any_other() -> None:
    hub = Hub()
    ended = hub.register("alice")
    hub.value(ADMIN, Unregister(agent_id=ended))
    assert hub.refused(owner("t"), Unregister(agent_id=ended)) == "access_denied"


@pytest.mark.parametrize(
    "command",
    [Tick(), registration("alice"), Attach(agent_id=NOWHERE, link="l"), Detach(agent_id=NOWHERE, link="l")],
    ids=lambda command: type(command).__name__,
)
def test_before_start_everything_else_is_unavailable(command: Command) -> None:
    assert Hub(started=False).refused(ADMIN, command) == "unavailable"


def test_before_start_what_is_not_allowed_is_still_denied() -> None:
    assert Hub(started=False).refused(owner("s"), Tick()) == "access_denied"


def test_start_is_possible_after_refusals() -> None:
    hub = Hub(started=False)
    hub.refused(ADMIN, Tick())
    hub.value(ADMIN, Start())
    assert hub.register("alice")


@pytest.mark.parametrize(
    ("globs", "glob"), [((), None), (("x", "a*", "alice"), "a*"), (("ALICE", "alice"), "alice"), (("b*",), None)]
)
def test_the_first_glob_that_fits_is_the_one_it_registers_by(globs: tuple[str, ...], glob: str | None) -> None:
    assert registering_glob(owner("s", may_register=globs), "alice") == glob


def test_the_administrator_needs_no_glob() -> None:
    check_may_register(ADMIN, "alice")
