"""Auth: on whose behalf a client comes that is not of this process.

A credential is looked at once, when a connection begins, and what it is good for goes with the connection. It goes nowhere else:
into no arrival, no log and no error. Whatever is wrong with one, the answer is the same, so that nobody learns by trying which
tokens there are.
"""

from collections.abc import Callable
from typing import Protocol

import attrs

from foldhub_core import AuthError, Principal

from .tokens import Token, TokenFile, TokenFileError, Tokens

EVERYBODY = Principal(subject="local", may_register=("*",))
"""On whose behalf comes who was not asked."""

REFUSED = "expected a credential that is known, came another"
"""The one answer to every credential that is no good."""


@attrs.frozen
class Grant:
    """What a credential is good for, for as long as its `Auth` says."""

    principal: Principal
    token: Token | None = None
    """What it was granted by; None where nothing was asked for."""


class Auth(Protocol):
    """Says who may come."""

    open_to_all: bool
    """Whether everybody is let in: then a hub listens to its own machine only."""

    async def check(self, credential: str) -> Grant:
        """Give what a credential is good for; raises `AuthError` where that is nothing. May take its time, and be cancelled."""
        ...

    def ended(self, grant: Grant) -> str | None:
        """Why a grant is good no more; None while it is. Asked of every connection about once a second: it is to be quick."""
        ...


class NoAuth:
    """Lets everybody in, and do what one principal may: for one's own machine, and for tests."""

    open_to_all = True

    def __init__(self, principal: Principal = EVERYBODY) -> None:
        self._grant = Grant(principal)

    async def check(self, credential: str) -> Grant:  # noqa: ARG002
        """Give the same to everybody. Not a checkpoint."""
        return self._grant

    def ended(self, grant: Grant) -> str | None:  # noqa: ARG002
        """Never."""
        return None


class ApiKey:
    """Lets in who shows a token it knows; of a file, which it reads again when it was changed, or of a value.

    `now_ms` is the wall clock: tokens expire by the calendar.
    """

    open_to_all = False

    def __init__(self, tokens: TokenFile | Tokens, now_ms: Callable[[], int]) -> None:
        """Raises `TokenFileError` where the file cannot be used."""
        self._file = tokens if isinstance(tokens, TokenFile) else None
        self._now_ms = now_ms
        self._read_at = None if self._file is None else self._file.changed_at()
        self._tokens = tokens if isinstance(tokens, Tokens) else tokens.read()

    async def check(self, credential: str) -> Grant:
        """Give what a token is good for; raises `AuthError`. Not a checkpoint."""
        token = self._current().find(credential)
        if token is None or token.is_over(self._now_ms()):
            raise AuthError(REFUSED)
        return Grant(token.principal, token)

    def ended(self, grant: Grant) -> str | None:
        """Whether the token was revoked, or its time is over."""
        token = grant.token
        if token is None or not self._current().knows(token):
            return "the token was revoked"
        return "the token has expired" if token.is_over(self._now_ms()) else None

    def use(self, tokens: Tokens) -> None:
        """Go on with these tokens; for those that do not stand in a file."""
        self._tokens = tokens

    def _current(self) -> Tokens:
        """The tokens as they are now. A file that cannot be read any more is of no tokens: nobody comes in by mistake."""
        if self._file is None:
            return self._tokens
        changed_at = self._file.changed_at()
        if changed_at != self._read_at:
            self._read_at = changed_at
            self._tokens = _readable(self._file)
        return self._tokens


def _readable(file: TokenFile) -> Tokens:
    try:
        return file.read()
    except (OSError, TokenFileError):
        return Tokens()
