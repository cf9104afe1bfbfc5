"""Links over TCP: on memory a byte at a time in virtual time, and on real sockets of this machine."""

import contextlib
import socket
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing

from foldhub import Evicted, Hub, HubClient, LinkClosed, MemoryStore, Received
from foldhub.agents import Agent, ScriptedConfig
from foldhub.auth import ApiKey
from foldhub.serving import serve_tcp
from foldhub.tcp import LinkState, TcpLink
from foldhub.tcp_connection import ACKS
from foldhub.tls import client_context, server_context
from foldhub.tokens import Tokens
from foldhub_core import (
    EV_TEXT,
    AccessDeniedError,
    Attach,
    AuthError,
    Delivery,
    Envelope,
    Inbox,
    NetworkError,
    Passport,
    Post,
    Register,
    Resume,
    Rule,
    RuleLimits,
    SetRule,
    SetSkill,
    Unavailable,
    changed,
)
from foldhub_core.facts import Acked
from foldhub_core.questions import FindAgentId, InboxCountOf, ReadSession
from foldhub_core.wire.frame_bytes import write_frame
from foldhub_core.wire.frames import VERSION, Welcome
from foldhub_core.wire.framing import framed
from foldhub_core.wire.limits import DEFAULT
from foldhub_stores import FileStore

from .certificates import Authority
from .hub_runs import run
from .wires import HOST, in_memory, joined, listening

QUICK = changed(DEFAULT, pause_ms=5, longest_pause_ms=20)
"""A client that comes back at once."""

States = list[tuple[LinkState, str]]


# --- a session


async def talk(link: TcpLink) -> None:
    """Two agents talk over a link, on connections of their own."""
    async with link.connect() as near, link.connect() as far:
        ann, bob = await joined(near, "ann"), await joined(far, "bob")
        session_id = await ann.open(bob)
        for number in range(5):
            await ann.say(session_id, f"question {number}")
            assert await bob.text() == f"question {number}"
            await bob.say(session_id, f"answer {number}")
            assert await ann.text() == f"answer {number}"
        words = cast(tuple[Envelope, ...], await near.question(ReadSession(session_id=session_id)))
        assert [word.event_data["text"] for word in words if word.event_type == EV_TEXT] == [
            f"{what} {number}" for number in range(5) for what in ("question", "answer")
        ]


async def _over_trickle() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub, trickle=True) as link:
        await talk(link)


def test_agents_talk_over_streams_that_give_a_byte_at_a_time() -> None:
    run(_over_trickle, jump=True)


async def _over_sockets() -> None:
    async with Hub.open(MemoryStore()) as hub, listening(hub) as port:
        await talk(TcpLink(HOST, port))


def test_agents_talk_over_sockets() -> None:
    run(_over_sockets)


async def _over_tls(folder: Path) -> None:
    authority = Authority(folder)
    signed, shown = authority.sign("hub"), authority.sign("client")
    tokens, _, secret = Tokens().add("team", may_register=["*"], now_ms=0)
    async with Hub.open(FileStore(folder / "store"), auth=ApiKey(tokens, lambda: 1)) as hub:
        async with listening(hub, ssl_context=server_context(signed.cert, signed.key, authority.ca)) as port:
            await talk(TcpLink(HOST, port, ssl_context=client_context(authority.ca, shown.cert, shown.key), credentials=secret))


def test_agents_talk_over_mutual_tls_with_tokens_on_a_hub_on_disk(tmp_path: Path) -> None:
    run(_over_tls, tmp_path)


async def _clients() -> None:
    async with Hub.open(MemoryStore()) as hub, listening(hub) as port:
        link = TcpLink(HOST, port)
        async with HubClient(link) as near, HubClient(link) as far:
            ann = await near.register(Agent("ann"), Passport("ann"), Resume())
            bob = await far.register(Agent("bob", config=ScriptedConfig(lambda _: "It is 42.")), Passport("bob"), Resume())
            session = await ann.open(type="consulting", target="bob")
            asked = await session.send("What is it?", audience=[bob.agent_id])
            closed = await ann.wait_for_session_event(session.session_id, lambda word: word.event_type == "session.closed")
            assert asked.session_id == closed.session_id
            assert [str(word.event_data.get("text")) for word in await near.read_wal(session.session_id)][-2] == "It is 42."


def test_clients_and_their_agents_work_over_tcp_as_they_do_in_memory() -> None:
    run(_clients)


async def _pages(count: int) -> None:
    limits = changed(DEFAULT, page_words=7)
    async with Hub.open(MemoryStore()) as hub, in_memory(hub, limits=limits) as link:
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            for number in range(count):
                await ann.say(session_id, f"{number}")
            words = cast(tuple[Envelope, ...], await near.question(ReadSession(session_id=session_id)))
            assert [word.event_data["text"] for word in words if word.event_type == EV_TEXT] == [str(n) for n in range(count)]


def test_a_log_of_any_size_is_read_in_pages() -> None:
    run(_pages, 40, jump=True)


# --- getting in


async def _nobody() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        with pytest.raises(Unavailable, match="expected a hub at"):
            async with TcpLink(HOST, taken.getsockname()[1]).connect():
                raise AssertionError("nobody is there")


def test_where_no_hub_is_that_is_said() -> None:
    run(_nobody)


async def _wrong_token() -> None:
    told: States = []
    async with Hub.open(MemoryStore(), auth=ApiKey(Tokens(), lambda: 1)) as hub, listening(hub) as port:
        link = TcpLink(HOST, port, credentials="nonsense", on_state=lambda state, why: told.append((state, why)))
        with pytest.raises(AuthError, match="expected a credential that is known"):
            async with link.connect():
                raise AssertionError("nobody is let in")
    assert [state for state, _ in told] == ["connecting", "closed"]


def test_a_wrong_token_is_refused_for_good() -> None:
    run(_wrong_token)


async def _scope() -> None:
    tokens, _, secret = Tokens().add("team-a", may_register=["a-*"], now_ms=0)
    async with Hub.open(MemoryStore(), auth=ApiKey(tokens, lambda: 1)) as hub, in_memory(hub, credentials=secret) as link:
        async with link.connect() as duplex:
            await duplex.ask(Register(passport=Passport("a-one"), resume=Resume()))
            with pytest.raises(AccessDeniedError):
                await duplex.ask(Register(passport=Passport("b-one"), resume=Resume()))


def test_a_token_is_good_for_its_names_only() -> None:
    run(_scope, jump=True)


async def _body_raises() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        with pytest.raises(ZeroDivisionError):
            async with link.connect():
                raise ZeroDivisionError
        with pytest.raises(AccessDeniedError):
            async with link.connect() as duplex:
                await duplex.ask(Attach(agent_id="nobody", link=""))


def test_what_the_block_raises_comes_out_as_it_is() -> None:
    run(_body_raises, jump=True)


# --- coming back


async def _cut() -> None:
    told: list[LinkState] = []
    async with Hub.open(MemoryStore()) as hub, in_memory(hub, on_state=lambda state, _: told.append(state)) as link:
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            await ann.say(session_id, "heard before")
            assert await bob.text() == "heard before"
            told.clear()
            link.cut()
            await ann.say(session_id, "said meanwhile")
            assert await bob.text() == "said meanwhile"
            await bob.say(session_id, "back again")
            assert await ann.text() == "back again"
    assert told[:2] == ["connecting", "connected"]


def test_a_connection_that_is_cut_comes_back_and_what_is_owed_comes() -> None:
    run(_cut, jump=True)


async def _acked_when_cut() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.beside().connect() as far:
        bob = await joined(far, "bob")
        async with link.connect() as near:
            ann = await joined(near, "ann")
            session_id = await bob.open(ann)
            acked: list[int | None] = []
            for number in range(3):
                await bob.say(session_id, str(number))
                text = ""
                while text != str(number):
                    one = await ann.take()
                    # The ack goes out on a connection that is gone.
                    link.streams[-1].receive_stream.close()
                    link.cut()
                    await ann.ack(one.number or 0)
                    acked.append(one.number)
                    text = str(one.envelope.event_data.get("text", ""))
            await trio.sleep(60)
            assert hub.inbox(ann.agent_id).owed == 0
            await bob.say(session_id, "the last")
            last = await ann.take()
            assert last.envelope.event_data["text"] == "the last"
            assert len(acked) == len(set(acked)), "nothing that was acked came again"


def test_what_was_acked_when_the_connection_was_cut_does_not_come_again() -> None:
    run(_acked_when_cut, jump=True)


async def _retried(cuts: int) -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        other = link.beside()
        async with link.connect() as near, other.connect() as far, trio.open_nursery() as nursery:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            for number in range(cuts):
                nursery.start_soon(ann.say, session_id, str(number))
                for _ in range(number):
                    await trio.lowlevel.checkpoint()
                link.cut()
                await trio.sleep(60)
            assert sorted([int(await bob.text()) for _ in range(cuts)]) == list(range(cuts))
            words = await hub.read_wal(session_id)
            assert len([word for word in words if word.event_type == EV_TEXT]) == cuts


def test_what_was_asked_when_the_connection_was_cut_is_done_once() -> None:
    run(_retried, 20, jump=True)


async def _hub_restarts(folder: Path) -> None:
    told: list[LinkState] = []
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    near_link = TcpLink(HOST, port, limits=QUICK, on_state=lambda state, _: told.append(state))
    texts: list[str] = []
    async with trio.open_nursery() as nursery:
        one = await nursery.start(_hub_on, folder, port)
        async with near_link.connect() as near, TcpLink(HOST, port, limits=QUICK).connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            await ann.say(session_id, "first")
            one.cancel()
            async with trio.open_nursery() as saying:
                for text in ("second", "third"):
                    saying.start_soon(ann.say, session_id, text)
                    await trio.testing.wait_all_tasks_blocked(0.01)
                two = await nursery.start(_hub_on, folder, port)
            texts += [await bob.text() for _ in range(3)]
            assert texts == ["first", "second", "third"]
            words = cast(tuple[Envelope, ...], await near.question(ReadSession(session_id=session_id)))
            assert [word.event_data["text"] for word in words if word.event_type == EV_TEXT] == texts
            two.cancel()
    assert told[:2] == ["connecting", "connected"]
    assert told[2] == "connecting"
    assert "connected" in told[3:]
    assert told[-1] == "closed"


async def _hub_on(folder: Path, port: int, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
    with trio.CancelScope() as scope:
        async with Hub.open(FileStore(folder, "demo")) as hub, trio.open_nursery() as nursery:
            await nursery.start(serve_tcp, hub, HOST, port)
            task_status.started(scope)


def test_a_hub_that_restarts_is_a_long_disconnect(tmp_path: Path) -> None:
    run(_hub_restarts, tmp_path)


async def _away_for_long() -> None:
    told: list[tuple[LinkState, str]] = []
    async with Hub.open(MemoryStore()) as hub:
        async with in_memory(hub, on_state=lambda state, why: told.append((state, why))) as link, link.connect() as duplex:
            ann = await joined(duplex, "ann")
            began = trio.current_time()
            link.reachable = False
            link.cut()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(duplex.question, FindAgentId(name="ann"))
                await trio.sleep(3_600)
                tries = len([state for state, _ in told if state == "connecting"])
                assert 100 < tries < 400, "the pauses grow to at most half a minute"
                link.reachable = True
            assert trio.current_time() - began < 3_600 + 31
            assert await duplex.question(FindAgentId(name="ann")) == ann.agent_id


def test_a_hub_that_is_away_for_an_hour_is_found_again_soon_after() -> None:
    run(_away_for_long, jump=True)


async def _one_is_taken_over() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.connect() as first, link.connect() as second:
        ann = await joined(first, "ann")
        await second.ask(Attach(agent_id=ann.agent_id, link=""))
        assert await first.receive() == Evicted(ann.agent_id)


def test_whoever_is_attached_elsewhere_is_told() -> None:
    run(_one_is_taken_over, jump=True)


# --- ending


async def _closed() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        async with link.connect() as duplex:
            ann = await joined(duplex, "ann")
        assert isinstance(await duplex.receive(), LinkClosed)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await duplex.question(FindAgentId(name="ann"))
            with pytest.raises(Unavailable):
                await ann.ack(1)
        assert duplex.state == "closed"


def test_a_connection_that_is_closed_answers_nothing_any_more() -> None:
    run(_closed, jump=True)


async def _waiting_outside() -> None:
    raised: list[NetworkError] = []
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with link.connect() as duplex:
                link.reachable = False
                link.cut()

                async def wait() -> None:
                    try:
                        await duplex.question(FindAgentId(name="ann"))
                    except NetworkError as error:
                        raised.append(error)

                nursery.start_soon(wait)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
                await trio.sleep_forever()
    assert [error.code for error in raised] == ["unavailable"]


def test_whoever_waits_elsewhere_is_told_when_the_connection_is_cancelled() -> None:
    run(_waiting_outside, jump=True)


def shout(*_: object) -> None:
    raise ZeroDivisionError


async def _listener_raises() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub, on_state=shout) as link, link.connect() as duplex:
        await joined(duplex, "ann")


def test_what_an_owner_raises_when_told_costs_nothing() -> None:
    run(_listener_raises, jump=True)


async def _cancelled_ask() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.connect() as duplex:
        ann = await joined(duplex, "ann")
        link.reachable = False
        link.cut()
        with trio.move_on_after(5):
            await duplex.ask(Post(envelope=Envelope("nowhere", ann.agent_id, EV_TEXT, {"text": "never"})))
        link.reachable = True
        assert await duplex.question(FindAgentId(name="ann")) == ann.agent_id


def test_whoever_gives_up_waiting_is_not_asked_for() -> None:
    run(_cancelled_ask, jump=True)


async def _two_receive() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.connect() as duplex, trio.open_nursery() as nursery:
        nursery.start_soon(duplex.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await duplex.receive()
        nursery.cancel_scope.cancel()


def test_two_tasks_that_receive_are_one_too_many() -> None:
    run(_two_receive, jump=True)


# --- acks


async def _gathered() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            before = await bob.take(), await bob.take()
            await bob.ack(*[one.number or 0 for one in before])
            await trio.sleep(1)
            for number in range(6):
                await ann.say(session_id, f"{number}")
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(2):
                await bob.ack((await bob.take()).number or 0)
            await trio.testing.wait_all_tasks_blocked()
            assert hub.inbox(bob.agent_id).owed == 6, "there is more to ack"
            await trio.sleep(1)
            assert hub.inbox(bob.agent_id).owed == 4
            await bob.ack((await bob.take()).number or 0)
            await bob.say(session_id, "what is said may bring the next")
            assert hub.inbox(bob.agent_id).owed == 3
            await bob.ack((await bob.take()).number or 0)
            assert await far.question(InboxCountOf(agent_id=bob.agent_id)) == hub.inbox(bob.agent_id)
            assert hub.inbox(bob.agent_id).owed == 2
            await bob.ack((await bob.take()).number or 0)
            await far.ask(SetSkill(agent_id=bob.agent_id, skill_md="sings"))
            assert hub.inbox(bob.agent_id).owed == 1
            await bob.ack((await bob.take()).number or 0)
            began = trio.current_time()
            await trio.testing.wait_all_tasks_blocked()
            assert (hub.inbox(bob.agent_id).owed, trio.current_time()) == (0, began), "there is nothing more to ack"
        facts = [fact for commit in await hub.read_commits(limit=1_000) for fact in commit.facts]
    assert [len(fact.numbers) for fact in facts if isinstance(fact, Acked)] == [2, 2, 1, 1, 1, 1]


def test_acks_wait_for_others_and_for_nothing_that_could_tell() -> None:
    run(_gathered, jump=True)


async def _in_one_go() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            for number in range(3):
                await ann.say(session_id, f"{number}")
            await trio.testing.wait_all_tasks_blocked()
            came = await far.receive_many()
            for one in came:
                assert isinstance(one, Delivery)
                await bob.ack(one.number or 0)
            began = trio.current_time()
            await trio.testing.wait_all_tasks_blocked()
            assert (hub.inbox(bob.agent_id).owed, trio.current_time()) == (0, began)
        facts = [fact for commit in await hub.read_commits(limit=1_000) for fact in commit.facts]
    assert [len(fact.numbers) for fact in facts if isinstance(fact, Acked)] == [len(came)] == [5]


def test_what_is_acked_in_one_go_is_acked_by_one_command() -> None:
    run(_in_one_go, jump=True)


async def _again_behind_its_ack() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            await ann.say(session_id, "one")
            await trio.testing.wait_all_tasks_blocked()
            first = await bob.take()
            await bob.ack(first.number or 0)  # it waits, for others have come
            await hub.reconfigure(hub.config)  # all that is owed comes again
            came: list[Received] = []
            with trio.move_on_after(5):
                while True:
                    came.append(await far.receive())
    numbers = [one.number for one in came if isinstance(one, Delivery)]
    assert first.number not in numbers
    assert len(numbers) > len(set(numbers)), "what was not acked came again"


def test_what_comes_again_before_its_ack_has_gone_is_not_brought() -> None:
    run(_again_behind_its_ack, jump=True)


async def _acked_unheard() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            await ann.open(bob)
            one = await bob.take()
        far.ack_soon(bob.agent_id, [one.number or 0])
        await trio.testing.wait_all_tasks_blocked()
        assert hub.inbox(bob.agent_id).owed == 2
        async with link.connect() as again:
            await again.ask(Attach(agent_id=bob.agent_id, link=""))
            assert await again.receive() == changed(one, attempt=2)


def test_what_is_acked_on_a_connection_that_is_closed_is_still_owed() -> None:
    run(_acked_unheard, jump=True)


async def _room_for_one() -> None:
    one = Rule(limits=RuleLimits(inbox=Inbox(max_pending=1)))
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        async with link.connect() as near, link.connect() as far:
            ann, bob = await joined(near, "ann"), await joined(far, "bob")
            session_id = await ann.open(bob)
            for agent in (ann, bob):
                with trio.move_on_after(1):
                    while True:
                        await agent.ack((await agent.take()).number or 0)
                await agent.duplex.ask(SetRule(agent_id=agent.agent_id, rule=one))
            for number in range(5):
                await ann.say(session_id, f"{number}")
                asked = await bob.take()
                await bob.say(session_id, f"{number} it is")
                await bob.ack(asked.number or 0)
                assert await ann.text() == f"{number} it is"
                await trio.testing.wait_all_tasks_blocked()


def test_two_whose_inboxes_hold_one_word_talk_as_fast_as_they_can() -> None:
    run(_room_for_one, jump=True)


async def _ends(how: str) -> None:
    async with Hub.open(MemoryStore()) as hub, listening(hub) as port, TcpLink(HOST, port).connect() as near:
        ann = await joined(near, "ann")
        bob_id = ""
        with trio.CancelScope() as scope, contextlib.suppress(KeyError):
            async with TcpLink(HOST, port).connect() as far:
                bob = await joined(far, "bob")
                bob_id = bob.agent_id
                session_id = await ann.open(bob)
                for number in range(6):
                    await ann.say(session_id, f"{number}")
                await trio.testing.wait_all_tasks_blocked(0.02)
                for _ in range(5):
                    await bob.ack((await bob.take()).number or 0)
                if how == "raise":
                    raise KeyError(how)
                if how == "cancel":
                    scope.cancel()
                    await trio.sleep_forever()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert hub.inbox(bob_id).owed == 3


@pytest.mark.parametrize("how", ["raise", "cancel", "return"])
def test_what_was_acked_is_acked_however_its_block_ends(how: str) -> None:
    run(_ends, how)


async def _many_acks() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link, link.connect() as near, link.connect() as far:
        ann, bob = await joined(near, "ann"), await joined(far, "bob")
        session_id = await ann.open(bob)
        for number in range(ACKS):
            await ann.say(session_id, f"{number}")
        for _ in range(ACKS):
            await bob.ack((await bob.take()).number or 0)
        began = trio.current_time()
        await trio.testing.wait_all_tasks_blocked()
        assert (trio.current_time(), hub.inbox(bob.agent_id).owed) == (began, 2)


def test_many_acks_wait_for_no_more() -> None:
    run(_many_acks, jump=True)


async def _acks_at_once() -> None:
    limits = changed(DEFAULT, ack_ms=0)
    async with Hub.open(MemoryStore()) as hub, in_memory(hub, limits=limits) as link, link.connect() as duplex:
        ann = await joined(duplex, "ann")
        bob = await joined(duplex, "bob")
        await ann.open(bob, accept=False)
        began = trio.current_time()
        await bob.ack((await bob.take()).number or 0)
        await trio.testing.wait_all_tasks_blocked()
        assert (trio.current_time(), hub.inbox(bob.agent_id).owed) == (began, 0)


def test_where_acks_are_not_to_wait_they_do_not() -> None:
    run(_acks_at_once, jump=True)


# --- a hub that does not read


class Deaf(TcpLink):
    """A link to a hub that says its welcome, and never reads."""

    def __init__(self, told: list[tuple[LinkState, float]]) -> None:
        super().__init__("memory", 1, on_state=lambda state, _: told.append((state, trio.current_time() - self.began)))
        self.began = trio.current_time()
        self.hubs: list[trio.abc.Stream] = []

    async def open_stream(self) -> trio.abc.Stream:
        near, far = trio.testing.lockstep_stream_pair()
        self.hubs.append(far)
        sizes = DEFAULT.frame_bytes, DEFAULT.in_flight, DEFAULT.ping_ms, DEFAULT.idle_ms
        welcome = framed(write_frame(Welcome(VERSION, "demo", "ann", (), *sizes)))
        trio.lowlevel.spawn_system_task(self.greet, far, welcome)
        return near

    async def greet(self, far: trio.abc.Stream, welcome: bytes) -> None:
        await far.receive_some()
        await far.send_all(welcome)


async def _deaf() -> None:
    told: list[tuple[LinkState, float]] = []
    async with Deaf(told).connect() as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.question, FindAgentId(name="ann"))
        await trio.sleep(DEFAULT.idle_ms / 1000 + DEFAULT.goodbye_ms / 1000 + 2)
        nursery.cancel_scope.cancel()
    assert [state for state, _ in told[1:4]] == ["connected", "connecting", "connected"]
    assert told[2][1] == pytest.approx((DEFAULT.idle_ms + DEFAULT.goodbye_ms) / 1000, abs=0.1)


def test_a_hub_that_neither_reads_nor_speaks_is_left_and_come_back_to() -> None:
    run(_deaf, jump=True)
