"""Connections to a hub: whom they act for, what comes on them in which order, and what a slow one costs."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from foldhub import Evicted, Hub, LinkClosed, LocalLink, MemoryStore
from foldhub_core import (
    AccessDeniedError,
    Ack,
    Attach,
    CloseSession,
    Delivery,
    Detach,
    Envelope,
    Leave,
    Malformed,
    Nack,
    NotFoundError,
    Passport,
    Principal,
    Register,
    Resume,
    SessionOver,
    SetSkill,
    Unavailable,
    Unregister,
    read_log,
)
from foldhub_core.pages import AuditPage, CommitPage, DeliveryPage, EndedSessionPage, EndedTaskPage
from foldhub_core.questions import (
    FindByCausation,
    FindEnvelope,
    GetEndedSession,
    GetHealth,
    GetSession,
    LinkOf,
    ListEndedSessions,
    ListEndedTasks,
    ReadAudit,
    ReadCommits,
    ReadOwed,
    ReadSession,
)
from foldhub_stores import FileStore, LogStore

from .hub_runs import Agent, KeptStore, agent, owner, run

Stores = Callable[[], LogStore]


@pytest.fixture(params=["memory", "file"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """Gives the store of one hub, each time it is opened anew."""
    if request.param == "file":
        return lambda: FileStore(tmp_path / "hub", "demo")
    kept = KeptStore("demo")
    return lambda: kept


# --- whom it acts for


def test_a_connection_acts_for_what_it_registered_and_for_nobody_else() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            await ann.connection.ask(SetSkill(agent_id=ann.agent_id, skill_md="sings"))
            for command in (
                SetSkill(agent_id=ann.agent_id, skill_md="lies"),
                Attach(agent_id=ann.agent_id, link=""),
                Detach(agent_id=ann.agent_id, link="l1.1"),
            ):
                with pytest.raises(AccessDeniedError):
                    await bob.connection.ask(command)
            skill = hub.get_skill(ann.agent_id)
            assert skill is not None
            assert skill.text == "sings"

    run(main)


def test_a_connection_attaches_the_agents_of_its_own_subject() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub:
            async with agent(hub, "ann", subject="s") as ann:
                agent_id = ann.agent_id
            async with LocalLink(hub, owner("s")).connect() as connection:
                with pytest.raises(AccessDeniedError):
                    await connection.ask(SetSkill(agent_id=agent_id, skill_md="x"))
                await connection.ask(Attach(agent_id=agent_id, link=""))
                await connection.ask(SetSkill(agent_id=agent_id, skill_md="x"))
                await connection.ask(Unregister(agent_id=agent_id))
                assert connection.principal.agent_ids == ()
                with pytest.raises(AccessDeniedError):
                    await connection.ask(Attach(agent_id=agent_id, link=""))
            async with LocalLink(hub, owner("")).connect() as connection:
                nobodys = await hub.register(Passport("bob"), Resume())
                with pytest.raises(AccessDeniedError):
                    await connection.ask(Attach(agent_id=nobodys.agent_id or "", link=""))

    run(main)


def test_of_an_agent_that_has_ended_its_connection_keeps_nothing() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, LocalLink(hub).connect() as connection:
            passport = cast(Passport, await connection.ask(Register(passport=Passport("ann"), resume=Resume())))
            agent_id = passport.agent_id or ""
            await connection.ask(Attach(agent_id=agent_id, link=""))
            assert len(hub.links) == 1
            await connection.ask(Unregister(agent_id=agent_id))
            assert (connection.links, hub.links, connection.principal.agent_ids) == ((), {}, ())

    run(main)


def test_a_local_link_registers_what_it_likes_unless_it_is_told_otherwise() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub:
            async with LocalLink(hub).connect() as connection:
                passport = cast(Passport, await connection.ask(Register(passport=Passport("ann"), resume=Resume())))
                assert hub.subject_of(passport.agent_id or "") == "local"
                assert connection.adapter_face("consulting", 1) is hub.config.adapter_for("consulting", 1)
                assert connection.adapter_face("consulting", 9) is None
            narrow = Principal(subject="n", may_register=("n-*",))
            async with LocalLink(hub, narrow).connect() as connection:
                with pytest.raises(AccessDeniedError):
                    await connection.ask(Register(passport=Passport("bob"), resume=Resume()))

    run(main)


# --- what comes on it


def test_another_connection_that_attaches_an_agent_evicts_the_first() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, agent(hub, "bob") as bob:
            async with agent(hub, "ann", subject="s") as first, agent(hub, "ann", subject="s") as second:
                assert await first.connection.receive() == Evicted(first.agent_id)
                await bob.open(Agent(second.connection, second.agent_id))
                assert (await second.take()).number == 1
            await wait_all_tasks_blocked()
            assert hub.health().attached_agents == 1

    run(main)


def test_attaching_again_sends_again_what_is_owed_and_evicts_nobody(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            await ann.open(bob)
            first = [await bob.take() for _ in range(2)]
            await bob.connection.ask(Attach(agent_id=bob.agent_id, link="whatever"))
            again = [await bob.take() for _ in range(2)]
            assert [one.envelope for one in first] == [one.envelope for one in again]
            assert [one.attempt for one in again] == [2, 2]
            await bob.connection.ask(Nack(agent_id=bob.agent_id, number=1))
            assert hub.health().attached_agents == 2

    run(main)


def test_a_nacked_delivery_comes_again_after_its_pause() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            await ann.open(bob)
            await bob.types(2)
            began = trio.current_time()
            await bob.connection.ask(Nack(agent_id=bob.agent_id, number=1))
            again = await bob.take()
            assert (again.number, again.attempt) == (1, 2)
            assert trio.current_time() - began >= 1

    run(main, jump=True)


def test_what_comes_together_is_received_together(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            session_id = await ann.open(bob)
            for number in range(5):
                await ann.say(session_id, str(number))
            came = await bob.connection.receive_many(3)
            assert [one.number for one in came if isinstance(one, Delivery)] == [1, 2, 3]
            with assert_checkpoints():
                assert len(await bob.connection.receive_many()) == 4
            await bob.connection.ask(Attach(agent_id=bob.agent_id, link=""))
            again = [*await bob.connection.receive_many(4), *await bob.connection.receive_many()]
            assert [one.number for one in again if isinstance(one, Delivery)] == [1, 2, 3, 4, 5, 6, 7]

    run(main)


def test_receiving_that_is_cancelled_has_taken_nothing() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            with trio.CancelScope() as scope, assert_checkpoints():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(bob.take)
                    await wait_all_tasks_blocked()
                    with pytest.raises(trio.BusyResourceError):
                        await bob.connection.receive()
                    scope.cancel()
            await ann.open(bob)
            with trio.CancelScope() as scope:
                scope.cancel()
                await bob.take()
            assert (await bob.take()).number == 1

    run(main)


def test_a_client_that_takes_nothing_loses_its_connection_and_no_word() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann") as ann:
            async with agent(hub, "bob") as bob:
                bob.connection._room = 10  # as if it were less
                session_id = await ann.open(bob)
                for number in range(20):
                    await ann.say(session_id, str(number))
                closed = await bob.connection.receive()
                assert isinstance(closed, LinkClosed)
                assert "10 things wait" in closed.reason
                with pytest.raises(Unavailable, match="10 things wait"):
                    await bob.say(session_id, "late")
                assert hub.health().attached_agents == 1
            async with agent(hub, "bob") as bob:
                assert [(await bob.take()).number for _ in range(22)] == list(range(1, 23))

    run(main)


def test_more_may_be_owed_to_a_client_that_comes_back_than_may_wait_for_one_that_is_there() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub, agent(hub, "ann") as ann:
            async with agent(hub, "bob") as bob:
                session_id, bob_id = await ann.open(bob), bob.agent_id
            for number in range(20):
                await ann.say(session_id, str(number))
            async with hub.connect(owner("owner of bob")) as connection:
                connection._room = 10  # as if it were less
                await connection.ask(Attach(agent_id=bob_id, link=""))
                came = [await connection.receive() for _ in range(20)]
                assert [type(one) for one in came] == [Delivery] * 20

    run(main)


def test_a_redelivery_that_cannot_be_read_is_nacked_and_holds_nobody_up() -> None:
    class Forgetful(KeptStore):
        forgets = ""

        def envelope(self, envelope_id: str) -> Envelope | None:
            return None if envelope_id == self.forgets else super().envelope(envelope_id)

    async def main() -> None:
        store = Forgetful()
        async with Hub.open(store) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            await ann.open(bob)
            store.forgets = (await bob.take()).envelope.envelope_id
            await bob.connection.ask(Attach(agent_id=bob.agent_id, link=""))
            assert [(await bob.take()).number for _ in range(2)] == [2, 2]
            await wait_all_tasks_blocked()
            assert [one.kind for one in await hub.audit_log(["turn_failed"])] == ["turn_failed"]

    run(main)


def test_a_connection_that_has_ended_says_so_for_ever() -> None:
    async def main() -> None:
        async with Hub.open(KeptStore()) as hub:
            async with agent(hub, "ann") as ann:
                pass
            for _ in range(2):
                with assert_checkpoints():
                    assert await ann.connection.receive() == LinkClosed("")
            with pytest.raises(Unavailable):
                await ann.ack(1)
            await wait_all_tasks_blocked()
            assert hub.health().attached_agents == 0
            assert hub.links == {}

    run(main)


def test_a_hub_that_closes_ends_its_connections() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            ended: list[object] = []

            async def live(hub: Hub) -> None:
                async with agent(hub, "ann") as ann:
                    ended.append(await ann.connection.receive())

            async with Hub.open(KeptStore()) as hub:
                nursery.start_soon(live, hub)
                await wait_all_tasks_blocked()
        assert ended == [LinkClosed("the hub has closed")]

    run(main)


# --- what it asks


def test_outsiders_neither_read_nor_close_a_session(stores: Stores) -> None:
    async def main() -> None:
        async with (
            Hub.open(stores()) as hub,
            agent(hub, "ann") as ann,
            agent(hub, "bob") as bob,
            agent(hub, "eve") as eve,
        ):
            session_id = await ann.open(bob)
            said = await ann.say(session_id, "secret", audience=(bob.agent_id,))
            questions = (
                ReadSession(session_id=session_id),
                FindEnvelope(session_id=session_id, envelope_id=said.envelope_id),
                FindByCausation(session_id=session_id, sender_id=ann.agent_id, causation_id="x"),
            )
            for question in (GetSession(session_id=session_id), *questions):
                with pytest.raises((NotFoundError, SessionOver)):
                    await eve.connection.question(question)
            with pytest.raises(AccessDeniedError):
                await eve.connection.question(GetHealth())
            with pytest.raises(AccessDeniedError):
                await eve.connection.ask(CloseSession(session_id=session_id, agent_id=ann.agent_id))
            await ann.connection.ask(CloseSession(session_id=session_id, agent_id=ann.agent_id))
            for question in questions:
                with pytest.raises(NotFoundError):
                    await eve.connection.question(question)

    run(main)


def test_questions_of_the_log_are_answered_from_the_store(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            session_id = await ann.open(bob)
            asked = await ann.say(session_id, "Why?")
            answer = await bob.say(session_id, "Because.", causation_id=asked.envelope_id)
            ask = bob.connection.question
            with assert_checkpoints():
                words = cast("tuple[Envelope, ...]", await ask(ReadSession(session_id=session_id, since=3, until=4)))
            assert words == (asked,)
            assert await ask(FindEnvelope(session_id=session_id, envelope_id=answer.envelope_id)) == answer
            by_cause = FindByCausation(session_id=session_id, sender_id=bob.agent_id, causation_id=asked.envelope_id)
            assert await ask(by_cause) == answer
            assert await ask(GetEndedSession(session_id=session_id)) is None
            for _ in range(2):
                await ann.connection.ask(CloseSession(session_id=session_id, agent_id=ann.agent_id))
            other = await ann.open(bob)
            await ann.connection.ask(CloseSession(session_id=other, agent_id=ann.agent_id))
            row = await ask(GetEndedSession(session_id=session_id))
            assert row == await hub.ended_session(session_id)
            assert len(cast("tuple[Envelope, ...]", await ask(ReadSession(session_id=session_id)))) == 5
            page = cast(EndedSessionPage, await ask(ListEndedSessions(agent_id=bob.agent_id, limit=1)))
            assert page.sessions == (row,)
            rest = cast(EndedSessionPage, await ask(ListEndedSessions(agent_id=bob.agent_id, cursor=page.cursor)))
            assert [one.session_id for one in rest.sessions] == [other]
            assert rest.cursor is None
            with pytest.raises(Malformed):
                await ask(ListEndedSessions(agent_id=bob.agent_id, cursor="here"))
            tasks = await ask(ListEndedTasks(owner_id=bob.agent_id))
            assert tasks == EndedTaskPage((), None)

    run(main)


def test_what_is_owed_is_read_by_its_owner_though_the_session_is_not_its_any_more(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            session_id = await ann.open(bob)
            said = await ann.say(session_id, "Why?")
            await bob.connection.ask(Leave(session_id=session_id, agent_id=bob.agent_id))
            question = ReadOwed(agent_id=bob.agent_id, session_id=session_id)
            with assert_checkpoints():
                page = cast(DeliveryPage, await bob.connection.question(question))
            assert said in [one.envelope for one in page.deliveries]
            numbers = tuple([one.number or 0 for one in page.deliveries])
            assert (numbers[-1], page.more) == (page.upto, False)
            await bob.connection.ask(Ack(agent_id=bob.agent_id, numbers=numbers))
            assert await bob.connection.question(question) == DeliveryPage((), page.upto, False)
            with pytest.raises(AccessDeniedError):
                await ann.connection.question(question)

    run(main)


@pytest.mark.parametrize("posts", range(16))
def test_two_that_attach_an_agent_at_once_leave_it_attached(posts: int) -> None:
    async def main() -> None:
        async with Hub.open(MemoryStore()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            session_id = await ann.open(bob)
            for at in range(posts):
                await ann.say(session_id, f"{at}")
            async with trio.open_nursery() as nursery:
                for _ in range(2):
                    nursery.start_soon(bob.connection.ask, Attach(agent_id=bob.agent_id, link=""))
            assert await bob.connection.question(LinkOf(agent_id=bob.agent_id)) == dict(bob.connection.links)[bob.agent_id]
            last = await ann.say(session_id, "the last")
            while True:
                one = await bob.take()
                if one.envelope == last:
                    break

    run(main)


def test_what_was_settled_while_it_waited_to_come_again_does_not_come(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub, agent(hub, "ann") as ann, agent(hub, "bob") as bob:
            session_id = await ann.open(bob)
            first, second = [await ann.say(session_id, text) for text in ("one", "two")]
            received = await bob.connection.receive_many()
            while getattr(received[-1], "envelope", None) != second:
                received += await bob.connection.receive_many()
            numbers = {one.envelope.envelope_id: one.number or 0 for one in received if isinstance(one, Delivery)}
            await bob.connection.ask(Attach(agent_id=bob.agent_id, link=""))
            settled = tuple([number for envelope_id, number in numbers.items() if envelope_id != second.envelope_id])
            await bob.connection.ask(Ack(agent_id=bob.agent_id, numbers=settled))
            again = await bob.connection.receive()
            assert isinstance(again, Delivery)
            assert (again.envelope, again.attempt) == (second, 2)
            assert first.envelope_id in numbers

    run(main)


def test_the_administrator_reads_the_audit_and_the_commits_through_a_connection(stores: Stores) -> None:
    async def main() -> None:
        async with Hub.open(stores()) as hub, agent(hub, "ann"), hub.connect(Principal(subject="root", admin=True)) as root:
            page = cast(AuditPage, await root.question(ReadAudit(kinds=("agent_registered", "attached"), limit=1)))
            assert ([one.kind for one in page.records], page.more) == (["agent_registered"], True)
            rest = cast(AuditPage, await root.question(ReadAudit(kinds=("attached",), after=page.seq)))
            assert ([one.kind for one in rest.records], rest.more) == (["attached"], False)
            commits = cast(CommitPage, await root.question(ReadCommits(after=1, limit=1)))
            assert [commit.seq for commit in read_log(commits.log).commits] == [2]
            assert commits.more
            none = cast(CommitPage, await root.question(ReadCommits(after=3)))
            assert (read_log(none.log).commits, none.more) == ((), False)
            assert await root.question(GetHealth()) == hub.health()

    run(main)
