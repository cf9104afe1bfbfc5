"""Looking through a whole store: what is well is said to be, and everything that is wrong is found."""

import shutil
from pathlib import Path

import apsw
import pytest

from foldhub.testing.store_story import HUB_ID
from foldhub_core import changed, take_snapshot
from foldhub_stores import FileStore, StoreLocked, StoreMismatch, compact, verify_store
from foldhub_stores.founding import LOG, WITNESS
from foldhub_stores.schema import load_checked_files
from tests.stores.aged import SNAPSHOTS, aged, life, state_after
from tests.stores.places import flip, killed


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return aged(tmp_path_factory.mktemp("aged") / "store")


@pytest.fixture
def place(old: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(old, tmp_path / "store"))


def edited(place: Path, *statements: str) -> Path:
    """A store into which somebody wrote with a program that keeps the checksums of pages."""
    with apsw.Connection(str(place / LOG), vfs=load_checked_files()) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return place


def test_a_store_that_is_well_is_said_to_be(place: Path) -> None:
    found = verify_store(place)
    assert (found.findings, found.notes) == ((), ())
    assert (found.first, found.last, found.holes, found.lost) == (1, len(life()), 0, 0)
    assert found.snapshots == SNAPSHOTS[::-1]
    assert found.identity is not None
    assert found.identity.hub_id == HUB_ID


def test_it_tells_how_far_it_has_come(place: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    verify_store(place, progress=lambda *told: heard.append(told))
    assert {what for what, _, _ in heard} == {"pages", "commits"}
    assert heard[-1] == ("commits", len(life()), len(life()))


def test_a_store_whose_process_was_killed_is_well(tmp_path: Path) -> None:
    assert verify_store(killed(tmp_path / "store")).findings == ()


def test_an_empty_store_is_well(tmp_path: Path) -> None:
    FileStore(tmp_path / "store", HUB_ID).close()
    assert verify_store(tmp_path / "store").findings == ()


WRONG = {
    "a commit is edited": ("UPDATE commits SET payload = x'00' WHERE seq = 20", "commit 20: "),
    "a chain is edited": ("UPDATE commits SET chain = zeroblob(16) WHERE seq = 20", "commit 20: "),
    "a commit is gone": ("DELETE FROM commits WHERE seq = 20", "expected commit 20, came commit 21"),
    "a commit is elsewhere": ("UPDATE commits SET seq = 99 WHERE seq = 60", "commit 98: "),
    "a hole that proves nothing": ("UPDATE commits SET form = 0 WHERE seq = 20", "commit 20: "),
    "a word is gone": ("DELETE FROM words WHERE seq = 20", "the index words lacks 1 row"),
    "words are gone": ("DELETE FROM words WHERE seq BETWEEN 16 AND 20", "the index words lacks 5 rows"),
    "a word is made up": ("INSERT INTO words VALUES ('x', 1, 1, 0)", "the index words has, of no commit, 1 row"),
    "an answer is gone": ("DELETE FROM causes", "the index causes lacks"),
    "an end is edited": ("UPDATE ended_sessions SET reason = 'other'", "the index ended_sessions lacks 5 rows"),
    "a participant is gone": ("DELETE FROM ended_session_agents", "the index ended_session_agents lacks 10 rows"),
    "an audit is gone": ("DELETE FROM audited WHERE seq = 1", "the index audited lacks 1 row"),
    "a dead letter is made up": ("INSERT INTO dead_letters VALUES ('a', 1, 1, 's', 'e', 1, 1, '')", "the index dead_letters has"),
    "a task is made up": ("INSERT INTO ended_tasks VALUES (1, 't', 'a', NULL, 1, NULL)", "the index ended_tasks has"),
    "a slice is gone": ("DELETE FROM slices WHERE place = 1 AND snapshot = 2", "expected 2 whole snapshots, came 1"),
    "a snapshot is elsewhere": ("UPDATE snapshots SET seq = 30 WHERE place = 2", "expected 2 whole snapshots, came 1"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_found(place: Path, what: str) -> None:
    statement, finding = WRONG[what]
    findings = verify_store(edited(place, statement)).findings
    assert any(finding in one for one in findings), findings


def test_a_snapshot_of_another_history_is_found(tmp_path: Path) -> None:
    place = aged(tmp_path / "store", snapshots=(45,))
    store = FileStore(place)
    store.begin_snapshot(50)
    for data in take_snapshot(changed(state_after(50), head=bytes(16))):
        store.add_slice(data)
    store.end_snapshot()
    store.close()
    assert verify_store(place).findings == (
        "expected the snapshot at commit 50 to name the head of the chain there, came another",
    )


def test_a_log_with_holes_needs_a_snapshot_behind_them(place: Path) -> None:
    assert compact(place, 0, clock=lambda: 10**12).dropped
    found = verify_store(edited(place, "DELETE FROM snapshots"))
    assert found.findings == ("expected a whole snapshot behind commit 38, up to which the log has holes, came none",)


def test_more_findings_than_anybody_reads_are_counted(place: Path) -> None:
    findings = verify_store(edited(place, "UPDATE commits SET payload = x'00' WHERE seq < 40")).findings
    assert len(findings) == 21
    assert findings[-1] == "and 19 findings more"


def test_everything_that_is_wrong_is_found_at_once(place: Path) -> None:
    statements = ("UPDATE commits SET payload = x'00' WHERE seq = 20", "DELETE FROM commits WHERE seq = 40")
    found = verify_store(edited(place, *statements, "DELETE FROM slices WHERE snapshot = 1"))
    assert len(found.findings) == 3


def test_a_page_that_rotted_is_found(place: Path) -> None:
    found: list[tuple[str, ...]] = []
    for page in range(1, (place / LOG).stat().st_size // 4096):
        flip(place / LOG, (page * 4096 + 50) * 8)
        found.append(verify_store(place).findings)
        flip(place / LOG, (page * 4096 + 50) * 8)
    assert () not in found


def test_what_the_witness_saw_and_is_gone_is_found(place: Path) -> None:
    shutil.copy(place / WITNESS, place.parent / WITNESS)
    edited(place, "DELETE FROM commits WHERE seq = 60")
    (finding,) = verify_store(place).findings
    assert finding.startswith("commit 60: expected a log that reaches commit 60")


def test_a_store_that_is_open_is_not_looked_through(place: Path) -> None:
    store = FileStore(place)
    with pytest.raises(StoreLocked):
        verify_store(place)
    store.close()


def test_what_is_no_store_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(StoreMismatch):
        verify_store(tmp_path / "none")
