"""`foldhub compact`."""

from pathlib import Path

import foldhub_stores
from foldhub_core.rule import duration_ms

from .bar import bars, counted


def compact(path: Path, /, *, older_than: str = "30d") -> int:
    """Forget the words of sessions that ended long ago.

    That a session was, who was in it, when and why it ended stays, and so does the proof of the chain. What is owed to somebody
    is kept, and everything behind the older of the two snapshots; a store without two snapshots is left as it is. What is
    forgotten cannot be read, replayed or exported again: make a backup before. The store must not be open.

    For example:

        foldhub compact data/demo --older-than 90d

    Parameters
    ----------
    path
        The folder of the store.
    older_than
        How long ago a session must have ended: 90, 30s, 15m, 2h or 1d; 0 is every session that has ended.
    """
    age_ms = duration_ms(older_than, "--older-than")
    with bars() as progress:
        came = foldhub_stores.compact(path, age_ms, progress=progress)
    if came.note:
        print(f"note: {came.note}")
    if came.dropped == 0:
        print(f"nothing to forget: {counted(came.commits, 'commit')}, {came.bytes_after:,} bytes")
        return 0
    size = f"{came.bytes_before:,} bytes before, {came.bytes_after:,} now"
    print(f"forgotten: the words of {counted(came.dropped, 'commit')} of {came.commits:,}; {size}")
    return 0
