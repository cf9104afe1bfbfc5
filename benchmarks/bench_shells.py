"""How fast a hub is that runs: what its shell adds to the steps of the core.

    python benchmarks/bench_shells.py [--scale N] [--rounds N] [--folder DIR] [--json FILE]

One hub a row, with clients on `LocalLink`s in the same process and thread; `wire_links` has those that come over TCP. A post
counts when it was answered, was delivered to a handler that looks at it, and was acked; acks go out for all that was received
at once, as clients send them. What is given is the median of the rounds by the clock, and by the time the processor gave to
this process, which says more on a machine that does other things besides.
"""

import argparse
import gc
import json
import sys
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple, cast

import trio

from foldhub import Hub, LocalLink, MemoryStore
from foldhub.connection import Connection
from foldhub_core import (
    EV_TEXT,
    Ack,
    AnswerInvite,
    Arrival,
    Attach,
    CloseSession,
    Command,
    Deliver,
    Delivery,
    Effect,
    Envelope,
    HubConfig,
    HubState,
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
    Start,
    step,
)
from foldhub_stores import FileStore

sys.path.append(str(Path(__file__).parents[1]))  # run as a file, it finds its neighbours all the same

from benchmarks import wire_links
from benchmarks.report import machine

RULE = Rule(limits=RuleLimits(inbox=Inbox(max_pending=0)))


ROWS = (
    "the core alone: step the same posts and acks",
    "post, handle and ack, behind a log of 0",
    "post, handle and ack, behind a log of 10,000",
    "post, handle and ack, behind a log of 50,000",
    "post synced to a file, 64 in flight",
    "post synced to a file, 1 in flight",
    "consulting, open to close, after 100",
    "consulting, open to close, after 1,000",
    "consulting, open to close, after 5,000",
    "post to a session of 2, all acked",
    "post to a session of 10, all acked",
    "post to a session of 100, all acked",
    "memory of a live session, on a file",
    "memory of an ended session, on a file",
    "over TCP: the same frames through a bare relay, p50",
    "over TCP: the same frames through a bare relay, p99",
    "over TCP: the same frames through a bare relay, fastest",
    "over TCP: A to B to A, p50",
    "over TCP: A to B to A, p99",
    "over TCP: A to B to A, fastest",
    "over TCP: posts, 32 in flight",
    "over TCP: back after the server was, without the pause, p50",
    "over TCP, on a file: A to B to A, p50",
    "over TCP, on a file: A to B to A, p99",
    "over TCP, on a file: A to B to A while a snapshot is taken, p50",
    "over TCP, on a file: A to B to A while a snapshot is taken, p99",
)
"""What is measured, at full scale."""


class Row(NamedTuple):
    """What was measured: how much of what a second, by the clock and by the processor's time."""

    name: str
    unit: str
    rate: float
    cpu_rate: float


class Agent:
    """An agent on a connection of its own, whose handler looks at what comes and acks it."""

    def __init__(self, connection: Connection, agent_id: str) -> None:
        self.connection = connection
        self.agent_id = agent_id
        self.handled = 0
        self.wanted = 0
        self.done = trio.Event()

    async def handle(self) -> None:
        """Take what comes, for ever: answer invitations, look at the rest, ack all of it."""
        while True:
            numbers: list[int] = []
            for one in await self.connection.receive_many():
                if not isinstance(one, Delivery) or one.number is None:
                    return
                numbers.append(one.number)
                if one.envelope.event_type == EV_TEXT:
                    self.handled += 1
                elif one.envelope.event_type == "session.invited":
                    answer = AnswerInvite(session_id=one.envelope.session_id, agent_id=self.agent_id, accept=True)
                    await self.connection.ask(answer)
            await self.connection.ask(Ack(agent_id=self.agent_id, numbers=tuple(numbers)))
            if self.handled >= self.wanted:
                self.done.set()

    def want(self, posts: int) -> None:
        """Say when `done` is to be set: after so many more posts."""
        self.wanted, self.done = self.handled + posts, trio.Event()


@asynccontextmanager
async def agents(hub: Hub, count: int) -> AsyncIterator[list[Agent]]:
    """Some agents that handle what comes."""
    async with trio.open_nursery() as nursery:
        made = [await nursery.start(_live, hub, f"agent-{number}") for number in range(count)]
        yield made
        nursery.cancel_scope.cancel()


async def _live(hub: Hub, name: str, task_status: trio.TaskStatus[Agent]) -> None:
    async with LocalLink(hub).connect() as connection:
        passport = cast(Passport, await connection.ask(Register(passport=Passport(name), resume=Resume(), rule=RULE)))
        assert passport.agent_id is not None
        await connection.ask(Attach(agent_id=passport.agent_id, link=""))
        agent = Agent(connection, passport.agent_id)
        task_status.started(agent)
        await agent.handle()


async def opened(creator: Agent, others: Sequence[Agent], type: str = "conversation") -> str:
    """A session between them that is open."""
    participants = tuple([one.agent_id for one in others])
    command = OpenSession(creator_id=creator.agent_id, type=type, participants=participants)
    session = cast(Session, await creator.connection.ask(command))
    while not is_open(creator, session.session_id):
        await trio.sleep(0.0005)
    return session.session_id


def is_open(creator: Agent, session_id: str) -> bool:
    """Whether everybody has accepted."""
    hub: Hub = creator.connection._hub  # what a benchmark may know
    return hub.get_session(session_id).state == "active"


async def timed(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """How many seconds something takes, by the clock and by the processor."""
    gc.collect()
    began, cpu = perf_counter(), process_time()
    await work()
    return perf_counter() - began, process_time() - cpu


async def say(agent: Agent, session_id: str, posts: int, name: str = "") -> None:
    """Post so many short texts."""
    ask, agent_id = agent.connection.ask, agent.agent_id
    for number in range(posts):
        data = {"text": f"the {number}th thing that is said {name}"}
        await ask(Post(envelope=Envelope(session_id=session_id, sender_id=agent_id, event_type=EV_TEXT, event_data=data)))


async def core_alone(posts: int, rounds: int) -> Row:
    """The same posts and acks stepped in a plain loop: what no shell can be faster than."""
    config, admin = HubConfig(), Principal(admin=True)
    state = HubState("bench")

    def ask(principal: Principal, command: Command) -> tuple[Effect, ...]:
        nonlocal state
        came = step(config, state, Arrival(principal=principal, command=command, now_ms=1_000))
        state = came.state
        return came.effects

    ask(admin, Start())
    for name in ("ann", "bob"):
        ask(admin, Register(passport=Passport(name), resume=Resume(), rule=RULE))
    ann, bob = state.registry.names["ann"], state.registry.names["bob"]
    ask(admin, Attach(agent_id=bob, link="l"))
    ask(admin, OpenSession(creator_id=ann, type="conversation", participants=(bob,)))
    ((session_id,),) = state.sessions.order
    ask(admin, AnswerInvite(session_id=session_id, agent_id=bob, accept=True))
    as_ann, as_bob = Principal(subject="a", agent_ids=(ann,)), Principal(subject="b", agent_ids=(bob,))

    async def work() -> None:
        numbers: list[int] = []
        for number in range(posts):
            data = {"text": f"the {number}th thing that is said"}
            post = Post(envelope=Envelope(session_id=session_id, sender_id=ann, event_type=EV_TEXT, event_data=data))
            numbers += [effect.number for effect in ask(as_ann, post) if isinstance(effect, Deliver)]
            if len(numbers) >= 16:
                ask(as_bob, Ack(agent_id=bob, numbers=tuple(numbers)))
                numbers.clear()

    samples = [await timed(work) for _ in range(rounds)]
    return Row(ROWS[0], "/s", *[posts / median(values) for values in zip(*samples, strict=True)])


async def in_memory(lengths: Sequence[int], posts: int, rounds: int) -> list[Row]:
    """Posts that are delivered to a handler and acked, behind logs of these lengths."""
    rows: list[Row] = []
    async with Hub.open(MemoryStore("bench")) as hub, agents(hub, 2) as (ann, bob):
        session_id = await opened(ann, [bob])
        for length in lengths:
            await say(ann, session_id, max(0, length - hub.state.seq))
            rows.append(await _posts(f"post, handle and ack, behind a log of {length:,}", ann, [bob], session_id, posts, rounds))
    return rows


async def _posts(name: str, ann: Agent, others: Sequence[Agent], session_id: str, posts: int, rounds: int) -> Row:
    samples: list[tuple[float, float]] = []

    async def work() -> None:
        for one in others:
            one.want(posts)
        await say(ann, session_id, posts)
        for one in others:
            await one.done.wait()

    for _ in range(rounds):
        samples.append(await timed(work))
    return Row(name, "/s", *[posts / median(values) for values in zip(*samples, strict=True)])


async def fan_out(count: int, posts: int, rounds: int) -> Row:
    """Posts in a session of so many participants, each delivered to all others and acked by them."""
    async with Hub.open(MemoryStore("bench")) as hub, agents(hub, count) as everybody:
        ann, *others = everybody
        in_turn = everybody if count > 2 else [ann]
        session_id = await opened(ann, others, "discussion" if count > 2 else "conversation")
        times = max(1, posts * 2 // count // len(in_turn))

        async def work() -> None:
            for _ in range(times):
                for one in in_turn:
                    await say(one, session_id, 1)
            while any(hub.inbox(one.agent_id).pending for one in everybody):
                await trio.lowlevel.checkpoint()

        samples = [await timed(work) for _ in range(rounds)]
    rates = [times * len(in_turn) / median(values) for values in zip(*samples, strict=True)]
    return Row(f"post to a session of {count}, all acked", "/s", *rates)


async def on_file(folder: Path, width: int, posts: int, rounds: int) -> Row:
    """Posts that are synced to a file, so many at a time, each answered, delivered and acked."""
    async with Hub.open(FileStore(folder / f"flight-{width}")) as hub, agents(hub, 2) as (ann, bob):
        session_id = await opened(ann, [bob])
        each = max(1, posts // width if width > 1 else posts // 8)

        async def work() -> None:
            bob.want(each * width)
            async with trio.open_nursery() as nursery:
                for number in range(width):
                    nursery.start_soon(say, ann, session_id, each, str(number))
            await bob.done.wait()

        samples = [await timed(work) for _ in range(rounds)]
    rates = [each * width / median(values) for values in zip(*samples, strict=True)]
    return Row(f"post synced to a file, {width} in flight", "/s", *rates)


async def sessions(befores: Sequence[int], count: int) -> list[Row]:
    """Sessions from opening to close, after so many others."""
    rows: list[Row] = []
    async with Hub.open(MemoryStore("bench")) as hub, agents(hub, 2) as (ann, bob):
        done = 0

        async def talk(times: int) -> None:
            for _ in range(times):
                session_id = await opened(ann, [bob], "consulting")
                await say(ann, session_id, 1)
                await say(bob, session_id, 1)

        for before in befores:
            await talk(before - done)
            seconds = await timed(lambda: talk(count))
            done = before + count
            rows.append(Row(f"consulting, open to close, after {before:,}", "/s", *[count / value for value in seconds]))
    return rows


async def memory(folder: Path, count: int) -> list[Row]:
    """What a live and an ended session keep in memory, on a file."""
    async with Hub.open(FileStore(folder / "memory")) as hub, agents(hub, 2) as (ann, bob):

        async def some(times: int) -> list[str]:
            ids: list[str] = []
            for _ in range(times):
                ids.append(await opened(ann, [bob]))
                await say(ann, ids[-1], 2)
            while hub.inbox(bob.agent_id).owed or hub.inbox(ann.agent_id).owed:
                await trio.sleep(0.001)
            return ids

        async def close(ids: list[str]) -> None:
            for session_id in ids:
                await ann.connection.ask(CloseSession(session_id=session_id, agent_id=ann.agent_id))
            while hub.inbox(bob.agent_id).owed or hub.inbox(ann.agent_id).owed:
                await trio.sleep(0.001)

        await close(await some(count // 4))
        tracemalloc.start()
        gc.collect()
        empty = tracemalloc.get_traced_memory()[0]
        ids = await some(count)
        gc.collect()
        live = tracemalloc.get_traced_memory()[0]
        await close(ids)
        del ids
        gc.collect()
        ended = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    return [
        Row("memory of a live session, on a file", "B", (live - empty) / count, (live - empty) / count),
        Row("memory of an ended session, on a file", "B", (ended - empty) / count, (ended - empty) / count),
    ]


async def measured(scale: int, rounds: int, folder: Path) -> list[Row]:
    """All rows, of a `scale`th of everything."""
    rows = [await core_alone(max(16, 4_000 // scale), rounds)]
    rows += await in_memory([0, 10_000 // scale, 50_000 // scale], 4_000 // scale, rounds)
    rows += [await on_file(folder, width, 6_400 // scale, rounds) for width in (64, 1)]
    rows += await sessions([100 // scale, 1_000 // scale, 5_000 // scale], max(1, 100 // scale))
    rows += [await fan_out(count, 4_000 // scale, rounds) for count in (2, 10, 100)]
    rows += await memory(folder, max(4, 400 // scale))
    rows += [Row(*one) for one in await wire_links.measured(folder, scale > 1)]
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    lines = ["| | unit | by the clock | by the processor |", "|---|---|---:|---:|"]
    lines += [f"| {row.name} | {row.unit} | {row.rate:,.0f} | {row.cpu_rate:,.0f} |" for row in rows]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=int, default=1, metavar="N", help="an Nth of everything")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--folder", type=Path, help="where the files lie; a temporary folder if not given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rows there")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.scale < 1:
        parser.error("there is at least one round, of at most everything")
    came = machine()
    print(", ".join(f"{name} {value}" for name, value in came.items()))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = trio.run(measured, options.scale, options.rounds, Path(folder))
    print(f"\n{table(rows)}")
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": came, "rows": [row._asdict() for row in rows]}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
