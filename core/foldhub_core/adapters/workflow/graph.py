"""The graph: who begins, and by which rules the turn goes on.

After every turn the rules are tried in ascending order of priority, those of one priority in the order they stand in. The first
whose condition holds gives the target; where none does, the default target is taken.

In a graph agents stand by name or id; a session is opened with ids in the place of names.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, cast

import attrs

from foldhub_core.adapters.workflow.conditions import Always, FromSpeaker, ToolCalled
from foldhub_core.adapters.workflow.mermaid import drawn
from foldhub_core.adapters.workflow.parts import Condition, Part, Target, renamed, written
from foldhub_core.adapters.workflow.targets import AgentTarget, RoundRobin, Terminate
from foldhub_core.adapters.workflow.vocabulary import Vocabulary
from foldhub_core.data import Data, freeze
from foldhub_core.errors import Malformed, WorkflowGraphError, inside, shown

P = TypeVar("P", bound=Part)

MOST_TRANSITIONS = 1_000
"""Rules of one graph: each may be tried at every turn."""


@attrs.frozen
class Transition:
    """A rule: when this holds, the turn goes there."""

    when: Condition
    then: Target
    priority: int = 0


def _as_tuple(transitions: Iterable[Transition]) -> tuple[Transition, ...]:
    return tuple(transitions)


_AFTER_WORK = Terminate()


@attrs.frozen
class WorkflowGraph:
    """A whole graph, as a value. Raises `WorkflowGraphError` where it could not be run, whoever takes part."""

    initial_speaker: str
    """By name or id."""
    transitions: tuple[Transition, ...] = attrs.field(default=(), converter=_as_tuple)
    default_target: Target = _AFTER_WORK
    max_turns: int | None = None
    """After so many turns the session closes as `max_turns`, unless the graph has ended it for a reason of its own."""

    def __attrs_post_init__(self) -> None:
        if self.max_turns is not None and self.max_turns < 1:
            raise WorkflowGraphError(f"expected at least one turn, came {self.max_turns}", where="max_turns")
        if len(self.transitions) > MOST_TRANSITIONS:
            came = len(self.transitions)
            raise WorkflowGraphError(f"expected at most {MOST_TRANSITIONS} rules, came {came}", where="transitions")

    @classmethod
    def sequence(cls, steps: Iterable[str]) -> "WorkflowGraph":
        """One after the other, each once; the session closes as `sequence_complete`."""
        names = tuple(steps)
        if not names or len(set(names)) != len(names):
            raise WorkflowGraphError(f"expected one step at least, each of another agent, came {', '.join(names) or 'none'}")
        targets: list[Target] = [*[AgentTarget(name) for name in names[1:]], Terminate("sequence_complete")]
        rules = [Transition(FromSpeaker(name), target) for name, target in zip(names, targets, strict=True)]
        return cls(names[0], rules, max_turns=len(names))

    @classmethod
    def round_robin(cls, agents: Iterable[str], max_turns: int) -> "WorkflowGraph":
        """These in their order, round and round; the session closes as `max_turns`."""
        names = tuple(agents)
        if not names or len(set(names)) != len(names):
            raise WorkflowGraphError(f"expected one agent at least, and each once, came {', '.join(names) or 'none'}")
        return cls(names[0], [Transition(Always(), RoundRobin(names))], max_turns=max_turns)

    @classmethod
    def from_json(
        cls,
        data: Mapping[str, object],
        conditions: Iterable[type[Condition]] = (),
        targets: Iterable[type[Target]] = (),
    ) -> "WorkflowGraph":
        """Read a graph from its data, with conditions and targets of one's own beside those that come with the workflow.

        Raises `WorkflowGraphError`, which says in `where` in which rule something is wrong.
        """
        return read_graph(data, Vocabulary(conditions, targets))

    def to_json(self) -> Data:
        """Give the graph as data; `from_json` reads it back equal."""
        return freeze(cast("Mapping[str, object]", written(self)))

    def mermaid(self) -> str:
        """Draw the graph as a Mermaid flowchart."""
        rules = [(one.when, one.then) for one in in_order(self.transitions)]
        return drawn(self.initial_speaker, rules, self.default_target, self.max_turns)


def read_graph(data: object, vocabulary: Vocabulary) -> WorkflowGraph:
    """Read a graph from its data, or raise `WorkflowGraphError`."""
    try:
        return vocabulary.read(WorkflowGraph, data)
    except Malformed as refused:
        found = _wrong_rule(data, vocabulary) or refused
        raise WorkflowGraphError(found.message, where=found.where) from None


def _wrong_rule(data: object, vocabulary: Vocabulary) -> Malformed | None:
    """What is wrong with the first rule that cannot be read, and which it is."""
    rules = cast("dict[str, object]", data).get("transitions") if isinstance(data, dict) else None
    for at, rule in enumerate(cast("Iterable[object]", rules) if isinstance(rules, list | tuple) else ()):
        try:
            vocabulary.read(Transition, rule)
        except Malformed as refused:
            return inside("transitions", inside(f"[{at}]", refused))
    return None


def in_order(transitions: tuple[Transition, ...]) -> tuple[Transition, ...]:
    """The rules in the order they are tried."""
    return tuple(sorted(transitions, key=lambda one: one.priority))


def resolved(graph: WorkflowGraph, names: Mapping[str, str]) -> WorkflowGraph:
    """Give the graph for the participants of a session, whose ids and names these are: by ids, the rules in order.

    Raises `WorkflowGraphError` over an agent that does not take part.
    """

    by_name = {name: agent_id for agent_id, name in names.items()}

    def resolve(agent: str) -> str:
        agent_id = agent if agent in names else by_name.get(agent)
        if agent_id is None:
            raise WorkflowGraphError(f"expected an agent that takes part, by name or id, came {shown(agent)}")
        return agent_id

    rules = [
        Transition(
            _placed(one.when, resolve, f"transitions[{at}].when"),
            _placed(one.then, resolve, f"transitions[{at}].then"),
            one.priority,
        )
        for at, one in enumerate(graph.transitions)
    ]
    default_target = _placed(graph.default_target, resolve, "default_target")
    try:
        initial_speaker = resolve(graph.initial_speaker)
    except WorkflowGraphError as refused:
        raise WorkflowGraphError(refused.message, where="initial_speaker") from None
    return WorkflowGraph(initial_speaker, in_order(tuple(rules)), default_target, graph.max_turns)


def _placed(part: P, resolve: Callable[[str], str], place: str) -> P:
    try:
        return renamed(part, resolve)
    except WorkflowGraphError as refused:
        raise WorkflowGraphError(refused.message, where=place) from None


def tools_of(graph: WorkflowGraph) -> tuple[str, ...]:
    """The tools that the rules of a graph wait for, in their order, each once."""
    found: dict[str, None] = {}
    waiting: list[object] = [rule.when for rule in reversed(graph.transitions)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ToolCalled):
            found[part.tool] = None
        elif isinstance(part, tuple):
            waiting += reversed(cast("tuple[object, ...]", part))
        elif isinstance(part, Condition):
            waiting += [getattr(part, field.name) for field in reversed(attrs.fields(type(part)))]
    return tuple(found)
