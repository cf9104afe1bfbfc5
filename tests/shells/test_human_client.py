"""A person's client: what is said waits until it is taken, and counts as unread until then."""

from pathlib import Path

import pytest
import trio
import trio.testing

from foldhub import Agent, HubClient, HumanClient, Passport, Resume
from foldhub_core import EV_SESSION_CLOSED, EV_SESSION_LEFT, EV_TEXT, Envelope, SessionOver
from tests.shells.network import in_trio, is_text, network, on_disk, quiet


@in_trio
async def test_a_person_takes_what_fits_and_the_rest_stays() -> None:
    async with network() as net:
        alice, person = await net.agent("alice"), await net.human("person")
        first, second = [await alice.open(type="conversation", target="person") for _ in range(2)]
        await first.send("one")
        await second.send("two")
        of_second = await person.next_envelope(lambda word: is_text(word) and word.session_id == second.session_id)
        assert of_second.event_data["text"] == "two"
        assert (await person.next_envelope(is_text)).event_data["text"] == "one"
        with pytest.raises(trio.TooSlowError):
            await person.next_envelope(is_text, timeout=1)


@in_trio
async def test_what_a_person_has_not_taken_is_unread_and_comes_again() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        async with HubClient(net.link) as other:
            person = await other.register_human(Passport("person", kind="human"), Resume())
            session = await alice.open(type="conversation", target="person")
            await session.send("one")
            await session.send("two")
            await trio.sleep(1)
            assert net.hub.inbox(person.agent_id).pending == 2
            await person.wait_for_session_event(session.session_id, is_text)
            await trio.sleep(1)
            assert net.hub.inbox(person.agent_id).pending == 1
        again = await net.human("person")
        assert (await again.next_envelope(is_text)).event_data["text"] == "two"
        await net.settled(again)


@in_trio
async def test_a_person_speaks_opens_and_closes() -> None:
    async with network() as net:
        person, bob = await net.human("person"), await net.agent("bob", str.upper)
        session = await person.open(type="consulting", target="bob")
        await session.send("why?")
        heard = [str(word.event_data.get("text", word.event_type)) async for word in session]
        assert heard == ["session.opened", "WHY?", "session.closed"]
        other = await person.open(type="conversation", target="bob")
        await person.close_session(other.session_id)
        closed = await bob.wait_for_session_event(other.session_id, lambda word: word.event_type == EV_SESSION_CLOSED)
        assert closed.event_data["reason"] == "human_closed"


@in_trio
async def test_callbacks_see_every_word_in_their_order_and_fail_alone() -> None:
    async with network() as net:
        alice, person = await net.agent("alice"), await net.human("person")
        seen: list[str] = []

        def fails(word: Envelope) -> None:
            seen.append(f"first {word.event_type}")
            raise RuntimeError("no eyes")

        async def sees(word: Envelope) -> None:
            await trio.sleep(0)
            seen.append(f"second {word.event_type}")

        person.on_envelope(fails)
        person.on_envelope(sees)
        session = await alice.open(type="conversation", target="person")
        await session.send("one")
        await net.settled(person)
        assert seen == [f"{who} {what}" for what in ("session.opened", EV_TEXT) for who in ("first", "second")]
        person.on_envelope(None)
        await session.send("two")
        assert [(await person.next_envelope(is_text)).event_data["text"] for _ in range(2)] == ["one", "two"]
        assert len(seen) == 4


@in_trio
async def test_callbacks_hear_one_word_at_a_time_of_whatever_session() -> None:
    async with network() as net:
        alice, person = await net.agent("alice"), await net.human("person")
        at_once: list[int] = []
        running: set[str] = set()

        async def slow(word: Envelope) -> None:
            running.add(word.envelope_id)
            at_once.append(len(running))
            await trio.sleep(1)
            running.remove(word.envelope_id)

        person.on_envelope(slow)
        for _ in range(3):
            session = await alice.open(type="conversation", target="person")
            await session.send("one")
        await net.settled(person)
        assert (max(at_once), len(at_once)) == (1, 6)


@in_trio
async def test_a_person_may_answer_invitations_itself() -> None:
    async with network() as net:
        alice, person = await net.agent("alice"), await net.human("person", auto_ack_invites=False)

        async def accept() -> None:
            invitation = await person.next_envelope(lambda word: word.event_type == "session.invited")
            await person.answer_invite(invitation.session_id)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(accept)
            session = await alice.open(type="conversation", target="person")
        await session.send("there you are")
        assert (await person.next_envelope(is_text)).event_data["text"] == "there you are"


@in_trio
async def test_the_words_of_a_person_end_with_its_client() -> None:
    async with network() as net:
        alice, person = await net.agent("alice"), await net.human("person")
        heard: list[str] = []

        async def listen() -> None:
            async for word in person.envelopes():
                heard.append(word.event_type)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            session = await alice.open(type="conversation", target="person")
            await session.send("one")
            await quiet()
            await person.aclose()
        assert heard == ["session.invited", "session.opened", EV_TEXT]
        with pytest.raises(trio.ClosedResourceError):
            await person.next_envelope()


@in_trio
async def test_a_person_is_told_of_a_session_that_is_over() -> None:
    async with network() as net:
        alice, person = await net.agent("alice"), await net.human("person")
        session = await alice.open(type="conversation", target="person")
        await session.close()
        with pytest.raises(SessionOver):
            await person.wait_for_session_event(session.session_id, is_text)


@in_trio
async def test_a_person_has_the_passport_of_one() -> None:
    async with network() as net:
        assert (await net.human("person")).passport.kind == "human"
        with pytest.raises(ValueError, match="kind 'human'"):
            await net.client.register_human(Passport("robot", kind="agent"), Resume())


@in_trio
async def test_taking_is_a_checkpoint() -> None:
    async with network() as net:
        alice, person = await net.agent("alice"), await net.human("person")
        await alice.open(type="conversation", target="person")
        await quiet()
        with trio.testing.assert_checkpoints():
            await person.next_envelope()


class Forgets(HumanClient):
    """A person's client that keeps few sessions that have ended."""

    kept_sessions = 2


@in_trio
async def test_what_is_let_go_unread_is_owed_and_comes_again_with_the_next_client() -> None:
    async with network() as net:
        alice = await net.agent("alice")
        async with HubClient(net.link) as other:
            person = await Forgets.register(other, Agent("person"), Passport("person"), Resume())
            assert type(person) is Forgets
            for text in ("one", "two", "three"):
                session = await alice.open(type="conversation", target="person")
                await session.send(text)
                await session.close()
            await quiet()
            assert [(await person.next_envelope(is_text)).event_data["text"] for _ in range(2)] == ["two", "three"]
            await trio.sleep(1)
            assert net.hub.inbox(person.agent_id).pending == 1
        again = await net.human("person")
        assert (await again.next_envelope(is_text)).event_data["text"] == "one"
        await net.settled(again)


@in_trio
async def test_what_is_let_go_unread_comes_again_on_the_same_client_too() -> None:
    async with network() as net:
        alice, person = await net.agent("alice"), await Forgets.register(net.client, Agent("p"), Passport("p"), Resume())
        for text in ("one", "two", "three"):
            session = await alice.open(type="conversation", target="p")
            await session.send(text)
            await session.close()
        await quiet()
        assert [(await person.next_envelope(is_text)).event_data["text"] for _ in range(2)] == ["two", "three"]
        await trio.sleep(1)
        await person.attach()
        assert (await person.next_envelope(is_text, timeout=5)).event_data["text"] == "one"
        await net.settled(person)


@in_trio
async def test_a_person_that_is_invited_again_hears_what_is_said_then() -> None:
    async with network() as net:
        alice, carol, person = await net.agent("alice"), await net.agent("carol"), await net.human("person")
        session = await alice.open(type="discussion", target=["person", "carol"])
        await session.send("before")
        await session.remove("person")
        while (await person.next_envelope(timeout=5)).event_type != EV_SESSION_LEFT:
            pass
        await session.invite("person")
        await trio.sleep(1)
        await carol.send(session.session_id, "after")
        assert (await person.next_envelope(is_text, timeout=5)).event_data["text"] == "after"
        await net.settled(person)


@in_trio
async def test_a_person_registers_with_a_passport_of_its_kind() -> None:
    async with network() as net:
        person = await HumanClient.register(net.client, Agent("person"), Passport("person"), Resume())
        assert (type(person), person.passport.kind) == (HumanClient, "human")
        with pytest.raises(ValueError, match="kind 'human'"):
            await HumanClient.register(net.client, Agent("robot"), Passport("robot", kind="agent"), Resume())


@on_disk
async def test_an_invitation_that_waited_is_left_to_a_person_who_answers_itself(tmp_path: Path) -> None:
    async with network(tmp_path / "hub.fold") as net:
        alice = await net.agent("alice")
        async with HubClient(net.link) as other:
            person = await other.register_human(Passport("person"), Resume(), auto_ack_invites=False)
            session = await alice.hub_client.create_session(
                creator_id=alice.agent_id, manifest_type="conversation", participants=[person.agent_id]
            )
        for _ in range(5):
            async with HubClient(net.link) as other:
                await other.register_human(Passport("person"), Resume(), auto_ack_invites=False)
                await trio.sleep(0.05)
                assert (await net.client.get_session(session.session_id)).state == "pending"
