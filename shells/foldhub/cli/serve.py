"""`foldhub serve`."""

import logging
import signal
import ssl
import sys
import time
from pathlib import Path

import trio

from foldhub.auth import ApiKey, Auth, NoAuth
from foldhub.hub import Hub
from foldhub.loop import HubStopped
from foldhub.serving import serve_tcp
from foldhub.tls import check_key, is_loopback, server_context
from foldhub.tokens import TokenFile, TokenFileError
from foldhub_core import Principal
from foldhub_stores import FileStore

from .logs import LogFormat, log_to_stderr
from .places import PORT, place_of

LOG = logging.getLogger("foldhub.serve")

OWN_MACHINE = Principal(subject="local", may_register=("*",), admin=True)
"""On whose behalf everybody comes to a hub that only its own machine reaches, and that asks nobody."""


def serve(
    path: Path,
    /,
    *,
    listen: str = f"127.0.0.1:{PORT}",
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    client_ca: Path | None = None,
    tokens: Path | None = None,
    log: LogFormat = "human",
) -> int:
    """Run the hub of a store and let clients come over TCP, until SIGINT or SIGTERM.

    When it listens it prints one line that says where. Without tokens everybody on this machine may do everything; where other
    machines can reach it, it does not start without TLS and tokens (or certificates of clients).

    For example:

        foldhub serve data/demo
        foldhub serve data/demo --listen 0.0.0.0:7878 --tls-cert hub.pem --tls-key hub.key --tokens tokens.json

    Parameters
    ----------
    path
        The folder of the store; it is made where there is none.
    listen
        HOST:PORT to listen on; port 0 is any that is free.
    tls_cert
        The hub's certificate, with all that leads up to its authority.
    tls_key
        The key of the certificate, which nobody else may read.
    client_ca
        Let only clients in that show a certificate of this authority.
    tokens
        The file of tokens, see `foldhub token`. What is changed in it counts within a second or so.
    log
        How to log to standard error: human or json.
    """
    log_to_stderr(log)
    try:
        if (tls_cert is None) != (tls_key is None) or (client_ca is not None and tls_cert is None):
            raise ValueError("expected --tls-cert and --tls-key, and both where there is --client-ca")
        host, port = place_of(listen)
        context = None if tls_cert is None or tls_key is None else server_context(tls_cert, tls_key, client_ca)
        if tls_key is not None:
            check_key(tls_key)
        trio.run(_serve, path, host, port, context, _auth(host, tokens))
    except (ValueError, TokenFileError, HubStopped) as error:
        print(f"foldhub serve: {error}", file=sys.stderr)
        return 1
    return 0


def _auth(host: str, tokens: Path | None) -> Auth:
    if tokens is not None:
        return ApiKey(TokenFile(tokens), lambda: int(time.time() * 1000))
    return NoAuth(OWN_MACHINE) if is_loopback(host) else NoAuth()


async def _serve(path: Path, host: str, port: int, context: ssl.SSLContext | None, auth: Auth) -> None:
    raised: Exception | None = None
    async with Hub.open(FileStore(path), auth=auth) as hub:
        try:
            async with trio.open_nursery() as nursery:
                with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    bound = await nursery.start(_listen, hub, host, port, context)
                    print(f"foldhub: hub {hub.hub_id} listens on {_written(host, bound)}", flush=True)
                    async for number in signals:
                        LOG.info("%s: saying goodbye", signal.Signals(number).name)
                        break
                    nursery.cancel_scope.cancel()
        except* (OSError, ValueError) as group:
            raised = _first(group)
    if raised is not None:
        raise raised
    LOG.info("the hub %s has closed at commit %d", hub.hub_id, hub.state.seq)


async def _listen(
    hub: Hub, host: str, port: int, context: ssl.SSLContext | None, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    await serve_tcp(hub, host, port, ssl_context=context, task_status=task_status)


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first that is no group itself."""
    first: Exception | BaseExceptionGroup[Exception] = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
