"""Links that break: by a reset, in the middle of a frame, whenever the dice say so."""

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterator
from random import Random

import trio

from foldhub.tcp import TcpLink
from foldhub_core import changed
from foldhub_core.wire.limits import DEFAULT

HOST = "127.0.0.1"

LIMITS = changed(
    DEFAULT,
    tls_ms=1_000,
    hello_ms=1_000,
    frame_ms=1_500,
    ping_ms=800,
    idle_ms=2_500,
    goodbye_ms=500,
    auth_window_ms=2_000,
    auth_pause_ms=250,
    pause_ms=20,
    longest_pause_ms=200,
    connect_ms=3_000,
    connects_per_address_per_s=200,
    unauthenticated_per_address=40,
    connections_per_subject=64,
    send_bytes=1_048_576,
)
"""The limits of the hub and of its clients: what takes minutes elsewhere takes a second here."""


def reset(stream: trio.SocketStream) -> None:
    """Close a socket so that the other side is told by a reset."""
    with contextlib.suppress(OSError):  # it is closed
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@contextlib.contextmanager
def _broken_where_cut() -> Iterator[None]:
    """Whoever uses a socket that was cut finds it broken, as if somebody else had cut it."""
    try:
        yield
    except trio.ClosedResourceError:
        raise trio.BrokenResourceError("it was cut") from None


class FragileStream(trio.abc.Stream):
    """A socket that is reset when so many bytes were sent, wherever in a frame that is."""

    def __init__(self, inner: trio.SocketStream, left: int | None) -> None:
        self._inner = inner
        self._left = left

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        most, left = len(data), self._left
        if left is not None:
            most, self._left = min(left, most), max(0, left - most)
        with _broken_where_cut():
            await self._inner.send_all(data[:most])
        if self._left == 0:
            self.reset()
            raise trio.BrokenResourceError("it was cut")

    def reset(self) -> None:
        """Cut it now."""
        reset(self._inner)

    async def wait_send_all_might_not_block(self) -> None:
        with _broken_where_cut():
            await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        with _broken_where_cut():
            return await self._inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._inner.aclose()


class FragileLink(TcpLink):
    """A link whose sockets break now and then; `sound` ends that."""

    def __init__(self, port: int, context: ssl.SSLContext | None, secret: str, dice: Random) -> None:
        super().__init__(HOST, port, ssl_context=context, credentials=secret, limits=LIMITS)
        self.sound = False
        self._dice = dice
        self._raw: FragileStream | None = None

    async def open_stream(self) -> trio.abc.Stream:
        left = None if self.sound or self._dice.randrange(2) else self._dice.choice((1, 30, 300, 3_000, 30_000))
        raw = FragileStream(await trio.open_tcp_stream(self.host, self.port), left)
        self._raw = raw
        if self.ssl_context is None:
            return raw
        stream = trio.SSLStream(raw, self.ssl_context, server_hostname=self.host)
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(raw)
            raise
        return stream

    def cut(self) -> None:
        """Cut what there is."""
        if self._raw is not None and not self.sound:
            self._raw.reset()
