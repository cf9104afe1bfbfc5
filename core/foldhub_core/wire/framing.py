"""Framing: a stream of bytes as payloads, each behind its length.

A frame is four bytes, its length as a big-endian unsigned integer, and so many bytes of payload; at least one. A length
that is not allowed is refused when its four bytes are there, before anything is kept for it. Where a stream is refused, it is
over: every later question is refused alike, for nobody can tell where the next frame begins.
"""

from struct import Struct

from foldhub_core.errors import Malformed

HEADER = 4
"""How many bytes the length takes."""

_LENGTH = Struct(">I")
_write_length, _read_length = _LENGTH.pack, _LENGTH.unpack_from


def framed(payload: bytes) -> bytes:
    """A payload as it goes over the wire."""
    return _write_length(len(payload)) + payload


class FrameBuffer:
    """Takes bytes in as they come and gives payloads out."""

    __slots__ = ("_at", "_bytes", "_refused")

    def __init__(self) -> None:
        self._bytes: bytes | bytearray = b""
        """What came, as it came where nothing was left of what came before."""
        self._at = 0
        """Where the next frame begins."""
        self._refused: Malformed | None = None

    def take(self, data: bytes) -> None:
        """Take bytes in."""
        held = self._bytes
        if self._at == len(held):
            self._bytes, self._at = data, 0
            return
        if not isinstance(held, bytearray):
            held = self._bytes = bytearray(held)
        del held[: self._at]
        self._at = 0
        held += data

    def next(self, most: int) -> bytes | None:
        """The next payload, or None while it is not all there; raises `Malformed` over a length of 0, or of more than `most`."""
        if self._refused is not None:
            raise self._refused
        held, begin = self._bytes, self._at + HEADER
        if len(held) < begin:
            return None
        (length,) = _read_length(held, self._at)
        if not 1 <= length <= most:
            self._refused = Malformed(f"expected a frame of 1 to {most} bytes, came one of {length}", where="frame")
            raise self._refused
        end = begin + length
        if len(held) < end:
            return None
        payload = held[begin:end] if type(held) is bytes else bytes(memoryview(held)[begin:end])
        if end == len(held):  # a link at rest holds nothing of what came
            self._bytes, self._at = b"", 0
        else:
            self._at = end
        return payload

    @property
    def length(self) -> int | None:
        """The length of the frame that has begun, as it says; None while that is not known."""
        if self.held < HEADER:
            return None
        length: int = _read_length(self._bytes, self._at)[0]
        return length

    @property
    def held(self) -> int:
        """How many bytes are here that were not given out."""
        return len(self._bytes) - self._at

    @property
    def whole(self) -> bool:
        """Whether a frame is all here."""
        length = self.length
        return length is not None and self.held >= HEADER + length
