"""Turning: turns run beside delivery, fail alone, are called off, and are answered once."""

from collections.abc import Awaitable, Callable

import pytest
import trio

from foldhub import Agent, AgentClient, HubClient, Passport, Resume, Round, ScriptedConfig, SessionHandle, Taking, TaskSpec
from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_INVITE,
    EV_TEXT,
    Commit,
    Envelope,
    Inbox,
    Nacked,
    Rule,
    RuleLimits,
    SessionOver,
    View,
)
from tests.shells.network import Network, in_trio, is_text, network, quiet


class Doing:
    """Answers with what a function does, which gets the whole turn."""

    def __init__(self, do: Callable[[Taking], Awaitable[Round | str]]) -> None:
        self.do = do

    async def answer(self, agent: Agent, taking: Taking) -> Round | str:
        return await self.do(taking)


async def doer(net: Network, name: str, do: Callable[[Taking], Awaitable[Round | str]], **more: int) -> AgentClient:
    return await net.client.register(Agent(name, config=Doing(do)), Passport(name), Resume(), **more)  # type: ignore[arg-type]


async def answer_of(alice: AgentClient, session: SessionHandle) -> str:
    word = await alice.wait_for_session_event(session.session_id, is_text)
    return str(word.event_data["text"])


@in_trio
async def test_a_turn_is_taken_and_acked() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", str.upper)
        session = await alice.open(type="consulting", target="bob")
        asked = await session.send("why?")
        closed = await alice.wait_for_session_event(session.session_id, lambda one: one.event_type == EV_SESSION_CLOSED)
        assert closed.event_data["reason"] == "consulting_complete"
        answer = await alice.wait_for_session_event(session.session_id, is_text)
        assert (answer.event_data["text"], answer.causation_id) == ("WHY?", asked.envelope_id)
        await net.settled(alice, bob)


@in_trio
async def test_an_agent_may_wait_inside_its_turn_for_another_on_the_same_connection() -> None:
    async with network() as net:

        async def ask_carol(taking: Taking) -> str:
            side = await taking.client.open(type="consulting", target="carol", takes_turns=False)
            await side.send(taking.input)
            return f"carol says {await answer_of(taking.client, side)}"

        alice, _, _ = await net.agent("alice"), await doer(net, "bob", ask_carol), await net.agent("carol", str.upper)
        session = await alice.open(type="consulting", target="bob")
        await session.send("why?")
        with trio.fail_after(1):
            assert await answer_of(alice, session) == "carol says WHY?"


@in_trio
async def test_agents_that_wait_for_each_other_in_a_circle_get_their_answers() -> None:
    async with network() as net:

        async def ask_alice(taking: Taking) -> str:
            side = await taking.client.open(type="consulting", target="alice", takes_turns=False)
            await side.send("and you?")
            return await answer_of(taking.client, side)

        async def ask_bob(taking: Taking) -> str:
            if taking.input == "and you?":
                return "because"
            side = await taking.client.open(type="consulting", target="bob", takes_turns=False)
            await side.send(taking.input)
            return await answer_of(taking.client, side)

        owner, _, _ = await net.agent("owner"), await doer(net, "alice", ask_bob), await doer(net, "bob", ask_alice)
        session = await owner.open(type="consulting", target="alice")
        await session.send("why?")
        assert await answer_of(owner, session) == "because"


@in_trio
async def test_turns_of_one_session_run_one_after_the_other_and_of_others_at_the_same_time() -> None:
    async with network() as net:
        running: list[str] = []
        most: list[int] = []

        async def slow(taking: Taking) -> str:
            session_id = taking.session.session_id
            assert session_id not in running
            running.append(session_id)
            most.append(len(running))
            await trio.sleep(1)
            running.remove(session_id)
            return "done"

        alice, _ = await net.agent("alice"), await doer(net, "bob", slow)
        sessions = [await alice.open(type="conversation", target="bob", takes_turns=False) for _ in range(3)]
        for session in sessions:
            for text in ("one", "two"):
                await session.send(text)
        for session in sessions:
            assert [await answer_of(alice, session) for _ in range(2)] == ["done", "done"]
        assert max(most) == 3
        assert trio.current_time() < 3


@in_trio
async def test_so_many_turns_of_an_agent_run_at_the_same_time_and_no_more() -> None:
    async with network() as net:
        running, most = 0, 0

        async def slow(_: Taking) -> str:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await trio.sleep(1)
            running -= 1
            return "done"

        alice, _ = await net.agent("alice"), await doer(net, "bob", slow, turns=2)
        sessions = [await alice.open(type="consulting", target="bob") for _ in range(5)]
        for session in sessions:
            await session.send("go")
        for session in sessions:
            assert await answer_of(alice, session) == "done"
        assert most == 2


@in_trio
async def test_a_turn_that_waited_for_room_is_not_taken_where_its_session_has_ended_meanwhile() -> None:
    async with network() as net:
        asked: list[str] = []

        async def slow(taking: Taking) -> str:
            asked.append(taking.input)
            await trio.sleep(10)
            return "done"

        alice, bob = await net.agent("alice"), await doer(net, "bob", slow, turns=1)
        first, second = [await alice.open(type="consulting", target="bob") for _ in range(2)]
        await first.send("first")
        await quiet()
        await second.send("second")
        await quiet()
        await second.close()
        assert await answer_of(alice, first) == "done"
        await net.settled(bob)
        assert asked == ["first"]


@in_trio
async def test_invitations_are_answered_while_all_turns_are_taken() -> None:
    async with network() as net:

        async def slow(_: Taking) -> str:
            await trio.sleep(100)
            return "done"

        alice, _ = await net.agent("alice"), await doer(net, "bob", slow, turns=1)
        session = await alice.open(type="consulting", target="bob")
        await session.send("go")
        await quiet()
        with trio.fail_after(1):
            await alice.open(type="consulting", target="bob")


@in_trio
async def test_a_turn_that_raises_is_nacked_with_its_reason_and_taken_again() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", [ValueError("no idea"), "at last"])
        commits: list[Commit] = []

        async def listen() -> None:
            async for commit in net.hub.commits():
                if isinstance(commit, Commit):
                    commits.append(commit)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await quiet()
            session = await alice.open(type="consulting", target="bob")
            await session.send("why?")
            assert await answer_of(alice, session) == "at last"
            await net.settled(alice, bob)
            nursery.cancel_scope.cancel()
        nacked = [fact for commit in commits for fact in commit.facts if isinstance(fact, Nacked)]
        assert [one.agent_id for one in nacked] == [bob.agent_id]
        assert "no idea" in str([getattr(commit.command, "reason", "") for commit in commits])


@in_trio
async def test_a_turn_that_keeps_failing_is_a_dead_letter_and_can_be_resumed() -> None:
    async with network() as net:
        script: list[Exception | str] = [RuntimeError("out of order")] * 5
        alice, bob = await net.agent("alice"), await net.agent("bob", [*script, "mended"])
        session = await alice.open(type="consulting", target="bob", ttl=0)
        await session.send("why?")
        while not net.hub.dead_letters(bob.agent_id):
            await trio.sleep(1)
        (letter,) = net.hub.dead_letters(bob.agent_id)
        assert "out of order" in letter.reason
        assert await bob.resume_pending_turns() == 1
        assert await answer_of(alice, session) == "mended"
        assert await bob.resume_pending_turns() == 0


@in_trio
async def test_a_turn_that_is_being_taken_is_not_resumed_beside() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", [5.0, "done"])
        session = await alice.open(type="consulting", target="bob")
        await session.send("why?")
        await quiet()
        assert await bob.resume_pending_turns() == 0
        assert await answer_of(alice, session) == "done"


@in_trio
async def test_the_end_of_the_session_reaches_the_turn_that_runs() -> None:
    async with network() as net:
        ended: list[float] = []

        async def slow(_: Taking) -> str:
            try:
                await trio.sleep(1000)
            finally:
                ended.append(trio.current_time())
            return "too late"

        alice, bob = await net.agent("alice"), await doer(net, "bob", slow)
        session = await alice.open(type="consulting", target="bob")
        await session.send("why?")
        await trio.sleep(3)
        await session.close()
        await net.settled(alice, bob)
        assert ended[0] < 4
        assert await net.texts(session.session_id) == ["why?"]


@in_trio
async def test_a_request_to_cancel_reaches_the_turn_that_began_the_task() -> None:
    async with network() as net:
        tasks: list[str] = []

        async def slow(taking: Taking) -> str:
            task = await taking.client.observe_task(TaskSpec("dig", capability="dig"), session_id=taking.session.session_id)
            tasks.append(task.task_id)
            await trio.sleep(1000)
            return "too late"

        alice, bob = await net.agent("alice"), await doer(net, "bob", slow)
        session = await alice.open(type="consulting", target="bob")
        await session.send("why?")
        await trio.sleep(1)
        await net.client.request_cancel(tasks[0], alice.agent_id, "never mind")
        await net.settled(bob)
        assert (await net.client.get_resume(bob.agent_id)).observed["dig"].cancelled == 1
        assert await net.texts(session.session_id) == ["why?"]
        assert trio.current_time() < 5


@in_trio
async def test_what_is_said_by_tool_is_the_answer_of_the_turn() -> None:
    async with network() as net:

        async def say_twice(taking: Taking) -> str:
            await taking.say("one")
            await taking.say("two")
            assert taking.said == ("one", "two")
            return "two"

        alice, bob = await net.agent("alice"), await doer(net, "bob", say_twice)
        session = await alice.open(type="conversation", target="bob", takes_turns=False)
        asked = await session.send("why?")
        await net.settled(bob)
        words = [one for one in await net.hub.read_wal(session.session_id) if one.event_type == EV_TEXT]
        assert [one.event_data["text"] for one in words] == ["why?", "one", "two"]
        assert {one.causation_id for one in words[1:]} == {asked.envelope_id}


@in_trio
async def test_what_is_said_elsewhere_in_a_turn_names_its_cause_and_does_not_answer_it() -> None:
    async with network() as net:
        depths: list[int] = []

        async def ask_carol(taking: Taking) -> str:
            side = await taking.client.open(type="consulting", target="carol", takes_turns=False)
            depths.append((await side.send("help")).depth)
            if len(depths) == 1:
                raise RuntimeError("crashed after it asked")
            return "done"

        alice, bob = await net.agent("alice"), await doer(net, "bob", ask_carol)
        await net.agent("carol", str.upper)
        session = await alice.open(type="consulting", target="bob")
        await session.send("why?")
        assert await answer_of(alice, session) == "done"
        assert depths == [1, 1]
        await net.settled(bob)


@in_trio
async def test_agents_of_a_discussion_take_their_turns_one_after_the_other() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        bob, carol = await net.agent("bob", [Round("one")]), await net.agent("carol", ["two"])
        session = await alice.open(type="discussion", target=["bob", "carol"])
        await session.send("go")
        words = [await alice.wait_for_session_event(session.session_id, is_text) for _ in range(2)]
        assert [(one.sender_id, one.event_data["text"]) for one in words] == [(bob.agent_id, "one"), (carol.agent_id, "two")]
        assert [turn.session_id for turn in await net.client.pending_turns_for(alice.agent_id)] == [session.session_id]


@in_trio
async def test_a_handler_takes_the_place_of_turns_and_gets_every_word_in_order() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", ["never"])
        heard: list[Envelope] = []

        async def note(word: Envelope) -> None:
            await trio.sleep(0.1)
            heard.append(word)

        bob.on_envelope(note)
        session = await alice.open(type="conversation", target="bob")
        for text in ("one", "two", "three"):
            await session.send(text)
        await net.settled(bob)
        assert [one.event_data["text"] for one in heard if is_text(one)] == ["one", "two", "three"]
        assert EV_SESSION_INVITE not in {one.event_type for one in heard}
        bob.on_envelope(None)
        await session.send("four")
        assert await answer_of(alice, session) == "never"


@in_trio
async def test_a_handler_may_be_a_plain_function_and_fails_alone() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        heard: list[str] = []

        def note(word: Envelope) -> None:
            if is_text(word):
                heard.append(str(word.event_data["text"]))
                if heard == ["one"]:
                    raise RuntimeError("not yet")

        bob.on_envelope(note)
        session = await alice.open(type="conversation", target="bob")
        await session.send("one")
        await session.send("two")
        await net.settled(bob)
        assert heard == ["one", "two", "one"]


@in_trio
async def test_what_a_handler_says_answers_the_word_it_is_about() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")

        async def echo(word: Envelope) -> None:
            if is_text(word):
                await bob.session(word.session_id).send(f"re: {word.event_data['text']}")

        bob.on_envelope(echo)
        session = await alice.open(type="consulting", target="bob")
        asked = await session.send("why?")
        answer = await alice.wait_for_session_event(session.session_id, is_text)
        assert (answer.event_data["text"], answer.causation_id) == ("re: why?", asked.envelope_id)


@in_trio
async def test_a_handler_goes_on_after_the_session_it_has_ended() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        done: list[str] = []

        async def answer(word: Envelope) -> None:
            if is_text(word):
                await bob.send(word.session_id, "because")
                await trio.sleep(1)
                done.append(word.session_id)

        bob.on_envelope(answer)
        session = await alice.open(type="consulting", target="bob")
        await session.send("why?")
        await net.settled(bob)
        assert done == [session.session_id]


@in_trio
async def test_an_agent_without_a_config_takes_no_turns_and_acks_what_comes() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob")
        session = await alice.open(type="consulting", target="bob")
        await session.send("why?")
        await net.settled(alice, bob)
        assert (await bob.wait_for_session_event(session.session_id, is_text)).event_data["text"] == "why?"
        await bob.send(session.session_id, "because")
        assert await answer_of(alice, session) == "because"


@in_trio
async def test_an_agent_declines_what_its_owner_declines() -> None:
    async with network() as net:
        alice, _ = await net.agent("alice"), await net.agent("bob", declines=lambda _: "not on a Sunday")
        with pytest.raises(Exception, match="invite_rejected"):
            await alice.open(type="consulting", target="bob")


@in_trio
async def test_a_client_that_closes_lets_a_turn_end_and_is_acked() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        async with HubClient(net.link) as other:
            bob = await net.agent("bob", [2.0, "done"], client=other)
            session = await alice.open(type="consulting", target="bob")
            await session.send("why?")
            await quiet()
        assert trio.current_time() >= 2
        assert await net.texts(session.session_id) == ["why?", "done"]
        assert net.hub.inbox(bob.agent_id).pending == 0


@in_trio
async def test_a_turn_that_takes_longer_than_the_grace_is_cancelled_and_comes_again() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        async with HubClient(net.link, grace=1) as other:
            await net.agent("bob", [100.0, "never"], client=other)
            session = await alice.open(type="consulting", target="bob")
            await session.send("why?")
            await quiet()
        assert trio.current_time() < 3
        await net.agent("bob", ["now"])
        assert await answer_of(alice, session) == "now"


@in_trio
async def test_a_session_that_is_over_is_not_answered() -> None:
    async with network() as net:
        alice, bob = await net.agent("alice"), await net.agent("bob", ["one", "two"])
        session = await alice.open(type="conversation", target="bob", takes_turns=False)
        await session.close()
        with pytest.raises(SessionOver):
            await session.send("still there?")
        await net.settled(alice, bob)
        assert isinstance(bob.agent.config, ScriptedConfig)
        assert bob.agent.config.heard == []


@in_trio
async def test_whoever_has_left_is_shown_by_name() -> None:
    async with network() as net:
        alice, carol = await net.agent("alice"), await net.agent("carol")
        shown: list[str] = []

        async def look(taking: Taking) -> str:
            shown.extend([part for entry in taking.turn.history for part in entry.parts])
            return "seen"

        bob = await doer(net, "bob", look)
        bob.view = View(named=True)
        session = await alice.open(type="discussion", target=["carol", "bob"])
        await session.send("go")
        await carol.send(session.session_id, "goodbye")
        await carol.session(session.session_id).leave()
        await net.settled(bob)
        assert "[alice]: go" in shown


@in_trio
async def test_a_client_that_is_cancelled_while_it_closes_stops_waiting_for_its_turns() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        with trio.move_on_after(3):
            async with HubClient(net.link, grace=1_000) as other:
                await net.agent("bob", [500.0, "never"], client=other)
                session = await alice.open(type="consulting", target="bob")
                await session.send("why?")
                await quiet()
        assert trio.current_time() < 4


@in_trio
async def test_a_closing_client_begins_no_new_turns() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        async with HubClient(net.link) as other:
            bob = await net.agent("bob", [1.0, "one", "two"], client=other)
            first, second = [await alice.open(type="consulting", target="bob") for _ in range(2)]
            await first.send("first")
            await quiet()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bob.aclose)
                await quiet()
                await second.send("second")
        assert await net.texts(first.session_id) == ["first", "one"]
        assert await net.texts(second.session_id) == ["second"]
        again = await net.agent("bob", ["two"])
        assert again.agent_id == bob.agent_id
        assert await answer_of(alice, second) == "two"


@in_trio
async def test_a_handler_that_is_stuck_in_one_session_blocks_no_other_and_loses_nothing() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        rule = Rule(limits=RuleLimits(inbox=Inbox(max_pending=0)))
        bob = await net.agent("bob", rule=rule)
        go_on, heard = trio.Event(), dict[str, list[str]]()

        async def sticks(word: Envelope) -> None:
            if is_text(word):
                if word.session_id == stuck.session_id:
                    await go_on.wait()
                heard.setdefault(word.session_id, []).append(str(word.event_data["text"]))

        bob.on_envelope(sticks)
        stuck = await alice.open(type="conversation", target="bob")
        other = await alice.open(type="conversation", target="bob")
        said = [str(at) for at in range(600)]
        for text in said:
            await stuck.send(text)
            await other.send(text)
        await trio.sleep(1)
        assert heard == {other.session_id: said}
        assert net.hub.inbox(bob.agent_id).pending == len(said), "nothing of what waits is acked"
        await bob.set_rule(Rule(limits=RuleLimits(inbox=Inbox(max_pending=10))))
        go_on.set()
        await net.settled(bob)
        assert heard == {other.session_id: said, stuck.session_id: said}
