"""The loop: trio around the engine.

What reaches the hub goes into the engine; the engine is advanced; what it wants appended goes to the store in a worker thread,
and while that syncs, whoever brings something has it stepped in his own task. What is released is carried out on the spot: an
answer wakes whoever waits for it, everything else is handed to those who carry it, and none of them may hold the loop up.

Where the store rests on memory there is nothing to wait for: a command is stepped, appended and answered in the task of whoever
asks, without a switch.

Every command is taken in whole or not at all. A caller that is cancelled while it waits for room was never there; one that is
cancelled later waits no more for its answer, and that is all: log and state do not know of it.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import trio

from foldhub_core import (
    Append,
    Arrival,
    Command,
    Commit,
    Effect,
    Ending,
    Engine,
    HubConfig,
    Principal,
    Refuse,
    Reply,
    Start,
    Unavailable,
    error_from,
    error_record,
)
from foldhub_core.commands import SHELL_COMMANDS
from foldhub_core.records import checked
from foldhub_stores import Broken, Durable, Outcome

from .askers import Asker, Askers
from .clock import Clock
from .reading import Desk

ADMIN = Principal(subject="hub", admin=True)
"""On whose behalf the hub's own commands come."""

_SHELL_COMMANDS = frozenset(SHELL_COMMANDS)
"""The same, found by its class."""

_arrival: Callable[..., Arrival] = checked(Arrival)

FAIR = 16
"""How many commands of a store in memory are stepped in their own tasks before one of them lets all others run."""

TEND_MS = 1_100
"""When the store is tended after the last append."""


class HubStopped(Exception):
    """The hub has stopped for good: what is on its disk is not known. Opened again, the store tells."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the hub has stopped: {reason}")
        self.reason = reason


class Loop:
    """Carries one engine. Whoever owns it runs `run` in a task, and gives it what carries effects and hears of commits."""

    def __init__(
        self,
        engine: Engine,
        desk: Desk,
        clock: Clock,
        carry: Callable[[Effect], None],
        published: Callable[[Sequence[Commit]], None],
    ) -> None:
        self.engine = engine
        self.stopped: str | None = None
        """Why the loop has stopped for good; None while it has not."""
        self._desk = desk
        self._clock = clock
        self._carry = carry
        self._published = published
        self._refs = 0
        self._askers = Askers()
        self._closing: str | None = None
        self._room = trio.lowlevel.ParkingLot()
        """Those who wait for room in the inbox."""
        self._rested = trio.lowlevel.ParkingLot()
        """Those who wait until all is done."""
        self._woken = trio.Event()
        """Set where there is something for the walk to do."""
        self._nap = trio.CancelScope()
        self._wake_at_ms: int | None = None
        """When the walk wakes by itself, while it sleeps and something is due."""
        self._tend_at_ms: int | None = None
        self._broken: str | None = None
        """Why an append on the spot broke."""

    # --- what comes in

    async def ask(self, principal: Principal, command: Command) -> object:
        """Ask for a command; gives the value of its `Reply`, once it is durable.

        Raises the refusal, and `Unavailable` where the loop closes or has stopped. Cancelled before there was room for it, the
        command was never taken in; cancelled later, it may be carried out or not. With a store in memory it is a checkpoint
        in every `FAIR`th call only.
        """
        waits = not self._desk.in_memory  # then others run while the answer is waited for
        if (waits or self._refs % FAIR) and self._closing is None and self.stopped is None:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()
        answer = self._at_once(principal, command)
        if answer is None:
            asker = Asker()
            ref = await self._take(principal, command, asker)
            answer = await self._askers.wait(ref, asker)
        if isinstance(answer, Refuse):
            raise error_from(answer.error)
        return answer.value

    async def take(self, principal: Principal, command: Command, tell: "Callable[[Reply | Refuse], None]") -> None:
        """Take a command in, and give back: `tell` is called with the answer, perhaps before that; it may not wait, nor raise.

        So whoever brings many has them taken in by their order. Raises `Unavailable` where the loop closes or has stopped, and
        then tells nothing. A checkpoint only where it waits for room.
        """
        if self._at_once(principal, command, tell) is None:
            await self._take(principal, command, Asker(tell))

    def take_now(self, principal: Principal, command: Command, tell: "Callable[[Reply | Refuse], None]") -> bool:
        """Take a command in like `take` does, where that needs no waiting; False where it does, and then it was not taken."""
        return self._at_once(principal, command, tell) is not None or self._take_now(principal, command, Asker(tell)) is not None

    async def _take(self, principal: Principal, command: Command, asker: Asker) -> str:
        """Take a command in as soon as there is room for it; gives the name its answer goes by."""
        while (ref := self._take_now(principal, command, asker)) is None:
            await self._room.park()
        return ref

    def _take_now(self, principal: Principal, command: Command, asker: Asker) -> str | None:
        """Take a command in where there is room for it now; gives the name its answer goes by."""
        arrival = self._arrival(principal, command)
        if not self.engine.take(arrival):
            return None
        self._askers.put(arrival.ref, asker)
        self._taken()
        return arrival.ref

    def _arrival(self, principal: Principal, command: Command) -> Arrival:
        self.check_open()
        self._refs += 1
        return _arrival(principal, command, self._clock(), str(self._refs))

    def _at_once(
        self, principal: Principal, command: Command, tell: "Callable[[Reply | Refuse], None] | None" = None
    ) -> Reply | Refuse | None:
        """The answer to a command that can be stepped and appended on the spot, told; None where it has to be taken in."""
        if not self._desk.in_memory or type(command) in _SHELL_COMMANDS:
            return None
        return self._step_now(self._arrival(principal, command), tell)

    def take_outcome(self, command: Command) -> None:
        """Take in what came of an effect; nobody waits for its answer."""
        if self.stopped is None:
            self.engine.take_outcome(Arrival(principal=ADMIN, command=command, now_ms=self._clock()))
            self._wake()

    async def reconfigure(self, config: HubConfig, then: Iterable[Command] = ()) -> None:
        """Go on under another configuration, from a `Start` of its own; gives back when that is durable. `then` follows on it.

        Raises what `ask` raises; cancelled, it happens all the same.
        """
        self.check_open()
        self._refs += 1
        ref = str(self._refs)
        asker = Asker()
        self._askers.put(ref, asker)
        self.engine.reconfigure(Arrival(principal=ADMIN, command=Start(), now_ms=self._clock(), ref=ref), config)
        for command in then:
            self.take_outcome(command)
        self._wake()
        answer = await self._askers.wait(ref, asker)
        if isinstance(answer, Refuse):
            raise error_from(answer.error)

    def close(self, reason: str) -> None:
        """Take in nothing any more; what was taken in is still done."""
        self._closing = self._closing or reason
        self._room.unpark_all()
        self._wake()

    async def rest(self) -> None:
        """Wait until all that was taken in is done, or the loop has stopped. A checkpoint."""
        await trio.lowlevel.checkpoint()
        while self.stopped is None and not self.engine.resting:
            await self._rested.park()

    def check_open(self) -> None:
        """Raise `Unavailable` where nothing is taken in any more."""
        if self.stopped is not None:
            raise Unavailable(f"expected a hub that runs, came one that has stopped: {self.stopped}")
        if self._closing is not None:
            raise Unavailable(f"expected an open hub, came one that is {self._closing}")

    # --- the walk

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Walk until the store breaks: then `stopped` says why, and everybody who waits is told."""
        try:
            while self.stopped is None:
                if self._woken.is_set():
                    self._woken = trio.Event()
                append = self.engine.advance(self._clock())
                self._carry_out()
                if append is None:
                    if not await self._tended():
                        await self._sleep()
                elif self._desk.in_memory:
                    self._appended(append, self._append(append.commits))
                    await trio.lowlevel.checkpoint()
                else:
                    self._appended(append, await self._append_away(append))
        except trio.Cancelled:
            self._stop("it has closed")
            raise
        except BaseException as error:
            self._stop(f"it failed with {error!r}")
            raise

    @trio.lowlevel.enable_ki_protection
    def _step_now(self, arrival: Arrival, tell: "Callable[[Reply | Refuse], None] | None") -> Reply | Refuse | None:
        """Step, append and answer on the spot; None where that has to wait its turn. Nothing interrupts it half way."""
        try:
            effects = self.engine.step_now(arrival, self._append_now, arrival.now_ms)
            if effects is None:
                return None
            if self._broken is not None:
                refused = self._stop(self._broken)
                if tell is not None:
                    tell(refused)
                return refused
            answer, *others = effects
            assert type(answer) is Reply or type(answer) is Refuse, "the answer comes first"
            if tell is not None:
                tell(answer)
            for effect in others:
                self._carry(effect)
            self._rearm()
        except BaseException as error:
            self._stop(f"it failed with {error!r}")
            raise
        return answer

    def _append_now(self, commits: tuple[Commit, ...]) -> Ending:
        """Have the store append, and let it be heard."""
        outcome = self._append(commits)
        if type(outcome) is Durable:
            self._published(commits)
        elif type(outcome) is Broken:
            self._broken = outcome.reason
        return outcome.ending

    @trio.lowlevel.enable_ki_protection
    def _taken(self) -> None:
        """Something was taken in: step it on the spot where that is possible, else let the walk go on.

        Nothing interrupts it half way: what is appended is published.
        """
        try:
            if self._desk.in_memory:
                append = self.engine.advance(self._clock())
                if append is not None:
                    self._appended(append, self._append(append.commits))
                else:
                    self._carry_out()
                self._rearm()
            elif self.engine.appending:
                self.engine.advance(self._clock())
                self._carry_out()
            else:
                self._wake()
        except BaseException as error:
            self._stop(f"it failed with {error!r}")
            raise

    def _append(self, commits: tuple[Commit, ...]) -> Outcome:
        """Have the store append; in its thread, where it has one."""
        try:
            return self._desk.store.append(commits)
        except Exception as error:
            return Broken(f"the store raised {error!r}")

    async def _append_away(self, append: Append) -> Outcome:
        """Have the store append in its thread; begun, it is waited for, whatever is cancelled."""
        with trio.CancelScope(shield=True):
            return await self._desk.write(self._append, append.commits)
        raise AssertionError("a shield that nobody cancels does not end early")

    def _appended(self, append: Append, outcome: Outcome) -> None:
        """An append ended: publish, and carry out what may be carried out now."""
        self.engine.ended(outcome.ending, self._clock())
        if isinstance(outcome, Broken):
            self._stop(outcome.reason)
            return
        if isinstance(outcome, Durable):
            self._published(append.commits)
            if not self._desk.in_memory:
                self._tend_at_ms = self._clock() + TEND_MS
        self._carry_out()

    def _carry_out(self) -> None:
        """Carry out what is released, in order."""
        effects = self.engine.effects()
        while effects:
            for effect in effects:
                if type(effect) is Reply or type(effect) is Refuse:
                    self._askers.give(effect)
                else:
                    self._carry(effect)
            effects = self.engine.effects()
        if self._room and self.engine.room:
            self._room.unpark(count=self.engine.room)
        if self._rested and self.engine.resting:
            self._rested.unpark_all()

    def _stop(self, reason: str) -> Refuse:
        """Stop for good, and tell everybody who waits; gives what they are told."""
        error = Unavailable(f"expected a hub that runs, came one that has stopped ({reason}); whether this was done is not known")
        refused = Refuse("", error_record(error))
        if self.stopped is not None:
            return refused
        self.stopped = reason
        self._askers.give_all(refused)
        self._room.unpark_all()
        self._rested.unpark_all()
        self._wake()
        return refused

    # --- sleeping

    async def _sleep(self) -> None:
        """Sleep until something comes or is due."""
        self._wake_at_ms = self._next_ms()
        with trio.CancelScope(deadline=self._moment(self._wake_at_ms)) as self._nap:
            await self._woken.wait()
        self._wake_at_ms = None

    def _wake(self) -> None:
        self._woken.set()

    def _rearm(self) -> None:
        """Wake earlier, where something is due earlier now. There is one timer."""
        due_ms = self.engine.next_deadline()
        if due_ms is not None and self._wake_at_ms is not None and due_ms < self._wake_at_ms:
            self._wake_at_ms = due_ms
            self._nap.deadline = self._moment(due_ms)
        elif due_ms is not None and self._wake_at_ms is None:
            self._wake()

    def _next_ms(self) -> int | None:
        """When to wake though nothing comes in."""
        due_ms, tend_at_ms = self.engine.next_deadline(), self._tend_at_ms
        if due_ms is None or tend_at_ms is None:
            return tend_at_ms if due_ms is None else due_ms
        return min(due_ms, tend_at_ms)

    def _moment(self, at_ms: int | None) -> float:
        """A time of the hub as one of trio."""
        return math.inf if at_ms is None else trio.current_time() + max(0, at_ms - self._clock()) / 1000

    async def _tended(self) -> bool:
        """Tend the store, where it is time for it."""
        if self._tend_at_ms is None or self._clock() < self._tend_at_ms:
            return False
        self._tend_at_ms = None
        await self._desk.write(self._desk.store.tend)
        return True
