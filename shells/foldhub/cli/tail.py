"""`foldhub tail`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast

import trio
from cyclopts import Parameter

from foldhub.tcp import TcpLink
from foldhub_core import Commit, Envelope, Fact, read_log
from foldhub_core.health import Health
from foldhub_core.pages import CommitPage
from foldhub_core.questions import GetHealth, ReadCommits
from foldhub_stores.export import commit_line

from .places import link_to

EVERY_SECONDS = 0.5
"""How often it is looked whether there is more."""


def tail(
    place: str,
    /,
    *,
    after: int | None = None,
    follow: Annotated[bool, Parameter(negative="--no-follow")] = True,
    token_file: Path | None = None,
    ca: Path | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Print what happens on a hub, as it becomes durable: a line for each fact. For an administrator.

    It goes on until it is interrupted; where the hub goes away it waits for it to come back.

    For example:

        foldhub tail 127.0.0.1:7878
        foldhub tail 127.0.0.1:7878 --after 0 --no-follow --json

    Parameters
    ----------
    place
        HOST:PORT of the hub.
    after
        Begin behind this commit; without it, with what comes from now on.
    follow
        Go on when all that is there was printed.
    token_file
        A file that holds the token to come by.
    ca
        The authority of the hub's certificate: with it the link is TLS.
    cert
        The certificate to show, where the hub asks for one.
    key
        The key of that certificate.
    as_json
        Print lines of JSON, one for each commit, as `foldhub export` does.
    """
    trio.run(_tail, link_to(place, token_file, ca, cert, key), after, follow, as_json)
    return 0


async def _tail(link: TcpLink, after: int | None, follow: bool, as_json: bool) -> None:
    async with link.connect() as connection:
        seq = cast(Health, await connection.question(GetHealth())).seq if after is None else after
        while True:
            page = cast(CommitPage, await connection.question(ReadCommits(after=seq)))
            for commit in read_log(page.log).commits:
                seq = commit.seq
                for line in [commit_line(commit)] if as_json else _lines(commit):
                    print(line, flush=True)
            if not page.more:
                if not follow:
                    return
                await trio.sleep(EVERY_SECONDS)


def _lines(commit: Commit) -> Iterator[str]:
    """A line for each fact, and for a refusal; nothing in it draws on a terminal."""
    at = datetime.fromtimestamp(commit.now_ms / 1000, UTC).isoformat(sep=" ", timespec="milliseconds")[:-6]
    begin = f"{commit.seq:>8} {at}"
    if commit.refusal is not None:
        yield f"{begin} refused {commit.refusal.code}: {_escaped(commit.refusal.message)}"
    for fact in commit.facts:
        yield f"{begin} {_told(fact)}"


def _told(fact: Fact) -> str:
    if isinstance(fact, Envelope):
        to = "" if fact.audience is None else f" to {' '.join(fact.audience)}"
        return _escaped(f"{fact.session_id} {fact.sender_id}{to}: {fact.event_type} {dict(fact.event_data)}")
    return _escaped(repr(fact))


def _escaped(text: str) -> str:
    return "".join([one if one.isprintable() else ascii(one)[1:-1] for one in text])
