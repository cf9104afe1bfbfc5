"""The hub of agents as a plain program would have it: dicts that change, no facts, no folds. What the real one is held against.

A time, an agent's id and the place in the log are given to it; what is refused, what changes and what comes of it, it says
itself.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, assert_never

from foldhub_core import (
    Attach,
    Detach,
    HubState,
    Limits,
    Principal,
    RecordObservation,
    Register,
    Resume,
    Rule,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    Tick,
    Unregister,
    get_agent,
    get_resume,
    get_rule,
    get_skill,
    link_of,
    name_to_id_map,
    next_deadline,
    subject_of,
)

NAMES = {
    "alice": None,
    "bob": None,
    "team-1": None,
    "zo\u00eb": None,
    "": "malformed",
    " bob": "malformed",
    "b*": "malformed",
    "tab\there": "malformed",
    "n" * 129: "malformed",
    "demo:a:b12": "protocol_error",
    "other:t:a1-a2": "protocol_error",
}
"""Names to be registered, and how a hub refuses them."""

FINAL = ("completed", "failed", "expired", "cancelled")


AgentCommand = Start | Tick | Register | Unregister | SetResume | SetRule | SetSkill | RecordObservation | Attach | Detach
"""The commands over agents, which are all that this model knows of."""


class Outcome(NamedTuple):
    """What a request comes to."""

    refusal: str | None
    changes: bool


MADE = Outcome(None, True)
NOTHING = Outcome(None, False)


def refused(code: str) -> Outcome:
    return Outcome(code, False)


@dataclass
class ModelAgent:
    """An agent and everything said of it."""

    name: str
    subject: str
    kind: str
    created_at_ms: int
    claims: dict[str, Any]
    rule: dict[str, Any]
    skill: str | None
    key: tuple[str, Any] | None
    due_ms: int | None
    resume_version: int = 1
    updated_ms: int | None = None
    rule_version: int = 1
    skill_version: int = 1
    observed: dict[str, dict[str, int]] = field(default_factory=dict)
    latencies: dict[str, list[int]] = field(default_factory=dict)
    tasks: list[str] = field(default_factory=list)
    link: str | None = None

    def view(self) -> dict[str, Any]:
        observed = {
            capability: {**counts, "p50_latency_ms": median(self.latencies.get(capability, []))}
            for capability, counts in self.observed.items()
        }
        return {
            "subject": self.subject,
            "kind": self.kind,
            "created_at_ms": self.created_at_ms,
            "claims": self.claims,
            "observed": observed,
            "resume": (self.resume_version, self.updated_ms),
            "rule": (self.rule, self.rule_version),
            "skill": None if self.skill is None else (self.skill, self.skill_version),
            "link": self.link,
        }


def median(latencies: list[int]) -> int | None:
    last = sorted(latencies[-64:])
    if not last:
        return None
    return (last[(len(last) - 1) // 2] + last[len(last) // 2]) // 2


def claims_of(resume: Resume) -> dict[str, Any]:
    return {"claimed": list(resume.claimed_capabilities), "domains": list(resume.domains), "summary": resume.summary}


def rule_of(rule: Rule) -> dict[str, Any]:
    return {"inbound_from": list(rule.access.inbound_from), "ttl": rule.limits.session_ttl_default}


class Model:
    """A hub in which nobody opens a session."""

    def __init__(self) -> None:
        self.limits = Limits()
        self.started = False
        self.now_ms = 0
        self.agents: dict[str, ModelAgent] = {}
        self.gone: set[str] = set()
        self.window = 0
        self.recorded: dict[str, int] = {}

    # --- what a request comes to

    def take(self, principal: Principal, command: AgentCommand, now_ms: int, limits: Limits, new_id: str) -> Outcome:
        """Take a request; `limits` are those that a `Start` would set, `new_id` what a registration would make."""
        now_ms = max(self.now_ms, now_ms)
        outcome = self._decide(principal, command, now_ms, limits, new_id)
        if outcome.refusal is not None:
            outcome = Outcome(outcome.refusal, self._count_refusal(principal.subject, now_ms))
        if outcome.changes:
            self.now_ms = now_ms
        return outcome

    def _count_refusal(self, subject: str, now_ms: int) -> bool:
        """Whether the refusal is recorded."""
        window = now_ms // self.limits.refusal_window_ms
        recorded = self.recorded if window == self.window else {}
        if recorded.get(subject, 0) >= self.limits.refusals:
            return False
        self.window = window
        self.recorded = {**recorded, subject: recorded.get(subject, 0) + 1}
        return True

    def _decide(self, principal: Principal, command: AgentCommand, now_ms: int, limits: Limits, new_id: str) -> Outcome:
        if not principal.admin:
            if isinstance(command, Start | Tick | Detach):
                return refused("access_denied")
            if not isinstance(command, Register) and self._acting(command) not in principal.agent_ids:
                return refused("access_denied")
        if not self.started and not isinstance(command, Start):
            return refused("unavailable")
        match command:
            case Start():
                self.started = True
                self.limits = limits
                for each in self.agents.values():
                    each.link = None
                    if each.due_ms is not None:
                        each.due_ms = min(each.due_ms, each.created_at_ms + limits.key_ms)
                return MADE
            case Tick():
                return self._tick(now_ms)
            case Register():
                return self._register(principal, command, now_ms, new_id)
            case Unregister():
                if command.agent_id in self.gone:
                    return NOTHING
                if self.agents.pop(command.agent_id, None) is None:
                    return refused("not_found")
                self.gone.add(command.agent_id)
                return MADE
            case Detach():
                known = self.agents.get(command.agent_id)
                if known is None or known.link != command.link:
                    return NOTHING
                known.link = None
                return MADE
            case Attach() | SetResume() | SetRule() | SetSkill() | RecordObservation():
                agent = self.agents.get(self._acting(command))
                if agent is None:
                    return refused("not_found")
                return self._change(agent, command, now_ms)
            case _:
                assert_never(command)

    def _acting(self, command: AgentCommand) -> str:
        if isinstance(command, RecordObservation):
            return command.owner_id
        assert not isinstance(command, Start | Tick | Register)
        return command.agent_id

    def _register(self, principal: Principal, command: Register, now_ms: int, new_id: str) -> Outcome:
        passport, resume, key = command.passport, command.resume, command.idempotency_key
        if not principal.admin and not any(fnmatchcase(passport.name, glob) for glob in principal.may_register):
            return refused("access_denied")
        body = (passport.owner, passport.kind, claims_of(resume), rule_of(command.rule), command.skill_md, key)
        taken = next((agent for agent in self.agents.values() if agent.name == passport.name), None)
        if taken is not None:
            owner = principal.admin or taken.subject == principal.subject
            if not owner or key is None or taken.key is None or taken.key[0] != key:
                return refused("protocol_error")
            return NOTHING if taken.key[1] == body else refused("key_conflict")
        own = [self.agents[one] for one in principal.agent_ids if one in self.agents]
        if passport.kind == "remote_agent" and not principal.admin and all(one.kind == "remote_agent" for one in own):
            return refused("access_denied")
        code = "malformed" if len(passport.name) > self.limits.name_chars else NAMES[passport.name]
        if code is not None:
            return refused(code)
        if self._is_too_large(resume) or len(command.skill_md or "") > self.limits.skill_chars:
            return refused("malformed")
        if len(key or "") > self.limits.short_text_chars:
            return refused("malformed")
        self.agents[new_id] = ModelAgent(
            name=passport.name,
            subject=principal.subject,
            kind=passport.kind or "agent",
            created_at_ms=now_ms,
            claims=claims_of(resume),
            rule=rule_of(command.rule),
            skill=command.skill_md,
            key=None if key is None else (key, body),
            due_ms=None if key is None else now_ms + self.limits.key_ms,
        )
        return MADE

    def _is_too_large(self, resume: Resume) -> bool:
        return (
            len(resume.claimed_capabilities) > self.limits.capabilities
            or any(len(claimed) > self.limits.short_text_chars for claimed in resume.claimed_capabilities)
            or len(resume.summary) > self.limits.summary_chars
        )

    def _change(
        self, agent: ModelAgent, command: Attach | SetResume | SetRule | SetSkill | RecordObservation, now_ms: int
    ) -> Outcome:
        match command:
            case Attach():
                if len(command.link) > self.limits.short_text_chars:
                    return refused("malformed")
                if agent.kind == "remote_agent":
                    return refused("protocol_error")
                if agent.link == command.link:
                    return NOTHING
                agent.link = command.link
            case SetResume():
                if agent.claims == claims_of(command.resume):
                    return NOTHING
                if self._is_too_large(command.resume):
                    return refused("malformed")
                agent.claims = claims_of(command.resume)
                agent.resume_version += 1
                agent.updated_ms = now_ms
            case SetRule():
                if agent.rule == rule_of(command.rule):
                    return NOTHING
                agent.rule = rule_of(command.rule)
                agent.rule_version += 1
            case SetSkill():
                if agent.skill == command.skill_md:
                    return NOTHING
                if len(command.skill_md or "") > self.limits.skill_chars:
                    return refused("malformed")
                agent.skill_version = 1 if agent.skill is None else agent.skill_version + 1
                agent.skill = command.skill_md
            case RecordObservation():
                return self._observe(agent, command, now_ms)
            case _:
                assert_never(command)
        return MADE

    def _observe(self, agent: ModelAgent, command: RecordObservation, now_ms: int) -> Outcome:
        outcome = command.outcome.value
        if outcome not in FINAL:
            return refused("protocol_error")
        if command.task_id is not None and command.task_id in agent.tasks:
            return NOTHING
        if max(len(command.capability), len(command.task_id or "")) > self.limits.short_text_chars:
            return refused("malformed")
        if command.capability not in agent.observed and len(agent.observed) >= self.limits.capabilities:
            return refused("malformed")
        counts = agent.observed.setdefault(command.capability, {"n": 0, **dict.fromkeys(FINAL, 0)})
        counts["n"] += 1
        counts[outcome] += 1
        if command.latency_ms is not None:
            agent.latencies.setdefault(command.capability, []).append(command.latency_ms)
        if command.task_id is not None:
            agent.tasks = [*agent.tasks, command.task_id][-self.limits.observed_tasks :]
        agent.resume_version += 1
        agent.updated_ms = now_ms
        return MADE

    def _tick(self, now_ms: int) -> Outcome:
        due = sorted((agent.due_ms, agent_id) for agent_id, agent in self.agents.items() if agent.due_ms is not None)
        came_up = [agent_id for due_ms, agent_id in due if due_ms <= now_ms][: self.limits.tick_entries]
        for agent_id in came_up:
            agent = self.agents[agent_id]
            ends_ms = agent.created_at_ms + self.limits.key_ms
            agent.key, agent.due_ms = (None, None) if ends_ms <= now_ms else (agent.key, ends_ms)
        return MADE if came_up else NOTHING

    # --- what there is

    def view(self) -> dict[str, Any]:
        due = [agent.due_ms for agent in self.agents.values() if agent.due_ms is not None]
        return {
            "now_ms": self.now_ms,
            "next deadline": min(due, default=None),
            "agents": {agent.name: (agent_id, agent.view()) for agent_id, agent in self.agents.items()},
        }


def view_of(state: HubState) -> dict[str, Any]:
    """The same view of the real hub, by its questions."""
    return {
        "now_ms": state.now_ms,
        "next deadline": next_deadline(state),
        "agents": {name: (agent_id, _agent_view(state, agent_id)) for name, agent_id in name_to_id_map(state).items()},
    }


def _agent_view(state: HubState, agent_id: str) -> dict[str, Any]:
    passport, resume = get_agent(state, agent_id), get_resume(state, agent_id)
    rule, skill = get_rule(state, agent_id), get_skill(state, agent_id)
    observed = {
        capability: {
            "n": stat.n,
            "completed": stat.completed,
            "failed": stat.failed,
            "expired": stat.expired,
            "cancelled": stat.cancelled,
            "p50_latency_ms": stat.p50_latency_ms,
        }
        for capability, stat in resume.observed.items()
    }
    return {
        "subject": subject_of(state, agent_id),
        "kind": passport.effective_kind,
        "created_at_ms": passport.created_at_ms,
        "claims": claims_of(resume),
        "observed": observed,
        "resume": (resume.version, resume.last_updated_ms),
        "rule": (rule_of(rule), rule.version),
        "skill": None if skill is None else (skill.text, skill.version),
        "link": link_of(state, agent_id),
    }
