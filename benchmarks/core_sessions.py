"""What a session costs: posts and acks, openings, bytes of log, memory, recovery.

A pair is a post of a short text under a key, with the default rule, and its ack. The arrivals are made before the clock runs:
what is measured is the core. Every row of a group is measured round by round, so that the ratios hold on a busy machine.
"""

import gc
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from time import process_time
from typing import Any, NamedTuple, Protocol

from foldhub_core import (
    EV_TEXT,
    Ack,
    Adapter,
    AgentTarget,
    AnswerInvite,
    Arrival,
    Attach,
    Commit,
    ContextEquals,
    ConversationState,
    Envelope,
    FromSpeaker,
    HubConfig,
    HubState,
    Log,
    Manifest,
    OpenSession,
    ParticipantBounds,
    Passport,
    Post,
    Principal,
    Register,
    Reply,
    Resume,
    Session,
    Start,
    Terminate,
    Transition,
    WorkflowGraph,
    inbox,
    read_log,
    replay,
    step,
    write_log,
)
from foldhub_core.config import BUILT_IN

ADMIN = Principal(admin=True)
TEXT = "What is the single most important property?"
HUB_ID = "k3v9x2ma"


class Floor(Adapter[ConversationState]):
    """A conversation of any number."""

    manifest = Manifest("floor", participants=ParticipantBounds(2))
    state_type = ConversationState

    def initial_state(self, session: Session) -> ConversationState:
        return ConversationState()

    def validate_send(self, session: Session, state: ConversationState, envelope: Envelope) -> None:
        """Everything may be said."""

    def fold(self, state: ConversationState, envelope: Envelope) -> ConversationState:
        return ConversationState(state.turn_count + 1, envelope.sender_id, envelope.envelope_id)


CONFIG = HubConfig(adapters=(*BUILT_IN, Floor()))


LOOP = 200_000


class Row(NamedTuple):
    """A row of the table; `ratio` is to the first row of its group."""

    name: str
    unit: str
    value: float
    ratio: float
    samples: tuple[float, ...] = ()


class Rated(Protocol):
    """Something of which so much can be done a second."""

    def rate(self, count: int) -> float:
        """How much a second, measured by doing so much."""
        ...


@contextmanager
def paused() -> Iterator[None]:
    """The garbage collector collects before, and is off meanwhile."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Talk:
    """A hub with agents that are attached and sessions that are open, and what is done with it."""

    def __init__(self, participants: int = 2, sessions: int = 1, *, keep: bool = False) -> None:
        self.state = HubState(HUB_ID)
        self.commits: list[Commit] | None = [] if keep else None
        self.now_ms = 1
        self.posted = 0
        self.do(Start())
        self.ids = [self.do(Register(passport=Passport(f"agent-{at}"), resume=Resume())).agent_id for at in range(participants)]
        for agent_id in self.ids:
            self.do(Attach(agent_id=agent_id, link=agent_id))
        self.sessions = [self.opened() for _ in range(sessions)]
        self.settle()

    def do(self, command: Any) -> Any:
        """Any: every command has its own answer."""
        return self.take(Arrival(principal=ADMIN, command=command, now_ms=self.now_ms))

    def take(self, arrival: Arrival) -> Any:
        came = step(CONFIG, self.state, arrival)
        self.state = came.state
        if self.commits is not None and came.commit is not None:
            self.commits.append(came.commit)
        answer: Any = came.effects[0]
        return answer.value

    def opened(self, type: str = "floor", knobs: Mapping[str, object] | None = None) -> str:
        first, *others = self.ids
        session = self.do(OpenSession(creator_id=first, type=type, participants=tuple(others), knobs=knobs or {}))
        for agent_id in others:
            self.do(AnswerInvite(session_id=session.session_id, agent_id=agent_id, accept=True))
        return str(session.session_id)

    def settle(self) -> None:
        """Ack all that is owed."""
        for agent_id in self.ids:
            if agent_id in self.state.mailboxes:
                numbers = tuple(self.state.mailboxes[agent_id].owed)
                for at in range(0, len(numbers), self.state.limits.list_items):
                    self.do(Ack(agent_id=agent_id, numbers=numbers[at : at + self.state.limits.list_items]))

    def pairs(self, count: int) -> list[Arrival]:
        """Posts of the first agent, spread over the sessions, each acked by everybody else."""
        sender, *others = self.ids
        poster = Principal(subject="a", agent_ids=(sender,))
        owners = [(one, Principal(subject="b", agent_ids=(one,)), inbox(self.state, one).cursor) for one in others]
        made: list[Arrival] = []
        for at in range(count):
            self.posted += 1
            where = self.sessions[self.posted * 7919 % len(self.sessions)]
            envelope = Envelope(where, sender, EV_TEXT, {"text": TEXT}, idempotency_key=f"key-{self.posted}")
            made.append(Arrival(principal=poster, command=Post(envelope=envelope), now_ms=self.now_ms + at, ref="p"))
            for one, owner, cursor in owners:
                ack = Ack(agent_id=one, numbers=(cursor + at + 1,))
                made.append(Arrival(principal=owner, command=ack, now_ms=self.now_ms + at, ref="a"))
        self.now_ms += count
        return made

    def rate(self, count: int) -> float:
        """Pairs a second."""
        arrivals = self.pairs(count)
        gc.collect()
        gc.disable()
        state = self.state
        began = process_time()
        for arrival in arrivals:
            state = step(CONFIG, state, arrival).state
        took = process_time() - began
        gc.enable()
        self.state = state
        return count / took


def looped(rounds: int) -> float:
    """Rounds a second of a loop that only counts: what the machine gives just now."""
    began = process_time()
    for _ in range(rounds):
        pass
    return rounds / (process_time() - began)


def grouped(rows: "Iterable[tuple[str, Rated]]", count: int, rounds: int) -> list[Row]:
    """The median rate of each, round by round, and its ratio to the first."""
    talks = list(rows)
    gc.freeze()
    samples: dict[str, list[float]] = {name: [] for name, _ in talks}
    loops: list[float] = []
    for _ in range(rounds):
        loops.append(looped(LOOP))
        for name, talk in talks:
            samples[name].append(talk.rate(count))
    first = median(samples[talks[0][0]])
    found = [Row(name, "/s", median(taken), median(taken) / first, tuple(taken)) for name, taken in samples.items()]
    return [*found, Row("rounds of an empty loop meanwhile", "/s", median(loops), median(loops) / first, tuple(loops))]


def after(envelopes: int) -> Talk:
    talk = Talk()
    for arrival in talk.pairs(envelopes):
        talk.take(arrival)
    return talk


def consulting(rounds: int, count: int) -> Row:
    """Sessions a second, from opening to close: invite, accept, question, reply, and all acked."""
    taken: list[float] = []
    for _ in range(rounds):
        talk = Talk()
        alice, bob = talk.ids
        began = process_time()
        for _ in range(count):
            session_id = talk.opened("consulting")
            question = talk.do(Post(envelope=Envelope(session_id, alice, EV_TEXT, {"text": TEXT})))
            reply = Envelope(session_id, bob, EV_TEXT, {"text": TEXT}, causation_id=question.envelope_id)
            talk.do(Post(envelope=reply))
            talk.settle()
        taken.append(count / (process_time() - began))
    return Row("consulting, open to close", "/s", median(taken), 1.0, tuple(taken))


WORKFLOW_AGENTS, WORKFLOW_RULES = 10, 50


def ring(agents: Sequence[str], rules: int) -> WorkflowGraph:
    """Turns go round, by the last of so many rules: those before hold never."""
    never = [Transition(ContextEquals(f"variable-{at}", at), Terminate()) for at in range(rules - len(agents))]
    onward = zip(agents, (*agents[1:], agents[0]), strict=True)
    return WorkflowGraph(agents[0], (*never, *[Transition(FromSpeaker(one), AgentTarget(after)) for one, after in onward]))


class Turns:
    """A session in which everybody speaks in turn, each to the next."""

    def __init__(self, type: str, participants: int, knobs: Callable[[Sequence[str]], Mapping[str, object]]) -> None:
        self.talk = Talk(participants)
        self.ids = self.talk.ids
        self.session_id = self.talk.opened(type, knobs(self.ids))
        self.talk.settle()
        self.taken = 0

    def rate(self, count: int) -> float:
        """Turns a second; what they owe is acked between."""
        took = 0.0
        gc.collect()
        gc.disable()
        for _ in range(count):
            who, after = self.ids[self.taken % len(self.ids)], self.ids[(self.taken + 1) % len(self.ids)]
            self.taken += 1
            envelope = Envelope(self.session_id, who, EV_TEXT, {"text": TEXT}, (after,), idempotency_key=f"turn-{self.taken}")
            principal = Principal(subject="a", agent_ids=(who,))
            arrival = Arrival(principal=principal, command=Post(envelope=envelope), now_ms=self.talk.now_ms, ref="p")
            began = process_time()
            came = step(CONFIG, self.talk.state, arrival)
            took += process_time() - began
            assert isinstance(came.effects[0], Reply), "everybody speaks in turn"
            self.talk.state = came.state
            if self.taken % 50 == 0:
                self.talk.settle()
        gc.enable()
        return count / took


def turns(count: int, rounds: int, before: int) -> list[Row]:
    """Turns a second of a conversation, of a workflow, and of a workflow behind so many turns."""

    def knobs(ids: Sequence[str]) -> Mapping[str, object]:
        return {"graph": ring(ids, WORKFLOW_RULES).to_json()}

    long = Turns("workflow", WORKFLOW_AGENTS, knobs)
    long.rate(before)
    what = f"{WORKFLOW_AGENTS} agents, {WORKFLOW_RULES} rules"
    measured = [
        ("a turn of a conversation", Turns("conversation", 2, lambda _: {})),
        (f"a turn of a workflow, {what}", Turns("workflow", WORKFLOW_AGENTS, knobs)),
        (f"a turn of that behind {before:,} turns", long),
    ]
    return grouped(measured, count, rounds)


def log_bytes(count: int) -> list[Row]:
    """Bytes of the log a post takes beside its text, and an ack where 100 go together."""
    talk = Talk(keep=True)
    assert talk.commits is not None
    posts = [one for one in talk.pairs(count) if isinstance(one.command, Post)]
    before = len(write_log(Log(HUB_ID, tuple(talk.commits))))
    for arrival in posts:
        talk.take(arrival)
    between = len(write_log(Log(HUB_ID, tuple(talk.commits))))
    bob = talk.ids[1]
    numbers = sorted(talk.state.mailboxes[bob].owed)
    for at in range(0, len(numbers), 100):
        talk.do(Ack(agent_id=bob, numbers=tuple(numbers[at : at + 100])))
    behind = len(write_log(Log(HUB_ID, tuple(talk.commits))))
    return [
        Row("log of a post beside its text", "B", (between - before) / count - len(TEXT), 1.0),
        Row("log of an ack, 100 together", "B", (behind - between) / len(numbers), 1.0),
    ]


def memory(sessions: int) -> Row:
    """Bytes of memory a live session of two takes."""
    talk = Talk()
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(sessions):
        talk.opened()
        talk.settle()
    gc.collect()
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Row("memory of a live session", "B", (now - before) / sessions, 1.0)


def recovery(count: int, rounds: int) -> Row:
    """Envelopes a second, from the bytes of a log to the state."""
    talk = Talk(keep=True)
    assert talk.commits is not None
    posts = [one for one in talk.pairs(count) if isinstance(one.command, Post)]
    for at, arrival in enumerate(posts):
        talk.take(arrival)
        if at % 100 == 99:
            talk.settle()
    data = write_log(Log(HUB_ID, tuple(talk.commits)))
    taken: list[float] = []
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        began = process_time()
        state = replay(CONFIG, read_log(data).commits, HubState(HUB_ID))
        taken.append(count / (process_time() - began))
        gc.enable()
        assert state.head == talk.state.head, "the log is this hub's"
    return Row("replay from bytes, envelopes", "/s", median(taken), 1.0, tuple(taken))


def measured(scale: int, rounds: int) -> list[Row]:
    """All rows; `scale` is the size of the largest hub."""
    steps = (max(1, scale // 100), max(1, scale // 10), scale)
    count = max(20, min(2_000, scale // 10))
    groups: list[Callable[[], list[Row]]] = [
        lambda: grouped(((f"post and ack, behind {at:,} envelopes", after(at)) for at in steps), count, rounds),
        lambda: grouped(
            ((f"post and ack, {at:,} live sessions", Talk(sessions=at)) for at in (1, max(1, scale // 100), scale)), count, rounds
        ),
        lambda: grouped(
            ((f"post and its acks, {at} participants", Talk(participants=at)) for at in (2, 10, 100)), max(5, count // 20), rounds
        ),
        lambda: turns(max(10, count // 10), rounds, max(10, scale // 50)),
        lambda: [consulting(rounds, max(5, count // 10))],
        lambda: log_bytes(min(count, 900)),  # as many as an inbox takes
        lambda: [memory(max(20, scale // 100))],
        lambda: [recovery(max(100, scale // 10), rounds)],
    ]
    rows: list[Row] = []
    for group in groups:
        rows += group()
        gc.unfreeze()
    return rows
