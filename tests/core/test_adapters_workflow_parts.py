"""Conditions and targets: those that come with the workflow, and one's own."""

from typing import Any

import attrs
import pytest

from foldhub_core import (
    EV_PACKET,
    EV_TEXT,
    AgentTarget,
    AllOf,
    Always,
    AnyOf,
    Condition,
    ContextEquals,
    Envelope,
    Expectation,
    FanOut,
    FromSpeaker,
    Malformed,
    Not,
    Resolution,
    RevertToInitiator,
    RoundRobin,
    Stay,
    Target,
    Terminate,
    ToolCalled,
    Transition,
    WorkflowAdapter,
    WorkflowGraph,
    WorkflowGraphError,
    WorkflowState,
    changed,
    packet,
)
from foldhub_core.data import Data, FrozenDict
from tests.core.workflow_driver import Flow

STATE = WorkflowState(
    WorkflowGraph("a1"),
    "a1",
    FrozenDict({"a1": "alice", "a2": "bob", "a3": "carol"}),
    ("a1", "a2", "a3"),
    context=Data({"one": 1, "none": None, "list": [1, {"a": True}], "text": "x"}),
    last_speaker_id="a2",
)
TEXT = Envelope("s", "a2", EV_TEXT, {"text": "hi"})


def said(**fields: Any) -> Envelope:
    return Envelope("s", "a2", EV_PACKET, packet(**fields))


# --- conditions


def test_always_holds() -> None:
    assert Always().evaluate(STATE, TEXT)


@pytest.mark.parametrize(("agent_id", "holds"), [("a2", True), ("a1", False), ("bob", False)])
def test_from_speaker_holds_after_the_turn_of_that_one(agent_id: str, holds: bool) -> None:
    assert FromSpeaker(agent_id).evaluate(STATE, TEXT) is holds


@pytest.mark.parametrize("kind", ["text", "handoff", "finish"])
def test_tool_called_holds_after_a_packet_of_any_kind_that_names_the_tool(kind: Any) -> None:
    assert ToolCalled("refund").evaluate(STATE, said(kind=kind, tool="refund"))
    assert not ToolCalled("pay").evaluate(STATE, said(kind=kind, tool="refund"))


@pytest.mark.parametrize("word", [TEXT, said(), Envelope("s", "a2", EV_TEXT, {"routing": {"tool": "refund"}})])
def test_tool_called_does_not_hold_where_no_packet_names_a_tool(word: Envelope) -> None:
    assert not ToolCalled("refund").evaluate(STATE, word)


@pytest.mark.parametrize(
    ("key", "value", "holds"),
    [
        ("one", 1, True),
        ("one", 1.0, False),
        ("one", True, False),
        ("one", "1", False),
        ("none", None, True),
        ("missing", None, True),
        ("missing", 0, False),
        ("missing", "", False),
        ("text", "x", True),
        ("text", None, False),
        ("list", [1, {"a": True}], True),
        ("list", [1, {"a": 1}], False),
        ("list", [1.0, {"a": True}], False),
        ("list", [], False),
    ],
)
def test_context_equals_compares_type_and_value_however_deep(key: str, value: object, holds: bool) -> None:
    condition = ContextEquals(key, value)
    assert condition.evaluate(STATE, TEXT) is holds


def test_context_equals_takes_only_what_a_context_can_hold() -> None:
    with pytest.raises(Malformed):
        ContextEquals("key", {1, 2})


YES, NO = Always(), Not(Always())


@pytest.mark.parametrize(
    ("inner", "all_hold", "any_holds"),
    [([], True, False), ([YES], True, True), ([NO], False, False), ([YES, NO], False, True), ([NO, YES], False, True)],
)
def test_all_of_and_any_of(inner: list[Condition], all_hold: bool, any_holds: bool) -> None:
    assert AllOf(inner).evaluate(STATE, TEXT) is all_hold
    assert AnyOf(inner).evaluate(STATE, TEXT) is any_holds


# --- targets


@pytest.mark.parametrize(
    ("target", "agent_ids"),
    [
        (AgentTarget("a3"), ("a3",)),
        (RoundRobin(), ("a3",)),
        (RoundRobin(["a2", "a1"]), ("a1",)),
        (RoundRobin(["a1", "a2"]), ("a1",)),
        (RoundRobin(["a3", "a1"]), ("a3",)),
        (Stay(), ("a2",)),
        (RevertToInitiator(), ("a1",)),
        (FanOut(["a1", "a3"]), ("a1", "a3")),
    ],
)
def test_where_a_target_leads(target: Target, agent_ids: tuple[str, ...]) -> None:
    assert target.resolve(STATE, TEXT) == Resolution(agent_ids)


@pytest.mark.parametrize(
    ("target", "reason"),
    [(Terminate(), "after_work"), (Terminate("done"), "done"), (RoundRobin(), "no_participants"), (Stay(), "no_participants")],
)
def test_a_target_that_leads_to_nobody_ends_the_session(target: Target, reason: str) -> None:
    empty = changed(STATE, order=(), last_speaker_id=None)
    assert target.resolve(empty, TEXT) == Resolution((), reason)


@pytest.mark.parametrize(
    ("part", "label"),
    [
        (AgentTarget("bob"), "bob"),
        (FanOut(["alice", "bob"]), "all of alice, bob"),
        (Terminate("done"), "done"),
        (ToolCalled("ask"), "tool ask"),
        (Always(), "always"),
    ],
)
def test_what_a_part_is_called_in_a_picture(part: Condition | Target, label: str) -> None:
    assert part.label() == label


# --- one's own


@attrs.frozen
class Between(Condition):
    """Turns of these numbers."""

    name = "between"
    first: int
    last: int = 9

    def evaluate(self, state: WorkflowState, envelope: Envelope) -> bool:
        return self.first <= state.turn_count <= self.last


class Nobody(Target):
    """A target without fields needs no decorator."""

    name = "nobody"

    def resolve(self, state: WorkflowState, envelope: Envelope) -> Resolution:
        return Resolution((), "nobody_wanted")


@attrs.frozen
class Either(Target):
    """One of two targets, by a condition; and it holds a record, and somebody it names."""

    name = "either"
    refers_to = ("watcher", "others")
    when: Condition
    then: Target
    watcher: str
    others: tuple[str, ...] = ()
    expectation: Expectation | None = None

    def resolve(self, state: WorkflowState, envelope: Envelope) -> Resolution:
        return self.then.resolve(state, envelope) if self.when.evaluate(state, envelope) else Resolution((self.watcher,))


@attrs.frozen
class Spokesman(Target):
    """Somebody by name, found only when it is asked."""

    name = "spokesman"

    def resolve(self, state: WorkflowState, envelope: Envelope) -> Resolution:
        return Resolution(("carol", "carol"))


OWN = {"conditions": (Between,), "targets": (Nobody, Either, Spokesman)}
EITHER = Either(Between(2), Nobody(), "bob", ("alice",), Expectation("x", "warn", Data({"seconds": 1})))


def test_ones_own_are_written_by_their_fields_and_read_back() -> None:
    graph = WorkflowGraph("alice", [Transition(Between(1, 2), EITHER)], Nobody())
    assert WorkflowGraph.from_json(graph.to_json(), **OWN) == graph  # type: ignore[arg-type]
    data: Any = graph.to_json()
    args = data["transitions"][0]["then"]["args"]
    assert args["when"] == {"name": "between", "args": {"first": 2, "last": 9}}
    assert args["expectation"] == {"name": "x", "on_violation": "warn", "params": {"seconds": 1}, "applies_to": None}


def test_ones_own_fields_that_are_left_out_take_their_defaults() -> None:
    data = {
        "initial_speaker": "alice",
        "transitions": [
            {
                "when": {"name": "between", "args": {"first": 1, "last": 2}},
                "then": {"name": "either", "args": {"when": {"name": "always"}, "then": {"name": "nobody"}, "watcher": "bob"}},
            }
        ],
        "default_target": {"name": "nobody"},
    }
    again = WorkflowGraph("alice", [Transition(Between(1, 2), Either(Always(), Nobody(), "bob"))], Nobody())
    assert WorkflowGraph.from_json(data, **OWN) == again  # type: ignore[arg-type]


def test_ones_own_are_known_only_where_they_were_given() -> None:
    graph = WorkflowGraph("alice", [Transition(Between(1), Stay())])
    with pytest.raises(WorkflowGraphError, match="between"):
        WorkflowGraph.from_json(graph.to_json())
    Flow(graph, adapter=WorkflowAdapter(conditions=[Between]))
    with pytest.raises(WorkflowGraphError, match="between") as refused:
        Flow(graph)
    assert refused.value.where == "knobs.graph.transitions[0].when.name"


def test_ones_own_decide_and_hold_others() -> None:
    flow = Flow(WorkflowGraph("alice", default_target=EITHER), adapter=WorkflowAdapter(**OWN))  # type: ignore[arg-type]
    assert flow.says("alice").owing == ["bob"]
    assert flow.says("bob").ending == "nobody_wanted"


def test_ones_own_may_name_agents_when_they_are_asked() -> None:
    flow = Flow(WorkflowGraph("alice", default_target=Spokesman()), adapter=WorkflowAdapter(targets=[Spokesman]))
    assert flow.says("alice").owing == ["carol"]


def test_ones_own_are_drawn_by_name_and_fields() -> None:
    assert Nobody().label() == "nobody"
    assert EITHER.label().startswith("either(when=between(first=2, last=9), then=nobody, watcher=bob, others=alice, expectation=")


@attrs.frozen
class Unresolvable(Target):
    name = "unresolvable"
    refers_to = ("number",)
    number: int = 1

    def resolve(self, state: WorkflowState, envelope: Envelope) -> Resolution:
        return Resolution()


def test_a_field_that_is_to_name_an_agent_must_be_a_text() -> None:
    graph = WorkflowGraph("alice", default_target=Unresolvable())
    with pytest.raises(WorkflowGraphError, match="name or id of an agent") as refused:
        Flow(graph, adapter=WorkflowAdapter(targets=[Unresolvable]))
    assert refused.value.where == "knobs.graph.default_target"


class Wild(Target):
    name = "wild"

    def resolve(self, state: WorkflowState, envelope: Envelope) -> Any:
        return ("bob",)


def test_a_target_must_give_a_resolution() -> None:
    flow = Flow(WorkflowGraph("alice", default_target=Wild()), adapter=WorkflowAdapter(targets=[Wild]))
    with pytest.raises(TypeError, match="Resolution"):
        flow.says("alice")


class Nameless(Condition):
    def evaluate(self, state: WorkflowState, envelope: Envelope) -> bool:
        return True


class Twin(Nameless):
    name = "always"


@pytest.mark.parametrize("cls", [Nameless, Twin, Nobody, Expectation])
def test_what_is_no_condition_of_a_name_of_its_own_is_not_taken(cls: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        WorkflowAdapter(conditions=[cls])


def test_annotations_may_be_put_off() -> None:
    late = type("Late", (Nameless,), {"name": "late", "__annotations__": {"number": "int"}, "__module__": __name__})
    cls: Any = attrs.frozen(late)
    graph = WorkflowGraph.from_json(
        {"initial_speaker": "a", "transitions": [{"when": {"name": "late", "args": {"number": 3}}, "then": None}]}, [cls]
    )
    assert graph.transitions[0].when == cls(number=3)


def test_a_part_of_another_kind_does_not_fit_a_field_that_asks_for_one() -> None:
    @attrs.frozen
    class Asking(Nameless):
        name = "asking"
        speaker: FromSpeaker

    own = [Asking]
    rule: Any = {"when": {"name": "asking", "args": {"speaker": {"name": "always"}}}, "then": None}
    with pytest.raises(WorkflowGraphError, match="came str 'always'"):
        WorkflowGraph.from_json({"initial_speaker": "a", "transitions": [rule]}, own)
    rule["when"]["args"]["speaker"] = {"name": "from_speaker", "args": {"agent_id": "a"}}
    WorkflowGraph.from_json({"initial_speaker": "a", "transitions": [rule]}, own)
