"""`foldhub status`."""

import json
from pathlib import Path
from typing import Annotated, cast

import trio
from cyclopts import Parameter

from foldhub.tcp import TcpLink
from foldhub_core import AccessDeniedError
from foldhub_core.health import Health
from foldhub_core.questions import GetHealth
from foldhub_core.records import names_of

from .places import link_to


def status(
    place: str,
    /,
    *,
    token_file: Path | None = None,
    ca: Path | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Ask a hub how it is: for an administrator in numbers, for everybody else whether it answers, and how fast.

    For example:

        foldhub status 127.0.0.1:7878
        foldhub status hub.example:7878 --ca authority.pem --token-file admin.token --json

    Parameters
    ----------
    place
        HOST:PORT of the hub.
    token_file
        A file that holds the token to come by.
    ca
        The authority of the hub's certificate: with it the link is TLS.
    cert
        The certificate to show, where the hub asks for one.
    key
        The key of that certificate.
    as_json
        Print a line of JSON.
    """
    told = trio.run(_status, link_to(place, token_file, ca, cert, key))
    if as_json:
        print(json.dumps(told))
    else:
        width = max(map(len, told))
        for name, value in told.items():
            print(f"{name.replace('_', ' '):<{width}}  {_shown(value)}")
    return 0


async def _status(link: TcpLink) -> dict[str, object]:
    began = trio.current_time()
    async with link.connect() as connection:
        connected = trio.current_time()
        told: dict[str, object] = {"hub_id": connection.hub_id, "you_are": connection.subject}
        try:
            health = cast(Health, await connection.question(GetHealth()))
            told |= {name: getattr(health, name) for name in names_of(Health)}
        except AccessDeniedError:
            told["numbers"] = "for the administrator only"
        asked = trio.current_time()
    return told | {
        "connected_in_ms": round((connected - began) * 1000, 1),
        "answered_in_ms": round((asked - connected) * 1000, 1),
    }


def _shown(value: object) -> str:
    """A value for people, and nothing that draws on their terminal."""
    if isinstance(value, tuple):
        return " ".join([f"{name}/{version}" for name, version in cast("tuple[tuple[str, int], ...]", value)])
    return ascii(value)[1:-1] if isinstance(value, str) else str(value)
