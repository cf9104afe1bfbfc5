"""Snapshots in SQLite: their slices are rows, written one by one among the commits; a snapshot counts once it has its digest."""

from .database import Database
from .slices import KEPT, SliceDigest
from .store import Snapshot

SWEPT = 2
"""Slices of snapshots that are not kept any more, which are deleted whenever one is added: no transaction deletes them all."""


class SnapshotTables:
    """The snapshots of one connection. Every change is made in a transaction of the caller's."""

    def __init__(self, database: Database) -> None:
        self._ask = database.ask

    def begin(self, seq: int) -> int:
        """Begin a snapshot after a commit; gives its place among all."""
        self.forget_unfinished()
        ((last,),) = self._ask(
            "SELECT coalesce(max(place), 0) FROM (SELECT place FROM snapshots UNION ALL SELECT max(snapshot) FROM slices)"
        )
        place: int = last + 1
        self._ask("INSERT INTO snapshots (place, seq) VALUES (?, ?)", (place, seq))
        return place

    def add(self, place: int, at: int, data: bytes) -> None:
        """Add a slice."""
        self._ask("INSERT INTO slices VALUES (?, ?, ?)", (place, at, data))
        self.sweep()

    def end(self, place: int, slices: int, digest: str) -> None:
        """Let it count, and keep no more than are to be kept."""
        self._ask("UPDATE snapshots SET slices = ?, digest = ? WHERE place = ?", (slices, digest, place))
        self._ask(
            "DELETE FROM snapshots WHERE place <= (SELECT place FROM snapshots ORDER BY place DESC LIMIT 1 OFFSET ?)", (KEPT,)
        )

    def sweep(self) -> None:
        """Delete a little of what is not kept any more."""
        query = "SELECT rowid FROM slices WHERE snapshot < (SELECT min(place) FROM snapshots) ORDER BY snapshot, place LIMIT ?"
        self._ask(f"DELETE FROM slices WHERE rowid IN ({query})", (SWEPT,))

    def unfinished(self) -> int:
        """How many were begun and not ended."""
        ((count,),) = self._ask("SELECT count(*) FROM snapshots WHERE digest IS NULL")
        unfinished: int = count
        return unfinished

    def forget_unfinished(self) -> None:
        """Forget what was begun and not ended."""
        for (place,) in self._ask("SELECT place FROM snapshots WHERE digest IS NULL"):
            self._ask("DELETE FROM slices WHERE snapshot = ?", (place,))
            self._ask("DELETE FROM snapshots WHERE place = ?", (place,))

    def newest_seq(self) -> int | None:
        """Where the newest that was ended stands."""
        found = self._ask("SELECT seq FROM snapshots WHERE digest IS NOT NULL ORDER BY place DESC LIMIT 1", kinds="i")
        return found[0][0] if found else None

    def ended(self) -> list[int]:
        """The places of those that were ended, newest first."""
        found = self._ask("SELECT place FROM snapshots WHERE digest IS NOT NULL ORDER BY place DESC", kinds="i")
        return [place for (place,) in found]

    def read(self, place: int) -> Snapshot | None:
        """One snapshot, or None where it is not whole."""
        ((seq, count, digest),) = self._ask("SELECT seq, slices, digest FROM snapshots WHERE place = ?", (place,), "iit")
        found = self._ask("SELECT data FROM slices WHERE snapshot = ? ORDER BY place", (place,), "b")
        slices = tuple([data for (data,) in found])
        if len(slices) != count or SliceDigest(slices).hex() != digest:
            return None
        return Snapshot(seq, digest, slices)
