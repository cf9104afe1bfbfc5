"""A connection to SQLite with types, and nothing left open: what is asked is answered whole."""

from collections.abc import Iterable
from types import NoneType
from typing import Any, TypeAlias, cast

import apsw

# Any: what SQLite takes and gives. Of which types a row must be, its reader says in `kinds`.
Values: TypeAlias = tuple[Any, ...]

_KINDS: dict[str, frozenset[type]] = {
    "i": frozenset({int}),
    "I": frozenset({int, NoneType}),
    "t": frozenset({str}),
    "T": frozenset({str, NoneType}),
    "b": frozenset({bytes}),
    "B": frozenset({bytes, NoneType}),
}


class OtherRows(apsw.Error):
    """Rows that the tables of a store cannot hold: their pages are those of something else."""


class Database:
    """One connection. Errors are those of apsw."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        # Any: apsw's stubs name a type of a later Python.
        self._connection = cast("Any", connection)

    def ask(self, statement: str, values: Values = (), kinds: str = "") -> list[Values]:
        """Carry a statement out, and give all its rows: one that is still being read would stand in a checkpoint's way.

        `kinds` has a letter for each column: i for an int, t for a text, b for bytes, a capital where there may be none. Rows of
        other types raise `OtherRows`. SQLite checks the types of what is written, not of what is read.
        """
        rows: list[Values] = self._connection.execute(statement, values).fetchall()
        if kinds and rows:
            # Column by column: for a long answer that is a third of the time that it takes row by row.
            for kind, column in zip(kinds, zip(*rows, strict=True), strict=True):
                others = set(map(type, column)) - _KINDS[kind]
                if others:
                    raise OtherRows(f"expected {kinds}, came a {sorted([one.__name__ for one in others])[0]}")
        return rows

    def write_many(self, statement: str, rows: Iterable[Values]) -> None:
        """Carry a statement out for every row."""
        self._connection.executemany(statement, rows)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction was begun and not ended; some errors end it."""
        return self.connection.in_transaction

    def checkpoint(self, mode: int) -> tuple[int, int]:
        """Copy the write-ahead log into the database; gives its pages, and how many of them were copied."""
        pages, copied = self._connection.wal_checkpoint(mode=mode)
        return pages, copied

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def extended_code(error: apsw.Error) -> int:
    """The code of SQLite that says most about an error; 0 where there is none."""
    # Any: the stubs of apsw do not give every error its codes.
    code: int = getattr(cast("Any", error), "extendedresult", 0)
    return code
