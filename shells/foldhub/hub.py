"""The hub in a process: trio around the core, for as long as a block lasts.

    async with Hub.open(FileStore("data/demo")) as hub:
        link = LocalLink(hub)
        ...

It recovers from its store, begins a run, carries out what is still owed, and takes commands until the block ends. Then it lets
what was taken in come to its end, tells its listeners, ends its connections and closes the store. Where the store breaks, it
stops at once: the block is cancelled, and `HubStopped` says why.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager

import attrs
import trio

from foldhub_core import (
    Arbiter,
    Attach,
    Commit,
    Deliver,
    Effect,
    Engine,
    Evaluator,
    Evict,
    Forward,
    Handler,
    HubConfig,
    Pressure,
    Principal,
    Redeliver,
    Start,
    answer,
    changed,
    owed,
)
from foldhub_core.config import AnyAdapter
from foldhub_core.questions import LogQuestion, Question, ReadOwed
from foldhub_stores import LogStore, recover

from .auth import Auth
from .clock import Clock, hub_clock
from .connection import Connection
from .hub_commands import HubCommands
from .hub_questions import HubQuestions
from .listening import ROOM, Commits, Feed, HubListener, tell
from .log_answers import answer_from_log, owed_from_log
from .loop import HubStopped, Loop
from .memory import LOCAL
from .proxies import Proxies, RemoteAgentProxy
from .reading import Desk
from .snapshotting import Snapshots
from .sweeping import Sweep, Sweepers

INVITE_ACK_TIMEOUT = 30.0
CLOSE_TIMEOUT = 5.0


class Hub(HubQuestions, HubCommands):
    """A hub that runs. `Hub.open` makes one; it belongs to one trio run, and its methods to the thread of that.

    Configuring it while it runs, with `reconfigure` and every `register_` that is a coroutine, is a commit: it raises what a
    command raises, and cancelled it happens all the same.
    """

    def __init__(
        self, config: HubConfig, desk: Desk, engine: Engine, clock: Clock, auth: Auth | None, nursery: trio.Nursery
    ) -> None:
        self.config = config
        self.desk = desk
        self.auth = auth
        self.links: dict[str, Connection] = {}
        """By the name of a link, the connection that it is part of."""
        self.loop = Loop(engine, desk, clock, self._carry, self._published)
        self._nursery = nursery
        self._alive = trio.CancelScope(shield=True)
        """What goes on until the hub has closed, whatever else is cancelled."""
        self._connections: dict[str, Connection] = {}
        self._connected = 0
        self._feeds: list[Feed] = []
        self._listening: dict[HubListener, Feed] = {}
        self._ears: dict[trio.CancelScope, trio.Event] = {}
        """Of each listener that is being told something: it goes on until it was told all, or the hub has no more time."""
        self._proxies = Proxies(self, nursery)
        self._sweepers = Sweepers(nursery)
        self._snapshots = Snapshots(self.loop, desk)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        store: LogStore,
        *,
        config: HubConfig | None = None,
        auth: Auth | None = None,
        clock: Clock | None = None,
        invite_ack_timeout: float = INVITE_ACK_TIMEOUT,
        close_timeout: float = CLOSE_TIMEOUT,
        proxies: Iterable[RemoteAgentProxy] = (),
        listeners: Iterable[HubListener] = (),
    ) -> AsyncGenerator["Hub", None]:
        """Run the hub of a store, which is the hub's from now on: it closes it.

        `config` is what the hub runs under; without one the built-in protocols, with `invite_ack_timeout` seconds for an answer
        to an invitation. `auth` checks the credentials of clients that come over a wire. `clock` gives the time in ms, else
        it is the machine's. At the end of the block, and where it is cancelled, what was taken in has `close_timeout` seconds
        to come to its end.

        Raises what the store raises where it cannot be read, and `HubStopped` where it breaks. Both ends are checkpoints.
        """
        desk, body = Desk(store), _Body()
        try:
            config = _configured(config, invite_ack_timeout)
            state = await desk.read(recover, config, store)
            engine = Engine(config, state, lazy_ms=0) if desk.in_memory else Engine(config, state)
            async with trio.open_nursery() as nursery:
                hub = cls(config, desk, engine, clock or hub_clock(state.now_ms), auth, nursery)
                nursery.start_soon(hub._run)
                for proxy in proxies:
                    hub.register_remote_proxy(proxy)
                for listener in listeners:
                    hub.register_listener(listener)
                try:
                    await hub._begin()
                    with body:
                        yield hub
                finally:
                    await hub._close(close_timeout)
                    stopped = hub.stopped
                    nursery.cancel_scope.cancel()
                    hub._alive.cancel()
            if stopped is not None:
                raise HubStopped(stopped) from body.raised
        finally:
            with trio.CancelScope(shield=True):
                await desk.write(store.close)
        if body.raised is not None:
            raise body.raised

    @property
    def stopped(self) -> str | None:
        """Why the hub has stopped for good; None while it runs."""
        return self.loop.stopped

    # --- connections

    @asynccontextmanager
    async def connect(self, principal: Principal = LOCAL) -> AsyncGenerator[Connection, None]:
        """A connection on behalf of a principal, for as long as the block lasts: what a link, or a wire's server, is made of.

        Raises `Unavailable` where the hub is closing or has stopped. Entering is a checkpoint; cancelled, nothing was connected.
        """
        await trio.lowlevel.checkpoint()
        self.loop.check_open()
        self._connected += 1
        name = f"l{self._connected}"
        connection = self._connections[name] = Connection(self, name, principal)
        try:
            yield connection
        finally:
            connection.close()
            del self._connections[name]

    async def answer(self, principal: Principal, question: Question | LogQuestion) -> object:
        """Answer a question of somebody: from the published state, or from the store. Raises the refusal.

        A checkpoint; cancelled, it has changed nothing.
        """
        if isinstance(question, ReadOwed):
            page, nacks = await owed_from_log(self.desk, self.state, principal, question)
            for nack in nacks:
                self.loop.take_outcome(nack)
            return page
        if isinstance(question, LogQuestion):
            return await answer_from_log(self.desk, self.state, principal, question)
        await trio.lowlevel.checkpoint()
        return answer(self.config, self.state, principal, question)

    # --- what it is configured with

    async def reconfigure(self, config: HubConfig) -> None:
        """Go on under another configuration, as a commit. What is attached stays so, and is sent what is owed again.

        Cancelled, it happens all the same.
        """
        self.loop.check_open()
        self.config = config
        attached = [Attach(agent_id=agent_id, link=link) for one in self._connections.values() for agent_id, link in one.links]
        await self.loop.reconfigure(config, attached)

    async def register_adapter(self, adapter: AnyAdapter) -> None:
        """Let sessions be opened under this protocol; it takes the place of one of its type and version. See `reconfigure`."""
        await self.reconfigure(attrs.evolve(self.config, adapters=(*self.config.adapters, adapter)))

    async def register_arbiter(self, arbiter: Arbiter) -> None:
        """Have this arbiter say who may do what. See `reconfigure`."""
        await self.reconfigure(attrs.evolve(self.config, arbiter=arbiter))

    async def register_expectation_evaluator(self, evaluator: Evaluator) -> None:
        """Let expectations be checked by this evaluator; it takes the place of one of its name. See `reconfigure`."""
        await self.reconfigure(attrs.evolve(self.config, evaluators=(*self.config.evaluators, evaluator)))

    async def register_violation_handler(self, handler: Handler) -> None:
        """Let violations be answered by this handler; it takes the place of one of its name. See `reconfigure`."""
        await self.reconfigure(attrs.evolve(self.config, handlers=(*self.config.handlers, handler)))

    @property
    def arbiter(self) -> Arbiter:
        """Who says who may do what."""
        return self.config.arbiter

    # --- listeners

    def commits(self, room: int = ROOM) -> Commits:
        """The commits from now on, as they become durable: `async for commit in hub.commits()`.

        `room` may wait; whoever is slower is given a `Missed` in the place of what came meanwhile.
        """
        return Commits(self._feed(room))

    def register_listener(self, listener: HubListener, room: int = ROOM) -> None:
        """Let a listener hear what happens from now on; one that hears already goes on. `room` may wait for it."""
        if listener not in self._listening:
            feed = self._listening[listener] = self._feed(room)
            ears = trio.CancelScope(shield=True)
            self._ears[ears] = trio.Event()
            self._nursery.start_soon(self._tell, listener, feed, ears)

    def unregister_listener(self, listener: HubListener) -> None:
        """Let a listener hear nothing more than what it hears just now."""
        feed = self._listening.pop(listener, None)
        if feed is not None:
            feed.close()

    # --- sweepers and proxies

    def register_sweeper(self, name: str, interval: float, sweep: Sweep) -> None:
        """Have `sweep` awaited every `interval` seconds.

        What it raises is logged. Raises `ValueError` where the name is taken, or the interval is not above 0.
        """
        self._sweepers.register(name, interval, sweep)

    async def unregister_sweeper(self, name: str) -> None:
        """Stop a sweeper and wait until it has; one that is not there has stopped.

        A checkpoint; cancelled, it stops all the same.
        """
        await self._sweepers.unregister(name)

    def register_remote_proxy(self, proxy: RemoteAgentProxy) -> RemoteAgentProxy | None:
        """Hand deliveries of the proxy's scheme to it; gives the proxy whose place it takes."""
        return self._proxies.register(proxy)

    def unregister_remote_proxy(self, scheme: str) -> RemoteAgentProxy | None:
        """Hand deliveries of a scheme to nobody; gives the proxy that had it."""
        return self._proxies.unregister(scheme)

    def remote_proxy_for(self, scheme: str) -> RemoteAgentProxy | None:
        """The proxy of a scheme, or None."""
        return self._proxies.proxy_for(scheme)

    # --- inside

    async def _run(self) -> None:
        """Walk, also while the block is being cancelled, and end it where the walk ends."""
        if not self.desk.in_memory:
            self._nursery.start_soon(self._snapshots.run)
        with self._alive:
            await self.loop.run()
        for connection in list(self._connections.values()):
            connection.close(f"the hub has stopped: {self.stopped}")
        self._nursery.cancel_scope.cancel()

    async def _begin(self) -> None:
        """Begin a run, and send on their way again what remote agents are owed."""
        await self.ask(Start())
        for effect in owed(self.config, self.state):
            self._carry(effect)

    async def _close(self, timeout: float) -> None:
        """Come to an end: of what was taken in, of what is told, of what is connected."""
        with trio.move_on_after(timeout, shield=True):
            for connection in list(self._connections.values()):
                connection.close("the hub has closed")
            self.loop.close("closing")
            await self.loop.rest()
            for feed in self._feeds:
                feed.end()
            for told in list(self._ears.values()):
                await told.wait()
        for ears in self._ears:
            ears.cancel()

    def _carry(self, effect: Effect) -> None:
        """Hand an effect to whoever carries it. Nobody of them may wait."""
        if type(effect) is Deliver or type(effect) is Redeliver or type(effect) is Evict:
            if effect.link is None:
                self._proxies.put(effect)
                return
            connection = self.links.get(effect.link)
            if connection is not None:
                connection.put(effect)
        elif type(effect) is Forward:
            self._proxies.put(effect)
        elif type(effect) is Pressure:
            for feed in self._feeds:
                feed.put(effect)

    def _published(self, commits: Sequence[Commit]) -> None:
        """Commits have become durable: let it be heard."""
        for feed in self._feeds:
            for commit in commits:
                feed.put(commit)
        if not self.desk.in_memory:
            self._snapshots.appended(commits)

    def _feed(self, room: int) -> Feed:
        feed = Feed(self._feeds.remove, room)
        self._feeds.append(feed)
        return feed

    async def _tell(self, listener: HubListener, feed: Feed, ears: trio.CancelScope) -> None:
        with ears:
            await tell(listener, feed)
        self._ears.pop(ears).set()


class _Body:
    """Keeps what the block raised, so that it is raised as it is and not in a group of the hub's nursery."""

    def __init__(self) -> None:
        self.raised: Exception | None = None

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, raised: BaseException | None, trace: object) -> bool:
        self.raised = raised if isinstance(raised, Exception) else None
        return self.raised is not None


def _configured(config: HubConfig | None, invite_ack_timeout: float) -> HubConfig:
    if config is None:
        config = HubConfig()
        limits = changed(config.limits, invite_timeout_ms=round(invite_ack_timeout * 1000))
        limits.__checked__()
        return attrs.evolve(config, limits=limits)
    if invite_ack_timeout != INVITE_ACK_TIMEOUT:
        raise ValueError(
            f"expected config.limits.invite_timeout_ms to say it, came invite_ack_timeout {invite_ack_timeout} beside a config"
        )
    return config
