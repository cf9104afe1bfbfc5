"""The rows of a snapshot: every kind is written, read back equal, and known by its own tag."""

from typing import get_args

import pytest

from foldhub_core import codec, take_snapshot
from foldhub_core.snapshot_rows import SnapshotRow
from tests.core.recorded_hub import whole_story


def rows_of_the_story() -> list[object]:
    slices = [codec.unpack(data) for data in take_snapshot(whole_story().state)]
    return [codec.record_of(codec.unpack(row)) for rows in slices if isinstance(rows, list) for row in rows]


ROWS = rows_of_the_story()
KINDS: tuple[type, ...] = get_args(SnapshotRow)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_state_that_holds_something_of_all_is_written_in_rows_of_this_kind(kind: type) -> None:
    assert any(isinstance(row, kind) for row in ROWS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_row_is_read_back_equal(kind: type) -> None:
    rows = [row for row in ROWS if isinstance(row, kind)]
    assert [codec.decode(codec.encode(row), kind) for row in rows] == rows


def test_only_rows_of_a_snapshot_are_written() -> None:
    assert {type(row) for row in ROWS} <= set(KINDS)
