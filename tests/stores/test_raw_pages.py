"""Rows read raw from pages: as SQLite reads them where nothing is wrong, and no worse than an empty list where all is."""

import ctypes
import random
from pathlib import Path

import apsw
import pytest

from foldhub_stores.founding import LOG
from foldhub_stores.raw_pages import Value, leaf_rows
from foldhub_stores.schema import CHECKSUM_BYTES
from tests.stores.aged import aged, life
from tests.stores.places import told

PAGE = 4096


def rows_of(file: bytes) -> list[tuple[int, list[Value]]]:
    def page_of(number: int) -> bytes | None:
        return file[(number - 1) * PAGE : number * PAGE] if 0 < number <= len(file) // PAGE else None

    return [row for number in range(1, len(file) // PAGE + 1) for row in leaf_rows(page_of(number) or b"", number, page_of)]


def test_every_commit_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = rows_of((told(tmp_path / "store", life()) / LOG).read_bytes())
    commits = {rowid: values for rowid, values in rows if len(values) == 4 and values[0] is None}
    assert commits == {commit.seq: [None, commit.form, commit.chain, commit.payload] for commit in life()}


def with_rows(values: list[Value | float]) -> bytes:
    """A database with a table of these values, each beside an x."""
    connection = apsw.Connection(":memory:")
    with connection:
        reserved = ctypes.c_int(CHECKSUM_BYTES)
        connection.file_control("main", apsw.SQLITE_FCNTL_RESERVE_BYTES, ctypes.addressof(reserved))
        connection.execute("CREATE TABLE numbers (one, other)")
        connection.executemany("INSERT INTO numbers VALUES (?, 'x')", [(value,) for value in values])
    data = connection.serialize("main")
    connection.close()
    return data


def test_values_of_every_size_are_read_and_long_rows_followed_to_their_end() -> None:
    numbers = [0, 1, -1, 127, 70_000, 1 << 22, 1 << 40, 1 << 60, -(1 << 63)]
    values: list[Value | float] = [*numbers, None, "text", b"bytes", "long" * 5_000, b"b" * 4_060, b"c" * 4_050]
    rows = rows_of(with_rows(values))
    assert [row[0] for _, row in rows if row[1:] == ["x"]] == values


def test_the_first_page_is_read_behind_the_header_of_the_file() -> None:
    assert ["table", "numbers"] in [row[:2] for _, row in rows_of(with_rows([]))]


def test_a_number_that_is_not_whole_is_in_no_table_of_a_store() -> None:
    assert [row[0] for _, row in rows_of(with_rows([1.5, 2])) if row[1:] == ["x"]] == [2]


@pytest.mark.parametrize("seed", range(20))
def test_rubbish_is_read_as_rubbish(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray((aged(tmp_path / "store") / LOG).read_bytes())
    for _ in range(dice.randrange(1, 3_000)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    assert isinstance(rows_of(bytes(data)), list)
    assert rows_of(dice.randbytes(PAGE * 4)) is not None
    assert rows_of(bytes([0x0D]) + b"\xff" * (PAGE - 1)) == []
