"""A hub driven by hand: it steps one arrival after another and keeps the log, and checks what holds of every step."""

from typing import Any

from foldhub_core import (
    Arrival,
    Command,
    Commit,
    Effect,
    HubConfig,
    HubState,
    Limits,
    Log,
    Passport,
    Principal,
    Refuse,
    Register,
    Reply,
    Resume,
    Rule,
    Start,
    Step,
    Tick,
    next_deadline,
    read_log,
    replay,
    step,
    verify,
    write_log,
)

ADMIN = Principal(admin=True)
HUB_ID = "demo"
NOWHERE = "demo:a:c999"
"""An id of the right shape that no test's hub has issued."""


class Hub:
    """One hub with its log and a clock that moves by a millisecond with every command, or as it is told."""

    def __init__(self, limits: Limits | None = None, *, started: bool = True, remote_agents: bool = False) -> None:
        self.config = HubConfig(limits=limits or Limits(), remote_agents=remote_agents)
        self.state = HubState(HUB_ID)
        self.log: list[Commit] = []
        self.now_ms = 0
        if started:
            self.value(ADMIN, Start())

    def step(self, principal: Principal, command: Command, now_ms: int | None = None) -> Step:
        """Take a command in and keep what came of it."""
        self.now_ms = self.now_ms + 1 if now_ms is None else now_ms
        ref = f"r{self.now_ms}"
        result = step(
            self.config,
            self.state,
            Arrival(principal=principal, command=command, now_ms=self.now_ms, ref=ref),
        )
        answer = result.effects[0]
        assert isinstance(answer, Reply | Refuse), "the answer comes first"
        assert answer.ref == ref
        if result.commit is None:
            assert result.state is self.state, "without a commit nothing changes"
        else:
            assert result.commit.seq == result.state.seq == self.state.seq + 1
            self.log.append(result.commit)
        self.state = result.state
        return result

    def ask(self, principal: Principal, command: Command, now_ms: int | None = None) -> tuple[Effect, ...]:
        """Ask for a command; gives the effects, the answer first."""
        return self.step(principal, command, now_ms).effects

    def value(self, principal: Principal, command: Command, now_ms: int | None = None) -> Any:
        """Ask for what must be granted; gives the value of the answer."""
        answer = self.ask(principal, command, now_ms)[0]
        assert isinstance(answer, Reply), f"refused: {answer}"
        return answer.value

    def refused(self, principal: Principal, command: Command, now_ms: int | None = None) -> str:
        """Ask for what must be refused; gives the code of the refusal."""
        effects = self.ask(principal, command, now_ms)
        (answer,) = effects
        assert isinstance(answer, Refuse), f"granted: {answer}"
        return answer.error.code

    def quiet(self, principal: Principal, command: Command, now_ms: int | None = None) -> Any:
        """Ask for what must be granted without changing anything; gives the value of the answer."""
        commits = len(self.log)
        value = self.value(principal, command, now_ms)
        assert len(self.log) == commits, f"committed {self.log[-1].facts}"
        return value

    def register(self, name: str, *, by: Principal = ADMIN, now_ms: int | None = None, **fields: Any) -> str:
        """Register an agent of this name; gives its id. The fields are those of `Register` and `Passport`."""
        passport: Passport = self.value(by, registration(name, **fields), now_ms)
        assert passport.agent_id is not None
        return passport.agent_id

    def tick_until_rest(self, now_ms: int) -> int:
        """Feed ticks until nothing is due any more; gives how many made a commit."""
        commits = len(self.log)
        while (due_ms := next_deadline(self.state)) is not None and due_ms <= now_ms:
            before = self.state
            self.value(ADMIN, Tick(), now_ms)
            assert self.state is not before, "a tick that was due did something"
        return len(self.log) - commits

    def check_log(self) -> None:
        """Check that the log, read back from its bytes, leads to this state and is decided again alike."""
        log = read_log(write_log(Log(HUB_ID, tuple(self.log))))
        assert replay(self.config, log.commits, HubState(HUB_ID)) == self.state
        assert list(verify(self.config, log.commits, HubState(HUB_ID))) == []


def registration(name: str, **fields: Any) -> Register:
    """A registration under this name. The fields are those of `Register` and `Passport`."""
    of_register = {key: fields.pop(key) for key in ("resume", "rule", "skill_md", "idempotency_key") if key in fields}
    of_register.setdefault("resume", Resume())
    of_register.setdefault("rule", Rule())
    return Register(passport=Passport(name, **fields), **of_register)


def owner(subject: str, *agent_ids: str, may_register: tuple[str, ...] = ("*",)) -> Principal:
    """Somebody who is not the administrator."""
    return Principal(subject=subject, agent_ids=agent_ids, may_register=may_register)
