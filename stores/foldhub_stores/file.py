"""A store in a folder: SQLite as an append-only log.

    store = FileStore("data/demo", "demo")

One transaction a batch, written ahead and synced before `append` returns; the database is this store's alone while it is open.
What SQLite does not do is done around it: pages carry checksums and commits their chain, the write-ahead log is scanned before
SQLite reads it, a witness tells how far the log had come, room is made before a transaction begins, and the first error of the
disk that is no full disk stops the store for good, because of a page that could not be synced nobody knows what is on the disk.

In the folder, mode 0700, lie the database `log.db` with its write-ahead log, the `witness` and the `lock`, mode 0600.
"""

from collections.abc import Callable, Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import cast

from foldhub_core import Commit, Compacted, Envelope
from foldhub_core.data import INT_MAX
from foldhub_core.ids import commit_of, was_issued
from foldhub_core.index import DeadLetterRow, EndedSessionRow

from .backup import Backup
from .checking import check_next, envelope_at, find_envelope, in_sequence, stored_commits
from .clock import wall_clock_ms
from .disk import Disk
from .errors import StoreDamaged
from .founding import LOCK, found, is_founded
from .guard import Guard
from .holder import Holder
from .holes import Hole, Row, read_row
from .index_tables import (
    index_writes,
    select_audited,
    select_dead_letters,
    select_ended_session,
    select_ended_sessions,
    select_ended_tasks,
)
from .opening import OpenLog, chain_at, open_log
from .schema import load_checked_files
from .slices import SliceDigest, check_begins, check_begun
from .snapshot_tables import SnapshotTables
from .store import (
    PAGE,
    START,
    Broken,
    Cursor,
    Durable,
    Identity,
    Opened,
    Outcome,
    SessionsPage,
    Snapshot,
    TasksPage,
)
from .wal_room import pages_for

_WORDS = """
SELECT w.number, w.place, c.seq, c.form, c.chain, c.payload, p.chain
FROM words w LEFT JOIN commits c ON c.seq = w.seq LEFT JOIN commits p ON p.seq = w.seq - 1
WHERE w.session_id = ? AND w.number > ? AND w.number <= ? ORDER BY w.number
"""


class FileStore:
    """A `LogStore` in a folder. Made where there is none; without a hub's name it is whatever hub is there, or a new one."""

    def __init__(
        self,
        path: str | PathLike[str],
        hub_id: str | None = None,
        *,
        clock: Callable[[], int] = wall_clock_ms,
        vfs: str | None = None,
        disk: Disk | None = None,
    ) -> None:
        """Open the store.

        Raises `StoreLocked` where somebody else has it open, `StoreMismatch` where something else lies there, `StoreDamaged`
        where something that was stored is not there any more. `vfs` and `disk` are what it does its work on: a VFS that SQLite
        knows by that name, which must check pages as ours does, and the rest of the disk.
        """
        self._folder = Path(path)
        self._path = str(self._folder)
        vfs, disk = vfs or load_checked_files(), disk or Disk()
        created = not is_founded(self._folder)
        if created:
            found(self._folder, hub_id, vfs, disk)
        self._holder = Holder(self._folder / LOCK, self._path)
        try:
            self._log: OpenLog = open_log(self._folder, hub_id, created, vfs, disk, clock)
        except BaseException:
            self._holder.release()
            raise
        self._database = self._log.database
        self._hub_id = self._log.identity.hub_id
        self._seq, self._head = self._log.opened.seq, self._log.opened.head
        self._guard = Guard(self._log, self._path)
        self._snapshots = SnapshotTables(self._database)
        self._begun: _Begun | None = None
        self._vfs = vfs
        self._backups: list[Backup] = []
        self._since: tuple[int, int] | None = None
        """Commits and bytes since the newest snapshot, once they were counted."""

    @property
    def identity(self) -> Identity:
        """Which store this is."""
        return self._log.identity

    @property
    def opened(self) -> Opened:
        """What opening it found."""
        return self._log.opened

    @property
    def seq(self) -> int:
        """The last commit of the log."""
        return self._seq

    @property
    def stopped(self) -> str | None:
        """Why the store has stopped for good; None while it has not."""
        return self._guard.stopped

    # --- commits

    def append(self, commits: Sequence[Commit]) -> Outcome:
        """Make commits durable: one transaction, one sync."""
        self._guard.check_not_closed()
        check_next(self._hub_id, self._seq, self._head, commits)
        if not commits:
            return Durable(self._seq) if self._guard.stopped is None else Broken(self._guard.stopped)
        writes = index_writes(commits)
        size = sum([len(commit.payload) for commit in commits])

        def write() -> None:
            stored = [(commit.seq, commit.form, commit.chain, commit.payload) for commit in commits]
            self._database.write_many("INSERT INTO commits VALUES (?, ?, ?, ?)", stored)
            for statement, rows in writes.items():
                self._database.write_many(statement, rows)

        refused = self._guard.transact(write, pages_for(size, len(commits) + sum([len(rows) for rows in writes.values()])))
        if refused is not None:
            return refused
        self._seq, self._head = commits[-1].seq, commits[-1].chain
        if self._since is not None:
            self._since = (self._since[0] + len(commits), self._since[1] + size)
        self._guard.settle(self._seq, self._head)
        return Durable(self._seq)

    def read(self, after: int = 0, limit: int | None = None) -> tuple[Commit, ...]:
        """The commits after a place, at most `limit`, each checked against the chain."""
        floor = self._log.floor
        if after < floor:
            raise Compacted(f"expected a place from commit {floor} on, behind which all is kept, came {after}")
        end = self._seq if limit is None else min(self._seq, after + max(limit, 0))
        with self._guard.asking():
            query = "SELECT seq, form, chain, payload FROM commits WHERE seq > ? AND seq <= ? ORDER BY seq"
            found = self._database.ask(query, (after, end), "iibb")
            previous = chain_at(self._database, self._log.base, after) if found else None
        rows = in_sequence(cast("list[Row]", found), after)
        if rows and previous is None:
            raise StoreDamaged("expected it in the log, came none", seq=after, path=self._path)
        commits = stored_commits(self._hub_id, previous or b"", rows, self._path)
        if len(commits) < end - after:
            raise StoreDamaged("expected it in the log, came none", seq=after + len(commits) + 1, path=self._path)
        return tuple(commits)

    def _commit(self, seq: int) -> Commit:
        with self._guard.asking():
            found = self._database.ask("SELECT form, chain, payload FROM commits WHERE seq = ?", (seq,), "ibb")
            previous = chain_at(self._database, self._log.base, seq - 1)
        if not found:
            raise StoreDamaged("expected it in the log, came none", seq=seq, path=self._path)
        form, chain, payload = found[0]
        return self._checked(seq, form, chain, payload, previous)

    def _checked(self, seq: int, form: int, chain: bytes, payload: bytes, previous: bytes | None) -> Commit:
        if previous is None:
            raise StoreDamaged("expected it in the log, came none", seq=seq - 1, path=self._path)
        entry = read_row(self._hub_id, previous, (seq, form, chain, payload), self._path)
        if isinstance(entry, Hole):
            raise Compacted(f"expected commit {seq}, which was there once, came no more than its place in the chain")
        return entry

    # --- words

    def words(self, session_id: str) -> int:
        """How many words were said in a session."""
        with self._guard.asking():
            found = self._database.ask("SELECT coalesce(max(number), 0) FROM words WHERE session_id = ?", (session_id,), "i")
        words: int = found[0][0]
        if self._log.floor:
            ended = self.ended_session(session_id)
            words = words if ended is None else max(words, ended.words)
        return words

    def read_session(self, session_id: str, since: int = 0, until: int | None = None) -> tuple[Envelope, ...]:
        """The words of a session after number `since` up to number `until`."""
        since = max(since, 0)
        with self._guard.asking():
            found = self._database.ask(_WORDS, (session_id, since, INT_MAX if until is None else until), "iiIIBBB")
        words: list[Envelope] = []
        last: Commit | None = None
        for number, place, seq, form, chain, payload, previous in found:
            if seq is None:
                raise StoreDamaged(f"expected the commit of word {number} of {session_id}, came none", path=self._path)
            if self._log.floor and number != since + len(words) + 1:
                break
            if last is None or last.seq != seq:
                before = self._log.base.head if seq == self._log.base.seq + 1 else previous
                last = self._checked(seq, form, chain, payload, before)
            word = envelope_at(last, place)
            if word is None or (word.session_id, word.number) != (session_id, since + len(words) + 1):
                message = f"expected word {number} of {session_id} in it, came another"
                raise StoreDamaged(message, seq=seq, path=self._path)
            words.append(word)
        if self._log.floor:
            self._check_kept(session_id, since + len(words), until)
        return tuple(words)

    def _check_kept(self, session_id: str, number: int, until: int | None) -> None:
        """Check that no word behind this number is asked for that is not kept any more; raises `Compacted`."""
        said = self.words(session_id)
        if number < (said if until is None else min(said, until)):
            raise Compacted(f"expected word {number + 1} of {session_id}, which was said once, came none: it is not kept")

    def envelope(self, envelope_id: str) -> Envelope | None:
        """The envelope of this id, or None. An id says which commit made it."""
        self._guard.check_not_closed()
        seq = commit_of(envelope_id)
        if seq is None or not was_issued(self._hub_id, "e", envelope_id, self._seq):
            return None
        return find_envelope(self._commit(seq), envelope_id)

    def by_cause(self, session_id: str, sender_id: str, causation_id: str) -> Envelope | None:
        """The first word somebody said for a cause in a session, or None."""
        query = "SELECT number FROM causes WHERE session_id = ? AND causation_id = ? AND sender_id = ?"
        with self._guard.asking():
            found = self._database.ask(query, (session_id, causation_id, sender_id), "i")
        if not found:
            if self._log.floor:
                self._check_all_kept(session_id)
            return None
        number: int = found[0][0]
        (word,) = self.read_session(session_id, number - 1, number) or (None,)
        if word is None or (word.sender_id, word.causation_id) != (sender_id, causation_id):
            raise StoreDamaged(f"expected word {number} of {session_id} to answer {causation_id}, came another", path=self._path)
        return word

    def _check_all_kept(self, session_id: str) -> None:
        """Check that every word of a session is kept, so that what is not found was not said; raises `Compacted`."""
        with self._guard.asking():
            ((kept,),) = self._database.ask("SELECT count(*) FROM words WHERE session_id = ?", (session_id,), "i")
        said = self.words(session_id)
        if kept < said:
            raise Compacted(f"expected all {said} words of {session_id}, came {kept}: the others are not kept")

    # --- lists

    def ended_session(self, session_id: str) -> EndedSessionRow | None:
        """How a session ended, or None."""
        with self._guard.asking():
            return select_ended_session(self._database, session_id)

    def ended_sessions(self, after: Cursor = START, limit: int = PAGE, *, agent_id: str | None = None) -> SessionsPage:
        """A page of ended sessions, of one agent or of all."""
        with self._guard.asking():
            return select_ended_sessions(self._database, after, limit, agent_id)

    def ended_tasks(self, after: Cursor = START, limit: int = PAGE, *, owner_id: str | None = None) -> TasksPage:
        """A page of ended tasks, of one owner or of all."""
        with self._guard.asking():
            return select_ended_tasks(self._database, after, limit, owner_id)

    def dead_letters(self, agent_id: str, after: int = 0, limit: int = PAGE) -> tuple[DeadLetterRow, ...]:
        """What was given up of one agent's deliveries and is not owed again."""
        with self._guard.asking():
            return select_dead_letters(self._database, agent_id, after, limit)

    def audited(self, kinds: Collection[str], after: int = 0, limit: int = PAGE) -> tuple[Commit, ...]:
        """The commits after a place that give audit records of any of these kinds."""
        with self._guard.asking():
            found = select_audited(self._database, kinds, after, limit)
        return tuple([self._commit(seq) for seq in found])

    # --- snapshots

    def begin_snapshot(self, seq: int) -> Outcome:
        """Begin a snapshot of the state after a commit."""
        self._guard.check_not_closed()
        check_begins(seq, self._seq)
        self._begun = None
        begun = _Begun(seq)

        def write() -> None:
            begun.place = self._snapshots.begin(seq)

        refused = self._guard.transact(write, pages_for(0, 4))
        if refused is None:
            self._begun = begun
            self._guard.settle(self._seq, self._head)
        return refused or Durable(self._seq)

    def add_slice(self, data: bytes) -> Outcome:
        """Add the next slice, in a transaction of its own."""
        self._guard.check_not_closed()
        begun = check_begun(self._begun)
        refused = self._guard.transact(lambda: self._snapshots.add(begun.place, begun.count, data), pages_for(len(data), 8))
        if refused is not None:
            self._begun = None
            return refused
        begun.count += 1
        begun.digest.take(data)
        self._guard.settle(self._seq, self._head)
        return Durable(self._seq)

    def end_snapshot(self) -> Outcome:
        """End the snapshot: its last row makes it count."""
        self._guard.check_not_closed()
        begun = check_begun(self._begun)
        self._begun = None
        refused = self._guard.transact(lambda: self._snapshots.end(begun.place, begun.count, begun.digest.hex()), pages_for(0, 4))
        if refused is None:
            self._since = None
            self._guard.settle(self._seq, self._head)
        return refused or Durable(self._seq)

    def snapshot(self) -> Snapshot | None:
        """The newest snapshot that is whole, or None: one that is damaged is passed over, the log tells the rest."""
        for place in self._ended_snapshots():
            try:
                with self._guard.asking():
                    whole = self._snapshots.read(place)
            except StoreDamaged:
                continue
            if whole is not None:
                return whole
        return None

    def _ended_snapshots(self) -> list[int]:
        with self._guard.asking():
            return self._snapshots.ended()

    def since_snapshot(self) -> tuple[int, int]:
        """How many commits, and bytes of payload, were appended since the newest snapshot."""
        self._guard.check_not_closed()
        if self._since is None:
            with self._guard.asking():
                seq = self._snapshots.newest_seq() or self._log.base.seq
                query = "SELECT coalesce(sum(length(payload)), 0) FROM commits WHERE seq > ?"
                ((size,),) = self._database.ask(query, (seq,), "i")
            self._since = (self._seq - seq, size)
        return self._since

    # --- its life

    def begin_backup(self, to: str | PathLike[str]) -> Backup:
        """Begin a backup of this store to a place where nothing is; it is made step by step, between appends."""
        self._guard.check_not_closed()
        self._backups = [backup for backup in self._backups if backup.is_open]
        self._backups.append(Backup(self._log, to, self._vfs))
        return self._backups[-1]

    def tend(self) -> None:
        """Sync the witness, where it has something to tell that is a second old."""
        if self._guard.is_well:
            self._guard.put_off(self._log.witness.tend)

    def close(self) -> None:
        """Give the store back. Where it has stopped nothing is touched any more."""
        if self._guard.closed:
            return
        if self._guard.is_well:
            self._guard.put_off(self._log.witness.sync)
        if self._guard.is_well:
            self._guard.put_off(lambda: self._log.room.checkpoint(empty=True))
        for backup in self._backups:
            backup.close()
        self._guard.closed = True
        self._log.witness.close()
        self._log.room.close()
        self._database.close()
        self._holder.release()


class _Begun:
    """A snapshot that is not ended."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.place = 0
        self.count = 0
        self.digest = SliceDigest()
