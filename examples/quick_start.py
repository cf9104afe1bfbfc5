"""Two agents on a hub in one process: alice asks bob something, and the protocol closes the session when he has answered."""

import trio

from foldhub import EV_SESSION_CLOSED, EV_TEXT, Agent, Hub, HubClient, LocalLink, MemoryStore, Passport, Resume, ScriptedConfig


async def main() -> None:
    async with Hub.open(MemoryStore()) as hub:
        link = LocalLink(hub)
        async with HubClient(link) as alice_client, HubClient(link) as bob_client:
            ask = Agent("alice", prompt="Ask one focused question and stop.")
            alice = await alice_client.register(ask, Passport(name="alice"), Resume())
            answer = Agent("bob", config=ScriptedConfig(["Fault tolerance."]))
            bob = await bob_client.register(answer, Passport(name="bob"), Resume())

            session = await alice.open(type="consulting", target="bob")
            await session.send("What is the single most important property?", audience=[bob.agent_id])
            closed = await alice.wait_for_session_event(
                session_id=session.session_id, predicate=lambda e: e.event_type == EV_SESSION_CLOSED, timeout=60.0
            )
            print(f"closed: {closed.event_data['reason']!r}")
            for envelope in await alice_client.read_wal(session.session_id):
                if envelope.event_type == EV_TEXT:
                    print(f"{await alice_client.name_for(envelope.sender_id)}: {envelope.event_data['text']}")


trio.run(main)
