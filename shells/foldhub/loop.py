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
from foldhub_stores import Broken, Durable, Outcome

from .clock import Clock
from .reading import Desk

ADMIN = Principal(subject="hub", admin=True)
"""On whose behalf the hub's own commands come."""

FAIR = 16
"""How many commands of a store in memory are stepped in their own tasks before one of them lets all others run."""

TEND_MS = 1_100
"""When the store is tended after the last append."""


class HubStopped(Exception):
    """The hub has stopped for good: what is on its disk is not known. Opened again, the store tells."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the hub has stopped: {reason}")
        self.reason = reason


class _Asked:
    """Somebody who waits for an answer."""

    __slots__ = ("answer", "task", "tell")

    def __init__(self, tell: "Callable[[Reply | Refuse], None] | None" = None) -> None:
        self.answer: Reply | Refuse | None = None
        self.task: trio.lowlevel.Task | None = None
        self.tell = tell


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
        self._asked: dict[str, _Asked] = {}
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
        if self._desk.in_memory and self._refs % FAIR:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()
        asked = _Asked()
        ref = await self._take(principal, command, asked)
        answer = asked.answer or await self._answer(ref, asked)
        if isinstance(answer, Refuse):
            raise error_from(answer.error)
        return answer.value

    async def take(self, principal: Principal, command: Command, tell: "Callable[[Reply | Refuse], None]") -> None:
        """Take a command in, and give back: `tell` is called with the answer, perhaps before that; it may not wait, nor raise.

        So whoever brings many has them taken in by their order. Raises `Unavailable` where the loop closes or has stopped, and
        then tells nothing. A checkpoint only where it waits for room.
        """
        await self._take(principal, command, _Asked(tell))

    def take_now(self, principal: Principal, command: Command, tell: "Callable[[Reply | Refuse], None]") -> bool:
        """Take a command in like `take` does, where that needs no waiting; False where it does, and then it was not taken."""
        return self._take_now(principal, command, _Asked(tell)) is not None

    async def _take(self, principal: Principal, command: Command, asked: _Asked) -> str:
        """Take a command in as soon as there is room for it; gives the name its answer goes by."""
        while (ref := self._take_now(principal, command, asked)) is None:
            await self._room.park()
        return ref

    def _take_now(self, principal: Principal, command: Command, asked: _Asked) -> str | None:
        """Take a command in where there is room for it now; gives the name its answer goes by."""
        self.check_open()
        self._refs += 1
        ref = str(self._refs)
        arrival = Arrival(principal=principal, command=command, now_ms=self._clock(), ref=ref)
        at_once = self._desk.in_memory and not isinstance(command, SHELL_COMMANDS)
        answer = self._step_now(arrival) if at_once else None
        if answer is not None:
            self._give(asked, answer)
            return ref
        if not self.engine.take(arrival):
            return None
        self._asked[ref] = asked
        self._taken()
        return ref

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
        asked = self._asked[ref] = _Asked()
        self.engine.reconfigure(Arrival(principal=ADMIN, command=Start(), now_ms=self._clock(), ref=ref), config)
        for command in then:
            self.take_outcome(command)
        self._wake()
        answer = asked.answer or await self._answer(ref, asked)
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
    def _step_now(self, arrival: Arrival) -> Reply | Refuse | None:
        """Step, append and answer on the spot; None where that has to wait its turn. Nothing interrupts it half way."""
        try:
            effects = self.engine.step_now(arrival, self._append_now, arrival.now_ms)
            if effects is None:
                return None
            if self._broken is not None:
                return self._stop(self._broken)
            for effect in effects[1:]:
                self._carry(effect)
            self._rearm()
        except BaseException as error:
            self._stop(f"it failed with {error!r}")
            raise
        answer = effects[0]
        assert isinstance(answer, Reply | Refuse), "the answer comes first"
        return answer

    def _append_now(self, commits: tuple[Commit, ...]) -> Ending:
        """Have the store append, and let it be heard."""
        outcome = self._append(commits)
        if isinstance(outcome, Durable):
            self._published(commits)
        elif isinstance(outcome, Broken):
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
                    self._answered(effect)
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
        for asked in list(self._asked.values()):
            self._give(asked, refused)
        self._asked.clear()
        self._room.unpark_all()
        self._rested.unpark_all()
        self._wake()
        return refused

    # --- waiting for an answer

    async def _answer(self, ref: str, asked: _Asked) -> Reply | Refuse:
        asked.task = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._asked.pop(ref, None)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        assert asked.answer is not None, "whoever waits for an answer is woken with it"
        return asked.answer

    def _answered(self, answer: Reply | Refuse) -> None:
        asked = self._asked.pop(answer.ref, None)
        if asked is not None:
            self._give(asked, answer)

    def _give(self, asked: _Asked, answer: Reply | Refuse) -> None:
        asked.answer = answer
        if asked.tell is not None:
            asked.tell(answer)
        if asked.task is not None:
            trio.lowlevel.reschedule(asked.task)

    def check_open(self) -> None:
        """Raise `Unavailable` where nothing is taken in any more."""
        if self.stopped is not None:
            raise Unavailable(f"expected a hub that runs, came one that has stopped: {self.stopped}")
        if self._closing is not None:
            raise Unavailable(f"expected an open hub, came one that is {self._closing}")

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
