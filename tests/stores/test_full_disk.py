"""A disk without room, and one that fails: what is refused, what goes on, and what stops for good."""

import errno
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from foldhub.testing.store_story import HUB_ID, Teller, story
from foldhub_core import Passport, Register, Resume, SetSkill, Start
from foldhub_stores import Broken, Durable, FileStore, Full, StoreStopped
from foldhub_stores.disk import Disk
from foldhub_stores.founding import WITNESS
from tests.stores.faults import Fault, Faults, FaultyDisk, faulty_files
from tests.stores.places import files_of, tell, told


class TightDisk(Disk):
    """A disk that has room when it is told so."""

    def __init__(self, error: int = errno.ENOSPC) -> None:
        self.has_room = True
        self._error = error

    def allocate(self, file: int, size: int) -> None:
        if not self.has_room:
            raise OSError(self._error, "no room")
        super().allocate(file, size)


def tight(place: Path, error: int = errno.ENOSPC) -> tuple[FileStore, TightDisk]:
    """An open store with half the story, on a disk that has no room for the rest."""
    told(place, story()[:30])
    disk = TightDisk(error)
    store = FileStore(place, HUB_ID, disk=disk)
    disk.has_room = False
    return store, disk


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_without_room_an_append_is_full_and_nothing_was_written(tmp_path: Path, error: int) -> None:
    store, _ = tight(tmp_path / "store", error)
    before = files_of(tmp_path / "store")
    assert isinstance(store.append(story()[30:]), Full)
    assert files_of(tmp_path / "store") == before
    assert store.seq == 30
    store.close()


def test_a_full_store_answers_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    store, disk = tight(tmp_path / "store")
    for _ in range(3):
        assert isinstance(store.append(story()[30:]), Full)
    assert store.read() == story()[:30]
    disk.has_room = True
    tell(store, story()[30:])
    assert store.read() == story()
    store.close()


def test_a_snapshot_without_room_is_none(tmp_path: Path) -> None:
    store, disk = tight(tmp_path / "store")
    assert isinstance(store.begin_snapshot(9), Full)
    disk.has_room = True
    assert isinstance(store.begin_snapshot(9), Durable)
    assert isinstance(store.add_slice(b"one"), Durable)
    disk.has_room = False
    assert isinstance(store.add_slice(bytes(9_000_000)), Full)
    assert store.snapshot() is None
    store.close()


def test_a_disk_that_fails_before_anything_was_written_stops_the_store(tmp_path: Path) -> None:
    store, _ = tight(tmp_path / "store", errno.EIO)
    assert isinstance(store.append(story()[30:]), Broken)
    store.close()


def broken(place: Path, kind: str = "sync") -> tuple[FileStore, Faults]:
    """An open store whose append broke."""
    told(place, story()[:30])
    faults = Faults(kind, 1, Fault.EIO)
    faults.armed = False
    with faulty_files(faults) as vfs:
        store = FileStore(place, HUB_ID, vfs=vfs)
    faults.armed = True
    assert isinstance(store.append(story()[30:35]), Broken)
    return store, faults


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_after_the_first_error_every_append_is_broken_though_the_disk_works_again(tmp_path: Path, kind: str) -> None:
    store, faults = broken(tmp_path / "store", kind)
    assert faults.failed == 1
    for _ in range(3):
        assert isinstance(store.append(story()[30:35]), Broken)
    assert isinstance(store.begin_snapshot(3), Broken)
    assert store.stopped is not None
    store.close()


def test_a_store_that_stopped_answers_nothing(tmp_path: Path) -> None:
    store, _ = broken(tmp_path / "store")
    for question in (store.read, store.snapshot, lambda: store.words("hub"), store.since_snapshot):
        with pytest.raises(StoreStopped, match="stopped for good after an error of its disk"):
            question()
    store.close()


def test_closing_a_store_that_stopped_writes_nothing(tmp_path: Path) -> None:
    store, _ = broken(tmp_path / "store")
    before = files_of(tmp_path / "store")
    store.tend()
    store.close()
    assert files_of(tmp_path / "store") == before


def test_a_store_that_stopped_is_opened_again(tmp_path: Path) -> None:
    store, _ = broken(tmp_path / "store")
    store.close()
    store = FileStore(tmp_path / "store", HUB_ID)
    assert store.seq in (30, 35)
    tell(store, story()[store.seq :])
    assert store.read() == story()
    store.close()


@pytest.mark.parametrize("fault", [Fault.EIO, Fault.ENOSPC])
def test_a_witness_that_cannot_be_written_breaks_no_append_that_is_durable(tmp_path: Path, fault: Fault) -> None:
    place = told(tmp_path / "store", story()[:30])
    faults = Faults("write", 1, fault)
    faults.armed = False
    store = FileStore(place, HUB_ID, disk=FaultyDisk(faults))
    faults.armed = True
    assert store.append(story()[30:35]) == Durable(35)
    after = store.append(story()[35:40])
    assert isinstance(after, Broken if fault is Fault.EIO else Durable)
    store.close()


def test_the_witness_is_synced_at_most_once_a_second_and_when_it_is_tended(tmp_path: Path) -> None:
    now = [10_000]
    faults = Faults()
    store = FileStore(tmp_path / "store", HUB_ID, disk=FaultyDisk(faults), clock=lambda: now[0])
    begun = faults.counted["sync"]

    def synced() -> int:
        return faults.counted["sync"] - begun

    tell(store, story()[:10], 1)
    assert synced() == 0, "the one of opening is not a second old"
    store.tend()
    assert synced() == 0
    now[0] += 1000
    store.tend()
    assert synced() == 1
    store.tend()
    assert synced() == 1, "there is nothing new to tell"
    now[0] += 1000
    tell(store, story()[10:20], 1)
    assert synced() == 2
    now[0] -= 5000
    tell(store, story()[20:21], 1)
    assert synced() == 3, "a clock that was set back puts nothing off"
    store.close()
    assert (tmp_path / "store" / WITNESS).stat().st_size


# --- a disk that is really full


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path, None, None]:
    """A disk of 14 MiB, where the machine lets us make one."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=14m", "none", str(place)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="this machine has no mount")
def test_on_a_small_disk_the_store_is_full_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    hub = Teller(HUB_ID)
    hub.ask(Start())
    hub.ask(Register(passport=Passport(name="ann"), resume=Resume()))
    (ann,) = hub.state.registry.agents
    (small_disk / "ballast").write_bytes(bytes(5_000_000))
    store = FileStore(small_disk / "store", HUB_ID)
    endings: list[type] = []
    while endings[-6:] != [Full, Full, Full, Durable, Durable, Durable]:
        if endings[-3:] == [Full, Full, Full]:
            assert len(store.read()) == store.seq, "a full store answers"
            (small_disk / "ballast").unlink(missing_ok=True)
        elif Full not in endings[-3:]:
            hub.ask(SetSkill(agent_id=ann, skill_md=f"{len(endings)} " * 8000))
        endings.append(type(store.append(hub.commits[store.seq :][:1])))
    assert Broken not in endings
    store.close()
    store = FileStore(small_disk / "store", HUB_ID)
    assert store.read() == tuple(hub.commits[: store.seq])
    store.close()
