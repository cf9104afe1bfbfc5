"""Frames as payloads, and back. What is read is exactly what would be written, or it is `Malformed`.

The frames of every post (a request, its answer, deliveries) are written and read without the detour over generic rows. What
does not look like one of them at once is read like any other, and refused like any other.
"""

from collections.abc import Callable

from foldhub_core import codec
from foldhub_core.data import INT_MAX
from foldhub_core.envelope import Envelope
from foldhub_core.errors import Malformed, unexpected
from foldhub_core.exact import is_list
from foldhub_core.records import trusted
from foldhub_core.tags import TAGS

from .frames import MOST_SENT, Answer, Ask, Deliveries, Frame, Query, Sent

_CARRYING: dict[type, int] = {cls: TAGS[cls] for cls in (Ask, Query, Answer)}
_CARRIERS: dict[object, Callable[[int, bytes], Frame]] = {
    TAGS[Ask]: trusted(Ask),
    TAGS[Query]: trusted(Query),
    TAGS[Answer]: trusted(Answer),
}
"""What makes a frame that is the number of a request and something in bytes, by its tag."""

_DELIVERIES = TAGS[Deliveries]
_SENT = TAGS[Sent]
_deliveries = trusted(Deliveries)
_sent = trusted(Sent)


def write_frame(frame: Frame) -> bytes:
    """A frame as a payload."""
    return codec.encode(frame)


def write_carrier(kind: type[Ask | Query | Answer], ref: int, carried: bytes) -> bytes:
    """The payload of a frame that carries bytes under the number of a request, which is above 0."""
    return codec.pack((_CARRYING[kind], ref, carried))


def read_frame(payload: bytes) -> Frame:
    """The frame of a payload, which must be exactly what `write_frame` writes; anything else is `Malformed`."""
    row = codec.unpack(payload)
    quick = _quick(row, payload) if is_list(row) else None
    if quick is not None:
        return quick
    frame = codec.record_of(row)
    if not isinstance(frame, Frame):
        raise unexpected("a frame", frame)
    if codec.encode(frame) != payload:
        raise Malformed(f"expected the canonical bytes of a {type(frame).__name__}, came other bytes for it")
    return frame


def write_sent(agent_id: str, number: int, attempt: int, envelope: Envelope) -> bytes:
    """One delivery, to be joined with others."""
    return codec.pack((_SENT, agent_id, number, attempt, codec.row_of(envelope)))


def join_deliveries(sent: list[bytes]) -> bytes:
    """The payload of a `Deliveries` of what was written one by one."""
    count = len(sent)
    head = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return b"".join([_BEGIN, head, *sent])


_BEGIN = b"\x92" + codec.pack(_DELIVERIES)


def _quick(row: list[object], payload: bytes) -> Frame | None:
    """A frame of a post, where the row is one without fault; None where it has to be looked at."""
    if not row or type(row[0]) is not int:
        return None
    if len(row) == 3:
        tag, ref, carried = row
        make = _CARRIERS.get(tag)
        if make is not None and type(ref) is int and 1 <= ref <= INT_MAX and type(carried) is bytes:
            return make(ref, carried) if codec.pack(row) == payload else None
    elif len(row) == 2 and row[0] == _DELIVERIES and is_list(row[1]) and len(row[1]) <= MOST_SENT:
        return _quick_deliveries(row[1], payload)
    return None


def _quick_deliveries(rows: list[object], payload: bytes) -> Deliveries | None:
    """Some deliveries, where each is without fault."""
    deliveries: list[Sent] = []
    written: list[object] = []
    for row in rows:
        if not is_list(row) or len(row) != 5 or type(row[0]) is not int or row[0] != _SENT:
            return None
        _, agent_id, number, attempt, word = row
        if type(agent_id) is not str or not agent_id.isascii() or type(number) is not int or type(attempt) is not int:
            return None
        if number > INT_MAX or attempt > INT_MAX or (envelope := _envelope(word)) is None:
            return None
        deliveries.append(_sent(agent_id, number, attempt, envelope))
        written.append((_SENT, agent_id, number, attempt, codec.row_of(envelope)))
    return _deliveries(tuple(deliveries)) if codec.pack((_DELIVERIES, written)) == payload else None


def _envelope(row: object) -> Envelope | None:
    try:
        envelope = codec.record_of(row)
    except Malformed:
        return None
    return envelope if type(envelope) is Envelope else None
