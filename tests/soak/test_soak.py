"""The soak, for a moment in every run and for its five minutes in the long one."""

from pathlib import Path

import pytest
import trio

from .__main__ import MEMORY
from .soaking import soak


@pytest.mark.parametrize(("warm_up", "seconds"), [(4, 4), pytest.param(45, 300, marks=pytest.mark.long)])
def test_a_hub_that_is_served_for_long_has_what_it_had_and_lost_nothing(tmp_path: Path, warm_up: float, seconds: float) -> None:
    came = trio.run(soak, tmp_path, warm_up, seconds, 1, print)
    assert came.said > 20
    assert (came.after.tasks, came.after.descriptors) == (came.before.tasks, came.before.descriptors)
    # What pools and tables hold has not settled after some seconds.
    assert came.after.memory - came.before.memory < (MEMORY if seconds > 60 else 4 * MEMORY)
