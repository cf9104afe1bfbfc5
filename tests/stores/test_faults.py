"""The k-th write and the k-th sync fail: what was acknowledged is there when the store is opened again, whatever failed.

For every k: `pytest -m long tests/stores/test_faults.py`; with `-k short` it takes minutes, with `-k whole` over an hour, for
a whole life has thousands of writes. By chance, with figures: `python -m tests.stores.campaign faults 5000`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stores.failing import CASES, GROUNDS, SLICES, Ground, counts, fail
from tests.stores.faults import Fault


def points(total: int, most: int) -> list[int]:
    """Points from the first to the last operation, evenly."""
    return sorted({1 + at * (total - 1) // (most - 1) for at in range(most)}) if total > most else list(range(1, total + 1))


def sweep(tmp_path: Path, ground: Ground, kind: str, fault: Fault, most: int, *, for_ever: bool, slices: int = SLICES) -> None:
    """Let every k-th operation fail, or as many of them as are wanted."""
    if (ground, slices) not in _COUNTED:
        _COUNTED[ground, slices] = counts(tmp_path, ground, slices)
    total = _COUNTED[ground, slices][kind]
    assert total > 0, f"there is something to fail: {kind}"
    failed = [
        fail(tmp_path / f"{kind}-{at}", ground, kind, at, fault, for_ever=for_ever, slices=slices) for at in points(total, most)
    ]
    assert any(failed), "something failed"


_COUNTED: dict[tuple[Ground, int], dict[str, int]] = {}
"""How many operations of each kind a life on a ground has: the same in every case."""

IN_CASES = [
    pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"]),
    pytest.mark.parametrize(("kind", "fault"), CASES),
    pytest.mark.parametrize("ground", GROUNDS, ids=lambda ground: ground.__name__),
]


def in_every_case(test: Callable[..., None]) -> Callable[..., None]:
    for mark in IN_CASES:
        test = mark(test)
    return test


@in_every_case
def test_what_was_acknowledged_survives_a_disk_that_fails(
    tmp_path: Path, ground: Ground, kind: str, fault: Fault, for_ever: bool
) -> None:
    sweep(tmp_path, ground, kind, fault, 5, for_ever=for_ever)


@pytest.mark.long
@pytest.mark.parametrize("slices", [1, SLICES], ids=["short", "whole"])
@in_every_case
def test_what_was_acknowledged_survives_whatever_fails(
    tmp_path: Path, ground: Ground, kind: str, fault: Fault, for_ever: bool, slices: int
) -> None:
    sweep(tmp_path, ground, kind, fault, 10**9, for_ever=for_ever, slices=slices)
