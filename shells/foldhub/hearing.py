"""Hearing: what came for one agent on its connection, and is not settled yet.

Whatever comes is heard at once: it can be waited for, and is worked off beside that, as far as there is room for it. What is not
settled is owed by the hub, which is asked for it when there is.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from foldhub_core import Ack, Delivery, Envelope, Nack

from .client_task import TaskOwner
from .lane import Refilled
from .turning import Turning
from .waiting import Waiting

if TYPE_CHECKING:
    from .client import HubClient

KEPT_BEFORE = 1_024
"""So many deliveries that failed are remembered, and as many that were gone: an older one that comes again is heard again."""


class Hearing(TaskOwner):
    """What an agent's client does with deliveries. All of it is the client's to call."""

    hub_client: "HubClient"
    waiting: Waiting
    _turning: Turning

    def __init__(self) -> None:
        self._heard: set[int] = set()
        """The deliveries that came and were not settled: should they come again, nothing is to be done."""
        self._failed: dict[int, None] = {}
        """Those that failed, the oldest first: when they come again, they are worked off again, and are no news."""
        self._gone: dict[int, None] = {}
        """Those that were put off and that the hub did not give when it was asked, the oldest first. Should they come again, they
        are no news either."""

    def deliver(self, delivery: Delivery) -> None:
        """Take in what came on the connection."""
        number = delivery.number
        assert number is not None, "what is delivered has a number"
        if number in self._heard or (delivery.attempt > 1 and self.hub_client.settling.tells(self.agent_id, number)):
            return
        came_before = number in self._failed or number in self._gone
        if not came_before and not self._turning.has_put_off(delivery.envelope.session_id, number):
            self.waiting.note(delivery.envelope)
        self._heard.add(number)
        if not self.work_off(delivery):
            self._heard.discard(number)
        elif came_before:
            self._forget(number)

    def refilled(self, refilled: Refilled) -> None:
        """Take in what became of what was put off."""
        for number in refilled.taken_up:
            self._forget(number)
            self._heard.add(number)
        for number in refilled.gone:
            _remember(self._gone, number)

    def work_off(self, delivery: Delivery) -> bool:
        """Do with a delivery what is to be done beside its being heard; False where that is put off."""
        return self._turning.put(delivery)

    def taken(self, word: Envelope) -> None:
        """Somebody has taken a word."""

    def let_go(self, session_id: str, numbers: Iterable[int]) -> None:
        """Nobody can take these words of a session any more."""

    def arrived(self, delivery: Delivery) -> None:
        """Ack a delivery, soon: what `settle` does, without a record for each."""
        number = delivery.number
        if number is not None:
            self._heard.discard(number)
            self.hub_client.settling.ack(self.agent_id, number)

    def settle(self, end: Ack | Nack | None) -> None:
        """End a delivery, soon."""
        if isinstance(end, Ack):
            self._heard.difference_update(end.numbers)
        elif isinstance(end, Nack):
            self._heard.discard(end.number)
            _remember(self._failed, end.number)
        if end is not None:
            self.hub_client.settling.put(end)

    def _forget(self, number: int) -> None:
        self._failed.pop(number, None)
        self._gone.pop(number, None)


def _remember(numbers: dict[int, None], number: int) -> None:
    """Remember a number, and of the oldest beyond so many none."""
    numbers[number] = None
    if len(numbers) > KEPT_BEFORE:
        del numbers[next(iter(numbers))]
