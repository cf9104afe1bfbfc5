"""Hypothesis strategies for any record, by its class: from the declared types of its fields."""

from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from foldhub_core.commands import Arrival, Command, OpenSession, RecordObservation
from foldhub_core.data import INT_MAX, FrozenDict, Value
from foldhub_core.effects import Effect, Reply
from foldhub_core.envelope import Envelope
from foldhub_core.error_record import ErrorRecord
from foldhub_core.errors import ERRORS
from foldhub_core.facts import Configured, Fact
from foldhub_core.identity import Passport, Resume, Skill
from foldhub_core.limits import Limits
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.rule import Inbox, Rate, Rule, RuleLimits
from foldhub_core.session import ParticipantBounds, Session
from foldhub_core.task import Task
from foldhub_core.task_commands import ObserveTask
from foldhub_core.wire.frames import Answer, Ask, Frame, Hello, Query, Refusal, Welcome

from .drawn_values import data, dicts, durations, integers, names, numbers, texts, times_ms, values

R = TypeVar("R")


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
    return dicts(held).map(FrozenDict[Any])


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
