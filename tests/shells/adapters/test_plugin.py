"""The pytest plugin, in a run of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
from foldhub.testing import check_adapter
from foldhub_core import ConsultingAdapter
from tests.shells.adapters.broken import NeverRests

def test_sound():
    report = check_adapter(ConsultingAdapter(), second_process=False)
    assert (report.examples, report.seed) == (7, 3)

def test_broken():
    check_adapter(NeverRests(), max_examples=100)
"""
ROOT = Path(__file__).parents[3]


@pytest.fixture(name="told", scope="module")
def _told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a run with options tells."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "test_mine.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:foldhub", "-p", "foldhub.testing.plugin"]
    options = ["--adapter-examples=7", "--adapter-seed=3", "-v"]
    came = subprocess.run(
        [*command, f"--rootdir={folder}", "-c", "/dev/null", "-o", f"pythonpath={ROOT}", *options, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    return came.stdout + came.stderr


def test_options_count_in_a_run_and_its_reports_are_told(told: str) -> None:
    assert "1 failed, 1 passed" in told
    assert "ConsultingAdapter (consulting 1) keeps 26 laws: 7 sessions" in told


def test_a_broken_law_is_shown_by_its_session_alone(told: str) -> None:
    assert "NeverRests (circle 1) breaks the law comes_to_rest" in told
    assert "alice opens circle 1" in told
    assert "check.py" not in told
    assert "Traceback" not in told
