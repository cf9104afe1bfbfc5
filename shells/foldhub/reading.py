"""The store's desk: whoever wants something of the store comes here, and is served one at a time.

A store is plain and synchronous, so what it does happens in a worker thread. Readers queue among themselves and send one of
them on, so that an append waits for one read at most. A store that rests on nothing but memory is asked on the spot.
"""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

import trio

from foldhub_core import Envelope, Nack, Redeliver
from foldhub_stores import LogStore, MemoryStore

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Desk:
    """One at a time at a store."""

    def __init__(self, store: LogStore) -> None:
        self.store = store
        self.in_memory = isinstance(store, MemoryStore)
        """Whether the store is asked on the spot: it needs no sync, and nothing of it takes long."""
        self._readers = trio.Lock()
        self._one = trio.CapacityLimiter(1)

    @property
    def idle(self) -> bool:
        """Whether nobody is at the store, and nobody waits for it."""
        return self._one.borrowed_tokens == 0

    async def read(self, ask: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """Ask the store, behind other readers. Cancelled, it has waited until the store was done, and changed nothing.

        A checkpoint. Raises what the store raises.
        """
        if self.in_memory:
            await trio.lowlevel.checkpoint()
            return ask(*args)
        async with self._readers:
            return await self.write(ask, *args)

    async def write(self, ask: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """Have the store do something in a worker thread, behind one reader at most. Begun, it is waited for."""
        if self.in_memory:
            return ask(*args)
        return await trio.to_thread.run_sync(ask, *args, limiter=self._one)


def envelopes(read: Callable[[str], Envelope | None], envelope_ids: list[str]) -> list[Envelope | Exception | None]:
    """The envelopes of these ids; what is raised for one of them stands in its place."""
    words: list[Envelope | Exception | None] = []
    for envelope_id in envelope_ids:
        try:
            words.append(read(envelope_id))
        except Exception as error:
            words.append(error)
    return words


def unreadable(what: Redeliver, why: Exception | None) -> Nack:
    """What becomes of a delivery whose envelope the store does not give: it comes again after a pause, or is given up."""
    return Nack(agent_id=what.agent_id, number=what.number, reason=f"it cannot be read: {why}")
