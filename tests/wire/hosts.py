"""A hub and clients on the wire machines, carried by nothing: what a shell does, without sockets, tasks or a clock.

`HubHost` is a hub behind its engine over a store that is a list; `ClientHost` is somebody with agents, who acks what comes.
A `Pipe` is a connection between them: two queues of bytes, which may be cut anywhere.
"""

from collections.abc import Iterator
from random import Random

from foldhub_core import (
    AccessDeniedError,
    Append,
    Arrival,
    Attach,
    Commit,
    Deliver,
    Detach,
    Effect,
    Ending,
    Engine,
    Envelope,
    Evict,
    Forward,
    HubConfig,
    HubState,
    LogQuestion,
    Nack,
    NetworkError,
    Pressure,
    Principal,
    Question,
    ReadSession,
    Redeliver,
    Refuse,
    Reply,
    Start,
    answer,
    ended_session_of,
    error_record,
    may_ask,
    readers,
    replay,
    visible,
)
from foldhub_core.commands import acting_id
from foldhub_core.index import EndedSessionRow, index_rows
from foldhub_core.rights import SCOPES
from foldhub_core.wire.answers import WordsPage
from foldhub_core.wire.client import ClientEnd
from foldhub_core.wire.events import (
    Answered,
    Asked,
    ClientEvent,
    Delivered,
    Gone,
    HubEvent,
    Introduced,
    Questioned,
    Refused,
    Undeliverable,
)
from foldhub_core.wire.limits import WireLimits
from foldhub_core.wire.rights import belongs
from foldhub_core.wire.server import HubEnd

ADMIN = Principal(admin=True)


class Pipe:
    """One connection: the bytes under way in both directions, and whether an end has gone."""

    def __init__(self, client: "ClientHost", end: HubEnd) -> None:
        self.client = client
        self.end = end
        self.up = bytearray()
        self.down = bytearray()
        self.up_over = self.down_over = False
        """Whether the end of the stream comes behind what is under way."""
        self.dead = False

    def cut(self, rng: Random) -> None:
        """The connection breaks: of what is under way a part arrives in each direction, and nothing else ever does."""
        del self.up[rng.randint(0, len(self.up)) :]
        del self.down[rng.randint(0, len(self.down)) :]
        self.up_over = self.down_over = self.dead = True


class HubHost:
    """A hub whose clients come by wire. Everybody may register everything; a credential is the name of a subject."""

    def __init__(self, config: HubConfig, limits: WireLimits) -> None:
        self.config = config
        self.limits = limits
        self.log: list[Commit] = []
        self.words: dict[str, Envelope] = {}
        self.ended: dict[str, EndedSessionRow] = {}
        self.links = 0
        self.now_ms = 1
        self.append: Append | None = None
        self.ends: dict[str, HubEnd] = {}
        self.admins: frozenset[str] = frozenset()
        self.attaching: dict[str, str] = {}
        """The agents whose `Attach` is not answered, by its `ref`."""
        self._begin()

    # --- runs

    def _begin(self) -> None:
        """Begin a run on what is durable."""
        self.append = None
        self.ends, self.attaching = {}, {}
        state = replay(self.config, self.log, HubState("demo"))
        self.engine = Engine(self.config, state)
        self.engine.take_outcome(Arrival(principal=ADMIN, command=Start(), now_ms=self.now_ms, ref="start"))
        self.settle()

    def crash(self, survives: bool) -> None:
        """The hub falls over, and comes back. An append under way is durable or is not."""
        if self.append is not None and survives:
            self._store(self.append)
        self._begin()

    def settle(self) -> None:
        """Let the engine go on until nothing is left to do."""
        while self.advance() or self.append is not None:
            self.sync()

    def advance(self) -> bool:
        """Let the engine do what it can; whether it asked for an append."""
        if self.append is None and (append := self.engine.advance(self.now_ms)) is not None:
            self.append = append
            return True
        self._carry_out()
        return False

    def sync(self) -> None:
        """The append under way is durable."""
        if self.append is not None:
            append, self.append = self.append, None
            self._store(append)
            self.engine.ended(Ending.DURABLE, self.now_ms)
        self._carry_out()

    def _store(self, append: Append) -> None:
        for commit in append.commits:
            self.log.append(commit)
            for fact in commit.facts:
                if isinstance(fact, Envelope):
                    self.words[fact.envelope_id] = fact
            for row in index_rows(commit):
                if isinstance(row, EndedSessionRow):
                    self.ended[row.session_id] = row

    # --- links

    def connect(self) -> HubEnd:
        """Somebody connects."""
        self.links += 1
        end = HubEnd(self.config, f"l{self.links}", self.now_ms, self.limits)
        self.ends[end.link] = end
        return end

    def handle(self, end: HubEnd) -> None:
        """Do what a link says."""
        for event in end.events():
            self._handle(end, event)

    def _handle(self, end: HubEnd, event: HubEvent) -> None:
        match event:
            case Introduced():
                if not event.credential:
                    end.turn_away(self.now_ms)
                    return
                admin = event.credential in self.admins
                principal = Principal(subject=event.credential, may_register=("*",), admin=admin)
                end.accept(principal, "demo", self.now_ms)
                self.handle(end)
            case Asked():
                self._widen(end, acting_id(event.command))
                arrival = Arrival(
                    principal=end.principal, command=event.command, now_ms=self.now_ms, ref=f"{end.link}/{event.ref}"
                )
                if isinstance(event.command, Attach):
                    self.attaching[arrival.ref] = event.command.agent_id
                if not self.engine.take(arrival):
                    end.refuse(event.ref, error_record(AccessDeniedError("full")), self.now_ms)
            case Questioned():
                scope, field = SCOPES[type(event.question)]
                if scope == "agent":
                    self._widen(end, getattr(event.question, field) or "")
                try:
                    value = self._answer(end, event.question)
                except NetworkError as error:
                    end.refuse(event.ref, error_record(error), self.now_ms)
                else:
                    end.answer(event.ref, value, self.now_ms)
            case Undeliverable():
                nack = Nack(agent_id=event.agent_id, number=event.number, reason=event.reason[:200])
                self.engine.take_outcome(Arrival(principal=ADMIN, command=nack, now_ms=self.now_ms, ref="nack"))
            case Gone():
                if self.ends.pop(end.link, None) is not None:
                    for agent_id in event.agent_ids:
                        self._detach(agent_id, end.link)

    def _detach(self, agent_id: str, link: str) -> None:
        command = Detach(agent_id=agent_id, link=link)
        self.engine.take_outcome(Arrival(principal=ADMIN, command=command, now_ms=self.now_ms, ref="gone"))

    def _widen(self, end: HubEnd, agent_id: str) -> None:
        if belongs(self.engine.state, end.principal, agent_id):
            end.widen(agent_id)

    def _answer(self, end: HubEnd, question: Question | LogQuestion) -> object:
        state = self.engine.state
        if isinstance(question, Question):
            return answer(self.config, state, end.principal, question)
        ended = self.ended.get(ended_session_of(state, question) or "")
        was_in = () if ended is None else ended.participants
        may_ask(state, end.principal, question, was_in)
        assert isinstance(question, ReadSession), "no test asks another"
        last = max([word.number for word in self.words.values() if word.session_id == question.session_id], default=0)
        until = last if question.until is None else min(question.until, last)
        upto = min(until, question.since + self.limits.page_words)
        found = sorted([word for word in self.words.values() if question.since < word.number <= upto], key=_by_number)
        reading = readers(state, end.principal, question.session_id, was_in)
        return WordsPage(visible(question, found, reading), max(upto, question.since), upto < until)

    # --- effects

    def _carry_out(self) -> None:
        for effect in self.engine.effects():
            self._carry(effect)

    def _carry(self, effect: Effect) -> None:
        match effect:
            case Reply() | Refuse():
                link, _, ref = effect.ref.partition("/")
                end = self.ends.get(link)
                attached_id = self.attaching.pop(effect.ref, None)
                if end is None and attached_id is not None:
                    self._detach(attached_id, link)
                elif end is not None and isinstance(effect, Reply):
                    end.answer(int(ref), effect.value, self.now_ms)
                elif end is not None and isinstance(effect, Refuse):
                    end.refuse(int(ref), effect.error, self.now_ms)
            case Deliver() | Redeliver():
                end = self.ends.get(effect.link or "")
                word = effect.envelope if isinstance(effect, Deliver) else self.words[effect.envelope_id]
                if end is not None:
                    end.deliver(effect.agent_id, effect.number, effect.attempt, word, self.now_ms)
            case Evict():
                end = self.ends.get(effect.link)
                if end is not None:
                    end.evict(effect.agent_id, self.now_ms)
            case Pressure() | Forward():
                pass
        for end in list(self.ends.values()):
            self.handle(end)


def _by_number(word: Envelope) -> int:
    return word.number


class ClientHost:
    """Somebody with agents, in one process: the machine, and what was told by it."""

    def __init__(self, config: HubConfig, subject: str, keys: str, now_ms: int, limits: WireLimits) -> None:
        self.end = ClientEnd(config, keys, now_ms, credential=subject, client=subject, limits=limits)
        self.subject = subject
        self.pipe: Pipe | None = None
        self.told: list[ClientEvent] = []
        self.answers: dict[int, object] = {}
        self.refusals: dict[int, object] = {}
        self.delivered: list[Delivered] = []

    def hear(self) -> Iterator[ClientEvent]:
        """Take in what the machine tells."""
        for event in self.end.events():
            self.told.append(event)
            if isinstance(event, Answered | Refused):
                assert event.ref not in self.answers, "a request is answered once"
                assert event.ref not in self.refusals, "a request is answered once"
            if isinstance(event, Answered):
                self.answers[event.ref] = event.value
            elif isinstance(event, Refused):
                self.refusals[event.ref] = event.error
            elif isinstance(event, Delivered):
                self.delivered.append(event)
            yield event


class Net:
    """One hub, some clients, and what is between them, under one seed."""

    def __init__(self, hub: HubHost, rng: Random) -> None:
        self.hub = hub
        self.rng = rng
        self.now_ms = 1
        self.clients: list[ClientHost] = []
        self.pipes: list[Pipe] = []

    def dial(self, client: ClientHost) -> None:
        """A client opens a connection."""
        client.pipe = Pipe(client, self.hub.connect())
        self.pipes.append(client.pipe)
        client.end.connected(self.now_ms)

    def pump(self, pipe: Pipe, most: int) -> None:
        """Let what the two ends of a connection have to send get under way, and some of what is under way arrive."""
        end, client = pipe.end, pipe.client
        mine = client.pipe is pipe
        if not pipe.dead:
            pipe.down += end.data_to_send(most)
            if mine:
                pipe.up += client.end.data_to_send(most)
        if end.reading and pipe.up:
            data = bytes(pipe.up[:most])
            del pipe.up[:most]
            end.receive(data, self.now_ms)
        elif pipe.up_over and not pipe.up:
            end.receive(b"", self.now_ms)
        self.hub.handle(end)
        if end.over and not end.waiting and not pipe.dead:
            pipe.dead = pipe.up_over = pipe.down_over = True
        if mine and pipe.down:
            data = bytes(pipe.down[:most])
            del pipe.down[:most]
            client.end.receive(data, self.now_ms)
        elif mine and pipe.down_over and not pipe.down:
            client.end.receive(b"", self.now_ms)
        if mine and client.end.hung_up and (pipe.dead or not client.end.waiting):
            self.hang_up(client)

    def crash(self) -> None:
        """The hub falls over: every connection breaks with it."""
        for pipe in self.pipes:
            pipe.cut(self.rng)
            pipe.up.clear()
        self.hub.crash(self.rng.random() < 0.5)

    def hang_up(self, client: ClientHost) -> None:
        """A client closes its connection."""
        pipe = client.pipe
        if pipe is not None:
            client.pipe = None
            pipe.up_over = pipe.dead = True
        client.end.lost(self.now_ms, self.rng.random())

    def turn(self, most: int = 1 << 20) -> None:
        """Let everything go one step on."""
        for client in self.clients:
            due = client.end.connect_at
            if due is not None and due <= self.now_ms:
                self.dial(client)
        for pipe in self.pipes:
            self.pump(pipe, most)
        self.pipes = [pipe for pipe in self.pipes if not (pipe.end.over and pipe.client.pipe is not pipe)]
        self.hub.advance()

    def pass_time(self, ms: int) -> None:
        """Let time pass."""
        self.now_ms += ms
        self.hub.now_ms = self.now_ms
        for end in list(self.hub.ends.values()):
            end.advance(self.now_ms)
            self.hub.handle(end)
        for client in self.clients:
            client.end.advance(self.now_ms)

    def rest(self) -> None:
        """Let everything come to rest, with nothing in its way."""
        for _ in range(400):
            self.turn()
            self.hub.settle()
            if not self._is_busy():
                return
            self.pass_time(100)
        raise AssertionError("it does not come to rest")

    def _is_busy(self) -> bool:
        live = [client for client in self.clients if client.end.state != "over"]
        return any(pipe.up or pipe.down or pipe.end.waiting for pipe in self.pipes) or any(
            client.end.unanswered or client.end.waiting or client.pipe is None for client in live
        )
