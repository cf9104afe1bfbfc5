"""The recorded logs out of a store on disk: what a hub once wrote comes to the state it came to then."""

import json
from pathlib import Path

import pytest

from foldhub_core import HubConfig, HubState, Log, digest, read_log, read_snapshot, replay, take_snapshot, verify, write_log
from foldhub_core.starting import CORE_VERSION
from foldhub_stores import Durable, FileStore
from tests.core.recorded_hub import ADAPTERS, ARBITER
from tests.stores.places import tell

CORPUS = Path(__file__).parents[1] / "corpus"
CONFIG = HubConfig(adapters=ADAPTERS, remote_agents=True, arbiter=ARBITER)
NAMES = sorted(file.stem for file in CORPUS.glob("*.log"))


def recorded(name: str) -> tuple[Log, dict[str, object]]:
    """A recorded log, and what was found in it when it was recorded."""
    return read_log((CORPUS / f"{name}.log").read_bytes()), json.loads((CORPUS / f"{name}.json").read_text(encoding="utf-8"))


def stored(place: Path, log: Log) -> FileStore:
    """A store that was told this log, closed, and is open again."""
    store = FileStore(place, log.hub_id)
    tell(store, log.commits)
    store.close()
    return FileStore(place, log.hub_id)


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_log_comes_to_its_digest(tmp_path: Path, name: str) -> None:
    log, facts = recorded(name)
    store = stored(tmp_path / "store", log)
    assert (store.seq, store.identity.hub_id) == (facts["commits"], facts["hub_id"])
    assert digest(replay(CONFIG, store.read(), HubState(log.hub_id))) == facts["digest"]
    store.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_log_comes_to_its_digest_from_a_snapshot_and_the_tail(tmp_path: Path, name: str) -> None:
    log, facts = recorded(name)
    store = stored(tmp_path / "store", log)
    half = replay(CONFIG, store.read(0, len(log.commits) // 2), HubState(log.hub_id))
    taken = [store.begin_snapshot(half.seq), *[store.add_slice(data) for data in take_snapshot(half)], store.end_snapshot()]
    assert all(isinstance(one, Durable) for one in taken)
    store.close()
    store = FileStore(tmp_path / "store", log.hub_id)
    snapshot = store.snapshot()
    assert snapshot is not None
    state = replay(CONFIG, store.read(snapshot.seq), read_snapshot(CONFIG, snapshot.slices))
    assert digest(state) == facts["digest"]
    store.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_log_leaves_a_store_as_the_bytes_it_came_in(tmp_path: Path, name: str) -> None:
    store = stored(tmp_path / "store", recorded(name)[0])
    assert write_log(Log(store.identity.hub_id, store.read())) == (CORPUS / f"{name}.log").read_bytes()
    store.close()


@pytest.mark.parametrize("name", [name for name in NAMES if recorded(name)[1]["core"] == CORE_VERSION])
def test_a_recorded_log_of_this_version_is_decided_again_out_of_a_store(tmp_path: Path, name: str) -> None:
    log, _ = recorded(name)
    store = stored(tmp_path / "store", log)
    assert list(verify(CONFIG, store.read(), HubState(log.hub_id))) == []
    store.close()
