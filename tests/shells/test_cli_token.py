"""`foldhub token`, as its user sees it."""

from pathlib import Path

import pytest

from foldhub.cli.token import app
from foldhub.tokens import TokenFile


def run(*words: str) -> int:
    came = app(list(words), exit_on_error=False, result_action="return_value")
    assert isinstance(came, int)
    return came


def test_a_token_is_printed_once_and_found_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tokens.json"
    assert run("add", str(path), "team-a", "--register", "a-*", "--register", "b-*", "--expires", "30d") == 0
    out, err = capsys.readouterr()
    token = TokenFile(path).read().find(out.strip())
    assert token is not None
    assert (token.subject, token.may_register) == ("team-a", ("a-*", "b-*"))
    assert token.expires_at_ms is not None
    assert token.expires_at_ms - token.created_at_ms == 30 * 24 * 3600 * 1000
    assert token.token_id in err


def test_a_list_tells_everything_but_the_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tokens.json"
    run("add", str(path), "team-a", "--register", "a-*")
    secret = capsys.readouterr().out.strip()
    assert run("list", str(path)) == 0
    shown = capsys.readouterr().out
    assert "team-a" in shown
    assert secret not in shown


def test_a_revoked_token_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tokens.json"
    run("add", str(path), "team-a")
    token = TokenFile(path).read().kept[0]
    assert run("revoke", str(path), token.token_id) == 0
    assert TokenFile(path).read().kept == ()
    assert run("revoke", str(path), token.token_id) == 1
    assert "expected the id of a token" in capsys.readouterr().err


def test_what_cannot_be_done_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tokens.json"
    assert run("add", str(path), "team-a", "--expires", "soon") == 1
    assert run("add", str(tmp_path / "nowhere" / "tokens.json"), "team-a") == 1
    path.write_bytes(b"")
    assert run("list", str(path)) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("foldhub token: ") for line in lines)


def test_a_name_that_would_draw_on_the_terminal_is_shown_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tokens.json"
    run("add", str(path), "\x1b[31mred")
    run("list", str(path))
    out, err = capsys.readouterr()
    assert "\x1b[31mred" not in out + err
