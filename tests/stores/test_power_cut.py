"""A power cut: what the disk had not synced is gone, what it had is there. On a file system of our own, where we may make one.

Many more: `pytest -m long tests/stores/test_power_cut.py`, or with figures `python -m tests.stores.campaign cuts 1000`.
"""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.stores.power import Ground, cut_again_and_again, cut_without_syncs


@pytest.fixture
def ground(tmp_path: Path) -> Generator[Ground, None, None]:
    ground = Ground(tmp_path)
    why = ground.make()
    if why is not None:
        pytest.skip(f"POWER CUTS NOT TRIED: {why}")
    yield ground
    ground.unmount()


def test_nothing_acknowledged_is_lost_when_the_power_is_cut(ground: Ground) -> None:
    assert cut_again_and_again(ground, 10, 1)["cuts"] == 10


def test_a_store_whose_syncs_do_nothing_loses_what_it_acknowledged(ground: Ground) -> None:
    """The control: were the cuts none, this would lose nothing, and the test above would show nothing."""
    assert cut_without_syncs(ground, 4, 2)["control: cuts that lost words"] > 0


@pytest.mark.long
def test_nothing_acknowledged_is_lost_or_doubled_however_often_the_power_is_cut(ground: Ground) -> None:
    assert cut_again_and_again(ground, 200, 3)["cuts"] == 200
