"""A hub on disk that is told words for ever by a client in a process of its own, to be killed; and what must be left of it.

The client numbers its words, and the number is the key of each. After a crash the next client goes on behind the last word that
was acknowledged, as one does that heard nothing of what came after: what was stored and not acknowledged is asked again.
"""

import os
import random
import select
import signal
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from foldhub_core import (
    EV_TEXT,
    Ack,
    AnswerInvite,
    Arrival,
    Command,
    Engine,
    Envelope,
    HubConfig,
    HubState,
    Log,
    OpenSession,
    Passport,
    Post,
    Principal,
    Refuse,
    Register,
    Reply,
    Resume,
    Session,
    Start,
    check_chain,
    digest,
    find_agent_id,
    replay,
    take_snapshot,
)
from foldhub_stores import FileStore, recover

HUB_ID = "demo"
CONFIG = HubConfig()
ADMIN = Principal(admin=True)
SNAPSHOT_COMMITS = 150
Opener = Callable[[Path], FileStore]


def open_store(place: Path) -> FileStore:
    return FileStore(place, HUB_ID)


class Walk:
    """The engine on a store, as a shell walks it that does one thing at a time."""

    def __init__(self, store: FileStore, config: HubConfig = CONFIG) -> None:
        self.store = store
        self.engine = Engine(config, recover(config, store))
        self.now_ms = self.engine.state.now_ms
        self.ask(Start())

    def ask(self, *commands: Command) -> list[Reply | Refuse]:
        """Ask for these at once, and carry out what is to be carried out; gives the answers."""
        self.now_ms += 10
        for at, command in enumerate(commands):
            assert self.engine.take(Arrival(principal=ADMIN, command=command, now_ms=self.now_ms, ref=str(at)))
        answers: list[Reply | Refuse] = []
        while len(answers) < len(commands):
            append = self.engine.advance(self.now_ms)
            if append is not None:
                self.engine.ended(self.store.append(append.commits).ending, self.now_ms)
            answers += [effect for effect in self.engine.effects() if isinstance(effect, Reply | Refuse)]
            self.now_ms += 10
        return answers

    def agent(self, name: str) -> str:
        """The agent of this name, registered where there is none."""
        if find_agent_id(self.engine.state, name) is None:
            self.ask(Register(passport=Passport(name=name), resume=Resume(), idempotency_key=name))
        return find_agent_id(self.engine.state, name) or ""

    def get(self, command: Command) -> object:
        """Ask for what must be granted; gives the value of the answer."""
        (answer,) = self.ask(command)
        assert isinstance(answer, Reply), answer
        return answer.value

    def session(self, one: str, other: str, type: str = "conversation") -> str:
        """The session of the two, opened where there is none."""
        session = self.get(OpenSession(creator_id=one, type=type, participants=(other,), idempotency_key=type))
        assert isinstance(session, Session)
        self.ask(AnswerInvite(session_id=session.session_id, agent_id=other, accept=True))
        return session.session_id


def write_for_ever(place: Path, told: int, last: int, opener: Opener = open_store) -> None:
    """What the child does: open the hub, go on behind the last word that was acknowledged, and tell what is acknowledged."""
    walk = Walk(opener(place))
    ann, bob = walk.agent("ann"), walk.agent("bob")
    session_id = walk.session(ann, bob)
    dice = random.Random(last)
    numbers = count(last + 1)
    while True:
        said = [next(numbers) for _ in range(1 + dice.randrange(7))]
        texts = [f"{number} {'.' * (number * 37 % 900)}" for number in said]
        words = [
            Envelope(session_id, ann, EV_TEXT, {"text": text}, idempotency_key=f"word-{number}")
            for number, text in zip(said, texts, strict=True)
        ]
        answers = walk.ask(*[Post(envelope=word) for word in words])
        assert all(isinstance(answer, Reply) for answer in answers), answers
        os.write(told, f"{said[-1]}\n".encode())
        walk.ask(Ack(agent_id=bob, numbers=tuple(walk.engine.state.mailboxes[bob].owed)))
        if walk.store.since_snapshot()[0] > SNAPSHOT_COMMITS:
            walk.store.begin_snapshot(walk.engine.state.seq)
            for data in take_snapshot(walk.engine.state):
                walk.store.add_slice(data)
            walk.store.end_snapshot()


class Child:
    """A process that writes for ever, and what it has acknowledged."""

    def __init__(self, place: Path, last: int, opener: Opener = open_store) -> None:
        self._heard, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                write_for_ever(place, told, last, opener)
            finally:
                os._exit(1)
        os.close(told)
        os.set_blocking(self._heard, False)
        self._last = last
        self._cut = b""

    @property
    def acknowledged(self) -> int:
        """The last word that was acknowledged by now."""
        while True:
            try:
                more = os.read(self._heard, 65536)
            except BlockingIOError:
                break
            if not more:
                break
            *lines, self._cut = (self._cut + more).split(b"\n")
            self._last = max([self._last, *[int(line) for line in lines]])
        return self._last

    def write_until(self, word: int) -> None:
        """Let it write until this word is acknowledged."""
        while self.acknowledged < word:
            assert os.waitpid(self.pid, os.WNOHANG) == (0, 0), "the child writes until it is killed"
            select.select([self._heard], [], [], 0.05)

    def write_for(self, seconds: float) -> None:
        """Let it write for a while."""
        time.sleep(seconds)

    def kill(self) -> int:
        """Kill it; gives the last word that it acknowledged."""
        assert os.WIFSIGNALED(self.end()), "the child wrote until it was killed"
        return self._last

    def end(self) -> int:
        """Kill it, if it has not ended before; gives how it ended."""
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        self._last = self.acknowledged
        os.close(self._heard)
        return status


def look(place: Path, acknowledged: int, opener: Opener = open_store) -> int:
    """Look at what a dead writer left: nothing acknowledged is lost, nothing is there twice. Gives how many words are there."""
    store = opener(place)
    try:
        commits = store.read()
        check_chain(Log(HUB_ID, commits))
        facts = [fact for commit in commits for fact in commit.facts]
        said = [fact for fact in facts if isinstance(fact, Envelope) and fact.event_type == EV_TEXT]
        numbers = [int(str(word.event_data["text"]).split()[0]) for word in said]
        assert numbers == list(range(1, len(numbers) + 1)), "every word is there once, and in order"
        assert len(numbers) >= acknowledged, f"word {acknowledged} was acknowledged, the last that is there is {len(numbers)}"
        folded = replay(CONFIG, commits, HubState(HUB_ID))
        assert digest(recover(CONFIG, store)) == digest(folded), "a snapshot and the tail come to the state of the log"
        return len(numbers)
    finally:
        store.close()
