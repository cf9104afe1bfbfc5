"""A process that is killed while it writes: nothing that it acknowledged is lost, nothing is there twice.

Ten thousand: `pytest -m long tests/stores/test_kill.py`; as many as you like, with figures: `python -m tests.stores.campaign`.
"""

from pathlib import Path

import pytest

from tests.stores.campaign import kill_again_and_again


def test_nothing_acknowledged_is_lost_when_its_writer_is_killed(tmp_path: Path) -> None:
    came = kill_again_and_again(tmp_path, 300, 1)
    assert came["kills"] == 300
    assert came["words acknowledged"] > 1_000
    assert came["kills after which more was there than was acknowledged"] > 0, "some were killed between the sync and the answer"


@pytest.mark.long
def test_nothing_acknowledged_is_lost_or_doubled_however_often_its_writer_is_killed(tmp_path: Path) -> None:
    assert kill_again_and_again(tmp_path, 10_000, 2)["kills"] == 10_000
