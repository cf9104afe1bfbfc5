"""The examples run, and print what they are there to show."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

QUICK_START = """\
closed: 'consulting_complete'
alice: What is the single most important property?
bob: Fault tolerance.
"""


def ran(example: str) -> str:
    """What an example prints."""
    command = [sys.executable, f"examples/{example}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_plain_loop_prints_the_transcript_of_the_quick_start() -> None:
    assert ran("plain_loop.py") == QUICK_START


def test_the_plain_loop_is_short_and_needs_no_io_library() -> None:
    source = (ROOT / "examples" / "plain_loop.py").read_text(encoding="utf-8")
    imports = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert imports == ["from collections import deque", "from foldhub_core import ("]
    assert len(source.splitlines()) < 80
