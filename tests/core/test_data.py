"""Frozen data: a dict to whoever reads it, sorted, hashable, and closed to whoever would change it."""

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub.testing.strategies import data, plain_data, plain_values, values
from foldhub_core.data import (
    HARD_DEPTH,
    INT_MAX,
    INT_MIN,
    Data,
    FrozenDict,
    check_float,
    check_int,
    check_text,
    freeze,
    freeze_value,
)
from foldhub_core.errors import Malformed

few = settings(max_examples=40, deadline=None)


def pickled(value: object) -> object:
    return pickle.loads(pickle.dumps(value))


COPIES = (copy.copy, copy.deepcopy, pickled)


def as_frozen(value: object) -> object:
    """A plain tree as it must be when it is frozen, built without the core."""
    if isinstance(value, dict):
        return {key: as_frozen(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return tuple([as_frozen(item) for item in value])
    return 0.0 if type(value) is float and value == 0 else value


def leaves(value: object) -> list[object]:
    """All that is in a tree, in order, with its types: where `==` says that 1 is True."""
    if isinstance(value, dict):
        return [dict, *[part for key, item in value.items() for part in (key, *leaves(item))]]
    if isinstance(value, tuple):
        return [tuple, len(value), *[part for item in value for part in leaves(item)]]
    return [type(value), repr(value)]


def nested(depth: int) -> dict[str, object]:
    """Maps in maps, this many."""
    tree: dict[str, object] = {}
    for _ in range(depth - 1):
        tree = {"a": tree}
    return tree


def nested_in_lists(depth: int) -> dict[str, object]:
    """A map with lists in lists, this many levels in all."""
    inner: list[object] = []
    for _ in range(depth - 2):
        inner = [inner]
    return {"a": inner}


# --- what it holds


@few
@given(plain_data())
def test_it_holds_what_was_frozen_with_sorted_keys_and_tuples_for_lists(plain: dict[str, object]) -> None:
    assert leaves(freeze(plain)) == leaves(as_frozen(plain))


@few
@given(plain_values())
def test_a_single_value_is_frozen_like_one_in_a_map(value: object) -> None:
    assert leaves(freeze_value(value)) == leaves(freeze({"a": value})["a"])


@few
@given(plain_data())
def test_every_map_in_it_is_frozen(plain: dict[str, object]) -> None:
    def maps(value: object) -> list[object]:
        items = list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else []
        return [value] * isinstance(value, dict) + [found for item in items for found in maps(item)]

    assert {type(found) for found in maps(freeze(plain))} == {Data}


def test_the_constructor_freezes_too() -> None:
    assert leaves(Data({"b": [1, {"d": 1, "c": 2}], "a": None})) == leaves(freeze({"a": None, "b": (1, {"c": 2, "d": 1})}))


def test_the_constructor_without_items_gives_an_empty_map() -> None:
    assert Data() == {}


def test_what_is_frozen_is_given_back_as_it_is() -> None:
    frozen = freeze({"a": 1})
    assert freeze(frozen) is frozen


def test_what_was_frozen_does_not_change_with_its_source() -> None:
    source: dict[str, Any] = {"a": [1], "b": {}}
    frozen = freeze(source)
    source["a"].append(2)
    source["b"]["c"] = 3
    assert frozen == {"a": (1,), "b": {}}


@pytest.mark.parametrize("number", [INT_MIN, INT_MAX, 0.1, 0.0, 5e-324])
def test_numbers_at_the_edges_are_kept(number: float) -> None:
    assert leaves(freeze({"a": number})["a"]) == leaves(number)


# --- equal, hashed, copied, shown


@few
@given(plain_data())
def test_it_equals_a_dict_of_the_same_content(plain: dict[str, object]) -> None:
    assert freeze(plain) == as_frozen(plain)


@few
@given(plain_data(), st.randoms(use_true_random=False))
def test_the_order_it_was_built_in_does_not_matter(plain: dict[str, object], shuffle: Any) -> None:
    pairs = list(plain.items())
    shuffle.shuffle(pairs)
    assert list(freeze(dict(pairs)).items()) == list(freeze(plain).items())


def test_it_differs_from_other_content() -> None:
    assert freeze({"a": {"b": 1}}) != freeze({"a": {"b": 2}})


@few
@given(plain_data())
def test_equal_maps_have_equal_hashes(plain: dict[str, object]) -> None:
    assert hash(freeze(plain)) == hash(freeze(dict(reversed(plain.items()))))


def test_different_maps_have_different_hashes() -> None:
    assert len({hash(freeze({"a": number})) for number in range(100)}) > 90


@pytest.mark.parametrize("copied", COPIES)
@few
@given(frozen=data())
def test_a_copy_is_the_same_frozen_data(copied: Callable[[object], object], frozen: Data) -> None:
    again = copied(frozen)
    assert (type(again), leaves(again), hash(again)) == (Data, leaves(frozen), hash(frozen))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_way_of_pickling_gives_the_same_frozen_data(protocol: int) -> None:
    frozen = freeze({"a": [1, {"b": None}], "c": "ä"})
    assert leaves(pickle.loads(pickle.dumps(frozen, protocol))) == leaves(frozen)


def test_its_repr_names_its_class_and_content() -> None:
    assert repr(freeze({"a": 1})) == "Data({'a': 1})"


@few
@given(data())
def test_the_standard_library_writes_it_as_json(frozen: Data) -> None:
    assert leaves(freeze(json.loads(json.dumps(frozen)))) == leaves(frozen)


@few
@given(data())
def test_msgspec_writes_it_as_a_dict_with_sorted_keys(frozen: Data) -> None:
    assert msgspec.msgpack.encode(frozen) == msgspec.msgpack.encode(as_frozen(frozen))


# --- closed


MUTATIONS: dict[str, Callable[[Any], object]] = {
    "setitem": lambda frozen: frozen.__setitem__("a", 2),
    "setitem of a new key": lambda frozen: frozen.__setitem__("z", 2),
    "delitem": lambda frozen: frozen.__delitem__("a"),
    "ior": lambda frozen: frozen.__ior__({"a": 2}),
    "clear": lambda frozen: frozen.clear(),
    "pop": lambda frozen: frozen.pop("a"),
    "pop with a default": lambda frozen: frozen.pop("z", None),
    "popitem": lambda frozen: frozen.popitem(),
    "setdefault": lambda frozen: frozen.setdefault("z", 2),
    "update": lambda frozen: frozen.update({"a": 2}),
    "update by name": lambda frozen: frozen.update(a=2),
}


@pytest.mark.parametrize("cls", [Data, FrozenDict])
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_mutator_is_refused(mutation: Callable[[Any], object], cls: type[Data | FrozenDict[object]]) -> None:
    with pytest.raises(TypeError, match=f"{cls.__name__} is frozen"):
        mutation(cls({"a": 1}))


def test_every_method_of_dict_that_changes_one_is_among_the_mutators() -> None:
    reads = {"copy", "fromkeys", "get", "items", "keys", "values"}
    methods = {name for name in dir(dict) if not name.startswith("_")}
    operators = {name for name in dir(dict) if name.startswith(("__set", "__del", "__i"))} - {"__setattr__", "__delattr__"}
    operators -= {"__init__", "__init_subclass__", "__iter__"}
    assert {vars(FrozenDict)[name].__name__ for name in (methods - reads) | operators} == {"_refuse"}


def test_it_takes_no_attributes() -> None:
    with pytest.raises(AttributeError):
        setattr(freeze({}), "note", 1)  # noqa: B010 - what type checkers refuse must be refused at run time too


def test_a_union_gives_a_plain_dict() -> None:
    merged = freeze({"a": 1}) | {"a": 2}
    assert (type(merged), merged) == (dict, {"a": 2})


# --- maps of records and texts


@few
@given(st.dictionaries(st.text(), st.integers()))
def test_a_frozen_dict_sorts_its_keys(plain: dict[str, int]) -> None:
    assert list(FrozenDict(plain).items()) == sorted(plain.items())


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_of_a_frozen_dict_is_one(copied: Callable[[object], object]) -> None:
    again = copied(FrozenDict({"b": 1, "a": 2}))
    assert (type(again), again) == (FrozenDict, {"a": 2, "b": 1})


# --- what cannot be frozen


CYCLE: list[object] = []
CYCLE.append(CYCLE)
CYCLIC_MAP: dict[str, object] = {}
CYCLIC_MAP["a"] = CYCLIC_MAP


class Text(str):
    __slots__ = ()


REFUSED: dict[str, object] = {
    "not a number": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "an integer too large": INT_MAX + 1,
    "an integer too small": INT_MIN - 1,
    "an integer of 70 bits": 2**70,
    "an integer of many digits": 10**5000,
    "a lone surrogate": "\ud800",
    "bytes": b"a",
    "a set": {1},
    "an object": object(),
    "a subclass of text": Text("a"),
    "a surrogate in a key": {"\udfff": 1},
    "a number as a key": {1: 1},
    "None as a key": {None: 1},
    "a boolean as a key": {True: 1},
    "a list that holds itself": CYCLE,
    "a map that holds itself": CYCLIC_MAP,
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_frozen_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        freeze_value(value)


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_the_constructor_refuses_what_freezing_refuses(value: object) -> None:
    with pytest.raises(Malformed):
        Data({"a": value})


@pytest.mark.parametrize("value", [None, [], "a", 1, [("a", 1)]])
def test_only_a_map_is_frozen_as_a_map(value: Any) -> None:
    with pytest.raises(Malformed, match="expected a map"):
        freeze(value)


@pytest.mark.parametrize(
    ("plain", "where"),
    [
        ({"a": b""}, "a"),
        ({"a": {"b": b""}}, "a.b"),
        ({"a": [0, b""]}, "a[1]"),
        ({"a": [{"b": [[], [b""]]}]}, "a[0].b[1][0]"),
        ({1: 0}, "a key"),
        ({"a": {1: 0}}, "a.a key"),
        ({"ä": {"ö": "\ud800"}}, "ä.ö"),
        ({"a": float("nan")}, "a"),
        ({"a": [2**70]}, "a[0]"),
        ({"k" * 1000: b""}, "k" * 60 + "..."),
    ],
)
def test_a_refusal_names_the_place(plain: dict[str, object], where: str) -> None:
    with pytest.raises(Malformed) as refused:
        freeze(plain)
    assert refused.value.where == where


@given(value=plain_values().filter(lambda value: isinstance(value, list | dict)), bad=st.sampled_from(list(REFUSED.values())))
@few
def test_a_refusal_never_depends_on_what_stands_beside(value: object, bad: object) -> None:
    with pytest.raises(Malformed):
        freeze({"a": value, "b": bad})


@pytest.mark.parametrize("tree", [nested, nested_in_lists])
def test_a_tree_of_the_hard_depth_is_frozen(tree: Callable[[int], dict[str, object]]) -> None:
    assert freeze(tree(HARD_DEPTH)) == as_frozen(tree(HARD_DEPTH))


@pytest.mark.parametrize("tree", [nested, nested_in_lists])
def test_a_deeper_tree_is_refused(tree: Callable[[int], dict[str, object]]) -> None:
    with pytest.raises(Malformed, match=f"at most {HARD_DEPTH} deep"):
        freeze(tree(HARD_DEPTH + 1))


def test_a_long_name_above_many_values_costs_nothing_for_each() -> None:
    # Naming the place of each of these values would copy fifty thousand million characters.
    assert len(freeze({"k" * 1_000_000: [0] * 50_000})) == 1


# --- the checks of single values


@given(st.text())
@few
def test_text_is_given_back(text: str) -> None:
    assert check_text(text) == text


@pytest.mark.parametrize("value", [None, b"a", 1, Text("a"), "\ud800", "ä\udc00"])
def test_other_than_text_is_refused(value: object) -> None:
    with pytest.raises(Malformed, match="expected text"):
        check_text(value)


@pytest.mark.parametrize("value", [INT_MIN, -1, 0, INT_MAX])
def test_an_integer_is_given_back(value: int) -> None:
    assert check_int(value) == value


@pytest.mark.parametrize("value", [INT_MIN - 1, INT_MAX + 1, True, 1.0, "1", None])
def test_other_than_a_64_bit_integer_is_refused(value: object) -> None:
    with pytest.raises(Malformed, match="expected a 64-bit integer"):
        check_int(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
@few
def test_a_finite_number_is_given_back(value: float) -> None:
    assert check_float(value) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1, True, "1", None])
def test_other_than_a_finite_number_is_refused(value: object) -> None:
    with pytest.raises(Malformed, match="expected a finite number"):
        check_float(value)


@few
@given(values())
def test_freezing_again_changes_nothing(value: object) -> None:
    assert leaves(freeze_value(value)) == leaves(value)


def test_the_negative_zero_is_frozen_as_the_other() -> None:
    assert str(freeze({"a": -0.0})["a"]) == "0.0"


def test_what_a_map_of_ones_own_gives_as_its_items_is_frozen() -> None:
    class Told(dict[str, object]):
        """A map that says other things than it holds."""

        def items(self) -> Any:
            return [("a", "said")]

    assert freeze(Told(a=[1])) == {"a": "said"}
