"""A log in segments, the plainest store there is: what a `FileStore` is compared with.

Records stand one behind the other in files of some kilobytes, each with its length and a checksum that goes on from the one
before, and are synced one by one; a batch is one record. There is no index: every question looks at every row. Of the stores
it shares the contract and no code.
"""

import fcntl
import os
import secrets
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from struct import Struct
from typing import Any, TypeVar

from foldhub_core import Commit, Compacted, Envelope, Malformed, codec
from foldhub_core.commits import chained, read_commit
from foldhub_core.index import AuditRow, DeadLetterRow, EndedSessionRow, EndedTaskRow, EnvelopeRow, IndexRow, index_rows
from foldhub_core.state import GENESIS
from foldhub_stores.errors import StoreDamaged, StoreLocked, StoreMismatch, StoreStopped
from foldhub_stores.store import START, Cursor, Durable, Identity, Opened, Outcome, SessionsPage, Snapshot, TasksPage

SEGMENT_BYTES = 8192
"""A segment that is larger is followed by another."""
_HEAD = Struct(">II")
_Row = TypeVar("_Row", bound=IndexRow)


class SegmentLog:
    """A `LogStore` in a folder of segments."""

    identity: Identity
    _begun: tuple[int, list[bytes]] | None = None
    _ended: Snapshot | None = None

    def __init__(self, folder: Path, hub_id: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._hub_id = folder, hub_id
        self._lock, self._file, self._sum, self._cut, self._at, self._closed = os.open(folder, os.O_RDONLY), -1, 0, 0, 0, False
        self._all, self._rows = list[Commit](), list[IndexRow]()
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._segments = sorted(folder.glob("*.seg"))
            created = not self._segments
            for segment in self._segments:
                self._load(segment)
            if created:
                self._write("store", secrets.token_hex(16), hub_id)
        except OSError as error:
            os.close(self._lock)
            raise StoreLocked(str(folder), None, None) from error
        except BaseException:
            os.close(self._lock)
            raise
        self._begun = None
        self.opened = Opened(created, self.seq, self._head(), self._ended.seq if self._ended else None, self._cut)

    # --- the file

    def _load(self, segment: Path) -> None:
        data, at = segment.read_bytes(), 0
        while at < len(data):
            size, expected = _HEAD.unpack_from(data, at) if at + _HEAD.size <= len(data) else (len(data), 0)
            record = data[at + _HEAD.size : at + _HEAD.size + size]
            if len(record) < size or zlib.crc32(record, self._sum) != expected:
                if segment != self._segments[-1]:
                    raise StoreDamaged("expected a record as it was written, came another", seq=self.seq + 1)
                self._cut = len(data) - at
                os.truncate(segment, at)
                break
            self._take(codec.unpack(record))
            self._sum, at = expected, at + _HEAD.size + size
        self._at = at
        self._file = os.open(segment, os.O_WRONLY | os.O_APPEND)

    def _write(self, *record: Any) -> Outcome:
        if self._file < 0 or self._at > SEGMENT_BYTES:
            self._segments.append(self._folder / f"{len(self._segments):06}.seg")
            self._file, self._at = os.open(self._segments[-1], os.O_WRONLY | os.O_APPEND | os.O_CREAT), 0
            os.fsync(self._lock)
        data = codec.pack(record)
        self._sum = zlib.crc32(data, self._sum)
        self._at += os.write(self._file, _HEAD.pack(len(data), self._sum) + data)
        os.fdatasync(self._file)
        self._take(codec.unpack(data))
        return Durable(self.seq)

    def _take(self, record: Any) -> None:
        match record:
            case ["store", store_id, hub_id]:
                self.identity = Identity(store_id, hub_id, 1)
                if hub_id != self._hub_id:
                    raise StoreMismatch(f"expected a store of {self._hub_id}, came one of {hub_id}")
            case ["commits", *rows]:
                for form, chain, payload in rows:
                    commit = read_commit(self._hub_id, self.seq + 1, form, payload, self._head(), chain)
                    self._all.append(commit)
                    self._rows += index_rows(commit)
            case ["begin", seq]:
                self._begun = (seq, [])
            case ["slice", data] if self._begun:
                self._begun[1].append(data)
            case ["end"] if self._begun:
                hasher = codec.hasher()
                for data in self._begun[1]:
                    hasher.update(len(data).to_bytes(8, "big") + data)
                self._ended, self._begun = Snapshot(self._begun[0], hasher.hexdigest(), tuple(self._begun[1])), None
            case _:
                raise StoreDamaged(f"expected a record of a log, came {record!r:.100}")

    def _head(self) -> bytes:
        return self._all[-1].chain if self._all else GENESIS

    # --- commits and words

    @property
    def seq(self) -> int:
        return len(self._all)

    def append(self, commits: Sequence[Commit]) -> Outcome:
        self._check_open()
        head = self._head()
        for seq, one in enumerate(commits, start=self.seq + 1):
            link = chained(self._hub_id, head, seq, one.form, codec.digest(one.payload), len(one.payload))
            if (one.seq, one.previous, one.chain) != (seq, head, link):
                raise Malformed(f"expected commit {seq} on the head of the log, came {one.seq}")
            head = one.chain
        return self._write("commits", *[(one.form, one.chain, one.payload) for one in commits]) if commits else Durable(self.seq)

    def read(self, after: int = 0, limit: int | None = None) -> tuple[Commit, ...]:
        self._check_open()
        if after < 0:
            raise Compacted(f"expected a place from commit 0 on, came {after}")
        return tuple([one for one in self._all if after < one.seq and (limit is None or one.seq <= after + limit)])

    def _found(self, kind: type[_Row]) -> list[_Row]:
        self._check_open()
        return [row for row in self._rows if isinstance(row, kind)]

    def _word(self, row: EnvelopeRow) -> Envelope:
        word = self._all[row.seq - 1].facts[row.place]
        assert isinstance(word, Envelope)
        return word

    def words(self, session_id: str) -> int:
        return len(self.read_session(session_id))

    def read_session(self, session_id: str, since: int = 0, until: int | None = None) -> tuple[Envelope, ...]:
        rows = [row for row in self._found(EnvelopeRow) if row.session_id == session_id and row.number > since]
        return tuple([self._word(row) for row in rows if until is None or row.number <= until])

    def envelope(self, envelope_id: str) -> Envelope | None:
        return next((self._word(row) for row in self._found(EnvelopeRow) if row.envelope_id == envelope_id), None)

    def by_cause(self, session_id: str, sender_id: str, causation_id: str) -> Envelope | None:
        cause = (session_id, sender_id, causation_id)
        rows = [row for row in self._found(EnvelopeRow) if (row.session_id, row.sender_id, row.causation_id) == cause]
        return self._word(rows[0]) if rows else None

    # --- lists

    def ended_session(self, session_id: str) -> EndedSessionRow | None:
        return next((row for row in self._found(EndedSessionRow) if row.session_id == session_id), None)

    def ended_sessions(self, after: Cursor = START, limit: int = 100, *, agent_id: str | None = None) -> SessionsPage:
        rows = [row for row in self._found(EndedSessionRow) if agent_id is None or agent_id in row.participants]
        page = sorted([((row.seq, row.session_id), row) for row in rows if (row.seq, row.session_id) > after], key=_place)
        return SessionsPage(tuple([row for _, row in page[:limit]]), page[limit - 1][0] if 0 < limit < len(page) else None)

    def ended_tasks(self, after: Cursor = START, limit: int = 100, *, owner_id: str | None = None) -> TasksPage:
        rows = [row for row in self._found(EndedTaskRow) if owner_id in (None, row.owner_id)]
        page = sorted([((row.seq, row.task_id), row) for row in rows if (row.seq, row.task_id) > after], key=_place)
        return TasksPage(tuple([row for _, row in page[:limit]]), page[limit - 1][0] if 0 < limit < len(page) else None)

    def dead_letters(self, agent_id: str, after: int = 0, limit: int = 100) -> tuple[DeadLetterRow, ...]:
        newest = {row.number: row for row in self._found(DeadLetterRow) if row.agent_id == agent_id}
        return tuple([row for number, row in sorted(newest.items()) if row.is_dead and number > after][:limit])

    def audited(self, kinds: Collection[str], after: int = 0, limit: int = 100) -> tuple[Commit, ...]:
        places = sorted({row.seq for row in self._found(AuditRow) if row.kind in kinds and row.seq > after})
        return tuple([self._all[seq - 1] for seq in places[:limit]])

    # --- snapshots

    def begin_snapshot(self, seq: int) -> Outcome:
        self._check_open()
        if not 0 < seq <= self.seq:
            raise Malformed(f"expected a commit of the log, came {seq}")
        return self._write("begin", seq)

    def add_slice(self, data: bytes) -> Outcome:
        self._check_begun()
        return self._write("slice", data)

    def end_snapshot(self) -> Outcome:
        self._check_begun()
        return self._write("end")

    def snapshot(self) -> Snapshot | None:
        self._check_open()
        return self._ended

    def since_snapshot(self) -> tuple[int, int]:
        since = self.read(self._ended.seq if self._ended else 0)
        return len(since), sum(len(one.payload) for one in since)

    # --- its life

    def tend(self) -> None:
        """Nothing is put off."""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self._file)
            os.close(self._lock)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreStopped("expected an open store, came one that was closed")

    def _check_begun(self) -> None:
        self._check_open()
        if self._begun is None:
            raise Malformed("expected a snapshot that was begun, came none")


def _place(one: tuple[Cursor, object]) -> Cursor:
    return one[0]
