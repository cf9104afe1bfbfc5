"""Pipes and what is sent on them: every byte once and in order, whoever sends it, whatever is cancelled meanwhile."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from foldhub.pipes import Pipe, Sender, SocketPipe, StreamPipe, pipe_of

from .hub_runs import run
from .wires import HOST


class Said:
    """What an end has to say, a piece at a time."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.over = False

    def next(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def is_over(self) -> bool:
        return self.over


class Narrow:
    """A pipe that takes a few bytes at once, and then none until it is waited for."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.room = width
        self.went = b""
        self.gone = False

    def send_now(self, data: bytes | memoryview) -> int:
        if self.gone:
            raise BrokenPipeError
        count = min(self.room, len(data))
        self.went += data[:count]
        self.room -= count
        return count

    async def send_some(self, data: bytes | memoryview) -> int:
        await trio.sleep(1)
        self.room = self.width
        return self.send_now(data)

    async def receive(self, most: int) -> bytes:
        raise NotImplementedError

    async def say_no_more(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


@asynccontextmanager
async def sockets() -> AsyncGenerator[tuple[trio.SocketStream, trio.SocketStream], None]:
    """Two ends of a connection over TCP."""
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)
    async with listener:
        near = await trio.open_tcp_stream(HOST, listener.socket.getsockname()[1])
        far = await listener.accept()
        async with near, far:
            yield near, far


# --- what is sent


async def _on_the_spot() -> None:
    pipe, said = Narrow(5), Said()
    sender = Sender(pipe, said.next)
    said.pieces = [b"a", b"bc"]
    sender.now()
    assert pipe.went == b"abc"
    said.pieces = [b"defgh"]
    sender.now()
    assert pipe.went == b"abcde"
    said.pieces = [b"i"]
    sender.now()
    assert pipe.went == b"abcde", "what did not go goes first"


def test_what_goes_at_once_is_sent_on_the_spot() -> None:
    run(_on_the_spot)


async def _rest() -> None:
    pipe, said = Narrow(3), Said()
    sender = Sender(pipe, said.next)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run, said.is_over)
        said.pieces = [b"abcdefgh"]
        sender.now()
        assert pipe.went == b"abc"
        await trio.sleep(0.5)
        said.pieces += [b"ij"]
        sender.now()
        sender.soon()
        assert pipe.went == b"abc", "the task is at it"
        await trio.sleep(10)
        assert pipe.went == b"abcdefghij"
        said.over = True
        sender.soon()


def test_what_does_not_go_at_once_the_task_sends_and_what_is_said_meanwhile_behind_it() -> None:
    run(_rest, jump=True)


async def _cancelled() -> None:
    pipe, said = Narrow(2), Said()
    sender = Sender(pipe, said.next)
    said.pieces, said.over = [b"abcdefgh", b"ij"], True
    for _ in range(40):
        with trio.move_on_after(1.5):
            assert await sender.run(said.is_over)
    assert pipe.went == b"abcdefghij"


def test_a_task_that_is_cancelled_while_it_sends_leaves_nothing_out_and_sends_nothing_twice() -> None:
    run(_cancelled, jump=True)


@pytest.mark.parametrize("waits", [False, True])
def test_where_nobody_takes_anything_any_more_that_is_told(waits: bool) -> None:
    async def main() -> None:
        pipe, said = Narrow(2), Said()
        sender = Sender(pipe, said.next)
        said.pieces = [b"abcdef"]
        if waits:
            sender.now()
        pipe.gone = True
        sender.now()
        assert not await sender.run(said.is_over)
        sender.now()

    run(main, jump=True)


# --- over what


async def _there_and_back(near: Pipe, far: Pipe, size: int) -> None:
    """What one end says comes, to the last byte, and then the end of it."""
    said, came = Said(), bytearray()
    data = bytes(range(256)) * (size // 256)
    said.pieces = [data[at : at + 65_536] for at in range(0, size, 65_536)]
    said.over = True

    async def send() -> None:
        assert await Sender(near, said.next).run(said.is_over)
        await near.say_no_more()
        if isinstance(near, StreamPipe):
            await near.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        while piece := await far.receive(10_000):
            assert len(piece) <= 10_000
            came += piece
    assert bytes(came) == data
    await near.close()
    await far.close()
    await far.close()


async def _plain() -> None:
    async with sockets() as (near, far):
        ends = pipe_of(near), pipe_of(far)
        assert [type(one) for one in ends] == [SocketPipe, SocketPipe]
        await _there_and_back(*ends, 4_194_304)


def test_a_plain_socket_carries_more_than_it_takes_at_once() -> None:
    run(_plain)


async def _memory() -> None:
    near, far = trio.testing.memory_stream_pair()
    await _there_and_back(pipe_of(near), pipe_of(far), 1_048_576)


def test_any_other_stream_carries_it_too() -> None:
    run(_memory)


async def _reset() -> None:
    async with sockets() as (near, far):
        pipe = pipe_of(near)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await far.aclose()
        assert await pipe.receive(10) == b""
        said = Said()
        said.pieces = [b"x"] * 100
        assert not await Sender(pipe, said.next).run(said.is_over)
        await pipe.say_no_more()
        await pipe.close()


def test_a_socket_that_was_reset_has_come_to_its_end() -> None:
    run(_reset)


async def _full() -> None:
    async with sockets() as (near, far):
        pipe, other, said = pipe_of(near), pipe_of(far), Said()
        sender = Sender(pipe, said.next)
        said.pieces = [bytes([number % 251]) * 65_536 for number in range(100)]
        whole = b"".join(said.pieces)
        sender.now()
        left = len(said.pieces)
        assert left, "the socket takes not all of it"
        with trio.move_on_after(0.05) as scope:
            await sender.run(said.is_over)
        assert scope.cancelled_caught
        said.over = True
        came = bytearray()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sender.run, said.is_over)
            while len(came) < len(whole):
                came += await other.receive(65_536)
        assert bytes(came) == whole
        await pipe.close()
        await other.close()


def test_whoever_does_not_read_is_waited_for_and_gets_all_of_it_in_the_end() -> None:
    run(_full)


async def _checkpoints() -> None:
    async with sockets() as (near, far):
        pipe = pipe_of(near)
        await far.send_all(b"xx")
        for pause in (lambda: pipe.receive(1), pipe.say_no_more, pipe.close):
            with trio.testing.assert_checkpoints():
                await pause()


def test_what_can_be_awaited_of_a_socket_is_a_checkpoint() -> None:
    run(_checkpoints)
