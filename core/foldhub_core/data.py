"""Frozen data: what an envelope carries, and what knobs, labels and payloads are made of.

A `Data` is a tree of maps, tuples, text, numbers, booleans and None, frozen all the way down. It stays a dict to everything
that reads dicts: the standard library writes it as JSON and msgspec encodes it at the speed of a dict. Its keys are sorted
when it is frozen, so that two equal trees are the same bytes, in every process. Lists become tuples.

What cannot be said in every encoding is refused here, where the mistake is made: NaN and infinities, integers that do not
fit 64 bits, lone surrogates, other types, and trees deeper than any stack should have to follow.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar, cast

from .errors import Malformed, inside, shown, unexpected

HARD_DEPTH = 64
"""Deeper than this nothing is frozen, whatever the limits say: what reads a tree may recurse."""

INT_MIN, INT_MAX = -(2**63), 2**63 - 1

V = TypeVar("V")


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise TypeError(f"{type(self).__name__} is frozen; build a new one")


class FrozenDict(dict[str, V]):
    """A map from text to values that are frozen themselves; sorted by key, hashable, equal to any dict of the same content."""

    __slots__ = ()

    def __init__(self, items: Mapping[str, V] | tuple[()] = ()) -> None:
        source: Mapping[str, V] = dict(items)
        super().__init__(sorted(source.items()))

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> tuple[type, tuple[dict[str, V]]]:
        return type(self), (dict(self),)

    def __copy__(self) -> "FrozenDict[V]":
        return self

    def __deepcopy__(self, memo: object) -> "FrozenDict[V]":
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"

    if not TYPE_CHECKING:  # pragma: no branch
        # To the type checkers these are dict's own; a Mapping annotation keeps users from calling them.
        __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse


if TYPE_CHECKING:
    Value: TypeAlias = "bool | int | float | str | tuple[Value, ...] | Data | None"
else:

    class Value:
        """At run time the name of "anything frozen", for the hook that freezes such a field."""


class Data(FrozenDict["Value"]):
    """A frozen tree of JSON's kinds of values, text keys sorted. `Data(mapping)` freezes a mapping."""

    __slots__ = ()

    def __init__(self, items: Mapping[str, object] | tuple[()] = ()) -> None:
        _fill(self, dict(items), HARD_DEPTH)


def freeze(value: Mapping[str, object]) -> Data:
    """Freeze a mapping of JSON's kinds of values; raises `Malformed` naming the place of what cannot be frozen."""
    if type(value) is Data:
        return value
    if not isinstance(value, dict):
        raise unexpected("a map", value)
    frozen = Data.__new__(Data)
    _fill(frozen, value, HARD_DEPTH)
    return frozen


def frozen_map(items: "list[tuple[str, object]]") -> Data:
    """Make a map of items that are frozen, and sorted by key. It is the caller's promise, and that the tree is not deep."""
    made = Data.__new__(Data)
    _put(made, items)
    return made


def freeze_value(value: object) -> "Value":
    """Freeze one value of any of JSON's kinds."""
    return _value(value, HARD_DEPTH)


def check_text(value: object) -> str:
    """Give back text that every encoding can say, or raise `Malformed`."""
    if type(value) is not str:
        raise unexpected("text", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Malformed(f"expected text that UTF-8 can say, came {shown(value)}") from None
    return value


def check_int(value: object) -> int:
    """Give back an integer that fits 64 bits, or raise `Malformed`; a boolean is no integer."""
    if type(value) is not int or not INT_MIN <= value <= INT_MAX:
        raise unexpected("a 64-bit integer", value)
    return value


def check_float(value: object) -> float:
    """Give back a finite float, or raise `Malformed`."""
    if type(value) is not float or not isfinite(value):
        raise unexpected("a finite number", value)
    return value + 0.0  # the negative zero equals the other, and is to be the same bytes


def _map(value: dict[object, object], room: int) -> Data:
    frozen = Data.__new__(Data)
    _fill(frozen, value, room)
    return frozen


# Where a refused value stands is put together while the refusal comes out, step by step: naming every place on the way in
# would cost what is long at the top once for each value below.


def _fill(frozen: Data, value: "Mapping[Any, object]", room: int) -> None:
    """Put the frozen items of a mapping into a map that has none yet. Any: its keys are what is checked."""
    if not room:
        raise _too_deep()
    if _is_plain(value):
        _put(frozen, value if len(value) < 2 else sorted(value.items()))
        return
    pairs: list[tuple[str, Value]] = []
    for key, item in value.items():
        if type(key) is not str or not key.isascii():
            _check_key(key)
        if type(item) is str and item.isascii():
            pairs.append((key, item))
            continue
        try:
            pairs.append((key, _value(item, room - 1)))
        except Malformed as refused:
            raise inside(key, refused) from None
    if len(pairs) > 1:
        pairs.sort(key=_first)
    _put(frozen, pairs)


def _is_plain(value: "Mapping[Any, object]") -> bool:
    """Whether there is nothing to freeze: plain texts, as in nearly all that is said, in a map that holds what it says."""
    kind: object = type(value)
    if kind is not dict:
        return False
    for key, item in value.items():
        if type(item) is not str or type(key) is not str or not (item.isascii() and key.isascii()):
            return False
    return True


# Any: items that are known to be text keys and frozen values, as a map or as pairs.
_put: Callable[[Data, Any], None] = cast(Any, dict[str, object].update)
"""dict's own update, which the frozen map refuses to its users."""


def _first(pair: tuple[str, object]) -> str:
    return pair[0]


def _check_key(key: object) -> None:
    try:
        check_text(key)
    except Malformed as refused:
        raise inside("a key", refused) from None


def _too_deep() -> Malformed:
    return Malformed(f"expected a tree at most {HARD_DEPTH} deep, came a deeper one")


def _value(value: object, room: int) -> "Value":
    kind = type(value)
    if value is None or kind is bool:
        return cast("Value", value)
    if kind is str:
        return check_text(value)
    if kind is int:
        return check_int(value)
    if kind is float:
        return check_float(value)
    if isinstance(value, dict):
        return _map(cast("dict[object, object]", value), room)
    if kind is list or kind is tuple:
        if not room:
            raise _too_deep()
        return _items(cast("list[object] | tuple[object, ...]", value), room - 1)
    raise unexpected("None, a boolean, number, text, list or map", value)


def _items(items: "list[object] | tuple[object, ...]", room: int) -> "tuple[Value, ...]":
    frozen: list[Value] = []
    try:
        for item in items:
            frozen.append(_value(item, room))
    except Malformed as refused:
        raise inside(f"[{len(frozen)}]", refused) from None
    return tuple(frozen)
