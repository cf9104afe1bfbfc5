"""The wheel as a user gets it: built, installed with its dependencies into a clean environment, and imported there."""

import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("foldhub", "foldhub_core", "foldhub_stores")

WHERE = f"""
import importlib
for name in {PACKAGES!r}:
    print(importlib.import_module(name).__file__)
"""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_the_three_packages_with_their_types(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)


def test_wheel_is_imported_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    # Without a pip of its own: the one that runs here installs into it, which is much faster.
    home = tmp_path / "clean"
    venv.create(home, symlinks=sys.platform != "win32")
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check", wheel)

    places = run(python, "-I", "-c", WHERE, cwd=tmp_path).splitlines()

    assert len(places) == len(PACKAGES)
    assert [place for place in places if not Path(place).resolve().is_relative_to(home.resolve())] == []
