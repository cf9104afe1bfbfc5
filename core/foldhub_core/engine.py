"""The engine: the order of things as a machine without I/O, so that every runtime, and a simulator, walks the same way.

    arrival -> step -> append -> durable -> publish, release effects

The engine takes arrivals, steps them, asks for appends and holds effects back until their commits are durable. What it asks
for, a shell carries out: it owns the store, the links, the clock and one timer. What a shell author owes:

1. `Start` first. Recover the state (snapshot, then `replay` of the tail), make an `Engine` of it, and give it an arrival of
   `Start` before any other. Then carry out what is `owed`.
2. One writer. One engine a store, and only its appends, in the order they are asked for, one at a time.
3. Append before effects. When `advance` gives an `Append`, make its commits durable, all or none, then say with `ended` how it
   ended: DURABLE, FULL only where the write was refused before anything was written, BROKEN in every other case. After BROKEN
   the outcome is unknown: stop, and recover from the store. Until `ended`, call `advance` as before: the next batch is stepped.
4. Publish after the append. Answer questions from `state`, never from a state of your own. Carry out what `effects` gives, in
   order, after every `advance` and every `ended`.
5. Feed time. Call `advance` with the time after `take`, after `ended`, and when `next_deadline` comes. Stamp arrivals with a
   clock that does not run backwards while you run. The engine makes the `Tick`s.
6. Push back. When `take` says no, the inbox is full: do not read the sender's socket until there is room. Outcomes of effects
   (`take_outcome`) are always taken: they come from what the engine itself released, and a loop that had to wait for its own
   inbox would wait for ever.

Group commit. What was taken while an append ran goes into the next one, up to a batch. A commit that is lazy (a refusal, an
ack, bookkeeping) asks for no append of its own: it waits for the next that is not, but at most `lazy_ms`. Nothing is answered
before its own commit and all before it are durable, what made no commit included: it was decided on what they made true.

When the store is full. The batch that was refused and the batch stepped on top of it are undone: the engine goes back to the
published state, answers the peers' commands with `unavailable`, and for `pause_ms` answers so whatever comes. Then it feeds
the shell's own commands again, which nobody else would repeat, and goes on.

Another configuration. `reconfigure` takes a `Start` that brings it: what is stepped before goes under the old one, the `Start`
and all behind it under the new one.
"""

from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum

from .commands import SHELL_COMMANDS, Arrival, Principal, Tick
from .commits import Commit
from .config import HubConfig
from .effects import Effect, Refuse
from .error_record import error_record
from .errors import Unavailable
from .records import hot
from .state import HubState
from .step import Step, next_deadline, step

INBOX = 1_024
BATCH = 256
BATCH_BYTES = 1_048_576
LAZY_MS = 5
PAUSE_MS = 1_000

_CLOCK = Principal(admin=True)
"""On whose behalf the engine's own `Tick`s come."""

_FULL = error_record(Unavailable("expected room in the store, which is full; try again later"))


class Ending(StrEnum):
    """How an append ended."""

    DURABLE = "durable"
    """All of it survives a crash."""
    FULL = "full"
    """It was refused before anything was written."""
    BROKEN = "broken"
    """Anything else: what is on the disk is unknown."""


@hot
class Append:
    """Make these commits durable, all or none, in this order; then say how it ended."""

    commits: tuple[Commit, ...]


class _Batch:
    """What was stepped and is not durable yet."""

    __slots__ = ("bytes", "commits", "oldest_ms", "state", "taken", "urgent")

    def __init__(self, state: HubState) -> None:
        self.state = state
        """The state after all of it."""
        self.taken: list[tuple[Arrival, tuple[Effect, ...]]] = []
        self.commits: list[Commit] = []
        self.bytes = 0
        self.urgent = False
        """Whether any of the commits is not lazy."""
        self.oldest_ms = 0
        """When the first commit was made."""

    def follow(self, state: HubState) -> None:
        """Begin at another state, with nothing in it."""
        self.state = state

    def add(self, arrival: Arrival, effects: tuple[Effect, ...], came: Step, now_ms: int) -> None:
        """Put in what one arrival came to."""
        self.taken.append((arrival, effects))
        if came.commit is None:
            return
        if not self.commits:
            self.oldest_ms = now_ms
        self.state = came.state
        self.commits.append(came.commit)
        self.bytes += len(came.commit.payload)
        self.urgent = self.urgent or not came.commit.lazy


class Engine:
    """The walk of one hub, from what arrives to what is carried out. See the top of this file for what its caller owes."""

    __slots__ = (
        "_again",
        "_batch",
        "_batch_bytes",
        "_coming",
        "_config",
        "_flying",
        "_inbox",
        "_inbox_room",
        "_lazy_ms",
        "_open",
        "_outcomes",
        "_pause_ms",
        "_paused_until_ms",
        "_released",
        "_state",
        "_stopped",
    )

    def __init__(
        self,
        config: HubConfig,
        state: HubState,
        *,
        inbox: int = INBOX,
        batch: int = BATCH,
        batch_bytes: int = BATCH_BYTES,
        lazy_ms: int = LAZY_MS,
        pause_ms: int = PAUSE_MS,
    ) -> None:
        self._config = config
        self._coming: tuple[Arrival, HubConfig] | None = None
        """The `Start` that brings another configuration, and that."""
        self._state = state
        self._inbox_room = inbox
        self._batch = batch
        self._batch_bytes = batch_bytes
        self._lazy_ms = lazy_ms
        self._pause_ms = pause_ms
        self._inbox: deque[Arrival] = deque()
        self._outcomes: deque[Arrival] = deque()
        self._again: deque[Arrival] = deque()
        """The shell's own commands that a full store undid, to be fed again."""
        self._paused_until_ms: int | None = None
        self._open = _Batch(state)
        """What is stepped and not yet in an append."""
        self._flying: _Batch | None = None
        """What is in the append that runs."""
        self._released: list[Effect] = []
        self._stopped = False

    # --- what comes in

    def take(self, arrival: Arrival) -> bool:
        """Take an arrival in; False, and nothing is taken, where the inbox is full or the engine has stopped."""
        if self._stopped or len(self._inbox) >= self._inbox_room:
            return False
        self._inbox.append(arrival)
        return True

    def take_outcome(self, arrival: Arrival) -> None:
        """Take in what came of an effect that was carried out. There is always room."""
        self._outcomes.append(arrival)

    def reconfigure(self, start: Arrival, config: HubConfig) -> None:
        """Take in a `Start` as an outcome, and go on from it under this configuration. Of two that wait the later one counts."""
        self._coming = (start, config)
        self._outcomes.append(start)

    def step_now(
        self, arrival: Arrival, append: Callable[[tuple[Commit, ...]], Ending], now_ms: int
    ) -> tuple[Effect, ...] | None:
        """Step an arrival and append what it came to on the spot, for a store that needs no waiting; gives what to carry out.

        None, and nothing is taken in, where it has to wait its turn: something is due, is on its way, or was not carried out.
        """
        state = self._state
        if self._stopped or self._paused_until_ms is not None or not self.resting:
            return None
        due = next_deadline(state)
        if due is not None and due <= max(arrival.now_ms, state.now_ms):
            return None
        came = step(self._config, state, arrival)
        if came.commit is None:
            return came.effects
        ending = append((came.commit,))
        if ending is Ending.DURABLE:
            self._state = came.state
            self._open.follow(came.state)
            return came.effects
        self._flying = _Batch(state)
        self._flying.add(arrival, came.effects, came, now_ms)
        self.ended(ending, now_ms)
        return self.effects()

    def advance(self, now_ms: int) -> Append | None:
        """Go as far as can be gone at this time; gives an append to be carried out, or None."""
        if self._stopped:
            return None
        if self._paused_until_ms is not None and not self._resumed(now_ms):
            return None
        self._step_what_is_there(now_ms)
        batch = self._open
        if self._flying is not None or not batch.commits:
            return None
        if not batch.urgent and not self._is_full(batch) and now_ms < batch.oldest_ms + self._lazy_ms:
            return None
        self._flying, self._open = batch, _Batch(batch.state)
        return Append(tuple(batch.commits))

    def ended(self, ending: Ending, now_ms: int) -> None:
        """Say how the append that runs ended."""
        flying = self._flying
        assert flying is not None, "an append ends that was asked for"
        self._flying = None
        if ending is Ending.DURABLE:
            self._state = flying.state
            self._release(flying)
            if not self._open.commits:
                self._release(self._open)
        elif ending is Ending.FULL:
            self._undo(flying, self._open)
            self._paused_until_ms = now_ms + self._pause_ms
        else:
            self._stopped = True

    # --- what goes out

    @property
    def state(self) -> HubState:
        """The published state: what is durable. Questions are answered from it."""
        return self._state

    @property
    def stopped(self) -> bool:
        """Whether an append broke; the engine does nothing any more."""
        return self._stopped

    @property
    def appending(self) -> bool:
        """Whether an append runs whose end has not been said."""
        return self._flying is not None

    @property
    def resting(self) -> bool:
        """Whether all that was taken in is answered and durable."""
        return not (self._flying or self._open.taken or self._released or self._inbox or self._outcomes or self._again)

    @property
    def room(self) -> int:
        """How many arrivals the inbox takes before it says no."""
        return self._inbox_room - len(self._inbox)

    def effects(self) -> tuple[Effect, ...]:
        """What is to be carried out now, in order; each is given once."""
        released, self._released = tuple(self._released), []
        return released

    def next_deadline(self) -> int | None:
        """When `advance` is to be called again though nothing comes in; None for not before something does."""
        if self._stopped:
            return None
        if self._paused_until_ms is not None:
            return self._paused_until_ms
        if self._flying is not None and self._is_full(self._open):
            return None
        due = next_deadline(self._open.state)
        if self._open.commits and self._flying is None:
            append_ms = self._open.oldest_ms + (0 if self._open.urgent else self._lazy_ms)
            return append_ms if due is None else min(due, append_ms)
        return due

    # --- inside

    def _step_what_is_there(self, now_ms: int) -> None:
        """Step arrivals into the open batch until it is full or nothing is left, outcomes first, each behind its Ticks."""
        for queue in (self._again, self._outcomes, self._inbox):
            while queue:
                self._tick(queue[0].now_ms, now_ms)
                if self._is_full(self._open):
                    return
                self._take_step(queue.popleft(), now_ms)
        self._tick(now_ms, now_ms)

    def _tick(self, until_ms: int, now_ms: int) -> None:
        """Let happen what is due by a time, until all has happened or the batch is full."""
        while not self._is_full(self._open):
            before = self._open.state
            due = next_deadline(before)
            if due is None or due > max(until_ms, before.now_ms):
                return
            self._take_step(Arrival(principal=_CLOCK, command=Tick(), now_ms=max(due, before.now_ms)), now_ms)
            assert self._open.state is not before, "a Tick that was due changes something"

    def _take_step(self, arrival: Arrival, now_ms: int) -> None:
        batch = self._open
        if self._coming is not None and arrival is self._coming[0]:
            self._config, self._coming = self._coming[1], None
        came = step(self._config, batch.state, arrival)
        effects = came.effects[1:] if arrival.principal is _CLOCK else came.effects  # nobody waits for our own answer
        if came.commit is None and self._flying is None and not batch.commits:
            self._released.extend(effects)
            return
        batch.add(arrival, effects, came, now_ms)

    def _is_full(self, batch: _Batch) -> bool:
        return len(batch.taken) >= self._batch or batch.bytes >= self._batch_bytes

    def _release(self, batch: _Batch) -> None:
        for _, effects in batch.taken:
            self._released.extend(effects)
        batch.taken.clear()

    def _undo(self, *batches: _Batch) -> None:
        """Go back to the published state: refuse the peers, keep the shell's own commands for later, in their order."""
        self._open = _Batch(self._state)
        later = self._again
        self._again = deque()
        self._turn_away([arrival for batch in batches for arrival, _ in batch.taken])
        self._again.extend(later)

    def _turn_away(self, arrivals: Iterable[Arrival]) -> None:
        for arrival in arrivals:
            if not isinstance(arrival.command, SHELL_COMMANDS):
                self._released.append(Refuse(arrival.ref, _FULL))
            elif arrival.principal is not _CLOCK:
                self._again.append(arrival)

    def _resumed(self, now_ms: int) -> bool:
        """End the pause if it is over; turn away what came in while it lasts."""
        assert self._paused_until_ms is not None, "there is a pause to end"
        if now_ms >= self._paused_until_ms:
            self._paused_until_ms = None
            return True
        self._turn_away([*self._outcomes, *self._inbox])
        self._outcomes.clear()
        self._inbox.clear()
        return False
