"""Every touch of the disk goes through here, because here it is known what its errors mean.

SQLite goes on after an error of the disk as if nothing had been; we do not. A full disk that is met before anything was written
is `Full`; rot of one page costs what the page held; anything else stops the store for good.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import apsw

from .disk import is_full
from .errors import StoreStopped
from .opening import OpenLog, damage_of, is_rot
from .store import Broken, Full

_FULL = Full("expected room on the disk for the next transaction, came none")


class Guard:
    """Stands before one open log."""

    def __init__(self, log: OpenLog, path: str) -> None:
        self._log = log
        self._path = path
        self.closed = False
        self.stopped: str | None = None
        """Why nothing is written any more; None while all is well."""

    @property
    def is_well(self) -> bool:
        """Whether the store is open and has not stopped."""
        return not self.closed and self.stopped is None

    def transact(self, write: Callable[[], None], pages: int) -> Full | Broken | None:
        """Write in one transaction; None where all of it is durable."""
        if (broken := self._broken()) is not None:
            return broken
        try:
            has_room = self._make_room(pages)
        except (apsw.Error, OSError) as error:
            return self._stop(error)
        if (broken := self._broken()) is not None:
            return broken
        if not has_room:
            return _FULL
        try:
            self._log.database.ask("BEGIN IMMEDIATE")
            write()
        except apsw.FullError:
            return self._rolled_back()
        except (apsw.Error, OSError) as error:
            return self._stop(error)
        except BaseException as error:
            self._stop(error)
            raise
        try:
            self._log.database.ask("COMMIT")
        except (apsw.Error, OSError) as error:
            # Whatever it says, how much of the commit is on the disk is unknown.
            return self._stop(error)
        except BaseException as error:
            self._stop(error)
            raise
        return None

    def _broken(self) -> Broken | None:
        return None if self.stopped is None else Broken(self.stopped)

    def _make_room(self, pages: int) -> bool:
        """Make room for a transaction; where there is none, by copying what is written ahead into the database."""
        if not self._log.room.make(pages):
            try:
                self._checkpoint()
            except apsw.FullError:
                return False
            if not self._log.room.make(pages):
                return False
        return not self._log.room.is_empty or self._may_begin_anew()

    def _may_begin_anew(self) -> bool:
        """Have the witness know that nothing is written ahead, before the header of that is written over; False on a full disk.

        A header that was not written to its end is damage where nobody says that nothing was behind it any more.
        """
        try:
            self._log.witness.note_emptied()
        except OSError as error:
            if not is_full(error):
                raise
            return False
        return True

    def _rolled_back(self) -> Full | Broken:
        try:
            if self._log.database.in_transaction:
                self._log.database.ask("ROLLBACK")
        except apsw.Error as error:
            return self._stop(error)
        return _FULL

    def settle(self, seq: int, head: bytes) -> None:
        """After a transaction: let the witness know of it, and begin the write-ahead log anew where it is used up."""
        self.put_off(lambda: self._log.witness.note(seq, head, *self._log.room.reached()))
        if self.is_well and self._log.room.is_used_up:
            self.put_off(self._checkpoint)

    def _checkpoint(self) -> None:
        # What is copied into the database is what the witness has seen: a write-ahead log that lost its end is told from it.
        self._log.witness.sync()
        self._log.room.checkpoint()
        if self._log.room.is_empty:
            self.put_off(self._log.witness.note_emptied)

    def put_off(self, work: Callable[[], None]) -> None:
        """Do what an append does not wait for; of its errors a full disk is put off, all others stop the store."""
        try:
            work()
        except apsw.FullError:
            return
        except (apsw.Error, OSError) as error:
            if not (isinstance(error, OSError) and is_full(error)):
                self._stop(error)

    def _stop(self, error: BaseException) -> Broken:
        self.stopped = f"the store has stopped for good after an error of its disk: {error!r}"
        return Broken(self.stopped)

    def check_not_closed(self) -> None:
        if self.closed:
            raise StoreStopped("expected an open store, came one that was closed")

    @contextmanager
    def asking(self) -> Generator[None, None, None]:
        """Ask SQLite. A page that rotted costs what it held; any other error stops the store."""
        self.check_not_closed()
        if self.stopped is not None:
            raise StoreStopped(self.stopped)
        try:
            yield
        except apsw.Error as error:
            damage = damage_of(error, self._path)
            if damage is None or not is_rot(error):
                self._stop(error)
            if damage is not None:
                raise damage from error
            raise StoreStopped(self.stopped) from error
