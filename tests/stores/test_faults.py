"""The k-th write and the k-th sync fail: what was acknowledged is there when the store is opened again, whatever failed."""

from pathlib import Path

import pytest

from foldhub.testing.store_story import story
from foldhub_core import Commit
from foldhub_stores import Broken, Durable, FileStore, Full, StoreError
from tests.stores.faults import Fault, Faults, FaultyDisk, faulty_files

BATCH = 4
SLICE = b"slice" * 60_000


class Life:
    """One life of a store on a faulty disk: what it acknowledged, and how its appends ended."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.endings: list[type] = []
        self.snapshot = False


def live(place: Path, faults: Faults, *, slices: int = 15) -> Life:
    """Open the store, tell it the story with a snapshot in between, and close it; Full is tried once more, as an engine does."""
    life = Life()
    with faulty_files(faults) as vfs:
        try:
            store = FileStore(place, "demo", vfs=vfs, disk=FaultyDisk(faults))
        except (StoreError, OSError):
            return life
        commits = story()[store.seq :]
        life.acknowledged = store.seq
        batches = [commits[at : at + BATCH] for at in range(0, len(commits), BATCH)]
        for at, batch in enumerate(batches):
            came = store.append(batch)
            life.endings.append(type(came))
            if isinstance(came, Full):
                came = store.append(batch)
                life.endings.append(type(came))
            if not isinstance(came, Durable):
                break
            life.acknowledged = came.seq
            if at == 2:
                taken = [store.begin_snapshot(came.seq)]
                while isinstance(taken[-1], Durable) and len(taken) <= slices:
                    taken.append(store.add_slice(SLICE))
                life.snapshot = isinstance(taken[-1], Durable) and isinstance(store.end_snapshot(), Durable)
        store.close()
    return life


def opened_again(place: Path) -> tuple[Commit, ...]:
    """What a store holds when it is opened on a disk that works."""
    store = FileStore(place, "demo")
    try:
        commits = store.read()
        snapshot = store.snapshot()
        assert snapshot is None or set(snapshot.slices) == {SLICE}, "a snapshot is whole or it is none"
        assert store.append(story()[len(commits) :]) == Durable(len(story())), "the log goes on"
        assert store.read() == story()
        return commits
    finally:
        store.close()


def counts(tmp_path: Path) -> dict[str, int]:
    faults = Faults()
    assert live(tmp_path / "counting", faults).acknowledged == len(story())
    return faults.counted


def points(total: int, most: int) -> list[int]:
    """Points from the first to the last operation, evenly."""
    return sorted({1 + at * (total - 1) // (most - 1) for at in range(most)}) if total > most else list(range(1, total + 1))


def sweep(tmp_path: Path, kind: str, fault: Fault, most: int, *, for_ever: bool) -> None:
    total = counts(tmp_path)[kind]
    assert total > 5, f"there is something to fail: {kind}"
    failed = 0
    for at in points(total, most):
        place = tmp_path / f"{kind}-{at}"
        faults = Faults(kind, at, fault, for_ever=for_ever)
        life = live(place, faults)
        failed += faults.failed > 0
        if Broken in life.endings:
            assert life.endings.index(Broken) == len(life.endings) - 1, "what is broken says nothing else any more"
        if not place.exists():
            assert life.acknowledged == 0, "where no store was made nothing was acknowledged"
            continue
        commits = opened_again(place)
        where = f"{kind} {at} of {total} failed with {fault}"
        assert commits == story()[: len(commits)], where
        assert life.acknowledged <= len(commits) <= life.acknowledged + BATCH, where
    assert failed, "something failed"


CASES = [("write", fault) for fault in Fault] + [("sync", Fault.EIO), ("allocate", Fault.ENOSPC), ("allocate", Fault.EIO)]


@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize(("kind", "fault"), CASES[:4])
def test_what_was_acknowledged_survives_a_disk_that_fails(tmp_path: Path, kind: str, fault: Fault, for_ever: bool) -> None:
    sweep(tmp_path, kind, fault, 9, for_ever=for_ever)


@pytest.mark.long
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize(("kind", "fault"), CASES[:4])
def test_what_was_acknowledged_survives_whatever_fails(tmp_path: Path, kind: str, fault: Fault, for_ever: bool) -> None:
    sweep(tmp_path, kind, fault, 10**9, for_ever=for_ever)
