"""A persistent memory of the last things: a map that forgets its oldest first.

Idempotency keys and observed tasks are remembered so: looked up by key, forgotten by age or number. Every operation is
O(log n). Entries are numbered as they come, and the numbers find the oldest.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from immutables import Map

from .records import hot

V = TypeVar("V")


@hot
class Recent(Generic[V]):
    """Keys and what is remembered of them, oldest first."""

    entries: Map[str, tuple[int, V]] = Map()
    order: Map[int, str] = Map()
    first: int = 0
    """The number of the oldest entry, were it not for it: where forgetting goes on."""

    def get(self, key: str) -> V | None:
        """What is remembered of a key, or None."""
        found = self.entries.get(key)
        return None if found is None else found[1]

    def put(self, key: str, value: V, most: int) -> "Recent[V]":
        """Remember a new key; forgets the oldest beyond `most`. The key must not be there."""
        first, entries, order = self.first, self.entries, self.order
        held = len(order)
        number = first + held
        if held == most > 0:  # one out for one in, once the memory is full
            entries = entries.delete(order[first])
            order = order.delete(first)
            first += 1
        put = Recent(entries.set(key, (number, value)), order.set(number, key), first)
        return put if held <= most > 0 else put.forget(held + 1 - most)

    def forget(self, count: int) -> "Recent[V]":
        """Forget the oldest `count`; none for 0 or less."""
        left = self
        for number in range(self.first, self.first + min(count, len(self))):
            left = Recent(left.entries.delete(left.order[number]), left.order.delete(number), number + 1)
        return left

    def items(self) -> Iterator[tuple[str, V]]:
        """Keys and values, oldest first."""
        for number in range(self.first, self.first + len(self.order)):
            key = self.order[number]
            yield key, self.entries[key][1]

    def __len__(self) -> int:
        return len(self.order)

    def __contains__(self, key: str) -> bool:
        return key in self.entries
