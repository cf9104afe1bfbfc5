"""A persistent sorted set: what keeps an order that hashing does not.

Maps and sets of text iterate differently in every process, so nothing the hub emits may come from iterating one. Where an
order is needed at size (the agenda by time, the directory by name), it is kept here: a tree of tuples, at most 64 wide, in
which a change copies one path. Adding, removing and finding cost O(log n); so does the first of many. Equal by content,
whatever the history.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import Generic, TypeVar, cast

K = TypeVar("K", bound=tuple[object, ...])

WIDTH = 64
"""The most entries of a node: one more splits it in two, and one that is left with a quarter joins its neighbour."""


class _Leaf(Generic[K]):
    __slots__ = ("keys",)

    def __init__(self, keys: tuple[K, ...]) -> None:
        self.keys = keys


class _Branch(Generic[K]):
    __slots__ = ("children", "firsts")

    def __init__(self, firsts: tuple[K, ...], children: "tuple[_Node[K], ...]") -> None:
        self.firsts = firsts
        """The least key of each child but the first, or less: where to turn."""
        self.children = children


_Node = _Leaf[K] | _Branch[K]


class Ordered(Generic[K]):
    """A sorted set of tuples that can be compared with each other."""

    __slots__ = ("_count", "_root")

    def __init__(self, keys: Iterable[K] = (), *, _made: "tuple[_Node[K], int] | None" = None) -> None:
        made = _built(sorted(set(keys))) if _made is None else _made
        self._root: _Node[K] = made[0]
        self._count: int = made[1]

    def add(self, key: K) -> "Ordered[K]":
        """Give the set with this key in it."""
        nodes = _added(self._root, key)
        if nodes is None:
            return self
        return Ordered(_made=(nodes[0] if len(nodes) == 1 else _branch(nodes), self._count + 1))

    def remove(self, key: K) -> "Ordered[K]":
        """Give the set without this key."""
        root = _removed(self._root, key)
        if root is None:
            return self
        while isinstance(root, _Branch) and len(root.children) == 1:
            root = root.children[0]
        return Ordered(_made=(root, self._count - 1))

    def first(self) -> K | None:
        """The least key, or None."""
        node = self._root
        while isinstance(node, _Branch):
            node = node.children[0]
        return node.keys[0] if node.keys else None

    def after(self, key: K | None) -> Iterator[K]:
        """All keys greater than this one, ascending; all keys for None."""
        return _walk(self._root, key)

    def __contains__(self, key: K) -> bool:
        node = self._root
        while isinstance(node, _Branch):
            node = node.children[bisect_right(node.firsts, key)]
        at = bisect_left(node.keys, key)
        return at < len(node.keys) and node.keys[at] == key

    def __iter__(self) -> Iterator[K]:
        return _walk(self._root, None)

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ordered):
            return NotImplemented
        if self is other:
            return True
        theirs = cast("Ordered[K]", other)
        return len(self) == len(theirs) and all(mine == their for mine, their in zip(self, theirs, strict=True))

    __hash__ = None  # type: ignore[assignment]  # a set of the state: compared, never a key

    def __repr__(self) -> str:
        return f"Ordered({list(self)!r})"


def each_once(sets: Iterable[Ordered[tuple[str]]], cursor: str | None) -> Iterator[tuple[str]]:
    """All ids that are in any of these sets, after a cursor, ascending and each once."""
    before: tuple[str] | None = None
    after = None if cursor is None else (cursor,)
    for key in merge(*[one.after(after) for one in sets]):
        if key != before:
            yield key
        before = key


def _built(keys: list[K]) -> "tuple[_Node[K], int]":
    level: list[_Node[K]] = [_Leaf(tuple(keys[begin:end])) for begin, end in _even(len(keys))]
    while len(level) > 1:
        level = [_branch(tuple(level[begin:end])) for begin, end in _even(len(level))]
    return level[0], len(keys)


def _even(count: int) -> list[tuple[int, int]]:
    """Cut so many entries into as few nodes as hold them, none of them narrow."""
    nodes = max(1, -(-count // WIDTH))
    return [(count * at // nodes, count * (at + 1) // nodes) for at in range(nodes)]


def _least(node: "_Node[K]") -> K:
    while isinstance(node, _Branch):
        node = node.children[0]
    return node.keys[0]


def _branch(children: "tuple[_Node[K], ...]") -> "_Branch[K]":
    return _Branch(tuple([_least(child) for child in children[1:]]), children)


def _size(node: "_Node[K]") -> int:
    return len(node.keys) if isinstance(node, _Leaf) else len(node.children)


def _split(node: "_Node[K]") -> "tuple[_Node[K], ...]":
    """Cut a node that has grown too wide in two."""
    if _size(node) <= WIDTH:
        return (node,)
    half = _size(node) // 2
    if isinstance(node, _Leaf):
        return _Leaf(node.keys[:half]), _Leaf(node.keys[half:])
    return (
        _Branch(node.firsts[: half - 1], node.children[:half]),
        _Branch(node.firsts[half:], node.children[half:]),
    )


def _added(node: "_Node[K]", key: K) -> "tuple[_Node[K], ...] | None":
    """The one or two nodes that stand for this one with the key added; None where it was there."""
    if isinstance(node, _Leaf):
        at = bisect_left(node.keys, key)
        if at < len(node.keys) and node.keys[at] == key:
            return None
        return _split(_Leaf((*node.keys[:at], key, *node.keys[at:])))
    at = bisect_right(node.firsts, key)
    grown = _added(node.children[at], key)
    if grown is None:
        return None
    firsts = node.firsts if len(grown) == 1 else (*node.firsts[:at], _least(grown[1]), *node.firsts[at:])
    return _split(_Branch(firsts, (*node.children[:at], *grown, *node.children[at + 1 :])))


def _removed(node: "_Node[K]", key: K) -> "_Node[K] | None":
    """The node without the key, perhaps narrow; None where it was not there."""
    if isinstance(node, _Leaf):
        at = bisect_left(node.keys, key)
        if at == len(node.keys) or node.keys[at] != key:
            return None
        return _Leaf((*node.keys[:at], *node.keys[at + 1 :]))
    at = bisect_right(node.firsts, key)
    child = _removed(node.children[at], key)
    if child is None:
        return None
    if _size(child) > WIDTH // 4:
        return _Branch(node.firsts, (*node.children[:at], child, *node.children[at + 1 :]))
    left = max(at - 1, 0)
    pair = (node.children[left], child) if left < at else (child, *node.children[1:2])
    joined = _joined(pair)
    firsts = [_least(part) for part in joined[1:]]
    return _Branch(
        (*node.firsts[:left], *firsts, *node.firsts[left + len(pair) - 1 :]),
        (*node.children[:left], *joined, *node.children[left + len(pair) :]),
    )


def _joined(pair: "tuple[_Node[K], ...]") -> "tuple[_Node[K], ...]":
    """Make one node of two neighbours, or two of fair width; a node with nothing in it goes."""
    if all(isinstance(node, _Leaf) for node in pair):
        leaves = cast("tuple[_Leaf[K], ...]", pair)
        return _split(_Leaf(tuple([key for leaf in leaves for key in leaf.keys])))
    branches = cast("tuple[_Branch[K], ...]", pair)
    children = tuple([child for branch in branches for child in branch.children])
    return _split(_branch(children))


def _walk(node: "_Node[K]", key: K | None) -> Iterator[K]:
    if isinstance(node, _Leaf):
        yield from node.keys[0 if key is None else bisect_right(node.keys, key) :]
        return
    at = 0 if key is None else bisect_right(node.firsts, key)
    yield from _walk(node.children[at], key)
    for child in node.children[at + 1 :]:
        yield from _walk(child, None)
