"""Waiting: what was said to an agent and nobody has taken yet, session by session.

A word stays until somebody takes it: whoever waits for one of a kind passes over the others and leaves them. A session that
is not looked at costs little: the latest words are kept, of older ones only their numbers, and they are read from the log
when somebody looks. What is left of a session that has ended is kept for the last 256 of them; one whose last word was taken
leaves nothing but its id, for a while.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator

import trio

from foldhub_core import EV_SESSION_CLOSED, EV_SESSION_EXPIRED, EV_SESSION_LEFT, Envelope, SessionOver

KEPT_WORDS = 256
"""So many words of a session are kept; of those before, the numbers."""

KEPT_NUMBERS = 65_536
"""Of so many words the numbers are kept. Who has taken none of them for so long reads the log from its beginning."""

KEPT_SESSIONS = 256
"""So many sessions that have ended are kept with what nobody took."""

KNOWN_ENDED = 1_024
"""So many sessions are known to have ended, so that nobody waits for a word of theirs."""

READ_AT_ONCE = 256

Predicate = Callable[[Envelope], bool]
"""Whether a word is one that is waited for."""

Taken = Callable[[Envelope], None]
"""Told of every word that was taken."""

ReadWords = Callable[[str, int, int], Awaitable[Iterable[Envelope]]]
"""Reads the words of a session from one number to another, both included."""


class Bell:
    """Wakes all who wait for something to change."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: trio.Event | None = None

    def ring(self) -> None:
        """Something has changed."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def rung(self) -> None:
        """Wait until something changes."""
        if self._event is None:
            self._event = trio.Event()
        await self._event.wait()


class SessionQueue:
    """What was said in one session and nobody has taken yet, by the place in which it came."""

    __slots__ = ("bell", "ended", "next_place", "numbers", "numbers_to", "waiters", "words")

    def __init__(self) -> None:
        self.words: dict[int, Envelope] = {}
        self.numbers: dict[int, int] = {}
        """The numbers of older words."""
        self.next_place = 0
        """Behind the last word that came."""
        self.numbers_to = 0
        """From this place on words are kept whole."""
        self.ended = False
        """Whether the last word has come."""
        self.waiters = 0
        self.bell = Bell()

    def put(self, word: Envelope, place: int) -> None:
        """Put in a word that came."""
        self.words[place] = word
        self.next_place = place + 1
        if len(self.words) > KEPT_WORDS:
            oldest = next(iter(self.words))
            self.numbers[oldest] = self.words.pop(oldest).number
            self.numbers_to = oldest + 1
            if len(self.numbers) > KEPT_NUMBERS:
                del self.numbers[next(iter(self.numbers))]
        self.bell.ring()

    def take(self, place: int) -> None:
        """Take out the word of a place."""
        if self.words.pop(place, None) is None:
            del self.numbers[place]

    @property
    def empty(self) -> bool:
        """Whether all was taken."""
        return not self.words and not self.numbers


class Waiting:
    """What was said to one agent and nobody has taken yet."""

    def __init__(self, agent_id: str, read: ReadWords, *, taken: Taken | None = None, kept: int = KEPT_SESSIONS) -> None:
        self._agent_id = agent_id
        self._read = read
        self._taken = taken
        self._kept = kept
        self._places = 0
        self._live: dict[str, SessionQueue] = {}
        self._ended: dict[str, SessionQueue] = {}
        """Those of sessions that have ended, in the order in which they did."""
        self._gone: dict[str, None] = {}
        """Sessions that have ended and of which nothing is left."""
        self._closed: Exception | None = None
        self._bell = Bell()

    # --- what comes in

    def note(self, word: Envelope) -> None:
        """Take in a word that was delivered."""
        session_id = word.session_id
        queue = self._live.get(session_id)
        if queue is None:
            if session_id in self._gone:
                return
            queue = self._ended.get(session_id) or self._live.setdefault(session_id, SessionQueue())
        queue.put(word, self._places)
        self._places += 1
        self._bell.ring()
        if ends_for(word, self._agent_id):
            self.end(session_id)

    def end(self, session_id: str) -> None:
        """Nothing more comes of a session: it has ended, or the agent has left it."""
        queue = self._live.pop(session_id, None) or self._ended.get(session_id) or SessionQueue()
        self._ended[session_id] = queue
        queue.ended = True
        queue.bell.ring()
        self._free_if_done(session_id, queue)
        while len(self._ended) > self._kept:
            self._forget(next(iter(self._ended)))

    def close(self, reason: Exception) -> None:
        """Nothing comes any more at all: whoever waits, now or later, gets this error once it has looked at what is there."""
        self._closed = self._closed or reason
        self._bell.ring()
        for queue in (*self._live.values(), *self._ended.values()):
            queue.bell.ring()

    # --- what is taken

    async def first(self, session_id: str, predicate: Predicate | None = None, *, take: bool = True) -> Envelope:
        """The first word of a session that fits and that nobody has taken, as soon as it is there; all others stay.

        With `take=False` it stays too. Raises `SessionOver` where the session has ended and none of what is left fits, and
        after `close` its reason. A checkpoint; cancelled, it has taken nothing.
        """
        await trio.lowlevel.checkpoint()
        queue = self._queue(session_id)
        queue.waiters += 1
        try:
            place = 0
            while True:
                found = await self._look(session_id, queue, place, predicate)
                if found is not None:
                    if take:
                        self._take(queue, *found)
                    return found[1]
                place = queue.next_place
                if queue.ended:
                    raise SessionOver(f"expected a session with such a word, came one that has ended without: {session_id}")
                if self._closed is not None:
                    raise self._closed
                await queue.bell.rung()
        finally:
            queue.waiters -= 1
            self._free_if_done(session_id, queue)

    async def first_of_any(self, predicate: Predicate | None = None) -> Envelope:
        """The first word of any session that fits, as soon as it is there; else like `first`."""
        await trio.lowlevel.checkpoint()
        place = 0
        while True:
            until = self._places
            for session_id, queue in (*self._ended.items(), *self._live.items()):
                if place < queue.numbers_to:  # so many are there that their order among sessions matters to nobody
                    found = await self._look(session_id, queue, place, predicate)
                    if found is not None:
                        return self._take_of(session_id, queue, *found)
            there = [
                (at, word, session_id, queue)
                for session_id, queue in (*self._ended.items(), *self._live.items())
                for at, word in queue.words.items()
                if at >= place
            ]
            for at, word, session_id, queue in sorted(there, key=lambda one: one[0]):
                if predicate is None or predicate(word):
                    return self._take_of(session_id, queue, at, word)
            place = until
            if self._closed is not None:
                raise self._closed
            if until == self._places:
                await self._bell.rung()

    def held(self) -> Iterator[str]:
        """The sessions of which anything is held: those that have ended first."""
        yield from (*self._ended, *self._live)

    # --- inside

    def _take(self, queue: SessionQueue, place: int, word: Envelope) -> None:
        queue.take(place)
        if self._taken is not None:
            self._taken(word)

    def _take_of(self, session_id: str, queue: SessionQueue, place: int, word: Envelope) -> Envelope:
        self._take(queue, place, word)
        self._free_if_done(session_id, queue)
        return word

    def _queue(self, session_id: str) -> SessionQueue:
        queue = self._live.get(session_id) or self._ended.get(session_id)
        if queue is not None:
            return queue
        if session_id in self._gone:
            raise SessionOver(f"expected a session that goes on, came one whose last word was taken: {session_id}")
        if self._closed is not None:
            raise self._closed
        return self._live.setdefault(session_id, SessionQueue())

    async def _look(
        self, session_id: str, queue: SessionQueue, place: int, predicate: Predicate | None
    ) -> tuple[int, Envelope] | None:
        """The first word from a place on that fits, with its place, or None; the older ones are read."""
        while place < queue.numbers_to:
            older = [(at, number) for at, number in queue.numbers.items() if at >= place]
            place = queue.numbers_to
            for stretch in _stretches(older):
                said = {word.number: word for word in await self._read(session_id, stretch[0][1], stretch[-1][1])}
                for at, number in stretch:
                    word = said.get(number)
                    if word is not None and at in queue.numbers and (predicate is None or predicate(word)):
                        return at, word
        for at, word in queue.words.items():
            if at >= place and (predicate is None or predicate(word)):
                return at, word
        return None

    def _free_if_done(self, session_id: str, queue: SessionQueue) -> None:
        """Let go of a queue that is of no use any more: of an ended session, or of one of which nothing ever came."""
        if not queue.empty or queue.waiters:
            return
        if self._ended.get(session_id) is queue:
            self._forget(session_id)
        elif not queue.next_place and self._live.get(session_id) is queue:
            del self._live[session_id]

    def _forget(self, session_id: str) -> None:
        del self._ended[session_id]
        self._gone[session_id] = None
        if len(self._gone) > KNOWN_ENDED:
            del self._gone[next(iter(self._gone))]


def ends_for(word: Envelope, agent_id: str) -> bool:
    """Whether a word is the last an agent is told of its session."""
    if word.event_type in (EV_SESSION_CLOSED, EV_SESSION_EXPIRED):
        return True
    return word.event_type == EV_SESSION_LEFT and word.event_data.get("agent_id") == agent_id


def _stretches(older: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Places and numbers in their order, in pieces that are read at once: of numbers that rise and are near each other."""
    begin = 0
    for at in range(1, len(older) + 1):
        if at == len(older) or not older[at - 1][1] < older[at][1] < older[begin][1] + READ_AT_ONCE:
            yield older[begin:at]
            begin = at
