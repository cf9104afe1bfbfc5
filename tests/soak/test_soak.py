"""The soak, for a moment in every run and for its five minutes in the long one."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from .footprint import BLOCKS, COUNTS_MALLOC, MALLOCED, Footprint
from .soaking import WARM_TEXTS, soak


@pytest.mark.parametrize(
    ("warm_up", "seconds", "warm_texts"), [(4, 4, 0), pytest.param(45, 300, WARM_TEXTS, marks=pytest.mark.long)]
)
def test_a_hub_that_is_served_for_long_has_what_it_had_and_lost_nothing(
    tmp_path: Path, warm_up: float, seconds: float, warm_texts: int
) -> None:
    came = trio.run(soak, tmp_path, warm_up, seconds, 1, print, warm_texts)
    assert came.said > 20
    # The memories of what is over are not full after some seconds.
    assert list(came.after.grown_since(came.before, times=1 if seconds > 60 else 16)) == []


async def _kept(what: Callable[[], object], count: int) -> list[str]:
    """What is said of so many things that are kept."""
    before = await Footprint.at_rest()
    kept = [what() for _ in range(count)]
    after = await Footprint.at_rest(sys.getsizeof(kept))
    return list(after.grown_since(before))


@pytest.mark.parametrize(
    ("what", "count", "found"),
    [
        (object, BLOCKS // 10, ""),
        (object, 2 * BLOCKS, "blocks"),
        (partial(bytes, 4_096), MALLOCED // 40_960, ""),
        pytest.param(
            partial(bytes, 4_096),
            MALLOCED // 2_048,
            "of malloc's",
            marks=pytest.mark.skipif(not COUNTS_MALLOC, reason="nobody counts what this C library hands out"),
        ),
    ],
)
def test_what_is_kept_is_found(what: Callable[[], object], count: int, found: str) -> None:
    said = trio.run(_kept, what, count)
    assert said == [] if not found else found in str(said)
