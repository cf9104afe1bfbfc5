"""`foldhub token`: make, list and revoke the tokens a hub knows its clients by."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from foldhub.tokens import Token, TokenFile, TokenFileError
from foldhub_core import NetworkError
from foldhub_core.rule import duration_ms

app = App(name="token", help="Make, list and revoke the tokens a hub knows its clients by.")


@app.command
def add(
    file: Path,
    subject: str,
    /,
    *,
    register: Annotated[list[str] | None, Parameter(negative=())] = None,
    agent: Annotated[list[str] | None, Parameter(negative=())] = None,
    admin: Annotated[bool, Parameter(negative=())] = False,
    expires: str | None = None,
) -> int:
    """Make a token and print it, once: the file keeps only its hash.

    Example: `foldhub token add tokens.json team-a --register 'team-a-*' --expires 30d`

    Parameters
    ----------
    file
        The file of tokens; it is made where there is none.
    subject
        Who comes by the token. What it registers belongs to this subject.
    register
        A glob over the names it may register; may be given several times.
    agent
        The id of an agent of another subject that it may act for; may be given several times.
    admin
        Let it do everything.
    expires
        How long it is good for: 90, 30s, 15m, 2h or 1d; without it, until it is revoked.
    """
    now_ms = int(time.time() * 1000)
    try:
        until_ms = None if expires is None else now_ms + duration_ms(expires, "--expires")
        before = TokenFile(file).read()
        after, token, secret = before.add(
            subject, may_register=register or (), agent_ids=agent or (), admin=admin, now_ms=now_ms, expires_at_ms=until_ms
        )
        TokenFile(file).write(after)
    except (TokenFileError, NetworkError, ValueError, OSError) as error:
        return _failed(error)
    print(secret)
    print(f"made {token.token_id} for {subject!a}; it is shown this once", file=sys.stderr)
    return 0


@app.command(name="list")
def list_tokens(file: Path, /) -> int:
    """Print the tokens of a file, without what they are shown by.

    Example: `foldhub token list tokens.json`
    """
    try:
        tokens = TokenFile(file).read()
    except (TokenFileError, OSError) as error:
        return _failed(error)
    table = Table("id", "subject", "may register", "may act for", "made", "until")
    for token in tokens.kept:
        names = "everything" if token.admin else " ".join(token.may_register)
        made, until = _day(token.created_at_ms), _until(token)
        table.add_row(token.token_id, ascii(token.subject)[1:-1], names, " ".join(token.agent_ids), made, until)
    Console().print(table)
    return 0


@app.command
def revoke(file: Path, token_id: str, /) -> int:
    """Revoke a token: a hub that runs ends its connections within a second or two.

    Example: `foldhub token revoke tokens.json 3f9a01cc`
    """
    try:
        after, token = TokenFile(file).read().revoke(token_id)
        TokenFile(file).write(after)
    except KeyError:
        return _failed(f"expected the id of a token in {file}, came {token_id!a}")
    except (TokenFileError, OSError) as error:
        return _failed(error)
    print(f"revoked {token.token_id} of {token.subject!a}", file=sys.stderr)
    return 0


def _failed(error: Exception | str) -> int:
    print(f"foldhub token: {error}", file=sys.stderr)
    return 1


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _until(token: Token) -> str:
    if token.expires_at_ms is None:
        return "revoked"
    return _day(token.expires_at_ms) + (" (over)" if token.is_over(int(time.time() * 1000)) else "")
