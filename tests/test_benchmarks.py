"""The benchmarks run: on hubs of a few agents, with every row measured and printed."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bench_shells, bench_store, core_profile, report
from benchmarks.bench_core import ROWS, main

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def row_names(text: str, last: str = "ratio") -> list[str]:
    """The rows of the first table of results whose last column is this: between its head and the next empty line."""
    table = re.search(rf"^\|.*\| {last} \|\n\|[-:| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None, f"expected a table of results in:\n{text}"
    return [line.split("|")[1].strip() for line in table[1].splitlines()]


@pytest.fixture(name="came", scope="module")
def _came(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What a run on hubs of a few agents printed, and what it wrote."""
    written = tmp_path_factory.mktemp("bench") / "samples.json"
    command = [sys.executable, "-m", "benchmarks.bench_core", "--agents", "10", "30", "--rounds", "1", "--json", str(written)]
    came = subprocess.run(command, cwd=BENCHMARKS.parent, capture_output=True, text=True, timeout=120, check=False)
    assert came.returncode == 0, came.stderr
    return came.stdout, json.loads(written.read_text())


Came = tuple[str, dict[str, Any]]


def test_bench_core_prints_every_row(came: Came) -> None:
    printed, samples = came
    assert row_names(printed) == list(ROWS)
    assert samples["agents"] == [10, 30]
    assert [row["name"] for row in samples["rows"]] == list(ROWS)
    assert all(value > 0 for row in samples["rows"] for values in row["samples"] for value in values)


def test_sessions_and_tasks_are_measured(came: Came) -> None:
    _, samples = came
    assert all(row["value"] > 0 for part in ("sessions", "tasks") for row in samples[part])


def test_the_profile_names_lines_of_the_core(came: Came) -> None:
    profile = came[1]["profile"]
    assert profile["pairs"] > 0
    assert len(profile["lines"]) <= core_profile.DEAREST
    assert all(line["text"] for line in profile["lines"])


def test_what_is_printed_is_made_of_what_is_written(came: Came) -> None:
    printed, samples = came
    assert report.rendered(samples) in printed


def test_written_results_are_of_the_rows_there_are() -> None:
    assert row_names(report.README.read_text(encoding="utf-8")) == list(ROWS)


def test_written_results_are_made_of_the_samples_that_are_kept() -> None:
    kept = json.loads(report.KEPT.read_text(encoding="utf-8"))
    shown = report.README.read_text(encoding="utf-8").split(report.BEGIN)[1].split(report.END)[0]
    assert shown.strip() == report.rendered(kept).strip()


def test_a_figure_that_misses_its_aim_says_so() -> None:
    rows = [{"name": name, "value": 30_000, "ratio": ratio} for name, ratio in SESSIONS]
    lines = report.aims({"sessions": rows}).splitlines()
    assert "| pairs a second | at least 25,000, striving for 40,000 | 30,000 |" in lines
    assert "| replay from bytes | at least 40,000 envelopes a second | 30,000: falls short |" in lines
    assert "| the same behind many turns | under 2 times | 2.5 times: falls short |" in lines


SESSIONS = (
    ("post and ack, behind 9 envelopes", 1.0),
    ("post and ack, 1 live sessions", 1.0),
    ("post and ack, 9 live sessions", 1.0),
    ("log of a post beside its text", 1.0),
    ("log of an ack, 100 together", 1.0),
    ("a turn of a workflow, 10 agents, 50 rules", 0.8),
    ("a turn of that behind 10 turns", 0.4),
    ("replay from bytes, envelopes", 1.0),
)


def test_sizes_of_no_agents_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--agents", "0", "10"])
    assert "at least one agent" in capsys.readouterr().err


def test_bench_store_measures_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "samples.json"
    sizes = ["--envelopes", "1500", "--sessions", "50", "--rounds", "1"]
    bench_store.main([*sizes, "--folder", str(tmp_path), "--json", str(written)])
    samples = json.loads(written.read_text())
    assert (samples["envelopes"], samples["sessions"]) == (1500, 50)
    assert all(value > 0 for row in samples["rows"] for value in row["samples"])
    shown = capsys.readouterr().out
    assert all(f"| {row['name']} |" in shown for row in samples["rows"])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["samples.json"], "it leaves nothing behind"


def test_a_store_of_no_envelopes_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench_store.main(["--envelopes", "-1"])
    assert "at least one of everything" in capsys.readouterr().err


def test_bench_shells_prints_every_row(tmp_path: Path) -> None:
    written = tmp_path / "rows.json"
    options = ["--scale", "200", "--rounds", "1", "--folder", str(tmp_path), "--json", str(written)]
    command = [sys.executable, str(BENCHMARKS / "bench_shells.py"), *options]
    came = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert came.returncode == 0, came.stderr
    rows = [row["name"] for row in json.loads(written.read_text())["rows"]]
    assert row_names(came.stdout, "by the processor") == rows
    assert len(rows) == len(bench_shells.ROWS)


def test_written_results_of_the_shells_are_of_the_rows_there_are() -> None:
    text = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    assert row_names(text, "by the processor") == list(bench_shells.ROWS)


def test_no_rounds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench_shells.main(["--rounds", "0"])
    assert "at least one round" in capsys.readouterr().err
