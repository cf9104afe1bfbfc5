"""Links: which connection carries an agent's deliveries."""

import pytest

from foldhub_core import (
    Attach,
    Attached,
    Detach,
    Detached,
    Evict,
    Limits,
    Start,
    Unregister,
    link_of,
)
from tests.core.hub_driver import ADMIN, NOWHERE, Hub, owner


def hub_with_agent(limits: Limits | None = None) -> tuple[Hub, str]:
    hub = Hub(limits)
    return hub, hub.register("alice", by=owner("s"))


def test_an_agent_that_never_attached_has_no_link() -> None:
    hub, agent_id = hub_with_agent()
    assert link_of(hub.state, agent_id) is None


def test_a_link_is_attached() -> None:
    hub, agent_id = hub_with_agent()
    assert hub.value(owner("s", agent_id), Attach(agent_id=agent_id, link="l1")) is None
    assert link_of(hub.state, agent_id) == "l1"
    assert hub.log[-1].facts == (Attached(agent_id, "l1", None),)


def test_the_first_link_evicts_nobody() -> None:
    hub, agent_id = hub_with_agent()
    assert hub.ask(ADMIN, Attach(agent_id=agent_id, link="l1"))[1:] == ()


def test_a_newer_link_evicts_the_older_one() -> None:
    hub, agent_id = hub_with_agent()
    hub.value(ADMIN, Attach(agent_id=agent_id, link="l1"))
    effects = hub.ask(ADMIN, Attach(agent_id=agent_id, link="l2"))
    assert effects[1:] == (Evict(agent_id, "l1"),)
    assert link_of(hub.state, agent_id) == "l2"


def test_the_same_link_again_changes_nothing() -> None:
    hub, agent_id = hub_with_agent()
    hub.value(ADMIN, Attach(agent_id=agent_id, link="l1"))
    assert hub.quiet(ADMIN, Attach(agent_id=agent_id, link="l1")) is None


def test_one_link_may_carry_two_agents() -> None:
    hub, alice = hub_with_agent()
    bob = hub.register("bob")
    hub.value(ADMIN, Attach(agent_id=alice, link="l1"))
    assert hub.ask(ADMIN, Attach(agent_id=bob, link="l1"))[1:] == ()
    assert link_of(hub.state, alice) == link_of(hub.state, bob) == "l1"


def test_only_registered_agents_attach() -> None:
    assert Hub().refused(ADMIN, Attach(agent_id=NOWHERE, link="l1")) == "not_found"


def test_the_name_of_a_link_may_be_as_long_as_the_limit() -> None:
    hub, agent_id = hub_with_agent()
    limit = hub.state.limits.short_text_chars
    hub.value(ADMIN, Attach(agent_id=agent_id, link="l" * limit))
    assert hub.refused(ADMIN, Attach(agent_id=agent_id, link="l" * (limit + 1))) == "malformed"


def test_its_link_is_detached() -> None:
    hub, agent_id = hub_with_agent()
    hub.value(ADMIN, Attach(agent_id=agent_id, link="l1"))
    assert hub.value(ADMIN, Detach(agent_id=agent_id, link="l1")) is None
    assert link_of(hub.state, agent_id) is None
    assert hub.log[-1].facts == (Detached(agent_id, "l1"),)


def test_a_detached_link_may_be_attached_again() -> None:
    hub, agent_id = hub_with_agent()
    hub.value(ADMIN, Attach(agent_id=agent_id, link="l1"))
    hub.value(ADMIN, Detach(agent_id=agent_id, link="l1"))
    assert hub.ask(ADMIN, Attach(agent_id=agent_id, link="l1"))[1:] == ()
    assert link_of(hub.state, agent_id) == "l1"


def test_an_evicted_link_does_not_detach_its_successor() -> None:
    hub, agent_id = hub_with_agent()
    hub.value(ADMIN, Attach(agent_id=agent_id, link="l1"))
    hub.value(ADMIN, Attach(agent_id=agent_id, link="l2"))
    assert hub.quiet(ADMIN, Detach(agent_id=agent_id, link="l1")) is None
    assert link_of(hub.state, agent_id) == "l2"


@pytest.mark.parametrize("agent_id", [NOWHERE, "demo:a:a2"], ids=["never there", "without a link"])
def test_detaching_what_is_not_attached_changes_nothing(agent_id: str) -> None:
    hub, _ = hub_with_agent()
    assert hub.quiet(ADMIN, Detach(agent_id=agent_id, link="l1")) is None


def test_the_link_of_an_ended_agent_may_still_be_told_to_be_gone() -> None:
    hub, agent_id = hub_with_agent()
    hub.value(ADMIN, Attach(agent_id=agent_id, link="l1"))
    hub.value(ADMIN, Unregister(agent_id=agent_id))
    assert link_of(hub.state, agent_id) is None
    assert hub.quiet(ADMIN, Detach(agent_id=agent_id, link="l1")) is None


def test_a_start_detaches_every_link() -> None:
    hub, alice = hub_with_agent()
    bob = hub.register("bob")
    for agent_id in (alice, bob):
        hub.value(ADMIN, Attach(agent_id=agent_id, link="l1"))
    hub.value(ADMIN, Start())
    assert (link_of(hub.state, alice), link_of(hub.state, bob)) == (None, None)
