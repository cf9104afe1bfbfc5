"""The two ends of a link in pairs, under a seeded schedule of delays, cuts at every byte, connections that only one side knows
to be gone, and restarts of either side: whatever happened, once it is over every promise of the hub holds.

A long run of 2,000 seeds: `pytest -m long tests/wire`.
"""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub_core import (
    EV_TEXT,
    AnswerInvite,
    Attach,
    Envelope,
    HubConfig,
    HubState,
    OpenSession,
    Passport,
    Post,
    ReadSession,
    Register,
    Resume,
    Session,
    inbox,
    replay,
    verify,
)
from foldhub_core.envelope import EV_SESSION_INVITE
from foldhub_core.wire.events import Delivered
from foldhub_core.wire.limits import WireLimits
from tests.core.session_driver import Free
from tests.wire.hosts import ClientHost, HubHost, Net

CONFIG = HubConfig(adapters=(Free(),))
LIMITS = WireLimits(in_flight=5, batch=3, ack_batch=4, page_words=3, take_bytes=4_096, ping_ms=2_000, idle_ms=5_000)
WHO = {"ann": ("a1", "a2"), "ben": ("b1",)}


class Chaos:
    """A hub, two clients with three agents, one session; and what goes wrong."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.net = Net(HubHost(CONFIG, LIMITS), self.rng)
        self.ids: dict[str, str] = {}
        self.said = 0
        self.posted: list[tuple[ClientHost, int, str]] = []
        self.opened: list[tuple[ClientHost, int]] = []
        self.read: list[tuple[ClientHost, int]] = []
        self.seen: dict[str, list[Delivered]] = {}
        self.unacked: dict[str, list[tuple[str, int]]] = {subject: [] for subject in WHO}
        self.lives = 0
        self.clients = {subject: self._client(subject) for subject in WHO}
        for subject, names in WHO.items():
            for name in names:
                command = Register(passport=Passport(name), resume=Resume())
                self.ids[name] = self._granted(subject, command).agent_id
                self._granted(subject, Attach(agent_id=self.ids[name], link=""))
        opened: Session = self._granted("ann", self._opening("a1", "a2", "b1"))
        self.session_id = opened.session_id
        self.net.rest()
        self._hear_all()
        self.net.rest()

    def _client(self, subject: str) -> ClientHost:
        self.lives += 1
        client = ClientHost(CONFIG, subject, f"{subject}{self.lives}", self.net.now_ms, LIMITS)
        self.net.clients.append(client)
        return client

    def _granted(self, subject: str, command: Any) -> Any:
        client = self.clients[subject]
        ref = client.end.ask(command)
        self.net.rest()
        self._hear_all()
        return client.answers[ref]

    def _opening(self, creator: str, *others: str) -> OpenSession:
        return OpenSession(creator_id=self.ids[creator], type="free", participants=tuple([self.ids[one] for one in others]))

    # --- what happens

    def act(self) -> None:
        """One thing happens."""
        deeds = {
            self._turn: 30,
            self._pass_time: 12,
            self._sync: 10,
            self._post: 14,
            self._hear: 14,
            self._ack: 10,
            self._cut: 4,
            self._abandon: 2,
            self._crash_hub: 1.5,
            self._restart_client: 0.7,
            self._open: 1,
            self._read: 1.5,
        }
        self.rng.choices(list(deeds), list(deeds.values()))[0]()

    def _turn(self) -> None:
        self.net.turn(self.rng.choice([1, 2, 7, 50, 400, 4_096]))

    def _pass_time(self) -> None:
        self.net.pass_time(self.rng.choice([1, 10, 100, 400, 3_000]))

    def _sync(self) -> None:
        self.net.hub.sync()

    def _post(self) -> None:
        subject = self.rng.choice(list(WHO))
        name = self.rng.choice(WHO[subject])
        self.said += 1
        text = f"word {self.said}"
        audience = self.rng.choice([None, tuple([one for other, one in self.ids.items() if other != name][:1])])
        word = Envelope(self.session_id, self.ids[name], EV_TEXT, {"text": text}, audience)
        client = self.clients[subject]
        self.posted.append((client, client.end.ask(Post(envelope=word)), text))

    def _open(self) -> None:
        client = self.clients["ann"]
        self.opened.append((client, client.end.ask(self._opening("a1", "b1"))))

    def _read(self) -> None:
        client = self.clients["ben"]
        self.read.append((client, client.end.question(ReadSession(session_id=self.session_id))))

    def _hear(self) -> None:
        self._hear_one(self.rng.choice(list(WHO)))

    def _hear_one(self, subject: str) -> bool:
        client = self.clients[subject]
        heard = [event for event in client.hear() if isinstance(event, Delivered)]
        for event in heard:
            self.seen.setdefault(event.agent_id, []).append(event)
            self.unacked[subject].append((event.agent_id, event.number))
            if event.envelope.event_type == EV_SESSION_INVITE:
                answer = AnswerInvite(session_id=event.envelope.session_id, agent_id=event.agent_id, accept=True)
                client.end.ask(answer)
        return bool(heard)

    def _hear_all(self) -> None:
        for subject in WHO:
            self._hear_one(subject)

    def _ack(self) -> None:
        subject = self.rng.choice(list(WHO))
        some = self.unacked[subject]
        self.rng.shuffle(some)
        count = self.rng.randint(0, 5)
        for agent_id, number in some[:count]:
            self.clients[subject].end.ack(agent_id, [number])
        del some[:count]

    def _cut(self) -> None:
        if self.net.pipes:
            self.rng.choice(self.net.pipes).cut(self.rng)

    def _abandon(self) -> None:
        """A client loses its connection, and the hub does not hear of it."""
        client = self.clients[self.rng.choice(list(WHO))]
        if client.pipe is not None:
            pipe, client.pipe = client.pipe, None
            del pipe.up[self.rng.randint(0, len(pipe.up)) :]
            client.end.lost(self.net.now_ms, self.rng.random())

    def _crash_hub(self) -> None:
        self.net.crash()

    def _restart_client(self) -> None:
        """A client's process is gone; another one of the same subject begins."""
        subject = self.rng.choice(list(WHO))
        old = self.clients[subject]
        self._hear_one(subject)
        if old.pipe is not None:
            old.pipe.cut(self.rng)
            old.pipe = None
        self.net.clients.remove(old)
        self.clients[subject] = self._client(subject)
        self.unacked[subject] = []
        for name in WHO[subject]:
            self.clients[subject].end.ask(Attach(agent_id=self.ids[name], link=""))

    # --- what holds

    def heal(self) -> None:
        """Nothing more goes wrong, and everybody acks what comes, until nothing does."""
        for _ in range(50):
            self.net.rest()
            heard = [self._hear_one(subject) for subject in WHO]
            for subject, some in self.unacked.items():
                for agent_id, number in some:
                    self.clients[subject].end.ack(agent_id, [number])
                some.clear()
            if not any(heard) and not any(self._pending(subject) for subject in WHO):
                return
        raise AssertionError("it does not come to rest")

    def _pending(self, subject: str) -> bool:
        return any(inbox(self.net.hub.engine.state, self.ids[name]).owed for name in WHO[subject])

    def check(self) -> None:
        """Check every promise."""
        hub = self.net.hub
        state = hub.engine.state
        words = [word for word in hub.words.values() if word.session_id == self.session_id and word.event_type == EV_TEXT]
        texts = [word.event_data["text"] for word in words]
        assert len(texts) == len(set(texts)), "a retry was a second post"
        living = set(self.clients.values())
        for client, ref, text in self.posted:
            if client in living:
                value = client.answers[ref]
                assert isinstance(value, Envelope), client.refusals.get(ref)
                assert hub.words[value.envelope_id] == value, "a post that returned is in the log"
                assert value.event_data["text"] == text
        opened = {value.session_id for client, ref in self.opened if isinstance(value := client.answers.get(ref), Session)}
        made = {word.session_id for word in hub.words.values() if word.event_type == EV_SESSION_INVITE} - {self.session_id}
        assert opened <= made
        assert len(made) <= len(self.opened), "a retry was a second opening"
        for name, agent_id in self.ids.items():
            count = inbox(state, agent_id)
            assert (count.owed, count.pending) == (0, 0), f"{name} is owed what it has acked"
            seen = self.seen.get(agent_id, [])
            assert {event.number for event in seen} == set(range(1, count.cursor + 1)), f"{name} missed something"
            first = [event.number for event in seen if event.attempt == 1]
            assert first == sorted(set(first)), f"first deliveries to {name} came out of order"
            assert len({(event.number, event.envelope) for event in seen}) == count.cursor, "one number, one word"
        for client, ref in self.read:
            if client in living:
                answer: Any = client.answers[ref]
                assert [word.number for word in answer] == sorted({word.number for word in answer})
                assert all(hub.words[word.envelope_id] == word for word in answer)
        assert replay(CONFIG, hub.log, HubState("demo")) == state
        assert not verify(CONFIG, hub.log, HubState("demo"))


def story(seed: int, deeds: int) -> Chaos:
    chaos = Chaos(seed)
    for _ in range(deeds):
        chaos.act()
    chaos.heal()
    chaos.check()
    return chaos


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(50, 250))
def test_every_promise_holds_whatever_breaks(seed: int, deeds: int) -> None:
    story(seed, deeds)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2_000))
def test_every_promise_holds_whatever_breaks_for_long(seed: int) -> None:
    story(seed, 500)
