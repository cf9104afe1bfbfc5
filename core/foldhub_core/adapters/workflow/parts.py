"""Conditions and targets: what the rules of a graph are made of. Both are values with a name, and written as data alike.

A part is an attrs class, or one without fields. A field holds free data, a record, another part, or a tuple of such. As data it
is

    {"name": "from_speaker", "args": {"agent_id": "alice"}}
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import attrs

from foldhub_core.envelope import Envelope
from foldhub_core.errors import WorkflowGraphError, shown
from foldhub_core.records import record

if TYPE_CHECKING:
    from foldhub_core.adapters.workflow.state import WorkflowState

T = TypeVar("T")


@record
class Resolution:
    """Who owes the next turn. Several are a fan-out: each owes one, in any order. Nobody ends the session, for a reason."""

    agent_ids: tuple[str, ...] = ()
    close_reason: str = ""


@attrs.frozen
class Part:
    """What conditions and targets have in common."""

    name: ClassVar[str]
    """What it is called in a graph's data."""
    refers_to: ClassVar[tuple[str, ...]] = ()
    """The fields that name agents, each a text or a tuple of texts: an opening puts ids where names were given."""

    def label(self) -> str:
        """What it is called in a picture."""
        args = [f"{field.name}={_labelled(getattr(self, field.name))}" for field in attrs.fields(type(self))]
        return f"{self.name}({', '.join(args)})" if args else self.name


@attrs.frozen
class Condition(Part, ABC):
    """Whether a rule holds; subclass it for one of your own. Pure."""

    @abstractmethod
    def evaluate(self, state: "WorkflowState", envelope: Envelope) -> bool:
        """Whether it holds after a word was counted in: `state.last_speaker_id` is who had the turn."""


@attrs.frozen
class Target(Part, ABC):
    """Where the turn goes; subclass it for one of your own. Pure."""

    @abstractmethod
    def resolve(self, state: "WorkflowState", envelope: Envelope) -> Resolution:
        """Who is next, after a word was counted in: agents by id or name. It need not ask whether they are there."""


def written(value: object) -> object:
    """Give a part, or what a part's field holds, as data that is not frozen yet."""
    kind: Any = type(value)
    if kind is str:
        return value
    if isinstance(value, tuple):
        return [written(item) for item in cast("tuple[object, ...]", value)]
    names = _names_of(kind)
    if names is None:
        return value
    fields = {name: written(getattr(value, name)) for name in names}
    return {"name": value.name, "args": fields} if isinstance(value, Part) else fields


@cache
def _names_of(kind: Any) -> tuple[str, ...] | None:
    """The fields of a class of attrs; None of any other. Any: attrs tells them only of one it is sure of."""
    return tuple([field.name for field in attrs.fields(kind)]) if attrs.has(kind) else None


def renamed(value: T, resolve: Callable[[str], str]) -> T:
    """Give a part with ids where it names agents, however deep; whatever is no part comes back as it is."""
    if isinstance(value, tuple):
        return cast(T, tuple([renamed(item, resolve) for item in cast("tuple[object, ...]", value)]))
    if not isinstance(value, Part):
        return value
    changes: dict[str, object] = {}
    for field in attrs.fields(type(value)):
        held: object = getattr(value, field.name)
        changes[field.alias] = _resolved(held, resolve) if field.name in value.refers_to else renamed(held, resolve)
    return attrs.evolve(value, **changes)


def _resolved(held: object, resolve: Callable[[str], str]) -> object:
    if isinstance(held, tuple):
        return tuple([_resolved(item, resolve) for item in cast("tuple[object, ...]", held)])
    if not isinstance(held, str):
        raise WorkflowGraphError(f"expected the name or id of an agent, came {shown(held)}")
    return resolve(held)


def _labelled(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join([_labelled(item) for item in cast("tuple[object, ...]", value)])
    return value.label() if isinstance(value, Part) else str(value)
