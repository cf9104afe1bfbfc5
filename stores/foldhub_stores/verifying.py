"""Looking through a whole store: every page, every commit, every row of the index, the snapshots and the witness.

Opening a store looks at its end, and a reader at what it reads. This looks at all of it, and tells of everything it finds,
not only of the first. The index is made again in a database of its own and compared.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TypeVar

import apsw

from foldhub_core import Commit
from foldhub_core.records import record

from .alone import alone, rows_in_batches
from .clock import wall_clock_ms
from .compacting import whole_snapshots
from .database import Database
from .errors import StoreDamaged
from .holes import Hole, Row, read_row
from .index_tables import index_writes
from .opening import OpenLog, chain_at, damage_of
from .progress import Progress, unheard
from .schema import TABLES
from .snapshot_tables import SnapshotTables
from .store import Identity

T = TypeVar("T")

_MOST = 20
"""Findings that are told one by one; the rest is counted."""
_INDEX = ("words", "causes", "ended_sessions", "ended_session_agents", "ended_tasks", "dead_letters", "audited")


@record
class StoreVerification:
    """What looking through a store found."""

    findings: tuple[str, ...]
    """What is wrong with it; empty where all is well."""
    identity: Identity | None = None
    """Which store it is; None where it could not be opened."""
    first: int = 0
    """The first commit of its log."""
    last: int = 0
    """The last one."""
    holes: int = 0
    """Commits of which only the place in the chain is kept."""
    lost: int = 0
    """Those of them of which a repair had to accept the loss."""
    snapshots: tuple[int, ...] = ()
    """Where the snapshots stand that are whole, the newest first."""
    notes: tuple[str, ...] = ()
    """What opening it had to say."""


def verify_store(
    path: str | PathLike[str], *, clock: Callable[[], int] = wall_clock_ms, progress: Progress = unheard
) -> StoreVerification:
    """Look through a store, which must not be open; what is damaged is a finding, and nothing is repaired.

    What opening does to a store is done to it: a torn tail is cut off. Raises `StoreLocked` and `StoreMismatch`.
    """
    folder = Path(path)
    try:
        with alone(folder, clock) as log:
            return _looked_through(log, str(folder), progress)
    except StoreDamaged as error:
        return StoreVerification((error.what,))


def _looked_through(log: OpenLog, path: str, progress: Progress) -> StoreVerification:
    findings = _Findings(path)
    progress("pages", 0, 1)
    for (finding,) in findings.listed(lambda: log.database.ask(f"PRAGMA integrity_check({_MOST})", kinds="t")):
        if finding != "ok":
            findings.add(f"the database does not hang together: {finding}")
    progress("pages", 1, 1)
    with tempfile.TemporaryDirectory(prefix="foldhub-verify-") as temporary:
        index = _IndexAnew(Path(temporary))
        try:
            holes, lost = _look_at_commits(log, index, findings, path, progress)
            if not findings.all:
                index.compare(log.database, findings)
        finally:
            index.close()
    snapshots = _look_at_snapshots(log, findings)
    told = tuple(findings.all[:_MOST])
    if len(findings.all) > _MOST:
        told += (f"and {len(findings.all) - _MOST} findings more",)
    return StoreVerification(told, log.identity, log.base.seq + 1, log.opened.seq, holes, lost, snapshots, log.opened.notes)


class _Findings:
    """What was found so far."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.all: list[str] = []

    def add(self, finding: str) -> None:
        self.all.append(finding)

    def listed(self, question: Callable[[], list[T]]) -> list[T]:
        """Ask for a list, and take damage for a finding and an empty one."""
        return self.asked(question) or []

    def asked(self, question: Callable[[], T]) -> T | None:
        """Ask, and take damage for a finding; other errors of the disk are raised."""
        try:
            return question()
        except StoreDamaged as error:
            self.add(error.what)
        except apsw.Error as error:
            damage = damage_of(error, self._path)
            if damage is None:
                raise
            self.add(damage.what)
        return None


def _look_at_commits(log: OpenLog, index: "_IndexAnew", findings: _Findings, path: str, progress: Progress) -> tuple[int, int]:
    """Go along the chain; gives how many holes there are, and how many of them are losses."""
    holes, lost = 0, 0
    seq, previous = log.base.seq, log.base.head
    batches = rows_in_batches(log)
    while rows := findings.listed(lambda: next(batches, list[Row]())):
        commits: list[Commit] = []
        for row in rows:
            if row[0] != seq + 1:
                findings.add(f"expected commit {seq + 1}, came commit {row[0]}")
            # Behind a loss that a repair accepted nothing tells what the next one was chained on, but the next one.
            elif previous:
                entry = findings.asked(partial(read_row, log.identity.hub_id, previous, row, path))
                if isinstance(entry, Hole):
                    holes += 1
                    lost += entry.is_lost
                elif entry is not None:
                    commits.append(entry)
            seq, previous = row[0], row[2]
        index.add(commits)
        progress("commits", seq - log.base.seq, log.opened.seq - log.base.seq)
    if seq != log.opened.seq:
        findings.add(f"expected commits up to {log.opened.seq}, came commits that can be read up to {seq}")
    return holes, lost


def _look_at_snapshots(log: OpenLog, findings: _Findings) -> tuple[int, ...]:
    """Look at the snapshots; gives where those stand that are whole. One that is not is no loss while the log is whole."""
    ended = findings.listed(SnapshotTables(log.database).ended)
    whole = findings.listed(lambda: whole_snapshots(log))
    if len(whole) < len(ended):
        findings.add(f"expected {len(ended)} whole snapshots, came {len(whole)}")
    for _, summary in whole:
        head = findings.asked(partial(chain_at, log.database, log.base, summary.seq))
        if head != summary.head:
            findings.add(f"expected the snapshot at commit {summary.seq} to name the head of the chain there, came another")
    if log.floor > log.base.seq and not any(summary.seq >= log.floor for _, summary in whole):
        findings.add(f"expected a whole snapshot behind commit {log.floor}, up to which the log has holes, came none")
    return tuple([summary.seq for _, summary in whole])


class _IndexAnew:
    """The index as the commits give it, in a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._file = str(folder / "index.db")
        self._database = Database(apsw.Connection(self._file))
        for setting in ("journal_mode = OFF", "synchronous = OFF"):
            self._database.ask(f"PRAGMA {setting}")
        self._database.ask(TABLES)

    def add(self, commits: list[Commit]) -> None:
        """Index commits."""
        self._database.ask("BEGIN")
        for statement, rows in index_writes(commits).items():
            self._database.write_many(statement, rows)
        self._database.ask("COMMIT")

    def compare(self, database: Database, findings: _Findings) -> None:
        """Compare with the index of a store."""
        database.ask("ATTACH ? AS anew", (self._file,))
        for table in _INDEX:
            for what, one, other in (("lacks", "anew", "main"), ("has, of no commit,", "main", "anew")):
                query = f"SELECT count(*) FROM (SELECT * FROM {one}.{table} EXCEPT SELECT * FROM {other}.{table})"
                for (count,) in findings.listed(partial(database.ask, query, (), "i")):
                    if count == 0:
                        continue
                    findings.add(f"the index {table} {what} {count} row{'s' if count > 1 else ''}")
        database.ask("DETACH anew")

    def close(self) -> None:
        """Close it."""
        self._database.close()
