"""Tools on a disk without room: what they make is not there, what was there is whole, and one line says why."""

import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from foldhub_stores import FileStore, StoreError, back_up, compact, export_log, import_store, repair, verify_store
from foldhub_stores.founding import LOG
from foldhub_stores.placing import written_file
from tests.stores.aged import aged, life
from tests.stores.places import rewrite


@pytest.fixture
def small(tmp_path: Path) -> Generator[Path]:
    """A disk of its own with room for one store, and not for two."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4800k", "none", str(disk)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small disk can be mounted by root only, where the machine allows it")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def lines_of(place: Path) -> list[str]:
    store = FileStore(place)
    lines = list(export_log(store))
    store.close()
    return lines


def copied(store: FileStore, to: Path) -> None:
    with store.begin_backup(to) as backup:
        while not backup.step(1):
            pass


Tool = Callable[[Path, list[str]], object]
TOOLS: dict[str, Tool] = {
    "backup": lambda disk, _: back_up(disk / "store", disk / "copy"),
    "import": lambda disk, lines: import_store(lines, disk / "copy"),
    "export": lambda disk, lines: written_file(disk / "copy", [line.encode() for line in lines]),
    "compact": lambda disk, _: compact(disk / "store", 0, clock=lambda: 10**12),
}


def filled(disk: Path, left: int) -> None:
    """Fill a disk but for so many bytes."""
    free = shutil.disk_usage(disk).free
    with (disk / "ballast").open("wb") as ballast:
        ballast.write(bytes(free - left))


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_without_room_leaves_what_was_there(small: Path, name: str, tmp_path: Path) -> None:
    aged(tmp_path / "elsewhere")
    lines = lines_of(tmp_path / "elsewhere")
    shutil.copytree(tmp_path / "elsewhere", small / "store")
    filled(small, 40_000)
    with pytest.raises((StoreError, OSError)):
        TOOLS[name](small, lines)
    assert sorted(file.name for file in small.iterdir()) == ["ballast", "store"]
    assert [file.name for file in (small / "store").iterdir() if file.name.startswith(".")] == []
    (small / "ballast").unlink()
    found = verify_store(small / "store")
    assert (found.findings, found.last, found.holes) == ((), len(life()), 0)


def test_a_repair_without_room_leaves_the_damaged_store(small: Path, tmp_path: Path) -> None:
    aged(tmp_path / "elsewhere")
    shutil.copytree(tmp_path / "elsewhere", small / "store")
    rewrite(small / "store" / LOG, b"Talk 3 begins", b"Walk 3 begins")
    damaged = (small / "store" / LOG).read_bytes()
    filled(small, 150_000)
    with pytest.raises((StoreError, OSError)):
        repair(small / "store", accept_loss=True)
    assert sorted(file.name for file in small.iterdir()) == ["ballast", "store"]
    assert (small / "store" / LOG).read_bytes() == damaged


def test_a_backup_to_a_full_disk_does_not_stop_the_store(small: Path, tmp_path: Path) -> None:
    store = FileStore(aged(tmp_path / "store", snapshots=()))
    filled(small, 40_000)
    with pytest.raises(StoreError, match="no backup can be made at"):
        copied(store, small / "copy")
    assert [file.name for file in small.iterdir()] == ["ballast"]
    assert store.begin_snapshot(10).ending.value == "durable"
    assert store.read() == life()
    store.close()
