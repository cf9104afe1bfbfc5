"""Waiting: what was said to an agent and nobody has taken yet, session by session.

A word stays until somebody takes it: whoever waits for one of a kind passes over the others and leaves them. A session that
is not looked at costs little: the latest words are kept, of older ones only their numbers, and they are read from the log
when somebody looks. Where there are too many even of those, the oldest are let go, and how many is told: they were acked, or
are owed still, and the log has them. What is left of a session that has ended is kept for the last 256 of them; one whose last
word was taken leaves nothing but its id, for a while. A session to which the agent is invited again goes on.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import NamedTuple

import trio

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    AccessDeniedError,
    Compacted,
    Envelope,
    NotFoundError,
    SessionOver,
)

from .session_queue import Gong, SessionQueue

KEPT_WORDS = 256
"""So many words of a session are kept; of those before, the numbers."""

KEPT_OF_ALL = 4_096
"""So many words of all sessions of an agent are kept; of the oldest then, too, only the numbers."""

KEPT_SESSIONS = 256
"""So many sessions that have ended are kept with what nobody took."""

KNOWN_ENDED = 1_024
"""So many sessions are known to have ended, so that nobody waits for a word of theirs."""

KEPT_PAGES = 8
"""So much of what was read last is kept, for it is read on word by word, past what does not fit."""

Predicate = Callable[[Envelope], bool]
"""Whether a word is one that is waited for."""

Taken = Callable[[Envelope], None]
"""Told of every word that was taken."""

LetGo = Callable[[str, Iterable[int]], None]
"""Told of the words of a session that were let go, by their numbers."""

ReadWords = Callable[[str, int, int], Awaitable[Iterable[Envelope]]]
"""Reads the words of a session from one number to another, both included."""


class _Page(NamedTuple):
    """What the log says in a session from one number to another: both had been said when it was read."""

    session_id: str
    since: int
    until: int
    words: dict[int, Envelope]


class Waiting:
    """What was said to one agent and nobody has taken yet."""

    def __init__(
        self,
        agent_id: str,
        read: ReadWords,
        *,
        taken: Taken | None = None,
        let_go: LetGo | None = None,
        kept: int = KEPT_SESSIONS,
    ) -> None:
        self._agent_id = agent_id
        self._read = read
        self._taken = taken
        self._let_go = let_go
        self._kept = kept
        self._places = 0
        self._whole: OrderedDict[int, SessionQueue] = OrderedDict()
        """Where each word that is kept whole waits, by its place."""
        self._live: dict[str, SessionQueue] = {}
        self._ended: dict[str, SessionQueue] = {}
        """Those of sessions that have ended, in the order in which they did."""
        self._gone: dict[str, int] = {}
        """Sessions that have ended and of which nothing is left: how many words of each were let go."""
        self._pages: list[_Page] = []
        self._closed: Exception | None = None
        self._gong = Gong()

    # --- what comes in

    def note(self, word: Envelope) -> None:
        """Take in a word that was delivered."""
        session_id = word.session_id
        queue = self._live.get(session_id) or self._queue_again(word)
        queue.put(word, self._places)
        self._whole[self._places] = queue
        self._places += 1
        if len(queue.words) > KEPT_WORDS:
            self._shrink(queue)
        elif len(self._whole) > KEPT_OF_ALL:
            self._shrink(next(iter(self._whole.values())))
        self._gong.ring()
        if queue.ended or ends_for(word, self._agent_id):
            self.end(session_id)

    def end(self, session_id: str) -> None:
        """Nothing more comes of a session: it has ended, or the agent has left it."""
        queue = self._live.pop(session_id, None) or self._ended.get(session_id) or SessionQueue(session_id)
        self._ended[session_id] = queue
        queue.ended = True
        queue.gong.ring()
        self._free_if_done(queue)
        while len(self._ended) > self._kept:
            oldest = next((one for one in self._ended.values() if not one.waiters and one is not queue), None)
            if oldest is None:  # all are being read
                break
            self._forget(oldest.session_id)

    def close(self, reason: Exception) -> None:
        """Nothing comes any more at all: whoever waits, now or later, gets this error once it has looked at what is there."""
        self._closed = self._closed or reason
        self._gong.ring()
        for queue in (*self._live.values(), *self._ended.values()):
            queue.gong.ring()

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
                found = await self._look(queue, place, predicate)
                if found is not None:
                    if take:
                        self._take(queue, *found)
                    return found[1]
                place = queue.next_place
                if queue.ended:
                    raise SessionOver(f"expected a session with such a word, came one that has ended without: {session_id}")
                if self._closed is not None:
                    raise self._closed
                await queue.gong.rung()
        finally:
            queue.waiters -= 1
            self._free_if_done(queue)

    async def first_of_any(self, predicate: Predicate | None = None) -> Envelope:
        """The first word of any session that fits, as soon as it is there; else like `first`."""
        await trio.lowlevel.checkpoint()
        place = 0
        while True:
            until = self._places
            older = [queue for queue in (*self._ended.values(), *self._live.values()) if place < queue.numbers_to]
            # What is whole now may be a number, or taken, when the older ones have been read.
            whole = list(self._whole_from(place)) if older else self._whole_from(place)
            for queue in older:  # so many are there that their order among sessions matters to nobody
                found = await self._look(queue, place, predicate)
                if found is not None:
                    return self._take_of(queue, *found)
            for at, queue, word in whole:
                if (at in queue.words or at in queue.older) and (predicate is None or predicate(word)):
                    return self._take_of(queue, at, word)
            place = until
            if self._closed is not None:
                raise self._closed
            if until == self._places:
                await self._gong.rung()

    def held(self) -> Iterator[str]:
        """The sessions of which anything is held: those that have ended first."""
        yield from (*self._ended, *self._live)

    def missed(self, session_id: str) -> int:
        """How many words of a session were let go, because nobody took them for so long."""
        queue = self._live.get(session_id) or self._ended.get(session_id)
        return self._gone.get(session_id, 0) if queue is None else queue.missed

    # --- inside

    def _queue_again(self, word: Envelope) -> SessionQueue:
        """The queue of a session that does not go on, or is new: what comes again of one that is over can be taken too."""
        session_id = word.session_id
        queue = self._ended.get(session_id)
        if queue is None:
            queue = SessionQueue(session_id)
            queue.ended = session_id in self._gone
            queue.missed = self._gone.pop(session_id, 0)
        if begins_for(word, self._agent_id):
            queue.ended = False
        if queue.ended:
            self._ended[session_id] = queue
        else:
            self._ended.pop(session_id, None)
            self._live[session_id] = queue
        return queue

    def _whole_from(self, place: int) -> Iterator[tuple[int, SessionQueue, Envelope]]:
        """What is kept whole, from a place on."""
        for at, queue in tuple(self._whole.items()):
            if at >= place:
                yield at, queue, queue.words[at]

    def _shrink(self, queue: SessionQueue) -> None:
        """Keep a word less of a session whole."""
        del self._whole[next(iter(queue.words))]
        number = queue.shrink()
        if number is not None:
            self._miss(queue, [number])

    def _miss(self, queue: SessionQueue, numbers: list[int]) -> None:
        queue.missed += len(numbers)
        if self._let_go is not None:
            self._let_go(queue.session_id, numbers)

    def _take(self, queue: SessionQueue, place: int, word: Envelope) -> None:
        queue.take(place)
        self._whole.pop(place, None)
        if self._taken is not None:
            self._taken(word)

    def _take_of(self, queue: SessionQueue, place: int, word: Envelope) -> Envelope:
        self._take(queue, place, word)
        self._free_if_done(queue)
        return word

    def _queue(self, session_id: str) -> SessionQueue:
        queue = self._live.get(session_id) or self._ended.get(session_id)
        if queue is not None:
            return queue
        if session_id in self._gone:
            missed = self._gone[session_id]
            what = f"of which {missed} words were let go" if missed else "whose last word was taken"
            raise SessionOver(f"expected a session that goes on, came one {what}: {session_id}")
        if self._closed is not None:
            raise self._closed
        return self._live.setdefault(session_id, SessionQueue(session_id))

    async def _look(self, queue: SessionQueue, place: int, predicate: Predicate | None) -> tuple[int, Envelope] | None:
        """The first word from a place on that fits, with its place, or None; the older ones are read."""
        while place < queue.numbers_to:
            stretch = queue.older.stretch(place)
            if not stretch:
                break
            page = await self._page(queue.session_id, stretch[0][1], stretch[-1][1])
            for at, number in stretch:
                if at not in queue.older:
                    continue
                if number > page.until:
                    break
                word = page.words.get(number)
                place = at + 1
                if word is None:  # the log does not have it any more
                    self._miss(queue, [queue.older.remove(at)])
                elif predicate is None or predicate(word):
                    return at, word
            else:
                place = stretch[-1][0] + 1
        for at, word in queue.words.items():
            if at >= place and (predicate is None or predicate(word)):
                return at, word
        return None

    async def _page(self, session_id: str, since: int, until: int) -> _Page:
        """What was said in a session from one number to another, as far as the log gives it away, or the first of it.

        What was read last is kept: the next word is looked for where this one was found.
        """
        for page in self._pages:
            if page.session_id == session_id and page.since <= since <= page.until:
                return page
        try:
            read = {word.number: word for word in await self._read(session_id, since, until)}
        except (Compacted, AccessDeniedError, NotFoundError):  # it is not there any more, or not for this agent
            read = {}
        page = _Page(session_id, since, until, read)
        self._pages = [page, *self._pages[: KEPT_PAGES - 1]]
        return page

    def _free_if_done(self, queue: SessionQueue) -> None:
        """Let go of a queue that is of no use any more: of an ended session, or of one of which nothing ever came."""
        if not queue.empty or queue.waiters:
            return
        session_id = queue.session_id
        if self._ended.get(session_id) is queue:
            self._forget(session_id)
        elif not queue.next_place and self._live.get(session_id) is queue:
            del self._live[session_id]

    def _forget(self, session_id: str) -> None:
        queue = self._ended.pop(session_id)
        self._pages = [page for page in self._pages if page.session_id != session_id]
        for place in queue.words:
            del self._whole[place]
        left = queue.forget()
        if left:
            self._miss(queue, left)
        self._gone[session_id] = queue.missed
        if len(self._gone) > KNOWN_ENDED:
            del self._gone[next(iter(self._gone))]


def begins_for(word: Envelope, agent_id: str) -> bool:
    """Whether with a word an agent takes part in a session, be it again."""
    if word.event_type == EV_SESSION_INVITE:
        return True
    return word.event_type == EV_SESSION_JOINED and word.event_data.get("agent_id") == agent_id


def ends_for(word: Envelope, agent_id: str) -> bool:
    """Whether a word is the last an agent is told of its session."""
    if word.event_type in (EV_SESSION_CLOSED, EV_SESSION_EXPIRED):
        return True
    return word.event_type == EV_SESSION_LEFT and word.event_data.get("agent_id") == agent_id
