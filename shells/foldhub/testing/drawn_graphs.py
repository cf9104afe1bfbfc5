"""Hypothesis strategies for the graphs of workflows."""

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from foldhub_core.adapters.workflow.conditions import AllOf, Always, AnyOf, ContextEquals, FromSpeaker, Not, ToolCalled
from foldhub_core.adapters.workflow.graph import Transition, WorkflowGraph
from foldhub_core.adapters.workflow.parts import Condition, Target
from foldhub_core.adapters.workflow.targets import AgentTarget, FanOut, RevertToInitiator, RoundRobin, Stay, Terminate

from .drawn_values import texts


def workflow_graphs(agents: Sequence[str] = ("alice", "bob", "carol")) -> SearchStrategy[WorkflowGraph]:
    """Any graph over these agents, of the conditions and targets that come with the workflow."""
    one = st.sampled_from(agents)
    several = st.lists(one, min_size=1, unique=True)
    simple: SearchStrategy[Condition] = st.one_of(
        st.builds(Always),
        st.builds(FromSpeaker, one),
        st.builds(ToolCalled, texts()),
        st.builds(ContextEquals, texts(), st.none() | st.booleans() | st.integers(0, 2) | st.just((1, 1.0))),
    )
    conditions: SearchStrategy[Condition] = st.recursive(
        simple,
        lambda inner: (
            st.builds(Not, inner) | st.lists(inner, max_size=3).flatmap(lambda all: st.sampled_from([AllOf(all), AnyOf(all)]))
        ),
        max_leaves=4,
    )
    targets: SearchStrategy[Target] = st.one_of(
        st.builds(AgentTarget, one),
        st.builds(RoundRobin, several | st.just(())),
        st.builds(Stay),
        st.builds(RevertToInitiator),
        st.builds(Terminate, texts()),
        st.builds(FanOut, several),
    )
    rules = st.lists(st.builds(Transition, conditions, targets, st.integers(-2, 2)), max_size=4)
    return st.builds(WorkflowGraph, one, rules, targets, st.none() | st.integers(1, 20))
