"""A log of commits as a value: read, cut, checked, written.

A log knows where it begins: the commit before its first, and the chain's head there. A whole log begins at 0 and the genesis
head. A log that was cut at the front still proves, by that head, that what is left belongs where it says.

In bytes a log is a line that says what it is, its place as a row, each commit as a row (format, chain, payload), every row
behind its length, and at the end the digest of all of it: the chain proves each commit, the digest that none is missing.
"""

from typing import cast

import msgspec

from . import codec
from .commits import Commit, chained, read_commit
from .errors import Compacted, Malformed, unexpected
from .exact import is_list
from .ids import check_hub_id
from .records import changed, record
from .state import GENESIS

MAGIC = b"foldhub log 1\n"


@record
class Log:
    """Commits of one hub, without a gap, after a known place in its chain."""

    hub_id: str
    commits: tuple[Commit, ...] = ()
    base_seq: int = 0
    """The sequence of the commit before the first."""
    base_head: bytes = GENESIS
    """The chain's head there."""

    def __checked__(self) -> None:
        check_hub_id(self.hub_id)
        if self.base_seq < 0:
            raise Malformed(f"expected a place of 0 or more, came {self.base_seq}", where="Log.base_seq")

    @property
    def seq(self) -> int:
        """The sequence of the last commit."""
        return self.base_seq + len(self.commits)

    def after(self, seq: int, limit: int | None = None) -> tuple[Commit, ...]:
        """The commits after `seq`, at most `limit`; raises `Compacted` where the log begins later."""
        if seq < self.base_seq:
            raise Compacted(f"expected a place from commit {self.base_seq} on, the oldest kept, came {seq}")
        begin = seq - self.base_seq
        return self.commits[begin : None if limit is None else begin + limit]

    def cut(self, seq: int) -> "Log":
        """The log without the commits up to `seq`; it must reach that far."""
        self.after(seq)
        if seq > self.seq:
            raise Compacted(f"expected a place up to commit {self.seq}, the last, came {seq}")
        head = self.base_head if seq == self.base_seq else self.commits[seq - self.base_seq - 1].chain
        return Log(self.hub_id, self.after(seq), seq, head)


def check_chain(log: Log) -> None:
    """Check that every commit is the one that was chained there; raises `Malformed`, naming the first that is not."""
    seq, head = log.base_seq, log.base_head
    for commit in log.commits:
        seq += 1
        head = chained(log.hub_id, head, seq, commit.form, codec.digest(commit.payload), len(commit.payload))
        if commit.seq != seq or commit.chain != head:
            raise Malformed(f"expected commit {seq} as it was chained, came another", where=f"commit {seq}")


def write_log(log: Log) -> bytes:
    """Write a log as bytes."""
    parts = [MAGIC, _framed(codec.pack((log.hub_id, log.base_seq, log.base_head)))]
    parts += [_framed(codec.pack((commit.form, commit.chain, commit.payload))) for commit in log.commits]
    written = b"".join(parts)
    return written + codec.digest(written)


def read_log(data: bytes) -> Log:
    """Read a log and check its chain; whatever is not one, or was touched, is `Malformed`."""
    if not data.startswith(MAGIC):
        raise unexpected(f"a log, which begins with {MAGIC!r}", data[: len(MAGIC)])
    rows = data[: -len(GENESIS)]
    frame, at = _frame(rows, len(MAGIC))
    hub_id, base_seq, base_head = cast("tuple[str, int, bytes]", _row(frame, (str, int, bytes), "the log's first row"))
    base = Log(hub_id, (), base_seq, base_head)
    commits: list[Commit] = []
    seq, head = base_seq, base_head
    while at < len(rows):
        frame, at = _frame(rows, at)
        seq += 1
        form, chain, payload = _commit_row(frame, seq)
        if not 1 <= form <= codec.FORMAT:
            raise Malformed(f"expected format 1 to {codec.FORMAT}, came {form}", where=f"commit {seq}")
        if chain != chained(hub_id, head, seq, form, codec.digest(payload), len(payload)):
            raise Malformed(f"expected commit {seq} as it was chained, came another", where=f"commit {seq}")
        commits.append(read_commit(hub_id, seq, form, payload, head, chain))
        head = chain
    if codec.digest(rows) != data[len(rows) :]:
        raise Malformed("expected the digest of the whole log at its end, came another", where="the log")
    return changed(base, commits=tuple(commits))


def _framed(row: bytes) -> bytes:
    return len(row).to_bytes(4, "big") + row


def _frame(data: bytes, at: int) -> tuple[bytes, int]:
    end = at + 4 + int.from_bytes(data[at : at + 4], "big")
    if end > len(data) or at + 4 > len(data):
        raise Malformed(f"expected a whole row at byte {at}, came the end", where="the log")
    return data[at + 4 : end], end


def _commit_row(frame: bytes, seq: int) -> tuple[int, bytes, bytes]:
    try:
        return _COMMIT_ROW(frame)
    except msgspec.DecodeError:
        kinds = (int, bytes, bytes)
        return cast("tuple[int, bytes, bytes]", _row(frame, kinds, f"commit {seq}"))


_COMMIT_ROW = msgspec.msgpack.Decoder(tuple[int, bytes, bytes]).decode
"""The quick way: what it does not take, the slow one says what is wrong with."""


def _row(frame: bytes, kinds: tuple[type, ...], where: str) -> tuple[object, ...]:
    row = codec.unpack(frame)
    values = tuple(row) if is_list(row) else ()
    if tuple([type(value) for value in values]) != kinds:
        raise unexpected("a row of " + ", ".join(kind.__name__ for kind in kinds), row, where=where)
    return values
