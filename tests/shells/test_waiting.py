"""Waiting: what is not taken stays, what is taken is gone, and nothing is kept for ever."""

from collections.abc import Iterable

import pytest
import trio
import trio.testing

from foldhub.waiting import KEPT_SESSIONS, KEPT_WORDS, Waiting
from foldhub_core import EV_SESSION_CLOSED, EV_SESSION_LEFT, EV_TEXT, Envelope, SessionOver
from tests.shells.network import in_trio, quiet


def word(number: int, event_type: str = EV_TEXT, session_id: str = "s1", **data: object) -> Envelope:
    return Envelope(session_id, "alice", event_type, data, envelope_id=f"{session_id}#{number}", number=number)


class Heard:
    """What one agent heard, beside the log of it."""

    def __init__(self) -> None:
        self.log: dict[tuple[str, int], Envelope] = {}
        self.reads: list[tuple[int, int]] = []
        self.taken: list[int] = []
        self.waiting = Waiting("bob", self.read, taken=lambda one: self.taken.append(one.number))

    async def read(self, session_id: str, since: int, until: int) -> Iterable[Envelope]:
        await trio.lowlevel.checkpoint()
        self.reads.append((since, until))
        return [self.log[session_id, at] for at in range(since, until + 1) if (session_id, at) in self.log]

    def say(self, *words: Envelope) -> None:
        for one in words:
            self.log[one.session_id, one.number] = one
            self.waiting.note(one)

    async def number(self, *numbers: int, session_id: str = "s1") -> int:
        """Take the first of these words."""
        return (await self.waiting.first(session_id, lambda one: one.number in numbers)).number


@in_trio
async def test_a_predicate_loses_nothing_that_does_not_match() -> None:
    heard = Heard()
    heard.say(word(1), word(2), word(3))
    assert await heard.number(2) == 2
    assert [(await heard.waiting.first("s1")).number for _ in range(2)] == [1, 3]
    assert heard.taken == [2, 1, 3]


@in_trio
async def test_a_word_is_given_to_one_of_those_who_wait() -> None:
    heard, came = Heard(), list[int]()

    async def wait() -> None:
        came.append((await heard.waiting.first("s1")).number)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await quiet()
        heard.say(word(1))
        await quiet()
        assert came == [1]
        heard.say(word(2), word(3))
    assert sorted(came) == [1, 2, 3]


@in_trio
async def test_a_word_that_is_only_looked_at_stays() -> None:
    heard = Heard()
    heard.say(word(1))
    looked = await heard.waiting.first("s1", take=False)
    assert await heard.waiting.first("s1") is looked


@in_trio
async def test_a_wait_that_is_cancelled_takes_nothing() -> None:
    heard = Heard()
    heard.say(word(1))
    with trio.CancelScope() as scope:
        scope.cancel()
        await heard.waiting.first("s1")
    assert scope.cancelled_caught
    assert await heard.number(1) == 1


@in_trio
async def test_a_predicate_that_raises_takes_nothing() -> None:
    heard = Heard()
    heard.say(word(1))
    with pytest.raises(ZeroDivisionError):
        await heard.waiting.first("s1", lambda _: bool(1 // 0))
    assert await heard.number(1) == 1


@in_trio
async def test_taking_is_a_checkpoint_also_where_the_word_is_there() -> None:
    heard = Heard()
    heard.say(word(1), word(2))
    with trio.testing.assert_checkpoints():
        await heard.waiting.first("s1")
    with trio.testing.assert_checkpoints():
        await heard.waiting.first_of_any()


@in_trio
async def test_the_end_of_a_session_is_told_to_whoever_waits() -> None:
    heard = Heard()

    async def wait() -> None:
        with pytest.raises(SessionOver):
            await heard.number(7)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await quiet()
        heard.say(word(1), word(2, EV_SESSION_CLOSED))


@in_trio
async def test_a_queue_is_freed_when_its_last_word_is_taken() -> None:
    heard = Heard()
    heard.say(word(1), word(2, EV_SESSION_CLOSED))
    assert list(heard.waiting.held()) == ["s1"]
    await heard.number(2)
    await heard.number(1)
    assert not list(heard.waiting.held())
    with pytest.raises(SessionOver):
        await heard.number(1)
    heard.say(word(1))
    assert not list(heard.waiting.held())


@in_trio
async def test_what_nobody_took_is_kept_for_the_last_ended_sessions_only() -> None:
    heard = Heard()
    for at in range(KEPT_SESSIONS + 3):
        heard.say(word(1, session_id=f"s{at}"), word(2, EV_SESSION_CLOSED, f"s{at}"))
    assert len(list(heard.waiting.held())) == KEPT_SESSIONS
    with pytest.raises(SessionOver):
        await heard.number(1, session_id="s2")
    assert await heard.number(1, session_id="s3") == 1


@in_trio
async def test_a_session_that_the_agent_has_left_is_over_for_it() -> None:
    heard = Heard()
    heard.say(word(1), word(2, EV_SESSION_LEFT, agent_id="carol"))
    assert await heard.number(2) == 2
    heard.say(word(3, EV_SESSION_LEFT, agent_id="bob"))
    with pytest.raises(SessionOver):
        await heard.number(9)


@in_trio
async def test_waiting_for_a_session_of_which_nothing_comes_leaves_nothing() -> None:
    heard = Heard()
    with trio.move_on_after(10):
        await heard.number(1)
    assert not list(heard.waiting.held())


@in_trio
async def test_of_older_words_only_the_numbers_are_kept_and_they_are_read_when_somebody_looks() -> None:
    heard = Heard()
    heard.say(*[word(at) for at in range(1, KEPT_WORDS + 101)])
    assert await heard.number(50) == 50
    assert heard.reads == [(1, 100)]
    assert [(await heard.waiting.first("s1")).number for _ in range(60)] == [*range(1, 50), *range(51, 62)]
    assert await heard.number(KEPT_WORDS + 7) == KEPT_WORDS + 7


@in_trio
async def test_words_that_come_while_older_ones_are_read_are_seen() -> None:
    heard = Heard()
    heard.say(*[word(at) for at in range(1, KEPT_WORDS + 11)])
    last = 2 * KEPT_WORDS + 50

    async def more() -> None:
        heard.say(*[word(at) for at in range(KEPT_WORDS + 11, last + 1)])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(more)
        assert await heard.number(KEPT_WORDS + 20) == KEPT_WORDS + 20
    assert await heard.number(last) == last


@in_trio
async def test_words_that_came_out_of_order_are_read_too() -> None:
    heard = Heard()
    heard.say(word(500), word(3), word(4), *[word(at) for at in range(1_000, 1_000 + KEPT_WORDS)])
    assert [(await heard.waiting.first("s1")).number for _ in range(4)] == [500, 3, 4, 1_000]


@in_trio
async def test_words_of_any_session_are_taken_in_the_order_in_which_they_came() -> None:
    heard = Heard()
    heard.say(word(1, session_id="s2"), word(1), word(2, session_id="s2"), word(2, EV_SESSION_CLOSED), word(3, session_id="s2"))
    assert (await heard.waiting.first_of_any(lambda one: one.number == 2)).session_id == "s2"
    came = [await heard.waiting.first_of_any() for _ in range(4)]
    assert [one.envelope_id for one in came] == ["s2#1", "s1#1", "s1#2", "s2#3"]
    assert list(heard.waiting.held()) == ["s2"]


@in_trio
async def test_whoever_waits_for_any_session_is_woken_and_sees_older_words_too() -> None:
    heard, came = Heard(), list[int]()

    async def wait() -> None:
        came.append((await heard.waiting.first_of_any(lambda one: one.number == 3)).number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await quiet()
        heard.say(*[word(at) for at in range(1, KEPT_WORDS + 50)])
    assert came == [3]


@in_trio
async def test_whoever_waits_is_told_that_nothing_comes_any_more() -> None:
    heard = Heard()
    heard.say(word(1))

    async def wait(any_session: bool) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await (heard.waiting.first_of_any(lambda _: False) if any_session else heard.number(9))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, True)
        nursery.start_soon(wait, False)
        await quiet()
        heard.waiting.close(trio.BrokenResourceError("gone"))
    assert await heard.number(1) == 1
    with pytest.raises(trio.BrokenResourceError):
        await heard.number(1, session_id="s9")
