"""A disk that is full under a hub that serves: whoever asks is told so, nothing acknowledged is lost, and it goes on."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import trio

from foldhub import Hub
from foldhub.tcp import TcpConnection, TcpLink
from foldhub_core import EV_TEXT, Ack, Commit, Delivery, Envelope, Post, Unavailable
from foldhub_core.questions import FindAgentId, ReadSession
from foldhub_stores import FileStore, Full, Outcome

from .hub_runs import run
from .wires import HOST, WireAgent, ask, joined, listening, raw, refusal, unharmed


class TightStore(FileStore):
    """A store in a file that has room when it is told so; tests/stores/test_full_disk.py has it on disks that have none."""

    has_room = True

    def append(self, commits: Sequence[Commit]) -> Outcome:
        """Append where there is room."""
        return super().append(commits) if self.has_room else Full("expected room, came none")


@asynccontextmanager
async def tight_hub(folder: Path) -> AsyncGenerator[tuple[Hub, TightStore, int], None]:
    """A hub that listens, on a disk whose room a test decides about; and its port."""
    store = TightStore(folder / "store")
    async with Hub.open(store) as hub, listening(hub) as port:
        yield hub, store, port


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    while not condition():
        await trio.sleep(0.01)


async def said(connection: TcpConnection, session_id: str) -> list[str]:
    """The texts of a session, as a client reads them."""
    words = cast(tuple[Envelope, ...], await connection.question(ReadSession(session_id=session_id)))
    return [str(word.event_data["text"]) for word in words if word.event_type == EV_TEXT]


async def _insisted(connection: TcpConnection, post: Post) -> Envelope:
    """Ask until it is granted: what was under way while there was no room takes what came behind it along."""
    while True:
        try:
            return cast(Envelope, await connection.ask(post))
        except Unavailable:
            await trio.sleep(0.01)


async def _refused_and_recovered(folder: Path) -> None:
    async with tight_hub(folder) as (hub, disk, port):
        link = TcpLink(HOST, port)
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            acknowledged = [str((await ann.say(session_id, f"before {number}")).event_data["text"]) for number in range(5)]
            disk.has_room = False
            post = Post(envelope=Envelope(session_id, ann.agent_id, EV_TEXT, {"text": "full"}, idempotency_key="k"))
            for _ in range(3):
                with pytest.raises(Unavailable, match="room in the store, which is full"):
                    await near.ask(post)
            # Reads go on, so does the hello, and nothing of what was refused is there.
            assert await far.question(FindAgentId(name="ann")) == ann.agent_id
            assert await said(near, session_id) == acknowledged
            await unharmed(hub, link)
            async with raw(port) as client:
                await client.greet()
                assert await refusal(client, 1, ask(1, post)) == "unavailable"
            assert hub.stopped is None
            disk.has_room = True
            acknowledged.append(str((await _insisted(near, post)).event_data["text"]))
            acknowledged.append(str((await ann.say(session_id, "after")).event_data["text"]))
            assert [await bob.text() for _ in acknowledged] == acknowledged
            assert await said(near, session_id) == acknowledged
            await until(lambda: hub.inbox(bob.agent_id).owed == 0)


def test_without_room_a_post_is_refused_and_the_next_is_taken_when_there_is_some(tmp_path: Path) -> None:
    run(_refused_and_recovered, tmp_path)


async def _acks(folder: Path) -> None:
    async with tight_hub(folder) as (hub, disk, port):
        link = TcpLink(HOST, port)
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            await ann.say(session_id, "to be acked")
            assert await bob.text() == "to be acked"
            await until(lambda: hub.inbox(bob.agent_id).owed == 0)
            await ann.say(session_id, "once more")
            one = await bob.take()
            disk.has_room = False
            assert one.number is not None
            await bob.ack(one.number)
            async with raw(port) as client:
                # A second client of the same subject, which is told what the first one's machine keeps to itself.
                await client.greet()
                assert await refusal(client, 1, ask(1, Ack(agent_id=bob.agent_id, numbers=(one.number,)))) == "unavailable"
            assert hub.inbox(bob.agent_id).owed == 1, "what is not durable is not so"
            disk.has_room = True
            await until(lambda: hub.inbox(bob.agent_id).owed == 0)


def test_without_room_an_ack_is_no_ack_and_comes_again_by_itself(tmp_path: Path) -> None:
    run(_acks, tmp_path)


async def _load(folder: Path) -> None:
    """Two clients post and ack without a break, while there is room now and then."""
    acknowledged: Counter[str] = Counter()
    heard: Counter[str] = Counter()
    refused = 0
    async with tight_hub(folder) as (hub, disk, port):
        link = TcpLink(HOST, port)
        async with link.connect() as near, link.connect() as far, trio.open_nursery() as nursery:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)

            async def hear(agent: WireAgent) -> None:
                while True:
                    one = await agent.duplex.receive()
                    assert isinstance(one, Delivery)
                    if one.envelope.event_type == EV_TEXT:
                        heard[str(one.envelope.event_data["text"])] += 1
                    await agent.ack(one.number or 0)

            async def talk(agent: WireAgent, name: str, ended: trio.Event) -> None:
                nonlocal refused
                number = 0
                while not ended.is_set():
                    try:
                        await agent.say(session_id, f"{name} {number}", idempotency_key=f"{name} {number}")
                    except Unavailable:
                        refused += 1
                        await trio.sleep(0.005)
                        continue
                    acknowledged[f"{name} {number}"] += 1
                    number += 1

            ended = trio.Event()
            nursery.start_soon(hear, ann)
            nursery.start_soon(hear, bob)
            async with trio.open_nursery() as talking:
                talking.start_soon(talk, ann, "ann", ended)
                talking.start_soon(talk, bob, "bob", ended)
                for _ in range(6):
                    before, refused_before = acknowledged.total(), refused
                    await until(lambda before=before: acknowledged.total() > before + 20)  # type: ignore[misc]
                    disk.has_room = False
                    await until(lambda before=refused_before: refused > before + 5)  # type: ignore[misc]
                    disk.has_room = True
                ended.set()
            await until(lambda: heard.keys() == acknowledged.keys())
            texts = Counter(await said(near, session_id))
            assert texts == acknowledged, "each that was acknowledged is there once, and nothing else is"
            nursery.cancel_scope.cancel()
        assert hub.stopped is None
    assert refused > 30


def test_nothing_acknowledged_is_lost_or_doubled_while_the_disk_is_full_now_and_then(tmp_path: Path) -> None:
    run(_load, tmp_path)
