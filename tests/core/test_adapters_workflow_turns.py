"""The turns of a workflow: who is next, who is passed over, and how it ends."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldhub.testing.strategies import workflow_graphs
from foldhub_core import (
    EV_PACKET,
    EV_TEXT,
    AgentTarget,
    Always,
    AnyOf,
    ContextEquals,
    FanOut,
    FromSpeaker,
    ProtocolError,
    RevertToInitiator,
    RoundRobin,
    Stay,
    Terminate,
    ToolCalled,
    Transition,
    WorkflowGraph,
    packet,
)
from tests.core.workflow_driver import NAMES, Flow, id_of

ROUND = WorkflowGraph("alice", [Transition(Always(), RoundRobin())])
CHAIN = WorkflowGraph.sequence(["alice", "bob", "carol"])
FAN = WorkflowGraph(
    "alice",
    [Transition(FromSpeaker("alice"), FanOut(["bob", "carol", "dave"])), Transition(Always(), AgentTarget("alice"))],
)
HUB = WorkflowGraph(
    "alice",
    [Transition(ToolCalled("ask_bob"), AgentTarget("bob")), Transition(ToolCalled("ask_carol"), AgentTarget("carol"))],
    AgentTarget("alice"),
)


def fan() -> Flow:
    return Flow(FAN, *NAMES).says("alice")


# --- who begins


def test_the_initial_speaker_begins_and_nobodys_word_was_the_reason() -> None:
    flow = Flow(WorkflowGraph("bob"))
    assert (flow.owing, flow.trigger, flow.last) == (["bob"], (None, 10), None)


def test_before_the_opening_nobody_owes_a_turn() -> None:
    flow = Flow(ROUND)
    state = flow.adapter.initial_state(flow.session)
    for sender in ("alice", "bob"):
        state = flow.adapter.fold(state, flow.word("hub", "session.joined", {"agent_id": sender}))
    assert flow.adapter.expected_next(flow.session, state) == ()


def test_an_initial_speaker_who_has_not_answered_is_passed_over() -> None:
    assert Flow(CHAIN, present=("bob", "carol")).owing == ["bob"]


def test_who_joins_late_comes_last_and_who_is_there_stays_in_its_place() -> None:
    flow = Flow(ROUND, *NAMES, present=("alice", "bob", "carol")).joins("alice", "dave")
    assert flow.says("alice", "bob", "carol").owing == ["dave"]
    assert flow.says("dave").owing == ["alice"]


def test_who_is_invited_later_is_known_by_name_once_it_has_joined() -> None:
    flow = Flow(HUB).invites("dave")
    assert flow.refusal("alice", EV_PACKET, packet(kind="handoff", target="dave"))[0] == "event_data.routing.target"
    flow.joins("dave").sends("alice", kind="handoff", target="dave")
    assert flow.owing == ["dave"]


# --- who is next


def test_a_turn_is_owed_by_the_word_that_gave_it() -> None:
    flow = Flow(ROUND).says("alice")
    assert (flow.owing, flow.trigger) == (["bob"], ("e2", 20))
    assert (flow.state.turn_count, flow.last, flow.state.last_envelope_id) == (1, "alice", "e2")


@pytest.mark.parametrize("sender", ["bob", "carol"])
def test_only_who_owes_the_turn_may_take_it(sender: str) -> None:
    for event_type in (EV_TEXT, EV_PACKET):
        where, said = Flow(ROUND).refusal(sender, event_type, {})
        assert (where, said.startswith("expected the turn of a1")) == ("sender_id", True)


def test_the_first_rule_that_holds_is_taken_by_priority_and_then_by_place() -> None:
    graph = WorkflowGraph(
        "alice",
        [
            Transition(Always(), AgentTarget("alice"), 2),
            Transition(Always(), AgentTarget("bob"), 1),
            Transition(Always(), AgentTarget("carol"), 1),
            Transition(FromSpeaker("bob"), AgentTarget("carol"), -5),
        ],
    )
    flow = Flow(graph).says("alice")
    assert flow.owing == ["bob"]
    assert flow.says("bob").owing == ["carol"]


def test_where_no_rule_holds_the_default_target_is_taken() -> None:
    assert Flow(WorkflowGraph("alice", default_target=Stay())).says("alice", "alice").owing == ["alice"]
    assert Flow(WorkflowGraph("bob", default_target=RevertToInitiator())).says("bob").owing == ["alice"]


def test_a_packet_changes_the_context_before_the_rules_are_tried() -> None:
    graph = WorkflowGraph("alice", [Transition(ContextEquals("done", True), AgentTarget("carol"))], AgentTarget("bob"))
    assert Flow(graph).sends("alice", set={"done": True}).owing == ["carol"]
    assert Flow(graph).sets("bob", done=True).says("alice").owing == ["carol"]
    assert Flow(graph, context={"done": True}).sends("alice", delete=["done"]).owing == ["bob"]


@pytest.mark.parametrize("target", ["carol", "a3"])
def test_a_handoff_goes_past_the_graph_by_id_or_name(target: str) -> None:
    assert Flow(ROUND).sends("alice", kind="handoff", target=target).owing == ["carol"]


def test_a_handoff_without_a_target_leaves_it_to_the_graph() -> None:
    assert Flow(HUB).sends("alice", kind="handoff", tool="ask_carol").owing == ["carol"]
    assert Flow(HUB).sends("alice", kind="handoff", tool="ask_nobody").owing == ["alice"]


def test_one_may_hand_off_to_oneself() -> None:
    assert Flow(ROUND).sends("alice", kind="handoff", target="alice").owing == ["alice"]


# --- how it ends


@pytest.mark.parametrize(("reason", "ending"), [("solved", "solved"), ("", "finished"), (" ", "finished")])
def test_a_finish_ends_it_for_its_reason(reason: str, ending: str) -> None:
    flow = Flow(ROUND).sends("alice", kind="finish", reason=reason)
    assert (flow.ending, flow.owing) == (ending, [])


@pytest.mark.parametrize(
    ("target", "ending"),
    [
        (Terminate(), "after_work"),
        (Terminate("x"), "x"),
        (Terminate(""), "workflow_terminated"),
        (Terminate(" \n"), "workflow_terminated"),
        (Terminate("x" * 2_000), "x" * 1_024),
    ],
    ids=["as it is", "given", "empty", "blank", "long"],
)
def test_a_target_that_ends_it_says_why(target: Terminate, ending: str) -> None:
    assert Flow(WorkflowGraph("alice", default_target=target)).says("alice").ending == ending


def test_so_many_turns_end_it() -> None:
    flow = Flow(WorkflowGraph.round_robin(["alice", "bob"], max_turns=3)).says("alice", "bob")
    assert flow.ending is None
    assert flow.says("alice").ending == "max_turns"


def test_the_graphs_own_end_comes_before_that_by_the_number_of_turns() -> None:
    flow = Flow(CHAIN).says("alice", "bob")
    assert flow.ending is None
    assert flow.says("carol").ending == "sequence_complete"


# --- fan-outs


def test_in_a_fan_out_each_owes_one_turn_in_any_order_and_the_rules_are_tried_at_the_join() -> None:
    flow = fan()
    assert (flow.owing, flow.trigger) == (["bob", "carol", "dave"], ("e2", 20))
    flow.says("carol")
    assert (flow.owing, flow.trigger) == (["bob", "dave"], ("e2", 20))
    assert flow.refusal("carol", EV_TEXT, {})[0] == "sender_id"
    flow.says("dave", "bob")
    assert (flow.owing, flow.last, flow.state.turn_count) == (["alice"], "bob", 4)
    assert flow.trigger == ("e6", 60)


def test_rules_that_hold_in_the_middle_of_a_fan_out_wait_for_the_join() -> None:
    graph = WorkflowGraph(
        "alice", [Transition(ContextEquals("done", 1), Terminate("done")), Transition(Always(), FanOut(["bob", "carol"]))]
    )
    flow = Flow(graph).says("alice").sends("bob", set={"done": 1})
    assert (flow.owing, flow.ending) == (["carol"], None)
    assert flow.says("carol").ending == "done"


def test_a_finish_ends_a_fan_out_and_the_session() -> None:
    flow = fan().sends("carol", kind="finish", reason="found")
    assert (flow.owing, flow.ending) == ([], "found")


def test_a_fan_out_of_one_is_a_turn() -> None:
    flow = Flow(WorkflowGraph("alice", default_target=FanOut(["bob"]))).says("alice")
    assert flow.sends("bob", kind="handoff", target="carol").owing == ["carol"]


@pytest.mark.parametrize("goes", ["leaves", "hides"])
def test_who_leaves_or_is_hidden_in_a_fan_out_has_arrived(goes: str) -> None:
    flow = getattr(fan(), goes)("carol")
    assert flow.owing == ["bob", "dave"]
    flow = getattr(flow.says("bob"), goes)("dave")
    assert (flow.owing, flow.last, flow.state.turn_count) == (["alice"], "dave", 2)


def test_who_is_hidden_when_a_fan_out_begins_owes_no_turn_in_it() -> None:
    flow = Flow(FAN, *NAMES).hides("carol").says("alice")
    assert flow.owing == ["bob", "dave"]
    assert flow.says("bob", "dave").owing == ["alice"]


def test_a_fan_out_to_nobody_who_is_there_has_joined_at_once() -> None:
    flow = Flow(FAN, *NAMES).leaves("bob").hides("carol", "dave").says("alice")
    assert (flow.owing, flow.state.turn_count) == (["alice"], 1)


def test_a_fan_out_follows_a_fan_out() -> None:
    graph = WorkflowGraph(
        "alice",
        [
            Transition(FromSpeaker("alice"), FanOut(["bob", "carol"])),
            Transition(AnyOf([FromSpeaker("bob"), FromSpeaker("carol")]), FanOut(["alice", "dave"])),
        ],
        Terminate("joined"),
    )
    flow = Flow(graph, *NAMES).says("alice", "carol", "bob")
    assert flow.owing == ["alice", "dave"]
    assert flow.says("alice", "dave").ending == "joined"


# --- who leaves or is hidden


@pytest.mark.parametrize("goes", ["leaves", "hides"])
def test_the_turn_of_who_leaves_or_is_hidden_passes_as_if_it_had_spoken(goes: str) -> None:
    flow = getattr(Flow(CHAIN).says("alice"), goes)("bob")
    assert (flow.owing, flow.last, flow.state.turn_count) == (["carol"], "bob", 1)
    assert flow.trigger == ("e3", 30)


@pytest.mark.parametrize("goes", ["leaves", "hides"])
def test_in_a_round_the_next_after_who_leaves_or_is_hidden_is_the_next(goes: str) -> None:
    assert getattr(Flow(ROUND, *NAMES).says("alice"), goes)("bob").owing == ["carol"]


@pytest.mark.parametrize("goes", ["leaves", "hides"])
def test_that_another_leaves_or_is_hidden_moves_no_turn(goes: str) -> None:
    before = Flow(CHAIN)
    after = getattr(Flow(CHAIN), goes)("bob", "bob", "eve")
    assert (after.owing, after.trigger, after.last) == (before.owing, before.trigger, before.last)


def test_who_left_is_passed_over_and_the_chain_still_ends_as_it_should() -> None:
    assert Flow(CHAIN).leaves("bob", "carol").says("alice").ending == "sequence_complete"
    assert Flow(CHAIN).leaves("bob").says("alice").owing == ["carol"]


def test_one_who_is_passed_over_called_no_tool() -> None:
    flow = Flow(HUB).hides("bob").sends("alice", tool="ask_bob")
    assert (flow.owing, flow.last) == (["alice"], "bob")


def test_a_graph_that_finds_nobody_ends() -> None:
    graph = WorkflowGraph("alice", default_target=AgentTarget("bob"))
    assert Flow(graph).hides("bob").says("alice").ending == "no_participants"
    assert Flow(WorkflowGraph("alice", default_target=Stay())).leaves("alice").ending == "no_participants"


def test_a_graph_that_comes_round_to_somebody_goes_on() -> None:
    flow = Flow(ROUND, *NAMES).hides("bob", "carol", "dave").says("alice")
    assert flow.owing == ["alice"]


def test_one_who_is_hidden_speaks_at_any_time_and_moves_no_turn() -> None:
    before = Flow(ROUND).hides("carol")
    after = Flow(ROUND).hides("carol").sends("carol", set={"late": 1})
    assert after.state.context == {"late": 1}
    assert (after.owing, after.trigger, after.state.turn_count, after.last) == (["alice"], before.trigger, 0, None)


def test_one_who_is_shown_again_takes_its_turns_in_its_old_place() -> None:
    flow = Flow(ROUND).hides("bob").says("alice", "bob").shows("bob").says("carol", "alice")
    assert flow.owing == ["bob"]


def test_while_all_are_hidden_nobody_owes_a_turn_and_it_goes_on() -> None:
    flow = Flow(ROUND).hides("bob", "carol", "alice")
    assert (flow.owing, flow.ending, flow.last) == ([], None, "alice")


def test_the_first_of_all_who_comes_back_takes_a_turn_and_the_graph_goes_on_from_it() -> None:
    flow = Flow(WorkflowGraph("alice", [Transition(FromSpeaker("carol"), AgentTarget("carol"))])).hides("alice", "bob", "carol")
    assert flow.ending == "after_work"
    flow = Flow(ROUND).hides("alice", "bob", "carol").says("carol")
    assert (flow.owing, flow.state.turn_count) == (["carol"], 1)
    assert flow.shows("carol").owing == ["carol"]


def test_who_comes_back_while_nobody_owes_a_turn_may_hand_off_and_finish() -> None:
    flow = Flow(ROUND).hides("alice", "bob", "carol")
    assert flow.refusal("bob", EV_PACKET, packet(kind="handoff", target="alice"))[0] == "event_data.routing.target"
    assert flow.sends("bob", kind="handoff", target="bob").owing == ["bob"]
    assert Flow(ROUND).hides("alice", "bob", "carol").sends("carol", kind="finish").ending == "finished"


def test_all_hidden_but_one_who_leaves_is_all_hidden() -> None:
    flow = Flow(ROUND).hides("bob", "carol").leaves("alice")
    assert (flow.owing, flow.ending) == ([], None)
    assert flow.says("bob").owing == ["bob"]


def test_one_who_joins_while_all_are_hidden_goes_on() -> None:
    flow = Flow(ROUND, *NAMES, present=("alice", "bob")).hides("alice", "bob").joins("dave")
    assert (flow.owing, flow.trigger) == (["dave"], ("e4", 40))
    assert flow.joins("carol").says("dave").owing == ["carol"]


def test_one_who_is_shown_while_all_are_hidden_goes_on() -> None:
    assert Flow(ROUND).hides("alice", "bob", "carol").shows("bob").owing == ["bob"]
    assert Flow(ROUND).shows("bob").owing == ["alice"]


def test_who_comes_when_it_has_ended_owes_nothing() -> None:
    assert Flow(ROUND).sends("alice", kind="finish").joins("dave").owing == []


def test_one_who_left_and_came_again_takes_turns_again() -> None:
    flow = Flow(ROUND).leaves("bob").invites("bob").joins("bob").says("alice", "carol")
    assert flow.owing == ["bob"]


# --- whatever happens


GRAPHS = workflow_graphs()
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["says", "says", "says", "handoff", "finish", "leaves", "hides", "joins", "shows"]),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
    ),
    max_size=10,
)


def acted(flow: Flow, acts: list[tuple[str, str, str]]) -> Flow:
    """Let happen what a hub may let happen, until it ends."""
    for what, name, other in acts:
        if flow.ending is not None or not flow.state.order:
            break
        if what in ("leaves", "hides", "joins", "shows"):
            getattr(flow, what)(name)
        elif id_of(name) in flow.state.order:
            with suppress(ProtocolError):
                if what == "says":
                    flow.says(name)
                else:
                    flow.post(name, EV_PACKET, packet(kind="finish" if what == "finish" else "handoff", target=other, tool="x"))
    return flow


HISTORIES = st.builds(acted, st.builds(Flow, GRAPHS, st.just("alice"), st.just("bob"), st.just("carol"), st.just("dave")), ACTS)


@given(HISTORIES)
def test_somebody_who_can_be_seen_owes_a_turn_until_it_ends(flow: Flow) -> None:
    state = flow.state
    visible = [agent_id for agent_id in state.order if agent_id not in state.hidden]
    assert set(state.owing) <= set(visible)
    assert len(set(state.owing)) == len(state.owing)
    assert bool(state.owing) == (bool(visible) and state.close_reason is None)


@given(HISTORIES)
def test_every_state_is_read_back_equal_from_its_data(flow: Flow) -> None:
    again = flow.adapter.read_state(flow.state.to_data())
    assert again == flow.state
    assert repr(again.to_data()) == repr(flow.state.to_data())
