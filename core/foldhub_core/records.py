"""How a record is made: `record` for what users touch, `hot` for what a step makes by the thousand.

Both are attrs classes with slots, equal by content, and frozen to the type checkers. A `record` is also frozen at run time
and checks every field against its declared type when it is built; a `hot` one trusts its maker, which is always the core.

Why two: a step builds and copies records all day, and frozen constructors are what it would spend its time on. attrs freezes
with `object.__setattr__`, a call per field (measured: seven times a plain constructor at 15 fields). So the constructors are
generated here. A frozen object is filled while it still is of a twin class of the same slots that is not frozen, and turned
into its own class by the last statement: two class assignments instead of fifteen calls (twice a plain constructor).
Nothing outside this file assigns to an attribute of a record, and a test reads every file to hold that.

Defaults are shared, not made: every default is itself frozen.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Any, Literal, TypeVar, Union, cast, dataclass_transform, get_args, get_origin

import attrs

from .data import INT_MAX, INT_MIN, Data
from .errors import unexpected
from .exact import Hook, exact_converter, placed_hook_of

T = TypeVar("T")
R = TypeVar("R")


def _as_it_is(declared: type) -> Hook:
    """A nested record comes built: it was checked then."""

    def hook(value: object) -> object:
        if type(value) is not declared:
            raise unexpected(f"a {declared.__name__}", value)
        return value

    return hook


_CONVERTER = exact_converter(_as_it_is, lambda value: value)
_TRUSTED: dict[type, Callable[..., Any]] = {}
_OPEN: dict[type, type] = {}
"""The twin a record is filled as; a hot one is filled as it is."""
_VALUES: dict[type, Callable[[Any], tuple[object, ...]]] = {}


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def record(cls: type[T]) -> type[T]:
    """A record users touch: positional or keyword arguments, frozen at run time, fields checked."""
    return _build(cls, frozen=True, kw_only=False)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(attrs.field,))
def named(cls: type[T]) -> type[T]:
    """A `record` whose fields are given by name only."""
    return _build(cls, frozen=True, kw_only=True)


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def hot(cls: type[T]) -> type[T]:
    """A record of the core's own making: frozen to the type checkers, plain at run time, unchecked."""
    return _build(cls, frozen=False, kw_only=False)


@cache
def checked(cls: type[R]) -> Callable[..., R]:
    """The constructor that takes all fields in their order and checks them; of any attrs class."""
    scope: dict[str, Any] = {}
    names, checks, build = _checked_source(cls, scope, {})
    _run(f"def checked({names}):\n{checks}{build}", scope)
    return cast("Callable[..., R]", scope["checked"])


def reader(cls: type[R], tag: int, hooks: Mapping[str, Hook], otherwise: Callable[[object], R]) -> Callable[[object], R]:
    """The constructor that takes a row: a list of this tag and all fields. A field that has a hook holds what that gives.

    What has not the shape of such a row is for `otherwise`.
    """
    scope: dict[str, Any] = {"_otherwise": otherwise, "_list": list, "_int": int, "_len": len}
    names, checks, build = _checked_source(cls, scope, hooks)
    count = len(attrs.fields(cast(Any, cls)))
    shape = f"_type(_row) is not _list or _len(_row) != {count + 1} or _type(_row[0]) is not _int or _row[0] != {tag}"
    take = f"    {names}, = _row[1:]\n" if count else ""
    _run(f"def read(_row):\n    if {shape}: return _otherwise(_row)\n{take}{checks}{build}", scope)
    return cast("Callable[[object], R]", scope["read"])


def _checked_source(cls: type, scope: dict[str, Any], hooks: Mapping[str, Hook]) -> tuple[str, str, str]:
    """The names of all fields, the source that checks them, and the source that builds the record and gives it back."""
    fields = attrs.fields(cast(Any, cls))
    scope.update(_type=type)
    checks = ""
    for field in fields:
        if field.name in hooks:
            scope[f"_hook_{field.name}"] = hooks[field.name]
            checks += f"    {field.name} = _hook_{field.name}({field.name})\n"
        else:
            checks += _check_source(cls.__name__, field.name, field.type, scope)
    names = ", ".join(field.name for field in fields)
    then = "    _self.__checked__()\n" if hasattr(cls, "__checked__") else ""
    if cls in _TRUSTED:
        build = _fill_source(cls, {field.name: field.name for field in fields}, scope)
    else:
        scope["_cls"] = cls
        build = f"    _self = _cls({', '.join(f'{field.alias}={field.name}' for field in fields)})\n"
    return names, checks, f"{build}{then}    return _self\n"


def _fill_source(cls: type, values: Mapping[str, str], scope: dict[str, Any]) -> str:
    """Write how a record is made: of what each of its fields is filled with."""
    twin = _OPEN.get(cls)
    scope.update(_cls=cls, _twin=twin, _new=object.__new__)
    # A twin has no constructor: calling it is the quickest way to an empty object there is.
    begin, close = ("_new(_cls)", "") if twin is None else ("_twin()", "    _self.__class__ = _cls\n")
    return f"    _self = {begin}\n" + "".join(f"    _self.{name} = {value}\n" for name, value in values.items()) + close


def trusted(cls: type[R]) -> Callable[..., R]:
    """The constructor that takes all fields in their order and checks nothing: for values that were checked before."""
    return _TRUSTED[cls]


def values_of(record: object) -> tuple[object, ...]:
    """The values of all fields in their order, of any attrs class."""
    return reading(type(record))(record)


def reading(cls: type) -> Callable[[Any], tuple[object, ...]]:
    """Make what gives the values of all fields in their order, of a record of any attrs class."""
    return _VALUES.get(cls) or _reader(names_of(cls))


def names_of(cls: type) -> tuple[str, ...]:
    """The names of all fields in their order."""
    return tuple([field.name for field in attrs.fields(cls)])


def changed(record: R, /, **changes: object) -> R:
    """Copy a record with some fields changed. The new values are the caller's promise: nothing is checked."""
    new = _TRUSTED[type(record)](*_VALUES[type(record)](record))
    for name, value in changes.items():
        object.__setattr__(new, name, value)
    return cast(R, new)


def changer(cls: type[R], *names: str) -> Callable[..., R]:
    """Make what `changed` does for these fields, given in this order behind the record, at the speed of a constructor."""
    scope: dict[str, Any] = {}
    fill = _fill_source(cls, {name: name if name in names else f"_old.{name}" for name in names_of(cls)}, scope)
    _run(f"def change(_old, {', '.join(names)}):\n{fill}    return _self\n", scope)
    return cast("Callable[..., R]", scope["change"])


def _build(cls: type[T], *, frozen: bool, kw_only: bool) -> type[T]:
    # The same for all, and not compiled for each by attrs: that was half of what importing the core took.
    for name, method in (("__eq__", _equal), ("__hash__", _hash), ("__repr__", _shown)):
        setattr(cls, name, method)
    made = attrs.define(cls, frozen=frozen, slots=True, init=False, eq=False, repr=False, weakref_slot=False, kw_only=kw_only)
    fields = attrs.fields(cast(Any, made))
    names = [field.name for field in fields]
    if frozen:
        _OPEN[made] = type(f"Open{made.__name__}", (), {"__slots__": tuple(names)})
    # The names of the scope begin with an underscore, the names of fields do not: neither can hide the other.
    scope: dict[str, Any] = {"_set": object.__setattr__, "_type": type}
    fill = _fill_source(made, {name: name for name in names}, scope)
    parameters: list[str] = ["*"] if kw_only and names else []
    for field in fields:
        has_default = field.default is not attrs.NOTHING
        scope[f"_default_{field.name}"] = field.default
        parameters.append(f"{field.name}=_default_{field.name}" if has_default else field.name)
    checks = opening = then = ""
    if frozen:
        checks = "".join(_check_source(made.__name__, field.name, field.type, scope) for field in fields)
        opening = "    _set(_self, '__class__', _twin)\n"
        then = "    _self.__checked__()\n" if hasattr(made, "__checked__") else ""
    filled = fill.partition("\n")[2]  # an object that is there already is not made
    _run(
        f"def __init__(_self, {', '.join(parameters)}):\n{checks}{opening}{filled}{then}    return None\n"
        f"def trusted({', '.join(names)}):\n{fill}    return _self\n",
        scope,
    )
    scope["__init__"].__annotations__ = {field.name: field.type for field in fields} | {"return": None}
    cast(Any, made).__init__ = scope["__init__"]
    _TRUSTED[made] = scope["trusted"]
    _VALUES[made] = _reader(tuple(names))
    return made


def _equal(self: object, other: object) -> object:
    if type(other) is not type(self):
        return NotImplemented
    read = _VALUES[type(self)]
    return read(self) == read(other)


def _hash(self: object) -> int:
    return _VALUES[type(self)](self).__hash__()


def _shown(self: object) -> str:
    shown = [field.name for field in attrs.fields(cast(Any, type(self))) if field.repr]
    return f"{type(self).__qualname__}({', '.join([f'{name}={getattr(self, name)!r}' for name in shown])})"


def _run(source: str, scope: dict[str, Any]) -> None:
    """Run source of our own, made from the names of fields: the way attrs makes its constructors."""
    exec(source, scope)


def _reader(names: tuple[str, ...]) -> Callable[[Any], tuple[object, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple([getattr(record, name) for name in names])


def _all_texts(items: tuple[object, ...]) -> bool:
    for item in items:
        if type(item) is not str or not item.isascii():
            return False
    return True


def _all_numbers(items: tuple[object, ...]) -> bool:
    for item in items:
        if type(item) is not int or not INT_MIN <= item <= INT_MAX:
            return False
    return True


_ALL_OF: dict[object, Callable[[tuple[object, ...]], bool]] = {
    tuple[str, ...]: _all_texts,
    tuple[int, ...]: _all_numbers,
}
"""The tuples whose items are so plain that looking at them is all there is to check."""


def _check_source(place: str, name: str, declared: Any, scope: dict[str, Any]) -> str:
    """Write the check of one field: the common case in line, everything else by its rule."""
    text = f"_type({name}) is not str or not {name}.isascii()"
    number = f"_type({name}) is not int or not {INT_MIN} <= {name} <= {INT_MAX}"
    arguments = get_args(declared)
    optional = len(arguments) == 2 and type(None) in arguments
    inner = next((one for one in arguments if one is not type(None)), None) if optional else declared
    quick = {str: text, int: number, bool: f"_type({name}) is not bool"}.get(cast(Any, inner))
    if quick is None and isinstance(inner, type) and (attrs.has(inner) or issubclass(inner, Enum)):
        scope[f"_type_{name}"] = inner
        quick = f"_type({name}) is not _type_{name}"
    if get_origin(inner) in (Union, UnionType) and all(isinstance(one, type) and attrs.has(one) for one in get_args(inner)):
        scope[f"_types_{name}"] = frozenset(get_args(inner))
        quick = f"_type({name}) not in _types_{name}"
    if get_origin(inner) is Literal:
        scope[f"_allowed_{name}"] = get_args(inner)
        quick = f"_type({name}) is not str or {name} not in _allowed_{name}"
    if inner in _ALL_OF:
        scope[f"_all_{name}"] = _ALL_OF[inner]
        quick = f"_type({name}) is not tuple or not _all_{name}({name})"
    if get_origin(inner) is Mapping and get_args(inner)[1] is object:
        scope["_Data"] = Data
        quick = f"_type({name}) is not _Data"
    condition = "True" if quick is None else quick
    if optional:
        condition = f"{name} is not None" if quick is None else f"{name} is not None and ({quick})"
    scope[f"_check_{name}"] = placed_hook_of(_CONVERTER, declared, f"{place}.{name}")
    return f"    if {condition}: {name} = _check_{name}({name})\n"
