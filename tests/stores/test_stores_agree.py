"""A store in a folder and one in memory that live the same life answer alike, however often the one in the folder is opened."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foldhub.testing.store_story import HUB_ID, story
from foldhub_stores import Durable, FileStore, MemoryStore
from tests.stores.answers import questions

EVENTS = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 12)),
    st.tuples(st.just("append"), st.integers(0, 12)),
    st.tuples(st.sampled_from(["begin", "end", "tend", "open", "ask"]), st.just(0)),
    st.tuples(st.just("slice"), st.integers(0, 9000)),
)


def happen(store: FileStore | MemoryStore, event: str, size: int) -> Any:
    """Let one event happen to a store; gives what it says."""
    try:
        match event:
            case "append":
                return store.append(story()[store.seq : store.seq + size])
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


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENTS, max_size=30))
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
