"""What goes wrong in the clients of the reference, and is right here. docs/from-ag2.md names each of these tests."""

import pytest
import trio

from foldhub import HubClient, HubListener, Taking, TaskSpec
from foldhub.waiting import KEPT_SESSIONS
from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_TEXT,
    AccessDeniedError,
    CloseSession,
    Envelope,
    FindByCausation,
    FindEnvelope,
    GetSession,
    NotFoundError,
    Post,
    ProtocolState,
    ReadSession,
    SessionOver,
)
from tests.shells.network import in_trio, is_text, network, quiet
from tests.shells.test_turning import answer_of, doer


@in_trio
async def test_01_an_agent_that_waits_for_another_inside_its_turn_gets_its_answer_at_once() -> None:
    async with network() as net:

        async def delegate(taking: Taking) -> str:
            side = await taking.client.open(type="consulting", target="carol", takes_turns=False)
            await side.send(taking.input)
            return await answer_of(taking.client, side)

        alice, _, _ = await net.agent("alice"), await doer(net, "bob", delegate), await net.agent("carol", str.upper)
        session = await alice.open(type="consulting", target="bob")
        await session.send("why?")
        assert await answer_of(alice, session) == "WHY?"
        assert trio.current_time() < 0.1


@in_trio
async def test_01_agents_that_share_a_connection_invite_each_other_inside_their_turns() -> None:
    async with network() as net:

        async def invite(taking: Taking) -> str:
            others = [await taking.client.open(type="conversation", target="alice", takes_turns=False) for _ in range(3)]
            return str(len(others))

        alice, _ = await net.agent("alice"), await doer(net, "bob", invite)
        assert len(net.client.agents) == 2
        session = await alice.open(type="consulting", target="bob")
        await session.send("go")
        assert await answer_of(alice, session) == "3"
        assert trio.current_time() < 0.1


@in_trio
async def test_04_a_message_that_failed_behind_one_that_was_acked_comes_again() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        heard: list[str] = []

        def fails_once(word: Envelope) -> None:
            if is_text(word):
                heard.append(str(word.event_data["text"]))
                if heard == ["first"]:
                    raise RuntimeError("not now")

        bob.on_envelope(fails_once)
        session = await alice.open(type="conversation", target="bob")
        await session.send("first")
        await session.send("second")
        await net.settled(bob)
        assert heard == ["first", "second", "first"]


@in_trio
async def test_05_a_turn_that_crashed_is_taken_again_and_the_protocol_goes_on() -> None:
    async with network() as net:
        alice, _ = await net.agent("alice"), await net.agent("bob", [RuntimeError("crashed"), "here I am"])
        session = await alice.open(type="discussion", target="bob")
        await session.send("go on")
        assert await answer_of(alice, session) == "here I am"


@in_trio
async def test_12_an_outsider_can_neither_read_nor_search_nor_close_a_session_nor_forge_its_events() -> None:
    async with network() as net:
        alice, _ = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="conversation", target="bob")
        secret = await session.send("a secret")
        async with HubClient(net.stranger()) as other:
            eve = await net.agent("eve", client=other)
            of, cause = session.session_id, secret.envelope_id
            for question in (
                GetSession(session_id=of),
                ReadSession(session_id=of),
                FindEnvelope(session_id=of, envelope_id=cause),
                FindByCausation(session_id=of, sender_id=alice.agent_id, causation_id=cause),
                ProtocolState(session_id=of),
            ):
                with pytest.raises((NotFoundError, SessionOver)):
                    await other.question(question)
            with pytest.raises((AccessDeniedError, NotFoundError)):
                await eve.session(session.session_id).close()
            with pytest.raises(AccessDeniedError):
                await other.ask(CloseSession(session_id=session.session_id, agent_id=alice.agent_id))
            with pytest.raises(AccessDeniedError):
                await other.ask(Post(envelope=Envelope(session.session_id, alice.agent_id, EV_TEXT, {"text": "I am alice"})))
            with pytest.raises((AccessDeniedError, NotFoundError)):
                await eve.send(session.session_id, "let me in")
        with pytest.raises(AccessDeniedError):
            await session.send(event_type=EV_SESSION_CLOSED, event_data={"reason": "forged"})
        assert await net.texts(session.session_id) == ["a secret"]


@in_trio
async def test_15_a_client_keeps_no_queue_of_a_session_whose_words_were_taken() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", lambda _: "so")
        for _ in range(KEPT_SESSIONS + 20):
            session = await alice.open(type="consulting", target="bob")
            await session.send("why?")
            assert [word.event_type async for word in session][-1] == EV_SESSION_CLOSED
        await quiet()
        assert list(alice.waiting.held()) == []
        assert len(list(bob.waiting.held())) == KEPT_SESSIONS


@in_trio
async def test_a_slow_listener_delays_nobody_but_itself() -> None:
    class Slow(HubListener):
        def __init__(self) -> None:
            self.heard = 0

        async def on_envelope_posted(self, envelope: Envelope) -> None:
            await trio.sleep(100)
            self.heard += 1

    async with network() as net:
        slow = Slow()
        net.hub.register_listener(slow)
        alice, _ = await net.agent("alice"), await net.agent("bob", lambda _: "so")
        session = await alice.open(type="consulting", target="bob")
        await session.send("why?")
        assert await answer_of(alice, session) == "so"
        assert trio.current_time() < 0.1
        net.hub.unregister_listener(slow)


@in_trio
async def test_t3_a_request_to_cancel_a_task_is_heard_by_the_agent_that_does_it() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="conversation", target="bob")
        async with trio.open_nursery() as nursery, bob.task("dig", session_id=session.session_id) as task:
            nursery.start_soon(net.client.request_cancel, task.task_id, alice.agent_id, "enough")
            await trio.sleep(1_000)
        assert task.called_off == "enough"


@in_trio
async def test_t3_also_where_the_agent_does_it_inside_a_turn() -> None:
    async with network() as net:
        begun: list[str] = []

        async def dig(taking: Taking) -> str:
            where = taking.session.session_id
            begun.append((await taking.client.observe_task(TaskSpec("dig"), session_id=where)).task_id)
            await trio.sleep(1_000)
            return "never"

        alice, bob = await net.agent("alice"), await doer(net, "bob", dig)
        session = await alice.open(type="conversation", target="bob", takes_turns=False)
        await session.send("dig")
        await quiet()
        await net.client.request_cancel(begun[0], alice.agent_id, "enough")
        await net.settled(bob)
        assert await net.texts(session.session_id) == ["dig"]
