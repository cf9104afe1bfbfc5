"""The TCP shell, the hub's side: clients come over sockets.

Each connection has its own tasks (`served.Served`), and whatever goes wrong in one costs that connection alone. Here is what
they have in common: who is let in, the handshake of TLS, and whether those who are in may still be.
"""

import ssl
from functools import partial

import trio

from foldhub_core import AuthError, Unavailable
from foldhub_core.wire.limits import DEFAULT, WireLimits

from .auth import Auth, NoAuth
from .cork import Cork
from .gate import Gate, house_of
from .hub import Hub
from .secured import SecuredStream
from .served import Served
from .sockets import now_ms
from .steady_log import SteadyLog
from .tls import check_exposure

LOG = SteadyLog("foldhub.tcp")

WATCH_SECONDS = 0.5
"""How often it is looked whether those who are connected may still be."""


async def serve_tcp(
    hub: Hub,
    host: str | None,
    port: int,
    *,
    ssl_context: ssl.SSLContext | None = None,
    limits: WireLimits = DEFAULT,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Let clients come over TCP, until it is cancelled. Under `nursery.start` it gives the port it listens on.

    `port` 0 is any that is free. Who comes is known by the hub's `auth`; without one everybody is let in, and then only from
    this machine. Cancelled, it says goodbye to those who are there, and has `limits.goodbye_ms` for it. Raises `ValueError`
    where others could reach it without TLS or without being asked who they are, and `OSError` where it cannot listen.
    """
    auth: Auth = hub.auth or NoAuth()
    check_exposure(host, ssl_context, asks=not auth.open_to_all)
    listeners = await _listening(host, port)
    server = Server(hub, auth, ssl_context, limits)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.watch)
        nursery.start_soon(partial(trio.serve_listeners, server.serve, listeners))
        task_status.started(listeners[0].socket.getsockname()[1])


async def _listening(host: str | None, port: int) -> list[trio.SocketListener]:
    """Listen on every address of the host, and on one port of all of them."""
    listeners = await trio.open_tcp_listeners(port, host=host)
    if port == 0 and len(listeners) > 1:
        port = listeners[0].socket.getsockname()[1]
        for listener in listeners:
            await listener.aclose()
        listeners = await trio.open_tcp_listeners(port, host=host)
    return listeners


class Server:
    """What the connections of one port have in common."""

    def __init__(self, hub: Hub, auth: Auth, ssl_context: ssl.SSLContext | None, limits: WireLimits) -> None:
        self.hub = hub
        self.auth = auth
        self.limits = limits
        asks = ssl_context is not None and ssl_context.verify_mode is ssl.CERT_REQUIRED
        self.gate = Gate(limits, one_subject=auth.open_to_all, one_machine=auth.open_to_all and not asks)
        self.served: set[Served] = set()
        self.cork = Cork()
        self._ssl_context = ssl_context
        self._came = 0
        self._closed = False

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end. Raises nothing but what cancels it.

        What cancels the server ends it by a goodbye, see `watch`.
        """
        address = _house(stream)
        self._came += 1
        name = f"tcp-{self._came}"
        why = "the hub is closing" if self._closed else self.gate.enter(address, now_ms())
        if why is not None:
            LOG.info("%s from %s is not let in: %s", name, address, why)
            await _put_down(stream, name)
            return
        served = Served(self, name, address)
        self.served.add(served)
        try:
            with served.scope:
                await self._serve(served, stream)
        except Exception:
            LOG.exception("%s from %s ended by a fault", name, address)
        except BaseExceptionGroup as raised:
            faults, rest = raised.split(Exception)
            if faults is not None:
                LOG.error("%s from %s ended by a fault", name, address, exc_info=faults)
            if rest is not None:
                raise rest from None
        finally:
            self.served.discard(served)
            self.gate.left(address, served.subject)
            with trio.CancelScope(shield=True):
                await _put_down(stream, name)

    async def _serve(self, served: Served, raw: trio.abc.Stream) -> None:
        if self._ssl_context is None:
            await served.run(raw)
            return
        stream = SecuredStream(raw, self._ssl_context)
        with trio.move_on_after(self.limits.tls_ms / 1000) as handshake:
            try:
                await stream.do_handshake()
            except trio.BrokenResourceError as error:
                LOG.info("%s from %s: no TLS: %a", served.name, served.address, str(error.__cause__ or error))
                return
        if handshake.cancelled_caught:
            LOG.info("%s from %s: no TLS in time", served.name, served.address)
            return
        await served.run(stream)

    async def watch(self) -> None:
        """End the connections whose credential is good no more; and all of them, with a goodbye, when it is cancelled."""
        try:
            while True:
                await trio.sleep(WATCH_SECONDS)
                self.gate.forget(now_ms())
                for served in list(self.served):
                    self._check(served)
        finally:
            self._closed = True
            for served in list(self.served):
                served.close(Unavailable("expected a hub that listens, came one that is closing"))

    def _check(self, served: Served) -> None:
        if served.grant is None or served.over:
            return
        try:
            why = self.auth.ended(served.grant)
        except Exception:
            LOG.exception("%s: whether its credential is still good cannot be told", served.name)
            why = "nobody can tell whether it is"
        if why is not None:
            LOG.info("%s of %a: %s", served.name, served.subject, why)
            served.close(AuthError(f"expected a credential that is good, came one that is not any more: {why}"))


async def _put_down(stream: trio.abc.Stream, name: str) -> None:
    """Close a stream at once, whatever it does about it. A checkpoint."""
    try:
        await trio.aclose_forcefully(stream)
    except Exception as error:
        LOG.info("%s: its stream does not close: %a", name, error)


def _house(stream: trio.abc.Stream) -> str:
    """Where a connection comes from, as it is counted."""
    if not isinstance(stream, trio.SocketStream):
        return "nowhere"
    try:
        return house_of(str(stream.socket.getpeername()[0]))
    except OSError:
        return "nowhere"
