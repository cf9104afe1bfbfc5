"""A process with a hub on a file and agents in it, to be killed: it prints what it was told was done, after it was told.

    python -m tests.shells.killed_hub FOLDER NEXT...

`NEXT` is the number each poster goes on from. A line is `said POSTER NUMBER` when a post has returned, and `handled TEXT` when a
delivery has reached its agent. What the process before did not live to hear of is asked for again under its key.
"""

import sys

import trio

from foldhub import Agent, Hub, HubClient, LocalLink, Passport, Resume, SessionHandle
from foldhub_core import EV_TEXT, Envelope
from foldhub_core.session import Session
from foldhub_stores import FileStore


async def live(folder: str, numbers: list[int]) -> None:
    """Talk until killed."""
    async with Hub.open(FileStore(folder, "demo")) as hub, HubClient(LocalLink(hub)) as client, trio.open_nursery() as nursery:
        ann = await client.register(Agent("ann"), Passport("ann"), Resume())
        bob = await client.register(Agent("bob"), Passport("bob"), Resume())
        bob.on_envelope(handle)
        open_now = await client.list_sessions(agent_id=ann.agent_id)
        if open_now and isinstance(open_now[0], Session):
            session = ann.session(open_now[0])
            while (await session.info()).state != "active":
                await trio.sleep(0.001)
        else:
            session = await ann.open(type="conversation", target="bob", ttl=0, idempotency_key="open")
        for poster, number in enumerate(numbers):
            nursery.start_soon(say, session, poster, number)


async def say(session: SessionHandle, poster: int, number: int) -> None:
    """Post numbers, each under its key."""
    while True:
        text = f"{poster}-{number}"
        await session.send(text, idempotency_key=text)
        tell(f"said {poster} {number}")
        number += 1


def handle(word: Envelope) -> None:
    """Take what comes; it is acked when this has returned."""
    if word.event_type == EV_TEXT:
        tell(f"handled {word.event_data['text']}")


def tell(line: str) -> None:
    """Write a line that outlives the process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    trio.run(live, sys.argv[1], [int(number) for number in sys.argv[2:]])
