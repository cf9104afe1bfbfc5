"""The registry: who the agents are. Passports, resumes, rules, skills, and what the hub observed.

Its events stand in the hub session. Each tells whole what it changed, so that the command that caused it need not be stored
beside it. What agents claim comes from them; versions, times and the observed track record are the hub's.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from immutables import Map

from . import authorizing, keys
from .access import check_may_register
from .codec import body_hash, from_data, to_data
from .commands import RecordObservation, Register, SetResume, SetRule, SetSkill, Unregister
from .data import INT_MAX
from .directory import NOWHERE, Directory, places_of
from .envelope import (
    EV_AGENT_REGISTERED,
    EV_AGENT_UNREGISTERED,
    EV_OBSERVATION_RECORDED,
    EV_RESUME_SET,
    EV_RULE_SET,
    EV_SKILL_SET,
    Envelope,
)
from .errors import AccessDeniedError, Malformed, NotFoundError, ProtocolError, shown
from .identity import NOTHING_OBSERVED, Passport, Resume, Skill
from .ids import looks_like_id, was_issued
from .limits import Limits, check_count, check_data, check_length
from .records import changed, hot
from .rule import Rule
from .task import TERMINAL_TASK_STATES, TaskState
from .track_record import TrackRecord, observed

if TYPE_CHECKING:
    from .commands import Principal
    from .decision import Decision
    from .state import HubState


@hot
class AgentEntry:
    """What the registry holds of one agent."""

    passport: Passport
    resume: Resume
    rule: Rule
    skill: Skill | None
    subject: str
    """Whom the agent belongs to: the subject that registered it."""
    track_record: TrackRecord = TrackRecord()


@hot
class Registry:
    """All agents, by id and by name, and the directory they are searched in."""

    agents: Map[str, AgentEntry] = Map()
    names: Map[str, str] = Map()
    directory: Directory = Directory()

    @classmethod
    def of(cls, agents: Mapping[str, AgentEntry]) -> "Registry":
        """Build the registry of these agents anew."""
        placed = [places_of(entry.passport, entry.resume) for entry in agents.values()]
        names = {entry.passport.name: agent_id for agent_id, entry in agents.items()}
        return cls(Map(agents), Map(names), Directory.of(placed))

    def with_agent(self, agent_id: str, entry: AgentEntry) -> "Registry":
        """Put an agent in, or put it in anew."""
        before = self.agents.get(agent_id)
        agents = self.agents.set(agent_id, entry)
        if before is None:
            names = self.names.set(entry.passport.name, agent_id)
            return Registry(agents, names, self.directory.moved(NOWHERE, places_of(entry.passport, entry.resume)))
        if before.resume is entry.resume:
            return Registry(agents, self.names, self.directory)
        stood = places_of(before.passport, before.resume)
        return Registry(agents, self.names, self.directory.moved(stood, places_of(entry.passport, entry.resume)))

    def without_agent(self, agent_id: str) -> "Registry":
        """Take an agent out; its name is free."""
        entry = self.agents[agent_id]
        return Registry(
            self.agents.delete(agent_id),
            self.names.delete(entry.passport.name),
            self.directory.moved(places_of(entry.passport, entry.resume), NOWHERE),
        )


# --- decide


def register(decision: "Decision", command: Register) -> Passport:
    """Make an agent, or answer a retry with the one it made."""
    name, state = command.passport.name, decision.state
    check_may_register(decision.principal, name)
    claimed = _as_claimed(command, state.hub_id)
    taken_by = state.registry.names.get(name)
    if taken_by is not None:
        entry = state.registry.agents[taken_by]
        owner = decision.principal.admin or entry.subject == decision.principal.subject
        key = command.idempotency_key
        if owner and key is not None:
            came = keys.answered(state.keys, taken_by, "register", key, lambda: body_hash(claimed))
            if came is not None:
                return entry.passport
        raise ProtocolError(f"expected a free name, came {shown(name)}, which is registered", where="passport.name")
    if claimed.passport.effective_kind == "remote_agent":
        _check_remote(decision)
    _check_registration(state.limits, claimed)
    authorizing.check_register(decision, claimed)
    agent_id = decision.new_id("a")
    hub_id = claimed.passport.hub_id or state.hub_id
    passport = changed(claimed.passport, agent_id=agent_id, hub_id=hub_id, created_at_ms=decision.now_ms)
    told = {"passport": to_data(passport), "resume": to_data(claimed.resume), "rule": to_data(claimed.rule)}
    for part, data in told.items():
        check_data(state.limits, data, part)
    body = "" if claimed.idempotency_key is None else body_hash(claimed).hex()
    more = {"skill_md": claimed.skill_md, "subject": decision.principal.subject, "body": body}
    decision.record_event(agent_id, EV_AGENT_REGISTERED, {**told, **more}, claimed.idempotency_key)
    return passport


def unregister(decision: "Decision", command: Unregister) -> None:
    """End an agent; ending it again changes nothing."""
    state = decision.state
    if command.agent_id not in state.registry.agents and was_issued(state.hub_id, "a", command.agent_id, state.seq):
        return
    entry = agent_entry(state, command.agent_id)
    decision.record_event(command.agent_id, EV_AGENT_UNREGISTERED, {"name": entry.passport.name})


def set_resume(decision: "Decision", command: SetResume) -> Resume:
    """Replace what an agent claims."""
    before = agent_entry(decision.state, command.agent_id).resume
    claims = _claims(command.resume)
    if claims != _claims(before):
        _check_resume(decision.state.limits, command.resume)
        check_data(decision.state.limits, claims, "resume")
        decision.record_event(command.agent_id, EV_RESUME_SET, {"resume": claims})
    return agent_entry(decision.state, command.agent_id).resume


def set_rule(decision: "Decision", command: SetRule) -> Rule:
    """Replace an agent's rule."""
    before = agent_entry(decision.state, command.agent_id).rule
    if changed(command.rule, version=before.version) != before:
        rule = to_data(changed(command.rule, version=1))
        check_data(decision.state.limits, rule, "rule")
        decision.record_event(command.agent_id, EV_RULE_SET, {"rule": rule})
    return agent_entry(decision.state, command.agent_id).rule


def set_skill(decision: "Decision", command: SetSkill) -> Skill | None:
    """Replace or take away an agent's skill text."""
    before = agent_entry(decision.state, command.agent_id).skill
    if command.skill_md != (None if before is None else before.text):
        check_length(command.skill_md or "", decision.state.limits.skill_chars, "skill_md")
        decision.record_event(command.agent_id, EV_SKILL_SET, {"skill_md": command.skill_md})
    return agent_entry(decision.state, command.agent_id).skill


def record_observation(decision: "Decision", command: RecordObservation) -> Resume:
    """Count the end of a task, once."""
    entry = agent_entry(decision.state, command.owner_id)
    if command.outcome not in TERMINAL_TASK_STATES:
        expected = ", ".join(TERMINAL_TASK_STATES)
        raise ProtocolError(f"expected one of {expected}, came {command.outcome.value}", where="outcome")
    if command.task_id is not None and command.task_id in entry.track_record.tasks:
        return entry.resume
    if command.task_id is not None and was_issued(decision.state.hub_id, "t", command.task_id, INT_MAX):
        # Also one of tomorrow: whose end was told before it began would be counted by another's word.
        raise ProtocolError("expected a task that the hub does not observe itself, came an id of its own tasks", where="task_id")
    limits = decision.state.limits
    check_length(command.capability, limits.short_text_chars, "capability")
    check_length(command.task_id or "", limits.short_text_chars, "task_id")
    if command.capability not in entry.resume.observed:
        check_count(len(entry.resume.observed) + 1, limits.capabilities, "observed")
    say_observed(decision, command.owner_id, command.capability, command.outcome, command.latency_ms, command.task_id)
    return agent_entry(decision.state, command.owner_id).resume


def say_observed(
    decision: "Decision", owner_id: str, capability: str, outcome: TaskState, latency_ms: int | None, task_id: str | None
) -> None:
    """Say how a task ended, which counts it."""
    told = {"capability": capability, "outcome": outcome.value, "latency_ms": latency_ms, "task_id": task_id}
    decision.record_event(owner_id, EV_OBSERVATION_RECORDED, told)


def _as_claimed(command: Register, hub_id: str) -> Register:
    """A registration without what only the hub says, so that a retry that carries it is the same request."""
    command = without_secret(command)
    from_elsewhere = command.passport.effective_kind == "remote_agent" and command.passport.hub_id != hub_id
    claimed_hub_id = command.passport.hub_id if from_elsewhere else None
    return changed(
        command,
        passport=changed(command.passport, agent_id=None, hub_id=claimed_hub_id, created_at_ms=None),
        resume=changed(command.resume, observed=NOTHING_OBSERVED, version=1, last_updated_ms=None),
        rule=changed(command.rule, version=1),
    )


def without_secret(command: Register) -> Register:
    """A registration as the log may hold it: the claim of an agent that is no remote one may be its credential."""
    if command.passport.effective_kind == "remote_agent":
        return command
    return changed(command, passport=command.passport.without_claim)


def _check_remote(decision: "Decision") -> None:
    if not decision.config.remote_agents:
        raise AccessDeniedError("expected an agent of this hub, came a remote one, which it does not take", where="passport.kind")
    if not decision.principal.admin and local_owner(decision.state, decision.principal) is None:
        expected = "a principal with an agent of its own that is registered here"
        raise AccessDeniedError(f"expected {expected} for a remote one, came one without", where="passport.kind")


def local_owner(state: "HubState", principal: "Principal") -> str | None:
    """The first of the principal's agents that is registered here and is no remote one, or None."""
    local = (one for one in principal.agent_ids if one in state.registry.agents and not is_remote(state, one))
    return next(local, None)


def _claims(resume: Resume) -> Mapping[str, object]:
    return to_data(changed(resume, observed=NOTHING_OBSERVED, version=1, last_updated_ms=None))


def _check_registration(limits: Limits, command: Register) -> None:
    name = command.passport.name
    check_length(name, limits.name_chars, "passport.name")
    if looks_like_id(name):
        raise ProtocolError(f"expected a name, came {shown(name)}, which looks like an id", where="passport.name")
    if not name or not name.isprintable() or name != name.strip() or any(sign in "*?[]" for sign in name):
        expected = "a name of printable characters without *, ?, [ and ], no space at its ends"
        raise Malformed(f"expected {expected}, came {shown(name)}", where="passport.name")
    _check_resume(limits, command.resume)
    check_length(command.skill_md or "", limits.skill_chars, "skill_md")
    check_length(command.idempotency_key or "", limits.short_text_chars, "idempotency_key")


def _check_resume(limits: Limits, resume: Resume) -> None:
    check_count(len(resume.claimed_capabilities), limits.capabilities, "resume.claimed_capabilities")
    for capability in resume.claimed_capabilities:
        check_length(capability, limits.short_text_chars, "resume.claimed_capabilities")
    check_length(resume.summary, limits.summary_chars, "resume.summary")


# --- fold


def fold_event(state: "HubState", event: Envelope) -> "HubState":
    """Fold one event of the registry."""
    registry, agent_id, data = state.registry, event.sender_id, event.event_data
    state = changed(state, hub_words=event.number)
    if event.event_type == EV_AGENT_REGISTERED:
        return _fold_registered(state, event)
    if event.event_type == EV_AGENT_UNREGISTERED:
        return changed(
            state,
            registry=registry.without_agent(agent_id),
            links=state.links.delete(agent_id) if agent_id in state.links else state.links,
            keys=state.keys.delete(agent_id) if agent_id in state.keys else state.keys,
            mailboxes=state.mailboxes.delete(agent_id) if agent_id in state.mailboxes else state.mailboxes,
            rates=state.rates.delete(agent_id) if agent_id in state.rates else state.rates,
            agenda=state.agenda.disarmed("agent", agent_id),
        )
    entry = registry.agents[agent_id]
    if event.event_type == EV_RESUME_SET:
        claims = from_data(Resume, cast(Mapping[str, object], data["resume"]))
        before = entry.resume
        version, at_ms = before.version + 1, event.created_at_ms
        resume = changed(claims, observed=before.observed, version=version, last_updated_ms=at_ms)
        entry = changed(entry, resume=resume)
    elif event.event_type == EV_RULE_SET:
        rule = from_data(Rule, cast(Mapping[str, object], data["rule"]))
        entry = changed(entry, rule=changed(rule, version=entry.rule.version + 1))
        if not rule.limits.rate.per_minute and agent_id in state.rates:
            state = changed(state, rates=state.rates.delete(agent_id))
    elif event.event_type == EV_SKILL_SET:
        entry = changed(entry, skill=_next_skill(entry.skill, cast("str | None", data["skill_md"])))
    else:
        assert event.event_type == EV_OBSERVATION_RECORDED, event.event_type
        resume, record = observed(entry.resume, entry.track_record, event, state.limits)
        entry = changed(entry, resume=resume, track_record=record)
    return changed(state, registry=registry.with_agent(agent_id, entry))


def _fold_registered(state: "HubState", event: Envelope) -> "HubState":
    data, agent_id = event.event_data, event.sender_id
    command = told_register(event)
    passport = from_data(Passport, cast(Mapping[str, object], data["passport"]))
    skill = None if command.skill_md is None else Skill(command.skill_md)
    entry = AgentEntry(passport, command.resume, command.rule, skill, cast(str, data["subject"]))
    state = changed(state, registry=state.registry.with_agent(agent_id, entry))
    if event.idempotency_key is None:
        return state
    came = keys.Answered(bytes.fromhex(cast(str, data["body"])), agent_id, event.created_at_ms)
    return changed(
        state,
        keys=keys.remember(state.keys, agent_id, "register", event.idempotency_key, came, state.limits.keys),
        agenda=state.agenda.armed("agent", agent_id, event.created_at_ms + state.limits.key_ms),
    )


def _next_skill(before: Skill | None, text: str | None) -> Skill | None:
    if text is None:
        return None
    return Skill(text, 1 if before is None else before.version + 1)


def told_register(event: Envelope) -> Register:
    """The registration a registered agent's event tells."""
    data = event.event_data
    passport = from_data(Passport, cast(Mapping[str, object], data["passport"]))
    remote = passport.effective_kind == "remote_agent"
    return Register(
        passport=changed(passport, agent_id=None, hub_id=passport.hub_id if remote else None, created_at_ms=None),
        resume=from_data(Resume, cast(Mapping[str, object], data["resume"])),
        rule=from_data(Rule, cast(Mapping[str, object], data["rule"])),
        skill_md=cast("str | None", data["skill_md"]),
        idempotency_key=event.idempotency_key,
    )


# --- questions


def agent_entry(state: "HubState", agent_id: str) -> AgentEntry:
    """What is held of an agent; raises `NotFoundError`. O(log n)."""
    entry = state.registry.agents.get(agent_id)
    if entry is None:
        raise NotFoundError(f"expected the id of a registered agent, came {shown(agent_id)}")
    return entry


def is_remote(state: "HubState", agent_id: str) -> bool:
    """Whether a registered agent lives on another system, so that its deliveries are forwarded. O(log n)."""
    entry = state.registry.agents.get(agent_id)
    return entry is not None and entry.passport.kind == "remote_agent"


def get_agent(state: "HubState", name_or_id: str) -> Passport:
    """An agent's passport by its id or name, an id first, without its claim; raises `NotFoundError`. O(log n)."""
    entry = state.registry.agents.get(name_or_id)
    if entry is None:
        entry = state.registry.agents.get(state.registry.names.get(name_or_id, ""))
    if entry is None:
        raise NotFoundError(f"expected the name or id of a registered agent, came {shown(name_or_id)}")
    return entry.passport.without_claim


def get_resume(state: "HubState", agent_id: str) -> Resume:
    """An agent's resume; raises `NotFoundError`. O(log n)."""
    return agent_entry(state, agent_id).resume


def get_rule(state: "HubState", agent_id: str) -> Rule:
    """An agent's rule; raises `NotFoundError`. O(log n)."""
    return agent_entry(state, agent_id).rule


def get_skill(state: "HubState", agent_id: str) -> Skill | None:
    """An agent's skill text and its version, None where it has none; raises `NotFoundError`. O(log n)."""
    return agent_entry(state, agent_id).skill


def find_agent_id(state: "HubState", name: str) -> str | None:
    """The id of the agent of this name, or None. O(log n)."""
    return state.registry.names.get(name)


def name_for(state: "HubState", agent_id: str, default: str | None = None) -> str:
    """The agent's name; for an id that is not registered `default`, or the id itself. O(log n)."""
    entry = state.registry.agents.get(agent_id)
    if entry is not None:
        return entry.passport.name
    return agent_id if default is None else default


def subject_of(state: "HubState", agent_id: str) -> str:
    """The subject an agent belongs to; raises `NotFoundError`. O(log n)."""
    return agent_entry(state, agent_id).subject
