"""The hub's end of a connection: what one client asks, and what is on its way to it.

Everything for a client waits in one queue, in the order in which the hub said it. A redelivery waits as its number alone and
is read from the store when the client comes to it, so that one slow client costs the hub no memory for words, and nobody else
any time. A client that takes nothing for so long that its queue is full loses the connection, and nothing else: what it did
not ack is owed, and comes again when it connects.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

from foldhub_core import (
    Ack,
    Attach,
    Command,
    Deliver,
    Delivery,
    Detach,
    Envelope,
    Evict,
    Face,
    NetworkError,
    Passport,
    Post,
    Principal,
    Redeliver,
    Refuse,
    Register,
    Reply,
    Unavailable,
    Unregister,
    error_record,
    subject_of,
)
from foldhub_core.delivery import is_owed
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.records import changed, trusted

from .link import Evicted, LinkClosed, Received
from .reading import envelopes, unreadable

if TYPE_CHECKING:
    from .hub import Hub

ROOM = 10_000
"""What may wait for one client."""

_OWN = (Attach, Register, Unregister)
"""Commands whose answer moves what the connection may do, or where its deliveries go."""

_delivery = trusted(Delivery)


class Connection:
    """A `Duplex` in the hub's own process, which says what errors and cancellation do. `Hub.connect` makes one."""

    def __init__(self, hub: "Hub", name: str, principal: Principal, room: int = ROOM) -> None:
        self.name = name
        self._hub = hub
        self._principal = principal
        self._room = room
        self._queue: deque[Deliver | Redeliver | Evicted] = deque()
        self._numbers = 0
        """How many redeliveries wait in it: numbers, of which there may be as many as are owed."""
        self._receiver: trio.lowlevel.Task | None = None
        """The task that waits for something to come."""
        self._receiving = False
        self._closed: LinkClosed | None = None
        self._attaches = trio.Lock()
        """One attaches at a time: the link that the hub holds is the one that is known here."""
        self._attachings = 0
        self._links: dict[str, str] = {}
        """The link of every agent that was attached here last."""
        self._attaching: set[str] = set()
        """The agents that are being attached: that their older link is evicted by it, they know."""
        self.straight: Callable[[Deliver], bool] | None = None
        """Takes a delivery while whoever receives waits for one, so that he need not be woken; False where it is not taken.

        It may not wait, nor raise."""

    @property
    def principal(self) -> Principal:
        """On whose behalf its commands come: widened by what it registered and attached."""
        return self._principal

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """The agents that are attached here, each with its link."""
        return tuple(self._links.items())

    # --- what the client asks

    async def ask(self, command: Command) -> object:
        """Ask for a command; see `Duplex`. A checkpoint now and then only, where the store is in memory: see `Loop.ask`."""
        if self._closed is not None:
            raise Unavailable(f"expected an open connection, came one that has ended: {self._closed.reason or 'it was closed'}")
        kind = type(command)
        if kind is Post or kind is Ack:
            return await self._hub.loop.ask(self._principal, command)
        if isinstance(command, Attach):
            async with self._attaches:
                return await self._attach(command.agent_id)
        value = await self._hub.loop.ask(self._principal, command)
        if isinstance(value, Passport) and isinstance(command, Register) and value.agent_id is not None:
            self._widen(value.agent_id)
        elif isinstance(command, Unregister):
            rest = tuple([agent_id for agent_id in self._principal.agent_ids if agent_id != command.agent_id])
            self._principal = changed(self._principal, agent_ids=rest)
            link = self._links.pop(command.agent_id, None)
            if link is not None:
                self._hub.links.pop(link, None)
        return value

    async def take(self, command: Command, tell: Callable[[Reply | Refuse], None]) -> None:
        """Take a command in, behind those that were taken before: `tell` is called with its answer. See `Loop.take`.

        What moves the connection's own rights or links is waited for. An ack of an agent of the connection's own subject is
        taken before that is attached: a client that comes back acks first, so that it is not told again what it knows. Raises
        `Unavailable` where it, or the hub, has ended.
        """
        if isinstance(command, _OWN):
            try:
                answer: Reply | Refuse = Reply("", await self.ask(command))
            except NetworkError as error:
                answer = Refuse("", error_record(error))
            tell(answer)
        elif self._closed is not None:
            raise Unavailable(f"expected an open connection, came one that has ended: {self._closed.reason or 'it was closed'}")
        else:
            await self._hub.loop.take(self._principal_of(command), command, tell)

    def take_now(self, command: Command, tell: Callable[[Reply | Refuse], None]) -> bool:
        """Take a command in like `take` does, where that needs no waiting; False where it does, and then it was not taken."""
        if isinstance(command, _OWN) or self._closed is not None:
            return False
        return self._hub.loop.take_now(self._principal_of(command), command, tell)

    async def question(self, question: Question | LogQuestion) -> object:
        """Ask what changes nothing; see `Duplex`. A checkpoint."""
        return await self._hub.answer(self._principal, question)

    # Any: faces of protocols of any state.
    def adapter_face(self, type: str, version: int) -> Face[Any] | None:
        """The hub's own face of a protocol."""
        return self._hub.config.adapter_for(type, version)

    async def _attach(self, agent_id: str) -> object:
        """Attach an agent by a link of its own, so that whatever is owed to it is sent again."""
        self._widen_to_ours(agent_id)
        self._attachings += 1
        link, before = f"{self.name}.{self._attachings}", self._links.get(agent_id)
        self._hub.links[link] = self
        self._links[agent_id] = link
        self._attaching.add(agent_id)
        try:
            value = await self._hub.loop.ask(self._principal, Attach(agent_id=agent_id, link=link))
        except NetworkError:
            del self._hub.links[link]
            if before is None:
                del self._links[agent_id]
            else:
                self._links[agent_id] = before
            raise
        finally:
            self._attaching.discard(agent_id)
        if before is not None:
            self._hub.links.pop(before, None)
        return value

    def _is_ours(self, agent_id: str) -> bool:
        """Whether an agent belongs to the subject of this connection."""
        try:
            return bool(self._principal.subject) and subject_of(self._hub.state, agent_id) == self._principal.subject
        except NetworkError:
            return False

    def _principal_of(self, command: Command) -> Principal:
        """On whose behalf a command comes: an ack also on behalf of an agent of the same subject that is not attached yet."""
        principal = self._principal
        if type(command) is Ack and command.agent_id not in principal.agent_ids and self._is_ours(command.agent_id):
            return changed(principal, agent_ids=(*principal.agent_ids, command.agent_id))
        return principal

    def _widen_to_ours(self, agent_id: str) -> None:
        """Let it act for an agent that belongs to its subject."""
        if agent_id not in self._principal.agent_ids and self._is_ours(agent_id):
            self._widen(agent_id)

    def _widen(self, agent_id: str) -> None:
        if agent_id not in self._principal.agent_ids:
            self._principal = changed(self._principal, agent_ids=(*self._principal.agent_ids, agent_id))

    # --- what is on its way to the client

    async def receive(self) -> Received:
        """The next thing for the client; see `Duplex`. A checkpoint."""
        (one,) = await self.receive_many(1)
        return one

    async def receive_many(self, limit: int = 64) -> tuple[Received, ...]:
        """What there is for the client; see `Duplex`. A checkpoint.

        Raises `trio.BusyResourceError` where another task receives, and what the store raises where it cannot read a redelivery.
        """
        if self._receiving:
            raise trio.BusyResourceError("another task receives from this connection")
        self._receiving = True
        try:
            if self._queue or self._closed is not None:
                await trio.lowlevel.checkpoint()
            while True:
                if self._closed is not None:
                    return (self._closed,)
                if not self._queue:
                    await self._something()
                elif type(self._queue[0]) is Redeliver:
                    again = await self._read_again(limit)
                    if again:
                        return again
                else:
                    return self._take(limit)
        finally:
            self._receiving = False

    def _take(self, limit: int) -> tuple[Received, ...]:
        """What is there up to the next redelivery."""
        queue, taken = self._queue, list[Received]()
        while queue and len(taken) < limit:
            first = queue[0]
            if type(first) is Deliver:
                taken.append(_delivery(first.agent_id, first.envelope, first.number, first.attempt))
            elif type(first) is Evicted:
                taken.append(first)
            else:
                break
            queue.popleft()
        return tuple(taken)

    async def _read_again(self, limit: int) -> tuple[Received, ...]:
        """The redeliveries that come first, read from the store together; taken out of the queue only when they were read."""
        first: list[Redeliver] = []
        for one in self._queue:
            if not isinstance(one, Redeliver) or len(first) == limit:
                break
            first.append(one)
        desk = self._hub.desk
        words = await desk.read(envelopes, desk.store.envelope, [one.envelope_id for one in first])
        if self._closed is not None:
            return (self._closed,)
        taken: list[Received] = []
        for one, word in zip(first, words, strict=True):
            self._queue.popleft()
            self._numbers -= 1
            if not isinstance(word, Envelope):
                self._hub.loop.take_outcome(unreadable(one, word))
            elif is_owed(self._hub.state, one.agent_id, one.number):  # else it was settled while it waited here
                taken.append(_delivery(one.agent_id, word, one.number, one.attempt))
        return tuple(taken)

    async def _something(self) -> None:
        """Wait until something comes."""
        self._receiver = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._receiver = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    # --- what the hub does

    def put(self, effect: Deliver | Redeliver | Evict) -> None:
        """Have something wait for the client. Where nothing more fits, the connection ends."""
        if isinstance(effect, Evict):
            if effect.agent_id in self._attaching or self._links.get(effect.agent_id) != effect.link:
                return
            del self._links[effect.agent_id]
            self._hub.links.pop(effect.link, None)
            self._queue.append(Evicted(effect.agent_id))
        elif type(effect) is Deliver and self._receiver is not None and self.straight is not None and self.straight(effect):
            return
        else:
            self._queue.append(effect)
            self._numbers += type(effect) is Redeliver
        if len(self._queue) - self._numbers > self._room:
            self.close(f"expected a client that takes what comes, came one for which {self._room} things wait")
        elif self._receiver is not None:
            self._wake()

    def close(self, reason: str = "") -> None:
        """End the connection: nothing of it is carried out any more, its agents are detached. Closing twice is closing once."""
        if self._closed is not None:
            return
        self._closed = LinkClosed(reason)
        self._queue.clear()
        self._numbers = 0
        for agent_id, link in self._links.items():
            self._hub.links.pop(link, None)
            self._hub.loop.take_outcome(Detach(agent_id=agent_id, link=link))
        self._links.clear()
        self._wake()

    def _wake(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            trio.lowlevel.reschedule(receiver)
