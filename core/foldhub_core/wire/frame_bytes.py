"""Frames as payloads, and back. What is read is exactly what would be written, or it is `Malformed`."""

from foldhub_core import codec
from foldhub_core.envelope import Envelope
from foldhub_core.errors import Malformed, unexpected
from foldhub_core.tags import TAGS

from .frames import Deliveries, Frame, Sent


def write_frame(frame: Frame) -> bytes:
    """A frame as a payload."""
    return codec.encode(frame)


def read_frame(payload: bytes) -> Frame:
    """The frame of a payload, which must be exactly what `write_frame` writes; anything else is `Malformed`."""
    frame = codec.record_of(codec.unpack(payload))
    if not isinstance(frame, Frame):
        raise unexpected("a frame", frame)
    if codec.encode(frame) != payload:
        raise Malformed(f"expected the canonical bytes of a {type(frame).__name__}, came other bytes for it")
    return frame


def write_sent(agent_id: str, number: int, attempt: int, envelope: Envelope) -> bytes:
    """One delivery, to be joined with others."""
    return codec.encode(Sent(agent_id, number, attempt, envelope))


def join_deliveries(sent: list[bytes]) -> bytes:
    """The payload of a `Deliveries` of what was written one by one."""
    begin = b"\x92" + codec.pack(TAGS[Deliveries])
    count = len(sent)
    head = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return b"".join([begin, head, *sent])
