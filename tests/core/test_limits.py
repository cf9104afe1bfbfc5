"""Limits: their defaults, and what is refused one beyond each."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from foldhub.testing.strategies import data
from foldhub_core.data import INT_MAX, Data, freeze
from foldhub_core.errors import Malformed
from foldhub_core.limits import Limits, check_count, check_data, check_length
from tests.core.record_kinds import defaults_of, required_of

few = settings(max_examples=60, deadline=None)


def test_the_defaults_are_as_written() -> None:
    assert required_of(Limits) == []
    assert defaults_of(Limits) == {
        "text_chars": 1_000_000,
        "short_text_chars": 1_024,
        "name_chars": 128,
        "list_items": 10_000,
        "map_items": 1_000,
        "depth": 16,
        "data_items": 50_000,
        "capabilities": 256,
        "summary_chars": 16_000,
        "skill_chars": 64_000,
        "keys": 1_000,
        "key_ms": 86_400_000,
        "observed_tasks": 1_000,
        "task_bytes": 262_144,
        "tick_entries": 64,
        "refusals": 1_000,
        "refusal_window_ms": 3_600_000,
        "refusal_bytes": 1_024,
        "owed_ms": 604_800_000,
        "dead_letters": 1_000,
        "invite_timeout_ms": 30_000,
        "participants": 1_000,
        "emits": 64,
        "page_items": 1_000,
        "scan_items": 10_000,
    }


AT_LEAST_ONE = (
    "text_chars",
    "name_chars",
    "depth",
    "keys",
    "task_bytes",
    "tick_entries",
    "page_items",
    "key_ms",
    "refusal_window_ms",
    "scan_items",
    "observed_tasks",
    "owed_ms",
    "dead_letters",
    "invite_timeout_ms",
    "participants",
    "emits",
)


@pytest.mark.parametrize("field", AT_LEAST_ONE)
def test_one_is_the_least_a_hub_can_live_with(field: str) -> None:
    assert getattr(Limits(**{field: 1}), field) == 1


@pytest.mark.parametrize("field", AT_LEAST_ONE)
def test_less_than_a_hub_can_live_with_is_refused(field: str) -> None:
    with pytest.raises(Malformed, match="at least 1"):
        Limits(**{field: 0})


ADDED_TO_THE_CLOCK = ("key_ms", "owed_ms", "invite_timeout_ms")


@pytest.mark.parametrize("field", ADDED_TO_THE_CLOCK)
def test_what_is_added_to_the_clock_may_be_as_long_as_the_clock_has_room(field: str) -> None:
    assert getattr(Limits(**{field: INT_MAX // 2}), field) == INT_MAX // 2


@pytest.mark.parametrize("field", ADDED_TO_THE_CLOCK)
def test_what_is_added_to_the_clock_may_not_outrun_it(field: str) -> None:
    with pytest.raises(Malformed) as refused:
        Limits(**{field: INT_MAX // 2 + 1})
    assert refused.value.where == f"Limits.{field}"


# --- one text, one count


@pytest.mark.parametrize("text", ["", "abc", "äöü"])
def test_text_up_to_the_limit_is_accepted(text: str) -> None:
    check_length(text, 3, "a place")


def test_longer_text_is_refused_by_its_place() -> None:
    with pytest.raises(Malformed, match=r"^a place: expected at most 3 characters, came 4$"):
        check_length("abcd", 3, "a place")


@pytest.mark.parametrize("count", [0, 3])
def test_a_count_up_to_the_limit_is_accepted(count: int) -> None:
    check_count(count, 3, "a place")


def test_a_higher_count_is_refused_by_its_place() -> None:
    with pytest.raises(Malformed, match=r"^a place: expected at most 3 items, came 4$"):
        check_count(4, 3, "a place")


# --- a tree of free data: of each limit, what just fits, and what is one more

SMALL = Limits(text_chars=3, short_text_chars=2, list_items=3, map_items=4, depth=5, data_items=40)


def deep(depth: int) -> dict[str, Any]:
    tree: Any = ()
    for at in range(depth - 2):
        tree = {"a": tree} if at % 2 else [tree]
    return {"a": tree}


def wide(count: int) -> dict[str, Any]:
    """This many values in all, no list longer than three: lists of three in lists of three, and the rest."""
    rows = [[[0, 0, 0], [0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [0, 0, 0]], [[0, 0, 0]]]
    assert count >= 40
    return {"a": rows, "b": [0] * 3, "c": [0, 0] + [0] * (count - 40), "d": 0}


def size(value: object) -> int:
    """How many values are in a tree, without the tree itself."""
    items = list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else []
    return len(items) + sum(size(item) for item in items)


BOUNDS: dict[str, Callable[[int], dict[str, Any]]] = {
    "text at the top": lambda more: {"a": "x" * (3 + more)},
    "text in a list": lambda more: {"a": [1, "x" * (3 + more)]},
    "a key at the top": lambda more: {"k" * (2 + more): 1},
    "a key below": lambda more: {"a": {"k" * (2 + more): 1}},
    "a list": lambda more: {"a": [0] * (3 + more)},
    "a map at the top": lambda more: {str(key): 0 for key in range(4 + more)},
    "a map below": lambda more: {"a": {str(key): 0 for key in range(4 + more)}},
    "depth in lists and maps": lambda more: deep(5 + more),
    "depth in maps": lambda more: {"a": {"a": {"a": {"a": {}}}}} if not more else {"a": {"a": {"a": {"a": {"a": {}}}}}},
    "all values": lambda more: wide(40 + more),
}


def test_the_widest_tree_of_this_test_has_as_many_values_as_it_says() -> None:
    assert [size(freeze(wide(count))) for count in (40, 41)] == [40, 41]


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
def test_data_at_a_limit_is_accepted(bound: Callable[[int], dict[str, Any]]) -> None:
    check_data(SMALL, freeze(bound(0)), "data")


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
def test_data_one_beyond_a_limit_is_refused(bound: Callable[[int], dict[str, Any]]) -> None:
    with pytest.raises(Malformed, match="data: expected"):
        check_data(SMALL, freeze(bound(1)), "data")


@few
@given(data())
def test_every_value_is_counted_once(tree: Data) -> None:
    check_data(Limits(data_items=size(tree)), tree, "data")


@few
@given(data().filter(bool))
def test_one_value_too_many_is_refused_wherever_it_stands(tree: Data) -> None:
    with pytest.raises(Malformed, match=f"at most {size(tree) - 1} values"):
        check_data(Limits(data_items=size(tree) - 1), tree, "data")


@pytest.mark.parametrize("value", [None, True, 1, -1.5, 2**63 - 1])
def test_other_leaves_have_no_size(value: object) -> None:
    check_data(SMALL, freeze({"a": value}), "data")
