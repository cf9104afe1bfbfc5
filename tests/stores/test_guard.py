"""What the errors of a transaction mean: full where nothing was written, broken in every other case."""

from collections.abc import Callable, Generator
from pathlib import Path

import apsw
import pytest

from foldhub_stores import Broken, Full, StoreDamaged, StoreStopped
from foldhub_stores.disk import Disk
from foldhub_stores.founding import found
from foldhub_stores.guard import Guard
from foldhub_stores.opening import OpenLog, open_log
from foldhub_stores.schema import load_checked_files

INSERT = "INSERT INTO audited VALUES (?, ?)"


@pytest.fixture
def log(tmp_path: Path) -> Generator[OpenLog, None, None]:
    found(tmp_path / "store", "demo", load_checked_files(), Disk())
    log = open_log(tmp_path / "store", "demo", True, load_checked_files(), Disk(), lambda: 0)
    yield log
    log.witness.close()
    log.room.close()
    log.database.close()


def kinds(log: OpenLog) -> list[str]:
    return [kind for (kind,) in log.database.ask("SELECT kind FROM audited")]


def writing(log: OpenLog, kind: str, error: BaseException | None = None) -> Callable[[], None]:
    """A transaction that writes a row, and then raises."""

    def write() -> None:
        log.database.ask(INSERT, (kind, 1))
        if error is not None:
            raise error

    return write


def test_what_is_written_is_there(log: OpenLog) -> None:
    assert Guard(log, "").transact(writing(log, "a"), 10) is None
    assert kinds(log) == ["a"]


def test_full_before_the_commit_undoes_it_and_the_store_goes_on(log: OpenLog) -> None:
    guard = Guard(log, "")
    assert isinstance(guard.transact(writing(log, "a", apsw.FullError()), 10), Full)
    assert guard.is_well
    assert guard.transact(writing(log, "b"), 10) is None
    assert kinds(log) == ["b"]


@pytest.mark.parametrize("error", [apsw.IOError(), apsw.CorruptError(), OSError()])
def test_any_other_error_stops_the_store(log: OpenLog, error: Exception) -> None:
    guard = Guard(log, "")
    assert isinstance(guard.transact(writing(log, "a", error), 10), Broken)
    assert isinstance(guard.transact(writing(log, "b"), 10), Broken)
    assert not guard.is_well


@pytest.mark.parametrize("error", [KeyboardInterrupt(), KeyError("ours")])
def test_what_is_no_error_of_the_disk_stops_the_store_and_goes_on_its_way(log: OpenLog, error: BaseException) -> None:
    guard = Guard(log, "")
    with pytest.raises(type(error)):
        guard.transact(writing(log, "a", error), 10)
    assert isinstance(guard.transact(writing(log, "b"), 10), Broken)


def asked(guard: Guard, error: Exception) -> None:
    with guard.asking():
        raise error


def test_damage_that_is_more_than_a_page_stops_the_store(log: OpenLog) -> None:
    guard = Guard(log, "there")
    with pytest.raises(StoreDamaged, match="`foldhub repair there`"):
        asked(guard, apsw.CorruptError("malformed"))
    with pytest.raises(StoreStopped):
        asked(guard, apsw.CorruptError("malformed"))


def test_an_error_of_the_disk_while_reading_stops_the_store(log: OpenLog) -> None:
    guard = Guard(log, "")
    with pytest.raises(StoreStopped, match="after an error of its disk"):
        asked(guard, apsw.IOError("gone"))
    assert isinstance(guard.transact(writing(log, "a"), 10), Broken)


def test_our_own_mistakes_while_reading_stop_nothing(log: OpenLog) -> None:
    guard = Guard(log, "")
    with pytest.raises(KeyError):
        asked(guard, KeyError("ours"))
    assert guard.is_well
