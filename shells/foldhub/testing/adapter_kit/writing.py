"""The state of a protocol in bytes, as a snapshot writes it, and back.

The kit asks for the bytes of the same states again and again: before every call, to see afterwards that none was changed. What
was written is kept, and for as long as everything that could be changed inside a state is what it was, it is not written again.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from operator import attrgetter, is_
from typing import Any, cast

import attrs
from immutables import Map

from foldhub_core.codec import FORMAT, encode
from foldhub_core.config import AnyAdapter
from foldhub_core.protocol_bytes import read_protocol, write_protocol

_KEPT = 256


def state_bytes(state: object) -> bytes:
    """Write a state anew; raises what its codec raises."""
    return write_protocol(state)


_Read = Callable[[Any], tuple[object, ...]]
_Insides = tuple[tuple[_Read, Any, tuple[object, ...]], ...]
"""All inside a value that could be changed: how it is read, and what it held. Any: it is the adapter's own."""


@attrs.define(eq=False)
class _Written:
    """What a state was written as. It holds the state, so that no other gets its id."""

    state: object
    written: bytes | None
    """None where it cannot be written."""
    insides: _Insides | None = None
    """None where nobody watches it, or it is not known what is inside."""

    def stays(self) -> bool:
        """Whether nothing inside the state is another than it was when it began to be watched."""
        if self.insides is None:
            return False
        for read, one, held in self.insides:
            now = read(one)
            if len(now) != len(held) or not all(map(is_, now, held)):
                return False
        return True


_known: dict[int, _Written] = {}


def written_state(state: object) -> bytes | None:
    """Give what a state was written as when it was last looked at; None where it cannot be written."""
    known = _known.get(id(state))
    return (_written_anew(state) if known is None else known).written


def watched_state(state: object) -> bytes | None:
    """Give what a state was written as, as above, and watch what is inside it from now on."""
    known = _known.get(id(state))
    if known is None:
        known = _written_anew(state)
    if known.insides is None:
        known.insides = _insides(state)
    return known.written


def rewritten_state(state: object) -> bytes | None:
    """Give what a state is written as now; one that was watched is written anew only where something in it was changed."""
    known = _known.get(id(state))
    if known is not None and known.stays():
        return known.written
    return _written_anew(state).written


def _written_anew(state: object) -> _Written:
    try:
        written = write_protocol(state)
    except Exception:
        written = None
    if len(_known) >= _KEPT:
        _known.clear()
    made = _known[id(state)] = _Written(state, written)
    return made


_records: dict[int, tuple[object, bytes]] = {}
"""Of the last records of the core the bytes, by identity; the record is held, so that no other gets its id."""


def rewritten_record(record: object) -> bytes:
    """Write a record of the core as it is now."""
    if len(_records) >= _KEPT:
        _records.clear()
    written = encode(record)
    _records[id(record)] = (record, written)
    return written


def written_record(record: object) -> bytes:
    """Give what a record was written as when it was last looked at."""
    known = _records.get(id(record))
    return rewritten_record(record) if known is None else known[1]


def read_state(adapter: AnyAdapter, written: bytes) -> Any:
    """Read a state back; raises `Malformed`. Any: a state is the adapter's own."""
    return read_protocol(adapter, written, FORMAT)


_LEAVES = (type(None), bool, int, float, str, bytes, Enum, type)


def _insides(value: object) -> _Insides | None:
    """All inside a value that could be changed, itself among it; None where something in it cannot be looked into."""
    found: dict[int, tuple[_Read, Any, tuple[object, ...]]] = {}
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, _LEAVES) or id(one) in found:
            continue
        read = _reader(cast(Any, type(one)))
        if read is None:
            return None
        held = read(one)
        found[id(one)] = (read, one, held)
        waiting += held
    return tuple([inside for inside in found.values() if type(inside[1]) not in _FIXED])


_FIXED = (tuple, frozenset, Map)
"""Nothing can be put into these, or taken out."""


@cache
def _reader(cls: Any) -> _Read | None:
    """What reads all that a value of a class is made of; None where that is not known. Any: attrs knows whether it is its own."""
    if attrs.has(cls):
        names = tuple([field.name for field in attrs.fields(cls)])
        if hasattr(cls, "__dict__") and any("__dict__" in vars(base) for base in cls.__mro__):
            return _attributes
        if len(names) > 1:
            return attrgetter(*names)
        return _nothing if not names else lambda value: (getattr(value, names[0]),)
    if issubclass(cls, Mapping):
        return _items
    return tuple if issubclass(cls, list | tuple | set | frozenset) else None


def _attributes(value: Any) -> tuple[object, ...]:
    held = cast("dict[str, object]", vars(value))
    return (*held.keys(), *held.values())


def _items(value: Any) -> tuple[object, ...]:
    held = cast("Mapping[object, object]", value)
    return (*held.keys(), *held.values())


def _nothing(_: Any) -> tuple[object, ...]:
    return ()
