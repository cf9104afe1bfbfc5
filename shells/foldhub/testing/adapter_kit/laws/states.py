"""The state of a protocol is a value that a snapshot can write and read back."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, cast

import attrs
from immutables import Map

from foldhub.testing.adapter_kit.call import Call, told_error
from foldhub.testing.adapter_kit.writing import state_bytes, written_state
from foldhub_core import FrozenDict

from .law import call_law
from .purity import answer_of

_LEAVES = (type(None), bool, int, float, str, bytes, Enum, type)


def _given(call: Call) -> Any:
    """The state that a call gave; None where it gave none. Any: it is the adapter's own."""
    made = call.method in ("fold", "initial_state") and call.error is None and type(call.result) is call.adapter.state_type
    # What a fold gave back as it came was looked at when it was made.
    return call.result if made and not (call.method == "fold" and call.result is call.args[0]) else None


@call_law
def state_is_frozen(call: Call) -> str | None:
    """A protocol's state is frozen, down to its last leaf."""
    state = _given(call)
    where = None if state is None else _unfrozen(state, "the state")
    return None if where is None else f"{where} can be changed"


@call_law
def state_survives_the_codec(call: Call) -> str | None:
    """A protocol's state can be written to a snapshot, and is read back as it was."""
    state = _given(call)
    if state is None:
        return None
    try:
        written = state_bytes(state)
    except Exception as error:
        return f"{state!r} cannot be written: {told_error(error)}"
    try:
        read = call.read(written)
        again = written_state(read)
    except Exception as error:
        return f"{state!r} was written, and cannot be read back: {told_error(error)}"
    return None if again == written else f"{state!r} was written, and read back as {read!r}"


@call_law
def state_is_equal_by_value(call: Call) -> str | None:
    """Two states of the same content are equal."""
    state = _given(call)
    written = None if state is None else written_state(state)
    if written is None:
        return None
    try:
        read = call.read(written)
        if read == state and state == read:
            return None
    except Exception as error:
        return f"{state!r} could not be compared with its copy: {told_error(error)}"
    return f"{state!r} is not equal to {read!r}, which has the same content"


@call_law
def snapshot_changes_nothing(call: Call) -> str | None:
    """From a state that was read back from a snapshot a session goes on as from the state itself."""
    at = call.state_at
    if at is None or call.before[at] is None:
        return None
    try:
        state = call.read(cast(bytes, call.before[at]))
    except Exception:
        return None  # that is another law's
    restored = call.again(None, *[state if place == at else one for place, one in enumerate(call.args)])
    if answer_of(restored) == answer_of(call) or answer_of(call.again()) != answer_of(call):
        return None  # what differs from itself is another law's
    return f"{call.method} {call.outcome}, and after a snapshot {restored.outcome}"


def _unfrozen(value: Any, where: str) -> str | None:
    """The place of what can be changed in a value; None where nothing can. Any: it is the adapter's own."""
    if isinstance(value, _LEAVES):
        return None
    if isinstance(value, FrozenDict | Map):
        for key, item in cast("Mapping[object, object]", value).items():
            found = _unfrozen(item, f"{where}[{key!r}]")
            if found is not None:
                return found
        return None
    if type(value) in (tuple, frozenset):
        for at, item in enumerate(cast("tuple[object, ...]", value)):
            found = _unfrozen(item, f"{where}[{at}]")
            if found is not None:
                return found
        return None
    cls = cast(Any, type(value))
    if issubclass(cls, list | dict | set | bytearray):
        return f"{where}, a {cls.__name__},"
    if attrs.has(cls):
        for field in attrs.fields(cls):
            if _can_be_set(value, field.name):
                return f"{where}.{field.name}"
            found = _unfrozen(getattr(value, field.name), f"{where}.{field.name}")
            if found is not None:
                return found
    return None


def _can_be_set(value: Any, name: str) -> bool:
    try:
        setattr(value, name, getattr(value, name))
    except AttributeError:  # attrs' FrozenInstanceError is one
        return False
    return True
