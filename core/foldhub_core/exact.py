"""What a field may hold, exactly: one rule for every type that records use.

Python is generous at the edges: `1` passes for `'1'`, `True` for `1`, a text for a list of letters. On disk and on a wire
these are different things, so every value that enters a record goes through the rule of its declared type, or is refused as
`Malformed`. The rules are hooks on a cattrs converter of our own: cattrs knows how types nest, the hooks know what is exact.

Both edges use the same hooks. The constructor of a record (`records`) takes records as they are; the codec (`codec`) takes
them as rows and as named maps. That one difference is the `record_hook` a converter is made with.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeGuard, Union, cast, get_args, get_origin

import attrs
import cattrs
from immutables import Map

from .data import Data, FrozenDict, Value, check_float, check_int, check_text, freeze, freeze_value
from .errors import Malformed, inside, unexpected

Hook = Callable[[object], Any]
"""Gives back the value as the field holds it, or raises `Malformed`. Any: what it gives depends on the declared type."""


def exact_converter(record_hook: Callable[[type], Hook], object_hook: Hook) -> cattrs.Converter:
    """Make a converter that accepts exactly the declared types.

    `record_hook` says how a nested record comes, `object_hook` what comes where a field may hold anything.
    """
    made = cattrs.Converter(detailed_validation=False)

    def by(predicate: Callable[[Any], bool], factory: Callable[[Any], Hook]) -> None:
        def adapted(declared: Any) -> Callable[[object, object], Any]:
            return _Adapted(factory(declared))

        made.register_structure_hook_factory(predicate)(adapted)

    by(lambda _: True, _unruled)
    for leaf, rule in _LEAVES.items():
        made.register_structure_hook(leaf, _Adapted(rule))
    made.register_structure_hook(str, _text)
    by(lambda t: get_origin(t) is Map, lambda _: _map_as_it_is)
    by(lambda t: t is object, lambda _: object_hook)
    by(lambda t: get_origin(t) is Literal, _literal)
    by(lambda t: get_origin(t) is tuple, lambda t: _tuple(made, t))
    by(lambda t: get_origin(t) is Mapping, lambda t: _mapping(made, t))
    by(lambda t: get_origin(t) in (Union, UnionType), lambda t: _union(made, t))
    by(lambda t: isinstance(t, type) and attrs.has(t), record_hook)
    return made


class _Adapted:
    """A rule as cattrs calls it, with the value and its type: ours are made for one type and need only the value."""

    __slots__ = ("rule",)

    def __init__(self, rule: Hook) -> None:
        self.rule = rule

    def __call__(self, value: object, _: object) -> Any:
        return self.rule(value)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether this is exactly a list: what msgpack makes of a row."""
    return type(value) is list


def hook_of(converter: cattrs.Converter, declared: Any) -> Hook:
    """Give the rule of one declared type."""
    hook = converter.get_structure_hook(declared)
    # Any: what cattrs gives is typed as a function, and ours is an object that is called like one.
    kept: Any = hook
    return kept.rule if type(kept) is _Adapted else lambda value: hook(value, declared)


def placed_hook_of(converter: cattrs.Converter, declared: Any, place: str) -> Hook:
    """Give the rule of a field, which says in what place it refused."""
    hook = hook_of(converter, declared)

    def placed(value: object) -> Any:
        try:
            return hook(value)
        except Malformed as refused:
            raise inside(place, refused) from None

    return placed


def _unruled(declared: Any) -> Hook:
    """What cattrs would do with a type that has no rule here is its own idea of it, and not exact."""
    raise TypeError(f"no rule says what a field of the type {declared} may hold")


def _map_as_it_is(value: object) -> object:
    """A map of the state: only the core makes one, of what was checked before."""
    if not isinstance(value, Map):
        raise unexpected("a persistent map", value)
    return cast(object, value)


def _bool(value: object) -> bool:
    if type(value) is not bool:
        raise unexpected("a boolean", value)
    return value


def _number(value: object) -> float:
    return check_float(float(value) if type(value) is int and -(2**53) <= value <= 2**53 else value)


def _bytes(value: object) -> bytes:
    if type(value) is not bytes:
        raise unexpected("bytes", value)
    return value


def _none(value: object) -> None:
    if value is not None:
        raise unexpected("nothing", value)


_LEAVES: dict[object, Hook] = {
    int: check_int,
    float: _number,
    bool: _bool,
    bytes: _bytes,
    NoneType: _none,
    Value: freeze_value,
}


def _text(value: object, declared: type) -> Any:
    # cattrs looks a class up along its bases, so that an enum of texts arrives here too.
    return check_text(value) if declared is str else _enum(declared)(value)


@cache
def _enum(declared: type) -> Hook:
    members: dict[object, Enum] = {member.value: member for member in cast("type[Enum]", declared)}
    expected = "one of " + ", ".join(str(member.value) for member in members.values())

    def hook(value: object) -> Enum:
        member = members.get(value) if type(value) in (str, declared) else None
        if member is None:
            raise unexpected(expected, value)
        return member

    return hook


def _literal(declared: Any) -> Hook:
    allowed: tuple[object, ...] = get_args(declared)
    expected = "one of " + ", ".join(str(one) for one in allowed)

    def hook(value: object) -> object:
        if type(value) is not str or value not in allowed:
            raise unexpected(expected, value)
        return value

    return hook


def _tuple(converter: cattrs.Converter, declared: Any) -> Hook:
    arguments = get_args(declared)
    if arguments[0] is str and arguments[-1] is Ellipsis:
        return _texts
    if arguments[-1] is Ellipsis:
        each = hook_of(converter, arguments[0])
        return lambda value: tuple([each(item) for item in _items(value)])
    hooks = [hook_of(converter, argument) for argument in arguments]

    def fixed(value: object) -> tuple[object, ...]:
        items = _items(value)
        if len(items) != len(hooks):
            raise Malformed(f"expected {len(hooks)} items, came {len(items)}")
        return tuple([hook(item) for hook, item in zip(hooks, items, strict=True)])

    return fixed


def _texts(value: object) -> tuple[str, ...]:
    texts = tuple(_items(value))
    for item in texts:
        if type(item) is not str or not item.isascii():
            check_text(item)
    return cast("tuple[str, ...]", texts)


def _items(value: object) -> "list[object] | tuple[object, ...]":
    if type(value) is not list and type(value) is not tuple:
        raise unexpected("a list", value)
    # A list or tuple is all that was checked; what is in it the caller checks one by one.
    return cast("list[object] | tuple[object, ...]", value)


def _mapping(converter: cattrs.Converter, declared: Any) -> Hook:
    _, held = get_args(declared)
    if held is object:
        return cast(Hook, freeze)
    each = hook_of(converter, held)

    def hook(value: object) -> FrozenDict[Any]:
        if not isinstance(value, dict):
            raise unexpected("a map", value)
        items = cast("dict[object, object]", value)
        return FrozenDict({check_text(key): each(item) for key, item in items.items()})

    return hook


def _union(converter: cattrs.Converter, declared: Any) -> Hook:
    members = [(member, hook_of(converter, member)) for member in get_args(declared) if member is not NoneType]
    optional = NoneType in get_args(declared)
    if optional and len(members) == 1:
        only = members[0][1]
        return lambda value: None if value is None else only(value)

    def hook(value: object) -> Any:
        if value is None and optional:
            return None
        for _, member in members:
            try:
                return member(value)
            except Malformed:
                continue
        raise unexpected(" or ".join(getattr(member, "__name__", str(member)) for member, _ in members), value)

    return hook


EMPTY = Data()
"""The default of every free map."""
