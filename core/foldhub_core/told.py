"""What an event tells of its command: the command need not be stored beside the fact it became.

One rule for each command whose first fact says all that the command said. The rebuilt command decides to the same facts as
the one that came; what it leaves out (a version the agent sent, say) the hub overrode.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from .codec import from_data
from .commands import Ack, Command, OpenSession, Post, RecordObservation, Register, SetResume, SetRule, SetSkill
from .envelope import (
    EV_AGENT_REGISTERED,
    EV_OBSERVATION_RECORDED,
    EV_RESUME_SET,
    EV_RULE_SET,
    EV_SESSION_INVITE,
    EV_SKILL_SET,
    EV_TASK_CANCEL_REQUEST,
    EV_TASK_CHECKPOINTED,
    EV_TASK_ENDED,
    EV_TASK_OBSERVED,
    EV_TASK_PROGRESSED,
    Envelope,
    as_posted,
    is_posted,
)
from .facts import Acked, Fact, Readdressed
from .identity import Resume
from .ids import HUB_SESSION
from .records import changed
from .registry import told_register
from .rule import Rule
from .task import TaskState
from .task_commands import CheckpointTask, EndTask, ObserveTask, RequestCancel, UpdateTask
from .tasks import told_observing
from .words import told_opening


def _told_resume(event: Envelope) -> SetResume:
    resume = from_data(Resume, cast(Mapping[str, object], event.event_data["resume"]))
    return SetResume(agent_id=event.sender_id, resume=resume)


def _told_rule(event: Envelope) -> SetRule:
    return SetRule(agent_id=event.sender_id, rule=from_data(Rule, cast(Mapping[str, object], event.event_data["rule"])))


def _told_skill(event: Envelope) -> SetSkill:
    return SetSkill(agent_id=event.sender_id, skill_md=cast("str | None", event.event_data["skill_md"]))


def _told_observation(event: Envelope) -> RecordObservation:
    data = event.event_data
    return RecordObservation(
        owner_id=event.sender_id,
        capability=cast(str, data["capability"]),
        outcome=TaskState(cast(str, data["outcome"])),
        latency_ms=cast("int | None", data["latency_ms"]),
        task_id=cast("str | None", data["task_id"]),
    )


def _told_progress(event: Envelope) -> UpdateTask:
    data = cast(Mapping[str, Any], event.event_data)
    return UpdateTask(task_id=data["task_id"], agent_id=data["agent_id"], progress=data["progress"])


def _told_checkpoint(event: Envelope) -> CheckpointTask:
    data = cast(Mapping[str, Any], event.event_data)
    return CheckpointTask(task_id=data["task_id"], agent_id=data["agent_id"], data=data["data"])


def _told_end(event: Envelope) -> EndTask:
    data = cast(Mapping[str, Any], event.event_data)
    return EndTask(
        task_id=data["task_id"],
        agent_id=data["agent_id"],
        outcome=TaskState(data["outcome"]),
        result=data["result"],
        error=data["error"],
        idempotency_key=event.idempotency_key,
    )


def _told_request(event: Envelope) -> RequestCancel:
    data = cast(Mapping[str, Any], event.event_data)
    return RequestCancel(task_id=data["task_id"], agent_id=data["requested_by"], reason=data["reason"])


_TELLS: dict[str, Callable[[Envelope], Command]] = {
    EV_AGENT_REGISTERED: told_register,
    EV_RESUME_SET: _told_resume,
    EV_RULE_SET: _told_rule,
    EV_SKILL_SET: _told_skill,
    EV_OBSERVATION_RECORDED: _told_observation,
    EV_TASK_OBSERVED: told_observing,
    EV_TASK_PROGRESSED: _told_progress,
    EV_TASK_CHECKPOINTED: _told_checkpoint,
    EV_TASK_ENDED: _told_end,
    EV_TASK_CANCEL_REQUEST: _told_request,
}

TOLD_COMMANDS = frozenset(
    {
        Post,
        Ack,
        OpenSession,
        Register,
        SetResume,
        SetRule,
        SetSkill,
        RecordObservation,
        ObserveTask,
        UpdateTask,
        CheckpointTask,
        EndTask,
        RequestCancel,
    }
)
"""The commands that, when accepted, are told whole by their first envelope, or by their one mark."""


def told_command(facts: tuple[Fact, ...]) -> Command | None:
    """The command that made these facts, or None where they tell none."""
    addressed: tuple[str, ...] | None = None
    for fact in facts:
        if isinstance(fact, Acked):
            return Ack(agent_id=fact.agent_id, numbers=fact.numbers)
        if isinstance(fact, Readdressed):
            addressed = fact.audience
        if isinstance(fact, Envelope):
            return _told_by(fact if addressed is None else changed(fact, audience=addressed))
    return None


def _told_by(event: Envelope) -> Command | None:
    if event.session_id == HUB_SESSION or event.event_type == EV_TASK_CANCEL_REQUEST:
        tells = _TELLS.get(event.event_type)
        return None if tells is None else tells(event)
    if event.event_type == EV_SESSION_INVITE:
        return told_opening(event)
    return Post(envelope=as_posted(event)) if is_posted(event) else None
