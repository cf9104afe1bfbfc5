"""The TCP shell, the client's side: a link to a hub that is far away.

    async with TcpLink("hub.example", 7878, ssl_context=client_context(), credentials=token).connect() as duplex:
        ...

A connection outlives its sockets. Where one breaks it comes back by itself, after pauses that grow; its agents are attached
again, what is owed comes again, and what was asked for and not answered is asked again, under the same key. That a hub restarts
is no more than a long pause. It ends when its block ends, or where the hub turns it away for good.
"""

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import trio

from foldhub_core import HubConfig
from foldhub_core.wire.limits import DEFAULT, WireLimits

from .tcp_connection import LinkState, TcpConnection

__all__ = ["LinkState", "TcpConnection", "TcpLink"]


class TcpLink:
    """Where a hub is: a host and a port."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        ssl_context: ssl.SSLContext | None = None,
        credentials: str | None = None,
        config: HubConfig | None = None,
        client: str = "",
        on_state: Callable[[LinkState, str], None] | None = None,
        limits: WireLimits = DEFAULT,
    ) -> None:
        """`credentials` is the token that says who comes. `config` holds the adapters of the protocols its agents speak, without
        one the built-in ones. `client` is what a log of the hub calls it. `on_state` is told how it stands, and why.
        """
        self.host = host
        self.port = port
        self.limits = limits
        self.config = HubConfig() if config is None else config
        self.ssl_context = ssl_context
        self._credentials = credentials or ""
        self._client = client
        self._on_state = on_state

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["TcpConnection", None]:
        """A connection, for as long as the block lasts.

        Raises `Unavailable` where there is no hub now, and what the hub refuses it with, `AuthError` above all. Entering and
        leaving are checkpoints. At the end it waits a little until what was acked is confirmed; cancelled, it ends at once, and
        what is owed to its agents stays owed.
        """
        raised: Exception | None = None
        connection = TcpConnection(self, self.config, self._credentials, self._client, self._on_state)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.run)
            try:
                await connection.first()
                yield connection
                with trio.move_on_after(self.limits.goodbye_ms / 1000):
                    await connection.confirmed()
            except Exception as error:
                raised = error
            finally:
                connection.close()
            with trio.move_on_after(self.limits.goodbye_ms / 1000):
                await connection.ended.wait()
            nursery.cancel_scope.cancel()
        if raised is not None:
            raise raised

    async def open_stream(self) -> trio.abc.Stream:
        """A socket to the hub, with TLS where there is to be. Raises `OSError`, or `trio.BrokenResourceError` where TLS fails."""
        raw = await trio.open_tcp_stream(self.host, self.port)
        if self.ssl_context is None:
            return raw
        stream = trio.SSLStream(raw, self.ssl_context, server_hostname=self.host)
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(raw)
            raise
        return stream
