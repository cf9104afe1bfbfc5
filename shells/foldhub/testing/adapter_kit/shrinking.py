"""Making a session that breaks a law as short as it can be made, and its payloads as plain."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import attrs

from foldhub_core import Data, NetworkError, freeze

from .moves import Close, Move, Opening, Say, Script, Wait
from .scene import Scene, Stage

MOST_TRIES = 600
MOST_SECONDS = 6.0
"""A person waits for it."""

Breaks = Callable[[Scene], bool]


def shrunk(stage: Stage, scene: Scene, breaks: Breaks) -> Scene:
    """Give the smallest session that was found whose last scene breaks the same law."""
    return _Shrinker(stage, scene, breaks).run()


class _Shrinker:
    def __init__(self, stage: Stage, scene: Scene, breaks: Breaks) -> None:
        self.stage = stage
        self.best = scene
        self._breaks = breaks
        self._left = MOST_TRIES
        self._until = time.monotonic() + MOST_SECONDS
        self._tried: set[str] = set()

    def run(self) -> Scene:
        while True:
            before = self.best
            self._drop_moves()
            self._drop_moves(others_may_speak=True)
            for simpler in (self._openings, self._payloads):
                self._try_all(simpler)
            if self.best is before or self._is_tired():
                return self.best

    def _is_tired(self) -> bool:
        return self._left <= 0 or time.monotonic() > self._until

    def _drop_moves(self, *, others_may_speak: bool = False) -> None:
        """Leave out halves, quarters, single moves; what is left may be said by whoever's turn it is then."""
        at_once = max(len(self.best.script.moves) // 2, 1)
        while at_once and not self._is_tired():
            start = 0
            while start < len(self.best.script.moves):
                moves = self.best.script.moves
                if not self._try(Script(self.best.opening, moves[:start] + moves[start + at_once :]), others_may_speak):
                    start += at_once
            at_once //= 2

    def _try_all(self, candidates: Callable[[Script], Iterator[Script]]) -> None:
        """Try what is simpler until nothing of it breaks the law any more."""
        moved = True
        while moved and not self._is_tired():
            moved = False
            for candidate in candidates(self.best.script):
                if self._try(candidate):
                    moved = True
                    break

    def _try(self, script: Script, others_may_speak: bool = False) -> bool:
        """Play a script, and keep it where it breaks the law too: as far as the scene that does."""
        key = f"{others_may_speak} {script.written()}"
        if key in self._tried or self._is_tired():
            return False
        self._tried.add(key)
        self._left -= 1
        scene = self.stage.open(script.opening)
        if self._breaks(scene):
            self.best = scene
            return True
        for move in script.moves:
            if not scene.session_id:
                return False
            scene = scene.play(_said_in_turn(scene, move) if others_may_speak else move)
            if self._breaks(scene) and scene.depth < self.best.depth + (not others_may_speak):
                self.best = scene
                return True
        return False

    def _openings(self, script: Script) -> Iterator[Script]:
        opening = script.opening
        for who in range(1, opening.count):
            yield _without(script, who)
        simpler: list[Opening] = []
        if opening.hides or opening.warns or opening.required is not None:
            plain = attrs.evolve(opening, hides=False, warns=False, required=None)
            simpler += [plain, attrs.evolve(opening, hides=False), attrs.evolve(opening, warns=False)]
            simpler.append(attrs.evolve(opening, required=None))
        simpler += [attrs.evolve(opening, count=count) for count in range(1, opening.count)]
        simpler += [attrs.evolve(opening, knobs=knobs) for knobs in _simpler_maps(opening.knobs)]
        for one in simpler:
            if one != opening:
                yield Script(
                    one, tuple([move for move in script.moves if _place(move) < one.count or script.opening.count == one.count])
                )
                yield Script(one, script.moves)

    def _payloads(self, script: Script) -> Iterator[Script]:
        for at, move in enumerate(script.moves):
            for simpler in _simpler_moves(move):
                yield Script(script.opening, (*script.moves[:at], simpler, *script.moves[at + 1 :]))


def _said_in_turn(scene: Scene, move: Move) -> Move:
    """A word of one who owes no turn becomes that of one who does."""
    owing = scene.places(scene.expected)
    return attrs.evolve(move, who=owing[0], to=None) if isinstance(move, Say) and owing and move.who not in owing else move


def _without(script: Script, who: int) -> Script:
    """The session without one of those it was opened with: everybody behind moves up."""
    moves: list[Move] = []
    for move in script.moves:
        if isinstance(move, Wait | Close):
            moves.append(move)
        elif move.who != who:
            moved = attrs.evolve(move, who=move.who - (move.who > who))
            if isinstance(moved, Say) and moved.to is not None:
                moved = attrs.evolve(moved, to=tuple([one - (one > who) for one in moved.to if one != who]))
            moves.append(moved)
    return Script(attrs.evolve(script.opening, count=script.opening.count - 1), tuple(moves))


def _place(move: Move) -> int:
    return getattr(move, "who", 0)


def _simpler_moves(move: Move) -> Iterator[Move]:
    if isinstance(move, Wait) and move.ms > 1_000:
        yield Wait(1_000)
        yield Wait(60_000)
    if not isinstance(move, Say):
        return
    if move.to is not None:
        yield attrs.evolve(move, to=None)
    for data in _simpler_maps(move.event_data):
        yield attrs.evolve(move, event_data=data)


def _simpler_maps(data: Mapping[str, object]) -> Iterator[Data]:
    """Simpler maps, the simplest first. What is no data is left out."""
    for simpler in _simpler(data):
        if isinstance(simpler, Mapping):
            try:
                yield freeze(dict(cast("Mapping[str, object]", simpler)))
            except NetworkError:
                continue


def _simpler(value: Any) -> Iterator[Any]:
    # Any: free data, whatever it holds.
    if isinstance(value, Mapping):
        items = dict(cast("Mapping[str, object]", value))
        if items:
            yield {}
        for key in items:
            yield {other: item for other, item in items.items() if other != key}
        for key, item in items.items():
            for simpler in _simpler(item):
                yield {**items, key: simpler}
    elif isinstance(value, tuple | list):
        held = list(cast("list[object]", value))
        if held:
            yield []
        for at in range(len(held)):
            yield held[:at] + held[at + 1 :]
        for at, item in enumerate(held):
            for simpler in _simpler(item):
                yield [*held[:at], simpler, *held[at + 1 :]]
    elif isinstance(value, str) and len(value) > 1:
        yield "x"
    elif isinstance(value, int | float) and not isinstance(value, bool) and value not in (0, 1):
        yield 0
        yield 1
