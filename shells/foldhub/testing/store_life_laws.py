"""What holds of a store's snapshots and of its life: closed, opened again, opened twice."""

from foldhub_stores.errors import StoreError, StoreStopped
from foldhub_stores.store import Durable, LogStore

from .store_ground import Ground, Law, append, equal, refuses
from .store_story import HUB_ID, story

# --- snapshots


SLICES = (b"", b"one", b"\x00" * 5000, b"one")


def take(store: LogStore, seq: int, slices: tuple[bytes, ...] = SLICES) -> None:
    """Take a snapshot."""
    outcomes = [store.begin_snapshot(seq), *[store.add_slice(data) for data in slices], store.end_snapshot()]
    assert all(isinstance(one, Durable) for one in outcomes), f"expected a snapshot to be durable, came {outcomes}"


def kept(store: LogStore) -> tuple[int, tuple[bytes, ...]] | None:
    snapshot = store.snapshot()
    return None if snapshot is None else (snapshot.seq, snapshot.slices)


def the_newest_snapshot_is_given(ground: Ground) -> None:
    with ground.told() as store:
        for at in (1, 5, 6, 9):
            take(store, at, (*SLICES, str(at).encode()))
            equal(kept(store), (at, (*SLICES, str(at).encode())), "the snapshot")


def equal_slices_have_one_digest_and_others_another(ground: Ground) -> None:
    with ground.told() as store:
        digests: list[str] = []
        for slices in ((b"ab", b"c"), (b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"ab", b"c", b"")):
            take(store, 3, slices)
            snapshot = store.snapshot()
            assert snapshot is not None
            digests.append(snapshot.digest)
        equal((digests[0] == digests[1], len(set(digests))), (True, 4), "the digests")


def a_snapshot_that_is_not_ended_is_none(ground: Ground) -> None:
    with ground.told() as store:
        take(store, 2)
        store.begin_snapshot(4)
        store.add_slice(b"half")
        equal(kept(store), (2, SLICES), "the snapshot")
        take(store, 5, (b"whole",))
        equal(kept(store), (5, (b"whole",)), "the snapshot")


def words_are_appended_between_slices(ground: Ground) -> None:
    with ground.store() as store:
        append(store, story()[:9])
        store.begin_snapshot(8)
        store.add_slice(b"one")
        append(store, story()[9:])
        store.add_slice(b"two")
        store.end_snapshot()
        equal((kept(store), store.read()), ((8, (b"one", b"two")), story()), "snapshot and log")


def a_snapshot_stands_after_a_commit_of_the_log(ground: Ground) -> None:
    with ground.store() as store:
        append(store, story()[:5])
        refuses("a snapshot after commit 0", lambda: store.begin_snapshot(0))
        refuses("a snapshot after a commit that is not there yet", lambda: store.begin_snapshot(6))
        refuses("a slice of nothing", lambda: store.add_slice(b"one"))
        refuses("the end of nothing", store.end_snapshot)
        take(store, 5)
        refuses("a slice after the end", lambda: store.add_slice(b"one"))
        equal(kept(store), (5, SLICES), "the snapshot")


def what_came_since_the_snapshot_is_counted(ground: Ground) -> None:
    with ground.store() as store:
        equal(store.since_snapshot(), (0, 0), "in an empty store")
        append(store, story()[:9])
        sizes = [len(one.payload) for one in story()]
        equal(store.since_snapshot(), (9, sum(sizes[:9])), "without a snapshot")
        take(store, 6)
        append(store, story()[9:12])
        equal(store.since_snapshot(), (6, sum(sizes[6:12])), "after a snapshot")


# --- its life


def tending_a_store_changes_nothing(ground: Ground) -> None:
    with ground.told() as store:
        store.tend()
        equal(store.read(), story(), "the log")


def a_closed_store_answers_nothing(ground: Ground) -> None:
    with ground.told() as store:
        store.close()
        store.close()
        store.tend()
        for call in (store.read, lambda: store.append(story()[:1]), store.snapshot, lambda: store.words("hub")):
            try:
                came = call()
            except StoreStopped:
                continue
            raise AssertionError(f"expected StoreStopped of a closed store, came {came!r:.100}")


def a_store_opened_again_holds_the_same(ground: Ground) -> None:
    with ground.told() as store:
        identity, sessions = store.identity, store.ended_sessions()
        take(store, 7)
        since = store.since_snapshot()
    with ground.store() as store:
        equal((store.identity, store.read(), store.ended_sessions()), (identity, story(), sessions), "what was stored")
        equal((kept(store), store.since_snapshot()), ((7, SLICES), since), "the snapshot")
        opened = store.opened
        found = (opened.created, opened.seq, opened.head, opened.snapshot_seq, opened.cut_bytes)
        equal(found, (False, len(story()), story()[-1].chain, 7, 0), "what opening it found")


def a_log_goes_on_where_it_ended(ground: Ground) -> None:
    for end in range(1, len(story()) + 1, 9):
        with ground.store() as store:
            append(store, story()[store.seq : end])
    with ground.store() as store:
        append(store, story()[store.seq :])
        equal(store.read(), story(), "the log")


def a_snapshot_that_was_not_ended_is_gone_when_the_store_is_opened_again(ground: Ground) -> None:
    with ground.told() as store:
        take(store, 2)
        store.begin_snapshot(4)
        store.add_slice(b"half")
    with ground.store() as store:
        equal(kept(store), (2, SLICES), "the snapshot")
        refuses("a slice of what is gone", lambda: store.add_slice(b"half"))


def a_store_is_not_opened_for_another_hub(ground: Ground) -> None:
    with ground.told():
        pass
    _is_refused(ground, "other-hub")
    with ground.store() as store:
        equal(store.read(), story(), "the log")


def a_second_opener_is_refused(ground: Ground) -> None:
    with ground.told() as store:
        _is_refused(ground, HUB_ID)
        equal(store.read(), story(), "the log")


def _is_refused(ground: Ground, hub_id: str) -> None:
    try:
        with ground.store(hub_id):
            pass
    except StoreError:
        return
    raise AssertionError("expected a StoreError, came an open store")


LIFE_LAWS: tuple[Law, ...] = (
    the_newest_snapshot_is_given,
    equal_slices_have_one_digest_and_others_another,
    a_snapshot_that_is_not_ended_is_none,
    words_are_appended_between_slices,
    a_snapshot_stands_after_a_commit_of_the_log,
    what_came_since_the_snapshot_is_counted,
    tending_a_store_changes_nothing,
    a_closed_store_answers_nothing,
)

LASTING_LAWS: tuple[Law, ...] = (
    a_store_opened_again_holds_the_same,
    a_log_goes_on_where_it_ended,
    a_snapshot_that_was_not_ended_is_gone_when_the_store_is_opened_again,
    a_store_is_not_opened_for_another_hub,
    a_second_opener_is_refused,
)
"""What a store keeps beyond that whose place outlives it."""
