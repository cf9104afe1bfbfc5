"""A store that is open for a tool: nobody else has it, it was looked at like any that is opened, and nothing is appended."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import apsw

from foldhub_core import Commit

from .disk import Disk
from .errors import StoreDamaged, StoreMismatch, StoreStopped
from .founding import LOCK, WAL, is_founded
from .holder import Holder
from .holes import Hole, Row, read_row
from .opening import OpenLog, damage_of, open_log
from .schema import load_checked_files

BATCH = 500
"""Commits that are read at once."""


def check_founded(folder: Path) -> None:
    """Check that a store is there; raises `StoreMismatch`."""
    if not is_founded(folder):
        raise StoreMismatch(f"expected a store at {folder}, came nothing")


@contextmanager
def held(folder: Path) -> Generator[None]:
    """Keep everybody else out of a store; raises `StoreLocked` where somebody has it open."""
    check_founded(folder)
    holder = Holder(folder / LOCK, str(folder))
    try:
        yield
    finally:
        holder.release()


@contextmanager
def alone(folder: Path, clock: Callable[[], int], disk: Disk | None = None) -> Generator[OpenLog]:
    """Open a store for a tool. Errors of its disk are `StoreStopped`, and what is damaged `StoreDamaged`."""
    path = str(folder)
    with held(folder):
        log = open_log(folder, None, False, load_checked_files(), disk or Disk(), clock)
        try:
            if (folder / WAL).exists() and (folder / WAL).stat().st_size:
                raise StoreStopped(f"expected room on the disk of {path}, came none")
            yield log
        except apsw.Error as error:
            raise damage_of(error, path) or StoreStopped(f"the disk of {path} failed: {error!r}") from error
        finally:
            log.witness.close()
            log.room.close()
            log.database.close()


def rows_in_batches(log: OpenLog) -> Iterator[list[Row]]:
    """Read the stored rows of a log in order."""
    query = "SELECT seq, form, chain, payload FROM commits WHERE seq > ? ORDER BY seq LIMIT ?"
    after = log.base.seq
    while rows := cast("list[Row]", log.database.ask(query, (after, BATCH), "iibb")):
        yield rows
        after = rows[-1][0]


def entries_in_batches(log: OpenLog, path: str) -> Iterator[list[Commit | Hole]]:
    """Read a whole log in order, checked; raises `StoreDamaged` at what is not as it was chained."""
    seq, previous = log.base.seq, log.base.head
    for rows in rows_in_batches(log):
        entries: list[Commit | Hole] = []
        for row in rows:
            seq += 1
            if row[0] != seq:
                raise StoreDamaged("expected it in the log, came none", seq=seq, path=path)
            entries.append(read_row(log.identity.hub_id, previous, row, path))
            previous = row[2]
        yield entries
    if seq != log.opened.seq:
        raise StoreDamaged("expected it in the log, came none", seq=seq + 1, path=path)
