"""A decision in the making: it folds each fact before the next one is made."""

from foldhub_core import (
    HUB_SESSION,
    Attached,
    Envelope,
    Evict,
    HubConfig,
    HubState,
    Principal,
    changed,
    effects_of,
    fold,
)
from foldhub_core.decision import Decision
from tests.core.hub_driver import Hub


def decision_on(state: HubState, now_ms: int = 50) -> Decision:
    return Decision(HubConfig(), state, Principal(), now_ms, fold, effects_of)


def hub_state() -> HubState:
    hub = Hub()
    hub.register("alice")
    return hub.state


def test_at_its_beginning_it_is_the_state_and_nothing_more() -> None:
    state = hub_state()
    decision = decision_on(state)
    assert decision.state is state
    assert (decision.facts, decision.effects, decision.seq) == ([], [], state.seq + 1)


def test_each_fact_is_folded_as_it_is_made() -> None:
    decision = decision_on(hub_state())
    decision.make(Attached("demo:a:a2", "l1", None))
    assert decision.state.links["demo:a:a2"] == "l1"
    assert decision.facts == [Attached("demo:a:a2", "l1", None)]


def test_effects_come_in_the_order_of_their_facts() -> None:
    decision = decision_on(hub_state())
    for before, link in [(None, "l1"), ("l1", "l2"), ("l2", "l3")]:
        decision.make(Attached("demo:a:a2", link, before))
    assert decision.effects == [Evict("demo:a:a2", "l1"), Evict("demo:a:a2", "l2")]


def test_the_state_it_began_on_stays_as_it_was() -> None:
    state = hub_state()
    decision_on(state).make(Attached("demo:a:a2", "l1", None))
    assert state == hub_state()


def test_what_it_makes_is_named_after_its_commit_and_place() -> None:
    decision = decision_on(changed(hub_state(), seq=41))
    assert [decision.new_id("t"), decision.new_id("t", 1)] == ["demo:t:b42", "demo:t:b42-a1"]


def test_events_are_stamped_and_numbered_one_after_another() -> None:
    decision = decision_on(changed(hub_state(), seq=41))
    for text in ("one", "two"):
        decision.record_event("demo:a:a2", "agent.skill_set", {"skill_md": text})
    assert decision.facts == [
        Envelope(
            HUB_SESSION,
            "demo:a:a2",
            "agent.skill_set",
            {"skill_md": text},
            audience=(),
            envelope_id=envelope_id,
            created_at_ms=50,
            number=number,
        )
        for text, envelope_id, number in [("one", "demo:e:b42", 2), ("two", "demo:e:b42-a1", 3)]
    ]
