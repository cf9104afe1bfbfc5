"""A lane: what is to be worked off of one session, one after the other, and what is being done of it.

A lane holds so many words. What comes beyond that is put off: nothing of it is acked, so the hub owes it, and the lane keeps
its number alone. From the first that is put off all are, or a later word would be worked off before an earlier one. What the
lane holds worked off, it asks the hub what it still owes from there (`ReadOwed`), and takes up of the answer what it has put
off, and nothing else: the answer may be ahead of deliveries that are on their way, or behind acks. So whatever gets stuck,
and whatever the inbox of the agent's rule lets be owed, it costs the client eight bytes a word.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import trio

from foldhub_core import Delivery, DeliveryPage

if TYPE_CHECKING:
    from .turning import Current

KEPT_WORK = 256
"""So many words of a session wait to be worked off; those behind them are put off."""


class Refilled(NamedTuple):
    """What became of deliveries that were put off, by number."""

    taken_up: list[int]
    gone: list[int]
    """What the hub did not owe when it was asked, or lets wait; such a one may come again by itself."""


class Lane:
    """What is to be done of one session."""

    __slots__ = ("_late", "_put_off", "current", "over", "refilling", "scope", "waiting")

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        """All that is done here."""
        self.refilling = trio.CancelScope()
        """The asking for what was put off."""
        self.waiting: deque[Delivery] = deque()
        self.current: Current | None = None
        """What is being done."""
        self.over = False
        """Whether the agent has been told of the session's end."""
        self._put_off = array("q")
        """The numbers of what was put off; they rise."""
        self._late: set[int] | None = None
        """Those of them that came after the hub was asked: its answer may not know of them. None while it is not asked."""

    def put(self, delivery: Delivery) -> bool:
        """Have a delivery wait; False where it is put off."""
        number = delivery.number
        if number is None or (not self._put_off and len(self.waiting) < KEPT_WORK):
            self.waiting.append(delivery)
            return True
        if not self.has_put_off(number):
            insort(self._put_off, number)
        if self._late is not None:
            self._late.add(number)
        return False

    def has_put_off(self, number: int | None = None) -> bool:
        """Whether a delivery is put off; without a number, whether any is."""
        if number is None:
            return bool(self._put_off)
        at = bisect_left(self._put_off, number)
        return at < len(self._put_off) and self._put_off[at] == number

    def asks_from(self) -> int:
        """From which delivery on the hub is to be asked, now, what it owes. Something must be put off."""
        self._late = set()
        return self._put_off[0]

    def refill(self, page: DeliveryPage) -> Refilled:
        """Have wait what was put off and is still owed, by the answer of the hub; what is not owed any more is gone."""
        put_off, late, self._late = self._put_off, self._late or set(), None
        end = bisect_right(put_off, page.upto) if page.more else len(put_off)
        looked_at, self._put_off = set(put_off[:end]), put_off[end:]
        taken_up: list[int] = []
        for delivery in page.deliveries:
            number = delivery.number
            if number in looked_at:
                self.waiting.append(delivery)
                looked_at.remove(number)
                taken_up.append(number)
        for number in looked_at & late:
            insort(self._put_off, number)
        return Refilled(taken_up, sorted(looked_at - late))
