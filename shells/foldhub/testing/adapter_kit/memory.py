"""What an adapter could remember outside the state: its own attributes, its classes', and its module's."""

import sys
from collections import deque
from collections.abc import Iterator
from functools import cached_property
from operator import is_
from types import FunctionType, ModuleType
from typing import Any, cast

from foldhub_core.config import AnyAdapter

_OURS = ("foldhub_core", "builtins", "abc", "typing", "collections.abc")
_DEEPEST = 8
_LEAVES = (type(None), bool, int, float, str, bytes)


class Memory:
    """Looks at all of it and tells what has changed since it looked last.

    It looks into containers, and into objects of the adapter's own module. Everything else is known by its identity: a cache of
    `functools`, a converter, a compiled pattern may change inside without anybody being the wiser.
    """

    def __init__(self, adapter: AnyAdapter) -> None:
        classes = [cls for cls in type(adapter).__mro__ if not cls.__module__.startswith(_OURS)]
        modules = dict.fromkeys([cls.__module__ for cls in classes])
        places = [("the adapter's own", cast(Any, adapter))]
        places += [(f"the class {cls.__name__}'s", cls) for cls in classes]
        places += [(f"the module {name}'s", sys.modules[name]) for name in modules if name in sys.modules]
        self._places = [_Place(what, holder, frozenset(modules)) for what, holder in places]

    def changed(self) -> str | None:
        """Tell what is otherwise than it was; None where nothing is."""
        found: str | None = None
        for place in self._places:
            changed = place.changed()
            found = found or changed
        return found


class _Place:
    """One holder of attributes."""

    def __init__(self, what: str, holder: Any, modules: frozenset[str]) -> None:
        # Any: an adapter, a class or a module.
        self._what = what
        self._holder = holder
        self._modules = modules
        self._values: dict[str, Any] = {}
        self._contents: dict[str, object] = {}
        """Of what can change inside, what was in it."""
        self.changed()

    def changed(self) -> str | None:
        """Tell what is otherwise than it was, and look from now on at how it is."""
        values = _values(self._holder)
        found: str | None = None
        if values.keys() != self._values.keys() or not all(map(is_, values.values(), self._values.values())):
            found = self._rebound(values)
            self._values = values
            self._contents = {
                name: self._content(value, _DEEPEST) for name, value in values.items() if self._has_inside(name, value)
            }
            return found
        for name, before in self._contents.items():
            now = self._content(values[name], _DEEPEST)
            if now != before:
                self._contents[name] = now
                found = found or f"{self._what} {name}"
        return found

    def _rebound(self, values: dict[str, Any]) -> str | None:
        """What goes by a name is another than before, and not only worked out for the first time."""
        for name in (*self._values, *values):
            is_same = name in values and name in self._values and _are_same(values[name], self._values[name])
            if not is_same and not name.startswith("__") and not _is_cached(self._holder, name):
                return f"{self._what} {name}"
        return None

    def _has_inside(self, name: str, value: Any) -> bool:
        if name.startswith("__") or isinstance(value, (type, ModuleType, *_LEAVES)) or _is_fixed(value):
            return False
        return self._content(value, 2) != id(value)

    def _content(self, value: Any, room: int) -> object:
        # Any: whatever somebody keeps.
        kind = cast(Any, type(value))
        if kind in _LEAVES:
            return (kind.__name__, value)
        if not room or isinstance(value, type):
            return id(value)
        if isinstance(value, list | tuple | deque):
            return (kind.__name__, *[self._content(item, room - 1) for item in cast("list[object]", value)])
        if isinstance(value, dict):
            items = cast("dict[object, object]", value).items()
            return (kind.__name__, *[(self._content(key, room - 1), self._content(item, room - 1)) for key, item in items])
        if isinstance(value, set | frozenset):
            return (kind.__name__, frozenset([self._content(item, room - 1) for item in cast("set[object]", value)]))
        if isinstance(value, FunctionType):
            cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
            held: list[object] = [
                self._content(one, room - 1) for one in (*(value.__defaults__ or ()), *cells) if one is not self._holder
            ]
            return (id(value), *held) if any(type(one) is tuple for one in held) else id(value)
        if kind.__module__ in self._modules:
            return (id(value), *[(name, self._content(held, room - 1)) for name, held in sorted(_attributes(value), key=_name)])
        return id(value)


def _values(holder: Any) -> dict[str, Any]:
    # Any: an object, a class or a module.
    return dict(vars(holder)) if isinstance(holder, type | ModuleType) else dict(_attributes(holder))


def _is_fixed(value: Any) -> bool:
    """Whether a value is made of what cannot change inside."""
    if isinstance(value, _LEAVES):
        return True
    return type(value) in (tuple, frozenset) and all(map(_is_fixed, cast("tuple[object, ...]", value)))


def _attributes(holder: Any) -> Iterator[tuple[str, Any]]:
    # Any: an object, a class or a module.
    yield from list(getattr(holder, "__dict__", {}).items())
    if not issubclass(type(holder), type | ModuleType):
        for name in _slots(cast(Any, type(holder))):
            if hasattr(holder, name):
                yield name, getattr(holder, name)


def _slots(cls: Any) -> Iterator[str]:
    for one in cls.__mro__:
        slots: Any = one.__dict__.get("__slots__", ())
        yield from (slots,) if type(slots) is str else slots


def _are_same(one: object, other: object) -> bool:
    return one is other or (type(one) in _LEAVES and type(one) is type(other) and one == other)


def _is_cached(holder: Any, name: str) -> bool:
    """Whether an attribute is worked out once from what does not change, and says so."""
    return isinstance(getattr(cast(Any, type(holder)), name, None), cached_property)


def _name(item: tuple[str, Any]) -> str:
    return item[0]


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - it is asked whether there is one
    except ValueError:
        return False
    return True
