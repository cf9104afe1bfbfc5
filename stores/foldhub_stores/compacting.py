"""Compaction: the words of talks that are long over are forgotten, and that they were said is kept.

What goes is the payload of a commit that

- holds words of sessions and nothing else an index lists: no end of a session or a task, no dead letter, nothing for the audit;
- whose sessions have all ended, and long enough ago;
- of which no word is owed to anybody, or was given up and may be asked for again;
- that stands before both snapshots, so that the state can be built without it, also when one of them is damaged.

A hole stays in its place, which keeps what the payload was hashed to: the chain is proved as before. That a session was, who
was in it, when and why it ended, is kept, because the commits that say so are.

The database is made anew beside the old one and put in its place in one move. Killed at any moment, the store is the old or
the new.
"""

import secrets
import shutil
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import apsw

from foldhub_core import Commit, Malformed
from foldhub_core.index import EnvelopeRow, index_rows
from foldhub_core.records import record
from foldhub_core.snapshot_summary import SnapshotSummary, summarize_snapshot

from .alone import alone, entries_in_batches
from .building import Builder
from .clock import wall_clock_ms
from .disk import sync_folder
from .errors import StoreStopped
from .founding import LOG
from .holes import Hole, hole_of
from .opening import OpenLog
from .progress import Progress, unheard
from .slices import KEPT
from .snapshot_tables import SnapshotTables
from .store import Snapshot

_NEW = ".compact-"


@record
class Compaction:
    """What a compaction did."""

    dropped: int
    """Commits whose payload was dropped by it."""
    holes: int
    """Commits without a payload in all."""
    commits: int
    """Commits of the log, those included."""
    bytes_before: int
    bytes_after: int
    """How large the database was and is."""
    note: str = ""
    """Why nothing could be dropped, where there is a reason beside that nothing is old enough."""


def compact(
    path: str | PathLike[str],
    older_than_ms: int,
    *,
    clock: Callable[[], int] = wall_clock_ms,
    progress: Progress = unheard,
) -> Compaction:
    """Forget the words of sessions that ended longer ago than this; the store must not be open.

    Raises what opening the store raises, and `StoreDamaged` where any of its commits is not as it was: what is damaged is not
    compacted.
    """
    if older_than_ms < 0:
        raise Malformed(f"expected an age of 0 or more, came {older_than_ms}", where="older_than_ms")
    folder = Path(path)
    with alone(folder, clock) as log:
        for left in folder.glob(f"{_NEW}*"):
            shutil.rmtree(left)
        before = (folder / LOG).stat().st_size
        snapshots = whole_snapshots(log)
        if len(snapshots) < KEPT:
            found = f"expected {KEPT} whole snapshots to build the state from, came {len(snapshots)}"
            holes = _holes(log)
            return Compaction(0, holes, log.opened.seq - log.base.seq, before, before, f"{found}: nothing can be dropped yet")
        new = folder / f"{_NEW}{secrets.token_hex(4)}"
        new.mkdir(mode=0o700)
        try:
            dropped, holes = _rewrite(log, snapshots, clock() - older_than_ms, new, str(folder), progress)
            after = (new / LOG).stat().st_size if dropped else before
            if dropped:
                log.database.close()
                sync_folder(new)
                (new / LOG).rename(folder / LOG)
                sync_folder(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return Compaction(dropped, holes, log.opened.seq - log.base.seq, before, after)


def whole_snapshots(log: OpenLog) -> list[tuple[Snapshot, SnapshotSummary]]:
    """The snapshots of a store that are whole and of its hub, newest first, and what each says of itself."""
    tables = SnapshotTables(log.database)
    found: list[tuple[Snapshot, SnapshotSummary]] = []
    for place in tables.ended():
        snapshot = tables.read(place)
        if snapshot is None:
            continue
        try:
            summary = summarize_snapshot(snapshot.slices)
        except Malformed:
            continue
        if (summary.hub_id, summary.seq) == (log.identity.hub_id, snapshot.seq):
            found.append((snapshot, summary))
    return found


def _holes(log: OpenLog) -> int:
    ((count,),) = log.database.ask("SELECT count(*) FROM commits WHERE form = 0", kinds="i")
    holes: int = count
    return holes


def _rewrite(
    log: OpenLog,
    snapshots: list[tuple[Snapshot, SnapshotSummary]],
    before_ms: int,
    new: Path,
    path: str,
    progress: Progress,
) -> tuple[int, int]:
    """Make the database anew; gives how many commits were dropped, and how many holes there are."""
    rule = _Rule(log, [summary for _, summary in snapshots], before_ms)
    dropped, holes, done = 0, 0, 0
    builder = Builder(new, log.identity, log.base)
    try:
        for entries in entries_in_batches(log, path):
            kept = [hole_of(entry) if isinstance(entry, Commit) and rule.drops(entry) else entry for entry in entries]
            dropped += sum(
                [isinstance(after, Hole) and not isinstance(was, Hole) for was, after in zip(entries, kept, strict=True)]
            )
            holes += sum([isinstance(after, Hole) for after in kept])
            builder.add(kept)
            done += len(entries)
            progress("commits", done, log.opened.seq - log.base.seq)
        for snapshot, _ in reversed(snapshots):
            builder.add_snapshot(snapshot)
    except apsw.FullError as error:
        builder.drop()
        raise StoreStopped(f"expected room on the disk of {path} for a second database, came none") from error
    except BaseException:
        builder.drop()
        raise
    builder.finish()
    return dropped, holes


class _Rule:
    """Which commits may go."""

    def __init__(self, log: OpenLog, summaries: list[SnapshotSummary], before_ms: int) -> None:
        self._up_to = min(log.opened.seq - 1, *[summary.seq for summary in summaries])
        self._needed = frozenset[str]().union(*[summary.needed for summary in summaries])
        ended = log.database.ask("SELECT session_id FROM ended_sessions WHERE ended_at_ms <= ?", (before_ms,), "t")
        self._over = {session_id for (session_id,) in ended}

    def drops(self, commit: Commit) -> bool:
        """Whether the payload of this commit may go."""
        if commit.seq > self._up_to:
            return False
        rows = index_rows(commit)
        for row in rows:
            if not isinstance(row, EnvelopeRow) or row.session_id not in self._over or row.envelope_id in self._needed:
                return False
        return bool(rows)
