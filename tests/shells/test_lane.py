"""Lanes: what an agent is to work off is bounded, whatever gets stuck, and nothing of it is lost, doubled or overtaken."""

import gc
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from foldhub import AgentClient, Duplex, Hub, HubClient, MemoryStore, Received, SessionHandle
from foldhub.hearing import KEPT_BEFORE
from foldhub.lane import KEPT_WORK, Lane
from foldhub_core import (
    EV_TEXT,
    Delivery,
    DeliveryPage,
    Envelope,
    HubConfig,
    Inbox,
    Limits,
    LogQuestion,
    Malformed,
    Question,
    ReadOwed,
    Resend,
    Rule,
    RuleLimits,
    Unavailable,
)
from tests.shells.network import Network, in_trio, is_text, network, on_disk, quiet
from tests.shells.wires import in_memory

MANY = 3 * KEPT_WORK


def uncapped(overflow: str = "reject", cap: int = 0) -> Rule:
    return Rule(limits=RuleLimits(inbox=Inbox(max_pending=cap, overflow=overflow)))  # type: ignore[arg-type]


def held() -> int:
    """How many deliveries anybody in this process holds."""
    gc.collect()
    return sum(type(one) is Delivery for one in gc.get_objects())


class Stuck:
    """A handler that is stuck until it may go on, and keeps what it heard."""

    def __init__(self, fails: int = 0) -> None:
        self.go_on = trio.Event()
        self.heard: list[str] = []
        self.fails = fails
        """So many of the first words fail at once, once each, before anything sticks."""

    async def __call__(self, word: Envelope) -> None:
        if not is_text(word):
            return
        if self.fails:
            self.fails -= 1
            raise RuntimeError("not yet")
        await self.go_on.wait()
        self.heard.append(str(word.event_data["text"]))


async def say_many(session: SessionHandle) -> list[str]:
    """Say more than a lane holds; gives the texts."""
    said = [str(at) for at in range(MANY)]
    for text in said:
        await session.send(text)
    return said


async def _said_to_one_that_is_stuck(net: Network, alice: AgentClient, bob: AgentClient) -> None:
    stuck = Stuck()
    bob.on_envelope(stuck)
    session = await alice.open(type="conversation", target="bob")
    before = held()
    said = await say_many(session)
    await quiet()
    assert held() - before <= KEPT_WORK + 1
    assert net.hub.inbox(bob.agent_id).pending == MANY, "nothing of it is acked"
    stuck.go_on.set()
    await net.settled(bob)
    assert stuck.heard == said


@in_trio
async def test_one_that_is_stuck_holds_so_many_words_and_works_off_all_in_their_order_once() -> None:
    async with network() as net:
        await _said_to_one_that_is_stuck(net, await net.agent("alice"), await net.agent("bob", rule=uncapped()))


@on_disk
async def test_it_does_so_on_a_file(tmp_path: Path) -> None:
    async with network(tmp_path / "hub") as net:
        await _said_to_one_that_is_stuck(net, await net.agent("alice"), await net.agent("bob", rule=uncapped()))


@in_trio
async def test_it_does_so_where_the_pages_of_the_hub_are_small() -> None:
    async with network(config=HubConfig(limits=Limits(page_items=5))) as net:
        await _said_to_one_that_is_stuck(net, await net.agent("alice"), await net.agent("bob", rule=uncapped()))


@in_trio
async def test_it_does_so_far_away() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, HubClient(link) as client:
        net = Network(hub, client)
        await _said_to_one_that_is_stuck(net, await net.agent("alice"), await net.agent("bob", rule=uncapped()))


@in_trio
async def test_what_was_put_off_when_the_connection_was_cut_is_worked_off_once() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, HubClient(link) as client:
        net, stuck = Network(hub, client), Stuck()
        async with HubClient(net.link) as other:
            alice, bob = await net.agent("alice", client=other), await net.agent("bob", rule=uncapped())
            bob.on_envelope(stuck)
            session = await alice.open(type="conversation", target="bob")
            said = await say_many(session)
            await trio.sleep(1)
            link.cut()
            await trio.sleep(60)
            await session.send("the last")
            stuck.go_on.set()
            await net.settled(bob)
            assert stuck.heard == [*said, "the last"]
            heard = [await bob.take(session.session_id, is_text) for _ in range(MANY + 1)]
            assert [word.event_data["text"] for word in heard] == [*said, "the last"], "it was heard once, too"


@in_trio
async def test_a_session_that_is_stuck_holds_up_no_other_however_much_is_put_off() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", rule=uncapped())
        stuck, other = [await alice.open(type="conversation", target="bob") for _ in range(2)]
        go_on, heard = trio.Event(), list[str]()

        async def sticks(word: Envelope) -> None:
            if word.session_id == stuck.session_id:
                await go_on.wait()
            elif is_text(word):
                heard.append(str(word.event_data["text"]))

        bob.on_envelope(sticks)
        await say_many(stuck)
        await other.send("and here?")
        await quiet()
        assert heard == ["and here?"]
        go_on.set()
        await net.settled(bob)


@in_trio
async def test_what_the_inbox_has_dropped_meanwhile_is_not_worked_off() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", rule=uncapped("drop_oldest", 10))
        stuck = Stuck()
        bob.on_envelope(stuck)
        session = await alice.open(type="conversation", target="bob")
        said = await say_many(session)
        await quiet()
        stuck.go_on.set()
        await net.settled(bob)
        # One is being worked off and so many wait; of those behind them the inbox kept the last.
        assert stuck.heard == said[: KEPT_WORK + 1] + said[-10:]


@in_trio
async def test_what_failed_comes_again_behind_what_was_put_off() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", rule=uncapped())
        stuck = Stuck(fails=3)
        bob.on_envelope(stuck)
        session = await alice.open(type="conversation", target="bob")
        said = await say_many(session)
        await trio.sleep(10)
        assert net.hub.inbox(bob.agent_id).pending == MANY
        stuck.go_on.set()
        await net.settled(bob)
        assert sorted(stuck.heard, key=int) == said
        assert [one for one in stuck.heard if int(one) > 2] == said[3:]


@in_trio
async def test_the_end_of_a_session_reaches_the_turn_that_runs_though_it_is_put_off() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        bob = await net.agent("bob", [3600.0, "too late"], rule=uncapped())
        session = await alice.open(type="conversation", target="bob")
        await say_many(session)
        await quiet()
        await session.close()
        with trio.fail_after(60):
            await net.settled(bob)
        assert "too late" not in await net.texts(session.session_id)


@in_trio
async def test_a_client_that_closes_does_not_ask_for_what_was_put_off() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        async with HubClient(net.link) as other:
            bob = await net.agent("bob", client=other, rule=uncapped())
            stuck = Stuck()
            bob.on_envelope(stuck)
            session = await alice.open(type="conversation", target="bob")
            await say_many(session)
            await quiet()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(other.aclose)
                await quiet()
                stuck.go_on.set()
        assert stuck.heard == ["0"]
        assert net.hub.inbox(bob.agent_id).pending == MANY - 1


class Slow:
    """A connection on which deliveries, and answers to what is owed, come when a test lets them."""

    def __init__(self, inner: Duplex) -> None:
        self.inner = inner
        self.ask, self.receive, self.adapter_face = inner.ask, inner.receive, inner.adapter_face
        self.delivers, self.answers = trio.Event(), trio.Event()
        self.delivers.set()
        self.answers.set()
        self.asked = 0
        self.fails: list[Exception] = []
        """How the hub fails to say what it owes, before it says it."""

    async def receive_many(self, limit: int = 64) -> tuple[Received, ...]:
        came = await self.inner.receive_many(limit)
        await self.delivers.wait()
        return came

    async def question(self, question: Question | LogQuestion) -> object:
        if not isinstance(question, ReadOwed):
            return await self.inner.question(question)
        self.asked += 1
        if self.fails:
            raise self.fails.pop()
        answer = await self.inner.question(question)
        await self.answers.wait()
        return answer


class Scene(NamedTuple):
    net: Network
    alice: AgentClient
    bob: AgentClient
    duplex: Slow
    stuck: Stuck
    session: SessionHandle

    async def heard(self) -> list[str]:
        """All texts that can be taken."""
        texts: list[str] = []
        with trio.move_on_after(1):
            while True:
                texts.append(str((await self.bob.take(self.session.session_id, is_text)).event_data["text"]))
        return texts


@asynccontextmanager
async def one_that_is_stuck(store: MemoryStore | None = None, fails: int = 0) -> AsyncGenerator[Scene, None]:
    duplexes: list[Slow] = []

    async with network(store) as net:

        class SlowLink:
            @asynccontextmanager
            async def connect(self) -> AsyncGenerator[Duplex, None]:
                async with net.link.connect() as duplex:
                    duplexes.append(Slow(duplex))
                    yield duplexes[-1]

        async with HubClient(SlowLink()) as other:
            alice, bob = await net.agent("alice"), await net.agent("bob", client=other, rule=uncapped())
            stuck = Stuck(fails)
            bob.on_envelope(stuck)
            yield Scene(net, alice, bob, duplexes[0], stuck, await alice.open(type="conversation", target="bob"))


@in_trio
@pytest.mark.parametrize("error", [Unavailable("expected a hub that can read, came one that cannot"), OSError("the disk")])
async def test_where_the_hub_cannot_say_what_is_owed_it_is_asked_again(error: Exception) -> None:
    async with one_that_is_stuck() as scene:
        said = await say_many(scene.session)
        scene.duplex.fails = [error, error]
        scene.stuck.go_on.set()
        await scene.net.settled(scene.bob)
        assert scene.stuck.heard == said


@in_trio
async def test_where_the_hub_refuses_to_say_what_is_owed_that_comes_when_the_agent_attaches() -> None:
    async with one_that_is_stuck() as scene:
        said = await say_many(scene.session)
        scene.duplex.fails = [Malformed("expected a question, came something else")]
        scene.stuck.go_on.set()
        await trio.sleep(60)
        assert (scene.stuck.heard, scene.duplex.asked) == (said[: KEPT_WORK + 1], 1)
        await scene.bob.attach()
        await scene.net.settled(scene.bob)
        assert scene.stuck.heard == said
        assert await scene.heard() == said


@in_trio
async def test_one_that_was_unregistered_elsewhere_asks_once() -> None:
    async with one_that_is_stuck() as scene:
        await say_many(scene.session)
        await scene.net.hub.unregister(scene.bob.agent_id)
        scene.stuck.go_on.set()
        await trio.sleep(60)
        assert scene.duplex.asked == 1


@in_trio
async def test_what_is_on_its_way_when_the_hub_says_what_it_owes_is_worked_off_once_and_heard() -> None:
    async with one_that_is_stuck() as scene:
        said = await say_many(scene.session)
        scene.duplex.delivers = trio.Event()
        await scene.session.send("on its way")
        scene.stuck.go_on.set()
        await quiet()
        scene.duplex.delivers.set()
        await scene.net.settled(scene.bob)
        assert scene.stuck.heard == [*said, "on its way"]
        assert await scene.heard() == [*said, "on its way"]


@in_trio
async def test_what_failed_and_comes_again_while_the_hub_answers_is_worked_off_once() -> None:
    async with one_that_is_stuck(fails=2) as scene:
        said = await say_many(scene.session)
        scene.duplex.answers = trio.Event()
        scene.stuck.go_on.set()
        await trio.sleep(10)
        scene.duplex.answers.set()
        await scene.net.settled(scene.bob)
        assert sorted(scene.stuck.heard, key=int) == said


@in_trio
async def test_more_that_failed_than_is_remembered_is_worked_off_all_the_same() -> None:
    async with one_that_is_stuck(fails=KEPT_BEFORE + 50) as scene:
        for at in range(2 * KEPT_BEFORE):
            await scene.session.send(str(at))
        await trio.sleep(10)
        scene.stuck.go_on.set()
        await scene.net.settled(scene.bob)
        assert sorted(scene.stuck.heard, key=int) == [str(at) for at in range(2 * KEPT_BEFORE)]


@in_trio
async def test_what_was_given_up_before_and_is_sent_again_behind_what_was_put_off_is_heard_and_worked_off() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        async with HubClient(net.link) as first:
            bob = await net.agent("bob", client=first, rule=uncapped())
            bob.on_envelope(Stuck(fails=10))
            session = await alice.open(type="conversation", target="bob")
            given_up = [str((await session.send(f"dead {at}")).event_data["text"]) for at in range(2)]
            while len(net.hub.dead_letters(bob.agent_id)) < len(given_up):
                await trio.sleep(1)
        bob, stuck = await net.agent("bob"), Stuck()
        bob.on_envelope(stuck)
        said = await say_many(session)
        for letter in net.hub.dead_letters(bob.agent_id):
            await bob.ask(Resend(agent_id=bob.agent_id, number=letter.number))
        stuck.go_on.set()
        await net.settled(bob)
        assert sorted(stuck.heard) == sorted([*said, *given_up])
        heard = [await bob.take(session.session_id, is_text) for _ in range(len(said) + len(given_up))]
        assert [str(word.event_data["text"]) for word in heard] == [*said, *given_up]


@in_trio
async def test_what_failed_is_no_news_when_it_comes_again_however_much_is_gone_meanwhile() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", rule=uncapped())
        failed: list[str] = []

        async def fails_once(word: Envelope) -> None:
            if is_text(word) and word.ttl_seconds is None and not failed:
                failed.append(word.envelope_id)
                await trio.sleep(10)
                raise RuntimeError("not yet")

        bob.on_envelope(fails_once)
        session = await alice.open(type="conversation", target="bob")
        await session.send("stays")
        for at in range(KEPT_BEFORE + 2 * KEPT_WORK):
            passing = Envelope(session.session_id, "", EV_TEXT, {"text": f"passes {at}"}, ttl_seconds=5)
            await alice.post_envelope(passing)
        await net.settled(bob)

        def stays(word: Envelope) -> bool:
            return is_text(word) and word.ttl_seconds is None

        assert (await bob.take(session.session_id, stays)).envelope_id == failed[0]
        with pytest.raises(trio.TooSlowError):
            await bob.wait_for_session_event(session.session_id, stays, timeout=60)


@in_trio
@pytest.mark.parametrize("pauses", [False, True])
async def test_what_comes_again_far_away_while_it_is_worked_off_is_worked_off_and_heard_once(pauses: bool) -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, HubClient(link) as client:
        net, heard, go_on = Network(hub, client), list[str](), trio.Event()
        async with HubClient(net.link) as other:
            alice, bob = await net.agent("alice", client=other), await net.agent("bob", rule=uncapped())

            async def hears(word: Envelope) -> None:
                if is_text(word):
                    await go_on.wait()
                    await (trio.lowlevel.checkpoint() if pauses else go_on.wait())
                    heard.append(str(word.event_data["text"]))

            bob.on_envelope(hears)
            session = await alice.open(type="conversation", target="bob")
            said = await say_many(session)
            await trio.sleep(1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bob.attach)
                for _ in range(3):
                    await trio.lowlevel.checkpoint()
                go_on.set()
                nursery.start_soon(bob.attach)
            await net.settled(bob)
            await trio.sleep(30)
            assert heard == said
            taken = [str((await bob.take(session.session_id, is_text)).event_data["text"]) for _ in said]
            assert taken == said
            with pytest.raises(trio.TooSlowError):
                await bob.wait_for_session_event(session.session_id, is_text, timeout=5)


class Unreadable(MemoryStore):
    """A store that cannot read some words, once each."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: set[str] = set()

    def envelope(self, envelope_id: str) -> Envelope | None:
        if envelope_id in self.bad:
            self.bad.remove(envelope_id)
            raise OSError("cannot be read")
        return super().envelope(envelope_id)


@in_trio
async def test_a_word_that_was_put_off_and_cannot_be_read_comes_again_and_is_heard_once() -> None:
    store = Unreadable()
    async with one_that_is_stuck(store) as scene:
        words = [await scene.session.send(str(at)) for at in range(MANY)]
        store.bad = {words[KEPT_WORK + 40].envelope_id}
        scene.stuck.go_on.set()
        await scene.net.settled(scene.bob)
        assert sorted(scene.stuck.heard, key=int) == [str(at) for at in range(MANY)]
        assert await scene.heard() == [str(at) for at in range(MANY)]


@in_trio
async def test_a_turn_whose_word_is_put_off_is_not_begun_early() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", [3600.0, *["yes"] * MANY], rule=uncapped())
        session = await alice.open(type="conversation", target="bob")
        await say_many(session)
        await quiet()
        assert await bob.resume_pending_turns() == 0


# --- a lane beside a hub that owes


WORD = Envelope("s", "a", "x", {})


class Owing:
    """What a hub owes of one session, a connection on which it comes, and what a client does with it in one lane."""

    def __init__(self) -> None:
        self.lane = Lane()
        self.last = 0
        self.owed: set[int] = set()
        self.paused: list[int] = []
        """What failed, and comes again later."""
        self.dropped: list[int] = []
        self.coming: deque[tuple[int, bool]] = deque()
        """What is on the connection, and whether it comes again."""
        self.here: set[int] = set()
        self.before: set[int] = set()
        self.acks: set[int] = set()
        """On their way: the hub does not know yet that these are done."""
        self.page: DeliveryPage | None = None
        """The hub's answer, on its way."""
        self.done: list[int] = []
        self.noted: list[int] = []
        self.moved: set[int] = set()
        """What failed once, or was given up and sent again: of that the order may change."""

    # --- the hub

    def say(self, words: int) -> None:
        for number in range(self.last + 1, self.last + words + 1):
            self.owed.add(number)
            self.coming.append((number, False))
        self.last += words

    def drop(self, at: int) -> None:
        """Give one up; what waits on the connection comes all the same, unless it comes again."""
        if self.owed:
            number = sorted(self.owed)[at % len(self.owed)]
            self.owed.remove(number)
            self.dropped.append(number)
            if number in self.paused:
                self.paused.remove(number)

    def resend(self) -> None:
        if self.dropped:
            number = self.dropped.pop()
            self.owed.add(number)
            self.moved.add(number)
            self.coming.append((number, True))

    def ack(self) -> None:
        """The acks arrive."""
        self.owed -= self.acks
        self.acks.clear()

    def again(self) -> None:
        """A pause is over."""
        if self.paused:
            self.coming.append((self.paused.pop(0), True))

    def attach(self) -> None:
        """All that is owed comes again. A client that comes back acks first."""
        self.ack()
        self.paused.clear()
        self.coming.extend([(number, True) for number in sorted(self.owed)])

    # --- the client

    def arrive(self, words: int) -> None:
        for _ in range(min(words, len(self.coming))):
            number, again = self.coming.popleft()
            if number in self.here or (again and (number not in self.owed or number in self.acks)):
                continue
            if number not in self.before and not self.lane.has_put_off(number):
                self.noted.append(number)
            if self.lane.put(Delivery("a", WORD, number)):
                self.here.add(number)
                self.before.discard(number)

    def work(self, words: int, fails: bool) -> None:
        for _ in range(min(words, len(self.lane.waiting))):
            number = self.lane.waiting.popleft().number or 0
            self.here.remove(number)
            if fails and number in self.owed:
                self.before.add(number)
                self.moved.add(number)
                self.paused.append(number)
            else:
                self.done.append(number)
                self.acks.add(number)

    def ask(self, limit: int) -> None:
        if self.page is None and self.lane.has_put_off() and not self.lane.waiting:
            since = self.lane.asks_from()
            found = sorted([number for number in self.owed if number >= since and number not in self.paused])
            page, more = tuple([Delivery("a", WORD, number) for number in found[:limit]]), len(found) >= limit
            self.page = DeliveryPage(page, found[limit - 1] if more else self.last, more)

    def answer(self) -> None:
        if self.page is not None:
            refilled = self.lane.refill(self.page)
            self.here.update(refilled.taken_up)
            self.before.difference_update(refilled.taken_up)
            self.before.update(refilled.gone)
            self.page = None

    def drain(self) -> None:
        """Let all be done."""
        while self.lane.waiting or self.lane.has_put_off() or self.paused or self.coming:
            self.answer()
            self.arrive(KEPT_WORK)
            self.work(KEPT_WORK, fails=False)
            self.again()
            self.ask(KEPT_WORK)
        self.ack()


STEPS = st.one_of(
    st.tuples(st.just("say"), st.sampled_from([1, KEPT_WORK, 2 * KEPT_WORK])),
    st.tuples(st.just("arrive"), st.sampled_from([1, KEPT_WORK, 10 * KEPT_WORK])),
    st.tuples(st.just("drop"), st.integers(0, 1_000)),
    st.tuples(st.just("work"), st.sampled_from([1, KEPT_WORK]), st.booleans()),
    st.tuples(st.just("ask"), st.sampled_from([1, 3, KEPT_WORK])),
    st.sampled_from([("resend",), ("ack",), ("answer",), ("again",), ("attach",)]),
)


def walked(steps: list[tuple[object, ...]]) -> Owing:
    hub = Owing()
    for name, *details in steps:
        getattr(hub, str(name))(*details)
        assert len(hub.lane.waiting) <= KEPT_WORK, "a lane stays small"
    hub.drain()
    return hub


def check(hub: Owing) -> None:
    assert not hub.owed, "all that is owed is worked off"
    once = [number for number in hub.done if number not in hub.moved]
    assert once == sorted(set(once)), "once, in its order"
    heard = [number for number in hub.noted if number not in hub.moved]
    assert heard == sorted(set(heard)), "and heard once, in its order"
    assert set(hub.done) <= set(hub.noted)


@given(st.lists(STEPS, max_size=40))
def test_whatever_is_owed_is_heard_and_worked_off_once_and_in_its_order_unless_it_failed(steps: list[tuple[object, ...]]) -> None:
    check(walked(steps))


FULL = ("say", KEPT_WORK), ("arrive", KEPT_WORK)
LATE = ("ask", KEPT_WORK), ("again",), ("arrive", 1), ("answer",)


@pytest.mark.parametrize(
    "steps",
    [
        # comes while the hub answers
        [*FULL, ("say", 1), ("arrive", 1), ("work", KEPT_WORK, False), ("ask", 9), ("say", 1), ("arrive", 1)],
        # comes again while the hub answers
        [*FULL, ("say", 2), ("arrive", 2), ("work", 1, True), ("work", 255, False), ("ask", 1), ("again",), ("arrive", 1)],
        # two fail, one is put off when it comes again, the other while the hub answers
        [*FULL, ("say", 9), ("arrive", 9), ("work", 2, True), ("again",), ("arrive", 1), ("work", 256, False), *LATE],
        # the answer is ahead of what comes
        [("say", 300), ("arrive", 258), ("work", 256, False), ("ask", 256), ("answer",), ("work", 256, False), ("ack",)],
        # the answer is ahead of what comes again
        [("say", 300), ("arrive", 300), ("work", 1, True), ("again",), ("work", 255, False), ("ask", 256), ("answer",)],
        # given up before it came here, and sent again while others are put off
        [("say", 1), ("drop", 0), ("say", 300), ("arrive", 301), ("resend",), ("arrive", 1), ("work", 256, False), ("ack",)],
        # the answer is behind of acks
        [("say", 300), ("arrive", 300), ("attach",), ("work", 256, False), ("ask", 256), ("arrive", 300), ("answer",)],
    ],
)
def test_what_comes_in_a_bad_moment_is_worked_off_once(steps: list[tuple[object, ...]]) -> None:
    check(walked(steps))
