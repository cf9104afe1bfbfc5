"""Backing up from outside: a store that nobody has open copies itself; one that is open is copied as its files lie there.

The files of an open store hang together while its write-ahead log is not begun anew: what is copied into the database
meanwhile is in the log as well, and SQLite takes a page from the log wherever it is in both. So the database is copied first,
then the log; where the log is still of the round it was before, the two are a store at the moment the log was copied. Where
it is not, it is tried again. A hub that writes much faster than its database can be copied never lets that moment come; it
can back up itself, with `FileStore.begin_backup`.
"""

import os
from os import PathLike
from pathlib import Path

from .alone import check_founded
from .disk import sync_file
from .errors import StoreError, StoreLocked
from .file import FileStore
from .founding import LOCK, LOG, WAL, WITNESS
from .placing import check_free, placed
from .progress import Progress, unheard
from .verifying import verify_store
from .wal_scan import SALTS

TRIES = 10
"""How often it is tried to copy the files of an open store."""
_CHUNK = 4 * 1024 * 1024


def back_up(path: str | PathLike[str], to: str | PathLike[str], *, progress: Progress = unheard) -> int:
    """Copy a store, open or not, to a place where nothing is; gives the last commit in the copy.

    The copy is looked through before it is put there. Raises `StoreError`: what is damaged is not backed up.
    """
    folder = Path(path)
    check_founded(folder)
    check_free(Path(to))
    with placed(Path(to), "backup") as new:
        try:
            store = FileStore(folder)
        except StoreLocked:
            _copy_open(folder, new, progress)
        else:
            try:
                new.rmdir()
                _copy_closed(store, new, progress)
            finally:
                store.close()
        found = verify_store(new, progress=progress)
        if found.findings:
            raise StoreError(f"expected a copy of {folder} that is whole, came one with {found.findings[0]}")
        return found.last


def _copy_closed(store: FileStore, new: Path, progress: Progress) -> None:
    with store.begin_backup(new) as backup:
        while not backup.step():
            progress("pages", *backup.progress)
        progress("pages", *backup.progress)


def _copy_open(folder: Path, new: Path, progress: Progress) -> None:
    """Copy the files of a store that somebody has open, at a moment where they hang together."""
    for _ in range(TRIES):
        # The witness first: it may know less than the log, never more.
        _copy(folder / WITNESS, new / WITNESS, progress)
        before = _round_of(folder / WAL)
        _copy(folder / LOG, new / LOG, progress)
        _copy(folder / WAL, new / WAL, progress)
        if before == _round_of(new / WAL) == _round_of(folder / WAL):
            (new / LOCK).touch(mode=0o600)
            for name in (LOG, WAL, WITNESS):
                sync_file(new / name)
            return
    raise StoreError(
        f"expected a moment in which the files of {folder} hang together, came none in {TRIES} tries: the hub that has it open"
        " writes too fast to be copied from outside"
    )


def _round_of(wal: Path) -> bytes:
    """Which round of a write-ahead log is being written; zeros where none is."""
    with wal.open("rb") as file:
        return file.read(SALTS.stop)[SALTS].ljust(SALTS.stop - SALTS.start, b"\0")


def _copy(file: Path, to: Path, progress: Progress) -> None:
    size = file.stat().st_size
    with (
        file.open("rb") as source,
        os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as copy,
    ):
        while data := source.read(_CHUNK):
            copy.write(data)
            progress("bytes", min(copy.tell(), size), size)
