"""The persistent sorted set against Python's own set, with enough keys that its nodes split and join."""

from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub_core.ordered import WIDTH, Ordered, _Branch, _Leaf, _Node

Key = tuple[int, str]

NARROWEST = WIDTH // 4


def key(number: int) -> Key:
    return (number // 3, f"n{number % 3}")


@dataclass(frozen=True)
class Run:
    """Many keys added or removed one after another."""

    adds: bool
    first: int
    count: int
    stride: int
    order: str
    seed: int

    def listed(self) -> list[Key]:
        numbers = list(range(self.first, self.first + self.count * self.stride, self.stride))
        if self.order == "descending":
            numbers.reverse()
        if self.order == "random":
            Random(self.seed).shuffle(numbers)
        return [key(number) for number in numbers]


runs = st.builds(
    Run,
    adds=st.booleans(),
    first=st.integers(0, 4000),
    count=st.one_of(st.integers(0, 100), st.integers(1000, 4000)),
    stride=st.integers(1, 3),
    order=st.sampled_from(["ascending", "descending", "random"]),
    seed=st.integers(0, 9),
)


def check_shape(node: _Node[Key], *, root: bool) -> tuple[int, list[Key]]:
    """Check a node and all below it; gives its height and its keys."""
    if isinstance(node, _Leaf):
        assert len(node.keys) <= WIDTH
        assert root or len(node.keys) > NARROWEST
        return 0, list(node.keys)
    assert isinstance(node, _Branch)
    assert len(node.children) <= WIDTH
    assert len(node.children) > (1 if root else NARROWEST)
    assert len(node.firsts) == len(node.children) - 1
    below = [check_shape(child, root=False) for child in node.children]
    heights = {height for height, _ in below}
    assert len(heights) == 1, "all leaves are at one depth"
    for (_, left), turn, (_, right) in zip(below, node.firsts, below[1:], strict=False):
        assert left[-1] < turn <= right[0]
    return 1 + heights.pop(), [one for _, keys in below for one in keys]


def height(ordered: Ordered[Key]) -> int:
    return check_shape(ordered._root, root=True)[0]


@settings(max_examples=60, deadline=None)
@given(st.lists(runs, min_size=1, max_size=6), st.lists(st.integers(-1, 13000), max_size=10))
def test_it_holds_what_a_set_holds_in_order(history: list[Run], asked: list[int]) -> None:
    ordered, model = Ordered[Key](), set[Key]()
    for run in history:
        for one in run.listed():
            ordered = ordered.add(one) if run.adds else ordered.remove(one)
        model = model.union(run.listed()) if run.adds else model.difference(run.listed())
        expected = sorted(model)
        assert check_shape(ordered._root, root=True)[1] == expected
        assert list(ordered) == expected
        assert len(ordered) == len(expected)
        assert ordered.first() == (expected[0] if expected else None)
        assert ordered == Ordered(model)
        for number in asked:
            assert (key(number) in ordered) == (key(number) in model)
            assert list(ordered.after(key(number))) == [one for one in expected if one > key(number)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200)), max_size=400))
def test_every_version_stays_as_it_was(changes: list[tuple[bool, int]]) -> None:
    versions = [Ordered[Key]()]
    held: list[frozenset[Key]] = [frozenset()]
    for adds, number in changes:
        before, one = versions[-1], key(number)
        versions.append(before.add(one) if adds else before.remove(one))
        held.append(held[-1] | {one} if adds else held[-1] - {one})
    assert [frozenset(version) for version in versions] == held


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 6000))
def test_built_at_once_it_has_the_shape_of_one_that_grew(count: int) -> None:
    keys = [key(number) for number in range(count)]
    assert check_shape(Ordered(keys)._root, root=True)[1] == keys


@pytest.mark.parametrize("order", ["ascending", "descending", "random"])
def test_it_grows_and_shrinks_by_whole_levels(order: str) -> None:
    run = Run(adds=True, first=0, count=6000, stride=1, order=order, seed=4)
    ordered = Ordered[Key]()
    heights = {height(ordered)}
    for at, one in enumerate(run.listed()):
        ordered = ordered.add(one)
        if at % 100 == 0:
            heights.add(height(ordered))
    assert heights == {0, 1, 2}
    for at, one in enumerate(run.listed()):
        ordered = ordered.remove(one)
        if at % 100 == 0:
            height(ordered)
    assert height(ordered) == 0
    assert ordered == Ordered[Key]()
