"""Stores that lived for a while: with talks that ended and were read, and two snapshots to build the state from."""

from functools import cache
from pathlib import Path

from foldhub.testing.store_story import HUB_ID, Teller
from foldhub_core import (
    Ack,
    CloseSession,
    Commit,
    HubConfig,
    HubState,
    Passport,
    Register,
    Resume,
    Start,
    find_agent_id,
    replay,
    take_snapshot,
)
from foldhub_stores import Durable, FileStore

SNAPSHOTS = (45, 55)
"""Behind which commits the two snapshots stand."""
UNREAD = 1
"""The talk that nobody has read."""


@cache
def life() -> tuple[Commit, ...]:
    """A hub in which alice and bob talk, read all of it and end the talk, again and again; the last talk goes on."""
    hub = Teller()
    hub.ask(Start())
    for name in ("alice", "bob"):
        hub.ask(Register(passport=Passport(name=name), resume=Resume()))
    alice, bob = [find_agent_id(hub.state, name) or "" for name in ("alice", "bob")]
    for at in range(6):
        talk = hub.open("conversation", alice, bob)
        first = hub.say(talk, alice, f"Talk {at} begins. " + "And so on. " * 200)
        for word in range(4):
            hub.say(talk, (bob, alice)[word % 2], f"Word {word} of {at}.", first if word == 0 else None)
        for agent_id in (alice, bob):
            owed = hub.state.mailboxes[agent_id].owed
            if at != UNREAD:
                mine = tuple([number for number, one in owed.items() if one.session_id == talk])
                hub.ask(Ack(agent_id=agent_id, numbers=mine))
        if at < 5:
            hub.ask(CloseSession(session_id=talk, agent_id=alice, reason="enough"))
    return tuple(hub.commits)


def state_after(seq: int) -> HubState:
    """The state after a commit of the life."""
    return replay(HubConfig(), life()[:seq], HubState(HUB_ID))


def live(store: FileStore, *, snapshots: tuple[int, ...] = SNAPSHOTS) -> None:
    """Tell a store the life, and take its snapshots."""
    for at in range(0, len(life()), 10):
        assert isinstance(store.append(life()[at : at + 10]), Durable)
    for seq in snapshots:
        store.begin_snapshot(seq)
        for data in take_snapshot(state_after(seq), slice_rows=20):
            store.add_slice(data)
        assert isinstance(store.end_snapshot(), Durable)


def aged(place: Path, *, snapshots: tuple[int, ...] = SNAPSHOTS) -> Path:
    """A store that was told the life, and closed."""
    store = FileStore(place, HUB_ID)
    live(store, snapshots=snapshots)
    store.close()
    return place
