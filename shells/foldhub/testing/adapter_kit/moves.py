"""What is done in a session that is played: an opening, and moves one after another.

A move names people by their places: 0 is the creator, 1 and so on the others in the order they were registered. So a script
means the same however much of it is left out, which is what shrinking needs, and it can be written down in a line.
"""

import base64
import zlib
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import attrs

from foldhub_core import EV_TEXT, Data, Malformed, freeze
from foldhub_core.codec import pack, unpack
from foldhub_core.exact import EMPTY


@attrs.frozen
class Opening:
    """How a session is opened."""

    count: int
    """How many take part, the creator included."""
    knobs: Data = EMPTY
    hides: bool = False
    """Whether it is expected that turns are taken within a minute, and who does not is hidden."""
    warns: bool = False
    """Whether it is expected that nobody is silent for long, and everybody is told."""
    required: int | None = None
    """How many of the invited must accept; None is all."""


@attrs.frozen
class Join:
    """Somebody who was invited accepts."""

    who: int


@attrs.frozen
class Decline:
    """Somebody who was invited declines."""

    who: int


@attrs.frozen
class Say:
    """Somebody says something."""

    who: int
    event_type: str = EV_TEXT
    event_data: Mapping[str, object] = EMPTY
    to: tuple[int, ...] | None = None
    """None is everybody."""


@attrs.frozen
class Invite:
    """The creator invites somebody more."""

    who: int


@attrs.frozen
class Leave:
    """Somebody leaves."""

    who: int


@attrs.frozen
class Remove:
    """The creator puts somebody out."""

    who: int


@attrs.frozen
class Wait:
    """Time passes, and what is due happens."""

    ms: int


@attrs.frozen
class CallOff:
    """Somebody begins a task in the session and is asked to call it off, which the hub says there."""

    who: int


@attrs.frozen
class Close:
    """The administrator closes the session."""


Move: TypeAlias = Join | Decline | Say | Invite | Leave | Remove | Wait | CallOff | Close

_MOVES: tuple[type, ...] = (Join, Decline, Say, Invite, Leave, Remove, Wait, CallOff, Close)


@attrs.frozen
class Script:
    """A session as it is played."""

    opening: Opening
    moves: tuple[Move, ...] = ()

    def written(self) -> str:
        """The script in one line of text, for `check_adapter(adapter, again=...)`."""
        rows = [[_MOVES.index(type(move)), *_values(move)] for move in self.moves]
        packed = zlib.compress(pack([list(_values(self.opening)), rows]), 9)
        return base64.b85encode(packed).decode()


def read_script(text: str) -> Script:
    """Read a script that was written down; raises `Malformed`."""
    try:
        opening, rows = cast("list[Any]", unpack(zlib.decompress(base64.b85decode(text))))
        made: list[Any] = [_MOVES[kind](*[_read(value) for value in values]) for kind, *values in rows]
        return Script(Opening(*[_read(value) for value in opening]), tuple(made))
    except Malformed:
        raise
    except Exception as error:
        raise Malformed(f"expected a script that was written down, came other text: {error}") from error


def _values(record: Any) -> tuple[Any, ...]:
    # Any: a move or an opening, taken apart for the line.
    cls = cast(Any, type(record))
    return tuple([getattr(record, field.name) for field in attrs.fields(cls)])


def _read(value: Any) -> Any:
    # Any: a field of a move as it was written; lists were tuples.
    if isinstance(value, dict):
        return freeze(cast("dict[str, object]", value))
    kind = cast(Any, type(value))
    return tuple(value) if kind is list else value
