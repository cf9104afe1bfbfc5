"""`foldhub demo`."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

import trio

from foldhub.agents import Agent, ScriptedConfig
from foldhub.client import HubClient
from foldhub.hub import Hub
from foldhub.memory import LocalLink
from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_TEXT,
    Attached,
    Commit,
    Configured,
    Envelope,
    Fact,
    HubState,
    Passport,
    Resume,
    digest,
    replay,
)
from foldhub_stores import FileStore, MemoryStore

QUESTION = "What is the single most important property of a distributed system?"
ANSWER = "Fault tolerance: one that cannot survive the failure of its parts defeats its purpose."


def demo(*, store: Path | None = None) -> int:
    """Have two agents talk on a hub, and tell step by step what happened, from the hub's own log.

    Alice opens a consulting with bob and asks; bob's script answers; the protocol closes the session. No model is called and no
    network is used.

    For example:

        foldhub demo
        foldhub demo --store data/demo

    Parameters
    ----------
    store
        The folder to keep the log in, which can be run again; without one the hub lives in memory.
    """
    trio.run(_run, store)
    return 0


async def _run(folder: Path | None) -> None:
    async with Hub.open(MemoryStore() if folder is None else FileStore(folder)) as hub:
        before = hub.state.seq - 1  # the first commit of this run is its start
        await _talk(hub)
        whole = await hub.read_commits(limit=1_000)
        print("\nWhat just happened, from the log:\n")
        for number, step in enumerate(_steps(whole, before), start=1):
            print(f"{number:>3}. {step}")
        again = replay(hub.config, whole, HubState(hub.hub_id))
        print(f"\nReplayed, these {len(whole)} commits lead to one hub state, every time: {digest(again)}")
    if folder is not None:
        print(f"They are kept in {folder}. Run it again: the agents are attached again, and what is there stays.")


async def _talk(hub: Hub) -> None:
    link = LocalLink(hub)
    async with HubClient(link) as alice_client, HubClient(link) as bob_client:
        alice = await alice_client.register(Agent("alice"), Passport("alice"), Resume(summary="Asks."))
        scripted = ScriptedConfig(lambda _: ANSWER)
        bob = await bob_client.register(Agent("bob", config=scripted), Passport("bob"), Resume(summary="Answers."))
        session = await alice.open(type="consulting", target="bob")
        await session.send(QUESTION, audience=[bob.agent_id])
        closed = await alice.wait_for_session_event(session.session_id, lambda word: word.event_type == EV_SESSION_CLOSED)
        print(f"closed: {closed.event_data['reason']!r}")
        for word in await alice_client.read_wal(session.session_id):
            if word.event_type == EV_TEXT:
                print(f"{await alice_client.name_for(word.sender_id)}: {word.event_data['text']}")


def _steps(commits: Iterable[Commit], after: int) -> Iterator[str]:
    """What happened after a commit, a line for each thing that a reader wants to know."""
    names: dict[str, str] = {}
    for commit in commits:
        for fact in commit.facts:
            told = _told(fact, names)
            if told is not None and commit.seq > after:
                yield told


def _told(fact: Fact, names: dict[str, str]) -> str | None:
    if isinstance(fact, Configured):
        return "The hub begins a run: what it is configured with is in the log."
    if isinstance(fact, Attached):
        return f"{names.get(fact.agent_id, fact.agent_id)} is attached: what is said to it goes to its client from now on."
    if not isinstance(fact, Envelope):
        return None
    data = fact.event_data
    who = names.get(fact.sender_id, fact.sender_id)
    match fact.event_type:
        case "agent.registered":
            names[fact.sender_id] = str(cast("Mapping[str, object]", data["passport"])["name"])
            return f"{names[fact.sender_id]} is registered, as {fact.sender_id}."
        case "session.invited":
            return f"{who} opens {fact.session_id} and invites the other: the session is pending."
        case "session.joined":
            joined = str(data["agent_id"])
            return f"{names.get(joined, joined)} accepts: its client answers invitations by itself."
        case "session.opened":
            return "All have accepted: the session is active, and alice.open(...) returns."
        case "message.text":
            because = "" if fact.causation_id is None else f", in answer to {fact.causation_id}"
            return f"{who} says {fact.envelope_id}{because}; it is durable before anybody hears it."
        case "session.closed":
            return f"The protocol is complete: the hub closes the session, {data['reason']!r}, in the same commit."
        case _:
            return None
