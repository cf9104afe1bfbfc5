"""The log in segments keeps the law of stores: what a `FileStore` is compared with is a store itself."""

import os
from pathlib import Path

import pytest

from foldhub.testing.store_ground import Law
from foldhub.testing.store_law import store_laws, try_law
from foldhub.testing.store_story import HUB_ID, story
from foldhub_stores import StoreDamaged
from tests.stores.places import tell
from tests.stores.segment_log import SegmentLog


@pytest.mark.parametrize("law", store_laws(), ids=lambda law: law.__name__)
def test_the_log_in_segments_keeps_the_law_that(law: Law) -> None:
    try_law(law, SegmentLog)


def told(place: Path) -> Path:
    log = SegmentLog(place, HUB_ID)
    tell(log, story(), 3)
    log.close()
    return place


def test_its_torn_tail_is_cut(tmp_path: Path) -> None:
    *_, last = sorted(told(tmp_path / "log").iterdir())
    os.truncate(last, last.stat().st_size - 1)
    log = SegmentLog(tmp_path / "log", HUB_ID)
    assert log.opened.cut_bytes > 0
    assert log.read() == story()[: log.seq]
    assert len(story()) - 3 <= log.seq < len(story())
    tell(log, story()[log.seq :], 3)
    log.close()
    log = SegmentLog(tmp_path / "log", HUB_ID)
    assert (log.read(), log.opened.cut_bytes) == (story(), 0)
    log.close()


def test_damage_before_its_last_segment_is_refused(tmp_path: Path) -> None:
    first, *others = sorted(told(tmp_path / "log").iterdir())
    assert others, "there are several segments"
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    with pytest.raises(StoreDamaged):
        SegmentLog(tmp_path / "log", HUB_ID)
