"""What a field may hold, by its declared type: exactly that, where Python itself is more generous."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from immutables import Map

from foldhub.testing.strategies import plain_data, plain_values
from foldhub_core.data import INT_MAX, Data, FrozenDict, Value, freeze, freeze_value
from foldhub_core.errors import Malformed, unexpected
from foldhub_core.exact import EMPTY, exact_converter, hook_of, is_list, placed_hook_of
from foldhub_core.identity import Auth, Cost

few = settings(max_examples=40, deadline=None)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


def as_built(declared: type) -> Any:
    """Nested records come built."""

    def hook(value: object) -> object:
        if type(value) is not declared:
            raise unexpected(f"a {declared.__name__}", value)
        return value

    return hook


CONVERTER = exact_converter(as_built, lambda value: ("anything", value))
FREE = Mapping[str, object]
TEXTS = Mapping[str, str]


def read(declared: Any, value: object) -> Any:
    return hook_of(CONVERTER, declared)(value)


ACCEPTED: list[tuple[Any, object, object]] = [
    (str, "ä", "ä"),
    (int, INT_MAX, INT_MAX),
    (float, 1.5, 1.5),
    (float, 2**53, float(2**53)),
    (float, -(2**53), -float(2**53)),
    (bool, True, True),
    (bytes, b"a", b"a"),
    (type(None), None, None),
    (Value, None, None),
    (Value, [1, {"a": []}], (1, {"a": ()})),
    (object, "x", ("anything", "x")),
    (Colour, "red", Colour.RED),
    (Colour, Colour.BLUE, Colour.BLUE),
    (Literal["a", "b"], "b", "b"),
    (tuple[str, ...], ["a", "ä"], ("a", "ä")),
    (tuple[str, ...], (), ()),
    (tuple[int, ...], [1, 2], (1, 2)),
    (tuple[int, ...], (1, 2), (1, 2)),
    (tuple[str, int], ["a", 1], ("a", 1)),
    (tuple[tuple[str, str], ...], [["a", "b"]], (("a", "b"),)),
    (FREE, {"a": [1]}, {"a": (1,)}),
    (TEXTS, {"b": "1", "a": "ä"}, {"a": "ä", "b": "1"}),
    (Mapping[str, tuple[int, ...]], {"a": [1]}, {"a": (1,)}),
    (Mapping[str, Cost], {"a": Cost()}, {"a": Cost()}),
    (Cost, Cost(), Cost()),
    (int | None, None, None),
    (int | None, 1, 1),
    (str | int, 1, 1),
    (str | int, "1", "1"),
    (str | int | None, None, None),
    (Cost | Auth, Auth(), Auth()),
]

REFUSED: list[tuple[Any, object]] = [
    (str, 1),
    (str, b"a"),
    (str, None),
    (str, Text("a")),
    (str, Colour.RED),
    (str, "\ud800"),
    (int, True),
    (int, 1.0),
    (int, "1"),
    (int, Whole(1)),
    (int, INT_MAX + 1),
    (float, True),
    (float, "1"),
    (float, float("nan")),
    (float, float("inf")),
    (float, 2**53 + 1),
    (float, -(2**53) - 1),
    (bool, 1),
    (bool, "true"),
    (bool, None),
    (bytes, "a"),
    (bytes, bytearray(b"a")),
    (type(None), 0),
    (Value, b"a"),
    (Value, float("nan")),
    (Colour, "green"),
    (Colour, 1),
    (Colour, Text("red")),
    (Colour, ["red"]),
    (Literal["a", "b"], "c"),
    (Literal["a", "b"], ["a"]),
    (Literal["a", "b"], Text("a")),
    (tuple[str, ...], "ab"),
    (tuple[str, ...], {"a"}),
    (tuple[str, ...], {"a": 1}),
    (tuple[str, ...], iter(["a"])),
    (tuple[str, ...], None),
    (tuple[str, ...], ["a", 1]),
    (tuple[str, ...], ["a", "\ud800"]),
    (tuple[int, ...], [True]),
    (tuple[int, ...], 1),
    (tuple[str, int], ["a"]),
    (tuple[str, int], ["a", 1, 1]),
    (tuple[str, int], [1, "a"]),
    (tuple[str, int], "a1"),
    (FREE, [("a", 1)]),
    (FREE, None),
    (FREE, {1: 1}),
    (FREE, {"a": b""}),
    (TEXTS, [("a", "b")]),
    (TEXTS, {"a": 1}),
    (TEXTS, {1: "a"}),
    (TEXTS, {"\ud800": "a"}),
    (Cost, Auth()),
    (Cost, {}),
    (Cost, None),
    (int | None, "1"),
    (int | None, False),
    (str | int, None),
    (str | int, True),
    (str | int, 1.0),
    (Cost | Auth, "none"),
]


@pytest.mark.parametrize(("declared", "value", "held"), ACCEPTED)
def test_a_value_of_the_declared_type_is_held(declared: Any, value: object, held: object) -> None:
    found = read(declared, value)
    assert found == held
    assert type(found) is type(held) or isinstance(held, dict)


@pytest.mark.parametrize(("declared", "value"), REFUSED)
def test_any_other_value_is_malformed(declared: Any, value: object) -> None:
    with pytest.raises(Malformed, match="expected"):
        read(declared, value)


@pytest.mark.parametrize(("declared", "kind"), [(FREE, Data), (TEXTS, FrozenDict), (Mapping[str, Cost], FrozenDict)])
def test_a_map_is_held_frozen(declared: Any, kind: type) -> None:
    assert type(read(declared, {})) is kind


@pytest.mark.parametrize(
    "declared", [str, int, float, bool, bytes, Colour, Literal["a"], tuple[str, ...], FREE, TEXTS, str | int]
)
def test_nothing_passes_for_a_value(declared: Any) -> None:
    with pytest.raises(Malformed):
        read(declared, None)


@few
@given(st.sampled_from([str, int, float, bool]), plain_values())
def test_a_leaf_is_held_as_it_came_or_refused(declared: type, value: object) -> None:
    try:
        held = read(declared, value)
    except Malformed:
        assert type(value) is not declared
    else:
        assert type(held) is declared
        assert held == value
        assert not isinstance(value, bool) or declared is bool


@few
@given(plain_data())
def test_free_maps_are_held_as_freezing_holds_them(plain: dict[str, object]) -> None:
    assert repr(read(FREE, plain)) == repr(freeze(plain))


@few
@given(plain_values())
def test_free_values_are_held_as_freezing_holds_them(plain: object) -> None:
    assert repr(read(Value, plain)) == repr(freeze_value(plain))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (Colour, "expected one of red, blue, came str 'x'"),
        (Literal["a", "b"], "expected one of a, b, came str 'x'"),
        (int | bool, "expected int or bool, came str 'x'"),
        (tuple[int, ...], "expected a list, came str 'x'"),
        (TEXTS, "expected a map, came str 'x'"),
        (type(None), "expected nothing, came str 'x'"),
    ],
)
def test_a_refusal_says_what_was_expected_and_what_came(declared: Any, message: str) -> None:
    with pytest.raises(Malformed) as refused:
        read(declared, "x")
    assert refused.value.message == message


def test_a_refusal_of_another_count_says_both() -> None:
    with pytest.raises(Malformed, match="expected 2 items, came 3"):
        read(tuple[str, str], ["a", "b", "c"])


# --- places


@pytest.mark.parametrize(
    ("declared", "value", "where"),
    [(int, "x", "A.b"), (FREE, {"c": b""}, "A.b.c"), (FREE, {"c": [b""]}, "A.b.c[0]"), (Value, [b""], "A.b[0]")],
)
def test_a_placed_rule_says_where_it_refused(declared: Any, value: object, where: str) -> None:
    with pytest.raises(Malformed) as refused:
        placed_hook_of(CONVERTER, declared, "A.b")(value)
    assert refused.value.where == where


def test_a_placed_rule_gives_what_the_rule_gives() -> None:
    assert placed_hook_of(CONVERTER, tuple[str, ...], "A.b")(["a"]) == ("a",)


# --- small things


@pytest.mark.parametrize(("value", "answer"), [([], True), ((), False), ("", False), (None, False)])
def test_a_list_is_exactly_a_list(value: object, answer: bool) -> None:
    assert is_list(value) is answer


def test_the_empty_map_is_frozen_data() -> None:
    assert (type(EMPTY), EMPTY) == (Data, {})


def test_a_persistent_map_is_held_as_it_is() -> None:
    held: Map[str, int] = Map({"a": 1})
    assert read(Map[str, int], held) is held


def test_any_other_map_is_no_persistent_one() -> None:
    with pytest.raises(Malformed, match="a persistent map"):
        read(Map[str, int], {"a": 1})


def test_a_type_without_a_rule_has_no_fields() -> None:
    with pytest.raises(TypeError, match="no rule"):
        read(set[int], {1})


def test_a_converter_goes_by_the_same_rules_where_it_is_asked_itself() -> None:
    converter = exact_converter(as_built, lambda value: value)
    assert converter.structure(5, int) == 5
    with pytest.raises(Malformed):
        converter.structure(True, int)
