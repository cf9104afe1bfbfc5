"""A hub comes back from its snapshot and what came after it, and takes one when it is time, between its batches."""

from pathlib import Path

import pytest
import trio

from foldhub import Hub
from foldhub.snapshotting import Snapshots
from foldhub_core import ConversationAdapter, HubConfig, Passport, Resume, changed, digest
from foldhub_stores import FileStore, Full, Outcome, recover

from .hub_runs import agent, run


class Odd(ConversationAdapter):
    """A conversation that is not always configured."""

    manifest = changed(ConversationAdapter.manifest, type="odd")


ODD = HubConfig(adapters=(*HubConfig().adapters, Odd()))


async def _grown(hub: Hub, count: int, begin: int = 0) -> None:
    for number in range(begin, begin + count):
        await hub.register(Passport(f"a{number}"), Resume())


async def _snapshot(hub: Hub, store: FileStore) -> int:
    while (snapshot := await hub.desk.read(store.snapshot)) is None:
        await trio.sleep(0.001)
    return snapshot.seq


def test_a_hub_comes_back_from_its_snapshot_and_what_came_after_it(tmp_path: Path) -> None:
    async def first() -> str:
        store = FileStore(tmp_path / "hub", "demo")
        async with Hub.open(store) as hub:
            hub._snapshots._commits = 20
            await _grown(hub, 30)
            assert 19 <= await _snapshot(hub, store) <= 31
            await _grown(hub, 5, 30)
            return digest(hub.state)

    before = run(first)
    store = FileStore(tmp_path / "hub", "demo")
    assert digest(recover(HubConfig(), store)) == before
    store.close()


def test_a_hub_that_lacks_an_adapter_opens_from_its_snapshot_and_takes_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        store = FileStore(tmp_path / "hub", "demo")
        async with Hub.open(store, config=ODD) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            await ann.open(bob, type="odd")
            hub._snapshots._commits = 10
            await _grown(hub, 10)
            await _snapshot(hub, store)
        store = FileStore(tmp_path / "hub", "demo")
        async with Hub.open(store) as hub:
            before = store.opened.snapshot_seq
            assert hub.health().dormant_sessions == 1
            hub._snapshots._commits = 1
            await _grown(hub, 3, 10)
        store = FileStore(tmp_path / "hub", "demo")
        assert store.opened.snapshot_seq == before
        store.close()

    run(main)
    assert caplog.text == ""


def test_a_snapshot_that_finds_no_room_is_tried_again_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Tight(FileStore):
        refused = 0

        def add_slice(self, data: bytes) -> Outcome:
            if not self.refused:
                self.refused += 1
                return Full("no room")
            return super().add_slice(data)

    async def main() -> None:
        store = Tight(tmp_path / "hub", "demo")
        async with Hub.open(store) as hub:
            hub._snapshots._commits = 10
            await _grown(hub, 12)
            while not store.refused:
                await trio.sleep(0.001)
            await _grown(hub, 12, 12)
            assert await _snapshot(hub, store) > 10

    run(main)
    assert "no snapshot at commit" in caplog.text


def test_bytes_make_it_time_too() -> None:
    assert Snapshots.__init__.__defaults__ == (20_000, 16_000_000)
