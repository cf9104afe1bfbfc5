"""Compaction: what is forgotten, what is kept, and that the chain proves both."""

import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from foldhub.testing.store_story import HUB_ID
from foldhub_core import Compacted, HubConfig, Malformed, digest, read_snapshot, replay
from foldhub_core.index import EnvelopeRow, index_rows
from foldhub_stores import Compaction, FileStore, StoreDamaged, StoreLocked, StoreMismatch, compact, export_log, verify_store
from foldhub_stores.founding import LOG
from foldhub_stores.schema import load_checked_files
from tests.stores.aged import SNAPSHOTS, UNREAD, aged, life, state_after
from tests.stores.places import FILES, files_of, rewrite

LATER_MS = 10**12


def later() -> int:
    """A time at which every session of the life ended long ago."""
    return LATER_MS


def words() -> list[EnvelopeRow]:
    """Where every word of the life stands."""
    return [row for commit in life() for row in index_rows(commit) if isinstance(row, EnvelopeRow)]


def talks() -> list[str]:
    """The sessions of the life, in the order they were opened."""
    return [one for one in dict.fromkeys(row.session_id for row in words()) if one != "hub"]


def posts_of(session_id: str) -> list[int]:
    """The commits that hold nothing but a word of this session."""
    found = [(commit.seq, index_rows(commit)) for commit in life()]
    return [seq for seq, rows in found if len(rows) == 1 and getattr(rows[0], "session_id", None) == session_id]


def kept_of(store: FileStore) -> object:
    """What a compaction leaves as it was."""
    return store.ended_sessions(), [store.words(one) for one in talks()], store.audited(["session_closed", "registered"])


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return aged(tmp_path_factory.mktemp("aged") / "store")


@pytest.fixture
def place(old: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(old, tmp_path / "store"))


def compacted(place: Path, older_than_ms: int = 0) -> Compaction:
    return compact(place, older_than_ms, clock=later)


def test_the_words_of_talks_that_ended_and_were_read_are_forgotten(place: Path) -> None:
    came = compacted(place)
    assert (came.dropped, came.holes, came.commits) == (15, 15, len(life()))
    store = FileStore(place)
    kept = {}
    for talk in talks():
        try:
            kept[talk] = len(store.read_session(talk))
        except Compacted:
            kept[talk] = 0
    store.close()
    first, unread, *over, late, live = talks()
    assert [kept[one] for one in (first, *over)] == [0, 0, 0]
    assert kept[unread] == 9, "nobody has read it"
    assert kept[late] == 9, "it ended behind the older snapshot"
    assert kept[live] == 8, "it has not ended"


def test_only_what_ended_long_enough_ago_is_forgotten(place: Path) -> None:
    second = life()[posts_of(talks()[2])[-1]].now_ms
    assert compacted(place, LATER_MS - second - 5_000).dropped == 10


def test_that_it_was_and_how_it_ended_is_kept(place: Path) -> None:
    store = FileStore(place)
    before = kept_of(store)
    store.close()
    compacted(place)
    store = FileStore(place)
    assert kept_of(store) == before
    store.close()


def test_a_state_is_built_from_either_snapshot_as_before(place: Path) -> None:
    compacted(place)
    store = FileStore(place)
    snapshot = store.snapshot()
    assert snapshot is not None
    assert snapshot.seq == SNAPSHOTS[1]
    state = replay(HubConfig(), store.read(snapshot.seq), read_snapshot(HubConfig(), snapshot.slices))
    older = replay(HubConfig(), store.read(SNAPSHOTS[0]), state_after(SNAPSHOTS[0]))
    store.close()
    assert digest(state) == digest(older) == digest(state_after(len(life())))


def test_the_chain_is_proved_through_what_is_forgotten(place: Path) -> None:
    compacted(place)
    found = verify_store(place)
    assert (found.findings, found.holes, found.lost, found.last) == ((), 15, 0, len(life()))


def test_what_is_forgotten_is_said_to_be_and_not_to_be_damaged(place: Path) -> None:
    compacted(place)
    store = FileStore(place)
    talk = talks()[0]
    (cause,) = [row for row in words() if row.seq == posts_of(talk)[0]]
    questions: dict[str, Callable[[], object]] = {
        "read": lambda: store.read(0),
        "read_session": lambda: store.read_session(talk),
        "since": lambda: store.read_session(talk, since=5),
        "envelope": lambda: store.envelope(cause.envelope_id),
        "by_cause": lambda: store.by_cause(talk, cause.sender_id, cause.envelope_id),
        "export": lambda: list(export_log(store)),
    }
    for name, question in questions.items():
        with pytest.raises(Compacted):
            print(name, question())
    assert store.envelope(f"{HUB_ID}:e:a2") is not None, "what lies before and is kept is still found"
    assert [word.number for word in store.read_session(talk, since=8)] == [9]
    assert store.by_cause(talks()[-1], "nobody", "nothing") is None
    store.close()


def test_a_store_goes_on_after_it(place: Path) -> None:
    compacted(place)
    store = FileStore(place)
    assert store.append(()).ending.value == "durable"
    assert store.since_snapshot()[0] == len(life()) - SNAPSHOTS[1]
    store.close()
    assert compacted(place) == Compaction(0, 15, len(life()), (place / LOG).stat().st_size, (place / LOG).stat().st_size)


def test_it_becomes_smaller(place: Path) -> None:
    came = compacted(place)
    assert came.bytes_after < came.bytes_before
    assert (place / LOG).stat().st_size == came.bytes_after


def test_what_was_forgotten_is_nowhere_in_the_files(place: Path) -> None:
    compacted(place)
    held = b"".join((place / name).read_bytes() for name in FILES if (place / name).exists())
    assert b"Talk 0 begins" not in held
    assert f"Talk {UNREAD} begins".encode() in held


@pytest.mark.parametrize("snapshots", [(), (45,)])
def test_without_two_snapshots_nothing_is_forgotten(tmp_path: Path, snapshots: tuple[int, ...]) -> None:
    place = aged(tmp_path / "store", snapshots=snapshots)
    came = compacted(place)
    assert came.dropped == 0
    assert came.note.startswith(f"expected 2 whole snapshots to build the state from, came {len(snapshots)}")


def test_a_damaged_store_is_not_compacted(place: Path) -> None:
    rewrite(place / LOG, b"Talk 3 begins", b"Walk 3 begins")
    before = files_of(place)
    with pytest.raises(StoreDamaged):
        compacted(place)
    assert files_of(place)[LOG] == before[LOG]
    assert [file.name for file in place.iterdir() if file.name.startswith(".")] == []


def test_a_store_that_is_open_is_not_compacted(place: Path) -> None:
    store = FileStore(place)
    with pytest.raises(StoreLocked):
        compacted(place)
    store.close()


def test_where_there_is_no_store_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreMismatch, match="came nothing"):
        compacted(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_an_age_is_no_less_than_nothing(place: Path) -> None:
    with pytest.raises(Malformed, match="expected an age of 0 or more"):
        compacted(place, -1)


def test_a_store_of_the_format_before_holes_is_opened_and_compacted(place: Path) -> None:
    with apsw.Connection(str(place / LOG), vfs=load_checked_files()) as connection:
        connection.execute("DROP INDEX holes")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    store = FileStore(place)
    assert (store.identity.form, store.read()) == (1, life())
    store.close()
    assert compacted(place).dropped == 15
    store = FileStore(place)
    assert store.identity.form == 2
    store.close()
