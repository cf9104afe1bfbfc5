"""A hub's state from its store: the newest snapshot and the tail, or the whole log, come to the same."""

import gc
from collections.abc import Generator
from pathlib import Path

import pytest

from foldhub.testing.store_story import HUB_ID, story
from foldhub_core import Commit, Compacted, HubConfig, HubState, digest, replay, take_snapshot
from foldhub_stores import FileStore, LogStore, MemoryStore, StoreDamaged, recover
from foldhub_stores.recovery import PIECE
from tests.stores.places import tell

# The ends of tasks in the story are told as a hub would tell them, but no hub did: up to them it is a hub's life.
LIFE = story()[:-3]
CONFIG = HubConfig()


def state_after(seq: int) -> HubState:
    return replay(CONFIG, LIFE[:seq], HubState(HUB_ID))


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[LogStore, None, None]:
    made: LogStore = MemoryStore(HUB_ID) if request.param == "memory" else FileStore(tmp_path / "store", HUB_ID)
    yield made
    made.close()


def snapshot(store: LogStore, seq: int) -> None:
    store.begin_snapshot(seq)
    for data in take_snapshot(state_after(seq)):
        store.add_slice(data)
    store.end_snapshot()


def test_an_empty_store_has_the_state_before_the_first_commit(store: LogStore) -> None:
    assert recover(CONFIG, store) == HubState(HUB_ID)


def test_a_log_without_a_snapshot_is_folded_from_its_beginning(store: LogStore) -> None:
    tell(store, LIFE)
    assert recover(CONFIG, store) == state_after(len(LIFE))


@pytest.mark.parametrize("seq", [1, len(LIFE) // 2, len(LIFE)])
def test_a_snapshot_and_the_tail_come_to_the_state_of_the_log(store: LogStore, seq: int) -> None:
    tell(store, LIFE)
    snapshot(store, seq)
    assert digest(recover(CONFIG, store)) == digest(state_after(len(LIFE)))


def test_a_snapshot_that_says_something_else_is_passed_over(store: LogStore) -> None:
    tell(store, LIFE)
    store.begin_snapshot(5)
    store.add_slice(b"no snapshot of ours")
    store.end_snapshot()
    assert recover(CONFIG, store) == state_after(len(LIFE))


class Slow(MemoryStore):
    """A store that gives a few commits at a time, and was asked for how many."""

    most = 0

    def read(self, after: int = 0, limit: int | None = None) -> tuple[Commit, ...]:
        self.most = max(self.most, len(story()) if limit is None else limit)
        return super().read(after, 7)


def test_a_log_is_read_in_pieces() -> None:
    store = Slow(HUB_ID)
    tell(store, LIFE)
    assert recover(CONFIG, store) == state_after(len(LIFE))
    assert 0 < store.most <= PIECE


class Lacking(MemoryStore):
    """A store whose log begins behind its first commits, or is damaged there."""

    error: Exception = Compacted("the log begins later")

    def read(self, after: int = 0, limit: int | None = None) -> tuple[Commit, ...]:
        if after < 5:
            raise self.error
        return super().read(after, limit)


@pytest.mark.parametrize("error", [Compacted("the log begins later"), StoreDamaged("a commit is damaged")])
def test_what_reading_the_log_raises_is_raised(error: Exception) -> None:
    store = Lacking(HUB_ID)
    store.error = error
    with pytest.raises(type(error), match=str(error)):
        recover(CONFIG, store)
    assert gc.isenabled(), "the collector is on again"


def test_the_collector_stays_off_where_it_was_off(store: LogStore) -> None:
    tell(store, LIFE)
    gc.disable()
    try:
        recover(CONFIG, store)
        assert not gc.isenabled()
    finally:
        gc.enable()
