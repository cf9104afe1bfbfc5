"""Pipes: the bytes of one connection, both ways, as both ends of a TCP link carry them.

A plain socket is written without a switch of tasks, by whoever has something to say, as far as it takes it at once. What is
not a plain socket (TLS, the memory streams of a test) takes nothing at once: all that is said on it is sent by the one task
that also sends what a socket did not take.
"""

import socket
from collections.abc import Callable
from typing import Protocol

import trio

from .sockets import Bell

GONE = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)
"""What is raised where the other side takes nothing any more."""


class Pipe(Protocol):
    """The bytes of one connection. One task reads, and one waits for room."""

    def send_now(self, data: bytes | memoryview) -> int:
        """Send what goes without waiting; gives how many bytes went, perhaps none. Raises one of `GONE`."""
        ...

    async def send_some(self, data: bytes | memoryview) -> int:
        """Wait until some of it goes; gives how many bytes went. Raises one of `GONE`. Cancelled, a socket has sent none."""
        ...

    async def receive(self, most: int) -> bytes:
        """What has come, at most so many bytes; none are the end of the stream, however it ended. A checkpoint."""
        ...

    async def say_no_more(self) -> None:
        """Say that nothing more comes, where that can be said without closing; for TLS the other side's goodbye has to do.

        Whoever ends a connection reads on until the other side has gone. A socket that is closed with something unread is
        reset, and with it goes what was sent last.
        """
        ...

    async def close(self) -> None:
        """Put it down at once."""
        ...


def pipe_of(stream: trio.abc.Stream) -> Pipe:
    """Make a stream a pipe. The stream is the pipe's from then on."""
    return SocketPipe(stream) if type(stream) is trio.SocketStream else StreamPipe(stream)


class SocketPipe:
    """A plain socket, taken out of its stream."""

    __slots__ = ("_socket",)

    def __init__(self, stream: trio.SocketStream) -> None:
        taken = stream.socket
        self._socket = socket.socket(taken.family, taken.type, taken.proto, fileno=taken.detach())
        self._socket.setblocking(False)

    def send_now(self, data: bytes | memoryview) -> int:
        """Write what the socket takes."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    async def send_some(self, data: bytes | memoryview) -> int:
        """Wait until it takes some."""
        await trio.lowlevel.wait_writable(self._socket)
        return self.send_now(data)

    async def receive(self, most: int) -> bytes:
        """Wait until something is there, and read it."""
        while True:
            try:
                await trio.lowlevel.wait_readable(self._socket)
                return self._socket.recv(most)
            except BlockingIOError:
                continue
            except GONE:
                return b""

    async def say_no_more(self) -> None:
        """Shut its sending side down."""
        await trio.lowlevel.checkpoint()
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    async def close(self) -> None:
        """Close it."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
        await trio.lowlevel.checkpoint()


class StreamPipe:
    """Any stream of trio's."""

    __slots__ = ("_stream",)

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    def send_now(self, data: bytes | memoryview) -> int:  # noqa: ARG002 - a pipe is given what it is to send
        """Nothing goes without waiting."""
        return 0

    async def send_some(self, data: bytes | memoryview) -> int:
        """Send all of it."""
        await self._stream.send_all(data)
        return len(data)

    async def receive(self, most: int) -> bytes:
        """Read what is there."""
        try:
            return bytes(await self._stream.receive_some(most))
        except GONE:
            return b""

    async def say_no_more(self) -> None:
        """It cannot be said."""
        await trio.lowlevel.checkpoint()

    async def close(self) -> None:
        """Close it at once."""
        await trio.aclose_forcefully(self._stream)


class Sender:
    """What one end has to say, on its way into a pipe: at once as far as that goes, the rest by the task that runs `run`."""

    __slots__ = ("_bell", "_broken", "_data_to_send", "_pipe", "_rest", "_waiting")

    def __init__(self, pipe: Pipe, data_to_send: Callable[[], bytes]) -> None:
        """`data_to_send` gives what is to be sent next, each byte once, and none where nothing is."""
        self._pipe = pipe
        self._data_to_send = data_to_send
        self._rest: bytes | memoryview = b""
        """What was given and has not gone: always the first to go."""
        self._waiting = False
        """Whether the task waits for the pipe to take it."""
        self._broken = False
        self._bell = Bell()

    def now(self) -> None:
        """Send what goes without waiting, and leave the rest to the task. Raises nothing: what is broken the task finds."""
        if self._waiting or self._broken:
            return
        data = self._rest or self._data_to_send()
        try:
            while data:
                sent = self._pipe.send_now(data)
                if sent < len(data):
                    self._rest = memoryview(data)[sent:]
                    self._bell.ring()
                    return
                data = self._data_to_send()
            self._rest = b""
        except GONE:
            self._broken = True
            self._bell.ring()

    def soon(self) -> None:
        """Have the task send what there is, together with what comes until it has its turn; or find that all is over."""
        self._bell.ring()

    async def run(self, over: Callable[[], bool]) -> bool:
        """Send what is left, until it is over and all is sent; False where the other side takes nothing any more."""
        while True:
            self.now()
            if self._broken:
                return False
            if self._rest:
                await self._send_rest()
            elif over():
                return True
            else:
                await self._bell.wait()

    async def _send_rest(self) -> None:
        self._waiting = True
        try:
            self._rest = memoryview(self._rest)[await self._pipe.send_some(self._rest) :]
        except GONE:
            self._broken = True
        finally:
            self._waiting = False
