"""The funnel: every input of every kind goes through `step`, and nothing else changes a hub.

    step(config, state, arrival)      decide, and fold as it goes; commit; answer and effects
    apply(config, state, commit)      what recovery does: fold the facts that were recorded, decide nothing

A decision either makes facts, or makes none (a repetition: it changes nothing and is answered like the first), or raises a
refusal. Facts and refusals become a commit. A refused arrival leaves the state as it was, but for what every commit moves:
sequence, clock, chain head, and the count of refusals.

The state is a value: whoever called `step` holds the state before it, too.
"""

from typing import assert_never

from . import (
    agenda,
    closing,
    delivery,
    forwarding,
    keys,
    opening,
    overdue,
    posting,
    refusals,
    registry,
    starting,
    tasks,
    words,
    working,
)
from .access import check_principal, registering_glob
from .commands import (
    Ack,
    AnswerInvite,
    Arrival,
    Attach,
    CloseSession,
    Command,
    Detach,
    ForwardDone,
    ForwardFailed,
    Invite,
    Leave,
    Nack,
    OpenSession,
    Post,
    RecordObservation,
    Register,
    RemoveParticipant,
    Resend,
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
from .envelope import EV_EXPECTATION_VIOLATED, EV_TASK_CANCEL_REQUEST, Envelope
from .error_record import ErrorRecord, error_record
from .errors import NetworkError, Unavailable
from .facts import (
    Acked,
    Attached,
    Configured,
    DeadLettered,
    Detached,
    Dormant,
    Dropped,
    Fact,
    KeysExpired,
    Nacked,
    Readdressed,
    Rearmed,
    Redelivered,
    Resent,
    Skipped,
    Woken,
)
from .ids import HUB_SESSION
from .records import changed, hot
from .state import HubState, moved_state, settled_state
from .task_commands import CheckpointTask, EndTask, ObserveTask, RequestCancel, UpdateTask


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
    try:
        decision, value = decide(config, state, arrival)
    except NetworkError as error:
        return _refused(state, arrival, error_record(error))
    effects = (Reply(arrival.ref, value), *decision.effects)
    if not decision.facts:
        return Step(state, None, effects)
    commit = _commit(state, arrival, decision.now_ms, tuple(decision.facts), None)
    return Step(moved_state(decision.state, commit.seq, commit.now_ms, commit.chain), commit, effects)


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
        case Post():
            return posting.post(decision, command)
        case Ack():
            delivery.ack(decision, command)
        case OpenSession():
            return opening.open_session(decision, command)
        case AnswerInvite():
            opening.answer_invite(decision, command)
        case Invite():
            opening.invite(decision, command)
        case Leave():
            closing.leave(decision, command)
        case RemoveParticipant():
            closing.remove_participant(decision, command)
        case CloseSession():
            closing.close_session(decision, command)
        case Nack():
            delivery.nack(decision, command)
        case Resend():
            delivery.resend(decision, command)
        case Attach():
            delivery.attach(decision, command)
        case Detach():
            delivery.detach(decision, command)
        case ForwardDone():
            forwarding.done(decision, command)
        case ForwardFailed():
            forwarding.failed(decision, command)
        case Register():
            return registry.register(decision, command)
        case Unregister():
            tasks.expire_tasks(decision, "unregistered", owner_id=command.agent_id)
            closing.leave_all(decision, command.agent_id)
            registry.unregister(decision, command)
        case SetResume():
            return registry.set_resume(decision, command)
        case SetRule():
            return registry.set_rule(decision, command)
        case SetSkill():
            return registry.set_skill(decision, command)
        case RecordObservation():
            return registry.record_observation(decision, command)
        case ObserveTask():
            return working.observe_task(decision, command)
        case UpdateTask():
            return working.update_task(decision, command)
        case CheckpointTask():
            working.checkpoint_task(decision, command)
        case EndTask():
            working.finish_task(decision, command)
        case RequestCancel():
            working.request_cancel(decision, command)
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
            if fact.session_id == HUB_SESSION:
                return _fold_hub_event(state, fact)
            state = words.fold_word(config, state, fact)
            return tasks.fold_request(state, fact) if fact.event_type == EV_TASK_CANCEL_REQUEST else state
        case Acked():
            return settled_state(state, delivery.fold_acked(state.mailboxes, fact))
        case Nacked() | Redelivered() | Dropped() | DeadLettered() | Resent():
            return delivery.fold_mark(state, fact)
        case Skipped():
            return changed(state, withheld=state.withheld + fact.agent_ids)
        case Readdressed():
            return changed(state, addressed=fact.audience)
        case Attached():
            return delivery.fold_attached(state, fact)
        case Detached():
            return changed(state, links=state.links.delete(fact.agent_id))
        case KeysExpired():
            return changed(state, keys=keys.fold_expired(state.keys, fact))
        case Rearmed():
            return changed(state, agenda=agenda.fold_rearmed(state.agenda, fact))
        case Configured():
            return starting.fold_configured(config, state, fact)
        case Dormant():
            return starting.fold_dormant(config, state, fact.session_id, fact.reason)
        case Woken():
            return starting.fold_dormant(config, state, fact.session_id, None)
        case _:
            assert_never(fact)


def _fold_hub_event(state: HubState, event: Envelope) -> HubState:
    """Give an event of the hub session to its room."""
    if event.event_type == EV_EXPECTATION_VIOLATED:
        return overdue.fold_violated(state, event)
    return tasks.fold_event(state, event) if event.event_type.startswith("task.") else registry.fold_event(state, event)


def effects_of(config: HubConfig, state: HubState, fact: Fact) -> tuple[Effect, ...]:
    """What a fact makes the shell owe, on the state right after it."""
    match fact:
        case Acked():
            return ()
        case Envelope():
            return delivery.word_effects(state, fact)
        case Attached():
            return delivery.attached_effects(state, fact)
        case Redelivered() | Resent():
            return delivery.again_effects(state, fact)
        case _:
            return ()


def apply(config: HubConfig, state: HubState, commit: Commit) -> HubState:
    """Fold a recorded commit, which must be the next one; nothing is decided."""
    assert commit.seq == state.seq + 1, f"expected commit {state.seq + 1}, came {commit.seq}"
    for fact in commit.facts:
        state = fold(config, state, fact)
    return _moved(state, commit)


def owed(config: HubConfig, state: HubState) -> tuple[Effect, ...]:
    """What is still owed after a restart, by agent, then number; to be asked right after `Start`.

    Links do not outlive a run, so it is what is forwarded. What waits out the pause of a failure comes by its `Tick`.
    """
    return forwarding.owed(state)


def next_deadline(state: HubState) -> int | None:
    """When the next `Tick` is due: never late, perhaps early; None while nothing is due ever."""
    return state.agenda.next_deadline()


def _tick(decision: Decision) -> None:
    """Let happen what is due, and arm again what comes due later."""
    limits, now_ms = decision.state.limits, decision.now_ms
    due = [entry for _, entry in zip(range(limits.tick_entries), decision.state.agenda.due(now_ms), strict=False)]
    for _, kind, subject_id in due:
        if kind == "session":
            _tick_session(decision, subject_id)
        elif kind == "task":
            tasks.make_due(decision, subject_id)
        else:
            _tick_agent(decision, subject_id)


def _tick_session(decision: Decision, session_id: str) -> None:
    closing.make_due(decision, session_id)
    overdue.make_due(decision, session_id)
    if session_id in decision.state.sessions.entries:
        decision.make(Rearmed("session", session_id, closing.next_session_due(decision, session_id)))


def _tick_agent(decision: Decision, agent_id: str) -> None:
    limits = decision.state.limits
    forgotten = keys.expired(decision.state.keys, agent_id, limits.key_ms, decision.now_ms)
    if forgotten is not None:
        decision.make(forgotten)
    delivery.make_due(decision, agent_id)
    due = (keys.next_due(decision.state.keys, agent_id, limits.key_ms), delivery.next_due(decision.state, agent_id))
    decision.make(Rearmed("agent", agent_id, min((at for at in due if at is not None), default=None)))


def _refused(state: HubState, arrival: Arrival, error: ErrorRecord) -> Step:
    effects, now_ms = (Refuse(arrival.ref, error),), max(state.now_ms, arrival.now_ms)
    if not refusals.is_recorded(state.refusals, state.limits, arrival.principal.subject, now_ms):
        return Step(state, None, effects)
    commit = _commit(state, arrival, now_ms, (), error)
    return Step(_moved(state, commit), commit, effects)


def _commit(state: HubState, arrival: Arrival, now_ms: int, facts: tuple[Fact, ...], refusal: ErrorRecord | None) -> Commit:
    principal, command = arrival.principal, arrival.command
    acted = command.acting != "" and acting_id(command) in principal.agent_ids
    glob = owner_id = None
    if type(command) is Register:
        glob = registering_glob(principal, command.passport.name)
        if command.passport.effective_kind == "remote_agent" and not principal.admin:
            owner_id = registry.local_owner(state, principal)
        command = registry.without_secret(command)
    elif type(command) is ForwardFailed or type(command) is Nack:
        command = delivery.cut(state.limits, command)
    actor = Actor(principal.subject, principal.admin, acted, glob, owner_id)
    limit = state.limits.refusal_bytes
    return make_commit(state.hub_id, state.head, state.seq + 1, now_ms, actor, command, facts, refusal, limit)


def _moved(state: HubState, commit: Commit) -> HubState:
    """What every commit moves: sequence, clock, head, and the count of refusals."""
    if commit.refusal is None:
        return moved_state(state, commit.seq, commit.now_ms, commit.chain)
    counted = refusals.fold_refusal(state.refusals, state.limits, commit.actor.subject, commit.now_ms)
    return changed(state, seq=commit.seq, now_ms=commit.now_ms, head=commit.chain, refusals=counted)
