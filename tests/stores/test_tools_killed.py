"""A tool that is killed leaves the old or the new, never a part and never neither.

A child runs the tool and is killed at its k-th touch of the file system that Python tells of, or word about how far it has
come, for every k until it comes through.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foldhub.testing.store_story import HUB_ID, story
from foldhub_stores import FileStore, MemoryStore, back_up, compact, export_log, import_store, repair, verify_store
from foldhub_stores.founding import LOG
from foldhub_stores.placing import written_file
from tests.stores.aged import aged, life
from tests.stores.places import rewrite

TOUCHES = frozenset({"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "ctypes.dlsym", "open"})
MOST = 400
"""More deaths than any tool here can die."""


class Death:
    """Ends the process at the k-th touch."""

    def __init__(self, at: int) -> None:
        self.left = at

    def touch(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, details: tuple[Any, ...]) -> None:
        """Hear of what Python does."""
        if event in TOUCHES and not (event == "open" and not details[2] & (os.O_WRONLY | os.O_RDWR)):
            self.touch()

    def progress(self, _what: str, _done: int, _of: int) -> None:
        """Hear of how far the tool has come."""
        self.touch()


Tool = Callable[[Callable[[str, int, int], None]], object]


def dies(tool: Tool, at: int) -> bool:
    """Run a tool in a child that dies at its k-th touch; False where it came through before."""
    child = os.fork()
    if child == 0:
        death = Death(at)
        sys.addaudithook(death.audit)
        try:
            tool(death.progress)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0, "the tool came through"
    return False


def die_at_every_touch(ground: Path, tool: Tool, check: Callable[[bool], None]) -> int:
    """Let a tool die at its first touch, its second and so on, each on the same ground; gives how often it died."""
    kept = ground.with_name("kept")
    shutil.copytree(ground, kept)
    for at in range(1, MOST):
        died = dies(tool, at)
        check(died)
        shutil.rmtree(ground)
        shutil.copytree(kept, ground)
        if not died:
            return at - 1
    raise AssertionError("the tool never came through")


@pytest.fixture
def ground(tmp_path: Path) -> Path:
    """A folder with a store in it."""
    (tmp_path / "ground").mkdir()
    aged(tmp_path / "ground" / "store")
    return tmp_path / "ground"


def test_a_compaction_that_is_killed_leaves_the_old_or_the_new(ground: Path) -> None:
    place = ground / "store"
    seen: set[int] = set()

    def check(died: bool) -> None:
        found = verify_store(place)
        assert found.findings == ()
        assert found.last == len(life())
        assert found.holes == 15 or (died and found.holes == 0)
        seen.add(found.holes)
        again = compact(place, 0, clock=lambda: 10**12)
        assert again.holes == 15
        assert [file.name for file in place.iterdir() if file.name.startswith(".")] == [], "what was left of it is swept away"

    deaths = die_at_every_touch(ground, lambda progress: compact(place, 0, clock=lambda: 10**12, progress=progress), check)
    assert deaths > 5
    assert seen == {0, 15}


def test_a_repair_that_is_killed_leaves_the_damaged_or_the_repaired(ground: Path) -> None:
    place = ground / "store"
    rewrite(place / LOG, b"Talk 3 begins", b"Walk 3 begins")
    damaged = (place / LOG).read_bytes()
    seen: set[bool] = set()

    def check(died: bool) -> None:
        found = verify_store(place)
        seen.add(found.findings == ())
        if found.findings:
            assert died
            assert (place / LOG).read_bytes() == damaged
            assert repair(place, accept_loss=True).saved is not None
            assert verify_store(place).findings == ()
        # Whatever name it has by now, the damaged store is there.
        beside = [folder for folder in ground.iterdir() if (folder / LOG).exists() and (folder / LOG).read_bytes() == damaged]
        assert beside != []

    deaths = die_at_every_touch(ground, lambda progress: repair(place, accept_loss=True, progress=progress), check)
    assert deaths > 10
    assert seen == {False, True}


def whole_or_none(place: Path, last: int, died: bool) -> bool:
    """A place holds a whole store, or nothing where the tool died."""
    if not place.exists():
        assert died
        return False
    found = verify_store(place)
    assert (found.findings, found.last) == ((), last)
    return True


def test_a_backup_that_is_killed_is_whole_or_not_there(ground: Path) -> None:
    seen: set[bool] = set()

    def check(died: bool) -> None:
        seen.add(whole_or_none(ground / "copy", len(life()), died))
        assert whole_or_none(ground / "store", len(life()), False)

    deaths = die_at_every_touch(ground, lambda progress: back_up(ground / "store", ground / "copy", progress=progress), check)
    assert deaths > 5
    assert seen == {False, True}


def test_an_import_that_is_killed_is_whole_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "ground").mkdir()
    memory = MemoryStore(HUB_ID)
    memory.append(story())
    lines = list(export_log(memory))
    place = tmp_path / "ground" / "store"
    seen: set[bool] = set()
    deaths = die_at_every_touch(
        tmp_path / "ground",
        lambda progress: import_store(lines, place, progress=progress),
        lambda died: seen.add(whole_or_none(place, len(story()), died)),
    )
    assert deaths > 5
    assert seen == {False, True}


def test_an_export_that_is_killed_leaves_the_file_before_or_the_whole_one(ground: Path) -> None:
    file = ground / "demo.jsonl"
    file.write_text("before")
    store = FileStore(ground / "store")
    whole = [f"{line}\n".encode() for line in export_log(store)]
    store.close()
    seen: set[bytes] = set()

    def check(_died: bool) -> None:
        seen.add(file.read_bytes())

    die_at_every_touch(ground, lambda _: written_file(file, whole), check)
    assert seen == {b"before", b"".join(whole)}
