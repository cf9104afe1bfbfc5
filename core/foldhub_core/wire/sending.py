"""What waits to be sent: frames in their order, deliveries that come one after the other joined into one.

Whoever carries it takes as many bytes as the socket takes. What waits is counted, so that a peer that does not read is found.
"""

from collections import deque

from foldhub_core.envelope import Envelope

from .frame_bytes import join_deliveries, write_carrier, write_frame, write_sent
from .frames import Answer, Ask, Frame, Query
from .framing import HEADER, framed

JOINED = 8
"""What joining deliveries adds at most to their bytes, the frame's length aside."""

AROUND_ONE = 64
"""What a frame has around one delivery at most, however it comes: joined with others, or as an answer that says what is owed."""


class SendQueue:
    """The bytes that one end owes the other."""

    __slots__ = ("_batch", "_batch_bytes", "_batch_most", "_ready", "_ready_bytes")

    def __init__(self, batch: int) -> None:
        self._batch_most = batch
        self._ready: deque[bytes | memoryview] = deque()
        self._ready_bytes = 0
        self._batch: list[bytes] = []
        """Deliveries that the next frame holds."""
        self._batch_bytes = 0

    def put(self, frame: Frame) -> None:
        """Put a frame behind all that is there."""
        self._join()
        self._frame(write_frame(frame))

    def put_carrier(self, kind: type[Ask | Query | Answer], ref: int, carried: bytes) -> None:
        """Put a frame behind all that is there that carries bytes under the number of a request."""
        if self._batch:
            self._join()
        self._frame(write_carrier(kind, ref, carried))

    def put_delivery(self, agent_id: str, number: int, attempt: int, envelope: Envelope, most: int) -> bool:
        """Put a delivery behind all that is there; False, and it is not put, where a frame of `most` bytes cannot hold it."""
        sent = write_sent(agent_id, number, attempt, envelope)
        if len(sent) + AROUND_ONE > most:
            return False
        if len(self._batch) == self._batch_most or self._batch_bytes + len(sent) + JOINED > most:
            self._join()
        self._batch.append(sent)
        self._batch_bytes += len(sent)
        return True

    def take(self, most: int) -> bytes:
        """Take bytes to be sent, at most so many."""
        if self._batch and self.waiting <= most:
            self._join()
        if not self._batch and self._ready_bytes <= most:
            data = b"".join(self._ready)
            self._ready.clear()
            self._ready_bytes = 0
            return data
        if not self._ready:
            self._join()
        taken: list[bytes | memoryview] = []
        room = most
        while self._ready and room:
            piece = self._ready.popleft()
            if len(piece) > room:
                piece = memoryview(piece)
                self._ready.appendleft(piece[room:])
                piece = piece[:room]
            taken.append(piece)
            room -= len(piece)
            if not self._ready:
                self._join()
        data = b"".join(taken)
        self._ready_bytes -= len(data)
        return data

    def clear(self) -> None:
        """Forget all that waits."""
        self._ready.clear()
        self._batch.clear()
        self._ready_bytes = self._batch_bytes = 0

    @property
    def waiting(self) -> int:
        """How many bytes wait."""
        return self._ready_bytes + (self._batch_bytes + JOINED + HEADER if self._batch else 0)

    def _frame(self, payload: bytes) -> None:
        self._ready.append(framed(payload))
        self._ready_bytes += HEADER + len(payload)

    def _join(self) -> None:
        """Make a frame of the deliveries that are gathered."""
        if self._batch:
            batch, self._batch, self._batch_bytes = self._batch, [], 0
            self._frame(join_deliveries(batch))
