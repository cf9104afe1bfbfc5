"""How fast one end may speak: two token buckets, of frames and of bytes, with room for one second of each.

What was read is paid for afterwards, so that a frame larger than the room can come, and what follows it waits.
"""

from .limits import WireLimits

PARTS = 1_000
"""What one frame or byte costs; a bucket of n a second gets n parts a millisecond."""


class Pace:
    """What is left of both."""

    __slots__ = ("_at_ms", "_bytes", "_frames", "_limits", "may_take")

    def __init__(self, limits: WireLimits, now_ms: int) -> None:
        self._limits = limits
        self._at_ms = now_ms
        self._frames = limits.frames_per_s * PARTS
        self._bytes = limits.bytes_per_s * PARTS
        self.may_take = True
        """Whether a frame may be taken now."""

    def advance(self, now_ms: int) -> None:
        """Fill up what time gives."""
        gone = max(0, now_ms - self._at_ms)
        self._at_ms += gone
        frames, bytes_ = self._limits.frames_per_s, self._limits.bytes_per_s
        self._frames = min(self._frames + gone * frames, frames * PARTS)
        self._bytes = min(self._bytes + gone * bytes_, bytes_ * PARTS)
        self.may_take = self._frames >= PARTS and self._bytes >= PARTS

    def spend(self, size: int) -> None:
        """Pay for a frame of this size."""
        self._frames -= PARTS
        self._bytes -= size * PARTS
        self.may_take = self._frames >= PARTS and self._bytes >= PARTS

    @property
    def ready_ms(self) -> int:
        """When the next frame may be taken; a time that is past where it may be now."""
        waits = [-((left - PARTS) // rate) for left, rate in self._left() if left < PARTS]
        return self._at_ms + max(waits, default=0)

    def _left(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return (self._frames, self._limits.frames_per_s), (self._bytes, self._limits.bytes_per_s)
