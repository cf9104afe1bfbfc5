"""The write-ahead log, read raw: what is whole, what is torn, what is damaged."""

from pathlib import Path

import apsw
import pytest

from foldhub_stores import StoreDamaged
from foldhub_stores.wal_scan import FRAME, HEADER, cut_wal, scan_wal
from tests.stores.places import flip, overwrite

SIZE = FRAME.size + 4096


@pytest.fixture
def wal(tmp_path: Path) -> Path:
    """A write-ahead log of three transactions, of several frames each."""
    file = tmp_path / "some.db"
    connection = apsw.Connection(str(file))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (a)")
    for at in range(2):
        connection.execute("INSERT INTO t VALUES (?)", (bytes([65 + at]) * 9000,))
    connection.close()
    return tmp_path / "some.db-wal"


def commits_in(wal: Path) -> list[int]:
    """After which frame each transaction is committed."""
    data = wal.read_bytes()
    count = (len(data) - HEADER.size) // SIZE
    return [at + 1 for at in range(count) if FRAME.unpack_from(data, HEADER.size + at * SIZE)[1]]


def frame(number: int, offset: int = 0) -> int:
    """Where a frame begins, counted from 1."""
    return HEADER.size + (number - 1) * SIZE + offset


def test_a_whole_log_is_whole(wal: Path) -> None:
    scan = scan_wal(wal, "")
    assert (scan.frames, scan.end, scan.torn) == (commits_in(wal)[-1], wal.stat().st_size, 0)
    assert scan.salts == wal.read_bytes()[16:24]


def test_three_transactions_were_written(wal: Path) -> None:
    first, second, third = commits_in(wal)
    assert third - second > 1 < second - first


def test_no_log_is_an_empty_one(tmp_path: Path) -> None:
    assert scan_wal(tmp_path / "nothing", "").frames == 0


@pytest.mark.parametrize("data", [b"", bytes(100), bytes(10_000)])
def test_zeros_are_an_empty_log(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "wal").write_bytes(data)
    scan = scan_wal(tmp_path / "wal", "")
    assert (scan.frames, scan.end, scan.torn) == (0, 0, 0)


def test_a_header_that_was_not_written_to_its_end_is_torn(wal: Path) -> None:
    wal.write_bytes(wal.read_bytes()[:20])
    scan = scan_wal(wal, "")
    assert (scan.frames, scan.end, scan.torn) == (0, 0, 20)


@pytest.mark.parametrize("offset", range(0, 32, 3))
def test_a_damaged_header_is_damage(wal: Path, offset: int) -> None:
    flip(wal, offset * 8)
    with pytest.raises(StoreDamaged, match="the header of the write-ahead log"):
        scan_wal(wal, "")


@pytest.mark.parametrize("offset", range(0, 32, 3))
def test_a_header_that_is_not_whole_is_torn_where_no_transaction_of_its_round_ended(wal: Path, offset: int) -> None:
    flip(wal, offset * 8)
    scan = scan_wal(wal, "", may_have_no_header=True)
    assert (scan.salts, scan.frames, scan.end, scan.torn) == (b"", 0, 0, HEADER.size)


def test_wherever_it_is_cut_it_is_torn_after_the_last_whole_transaction(wal: Path) -> None:
    data, ends = wal.read_bytes(), [0, *commits_in(wal)]
    for length in range(HEADER.size, len(data), 997):
        wal.write_bytes(data[:length])
        whole = max(end for end in ends if HEADER.size + end * SIZE <= length)
        scan = scan_wal(wal, "")
        assert (scan.frames, scan.end) == (whole, HEADER.size + whole * SIZE)
        assert scan.torn <= length - scan.end
        assert length - scan.end - scan.torn < 16, "what has no room for its salts says nothing"


def test_a_bad_frame_with_a_later_transaction_behind_it_is_damage(wal: Path) -> None:
    _, second, _ = commits_in(wal)
    for number in range(1, second + 1):
        data = wal.read_bytes()
        flip(wal, frame(number, FRAME.size + 1000) * 8)
        with pytest.raises(StoreDamaged, match=f"a damaged frame {number} with synced ones behind it"):
            scan_wal(wal, "")
        wal.write_bytes(data)


def test_a_bad_frame_in_the_last_transaction_is_torn(wal: Path) -> None:
    _, second, third = commits_in(wal)
    for number in range(second + 1, third + 1):
        data = wal.read_bytes()
        flip(wal, frame(number, FRAME.size + 1000) * 8)
        scan = scan_wal(wal, "")
        assert (scan.frames, scan.torn) == (second, (third - second) * SIZE)
        wal.write_bytes(data)


def test_frames_of_an_earlier_round_say_nothing(wal: Path) -> None:
    _, second, third = commits_in(wal)
    for number in range(second + 1, third + 1):
        overwrite(wal, frame(number, 8), bytes(8))
    scan = scan_wal(wal, "")
    assert (scan.frames, scan.torn) == (second, 0)


def test_a_log_that_was_cut_is_whole(wal: Path) -> None:
    _, second, third = commits_in(wal)
    flip(wal, frame(third, 500) * 8)
    scan = scan_wal(wal, "")
    cut_wal(wal, scan)
    again = scan_wal(wal, "")
    assert (again.frames, again.end, again.torn) == (second, wal.stat().st_size, 0)
