"""Waiting: what is not taken stays, what is taken is gone, and nothing is kept for ever."""

from collections.abc import Iterable

import pytest
import trio
import trio.testing

from foldhub.session_queue import KEPT_NUMBERS
from foldhub.waiting import KEPT_OF_ALL, KEPT_PAGES, KEPT_SESSIONS, KEPT_WORDS, Waiting
from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_TEXT,
    AccessDeniedError,
    Compacted,
    Envelope,
    NetworkError,
    RateLimited,
    SessionOver,
    Unavailable,
)
from tests.shells.network import in_trio, quiet


def word(number: int, event_type: str = EV_TEXT, session_id: str = "s1", **data: object) -> Envelope:
    return Envelope(session_id, "alice", event_type, data, envelope_id=f"{session_id}#{number}", number=number)


class Heard:
    """What one agent heard, beside the log of it."""

    def __init__(self) -> None:
        self.log: dict[tuple[str, int], Envelope] = {}
        self.reads: list[tuple[int, int]] = []
        self.taken: list[int] = []
        self.let_go: list[tuple[str, int]] = []
        self.gate: trio.Event | None = None
        """What the log waits for, where it is slow."""
        self.refusals: list[NetworkError] = []
        """What the log says first, where somebody reads."""
        self.waiting = Waiting("bob", self.read, taken=lambda one: self.taken.append(one.number), let_go=self.note_let_go)

    def note_let_go(self, session_id: str, numbers: Iterable[int]) -> None:
        self.let_go += [(session_id, number) for number in numbers]

    async def read(self, session_id: str, since: int, until: int) -> Iterable[Envelope]:
        await (trio.lowlevel.checkpoint() if self.gate is None else self.gate.wait())
        self.reads.append((since, until))
        if self.refusals:
            raise self.refusals.pop(0)
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


@in_trio
async def test_what_comes_again_of_a_session_that_was_forgotten_can_be_taken() -> None:
    heard = Heard()
    for at in range(KEPT_SESSIONS + 1):
        heard.say(word(1, session_id=f"s{at}"), word(2, EV_SESSION_CLOSED, f"s{at}"))
    heard.say(word(1, session_id="s0"))
    assert await heard.number(1, session_id="s0") == 1
    assert heard.waiting.missed("s0") == 2
    assert len(list(heard.waiting.held())) < KEPT_SESSIONS
    with pytest.raises(SessionOver):
        await heard.number(2, session_id="s0")


@in_trio
@pytest.mark.parametrize("all_taken", [True, False])
@pytest.mark.parametrize("begin", [word(3, EV_SESSION_INVITE), word(3, EV_SESSION_JOINED, agent_id="bob")])
async def test_a_session_that_an_agent_is_invited_to_again_goes_on(begin: Envelope, all_taken: bool) -> None:
    heard, came = Heard(), list[int]()
    heard.say(word(1), word(2, EV_SESSION_LEFT, agent_id="bob"))
    if all_taken:
        assert [await heard.number(at) for at in (1, 2)] == [1, 2]
    heard.say(begin)

    async def wait() -> None:
        came.append(await heard.number(4))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await quiet()
        heard.say(word(4))
    assert came == [4]


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


@in_trio
async def test_a_word_that_was_there_is_found_though_much_comes_while_another_session_is_read() -> None:
    heard, came = Heard(), list[Envelope]()
    heard.gate = trio.Event()

    async def wait() -> None:
        came.append(await heard.waiting.first_of_any(lambda one: one.session_id == "s2" and one.number == 1))

    heard.say(word(1, session_id="s2"), *[word(at) for at in range(1, KEPT_WORDS + 50)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await quiet()
        heard.say(*[word(at, session_id="s2") for at in range(2, KEPT_WORDS + 50)])
        heard.gate.set()
    assert [one.envelope_id for one in came] == ["s2#1"]
    assert await heard.number(1, 2, session_id="s2") == 2


@in_trio
async def test_a_word_that_another_took_meanwhile_is_not_given_twice() -> None:
    heard, came = Heard(), list[Envelope]()
    heard.gate = trio.Event()

    async def wait() -> None:
        came.append(await heard.waiting.first_of_any(lambda one: one.session_id == "s2"))

    heard.say(word(1, session_id="s2"), word(2, session_id="s2"), *[word(at) for at in range(1, KEPT_WORDS + 50)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await quiet()
        assert await heard.number(1, session_id="s2") == 1
        heard.gate.set()
    assert [one.envelope_id for one in came] == ["s2#2"]


# --- how much is held at most


@in_trio
async def test_of_a_session_that_nobody_looks_at_the_oldest_words_are_let_go_and_counted() -> None:
    heard = Heard()
    held = KEPT_WORDS + KEPT_NUMBERS
    heard.say(*[word(at) for at in range(1, held + 1)])
    assert (heard.waiting.missed("s1"), heard.let_go) == (0, [])
    heard.say(*[word(at) for at in range(held + 1, held + 4)])
    assert heard.waiting.missed("s1") == 3
    assert heard.let_go == [("s1", 1), ("s1", 2), ("s1", 3)]
    assert await heard.number(2, 3, 4) == 4
    assert await heard.number(held + 3) == held + 3


@in_trio
async def test_of_all_sessions_so_many_words_are_kept_and_of_older_ones_the_numbers() -> None:
    heard = Heard()
    sessions = KEPT_OF_ALL // 8 + 2
    for at in range(sessions):
        heard.say(*[word(number, session_id=f"s{at}") for number in range(1, 9)])
    assert await heard.number(1, session_id="s2") == 1
    assert not heard.reads
    taken = [await heard.number(*range(1, 9), session_id=session_id) for session_id in ("s0", "s1") for _ in range(8)]
    assert taken == [*range(1, 9), *range(1, 9)]
    assert heard.reads
    assert not heard.let_go


@in_trio
async def test_whoever_takes_what_comes_makes_room_for_other_sessions() -> None:
    heard = Heard()
    heard.say(word(1, session_id="s0"))
    for at in range(1, KEPT_OF_ALL + 10):
        heard.say(word(at))
        assert await heard.number(at) == at
    assert await heard.number(1, session_id="s0") == 1
    assert not heard.reads


@in_trio
async def test_what_the_log_does_not_have_any_more_is_missed_and_the_rest_is_there() -> None:
    heard = Heard()
    heard.say(*[word(at) for at in range(1, KEPT_WORDS + 4)])
    del heard.log["s1", 2]
    assert await heard.number(3) == 3
    assert await heard.number(1, 2, 4) == 1
    assert await heard.number(2, 4) == 4
    assert (heard.waiting.missed("s1"), heard.let_go) == (1, [("s1", 2)])


@in_trio
@pytest.mark.parametrize(
    "refusal", [Compacted("expected a later place, came 1"), AccessDeniedError("expected one who may, came another")]
)
async def test_what_the_log_does_not_give_away_any_more_is_missed(refusal: NetworkError) -> None:
    heard = Heard()
    heard.say(*[word(at) for at in range(1, KEPT_WORDS + 4)])
    heard.refusals.append(refusal)
    assert await heard.number(*range(1, 10)) == 4
    assert heard.waiting.missed("s1") == 3


@in_trio
@pytest.mark.parametrize("refusal", [Unavailable("expected room, came none"), RateLimited("expected fewer, came more")])
async def test_a_log_that_cannot_be_read_just_now_costs_no_word(refusal: NetworkError) -> None:
    heard = Heard()
    heard.say(*[word(at) for at in range(1, KEPT_WORDS + 4)])
    heard.refusals.append(refusal)
    with pytest.raises(type(refusal)):
        await heard.number(1)
    assert await heard.number(1) == 1
    assert heard.waiting.missed("s1") == 0


@in_trio
async def test_whoever_takes_older_words_one_by_one_reads_each_of_them_once() -> None:
    heard = Heard()
    heard.say(*[word(at) for at in range(1, KEPT_WORDS + 601)])
    assert [(await heard.waiting.first("s1")).number for _ in range(KEPT_WORDS + 600)] == list(range(1, KEPT_WORDS + 601))
    assert heard.reads == [(1, 256), (257, 512), (513, 600)]


@in_trio
async def test_older_words_behind_one_that_does_not_fit_are_read_once_too() -> None:
    heard, last = Heard(), 3 * KEPT_WORDS
    heard.say(*[word(at) for at in range(1, last + 1)])
    for at in range(2, last + 1):
        assert (await heard.waiting.first("s1", lambda one: one.number != 1)).number == at
    assert heard.reads == [(1, KEPT_WORDS), (KEPT_WORDS + 1, 2 * KEPT_WORDS)]


@in_trio
async def test_what_was_said_after_older_words_were_read_is_read_too() -> None:
    heard, last = Heard(), 3 * KEPT_WORDS
    heard.say(*[word(at) for at in range(1, KEPT_WORDS + 11)])
    assert await heard.number(5) == 5
    heard.say(*[word(at) for at in range(KEPT_WORDS + 11, last + 1)])
    came = [(await heard.waiting.first("s1")).number for _ in range(last - 1)]
    assert came == [at for at in range(1, last + 1) if at != 5]
    assert heard.waiting.missed("s1") == 0


@in_trio
async def test_older_words_of_many_sessions_are_taken_in_turns() -> None:
    heard = Heard()
    names = [f"s{at}" for at in range(KEPT_PAGES + 2)]
    for session_id in names:
        heard.say(*[word(at, session_id=session_id) for at in range(1, KEPT_WORDS + 4)])
    for number in (1, 2, 3):
        assert [(await heard.waiting.first(session_id)).number for session_id in names] == [number] * len(names)


@in_trio
async def test_an_older_word_that_another_took_while_it_was_read_is_given_once() -> None:
    heard, came = Heard(), list[int]()
    heard.say(*[word(at) for at in range(1, KEPT_WORDS + 2)])

    async def wait() -> None:
        came.append((await heard.waiting.first("s1")).number)

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(wait)
    assert sorted(came) == [1, 2]
    assert heard.waiting.missed("s1") == 0


@in_trio
async def test_how_much_of_a_forgotten_session_was_let_go_is_told() -> None:
    heard = Heard()
    for at in range(KEPT_SESSIONS + 1):
        many = KEPT_WORDS + 2 if at == 0 else 1
        heard.say(*[word(number, session_id=f"s{at}") for number in range(1, many)])
        heard.say(word(many, EV_SESSION_CLOSED, f"s{at}"))
    assert heard.waiting.missed("s0") == KEPT_WORDS + 2
    assert sorted(heard.let_go) == [("s0", number) for number in range(1, KEPT_WORDS + 3)]
    with pytest.raises(SessionOver, match=f"{KEPT_WORDS + 2} words were let go"):
        await heard.number(1, session_id="s0")
    assert heard.waiting.missed("nowhere") == 0


@in_trio
async def test_a_session_that_somebody_reads_is_not_forgotten() -> None:
    heard, came = Heard(), list[int]()
    heard.gate = trio.Event()
    heard.say(*[word(at) for at in range(1, KEPT_WORDS + 4)], word(KEPT_WORDS + 4, EV_SESSION_CLOSED))

    async def wait() -> None:
        came.append(await heard.number(2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await quiet()
        for at in range(KEPT_SESSIONS + 3):
            heard.say(word(1, session_id=f"t{at}"), word(2, EV_SESSION_CLOSED, f"t{at}"))
        heard.gate.set()
    assert (came, heard.waiting.missed("s1")) == ([2], 0)
    assert heard.waiting.missed("t0") == 2
    heard.say(word(1, session_id="u"), word(2, EV_SESSION_CLOSED, "u"))
    assert len(list(heard.waiting.held())) == KEPT_SESSIONS


@in_trio
async def test_what_is_forgotten_while_any_word_is_looked_for_is_missed_and_not_taken() -> None:
    heard, came = Heard(), list[Envelope]()
    heard.gate = trio.Event()
    heard.say(*[word(at) for at in range(1, KEPT_WORDS + 4)], word(KEPT_WORDS + 4, EV_SESSION_CLOSED))

    async def wait() -> None:
        came.append(await heard.waiting.first_of_any())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await quiet()
        for at in range(KEPT_SESSIONS):
            heard.say(word(1, session_id=f"t{at}"), word(2, EV_SESSION_CLOSED, f"t{at}"))
        heard.gate.set()
    assert [one.session_id for one in came] == ["t0"]
    assert heard.waiting.missed("s1") == KEPT_WORDS + 4
