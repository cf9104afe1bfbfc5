"""`HOST:PORT` as it is written on the command line, and the hub that is there."""

from pathlib import Path

from foldhub.tcp import TcpLink
from foldhub.tls import client_context
from foldhub_core import Malformed

PORT = 7878
"""Where a hub listens when nothing else is said."""


def place_of(written: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `HOST` or `[IPV6]:PORT`. Raises `Malformed`."""
    host, port = written, str(PORT)
    if written.startswith("["):
        host, _, rest = written[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif written.count(":") == 1:
        host, _, port = written.partition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise Malformed(f"expected HOST:PORT, came {written!a}")
    return host, int(port)


def link_to(written: str, token_file: Path | None, ca: Path | None, cert: Path | None, key: Path | None) -> TcpLink:
    """A link to the hub that is there. The token stands in a file, for the arguments of a process are for all to see.

    With a `ca` it is TLS, which believes that authority. Raises `OSError` where a file cannot be read.
    """
    host, port = place_of(written)
    context = None if ca is None else client_context(ca, cert, key)
    token = "" if token_file is None else token_file.read_text(encoding="utf-8").strip()
    return TcpLink(host, port, ssl_context=context, credentials=token, client="foldhub")
