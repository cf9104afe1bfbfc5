"""Tokens: what a client shows over a wire to be known, and the file that says whom the hub knows by them.

A token is 256 random bits, shown once, when it is made. The file holds its hash, so that nobody can come by what stands there,
and beside it on whose behalf comes who shows the token: a subject, the names that may be registered, the agents that may be acted
for, and until when. The file is written whole beside the old one and put in its place, so that a crash leaves either.
"""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

import attrs
import msgspec

from foldhub_core import Principal
from foldhub_stores.disk import sync_folder

PREFIX = "foldhub_"
"""How a token begins, so that one is known for what it is wherever it is left lying."""

SHOWN = 8
"""How many characters of a token's hash are its id."""


class TokenFileError(Exception):
    """A file of tokens that cannot be used, and what is to be done about it."""


@attrs.frozen
class Token:
    """What the hub knows of one token; the token itself it does not."""

    hash: str
    """SHA-256 of the token, as hexadecimal digits."""
    subject: str
    """Who comes by it. What this subject registers belongs to it, whichever of its tokens it comes by."""
    may_register: tuple[str, ...] = ()
    """Globs over the names it may register."""
    agent_ids: tuple[str, ...] = ()
    """The agents it may act for, beside those of its subject."""
    admin: bool = False
    created_at_ms: int = 0
    expires_at_ms: int | None = None
    """From when it is good for nothing; None is never."""

    @property
    def token_id(self) -> str:
        """What it is called in lists and logs."""
        return self.hash[:SHOWN]

    @property
    def principal(self) -> Principal:
        """On whose behalf comes who shows it."""
        return Principal(subject=self.subject, agent_ids=self.agent_ids, may_register=self.may_register, admin=self.admin)

    def is_over(self, now_ms: int) -> bool:
        """Whether its time is over."""
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms


def hash_of(secret: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@attrs.frozen
class Tokens:
    """The tokens a hub knows, as a value: a change makes another."""

    kept: tuple[Token, ...] = ()
    """In the order they were made."""

    def find(self, secret: str) -> Token | None:
        """The token this is the secret of, whether its time is over or not. Takes as long whatever is shown."""
        shown = hash_of(secret)
        found: Token | None = None
        for token in self.kept:
            if hmac.compare_digest(token.hash, shown):
                found = token
        return found

    def knows(self, token: Token) -> bool:
        """Whether this very token is still there, with the same rights."""
        return token in self.kept

    def add(
        self,
        subject: str,
        *,
        may_register: Iterable[str] = (),
        agent_ids: Iterable[str] = (),
        admin: bool = False,
        now_ms: int,
        expires_at_ms: int | None = None,
    ) -> "tuple[Tokens, Token, str]":
        """Make a token: the tokens with it, what is kept of it, and its secret, which nobody can tell again.

        Raises `ValueError` for a subject that is empty or a time that is over already.
        """
        if not subject.strip():
            raise ValueError("expected a subject, came an empty one")
        if expires_at_ms is not None and expires_at_ms <= now_ms:
            raise ValueError("expected a time to come, came one that is over")
        secret = PREFIX + secrets.token_urlsafe(32)
        token = Token(hash_of(secret), subject, tuple(may_register), tuple(agent_ids), admin, now_ms, expires_at_ms)
        return Tokens((*self.kept, token)), token, secret

    def revoke(self, token_id: str) -> "tuple[Tokens, Token]":
        """The tokens without the one of this id, and that one; raises `KeyError` where there is none."""
        for token in self.kept:
            if token.token_id == token_id:
                return Tokens(tuple([one for one in self.kept if one is not token])), token
        raise KeyError(token_id)


class TokenFile:
    """A file of tokens. A path that leads nowhere is a file of none until something is written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Tokens:
        """The tokens in it. Raises `TokenFileError` where others may read it or write it, or it is not one."""
        try:
            with self.path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if mode & 0o077:
                    raise TokenFileError(
                        f"expected a file that only its owner may read, came {self.path} with mode {mode:04o}; chmod 600 mends it"
                    )
                data = file.read()
        except FileNotFoundError:
            return Tokens()
        try:
            return Tokens(msgspec.json.decode(data, type=_Kept, strict=True).tokens)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise TokenFileError(f"expected a file of tokens, came {self.path}: {error}") from None

    def write(self, tokens: Tokens) -> None:
        """Put these tokens in it, readable by its owner alone; durable when it returns."""
        data = msgspec.json.format(msgspec.json.encode(_Kept(tokens.kept)), indent=2) + b"\n"
        beside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(file, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            beside.replace(self.path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync_folder(self.path.parent)

    def changed_at(self) -> tuple[int, int, int] | None:
        """What differs when the file was written again; None where there is none."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


@attrs.frozen
class _Kept:
    """What stands in the file."""

    tokens: tuple[Token, ...] = ()
