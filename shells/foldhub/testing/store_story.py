"""The log that stores are tried with: a short life of a hub in which everything happens that a store lists."""

from functools import cache

from foldhub_core import (
    EV_TEXT,
    HUB_SESSION,
    Actor,
    AnswerInvite,
    Arrival,
    Attach,
    CloseSession,
    Command,
    Commit,
    Envelope,
    HubConfig,
    HubState,
    Nack,
    OpenSession,
    Passport,
    Post,
    Principal,
    Register,
    Reply,
    Resend,
    Resume,
    Session,
    SetSkill,
    Start,
    Tick,
    Unregister,
    changed,
    find_agent_id,
    next_deadline,
    step,
)
from foldhub_core.commits import make_commit
from foldhub_core.ids import make_id

HUB_ID = "demo"
_ADMIN = Principal(admin=True)


class Teller:
    """A hub that is told one command after another, a second apart, and keeps its commits."""

    def __init__(self, hub_id: str = HUB_ID) -> None:
        self.config = HubConfig()
        self.state = HubState(hub_id)
        self.commits: list[Commit] = []
        self.now_ms = 0

    def ask(self, command: Command, principal: Principal = _ADMIN) -> object:
        """Ask for something; gives the value of the answer, or the refusal."""
        self.now_ms += 1000
        while (due_ms := next_deadline(self.state)) is not None and due_ms <= self.now_ms:
            self._take(Arrival(principal=_ADMIN, command=Tick(), now_ms=due_ms))
        return self._take(Arrival(principal=principal, command=command, now_ms=self.now_ms))

    def _take(self, arrival: Arrival) -> object:
        came = step(self.config, self.state, arrival)
        self.state = came.state
        if came.commit is not None:
            self.commits.append(came.commit)
        answer = came.effects[0]
        return answer.value if isinstance(answer, Reply) else answer

    def say(self, session_id: str, sender_id: str, text: str, causation_id: str | None = None) -> str:
        """Say something; gives the envelope's id."""
        word = self.ask(Post(envelope=Envelope(session_id, sender_id, EV_TEXT, {"text": text}, causation_id=causation_id)))
        assert isinstance(word, Envelope), word
        return word.envelope_id

    def open(self, kind: str, creator_id: str, other_id: str) -> str:
        """Open a session of two, who both come; gives its id."""
        session = self.ask(OpenSession(creator_id=creator_id, type=kind, participants=(other_id,)))
        assert isinstance(session, Session), session
        self.ask(AnswerInvite(session_id=session.session_id, agent_id=other_id, accept=True))
        return session.session_id

    def end_task(self, owner_id: str, task_id: str, outcome: str | None) -> None:
        """Commit that a task ended, as a hub would say it; to a store it is a word of the hub like others."""
        state, seq = self.state, self.state.seq + 1
        data = {"task_id": task_id, "outcome": outcome, "session_id": None}
        stamp = (make_id(state.hub_id, "e", seq), self.now_ms, state.hub_words + 1)
        said = changed(Envelope(HUB_SESSION, owner_id, "task.ended", data), **dict(zip(_STAMP, stamp, strict=True)))
        commit = make_commit(state.hub_id, state.head, seq, self.now_ms, Actor("", True, False, None), Tick(), (said,), None, 0)
        self.commits.append(commit)
        self.state = changed(state, seq=seq, head=commit.chain, hub_words=said.number)


_STAMP = ("envelope_id", "created_at_ms", "number")


@cache
def story() -> tuple[Commit, ...]:
    """The commits of the life: refusals, talks that end and one that goes on, causes, dead letters, and one sent again."""
    hub = Teller()
    hub.ask(Start())
    for name in ("alice", "bob", "carol"):
        hub.ask(Register(passport=Passport(name=name), resume=Resume()))
    alice, bob, carol = [find_agent_id(hub.state, name) or "" for name in ("alice", "bob", "carol")]
    hub.ask(Attach(agent_id=bob, link="l"))
    hub.ask(SetSkill(agent_id=alice, skill_md="Not yours."), Principal(subject="stranger"))
    hub.ask(SetSkill(agent_id=alice, skill_md="Asks, and asks \u2211 again."))

    consulting = hub.open("consulting", alice, bob)
    question = hub.say(consulting, alice, "Why?")
    hub.say(consulting, bob, "Because.", question)

    talk = hub.open("conversation", alice, carol)
    first = hub.say(talk, alice, "One.")
    for at in range(3):
        hub.say(talk, carol, f"Answer {at}.", first)
    for number in (min(hub.state.mailboxes[carol].owed), max(hub.state.mailboxes[carol].owed)):
        for _ in range(5):
            hub.ask(Nack(agent_id=carol, number=number, reason="busy"))
            hub.now_ms += 60_000
        hub.ask(Tick())
    hub.ask(Resend(agent_id=carol, number=number))
    hub.ask(CloseSession(session_id=talk, agent_id=alice, reason="enough"))
    hub.ask(Post(envelope=Envelope(talk, alice, EV_TEXT, {"text": "Too late."})))

    short = hub.ask(OpenSession(creator_id=bob, type="conversation", participants=(carol,), ttl=30))
    assert isinstance(short, Session), short
    hub.now_ms += 60_000
    hub.ask(Unregister(agent_id=carol))
    live = hub.open("conversation", bob, alice)
    for at in range(12):
        hub.say(live, (bob, alice)[at % 2], f"Word {at}.")
    for number, (owner_id, outcome) in enumerate([(alice, "completed"), (bob, "failed"), (alice, None)], start=1):
        hub.end_task(owner_id, f"task-{number}", outcome)
    return tuple(hub.commits)
