"""Three agents over memory, of whom one has a connection that fails: where the clock, his stream, or both are told to."""

import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

import attrs
import trio
import trio.testing

from foldhub import Hub, sockets
from foldhub_core import changed
from foldhub_core.wire.limits import DEFAULT
from foldhub_stores import LogStore, MemoryStore

from .hub_runs import ThreadedStore
from .wires import MemoryLink, WireAgent, in_memory, joined

LIMITS = changed(DEFAULT, pause_ms=5, longest_pause_ms=20, ping_ms=20, goodbye_ms=50, connections=8)

WHOSE: ContextVar[str] = ContextVar("whose", default="")
"""Of whose connection a task is: the server's tasks inherit it from whoever connects."""

Which = Callable[[trio.lowlevel.Task], bool]


class FailingClock(trio.abc.Clock):
    """The machine's clock; it fails where it is asked by a wire, in the tasks it is told to fail in."""

    def __init__(self) -> None:
        self.failed = trio.Event()
        self._fails: Which | None = None

    def start_clock(self) -> None:
        """It runs."""

    def current_time(self) -> float:
        if self._fails is not None and _asked_by_a_wire() and self._fails(trio.lowlevel.current_task()):
            self.failed.set()
            raise ZeroDivisionError("the clock has stopped")
        return time.perf_counter()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return deadline - time.perf_counter()

    @contextmanager
    def failing(self, which: Which) -> Generator[None]:
        """Fail in these tasks for as long as the block lasts."""
        self._fails = which
        try:
            yield
        finally:
            self._fails = None

    def fail_once(self, which: Which, times: int = 1) -> None:
        """Fail the first time that one of these tasks asks, or the first times."""

        def first(task: trio.lowlevel.Task) -> bool:
            nonlocal times
            if not which(task):
                return False
            times -= 1
            if times == 0:
                self._fails = None
            return True

        self._fails = first


def _asked_by_a_wire() -> bool:
    """Whether the time is asked for by what carries a wire, and not by the hub itself, whose clock is another."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("trio."):
        frame = frame.f_back
    return frame.f_globals["__name__"] == sockets.__name__ and trio.lowlevel.in_trio_task()


def bobs(name: str) -> Which:
    """The task of bob's connection, on the hub's side, that does this."""
    return lambda task: task.name == f"foldhub.served.Served.{name}" and task.context.get(WHOSE) == "bob"


def walks(task: trio.lowlevel.Task) -> bool:
    """Whether a task is the hub's walk."""
    return task.name == "foldhub.hub.Hub._run"


class Odd:
    """Makes streams, of which one does what no stream does."""

    def __init__(self) -> None:
        self.fails = ""
        """Which method of which stream raises next."""
        self.streams: list[OddStream] = []

    def around(self, inner: trio.abc.Stream) -> trio.abc.Stream:
        self.streams.append(OddStream(inner, self))
        return self.streams[-1]

    def look(self, method: str) -> None:
        """Raise, where it is this method's turn."""
        if self.fails == method:
            self.fails = ""
            raise ZeroDivisionError(f"{method} does not work today")


class OddStream(trio.abc.Stream):
    """A stream that raises what no stream raises."""

    def __init__(self, inner: trio.abc.Stream, odd: Odd) -> None:
        self._inner = inner
        self._odd = odd
        self._stuck = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._odd.look("send_all")
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._inner.receive_some(max_bytes)
        self._odd.look("receive_some")
        return data

    async def aclose(self) -> None:
        if self._odd.fails == "aclose":
            self._stuck, self._odd.fails = True, ""
        try:
            await self._inner.aclose()
        finally:
            if self._stuck:
                raise ZeroDivisionError("it does not close, however often")


@attrs.define
class Scene:
    """Three agents, each on a connection of its own over memory: ann talks with bob, and with carl."""

    clock: FailingClock
    hub: Hub
    link: MemoryLink
    bobs_link: MemoryLink
    ann: WireAgent
    bob: WireAgent
    carl: WireAgent
    odd: "Odd"
    """What bob's streams do."""
    with_bob: str
    with_carl: str

    async def others_go_on(self) -> None:
        """What ann says is answered, and carl hears it, and the other way round."""
        for one, other in ((self.ann, self.carl), (self.carl, self.ann)):
            await one.say(self.with_carl, f"all the same, {one.agent_id}")
            assert await other.text() == f"all the same, {one.agent_id}"
        assert self.hub.stopped is None


@asynccontextmanager
async def met_all(clock: FailingClock, store: LogStore) -> AsyncGenerator[Scene]:
    async with Hub.open(store, clock=lambda: time.monotonic_ns() // 1_000_000) as hub, in_memory(hub, limits=LIMITS) as link:
        async with link.connect() as near, link.beside().connect() as third:
            mark, odd = WHOSE.set("bob"), Odd()
            bobs_link = link.beside(around=odd.around)
            async with bobs_link.connect() as far:
                WHOSE.reset(mark)
                ann, bob, carl = await joined(near, "ann"), await joined(far, "bob"), await joined(third, "carl")
                sessions: list[str] = []
                for one in (bob, carl):
                    sessions.append(await ann.open(one))
                    await ann.say(sessions[-1], "hello")
                    assert await one.text() == "hello"
                yield Scene(clock, hub, link, bobs_link, ann, bob, carl, odd, *sessions)


def play(part: Callable[[Scene], Awaitable[None]], store: LogStore | None = None) -> None:
    """Run a part with all three."""

    async def main() -> None:
        with trio.fail_after(20):
            async with met_all(clock, store or MemoryStore()) as scene:
                await part(scene)

    clock = FailingClock()
    trio.run(main, clock=clock)


class ToldStore(ThreadedStore):
    """A store with a thread, whose next append is told of when it is there."""

    def fail_in_the_walk(self, clock: FailingClock, times: int = 1) -> None:
        """Have the clock fail in the hub's walk, when it has appended what comes next."""

        def now() -> None:
            self.before_append = lambda: None
            clock.fail_once(walks, times)

        self.before_append = now
