"""The hub's side of TCP: order, faults, limits and ends. What ill will makes of it is in test_abuse*.py."""

import logging
import tracemalloc
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing

from foldhub import Hub, MemoryStore
from foldhub.auth import ApiKey, Grant, NoAuth
from foldhub.serving import serve_tcp
from foldhub.tcp import TcpLink
from foldhub.tokens import Tokens
from foldhub_core import EV_TEXT, Ack, Attach, Envelope, Post, Principal, Unavailable, changed
from foldhub_core.questions import FindAgentId, FindEnvelope
from foldhub_core.wire.frame_bytes import read_frame
from foldhub_core.wire.frames import Answer, Deliveries, Frame, Goodbye, Refusal
from foldhub_core.wire.framing import FrameBuffer
from foldhub_core.wire.limits import DEFAULT
from foldhub_stores import FileStore

from .hub_runs import KeptStore, ScriptedStore, ThreadedStore, run
from .wires import HOST, Calendar, Raw, ask, hello, in_memory, joined, listening, met, query, raw, refusal, unharmed

# --- where it listens


async def _localhost() -> None:
    async with Hub.open(MemoryStore()) as hub, trio.open_nursery() as nursery:

        async def serve(task_status: trio.TaskStatus[int]) -> None:
            await serve_tcp(hub, "localhost", 0, task_status=task_status)

        port = cast(int, await nursery.start(serve))
        await unharmed(hub, TcpLink("localhost", port))
        await unharmed(hub, TcpLink(HOST, port))
        nursery.cancel_scope.cancel()


def test_any_free_port_is_one_port_on_every_address_of_the_host() -> None:
    run(_localhost)


async def _exposed() -> None:
    async with Hub.open(MemoryStore()) as hub:
        for host in (None, "0.0.0.0", "::"):
            with pytest.raises(ValueError, match="expected TLS"):
                await serve_tcp(hub, host, 0)


def test_nothing_is_bound_that_others_could_reach() -> None:
    run(_exposed)


# --- order


async def _in_order(store: MemoryStore, in_flight: int, trickle: bool) -> None:
    limits = changed(DEFAULT, in_flight=in_flight)
    async with Hub.open(store) as hub, in_memory(hub, limits=limits, trickle=trickle) as link:
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            client = await met(link)
            await client.greet()
            posts = [Post(envelope=Envelope(session_id, ann.agent_id, EV_TEXT, {"text": f"{ref}"})) for ref in range(2, 80)]
            await client.say(
                ask(1, Attach(agent_id=ann.agent_id, link="")), *[ask(ref, post) for ref, post in enumerate(posts, 2)]
            )
            answered = 0
            while answered < 79:
                answered += isinstance(await client.hear(), Answer)
            words = [word.event_data["text"] for word in await hub.read_wal(session_id) if word.event_type == EV_TEXT]
            assert words == [f"{ref}" for ref in range(2, 80)]


@pytest.mark.parametrize("trickle", [False, True])
@pytest.mark.parametrize("in_flight", [1, 3, 256])
def test_what_one_client_asks_is_done_by_the_order_it_came(in_flight: int, trickle: bool) -> None:
    run(_in_order, MemoryStore(), in_flight, trickle, jump=True)


def test_so_it_is_where_a_sync_has_to_be_waited_for() -> None:
    run(_in_order, ThreadedStore(ScriptedStore()), 5, False)


async def _one_go() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.connect() as near:
        ann, bob = await joined(near, "ann"), await joined(near, "bob")
        session_id = await ann.open(bob)
        client = await met(link)
        await client.greet()
        attach = [ask(ref, Attach(agent_id=one.agent_id, link="")) for ref, one in enumerate((ann, bob), 1)]
        await client.say(*attach)
        await trio.testing.wait_all_tasks_blocked()
        await client.stream.receive_some()
        posts = [Post(envelope=Envelope(session_id, ann.agent_id, EV_TEXT, {"text": f"{ref}"})) for ref in range(3, 6)]
        await client.say(*[ask(ref, post) for ref, post in enumerate(posts, 3)])
        await trio.testing.wait_all_tasks_blocked()
        said = await frames_at_once(client)
    assert [type(frame) for frame in said] == [Answer, Deliveries] * 3
    assert [frame.ref for frame in said if isinstance(frame, Answer)] == [3, 4, 5]
    texts = [one.envelope.event_data["text"] for frame in said if isinstance(frame, Deliveries) for one in frame.deliveries]
    assert texts == ["3", "4", "5"]


async def frames_at_once(client: Raw) -> list[Frame]:
    """All that a client is said in one send."""
    buffer, frames = FrameBuffer(), list[Frame]()
    buffer.take(bytes(await client.stream.receive_some()))
    while (payload := buffer.next(DEFAULT.client_frame_bytes)) is not None:
        frames.append(read_frame(payload))
    assert buffer.held == 0
    return frames


def test_what_is_asked_at_once_is_answered_at_once_and_each_answer_comes_before_its_delivery() -> None:
    run(_one_go, jump=True)


async def _back() -> None:
    """A client that has come back acks before it attaches its agent again."""
    async with Hub.open(MemoryStore(), auth=Fragile()) as hub, in_memory(hub) as link, link.connect() as near:
        ann, bob = await joined(near, "ann"), await joined(near, "bob")
        await ann.open(bob, accept=False)
        one = await bob.take()
        for credential, taken in (("another", False), ("friend", True)):
            client = await met(link)
            await client.greet(credential)
            refused = await refusal(client, 1, ask(1, Ack(agent_id=bob.agent_id, numbers=(one.number or 0,))))
            assert (refused is None) == taken
        assert hub.inbox(bob.agent_id).owed == 0


def test_an_ack_is_taken_before_its_agent_is_attached_of_whom_it_belongs_to() -> None:
    run(_back, jump=True)


# --- faults


class Fragile:
    """An auth that fails where it is asked to."""

    open_to_all = True

    def __init__(self) -> None:
        self.spoilt = False

    async def check(self, credential: str) -> Grant:
        await trio.lowlevel.checkpoint()
        if credential == "raise":
            raise ZeroDivisionError
        return Grant(Principal(subject=credential or "friend", may_register=("*",)))

    def ended(self, grant: Grant) -> str | None:
        if grant.principal.subject == "spoilt":
            raise ZeroDivisionError
        return None


async def _faults() -> None:
    async with Hub.open(MemoryStore(), auth=Fragile()) as hub, in_memory(hub) as link, link.connect() as friend:
        ann = await joined(friend, "ann")
        one = await met(link)
        await one.say(hello("raise"))
        assert await one.hear() is None
        two = await met(link)
        await two.greet("spoilt")
        assert await two.turned_away() == "auth_failed"
        assert await friend.question(FindAgentId(name="ann")) == ann.agent_id
        assert len(link.server.served) == 1


def test_a_fault_in_one_connection_costs_that_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    run(_faults, jump=True)
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR] * 2


class Unreadable(KeptStore):
    """A store whose words cannot be read."""

    def envelope(self, envelope_id: str) -> Envelope | None:
        raise ZeroDivisionError


async def _unreadable() -> None:
    async with Hub.open(Unreadable()) as hub, in_memory(hub) as link, link.connect() as near, link.connect() as far:
        ann, bob = await joined(near, "ann"), await joined(far, "bob")
        session_id = await ann.open(bob)
        with pytest.raises(Unavailable, match="ZeroDivisionError"):
            await near.question(FindEnvelope(session_id=session_id, envelope_id="demo:e:a1"))
        await ann.say(session_id, "all the same")
        assert await bob.text() == "all the same"


def test_a_question_that_the_store_cannot_answer_is_refused_and_that_is_all() -> None:
    run(_unreadable, jump=True)


# --- limits


async def _checks_take_long() -> None:
    class Endless(NoAuth):
        async def check(self, credential: str) -> Grant:
            await trio.sleep_forever()
            raise AssertionError

    async with Hub.open(MemoryStore(), auth=Endless()) as hub, in_memory(hub) as link:
        client = await met(link)
        await client.say(hello())
        assert await client.turned_away() == "unavailable"
        assert trio.current_time() < (DEFAULT.check_ms + DEFAULT.goodbye_ms) / 1000 + 0.1


def test_a_check_that_takes_too_long_is_given_up() -> None:
    run(_checks_take_long, jump=True)


async def _subjects() -> None:
    tokens, _, secret = Tokens().add("team", may_register=["*"], now_ms=0)
    tokens, _, other = tokens.add("others", may_register=["*"], now_ms=0)
    async with Hub.open(MemoryStore(), auth=ApiKey(tokens, Calendar())) as hub, in_memory(hub) as link:
        held: list[Raw] = []
        for _ in range(DEFAULT.connections_per_subject):
            held.append(await met(link))
            await held[-1].greet(secret)
        late = await met(link)
        await late.say(hello(secret))
        assert await late.turned_away() == "unavailable"
        await (await met(link)).greet(other)
        await held[0].stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        await (await met(link)).greet(secret)


def test_a_subject_has_so_many_connections_and_others_have_theirs() -> None:
    run(_subjects, jump=True)


async def _addresses() -> None:
    async with Hub.open(MemoryStore(), auth=ApiKey(Tokens(), Calendar())) as hub, in_memory(hub) as link:
        for _ in range(DEFAULT.unauthenticated_per_address):
            await met(link)
        await trio.testing.wait_all_tasks_blocked()
        late = await met(link)
        assert await late.hear() is None
        await trio.sleep((DEFAULT.hello_ms + DEFAULT.goodbye_ms) / 1000 + 0.1)
        early = await met(link)
        await early.say(hello("wrong"))
        assert await early.turned_away() == "auth_failed"


def test_an_address_has_room_for_few_that_say_nothing_and_gets_it_back_in_time() -> None:
    run(_addresses, jump=True)


# --- the end


async def _cancelled() -> None:
    async with Hub.open(MemoryStore()) as hub:
        async with listening(hub) as port:
            stream = await trio.open_tcp_stream(HOST, port)
            client = Raw(stream)
            await client.greet()
        frame = await client.hear()
        assert isinstance(frame, Goodbye)
        assert frame.error.code == "unavailable"
        await stream.aclose()


def test_whoever_is_connected_hears_a_goodbye_when_the_server_is_cancelled() -> None:
    run(_cancelled)


async def _hub_closes() -> None:
    async with trio.open_nursery() as nursery:
        async with Hub.open(MemoryStore()) as hub:

            async def serve(task_status: trio.TaskStatus[int]) -> None:
                await serve_tcp(hub, HOST, 0, task_status=task_status)

            port = cast(int, await nursery.start(serve))
            stream = await trio.open_tcp_stream(HOST, port)
            client = Raw(stream)
            await client.greet()
        assert await client.turned_away() == "unavailable"
        await stream.aclose()
        async with raw(port) as late:
            await late.say(hello())
            assert await late.turned_away() == "unavailable"
        nursery.cancel_scope.cancel()


def test_a_hub_that_closes_says_goodbye_and_takes_nobody_in() -> None:
    run(_hub_closes)


async def _crowd(count: int) -> None:
    async with Hub.open(MemoryStore()) as hub, listening(hub) as port, trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(_visit, port, f"agent {number}")


async def _visit(port: int, name: str) -> None:
    async with TcpLink(HOST, port).connect() as duplex:
        agent = await joined(duplex, name)
        assert await duplex.question(FindAgentId(name=name)) == agent.agent_id


def test_a_machines_own_clients_may_be_many() -> None:
    run(_crowd, 40)


async def _refusals() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        client = await met(link)
        await client.greet()
        await client.say(query(1, FindAgentId(name="nobody")))
        assert isinstance(await client.hear(), Answer)
        await client.say(ask(2, Post(envelope=Envelope("nowhere", "nobody", EV_TEXT, {"text": "x"}))))
        frame = await client.hear()
        assert isinstance(frame, Refusal)
        assert frame.error.code == "access_denied"


def test_a_refusal_has_the_number_of_its_request() -> None:
    run(_refusals, jump=True)


# --- at rest


LARGE = 900_000
"""A text that fills a frame, nearly."""


async def _at_rest(folder: Path, again: bool) -> list[int]:
    """What is held that is large, by its size, when much was said over two connections; `again` it was delivered twice."""
    async with Hub.open(FileStore(folder / "store")) as hub, listening(hub) as port:
        async with TcpLink(HOST, port).connect() as near, TcpLink(HOST, port).connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            tracemalloc.start()
            try:
                for _ in range(3):
                    await ann.say(session_id, "x" * LARGE)
                    if again:
                        await bob.take()
                        await far.ask(Attach(agent_id=bob.agent_id, link=""))
                    await bob.text()
                await far.confirmed()
                await trio.testing.wait_all_tasks_blocked(0.05)
                return [trace.size for trace in tracemalloc.take_snapshot().traces if trace.size > LARGE // 20]
            finally:
                tracemalloc.stop()


@pytest.mark.parametrize("again", [False, True])
def test_of_what_was_said_neither_end_of_a_connection_holds_anything_at_rest(tmp_path: Path, again: bool) -> None:
    assert run(_at_rest, tmp_path, again) == []
