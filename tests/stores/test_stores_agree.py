"""Stores that live the same life answer alike: the one in a folder, the one in memory, and a log in segments that shares no
code with them, however often those that last are opened again."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foldhub.testing.store_story import HUB_ID, story
from foldhub_core import Commit, read_log
from foldhub_stores import Durable, FileStore, LogStore, MemoryStore
from tests.stores.answers import questions
from tests.stores.segment_log import SegmentLog

EVENTS = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 12)),
    st.tuples(st.just("append"), st.integers(0, 12)),
    st.tuples(st.sampled_from(["begin", "end", "tend", "open", "ask", "unfit"]), st.integers(0, 2)),
    st.tuples(st.just("slice"), st.integers(0, 9000)),
)
LIVES = st.lists(EVENTS, max_size=30)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

RECORDED = read_log((Path(__file__).parents[1] / "corpus" / "registry-1.log").read_bytes())
STORIES = {"story": (HUB_ID, story()), "corpus": (RECORDED.hub_id, RECORDED.commits)}


def happen(store: LogStore, event: str, size: int, commits: tuple[Commit, ...] = story()) -> Any:
    """Let one event happen to a store; gives what it says."""
    try:
        match event:
            case "append":
                return store.append(commits[store.seq : store.seq + size])
            case "unfit":
                return store.append(commits[store.seq + size + 1 : store.seq + size + 3])
            case "begin":
                return store.begin_snapshot(store.seq)
            case "slice":
                return store.add_slice(bytes(size))
            case "end":
                return store.end_snapshot()
            case _:
                store.tend()
                return None
    except ValueError as error:
        return type(error)


@FEW
@given(LIVES)
def test_two_stores_that_live_the_same_life_answer_alike(events: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "store"
        file, memory = FileStore(place, HUB_ID), MemoryStore(HUB_ID)
        begun = False
        for event, size in [*events, ("open", 0), ("ask", 0)]:
            if event == "open":
                if begun:  # or it would be gone for the one that is opened again only
                    assert file.end_snapshot() == memory.end_snapshot()
                    begun = False
                file.close()
                file = FileStore(place, HUB_ID)
            elif event == "ask":
                assert file.snapshot() == memory.snapshot()
                assert file.since_snapshot() == memory.since_snapshot()
                for name, question in questions(memory).items():
                    assert question(file) == question(memory), name
            else:
                came, expected = happen(file, event, size), happen(memory, event, size)
                assert came == expected
                begun = (begun or event == "begin") and event != "end" and (event != "begin" or isinstance(came, Durable))
        file.close()


def found(store: LogStore) -> tuple[object, ...]:
    """What opening a store found, but for what is its own."""
    opened = store.opened
    return (store.identity.hub_id, opened.created, opened.seq, opened.head, opened.snapshot_seq, opened.cut_bytes)


@pytest.mark.parametrize("told", STORIES)
@FEW
@given(events=LIVES)
def test_a_store_in_a_folder_answers_like_a_log_in_segments(told: str, events: list[tuple[str, int]]) -> None:
    hub_id, commits = STORIES[told]
    with tempfile.TemporaryDirectory() as folder:
        places = Path(folder) / "store", Path(folder) / "segments"
        file, segments = FileStore(places[0], hub_id), SegmentLog(places[1], hub_id)
        for event, size in [*events, ("open", 0), ("ask", 0), ("append", len(commits)), ("ask", 0), ("open", 0), ("ask", 0)]:
            if event == "open":
                file.close()
                segments.close()
                file, segments = FileStore(places[0], hub_id), SegmentLog(places[1], hub_id)
                assert found(file) == found(segments)
            elif event == "ask":
                assert file.snapshot() == segments.snapshot()
                assert file.since_snapshot() == segments.since_snapshot()
                for name, question in questions(segments).items():
                    assert question(file) == question(segments), name
            else:
                assert happen(file, event, size, commits) == happen(segments, event, size, commits)
        file.close()
        segments.close()
