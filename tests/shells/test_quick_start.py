"""The quick start runs word for word, in memory and on a file, once and again, and so does the demo."""

import subprocess
import sys
from pathlib import Path

import pytest

from foldhub.cli.demo import demo

ROOT = Path(__file__).parents[2]
PROGRAM = (ROOT / "examples" / "quick_start.py").read_text(encoding="utf-8")
ON_A_FILE = PROGRAM.replace("MemoryStore()", 'FileStore("hub.fold")').replace(
    "import trio\n", "import trio\nfrom foldhub_stores import FileStore\n"
)
PRINTS = """\
closed: 'consulting_complete'
alice: What is the single most important property?
bob: Fault tolerance.
"""


def prints(program: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_quick_start_prints_its_transcript_in_memory(tmp_path: Path) -> None:
    assert prints(PROGRAM, tmp_path) == PRINTS


def test_the_same_program_runs_on_a_file_and_runs_there_again(tmp_path: Path) -> None:
    assert prints(ON_A_FILE, tmp_path) == PRINTS
    assert prints(ON_A_FILE, tmp_path) == PRINTS


@pytest.mark.parametrize("before", ["answer = ", "session = ", "await session.send", "closed = ", "print(f"])
def test_the_same_program_runs_after_it_was_killed(before: str, tmp_path: Path) -> None:
    line = next(line for line in ON_A_FILE.splitlines() if line.strip().startswith(before))
    space = " " * (len(line) - len(line.lstrip()))
    killed = ON_A_FILE.replace(line, f"{space}__import__('os').kill(__import__('os').getpid(), 9)\n{line}")
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", killed], cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert done.returncode == -9, done.stderr
    assert prints(ON_A_FILE, tmp_path) == PRINTS


def test_the_quick_start_is_the_program_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"```python\n{PROGRAM.split(chr(10), 2)[2]}```" in readme


def test_the_demo_prints_the_transcript_and_what_happened_from_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "closed: 'consulting_complete'"
    assert [line.split(":")[0] for line in lines[1:3]] == ["alice", "bob"]
    told = [line for line in lines if line[3:5] == ". "]
    assert len(told) == 11
    assert "alice is registered" in told[1]
    assert "'consulting_complete', in the same commit" in told[-1]
    assert lines[-1].startswith("Replayed, these ")


def test_the_demo_keeps_its_log_and_can_be_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(store=tmp_path / "kept") == 0
    capsys.readouterr()
    assert demo(store=tmp_path / "kept") == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line[3:5] == ". "]
    assert "alice is attached" in told[1]
    assert len(told) == 9


def test_the_agent_of_ones_own_prints_what_its_page_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    program, shown = [page.split(f"```{kind}\n")[1].split("```")[0] for kind in ("python", "text")]
    assert prints(program, tmp_path) == shown
    assert len(program.splitlines()) < 40
