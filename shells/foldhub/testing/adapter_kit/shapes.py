"""The shape of a protocol's state: what is left of it when ids are called by their places, and times by their order.

Two sessions that differ in nothing but when things happened, and in how many words came before, have states of one shape.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, cast

from foldhub_core.codec import unpack

from .scene import BEGIN_MS, Scene
from .writing import written_state

Shape: TypeAlias = Any
"""Nested tuples of leaves that compare. Any: they nest."""

_ID = re.compile(r"[a-z0-9-]+:([aest]):[a-s][0-9]+(-[a-s][0-9]+)?")
_YEARS_MS = 10 * 365 * 24 * 3600 * 1000


def exact_shape(scene: Scene) -> Shape:
    """Tell apart all that is different in more than names: what is explored once is not explored again."""
    return (_where(scene), _Shaper(scene).shape(_unpacked(scene.state)))


def rough_shape(scene: Scene) -> Shape:
    """Tell apart what is different in kind: numbers count by their size. What is new in kind is worth going on from."""
    return (_where(scene), tuple(scene.places(scene.expected)), _Shaper(scene, rough=True).shape(_unpacked(scene.state)))


def size(state: object) -> int:
    """How large a state is as it is written, where every number counts the same, and every id."""
    written = written_state(state)
    return 0 if written is None else size_of(unpack(written))


def told_texts(state: object) -> frozenset[str]:
    """All texts that stand in a state."""
    written = written_state(state)
    return frozenset() if written is None else frozenset(_texts(unpack(written)))


def _where(scene: Scene) -> Shape:
    entry = scene.entry
    if entry is None:
        return ("over", scene.closed_as)
    session = entry.session
    people = (tuple(scene.places(entry.members)), tuple(scene.places(session.pending_acks)), tuple(scene.places(entry.hidden)))
    return (session.state.value, people, entry.dormant is not None, scene.opening)


def _unpacked(state: object) -> object:
    written = None if state is None else written_state(state)
    return repr(state) if written is None else unpack(written)


class _Shaper:
    """Calls ids by their places and envelopes by the order in which they are met."""

    def __init__(self, scene: Scene, *, rough: bool = False) -> None:
        self._people = {agent_id: at for at, agent_id in enumerate(scene.stage.people)}
        self._now_ms = scene.now_ms
        self._rough = rough
        self._met: dict[object, int] = {}

    def shape(self, value: object) -> Shape:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bool) or value is None:
            return (type(value).__name__, value)
        if isinstance(value, int):
            return self._number(value)
        if isinstance(value, list | tuple):
            return tuple([self.shape(item) for item in cast("list[object]", value)])
        if isinstance(value, Mapping):
            items = cast("Mapping[object, object]", value).items()
            return ("map", *[(self.shape(key), self.shape(item)) for key, item in items])
        return (type(value).__name__, value)

    def _text(self, text: str) -> Shape:
        if text in self._people:
            return ("who", self._people[text])
        if _ID.fullmatch(text):
            return ("id",) if self._rough else ("id", self._met.setdefault(text, len(self._met)))
        return ("long", len(text).bit_length()) if self._rough and len(text) > 40 else text

    def _number(self, number: int) -> Shape:
        if abs(number - BEGIN_MS) < _YEARS_MS:
            # What matters of a time is how far it is from now, but not to the millisecond of a move.
            away = number - self._now_ms
            return ("time", (away > 0) - (away < 0)) if self._rough else ("time", (away + 500) // 1000)
        return ("about", number.bit_length(), number < 0) if self._rough and abs(number) > 3 else ("int", number)


def size_of(value: object) -> int:
    """How large a value of lists, maps and leaves is, as above."""
    if isinstance(value, str):
        return 8 if _ID.fullmatch(value) else 1 + len(value.encode())
    if isinstance(value, bytes):
        return 1 + len(value)
    return 1 + sum([size_of(item) for item in _inside(value)])


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in _inside(value):
        yield from _texts(item)


def _inside(value: object) -> list[object]:
    """What stands in a list or a map, keys too."""
    if isinstance(value, list | tuple):
        return list(cast("list[object]", value))
    if isinstance(value, Mapping):
        return [one for item in cast("Mapping[object, object]", value).items() for one in item]
    return []
