"""Lives of a store on a disk that fails: what was acknowledged is there when the store is opened again, whatever failed."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from foldhub.testing.store_story import story
from foldhub_core import Commit
from foldhub_stores import Broken, Durable, FileStore, Full, StoreError
from tests.stores.faults import Fault, Faults, FaultyDisk, faulty_files
from tests.stores.places import tell, told

BATCH = 4
SLICE = b"slice" * 60_000
SLICES = 15
"""Slices after which the write-ahead log is copied into the database and begun anew, in the middle of a life."""


class Life:
    """One life of a store on a faulty disk: what it acknowledged, and how its appends ended."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.endings: list[type] = []
        self.snapshot = False


def live(place: Path, faults: Faults, *, slices: int = SLICES) -> Life:
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


Ground = Callable[[Path], None]
"""Makes what lies at a place before a life on a faulty disk begins."""


def nothing(place: Path) -> None:
    """A place where no store is: the life begins with its making."""


def a_crash(place: Path) -> None:
    """A store whose process died, all of its second half in the write-ahead log: the life begins with its recovery."""
    for name, data in _crashed().items():
        place.mkdir(mode=0o700, exist_ok=True)
        (place / name).write_bytes(data)
        (place / name).chmod(0o600)


@cache
def _crashed() -> dict[str, bytes]:
    """The files of such a store: the same bytes lie everywhere."""
    half = len(story()) // 2
    with TemporaryDirectory() as folder:
        place = told(Path(folder) / "store", story()[:half])
        store = FileStore(place, "demo")
        tell(store, story()[half:-BATCH])
        files = {file.name: file.read_bytes() for file in place.iterdir()}
        store.close()
    return files


def counts(tmp_path: Path, ground: Ground, slices: int = SLICES) -> dict[str, int]:
    """How many operations of each kind there are in a life."""
    faults = Faults()
    ground(tmp_path / "counting")
    assert live(tmp_path / "counting", faults, slices=slices).acknowledged == len(story())
    return faults.counted


def fail(place: Path, ground: Ground, kind: str, at: int, fault: Fault, *, for_ever: bool, slices: int = SLICES) -> bool:
    """Let one life end in the `at`-th operation of a kind; raises where what was acknowledged is lost. Whether it failed."""
    ground(place)
    before = 0 if ground is nothing else len(story()) - BATCH
    faults = Faults(kind, at, fault, for_ever=for_ever)
    life = live(place, faults, slices=slices)
    where = f"{ground.__name__}: {kind} {at} failed with {fault}{' for ever' if for_ever else ''}"
    if Broken in life.endings:
        assert life.endings.index(Broken) == len(life.endings) - 1, f"what is broken says nothing else any more: {where}"
    if kind == "sync":
        assert Full not in life.endings, f"the outcome of a sync that failed is unknown: {where}"
    if not place.exists():
        assert life.acknowledged == 0, f"where no store was made nothing was acknowledged: {where}"
        return faults.failed > 0
    commits = opened_again(place)
    assert commits == story()[: len(commits)], where
    assert max(life.acknowledged, before) <= len(commits) <= max(life.acknowledged, before) + BATCH, where
    shutil.rmtree(place)
    return faults.failed > 0


GROUNDS = [nothing, a_crash]
CASES = [*[("write", fault) for fault in Fault], ("sync", Fault.EIO), ("sync", Fault.ENOSPC), ("allocate", Fault.ENOSPC)]
