"""Settling: what ends deliveries is told to the hub, many at once, and never before what they were for was done."""

import trio

from foldhub_core import Ack, Nack, NetworkError, Unavailable

from .link import AcksSoon, Duplex

ACKS_AT_ONCE = 1_000
PAUSE, LONGEST_PAUSE = 0.25, 8.0
"""How long, in seconds, is waited where the hub cannot take them now: doubled each time."""


class Settling:
    """The acks and nacks of one connection, on their way.

    What the hub refuses is let go: the agent is no longer there, or the delivery was settled by somebody else. What it cannot
    take now is told again. What was not told when the connection ends is still owed.
    """

    def __init__(self, duplex: Duplex) -> None:
        self._duplex = duplex
        self._ack_soon = duplex.ack_soon if isinstance(duplex, AcksSoon) else None
        """Takes acks at once, where the connection does; then they need no task."""
        self._acks: dict[str, list[int]] = {}
        self._telling: dict[str, list[int]] = {}
        """The acks that the hub is being told."""
        self._nacks: list[Nack] = []
        self._news = trio.Event()
        self._done = trio.Event()
        self._done.set()

    def put(self, end: Ack | Nack) -> None:
        """Tell the hub soon."""
        if isinstance(end, Ack) and self._ack_soon is not None:
            self._ack_soon(end.agent_id, end.numbers)
            return
        if isinstance(end, Ack):
            self._acks.setdefault(end.agent_id, []).extend(end.numbers)
        else:
            self._nacks.append(end)
        self._changed()

    def ack(self, agent_id: str, number: int) -> None:
        """Tell the hub soon that a delivery arrived."""
        if self._ack_soon is not None:
            self._ack_soon(agent_id, (number,))
            return
        numbers = self._acks.get(agent_id)
        if numbers is None:
            self._acks[agent_id] = [number]
            self._changed()
        else:
            numbers.append(number)

    def tells(self, agent_id: str, number: int) -> bool:
        """Whether the hub is still to be told that a delivery arrived, or is being told."""
        return number in self._acks.get(agent_id, ()) or number in self._telling.get(agent_id, ())

    async def run(self) -> None:
        """Tell the hub what there is, until cancelled."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            acks, self._acks = self._acks, {}
            nacks, self._nacks = self._nacks, []
            self._telling = acks
            for agent_id, numbers in acks.items():
                for at in range(0, len(numbers), ACKS_AT_ONCE):
                    await self._tell(Ack(agent_id=agent_id, numbers=tuple(numbers[at : at + ACKS_AT_ONCE])))
            self._telling = {}
            for nack in nacks:
                await self._tell(nack)
            if not self._acks and not self._nacks:
                self._done.set()

    async def done(self) -> None:
        """Wait until all that was put in has been told."""
        await self._done.wait()

    def _changed(self) -> None:
        self._news.set()
        if self._done.is_set():
            self._done = trio.Event()

    async def _tell(self, end: Ack | Nack) -> None:
        pause = PAUSE
        while True:
            try:
                await self._duplex.ask(end)
                return
            except Unavailable:
                await trio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except NetworkError:
                return
