"""The graphs of the simulation's workflows: each twice, as a graph and as a few lines of a plain program."""

from collections.abc import Callable
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from tests.simulation.flowing import Flow

Next = list[str] | str
"""Who is named to go on; or why it ends."""


def _next_of(order: list[str], last: str | None) -> Next:
    if not order:
        return "no_participants"
    return [order[(order.index(last) + 1) % len(order)] if last in order else order[0]]


# --- everybody in turn


def _round(agents: list[str]) -> WorkflowGraph:
    return WorkflowGraph(agents[0], [Transition(Always(), RoundRobin())], max_turns=7)


def _after_round(flow: "Flow") -> Next:
    return _next_of(flow.order, flow.last)


# --- one asks all the others at once, again and again


def _fan(agents: list[str]) -> WorkflowGraph:
    return WorkflowGraph(agents[0], [Transition(FromSpeaker(agents[0]), FanOut(agents[1:]))], AgentTarget(agents[0]), 9)


def _after_fan(flow: "Flow") -> Next:
    return flow.agents[1:] if flow.last == flow.agents[0] else [flow.agents[0]]


# --- one after the other


def _sequence(agents: list[str]) -> WorkflowGraph:
    return WorkflowGraph.sequence(agents)


def _after_sequence(flow: "Flow") -> Next:
    if flow.last not in flow.agents:
        return "after_work"
    at = flow.agents.index(flow.last) + 1
    return [flow.agents[at]] if at < len(flow.agents) else "sequence_complete"


# --- by the tools that are called


def _tools(agents: list[str]) -> WorkflowGraph:
    first, second = agents[:2]
    rules = [
        Transition(AllOf([FromSpeaker(first), Not(ContextEquals("k", 1))]), RevertToInitiator(), 2),
        Transition(ToolCalled("ask"), AgentTarget(first), 1),
        Transition(ToolCalled("end"), Terminate("asked"), -1),
    ]
    return WorkflowGraph(second, rules, Stay())


def _after_tools(flow: "Flow") -> Next:
    if flow.tool == "end":
        return "asked"
    if flow.tool == "ask":
        return [flow.agents[0]]
    if flow.last == flow.agents[0] and not same(flow.context.get("k"), 1):
        return [flow.creator]
    return "no_participants" if flow.last is None else [flow.last]


# --- by what they agreed on


def _context(agents: list[str]) -> WorkflowGraph:
    rules = [
        Transition(ContextEquals("done", True), Terminate("done")),
        Transition(AnyOf([FromSpeaker(agents[0]), ContextEquals("k", None)]), RoundRobin(reversed(agents))),
    ]
    return WorkflowGraph(agents[0], rules, RevertToInitiator(), 12)


def _after_context(flow: "Flow") -> Next:
    if same(flow.context.get("done"), True):
        return "done"
    if flow.last == flow.agents[0] or flow.context.get("k") is None:
        return _next_of(flow.agents[::-1], flow.last)
    return [flow.creator]


# --- nobody after the first


def _short(agents: list[str]) -> WorkflowGraph:
    return WorkflowGraph(agents[-1], [Transition(FromSpeaker(agents[0]), Stay())], Terminate(""))


def _after_short(flow: "Flow") -> Next:
    return [flow.agents[0]] if flow.last == flow.agents[0] else ""


def same(one: object, other: object) -> bool:
    """Equal in type and value."""
    return type(one) is type(other) and one == other


GRAPHS: dict[str, Callable[[list[str]], WorkflowGraph]] = {
    "round": _round,
    "fan": _fan,
    "sequence": _sequence,
    "tools": _tools,
    "context": _context,
    "short": _short,
}
"""By name: the graph for these agents, given by names or ids."""

FOLLOWING: "dict[str, Callable[[Flow], Next]]" = {
    "round": _after_round,
    "fan": _after_fan,
    "sequence": _after_sequence,
    "tools": _after_tools,
    "context": _after_context,
    "short": _after_short,
}
"""By name: who goes on after the last speaker."""
