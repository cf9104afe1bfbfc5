"""A session's queue: what was said to an agent in one session and nobody has taken yet."""

from array import array
from bisect import bisect_left

import trio

from foldhub_core import Envelope

KEPT_NUMBERS = 16_384
"""Of so many words of a session the numbers are kept. Of those before it is only known how many they were."""

READ_AT_ONCE = 256


class Gong:
    """Wakes all who wait for something to change. A `Bell` wakes the one task that does."""

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


class OlderWords:
    """The numbers of older words, each by the place in which it came: sixteen bytes a word."""

    __slots__ = ("_numbers", "_places")

    def __init__(self) -> None:
        self._places = array("q")
        """They rise."""
        self._numbers = array("q")

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, place: int) -> bool:
        at = bisect_left(self._places, place)
        return at < len(self._places) and self._places[at] == place

    def add(self, place: int, number: int) -> None:
        """Add a word that came behind all others."""
        self._places.append(place)
        self._numbers.append(number)

    def remove(self, place: int) -> int:
        """Take the word of a place out; gives its number."""
        at = bisect_left(self._places, place)
        del self._places[at]
        return self._numbers.pop(at)

    def remove_first(self) -> int:
        """Take the oldest out; gives its number."""
        del self._places[0]
        return self._numbers.pop(0)

    def stretch(self, place: int) -> list[tuple[int, int]]:
        """Places and numbers from a place on, as far as they are read at once: of numbers that rise and are near each other."""
        begin = end = bisect_left(self._places, place)
        while end < len(self._places) and (
            end == begin or self._numbers[end - 1] < self._numbers[end] < self._numbers[begin] + READ_AT_ONCE
        ):
            end += 1
        return list(zip(self._places[begin:end], self._numbers[begin:end], strict=True))

    def numbers(self) -> list[int]:
        """The numbers of all, in the order in which they came."""
        return self._numbers.tolist()


class SessionQueue:
    """What was said in one session and nobody has taken yet, by the place in which it came."""

    __slots__ = ("ended", "gong", "missed", "next_place", "numbers_to", "older", "session_id", "waiters", "words")

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.words: dict[int, Envelope] = {}
        self.older = OlderWords()
        self.missed = 0
        """How many were let go."""
        self.next_place = 0
        """Behind the last word that came."""
        self.numbers_to = 0
        """From this place on words are kept whole."""
        self.ended = False
        """Whether the last word has come."""
        self.waiters = 0
        self.gong = Gong()

    def put(self, word: Envelope, place: int) -> None:
        """Put in a word that came."""
        self.words[place] = word
        self.next_place = place + 1
        self.gong.ring()

    def shrink(self) -> int | None:
        """Keep only the number of the oldest word that is whole; gives the number of the one that is let go for it."""
        place = next(iter(self.words))
        self.older.add(place, self.words.pop(place).number)
        self.numbers_to = place + 1
        return self.older.remove_first() if len(self.older) > KEPT_NUMBERS else None

    def take(self, place: int) -> None:
        """Take out the word of a place."""
        if self.words.pop(place, None) is None:
            self.older.remove(place)

    def forget(self) -> list[int]:
        """Take all out; gives their numbers."""
        left = self.older.numbers() + [word.number for word in self.words.values()]
        self.words, self.older = {}, OlderWords()
        return left

    @property
    def empty(self) -> bool:
        """Whether all was taken."""
        return not self.words and not self.older
