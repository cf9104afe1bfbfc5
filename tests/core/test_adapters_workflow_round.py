"""What a round of an agent becomes in a workflow: a packet that leads on as the tools it called say."""

from foldhub_core import (
    EV_PACKET,
    AgentTarget,
    AllOf,
    Always,
    AnyOf,
    ContextEquals,
    Finish,
    Handoff,
    Not,
    Round,
    Terminate,
    ToolCall,
    ToolCalled,
    Transition,
    WorkflowAdapter,
    WorkflowGraph,
)
from foldhub_core.adapters.workflow.graph import tools_of
from foldhub_core.data import freeze
from tests.core.workflow_driver import Flow, id_of

RULES = (
    Transition(AllOf((ToolCalled("refund"), Not(ToolCalled("sell")))), AgentTarget("bob")),
    Transition(AnyOf((ContextEquals("tier", "gold"), ToolCalled("refund"))), AgentTarget("carol")),
    Transition(Always(), Terminate("done")),
)
GRAPH = WorkflowGraph("alice", RULES)


def said(round: Round, graph: WorkflowGraph = GRAPH) -> Flow:
    """A workflow after the round of alice was said."""
    flow = Flow(graph)
    draft = WorkflowAdapter().round_envelope(flow.session, flow.state, round)
    assert draft is not None
    assert (draft.event_type, draft.audience) == (EV_PACKET, None)
    flow.post("alice", EV_PACKET, draft.event_data)
    return flow


def test_the_tools_of_a_graph_are_those_its_rules_wait_for_wherever_they_stand() -> None:
    assert tools_of(GRAPH) == ("refund", "sell")


def test_a_tool_that_a_rule_waits_for_leads_on() -> None:
    assert said(Round("I refund it.", (ToolCall("look"), ToolCall("refund", freeze({"reason": "broken"}))))).owing == ["bob"]


def test_a_handoff_goes_to_who_is_named() -> None:
    assert said(Round("", (ToolCall("pass_on", result=Handoff("carol")),))).owing == ["carol"]


def test_a_finish_ends_it() -> None:
    assert said(Round("All done.", (ToolCall("stop", result=Finish(reason="solved")),))).ending == "solved"


def test_a_text_alone_goes_by_the_graph() -> None:
    assert said(Round("Hm.")).ending == "done"


def test_a_round_that_says_nothing_and_leads_nowhere_is_no_packet() -> None:
    flow = Flow(GRAPH)
    assert WorkflowAdapter().round_envelope(flow.session, flow.state, Round()) is None


def test_names_and_ids_lead_to_the_same() -> None:
    by_id = said(Round("", (ToolCall("pass_on", result=Handoff(id_of("carol"))),)))
    assert by_id.owing == ["carol"]
