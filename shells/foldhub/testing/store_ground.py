"""The ground on which laws of stores are tried, and what the laws are written with."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from foldhub_core import Commit, Envelope, Malformed
from foldhub_core.index import IndexRow, index_rows
from foldhub_stores.store import Durable, LogStore

from .store_story import HUB_ID, story

Factory: TypeAlias = Callable[[Path, str], LogStore]
"""Opens the store at a place, for the hub of this id; makes it where there is none."""

Law: TypeAlias = Callable[["Ground"], None]
"""A function whose name says what must hold; it raises where it does not."""


class Ground:
    """Where a law is tried: a folder of its own, and a factory."""

    def __init__(self, factory: Factory, folder: Path) -> None:
        self._factory = factory
        self.place = folder / "store"

    @contextmanager
    def store(self, hub_id: str = HUB_ID) -> Generator[LogStore, None, None]:
        """The store at the place; closed at the end."""
        store = self._factory(self.place, hub_id)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def told(self) -> Generator[LogStore, None, None]:
        """The store with the whole story in it."""
        with self.store() as store:
            append(store, story())
            yield store


def append(store: LogStore, commits: tuple[Commit, ...], batch: int = 7) -> None:
    """Append commits, some at a time."""
    for begin in range(0, len(commits), batch):
        came = store.append(commits[begin : begin + batch])
        assert isinstance(came, Durable), f"expected an append to be durable, came {came}"


def rows_of(commits: tuple[Commit, ...]) -> list[IndexRow]:
    return [row for commit in commits for row in index_rows(commit)]


def envelopes_of(commits: tuple[Commit, ...]) -> list[Envelope]:
    return [fact for commit in commits for fact in commit.facts if isinstance(fact, Envelope)]


def equal(came: object, expected: object, what: str) -> None:
    assert came == expected, f"{what}: expected {expected!r:.300}, came {came!r:.300}"


def refuses(what: str, call: Callable[[], object]) -> None:
    try:
        came = call()
    except Malformed:
        return
    raise AssertionError(f"{what}: expected Malformed, came {came!r:.300}")
