"""A database made anew of commits and holes: its index is made of them again, and nothing of an old one is taken over."""

from collections.abc import Sequence
from pathlib import Path

import apsw

from foldhub_core import Commit

from .errors import StoreStopped
from .founding import LOG, WAL, lay_tables
from .holes import Hole, row_of
from .index_tables import index_writes
from .opening import Base
from .schema import connect, load_checked_files
from .slices import SliceDigest
from .snapshot_tables import SnapshotTables
from .store import Identity, Snapshot


class Builder:
    """Makes the database of a store in a folder that holds none. What it was given is there when it is finished."""

    def __init__(self, folder: Path, identity: Identity, base: Base) -> None:
        self._folder = folder
        vfs = load_checked_files()
        (folder / LOG).touch(mode=0o600, exist_ok=False)
        lay_tables(folder, identity.store_id, identity.hub_id, base.seq, base.head, vfs)
        self._database = connect(str(folder / LOG), vfs)

    def add(self, entries: Sequence[Commit | Hole]) -> None:
        """Add what follows in the log."""
        writes = index_writes([entry for entry in entries if isinstance(entry, Commit)])
        self._database.ask("BEGIN IMMEDIATE")
        self._database.write_many("INSERT INTO commits VALUES (?, ?, ?, ?)", [row_of(entry) for entry in entries])
        for statement, rows in writes.items():
            self._database.write_many(statement, rows)
        self._database.ask("COMMIT")
        self._database.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Add a snapshot that counts; the newest comes last."""
        tables = SnapshotTables(self._database)
        self._database.ask("BEGIN IMMEDIATE")
        place = tables.begin(snapshot.seq)
        for at, data in enumerate(snapshot.slices):
            tables.add(place, at, data)
        tables.end(place, len(snapshot.slices), SliceDigest(snapshot.slices).hex())
        self._database.ask("COMMIT")
        self._database.checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def finish(self) -> None:
        """Close it. All of it is durable, in one file."""
        self._database.close()
        if (self._folder / WAL).exists() and (self._folder / WAL).stat().st_size:
            raise StoreStopped("expected a new database in one file, came one with a write-ahead log beside it")
        (self._folder / WAL).unlink(missing_ok=True)

    def drop(self) -> None:
        """Close it unfinished."""
        self._database.close()
