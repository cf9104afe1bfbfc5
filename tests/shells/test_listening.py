"""Who listens to a hub hears all of it in order, misses what it is too slow for, and costs nobody anything."""

import logging

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from foldhub import Commits, Hub, HubListener, Missed
from foldhub_core import (
    AccessDeniedError,
    AnswerInvite,
    CloseSession,
    Commit,
    ConversationAdapter,
    Data,
    Envelope,
    ErrorRecord,
    Expectation,
    Inbox,
    InboxFull,
    Nack,
    Passport,
    Resume,
    Rule,
    RuleLimits,
    TaskSpec,
    TaskState,
    changed,
)
from foldhub_core.config import HubConfig

from .hub_runs import KeptStore, agent, run


class Notes(HubListener):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    async def on_envelope_posted(self, envelope: Envelope) -> None:
        self.heard.append(("posted", envelope.event_data["text"]))

    async def on_envelope_rejected(self, envelope: Envelope, error: ErrorRecord) -> None:
        self.heard.append(("rejected", envelope.event_data["text"], error.code))

    async def on_session_event(self, session_id: str, kind: str, payload: Data) -> None:
        self.heard.append(("session", kind, payload.get("reason")))

    async def on_agent_event(self, agent_id: str, kind: str, payload: Data) -> None:
        self.heard.append(("agent", kind))

    async def on_expectation_fired(self, session_id: str, payload: Data) -> None:
        self.heard.append(("expectation", payload["expectation"]))

    async def on_turn_failed(self, agent_id: str, number: int, reason: str) -> None:
        self.heard.append(("turn_failed", number, reason))

    async def on_task_event(self, task_id: str, kind: str, payload: Data) -> None:
        self.heard.append(("task", kind))

    async def on_inbox_pressure(self, agent_id: str, pending: int, cap: int) -> None:
        self.heard.append(("pressure", pending, cap))

    async def on_missed(self, count: int) -> None:
        self.heard.append(("missed", count))


def test_a_listener_hears_what_happens_in_the_order_of_commits() -> None:
    async def main() -> None:
        notes = Notes()
        rule = Rule(limits=RuleLimits(inbox=Inbox(max_pending=2, high_water=2)))
        async with (
            Hub.open(KeptStore(), listeners=[notes]) as hub,
            agent(hub, "ann") as ann,
            agent(hub, "bob", rule=rule) as bob,
        ):
            session_id = await ann.open(bob)
            await ann.say(session_id, "one")
            await bob.connection.ask(Nack(agent_id=bob.agent_id, number=3, reason="it hurt"))
            await ann.say(session_id, "two")
            with pytest.raises(InboxFull):
                await ann.say(session_id, "three")
            task = await hub.observe_task(ann.agent_id, TaskSpec(title="dig"))
            await hub.update_task(task.task_id, {"done": 1})
            await hub.end_task(task.task_id, TaskState.FAILED)
            await ann.connection.ask(CloseSession(session_id=session_id, agent_id=ann.agent_id, reason="enough"))
            await wait_all_tasks_blocked()
        assert notes.heard == [
            ("agent", "registered"),
            ("agent", "registered"),
            ("session", "created", None),
            ("session", "joined", None),
            ("session", "opened", None),
            ("posted", "one"),
            ("turn_failed", 3, "it hurt"),
            ("posted", "two"),
            ("pressure", 2, 2),
            ("rejected", "three", "inbox_full"),
            ("task", "observed"),
            ("task", "progressed"),
            ("task", "ended"),
            ("session", "closed", "enough"),
        ]

    run(main)


def test_violations_and_dormant_sessions_are_heard() -> None:
    class Odd(ConversationAdapter):
        manifest = changed(ConversationAdapter.manifest, type="odd")

    async def main() -> None:
        notes = Notes()
        config = HubConfig(adapters=(*HubConfig().adapters, Odd()))
        async with Hub.open(KeptStore(), config=config) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            silence = Expectation("max_silence", "audit", {"seconds": 5})
            session = await hub.create_session(
                creator_id=ann.agent_id, type="conversation", participants=(bob.agent_id,), expectations=(silence,)
            )
            await bob.connection.ask(AnswerInvite(session_id=session.session_id, agent_id=bob.agent_id, accept=True))
            await ann.open(bob, type="odd")
            hub.register_listener(notes)
            hub.register_listener(notes)
            await trio.sleep(6)
            await hub.reconfigure(HubConfig())
            await hub.reconfigure(config)
            await wait_all_tasks_blocked()
            hub.unregister_listener(notes)
            hub.unregister_listener(notes)
            await hub.close_session(session.session_id)
        assert notes.heard == [
            ("expectation", "max_silence"),
            ("session", "dormant", "its adapter is missing"),
            ("session", "woken", None),
        ]

    run(main, jump=True)


def test_a_listener_that_raises_is_logged_and_hears_the_next(caplog: pytest.LogCaptureFixture) -> None:
    class Raises(HubListener):
        heard = 0

        async def on_agent_event(self, agent_id: str, kind: str, payload: Data) -> None:
            self.heard += 1
            raise ValueError("ears hurt")

    async def main() -> None:
        listener, notes = Raises(), Notes()
        async with Hub.open(KeptStore(), listeners=[listener, notes]) as hub:
            await hub.register(Passport("ann"), Resume())
            await hub.register(Passport("bob"), Resume())
        assert listener.heard == 2
        assert notes.heard == [("agent", "registered")] * 2

    run(main)
    assert [record.exc_text for record in caplog.records if "ears hurt" in (record.exc_text or "")]


def test_a_slow_listener_holds_nobody_up_and_is_told_what_it_missed(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(HubListener):
        def __init__(self) -> None:
            self.heard = 0

        async def on_agent_event(self, agent_id: str, kind: str, payload: Data) -> None:
            self.heard += 1
            await trio.sleep(100)

    async def main() -> None:
        listener = Slow()
        async with Hub.open(KeptStore(), close_timeout=1_000) as hub:
            hub.register_listener(listener, room=3)
            began = trio.current_time()
            for number in range(10):
                await hub.register(Passport(f"a{number}"), Resume())
            assert trio.current_time() == began
        assert listener.heard == 3

    with caplog.at_level(logging.WARNING, "foldhub"):
        run(main, jump=True)
    assert "Slow was too slow and missed 7 commits" in caplog.text


def test_a_listener_that_hangs_keeps_a_hub_from_closing_for_its_timeout_only() -> None:
    class Hangs(HubListener):
        async def on_agent_event(self, agent_id: str, kind: str, payload: Data) -> None:
            await trio.sleep_forever()

    async def main() -> None:
        async with Hub.open(KeptStore(), close_timeout=7, listeners=[Hangs()]) as hub:
            await hub.register(Passport("ann"), Resume())
            began = trio.current_time()
        assert trio.current_time() - began == pytest.approx(7)

    run(main, jump=True)


def test_commits_come_in_order_and_a_gap_is_told_where_it_is() -> None:
    async def main() -> None:
        heard: list[int | Missed] = []

        async def listen(commits: Commits) -> None:
            async for one in commits:
                heard.append(one.seq if isinstance(one, Commit) else one)

        async with trio.open_nursery() as nursery, Hub.open(KeptStore()) as hub:
            nursery.start_soon(listen, hub.commits())
            left = hub.commits(room=2)
            for number in range(4):
                await hub.register(Passport(f"a{number}"), Resume())
            first = await anext(left)
            assert isinstance(first, Commit)
            await hub.register(Passport("b"), Resume())
            with assert_checkpoints():
                second = await anext(left)
            assert isinstance(second, Commit)
            assert (first.seq, second.seq) == (2, 3)
            assert await anext(left) == Missed(2)
            left.close()
            left.close()
            with pytest.raises(StopAsyncIteration):
                await anext(left)
        assert heard == [2, 3, 4, 5, 6]

    run(main)


def test_a_gap_at_the_end_is_told_too() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub:
            commits = hub.commits(room=1)
            for number in range(3):
                await hub.register(Passport(f"a{number}"), Resume())
            assert isinstance(await anext(commits), Commit)
            assert await anext(commits) == Missed(2)

    run(main)


def test_pressure_is_no_commit() -> None:
    async def main() -> None:
        rule = Rule(limits=RuleLimits(inbox=Inbox(max_pending=2, high_water=1)))
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann") as ann, agent(hub, "bob", rule=rule) as bob:
            session_id = await ann.open(bob)
            commits = hub.commits()
            await ann.say(session_id, "one")
            await ann.say(session_id, "two")
            came = [await anext(commits), await anext(commits)]
            assert [one.seq for one in came if isinstance(one, Commit)] == [hub.state.seq - 1, hub.state.seq]
            with pytest.raises(AccessDeniedError):
                await bob.connection.ask(CloseSession(session_id=session_id, agent_id=ann.agent_id))

    run(main)
