"""What is stored of a commit, read back: its time, who acted, the command, the facts or the refusal.

Nearly all of it is read the quick way: msgspec checks at once what is else checked field by field. A row as it is stored is
what msgspec calls a tagged struct in an array, and the types of its fields are those that the records declare. What it does
not take is read the ordinary way, which takes the rest or says what is wrong with it. So the quick way refuses nothing, and
there is one rule for what a commit may hold.
"""

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

import attrs
import msgspec

from . import codec
from .data import INT_MAX, INT_MIN, freeze
from .envelope import Envelope
from .errors import Malformed, unexpected
from .exact import is_list
from .facts import Configured, Fact, Mark
from .ids import make_id
from .records import trusted
from .tags import TAGS

Fields = tuple[int, tuple[object, ...], tuple[Fact, ...], object, object, object]
"""The time, the fields of the actor, the facts; and as rows the command, what was cut of it, and the refusal."""


def read_payload(hub_id: str, seq: int, form: int, payload: bytes) -> Fields:
    """What a payload holds; what is none is `Malformed`."""
    quick = read_quickly(hub_id, seq, payload) if form == codec.FORMAT else None
    return read_by_rule(hub_id, seq, form, payload) if quick is None else quick


# --- the ordinary way


def read_by_rule(hub_id: str, seq: int, form: int, payload: bytes) -> Fields:
    """What a payload of any format holds; what is none is `Malformed`."""
    # Any: the values are checked one by one, here and by whoever takes them, each by its own constructor.
    fields = codec.unpack(payload)
    if not is_list(fields):
        raise unexpected("a list", fields)
    owner_id: Any = None
    if len(fields) == _PAYLOAD_FIELDS + 1:
        owner_id = fields.pop()
        if owner_id is None:
            raise unexpected("the id of an owner", owner_id, where=f"commit {seq}")
    if len(fields) != _PAYLOAD_FIELDS:
        raise Malformed(f"expected {_PAYLOAD_FIELDS} fields, came {len(fields)}")
    # Any: as above.
    now_ms, subject, admin, acted, may_register, command_row, cut_row, fact_rows, refusal_row = cast("list[Any]", fields)
    if type(now_ms) is not int or not 0 <= now_ms <= INT_MAX // 2:
        raise unexpected("a time", now_ms, where=f"commit {seq}")
    facts = _read_facts(hub_id, seq, now_ms, items_of(fact_rows), form)
    return now_ms, (subject, admin, acted, may_register, owner_id), facts, command_row, cut_row, refusal_row


_PAYLOAD_FIELDS = 9
"""How many there are always; the owner of whoever registers a remote agent is a tenth."""


def items_of(row: object, count: int | None = None) -> list[Any]:
    """The items of a row whose tag, if it has one, is known; as many as are asked for."""
    if not is_list(row):
        raise unexpected("a list", row)
    if count is not None and len(row) != count:
        raise Malformed(f"expected {count} fields, came {len(row)}")
    return row


def _read_facts(hub_id: str, seq: int, now_ms: int, rows: list[object], form: int) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    envelopes = 0
    for row in rows:
        if is_list(row) and row and row[0] == codec.ENVELOPE:
            facts.append(codec.said_of(row, make_id(hub_id, "e", seq, envelopes), now_ms, form))
            envelopes += 1
            continue
        fact = codec.record_of(row, form)
        if not isinstance(fact, Mark):
            raise unexpected("a fact", fact, where=f"commit {seq}")
        facts.append(fact)
    return tuple(facts)


# --- the quick way


def read_quickly(hub_id: str, seq: int, payload: bytes) -> Fields | None:
    """What a payload of today's format holds; None where it is to be read the ordinary way."""
    facts: list[Fact] = []
    envelopes = 0
    rows: tuple[Any, ...]
    try:
        now_ms, subject, admin, acted, may_register, command, cut, rows, refusal = _decode(payload)
        for row in rows:
            if isinstance(row, _SAID):
                facts.append(_said(row, make_id(hub_id, "e", seq, envelopes), now_ms))
                envelopes += 1
            else:
                facts.append(_MARKS[type(row)](*_values(row)))
    except (ValueError, RecursionError, Malformed):
        return None
    return now_ms, (subject, admin, acted, may_register, None), tuple(facts), command, cut, refusal


# Any, from here on: types are values, rows are of structs that are made here, and msgspec has checked what is in them.
def _said(row: Any, envelope_id: str, at_ms: int) -> Envelope:
    return _envelope(
        row.session_id,
        row.sender_id,
        row.event_type,
        freeze(row.event_data),
        row.audience,
        row.causation_id,
        row.idempotency_key,
        row.task_id,
        row.trace_id,
        row.priority,
        row.ttl_seconds,
        envelope_id,
        at_ms,
        row.number,
        row.depth,
    )


def _row_type(cls: type, *left_out: str) -> Any:
    """The struct that stands for a row of a class, without the fields that are left out of it."""
    fields = [(one.name, _type_of(one.type)) for one in attrs.fields(cls) if one.name not in left_out]
    return msgspec.defstruct(f"{cls.__name__}Row", fields, array_like=True, tag=TAGS[cls], forbid_unknown_fields=True, gc=False)


def _type_of(declared: Any) -> Any:
    """What msgspec is to take for a field of this type."""
    if declared is int:
        return Annotated[int, msgspec.Meta(ge=INT_MIN, le=INT_MAX)]
    if get_origin(declared) is Mapping:
        return dict[str, Any]
    if get_origin(declared) is tuple:
        return _TUPLE[_type_of(get_args(declared)[0]), ...]
    if get_origin(declared) in (Union, UnionType):
        return _UNION[tuple([_type_of(one) for one in get_args(declared)])]
    return declared


_TUPLE: Any = tuple
_UNION: Any = Union
PLAIN_MARKS: list[type] = [cls for cls in get_args(Mark) if cls is not Configured]
"""The marks whose fields are plain values, and that have no rule of their own."""
_MARKS: dict[type, Callable[..., Mark]] = {_row_type(cls): trusted(cls) for cls in PLAIN_MARKS}
_SAID = _row_type(Envelope, "envelope_id", "created_at_ms")
_TIME: Any = Annotated[int, msgspec.Meta(ge=0, le=INT_MAX // 2)]
_PAYLOAD = _TUPLE[_TIME, str, bool, bool, str | None, Any, Any, _TUPLE[_UNION[_SAID, *_MARKS], ...], Any]
_decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(_PAYLOAD).decode
_values = msgspec.structs.astuple
_envelope = trusted(Envelope)
