"""The graph of a workflow: a value that is written as data and read back, resolved for those who take part, and drawn."""

from typing import Any

import pytest
from hypothesis import given

from foldhub.testing.strategies import workflow_graphs
from foldhub_core import (
    AgentTarget,
    AllOf,
    Always,
    AnyOf,
    ContextEquals,
    FanOut,
    FromSpeaker,
    Not,
    RevertToInitiator,
    RoundRobin,
    Stay,
    Terminate,
    ToolCalled,
    Transition,
    WorkflowGraph,
    WorkflowGraphError,
)
from foldhub_core.adapters.workflow.graph import MOST_TRANSITIONS, resolved

NAMES = {"a1": "alice", "a2": "bob", "a3": "carol"}


def rule(when: dict[str, object], then: object) -> dict[str, object]:
    return {"when": when, "then": then}


ALWAYS: dict[str, object] = {"name": "always"}
STAY: dict[str, object] = {"name": "stay", "args": {}}


# --- as data


@given(workflow_graphs())
def test_a_graph_is_read_back_equal_from_its_data(graph: WorkflowGraph) -> None:
    assert WorkflowGraph.from_json(graph.to_json()) == graph


@given(workflow_graphs())
def test_equal_graphs_are_equal_bytes_also_when_they_were_read_back(graph: WorkflowGraph) -> None:
    assert repr(WorkflowGraph.from_json(graph.to_json()).to_json()) == repr(graph.to_json())


def test_a_graph_as_data() -> None:
    graph = WorkflowGraph(
        "alice",
        [Transition(AllOf([FromSpeaker("alice"), Not(ToolCalled("refund"))]), FanOut(["bob", "carol"]), 3)],
        RevertToInitiator(),
        7,
    )
    speaker = {"name": "from_speaker", "args": {"agent_id": "alice"}}
    tool = {"name": "tool_called", "args": {"tool": "refund"}}
    both = {"name": "all_of", "args": {"conditions": (speaker, {"name": "not", "args": {"condition": tool}})}}
    fan_out = {"name": "fan_out", "args": {"agent_ids": ("bob", "carol")}}
    assert graph.to_json() == {
        "initial_speaker": "alice",
        "transitions": ({"when": both, "then": fan_out, "priority": 3},),
        "default_target": {"name": "revert_to_initiator", "args": {}},
        "max_turns": 7,
    }


def test_what_is_left_out_takes_its_default_and_no_target_is_the_end() -> None:
    assert WorkflowGraph.from_json({"initial_speaker": "alice"}) == WorkflowGraph("alice", (), Terminate("after_work"), None)
    data = {"initial_speaker": "alice", "transitions": [rule(ALWAYS, None)], "default_target": None, "max_turns": None}
    assert WorkflowGraph.from_json(data) == WorkflowGraph("alice", [Transition(Always(), Terminate())])


@pytest.mark.parametrize(
    ("changes", "where", "message"),
    [
        ({"initial_speaker": 1}, "initial_speaker", "expected text"),
        ({"initial": "bob"}, "", "initial_speaker"),
        ({"transitions": "x"}, "transitions", "expected a list"),
        ({"transitions": {}}, "transitions", "expected a list"),
        ({"transitions": [rule(ALWAYS, STAY), 1]}, "transitions[1]", "expected a map"),
        ({"transitions": [{"when": ALWAYS}]}, "transitions[0].then", "came none"),
        ({"transitions": [rule(ALWAYS, STAY) | {"if": 1}]}, "transitions[0]", "when, then, priority"),
        ({"transitions": [rule(ALWAYS, STAY) | {"priority": "1"}]}, "transitions[0].priority", "integer"),
        ({"transitions": [rule({"name": "on_friday"}, STAY)]}, "transitions[0].when.name", "on_friday"),
        ({"transitions": [rule({}, STAY)]}, "transitions[0].when.name", "one of all_of, always"),
        ({"transitions": [rule(ALWAYS | {"x": 1}, STAY)]}, "transitions[0].when", "name, args"),
        ({"transitions": [rule(ALWAYS | {"args": {"x": 1}}, STAY)]}, "transitions[0].when.args", "no fields"),
        ({"transitions": [rule(STAY, STAY)]}, "transitions[0].when.name", "stay"),
        ({"transitions": [rule({"name": ["stay"]}, STAY)]}, "transitions[0].when.name", "expected one of"),
        ({"transitions": [rule({"name": "from_speaker"}, STAY)]}, "transitions[0].when.args.agent_id", "came none"),
        (
            {"transitions": [rule({"name": "any_of", "args": {"conditions": [{"name": "?"}]}}, STAY)]},
            "transitions[0].when.args.conditions.name",
            "expected one of",
        ),
        (
            {"transitions": [rule(ALWAYS, {"name": "terminate", "args": {"reason": 3}})]},
            "transitions[0].then.args.reason",
            "text",
        ),
        (
            {"transitions": [rule(ALWAYS, {"name": "fan_out", "args": {"agent_ids": []}})]},
            "transitions[0].then.args",
            "one agent",
        ),
        ({"default_target": {"name": "always"}}, "default_target.name", "expected one of agent, fan_out"),
        ({"max_turns": 0}, "max_turns", "at least one turn"),
        ({"max_turns": 1.0}, "max_turns", "integer"),
        ({"max_turns": True}, "max_turns", "integer"),
    ],
)
def test_a_graph_that_cannot_be_read_says_where(changes: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(WorkflowGraphError, match=message.replace("[", r"\[")) as refused:
        WorkflowGraph.from_json({"initial_speaker": "alice", **changes})
    assert refused.value.where == where


@pytest.mark.parametrize("data", [None, 1, "graph", [], ()])
def test_what_is_no_map_is_no_graph(data: Any) -> None:
    with pytest.raises(WorkflowGraphError, match="expected a map"):
        WorkflowGraph.from_json(data)


# --- as a value


@pytest.mark.parametrize("agent_ids", [(), ("bob", "alice", "bob")])
def test_a_fan_out_goes_to_one_agent_at_least_and_to_each_once(agent_ids: tuple[str, ...]) -> None:
    with pytest.raises(WorkflowGraphError, match="fan-out"):
        FanOut(agent_ids)


def test_a_graph_has_a_bound_of_turns_above_0_and_no_more_rules_than_can_be_tried() -> None:
    with pytest.raises(WorkflowGraphError):
        WorkflowGraph("alice", max_turns=-1)
    rules = [Transition(Always(), Stay())] * (MOST_TRANSITIONS + 1)
    with pytest.raises(WorkflowGraphError, match="rules"):
        WorkflowGraph("alice", rules)
    WorkflowGraph("alice", rules[1:])


def test_a_sequence_is_a_chain_that_ends() -> None:
    graph = WorkflowGraph.sequence(["alice", "bob"])
    chain = [Transition(FromSpeaker("alice"), AgentTarget("bob")), Transition(FromSpeaker("bob"), Terminate("sequence_complete"))]
    assert graph == WorkflowGraph("alice", chain, Terminate("after_work"), 2)


def test_a_round_robin_goes_round_these_in_their_order() -> None:
    graph = WorkflowGraph.round_robin(["bob", "alice"], max_turns=4)
    assert graph == WorkflowGraph("bob", [Transition(Always(), RoundRobin(("bob", "alice")))], max_turns=4)


@pytest.mark.parametrize("names", [[], ["alice", "bob", "alice"]])
def test_a_chain_and_a_round_have_each_agent_once(names: list[str]) -> None:
    with pytest.raises(WorkflowGraphError):
        WorkflowGraph.sequence(names)
    with pytest.raises(WorkflowGraphError):
        WorkflowGraph.round_robin(names, 3)


# --- for a session


def test_names_and_ids_become_ids_however_deep_and_rules_stand_in_the_order_they_are_tried() -> None:
    deep = AnyOf([Not(FromSpeaker("alice")), AllOf([FromSpeaker("a2"), ContextEquals("alice", "bob")])])
    graph = WorkflowGraph(
        "carol",
        [
            Transition(deep, FanOut(["bob", "a3"]), 5),
            Transition(Always(), RoundRobin(["alice"]), 5),
            Transition(ToolCalled("alice"), AgentTarget("bob"), -1),
        ],
        AgentTarget("a1"),
        9,
    )
    same = AnyOf([Not(FromSpeaker("a1")), AllOf([FromSpeaker("a2"), ContextEquals("alice", "bob")])])
    assert resolved(graph, NAMES) == WorkflowGraph(
        "a3",
        [
            Transition(ToolCalled("alice"), AgentTarget("a2"), -1),
            Transition(same, FanOut(["a2", "a3"]), 5),
            Transition(Always(), RoundRobin(["a1"]), 5),
        ],
        AgentTarget("a1"),
        9,
    )


def test_an_id_is_meant_before_a_name() -> None:
    assert resolved(WorkflowGraph("a2"), {"a1": "a2", "a2": "a1"}).initial_speaker == "a2"


@pytest.mark.parametrize(
    ("graph", "where"),
    [
        (WorkflowGraph("dave"), "initial_speaker"),
        (WorkflowGraph("alice", default_target=AgentTarget("dave")), "default_target"),
        (
            WorkflowGraph("alice", [Transition(Always(), Stay()), Transition(Always(), FanOut(["bob", "dave"]))]),
            "transitions[1].then",
        ),
        (WorkflowGraph("alice", [Transition(Not(FromSpeaker("dave")), Stay())]), "transitions[0].when"),
    ],
)
def test_who_does_not_take_part_cannot_be_named(graph: WorkflowGraph, where: str) -> None:
    with pytest.raises(WorkflowGraphError, match="'dave'") as refused:
        resolved(graph, NAMES)
    assert refused.value.where == where


def test_one_who_is_named_by_id_and_by_name_is_named_twice() -> None:
    graph = WorkflowGraph("alice", [Transition(Always(), FanOut(["bob", "a2"]))])
    with pytest.raises(WorkflowGraphError, match="each once") as refused:
        resolved(graph, NAMES)
    assert refused.value.where == "transitions[0].then"


# --- drawn


def test_a_picture_of_everything() -> None:
    graph = WorkflowGraph(
        "alice",
        [
            Transition(Always(), RoundRobin(["alice", "bob"]), 9),
            Transition(FromSpeaker("alice"), AgentTarget("bob")),
            Transition(AllOf([ToolCalled("ask"), FromSpeaker("bob")]), FanOut(["alice", "carol"])),
            Transition(AllOf([FromSpeaker("bob")]), Stay()),
            Transition(AnyOf([FromSpeaker("alice"), FromSpeaker("carol")]), Terminate('say "when"')),
            Transition(AnyOf([FromSpeaker("alice"), Not(ContextEquals("tier", "gold"))]), RevertToInitiator()),
            Transition(AllOf([ContextEquals("n", 1), ContextEquals("m", None)]), RoundRobin()),
            Transition(AllOf([]), Terminate("")),
            Transition(AnyOf([]), Stay()),
        ],
        FanOut(["alice", "bob"]),
        5,
    )
    assert (
        graph.mermaid()
        == """\
flowchart TD
    start(["start"]) --> a1["alice"]
    a1 --> a2["bob"]
    a2 ==>|"tool ask"| a1
    a2 ==>|"tool ask"| a3["carol"]
    a2 --> t1{{"the same again"}}
    a1 --> end1(["say #34;when#34;"])
    a3 --> end1
    any1(("anybody")) -->|"(from alice or not tier = 'gold')"| t2{{"the initiator"}}
    any1 -->|"n = 1 and m = None"| t3{{"the next in turn"}}
    any1 -->|"always"| end2(["the end"])
    any1 -->|"(never)"| t1
    any1 --> t4{{"the next of alice, bob"}}
    any1 -.->|"otherwise"| a1
    any1 -.->|"otherwise"| a2
    any1 -.->|"after 5 turns"| end3(["max_turns"])
"""
    )


@given(workflow_graphs())
def test_every_graph_can_be_drawn_and_no_label_breaks_out_of_its_quotes(graph: WorkflowGraph) -> None:
    first, *lines = graph.mermaid().split("\n")
    assert first == "flowchart TD"
    assert lines.pop() == ""
    assert len(lines) >= 2 + len(graph.transitions)
    for line in lines:
        assert line.count('"') % 2 == 0
        assert "\r" not in line


def test_names_in_every_script_can_be_read_in_a_picture() -> None:
    assert '["Zoë 周"]' in WorkflowGraph("Zoë 周").mermaid()
