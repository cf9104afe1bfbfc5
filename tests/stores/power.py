"""Power that is cut: a file system of our own that is stopped at once, as a machine stops."""

import fcntl
import os
import random
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

from foldhub_stores import FileStore, StoreDamaged, StoreError
from foldhub_stores.disk import Disk
from tests.stores.faults import Faults, FaultyFile, FaultyFiles
from tests.stores.writer import HUB_ID, Child, Opener, look, open_store

SHUTDOWN = 0x8004587D
"""The request that stops a file system at once; without its argument's flag it would sync first."""
WITHOUT_A_SYNC = 2

CUTS_OF_A_STORE = 10


class Ground:
    """A file system of our own, that can be cut from its power."""

    def __init__(self, folder: Path) -> None:
        self._image = folder / "disk.img"
        self.place = folder / "disk"

    def make(self) -> str | None:
        """Make the file system and mount it; says why not, where this machine does not let us."""
        if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
            return "this machine does not let us make a file system"
        self.place.mkdir()
        with self._image.open("wb") as file:
            file.truncate(200 * 1024 * 1024)
        if not _done("mkfs.ext4", "-q", "-F", str(self._image)) or not self.mount():
            return "this machine does not let us mount a file system"
        return None

    def mount(self) -> bool:
        return _done("mount", "-o", "loop", str(self._image), str(self.place))

    def unmount(self) -> None:
        _done("umount", str(self.place))

    def cut(self) -> None:
        """Cut the power."""
        file = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(file, SHUTDOWN, struct.pack("I", WITHOUT_A_SYNC))
        finally:
            os.close(file)


def _done(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _cut_while_writing(ground: Ground, place: Path, last: int, dice: random.Random, opener: Opener) -> int:
    """Cut the power while a child writes; gives the last word that was acknowledged before."""
    child = Child(place, last, opener)
    child.write_until(last + dice.randrange(1, 80))
    child.write_for(dice.random() * 0.01)
    # What is read before the cut was acknowledged before it; a sync that races it may say what it likes.
    acknowledged = child.acknowledged
    ground.cut()
    child.end()
    ground.unmount()
    assert ground.mount(), "the file system is there again"
    return acknowledged


def cut_again_and_again(ground: Ground, times: int, seed: int) -> Counter[str]:
    """Cut the power while a process writes, and look at what it left; ten times on the same store."""
    dice = random.Random(seed)
    came: Counter[str] = Counter()
    last = 0
    for number in range(times):
        place = ground.place / f"store-{number // CUTS_OF_A_STORE}"
        if number % CUTS_OF_A_STORE == 0:
            last = 0
            shutil.rmtree(ground.place / f"store-{number // CUTS_OF_A_STORE - 1}", ignore_errors=True)
        before, last = last, _cut_while_writing(ground, place, last, dice, open_store)
        try:
            there = look(place, last)
        except (AssertionError, StoreError) as error:
            raise AssertionError(f"cut {number} of seed {seed}: {error}") from error
        came["cuts"] += 1
        came["words acknowledged"] += last - before
        came["cuts after which more was there than was acknowledged"] += there > last
    return came


# --- the control: a disk that says it synced and did not


class _UnsyncedFile(FaultyFile):
    def xSync(self, flags: int) -> None:
        """Say it is done."""


class _UnsyncedFiles(FaultyFiles):
    def xOpen(self, name: object, flags: list[int]) -> FaultyFile:
        return _UnsyncedFile(Faults(), name, flags)


class _UnsyncedDisk(Disk):
    def sync(self, file: int) -> None:
        """Say it is done."""


def _open_without_syncs(place: Path) -> FileStore:
    name = f"unsynced-{os.getpid()}"
    _kept.append(_UnsyncedFiles(name, Faults()))
    return FileStore(place, HUB_ID, vfs=name, disk=_UnsyncedDisk())


_kept: list[_UnsyncedFiles] = []
"""What SQLite writes through must live as long as it does."""


def cut_without_syncs(ground: Ground, times: int, seed: int) -> Counter[str]:
    """The same with syncs that do nothing: what was acknowledged is lost, and the store says so or ends before it."""
    dice = random.Random(seed)
    came: Counter[str] = Counter()
    for number in range(times):
        place = ground.place / f"unsynced-{number}"
        # The store itself is made as it should be: what is lost is what was appended.
        FileStore(place, HUB_ID).close()
        last = _cut_while_writing(ground, place, 0, dice, _open_without_syncs)
        came["control: cuts"] += 1
        came["control: words acknowledged"] += last
        try:
            look(place, last)
        except AssertionError:
            came["control: cuts that lost words"] += 1
        except StoreDamaged:
            came["control: cuts that lost words"] += 1
            came["control: cuts after which the store itself said so"] += 1
    return came
