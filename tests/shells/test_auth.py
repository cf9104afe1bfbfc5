"""Auth: who may come, and for how long."""

from pathlib import Path

import pytest
import trio

from foldhub.auth import ApiKey, Grant, NoAuth
from foldhub.tokens import TokenFile, TokenFileError, Tokens
from foldhub_core import AuthError


class Calendar:
    """A wall clock that is set by hand."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def test_whoever_comes_without_auth_may_do_what_everybody_may() -> None:
    auth = NoAuth()
    grant = trio.run(auth.check, "anything")
    assert grant.principal.subject == "local"
    assert auth.ended(grant) is None
    assert auth.open_to_all


def test_a_token_lets_its_subject_in() -> None:
    tokens, token, secret = Tokens().add("team-a", may_register=["a-*"], now_ms=1)
    auth = ApiKey(tokens, Calendar(2))
    grant = trio.run(auth.check, secret)
    assert grant == Grant(token.principal, token)
    assert auth.ended(grant) is None
    assert not auth.open_to_all


def test_whatever_is_wrong_with_a_credential_the_answer_is_the_same() -> None:
    tokens, _, over = Tokens().add("team-a", now_ms=1, expires_at_ms=5)
    tokens, revoked, secret = tokens.add("team-a", now_ms=1)
    tokens, _ = tokens.revoke(revoked.token_id)
    auth = ApiKey(tokens, Calendar(5))
    answers: set[str] = set()
    for credential in ("", "nonsense", over, secret, secret[:-1], "\udc80", "x" * 100_000):
        with pytest.raises(AuthError) as refused:
            trio.run(auth.check, credential)
        answers.add(str(refused.value))
        assert not credential or credential not in str(refused.value)
    assert len(answers) == 1


def test_a_grant_ends_when_its_token_expires() -> None:
    calendar = Calendar(2)
    tokens, _, secret = Tokens().add("team-a", now_ms=1, expires_at_ms=1_000)
    auth = ApiKey(tokens, calendar)
    grant = trio.run(auth.check, secret)
    calendar.now_ms = 1_000
    assert auth.ended(grant) == "the token has expired"


def test_a_grant_ends_when_its_token_is_revoked() -> None:
    tokens, token, secret = Tokens().add("team-a", now_ms=1)
    auth = ApiKey(tokens, Calendar(2))
    grant = trio.run(auth.check, secret)
    auth.use(tokens.revoke(token.token_id)[0])
    assert auth.ended(grant) == "the token was revoked"


def test_a_file_is_read_again_when_it_was_changed(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    auth = ApiKey(file, Calendar(2))
    tokens, token, secret = Tokens().add("team-a", now_ms=1)
    file.write(tokens)
    grant = trio.run(auth.check, secret)
    file.write(tokens.revoke(token.token_id)[0])
    assert auth.ended(grant) == "the token was revoked"


def test_a_file_that_cannot_be_used_is_refused_at_the_beginning_and_lets_nobody_in_later(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    file = TokenFile(path)
    tokens, _, secret = Tokens().add("team-a", now_ms=1)
    file.write(tokens)
    auth = ApiKey(file, Calendar(2))
    grant = trio.run(auth.check, secret)
    path.write_bytes(b"{}x")
    assert auth.ended(grant) == "the token was revoked"
    with pytest.raises(TokenFileError):
        ApiKey(file, Calendar(2))
