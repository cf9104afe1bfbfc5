"""Hypothesis strategies for every record of the core, and for what records are made of.

A function named after a record gives any valid one; fields can be given strategies of their own:

    from hypothesis import given, strategies as st
    from foldhub.testing.strategies import envelopes, records

    @given(envelopes(event_type=st.just("message.text")))
    def test_my_adapter(envelope): ...

`records(cls)` does the same for any class of record, single commands and marks among them, and `commands()`, `facts()`,
`effects()`, `questions()` and `frames()` give any of their kind. What is drawn is valid for the record itself;
a hub may still refuse it.
"""

from typing import Any

from hypothesis.strategies import SearchStrategy

from foldhub_core.commands import Arrival, Principal
from foldhub_core.envelope import Envelope
from foldhub_core.error_record import ErrorRecord
from foldhub_core.identity import Auth, Cost, Example, ObservedStat, Passport, Resume, Skill
from foldhub_core.limits import Limits
from foldhub_core.mailbox import DeadLetter, Owed
from foldhub_core.rule import Access, Inbox, Rate, Rule, RuleLimits, SessionTypes
from foldhub_core.session import Asked, Expectation, Fired, Manifest, Participant, ParticipantBounds, Session
from foldhub_core.task import Task, TaskSpec
from foldhub_core.wire.frames import Sent

from .drawn_graphs import workflow_graphs
from .drawn_records import commands, effects, facts, frames, of_type, questions, records
from .drawn_values import (
    data,
    durations,
    hub_ids,
    ids,
    integers,
    names,
    numbers,
    plain_data,
    plain_values,
    texts,
    times_ms,
    values,
)

__all__ = [
    "accesses",
    "arrivals",
    "asked",
    "auths",
    "commands",
    "costs",
    "data",
    "dead_letters",
    "durations",
    "effects",
    "envelopes",
    "error_records",
    "examples",
    "expectations",
    "facts",
    "fired",
    "frames",
    "hub_ids",
    "ids",
    "inboxes",
    "integers",
    "limits",
    "manifests",
    "names",
    "numbers",
    "observed_stats",
    "of_type",
    "owed",
    "participant_bounds",
    "participants",
    "passports",
    "plain_data",
    "plain_values",
    "principals",
    "questions",
    "rates",
    "records",
    "resumes",
    "rule_limits",
    "rules",
    "sent",
    "session_types",
    "sessions",
    "skills",
    "task_specs",
    "tasks",
    "texts",
    "times_ms",
    "values",
    "workflow_graphs",
]


def accesses(**fields: SearchStrategy[Any]) -> SearchStrategy[Access]:
    """Who may write to an agent, and to whom it may write."""
    return records(Access, **fields)


def arrivals(**fields: SearchStrategy[Any]) -> SearchStrategy[Arrival]:
    """Commands as a shell saw them arrive."""
    return records(Arrival, **fields)


def asked(**fields: SearchStrategy[Any]) -> SearchStrategy[Asked]:
    """Those who were asked and have not answered."""
    return records(Asked, **fields)


def auths(**fields: SearchStrategy[Any]) -> SearchStrategy[Auth]:
    """How an agent proves who it is."""
    return records(Auth, **fields)


def costs(**fields: SearchStrategy[Any]) -> SearchStrategy[Cost]:
    """What an agent says its work costs."""
    return records(Cost, **fields)


def dead_letters(**fields: SearchStrategy[Any]) -> SearchStrategy[DeadLetter]:
    """Deliveries that were given up."""
    return records(DeadLetter, **fields)


def envelopes(**fields: SearchStrategy[Any]) -> SearchStrategy[Envelope]:
    """Things said: stamped by a hub or not."""
    return records(Envelope, **fields)


def error_records(**fields: SearchStrategy[Any]) -> SearchStrategy[ErrorRecord]:
    """Refusals in words, of codes we know and of others."""
    return records(ErrorRecord, **fields)


def examples(**fields: SearchStrategy[Any]) -> SearchStrategy[Example]:
    """Pieces of past work."""
    return records(Example, **fields)


def expectations(**fields: SearchStrategy[Any]) -> SearchStrategy[Expectation]:
    """What participants owe in time."""
    return records(Expectation, **fields)


def fired(**fields: SearchStrategy[Any]) -> SearchStrategy[Fired]:
    """Violations that stand."""
    return records(Fired, **fields)


def inboxes(**fields: SearchStrategy[Any]) -> SearchStrategy[Inbox]:
    """How much may be owed to an agent."""
    return records(Inbox, **fields)


def limits(**fields: SearchStrategy[Any]) -> SearchStrategy[Limits]:
    """The bounds of a hub."""
    return records(Limits, **fields)


def manifests(**fields: SearchStrategy[Any]) -> SearchStrategy[Manifest]:
    """What a protocol says of itself."""
    return records(Manifest, **fields)


def observed_stats(**fields: SearchStrategy[Any]) -> SearchStrategy[ObservedStat]:
    """How tasks of one capability ended."""
    return records(ObservedStat, **fields)


def owed(**fields: SearchStrategy[Any]) -> SearchStrategy[Owed]:
    """Deliveries that are owed."""
    return records(Owed, **fields)


def participant_bounds(**fields: SearchStrategy[Any]) -> SearchStrategy[ParticipantBounds]:
    """How many take part."""
    return records(ParticipantBounds, **fields)


def participants(**fields: SearchStrategy[Any]) -> SearchStrategy[Participant]:
    """Places in a session."""
    return records(Participant, **fields)


def passports(**fields: SearchStrategy[Any]) -> SearchStrategy[Passport]:
    """Who an agent is, under a name it may be registered by."""
    return records(Passport, **fields)


def principals(**fields: SearchStrategy[Any]) -> SearchStrategy[Principal]:
    """On whose behalf a command comes."""
    return records(Principal, **fields)


def rates(**fields: SearchStrategy[Any]) -> SearchStrategy[Rate]:
    """How often an agent may post."""
    return records(Rate, **fields)


def resumes(**fields: SearchStrategy[Any]) -> SearchStrategy[Resume]:
    """What an agent claims, and what was observed of it."""
    return records(Resume, **fields)


def rule_limits(**fields: SearchStrategy[Any]) -> SearchStrategy[RuleLimits]:
    """The caps on what an agent does."""
    return records(RuleLimits, **fields)


def rules(**fields: SearchStrategy[Any]) -> SearchStrategy[Rule]:
    """What an agent may do and what may be done to it."""
    return records(Rule, **fields)


def sent(**fields: SearchStrategy[Any]) -> SearchStrategy[Sent]:
    """Deliveries as they cross a wire."""
    return records(Sent, **fields)


def session_types(**fields: SearchStrategy[Any]) -> SearchStrategy[SessionTypes]:
    """Which sessions an agent may open and be invited to."""
    return records(SessionTypes, **fields)


def sessions(**fields: SearchStrategy[Any]) -> SearchStrategy[Session]:
    """Sessions at any point of their lives."""
    return records(Session, **fields)


def skills(**fields: SearchStrategy[Any]) -> SearchStrategy[Skill]:
    """Skill texts."""
    return records(Skill, **fields)


def task_specs(**fields: SearchStrategy[Any]) -> SearchStrategy[TaskSpec]:
    """What is to be done."""
    return records(TaskSpec, **fields)


def tasks(**fields: SearchStrategy[Any]) -> SearchStrategy[Task]:
    """Tasks at any point of their lives."""
    return records(Task, **fields)
