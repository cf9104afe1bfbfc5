"""What a snapshot says of itself, to whoever has no adapters: whose it is, where it stands, and which words it still needs.

A store's tools live by it: words that are owed to somebody must not be thrown away, and where a part of a log is gone, the head
in the newest snapshot behind it is where the chain can be taken up again.
"""

from collections.abc import Iterable

from . import codec
from .errors import Malformed, unexpected
from .records import hot
from .snapshot import read_rows
from .snapshot_rows import DeadLetterRow, EndRow, HubRow, OwedRow


@hot
class SnapshotSummary:
    """What can be said of a snapshot that is whole."""

    hub_id: str
    seq: int
    """The commit it stands after."""
    head: bytes
    """The chain's head there."""
    needed: frozenset[str]
    """The ids of the envelopes that are owed to somebody, or were given up and may be asked for again."""


def summarize_snapshot(slices: Iterable[bytes]) -> SnapshotSummary:
    """Read what a snapshot says of itself; raises `Malformed` unless its slices are whole, in order and unchanged."""
    hasher = codec.hasher()
    rows = read_rows(slices)
    packed, first = next(rows, (b"", None))
    if not isinstance(first, HubRow):
        raise unexpected("the first row of a snapshot", first, where="snapshot")
    needed: set[str] = set()
    hasher.update(packed)
    for packed, row in rows:
        if isinstance(row, EndRow):
            if row != EndRow(first.seq, hasher.digest()) or next(rows, None) is not None:
                raise Malformed("expected the digest of the rows before it at the end, came another", where="snapshot")
            return SnapshotSummary(first.hub_id, first.seq, first.head, frozenset(needed))
        hasher.update(packed)
        if isinstance(row, OwedRow):
            needed.add(row.owed.envelope_id)
        elif isinstance(row, DeadLetterRow):
            needed.add(row.letter.owed.envelope_id)
    raise Malformed("expected the last row with the digest, came the end", where="snapshot")
