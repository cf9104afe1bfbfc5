"""What has grown of a protocol's state, by the name of its field."""

from collections.abc import Mapping, Sized
from typing import Any, cast

import attrs

from .report import counted
from .shapes import size_of

# Any, all over: a state and what it holds are the adapter's own.


def grown_field(before: Any, after: Any) -> str | None:
    """Name the field that grew the most, and say how large it was and is; None where no field did.

    It is looked for in records and maps, as deep as one part has most of what was added.
    """
    path, grown = "", _weight(after) - _weight(before)
    while grown > 0:
        found = _largest_growth(before, after)
        if found is None or 2 * found[1] < grown:
            break
        name, grown, before, after = found
        path += name
    return f"`{path.removeprefix('.')}` {_told(before, after)}" if path else None


def holders_of(state: Any, text: str) -> tuple[str, ...]:
    """The fields of a state that hold a text somewhere."""
    return tuple([name.removeprefix(".") for name, part in _parts(state).items() if _holds(part, text)])


def _largest_growth(before: Any, after: Any) -> tuple[str, int, Any, Any] | None:
    was, now = _parts(before), _parts(after)
    found = [(name, _weight(part) - _weight(was[name]), was[name], part) for name, part in now.items() if name in was]
    return max(found, key=lambda one: one[1], default=None)


def _parts(value: Any) -> dict[str, Any]:
    """The parts of a value that go by names."""
    cls = cast(Any, type(value))
    if hasattr(cls, "to_data"):
        return {f".{name}": part for name, part in value.to_data().items()}
    if attrs.has(cls):
        return {f".{field.name}": getattr(value, field.name) for field in attrs.fields(cls)}
    if isinstance(value, Mapping):
        return {f"[{key!r}]": part for key, part in cast("Mapping[object, object]", value).items()}
    return {}


def _weight(value: Any) -> int:
    return size_of(_plain(value))


def _holds(value: Any, text: str) -> bool:
    plain = _plain(value)
    if isinstance(plain, dict):
        return any(_holds(one, text) for item in cast("dict[object, object]", plain).items() for one in item)
    return any(_holds(one, text) for one in cast("list[object]", plain)) if isinstance(plain, list) else plain == text


def _plain(value: Any) -> Any:
    """A value in lists, maps and leaves."""
    if attrs.has(cast(Any, type(value))):
        return [_plain(part) for part in _parts(value).values()]
    if isinstance(value, Mapping):
        return {_key(key): _plain(part) for key, part in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in cast("tuple[object, ...]", value)]
    return value


def _key(key: Any) -> Any:
    return key if isinstance(key, str | bytes | int) else repr(key)


def _told(before: Any, after: Any) -> str:
    if isinstance(before, str) and isinstance(after, str):
        return f"had {counted(len(before), 'character')}, and has {len(after)}"
    if isinstance(before, Sized) and isinstance(after, Sized) and not isinstance(after, bytes) and len(before) < len(after):
        return f"had {counted(len(before), 'item')}, and has {len(after)}"
    return f"had {counted(_weight(before), 'byte')}, and has {_weight(after)}"
