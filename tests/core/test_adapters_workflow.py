"""Workflow in a hub: it opens or is refused, goes on, ends, and outlives restarts and snapshots."""

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from foldhub_core import (
    EV_CONTEXT_SET,
    EV_PACKET,
    AgentTarget,
    Always,
    AnyOf,
    Condition,
    Envelope,
    ExpectedTurn,
    FanOut,
    FromSpeaker,
    HubConfig,
    HubState,
    Invite,
    PendingTurn,
    Post,
    Refuse,
    RoundRobin,
    Stay,
    Terminate,
    Transition,
    WorkflowAdapter,
    WorkflowGraph,
    WorkflowState,
    can_send,
    digest,
    expected,
    packet,
    pending_turns,
    protocol_state,
    read_snapshot,
    take_snapshot,
)
from foldhub_core.sessions import Faulty
from tests.core.session_driver import Talks

ROUND = WorkflowGraph("alice", [Transition(Always(), RoundRobin())])


@attrs.frozen
class After(Condition):
    """One's own: after so many turns."""

    name = "after"
    turns: int

    def evaluate(self, state: WorkflowState, envelope: Envelope) -> bool:
        return state.turn_count >= self.turns


class Raising(Condition):
    """One's own, and broken: it raises as soon as somebody has spoken of it, and when somebody left."""

    name = "raising"

    def evaluate(self, state: WorkflowState, envelope: Envelope) -> bool:
        if envelope.event_type == "session.left" or envelope.event_data.get("text") == "boom":
            raise RuntimeError("out of order")
        return True


class Workflows(Talks):
    """A hub with agents under workflows."""

    def __init__(self, *adapters: WorkflowAdapter) -> None:
        super().__init__("alice", "bob", "carol", "dave", adapters=adapters)

    def flow(self, graph: object, *names: str, **knobs: Any) -> str:
        names = names or ("alice", "bob", "carol")
        return self.opened(*names, type="workflow", knobs=knobs_of(graph, **knobs))

    def refusal(self, graph: object, **knobs: Any) -> tuple[str, str, str]:
        """How an opening is refused: the code, where, and what it says."""
        before = len(self.state.sessions.entries)
        opening = self.opening("alice", "bob", "carol", type="workflow", knobs=knobs_of(graph, **knobs))
        (answer,) = self.ask(self.who("alice"), opening)
        assert isinstance(answer, Refuse)
        assert len(self.state.sessions.entries) == before
        return answer.error.code, answer.error.where, answer.error.message

    def post(self, name: str, session_id: str, event_type: str, data: Mapping[str, object]) -> Post:
        return Post(envelope=Envelope(session_id, self.ids[name], event_type, data))

    def send(self, name: str, session_id: str, body: str = "hi", **fields: Any) -> None:
        self.value(self.who(name), self.post(name, session_id, EV_PACKET, packet(body, **fields)))

    def owing(self, session_id: str) -> list[str]:
        names = {agent_id: name for name, agent_id in self.ids.items()}
        return [names[turn.agent_id] for turn in expected(self.config, self.state, session_id)]


def knobs_of(graph: object, **knobs: Any) -> dict[str, object]:
    return knobs | ({} if graph is None else {"graph": graph.to_json() if isinstance(graph, WorkflowGraph) else graph})


def test_its_manifest_is_the_references() -> None:
    manifest = WorkflowAdapter().manifest
    assert (manifest.type, manifest.version, manifest.default_view_policy) == ("workflow", 1, "named_windowed_summary")
    assert (manifest.participants.min, manifest.participants.max) == (2, None)
    assert [(one.name, one.on_violation, one.params) for one in manifest.expectations] == [
        ("turn_within", "warn", {"seconds": 120}),
        ("turn_within", "auto_close", {"seconds": 600}),
    ]
    assert (manifest.information, manifest.may_close) == ((), ("creator",))


# --- what cannot be opened


@pytest.mark.parametrize(
    ("graph", "where", "message"),
    [
        (None, "knobs.graph", "expected a graph, came none"),
        ("alice", "knobs.graph", "expected a map"),
        (WorkflowGraph("eve"), "knobs.graph.initial_speaker", "'eve'"),
        (WorkflowGraph("dave"), "knobs.graph.initial_speaker", "'dave'"),
        (WorkflowGraph("bob", [Transition(Always(), AgentTarget("eve"))]), "knobs.graph.transitions[0].then", "'eve'"),
        (WorkflowGraph("bob", [Transition(FromSpeaker("eve"), Stay())]), "knobs.graph.transitions[0].when", "'eve'"),
        (WorkflowGraph("bob", default_target=FanOut(["bob", "eve"])), "knobs.graph.default_target", "'eve'"),
        (WorkflowGraph("bob", [Transition(After(1), Stay())]), "knobs.graph.transitions[0].when.name", "'after'"),
        ({"initial_speaker": "bob", "max_turns": 0}, "knobs.graph.max_turns", "at least one"),
    ],
)
def test_a_graph_that_cannot_be_run_is_refused_and_leaves_no_session(graph: object, where: str, message: str) -> None:
    code, came, said = Workflows().refusal(graph)
    assert (code, came) == ("workflow_graph", where)
    assert message in said


def test_variables_that_are_no_map_are_refused_and_leave_no_session() -> None:
    assert Workflows().refusal(ROUND, context_vars=["x"])[:2] == ("protocol_error", "knobs.context_vars")


def test_a_workflow_needs_two() -> None:
    hub = Workflows()
    opening = hub.opening("alice", "alice", type="workflow", knobs=knobs_of(WorkflowGraph("alice")))
    assert hub.refused(hub.who("alice"), opening) == "protocol_error"


# --- how it goes


def test_names_and_ids_stand_in_a_graph_alike() -> None:
    hub = Workflows()
    graph = WorkflowGraph("alice", [Transition(FromSpeaker(hub.ids["alice"]), AgentTarget("carol"))], AgentTarget(hub.ids["bob"]))
    session_id = hub.flow(graph)
    hub.say("alice", session_id)
    assert hub.owing(session_id) == ["carol"]
    hub.say("carol", session_id)
    assert hub.owing(session_id) == ["bob"]


def test_a_sequence_closes_when_it_is_complete() -> None:
    hub = Workflows()
    session_id = hub.flow(WorkflowGraph.sequence(["alice", "bob", "carol"]))
    for name in ("alice", "bob", "carol"):
        hub.say(name, session_id)
    assert hub.end(session_id) == {"reason": "sequence_complete"}


def test_whose_turn_it_is_is_asked_for() -> None:
    hub = Workflows()
    session_id = hub.flow(WorkflowGraph("alice", default_target=FanOut(["bob", "carol"])))
    opened = hub.words(session_id)[-1]
    alice, bob, carol = hub.these("alice", "bob", "carol")
    assert expected(hub.config, hub.state, session_id) == (ExpectedTurn(alice, None, opened.created_at_ms),)
    word = hub.say("alice", session_id)
    turns = tuple([ExpectedTurn(one, word.envelope_id, word.created_at_ms) for one in (bob, carol)])
    assert expected(hub.config, hub.state, session_id) == turns
    assert pending_turns(hub.config, hub.state, carol) == (PendingTurn(session_id, word.envelope_id, word.created_at_ms),)
    assert can_send(hub.config, hub.state, session_id, bob) is None
    assert can_send(hub.config, hub.state, session_id, bob, EV_PACKET) is None
    assert can_send(hub.config, hub.state, session_id, alice) is not None
    assert can_send(hub.config, hub.state, session_id, alice, EV_CONTEXT_SET) is None


def test_the_turn_of_one_who_is_unregistered_passes() -> None:
    hub = Workflows()
    session_id = hub.flow(ROUND)
    hub.say("alice", session_id)
    hub.unregister("bob")
    assert hub.owing(session_id) == ["carol"]


def test_a_leaver_may_end_it_and_too_few_do() -> None:
    hub = Workflows()
    session_id = hub.flow(WorkflowGraph("alice", default_target=AgentTarget("bob")))
    hub.say("alice", session_id)
    hub.leave("bob", session_id)
    assert hub.end(session_id) == {"reason": "no_participants"}
    session_id = hub.flow(ROUND, "alice", "carol")
    hub.leave("carol", session_id)
    assert hub.end(session_id) == {"reason": "participant_left", "agent_id": hub.ids["carol"]}


def test_who_has_not_answered_takes_no_turns_and_comes_last() -> None:
    hub = Workflows()
    session_id = hub.pending("alice", "bob", "carol", type="workflow", knobs=knobs_of(ROUND), required_acks=1)
    hub.answer("carol", session_id)
    for name in ("alice", "carol", "alice"):
        hub.say(name, session_id)
    hub.answer("bob", session_id)
    for name in ("carol", "bob", "alice"):
        hub.say(name, session_id)


def test_one_who_declines_late_is_known_no_more() -> None:
    hub = Workflows()
    session_id = hub.pending("alice", "bob", "carol", type="workflow", knobs=knobs_of(ROUND), required_acks=1)
    hub.answer("carol", session_id)
    hub.answer("bob", session_id, accept=False)
    state = protocol_state(hub.state, session_id)
    assert isinstance(state, WorkflowState)
    assert sorted(state.names.values()) == ["alice", "carol"]


def test_who_is_invited_later_is_handed_off_to_by_name() -> None:
    hub = Workflows()
    session_id = hub.flow(ROUND)
    hub.value(hub.who("alice"), Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=hub.these("dave")))
    handoff = hub.post("alice", session_id, EV_PACKET, packet(kind="handoff", target="dave"))
    assert hub.refused(hub.who("alice"), handoff) == "protocol_error"
    hub.answer("dave", session_id)
    hub.value(hub.who("alice"), handoff)
    assert hub.owing(session_id) == ["dave"]


@pytest.mark.parametrize("data", [{"set": "x"}, {"set": {"a": 1}, "delete": "a"}, {"add": {}}])
def test_a_poisoned_word_is_refused_and_the_hub_goes_on(data: dict[str, object]) -> None:
    hub = Workflows()
    session_id = hub.flow(ROUND)
    assert hub.refused(hub.who("bob"), hub.post("bob", session_id, EV_CONTEXT_SET, data)) == "protocol_error"
    hub.recover()
    hub.say("alice", session_id)


# --- conditions of one's own in a hub

OWN = WorkflowAdapter(conditions=(After, Raising))
OWN_GRAPH = WorkflowGraph(
    "alice", [Transition(AnyOf([After(5)]), Terminate("enough"), 1), Transition(Always(), RoundRobin(), 2)], max_turns=9
)


def test_ones_own_condition_is_evaluated_in_a_hub() -> None:
    hub = Workflows(OWN)
    session_id = hub.flow(OWN_GRAPH)
    for name in ("alice", "bob", "carol", "alice", "bob"):
        hub.say(name, session_id)
    assert hub.end(session_id) == {"reason": "enough"}


def test_a_condition_that_raises_costs_its_sender_a_refusal() -> None:
    hub = Workflows(OWN)
    session_id = hub.flow(WorkflowGraph("alice", [Transition(Raising(), RoundRobin())]))
    assert hub.unsaid("alice", session_id, "boom") == "protocol_error"
    hub.say("alice", session_id)


def test_a_condition_that_raises_at_a_leaver_makes_the_session_dormant() -> None:
    hub = Workflows(OWN)
    session_id = hub.flow(WorkflowGraph("alice", [Transition(Raising(), RoundRobin())]))
    hub.leave("alice", session_id)
    assert "out of order" in (hub.state.sessions.entries[session_id].dormant or "")


def test_a_hub_that_lacks_ones_own_condition_opens_its_log_all_the_same() -> None:
    hub = Workflows(OWN)
    session_id = hub.flow(OWN_GRAPH)
    hub.recover()
    assert "after" in (hub.state.sessions.entries[session_id].dormant or "")
    hub.recover(OWN)
    assert hub.owing(session_id) == ["alice"]


# --- snapshots


def busy() -> tuple[Workflows, str]:
    hub = Workflows(OWN)
    hub.flow(WorkflowGraph("alice", default_target=FanOut(["bob", "carol"])), context_vars={"a": [1, 1.0, True, None]})
    session_id = hub.flow(OWN_GRAPH, context_vars={"n": 1})
    hub.send("alice", session_id, set={"deep": {"b": [1.5], "a": "x"}}, delete=["n"])
    return hub, session_id


def test_a_snapshot_holds_a_workflow_and_ones_own_conditions_in_it() -> None:
    hub, session_id = busy()
    slices = list(take_snapshot(hub.state))
    again = read_snapshot(hub.config, slices)
    assert again == hub.state
    assert digest(again) == digest(hub.state)
    assert list(take_snapshot(again)) == slices
    hub.state = again
    hub.say("bob", session_id)
    assert hub.owing(session_id) == ["carol"]


def test_the_first_rules_condition_is_of_ones_own_class_after_a_snapshot() -> None:
    hub, session_id = busy()
    state = protocol_state(read_snapshot(hub.config, take_snapshot(hub.state)), session_id)
    assert isinstance(state, WorkflowState)
    assert state.graph.transitions[0].when == AnyOf([After(5)])


def faults(config: HubConfig, state: HubState) -> set[str]:
    """Why sessions cannot go on after their snapshot was read under this configuration."""
    read = read_snapshot(config, take_snapshot(state))
    return {talk.protocol.reason for talk in read.sessions.talks.values() if isinstance(talk.protocol, Faulty)}


def test_a_session_cannot_go_on_where_ones_own_condition_is_not_known() -> None:
    hub, _ = busy()
    (reason,) = faults(Workflows().config, hub.state)
    assert "after" in reason
    assert faults(attrs.evolve(hub.config, adapters=()), hub.state) == {"is missing"}
    assert faults(hub.config, hub.state) == set()


class Unreadable(WorkflowAdapter):
    def read_state(self, data: Any) -> WorkflowState:
        raise KeyError("lost")


def test_an_adapter_that_raises_where_it_reads_a_state_costs_that_session_alone() -> None:
    hub, _ = busy()
    (reason,) = faults(attrs.evolve(hub.config, adapters=(Unreadable(),)), hub.state)
    assert "raised KeyError: 'lost'" in reason


def test_a_turn_costs_the_same_however_many_there_were() -> None:
    """By counting what a fold touches: the state of a workflow does not grow with its turns."""
    hub = Workflows()
    session_id = hub.flow(ROUND)
    sizes: set[int] = set()
    for _ in range(3):
        for name in ("alice", "bob", "carol"):
            hub.say(name, session_id)
            state = protocol_state(hub.state, session_id)
            assert isinstance(state, WorkflowState)
            sizes.add(len(state.to_data()) + len(state.order) + len(state.owing) + len(state.names) + len(state.context))
    assert len(sizes) == 1
