"""`foldhub serve`, `status` and `tail`, as their user sees them: processes of their own on real sockets."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foldhub.cli import main
from foldhub.cli.places import link_to, place_of
from foldhub.tcp import TcpLink
from foldhub.tls import client_context
from foldhub.tokens import TokenFile
from foldhub_core import AuthError, Malformed
from foldhub_stores import verify_store

from .certificates import Authority
from .hub_runs import run
from .wires import HOST, joined


@contextmanager
def served(*words: object) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A hub that serves, and its port; killed at the end where it still runs."""
    command = [sys.executable, "-m", "foldhub.cli", "serve", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert "listens on" in ready, ready or (process.stderr and process.stderr.read())
            yield process, int(ready.rsplit(":", 1)[1])
        finally:
            process.kill()


async def _join(link: TcpLink, name: str) -> None:
    async with link.connect() as duplex:
        await joined(duplex, name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_hub_serves_until_it_is_told_to_end_and_closes_its_store(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path / "hub", "--listen", "127.0.0.1:0", "--log", "json") as (process, port):
        run(_join, TcpLink(HOST, port), "ann")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    lines = [json.loads(line) for line in err.splitlines()]
    assert lines[-1]["message"].startswith("the hub ")
    assert {"at", "level", "logger", "message"} == set(lines[-1])
    assert not verify_store(tmp_path / "hub").findings


def test_status_and_tail_tell_of_a_hub_that_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(tmp_path / "hub", "--listen", "127.0.0.1:0") as (_, port):
        run(_join, TcpLink(HOST, port), "ann")
        place = f"127.0.0.1:{port}"
        assert main(["status", place, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["registered_agents"], told["you_are"]) == (1, "local")
        assert main(["status", place]) == 0
        assert "registered agents" in capsys.readouterr().out
        assert main(["tail", place, "--after", "0", "--no-follow"]) == 0
        shown = capsys.readouterr().out
        assert "agent.registered" in shown
        assert "\x1b" not in shown
        assert main(["tail", place, "--after", "0", "--no-follow", "--json"]) == 0
        assert [json.loads(line)["seq"] for line in capsys.readouterr().out.splitlines()][:2] == [1, 2]


def test_a_token_file_and_tls_keep_strangers_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = Authority(tmp_path)
    signed, tokens = authority.sign("hub"), tmp_path / "tokens.json"
    assert main(["token", "add", str(tokens), "ops", "--admin"]) == 0
    secret = tmp_path / "ops.token"
    secret.write_text(capsys.readouterr().out, encoding="utf-8")
    options = ("--tls-cert", signed.cert, "--tls-key", signed.key, "--tokens", tokens)
    with served(tmp_path / "hub", "--listen", "127.0.0.1:0", *options) as (process, port):
        place = f"127.0.0.1:{port}"
        assert main(["status", place, "--ca", str(authority.ca), "--token-file", str(secret)]) == 0
        assert "'" not in capsys.readouterr().out
        assert main(["status", place, "--ca", str(authority.ca)]) == 1
        assert "expected a credential that is known" in capsys.readouterr().err
        file = TokenFile(tokens)
        kept = file.read()
        file.write(kept.revoke(kept.kept[0].token_id)[0])
        link = TcpLink(HOST, port, ssl_context=client_context(authority.ca), credentials=secret.read_text().strip())
        with pytest.raises(AuthError):
            run(_join, link, "late")
        process.send_signal(signal.SIGTERM)
        assert secret.read_text().strip() not in process.communicate(timeout=30)[1]


@pytest.mark.parametrize(
    "options",
    [
        ("--listen", "0.0.0.0:0"),
        ("--listen", "nonsense:port"),
        ("--tls-cert", "missing.pem"),
        ("--tls-cert", "missing.pem", "--tls-key", "missing.key"),
        ("--client-ca", "missing.pem"),
        ("--listen", "192.0.2.1:7878", "--tokens", "tokens.json"),
    ],
)
def test_a_hub_that_must_not_start_says_why_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert main(["serve", str(tmp_path / "hub"), *options]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "expected" in err or "No such file" in err
    assert "Traceback" not in err


def test_a_process_that_must_not_serve_ends_with_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "foldhub.cli", "serve", str(tmp_path / "hub"), "--listen", "nonsense:port"]
    came = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ)
    assert (came.returncode, came.stdout) == (1, "")
    assert "Traceback" not in came.stderr


def test_a_hub_whose_key_others_may_read_does_not_start(tmp_path: Path) -> None:
    signed = Authority(tmp_path).sign("hub")
    signed.key.chmod(0o644)
    options = ("--tls-cert", str(signed.cert), "--tls-key", str(signed.key))
    command = [sys.executable, "-m", "foldhub.cli", "serve", str(tmp_path / "hub"), *options]
    came = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ)
    assert came.returncode == 1
    assert "with mode 0644; chmod 600 mends it" in came.stderr


def test_where_nobody_listens_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "127.0.0.1:1"]) == 1
    assert "expected a hub at 127.0.0.1 port 1" in capsys.readouterr().err


def test_a_store_that_is_served_is_not_served_twice(tmp_path: Path) -> None:
    with served(tmp_path / "hub", "--listen", "127.0.0.1:0"):
        command = [sys.executable, "-m", "foldhub.cli", "serve", str(tmp_path / "hub"), "--listen", "127.0.0.1:0"]
        came = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert came.returncode == 1
        assert "Traceback" not in came.stderr


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("localhost:1", ("localhost", 1)),
        ("hub.example", ("hub.example", 7878)),
        ("[::1]:9", ("::1", 9)),
        ("[::1]", ("::1", 7878)),
        ("::1", ("::1", 7878)),
    ],
)
def test_a_place_is_written_as_everywhere(written: str, place: tuple[str, int]) -> None:
    assert place_of(written) == place
    assert (link_to(written, None, None, None, None).host, link_to(written, None, None, None, None).port) == place


@pytest.mark.parametrize("written", ["", ":1", "hub:", "hub:x", "hub:70000", "hub:-1", "[::1]x"])
def test_what_is_no_place_is_refused(written: str) -> None:
    with pytest.raises(Malformed):
        place_of(written)
