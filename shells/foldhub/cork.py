"""The cork of a server: while it is in, what its connections have to say gathers; when it is out again, all of it is sent.

Whoever does what came on one connection has things said on others: an answer here, a delivery there. With the cork in, each of
them sends once for all that came together, and without a switch of tasks.
"""

from types import TracebackType
from typing import Protocol

from .sockets import now_ms


class Corked(Protocol):
    """A connection that may have something to say."""

    def settle(self) -> None:
        """Send, and wake whoever is to look. It may not wait, nor raise."""
        ...


class Cork:
    """One for all connections of a server, in the hands of whoever runs: `with cork: ...`, and nothing in it waits."""

    __slots__ = ("_held", "_now_ms")

    def __init__(self) -> None:
        self._held: dict[Corked, None] = {}
        """Who settles when it is out, in the order in which they asked."""
        self._now_ms: int | None = None
        """When it went in; None while it is out."""

    def __enter__(self) -> None:
        self._now_ms = now_ms()

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self._now_ms = None
        held, self._held = self._held, {}
        for one in held:
            one.settle()

    def hold(self, one: Corked) -> bool:
        """Have a connection settle when the cork is out; False where it is out already."""
        if self._now_ms is None:
            return False
        self._held[one] = None
        return True

    @property
    def now_ms(self) -> int:
        """The time of a wire; with the cork in, that of when it went in."""
        return now_ms() if self._now_ms is None else self._now_ms
