"""The benchmarks run: on hubs of a few agents, with every row measured and printed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bench_core import ROWS, main

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def row_names(text: str) -> list[str]:
    """The rows of the first table of results: between its head and the next empty line."""
    table = re.search(r"^\|.*\| ratio \|\n\|[-:| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None, f"expected a table of results in:\n{text}"
    return [line.split("|")[1].strip() for line in table[1].splitlines()]


def test_bench_core_prints_every_row(tmp_path: Path) -> None:
    written = tmp_path / "samples.json"
    options = ["--agents", "10", "30", "--rounds", "1", "--json", str(written)]
    command = [sys.executable, str(BENCHMARKS / "bench_core.py"), *options]
    came = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert came.returncode == 0, came.stderr
    assert row_names(came.stdout) == list(ROWS)
    samples = json.loads(written.read_text())
    assert samples["agents"] == [10, 30]
    assert [row["name"] for row in samples["rows"]] == list(ROWS)
    assert all(value > 0 for row in samples["rows"] for values in row["samples"] for value in values)


def test_written_results_are_of_the_rows_there_are() -> None:
    assert row_names((BENCHMARKS / "README.md").read_text(encoding="utf-8")) == list(ROWS)


def test_sizes_of_no_agents_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--agents", "0", "10"])
    assert "at least one agent" in capsys.readouterr().err
