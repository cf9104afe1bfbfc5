"""Tokens: what is kept of one, and the file they stand in."""

import os
import stat
from pathlib import Path

import pytest

from foldhub.tokens import PREFIX, TokenFile, TokenFileError, Tokens, hash_of


def made(path: Path) -> str:
    tokens, _, secret = Tokens().add("team-a", now_ms=1, may_register=["team-a-*"])
    TokenFile(path).write(tokens)
    return secret


def test_a_token_is_found_by_its_secret_and_by_nothing_else() -> None:
    tokens, token, secret = Tokens().add("team-a", now_ms=1)
    assert tokens.find(secret) == token
    assert tokens.find(secret[:-1]) is None
    assert tokens.find("") is None
    assert tokens.find(token.hash) is None
    assert tokens.find("\udc80") is None


def test_a_secret_is_256_random_bits_and_no_two_are_alike() -> None:
    secrets = {Tokens().add("team-a", now_ms=1)[2] for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(one) == len(PREFIX) + 43 for one in secrets)


def test_what_is_kept_does_not_tell_the_secret(tmp_path: Path) -> None:
    secret = made(tmp_path / "tokens.json")
    kept = (tmp_path / "tokens.json").read_text(encoding="utf-8")
    assert secret not in kept
    assert secret.removeprefix(PREFIX) not in kept
    assert hash_of(secret) in kept


def test_a_token_gives_the_rights_it_was_made_with() -> None:
    _, token, _ = Tokens().add("team-a", may_register=["a-*"], agent_ids=["demo:a:a2"], now_ms=1)
    principal = token.principal
    assert (principal.subject, principal.may_register, principal.agent_ids) == ("team-a", ("a-*",), ("demo:a:a2",))
    assert not principal.admin


def test_a_token_is_good_up_to_its_time_and_not_at_it() -> None:
    _, token, _ = Tokens().add("team-a", now_ms=1, expires_at_ms=1_000)
    assert not token.is_over(999)
    assert token.is_over(1_000)


def test_a_token_is_not_made_for_nobody_or_for_the_past() -> None:
    with pytest.raises(ValueError, match="expected a subject"):
        Tokens().add("  ", now_ms=1)
    with pytest.raises(ValueError, match="expected a time to come"):
        Tokens().add("team-a", now_ms=5, expires_at_ms=5)


def test_a_token_that_was_revoked_is_known_no_more_and_the_others_stay() -> None:
    tokens, first, _ = Tokens().add("team-a", now_ms=1)
    tokens, second, secret = tokens.add("team-a", now_ms=1)
    left, revoked = tokens.revoke(first.token_id)
    assert revoked == first
    assert not left.knows(first)
    assert left.find(secret) == second
    with pytest.raises(KeyError):
        left.revoke(first.token_id)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    tokens, _, _ = Tokens().add("team-ä", may_register=["x*"], agent_ids=["y"], admin=True, now_ms=1, expires_at_ms=9)
    file = TokenFile(tmp_path / "tokens.json")
    file.write(tokens)
    assert file.read() == tokens


def test_a_file_that_is_not_there_is_a_file_of_no_tokens(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    assert file.read() == Tokens()
    assert file.changed_at() is None


def test_only_its_owner_may_read_what_was_written(tmp_path: Path) -> None:
    made(tmp_path / "tokens.json")
    assert stat.S_IMODE((tmp_path / "tokens.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_touch_is_refused_with_what_mends_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "tokens.json"
    made(path)
    path.chmod(mode)
    with pytest.raises(TokenFileError, match="chmod 600"):
        TokenFile(path).read()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"tokens": [{"hash": 1}]}', b"\xff", b"[" * 100_000])
def test_what_is_no_file_of_tokens_is_refused_naming_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(TokenFileError, match=r"expected a file of tokens, came .*tokens\.json"):
        TokenFile(path).read()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "tokens.json"
    folder.mkdir()
    with pytest.raises(OSError, match="tokens"):
        TokenFile(folder).write(Tokens())
    assert os.listdir(tmp_path) == ["tokens.json"]


def test_a_file_that_was_written_again_differs(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    made(path)
    before = TokenFile(path).changed_at()
    made(path)
    assert TokenFile(path).changed_at() != before
