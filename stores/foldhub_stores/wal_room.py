"""Room for the next transaction, made before it is begun.

SQLite learns that a disk is full in the middle of a commit, when nobody can say any more what of it is there. So the
write-ahead log is extended beforehand, in large pieces, by zeros that SQLite takes for nothing: where that is refused, nothing
was written yet. Used up, the log is copied into the database and begun again from its start, in the space it has.
"""

import os
from pathlib import Path

import apsw

from .database import Database
from .disk import Disk, is_full
from .schema import PAGE_SIZE
from .wal_scan import FRAME, HEADER, SALTS

CHUNK = 4 * 1024 * 1024
"""What the log grows by."""
CHECKPOINT_PAGES = 1_000
"""How many pages it holds before it is copied into the database."""

_FRAME = FRAME.size + PAGE_SIZE


class WalRoom:
    """The write-ahead log of one connection, as space."""

    def __init__(self, database: Database, wal: Path, disk: Disk, pages: int) -> None:
        self._database = database
        self._wal = wal
        self._disk = disk
        self._pages = pages
        """Frames that are in use."""
        self._size = 0
        """Bytes that are known to be there."""
        self._file: int | None = None
        database.connection.set_wal_hook(self._committed)

    def _committed(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def make(self, pages: int) -> bool:
        """Make room for a transaction of so many pages; False where the disk is full."""
        needed = HEADER.size + (self._pages + pages) * _FRAME
        return needed <= self._size or self._grow(-(-needed // CHUNK) * CHUNK) or self._grow(needed)

    def _grow(self, size: int) -> bool:
        if self._file is None:
            self._file = os.open(self._wal, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._disk.allocate(self._file, size)
        except OSError as error:
            if not is_full(error):
                raise
            return False
        self._size = size
        return True

    def reached(self) -> tuple[bytes, int]:
        """Which round of the log is being written, and how many frames of it are there."""
        if self._file is None or self._pages == 0:
            return bytes(8), 0
        return os.pread(self._file, SALTS.stop - SALTS.start, SALTS.start), self._pages

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @property
    def is_empty(self) -> bool:
        """Whether all of it is in the database."""
        return self._pages == 0

    @property
    def is_used_up(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self._pages >= CHECKPOINT_PAGES

    def checkpoint(self, *, empty: bool = False) -> None:
        """Copy the log into the database, so that the next transaction begins it anew; `empty` gives its space back."""
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if empty else apsw.SQLITE_CHECKPOINT_PASSIVE
        pages, copied = self._database.checkpoint(mode)
        if pages == copied:
            self._pages = 0
        if empty:
            self._size = 0


def pages_for(payload_bytes: int, rows: int) -> int:
    """The most pages that a transaction is expected to touch: what it writes, and a leaf and what splits of it for every row."""
    return 2 * payload_bytes // PAGE_SIZE + 3 * rows + 32
