"""What was measured, as it is written down: a file of JSON with all samples, and the part of README.md that is made of it.

What stands in README.md between the two marks is made of the JSON that lies beside it, by `rendered`, and of nothing else.
"""

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
KEPT = FOLDER / "bench_core.json"
README = FOLDER / "README.md"
BEGIN, END = "<!-- bench_core begins -->\n", "<!-- bench_core ends -->\n"

# Any: a report is JSON.
Report = Mapping[str, Any]


class Aim(NamedTuple):
    """What a figure is meant to be."""

    what: str
    aimed_at: str
    row: str
    """How the name of the row begins that tells it; of several the last."""
    of: str
    """Which figure of the row: `value`, `ratio` (to the first of its group), or `inverse` of that."""
    unit: str
    at_least: float | None = None
    at_most: float | None = None


AIMS = (
    Aim("pairs a second", "at least 25,000, striving for 40,000", "post and ack, 1 live sessions", "value", "", at_least=25_000),
    Aim(
        "dearer behind the longest session than the shortest",
        "at most 1.2 times",
        "post and ack, behind",
        "inverse",
        " times",
        at_most=1.2,
    ),
    Aim("dearer beside the most sessions than alone", "at most 1.6 times", "post and ack, ", "inverse", " times", at_most=1.6),
    Aim("log of an ack, many together", "at most 40 B", "log of an ack", "value", " B", at_most=40),
    Aim("log of a post beside its text", "at most 180 B", "log of a post", "value", " B", at_most=180),
    Aim(
        "a turn of a workflow, to one of a conversation", "under 2 times", "a turn of a workflow", "inverse", " times", at_most=2
    ),
    Aim("the same behind many turns", "under 2 times", "a turn of that", "inverse", " times", at_most=2),
    Aim("replay from bytes", "at least 40,000 envelopes a second", "replay from bytes", "value", "", at_least=40_000),
)


def machine() -> dict[str, str]:
    """What the figures are measured on, when, and with what."""
    libraries = {name: version(name) for name in ("foldhub", "attrs", "cattrs", "immutables", "msgspec")}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "processors": f"{os.cpu_count()} {platform.machine()}",
        "load": f"{os.getloadavg()[0]:.1f}",
        **libraries,
    }


def shown(value: float) -> str:
    """A figure with as many places as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int) -> str:
    """A table of Markdown whose columns from a place on are numbers."""
    marks = ["---:" if at >= numbers_from else "---" for at in range(len(head))]
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(marks)}|"]
    return "\n".join([*lines, *[f"| {' | '.join(row)} |" for row in rows]])


def two_sizes(report: Report) -> str:
    """What is measured on a small and a large hub."""
    head = ["", "unit", *[f"{size:,} agents" for size in report["agents"]], "ratio"]
    rows = [
        [row["name"], row["unit"] or "-", shown(row["small"]), shown(row["large"]), f"{row['ratio']:.2f}"]
        for row in report["rows"]
    ]
    return table(head, rows, 2)


def groups(rows: Sequence[Mapping[str, Any]]) -> str:
    """What is measured in groups, each with its ratio to the first of its group."""
    return table(
        ["", "unit", "", "to the first"],
        [[row["name"], row["unit"], shown(row["value"]), f"{row['ratio']:.2f}"] for row in rows],
        2,
    )


def aims(report: Report) -> str:
    """What was aimed at, and what came."""
    rows: list[list[str]] = []
    for aim in AIMS:
        found = [row for row in report["sessions"] if row["name"].startswith(aim.row)][-1]
        came = found["value"] if aim.of == "value" else 1 / found["ratio"]
        short = (aim.at_least is not None and came < aim.at_least) or (aim.at_most is not None and came > aim.at_most)
        rows.append([aim.what, aim.aimed_at, f"{shown(came)}{aim.unit}{': falls short' if short else ''}"])
    return table(["", "aimed at", "came"], rows, 3)


def dearest(report: Report) -> str:
    """Where the time of a post and its ack goes."""
    profile = report["profile"]
    files = ", ".join([f"`{name}` {share:.0%}" for name, share in profile["files"]])
    lines = [
        [f"`{line['where']}`", f"`{line['text'].replace('|', chr(92) + '|')}`", f"{line['share']:.1%}"]
        for line in profile["lines"]
    ]
    counts = (
        f"{profile['samples']:,} samples of {profile['pairs']:,} pairs. A pair calls {profile['calls']:.0f} functions in Python"
    )
    parts = [
        f"{counts} and {profile['c_calls']:.0f} in C.",
        f"By file: {files}.",
        "The five dearest lines:",
        table(["where", "line", "share"], lines, 2),
    ]
    return "\n\n".join(parts)


def rendered(report: Report) -> str:
    """The part of README.md that is made of a report."""
    measured_on = ", ".join([f"{name} {value}" for name, value in report["machine"].items()])
    parts = [
        f"{measured_on}. {report['rounds']} rounds; `load` is how many programs wanted a processor as it began.",
        "### Agents",
        two_sizes(report),
        f"Building both hubs, log and snapshot included, took {report['setup_s']:.0f} s with the collector on.",
        "### Sessions",
        "A pair is a post of a short text under a key, with the default rule, and its ack. With each group an empty loop is\n"
        "measured: what the machine gave just then.",
        groups(report["sessions"]),
        "What was aimed at, and what came:",
        aims(report),
        "### Tasks",
        "A life is three commands: a task is observed, tells once how far it is, and completes.",
        groups(report["tasks"]),
        "### Where the time of a pair goes",
        dearest(report),
    ]
    return "\n\n".join(parts) + "\n"


def keep(report: Report) -> None:
    """Write a report down, and what README.md shows of it."""
    KEPT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    before, rest = README.read_text(encoding="utf-8").split(BEGIN, 1)
    README.write_text(f"{before}{BEGIN}\n{rendered(report)}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")
