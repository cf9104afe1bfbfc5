"""docs/from-ag2.md is complete and true: every line is there, and names tests that exist or the room it will live in."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {"clients", "wire"}
LINES = [*map(str, range(1, 15)), "14a", *map(str, range(15, 21)), "t1", "t2", "t3", "t4", "a", "b", "c", "d", "e", "f"]


def rows() -> dict[str, str]:
    """What stands in the right column, by line."""
    text = (ROOT / "docs" / "from-ag2.md").read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return {line: here for line, _, here in cells if line != "line"}


def test_every_line_is_there_once_and_in_order() -> None:
    assert list(rows()) == LINES


@pytest.mark.parametrize("line", LINES)
def test_a_line_names_a_test_that_exists_or_a_room(line: str) -> None:
    here = rows()[line]
    tests = re.findall(r"`([\w/]+\.py)::(\w+)`", here)
    rooms = re.findall(r"not there yet: (\w+)", here)
    assert tests or rooms
    assert set(rooms) <= ROOMS
    for file, test in tests:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_weak_point_that_is_tested_is_in_the_table() -> None:
    source = (ROOT / "tests" / "core" / "test_weak_points.py").read_text(encoding="utf-8")
    named = {test for here in rows().values() for test in re.findall(r"test_weak_points\.py::(\w+)`", here)}
    assert set(re.findall(r"^def (test_\w+)\(", source, re.MULTILINE)) == named
