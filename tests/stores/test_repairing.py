"""Repair: all that can be saved is, nothing that is false, and the damaged store is kept as it was found.

Much more damage: `pytest -m long tests/stores/test_repairing.py`.
"""

import random
import shutil
from pathlib import Path

import apsw
import pytest

from foldhub.testing.store_story import HUB_ID
from foldhub_core import Compacted, HubConfig, digest, read_snapshot, replay
from foldhub_stores import (
    FileStore,
    Repair,
    Run,
    Saved,
    StoreDamaged,
    StoreLocked,
    StoreMismatch,
    compact,
    repair,
    verify_store,
)
from foldhub_stores.founding import LOG, WAL, WITNESS
from foldhub_stores.schema import load_checked_files
from tests.stores.aged import SNAPSHOTS, aged, life, live, state_after
from tests.stores.places import FILES, files_of, flip, killed, overwrite, rewrite

PAGE = 4096


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return aged(tmp_path_factory.mktemp("aged") / "store")


@pytest.fixture
def place(old: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(old, tmp_path / "store"))


def edited(place: Path, *statements: str) -> Path:
    """A store into which somebody wrote with a program that keeps the checksums of pages, and of which what is gone is gone."""
    with apsw.Connection(str(place / LOG), vfs=load_checked_files()) as connection:
        for statement in ("PRAGMA secure_delete = ON", *statements):
            connection.execute(statement)
    connection.close()
    return place


def repaired(place: Path) -> Saved:
    """Repair a store; the repaired one is well and open to a hub, the damaged one is kept. Gives what was saved."""
    before = files_of(place)
    came = repair(place, accept_loss=True)
    assert came.saved is not None
    assert (came.repaired, came.damaged is None) == (str(place), False)
    assert files_of(Path(str(came.damaged)))[LOG] == before[LOG]
    opens(place, came.saved)
    return came.saved


def opens(place: Path, saved: Saved) -> None:
    """A store is well, has the history it should have up to the end that was saved, and a hub can go on with it."""
    found = verify_store(place)
    assert (found.findings, found.last) == ((), saved.end)
    store = FileStore(place, HUB_ID)
    snapshot = store.snapshot()
    if snapshot is None:
        state = replay(HubConfig(), store.read(), state_after(0))
    else:
        state = replay(HubConfig(), store.read(snapshot.seq), read_snapshot(HubConfig(), snapshot.slices))
    assert digest(state) == digest(state_after(saved.end))
    store.append(life()[saved.end : saved.end + 1])
    store.close()


# --- what can be saved


def test_where_nothing_is_wrong_nothing_is_done(place: Path) -> None:
    before = files_of(place)
    assert repair(place, accept_loss=True) == Repair(())
    assert files_of(place)[LOG] == before[LOG]
    assert [file.name for file in place.parent.iterdir()] == ["store"]


def test_without_leave_it_is_only_looked_at(place: Path) -> None:
    rewrite(place / LOG, b"Talk 3 begins", b"Walk 3 begins")
    before = files_of(place)
    came = repair(place)
    assert came.findings
    assert (came.repaired, came.damaged) == (None, None)
    assert files_of(place)[LOG] == before[LOG]
    assert [file.name for file in place.parent.iterdir()] == ["store"]


def test_a_lost_commit_behind_both_snapshots_ends_the_log_before_it(place: Path) -> None:
    saved = repaired(edited(place, "UPDATE commits SET payload = x'00' WHERE seq = 58"))
    assert (saved.end, saved.lost, saved.beyond) == (57, (), 3)


def test_a_snapshot_stands_in_for_what_is_lost_before_it(place: Path) -> None:
    saved = repaired(edited(place, "UPDATE commits SET payload = x'00' WHERE seq IN (20, 21, 30)"))
    assert (saved.end, saved.lost, saved.beyond) == (60, (Run(20, 21), Run(30, 30)), 0)
    assert verify_store(place).lost == 3
    store = FileStore(place)
    assert store.read(30, 2) == life()[30:32]
    with pytest.raises(Compacted):
        store.read(29)
    store.close()


def test_the_older_snapshot_stands_in_where_the_newer_is_lost_too(place: Path) -> None:
    saved = repaired(edited(place, "DELETE FROM commits WHERE seq = 20", "DELETE FROM slices WHERE snapshot = 2"))
    assert (saved.end, [one.seq for one in saved.snapshots]) == (60, [45])
    # The commit behind a gap is chained on a head that nobody knows any more.
    assert saved.lost == (Run(20, 21),)


def test_without_snapshots_the_log_ends_before_its_first_loss(place: Path) -> None:
    saved = repaired(edited(place, "DELETE FROM commits WHERE seq = 20", "DELETE FROM slices", "DELETE FROM snapshots"))
    assert (saved.end, saved.beyond) == (19, 40)


def test_a_snapshot_stands_in_for_an_end_that_is_gone(place: Path) -> None:
    saved = repaired(edited(place, "DELETE FROM commits WHERE seq >= 50"))
    assert (saved.end, saved.lost) == (55, (Run(50, 55),))


def test_the_head_of_a_snapshot_proves_what_follows_on_it(place: Path) -> None:
    saved = repaired(edited(place, "DELETE FROM commits WHERE seq BETWEEN 20 AND 55"))
    assert (saved.end, saved.lost) == (60, (Run(20, 55),))


def test_a_loss_that_begins_before_a_snapshot_and_ends_behind_it_ends_the_log_there(place: Path) -> None:
    saved = repaired(edited(place, "DELETE FROM commits WHERE seq BETWEEN 50 AND 57"))
    assert (saved.end, saved.lost) == (55, (Run(50, 55),))


def test_a_damaged_index_costs_nothing(place: Path) -> None:
    saved = repaired(edited(place, "DELETE FROM words", "DELETE FROM ended_sessions", "DELETE FROM audited"))
    assert (saved.end, saved.lost) == (60, ())


def test_a_log_that_lost_its_end_says_how_far_it_had_come(place: Path) -> None:
    came = repair(edited(place, "DELETE FROM commits WHERE seq > 57"), accept_loss=True)
    assert came.saved is not None
    assert (came.reached, came.saved.end) == (60, 57)


def test_a_repaired_store_can_be_repaired_again(place: Path) -> None:
    repaired(edited(place, "UPDATE commits SET payload = x'00' WHERE seq = 20"))
    saved = repaired(edited(place, "UPDATE commits SET payload = x'00' WHERE seq = 40"))
    assert saved.lost == (Run(20, 20), Run(40, 40))


def test_what_compaction_left_is_saved(place: Path) -> None:
    compact(place, 0, clock=lambda: 10**12)
    saved = repaired(edited(place, "UPDATE commits SET payload = x'00' WHERE seq = 59"))
    assert (saved.end, saved.holes, saved.lost) == (58, 15, ())


def test_a_compacted_log_without_any_snapshot_cannot_be_saved(place: Path) -> None:
    compact(place, 0, clock=lambda: 10**12)
    edited(place, "DELETE FROM slices")
    before = files_of(place)
    with pytest.raises(StoreDamaged, match="nothing of the log"):
        repair(place, accept_loss=True)
    assert files_of(place)[LOG] == before[LOG]
    assert [file.name for file in place.parent.iterdir()] == ["store"]


# --- however it is damaged


def test_without_the_first_page_everything_else_is_saved(place: Path) -> None:
    overwrite(place / LOG, 0, bytes(PAGE))
    saved = repaired(place)
    assert (saved.end, saved.lost) == (60, ())


def test_a_bit_that_says_the_database_is_something_else_costs_nothing(place: Path) -> None:
    flip(place / LOG, 69 * 8)
    saved = repaired(place)
    assert (saved.end, saved.lost) == (60, ())


def test_what_never_was_a_store_is_not_repaired(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with apsw.Connection(str(tmp_path / "other" / LOG)) as connection:
        connection.execute("CREATE TABLE letters (text)")
    connection.close()
    with pytest.raises((StoreMismatch, StoreDamaged)):
        repair(tmp_path / "other", accept_loss=True)
    with pytest.raises(StoreMismatch, match="came nothing"):
        repair(tmp_path / "none", accept_loss=True)


def test_a_store_of_a_format_of_tomorrow_is_not_repaired(place: Path) -> None:
    edited(place, "PRAGMA user_version = 9")
    with pytest.raises(StoreMismatch, match="came format 9"):
        repair(place, accept_loss=True)


def test_whose_log_it_is_can_be_read_from_what_was_said(tmp_path: Path) -> None:
    place = aged(tmp_path / "store", snapshots=())
    edited(place, "DELETE FROM identity")
    data = (place / LOG).read_bytes()
    (place / LOG).write_bytes(data.replace(b"demo" + bytes(16), bytes(20)).replace(b"demo\0\0", bytes(6)))
    assert repaired(place).end == 60


def test_the_write_ahead_log_is_read_behind_its_damage(tmp_path: Path) -> None:
    place = killed(tmp_path / "store", life(), batch=3)
    flip(place / WAL, (32 + 24 + 40) * 8)
    saved = repaired(place)
    assert (saved.end, saved.lost) == (60, ())


def test_of_an_emptied_database_nothing_can_be_saved(place: Path) -> None:
    (place / LOG).write_bytes(bytes(PAGE * 4))
    with pytest.raises(StoreDamaged, match="something that names the hub"):
        repair(place, accept_loss=True)
    with pytest.raises(StoreDamaged, match="nothing of the log"):
        repair(place, accept_loss=True, hub_id=HUB_ID)


def damage(place: Path, dice: random.Random) -> str:
    """Do something to a store that disks do; says what."""
    file = place / dice.choice([name for name in FILES if (place / name).exists() and (place / name).stat().st_size])
    size = file.stat().st_size
    match dice.choice(["flip", "flip", "zeros", "cut", "swap"]):
        case "flip":
            at = dice.randrange(size * 8)
            flip(file, at)
            return f"bit {at} of {file.name}"
        case "zeros":
            at = dice.randrange(size)
            overwrite(file, at, bytes(min(dice.randrange(1, 2 * PAGE), size - at)))
            return f"zeros at {at} of {file.name}"
        case "cut":
            to = dice.randrange(size)
            with file.open("r+b") as opened:
                opened.truncate(to)
            return f"{file.name} cut to {to}"
        case _:
            one, other = sorted(dice.sample(range(size // PAGE + 2), 2))
            data = file.read_bytes()
            pages = data[one * PAGE :][:PAGE], data[other * PAGE :][:PAGE]
            overwrite(file, one * PAGE, pages[1])
            overwrite(file, other * PAGE, pages[0])
            return f"pages {one} and {other} of {file.name}"


def damage_and_repair(sources: list[Path], place: Path, times: int, seed: int) -> dict[str, int]:
    """Damage stores and repair them: what is repaired is well and true. Gives how often what came of it."""
    dice = random.Random(seed)
    came = {"well": 0, "saved whole": 0, "saved in part": 0, "nothing saved": 0}
    for at in range(times):
        shutil.copytree(dice.choice(sources), place)
        done = ", ".join([damage(place, dice) for _ in range(dice.choice([1, 1, 1, 2, 5]))])
        try:
            result = repair(place, accept_loss=True)
        except StoreDamaged:
            came["nothing saved"] += 1
        except StoreMismatch:  # the file says that it is something else
            came["nothing saved"] += 1
        else:
            if result.saved is None:
                came["well"] += 1
                continue_with = verify_store(place).last
                assert continue_with == 60 or result.findings, (at, done)
            else:
                whole = (result.saved.end, result.saved.lost) == (60, ())
                came["saved whole" if whole else "saved in part"] += 1
                opens(place, result.saved)
        for left in place.parent.glob(f"{place.name}*"):
            shutil.rmtree(left)
    return came


@pytest.fixture(scope="module")
def sources(old: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A store that was closed, and one that was killed with its words in the write-ahead log."""
    folder = tmp_path_factory.mktemp("killed")
    store = FileStore(folder / "alive", HUB_ID)
    live(store)
    shutil.copytree(folder / "alive", folder / "store")
    store.close()
    return [old, folder / "store"]


def test_whatever_is_damaged_what_is_repaired_is_true(sources: list[Path], tmp_path: Path) -> None:
    came = damage_and_repair(sources, tmp_path / "store", 40, 6)
    assert came["saved whole"] + came["well"] > 20, came


@pytest.mark.long
def test_whatever_is_damaged_what_is_repaired_is_true_a_thousand_times(sources: list[Path], tmp_path: Path) -> None:
    print(damage_and_repair(sources, tmp_path / "store", 1_000, 7))


# --- where it is put


def test_the_repaired_store_can_be_put_elsewhere(place: Path, tmp_path: Path) -> None:
    rewrite(place / LOG, b"Talk 3 begins", b"Walk 3 begins")
    before = files_of(place)
    came = repair(place, accept_loss=True, to=tmp_path / "some" / "where")
    assert (came.repaired, came.damaged) == (str(tmp_path / "some" / "where"), str(place))
    assert files_of(place)[LOG] == before[LOG]
    assert came.saved is not None
    opens(tmp_path / "some" / "where", came.saved)


def test_nothing_is_repaired_over_something(place: Path) -> None:
    rewrite(place / LOG, b"Talk 3 begins", b"Walk 3 begins")
    with pytest.raises(StoreMismatch, match="expected nothing at"):
        repair(place, accept_loss=True, to=place)


def test_the_repaired_store_is_another_store_of_the_same_hub(place: Path) -> None:
    was = verify_store(place).identity
    repaired(edited(place, "DELETE FROM audited"))
    now = verify_store(place).identity
    assert was is not None
    assert now is not None
    assert (was.hub_id, was.store_id == now.store_id) == (now.hub_id, False)


def test_the_witness_of_the_damaged_store_is_none_of_the_repaired_one(place: Path) -> None:
    came = repair(edited(place, "DELETE FROM audited"), accept_loss=True)
    shutil.copy(Path(str(came.damaged)) / WITNESS, place / WITNESS)
    with pytest.raises(StoreDamaged, match="the witness of this store"):
        FileStore(place)


def test_a_store_that_is_open_is_not_repaired(place: Path) -> None:
    store = FileStore(place)
    with pytest.raises(StoreLocked):
        repair(place)
    store.close()


def test_snapshots_that_stand_in_the_saved_log_are_kept(place: Path) -> None:
    saved = repaired(edited(place, "DELETE FROM audited"))
    assert tuple([one.seq for one in saved.snapshots]) == SNAPSHOTS
