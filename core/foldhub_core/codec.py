"""Records to canonical bytes and back.

In bytes a record is a *row*: a list of its tag and the values of its fields in order, records in it again as rows, packed by
msgpack. Tags come from an explicit table, not from class names, so that a class may be renamed and its bytes stay. Records
that are equal in type and value of every leaf are equal bytes, in every process: frozen data has its keys sorted, everything
else has one way to be written.

Reading trusts nothing. `decode` accepts exactly what `encode` writes: it decodes, builds the record by its checked
constructor, and writes it again; bytes that come out otherwise (a long form of a number, keys in another order, an integer
where a float is declared) were not canonical. Whatever is wrong, a reader hears one error: `Malformed`.

Rows of older formats are brought up here, at the reader's edge, by the upcasts of a `History`, so that the core knows only
today's shapes.

Inside an envelope's data a record stands as a *named map*, which people read in transcripts and exports.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs
import msgspec

from .data import Data, FrozenDict, freeze_value, frozen_map
from .envelope import Envelope
from .errors import Malformed, unexpected
from .exact import Hook, exact_converter, hook_of, is_list, placed_hook_of
from .records import checked, names_of, reader, reading
from .session import Manifest
from .tags import TAGS

FORMAT = 1
"""The version of the rows that are written. Every stored payload says which one it was written in."""

FOREIGN = 0
"""The tag of a record that is not ours: the state of a protocol. Its class is known where it is read."""

Row = tuple[object, ...]
Upcast = Callable[[list[object]], list[object]]
"""Turns the fields of a row into those of the next format. What it raises over a row that never was one is `Malformed`."""

R = TypeVar("R")


class History:
    """The formats a reader knows: the newest, and how rows of the older ones are brought up to it."""

    __slots__ = ("form", "upcasts")

    def __init__(self, form: int, upcasts: Mapping[tuple[int, int], Upcast]) -> None:
        self.form = form
        self.upcasts = upcasts
        """By format and tag: how such a row becomes one of the next format. What is not here did not change."""


HISTORY = History(FORMAT, {})
"""What was written until today."""

_CLASSES: dict[int, type] = {tag: cls for cls, tag in TAGS.items()}
_begin_hash = hashlib.blake2b(digest_size=16).copy
"""A hash of nothing yet: to copy one takes half of what making one does."""
pack: Callable[[object], bytes] = msgspec.msgpack.Encoder().encode
"""Write rows and plain values that are known to be canonical."""
_UNPACK = msgspec.msgpack.Decoder().decode


def encode(record: object) -> bytes:
    """Write one record of the table; equal records give equal bytes. What is not in the table raises `KeyError`."""
    if type(record) not in TAGS:
        raise KeyError(type(record))
    return pack(row_of(record))


def decode(data: bytes, expected: type[R], form: int = FORMAT, history: History = HISTORY) -> R:
    """Read one record of this class, or raise `Malformed`. Bytes of the newest format must be exactly what `encode` writes."""
    record = record_of(unpack(data), form, history)
    if type(record) is not expected:
        raise unexpected(f"a {expected.__name__}", record)
    if form == history.form and encode(record) != data:
        raise Malformed(f"expected the canonical bytes of a {expected.__name__}, came other bytes for it")
    return record


def unpack(data: bytes) -> object:
    """Read bytes as plain values, or raise `Malformed`."""
    try:
        return _UNPACK(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError) as error:
        raise Malformed(f"expected the bytes of a record, came bytes that msgpack cannot read: {error}") from None


def body_hash(record: object) -> bytes:
    """Name the content of a record; what differs in anything has another name."""
    return digest(encode(record))


def digest(data: bytes) -> bytes:
    """The hash of the core: 128 bits of blake2b."""
    begun = _begin_hash()
    begun.update(data)
    return begun.digest()


def hasher() -> "hashlib.blake2b":
    """The same hash, for what comes in pieces."""
    return _begin_hash()


def row_of(record: object) -> Row:
    """Give the row of a record of the table."""
    cls: Any = type(record)
    return _row_writer(cls)(record)


def record_of(row: object, form: int = FORMAT, history: History = HISTORY) -> object:
    """Build the record a row stands for, whatever record of the table it is, or raise `Malformed`."""
    if not 1 <= form <= history.form:
        raise Malformed(f"expected format 1 to {history.form}, came {form}")
    record: object = _row_reader(_class_of(row), form, history)(row)
    return record


def _class_of(row: object) -> type:
    if not is_list(row) or not row:
        raise unexpected("a row that begins with a tag", row)
    tag = row[0]
    cls = _CLASSES.get(tag) if type(tag) is int else None
    if cls is None:
        raise unexpected("a tag of the table", tag)
    return cls


def encode_foreign(record: object) -> bytes:
    """Write a record of a class that is not in the table: the state of a protocol."""
    cls: Any = type(record)
    return pack(_row_writer(cls)(record))


def decode_foreign(data: bytes, cls: type[R], form: int = FORMAT) -> R:
    """Read a record of a class that is not in the table, or raise `Malformed`."""
    return cast(R, _row_reader(cast(Any, cls), form, HISTORY)(unpack(data)))


def encode_as(declared: Any, value: object) -> bytes:
    """Write a value of a declared type. Any: a declared type has no type of its own."""
    writer = _writer(declared)
    return pack(value if writer is None else writer(value))


def decode_as(declared: Any, data: bytes) -> object:
    """Read a value of a declared type; bytes that are not exactly what `encode_as` writes are `Malformed`."""
    value: object = hook_of(_row_converter(FORMAT, HISTORY), declared)(unpack(data))
    if encode_as(declared, value) != data:
        raise Malformed("expected canonical bytes, came other bytes for the same value")
    return value


def posted_hash(envelope: Envelope) -> bytes:
    """Name what an envelope's sender asked to be said: its content without the hub's stamp, which is its last fields."""
    return digest(pack(_posted(envelope)))


def said_row(envelope: Envelope) -> Row:
    """The row of an envelope without its id and time, which the commit it stands in tells."""
    return (ENVELOPE, *_said(envelope))


def said_of(row: list[Any], envelope_id: str, at_ms: int, form: int = FORMAT) -> Envelope:
    """Build the envelope of such a row, or raise `Malformed`. The row is used up."""
    row[-2:-2] = (envelope_id, at_ms)
    envelope: Envelope = _row_reader(Envelope, form, HISTORY)(row)
    return envelope


_FIELDS = names_of(Envelope)
_STAMP = _FIELDS.index("envelope_id")
"""Where the hub's stamp begins among the fields of an envelope: its id, its time, its number, its depth."""
_posted: Callable[[Envelope], tuple[object, ...]] = attrgetter(*_FIELDS[:_STAMP])
_said: Callable[[Envelope], tuple[object, ...]] = attrgetter(*_FIELDS[:_STAMP], *_FIELDS[-2:])

ENVELOPE = TAGS[Envelope]


def to_data(record: object) -> Data:
    """Give a record as a frozen named map."""
    return cast(Data, _named(record))


def from_data(cls: type[R], data: Mapping[str, object]) -> R:
    """Build a record from a named map; fields left out take their defaults, unknown ones are `Malformed`."""
    known: Any = cls
    return cast(R, _named_reader(known)(data))


@cache
def _row_writer(cls: type) -> Callable[[Any], Row]:
    """Make what writes records of one class. Any: the class is known only here, at the codec's edge."""
    tag = TAGS.get(cls, FOREIGN)
    fields = attrs.fields(cls)
    writers = [(at, writer) for at, field in enumerate(fields) if (writer := _writer(field.type)) is not None]
    read = reading(cls)

    def flat(record: Any) -> Row:
        return (tag, *read(record))

    def nested(record: Any) -> Row:
        values = list(read(record))
        for at, writer in writers:
            values[at] = writer(values[at])
        return (tag, *values)

    return nested if writers else flat


def _writer(declared: Any) -> Callable[[Any], object] | None:
    """Say how a field of this type is written where it is not written as it is."""
    if isinstance(declared, type) and attrs.has(declared):
        return _row_writer(declared)
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        inner = [_writer(one) for one in arguments if one is not NoneType]
        if not any(inner):
            return None
        return lambda value: value if value is None else row_of(value)
    if origin is tuple:
        each = _writer(arguments[0])
        return None if each is None else lambda value: [each(item) for item in value]
    if origin is Mapping:
        held = None if arguments[1] is object else _writer(arguments[1])
        return None if held is None else lambda value: {key: held(item) for key, item in value.items()}
    if declared is object:
        return lambda value: None if value is None else row_of(value)
    return None


@cache
def _row_reader(cls: type, form: int, history: History) -> Hook:
    """Make what reads rows of one class as a given format wrote them."""
    tag = TAGS.get(cls, FOREIGN)
    fields = attrs.fields(cls)
    converter = _row_converter(form, history)
    hooks = {
        field.name: placed_hook_of(converter, field.type, f"{cls.__name__}.{field.name}")
        for field in fields
        if _writer(field.type) is not None
    }
    count = len(fields)
    steps = [(step, tag) for step in range(form, history.form)]
    upcasts = [history.upcasts[step] for step in steps if step in history.upcasts]

    def other(row: object) -> Any:
        if not is_list(row) or not row or type(row[0]) is not int or row[0] != tag:
            raise unexpected(f"the row of a {cls.__name__}, which begins with {tag}", row[0] if is_list(row) and row else row)
        values = row[1:]
        for upcast in upcasts:
            values = _upcast(upcast, values, cls)
        if len(values) != count:
            raise Malformed(f"expected {count} fields, came {len(values)}", where=cls.__name__)
        return read([tag, *values])

    read: Callable[[object], Any] = reader(cls, tag, hooks, other)
    return other if upcasts else read


def _upcast(upcast: Upcast, values: list[object], cls: type) -> list[object]:
    try:
        return upcast(values)
    except Exception as error:
        raise Malformed(f"expected fields of an older format, came others ({error!r})", where=cls.__name__) from error


@lru_cache(maxsize=256)
def _shared(cls: type, row: bytes, form: int, history: History) -> object:
    """The record of a row: one for all that come with the same bytes. Any number of sessions is opened under few manifests."""
    record: object = _row_reader(cls, form, history)(unpack(row))
    return record


def _packed_row(row: object) -> bytes:
    """The bytes a row came as."""
    try:
        return pack(row)
    except RecursionError:
        raise Malformed("expected a row, came one deeper than any is") from None


@cache
def _row_converter(form: int, history: History) -> cattrs.Converter:
    def record_hook(cls: type) -> Hook:
        if cls is Manifest:
            return lambda row: _shared(cls, _packed_row(row), form, history)
        return lambda row: _row_reader(cls, form, history)(row)  # noqa: PLW0108 - its reader is not made yet

    def any_record(row: object) -> object:
        if row is None:
            return None
        cls = _class_of(row)
        if any(field.type is object for field in attrs.fields(cast(Any, cls))):
            # Or bytes could nest such records deeper than any stack can follow.
            raise Malformed(f"expected a record that holds no record of any kind, came a {cls.__name__}")
        return record_of(row, form, history)

    return exact_converter(record_hook, any_record)


def _named(value: object) -> object:
    """Give a frozen value with every record in it as a map of its fields; free data is frozen already."""
    kind: Any = type(value)
    if kind is str or kind is int or value is None or kind is Data:
        return value
    names = _sorted_names(kind) if kind in TAGS else None
    if names is not None:
        return frozen_map([(name, _named(getattr(value, name))) for name in names])
    if isinstance(value, FrozenDict):
        return frozen_map([(key, _named(item)) for key, item in cast("FrozenDict[object]", value).items()])
    if isinstance(value, tuple):
        return tuple([_named(item) for item in cast("tuple[object, ...]", value)])
    return str(value) if isinstance(value, str) else value


@cache
def _sorted_names(cls: type) -> tuple[str, ...]:
    return tuple(sorted(names_of(cls)))


@cache
def _named_reader(cls: type) -> Hook:
    fields = {field.name: field for field in attrs.fields(cls)}
    hooks = {name: placed_hook_of(_NAMED, field.type, f"{cls.__name__}.{name}") for name, field in fields.items()}
    build: Callable[..., Any] = checked(cls)

    def read(value: object) -> Any:
        if not isinstance(value, dict):
            raise unexpected(f"a map with the fields of a {cls.__name__}", value)
        given = cast("dict[object, object]", value)
        for name in given:
            if name not in fields:
                raise unexpected("the name of a field", name, where=cls.__name__)
        values: list[object] = []
        for name, field in fields.items():
            if name in given:
                values.append(hooks[name](given[name]))
            elif field.default is attrs.NOTHING:
                raise Malformed(f"expected the field {name}, came none", where=cls.__name__)
            else:
                values.append(field.default)
        return build(*values)

    return read


_NAMED = exact_converter(_named_reader, freeze_value)
