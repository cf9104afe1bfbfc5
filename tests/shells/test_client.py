"""A hub's client: connecting, registering, attaching, asking, closing; and what it does not let through."""

from pathlib import Path

import pytest
import trio
import trio.testing

from foldhub import Agent, AgentClient, Hub, HubClient, LocalLink, MemoryStore, Passport, Resume, Rule, ScriptedConfig
from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_INVITE,
    EV_TEXT,
    Access,
    AccessDeniedError,
    Delivery,
    Envelope,
    InboxCount,
    NotFoundError,
    ProtocolError,
    SessionOver,
    SessionState,
    TaskSpec,
    TaskState,
    Unavailable,
    View,
)
from foldhub_stores import FileStore
from tests.shells.network import in_trio, is_text, network, on_disk, quiet

# --- the connection


@in_trio
async def test_a_client_is_opened_once_and_not_used_outside_of_its_block() -> None:
    async with network() as net:
        client = HubClient(net.link)
        with pytest.raises(trio.ClosedResourceError, match="not opened"):
            await client.get_agent("alice")
        async with client:
            alice = await net.agent("alice", client=client)
            assert client.agents == (alice,)
        with pytest.raises(trio.ClosedResourceError, match="closed"):
            await client.get_agent("alice")
        with pytest.raises(trio.ClosedResourceError):
            await alice.send("s1", "hello")
        with pytest.raises(RuntimeError, match="make another one"):
            await client.__aenter__()


@in_trio
async def test_a_client_that_cannot_connect_says_why() -> None:
    async with Hub.open(MemoryStore()) as hub:
        link = LocalLink(hub)
    with pytest.raises(Unavailable):
        async with HubClient(link):
            pass


@in_trio
async def test_what_the_block_raises_is_raised_as_it_is() -> None:
    async with network() as net:
        with pytest.raises(NotFoundError):
            async with HubClient(net.link) as client:
                await client.get_agent("nobody")


@in_trio
async def test_a_client_that_is_cancelled_closes_at_once() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        with trio.move_on_after(1):
            async with HubClient(net.link) as other:
                await net.agent("bob", [1000.0, "never"], client=other)
                session = await alice.open(type="consulting", target="bob")
                await session.send("why?")
                await trio.sleep_forever()
        assert trio.current_time() < 2


@in_trio
async def test_closing_twice_is_closing_once_and_both_are_checkpoints() -> None:
    async with network() as net, HubClient(net.link) as client:
        alice = await net.agent("alice", client=client)
        with trio.testing.assert_checkpoints():
            await alice.aclose()
        with trio.testing.assert_checkpoints():
            await alice.close()
        with trio.testing.assert_checkpoints():
            await client.aclose()
        with trio.testing.assert_checkpoints():
            await client.close()


@in_trio
async def test_questions_are_checkpoints() -> None:
    async with network() as net:
        alice, _ = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="conversation", target="bob")
        with trio.testing.assert_checkpoints():
            await net.client.get_agent("alice")
        with trio.testing.assert_checkpoints():
            await session.info()
        with trio.testing.assert_checkpoints():
            await net.client.read_wal(session.session_id)


@in_trio
async def test_whoever_waits_is_told_that_the_hub_has_gone() -> None:
    ended: list[type[Exception]] = []
    async with trio.open_nursery() as nursery:
        opened: list[Hub] = []

        async def serve(task_status: trio.TaskStatus[Hub]) -> None:
            async with Hub.open(MemoryStore()) as hub:
                task_status.started(hub)
                await closing.wait()

        closing = trio.Event()
        opened.append(await nursery.start(serve))

        async with HubClient(LocalLink(opened[0])) as client:
            alice = await client.register(Agent("alice"), Passport("alice"), Resume())

            async def wait() -> None:
                try:
                    await alice.wait_for_session_event("s1")
                except trio.BrokenResourceError as error:
                    ended.append(type(error))

            nursery.start_soon(wait)
            await quiet()
            closing.set()
            await quiet()
            assert ended == [trio.BrokenResourceError]
            with pytest.raises(Unavailable):
                await alice.set_skill("# more")


# --- agents


@in_trio
async def test_a_name_of_ones_own_is_attached_again_with_what_is_owed() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        async with HubClient(net.link) as other:
            bob = await net.agent("bob", client=other)
            session = await alice.open(type="conversation", target="bob")
        await session.send("are you there?")
        again = await net.agent("bob", ["now I am"])
        assert again.agent_id == bob.agent_id
        answer = await alice.wait_for_session_event(session.session_id, is_text)
        assert answer.event_data["text"] == "now I am"


@in_trio
async def test_a_name_of_anothers_is_taken() -> None:
    async with network() as net:
        await net.agent("alice")
        async with HubClient(net.stranger()) as other:
            with pytest.raises(ProtocolError, match="is registered"):
                await net.agent("alice", client=other)
            with pytest.raises(AccessDeniedError):
                await other.attach(Agent("alice"), "alice")
            assert other.agents == ()


@in_trio
async def test_attaching_a_name_that_nobody_has_registers_it_where_that_is_possible() -> None:
    async with network() as net:
        with pytest.raises(NotFoundError, match="passport and a resume"):
            await net.client.attach(Agent("alice"), "alice")
        alice = await net.client.attach(Agent("alice"), "alice", Passport("alice"), Resume(summary="Asks."))
        again = await net.client.attach(Agent("alice"), "alice")
        assert (again.agent_id, again.resume.summary) == (alice.agent_id, "Asks.")


@in_trio
async def test_a_registration_under_a_key_is_the_same_agent() -> None:
    async with network() as net:
        alice = await net.agent("alice", idempotency_key="k")
        assert (await net.agent("alice", idempotency_key="k")).agent_id == alice.agent_id


@in_trio
async def test_an_agent_that_is_attached_elsewhere_is_told_and_can_come_back() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        async with HubClient(net.link) as other:
            await net.agent("bob", client=other)
            await quiet()
            with pytest.raises(trio.BrokenResourceError, match="another connection"):
                await bob.wait_for_session_event("s1")
            assert bob not in net.client.agents
        back = await net.agent("bob", ["back"])
        session = await alice.open(type="consulting", target="bob")
        await session.send("hello?")
        assert (await alice.wait_for_session_event(session.session_id, is_text)).sender_id == back.agent_id


@in_trio
async def test_attaching_again_brings_what_is_owed_and_what_was_heard_is_not_heard_twice() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.human("bob")
        session = await alice.open(type="conversation", target="bob")
        await session.send("one")
        await quiet()
        await bob.attach()
        await quiet()
        assert (await bob.next_envelope(is_text)).event_data["text"] == "one"
        with pytest.raises(trio.TooSlowError):
            await bob.next_envelope(is_text, timeout=1)


@in_trio
async def test_agents_say_of_themselves_what_they_want() -> None:
    async with network() as net:
        alice = await net.agent("alice", skill_md="# Asks", rule=Rule(access=Access(outbound_to=("bob",))))
        assert alice.rule.access.outbound_to == ("bob",)
        assert (await alice.set_resume(Resume(("ask",)))).version == 2
        assert await net.client.list_agents(capability="ask") == await net.client.list_agents(query="alice")
        assert (await alice.set_rule(Rule())).version == 2
        skill = await alice.set_skill("# Asks well")
        assert skill is not None
        assert skill == await net.client.get_skill(alice.agent_id)
        assert await net.client.get_rule(alice.agent_id) == alice.rule
        assert (await net.client.set_resume(alice.agent_id, Resume(("tell",)))).version == 3
        assert (await net.client.set_rule(alice.agent_id, Rule())).version == 2
        assert await net.client.set_skill(alice.agent_id, None) is None
        assert await net.client.names_for([alice.agent_id, "demo:a:a9"]) == {alice.agent_id: "alice"}
        assert await net.client.name_for("demo:a:a9", "nobody") == "nobody"


@in_trio
async def test_an_agent_that_unregisters_is_gone_and_its_name_is_free() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        await alice.unregister()
        with pytest.raises(trio.ClosedResourceError):
            await alice.set_skill("# more")
        assert (await net.agent("alice")).agent_id != alice.agent_id
        bob = await net.agent("bob")
        await net.client.unregister_agent(bob.agent_id)
        await net.client.shutdown()
        assert not net.hub.list_agents().agents


# --- sessions


@in_trio
async def test_an_opening_that_nobody_accepts_says_so() -> None:
    async with network(invite_ack_timeout=5.0) as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        bob.answers_invites = False
        with pytest.raises(ProtocolError, match="invite_timeout"):
            await alice.open(type="conversation", target="bob")
        assert not list(alice.waiting.held())
        assert 5 <= trio.current_time() < 6


@in_trio
async def test_an_opening_that_is_cancelled_is_closed() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        bob.answers_invites = False
        with trio.move_on_after(1):
            await alice.open(type="conversation", target="bob")
        await quiet()
        (ended,) = await net.client.list_sessions(agent_id=alice.agent_id, include_terminal=True)
        assert getattr(ended, "reason", "") == "opening_cancelled"


@in_trio
async def test_an_invitation_can_be_answered_by_hand() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        bob.answers_invites = False

        async def accept() -> None:
            word = await bob.waiting.first_of_any()
            await bob.answer_invite(word.session_id)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(accept)
            session = await alice.open(type="conversation", target="bob")
        assert session.state is SessionState.ACTIVE


@in_trio
async def test_a_session_is_held_asked_and_left() -> None:
    async with network() as net:
        alice, bob, carol = [await net.agent(name) for name in ("alice", "bob", "carol")]
        session = await alice.open(
            type="discussion", target=("bob", carol.agent_id), labels={"of": "tests"}, intent="to see", ttl="1h", knobs={}
        )
        assert (session.session is not None, session.state) == (True, SessionState.ACTIVE)
        assert (await session.info()).labels == {"of": "tests"}
        dave = await net.agent("dave")
        await session.invite("dave")
        joined = await bob.wait_for_session_event(session.session_id, lambda one: one.event_type == "session.joined")
        assert joined.event_data["agent_id"] == dave.agent_id
        await session.remove("dave", "no longer needed")
        await bob.session(session.session_id).leave("tired")
        with pytest.raises(SessionOver):
            await bob.wait_for_session_event(session.session_id, is_text)
        await session.close("enough")
        closed = await carol.wait_for_session_event(session.session_id, lambda one: one.event_type == EV_SESSION_CLOSED)
        assert closed.event_data["reason"] == "enough"
        with pytest.raises(SessionOver):
            await session.info()


@in_trio
async def test_the_words_of_a_session_come_one_after_the_other_until_it_ends() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="conversation", target="bob")
        for text in ("one", "two"):
            await session.send(text)
        await session.close()
        handle = bob.session(session.session_id)
        heard = [str(word.event_data.get("text", word.event_type)) async for word in handle]
        assert heard == ["session.invited", "session.opened", "one", "two", "session.closed"]
        assert [word async for word in handle] == []
        assert not list(bob.waiting.held())
        assert "of bob" in repr(handle)


@in_trio
async def test_what_is_sent_can_be_anything_and_is_the_same_under_a_key() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="conversation", target="bob")
        what = {"event_data": {"text": "see", "page": 3}, "audience": ["bob"], "idempotency_key": "k"}
        sent = await session.send(**what)  # type: ignore[arg-type]
        assert (sent.event_data["page"], sent.audience) == (3, (bob.agent_id,))
        assert await session.send(**what) == sent  # type: ignore[arg-type]
        posted = await alice.post_envelope(Envelope(session.session_id, "", EV_TEXT, {"text": "hi"}))
        assert posted.sender_id == alice.agent_id
        with pytest.raises(NotFoundError, match="'nobody'"):
            await session.send("hi", audience=["nobody"])


@in_trio
async def test_whoever_waits_too_long_is_told_and_nothing_is_lost() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="conversation", target="bob")
        with pytest.raises(trio.TooSlowError):
            await bob.wait_for_session_event(session.session_id, is_text, timeout=5)
        await session.send("late")
        assert (await bob.wait_for_session_event(session.session_id, is_text, timeout=None)).event_data["text"] == "late"


# --- every question and every command that a client has


@in_trio
async def test_a_client_asks_what_it_may() -> None:
    async with network() as net:
        client = net.client
        alice, bob = await net.agent("alice"), await net.agent("bob")
        bob.answers_invites = False
        session = await client.create_session(creator_id=alice.agent_id, manifest_type="consulting", participants=[bob.agent_id])
        assert session.state is SessionState.PENDING
        await bob.answer_invite(session.session_id)
        assert await client.can_send(session.session_id, alice.agent_id) is None
        assert [turn.agent_id for turn in await client.expected(session.session_id)] == [alice.agent_id]
        assert [turn.session_id for turn in await client.pending_turns_for(alice.agent_id)] == [session.session_id]
        assert await client.default_view_policy(session.session_id) == View()
        asked = await client.post_envelope(Envelope(session.session_id, alice.agent_id, EV_TEXT, {"text": "why?"}))
        refused = await client.can_send(session.session_id, alice.agent_id)
        assert refused is not None
        assert getattr(await client.adapter_state(session.session_id), "question_id", None) == asked.envelope_id
        answer = Envelope(session.session_id, bob.agent_id, EV_TEXT, {"text": "so"}, causation_id=asked.envelope_id)
        said = await client.post_envelope(answer)
        found = await client.find_envelope_by_causation(session.session_id, bob.agent_id, asked.envelope_id)
        assert found == said == await client.find_envelope(session.session_id, said.envelope_id)
        ended = await client.get_ended_session(session.session_id)
        assert ended is not None
        assert ended.reason == "consulting_complete"
        assert await client.list_sessions(agent_id=alice.agent_id) == []
        await net.settled(alice, bob)
        assert await client.inbox(bob.agent_id) == InboxCount(0, 0, await client.inbox_cursor(bob.agent_id))
        assert await client.dead_letters(bob.agent_id) == ()
        assert await client.posts_left(bob.agent_id) is None
        assert client.adapter_for("consulting") is not None


@in_trio
async def test_a_client_works_at_tasks() -> None:
    async with network() as net:
        client, alice = net.client, await net.agent("alice")
        task = await client.observe_task(alice.agent_id, TaskSpec("dig", capability="dig"))
        await client.update_task(task.task_id, alice.agent_id, {"depth": 2})
        await client.checkpoint_task(task.task_id, alice.agent_id, {"at": 2})
        assert (await client.get_task(task.task_id)).progress == {"depth": 2}
        assert await client.read_task_checkpoint(task.task_id) == {"at": 2}
        assert [one.task_id for one in (await client.list_tasks(agent_id=alice.agent_id)).tasks] == [task.task_id]
        await client.end_task(task.task_id, alice.agent_id, TaskState.COMPLETED, result="a hole")
        counted = await client.record_observation(owner_id=alice.agent_id, capability="dig", outcome=TaskState.FAILED)
        assert (counted.observed["dig"].completed, counted.observed["dig"].failed) == (1, 1)


@in_trio
async def test_a_delivery_that_was_given_up_is_sent_again() -> None:
    async with network() as net:
        errors: list[Exception | str] = [RuntimeError("no")] * 5
        alice, bob = await net.agent("alice"), await net.agent("bob", [*errors, "yes"])
        session = await alice.open(type="consulting", target="bob", ttl=0)
        await session.send("why?")
        while not await net.client.dead_letters(bob.agent_id):
            await trio.sleep(1)
        (letter,) = await net.client.dead_letters(bob.agent_id)
        await net.client.resend(bob.agent_id, letter.number)
        assert (await alice.wait_for_session_event(session.session_id, is_text)).event_data["text"] == "yes"


# --- on a file


@on_disk
async def test_what_is_owed_comes_after_a_restart(tmp_path: Path) -> None:
    async with network(tmp_path / "hub") as net:
        alice, _ = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="consulting", target="bob")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(net.client.aclose)
        async with HubClient(net.link) as other:
            again = await net.agent("alice", client=other)
            await again.send(session.session_id, "why?")
    async with Hub.open(FileStore(tmp_path / "hub")) as hub, HubClient(LocalLink(hub)) as client:
        alice = await client.register(Agent("alice"), Passport("alice"), Resume())
        await client.register(Agent("bob", config=ScriptedConfig(["because"])), Passport("bob"), Resume())
        closed = await alice.wait_for_session_event(session.session_id, lambda one: one.event_type == EV_SESSION_CLOSED)
        assert closed.event_data["reason"] == "consulting_complete"


# --- one way to register


class Counts(AgentClient):
    """A client of one's own: it counts what came."""

    came = 0

    def work_off(self, delivery: Delivery) -> bool:
        self.came += 1
        return super().work_off(delivery)


@in_trio
async def test_an_agent_is_registered_by_its_own_class_of_client() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        bob = await Counts.register(net.client, Agent("bob", config=ScriptedConfig(str.upper)), Passport("bob"), Resume())
        assert net.client.agents == (alice, bob)
        session = await alice.open(type="consulting", target="bob")
        await session.send("why?")
        heard = [word.event_data["text"] async for word in session if is_text(word)]
        assert (type(bob), heard, bob.came > 1) == (Counts, ["WHY?"], True)
        again = await AgentClient.register(net.client, Agent("bob"), Passport("bob"), Resume())
        assert (type(again), again.agent_id, net.client.agents) == (AgentClient, bob.agent_id, (alice, again))


@in_trio
async def test_what_is_registered_by_either_way_is_the_same() -> None:
    async with network() as net:
        rule = Rule(access=Access())
        one = await net.client.register(Agent("one"), Passport("one"), Resume(), rule=rule, skill_md="# One", turns=2)
        two = await AgentClient.register(
            net.client, Agent("two"), Passport("two"), Resume(), rule=rule, skill_md="# One", turns=2
        )
        assert (one.rule, one.resume) == (two.rule, two.resume)
        assert await net.client.get_skill(one.agent_id) == await net.client.get_skill(two.agent_id)


@in_trio
async def test_invitations_come_to_the_handler_of_an_agent_that_answers_them_itself() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        bob = await net.client.register(Agent("bob"), Passport("bob"), Resume(), answers_invites=False)
        bob.on_envelope(lambda word: bob.answer_invite(word.session_id) if word.event_type == EV_SESSION_INVITE else None)
        session = await alice.open(type="conversation", target="bob")
        assert session.state is SessionState.ACTIVE


@in_trio
async def test_a_session_that_nobody_iterates_misses_nothing_that_it_does_not_tell() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="conversation", target="bob")
        said = [str(at) for at in range(600)]
        for text in said:
            await session.send(text)
        await net.settled(bob)
        handle = bob.session(session.session_id)
        await session.close()
        assert [word.event_data["text"] async for word in handle if is_text(word)] == said
        assert handle.missed == 0
