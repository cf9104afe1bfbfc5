"""What the three loops have in common: the hub they run, how it is recovered, and the agents at the other end of its link.

alice asks, bob answers, and the protocol closes the session. alice attaches to the hub; bob lives on another system, so that
his deliveries are forwarded, and the first try fails. Both are functions from what they hear to what they ask for, and each of
their requests bears a key: whoever comes back after a crash does it all again, and the hub knows what was done.

The clock of these loops moves only while they wait for it, so that three programs write one log. Stamp yours with the wall
clock at the start, and with monotonic time from there on.
"""

import argparse
import os
import signal
from pathlib import Path

from foldhub_core import (
    EV_SESSION_INVITE,
    EV_SESSION_OPENED,
    EV_TEXT,
    Ack,
    AnswerInvite,
    Attach,
    Auth,
    Deliver,
    Envelope,
    Forward,
    HubConfig,
    HubState,
    OpenSession,
    Passport,
    Post,
    Principal,
    Redeliver,
    Register,
    Resume,
    decode,
    encode,
    find_agent_id,
    inbox,
    link_of,
    list_sessions,
    read_snapshot,
    replay,
)

CONFIG = HubConfig(remote_agents=True)
SHELL = Principal(admin=True)
REGISTERED = (
    Register(passport=Passport("alice"), resume=Resume(), idempotency_key="alice"),
    Register(passport=Passport("bob", kind="remote_agent", auth=Auth("post")), resume=Resume(), idempotency_key="bob"),
)


def recovered(store):
    """The state that the store tells: its newest snapshot, and the commits since."""
    snapshot = store.snapshot()
    state = HubState(store.identity.hub_id) if snapshot is None else read_snapshot(CONFIG, snapshot.slices)
    return replay(CONFIG, store.read(state.seq), state)


class Agents:
    """alice and bob: their requests as they begin, and what they ask for when they hear something."""

    def __init__(self, state):
        self.alice, self.bob = find_agent_id(state, "alice"), find_agent_id(state, "bob")
        self.principal = Principal(subject="agents", agent_ids=(self.alice, self.bob))

    def begin(self):
        """A retry of each is the same request: this is said again after every crash."""
        yield Attach(agent_id=self.alice, link="the link")
        yield OpenSession(creator_id=self.alice, type="consulting", participants=(self.bob,), idempotency_key="the question")

    def hear(self, agent_id, number, attempt, word):
        """Raises where bob's system is not to be reached. alice acks for herself; for bob the shell does it."""
        if agent_id == self.alice:
            if word.event_type == EV_SESSION_OPENED:
                yield self.text(agent_id, word, "What survives a crash?")
            yield Ack(agent_id=agent_id, numbers=(number,))
        elif word.event_type == EV_SESSION_INVITE:
            yield AnswerInvite(session_id=word.session_id, agent_id=agent_id, accept=True)
        elif word.event_type == EV_TEXT and attempt == 1:
            raise ConnectionError("bob's system is away")
        elif word.event_type == EV_TEXT:
            yield self.text(agent_id, word, "What was durable before it was answered.")

    def text(self, sender_id, word, text):
        cause = word.envelope_id
        said = Envelope(word.session_id, sender_id, EV_TEXT, {"text": text}, causation_id=cause, idempotency_key=cause)
        return Post(envelope=said)


def is_over(state):
    """Whether alice is there, and the session is over, and all that was said in it arrived."""
    alice, bob = [find_agent_id(state, name) for name in ("alice", "bob")]
    if bob is None or link_of(state, alice) is None or list_sessions(state).sessions:
        return False
    return all(inbox(state, one).cursor and not inbox(state, one).owed for one in (alice, bob))


REQUESTS = {one.__name__: one for one in (Attach, OpenSession, AnswerInvite, Post, Ack)}
"""What a peer may ask for over a wire. The shell's own commands are not among it."""


def request_line(command):
    """A request as it goes over a wire."""
    return f"{type(command).__name__} {encode(command).hex()}"


def request_of(line):
    """The request that came over a wire."""
    name, data = line.split()
    return decode(bytes.fromhex(data), REQUESTS[name])


class Notes:
    """Notes every effect that sends something, in a file that outlives the process, and may kill the process before one."""

    def __init__(self, path, die_before):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._left = die_before

    def note(self, effect):
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if isinstance(effect, Deliver | Forward):
            to = effect.agent_id if isinstance(effect, Deliver) else effect.passport.agent_id
            self._write(to, effect.number, effect.attempt, effect.envelope.envelope_id)
        elif isinstance(effect, Redeliver):
            self._write(effect.agent_id, effect.number, effect.attempt, effect.envelope_id)

    def _write(self, *what):
        os.write(self._file, (" ".join(map(str, what)) + "\n").encode())


def arguments():
    """The folder of the store, and the notes beside it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--die-before", type=int, default=0, metavar="N", help="kill this process before effect N")
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    return given.folder / "store", Notes(given.folder / "notes", given.die_before)
