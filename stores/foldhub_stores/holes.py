"""A hole: a commit of which a log keeps its place in the chain, and no more.

Compaction makes holes where nobody needs the words any more. It keeps what the payload was hashed to, so that the chain is
proved through it as if it were there. A repair makes holes where a payload is lost, and of these nothing can be proved; that
the log goes on behind them is known from a snapshot, which names the head of the chain where it stands.

A store has no way to fold a hole. A log with holes is read from behind its last one, and opened from a snapshot.
"""

from typing import cast

from foldhub_core import Commit, Malformed, codec
from foldhub_core.commits import chained
from foldhub_core.exact import is_list
from foldhub_core.records import record

from .checking import StoredRow, stored_commit
from .errors import StoreDamaged

FORM = 0
"""The format of a row whose payload is gone: what stands in its place is what is known of it."""

Row = StoredRow
"""A commit or a hole as it is stored."""


@record
class Hole:
    """What is kept of a commit whose payload is gone."""

    seq: int
    chain: bytes
    """The chain's head after it; empty where it is not known."""
    form: int = 0
    """The format the payload was written in."""
    length: int = 0
    digest: bytes = b""
    """The hash of the payload; empty where it is not known."""

    @property
    def is_lost(self) -> bool:
        """Whether nothing proves what it was."""
        return self.digest == b""


def hole_of(commit: Commit) -> Hole:
    """The hole that a commit leaves."""
    return Hole(commit.seq, commit.chain, commit.form, len(commit.payload), codec.digest(commit.payload))


def row_of(entry: Commit | Hole) -> Row:
    """A commit or a hole as it is stored."""
    if isinstance(entry, Hole):
        return entry.seq, FORM, entry.chain, codec.pack((entry.form, entry.length, entry.digest))
    return entry.seq, entry.form, entry.chain, entry.payload


def read_row(hub_id: str, previous: bytes, row: Row, path: str) -> Commit | Hole:
    """Read what is stored back; raises `StoreDamaged` unless it is what was chained on `previous`. A lost one proves nothing."""
    seq, form, chain, payload = row
    if form != FORM:
        return stored_commit(hub_id, seq, previous, form, chain, payload, path)
    hole = read_hole(row, path)
    if not hole.is_lost and chain != chained(hub_id, previous, seq, hole.form, hole.digest, hole.length):
        raise StoreDamaged("expected what is kept of a commit as it was chained, came another", seq=seq, path=path)
    return hole


def read_hole(row: Row, path: str) -> Hole:
    """Read a hole back, whatever it is chained on; raises `StoreDamaged` where it is none."""
    seq, _, chain, payload = row
    try:
        fields = codec.unpack(payload)
    except Malformed as error:
        raise StoreDamaged(f"expected what is kept of a commit, came something else: {error}", seq=seq, path=path) from error
    if not is_list(fields) or [type(field) for field in fields] != [int, int, bytes]:
        raise StoreDamaged("expected what is kept of a commit, came something else", seq=seq, path=path)
    form, length, digest = cast("tuple[int, int, bytes]", tuple(fields))
    return Hole(seq, chain, form, length, digest)
