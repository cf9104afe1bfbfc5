"""How records are made: checked where they are built, closed afterwards, and equal by content."""

from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from functools import reduce
from operator import or_
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import attrs
import pytest
from hypothesis import given, settings

from foldhub.testing.strategies import records
from foldhub_core.commands import Ack
from foldhub_core.data import Value
from foldhub_core.errors import Malformed
from foldhub_core.exact import EMPTY
from foldhub_core.records import changed, checked, hot, named, record, trusted, values_of
from tests.core.record_kinds import ALL, COPIES, FROZEN, HOT, fields_of, given_values, sample

few = settings(max_examples=5, deadline=None)


class Colour(StrEnum):
    RED = "red"


@record
class Point:
    x: int
    y: int = 2


@record
class Span:
    first: int
    last: int

    def __checked__(self) -> None:
        if self.last < self.first:
            raise Malformed("expected a last not before the first", where="Span")


@named
class Move:
    point: Point
    colour: Colour = Colour.RED
    note: str | None = None


@named
class Nothing:
    pass


@hot
class Mark:
    name: str
    due_ms: int | None = None


@hot
class Loose:
    labels: Mapping[str, object]


# --- building


@pytest.mark.parametrize("made", [Point(1), Point(x=1), Point(1, y=2), Point(y=2, x=1)])
def test_a_record_takes_its_fields_by_place_and_by_name(made: Point) -> None:
    assert values_of(made) == (1, 2)


def test_a_named_record_takes_its_fields_by_name() -> None:
    assert values_of(Move(note="a", point=Point(1))) == (Point(1), Colour.RED, "a")


@pytest.mark.parametrize(
    ("cls", "places", "names"),
    [
        (Point, (), {}),
        (Point, (1, 2, 3), {}),
        (Point, (1,), {"z": 3}),
        (Mark, (), {}),
        (Move, (Point(1),), {}),
        (Nothing, (1,), {}),
    ],
)
def test_a_call_that_does_not_fit_the_fields_is_a_mistake_of_the_program(
    cls: Any, places: tuple[object, ...], names: dict[str, object]
) -> None:
    with pytest.raises(TypeError):
        cls(*places, **names)


def test_a_record_without_fields_is_built() -> None:
    assert (Nothing(), values_of(Nothing())) == (Nothing(), ())


def test_the_constructor_tells_the_types_of_its_fields() -> None:
    assert Point.__init__.__annotations__ == {"x": int, "y": int, "return": None}


def test_what_can_be_said_in_two_ways_is_held_in_one() -> None:
    assert Move(point=Point(1), colour="red").colour is Colour.RED  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [Span, checked(Span)])
def test_a_rule_across_fields_is_checked(make: Callable[..., Span]) -> None:
    with pytest.raises(Malformed, match="not before the first"):
        make(2, 1)


@pytest.mark.parametrize("make", [Span, checked(Span)])
def test_what_keeps_a_rule_across_fields_is_built(make: Callable[..., Span]) -> None:
    assert values_of(make(1, 2)) == (1, 2)


def test_a_hot_record_trusts_its_maker() -> None:
    assert values_of(Mark(1)) == (1, None)  # type: ignore[arg-type]


def test_the_checked_constructor_of_a_hot_record_does_not() -> None:
    with pytest.raises(Malformed) as refused:
        checked(Mark)(1, None)
    assert refused.value.where == "Mark.name"


def test_the_checked_constructor_converts_too() -> None:
    assert type(checked(Loose)({"a": [1]}).labels) is type(EMPTY)


@pytest.mark.parametrize("cls", [Point, Mark])
def test_the_trusted_constructor_checks_nothing(cls: type) -> None:
    assert values_of(trusted(cls)("a", "b")) == ("a", "b")


def test_the_trusted_constructor_does_not_ask_for_rules_across_fields() -> None:
    assert values_of(trusted(Span)(2, 1)) == (2, 1)


def test_what_the_trusted_constructor_makes_is_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        trusted(Point)(1, 2).x = 3  # type: ignore[misc]


# --- changing a copy


@pytest.mark.parametrize("old", [Point(1, 2), Mark("a", 1)])
def test_a_changed_copy_differs_in_what_was_changed_only(old: object) -> None:
    first, second = [field.name for field in fields_of(type(old))]
    new = changed(old, **{first: "new"})
    assert (type(new), values_of(new)) == (type(old), ("new", getattr(old, second)))


def test_changing_a_copy_leaves_the_record_as_it_was() -> None:
    old = Point(1, 2)
    changed(old, x=3)
    assert old == Point(1, 2)


def test_a_changed_copy_is_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        changed(Point(1, 2), x=3).x = 4  # type: ignore[misc]


@pytest.mark.parametrize("old", [Point(1, 2), Mark("a")])
def test_a_field_that_is_not_there_cannot_be_changed(old: object) -> None:
    with pytest.raises(AttributeError):
        changed(old, z=1)


# --- every record of the table


@pytest.mark.parametrize("cls", FROZEN)
def test_a_record_refuses_new_values(cls: type) -> None:
    made = sample(cls)
    for name in [*given_values(made), "note"]:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(made, name, None)


@pytest.mark.parametrize("cls", FROZEN)
def test_a_record_keeps_its_values(cls: type) -> None:
    made = sample(cls)
    for name in given_values(made):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(made, name)


@pytest.mark.parametrize("cls", ALL)
def test_a_record_has_no_room_for_other_attributes(cls: type) -> None:
    assert not hasattr(sample(cls), "__dict__")


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("cls", ALL)
def test_a_copy_is_an_equal_record_of_the_same_class(cls: type, copied: Callable[[object], object]) -> None:
    made = sample(cls)
    again = copied(made)
    assert (type(again), again, hash(again)) == (cls, made, hash(made))


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("cls", FROZEN)
def test_a_copy_is_frozen(cls: type, copied: Callable[[object], object]) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(copied(sample(cls)), "note", None)  # noqa: B010 - what type checkers refuse must be refused at run time too


@pytest.mark.parametrize("cls", ALL)
def test_records_of_equal_values_are_equal_and_hash_alike(cls: type) -> None:
    @few
    @given(records(cls))
    def holds(made: object) -> None:
        again = cls(**given_values(made))
        assert (again, hash(again)) == (made, hash(made))

    holds()


@pytest.mark.parametrize("cls", [cls for cls in ALL if fields_of(cls)])
def test_records_that_differ_in_a_field_are_not_equal(cls: type) -> None:
    made = sample(cls)
    for name in given_values(made):
        assert changed(made, **{name: "another"}) != made


def test_records_of_different_classes_are_not_equal() -> None:
    assert Point(1, 2).__eq__(Span(1, 2)) is NotImplemented


def test_the_repr_of_a_record_tells_its_fields() -> None:
    assert repr(Move(point=Point(1))) == "Move(point=Point(x=1, y=2), colour=<Colour.RED: 'red'>, note=None)"


@pytest.mark.parametrize("cls", [cls for cls in ALL if cls in HOT])
def test_a_hot_record_is_plain_at_run_time(cls: type) -> None:
    # Its frozen constructor would be what a step spends its time on; the wall's test holds that the core never assigns.
    assert cls.__setattr__ is vars(object)["__setattr__"]


# --- a wrong type in each field of each record

WRONG: dict[Any, list[object]] = {
    str: [1, True, b"a", None, "\ud800", ["a"]],
    int: ["1", True, 1.0, None, 2**63, b"1"],
    float: ["1", True, None, float("nan"), float("inf"), 2**60],
    bool: [1, 0, "true", None],
    bytes: ["a", None, [1], bytearray(b"a")],
    Value: [b"a", {1}, float("nan"), object()],
}


def wrong_values(declared: Any) -> list[object]:
    """Values that a field declared like this may not hold."""
    origin, arguments = get_origin(declared), get_args(declared)
    if declared in WRONG:
        return WRONG[declared]
    if NoneType in arguments:
        inner = reduce(or_, [one for one in arguments if one is not NoneType])
        return [value for value in wrong_values(inner) if value is not None]
    if origin is tuple:
        return ["ab", None, {"a": 1}, 1, [*wrong_values(arguments[0])[:1]]]
    if origin is Mapping:
        return [None, [], "a", {1: 1}, {"\ud800": 1}, {"a": b"" if arguments[1] is object else object()}]
    if origin is Literal or (isinstance(declared, type) and issubclass(declared, Enum)):
        return ["no such word", "", 1, None, ["a"]]
    return [None, 1, {}, [], object()] if declared != str | int else [None, True, 1.5, b"1", 2**63, "\ud800"]


@pytest.mark.parametrize(
    ("cls", "name", "declared"),
    [(cls, field.name, field.type) for cls in ALL for field in fields_of(cls) if field.type is not object],
)
def test_a_wrong_type_in_a_field_is_refused_by_its_place(cls: type, name: str, declared: Any) -> None:
    values = given_values(sample(cls))
    make: Callable[..., object] = checked(cls) if cls in HOT else cls
    for wrong in wrong_values(declared):
        with pytest.raises(Malformed) as refused:
            make(**values | {name: wrong})
        assert refused.value.where.startswith(f"{cls.__name__}.{name}")


@pytest.mark.parametrize("numbers", [(1, "2"), (1, 2**63), (1, True)])
def test_a_tuple_of_numbers_holds_nothing_else(numbers: tuple[object, ...]) -> None:
    with pytest.raises(Malformed, match="a 64-bit integer"):
        Ack(agent_id="demo:a:a2", numbers=numbers)  # type: ignore[arg-type]
