"""What tests of links share: hubs that listen, links over memory that give a byte at a time, and a client that says anything."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import trio
import trio.testing

from foldhub import Hub
from foldhub.auth import Auth, NoAuth
from foldhub.link import Duplex
from foldhub.serving import Server, serve_tcp
from foldhub.tcp import TcpLink
from foldhub_core import (
    EV_TEXT,
    Ack,
    AnswerInvite,
    Attach,
    Command,
    Delivery,
    Envelope,
    OpenSession,
    Passport,
    Post,
    Register,
    Resume,
    Session,
    codec,
)
from foldhub_core.questions import FindAgentId
from foldhub_core.wire.frame_bytes import read_frame, write_frame
from foldhub_core.wire.frames import VERSION, Answer, Ask, Frame, Goodbye, Hello, Ping, Query, Refusal, Welcome
from foldhub_core.wire.framing import FrameBuffer, framed
from foldhub_core.wire.limits import DEFAULT, WireLimits

HOST = "127.0.0.1"


class Trickle(trio.abc.Stream):
    """A stream that gives one byte at a time."""

    def __init__(self, inner: trio.abc.Stream) -> None:
        self._inner = inner

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._inner.receive_some(1)

    async def aclose(self) -> None:
        await self._inner.aclose()


Around = Callable[[trio.abc.Stream], trio.abc.Stream]


class MemoryLink(TcpLink):
    """A link whose sockets are memory. What a test cuts is `streams`, the hub's ends."""

    def __init__(
        self,
        server: Server,
        nursery: trio.Nursery,
        *,
        trickle: bool = False,
        around: Around | None = None,
        **options: Any,
    ) -> None:
        """`around` makes of the hub's end what the hub is given."""
        super().__init__("memory", 1, **options)
        self.streams: list[trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]] = []
        self.reachable = True
        self.server = server
        self._nursery = nursery
        self._trickle = trickle
        self._around: Around = around or (Trickle if trickle else lambda stream: stream)

    async def open_stream(self) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if not self.reachable:
            raise OSError("nobody is there")
        near, far = trio.testing.memory_stream_pair()
        self.streams.append(far)
        self._nursery.start_soon(self.server.serve, self._around(far))
        return Trickle(near) if self._trickle else near

    def beside(self, around: Around | None = None, **options: Any) -> "MemoryLink":
        """Another link to the same server, whose streams are its own."""
        named: dict[str, Any] = {"limits": self.limits} | options
        return MemoryLink(self.server, self._nursery, trickle=self._trickle, around=around, **named)

    def cut(self) -> None:
        """Cut the connection there is."""
        self.streams[-1].send_stream.close()


@asynccontextmanager
async def in_memory(hub: Hub, *, limits: WireLimits = DEFAULT, **options: Any) -> AsyncGenerator[MemoryLink, None]:
    """A link over memory to a hub."""
    async with trio.open_nursery() as nursery:
        server = Server(hub, hub.auth or NoAuth(), None, limits)
        nursery.start_soon(server.watch)
        yield MemoryLink(server, nursery, limits=limits, **options)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def listening(hub: Hub, **options: Any) -> AsyncGenerator[int, None]:
    """A hub that listens; gives the port."""
    async with trio.open_nursery() as nursery:

        async def serve(task_status: trio.TaskStatus[int]) -> None:
            await serve_tcp(hub, HOST, 0, task_status=task_status, **options)

        yield cast(int, await nursery.start(serve))
        nursery.cancel_scope.cancel()


class WireAgent:
    """An agent on a duplex, driven by hand."""

    def __init__(self, duplex: Duplex, agent_id: str) -> None:
        self.duplex = duplex
        self.agent_id = agent_id

    async def take(self) -> Delivery:
        """The next delivery."""
        one = await self.duplex.receive()
        assert isinstance(one, Delivery), f"expected a delivery, came {one}"
        return one

    async def ack(self, *numbers: int) -> None:
        await self.duplex.ask(Ack(agent_id=self.agent_id, numbers=numbers))

    async def open(self, *others: "WireAgent", accept: bool = True) -> str:
        """Open a conversation and have all accept, where they do not by themselves; gives its id."""
        participants = tuple([one.agent_id for one in others])
        command = OpenSession(creator_id=self.agent_id, type="conversation", participants=participants)
        session = cast(Session, await self.duplex.ask(command))
        for one in others if accept else ():
            await one.duplex.ask(AnswerInvite(session_id=session.session_id, agent_id=one.agent_id, accept=True))
        return session.session_id

    async def say(self, session_id: str, text: str, **fields: Any) -> Envelope:
        """Post a text."""
        envelope = Envelope(session_id, self.agent_id, EV_TEXT, {"text": text}, **fields)
        return cast(Envelope, await self.duplex.ask(Post(envelope=envelope)))

    async def text(self) -> str:
        """The next text; what comes before it is acked."""
        while True:
            one = await self.take()
            await self.ack(one.number or 0)
            if one.envelope.event_type == EV_TEXT:
                return str(one.envelope.event_data["text"])


async def joined(duplex: Duplex, name: str) -> WireAgent:
    """Register and attach an agent."""
    passport = cast(Passport, await duplex.ask(Register(passport=Passport(name), resume=Resume())))
    assert passport.agent_id is not None
    await duplex.ask(Attach(agent_id=passport.agent_id, link=""))
    return WireAgent(duplex, passport.agent_id)


class Raw:
    """A client that says what it likes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._buffer = FrameBuffer()

    async def say(self, *frames: Frame) -> None:
        """Say frames."""
        await self.send(b"".join([framed(write_frame(one)) for one in frames]))

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        await self.stream.send_all(data)

    async def greet(self, credential: str = "") -> Welcome:
        """Say hello; the answer is to be a welcome."""
        await self.say(hello(credential))
        frame = await self.hear()
        assert isinstance(frame, Welcome), f"expected a welcome, came {frame}"
        return frame

    async def hear(self) -> Frame | None:
        """The next frame; None where the other side has gone. A ping is no more than a sign of life."""
        while True:
            payload = self._buffer.next(DEFAULT.client_frame_bytes)
            if payload is not None:
                frame = read_frame(payload)
                if isinstance(frame, Ping):
                    continue
                return frame
            try:
                data = await self.stream.receive_some(65_536)
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self._buffer.take(bytes(data))

    async def turned_away(self) -> str:
        """The code of the goodbye that comes next, behind which the connection is closed."""
        frame = await self.hear()
        assert isinstance(frame, Goodbye), f"expected a goodbye, came {frame}"
        assert await self.hear() is None
        return frame.error.code


def hello(credential: str = "", version: int = VERSION) -> Hello:
    return Hello(version, credential, "test", DEFAULT.client_frame_bytes)


def ask(ref: int, command: Command) -> Ask:
    return Ask(ref, codec.encode(command))


def query(ref: int, question: object) -> Query:
    return Query(ref, codec.encode(question))


@asynccontextmanager
async def raw(port: int) -> AsyncGenerator[Raw, None]:
    """A raw client of a port of this machine."""
    async with await trio.open_tcp_stream(HOST, port) as stream:
        yield Raw(stream)


class Slow:
    """An auth that takes its time, or fails, as it is told."""

    open_to_all = False

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self.go = trio.Event()
        self.fault: Exception | None = None

    async def check(self, credential: str) -> Any:
        if self.fault is not None:
            raise self.fault
        await self.go.wait()
        return await self._auth.check(credential)

    def ended(self, grant: Any) -> str | None:
        if self.fault is not None:
            raise self.fault
        return self._auth.ended(grant)


async def met(link: MemoryLink) -> Raw:
    """A client over memory that says what it likes."""
    return Raw(await link.open_stream())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def unharmed(hub: Hub, link: TcpLink) -> None:
    """A client is served as ever."""
    async with link.connect() as duplex:
        assert await duplex.question(FindAgentId(name="nobody")) is None
    assert hub.stopped is None


async def refusal(client: Raw, ref: int, request: object) -> str | None:
    """The code a request is refused with; None where it is granted."""
    await client.say(request if isinstance(request, Ask) else query(ref, request))
    while True:
        frame = await client.hear()
        if isinstance(frame, Refusal | Answer) and frame.ref == ref:
            return frame.error.code if isinstance(frame, Refusal) else None
        assert frame is not None


class Calendar:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ms = 1_000

    def __call__(self) -> int:
        return self.now_ms
