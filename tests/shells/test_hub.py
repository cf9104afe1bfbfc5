"""A hub that runs: it recovers, takes commands, closes, stops, is full, and is configured anew, on every store."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from foldhub import EV_SESSION_CLOSED, EV_SESSION_INVITE, EV_TEXT, Hub, HubStopped
from foldhub_core import (
    ConversationAdapter,
    HubConfig,
    Limits,
    Malformed,
    NotFoundError,
    Passport,
    Rate,
    RateLimited,
    Resume,
    Rule,
    RuleLimits,
    SessionOver,
    Start,
    TaskSpec,
    TaskState,
    Unavailable,
    changed,
    digest,
    replay,
)
from foldhub_core.envelope import EV_SESSION_EXPIRED
from foldhub_core.state import HubState
from foldhub_stores import Broken, FileStore, Full, LogStore

from .hub_runs import KeptStore, ScriptedStore, ThreadedStore, agent, run

Stores = Callable[[], LogStore]


@pytest.fixture(params=["memory", "file"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """Gives the store of one hub, each time it is opened anew."""
    if request.param == "file":
        return lambda: FileStore(tmp_path / "hub", "demo")
    kept = KeptStore("demo")
    return lambda: kept


def test_two_agents_talk_and_the_log_tells_it(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            session_id = await ann.open(bob, type="consulting")
            asked = await ann.say(session_id, "Why?")
            await bob.say(session_id, "Because.", causation_id=asked.envelope_id)
            assert await bob.types(4) == [EV_SESSION_INVITE, "session.opened", EV_TEXT, EV_SESSION_CLOSED]
            assert await ann.types(3) == ["session.opened", EV_TEXT, EV_SESSION_CLOSED]
            words = await hub.read_wal(session_id)
            assert [word.number for word in words] == [1, 2, 3, 4, 5, 6]
            cause = {"sender_id": bob.agent_id, "causation_id": asked.envelope_id}
            assert await hub.find_envelope_by_causation(session_id, **cause) == words[4]
            ended = await hub.ended_session(session_id)
            assert ended is not None
            assert ended.reason == "consulting_complete"
            with pytest.raises(SessionOver):
                hub.get_session(session_id)
            commits = await hub.read_commits(limit=1000)
            assert replay(hub.config, commits, HubState(hub.hub_id)) == hub.state

    run(main)


def test_a_hub_goes_on_where_its_store_stands(stores: Stores) -> None:
    async def first() -> tuple[str, str]:
        async with Hub.open(stores()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            session_id = await ann.open(bob)
            await ann.say(session_id, "one")
            return session_id, digest(hub.state)

    async def second(session_id: str) -> None:
        async with Hub.open(stores()) as hub, agent(hub, "bob") as bob, agent(hub, "ann") as ann:
            assert await bob.types(3) == [EV_SESSION_INVITE, "session.opened", EV_TEXT]
            await ann.say(session_id, "two")
            came = await bob.take()
            assert (came.envelope.event_data["text"], came.attempt) == ("two", 1)

    session_id, _ = run(first)
    run(second, session_id)


def test_deliveries_and_redeliveries_come_in_one_order(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub, agent(hub, "ann") as ann:
            async with agent(hub, "bob") as bob:
                session_id = await ann.open(bob)
                await ann.say(session_id, "one")
                await bob.types(3)
            await ann.say(session_id, "two")
            async with agent(hub, "bob") as bob:
                await ann.say(session_id, "three")
                came = [await bob.take() for _ in range(5)]
                assert [one.number for one in came] == [1, 2, 3, 4, 5]
                assert [one.envelope.event_data.get("text") for one in came] == [None, None, "one", "two", "three"]
                assert [one.attempt for one in came] == [2, 2, 2, 1, 1]

    run(main)


def test_what_the_block_raises_is_raised_as_it_is(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub:
            hub.get_agent("nobody")

    with pytest.raises(NotFoundError):
        run(main)


def test_after_its_end_a_hub_takes_nothing(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub:
            pass
        with pytest.raises(Unavailable, match="closed"):
            await hub.register(Passport("ann"), Resume())
        with pytest.raises(Unavailable):
            async with hub.connect():
                raise AssertionError("it must not connect")

    run(main)


def test_a_block_that_is_cancelled_still_ends_what_was_taken_in() -> None:
    async def main() -> None:
        inner = ScriptedStore()
        store = ThreadedStore(inner)
        hubs: list[Hub] = []
        with trio.CancelScope() as scope:
            async with Hub.open(store.as_store()) as hub:
                hubs.append(hub)
                store.before_append = lambda: trio.from_thread.run_sync(scope.cancel)
                with trio.CancelScope(shield=True):
                    await hub.register(Passport("ann"), Resume())
                await trio.sleep_forever()
        assert inner.seq == 2
        assert hubs[0].stopped == "it has closed"

    run(main)


def test_the_store_is_closed_where_it_cannot_be_recovered_from(tmp_path: Path) -> None:
    async def main() -> None:
        store = FileStore(tmp_path / "hub", "demo")
        with pytest.raises(ValueError, match="invite_ack_timeout"):
            async with Hub.open(store, config=HubConfig(), invite_ack_timeout=3):
                raise AssertionError("it must not open")
        FileStore(tmp_path / "hub").close()

    run(main)


# --- time


def test_an_invitation_that_nobody_answers_ends_in_time() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore(), invite_ack_timeout=7) as hub, agent(hub, "ann") as ann:
            other = await hub.register(Passport("bob"), Resume())
            assert other.agent_id is not None
            began = trio.current_time()
            session = await hub.create_session(creator_id=ann.agent_id, type="conversation", participants=(other.agent_id,))
            assert (await ann.take()).envelope.event_data["reason"] == "invite_timeout"
            assert trio.current_time() - began == pytest.approx(7, abs=0.002)
            with pytest.raises(SessionOver):
                hub.get_session(session.session_id)

    run(main, jump=True)


def test_there_is_one_timer_and_it_wakes_for_what_comes_due_first() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            began = trio.current_time()
            long = await hub.create_session(creator_id=ann.agent_id, type="conversation", participants=(bob.agent_id,), ttl=600)
            short = await hub.create_session(creator_id=ann.agent_id, type="conversation", participants=(bob.agent_id,), ttl=10)
            ends: list[tuple[str, int]] = []
            while len(ends) < 2:
                word = (await ann.take()).envelope
                if word.event_type in (EV_SESSION_CLOSED, EV_SESSION_EXPIRED):
                    ends.append((word.session_id, round(trio.current_time() - began)))
            assert ends == [(short.session_id, 10), (long.session_id, 30)]

    run(main, jump=True)


def test_a_hub_whose_machine_was_set_back_goes_on_from_its_own_time() -> None:
    async def main() -> None:
        store = KeptStore()
        async with Hub.open(store, clock=lambda: 4_000_000_000_000) as hub:
            await hub.register(Passport("ann"), Resume())
        async with Hub.open(store) as hub, agent(hub, "bob") as bob:
            ann = hub.find_agent_id("ann")
            assert ann is not None
            began = trio.current_time()
            await hub.create_session(creator_id=bob.agent_id, type="conversation", participants=(ann,))
            await bob.take()
            assert trio.current_time() - began == pytest.approx(30, abs=0.002)

    run(main, jump=True)


# --- a store that is full, or breaks


def test_a_full_store_refuses_and_the_hub_recovers_by_itself() -> None:
    async def main() -> None:
        store = ScriptedStore()
        async with Hub.open(store) as hub:
            store.script = [Full("no room")]
            for _ in range(2):
                with pytest.raises(Unavailable, match="full"):
                    await hub.register(Passport("ann"), Resume())
            await trio.sleep(1.1)
            await hub.register(Passport("ann"), Resume())
            assert hub.stopped is None
        assert store.seq == 2

    run(main, jump=True)


@pytest.mark.parametrize("end", [Broken("the disk is gone"), OSError("the disk is gone")])
@pytest.mark.parametrize("threaded", [False, True])
def test_a_store_that_breaks_stops_the_hub_with_the_reason(end: Broken | OSError, threaded: bool) -> None:
    told: list[str] = []

    async def main() -> None:
        store = ScriptedStore()
        async with Hub.open(ThreadedStore(store).as_store() if threaded else store) as hub, agent(hub, "ann") as ann:
            store.script = [end]
            try:
                await hub.register(Passport("bob"), Resume())
            except Unavailable as error:
                told.append(error.message)
            with trio.CancelScope(shield=True):
                with pytest.raises(Unavailable, match="has stopped"):
                    await hub.register(Passport("bob"), Resume())
                await wait_all_tasks_blocked()
                assert "the disk is gone" in str(await ann.connection.receive())
            await trio.sleep_forever()

    with pytest.raises(HubStopped, match="the disk is gone"):
        run(main)
    assert len(told) == 1
    assert "not known" in told[0]


def test_nothing_is_answered_before_it_is_durable_and_what_comes_meanwhile_goes_together() -> None:
    async def main() -> None:
        store = ThreadedStore(ScriptedStore())
        async with Hub.open(store.as_store()) as hub, trio.open_nursery() as nursery:
            begun, go_on = trio.Event(), trio.Event()

            def hold() -> None:
                trio.from_thread.run_sync(begun.set)
                trio.from_thread.run(go_on.wait)

            store.before_append = hold
            nursery.start_soon(hub.register, Passport("ann"), Resume())
            await begun.wait()
            for name in ("bob", "cid", "dan"):
                nursery.start_soon(hub.register, Passport(name), Resume())
            await wait_all_tasks_blocked()
            assert hub.find_agent_id("ann") is None
            store.before_append = lambda: None
            go_on.set()
        assert store.batches == [1, 1, 3]

    run(main)


def test_a_caller_that_is_cancelled_leaves_log_and_state_together() -> None:
    async def main() -> None:
        store = ThreadedStore(ScriptedStore())
        async with Hub.open(store.as_store()) as hub, trio.open_nursery() as nursery:
            begun, go_on = trio.Event(), trio.Event()

            def hold() -> None:
                trio.from_thread.run_sync(begun.set)
                trio.from_thread.run(go_on.wait)

            store.before_append = hold
            with trio.CancelScope() as scope:
                nursery.start_soon(_cancel_when, begun, scope)
                await hub.register(Passport("ann"), Resume())
            assert scope.cancelled_caught
            store.before_append = lambda: None
            go_on.set()
            await hub.register(Passport("bob"), Resume())
            assert hub.find_agent_id("ann") is not None
            assert replay(hub.config, await hub.read_commits(limit=100), HubState(hub.hub_id)) == hub.state

    run(main)


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def test_a_full_inbox_is_waited_for_and_a_caller_that_gives_up_was_never_there() -> None:
    async def main() -> None:
        inner = ScriptedStore()
        store = ThreadedStore(inner)
        async with Hub.open(store.as_store()) as hub, trio.open_nursery() as nursery:
            room = hub.loop.engine.room
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as waiting:
                    for number in range(room + 300):
                        waiting.start_soon(hub.register, Passport(f"a{number}"), Resume())
                    for _ in range(3):
                        await trio.lowlevel.checkpoint()
                    waiting.cancel_scope.cancel()
            assert not scope.cancelled_caught
            nursery.cancel_scope.cancel()
        assert replay(HubConfig(), inner.read(), HubState("demo")).seq == inner.seq

    run(main)


def test_the_store_is_tended_once_when_nothing_is_appended() -> None:
    async def main() -> None:
        store = ThreadedStore(ScriptedStore())
        async with Hub.open(store.as_store(), clock=_fast_clock()) as hub:
            await hub.register(Passport("ann"), Resume())
            while not store.tended:
                await trio.sleep(0.001)
        assert store.tended == 1

    run(main)


def _fast_clock() -> Callable[[], int]:
    """A clock a hundred times as fast as trio's."""
    began = trio.current_time()
    return lambda: 1_000_000 + int((trio.current_time() - began) * 100_000)


# --- another configuration


class Louder(ConversationAdapter):
    """A conversation under another name."""

    manifest = changed(ConversationAdapter.manifest, type="louder")


def test_another_configuration_is_a_commit_and_what_is_attached_stays_so(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            with pytest.raises(NotFoundError):
                await ann.open(bob, type="louder")
            await hub.register_adapter(Louder())
            assert hub.health().attached_agents == 2
            session_id = await ann.open(bob, type="louder")
            assert (await bob.take()).envelope.session_id == session_id
            assert hub.adapter_for(session_id).manifest.type == "louder"
            starts = [commit.seq for commit in await hub.read_commits(limit=100) if isinstance(commit.command, Start)]
            assert len(starts) == 2

    run(main)


def test_other_limits_hold_from_their_commit_on() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub:
            await hub.reconfigure(attrs.evolve(hub.config, limits=changed(Limits(), name_chars=3)))
            with pytest.raises(Malformed):
                await hub.register(Passport("anna"), Resume())

    run(main)


# --- what is asked on the spot


def test_what_is_asked_in_memory_is_answered_in_order_and_lets_others_run() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            session_id = await ann.open(bob)
            others = 0

            async def other() -> None:
                nonlocal others
                while True:
                    others += 1
                    await trio.lowlevel.checkpoint()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(other)
                said = [(await ann.say(session_id, str(number))).number for number in range(100)]
                nursery.cancel_scope.cancel()
            assert said == list(range(4, 104))
            assert others >= 5

    run(main)


def test_a_refusal_is_raised_as_its_class() -> None:
    async def main() -> None:
        rule = Rule(limits=RuleLimits(rate=Rate(per_minute=1, burst=1)))
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann", rule=rule) as ann, agent(hub, "bob") as bob:
            session_id = await ann.open(bob)
            await ann.say(session_id, "one")
            with pytest.raises(RateLimited):
                await ann.say(session_id, "two")

    run(main)


def test_a_command_is_a_checkpoint_where_the_store_syncs_whatever_comes_of_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with Hub.open(FileStore(tmp_path / "kept")) as hub, agent(hub, "ann") as ann:
            for _ in range(3):
                with assert_checkpoints():
                    await hub.set_skill(ann.agent_id, "# I can")
                with assert_checkpoints(), pytest.raises(NotFoundError):
                    await hub.unregister("nobody")

    run(main)


def test_whoever_asks_a_hub_that_closes_lets_others_run_each_time() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann") as ann:
            hub.loop.close("closing")
            for _ in range(3):
                with assert_checkpoints(), pytest.raises(Unavailable):
                    await hub.set_skill(ann.agent_id, "# I can")

    run(main)


def test_reading_the_log_is_a_checkpoint(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub:
            with assert_checkpoints():
                assert await hub.read_wal("hub") == ()
            with assert_checkpoints():
                assert [one.kind for one in await hub.audit_log()] == ["configured"]

    run(main)


def test_tasks_are_observed_through_the_hub() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann") as ann:
            task = await hub.observe_task(ann.agent_id, TaskSpec(title="dig", capability="digging"))
            await hub.update_task(task.task_id, {"done": 1})
            await hub.checkpoint_task(task.task_id, {"at": 3})
            assert hub.get_task(task.task_id).progress == {"done": 1}
            assert hub.read_task_checkpoint(task.task_id) == {"at": 3}
            assert [one.task_id for one in hub.list_tasks(owner_id=ann.agent_id).tasks] == [task.task_id]
            await hub.cancel_task(task.task_id, reason="enough")
            assert (await ann.take()).envelope.event_type == "task.cancel_requested"
            await hub.end_task(task.task_id, TaskState.COMPLETED)
            assert hub.get_resume(ann.agent_id).observed["digging"].completed == 1
            assert [row.task_id for row in (await hub.list_ended_tasks(owner_id=ann.agent_id)).rows] == [task.task_id]

    run(main)
