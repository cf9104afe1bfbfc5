"""What an event tells of its command: the command need not be stored beside the fact it became.

One rule for each command whose first fact says all that the command said. The rebuilt command decides to the same facts as
the one that came; what it leaves out (a version the agent sent, say) the hub overrode.
"""

from collections.abc import Callable, Mapping
from typing import cast

from .codec import from_data
from .commands import Command, RecordObservation, Register, SetResume, SetRule, SetSkill, Unregister
from .envelope import (
    EV_AGENT_REGISTERED,
    EV_AGENT_UNREGISTERED,
    EV_OBSERVATION_RECORDED,
    EV_RESUME_SET,
    EV_RULE_SET,
    EV_SKILL_SET,
    Envelope,
)
from .facts import Fact
from .identity import Resume
from .registry import told_register
from .rule import Rule
from .task import TaskState


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


_TELLS: dict[str, Callable[[Envelope], Command]] = {
    EV_AGENT_REGISTERED: told_register,
    EV_AGENT_UNREGISTERED: lambda event: Unregister(agent_id=event.sender_id),
    EV_RESUME_SET: _told_resume,
    EV_RULE_SET: _told_rule,
    EV_SKILL_SET: _told_skill,
    EV_OBSERVATION_RECORDED: _told_observation,
}

TOLD_COMMANDS: tuple[type, ...] = (Register, Unregister, SetResume, SetRule, SetSkill, RecordObservation)
"""The commands that, when accepted, are told whole by their first fact."""


def told_command(fact: "Fact") -> Command | None:
    """The command that made this event, or None where the fact tells none."""
    tells = _TELLS.get(fact.event_type) if isinstance(fact, Envelope) else None
    return None if tells is None else tells(cast(Envelope, fact))
