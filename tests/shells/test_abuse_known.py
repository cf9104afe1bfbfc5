"""What comes of those who are known and mean ill: docs/operations.md has the list."""

import contextlib
import socket
import struct
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing

from foldhub import Hub, MemoryStore
from foldhub.auth import ApiKey
from foldhub.tcp import TcpLink
from foldhub.tokens import Tokens
from foldhub_core import (
    EV_TEXT,
    Ack,
    AnswerInvite,
    Attach,
    Delivery,
    Envelope,
    Inbox,
    KeyConflict,
    NetworkError,
    OpenSession,
    Passport,
    Post,
    Register,
    Resume,
    Rule,
    RuleLimits,
    Session,
    Start,
    Tick,
    changed,
)
from foldhub_core.questions import FindAgentId, GetSession, ReadSession
from foldhub_core.wire.frames import Answer
from foldhub_core.wire.limits import DEFAULT
from foldhub_stores import FileStore

from .hub_runs import run
from .wires import (
    HOST,
    Calendar,
    Raw,
    WireAgent,
    ask,
    descriptors,
    hello,
    in_memory,
    joined,
    listening,
    met,
    query,
    refusal,
    unharmed,
)

# --- in the name of others


async def _others() -> None:
    team, _, mine = Tokens().add("team", may_register=["*"], now_ms=0)
    tokens, _, theirs = team.add("mallory", may_register=["m-*"], now_ms=0)
    async with Hub.open(MemoryStore(), auth=ApiKey(tokens, Calendar())) as hub, in_memory(hub, credentials=mine) as link:
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            await ann.say(session_id, "to be kept")
            owed, said = hub.inbox(bob.agent_id).owed, len(await hub.read_wal(session_id))
            client = await met(link)
            await client.greet(theirs)
            envelope = Envelope(session_id, ann.agent_id, EV_TEXT, {"text": "forged"})
            assert await refusal(client, 1, ask(1, Post(envelope=envelope))) == "access_denied"
            assert await refusal(client, 2, ask(2, Ack(agent_id=bob.agent_id, numbers=(1, 2)))) == "access_denied"
            assert await refusal(client, 3, ask(3, Attach(agent_id=bob.agent_id, link=""))) == "access_denied"
            assert await refusal(client, 4, ask(4, Register(passport=Passport("a-name"), resume=Resume()))) == "access_denied"
            # What may not be seen is answered like what is over.
            assert await refusal(client, 5, GetSession(session_id=session_id)) == "session_over"
            assert await refusal(client, 6, GetSession(session_id="demo:s:zzz")) == "not_found"
            assert await refusal(client, 7, ReadSession(session_id=session_id)) == "not_found"
            assert await refusal(client, 8, ReadSession(session_id="demo:s:zzz")) == "not_found"
            assert await refusal(client, 9, ask(9, Start())) == "protocol_error"
            assert await refusal(client, 10, ask(10, Tick())) == "protocol_error"
            assert hub.inbox(bob.agent_id).owed == owed
            assert len(await hub.read_wal(session_id)) == said


def test_nobody_speaks_acks_attaches_or_reads_for_another() -> None:
    run(_others, jump=True)


async def _conflict() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.connect() as near, link.connect() as far:
        ann, bob = await joined(near, "ann"), await joined(far, "bob")
        session_id = await ann.open(bob)
        first = await ann.say(session_id, "the first", idempotency_key="k")
        with pytest.raises(KeyConflict):
            await ann.say(session_id, "another", idempotency_key="k")
        assert (await ann.say(session_id, "the first", idempotency_key="k")).envelope_id == first.envelope_id
        assert await bob.text() == "the first"


def test_a_key_is_good_for_one_content_and_the_first_is_kept() -> None:
    run(_conflict, jump=True)


async def _storm(times: int) -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.connect() as near, link.connect() as far:
        ann, bob = await joined(near, "ann"), await joined(far, "bob")
        session_id = await ann.open(bob)
        post = Post(envelope=Envelope(session_id, ann.agent_id, EV_TEXT, {"text": "once"}, idempotency_key="k"))

        async def storm() -> None:
            client = await met(link)
            await client.greet()
            await client.say(ask(1, Attach(agent_id=ann.agent_id, link="")))
            await client.say(*[ask(ref, post) for ref in range(2, times + 2)])
            answers = 0
            while answers <= times:
                answers += isinstance(await client.hear(), Answer)

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(storm)
        assert await bob.text() == "once"
        assert len([word for word in await hub.read_wal(session_id) if word.event_type == EV_TEXT]) == 1


def test_one_message_sent_a_thousand_times_on_ten_connections_is_one() -> None:
    run(_storm, 1_000, jump=True)


async def _acks() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.connect() as near, link.connect() as far:
        ann, bob = await joined(near, "ann"), await joined(far, "bob")
        session_id = await ann.open(bob)
        await ann.say(session_id, "kept")
        client = await met(link)
        await client.greet()
        assert await refusal(client, 1, ask(1, Attach(agent_id=bob.agent_id, link=""))) is None
        owed = hub.inbox(bob.agent_id).owed
        future = await refusal(client, 2, ask(2, Ack(agent_id=bob.agent_id, numbers=(10_000,))))
        assert future is None
        assert hub.inbox(bob.agent_id).owed == owed
        for ref in (3, 4):
            assert await refusal(client, ref, ask(ref, Ack(agent_id=bob.agent_id, numbers=(1,)))) is None
        assert hub.inbox(bob.agent_id).owed == owed - 1


def test_an_ack_again_or_of_what_never_was_changes_nothing() -> None:
    run(_acks, jump=True)


# --- too much


async def _never_reads() -> None:
    limits = changed(DEFAULT, send_bytes=65_536)
    rule = Rule(limits=RuleLimits(inbox=Inbox(max_pending=0)))
    async with Hub.open(MemoryStore()) as hub, in_memory(hub, limits=limits) as link, link.connect() as near:
        ann = await joined(near, "ann")
        async with trio.open_nursery() as nursery:
            near_end, far_end = trio.testing.lockstep_stream_pair()
            nursery.start_soon(link.server.serve, far_end)
            client = Raw(near_end)
            await client.greet()
            await client.say(ask(1, Register(passport=Passport("bob"), resume=Resume(), rule=rule)))
            await client.hear()
            bob = hub.find_agent_id("bob")
            assert bob is not None
            await client.say(ask(2, Attach(agent_id=bob, link="")))
            await client.hear()
            session_id = await _opened(ann, client, bob)
            for number in range(40):
                await ann.say(session_id, f"{number}" + "x" * 4_000)
            assert sum([one.waiting for one in link.server.served]) <= limits.send_bytes
            await trio.sleep(DEFAULT.idle_ms / 1000 + 3)
            assert len(link.server.served) == 1, "the one that does not read has gone"
            assert hub.inbox(bob).owed >= 40
            nursery.cancel_scope.cancel()
        async with link.connect() as far:
            await far.ask(Attach(agent_id=bob, link=""))
            texts: list[str] = []
            while len(texts) < 40:
                one = await far.receive()
                assert isinstance(one, Delivery)
                if one.envelope.event_type == EV_TEXT:
                    texts.append(str(one.envelope.event_data["text"]).rstrip("x"))
            assert texts == [str(number) for number in range(40)]


async def _opened(ann: WireAgent, client: Raw, bob: str) -> str:
    command = OpenSession(creator_id=ann.agent_id, type="conversation", participants=(bob,))
    session = cast(Session, await ann.duplex.ask(command))
    await client.say(ask(3, AnswerInvite(session_id=session.session_id, agent_id=bob, accept=True)))
    return session.session_id


def test_a_client_that_never_reads_loses_its_connection_and_never_the_message() -> None:
    run(_never_reads, jump=True)


async def _floods() -> None:
    limits = changed(DEFAULT, frames_per_s=100)
    async with Hub.open(MemoryStore()) as hub, in_memory(hub, limits=limits) as link:
        client = await met(link)
        await client.greet()
        began = trio.current_time()
        await client.say(*[query(ref, FindAgentId(name="nobody")) for ref in range(1, 1_001)])
        for _ in range(1_000):
            assert isinstance(await client.hear(), Answer)
        assert trio.current_time() - began == pytest.approx(9, abs=0.5)


def test_whoever_asks_faster_than_he_may_is_read_later() -> None:
    run(_floods, jump=True)


async def _churn(times: int) -> None:
    async with Hub.open(MemoryStore()) as hub, listening(hub) as port:
        await unharmed(hub, TcpLink(HOST, port))
        await trio.testing.wait_all_tasks_blocked(0.02)
        tasks, files = trio.lowlevel.current_statistics().tasks_living, descriptors()
        for number in range(times):
            client = await trio.open_tcp_stream(HOST, port)
            if number % 3:
                await Raw(client).say(hello())
            if number % 3 == 2:
                await Raw(client).hear()
            if number % 2:
                linger = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            await client.aclose()
        while hub_tasks() > tasks:
            await trio.sleep(0.01)
        assert descriptors() == files
        await unharmed(hub, TcpLink(HOST, port))


def hub_tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


def test_connections_that_come_and_go_leave_nothing_behind() -> None:
    run(_churn, 200)


async def _paths(folder: Path) -> None:
    async with Hub.open(FileStore(folder / "store")) as hub, listening(hub) as port:
        async with TcpLink(HOST, port).connect() as duplex:
            for name in ("../../x", "/dev/null", "CON", "a/b"):
                with contextlib.suppress(NetworkError):
                    await joined(duplex, name)
        assert [path.name for path in folder.iterdir()] == ["store"]
        assert all(path.name != "x" for path in (folder / "store").rglob("*"))


def test_a_name_that_is_a_path_reaches_no_file(tmp_path: Path) -> None:
    run(_paths, tmp_path)


async def _tricks() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.connect() as duplex:
        for name in ("\0", "ann\0", "\u202enna", "an\u200bn", "ann\n", " ann", "*", "\x1b[2Jann", ""):
            with pytest.raises(NetworkError) as refused:
                await joined(duplex, name)
            assert refused.value.code == "malformed"
        with pytest.raises(NetworkError):
            await duplex.ask(Attach(agent_id="h:a:1\u202e", link=""))
        assert hub.health().registered_agents == 0
        await unharmed(hub, link)


def test_a_name_that_is_not_what_it_looks_like_is_refused() -> None:
    run(_tricks, jump=True)


async def _wide() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.connect() as near, link.connect() as far:
        ann, bob = await joined(near, "ann"), await joined(far, "bob")
        session_id = await ann.open(bob)
        for data in ({f"key {number}": number for number in range(20_000)}, {"text": "x" * 2_000_000}):
            with pytest.raises(NetworkError) as refused:
                await near.ask(Post(envelope=Envelope(session_id, ann.agent_id, EV_TEXT, data)))
            assert refused.value.code == "malformed"
        await ann.say(session_id, "small")
        assert await bob.text() == "small"


def test_a_message_that_is_too_wide_or_too_long_is_refused_and_the_next_is_heard() -> None:
    run(_wide, jump=True)
