"""Payloads that mean no good: of wrong types, empty, huge, deep."""

import random
from collections.abc import Mapping
from typing import Any, cast

from foldhub_core import Data, Draft, freeze
from foldhub_core.data import INT_MAX, INT_MIN

_NOTHING: list[object] = []
_LESS: dict[str, object] = {}
WRONG: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    1.5,
    INT_MAX,
    INT_MIN,
    "",
    "x",
    "\u00e9\U0001f40d\u202e",
    _NOTHING,
    [None],
    [_NOTHING],
    _LESS,
    {"a": None},
)
HUGE = "x" * 20_000
DEPTH = 15
"""As deep as a hub accepts."""


def _deep() -> object:
    value: object = "bottom"
    for _ in range(DEPTH - 1):
        value = {"deep": value}
    return value


_SPOILT: tuple[dict[str, object], ...] = (
    {},
    {"text": HUGE},
    {"deep": _deep()},
    {"text": _deep()},
    {"items": list(range(300))},
    {str(key): key for key in range(200)},
    {"": ""},
    {"agent_id": 5},
    {"agent_id": None, "text": None, "reason": {}},
    {"text": ["not", "a", "text"]},
    {"body": 7, "routing": "left", "context": None},
    {"routing": {"kind": "handoff", "target": ["a", "list"]}},
    {"routing": {"kind": "finish", "reason": HUGE}},
    {"routing": {}, "context": {"set": 1, "delete": 2}},
    {"set": None},
    {"set": {}, "delete": [1, 2]},
    {"set": {"k": HUGE}},
)

PAYLOADS: tuple[Data, ...] = tuple([freeze(one) for one in _SPOILT])
"""What is tried with any event type."""


def hostile_draft(base: Draft, dice: random.Random) -> Draft:
    """Make something bad of something that may be good."""
    if not base.event_data or dice.random() < 0.3:
        return Draft(base.event_type, dice.choice(PAYLOADS), base.audience)
    return Draft(base.event_type, freeze(hostile_map(base.event_data, dice)), base.audience)


def hostile_map(data: Mapping[str, object], dice: random.Random) -> dict[str, object]:
    """Spoil one place of a map: another value, or one of another type, a key too few or too many."""
    spoilt = dict(data)
    if not spoilt or dice.random() < 0.1:
        return {**spoilt, "kit": dice.choice(WRONG)}
    key = dice.choice(sorted(spoilt))
    value: Any = spoilt[key]
    kind = cast(Any, type(value))
    if issubclass(kind, Mapping) and value and dice.random() < 0.6:
        spoilt[key] = hostile_map(cast("Mapping[str, object]", value), dice)
    elif issubclass(kind, tuple | list) and value and dice.random() < 0.6:
        items: list[object] = list(cast("tuple[object, ...]", value))
        at = dice.randrange(len(items))
        items[at] = _other(items[at], dice)
        spoilt[key] = items
    elif dice.random() < 0.15:
        del spoilt[key]
    else:
        spoilt[key] = _other(value, dice)
    return spoilt


def _other(value: object, dice: random.Random) -> object:
    """Another value: one that may just be allowed, or one that should not be."""
    if isinstance(value, str) and dice.random() < 0.5:
        return dice.choice(["", " ", "x", "0", "x" * 100, "x" * 1_000, "!", "\n", HUGE])
    if isinstance(value, int) and not isinstance(value, bool) and dice.random() < 0.5:
        return dice.choice([0, -1, value + 1, value - 1, -value, value * 2, 10**6])
    return _deep() if dice.random() < 0.05 else dice.choice(WRONG)
