"""A new store, made whole beside its place and put there in one move: a place holds a store or it holds none."""

import os
import secrets
import shutil
from pathlib import Path

import apsw

from foldhub_core.ids import check_hub_id
from foldhub_core.state import GENESIS

from .disk import Disk, sync_folder
from .errors import StoreError, StoreMismatch, StoreStopped
from .schema import APPLICATION, FORMAT, TABLES, connect
from .witness import Witness

LOG = "log.db"
WAL = "log.db-wal"
WITNESS = "witness"
LOCK = "lock"


def is_founded(folder: Path) -> bool:
    """Whether a store is there; raises `StoreMismatch` where something else is."""
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise StoreMismatch(f"expected a store at {folder}, which is a folder, came something else")
    if (folder / LOG).exists():
        return True
    if any(folder.iterdir()):
        raise StoreMismatch(f"expected a store at {folder}, or nothing, came a folder with other things in it")
    return False


def found(folder: Path, hub_id: str | None, vfs: str, disk: Disk) -> None:
    """Make a store of a hub at a place that is empty; without a name the hub is given one of its own."""
    named = check_hub_id(f"h{secrets.token_hex(5)}" if hub_id is None else hub_id)
    store_id = secrets.token_hex(16)
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(f".{folder.name}.new-{secrets.token_hex(4)}")
    new.mkdir(mode=0o700)
    try:
        # Made before SQLite sees them, so that nobody else may read them for a moment; its log takes after the database.
        for name in (LOG, LOCK):
            os.close(os.open(new / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        lay_tables(new, store_id, named, 0, GENESIS, vfs)
        witness = Witness(new / WITNESS, store_id, 0, disk, lambda: 0)
        try:
            witness.note(0, GENESIS)
        finally:
            witness.close()
        sync_folder(new)
        new.rename(folder)
        sync_folder(folder.parent)
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if isinstance(error, apsw.Error):
            raise StoreStopped(f"no store can be made at {folder}: {error!r}") from error
        raise


def lay_tables(folder: Path, store_id: str, hub_id: str, base_seq: int, base_head: bytes, vfs: str) -> None:
    """Make the database of a store whose log begins after a place in the chain."""
    database = connect(str(folder / LOG), vfs, create=True)
    try:
        database.ask("BEGIN IMMEDIATE")
        database.ask(TABLES)
        database.ask("INSERT INTO identity VALUES (?, ?, ?, ?)", (store_id, hub_id, base_seq, base_head))
        database.ask(f"PRAGMA application_id = {APPLICATION}")
        database.ask(f"PRAGMA user_version = {FORMAT}")
        database.ask("COMMIT")
        database.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        database.close()
    if (folder / WAL).stat().st_size:
        raise StoreError("expected the tables of a new store in its database, came some in its write-ahead log")
