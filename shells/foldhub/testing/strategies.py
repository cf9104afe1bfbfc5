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

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from foldhub_core.adapters.workflow.conditions import AllOf, Always, AnyOf, ContextEquals, FromSpeaker, Not, ToolCalled
from foldhub_core.adapters.workflow.graph import Transition, WorkflowGraph
from foldhub_core.adapters.workflow.parts import Condition, Target
from foldhub_core.adapters.workflow.targets import AgentTarget, FanOut, RevertToInitiator, RoundRobin, Stay, Terminate
from foldhub_core.commands import Arrival, Command, OpenSession, Principal, RecordObservation
from foldhub_core.data import INT_MAX, INT_MIN, Data, FrozenDict, Value, freeze, freeze_value
from foldhub_core.effects import Effect, Reply
from foldhub_core.envelope import Envelope
from foldhub_core.error_record import ErrorRecord
from foldhub_core.errors import ERRORS
from foldhub_core.facts import Configured, Fact
from foldhub_core.identity import Auth, Cost, Example, ObservedStat, Passport, Resume, Skill
from foldhub_core.ids import Kind, make_id
from foldhub_core.limits import Limits
from foldhub_core.mailbox import DeadLetter, Owed
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.rule import Access, Duration, Inbox, Rate, Rule, RuleLimits, SessionTypes
from foldhub_core.session import Asked, Expectation, Fired, Manifest, Participant, ParticipantBounds, Session
from foldhub_core.task import Task, TaskSpec
from foldhub_core.task_commands import ObserveTask
from foldhub_core.wire.frames import Answer, Ask, Frame, Hello, Query, Refusal, Sent, Welcome

R = TypeVar("R")

# --- what records are made of


def texts() -> SearchStrategy[str]:
    """Any text a record may hold: short, of any signs but lone surrogates."""
    return st.text(max_size=12)


def names() -> SearchStrategy[str]:
    """Names an agent may be registered under."""
    signs = st.characters(categories=["L", "Nd"], include_characters=" -_.'")
    return st.text(signs, min_size=1, max_size=16).map(str.strip).filter(bool)


def hub_ids() -> SearchStrategy[str]:
    """Ids a hub may have."""
    return st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True)


def ids(kind: Kind, hub_id: str = "demo") -> SearchStrategy[str]:
    """Ids a hub may have issued for things of this kind."""
    return st.builds(make_id, st.just(hub_id), st.just(kind), st.integers(1, 2**63 - 1), st.integers(0, 200))


def integers() -> SearchStrategy[int]:
    """The integers a record may hold: those of 64 bits, with a sign."""
    return st.integers(INT_MIN, INT_MAX)


def numbers() -> SearchStrategy[float]:
    """The floats a record may hold: the finite ones."""
    return st.floats(allow_nan=False, allow_infinity=False)


def times_ms() -> SearchStrategy[int]:
    """Times an arrival may come at."""
    return st.integers(0, INT_MAX // 2)


def durations() -> SearchStrategy[Duration]:
    """Durations as people write them, in all their forms."""
    whole = st.integers(0, 10**9)
    return st.integers(-(10**9), 10**9) | st.builds("{}{}".format, whole, st.sampled_from(["", "s", "m", "h", "d"])) | st.just("")


def plain_values() -> SearchStrategy[object]:
    """Free data before it is frozen: None, booleans, numbers, texts, and lists and dicts of them."""
    leaves = st.none() | st.booleans() | integers() | numbers() | texts()
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | _dicts(inner), max_leaves=5)


def plain_data() -> SearchStrategy[dict[str, object]]:
    """Free data before it is frozen, a dict at the top."""
    return _dicts(plain_values())


def values() -> SearchStrategy[Value]:
    """Any frozen value."""
    return plain_values().map(freeze_value)


def data() -> SearchStrategy[Data]:
    """Any frozen map: what an envelope carries, and what knobs and payloads are made of."""
    return plain_data().map(freeze)


# --- any record


def records(cls: type[R], **fields: SearchStrategy[Any]) -> SearchStrategy[R]:
    """Any valid record of this class, from the declared types of its fields or the strategies given for them."""
    known = attrs.fields(cast(Any, cls))
    unknown = fields.keys() - {field.name for field in known}
    if unknown:
        raise TypeError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}")
    given = _own_fields().get(cls, {}) | fields
    return st.builds(cls, **given, **{field.name: of_type(field.type) for field in known if field.name not in given})


@cache
def _own_fields() -> dict[type, dict[str, SearchStrategy[Any]]]:
    """The fields of which not everything is valid that their type allows, or of which not everything makes sense."""
    caps, refs = st.integers(0, INT_MAX), st.integers(1, INT_MAX)
    sizes = {field.name: st.integers(1, INT_MAX // 2) for field in attrs.fields(cast(Any, Limits))}
    return {
        Answer: {"ref": refs},
        Arrival: {"now_ms": times_ms()},
        Ask: {"ref": refs},
        ErrorRecord: {"code": st.sampled_from([error.code for error in ERRORS]) | texts()},
        Hello: {"version": caps, "frame_bytes": refs},
        Inbox: {"max_pending": caps, "high_water": st.none() | caps},
        Limits: sizes,
        ObserveTask: {"ttl": st.none() | durations()},
        OpenSession: {"ttl": st.none() | durations()},
        ParticipantBounds: {"min": st.integers(1, 8), "max": st.none() | st.integers(8, 1000)},
        Passport: {"name": names()},
        Query: {"ref": refs},
        Rate: {"per_minute": caps, "burst": caps},
        Refusal: {"ref": refs},
        RecordObservation: {"latency_ms": st.none() | caps},
        Reply: {"value": st.none() | of_type(Passport | Resume | Rule | Skill | Configured | Envelope | Session | Task)},
        RuleLimits: {
            "max_concurrent_sessions": caps,
            "max_concurrent_tasks": caps,
            "session_ttl_default": durations(),
            "task_ttl_default": durations(),
            "delegation_depth": caps,
        },
        Welcome: dict.fromkeys(("version", "frame_bytes", "in_flight", "ping_ms", "idle_ms"), refs),
    }


@cache
def of_type(declared: Any) -> SearchStrategy[Any]:
    """Anything that a field of this declared type may hold. Any: declared types have no type of their own."""
    origin, arguments = get_origin(declared), get_args(declared)
    leaf = _leaves().get(declared)
    if leaf is not None:
        return leaf
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of([of_type(one) for one in arguments])
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(of_type(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*[of_type(one) for one in arguments])
    if origin is Mapping:
        return data() if arguments[1] is object else _maps(of_type(arguments[1]))
    if isinstance(declared, type) and issubclass(declared, Enum):
        return st.sampled_from(declared)
    if isinstance(declared, type) and attrs.has(declared):
        return st.deferred(lambda: records(declared))
    raise TypeError(f"there is no strategy for what is declared as {declared}")


@cache
def _leaves() -> dict[Any, SearchStrategy[Any]]:
    return {
        str: texts(),
        int: integers(),
        float: numbers(),
        bool: st.booleans(),
        bytes: st.binary(max_size=16),
        NoneType: st.none(),
        Value: values(),
    }


def _maps(held: SearchStrategy[Any]) -> SearchStrategy[FrozenDict[Any]]:
    return _dicts(held).map(FrozenDict[Any])


def _dicts(held: SearchStrategy[R]) -> SearchStrategy[dict[str, R]]:
    return st.dictionaries(texts(), held, max_size=3)


def _any_of(union: Any) -> SearchStrategy[Any]:
    return st.one_of([records(cls) for cls in get_args(union)])


def commands() -> SearchStrategy[Command]:
    """Any command, the shell's own among them."""
    return _any_of(Command)


def facts() -> SearchStrategy[Fact]:
    """Any fact: an envelope or a mark."""
    return _any_of(Fact)


def effects() -> SearchStrategy[Effect]:
    """Any effect."""
    return _any_of(Effect)


def questions() -> SearchStrategy[Question | LogQuestion]:
    """Any question, those of the log among them."""
    return _any_of(Question | LogQuestion)


def frames() -> SearchStrategy[Frame]:
    """Any frame of a wire."""
    return _any_of(Frame)


# --- the records by name


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


# --- the graphs of workflows


def workflow_graphs(agents: Sequence[str] = ("alice", "bob", "carol")) -> SearchStrategy[WorkflowGraph]:
    """Any graph over these agents, of the conditions and targets that come with the workflow."""
    one = st.sampled_from(agents)
    several = st.lists(one, min_size=1, unique=True)
    simple: SearchStrategy[Condition] = st.one_of(
        st.builds(Always),
        st.builds(FromSpeaker, one),
        st.builds(ToolCalled, texts()),
        st.builds(ContextEquals, texts(), st.none() | st.booleans() | st.integers(0, 2) | st.just((1, 1.0))),
    )
    conditions: SearchStrategy[Condition] = st.recursive(
        simple,
        lambda inner: (
            st.builds(Not, inner) | st.lists(inner, max_size=3).flatmap(lambda all: st.sampled_from([AllOf(all), AnyOf(all)]))
        ),
        max_leaves=4,
    )
    targets: SearchStrategy[Target] = st.one_of(
        st.builds(AgentTarget, one),
        st.builds(RoundRobin, several | st.just(())),
        st.builds(Stay),
        st.builds(RevertToInitiator),
        st.builds(Terminate, texts()),
        st.builds(FanOut, several),
    )
    rules = st.lists(st.builds(Transition, conditions, targets, st.integers(-2, 2)), max_size=4)
    return st.builds(WorkflowGraph, one, rules, targets, st.none() | st.integers(1, 20))
