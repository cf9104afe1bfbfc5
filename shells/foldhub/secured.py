"""A server's stream of TLS, on which nobody can talk for long without saying anything.

What a client says in TLS beside its data, new keys above all, costs the hub time and shows up nowhere: no frame, no byte. TLS
itself knows no bound for it. Here there is one: what comes over the wire may be no more than what was said, and a little.
"""

import ssl

import trio

from .steady_log import SteadyLog

LOG = SteadyLog("foldhub.tcp")

IDLE_BYTES = 65_536
"""How much may have come beyond what was said: more than one record and what is read at once, which are 16 and 32 KiB."""

RECORD_BYTES = 64
"""What a record may add to what is said in it."""


class SecuredStream(trio.abc.Stream):
    """TLS on a stream, for a server. `do_handshake` comes first."""

    def __init__(self, raw: trio.abc.Stream, context: ssl.SSLContext) -> None:
        self._raw = _Counted(raw)
        self._tls = trio.SSLStream(self._raw, context, server_side=True)

    async def do_handshake(self) -> None:
        """Agree on keys; raises `trio.BrokenResourceError` where that fails. A checkpoint."""
        await self._tls.do_handshake()
        self._raw.idle, self._raw.most = 0, IDLE_BYTES

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What is said next. A checkpoint; raises `trio.BrokenResourceError` also where too much comes that says nothing."""
        data = await self._tls.receive_some(max_bytes)
        self._raw.idle = max(0, self._raw.idle - len(data) - RECORD_BYTES)
        return bytes(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Say something. A checkpoint."""
        await self._tls.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room. A checkpoint."""
        await self._tls.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close it. A checkpoint."""
        await self._tls.aclose()


class _Counted(trio.abc.Stream):
    """The bytes of a wire, counted as they come."""

    def __init__(self, inner: trio.abc.Stream) -> None:
        self._inner = inner
        self.idle = 0
        """How much has come for which nothing was said."""
        self.most: int | None = None
        """How much of that there may be; None while it does not count."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self.most is not None and self.idle > self.most:
            LOG.warning("a connection is ended: %d bytes of TLS came that say nothing", self.idle)
            raise trio.BrokenResourceError(f"expected at most {self.most} bytes that say nothing, came {self.idle}")
        data = await self._inner.receive_some(max_bytes)
        self.idle += len(data)
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._inner.aclose()
