"""A file that grows too long holds two concepts, and a file named after no concept holds none."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = ("core", "stores", "shells")
MOST_LINES = 420
NAMELESS = frozenset({"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"})


def sources() -> list[Path]:
    files = [file for floor in FLOORS for file in sorted((ROOT / floor).rglob("*.py"))]
    assert files, f"there are no sources under {ROOT}"
    return files


def test_no_file_is_too_long() -> None:
    # A front door holds one concept however long it is: the list of names behind it.
    rooms = [file for file in sources() if file.name != "__init__.py"]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in rooms}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_file_is_named_after_a_concept() -> None:
    names = {file: [part.strip("_") for part in file.relative_to(ROOT).with_suffix("").parts] for file in sources()}
    assert [str(file) for file, parts in names.items() if not NAMELESS.isdisjoint(parts)] == []
