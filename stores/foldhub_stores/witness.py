"""The witness: a small file of its own that says how far the log has come.

A log that lost its end looks whole: SQLite opens what is left of it without a word. The witness, written beside it after every
append and synced at most a second later, names a commit that must be there, and how far the write-ahead log had come. It is never
ahead of what is durable, so a log that ends before it has lost something.

It has two slots, written in turn, each with its own checksum: of a write that was torn, the one before is left. Written and not
synced, it survives the death of the process; synced, that of the machine.
"""

import os
from collections.abc import Callable
from pathlib import Path
from struct import Struct

from foldhub_core import codec
from foldhub_core.records import record

from .disk import Disk

SLOT = 4096
"""Slots lie that far apart: no write of one touches what a disk keeps of the other."""
SYNC_MS = 1_000

_BODY = Struct(">8s16sQQ16sQ8sQ")
"""Magic, store, turn, sequence, head, time, salts, frames."""
_MAGIC = b"foldwit1"
_DIGEST = 16
_EMPTIED = 1 << 63
"""Stands in the number of frames, of which there are never so many."""


@record
class Account:
    """What a witness says."""

    store_id: str
    turn: int
    seq: int
    head: bytes
    at_ms: int
    salts: bytes
    """The round of the write-ahead log that was being written; zeros where there was none."""
    frames: int
    """How many frames of it were there."""
    emptied: bool = False
    """Whether all of them are in the database, so that the next write begins the log anew."""


@record
class Heard:
    """What was read of a witness."""

    account: Account | None
    """The newest that is whole, or None."""
    damaged: int
    """Slots that are neither whole nor empty."""


def hear_witness(file: Path) -> Heard:
    """Read a witness; whatever lies there."""
    data = file.read_bytes() if file.exists() else b""
    slots = [data[at : at + _BODY.size + _DIGEST] for at in (0, SLOT)]
    read = [_read(slot) for slot in slots]
    whole = [one for one in read if one is not None]
    damaged = sum(one is None and slot.strip(b"\0") != b"" for one, slot in zip(read, slots, strict=True))
    return Heard(max(whole, key=lambda one: one.turn, default=None), damaged)


class Witness:
    """The witness of one open store."""

    def __init__(self, file: Path, store_id: str, turn: int, disk: Disk, clock: Callable[[], int]) -> None:
        self._store_id = store_id
        self._turn = turn
        self._disk = disk
        self._clock = clock
        self._synced_ms: int | None = None
        self._dirty = False
        self._ahead: tuple[int, bytes, bytes, int] | None = None
        """What was noted last, where something is written ahead."""
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size < SLOT + _BODY.size + _DIGEST:
            disk.allocate(self._file, 2 * SLOT)

    def note(self, seq: int, head: bytes, salts: bytes = bytes(8), frames: int = 0) -> None:
        """Say how far the log has come, and the one that is written ahead; sync it where the last sync is a second ago."""
        self._ahead = (seq, head, salts, frames) if frames else None
        self._write(seq, head, salts, frames)

    def note_emptied(self) -> None:
        """Say that all that is written ahead is in the database too."""
        if self._ahead is not None:
            seq, head, salts, frames = self._ahead
            self._write(seq, head, salts, frames | _EMPTIED)
            self._ahead = None

    def _write(self, seq: int, head: bytes, salts: bytes, frames: int) -> None:
        turn = self._turn + 1
        body = _BODY.pack(_MAGIC, bytes.fromhex(self._store_id), turn, seq, head, max(self._clock(), 0), salts, frames)
        self._disk.write(self._file, body + codec.digest(body), SLOT * (turn % 2))
        self._turn = turn  # only now: what is tried again after a full disk is tried in the same slot, and the other one is left
        self._dirty = True
        self.tend()

    def tend(self) -> None:
        """Sync what was noted, where the last sync is a second ago."""
        if self._dirty and (self._synced_ms is None or not 0 <= self._clock() - self._synced_ms < SYNC_MS):
            self.sync()

    def sync(self) -> None:
        """Sync what was noted."""
        if self._dirty:
            self._disk.sync(self._file)
            self._dirty = False
            self._synced_ms = self._clock()

    def close(self) -> None:
        """Close the file, synced or not."""
        os.close(self._file)


def _read(slot: bytes) -> Account | None:
    body = slot[: _BODY.size]
    if len(body) < _BODY.size or codec.digest(body) != slot[_BODY.size :]:
        return None
    magic, store_id, *told, salts, frames = _BODY.unpack(body)
    if magic != _MAGIC:
        return None
    turn, seq, head, at_ms = told
    return Account(store_id.hex(), turn, seq, head, at_ms, salts, frames & ~_EMPTIED, frames >= _EMPTIED)
