"""The graphs of the scenarios, by name: the patterns of the cookbook, and one for each target and condition."""

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
)

COOKBOOK = {
    "pipeline": WorkflowGraph.sequence(["intake", "validator", "enricher", "fulfilment"]),
    "coordinator": WorkflowGraph("boss", default_target=AgentTarget("boss"), max_turns=12),
    "hierarchical": WorkflowGraph(
        "boss",
        [
            Transition(ContextEquals("finished", True), Terminate("report_ready"), -1),
            Transition(AnyOf([FromSpeaker("coder"), FromSpeaker("tester")]), AgentTarget("lead")),
            Transition(FromSpeaker("lead"), AgentTarget("boss")),
        ],
        AgentTarget("boss"),
    ),
    "star": WorkflowGraph(
        "middle",
        [
            Transition(ToolCalled("ask_weather"), AgentTarget("weather")),
            Transition(ToolCalled("ask_hotels"), AgentTarget("hotels")),
            Transition(AnyOf([FromSpeaker("weather"), FromSpeaker("hotels")]), AgentTarget("middle")),
        ],
        Terminate("answered"),
    ),
    "escalation": WorkflowGraph(
        "tier1",
        [Transition(ToolCalled("resolve"), Terminate("resolved"))],
        Stay(),
        max_turns=10,
    ),
    "redundant": WorkflowGraph(
        "asker",
        [
            Transition(FromSpeaker("asker"), FanOut(["ann", "ben", "cem"])),
            Transition(FromSpeaker("judge"), Terminate("judged")),
        ],
        AgentTarget("judge"),
    ),
    "feedback-loop": WorkflowGraph(
        "drafter",
        [
            Transition(ContextEquals("approved", True), Terminate("approved")),
            Transition(FromSpeaker("drafter"), AgentTarget("reviewer")),
            Transition(FromSpeaker("reviewer"), AgentTarget("drafter")),
        ],
        max_turns=6,
    ),
    "context-routing": WorkflowGraph(
        "router",
        [
            Transition(AllOf([FromSpeaker("router"), ContextEquals("category", "billing")]), AgentTarget("billing")),
            Transition(AllOf([FromSpeaker("router"), ContextEquals("category", "technical")]), AgentTarget("technical")),
            Transition(FromSpeaker("router"), Stay()),
        ],
        Terminate("handled"),
    ),
    "triage": WorkflowGraph(
        "triage",
        [
            Transition(FromSpeaker("triage"), AgentTarget("research")),
            Transition(AllOf([FromSpeaker("research"), Not(ContextEquals("depth", 2))]), AgentTarget("writer")),
            Transition(FromSpeaker("research"), Stay()),
        ],
        Terminate("tasks_done"),
    ),
}

OTHERS = {
    "round": WorkflowGraph("alice", [Transition(Always(), RoundRobin())], max_turns=20),
    "round-robin": WorkflowGraph.round_robin(["alice", "carol", "bob"], max_turns=4),
    "initiator": WorkflowGraph("bob", default_target=RevertToInitiator()),
    "to-bob": WorkflowGraph("alice", default_target=AgentTarget("bob")),
    "no-reason": WorkflowGraph("alice", default_target=Terminate("")),
    "fan-out": WorkflowGraph("alice", [Transition(FromSpeaker("alice"), FanOut(["bob", "carol"]))], AgentTarget("alice")),
    "stranger": WorkflowGraph("alice", [Transition(Always(), Stay()), Transition(FromSpeaker("eve"), Stay())]),
}

GRAPHS = COOKBOOK | OTHERS
