"""A task in a client: it ends with its block, and the block with it."""

import pytest
import trio

from foldhub_core import EV_TASK_CANCEL_REQUEST, TaskOver, TaskState
from tests.shells.network import in_trio, network, quiet


@in_trio
async def test_a_task_is_observed_while_it_is_done_and_counted_when_it_ends() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        async with alice.task("dig", capability="dig", payload={"where": "garden"}) as task:
            await task.progress(depth=1)
            await task.checkpoint({"at": 1})
            assert (await net.client.get_task(task.task_id)).state is TaskState.RUNNING
            assert await net.client.read_task_checkpoint(task.task_id) == {"at": 1}
            task.result = "a hole"
        with pytest.raises(TaskOver):
            await net.client.get_task(task.task_id)
        assert (await net.client.get_resume(alice.agent_id)).observed["dig"].completed == 1


@in_trio
async def test_a_task_whose_block_raises_has_failed() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        with pytest.raises(RuntimeError, match="a stone"):
            async with alice.task("dig", capability="dig"):
                raise RuntimeError("a stone")
        assert (await net.client.get_resume(alice.agent_id)).observed["dig"].failed == 1


@in_trio
async def test_a_task_that_is_called_off_ends_its_block_quietly() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="conversation", target="bob")
        digging = bob.task("dig", capability="dig", session_id=session.session_id)
        async with trio.open_nursery() as nursery, digging as task:
            nursery.start_soon(net.client.request_cancel, task.task_id, alice.agent_id, "it rains")
            await trio.sleep(1000)
        assert task.called_off == "it rains"
        assert (await net.client.get_resume(bob.agent_id)).observed["dig"].cancelled == 1
        asked = await bob.wait_for_session_event(session.session_id, lambda word: word.event_type == EV_TASK_CANCEL_REQUEST)
        assert asked.event_data["reason"] == "it rains"
        await net.settled(bob)


@in_trio
async def test_a_request_to_cancel_what_nobody_here_does_is_acked() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="conversation", target="bob")
        async with bob.task("dig", session_id=session.session_id) as task:
            bob.running.clear()
            await net.client.request_cancel(task.task_id, alice.agent_id)
            await net.settled(bob)
        assert task.called_off is None


@in_trio
async def test_a_task_that_has_ended_with_its_session_needs_no_end() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="conversation", target="bob")
        async with bob.task("dig", capability="dig", session_id=session.session_id) as task:
            await session.close()
            with pytest.raises(TaskOver):
                await task.progress(depth=1)
        assert (await net.client.get_resume(bob.agent_id)).observed["dig"].n == 1


@in_trio
async def test_a_task_that_is_cancelled_from_elsewhere_stays_to_be_resumed() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        with trio.move_on_after(1):
            async with alice.task("dig", capability="dig"):
                await trio.sleep(1000)
        await quiet()
        (task,) = (await net.client.list_tasks(agent_id=alice.agent_id)).tasks
        assert task.state is TaskState.RUNNING
