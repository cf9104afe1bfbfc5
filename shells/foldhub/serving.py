"""The TCP shell, the hub's side: clients come over sockets.

Each connection has its own tasks, and whatever goes wrong in one costs that connection alone. One reads: it takes commands in by
the order they come, and where the hub has no room it waits, and so does the client. One sends, one hands over deliveries, one
keeps the time. What they say to each other goes through the connection's `HubEnd`, which knows the rules; here is only the doing.
"""

import logging
import math
import ssl
from functools import partial

import trio

from foldhub_core import AuthError, Delivery, Nack, NetworkError, Refuse, Reply, Unavailable, error_record
from foldhub_core.questions import LogQuestion, Question, ReadSession
from foldhub_core.wire.events import Asked, Gone, Introduced, Questioned, Undeliverable
from foldhub_core.wire.limits import DEFAULT, WireLimits
from foldhub_core.wire.server import HubEnd

from .auth import Auth, Grant, NoAuth
from .connection import Connection
from .gate import Gate
from .hub import Hub
from .link import Evicted
from .log_answers import words_from_log
from .tls import check_exposure

LOG = logging.getLogger("foldhub.tcp")

WATCH_SECONDS = 0.5
"""How often it is looked whether those who are connected may still be."""


async def serve_tcp(
    hub: Hub,
    host: str | None,
    port: int,
    *,
    ssl_context: ssl.SSLContext | None = None,
    limits: WireLimits = DEFAULT,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Let clients come over TCP, until it is cancelled. Under `nursery.start` it gives the port it listens on.

    `port` 0 is any that is free. Who comes is known by the hub's `auth`; without one everybody is let in, and then only from
    this machine. Raises `ValueError` where others could reach it without TLS or without being asked who they are, and
    `OSError` where it cannot listen. A checkpoint.
    """
    auth: Auth = hub.auth or NoAuth()
    check_exposure(host, ssl_context, asks=not auth.open_to_all)
    listeners = await trio.open_tcp_listeners(port, host=host)
    server = Server(hub, auth, ssl_context, limits)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.watch)
        nursery.start_soon(partial(trio.serve_listeners, server.serve, listeners))
        task_status.started(listeners[0].socket.getsockname()[1])


class Server:
    """What the connections of one socket have in common."""

    def __init__(self, hub: Hub, auth: Auth, ssl_context: ssl.SSLContext | None, limits: WireLimits) -> None:
        self.hub = hub
        self.auth = auth
        self.limits = limits
        self.gate = Gate(limits)
        self.served: set[Served] = set()
        self._ssl_context = ssl_context
        self._came = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection to its end. Raises nothing but what cancels it."""
        address = _address_of(stream)
        self._came += 1
        name = f"tcp-{self._came}"
        why = self.gate.enter(address, now_ms())
        if why is not None:
            LOG.warning("%s from %s is not let in: %s", name, address, why)
            await trio.aclose_forcefully(stream)
            return
        served = Served(self, name, address)
        self.served.add(served)
        try:
            await self._serve(served, stream)
        except Exception:
            LOG.exception("%s from %s ended by a fault", name, address)
        finally:
            self.served.discard(served)
            self.gate.left(address, served.subject)
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def _serve(self, served: "Served", raw: trio.SocketStream) -> None:
        if self._ssl_context is None:
            await served.run(raw)
            return
        stream = trio.SSLStream(raw, self._ssl_context, server_side=True)
        with trio.move_on_after(self.limits.tls_ms / 1000) as handshake:
            try:
                await stream.do_handshake()
            except (trio.BrokenResourceError, ssl.CertificateError) as error:
                LOG.info("%s from %s: no TLS: %s", served.name, served.address, error.__cause__ or error)
                return
        if handshake.cancelled_caught:
            LOG.info("%s from %s: no TLS in time", served.name, served.address)
            return
        await served.run(stream)

    async def watch(self) -> None:
        """End the connections whose credential is good no more."""
        while True:
            await trio.sleep(WATCH_SECONDS)
            self.gate.forget(now_ms())
            for served in list(self.served):
                served.check_grant()


class Served:
    """One connection, as it is served."""

    def __init__(self, server: Server, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.subject: str | None = None
        """Who it is of; None until that is known."""
        self._server = server
        self._hub = server.hub
        self._end = HubEnd(server.hub.config, name, now_ms(), server.limits)
        self._grant: Grant | None = None
        self._connection: Connection | None = None
        self._credential: str | None = None
        """What the client showed, until it was looked at."""
        self._stirred = trio.Event()
        """Set where there may be something to send, or it is to be read again."""
        self._timer = trio.CancelScope()
        self._due_ms: int | None = None
        self._nursery: trio.Nursery | None = None

    async def run(self, stream: trio.abc.Stream) -> None:
        """Serve it until it is over; raises nothing that the other side can cause."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._keep_time)
            nursery.start_soon(self._read, stream)
            await self._send(stream)
            nursery.cancel_scope.cancel()
        await self._do()

    def check_grant(self) -> None:
        """End it where its credential is good no more."""
        if self._grant is None or self._end.over:
            return
        why = self._server.auth.ended(self._grant)
        if why is not None:
            LOG.info("%s of %a: %s", self.name, self.subject, why)
            self._end.close(now_ms(), AuthError(f"expected a credential that is good, came one that is not any more: {why}"))
            self._stir()

    # --- reading

    async def _read(self, stream: trio.abc.Stream) -> None:
        end, most = self._end, self._server.limits.take_bytes
        while not end.over:
            if not end.reading:
                await self._stirring()
                continue
            try:
                data = await stream.receive_some(most)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            end.receive(bytes(data), now_ms())
            await self._do()
            self._stir()

    async def _do(self) -> None:
        """Do what came, in its order."""
        assert self._nursery is not None, "it runs"
        while events := self._end.events():
            for event in events:
                if type(event) is Asked:
                    await self._take(event)
                elif type(event) is Questioned:
                    self._nursery.start_soon(self._answer, event.ref, event.question)
                elif type(event) is Introduced:
                    await self._introduce(event)
                elif type(event) is Undeliverable:
                    self._hub.loop.take_outcome(Nack(agent_id=event.agent_id, number=event.number, reason=event.reason))
                elif type(event) is Gone:
                    LOG.info("%s of %a ended: %s", self.name, self.subject, event.error.message)

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
        if grant is None or end.over:
            return
        if not server.gate.known(self.address, grant.principal.subject):
            most = server.limits.connections_per_subject
            end.turn_away(now_ms(), Unavailable(f"expected fewer connections of one subject, came one more than {most}"))
            return
        self.subject, self._grant = grant.principal.subject, grant
        LOG.info("%s from %s is %a (%a)", self.name, self.address, self.subject, event.client)
        assert self._nursery is not None, "it runs"
        try:
            self._connection = await self._nursery.start(self._connected)
        except Unavailable as refused:
            end.turn_away(now_ms(), refused)
            return
        end.accept(grant.principal, self._hub.state.hub_id, now_ms())

    async def _take(self, event: Asked) -> None:
        connection = self._connection
        assert connection is not None, "nothing is asked before the welcome"
        try:
            await connection.take(event.command, partial(self._answered, event.ref))
        except NetworkError as error:
            self._end.refuse(event.ref, error_record(error), now_ms())

    def _answered(self, ref: int, answer: Reply | Refuse) -> None:
        if isinstance(answer, Reply):
            self._end.answer(ref, answer.value, now_ms())
        else:
            self._end.refuse(ref, answer.error, now_ms())
        self._stir()

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
            LOG.exception("%s: a question could not be answered", self.name)
            self._end.refuse(ref, error_record(Unavailable(f"the store could not answer: {type(error).__name__}")), now_ms())
        else:
            self._end.answer(ref, value, now_ms())
        self._stir()

    # --- sending

    async def _connected(self, task_status: trio.TaskStatus[Connection]) -> None:
        """Hand over what the hub delivers, for as long as the connection lasts."""
        assert self._grant is not None, "nobody is connected who is not known"
        async with self._hub.connect(self._grant.principal) as connection:
            task_status.started(connection)
            while not self._end.over:
                for one in await connection.receive_many():
                    if isinstance(one, Delivery):
                        assert one.number is not None, "what a hub delivers has a number"
                        self._end.deliver(one.agent_id, one.number, one.attempt, one.envelope, now_ms())
                    elif isinstance(one, Evicted):
                        self._end.evict(one.agent_id, now_ms())
                    else:
                        self._end.close(now_ms(), Unavailable(one.reason or "the hub has closed"))
                self._stir()
                await self._slack()

    async def _slack(self) -> None:
        """Wait while much waits to be sent: a slow client costs the hub no memory, and what it did not get is still owed."""
        while self._end.waiting > self._server.limits.send_bytes // 2 and not self._end.over:
            await self._stirring()

    async def _send(self, stream: trio.abc.Stream) -> None:
        """Send until it is over and all is sent, or nobody takes it."""
        end = self._end
        while True:
            data = end.data_to_send()
            if not data:
                if end.over:
                    break
                await self._stirring()
                continue
            try:
                await stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                end.receive(b"", now_ms())
                return
            self._stir()
        with trio.move_on_after(self._server.limits.goodbye_ms / 1000):
            try:
                await stream.aclose()
            except trio.BrokenResourceError:
                return

    # --- the time

    async def _keep_time(self) -> None:
        end = self._end
        while not (end.over and end.next_deadline() is None):
            self._due_ms = end.next_deadline()
            with trio.CancelScope(deadline=_moment(self._due_ms)) as self._timer:
                await trio.sleep_forever()
            end.advance(now_ms())
            await self._do()
            self._stir()

    def _stir(self) -> None:
        """Something has changed: whoever waits is to look."""
        self._stirred.set()
        self._stirred = trio.Event()
        due_ms = self._end.next_deadline()
        if due_ms is not None and (self._due_ms is None or due_ms < self._due_ms):
            self._due_ms = due_ms
            self._timer.deadline = _moment(due_ms)

    async def _stirring(self) -> None:
        await self._stirred.wait()


def now_ms() -> int:
    """The time of a wire: trio's, which does not run backwards."""
    return int(trio.current_time() * 1000)


def _moment(due_ms: int | None) -> float:
    return math.inf if due_ms is None else due_ms / 1000


def _address_of(stream: trio.SocketStream) -> str:
    try:
        return str(stream.socket.getpeername()[0])
    except OSError:
        return "nowhere"
