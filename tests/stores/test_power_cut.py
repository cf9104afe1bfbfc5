"""A power cut: what the disk had not synced is gone, what it had is there. On a file system of our own, where we may make one.

Many more: `pytest -m long tests/stores/test_power_cut.py`.
"""

import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from foldhub_core import HubConfig, HubState, replay
from foldhub_stores import FileStore
from tests.stores.test_kill import write_for_ever

SHUTDOWN = 0x8004587D
"""The request that stops a file system at once; without its argument's flag it would sync first."""
WITHOUT_A_SYNC = 2


class Ground:
    """A file system of our own, that can be cut from its power."""

    def __init__(self, folder: Path) -> None:
        self._image = folder / "disk.img"
        self.place = folder / "disk"
        self.place.mkdir()

    def make(self) -> bool:
        with self._image.open("wb") as file:
            file.truncate(200 * 1024 * 1024)
        made = subprocess.run(["mkfs.ext4", "-q", "-F", str(self._image)], capture_output=True, check=False)
        return made.returncode == 0 and self.mount()

    def mount(self) -> bool:
        return (
            subprocess.run(
                ["mount", "-o", "loop", str(self._image), str(self.place)], capture_output=True, check=False
            ).returncode
            == 0
        )

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.place)], capture_output=True, check=False)

    def cut(self) -> None:
        """Cut the power."""
        file = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(file, SHUTDOWN, struct.pack("I", WITHOUT_A_SYNC))
        finally:
            os.close(file)


@pytest.fixture
def ground(tmp_path: Path) -> Generator[Ground, None, None]:
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("POWER CUTS NOT TRIED: this machine does not let us make a file system")
    ground = Ground(tmp_path)
    if not ground.make():
        pytest.skip("POWER CUTS NOT TRIED: this machine does not let us mount a file system")
    yield ground
    ground.unmount()


def cut_while_writing(ground: Ground, after_s: float) -> int:
    """Cut the power while a child writes; gives the last commit that was acknowledged before."""
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write_for_ever(ground.place / "store", told)
        finally:
            os._exit(1)
    os.close(told)
    acknowledged, begun = 0, time.monotonic()
    with os.fdopen(heard, "rb", buffering=0) as lines:
        said = b""
        while time.monotonic() - begun < after_s or not acknowledged:
            said += lines.read(4096) or b""
            # What is read before the cut was acknowledged before it.
            acknowledged = max([acknowledged, *[int(line) for line in said.split(b"\n")[:-1]]])
        ground.cut()
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    ground.unmount()
    assert ground.mount()
    return acknowledged


def cut_again_and_again(ground: Ground, times: int, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(times):
        acknowledged = cut_while_writing(ground, dice.random() * 0.3)
        store = FileStore(ground.place / "store", "demo")
        assert store.seq >= acknowledged, "what was acknowledged before the cut is there"
        assert replay(HubConfig(), store.read(), HubState("demo")).seq == store.seq
        store.close()


def test_nothing_acknowledged_is_lost_when_the_power_is_cut(ground: Ground) -> None:
    cut_again_and_again(ground, 6, 1)


@pytest.mark.long
def test_nothing_acknowledged_is_lost_however_often_the_power_is_cut(ground: Ground) -> None:
    cut_again_and_again(ground, 100, 2)
