"""The funnel: every input of every kind goes through `step`, and nothing else changes a hub.

    step(config, state, arrival)      decide, and fold as it goes; commit; answer and effects
    apply(config, state, commit)      what recovery does: fold the facts that were recorded, decide nothing

A decision either makes facts, or makes none (a repetition: it changes nothing and is answered like the first), or raises a
refusal. Facts and refusals become a commit. A refused arrival leaves the state as it was, but for what every commit moves:
sequence, clock, chain head, and the count of refusals.

The state is a value: whoever called `step` holds the state before it, too.
"""

from typing import assert_never

from . import agenda, keys, links, refusals, registry, starting
from .access import check_principal, registering_glob
from .commands import (
    Arrival,
    Attach,
    Command,
    Detach,
    Principal,
    RecordObservation,
    Register,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    Tick,
    Unregister,
    acting_id,
)
from .commits import Actor, Commit, make_commit
from .config import HubConfig
from .decision import Decision
from .effects import Effect, Refuse, Reply
from .envelope import Envelope
from .error_record import ErrorRecord, error_record
from .errors import NetworkError, Unavailable
from .facts import Attached, Configured, Detached, Fact, KeysExpired, Rearmed
from .records import changed, hot
from .state import HubState


@hot
class Step:
    """What one arrival came to."""

    state: HubState
    """The hub after it; the same object where nothing changed."""
    commit: Commit | None
    """What must be durable before any of the effects is carried out; None where nothing changed."""
    effects: tuple[Effect, ...]
    """What the shell owes, in order; the first is the answer to the arrival."""


def step(config: HubConfig, state: HubState, arrival: Arrival) -> Step:
    """Take one arrival in. Raises nothing but assertions: what a peer did wrong is answered with `Refuse`."""
    now_ms = max(state.now_ms, arrival.now_ms)
    try:
        decision, value = decide(config, state, arrival)
    except NetworkError as error:
        return _refused(state, arrival, now_ms, error_record(error))
    effects = (Reply(arrival.ref, value), *decision.effects)
    if not decision.facts:
        return Step(state, None, effects)
    commit = _commit(state, arrival, now_ms, tuple(decision.facts), None)
    return Step(_moved(decision.state, commit), commit, effects)


def decide(config: HubConfig, state: HubState, arrival: Arrival) -> tuple[Decision, object]:
    """Decide an arrival: the decision with its facts and the state they lead to, and the value of the answer.

    Raises a refusal: an error of the NetworkError family.
    """
    principal, command = arrival.principal, arrival.command
    check_principal(principal, command)
    decision = Decision(config, state, principal, max(state.now_ms, arrival.now_ms), fold, effects_of)
    if state.configured is None and type(command) is not Start:
        raise Unavailable(f"expected Start first in every run, came {type(command).__name__}")
    return decision, _decided(decision, command)


def _decided(decision: Decision, command: Command) -> object:
    """Give the command to its room."""
    match command:
        case Attach():
            links.attach(decision, command)
        case Detach():
            links.detach(decision, command)
        case RecordObservation():
            return registry.record_observation(decision, command)
        case Register():
            return registry.register(decision, command)
        case Unregister():
            registry.unregister(decision, command)
        case SetResume():
            return registry.set_resume(decision, command)
        case SetRule():
            return registry.set_rule(decision, command)
        case SetSkill():
            return registry.set_skill(decision, command)
        case Start():
            return starting.start(decision)
        case Tick():
            _tick(decision)
        case _:
            assert_never(command)
    return None


def fold(config: HubConfig, state: HubState, fact: Fact) -> HubState:
    """Fold one fact. May not refuse, may not fail: an exception here is a fault of the core."""
    match fact:
        case Envelope():
            return registry.fold_event(state, fact)
        case Attached():
            return changed(state, links=links.fold_attached(state.links, fact))
        case Detached():
            return changed(state, links=links.fold_detached(state.links, fact))
        case KeysExpired():
            return changed(state, keys=keys.fold_expired(state.keys, fact))
        case Rearmed():
            return changed(state, agenda=agenda.fold_rearmed(state.agenda, fact))
        case Configured():
            return starting.fold_configured(state, fact)
        case _:
            assert_never(fact)


def effects_of(config: HubConfig, state: HubState, fact: Fact) -> tuple[Effect, ...]:
    """What a fact makes the shell owe, on the state right after it."""
    match fact:
        case Attached():
            return links.attached_effects(fact)
        case _:
            return ()


def apply(config: HubConfig, state: HubState, commit: Commit) -> HubState:
    """Fold a recorded commit, which must be the next one; nothing is decided."""
    assert commit.seq == state.seq + 1, f"expected commit {state.seq + 1}, came {commit.seq}"
    for fact in commit.facts:
        state = fold(config, state, fact)
    return _moved(state, commit)


def owed(config: HubConfig, state: HubState) -> tuple[Effect, ...]:
    """What is still owed after a restart, by agent, then number. Links do not outlive a run, so nothing is owed to one."""
    return ()


def next_deadline(state: HubState) -> int | None:
    """When the next `Tick` is due: never late, perhaps early; None while nothing is due ever."""
    return state.agenda.next_deadline()


def _tick(decision: Decision) -> None:
    """Let happen what is due, and arm again what comes due later."""
    limits, now_ms = decision.state.limits, decision.now_ms
    due = [entry for _, entry in zip(range(limits.tick_entries), decision.state.agenda.due(now_ms), strict=False)]
    for _, kind, subject_id in due:
        forgotten = keys.expired(decision.state.keys, subject_id, limits.key_ms, now_ms)
        if forgotten is not None:
            decision.make(forgotten)
        decision.make(Rearmed(kind, subject_id, keys.next_due(decision.state.keys, subject_id, limits.key_ms)))


def _refused(state: HubState, arrival: Arrival, now_ms: int, error: ErrorRecord) -> Step:
    effects = (Refuse(arrival.ref, error),)
    if not refusals.is_recorded(state.refusals, state.limits, arrival.principal.subject, now_ms):
        return Step(state, None, effects)
    commit = _commit(state, arrival, now_ms, (), error)
    return Step(_moved(state, commit), commit, effects)


def _commit(state: HubState, arrival: Arrival, now_ms: int, facts: tuple[Fact, ...], refusal: ErrorRecord | None) -> Commit:
    return make_commit(
        hub_id=state.hub_id,
        head=state.head,
        seq=state.seq + 1,
        now_ms=now_ms,
        actor=_actor(arrival.principal, arrival.command),
        command=arrival.command,
        facts=facts,
        refusal=refusal,
        refusal_bytes=state.limits.refusal_bytes,
    )


def _actor(principal: Principal, command: Command) -> Actor:
    acted = command.acting != "" and acting_id(command) in principal.agent_ids
    glob = registering_glob(principal, command.passport.name) if isinstance(command, Register) else None
    return Actor(principal.subject, principal.admin, acted, glob)


def _moved(state: HubState, commit: Commit) -> HubState:
    """What every commit moves: sequence, clock, head, and the count of refusals."""
    if commit.refusal is None:
        return changed(state, seq=commit.seq, now_ms=commit.now_ms, head=commit.chain)
    counted = refusals.fold_refusal(state.refusals, state.limits, commit.actor.subject, commit.now_ms)
    return changed(state, seq=commit.seq, now_ms=commit.now_ms, head=commit.chain, refusals=counted)
