"""Backups: of a store that goes on meanwhile, of one that is closed, and of one that another process has open."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foldhub.testing.store_story import HUB_ID, story
from foldhub_stores import (
    Durable,
    FileStore,
    MemoryStore,
    StoreDamaged,
    StoreError,
    StoreMismatch,
    StoreStopped,
    back_up,
    verify_store,
)
from foldhub_stores.backup import Backup
from foldhub_stores.founding import LOCK, LOG, WITNESS
from tests.stores.aged import aged, life
from tests.stores.answers import questions
from tests.stores.places import rewrite, tell, told


def reads_as(place: Path, commits: tuple[object, ...]) -> None:
    """The store at this place is whole and holds these commits."""
    assert verify_store(place).findings == ()
    store = FileStore(place)
    assert store.read() == commits
    store.close()


# --- a store copies itself


def test_what_is_appended_meanwhile_is_in_the_copy(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store", HUB_ID)
    tell(store, story()[:30])
    at, steps = 30, 0
    with store.begin_backup(tmp_path / "copy") as backup:
        while not backup.step(1):
            steps += 1
            if at < len(story()):
                assert store.append(story()[at : at + 1]) == Durable(at + 1)
                at += 1
            done, of = backup.progress
            assert 0 < done <= of
    assert steps > 5
    assert backup.done
    assert backup.step(), "what is done stays done"
    assert backup.progress[0] == backup.progress[1]
    store.close()
    reads_as(tmp_path / "copy", story()[:at])


def test_a_copy_answers_like_its_store(tmp_path: Path) -> None:
    back_up(aged(tmp_path / "store"), tmp_path / "copy")
    memory = MemoryStore(HUB_ID)
    memory.append(life())
    store = FileStore(tmp_path / "copy")
    assert {name: ask(store) for name, ask in questions(memory).items()} == {
        name: ask(memory) for name, ask in questions(memory).items()
    }
    snapshot = store.snapshot()
    assert snapshot is not None
    assert (snapshot.seq, store.identity.hub_id, store.opened.notes) == (55, HUB_ID, ())
    store.close()


def test_a_copy_is_for_nobody_else_to_read(tmp_path: Path) -> None:
    back_up(told(tmp_path / "store"), tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "copy").iterdir()} == {0o600}
    assert {LOG, WITNESS, LOCK} <= {file.name for file in (tmp_path / "copy").iterdir()}


def test_a_backup_that_was_not_done_leaves_nothing(tmp_path: Path) -> None:
    store = FileStore(told(tmp_path / "store"))
    with store.begin_backup(tmp_path / "copy") as backup:
        backup.step(1)
    with pytest.raises(StoreStopped, match="a backup that goes on"):
        backup.step()
    store.begin_backup(tmp_path / "copy").step(1)
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


def _ended(store: FileStore, to: Path, *, done: bool) -> "weakref.ref[Backup]":
    """A backup that was made, or left."""
    with store.begin_backup(to) as backup:
        while done and not backup.step():
            pass
    return weakref.ref(backup)


def test_of_backups_that_have_ended_a_store_holds_the_last_at_most(tmp_path: Path) -> None:
    store = FileStore(told(tmp_path / "store"))
    ended = [_ended(store, tmp_path / f"copy-{number}", done=number % 2 == 1) for number in range(4)]
    gc.collect()
    assert [one() is None for one in ended] == [True, True, True, False]
    store.close()


def test_a_store_that_is_closed_begins_no_backup(tmp_path: Path) -> None:
    store = FileStore(told(tmp_path / "store"))
    store.close()
    with pytest.raises(StoreStopped):
        store.begin_backup(tmp_path / "copy")


def test_nothing_is_backed_up_over_something(tmp_path: Path) -> None:
    told(tmp_path / "store")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "letter").touch()
    with pytest.raises(StoreMismatch, match="expected nothing at"):
        back_up(tmp_path / "store", tmp_path / "copy")
    with pytest.raises(StoreMismatch, match="expected a store at"):
        back_up(tmp_path / "none", tmp_path / "elsewhere")


def test_what_is_damaged_is_not_backed_up(tmp_path: Path) -> None:
    aged(tmp_path / "store")
    rewrite(tmp_path / "store" / LOG, b"Talk 3 begins", b"Walk 3 begins")
    with pytest.raises((StoreDamaged, StoreError)):
        back_up(tmp_path / "store", tmp_path / "copy")
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


# --- from outside, while somebody has it open


@contextmanager
def hub_that_writes(place: Path, *, pause_s: float) -> Generator[None]:
    """Another process that has the store open and appends to it until it is told to end."""
    program = """
import sys, time, select
from foldhub_stores import FileStore
from foldhub.testing.store_story import Teller
from foldhub_core import Passport, Register, Resume, SetSkill, Start
store = FileStore(sys.argv[1], "demo")
hub = Teller()
hub.ask(Start())
hub.ask(Register(passport=Passport(name="ann"), resume=Resume()))
(ann,) = hub.state.registry.agents
print("open", flush=True)
while not select.select([sys.stdin], [], [], float(sys.argv[2]))[0]:
    for _ in range(5):
        hub.ask(SetSkill(agent_id=ann, skill_md=f"{hub.state.seq} " * 50))
    store.append(hub.commits)
    hub.commits.clear()
store.close()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(place), str(pause_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "open\n"
        yield
    finally:
        child.stdin.close()
        assert child.wait(30) == 0
        child.stdout.close()


def test_a_store_that_another_process_writes_is_copied_as_it_is_at_a_moment(tmp_path: Path) -> None:
    with hub_that_writes(tmp_path / "store", pause_s=0.005):
        reached = [back_up(tmp_path / "store", tmp_path / f"copy-{at}") for at in range(4)]
    assert reached == sorted(reached)
    store = FileStore(tmp_path / "store")
    log = store.read()
    store.close()
    for at, seq in enumerate(reached):
        reads_as(tmp_path / f"copy-{at}", log[:seq])
