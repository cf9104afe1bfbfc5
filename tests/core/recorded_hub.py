"""A hub that keeps its log, and stories told to it: what the tests of steps, commits, logs, replay and snapshots look at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from foldhub_core import (
    EV_TEXT,
    Access,
    Ack,
    AnswerInvite,
    Arrival,
    Attach,
    Auth,
    CloseSession,
    Command,
    Commit,
    Cost,
    CutCommand,
    Detach,
    Envelope,
    Example,
    Expectation,
    Fact,
    ForwardDone,
    ForwardFailed,
    HubConfig,
    HubState,
    Inbox,
    Invite,
    Leave,
    Limits,
    Log,
    Nack,
    OpenSession,
    Passport,
    Post,
    Principal,
    Rate,
    RecordObservation,
    Refuse,
    Register,
    RemoveParticipant,
    Reply,
    Resend,
    Resume,
    Rule,
    RuleBasedArbiter,
    RuleLimits,
    Session,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    Step,
    TaskState,
    Tick,
    Unregister,
    changed,
    codec,
    find_agent_id,
    get_session,
    next_deadline,
    step,
)
from foldhub_core.commits import chained, make_commit
from foldhub_core.config import BUILT_IN
from foldhub_core.error_record import ErrorRecord
from tests.core.gathering import Gathering
from tests.core.story_of_tasks import tell_of_tasks

ADMIN = Principal(admin=True)
STRANGER = Principal(subject="stranger")
HOUR_MS = 3600 * 1000


class Desk(RuleBasedArbiter):
    """Goes by the rules, and takes `desk` in an audience for whoever opened the session."""

    name = ""

    def resolve_stranger(self, state: HubState, envelope: Envelope, stranger_id: str) -> tuple[str, ...] | None:
        return (get_session(state, envelope.session_id).creator_id,) if stranger_id == "desk" else None


ADAPTERS = (*BUILT_IN, Gathering())
ARBITER = Desk()
TIGHT = HubConfig(
    adapters=ADAPTERS,
    remote_agents=True,
    arbiter=ARBITER,
    limits=Limits(
        skill_chars=100,
        capabilities=3,
        key_ms=HOUR_MS,
        observed_tasks=2,
        tick_entries=2,
        refusals=50,
        refusal_bytes=300,
    ),
)
ROOMY = HubConfig(adapters=ADAPTERS, remote_agents=True, arbiter=ARBITER, limits=Limits(key_ms=3 * HOUR_MS, tick_entries=1))


def agent(name: str, **passport: object) -> Register:
    """A registration with nothing but a name, and what else is said of the passport."""
    return Register(passport=changed(Passport(name=name), **passport), resume=Resume())


def a_text(session_id: str, sender_id: str, text: str, **more: object) -> Envelope:
    """A text to be posted, and what else is said of the envelope."""
    return changed(Envelope(session_id, sender_id, EV_TEXT, {"text": text}), **more)


def owner_of(subject: str, *agent_ids: str, globs: tuple[str, ...] = ()) -> Principal:
    """A principal that acts for these agents and may register names of these globs."""
    return Principal(subject=subject, agent_ids=agent_ids, may_register=globs)


class RecordedHub:
    """A hub, its configuration and its log. Every request comes a second after the one before, unless it says when."""

    def __init__(self, config: HubConfig = TIGHT, hub_id: str = "demo", *, started: bool = True) -> None:
        self.config = config
        self.state = HubState(hub_id)
        self.commits: list[Commit] = []
        self.states = [self.state]
        """The state before the first commit, and after each."""
        self.now_ms = 0
        if started:
            self.ask(Start())

    def ask(self, command: Command, principal: Principal = ADMIN, now_ms: int | None = None) -> Step:
        """Ask for something."""
        self.now_ms = self.now_ms + 1000 if now_ms is None else now_ms
        arrival = Arrival(principal=principal, command=command, now_ms=self.now_ms, ref=f"r{self.now_ms}")
        taken = step(self.config, self.state, arrival)
        self.state = taken.state
        if taken.commit is not None:
            self.commits.append(taken.commit)
            self.states.append(self.state)
        return taken

    def tick(self, now_ms: int) -> None:
        """Let happen what is due up to a time."""
        while (due_ms := next_deadline(self.state)) is not None and due_ms <= now_ms:
            self.ask(Tick(), now_ms=now_ms)

    def open(self, command: OpenSession, principal: Principal = ADMIN) -> str:
        """Open a session that must be accepted; gives its id."""
        session = answer(self.ask(command, principal))
        assert isinstance(session, Session)
        return session.session_id

    def say(self, session_id: str, sender_id: str, text: str, principal: Principal = ADMIN, **more: object) -> str:
        """Post a text that must be accepted; gives the envelope's id."""
        word = answer(self.ask(Post(envelope=a_text(session_id, sender_id, text, **more)), principal))
        assert isinstance(word, Envelope)
        return word.envelope_id

    def register(self, command: Register, principal: Principal = ADMIN) -> str:
        """Register an agent that must be accepted; gives its id."""
        passport = answer(self.ask(command, principal))
        assert isinstance(passport, Passport)
        assert passport.agent_id is not None
        return passport.agent_id

    def committed(self, command: Command, principal: Principal = ADMIN) -> Commit:
        """Ask for something that must make a commit; gives it."""
        commit = self.ask(command, principal).commit
        assert commit is not None
        return commit

    @property
    def log(self) -> Log:
        """All commits so far."""
        return Log(self.state.hub_id, tuple(self.commits))


def answer(taken: Step) -> object:
    """The value of an answer that must be no refusal."""
    reply = taken.effects[0]
    assert isinstance(reply, Reply), reply
    return reply.value


def refusal(taken: Step) -> ErrorRecord:
    """The refusal of an answer that must be one."""
    refuse = taken.effects[0]
    assert isinstance(refuse, Refuse), refuse
    return refuse.error


# --- stories


def small_log() -> Log:
    """A few commits: facts, marks, and refusals kept whole and cut."""
    hub = RecordedHub()
    alice = hub.register(agent("alice"))
    hub.ask(Attach(agent_id=alice, link="l1"))
    hub.ask(Tick(), STRANGER)
    hub.ask(SetSkill(agent_id=alice, skill_md="x" * 400))
    return hub.log


def whole_story() -> RecordedHub:
    """Every command, every fact, and every refusal a hub has reason for; the state at the end holds something of all."""
    hub = RecordedHub(started=False)
    ask = hub.ask
    ask(agent("early"))
    ask(Start())
    alice = hub.register(full_registration())
    bob = hub.register(
        Register(passport=Passport(name="bob"), resume=Resume(), skill_md="be kind", idempotency_key="kb"),
        owner_of("b", globs=("team-*", "b*", "bob")),
    )
    claim = {"url": "https://example.org/far"}
    far = hub.register(agent("far", kind="remote_agent", hub_id="elsewhere", auth=Auth(scheme="a2a", claim=claim)))
    gone = hub.register(agent("gone", kind="human"))
    as_bob = owner_of("b", bob, "demo:a:c999", globs=("bob",))

    # what changes nothing makes no commit
    ask(full_registration())
    ask(Register(passport=Passport(name="bob"), resume=Resume(), skill_md="be kind", idempotency_key="kb"), as_bob)
    ask(SetSkill(agent_id=bob, skill_md="be kind"), as_bob)

    # every refusal
    ask(Tick(), STRANGER)
    ask(agent("eve"), owner_of("c", globs=("team-*",)))
    ask(SetSkill(agent_id=alice, skill_md="mine now"), as_bob)
    ask(agent("near", auth=Auth(claim={"token": "secret"})), owner_of("c", globs=("team-*",)))
    ask(agent("farther", kind="remote_agent"), owner_of("b", far, globs=("far*",)))
    ask(Attach(agent_id=far, link="l0"))
    ask(agent("demo:a:b12"))
    ask(agent("no*star"))
    ask(agent("bob"), as_bob)
    ask(
        Register(passport=Passport(name="bob"), resume=Resume(), skill_md="be cruel", idempotency_key="kb"),
        owner_of("b", globs=("bob",)),
    )
    ask(Unregister(agent_id="demo:a:c999"))
    ask(SetSkill(agent_id=bob, skill_md="too long " * 100), as_bob)
    ask(RecordObservation(owner_id=bob, capability="ask", outcome=TaskState.RUNNING), as_bob)

    # every change
    ask(agent("farther", kind="remote_agent"), owner_of("b", far, bob, globs=("far*",)))
    ask(SetResume(agent_id=bob, resume=Resume(claimed_capabilities=("sum",), summary="Sums \u2211 up.", version=7)), as_bob)
    ask(SetRule(agent_id=bob, rule=Rule(limits=RuleLimits(task_ttl_default=90, inbox=Inbox(overflow="drop_oldest")))), as_bob)
    ask(SetSkill(agent_id=bob, skill_md="be very kind"), as_bob)
    ask(SetSkill(agent_id=alice, skill_md=None))
    outcomes = (TaskState.COMPLETED, TaskState.FAILED, TaskState.EXPIRED, TaskState.CANCELLED)
    for at, outcome in enumerate(outcomes):
        ask(RecordObservation(owner_id=bob, capability="sum", outcome=outcome, latency_ms=10 * at, task_id=f"t{at}"), as_bob)
    ask(RecordObservation(owner_id=bob, capability="ask", outcome=TaskState.COMPLETED), as_bob)
    ask(Attach(agent_id=bob, link="l1"), as_bob)
    ask(Attach(agent_id=bob, link="l2"), as_bob)
    ask(Attach(agent_id=alice, link="l3"))
    ask(Detach(agent_id=bob, link="l2"))
    ask(Unregister(agent_id=gone), owner_of("", gone))

    # a run under other limits: keys are kept longer, so what comes up is armed again; then they are forgotten
    hub.config = ROOMY
    ask(Start())
    ask(Tick(), now_ms=hub.now_ms + 2 * HOUR_MS)
    ask(Tick(), now_ms=hub.now_ms + 2 * HOUR_MS)
    ask(Register(passport=Passport(name="carol"), resume=Resume(), idempotency_key="kc"))
    carol = find_agent_id(hub.state, "carol") or ""
    ask(Attach(agent_id=carol, link="l4"))
    ask(Detach(agent_id=carol, link="l4"), STRANGER)
    tell_of_sessions(hub)
    return hub


def tell_of_sessions(hub: RecordedHub) -> None:
    """The part of the story in which alice, bob, carol and far talk; sessions, deliveries and a dead letter are left."""
    alice, bob, carol, far = [find_agent_id(hub.state, name) or "" for name in ("alice", "bob", "carol", "far")]
    tell_of_a_consulting(hub, alice, bob)
    tell_of_a_gathering(hub, alice, bob, carol, far)
    tell_of_what_goes_on(hub, alice, bob, carol, far)


def tell_of_a_consulting(hub: RecordedHub, alice: str, bob: str) -> None:
    """One session from its opening to its end, and retries of what was said in it."""
    ask, as_alice, as_bob = hub.ask, owner_of("", alice), owner_of("b", bob, "demo:a:c999")
    ask(Attach(agent_id=bob, link="l5"), as_bob)
    consult = OpenSession(
        creator_id=alice,
        type="consulting",
        participants=(bob,),
        labels={"case": "7"},
        intent="Why \u2211?",
        ttl="1d",
        expectations=(Expectation("max_silence", "audit", {"seconds": 60}),),
        idempotency_key="ko",
    )
    session_id = hub.open(consult, as_alice)
    ask(consult, as_alice)
    ask(AnswerInvite(session_id=session_id, agent_id=bob, accept=True), as_bob)
    question = a_text(session_id, alice, "Why?", audience=(bob,), idempotency_key="q", trace_id="tr", priority="urgent")
    ask(Post(envelope=question), as_alice)
    ask(Post(envelope=question), as_alice)
    ask(Post(envelope=changed(question, idempotency_key=None)), as_alice)
    ask(Ack(agent_id=bob, numbers=(1, 2, 2, 99)), as_bob)
    cause = hub.state.mailboxes[bob].owed[3].envelope_id
    hub.say(session_id, bob, "Because.", as_bob, causation_id=cause, ttl_seconds=3600, task_id="t")
    ask(Post(envelope=question), as_alice)
    ask(Post(envelope=changed(question, idempotency_key="late")), as_alice)


def tell_of_a_gathering(hub: RecordedHub, alice: str, bob: str, carol: str, far: str) -> None:
    """Some come, some go, some do not hear; what cannot be delivered is given up, and the session falls asleep."""
    ask, as_alice, as_bob = hub.ask, owner_of("", alice), owner_of("b", bob)
    due_ms = hub.now_ms + HOUR_MS
    gather = OpenSession(
        creator_id=alice, type="gathering", participants=(alice, bob, far), knobs={"due_ms": due_ms}, required_acks=1
    )
    session_id = hub.open(gather, as_alice)
    ask(AnswerInvite(session_id=session_id, agent_id=bob, accept=True), as_bob)
    ask(AnswerInvite(session_id=session_id, agent_id=far, accept=False, reason="no time"))
    ask(Invite(session_id=session_id, agent_id=alice, participants=(carol, far)), as_alice)
    ask(AnswerInvite(session_id=session_id, agent_id=carol, accept=True))
    ask(AnswerInvite(session_id=session_id, agent_id=far, accept=True))
    hub.say(session_id, alice, "Hello.", as_alice)
    ask(SetRule(agent_id=bob, rule=Rule(access=Access(inbound_from=("carol",)))), as_bob)
    ask(SetRule(agent_id=carol, rule=Rule(limits=RuleLimits(inbox=Inbox(max_pending=1, overflow="drop_oldest")))))
    hub.say(session_id, alice, "Hello?", as_alice)
    ask(SetRule(agent_id=carol, rule=Rule(limits=RuleLimits(inbox=Inbox(max_pending=1)))))
    ask(Post(envelope=a_text(session_id, alice, "Hello!")), as_alice)
    number = max(hub.state.mailboxes[carol].owed)
    for _ in range(5):
        ask(Nack(agent_id=carol, number=number, reason="crashed"))
        hub.tick(hub.now_ms + 60_000)
    ask(Resend(agent_id=carol, number=number))
    number = max(hub.state.mailboxes[far].owed)
    ask(ForwardDone(agent_id=far, number=number - 1))
    for _ in range(5):
        ask(ForwardFailed(agent_id=far, number=number))
        hub.tick(hub.now_ms + 60_000)
    ask(RemoveParticipant(session_id=session_id, agent_id=alice, participant_id=carol), as_alice)
    ask(Leave(session_id=session_id, agent_id=far, reason="bored"))
    hub.tick(due_ms)
    ask(Post(envelope=a_text(session_id, alice, "Still here?")), as_alice)
    ask(Start())
    ask(CloseSession(session_id=session_id, reason="stuck"))


def tell_of_what_goes_on(hub: RecordedHub, alice: str, bob: str, carol: str, far: str) -> None:
    """Sessions that are live at the end, with something owed and something waited for."""
    ask, as_alice, as_bob = hub.ask, owner_of("", alice), owner_of("b", bob)
    ask(Attach(agent_id=bob, link="l6"), as_bob)
    ask(SetRule(agent_id=carol, rule=Rule(limits=RuleLimits(rate=Rate(per_minute=30, burst=1)))))
    session_id = hub.open(OpenSession(creator_id=bob, type="conversation", participants=(carol,), ttl=0), as_bob)
    ask(AnswerInvite(session_id=session_id, agent_id=carol, accept=True))
    hub.say(session_id, carol, "One \u2211.")
    hub.say(session_id, bob, "Two.", as_bob, idempotency_key="two")
    ask(Nack(agent_id=bob, number=max(hub.state.mailboxes[bob].owed)), as_bob)
    gather = OpenSession(creator_id=alice, type="gathering", participants=(far,), parent_session_id=session_id)
    hub.open(gather, as_alice)
    hub.say(session_id, carol, "Three.", audience=("desk",), idempotency_key="three")
    ask(Post(envelope=a_text(session_id, carol, "Four.")))
    tell_of_tasks(hub, session_id, bob, carol)


def full_registration() -> Register:
    """A registration in which every field says something."""
    return Register(
        passport=Passport(
            name="alice",
            owner="Alice's lab",
            provider="anthropic",
            model="m",
            region="eu",
            cost=Cost(input_per_mtok=3, output_per_mtok=15.5, latency_tier="low"),
            auth=Auth(scheme="key", issuer="lab", audience="hub", key_fingerprint="ab:cd"),
            kind="agent",
            version=3,
        ),
        resume=Resume(
            claimed_capabilities=("ask", "sum"),
            domains=("maths",),
            summary="Asks, and sums.",
            examples=(Example(title="Summed", outcome="42", task_id="t", session_id="s", when="1999", note="well"),),
        ),
        rule=Rule(limits=RuleLimits(max_concurrent_sessions=3, session_ttl_default="1d")),
        skill_md="---\nname: alice\n---\nAsk.",
        idempotency_key="ka",
    )


def crowded_hub(agents: int) -> RecordedHub:
    """A hub with so many agents, links, keys and refused subjects that the order of its maps is nobody's guess."""
    hub = RecordedHub(HubConfig())
    for at in range(agents):
        claims = Resume(claimed_capabilities=(f"c{at % 7}", f"c{at % 5}"), summary=f"agent {at}")
        key = f"k{at}" if at % 3 else None
        agent_id = hub.register(Register(passport=Passport(name=f"agent-{at}"), resume=claims, idempotency_key=key))
        hub.ask(Tick(), Principal(subject=f"subject-{at % 11}"))
        if at % 2:
            hub.ask(Attach(agent_id=agent_id, link=f"link-{at}"))
    return hub


# --- forgeries


@dataclass(frozen=True)
class Forged:
    """What is put in the place of what one commit recorded."""

    facts: tuple[Fact, ...] = ()
    refusal: ErrorRecord | None = None
    command: Command | None = None


def forge(log: Log, seq: int, how: Callable[[Commit], Forged]) -> Log:
    """A log in which one commit tells otherwise, chained again from there on, so that the chain knows nothing of it."""

    def told(commit: Commit) -> Commit:
        if commit.seq != seq:
            return commit
        told = how(commit)
        command = told.command or commit.command
        assert not isinstance(command, CutCommand)
        return make_commit(
            hub_id=log.hub_id,
            head=commit.chain,
            seq=commit.seq,
            now_ms=commit.now_ms,
            actor=commit.actor,
            command=command,
            facts=told.facts,
            refusal=told.refusal,
            refusal_bytes=1000,
        )

    return rechained(log, map(told, log.commits))


def with_payload(log: Log, seq: int, payload: bytes) -> Log:
    """A log in which one commit has another payload, chained again from there on."""
    commits = (changed(commit, payload=payload) if commit.seq == seq else commit for commit in log.commits)
    return rechained(log, commits)


def rechained(log: Log, commits: Iterable[Commit]) -> Log:
    """A log of these commits, whatever they were chained to before."""
    chain: list[Commit] = []
    head = log.base_head
    for seq, commit in enumerate(commits, start=log.base_seq + 1):
        length = len(commit.payload)
        previous = head
        head = chained(log.hub_id, head, seq, commit.form, codec.digest(commit.payload), length)
        chain.append(changed(commit, previous=previous, chain=head))
    return changed(log, commits=tuple(chain))
