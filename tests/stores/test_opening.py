"""Opening a store in a folder: what it finds, what it cuts off, and what it refuses and leaves as it was."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from foldhub.testing.store_story import HUB_ID, Teller, story
from foldhub_core import Malformed, Passport, Register, Resume, Start
from foldhub_stores import Durable, FileStore, Full, StoreDamaged, StoreError, StoreLocked, StoreMismatch
from foldhub_stores.founding import LOCK, LOG, WAL, WITNESS
from foldhub_stores.wal_scan import scan_wal
from foldhub_stores.witness import hear_witness
from tests.stores.faults import Fault, Faults, FaultyDisk, faulty_files
from tests.stores.places import files_of, flip, killed, overwrite, tell, told


def refused(place: Path, error: type[StoreError], hub_id: str | None = HUB_ID) -> str:
    """A store that is not opened, and whose files stay as they are; gives the message."""
    before = files_of(place)
    with pytest.raises(error) as raised:
        FileStore(place, hub_id)
    assert files_of(place) == before, "a store that is refused is left as it was found"
    return str(raised.value)


# --- where there is none


def test_a_store_is_made_with_the_folders_above_it(tmp_path: Path) -> None:
    FileStore(tmp_path / "some" / "where", HUB_ID).close()
    assert sorted(file.name for file in (tmp_path / "some" / "where").iterdir()) == sorted([LOCK, LOG, WAL, WITNESS])


def test_nobody_else_may_look_into_a_store(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store", HUB_ID)
    tell(store, story()[:5])
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "store").iterdir()}
    store.close()
    assert modes == {LOCK: 0o600, LOG: 0o600, WAL: 0o600, WITNESS: 0o600}
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700


def test_an_empty_folder_becomes_the_store(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o755)
    FileStore(tmp_path / "store", HUB_ID).close()
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700


def test_a_hub_without_a_name_is_given_one(tmp_path: Path) -> None:
    with_name = FileStore(tmp_path / "one")
    other = FileStore(tmp_path / "two")
    names = {with_name.identity.hub_id, other.identity.hub_id}
    with_name.close()
    other.close()
    assert len(names) == 2


def test_a_name_that_no_hub_can_have_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="small letters"):
        FileStore(tmp_path / "store", "No Name!")
    assert list(tmp_path.iterdir()) == []


def test_two_stores_have_two_identities(tmp_path: Path) -> None:
    stores = [FileStore(tmp_path / name, HUB_ID) for name in ("one", "two")]
    ids = {store.identity.store_id for store in stores}
    for store in stores:
        store.close()
    assert len(ids) == 2


# --- where there is something else


def test_a_folder_with_other_things_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "a folder with other things in it" in refused(tmp_path, StoreMismatch)


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("mine")
    with pytest.raises(StoreMismatch, match="which is a folder"):
        FileStore(tmp_path / "store", HUB_ID)


def test_a_store_of_another_hub_is_refused(tmp_path: Path) -> None:
    assert "expected a store of the hub other" in refused(told(tmp_path / "store"), StoreMismatch, "other")


def test_a_store_of_a_hub_that_is_not_named_is_opened(tmp_path: Path) -> None:
    store = FileStore(told(tmp_path / "store"))
    assert store.identity.hub_id == HUB_ID
    store.close()


def test_a_store_of_tomorrows_format_is_refused(tmp_path: Path) -> None:
    place = told(tmp_path / "store")
    with_program(place, "PRAGMA user_version = 9")
    assert "format 1 to 2" in refused(place, StoreMismatch)


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    place = told(tmp_path / "store")
    with_program(place, "PRAGMA application_id = 7")
    assert "a database of something else" in refused(place, StoreMismatch)


def with_program(place: Path, statement: str) -> None:
    """Do something to the database as another program would, that keeps the checksums of its pages right."""
    connection = apsw.Connection(str(place / LOG), vfs="cksmvfs")
    connection.execute(statement)
    connection.close()


# --- one at a time


def test_a_second_opener_is_told_who_has_it(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store", HUB_ID)
    with pytest.raises(StoreLocked) as raised:
        FileStore(tmp_path / "store", HUB_ID)
    store.close()
    assert raised.value.holder_pid == os.getpid()
    assert raised.value.since is not None


def test_another_process_is_refused_at_once(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store", HUB_ID)
    program = f"from foldhub_stores import FileStore; FileStore({str(tmp_path / 'store')!r})"
    came = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    store.close()
    assert f"came process {os.getpid()}, which has had it since" in came.stderr


def test_a_store_is_free_when_it_is_closed(tmp_path: Path) -> None:
    FileStore(tmp_path / "store", HUB_ID).close()
    FileStore(tmp_path / "store", HUB_ID).close()


def test_a_store_is_free_when_opening_it_failed(tmp_path: Path) -> None:
    place = told(tmp_path / "store")
    refused(place, StoreMismatch, "other")
    FileStore(place, HUB_ID).close()


def test_a_database_that_another_program_holds_is_locked(tmp_path: Path) -> None:
    place = told(tmp_path / "store")
    connection = apsw.Connection(str(place / LOG), vfs="cksmvfs")
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked, match="came another process"):
        FileStore(place, HUB_ID)
    connection.close()


# --- after a crash


def test_what_a_dead_process_was_told_is_there(tmp_path: Path) -> None:
    store = FileStore(killed(tmp_path / "store"), HUB_ID)
    assert store.read() == story()
    assert (store.opened.cut_bytes, store.opened.notes) == (0, ())
    store.close()


def test_a_torn_tail_is_cut_and_reported(tmp_path: Path) -> None:
    place = killed(tmp_path / "store", story()[:20])
    end = scan_wal(place / WAL, "").end
    header = (place / WAL).read_bytes()[end - 4120 : end]
    overwrite(place / WAL, end, header[:8] + (place / WAL).read_bytes()[16:24] + b"torn" * 300)
    store = FileStore(place, HUB_ID)
    assert store.read() == story()[:20]
    assert store.opened.cut_bytes == 4120
    assert any("a torn tail of 4120 bytes was cut off" in note for note in store.opened.notes)
    tell(store, story()[20:])
    store.close()
    store = FileStore(place, HUB_ID)
    assert store.read() == story()
    assert store.opened.cut_bytes == 0
    store.close()


def test_a_last_transaction_that_was_not_acknowledged_is_cut(tmp_path: Path) -> None:
    """As a power cut leaves it: the witness knows nothing of it, and of its frames some are there and some are not."""
    place = tmp_path / "store"
    store = FileStore(tmp_path / "alive", HUB_ID)
    tell(store, story()[:20])
    witness = (tmp_path / "alive" / WITNESS).read_bytes()
    acknowledged = scan_wal(tmp_path / "alive" / WAL, "")
    tell(store, story()[20:25])
    shutil.copytree(tmp_path / "alive", place)
    store.close()
    whole = scan_wal(place / WAL, "")
    assert acknowledged.frames + 1 < whole.frames, "the last transaction has several frames"
    (place / WITNESS).write_bytes(witness)
    flip(place / WAL, (acknowledged.end + 200) * 8)
    store = FileStore(place, HUB_ID)
    assert store.read() == story()[:20]
    assert store.opened.cut_bytes == whole.end - acknowledged.end
    store.close()


HALF_A_HEADER = bytes.fromhex("377f0682002de2180000100000000002")


def test_a_header_of_the_first_round_that_was_not_written_to_its_end_is_cut(tmp_path: Path) -> None:
    place = told(tmp_path / "store", story()[:20])
    FileStore(place, HUB_ID).close()  # which says that nothing is written ahead
    (place / WAL).write_bytes(HALF_A_HEADER + bytes(100_000))
    store = FileStore(place, HUB_ID)
    assert store.read() == story()[:20]
    assert store.opened.cut_bytes == 32
    tell(store, story()[20:])
    store.close()
    assert_whole(place)


def test_a_header_of_a_later_round_that_was_not_written_to_its_end_is_cut(tmp_path: Path) -> None:
    """All that the round before had written ahead is in the database, and the witness says so."""
    place = used_up(tmp_path / "store")
    overwrite(place / WAL, 0, HALF_A_HEADER)
    store = FileStore(place, HUB_ID)
    assert store.read() == story()[:20]
    assert store.snapshot() is not None
    assert store.opened.cut_bytes == 32
    tell(store, story()[20:])
    store.close()
    assert_whole(place)


def test_what_was_written_ahead_and_copied_is_read_as_it_was(tmp_path: Path) -> None:
    place = used_up(tmp_path / "store")
    store = FileStore(place, HUB_ID)
    assert (store.read(), store.opened.cut_bytes) == (story()[:20], 0)
    store.close()


class FullOnceEmptied(FaultyDisk):
    """A disk that is full from where the witness is told that nothing is written ahead; half of each write still goes through."""

    has_room = False

    def write(self, file: int, data: bytes, offset: int) -> None:
        if data[_FRAMES] & 0x80 and not self.has_room:
            self._faults.armed = True
        super().write(file, data, offset)


_FRAMES = 72
"""Where a slot of the witness says in its first bit that nothing is written ahead."""


def test_a_write_ahead_log_is_not_begun_anew_while_a_full_disk_keeps_the_witness_from_knowing(tmp_path: Path) -> None:
    faults = Faults("write", 1, Fault.SHORT, for_ever=True)
    faults.armed = False
    with faulty_files(faults) as vfs:
        disk = FullOnceEmptied(faults)
        store = FileStore(tmp_path / "alive", HUB_ID, vfs=vfs, disk=disk)
        tell(store, story()[:20])
        store.begin_snapshot(9)
        while not faults.armed:
            assert isinstance(store.add_slice(bytes(200_000)), Durable)
        assert isinstance(store.append(story()[20:]), Full)
        shutil.copytree(tmp_path / "alive", tmp_path / "dead")
        faults.armed, disk.has_room = False, True
        tell(store, story()[20:])
        store.close()
    assert_whole(tmp_path / "alive")
    store = FileStore(tmp_path / "dead", HUB_ID)
    assert (store.read(), store.opened.cut_bytes) == (story()[:20], 0)
    store.close()


def used_up(place: Path) -> Path:
    """A store whose process died when it had copied its write-ahead log into the database, and had not begun it anew."""
    alive = place.with_name("alive")
    store = FileStore(alive, HUB_ID)
    tell(store, story()[:20])
    for _ in range(2):
        store.begin_snapshot(9)
        store.add_slice(b"slice")
        assert isinstance(store.end_snapshot(), Durable)
    store.begin_snapshot(9)
    for _ in range(50):
        assert isinstance(store.add_slice(bytes(200_000)), Durable)
        heard = hear_witness(alive / WITNESS).account
        if heard is not None and heard.emptied:
            break
    else:
        raise AssertionError("the log was never used up")
    shutil.copytree(alive, place)
    store.close()
    return place


def assert_whole(place: Path) -> None:
    store = FileStore(place, HUB_ID)
    assert (store.read(), store.opened.cut_bytes) == (story(), 0)
    store.close()


# --- damage


def test_a_damaged_frame_before_the_last_transaction_is_refused(tmp_path: Path) -> None:
    place = killed(tmp_path / "store")
    flip(place / WAL, (32 + 4120 + 24 + 100) * 8)
    message = refused(place, StoreDamaged)
    assert "a damaged frame 2 with synced ones behind it" in message
    assert f"`foldhub repair {place}`" in message


def test_a_damaged_last_transaction_that_was_acknowledged_is_refused_and_named(tmp_path: Path) -> None:
    place = killed(tmp_path / "store")
    flip(place / WAL, (scan_wal(place / WAL, "").end - 100) * 8)
    message = refused(place, StoreDamaged)
    assert f"expected a log that reaches commit {len(story())}" in message


def test_a_damaged_header_of_the_write_ahead_log_is_refused(tmp_path: Path) -> None:
    place = killed(tmp_path / "store")
    flip(place / WAL, 17 * 8)
    assert "the header of the write-ahead log" in refused(place, StoreDamaged)


def test_a_write_ahead_log_that_is_gone_is_missed(tmp_path: Path) -> None:
    place = killed(tmp_path / "store")
    (place / WAL).unlink()
    assert "came one that ends at 0" in refused(place, StoreDamaged)


@pytest.mark.parametrize("offset", [0, 16, 18, 20, 24, 100, 1000])
def test_a_damaged_first_page_is_refused(tmp_path: Path, offset: int) -> None:
    place = told(tmp_path / "store")
    flip(place / LOG, offset * 8)
    refused(place, StoreDamaged)


def test_a_database_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    place = told(tmp_path / "store")
    size = (place / LOG).stat().st_size
    os.truncate(place / LOG, size - 4096)
    refused(place, StoreDamaged)


def test_an_older_database_under_the_same_witness_is_refused(tmp_path: Path) -> None:
    place = told(tmp_path / "store", story()[:20])
    older = (place / LOG).read_bytes()
    store = FileStore(place, HUB_ID)
    tell(store, story()[20:])
    store.close()
    (place / LOG).write_bytes(older)
    message = refused(place, StoreDamaged)
    assert "commit 21: expected a log that reaches commit" in message


def test_the_database_of_another_store_is_refused(tmp_path: Path) -> None:
    place, other = told(tmp_path / "store"), told(tmp_path / "other")
    shutil.copy(other / LOG, place / LOG)
    assert "expected the witness of this store" in refused(place, StoreDamaged)


def test_another_log_under_the_same_witness_is_refused(tmp_path: Path) -> None:
    place, other = told(tmp_path / "store", story()[:20]), tmp_path / "other"
    store_id = FileStore(place, HUB_ID)
    store_id.close()
    hub = Teller()
    for at in range(30):
        hub.ask(Start() if at == 0 else Register(passport=Passport(name=f"agent-{at}"), resume=Resume()))
    with_program(told(other, tuple(hub.commits)), f"UPDATE identity SET store_id = '{store_id.identity.store_id}'")
    shutil.copy(other / LOG, place / LOG)
    assert "commit 20: expected the commit that the witness saw, came another" in refused(place, StoreDamaged)


def test_a_slice_that_was_acknowledged_and_is_gone_is_missed(tmp_path: Path) -> None:
    alive, place = tmp_path / "alive", tmp_path / "store"
    store = FileStore(alive, HUB_ID)
    tell(store, story()[:20])
    store.begin_snapshot(9)
    store.add_slice(b"one" * 4000)
    shutil.copytree(alive, place)
    store.close()
    flip(place / WAL, (scan_wal(place / WAL, "").end - 100) * 8)
    assert "whole frames, came one of" in refused(place, StoreDamaged)


def test_a_snapshot_that_was_not_ended_is_reported(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store", HUB_ID)
    tell(store, story()[:20])
    store.begin_snapshot(9)
    store.close()
    store = FileStore(tmp_path / "store", HUB_ID)
    assert store.opened.notes == ("a snapshot was begun and not ended; it is forgotten",)
    store.close()


def test_a_store_without_its_witness_is_opened_and_says_so(tmp_path: Path) -> None:
    place = told(tmp_path / "store")
    (place / WITNESS).unlink()
    store = FileStore(place, HUB_ID)
    assert store.opened.notes == ("there is no witness that says how far the log had come",)
    assert store.read() == story()
    store.close()
    store = FileStore(place, HUB_ID)
    assert store.opened.notes == ()
    store.close()


def test_a_witness_with_one_damaged_slot_still_speaks(tmp_path: Path) -> None:
    place = killed(tmp_path / "store")
    flip(place / WITNESS, 100)
    store = FileStore(place, HUB_ID)
    assert any("the witness was damaged" in note for note in store.opened.notes)
    assert store.read() == story()
    store.close()
