"""The TCP shell, the client's side: a link to a hub that is far away.

    async with TcpLink("hub.example", 7878, ssl_context=client_context(), credentials=token).connect() as duplex:
        ...

A connection outlives its sockets. Where one breaks it comes back by itself, after pauses that grow; its agents are attached
again, what is owed comes again, and what was asked for and not answered is asked again, under the same key. That a hub restarts
is no more than a long pause. It ends when its block ends, or where the hub turns it away for good.
"""

import logging
import random
import secrets
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import trio

from foldhub_core import (
    Ack,
    Command,
    Delivery,
    ErrorRecord,
    Face,
    HubConfig,
    NetworkError,
    Unavailable,
    error_from,
)
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.records import trusted
from foldhub_core.wire.client import ClientEnd
from foldhub_core.wire.events import Answered, Closed, Connected, Connecting, Delivered, Lost, Refused
from foldhub_core.wire.limits import DEFAULT, WireLimits

from .link import Evicted, LinkClosed, Received
from .sockets import Alarm, Bell, now_ms, say_no_more

LOG = logging.getLogger("foldhub.tcp")

ROOM = 10_000
"""How many deliveries may wait for their client; with so many, nothing is read."""

LinkState = Literal["connecting", "connected", "closed"]

_delivery = trusted(Delivery)


class TcpLink:
    """Where a hub is: a host and a port."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        ssl_context: ssl.SSLContext | None = None,
        credentials: str | None = None,
        config: HubConfig | None = None,
        client: str = "",
        on_state: Callable[[LinkState, str], None] | None = None,
        limits: WireLimits = DEFAULT,
    ) -> None:
        """`credentials` is the token that says who comes. `config` holds the adapters of the protocols its agents speak, without
        one the built-in ones. `client` is what a log of the hub calls it. `on_state` is told how it stands, and why.
        """
        self.host = host
        self.port = port
        self.limits = limits
        self.config = HubConfig() if config is None else config
        self.ssl_context = ssl_context
        self._credentials = credentials or ""
        self._client = client
        self._on_state = on_state

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["TcpConnection", None]:
        """A connection, for as long as the block lasts.

        Raises `Unavailable` where there is no hub now, and what the hub refuses it with, `AuthError` above all. Entering and
        leaving are checkpoints; cancelled, it ends at once, and what is owed to its agents stays owed.
        """
        raised: Exception | None = None
        connection = TcpConnection(self, self.config, self._credentials, self._client, self._on_state)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.run)
            try:
                await connection.first()
                yield connection
            except Exception as error:
                raised = error
            finally:
                connection.close()
            with trio.move_on_after(self.limits.goodbye_ms / 1000):
                await connection.ended.wait()
            nursery.cancel_scope.cancel()
        if raised is not None:
            raise raised

    async def open_stream(self) -> trio.abc.Stream:
        """A socket to the hub, with TLS where there is to be. Raises `OSError`, or `trio.BrokenResourceError` where TLS fails."""
        raw = await trio.open_tcp_stream(self.host, self.port)
        if self.ssl_context is None:
            return raw
        stream = trio.SSLStream(raw, self.ssl_context, server_hostname=self.host)
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(raw)
            raise
        return stream


class _Asked:
    """Somebody who waits for an answer."""

    __slots__ = ("answer", "task")

    def __init__(self) -> None:
        self.answer: Answered | Refused | None = None
        self.task: trio.lowlevel.Task | None = None


class TcpConnection:
    """A `Duplex` over TCP. `TcpLink.connect` makes one."""

    def __init__(
        self,
        link: TcpLink,
        config: HubConfig,
        credentials: str,
        client: str,
        on_state: Callable[[LinkState, str], None] | None,
    ) -> None:
        self.state: LinkState = "connecting"
        self.hub_id = ""
        """The hub it is connected to, or was last."""
        self.subject = ""
        """As whom the hub knows this client."""
        self.ended = trio.Event()
        """Set when nothing comes or goes any more."""
        self._link = link
        self._config = config
        self._on_state = on_state
        keys = secrets.token_hex(8)
        self._end = ClientEnd(config, keys, now_ms(), credential=credentials, client=client, limits=link.limits)
        self._asked: dict[int, _Asked] = {}
        self._received: deque[Received] = deque()
        self._receiving = False
        self._arrived = Bell()
        self._full = False
        """Whether nothing is read, for so much waits that the owner did not take."""
        self._begun = trio.Event()
        """Set when the first try has ended, one way or the other."""
        self._why = ""
        """Why there is no connection, where there is none."""
        self._refused: ErrorRecord | None = None
        """What the hub turned it away with for good."""
        self._alarm = Alarm()
        self._sendable = Bell()
        self._readable = Bell()
        self._closed = Bell()

    # --- what the client asks

    async def ask(self, command: Command) -> object:
        """Ask for a command; see `Duplex`. A checkpoint, but for acks.

        While there is no connection it waits for one. Acks go out with what is sent next, for as long as it takes, and are not
        waited for: raised is for them only that the connection is closed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if isinstance(command, Ack):
            if self._is_over():
                raise Unavailable("expected an open connection, came one that is closed")
            self._end.ack(command.agent_id, command.numbers)
            self._happen()
            return None
        return await self._answer(self._end.ask(command))

    async def question(self, question: Question | LogQuestion) -> object:
        """Ask what changes nothing; see `Duplex`. A checkpoint. While there is no connection it waits for one."""
        await trio.lowlevel.checkpoint_if_cancelled()
        return await self._answer(self._end.question(question))

    # Any: faces of protocols of any state.
    def adapter_face(self, type: str, version: int) -> Face[Any] | None:
        """The client's own face of a protocol."""
        return self._config.adapter_for(type, version)

    async def _answer(self, ref: int) -> object:
        asked = self._asked[ref] = _Asked()
        self._happen()
        if asked.answer is None:
            asked.task = trio.lowlevel.current_task()

            def abort(_: object) -> trio.lowlevel.Abort:
                self._asked.pop(ref, None)
                self._end.forget(ref)
                return trio.lowlevel.Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(abort)
        answer = asked.answer
        assert answer is not None, "whoever waits for an answer is woken with it"
        if isinstance(answer, Refused):
            raise error_from(answer.error)
        return answer.value

    # --- what comes to the client

    async def receive(self) -> Received:
        """The next thing for the client; see `Duplex`. A checkpoint."""
        (one,) = await self.receive_many(1)
        return one

    async def receive_many(self, limit: int = 64) -> tuple[Received, ...]:
        """What there is for the client; see `Duplex`. A checkpoint. Raises `trio.BusyResourceError` where another receives."""
        if self._receiving:
            raise trio.BusyResourceError("another task receives from this connection")
        self._receiving = True
        try:
            if self._received or self._is_over():
                await trio.lowlevel.checkpoint()
            while not self._received:
                if self._is_over():
                    return (LinkClosed(self._why),)
                await self._arrived.wait()
            taken = tuple([self._received.popleft() for _ in range(min(limit, len(self._received)))])
            if self._full and len(self._received) < ROOM:
                self._readable.ring()
            return taken
        finally:
            self._receiving = False

    def close(self) -> None:
        """End it for good: what is not answered is refused. Closing twice is closing once."""
        self._end.close()
        self._happen()

    # --- carrying it

    async def first(self) -> None:
        """Wait for the first connection; raises why there is none. A checkpoint."""
        await self._begun.wait()
        if self._refused is not None:
            raise error_from(self._refused)
        if self.state != "connected":
            raise Unavailable(f"expected a hub at {self._link.host} port {self._link.port}, came none: {self._why}")

    async def run(self) -> None:
        """Keep a connection, until it is closed or turned away for good."""
        end = self._end
        try:
            self._happen()
            while (connect_at := end.connect_at) is not None:
                with trio.CancelScope(deadline=connect_at / 1000):
                    await self._closed.wait()
                if self._is_over():
                    break
                error = await self._connect()
                self._happen()
                end.lost(now_ms(), random.random(), error)
                self._happen()
                self._begun.set()
        finally:
            self._begun.set()
            self.ended.set()

    def _is_over(self) -> bool:
        return self._end.state == "over"

    async def _connect(self) -> NetworkError | None:
        """Carry one socket to its end; gives why there was none."""
        end, limits = self._end, self._link.limits
        stream: trio.abc.Stream | None = None
        with trio.move_on_after(limits.connect_ms / 1000):
            try:
                stream = await self._link.open_stream()
            except (OSError, trio.BrokenResourceError) as error:
                return Unavailable(f"expected a connection, came an error: {_said(error)}")
        if stream is None:
            return Unavailable(f"expected a connection in {limits.connect_ms} ms, came none")
        try:
            end.connected(now_ms())
            async with trio.open_nursery() as nursery:
                gone = trio.Event()
                nursery.start_soon(self._read, stream, gone)
                nursery.start_soon(self._keep_time)
                await self._send(stream)
                if self._is_over():
                    await say_no_more(stream)
                    await gone.wait()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)
        return None

    async def _read(self, stream: trio.abc.Stream, gone: trio.Event) -> None:
        end, most = self._end, self._link.limits.take_bytes
        while not gone.is_set():
            while len(self._received) >= ROOM and not end.hung_up:
                self._full = True
                await self._readable.wait()
            try:
                data = await stream.receive_some(most)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            if not data:
                gone.set()
            end.receive(bytes(data), now_ms())
            self._full = False
            self._happen()

    async def _send(self, stream: trio.abc.Stream) -> None:
        """Send until nothing more is to be sent on this connection, or nobody takes it."""
        end = self._end
        while True:
            data = end.data_to_send()
            if not data:
                if end.hung_up:
                    return
                await self._sendable.wait()
                continue
            try:
                await stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async def _keep_time(self) -> None:
        end = self._end
        while True:
            await self._alarm.sleep(None if self._full else end.next_deadline())
            # While it does not listen itself, that nothing is heard tells nothing.
            if not self._full:
                end.advance(now_ms())
                self._happen()

    # --- what happens

    def _happen(self) -> None:
        """Let happen what the machine says, and wake whoever it is for."""
        end = self._end
        for event in end.events():
            if type(event) is Delivered:
                self._received.append(_delivery(event.agent_id, event.envelope, event.number, event.attempt))
            elif type(event) is Answered or type(event) is Refused:
                self._give(event)
            elif type(event) is Lost:
                self._received.append(Evicted(event.agent_id))
            elif type(event) is Connected:
                self._why = ""
                self.hub_id, self.subject = event.hub_id, event.subject
                self._tell("connected", "")
                self._begun.set()
            elif type(event) is Connecting:
                self._why = "" if event.error is None else event.error.message
                self._forget_deliveries()
                self._tell("connecting", self._why)
            elif type(event) is Closed:
                if self.state == "connecting":
                    self._refused = event.error
                self._why = event.error.message
                self._tell("closed", self._why)
        if self._received or self._is_over():
            self._arrived.ring()
        if self._is_over():
            self._closed.ring()
        if end.hung_up:
            self._readable.ring()
        if end.waiting or end.hung_up:
            self._sendable.ring()
        self._alarm.move(end.next_deadline())

    def _forget_deliveries(self) -> None:
        """The connection is gone: what the owner did not take yet comes again with the next."""
        kept = [one for one in self._received if not isinstance(one, Delivery)]
        self._received.clear()
        self._received.extend(kept)
        self._full = False

    def _give(self, answer: Answered | Refused) -> None:
        asked = self._asked.pop(answer.ref, None)
        if asked is None:
            return
        asked.answer = answer
        if asked.task is not None:
            trio.lowlevel.reschedule(asked.task)

    def _tell(self, state: LinkState, why: str) -> None:
        self.state = state
        LOG.info("%s port %d: %s %a", self._link.host, self._link.port, state, why)
        if self._on_state is not None:
            try:
                self._on_state(state, why)
            except Exception:
                LOG.exception("who was to be told of the connection's state raised")


def _said(error: Exception) -> str:
    """What an error says, with what is behind it."""
    return str(error.__cause__ or error) or type(error).__name__
