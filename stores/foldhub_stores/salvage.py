"""What can be saved of a store, however damaged: everything that still looks like a row of it, and how it hangs together.

Rows are read raw from every page of the database and from every frame of its write-ahead log, whatever their checksums say,
into a scratch database. None of them is trusted: a commit is taken where the chain proves it, a snapshot where its own digest
does.

A log is saved up to its first commit that is lost. It goes on behind it only where a snapshot stands there that is whole,
because the state can be built from that one; the snapshot names the head of the chain where it stands, and with it all that
follows on it is proved. What is lost before it becomes a hole.
"""

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import apsw

from foldhub_core import Commit, Malformed
from foldhub_core.data import INT_MAX
from foldhub_core.ids import check_hub_id
from foldhub_core.records import record
from foldhub_core.snapshot_summary import SnapshotSummary, summarize_snapshot
from foldhub_core.state import GENESIS

from .alone import BATCH
from .database import Database
from .errors import StoreDamaged
from .founding import LOG, WAL
from .holes import FORM, Hole, Row, read_row
from .opening import Base
from .progress import Progress
from .raw_pages import leaf_rows
from .schema import PAGE_SIZE
from .slices import KEPT, SliceDigest
from .store import Snapshot
from .wal_scan import FRAME, HEADER

_PageOf = Callable[[int], bytes | None]
_CHAIN = 16
_TABLES = """
CREATE TABLE rows (seq INTEGER, form INTEGER, chain BLOB, payload BLOB, PRIMARY KEY (seq, form, chain, payload)) WITHOUT ROWID;
CREATE TABLE slices (snapshot INTEGER, place INTEGER, data BLOB, PRIMARY KEY (snapshot, place, data)) WITHOUT ROWID;
CREATE TABLE identities (hub_id TEXT, base_seq INTEGER, base_head BLOB, PRIMARY KEY (hub_id, base_seq, base_head)) WITHOUT ROWID;
"""
_ID = re.compile(rb"([a-z0-9][a-z0-9-]{0,31}):[aest]:[a-s][1-9]")
_FIRST = 20
"""Commits in which a hub's name is looked for."""
_TOLD = 1_000
"""Pages between two words about how far it has come."""


@record
class Run:
    """Commits from one place to another, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"commit {self.first}" if self.first == self.last else f"commits {self.first} to {self.last}"


@record
class Saved:
    """What can be saved of a log."""

    hub_id: str
    base: Base
    end: int
    """Up to which commit."""
    holes: int
    """Commits of which compaction had left no more than their place in the chain."""
    lost: tuple[Run, ...]
    """Commits before the end that are lost, and for which a snapshot stands in."""
    beyond: int
    """Commits behind the end that can be read, and cannot be used, because one before them is lost."""
    snapshots: tuple[Snapshot, ...]
    """Those that are whole and stand in the log, the newest last."""
    heads: tuple[tuple[int, bytes], ...]
    """The chain's heads that are known from snapshots, kept or not."""


def _written_ahead(wal: Path) -> Iterator[dict[int, bytes]]:
    """The pages of a write-ahead log, a transaction at a time, in the order they lie there, whole or not."""
    if not wal.exists():
        return
    size = FRAME.size + PAGE_SIZE
    group: dict[int, bytes] = {}
    with wal.open("rb") as file:
        file.seek(HEADER.size)
        while len(frame := file.read(size)) == size:
            number, committed, *_ = FRAME.unpack_from(frame)
            group[number] = frame[FRAME.size :]
            if committed or len(group) >= BATCH:
                yield group
                group = {}
    yield group


class Scratch:
    """Everything that looks like a row of a store, in a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(apsw.Connection(str(folder / "scratch.db")))
        for setting in ("journal_mode = OFF", "synchronous = OFF"):
            self._database.ask(f"PRAGMA {setting}")
        self._database.ask(_TABLES)

    def close(self) -> None:
        """Close it."""
        self._database.close()

    def collect(self, folder: Path, progress: Progress) -> None:
        """Read the files of a store."""
        self._database.ask("BEGIN")
        with (folder / LOG).open("rb") as file:
            pages = -(-(folder / LOG).stat().st_size // PAGE_SIZE)

            def page_of(number: int) -> bytes | None:
                file.seek((number - 1) * PAGE_SIZE if number > 0 else pages * PAGE_SIZE)
                return file.read(PAGE_SIZE) or None

            for number in range(1, pages + 1):
                self._keep_rows(page_of(number) or b"", number, page_of)
                if number % _TOLD == 0 or number == pages:
                    progress("pages", number, pages)
            ahead: dict[int, bytes] = {}
            for group in _written_ahead(folder / WAL):
                ahead.update(group)
                for number, page in group.items():
                    self._keep_rows(page, number, lambda other: ahead.get(other) or page_of(other))
        self._database.ask("COMMIT")

    def _keep_rows(self, page: bytes, number: int, page_of: _PageOf) -> None:
        for rowid, values in leaf_rows(page, number, page_of):
            match values:
                case [None, int(form), bytes(chain), bytes(payload)] if form >= FORM and rowid > 0:
                    if len(chain) == _CHAIN or form == FORM:
                        self._database.ask("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?)", (rowid, form, chain, payload))
                case [int(snapshot), int(place), bytes(data)]:
                    self._database.ask("INSERT OR IGNORE INTO slices VALUES (?, ?, ?)", (snapshot, place, data))
                case [str(), str(hub_id), int(base_seq), bytes(base_head)] if base_seq >= 0 and len(base_head) == _CHAIN:
                    self._database.ask("INSERT OR IGNORE INTO identities VALUES (?, ?, ?)", (hub_id, base_seq, base_head))
                case _:
                    pass

    def identities(self) -> list[tuple[str, Base]]:
        """Whose the store may be, and where its log may begin."""
        found: list[tuple[str, Base]] = []
        for hub_id, base_seq, base_head in self._database.ask("SELECT * FROM identities ORDER BY hub_id", kinds="tib"):
            try:
                found.append((check_hub_id(hub_id), Base(base_seq, base_head)))
            except Malformed:
                continue
        return found

    def snapshots(self) -> list[tuple[Snapshot, SnapshotSummary]]:
        """The snapshots that are whole, in the order they were taken."""
        found: list[tuple[Snapshot, SnapshotSummary]] = []
        for (place,) in self._database.ask("SELECT DISTINCT snapshot FROM slices ORDER BY snapshot", kinds="i"):
            rows = self._database.ask("SELECT place, data FROM slices WHERE snapshot = ? ORDER BY place", (place,), "ib")
            slices = tuple([data for _, data in rows])
            if [at for at, _ in rows] != list(range(len(rows))):
                continue
            try:
                summary = summarize_snapshot(slices)
            except Malformed:
                continue
            found.append((Snapshot(summary.seq, SliceDigest(slices).hex(), slices), summary))
        return found

    def rows(self, after: int, up_to: int = INT_MAX) -> Iterator[list[Row]]:
        """Everything that looks like a commit or a hole, by sequence."""
        connection = self._database
        while True:
            # A sequence is never cut in two: what shares one comes together.
            query = "SELECT DISTINCT seq FROM rows WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT 200"
            found = [seq for (seq,) in connection.ask(query, (after, up_to), "i")]
            if not found:
                return
            query = "SELECT seq, form, chain, payload FROM rows WHERE seq > ? AND seq <= ? ORDER BY seq"
            rows = connection.ask(query, (after, found[-1]), "iibb")
            for _, same in groupby(rows, key=itemgetter(0)):
                yield [(seq, form, chain, payload) for seq, form, chain, payload in same]
            after = found[-1]

    def beyond(self, end: int) -> int:
        """How many commits look readable behind a place."""
        ((count,),) = self._database.ask("SELECT count(DISTINCT seq) FROM rows WHERE seq > ?", (end,), "i")
        found: int = count
        return found


def look_through(scratch: Scratch, hub_id: str | None, path: str) -> Saved:
    """Tell what can be saved; `hub_id` is whose log it is, where nothing that is left says so."""
    snapshots = scratch.snapshots()
    named = [hub_id] if hub_id is not None else []
    named += [summary.hub_id for _, summary in snapshots] + _named_in(scratch)
    candidates = dict.fromkeys(scratch.identities() + [(name, Base(0, GENESIS)) for name in named])
    found = [_saved(scratch, name, base, snapshots, path) for name, base in candidates]
    if not found:
        raise StoreDamaged("expected something that names the hub, came nothing", path=path)
    return max(found, key=lambda saved: saved.end - saved.base.seq)


def saved_entries(scratch: Scratch, saved: Saved, path: str) -> Iterator[list[Commit | Hole]]:
    """Give what is saved of the log in order, some at a time."""
    heads = dict(saved.heads)
    batch: list[Commit | Hole] = []
    at = saved.base.seq
    for entry in _walk(scratch, saved.hub_id, saved.base, heads, path, saved.end):
        if isinstance(entry, Run):
            batch += [Hole(seq, heads.get(seq, b"")) for seq in range(entry.first, entry.last + 1)]
        else:
            batch.append(entry)
        at = batch[-1].seq
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch + [Hole(seq, heads.get(seq, b"")) for seq in range(at + 1, saved.end + 1)]


def _named_in(scratch: Scratch) -> list[str]:
    """The hubs that ids in the first commits name."""
    named: list[str] = []
    for at, same in enumerate(scratch.rows(0)):
        if at == _FIRST:
            break
        named += [found.decode() for _, _, _, payload in same for found in _ID.findall(payload)]
    return list(dict.fromkeys(named))


def _saved(scratch: Scratch, hub_id: str, base: Base, snapshots: list[tuple[Snapshot, SnapshotSummary]], path: str) -> Saved:
    ours = {summary.seq: (snapshot, summary.head) for snapshot, summary in snapshots if summary.hub_id == hub_id}
    heads = {seq: head for seq, (_, head) in ours.items()}
    last, lost, proved = base.seq, list[Run](), list[int]()
    for entry in _walk(scratch, hub_id, base, heads, path, INT_MAX):
        run = entry if isinstance(entry, Run) else Run(entry.seq, entry.seq)
        last = run.last
        if isinstance(entry, Run) or (isinstance(entry, Hole) and entry.is_lost):
            lost = _lost(lost, run)
        else:
            if isinstance(entry, Hole):
                proved.append(entry.seq)
            if heads.get(entry.seq, entry.chain) != entry.chain:
                del ours[entry.seq], heads[entry.seq]
    if max(ours, default=0) > last:
        lost, last = _lost(lost, Run(last + 1, max(ours))), max(ours)
    end, accepted = _end_of(last, lost, max([seq for seq in ours if lost and seq >= lost[0].first], default=None))
    holes = [seq for seq in proved if seq <= end]
    floor = max([*holes, *[run.last for run in accepted]], default=base.seq)
    kept = [ours[seq][0] for seq in sorted(ours) if floor <= seq <= end]
    if floor > base.seq and not kept:
        end, holes, accepted = base.seq, [], []
    return Saved(hub_id, base, end, len(holes), tuple(accepted), scratch.beyond(end), tuple(kept[-KEPT:]), tuple(heads.items()))


def _lost(lost: list[Run], run: Run) -> list[Run]:
    """Count a run among those that are lost."""
    if lost and lost[-1].last == run.first - 1:
        return [*lost[:-1], Run(lost[-1].first, run.last)]
    return [*lost, run]


def _end_of(last: int, lost: list[Run], stands_in: int | None) -> tuple[int, list[Run]]:
    """Up to where a log can be saved, and what is lost before that; `stands_in` is the newest snapshot behind the first loss."""
    if not lost:
        return last, []
    if stands_in is None:
        return lost[0].first - 1, []
    accepted = [Run(run.first, min(run.last, stands_in)) for run in lost if run.first <= stands_in]
    behind = [max(run.first - 1, stands_in) for run in lost if run.last > stands_in]
    return min(behind, default=max(last, stands_in)), accepted


def _walk(
    scratch: Scratch, hub_id: str, base: Base, heads: dict[int, bytes], path: str, up_to: int
) -> Iterator[Commit | Hole | Run]:
    """Go along the chain: what is proved, a lost hole for what is there and is not, and runs of what is not there."""
    at = base.seq
    before: list[bytes] = [base.head]
    for same in scratch.rows(base.seq, up_to):
        seq = same[0][0]
        if seq > at + 1:
            yield Run(at + 1, seq - 1)
            before = [heads[seq - 1]] if seq - 1 in heads else []
        entry = next((entry for row in same for head in before if (entry := _proved(hub_id, head, row, path)) is not None), None)
        if entry is None:
            chains = [row[2] for row in same if row[2]]
            before = [heads[seq]] if seq in heads else chains
            entry = Hole(seq, before[-1] if before else b"")
        else:
            before = [entry.chain]
        yield entry
        at = seq


def _proved(hub_id: str, head: bytes, row: Row, path: str) -> Commit | Hole | None:
    """The commit or hole of a row, where it is what was chained on this head."""
    try:
        entry = read_row(hub_id, head, row, path)
    except StoreDamaged:
        return None
    return None if isinstance(entry, Hole) and entry.is_lost else entry
