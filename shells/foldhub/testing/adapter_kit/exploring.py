"""Every session there is, up to a small size: each thing anybody may say, in every order, breadth first.

Two sessions in which the state is the same, but for what envelopes are called and when things were said, are one state, and are
gone on from once. What was reached is counted, held to the laws, and drawn.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import attrs

from foldhub_core import Data, HubConfig, freeze
from foldhub_core.config import AnyAdapter
from foldhub_core.exact import EMPTY

from .check import Check
from .moves import Join, Leave, Move, Opening, Say, Wait
from .report import counted
from .scene import Scene, Stage
from .shapes import Shape, exact_shape
from .transcript import in_names
from .vocabulary import Maker, drafts_of

MOST_STATES = 20_000
_UNDRAWN = re.compile(r"[^\w ,.-]")
"""What means something to Mermaid."""


@attrs.frozen
class Edge:
    """From one kind of scene to another, by what."""

    before: str
    what: str
    after: str


@attrs.frozen
class Explored:
    """How far an exploration is."""

    done: int
    """How many states were gone on from."""
    waiting: int
    """How many of those that are known are not yet."""
    states: int
    moves: int
    envelopes: int
    """How many envelopes the state had that was gone on from last."""


Tell: TypeAlias = Callable[[Explored], None]


@attrs.frozen(kw_only=True)
class Exploration:
    """What there is to a protocol in so few people and envelopes."""

    participants: int
    envelopes: int
    states: int
    """How many states of a session there are."""
    moves: int
    """How many moves lead from one to another."""
    refused: int
    """How many were tried and refused."""
    is_whole: bool
    """Whether all of it was explored; it is not where there are more states than may be."""
    closed: Mapping[str, int]
    """By reason, in how many ways a session ends."""
    edges: tuple[Edge, ...]
    """What leads where, told by who owes a turn and what may be said."""

    def __str__(self) -> str:
        ends = ", ".join([f"{reason} ({count})" for reason, count in self.closed.items()]) or "in no way"
        scope = f"{counted(self.participants, 'participant')}, up to {counted(self.envelopes, 'envelope')}"
        whole = "" if self.is_whole else ", and there are more"
        reached = f"{counted(self.states, 'state')}{whole}, {counted(self.moves, 'move')} between them, {self.refused} refused"
        return f"{scope}: {reached}; it ends {ends}"

    def mermaid(self) -> str:
        """Draw the protocol's state diagram: who owes a turn, and what leads on."""
        nodes = list(dict.fromkeys([name for edge in self.edges for name in (edge.before, edge.after)]))
        ids = {name: f"s{at}" for at, name in enumerate(nodes)}
        lines = ["stateDiagram-v2"]
        lines += [f"    {ids[name]}: {name}" for name in nodes]
        if self.edges:
            lines.append(f"    [*] --> {ids[self.edges[0].before]}")
        together: dict[tuple[str, str], list[str]] = {}
        for edge in self.edges:
            together.setdefault((edge.before, edge.after), []).append(edge.what)
        for (before, after), what in together.items():
            lines.append(f"    {ids[before]} --> {ids[after]}: {_joined(what)}")
        lines += [f"    {ids[name]} --> [*]" for name in nodes if name.startswith("over")]
        return "\n".join(lines)


def explore_adapter(
    adapter: AnyAdapter,
    *,
    participants: int | None = None,
    envelopes: int = 6,
    knobs: Mapping[str, object] = EMPTY,
    vocabulary: Sequence[Maker] | None = None,
    leaving: bool = False,
    most_states: int = MOST_STATES,
    config: HubConfig | None = None,
    tell: Tell = lambda _: None,
) -> Exploration:
    """Explore all sessions of so many participants and envelopes; raises `AdapterLawBroken` over the first that breaks a law.

    `vocabulary` is all that is said; None is what a hub knows of. Deadlines that come count as envelopes, and with `leaving` so
    do those who leave. Of three participants six envelopes take seconds for most protocols. `tell` is told how far it is after
    every state that was gone on from.
    """
    __tracebackhide__ = True
    bounds = adapter.manifest.participants
    count = participants or max(bounds.min, min(3, bounds.max or 3))
    stage = Stage(adapter, tuple(vocabulary or ()), config)
    return _Explorer(stage, vocabulary is not None, leaving, most_states).run(
        Opening(count, freeze(dict(knobs)) or Data()), envelopes, tell
    )


class _Explorer:
    def __init__(self, stage: Stage, own_only: bool, leaving: bool, most_states: int) -> None:
        self.stage = stage
        self._own_only = own_only
        self._leaving = leaving
        self._most = most_states
        self._check = Check(stage.adapter, stage, 0)
        self._seen: set[Shape] = set()
        self._edges: dict[Edge, None] = {}
        self._closed: dict[str, int] = {}
        self._moves = self._refused = 0

    def run(self, opening: Opening, envelopes: int, tell: Tell) -> Exploration:
        first = self._begun(opening)
        self._seen.add(exact_shape(first))
        waiting = deque([(first, envelopes)])
        is_whole, done = True, 0
        while waiting:
            scene, left = waiting.popleft()
            for move in self._possible(scene) if left else ():
                after = self._played(scene, move)
                if after is None:
                    continue
                shape = exact_shape(after)
                if shape in self._seen:
                    continue
                if len(self._seen) >= self._most:
                    is_whole = False
                    continue
                self._seen.add(shape)
                if after.is_active:
                    waiting.append((after, left - 1))
            done += 1
            tell(Explored(done, len(waiting), len(self._seen), self._moves, envelopes - left))
        return Exploration(
            participants=opening.count,
            envelopes=envelopes,
            states=len(self._seen),
            moves=self._moves,
            refused=self._refused,
            is_whole=is_whole,
            closed=self._closed,
            edges=tuple(self._edges),
        )

    def _begun(self, opening: Opening) -> Scene:
        scene = self._held(self.stage.open(opening))
        for who in range(1, opening.count) if scene.session_id else ():
            scene = self._held(scene.play(Join(who)))
        if not scene.is_active:
            why = "no reason was given" if scene.refused is None else str(scene.refused.message)
            raise ValueError(f"expected a session that opens with these knobs, came one that does not: {why}")
        return scene

    def _held(self, scene: Scene) -> Scene:
        self._check.hold(scene)
        return scene

    def _possible(self, scene: Scene) -> Iterator[Move]:
        for agent_id in scene.members:
            place = scene.place(agent_id)
            drafts = drafts_of(self.stage.own_makers, place) if self._own_only else self.stage.drafts(place)
            for one in scene.tried_by(agent_id, drafts):
                if one.error is None:
                    yield scene.say(agent_id, one.draft)
                else:
                    self._refused += 1
        if scene.waits_until_ms is not None:
            yield Wait(max(scene.waits_until_ms - scene.now_ms, 1))
        if self._leaving:
            for who in scene.places(scene.members):
                yield Leave(who)

    def _played(self, scene: Scene, move: Move) -> Scene | None:
        after = self._held(scene.play(move))
        if after.refused is not None:
            self._refused += 1
            return None
        self._moves += 1
        if after.closed_as is not None:
            self._closed[after.closed_as] = self._closed.get(after.closed_as, 0) + 1
        self._edges[Edge(self._kind(scene), _told(scene, move, self._own_only), self._kind(after))] = None
        return after

    def _kind(self, scene: Scene) -> str:
        """Tell a scene by its kind, and by what may be said where that is known."""
        if not self._own_only or not scene.is_active:
            return kind_of(scene)
        may = {
            one.draft.event_type
            for who in scene.expected or scene.members
            for one in scene.tried_by(who, drafts_of(self.stage.own_makers, scene.place(who)))
            if one.error is None
        }
        return f"{kind_of(scene)} - {' or '.join(sorted(may))}" if may else kind_of(scene)


def kind_of(scene: Scene) -> str:
    """Tell a scene by who owes a turn, or may speak where nobody does; or by how it ended."""
    if not scene.is_live:
        return f"over, {scene.closed_as}" if scene.closed_as is not None else "dormant"
    names = scene.stage.names
    if scene.expected:
        return f"turn of {', '.join([names[one] for one in scene.expected])}"
    may = {who: None for who, _ in scene.choices}
    told = "open to all" if len(may) == len(scene.members) else f"open to {', '.join([names[one] for one in may])}"
    return told if may else "waiting"


def _told(scene: Scene, move: Move, with_data: bool) -> str:
    """What a move is called in the picture: by its event, and what it carries where the tester said what there is."""
    people = list(scene.stage.names.values())
    match move:
        case Say(who, event_type, data):
            told = [f"{key} {in_names(scene, str(value))}" for key, value in data.items() if isinstance(value, str | int)]
            more = _UNDRAWN.sub("", ", ".join(told))[:40] if with_data else ""
            return f"{people[who]} {event_type}" + (f" ({more})" if more else "")
        case Leave(who):
            return f"{people[who]} leaves"
        case _:
            return "time passes"


def _joined(what: list[str]) -> str:
    """Several labels as one: those of many people and one event are told by the event."""
    by_event: dict[str, list[str]] = {}
    for one in what:
        who, _, event = one.partition(" ")
        by_event.setdefault(event, []).append(who)
    told = [f"{'/'.join(sorted(set(who)))} {event}" for event, who in by_event.items()]
    return " or ".join(told[:4]) + (f" or {len(told) - 4} more" if len(told) > 4 else "")
