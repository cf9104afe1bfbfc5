"""How fast a link over TCP is: two clients and the hub in one process and thread, on loopback, the store in memory.

The round trip is A to B to A: A posts, B gets it and posts an answer, A gets that; both ack what they got. Beside it stands what
nobody can be faster than here: the same four frames sent the same way through a bare trio relay, which looks at nothing.
"""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import NamedTuple, cast

import trio

from foldhub import Hub, LocalLink, MemoryStore
from foldhub.serving import serve_tcp
from foldhub.tcp import TcpConnection, TcpLink
from foldhub_core import (
    EV_TEXT,
    Ack,
    AnswerInvite,
    Attach,
    Delivery,
    Envelope,
    Inbox,
    OpenSession,
    Passport,
    Post,
    Principal,
    Register,
    Resume,
    Rule,
    RuleLimits,
    Session,
    changed,
    codec,
)
from foldhub_core.questions import FindAgentId
from foldhub_core.wire.frame_bytes import write_frame
from foldhub_core.wire.frames import Ask
from foldhub_core.wire.framing import framed
from foldhub_core.wire.limits import DEFAULT
from foldhub_stores import FileStore, LogStore

HOST = "127.0.0.1"
LIMITS = changed(DEFAULT, frames_per_s=1_000_000, bytes_per_s=1_000_000_000, pause_ms=1)
"""No rate, and no pause: what is measured is the link."""

ADMIN = Principal(admin=True)
RULE = Rule(limits=RuleLimits(inbox=Inbox(max_pending=0)))


class Measured(NamedTuple):
    """What was measured: by the clock, and by the processor's time."""

    name: str
    unit: str
    rate: float
    cpu_rate: float


class Talker:
    """An agent on a link of its own."""

    def __init__(self, connection: TcpConnection, agent_id: str) -> None:
        self.connection = connection
        self.agent_id = agent_id

    async def say(self, session_id: str, text: str) -> None:
        """Post a text."""
        await self.connection.ask(Post(envelope=Envelope(session_id, self.agent_id, EV_TEXT, {"text": text})))

    async def texts(self) -> int:
        """Take what comes, and ack it; gives how many texts there were. Accepts invitations."""
        count = 0
        numbers: list[int] = []
        for one in await self.connection.receive_many():
            assert isinstance(one, Delivery), "the link holds"
            numbers.append(one.number or 0)
            if one.envelope.event_type == EV_TEXT:
                count += 1
            elif one.envelope.event_type == "session.invited":
                answer = AnswerInvite(session_id=one.envelope.session_id, agent_id=self.agent_id, accept=True)
                await self.connection.ask(answer)
        await self.connection.ask(Ack(agent_id=self.agent_id, numbers=tuple(numbers)))
        return count

    async def next_text(self) -> None:
        """Wait for a text."""
        while not await self.texts():
            pass


@asynccontextmanager
async def talkers(store: LogStore | None = None) -> AsyncIterator[tuple[Hub, Talker, Talker, str]]:
    """Two agents in an open session."""
    async with Hub.open(store or MemoryStore("bench")) as hub, trio.open_nursery() as nursery:
        port = cast(int, await nursery.start(partial(serve_tcp, hub, HOST, 0, limits=LIMITS)))
        link = TcpLink(HOST, port, limits=LIMITS)
        async with link.connect() as near, link.connect() as far:
            ann, bob = await _joined(near, "ann"), await _joined(far, "bob")
            command = OpenSession(creator_id=ann.agent_id, type="conversation", participants=(bob.agent_id,))
            session = cast(Session, await near.ask(command))
            while hub.get_session(session.session_id).state != "active":
                await bob.texts()
            yield hub, ann, bob, session.session_id
        nursery.cancel_scope.cancel()


async def _joined(connection: TcpConnection, name: str) -> Talker:
    passport = cast(Passport, await connection.ask(Register(passport=Passport(name), resume=Resume(), rule=RULE)))
    assert passport.agent_id is not None
    await connection.ask(Attach(agent_id=passport.agent_id, link=""))
    return Talker(connection, passport.agent_id)


async def _trips(name: str, trip: Callable[[], Awaitable[None]], count: int) -> list[Measured]:
    """The times of so many trips, one behind the other, in microseconds."""
    for _ in range(count // 5):
        await trip()
    gc.collect()
    times: list[float] = []
    cpu = process_time()
    for _ in range(count):
        began = perf_counter()
        await trip()
        times.append((perf_counter() - began) * 1_000_000)
    each = (process_time() - cpu) * 1_000_000 / count
    return [
        Measured(f"{name}, p50", "us", median(times), each),
        Measured(f"{name}, p99", "us", quantiles(times, n=100)[98], each),
        Measured(f"{name}, fastest", "us", min(times), each),
    ]


async def _back_and_forth(name: str, ann: Talker, bob: Talker, session_id: str, count: int) -> list[Measured]:
    async with trio.open_nursery() as nursery:

        async def answer() -> None:
            while True:
                await bob.next_text()
                await bob.say(session_id, "an answer to the thing that is said")

        async def trip() -> None:
            await ann.say(session_id, "the next thing that is said")
            await ann.next_text()

        nursery.start_soon(answer)
        rows = await _trips(name, trip, count)
        nursery.cancel_scope.cancel()
    return rows


async def round_trip(count: int) -> list[Measured]:
    """A to B to A."""
    async with talkers() as (_, ann, bob, session_id):
        return await _back_and_forth("over TCP: A to B to A", ann, bob, session_id, count)


async def beside_a_snapshot(folder: Path, live: int, count: int) -> list[Measured]:
    """A to B to A on a hub with many live sessions in a file: alone, and while one snapshot is taken after the other."""
    async with talkers(FileStore(folder / "snapshots", "bench")) as (hub, ann, bob, session_id):
        hub._snapshots._commits = hub._snapshots._bytes = 2**60  # what a benchmark may know: none comes by itself
        await _populate(hub, live)
        name = "over TCP, on a file: A to B to A"
        rows = [row for row in await _back_and_forth(name, ann, bob, session_id, count) if "fastest" not in row.name]
        taken = 0

        async def snapshots() -> None:
            nonlocal taken
            while True:
                await hub._snapshots._take()
                taken += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(snapshots)
            name = "over TCP, on a file: A to B to A while a snapshot is taken"
            rows += [row for row in await _back_and_forth(name, ann, bob, session_id, count) if "fastest" not in row.name]
            nursery.cancel_scope.cancel()
        print(f"{hub.health().active_sessions:,} live sessions, {taken} snapshots in {2 * count:,} round trips")
    return rows


async def _populate(hub: Hub, live: int) -> None:
    """Let so many sessions be open between two others, with nothing owed of them."""
    async with LocalLink(hub).connect() as connection, trio.open_nursery() as nursery:
        names = [
            cast(Passport, await connection.ask(Register(passport=Passport(name), resume=Resume(), rule=RULE)))
            for name in ("c", "d")
        ]
        carl, dora = [cast(str, one.agent_id) for one in names]

        async def some(times: int) -> None:
            for _ in range(times):
                session = cast(
                    Session, await connection.ask(OpenSession(creator_id=carl, type="conversation", participants=(dora,)))
                )
                await connection.ask(AnswerInvite(session_id=session.session_id, agent_id=dora, accept=True))

        for _ in range(64):
            nursery.start_soon(some, -(-live // 64))
    for agent_id in (carl, dora):
        for begin in range(1, 3 * live, 1_000):
            await hub.loop.ask(ADMIN, Ack(agent_id=agent_id, numbers=tuple(range(begin, begin + 1_000))))


async def bare_round_trip(count: int) -> list[Measured]:
    """The same frames through a relay that looks at nothing."""
    envelope = Envelope("bench:s:a4", "bench:a:a2", EV_TEXT, {"text": "the next thing that is said"}, idempotency_key="x" * 20)
    frame = framed(write_frame(Ask(1, codec.encode(Post(envelope=envelope)))))
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=HOST)
        port = listeners[0].socket.getsockname()[1]
        near, far = await trio.open_tcp_stream(HOST, port), None
        near_end = await listeners[0].accept()
        far = await trio.open_tcp_stream(HOST, port)
        far_end = await listeners[0].accept()

        async def pass_on(source: trio.SocketStream, sink: trio.SocketStream) -> None:
            while data := await source.receive_some():
                await sink.send_all(data)

        async def trip() -> None:
            await near.send_all(frame)
            await near.receive_some()

        nursery.start_soon(pass_on, near_end, far_end)
        nursery.start_soon(pass_on, far, far)
        nursery.start_soon(pass_on, far_end, near_end)
        rows = await _trips("over TCP: the same frames through a bare relay", trip, count)
        nursery.cancel_scope.cancel()
    for stream in (near, far, near_end, far_end, *listeners):
        await stream.aclose()
    return rows


async def in_flight(width: int, posts: int) -> list[Measured]:
    """Posts, so many at a time, each answered, delivered and acked."""
    async with talkers() as (_, ann, bob, session_id):
        each = max(1, posts // width)

        async def say() -> None:
            for _ in range(each):
                await ann.say(session_id, "the next thing that is said")

        async def hear() -> None:
            left = each * width
            while left:
                left -= await bob.texts()

        gc.collect()
        began, cpu = perf_counter(), process_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear)
            for _ in range(width):
                nursery.start_soon(say)
        seconds, cpu = perf_counter() - began, process_time() - cpu
    return [Measured(f"over TCP: posts, {width} in flight", "/s", each * width / seconds, each * width / cpu)]


async def coming_back(count: int) -> list[Measured]:
    """How long it takes from a cut until something is answered again, two agents attached."""
    async with Hub.open(MemoryStore("bench")) as hub, trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def serve(port: int, scope: trio.CancelScope, task_status: trio.TaskStatus[int]) -> None:
            with scope:
                await serve_tcp(hub, HOST, port, limits=LIMITS, task_status=task_status)

        port = cast(int, await nursery.start(serve, 0, scope))
        times: list[float] = []
        async with TcpLink(HOST, port, limits=LIMITS).connect() as connection:
            for name in ("ann", "bob"):
                await _joined(connection, name)
            cpu = process_time()
            for _ in range(count):
                scope.cancel()
                while connection.state == "connected":
                    await trio.sleep(0.0002)
                began = perf_counter()
                scope = trio.CancelScope()
                await nursery.start(serve, port, scope)
                await connection.question(FindAgentId(name="ann"))
                times.append((perf_counter() - began) * 1_000_000)
            each = (process_time() - cpu) * 1_000_000 / count
        nursery.cancel_scope.cancel()
    return [Measured("over TCP: back after the server was, without the pause, p50", "us", median(times), each)]


async def measured(folder: Path, quick: bool) -> list[Measured]:
    """All rows; `folder` is where the files lie."""
    scale = 20 if quick else 1
    rows = await bare_round_trip(4_000 // scale)
    rows += await round_trip(4_000 // scale)
    rows += await in_flight(32, 20_000 // scale)
    rows += await coming_back(100 // scale)
    rows += await beside_a_snapshot(folder, 20_000 // scale, 4_000 // scale)
    return rows
