"""Hearing: what came for one agent on its connection, and is not settled yet.

Whatever comes is heard at once: it can be waited for, and is worked off beside that. What is not settled is owed by the hub, so
that its inbox says how much of it there can be.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from foldhub_core import Ack, Delivery, Envelope, Nack

from .client_task import TaskOwner
from .turning import Turning
from .waiting import Waiting

if TYPE_CHECKING:
    from .client import HubClient

KEPT_FAILED = 1_024
"""So many deliveries that failed are remembered: an older one, should it come again, is heard again."""


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

    def deliver(self, delivery: Delivery) -> None:
        """Take in what came on the connection."""
        number = delivery.number
        assert number is not None, "what is delivered has a number"
        if number in self._heard:
            return
        self._heard.add(number)
        if number in self._failed:
            del self._failed[number]
        else:
            self.waiting.note(delivery.envelope)
        self.work_off(delivery)

    def work_off(self, delivery: Delivery) -> None:
        """Do with a delivery what is to be done beside its being heard."""
        self._turning.put(delivery)

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
            self._failed[end.number] = None
            if len(self._failed) > KEPT_FAILED:
                del self._failed[next(iter(self._failed))]
        if end is not None:
            self.hub_client.settling.put(end)
