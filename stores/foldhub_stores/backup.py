"""A backup of a store that is open: it copies itself, some pages at a time, between its appends.

What is appended meanwhile is in the copy too. The copy is a store of its own, with the identity of the one it was made of; it is
made whole beside its place and put there in one move.
"""

import shutil
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import cast

import apsw

from .clock import wall_clock_ms
from .database import Database
from .disk import Disk, sync_file
from .errors import StoreError, StoreStopped
from .founding import LOCK, LOG, WITNESS
from .opening import OpenLog, damage_of
from .placing import beside, check_free, put
from .witness import Witness

PAGES = 200
"""Pages that are copied at once: some milliseconds."""


class Backup:
    """A backup that is being made; one call at a time, with those of its store.

        with store.begin_backup("backups/monday") as backup:
            while not backup.step():
                ...  # appends, as they come

    Left before it is done, nothing stays of it. An error of the disk it goes to ends the backup, not the store.
    """

    def __init__(self, log: OpenLog, to: str | PathLike[str], vfs: str) -> None:
        self._log = log
        self._to = Path(to).absolute()
        check_free(self._to)
        self._new = beside(self._to, "backup")
        try:
            (self._new / LOG).touch(mode=0o600)
            self._copy = apsw.Connection(str(self._new / LOG), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
            self._database = Database(self._copy)
            for setting in ("journal_mode = OFF", "synchronous = OFF"):
                self._database.ask(f"PRAGMA {setting}")
            self._backup = self._copy.backup("main", log.database.connection, "main")
        except BaseException as error:
            shutil.rmtree(self._new, ignore_errors=True)
            if isinstance(error, apsw.Error):
                raise StoreError(f"no backup can be made at {self._to}: {error!r}") from error
            raise
        self._open = True
        self.done = False
        """Whether the copy is whole and at its place."""

    @property
    def is_open(self) -> bool:
        """Whether it goes on: it was neither done nor closed."""
        return self._open

    @property
    def progress(self) -> tuple[int, int]:
        """Pages that are copied, and how many there are."""
        if self.done:
            return self._pages, self._pages
        return self._backup.page_count - self._backup.remaining, self._backup.page_count

    def step(self, pages: int = PAGES) -> bool:
        """Copy some pages; True when the backup is done. Raises `StoreError` where it cannot be made."""
        if self.done:
            return True
        if not self._open:
            raise StoreStopped("expected a backup that goes on, came one that was closed")
        try:
            self._backup.step(pages)
            if self._backup.done:
                self._finish()
        except apsw.Error as error:
            self.close()
            raise damage_of(error, "") or StoreError(f"no backup can be made at {self._to}: {error!r}") from error
        except BaseException:
            self.close()
            raise
        return self.done

    def _finish(self) -> None:
        self._pages = self._backup.page_count
        self._backup.close()
        seq, head = self._log.base.seq, self._log.base.head
        for last in self._database.ask("SELECT seq, chain FROM commits ORDER BY seq DESC LIMIT 1", kinds="ib"):
            seq, head = cast("tuple[int, bytes]", last)
        self._copy.close()
        sync_file(self._new / LOG)
        furnish(self._new, self._log.identity.store_id, seq, head)
        put(self._new, self._to)
        self._open = False
        self.done = True

    def close(self) -> None:
        """End it. What was not done leaves nothing."""
        if self._open:
            self._open = False
            self._backup.close(True)
            self._copy.close(True)
            shutil.rmtree(self._new, ignore_errors=True)

    def __enter__(self) -> "Backup":
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None) -> None:
        self.close()


def furnish(folder: Path, store_id: str, seq: int, head: bytes) -> None:
    """Lay beside a database what makes it a store: a lock that nobody holds, and a witness that says how far the log has come."""
    (folder / LOCK).touch(mode=0o600)
    witness = Witness(folder / WITNESS, store_id, 0, Disk(), wall_clock_ms)
    try:
        witness.note(seq, head)
        witness.sync()
    finally:
        witness.close()
