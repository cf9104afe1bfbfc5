"""The command line: what people see, on which stream, and with which exit code."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from foldhub.cli import main
from foldhub_stores import FileStore, verify_store
from foldhub_stores.founding import LOG
from tests.stores.aged import aged, life
from tests.stores.places import flip, rewrite, told

COMMANDS = ("backup", "compact", "export", "import", "repair", "serve", "status", "tail", "verify-store")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return aged(tmp_path / "store")


def damaged(place: Path) -> Path:
    rewrite(place / LOG, b"Talk 3 begins", b"Walk 3 begins")
    return place


def ran(*words: object) -> subprocess.CompletedProcess[str]:
    """What a command in a process of its own says."""
    command = [sys.executable, "-m", "foldhub.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# --- help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    told_help = capsys.readouterr().out
    assert f"Usage: foldhub {command}" in told_help
    assert f" foldhub {command} " in told_help.split("For example:", 1)[1]


def test_the_help_lists_every_command_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told_help = capsys.readouterr().out
    assert [command for command in COMMANDS if command not in told_help] == []
    assert "Forget the words of sessions that ended long ago." in told_help
    assert main([]) == 0


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out[0].isdigit()


def test_what_is_asked_for_wrongly_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["repair"], ["unknown"], ["repair", "a", "b"], ["repair", "a", "--unknown"], ["export", "a", "--after", "x"]):
        assert main(words) == 2, words
        out, err = capsys.readouterr()
        assert (out, err != "") == ("", True)


# --- each command


def test_a_whole_store_is_said_to_be_whole(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-store", str(place)]) == 0
    assert capsys.readouterr() == (f"whole: hub demo, commits 1 to {len(life())}\n", "")


def test_what_is_wrong_with_a_store_is_told_and_ends_with_1(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-store", str(damaged(place))]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("damaged: ")
    assert out.endswith(f"`foldhub repair {place}` shows what can be saved\n")
    assert err == ""


def test_a_repair_shows_what_can_be_saved_and_then_saves_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repair", str(damaged(place))]) == 1
    out, _ = capsys.readouterr()
    assert "can be saved: commits 1 to 60 of the hub demo\nlost: commit 34, for which a snapshot stands in\nnothing was" in out
    assert main(["repair", str(place), "--accept-loss"]) == 0
    out, _ = capsys.readouterr()
    assert f"repaired: {place}; the damaged store is kept at {place}.damaged-" in out
    assert main(["verify-store", str(place)]) == 0
    assert capsys.readouterr().out == "whole: hub demo, commits 1 to 60, 1 of them without words, 1 lost before a repair\n"
    assert main(["repair", str(place)]) == 0
    assert capsys.readouterr().out == "whole: there is nothing to repair\n"


def test_a_log_that_lost_its_end_says_what_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = aged(tmp_path / "store", snapshots=())
    damaged(place)
    assert main(["repair", str(place), "--accept-loss", "--to", str(tmp_path / "new")]) == 0
    out, _ = capsys.readouterr()
    assert "lost: what came behind commit 33: the log had reached commit 60\n" in out
    assert "lost: of that 27 commits can be read, but not used: the damaged store keeps them\n" in out
    assert verify_store(tmp_path / "new").last == 33


def test_a_compaction_says_what_was_forgotten(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compact", str(place), "--older-than", "1d"]) == 0
    assert capsys.readouterr().out.startswith("forgotten: the words of 15 commits of 60; ")
    assert main(["compact", str(place)]) == 0
    assert capsys.readouterr().out.startswith("nothing to forget: 60 commits, ")
    assert main(["verify-store", str(place)]) == 0
    assert capsys.readouterr().out == "whole: hub demo, commits 1 to 60, 15 of them without words\n"
    assert "expected a place from commit 38 on, behind which all is kept, came 0" in wrong(capsys, "export", place)
    assert main(["export", str(place), "--after", "38"]) == 0


def test_a_compaction_without_snapshots_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compact", str(told(tmp_path / "store"))]) == 0
    assert capsys.readouterr().out.startswith("note: expected 2 whole snapshots to build the state from, came 0")


def test_a_log_goes_out_and_comes_back(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, again, other = tmp_path / "demo.jsonl", tmp_path / "again", tmp_path / "other.jsonl"
    assert main(["export", str(place), "--out", str(file)]) == 0
    assert main(["import", str(file), str(again)]) == 0
    assert main(["export", str(again), "--out", str(other)]) == 0
    assert file.read_bytes() == other.read_bytes()
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"exported: {file} reaches commit 60",
        f"imported: {again} reaches commit 60",
    ]
    stores = [FileStore(one) for one in (place, again)]
    assert stores[0].read() == stores[1].read() == life()
    for store in stores:
        store.close()


def test_a_log_goes_through_a_pipe(place: Path, tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m foldhub.cli"
    pipe = f"{command} export {place} | {command} import /dev/stdin {tmp_path / 'again'}"
    subprocess.run(["bash", "-euo", "pipefail", "-c", pipe], check=True, capture_output=True)
    assert verify_store(tmp_path / "again").last == 60


def test_whoever_has_read_enough_may_stop(place: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m foldhub.cli export {place} | head -n 1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["hub_id"] == "demo"


def test_a_backup_of_a_store_that_is_open_is_whole(place: Path, tmp_path: Path) -> None:
    store = FileStore(place)
    done = ran("backup", place, tmp_path / "copy")
    store.close()
    assert (done.returncode, done.stdout, done.stderr) == (0, f"backed up: {tmp_path / 'copy'} reaches commit 60\n", "")
    assert verify_store(tmp_path / "copy").findings == ()


# --- what goes wrong


def wrong(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What a command that ends with 1 says: one line on standard error, and nothing else."""
    assert main([str(word) for word in words]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[:9]) == ("", 1, "foldhub: ")
    return err


def test_what_goes_wrong_is_one_line_that_says_what_was_expected(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("nothing of ours\n")
    none = tmp_path / "none"
    for command in ("verify-store", "repair", "compact", "export"):
        assert f"expected a store at {none}, came nothing" in wrong(capsys, command, none)
    assert "expected nothing at" in wrong(capsys, "backup", place, place)
    assert "line 1: expected a line of JSON, came something else" in wrong(capsys, "import", tmp_path / "file", none)
    assert f"No such file or directory: {none}" in wrong(capsys, "import", none, tmp_path / "new")
    assert "--older-than: expected a duration such as" in wrong(capsys, "compact", place, "--older-than", "soon")
    assert "expected a place from 0 to 60, came 99" in wrong(capsys, "export", place, "--after", "99", "--out", tmp_path / "out")
    assert "which is a folder, came something else" in wrong(capsys, "verify-store", tmp_path / "file")
    flip(place / LOG, 5)
    assert "expected the header of a store's database" in wrong(capsys, "export", place)
    assert not (tmp_path / "out").exists()


def test_a_store_that_is_open_names_its_holder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = FileStore(place)
    for command in ("verify-store", "repair", "compact", "export"):
        assert f"came process {os.getpid()}" in wrong(capsys, command, place)
    store.close()


# --- how it looks


def test_on_a_terminal_it_shows_how_far_it_has_come(place: Path, tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "foldhub.cli", "backup", str(place), str(tmp_path / "copy")]
    with subprocess.Popen(command, stderr=follower, stdout=subprocess.PIPE, env={**os.environ, "TERM": "xterm"}) as child:
        os.close(follower)
        shown = b""
        try:
            while data := os.read(leader, 65_536):
                shown += data
        except OSError:
            pass  # the other end is closed
        assert child.stdout is not None
        assert child.stdout.read().startswith(b"backed up: ")
    os.close(leader)
    assert child.returncode == 0
    assert b"commits" in shown
    assert b"pages" in shown


def test_the_front_door_does_not_load_what_only_the_command_line_needs() -> None:
    loaded = "import sys, foldhub, foldhub.cli; print([name for name in ('cyclopts', 'rich') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_command_loads_none_of_the_others() -> None:
    program = (
        "import sys; from foldhub.cli import main; main(['verify-store', '--help']);"
        "print([name for name in sys.modules if name in ('foldhub.cli.repair', 'foldhub.cli.export', 'asyncio')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
