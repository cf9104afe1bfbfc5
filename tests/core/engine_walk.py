"""A walk through the engine with a store that ends its appends as a script says, and what must hold on every walk."""

from collections.abc import Iterator

from foldhub_core import (
    Append,
    Arrival,
    Attach,
    Commit,
    Detach,
    Ending,
    Engine,
    HubConfig,
    HubState,
    Log,
    Passport,
    Principal,
    Refuse,
    Register,
    Reply,
    Resume,
    SetSkill,
    Skill,
    Start,
    Tick,
    check_chain,
    replay,
    step,
)

ADMIN = Principal(admin=True)
CONFIG = HubConfig()
LAZY_MS, PAUSE_MS = 5, 20

EVENTS = ("say", "repeat", "lie", "detach", "outcome", "wait", "advance", "durable", "full", "broken")
"""What can happen to an engine: something new is said; something is said again; something is refused; the shell's own command
comes, or comes as an outcome; time passes; the engine is advanced; the append that runs ends in one of three ways."""


def started() -> tuple[HubState, str, tuple[Commit, ...]]:
    """A hub with one agent whose link is `l`, and a key that is due to be forgotten a day later."""
    state, log = HubState("demo"), []
    register = Register(passport=Passport("ann"), resume=Resume(), idempotency_key="k")
    for command in (Start(), register):
        came = step(CONFIG, state, Arrival(principal=ADMIN, command=command, now_ms=1))
        assert came.commit is not None
        state = came.state
        log.append(came.commit)
    return state, "demo:a:a2", tuple(log)


BEGIN, ANN, BEGIN_LOG = started()


class Walk:
    """An engine, the log its scripted store holds, and the answers that were carried out."""

    def __init__(self, inbox: int = 100, batch: int = 3) -> None:
        self.engine = Engine(CONFIG, BEGIN, inbox=inbox, batch=batch, lazy_ms=LAZY_MS, pause_ms=PAUSE_MS)
        self.now_ms = 10
        self.durable: list[Commit] = list(BEGIN_LOG)
        self.running: Append | None = None
        self.broken = False
        self.said = 0
        self.taken: list[str] = []
        """The refs of the inbox's arrivals, in order."""
        self.shells_own: list[str] = []
        self.answers: dict[str, Reply | Refuse] = {}
        self.answered: list[str] = []

    def can(self, event: str) -> bool:
        """Whether the event can happen now."""
        return not self.broken and (event not in ("durable", "full", "broken") or self.running is not None)

    def happen(self, event: str) -> None:
        """Let one event happen, carry the effects out, and check what must hold at every moment."""
        match event:
            case "say":
                self.said += 1
                self.take(SetSkill(agent_id=ANN, skill_md=f"skill {self.said}"))
            case "repeat":
                self.take(Attach(agent_id=ANN, link="l"))
            case "lie":
                self.take(Attach(agent_id="demo:a:a9", link="l"))
            case "detach":
                self.take(Detach(agent_id=ANN, link="l"))
            case "outcome":
                ref = f"o{len(self.shells_own)}"
                self.shells_own.append(ref)
                self.engine.take_outcome(self.arrival(Detach(agent_id=ANN, link="l"), ref))
            case "wait":
                self.now_ms += 3
            case "advance":
                self.advance()
            case _:
                self.end(Ending(event))
        self.carry_out()
        self.check()

    def arrival(self, command: SetSkill | Attach | Detach | Tick, ref: str) -> Arrival:
        return Arrival(principal=ADMIN, command=command, now_ms=self.now_ms, ref=ref)

    def take(self, command: SetSkill | Attach | Detach) -> None:
        ref = f"r{len(self.taken)}"
        if self.engine.take(self.arrival(command, ref)):
            self.taken.append(ref)
            if isinstance(command, Detach):
                self.shells_own.append(ref)

    def advance(self) -> None:
        append = self.engine.advance(self.now_ms)
        if append is not None:
            assert self.running is None, "one append at a time"
            assert append.commits, "an append is asked for when there is something to append"
            self.running = append

    def end(self, ending: Ending) -> None:
        assert self.running is not None
        if ending is Ending.DURABLE:
            self.durable.extend(self.running.commits)
        self.running = None
        self.broken = ending is Ending.BROKEN
        self.engine.ended(ending, self.now_ms)

    def carry_out(self) -> None:
        for effect in self.engine.effects():
            if isinstance(effect, Reply | Refuse):
                assert effect.ref not in self.answers, "an arrival is answered once"
                self.answers[effect.ref] = effect
                self.answered.append(effect.ref)

    def check(self) -> None:
        """What must hold at every moment."""
        assert self.engine.state.head == self.durable[-1].chain, "what is published is durable, and all of it"
        durable_skills = {commit.command.skill_md for commit in self.durable if isinstance(commit.command, SetSkill)}
        for ref, answer in self.answers.items():
            if isinstance(answer, Reply) and isinstance(answer.value, Skill):
                assert answer.value.text in durable_skills, "what is answered is durable"
            if isinstance(answer, Refuse) and answer.error.code == "unavailable":
                assert ref not in self.shells_own, "the shell's own commands are fed again, not refused"

    def finish(self) -> None:
        """Let everything come to rest on a store that works, and check what must hold then."""
        for _ in range(60):
            self.advance()
            self.carry_out()
            if self.running is not None:
                self.end(Ending.DURABLE)
            self.carry_out()
            self.now_ms += LAZY_MS
        self.check()
        assert set(self.answers) == {*self.taken, *self.shells_own}, "every arrival is answered"
        peers = [ref for ref in self.answered if ref not in self.shells_own]
        assert peers == sorted(peers, key=lambda ref: int(ref[1:])), "peers are answered in the order they came"
        check_chain(Log("demo", tuple(self.durable)))
        assert replay(CONFIG, self.durable, HubState("demo")) == self.engine.state, "the log tells the state"


def walks(depth: int) -> Iterator[Walk]:
    """A walk through every order of events up to a depth; what cannot happen ends its branch."""

    def branch(path: tuple[str, ...]) -> Iterator[Walk]:
        walk = Walk()
        for event in path:
            walk.happen(event)
        if walk.broken or len(path) == depth:
            yield walk
            return
        possible = [event for event in EVENTS if walk.can(event)]
        for event in possible:
            yield from branch((*path, event))

    yield from branch(())
