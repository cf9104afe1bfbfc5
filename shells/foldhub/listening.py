"""Listening: who wants to know what happens in a hub.

Everybody has a queue of his own, in the order of commits. Whoever is too slow for it misses something, and is told how much
and where; whoever raises is logged. Neither costs anybody else anything: nobody who posts waits for a listener.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from foldhub_core import (
    EV_EXPECTATION_VIOLATED,
    HUB_SESSION,
    Commit,
    Data,
    DeadLettered,
    Dormant,
    Envelope,
    ErrorRecord,
    ForwardFailed,
    Nack,
    Nacked,
    Post,
    Pressure,
    Woken,
    freeze,
)
from foldhub_core.envelope import is_posted
from foldhub_core.records import record

from .steady_log import SteadyLog

ROOM = 1_024
"""What may wait for one listener."""

log = SteadyLog("foldhub")


@record
class Missed:
    """So many came while the queue was full, and are not in it."""

    count: int


Told: TypeAlias = Commit | Pressure | Missed
"""What a feed brings."""


class Feed:
    """One listener's queue. Iterate over it; `close` it when nobody does any more. Ends when the hub has told all."""

    def __init__(self, forget: Callable[["Feed"], None], room: int) -> None:
        self._forget = forget
        self._room = room
        self._queue: deque[Told] = deque()
        self._missed = 0
        self._ended = False
        self._something = trio.lowlevel.ParkingLot()

    def put(self, told: Commit | Pressure) -> None:
        """Have something wait for the listener, or have it miss it."""
        if len(self._queue) >= self._room:
            self._missed += 1
            return
        if self._missed:
            self._queue.append(Missed(self._missed))
            self._missed = 0
        self._queue.append(told)
        if self._something:
            self._something.unpark()

    def end(self) -> None:
        """Nothing comes any more but what waits."""
        self._ended = True
        self._something.unpark_all()

    def close(self) -> None:
        """Hear nothing any more; what waits is thrown away."""
        self._queue.clear()
        self._missed = 0
        if not self._ended:
            self._forget(self)
        self.end()

    def __aiter__(self) -> "Feed":
        return self

    async def __anext__(self) -> Told:
        """The next thing in the order of commits. A checkpoint; cancelled, it has taken nothing."""
        await trio.lowlevel.checkpoint()
        while not self._queue:
            if self._missed:
                missed, self._missed = self._missed, 0
                return Missed(missed)
            if self._ended:
                raise StopAsyncIteration
            await self._something.park()
        return self._queue.popleft()


class Commits:
    """`hub.commits()`: the commits of a hub as they become durable, from the moment of the call. `Missed` stands for a gap."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def __aiter__(self) -> "Commits":
        return self

    async def __anext__(self) -> Commit | Missed:
        """The next commit. A checkpoint; cancelled, it has taken nothing. Ends when the hub has closed and all was told."""
        while True:
            told = await anext(self._feed)
            if not isinstance(told, Pressure):
                return told

    def close(self) -> None:
        """Hear nothing any more. Needed where the iteration is left before its end."""
        self._feed.close()


class HubListener:
    """Hears what happens in a hub, in the order of commits, when it is durable. Override what you want to hear.

    Its methods are awaited one at a time, in a task of the hub's. One that raises is logged, and hears the next all the same.
    What one is doing when the hub has closed, and its time for that is over, is cancelled.
    """

    async def on_envelope_posted(self, envelope: Envelope) -> None:
        """A participant said something in a session."""

    async def on_envelope_rejected(self, envelope: Envelope, error: ErrorRecord) -> None:
        """What somebody wanted to say was refused. Not told of those that were too large to be kept."""

    async def on_dispatch_failed(self, agent_id: str, number: int, reason: str) -> None:
        """A delivery could not be handed to the proxy of a remote agent; it comes again, or was given up."""

    async def on_session_event(self, session_id: str, kind: str, payload: Data) -> None:
        """Of a session: created, invited, opened, joined, left, hidden, shown, dormant, woken, closed, expired."""

    async def on_agent_event(self, agent_id: str, kind: str, payload: Data) -> None:
        """Of an agent: registered, unregistered, resume_set, rule_set, skill_set, observation_recorded."""

    async def on_expectation_fired(self, session_id: str, payload: Data) -> None:
        """An expectation of a session was not met: `expectation`, `violators`, `detail` in the payload."""

    async def on_turn_failed(self, agent_id: str, number: int, reason: str) -> None:
        """An agent could not do what a delivery asked of it; it comes again, or was given up."""

    async def on_task_event(self, task_id: str, kind: str, payload: Data) -> None:
        """Of a task: observed, progressed, checkpointed, cancel_requested, ended."""

    async def on_inbox_pressure(self, agent_id: str, pending: int, cap: int) -> None:
        """So much is owed to an agent that its high water is reached."""

    async def on_missed(self, count: int) -> None:
        """So many commits were missed here, because this listener was too slow."""
        log.warning("%s was too slow and missed %d commits", type(self).__name__, count)


async def tell(listener: HubListener, feed: Feed) -> None:
    """Tell a listener all that its feed brings."""
    async for told in feed:
        if isinstance(told, Missed):
            await _heard(listener, listener.on_missed, told.count)
        elif isinstance(told, Pressure):
            await _heard(listener, listener.on_inbox_pressure, told.agent_id, told.pending, told.cap)
        else:
            await _tell_commit(listener, told)


async def _tell_commit(listener: HubListener, commit: Commit) -> None:
    if commit.refusal is not None and isinstance(commit.command, Post):
        await _heard(listener, listener.on_envelope_rejected, commit.command.envelope, commit.refusal)
    for fact in commit.facts:
        if isinstance(fact, Envelope):
            await _tell_word(listener, fact)
        elif isinstance(fact, Nacked | DeadLettered) and isinstance(commit.kept, Nack | ForwardFailed):
            failed = listener.on_turn_failed if isinstance(commit.kept, Nack) else listener.on_dispatch_failed
            await _heard(listener, failed, fact.agent_id, fact.number, fact.reason)
        elif isinstance(fact, Dormant):
            await _heard(listener, listener.on_session_event, fact.session_id, "dormant", freeze({"reason": fact.reason}))
        elif isinstance(fact, Woken):
            await _heard(listener, listener.on_session_event, fact.session_id, "woken", freeze({}))


async def _tell_word(listener: HubListener, word: Envelope) -> None:
    if is_posted(word):
        await _heard(listener, listener.on_envelope_posted, word)
        return
    room, _, kind = word.event_type.partition(".")
    data = word.event_data
    if word.event_type == EV_EXPECTATION_VIOLATED and word.session_id == HUB_SESSION:
        await _heard(listener, listener.on_expectation_fired, str(data.get("session_id", "")), data)
    elif room == "agent":
        await _heard(listener, listener.on_agent_event, word.sender_id, kind, data)
    elif room == "task" and (word.session_id == HUB_SESSION or kind == "cancel_requested"):
        await _heard(listener, listener.on_task_event, str(data.get("task_id", "")), kind, data)
    elif room == "session":
        first = kind == "invited" and word.number == 1
        await _heard(listener, listener.on_session_event, word.session_id, "created" if first else kind, data)


async def _heard(listener: HubListener, hear: Callable[..., Awaitable[None]], *told: object) -> None:
    """Await one of a listener's methods; what it raises stays with it."""
    try:
        await hear(*told)
    except Exception:
        log.exception("%s raised in %s", type(listener).__name__, getattr(hear, "__name__", hear))
