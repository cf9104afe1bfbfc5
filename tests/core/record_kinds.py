"""What the tests of records share: all classes of record, one record of each, and what their fields are declared as."""

import copy
import pickle
from functools import cache
from typing import Any, TypeVar, cast

import attrs
from hypothesis import Phase, find, settings

from foldhub.testing.strategies import records
from foldhub_core.effects import Deliver, Evict, Forward, Pressure, Redeliver, Refuse, Reply
from foldhub_core.facts import (
    Acked,
    Attached,
    DeadLettered,
    Detached,
    Dormant,
    Dropped,
    KeysExpired,
    Nacked,
    Readdressed,
    Rearmed,
    Redelivered,
    Resent,
    Skipped,
    Woken,
)
from foldhub_core.mailbox import DeadLetter, Owed
from foldhub_core.records import values_of
from foldhub_core.snapshot_rows import (
    AgentRow,
    ConfiguredRow,
    DeadLetterRow,
    DueRow,
    EndRow,
    HubRow,
    KeyRow,
    KeysRow,
    LinkRow,
    MailboxRow,
    OwedRow,
    RateRow,
    RefusalsRow,
    SessionRow,
    TaskRow,
)
from foldhub_core.tags import TAGS

R = TypeVar("R")

MARKS = {
    Acked,
    Attached,
    DeadLettered,
    Detached,
    Dormant,
    Dropped,
    KeysExpired,
    Nacked,
    Readdressed,
    Rearmed,
    Redelivered,
    Resent,
    Skipped,
    Woken,
}
EFFECTS = {Reply, Refuse, Evict, Deliver, Redeliver, Forward, Pressure}
ROWS = {
    AgentRow,
    ConfiguredRow,
    DeadLetterRow,
    DueRow,
    EndRow,
    HubRow,
    KeyRow,
    KeysRow,
    LinkRow,
    MailboxRow,
    OwedRow,
    RateRow,
    RefusalsRow,
    SessionRow,
    TaskRow,
}
HELD = {Owed, DeadLetter}
HOT: set[type] = MARKS | EFFECTS | ROWS | HELD
"""What a step makes by the thousand: frozen to the type checkers, not at run time, and checked by the codec only."""

ALL = list(TAGS)
FROZEN = [cls for cls in ALL if cls not in HOT]


def pickled(value: object) -> object:
    return pickle.loads(pickle.dumps(value))


COPIES = (copy.copy, copy.deepcopy, pickled)


def fields_of(cls: type) -> tuple[Any, ...]:
    """The fields of a record as attrs describes them. Any: the classes come from a table."""
    return tuple(attrs.fields(cast(Any, cls)))


def defaults_of(cls: type) -> dict[str, object]:
    """The fields that have a default, and it."""
    return {field.name: field.default for field in fields_of(cls) if field.default is not attrs.NOTHING}


def required_of(cls: type) -> list[str]:
    """The fields that have none."""
    return [field.name for field in fields_of(cls) if field.default is attrs.NOTHING]


@cache
def sample(cls: type[R]) -> R:
    """The simplest record of a class."""
    # What is drawn first is the simplest; there is no need to look for a simpler one.
    return find(records(cls), lambda _: True, settings=settings(database=None, phases=[Phase.generate]))


def given_values(record: object) -> dict[str, Any]:
    """The values of a record by field, as its constructor takes them."""
    return {field.name: value for field, value in zip(fields_of(type(record)), values_of(record), strict=True)}
