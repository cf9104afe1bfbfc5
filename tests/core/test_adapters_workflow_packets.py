"""Packets and the context: what a turn may say, and what it may change."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldhub.testing.strategies import plain_data, texts
from foldhub_core import (
    EV_CONTEXT_SET,
    EV_PACKET,
    EV_TEXT,
    AgentTarget,
    FanOut,
    ProtocolError,
    Stay,
    WorkflowGraph,
    changed,
    packet,
)
from foldhub_core.adapters.workflow.packets import CONTEXT_BYTES, CONTEXT_KEYS, changed_context, check_change, check_packet
from foldhub_core.data import Data, freeze
from tests.core.workflow_driver import Flow

GRAPH = WorkflowGraph("alice", default_target=Stay())


# --- the builder


def test_a_packet_holds_what_was_given_and_nothing_that_is_empty() -> None:
    assert packet() == {}
    assert packet("hi") == {"body": "hi"}
    assert packet(kind="finish") == {"routing": {"kind": "finish"}}
    assert packet(tool="ask") == {"routing": {"kind": "text", "tool": "ask"}}
    assert packet(kind="handoff", target="bob", reason="r", summary="s", delete=["x"], set={"y": 1}) == {
        "routing": {"kind": "handoff", "target": "bob", "reason": "r", "summary": "s"},
        "context": {"set": {"y": 1}, "delete": ("x",)},
    }


@given(
    st.builds(
        packet,
        texts(),
        kind=st.sampled_from(["text", "handoff", "finish"]),
        tool=texts(),
        reason=texts(),
        target=texts(),
        summary=texts(),
        set=plain_data(),
        delete=st.lists(texts()),
    )
)
def test_whatever_the_builder_makes_is_a_packet(data: Data) -> None:
    check_packet(data)
    if "context" in data:
        check_change(data["context"], "context")


def test_what_the_builder_puts_in_the_context_the_workflow_reads() -> None:
    flow = Flow(GRAPH, context={"draft": 1, "old": 2}).sends("alice", set={"tier": "gold"}, delete=["old"])
    assert flow.state.context == {"draft": 1, "tier": "gold"}


# --- what is refused


@pytest.mark.parametrize(
    ("data", "where", "message"),
    [
        ({"text": "hi"}, "event_data", "body, routing, context, came str 'text'"),
        ({"context_updates": {}}, "event_data", "context_updates"),
        ({"body": 1}, "event_data.body", "expected a text"),
        ({"body": None}, "event_data.body", "expected a text"),
        ({"routing": "finish"}, "event_data.routing", "expected a map"),
        ({"routing": {}}, "event_data.routing.kind", "handoff, text, finish"),
        ({"routing": {"kind": "jump"}}, "event_data.routing.kind", "jump"),
        ({"routing": {"kind": ["text"]}}, "event_data.routing.kind", "handoff, text, finish"),
        ({"routing": {"kind": "text", "to": "bob"}}, "event_data.routing", "'to'"),
        ({"routing": {"kind": "text", "tool": 1}}, "event_data.routing.tool", "expected a text"),
        ({"routing": {"kind": "finish", "reason": "x" * 1025}}, "event_data.routing.reason", "at most 1024"),
        ({"context": []}, "event_data.context", "expected a map"),
        ({"context": {"add": {}}}, "event_data.context", "set, delete"),
        ({"context": {"set": "x"}}, "event_data.context.set", "expected a map"),
        ({"context": {"delete": "x"}}, "event_data.context.delete", "expected a list of keys"),
        ({"context": {"delete": [1]}}, "event_data.context.delete", "expected a list of keys"),
        ({"context": {"delete": {}}}, "event_data.context.delete", "expected a list of keys"),
        ({"context": {"set": {f"k{at}": 1 for at in range(CONTEXT_KEYS + 1)}}}, "event_data.context", "1000 keys"),
        ({"context": {"set": {"k": "x" * CONTEXT_BYTES}}}, "event_data.context", f"{CONTEXT_BYTES} bytes"),
        ({"routing": {"kind": "handoff", "target": "eve"}}, "event_data.routing.target", "'eve', who does not take part"),
    ],
)
def test_what_is_no_packet_is_refused(data: dict[str, Any], where: str, message: str) -> None:
    came, said = Flow(GRAPH).refusal("alice", EV_PACKET, data)
    assert came == where
    assert message in said


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"set": "x"}, "event_data.set"),
        ({"set": {"a": 1}, "text": "hi"}, "event_data"),
        ({"delete": "a"}, "event_data.delete"),
        ({"set": {"k": "x" * CONTEXT_BYTES}}, "event_data"),
    ],
)
def test_a_poisoned_change_of_the_context_is_refused(data: dict[str, Any], where: str) -> None:
    assert Flow(GRAPH).refusal("bob", EV_CONTEXT_SET, data)[0] == where


def test_a_summary_may_be_long() -> None:
    Flow(GRAPH).sends("alice", kind="finish", summary="x" * 5000)


def test_a_context_that_is_full_can_still_be_changed_and_emptied() -> None:
    full = {f"k{at}": 1 for at in range(CONTEXT_KEYS)}
    flow = Flow(GRAPH, context=full).sets("bob", k0=2)
    assert flow.refusal("bob", EV_CONTEXT_SET, {"set": {"one more": 1}})[0] == "event_data"
    flow.post("bob", EV_CONTEXT_SET, {"set": {"one more": 1}, "delete": ["k1"]})
    assert len(flow.state.context) == CONTEXT_KEYS


@pytest.mark.parametrize("event_type", ["note", "message.other"])
def test_other_events_are_refused(event_type: str) -> None:
    where, said = Flow(GRAPH).refusal("alice", event_type, {})
    assert where == "event_type"
    assert said.startswith("expected message.text, message.packet or context.set")


# --- what it changes


def test_what_is_deleted_goes_before_what_is_set_comes() -> None:
    assert changed_context(freeze({"a": 1, "b": 2}), freeze({"set": {"a": 3}, "delete": ["a", "b", "c"]})) == {"a": 3}


@pytest.mark.parametrize("change", [{}, {"delete": ["x"]}, {"set": {}, "delete": []}])
def test_a_change_of_nothing_gives_the_same_context(change: dict[str, object]) -> None:
    context = freeze({"a": 1})
    assert changed_context(context, freeze(change)) is context


@given(plain_data(), plain_data(), st.lists(texts()))
def test_a_context_changes_like_a_dict_and_stays_frozen_in_the_order_of_its_keys(
    before: dict[str, object], new: dict[str, object], delete: list[str]
) -> None:
    after = changed_context(freeze(before), freeze({"set": new, "delete": delete}))
    assert after == {key: value for key, value in freeze(before).items() if key not in delete} | freeze(new)
    assert type(after) is Data
    assert list(after) == sorted(after)


def test_anybody_changes_the_context_at_any_time_and_it_is_nobodys_turn() -> None:
    flow = Flow(GRAPH)
    before = flow.state.turn_count, flow.owing, flow.trigger
    flow.sets("carol", tier="gold").post("bob", EV_CONTEXT_SET, {})
    assert flow.state.context == {"tier": "gold"}
    assert (flow.state.turn_count, flow.owing, flow.trigger) == before


def test_a_text_is_a_packet_that_routes_nowhere_whatever_it_holds() -> None:
    flow = Flow(WorkflowGraph("alice", default_target=AgentTarget("bob")))
    flow.post("alice", EV_TEXT, {"text": "hi", "routing": {"kind": "finish"}, "context": {"set": {"a": 1}}})
    assert (flow.owing, flow.ending, flow.state.context) == (["bob"], None, {})


# --- routing that is refused


def test_a_handoff_to_one_who_is_hidden_or_has_not_come_is_refused() -> None:
    flow = Flow(GRAPH, present=("alice", "bob")).hides("bob")
    for target, why in (("bob", "who is hidden"), ("a2", "who is hidden"), ("carol", "who does not take part")):
        where, said = flow.refusal("alice", EV_PACKET, packet(kind="handoff", target=target))
        assert where == "event_data.routing.target"
        assert why in said


def test_a_handoff_in_a_fan_out_is_refused() -> None:
    flow = Flow(WorkflowGraph("alice", default_target=FanOut(["bob", "carol"]))).says("alice")
    for _ in range(2):
        where, said = flow.refusal("bob", EV_PACKET, packet(kind="handoff", target="alice"))
        assert (where, "fan-out" in said) == ("event_data.routing.kind", True)
        if "carol" in flow.owing:
            flow.says("carol")


@pytest.mark.parametrize("kind", ["handoff", "finish"])
def test_one_who_is_hidden_neither_hands_off_nor_finishes_while_others_owe_the_turn(kind: Any) -> None:
    flow = Flow(GRAPH).hides("bob")
    where, said = flow.refusal("bob", EV_PACKET, packet(kind=kind, target="carol"))
    assert (where, "hidden" in said) == ("event_data.routing.kind", True)


@pytest.mark.parametrize("variables", [1, None, ["a"], "a"])
def test_the_context_begins_as_a_map(variables: object) -> None:
    flow = Flow(GRAPH)
    session = changed(flow.session, knobs=freeze({"graph": GRAPH.to_json(), "context_vars": variables}))
    with pytest.raises(ProtocolError, match="map of variables") as refused:
        flow.adapter.validate_create(session)
    assert refused.value.where == "knobs.context_vars"


def test_a_context_that_is_too_large_at_the_beginning_is_refused() -> None:
    with pytest.raises(ProtocolError, match="keys") as refused:
        Flow(GRAPH, context={f"k{at}": 1 for at in range(CONTEXT_KEYS + 1)})
    assert refused.value.where == "knobs.context_vars"
