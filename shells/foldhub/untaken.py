"""What came on a client's connection, and its owner has not taken yet."""

from collections import deque
from collections.abc import Iterable

from foldhub_core import Delivery

from .link import Evicted, Received


class Untaken:
    """What came, in its order.

    A delivery that comes again may have been acked while it waited here, and is of no use then: so it is passed over.
    """

    __slots__ = ("_again", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Received] = deque()
        self._again: set[tuple[str, int | None]] = set()
        """What of it came again and is still to be given, by agent and number."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, one: Delivery | Evicted) -> None:
        """Have something wait."""
        self._waiting.append(one)
        if isinstance(one, Delivery) and one.attempt > 1:
            self._again.add((one.agent_id, one.number))

    def acked(self, agent_id: str, numbers: Iterable[int]) -> None:
        """Pass over what comes again of these."""
        if self._again:
            self._again.difference_update([(agent_id, number) for number in numbers])

    def take(self, limit: int) -> tuple[Received, ...]:
        """Give what has come, at most so much."""
        taken: list[Received] = []
        while self._waiting and len(taken) < limit:
            one = self._waiting.popleft()
            if isinstance(one, Delivery) and one.attempt > 1:
                if (one.agent_id, one.number) not in self._again:
                    continue
                self._again.remove((one.agent_id, one.number))
            taken.append(one)
        return tuple(taken)

    def forget_deliveries(self) -> None:
        """Let deliveries go: they come again with the next connection."""
        self._again.clear()
        self._waiting = deque([one for one in self._waiting if not isinstance(one, Delivery)])
