"""What holds of every store, whatever it rests on: what may follow on a log, and what a stored commit must still be."""

from collections.abc import Iterable, Sequence

from foldhub_core import Commit, Envelope, Malformed, NetworkError, codec
from foldhub_core.commits import chained, read_commit

from .errors import StoreDamaged

StoredRow = tuple[int, int, bytes, bytes]
"""A commit as it is stored: sequence, format, chain, payload."""


def check_next(hub_id: str, seq: int, head: bytes, commits: Sequence[Commit]) -> None:
    """Check that commits follow on the last one of a log; raises `Malformed`.

    That the heads meet is enough but for the first: whose chain it is shows in any one link that is looked at whole.
    """
    for at, commit in enumerate(commits):
        if commit.seq != seq + 1 or commit.previous != head:
            raise Malformed(f"expected commit {seq + 1} on the head of the log, came commit {commit.seq}", where="append")
        if at == 0 and commit.chain != _link(hub_id, head, commit.seq, commit.form, commit.payload):
            raise Malformed(f"expected a commit of the hub {hub_id}, came another", where=f"commit {commit.seq}")
        seq, head = commit.seq, commit.chain


def stored_commit(hub_id: str, seq: int, previous: bytes, form: int, chain: bytes, payload: bytes, path: str) -> Commit:
    """Read a stored commit back; raises `StoreDamaged` unless it is the one that was chained on `previous`."""
    if chain != _link(hub_id, previous, seq, form, payload):
        raise StoreDamaged("expected a commit as it was chained, came another", seq=seq, path=path)
    try:
        return read_commit(hub_id, seq, form, payload, previous, chain)
    except NetworkError as error:
        raise _unreadable(error, seq, path) from error


def stored_commits(hub_id: str, previous: bytes, rows: Iterable[StoredRow], path: str) -> list[Commit]:
    """Read stored commits back that follow one on another, as above; each row is a sequence, a format, a chain and a payload.

    A long log is read by it, so there is no call for each commit but those that read and hash it.
    """
    commits: list[Commit] = []
    seq = 0
    digest = codec.digest
    try:
        for seq, form, chain, payload in rows:
            if chain != chained(hub_id, previous, seq, form, digest(payload), len(payload)):
                raise StoreDamaged("expected a commit as it was chained, came another", seq=seq, path=path)
            commits.append(read_commit(hub_id, seq, form, payload, previous, chain))
            previous = chain
    except NetworkError as error:
        raise _unreadable(error, seq, path) from error
    return commits


def in_sequence(rows: list[StoredRow], after: int) -> list[StoredRow]:
    """Of rows in order those that come one behind the other after a place."""
    if not rows or rows[-1][0] == after + len(rows):
        return rows  # none came twice
    return [row for at, row in enumerate(rows, start=after + 1) if row[0] == at]


def _unreadable(error: NetworkError, seq: int, path: str) -> StoreDamaged:
    return StoreDamaged(f"it is chained, and cannot be read: {error}", seq=seq, path=path)


def find_envelope(commit: Commit, envelope_id: str) -> Envelope | None:
    """The envelope of this id in a commit, or None."""
    for fact in commit.facts:
        if isinstance(fact, Envelope) and fact.envelope_id == envelope_id:
            return fact
    return None


def envelope_at(commit: Commit, place: int) -> Envelope | None:
    """The envelope at this place among the facts of a commit, or None where there is no envelope."""
    fact = commit.facts[place] if 0 <= place < len(commit.facts) else None
    return fact if isinstance(fact, Envelope) else None


def _link(hub_id: str, previous: bytes, seq: int, form: int, payload: bytes) -> bytes:
    return chained(hub_id, previous, seq, form, codec.digest(payload), len(payload))
