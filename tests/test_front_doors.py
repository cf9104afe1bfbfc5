"""Each front door exports exactly the names that are written down for it in tests/front_doors/, one a line, sorted."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

WRITTEN = Path(__file__).parent / "front_doors"
DOORS = ("foldhub", "foldhub_core", "foldhub_stores")


def written_names(door: str) -> list[str]:
    return (WRITTEN / f"{door}.txt").read_text(encoding="utf-8").splitlines()


def exported_names(module: ModuleType) -> list[str]:
    names: list[str] = module.__all__
    return names


def public_attributes(module: ModuleType) -> set[str]:
    """What a reader would take for part of the door; submodules appear when something imports them, and say nothing."""
    return {name for name, value in vars(module).items() if not name.startswith("_") and not isinstance(value, ModuleType)}


def difference(left: set[str], right: set[str], only_left: str, only_right: str) -> str:
    """Both directions of a difference, or nothing where the sides are equal."""
    sides = ((only_left, sorted(left - right)), (only_right, sorted(right - left)))
    return "\n".join(f"{what}: {', '.join(names)}" for what, names in sides if names)


def test_every_door_has_its_file() -> None:
    assert sorted(file.stem for file in WRITTEN.iterdir()) == sorted(DOORS)


@pytest.mark.parametrize("door", DOORS)
def test_written_names_are_sorted_and_unique(door: str) -> None:
    names = written_names(door)
    assert names == sorted(set(names))


@pytest.mark.parametrize("door", DOORS)
def test_exports_are_the_written_names(door: str) -> None:
    exported = exported_names(import_module(door))
    assert len(exported) == len(set(exported)), f"{door}.__all__ names something twice"
    found = difference(set(exported), set(written_names(door)), "exported, not written", "written, not exported")
    assert not found, f"{door}:\n{found}"


@pytest.mark.parametrize("door", DOORS)
def test_exports_are_the_public_attributes(door: str) -> None:
    module = import_module(door)
    exported = set(exported_names(module))
    # A door may export a module or a name with a leading underscore, as long as it is there.
    there = public_attributes(module) | {name for name in exported if hasattr(module, name)}
    found = difference(exported, there, "in __all__, not there", "there, not in __all__")
    assert not found, f"{door}:\n{found}"


def test_difference_shows_both_directions() -> None:
    assert difference({"a", "b", "c"}, {"c", "d"}, "left", "right") == "left: a, b\nright: d"
    assert difference({"a"}, {"a"}, "left", "right") == ""
