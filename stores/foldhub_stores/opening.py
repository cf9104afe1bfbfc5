"""Opening a store in a file: what is looked at before it is trusted.

Nothing is changed before all of it has been looked at: a store that is refused is left as it was found.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import apsw

from foldhub_core.records import record

from .database import Database, OtherRows, extended_code
from .disk import Disk
from .errors import StoreDamaged, StoreLocked, StoreMismatch, StoreStopped
from .founding import LOG, WAL, WITNESS
from .holes import FORM, read_row
from .schema import APPLICATION, CHECKSUM_BYTES, FORMAT, PAGE_SIZE, WITH_HOLES, connect
from .snapshot_tables import SnapshotTables
from .store import Identity, Opened
from .wal_room import WalRoom
from .wal_scan import WalScan, cut_wal, scan_wal
from .witness import Heard, Witness, hear_witness

ROT = apsw.SQLITE_IOERR_DATA
"""The error of a page whose checksum is not its own."""

_HEADER = 100
_MAGIC = b"SQLite format 3\0"


@record
class Base:
    """Where the log begins: the commit before its first, and the chain's head there."""

    seq: int
    head: bytes


class OpenLog:
    """A log that was looked at and found whole."""

    def __init__(
        self,
        database: Database,
        room: WalRoom,
        witness: Witness,
        identity: Identity,
        base: Base,
        floor: int,
        opened: Opened,
    ) -> None:
        self.database = database
        self.room = room
        self.witness = witness
        self.identity = identity
        self.base = base
        self.floor = floor
        """The last hole of the log, or where it begins: what can be folded lies behind it."""
        self.opened = opened


def open_log(folder: Path, hub_id: str | None, created: bool, vfs: str, disk: Disk, clock: Callable[[], int]) -> OpenLog:
    """Look at the files of a store and open them; the caller holds the lock."""
    path = str(folder)
    _check_header(folder / LOG, path)
    heard = hear_witness(folder / WITNESS)
    begins_anew = heard.account is not None and (heard.account.frames == 0 or heard.account.emptied)
    scan = scan_wal(folder / WAL, path, may_have_no_header=begins_anew)
    database = connect_existing(folder / LOG, vfs, path)
    try:
        return _looked_at(database, folder, hub_id, created, scan, heard, disk, clock)
    except apsw.Error as error:
        database.close()
        raise damage_of(error, path) or StoreStopped(f"{path} cannot be opened: {error!r}") from error
    except BaseException:
        database.close()
        raise


def connect_existing(file: Path, vfs: str, path: str) -> Database:
    """Open the database; raises `StoreLocked` where a program that knows nothing of our lock has it open."""
    try:
        return connect(str(file), vfs)
    except (apsw.BusyError, apsw.LockedError):
        raise StoreLocked(path, None, None) from None
    except apsw.Error as error:
        raise damage_of(error, path) or StoreStopped(f"{path} cannot be opened: {error!r}") from error


def damage_of(error: apsw.Error, path: str) -> StoreDamaged | None:
    """The damage that an error of SQLite tells of, or None where it tells of something else."""
    if isinstance(error, apsw.CorruptError | apsw.NotADBError | apsw.FormatError | OtherRows):
        return StoreDamaged(f"expected a database that hangs together, came one that does not ({error})", path=path)
    if is_rot(error):
        return StoreDamaged("expected a page of the database as it was written, came another", path=path)
    if isinstance(error, apsw.SQLError):
        return StoreDamaged(f"expected the tables of a store, came others ({error})", path=path)
    return None


def is_rot(error: apsw.Error) -> bool:
    """Whether it is a page that is not as it was written, and no more."""
    return isinstance(error, apsw.IOError) and extended_code(error) == ROT


def _check_header(file: Path, path: str) -> None:
    """Check what SQLite reads before any checksum; a bit of it can switch the checksums off."""
    with file.open("rb") as opened:
        header = opened.read(_HEADER)
    page_size = int.from_bytes(header[16:18], "big")
    expected = (_MAGIC, PAGE_SIZE, b"\x02\x02", CHECKSUM_BYTES)
    if len(header) < _HEADER or (header[:16], page_size, header[18:20], header[20]) != expected:
        raise StoreDamaged("expected the header of a store's database, came another", path=path)
    if int.from_bytes(header[68:72], "big") != APPLICATION:
        raise StoreMismatch(f"expected a store at {path}, came a database of something else")


def _looked_at(
    database: Database,
    folder: Path,
    hub_id: str | None,
    created: bool,
    scan: WalScan,
    heard: Heard,
    disk: Disk,
    clock: Callable[[], int],
) -> OpenLog:
    path, notes = str(folder), list[str]()
    identity, base = _identity(database, hub_id, path)
    seq, head = _end_of(database, identity, base, path)
    floor = _floor_of(database, identity, base, path)
    _check_witness(database, identity, base, seq, scan, heard, path)
    if heard.account is None:
        notes.append("there is no witness that says how far the log had come")
    if heard.damaged:
        notes.append("the witness was damaged; what is left of it agrees with the log")
    if scan.frames == 0:
        _check_size(database, folder, path)
    snapshots = SnapshotTables(database)
    if snapshots.unfinished():
        notes.append("a snapshot was begun and not ended; it is forgotten")
    # From here on things are changed.
    room = WalRoom(database, folder / WAL, disk, scan.frames)
    if not _emptied(room):
        notes.append("the disk is full")
        if scan.torn:
            cut_wal(folder / WAL, scan)
    if scan.torn:
        notes.append(f"a torn tail of {scan.torn} bytes was cut off: writes that never ended")
    _check_size(database, folder, path)
    witness = Witness(folder / WITNESS, identity.store_id, heard.account.turn if heard.account else 0, disk, clock)
    try:
        witness.note(seq, head)
        witness.sync()
    except BaseException:
        witness.close()
        raise
    opened = Opened(created, seq, head, snapshots.newest_seq(), scan.torn, tuple(notes))
    return OpenLog(database, room, witness, identity, base, floor, opened)


def _identity(database: Database, hub_id: str | None, path: str) -> tuple[Identity, Base]:
    ((form,),) = database.ask("PRAGMA user_version")
    if not 1 <= cast("int", form) <= FORMAT:
        raise StoreMismatch(f"expected a store of format 1 to {FORMAT} at {path}, came format {form}")
    rows = database.ask("SELECT store_id, hub_id, base_seq, base_head FROM identity", kinds="ttib")
    if len(rows) != 1:
        raise StoreDamaged(f"expected one row that says which store it is, came {len(rows)}", path=path)
    store_id, of_hub, base_seq, base_head = cast("tuple[str, str, int, bytes]", rows[0])
    if hub_id not in (None, of_hub):
        raise StoreMismatch(f"expected a store of the hub {hub_id} at {path}, came one of {of_hub}")
    return Identity(store_id, of_hub, cast("int", form)), Base(base_seq, base_head)


def _end_of(database: Database, identity: Identity, base: Base, path: str) -> tuple[int, bytes]:
    """The last commit, which must be whole, and its head."""
    rows = database.ask("SELECT seq, form, chain, payload FROM commits ORDER BY seq DESC LIMIT 1", kinds="iibb")
    if not rows:
        return base.seq, base.head
    seq, form, chain, payload = cast("tuple[int, int, bytes, bytes]", rows[0])
    previous = chain_at(database, base, seq - 1)
    if previous is None:
        raise StoreDamaged("expected the commit before the last, came none", seq=seq - 1, path=path)
    read_row(identity.hub_id, previous, (seq, form, chain, payload), path)
    return seq, chain


def _floor_of(database: Database, identity: Identity, base: Base, path: str) -> int:
    """The last hole of the log, or where it begins."""
    if identity.form < WITH_HOLES:
        return base.seq
    ((last,),) = database.ask("SELECT max(seq) FROM commits WHERE form = 0", kinds="I")
    # It is found through an index, whose page may have changed places with another.
    if last is not None and database.ask("SELECT form FROM commits WHERE seq = ?", (last,), "i") != [(FORM,)]:
        raise StoreDamaged("expected a hole where the index of holes has one, came none", seq=cast("int", last), path=path)
    return max(base.seq, cast("int | None", last) or 0)


def chain_at(database: Database, base: Base, seq: int) -> bytes | None:
    """The chain's head after a commit, or None where it is not there."""
    if seq == base.seq:
        return base.head
    rows = database.ask("SELECT chain FROM commits WHERE seq = ?", (seq,), "b")
    return cast("bytes", rows[0][0]) if rows else None


def _check_witness(database: Database, identity: Identity, base: Base, seq: int, scan: WalScan, heard: Heard, path: str) -> None:
    """Check that what the witness saw is there."""
    account = heard.account
    if account is None:
        return
    if account.store_id != identity.store_id:
        raise StoreDamaged("expected the witness of this store, came that of another", path=path)
    if account.seq > seq:
        when = datetime.fromtimestamp(account.at_ms / 1000, UTC).isoformat(timespec="seconds")
        message = f"expected a log that reaches commit {account.seq}, which was there at {when}, came one that ends at {seq}"
        raise StoreDamaged(message, seq=seq + 1, path=path)
    if account.salts == scan.salts and account.frames > scan.frames:
        message = f"expected a write-ahead log of {account.frames} whole frames, came one of {scan.frames}"
        raise StoreDamaged(message, path=path)
    if account.seq >= base.seq and chain_at(database, base, account.seq) != account.head:
        raise StoreDamaged("expected the commit that the witness saw, came another", seq=account.seq, path=path)


def _emptied(room: WalRoom) -> bool:
    """Copy the write-ahead log into the database, so that the first write begins it anew; False where there is no room to."""
    try:
        room.checkpoint(empty=True)
    except apsw.FullError:
        return False
    return True


def _check_size(database: Database, folder: Path, path: str) -> None:
    """Check that the database is as long as it says, now that all of it is in one file."""
    ((pages,),) = database.ask("PRAGMA page_count")
    missing = cast("int", pages) * PAGE_SIZE - (folder / LOG).stat().st_size
    if missing > 0 and (folder / WAL).stat().st_size == 0:
        raise StoreDamaged(f"expected a database of {pages} pages, came one that is {missing} bytes short", path=path)
