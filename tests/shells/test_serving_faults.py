"""A fault costs the connection it is of, in whosever task it shows: it is logged once, all others go on, and who comes back is
owed what it missed.

Much of what one connection does is done in a task of somebody else: a delivery by whoever posts, an answer by the hub's walk, a
goodbye by whoever closes the server. Here the clock of trio fails just there, or a stream, or the log.
"""

import logging
import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager

import pytest
import trio
import trio.testing

from foldhub import Hub, HubListener, LocalLink, MemoryStore
from foldhub.steady_log import SteadyLog
from foldhub.tcp import TcpLink
from foldhub_core import Attach, Data, SetSkill
from foldhub_core.questions import FindAgentId
from foldhub_core.wire.frames import Goodbye

from .faulty_scene import LIMITS, FailingClock, Scene, ToldStore, bobs, play
from .hub_runs import ScriptedStore, owner, run
from .wires import HOST, MemoryLink, WireAgent, ask, in_memory, joined, listening, met, raw, refusal


def faults(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged as a fault."""
    return [record.getMessage() for record in caplog.records if record.exc_info]


# --- in a task of somebody else


def test_a_delivery_that_fails_in_the_task_of_whoever_posts_costs_its_own_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def part(scene: Scene) -> None:
        async with LocalLink(scene.hub, owner("")).connect() as near:
            dora = await joined(near, "dora")
            session_id = await dora.open(scene.bob)
            me = trio.lowlevel.current_task()
            with scene.clock.failing(lambda task: task is me):
                for number in range(3):
                    await dora.say(session_id, f"missed {number}")
            await scene.others_go_on()
            assert [await scene.bob.text() for _ in range(3)] == [f"missed {number}" for number in range(3)]

    play(part)
    (fault,) = faults(caplog)
    assert "a delivery could not be handed over" in fault


def test_a_delivery_that_fails_in_the_walk_of_the_hub_costs_its_own_connection(caplog: pytest.LogCaptureFixture) -> None:
    store = ToldStore(ScriptedStore())

    async def part(scene: Scene) -> None:
        async with LocalLink(scene.hub, owner("")).connect() as near:
            dora = await joined(near, "dora")
            session_id = await dora.open(scene.bob)
            await trio.testing.wait_all_tasks_blocked(0.01)
            store.fail_in_the_walk(scene.clock)
            await dora.say(session_id, "missed")
            assert scene.clock.failed.is_set()
            await scene.others_go_on()
            assert await scene.bob.text() == "missed"

    play(part, store.as_store())
    (fault,) = faults(caplog)
    assert "a delivery could not be handed over" in fault


def test_an_answer_that_fails_in_the_walk_of_the_hub_costs_its_own_connection(caplog: pytest.LogCaptureFixture) -> None:
    store = ToldStore(ScriptedStore())

    async def part(scene: Scene) -> None:
        await trio.testing.wait_all_tasks_blocked(0.01)
        store.fail_in_the_walk(scene.clock)
        said = await scene.bob.say(scene.with_bob, "said once")
        assert scene.clock.failed.is_set()
        assert await scene.ann.text() == "said once"
        await scene.others_go_on()
        words = await scene.hub.read_wal(scene.with_bob)
        assert [word.envelope_id for word in words if word.sender_id == scene.bob.agent_id] == [said.envelope_id]

    play(part, store.as_store())
    (fault,) = faults(caplog)
    assert "a request could not be answered" in fault


def test_a_fault_that_shows_again_before_the_connection_has_ended_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    store = ToldStore(ScriptedStore())

    async def part(scene: Scene) -> None:
        await trio.testing.wait_all_tasks_blocked(0.01)
        store.fail_in_the_walk(scene.clock, times=3)
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(scene.bob.duplex.ask, SetSkill(agent_id=scene.bob.agent_id, skill_md=f"skill {number}"))
        await scene.others_go_on()

    play(part, store.as_store())
    names = [fault.partition(" ")[0] for fault in faults(caplog)]
    assert len(names) == len(set(names)) >= 1, "each connection was ended once"


def test_a_goodbye_that_fails_when_the_server_closes_costs_nobody_his(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        heard: list[object] = []

        async def hear(client_of: MemoryLink, *, task_status: trio.TaskStatus[None]) -> None:
            client = await met(client_of)
            await client.greet()
            task_status.started()
            heard.append(await client.hear())

        async with Hub.open(MemoryStore()) as hub, trio.open_nursery() as nursery:
            async with in_memory(hub, limits=LIMITS) as link:
                for _ in range(3):
                    await nursery.start(hear, link)
                clock.fail_once(lambda task: task.name == "foldhub.serving.Server.watch")
        assert sorted([type(one).__name__ for one in heard]) == [Goodbye.__name__] * 2 + ["NoneType"]

    clock = FailingClock()
    trio.run(main, clock=clock)
    assert len(faults(caplog)) == 1


async def _reset(times: int) -> None:
    """Who sends for another finds his socket reset, or his own task does: that is by chance, and to be the same."""
    async with Hub.open(MemoryStore()) as hub, listening(hub, limits=LIMITS) as port:
        link = TcpLink(HOST, port, limits=LIMITS)
        async with link.connect() as near:
            async with link.connect() as far:
                ann, bob = await joined(near, "ann"), await joined(far, "bob")
                session_id = await ann.open(bob)
            for number in range(times):
                async with raw(port) as client:
                    await client.greet()
                    assert await refusal(client, 1, ask(1, Attach(agent_id=bob.agent_id, link=""))) is None
                    await trio.testing.wait_all_tasks_blocked(0.01)
                    assert isinstance(client.stream, trio.SocketStream)
                    client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.stream.socket.close()
                    await ann.say(session_id, f"missed {number}")
            async with link.connect() as far:
                await far.ask(Attach(agent_id=bob.agent_id, link=""))
                again = WireAgent(far, bob.agent_id)
                assert [await again.text() for _ in range(times)] == [f"missed {number}" for number in range(times)]
        assert hub.stopped is None


def test_who_sends_for_one_whose_socket_is_reset_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    run(_reset, 12)
    assert faults(caplog) == []


# --- in its own tasks, and on its own stream


@pytest.mark.parametrize("task", ["_read", "_keep_time", "_answer", "_hand_over"])
def test_a_fault_in_a_task_of_a_connection_costs_that_connection(task: str, caplog: pytest.LogCaptureFixture) -> None:
    async def part(scene: Scene) -> None:
        scene.clock.fail_once(bobs(task))
        async with trio.open_nursery() as nursery:
            if task in ("_answer", "_read"):
                nursery.start_soon(scene.bob.duplex.question, FindAgentId(name="ann"))
            elif task == "_hand_over":
                async with LocalLink(scene.hub, owner("local")).connect() as elsewhere:
                    await elsewhere.ask(Attach(agent_id=scene.bob.agent_id, link=""))  # which evicts the link he has
            await scene.clock.failed.wait()
            await scene.ann.say(scene.with_bob, "missed")
            await scene.others_go_on()
            assert await scene.bob.text() == "missed"

    play(part)
    (fault,) = faults(caplog)
    assert "ended by a fault" in fault


@pytest.mark.parametrize("method", ["send_all", "receive_some", "aclose"])
def test_a_stream_that_raises_what_no_stream_raises_costs_its_connection(method: str, caplog: pytest.LogCaptureFixture) -> None:
    async def part(scene: Scene) -> None:
        scene.odd.fails = method
        before = len(scene.odd.streams)
        await scene.ann.say(scene.with_bob, "missed")
        async with trio.open_nursery() as nursery:
            if method == "receive_some":
                nursery.start_soon(scene.bob.duplex.question, FindAgentId(name="ann"))
            elif method == "aclose":
                assert await scene.bob.text() == "missed"
                await scene.bob.duplex.question(FindAgentId(name="ann"))
                scene.bobs_link.cut()
        await scene.others_go_on()
        await scene.ann.say(scene.with_bob, "afterwards")
        texts = [await scene.bob.text()]
        if method != "aclose":
            assert texts == ["missed"]
            texts = [await scene.bob.text()]
        assert texts == ["afterwards"]
        assert (scene.odd.fails, len(scene.odd.streams)) == ("", before + 1)

    play(part)
    (fault,) = faults(caplog)
    assert "ended by a fault" in fault


# --- the log itself


@contextmanager
def full(log: str) -> Generator[list[str]]:
    """A log for which there is no room; gives what was to be written to it."""
    lost: list[str] = []

    def no_room(record: logging.LogRecord) -> bool:
        lost.append(record.getMessage())
        raise OSError(28, "No space left on device")

    logger = logging.getLogger(log)
    logger.addFilter(no_room)
    try:
        yield lost
    finally:
        logger.removeFilter(no_room)


def test_a_log_that_cannot_be_written_ends_neither_the_hub_nor_the_server(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ToldStore(ScriptedStore())

    async def part(scene: Scene) -> None:
        with full("foldhub.tcp") as lost:
            store.fail_in_the_walk(scene.clock)
            await scene.bob.say(scene.with_bob, "said once")
            assert await scene.ann.text() == "said once"
            for _ in range(LIMITS.connections - 3):
                await met(scene.link)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert await (await met(scene.link)).hear() is None
            await scene.others_go_on()
        assert any("a request could not be answered" in line for line in lost)
        assert any("is not let in" in line for line in lost)

    caplog.set_level(logging.INFO, "foldhub.tcp")
    play(part, store.as_store())
    assert "the log failed with OSError(28, 'No space left on device'), and it says:" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_ends_no_sweeper_and_no_listener(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        swept = 0
        twice = trio.Event()

        async def sweep() -> None:
            nonlocal swept
            swept += 1
            if swept == 2:
                twice.set()
            raise ZeroDivisionError

        class Deaf(HubListener):
            async def on_agent_event(self, agent_id: str, kind: str, payload: Data) -> None:
                raise ZeroDivisionError

        async with Hub.open(MemoryStore(), listeners=[Deaf()]) as hub, LocalLink(hub, owner("")).connect() as near:
            with full("foldhub") as lost:
                hub.register_sweeper("broom", 0.001, sweep)
                await joined(near, "ann")
                await twice.wait()
            assert any("broom" in line for line in lost)
            assert any("Deaf" in line for line in lost)

    trio.run(main)
    assert "No space left on device" in capsys.readouterr().err


def test_a_line_of_the_log_has_the_place_where_it_was_written(caplog: pytest.LogCaptureFixture) -> None:
    SteadyLog("foldhub.tcp").error("%s of %d", "one", 2)
    (record,) = caplog.records
    assert (record.getMessage(), record.filename, record.levelno) == ("one of 2", "test_serving_faults.py", logging.ERROR)
