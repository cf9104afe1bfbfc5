"""One connection, as the TCP shell serves it.

One task reads, one keeps the time, and one does what has to be waited for; one sends what the socket does not take at once, and
one hands over the deliveries that cannot be handed over on the spot. What they say to each other goes through the connection's
`HubEnd`, which knows the rules; here is only the doing.

What a client asks is taken in by the order it came. Whoever read it takes it in on the spot, without a switch of tasks, as long
as nothing has to be waited for; from then on everything waits its turn, and the client is read until it has as many requests
open as it may. What that led to is sent when all of it is done, once on each connection: see `cork.Cork`.
"""

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import trio

from foldhub_core import Ack, AuthError, Deliver, Delivery, Nack, NetworkError, Refuse, Reply, Unavailable, error_record
from foldhub_core.questions import LogQuestion, Question, ReadSession
from foldhub_core.wire.events import Asked, Gone, HubEvent, Introduced, Questioned, Undeliverable
from foldhub_core.wire.server import HubEnd

from .auth import Grant
from .connection import Connection
from .link import Evicted
from .log_answers import words_from_log
from .pipes import Pipe, Sender, pipe_of
from .sockets import Alarm, Bell, now_ms
from .steady_log import SteadyLog

if TYPE_CHECKING:
    from .serving import Server

LOG = SteadyLog("foldhub.tcp")


class Served:
    """One connection of a server."""

    def __init__(self, server: "Server", name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.subject: str | None = None
        """Who it is of; None until that is known."""
        self.grant: Grant | None = None
        """What its credential is good for; None until that is known."""
        self.scope = trio.CancelScope(shield=True)
        """All of it. What cancels the server leaves it the time for a goodbye."""
        self._server = server
        self._cork = server.cork
        self._hub = server.hub
        self._end = HubEnd(server.hub.config, name, now_ms(), server.limits)
        self._most_waiting = server.limits.send_bytes // 2
        """With more that waits to be sent, no delivery is handed over: the rest is for answers."""
        self._connection: Connection | None = None
        self._held: deque[HubEvent] = deque()
        """What has to wait, and all that came behind it."""
        self._nursery: trio.Nursery | None = None
        self._doing = False
        self._faulty = False
        """Whether it is ended by a fault: nothing is done with it any more."""
        self._gone = trio.Event()
        """Set when the client sends nothing any more."""
        self._alarm = Alarm()
        self._sender: Sender | None = None
        self._readable = Bell()
        self._work = Bell()
        self._less = Bell()
        """Rings when less waits to be sent."""

    async def run(self, stream: trio.abc.Stream) -> None:
        """Serve it until it is over; raises nothing that the other side can cause."""
        pipe = pipe_of(stream)
        self._sender = sender = Sender(pipe, self._data_to_send)
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._keep_time)
                nursery.start_soon(self._do_what_waits)
                nursery.start_soon(self._read, pipe)
                if not await sender.run(lambda: self._end.over):
                    self._hear(b"")
                await pipe.say_no_more()
                await self._gone.wait()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await pipe.close()

    @property
    def waiting(self) -> int:
        """How many bytes wait for its client."""
        return self._end.waiting

    @property
    def over(self) -> bool:
        """Whether nothing more of it is taken in."""
        return self._end.over

    def close(self, error: NetworkError) -> None:
        """End it with a goodbye that says why. Closing twice is closing once. The server calls this, and it raises nothing."""
        if self._nursery is None:
            self.scope.cancel()
            return
        try:
            self._end.close(now_ms(), error)
            self._stir()
        except Exception:
            self._fail("it could not be told that it ends")

    # --- reading, and doing what is asked

    async def _read(self, pipe: Pipe) -> None:
        end, most = self._end, self._server.limits.take_bytes
        while not self._gone.is_set():
            if not end.reading and not end.over:
                await self._readable.wait()
                continue
            data = await pipe.receive(most)
            if not data:
                self._gone.set()
            self._hear(data)
            del data  # a connection that waits holds nothing of what came

    def _hear(self, data: bytes) -> None:
        """Take in what came, and do it."""
        with self._cork:
            self._end.receive(data, self._cork.now_ms)
            self._do()
            self._stir()

    def _do(self) -> None:
        """Do what came, in its order, up to the first that has to wait."""
        self._doing = True
        while events := self._end.events():
            for event in events:
                if self._held or not self._done(event):
                    self._held.append(event)
        self._doing = False
        if self._held:
            self._work.ring()

    def _done(self, event: HubEvent) -> bool:
        """Do one thing; False where it has to be waited for."""
        if type(event) is Asked:
            return self._taken(event)
        if type(event) is Questioned:
            assert self._nursery is not None, "it runs"
            self._nursery.start_soon(self._answer, event.ref, event.question)
        elif type(event) is Undeliverable:
            self._hub.loop.take_outcome(Nack(agent_id=event.agent_id, number=event.number, reason=event.reason))
        elif type(event) is Gone:
            LOG.info("%s of %a ended: %a", self.name, self.subject, event.error.message)
        return type(event) is not Introduced

    def _taken(self, event: Asked) -> bool:
        """Take a command in; False where that has to be waited for."""
        connection = self._connection
        assert connection is not None, "nothing is asked before the welcome"
        if self._end.over and type(event.command) is not Ack:
            return True  # whoever says goodbye has nobody to hear the answer; what it has acked it has acked
        try:
            return connection.take_now(event.command, partial(self._answered, event.ref))
        except NetworkError as error:
            self._end.refuse(event.ref, error_record(error), now_ms())
            return True

    async def _do_what_waits(self) -> None:
        """Do what has to be waited for, and what came behind it."""
        while True:
            while self._held:
                event = self._held[0]
                if type(event) is Introduced:
                    await self._introduce(event)
                elif type(event) is Asked and not self._end.over:
                    await self._take(event)
                else:
                    self._done(event)
                self._held.popleft()
                del event
            with self._cork:
                self._do()
                self._stir()
            await self._work.wait()

    async def _introduce(self, event: Introduced) -> None:
        """Look at a credential, and let the client in or not."""
        server, end = self._server, self._end
        grant: Grant | None = None
        try:
            with trio.move_on_after(server.limits.check_ms / 1000):
                grant = await server.auth.check(event.credential)
        except AuthError as refused:
            server.gate.failed(self.address, now_ms())
            LOG.warning("%s from %s: a wrong credential", self.name, self.address)
            end.turn_away(now_ms(), refused)
            return
        if grant is None:
            end.turn_away(now_ms(), Unavailable(f"expected the check of a credential in {server.limits.check_ms} ms, came none"))
        if grant is None or end.over:
            return
        if not server.gate.known(self.address, grant.principal.subject):
            most = server.limits.connections_per_subject
            LOG.warning("%s from %s: %a has %d connections", self.name, self.address, grant.principal.subject, most)
            end.turn_away(now_ms(), Unavailable(f"expected at most {most} connections of one subject, came one more"))
            return
        self.subject, self.grant = grant.principal.subject, grant
        LOG.info("%s from %s is %a (%a)", self.name, self.address, self.subject, event.client)
        assert self._nursery is not None, "it runs"
        try:
            self._connection = await self._nursery.start(self._hand_over)
        except Unavailable as refused:
            end.turn_away(now_ms(), refused)
            return
        end.accept(grant.principal, self._hub.state.hub_id, now_ms())

    async def _take(self, event: Asked) -> None:
        """Take a command in, as soon as there is room for it."""
        connection = self._connection
        assert connection is not None, "nothing is asked before the welcome"
        try:
            await connection.take(event.command, partial(self._answered, event.ref))
        except NetworkError as error:
            self._end.refuse(event.ref, error_record(error), now_ms())

    def _answered(self, ref: int, answer: Reply | Refuse) -> None:
        """Say what came of a request. The hub calls this: what goes wrong here is this connection's alone."""
        if self._faulty:
            return
        try:
            if type(answer) is Reply:
                self._end.answer(ref, answer.value, self._cork.now_ms)
            elif type(answer) is Refuse:
                self._end.refuse(ref, answer.error, self._cork.now_ms)
            self._look()
        except Exception:
            self._fail("a request could not be answered")

    async def _answer(self, ref: int, question: Question | LogQuestion) -> None:
        connection = self._connection
        assert connection is not None, "nothing is asked before the welcome"
        try:
            if isinstance(question, ReadSession):
                most = self._server.limits.page_words
                value: object = await words_from_log(self._hub.desk, self._hub.state, connection.principal, question, most)
            else:
                value = await connection.question(question)
        except NetworkError as error:
            self._end.refuse(ref, error_record(error), now_ms())
        except Exception as error:
            LOG.exception("%s of %a: a question could not be answered", self.name, self.subject)
            self._end.refuse(ref, error_record(Unavailable(f"the hub could not answer: {type(error).__name__}")), now_ms())
        else:
            self._end.answer(ref, value, now_ms())
        self._look()

    def _look(self) -> None:
        """An answer made room: what waited for it is done in the connection's own task, or by whoever does just now."""
        if not self._doing:
            self._held.extend(self._end.events())
            if self._held:
                self._work.ring()
        self._stir()

    def settle(self) -> None:
        """Send what there is to say, and wake whoever is to look. Whoever calls this is perhaps another connection."""
        if self._faulty:
            return
        try:
            if self._sender is not None:
                self._sender.now()
            self._wake()
        except Exception:
            self._fail("what is to be said could not be sent")

    def _fail(self, what: str) -> None:
        """End it by a fault that has shown in somebody else's task. It is said once: more of it may be on its way already."""
        if not self._faulty:
            self._faulty = True
            self.scope.cancel()
            LOG.exception("%s of %a ended by a fault: %s", self.name, self.subject, what)

    # --- sending

    async def _hand_over(self, task_status: trio.TaskStatus[Connection]) -> None:
        """Hand over what the hub delivers, for as long as the connection lasts."""
        assert self.grant is not None, "nobody is connected who is not known"
        async with self._hub.connect(self.grant.principal) as connection:
            connection.straight = self._deliver
            task_status.started(connection)
            while not self._end.over:
                for one in await connection.receive_many():
                    if isinstance(one, Delivery):
                        assert one.number is not None, "what a hub delivers has a number"
                        self._end.deliver(one.agent_id, one.number, one.attempt, one.envelope, now_ms())
                        if self._end.waiting > self._most_waiting:
                            await self._slack()
                    elif isinstance(one, Evicted):
                        self._end.evict(one.agent_id, now_ms())
                    else:
                        self._end.close(now_ms(), Unavailable(one.reason or "the hub has closed"))
                    del one
                self._look()

    def _deliver(self, effect: Deliver) -> bool:
        """Hand a delivery over on the spot; False where it has to wait. The hub calls this: a fault is this connection's."""
        end = self._end
        if self._faulty or end.over or end.waiting > self._most_waiting:
            return False
        try:
            end.deliver(effect.agent_id, effect.number, effect.attempt, effect.envelope, self._cork.now_ms)
            self._look()
        except Exception:
            self._fail("a delivery could not be handed over")
        return True

    async def _slack(self) -> None:
        """Wait while much waits to be sent: a slow client costs the hub no memory, and what it did not get is still owed."""
        self._look()
        while self._end.waiting > self._most_waiting and not self._end.over:
            await self._less.wait()

    def _data_to_send(self) -> bytes:
        data = self._end.data_to_send()
        if data:
            self._less.ring()
        return data

    # --- the time

    async def _keep_time(self) -> None:
        end = self._end
        while True:
            await self._alarm.sleep(end.next_deadline())
            with self._cork:
                end.advance(self._cork.now_ms)
                self._do()
                self._stir()

    def _stir(self) -> None:
        """Something has changed: what there is to say is to be sent, and whoever waits is to look."""
        if not self._cork.hold(self):
            if self._sender is not None:
                self._sender.soon()
            self._wake()

    def _wake(self) -> None:
        """Wake whoever is to look."""
        end = self._end
        due_ms = end.next_deadline()
        if end.over:
            assert self._nursery is not None, "it runs"
            if due_ms is None:
                # Nobody is there to be told anything, or has had the time for it.
                self._nursery.cancel_scope.cancel()
                return
            if self._sender is not None:
                self._sender.soon()
            self._less.ring()
            self._readable.ring()
        elif end.reading:
            self._readable.ring()
        self._alarm.move(due_ms)
