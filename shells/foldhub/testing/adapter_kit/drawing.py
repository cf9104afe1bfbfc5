"""Where the knobs of a drawn session come from: what the tester says, else the manifest's schema, else drawn graphs.

Of a schema is understood: `type`, `enum`, `const`, `default`, `properties`, `required`, `items`, `minItems`, `maxItems`,
`minimum`, `maximum`, `anyOf`, `oneOf`. Everything else in it is passed over.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from foldhub_core import Data, WorkflowAdapter, WorkflowGraph, freeze
from foldhub_core.config import AnyAdapter

from .scene import NAMES

Knobs: TypeAlias = Callable[[random.Random, int], Data]
"""Draws the knobs of a session with so many participants."""

DRAWN = 30
"""How many values are drawn of a strategy before a search."""


def knobs_of(adapter: AnyAdapter, given: Any, seed: int) -> Knobs:
    """Say where knobs come from. Any: a map, a list of maps, a function of dice and count, a strategy of hypothesis, or None."""
    if given is None:
        if isinstance(adapter, WorkflowAdapter):
            return _graphs(seed)
        schema = adapter.manifest.knobs_schema
        return lambda dice, _: freeze(cast("dict[str, object]", _of_schema(schema, dice, "object")))
    if isinstance(given, Mapping):
        fixed = freeze(dict(cast("Mapping[str, object]", given)))
        return lambda _, __: fixed
    if hasattr(given, "example") and hasattr(given, "map"):
        pool = drawn(given, seed)
        return lambda dice, _: dice.choice(pool)
    if isinstance(given, Sequence):
        several = [freeze(dict(one)) for one in cast("Sequence[Mapping[str, object]]", given)]
        return lambda dice, _: dice.choice(several)
    if callable(given):
        made = cast("Callable[[random.Random, int], Mapping[str, object]]", given)
        return lambda dice, count: freeze(dict(made(dice, count)))
    raise TypeError(f"expected knobs as a map, a list of maps, a function or a strategy, came {given!r}")


def drawn(strategy: Any, seed: int, count: int = DRAWN) -> list[Data]:
    """Draw values of a strategy of hypothesis, outside of any test of its own. Any: it is imported only here."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    every_check: Any = list(HealthCheck)  # Any: it lists its members, which the type checkers do not see
    came: list[Data] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=every_check,
        derandomize=False,
    )
    @given(strategy)
    def draw(value: Any) -> None:
        came.append(freeze(dict(value)))

    draw()
    return came


def _graphs(seed: int) -> Knobs:
    """Graphs over the names of those who take part, and a context to begin with."""
    from hypothesis import strategies as st

    from foldhub.testing.strategies import workflow_graphs

    pools: dict[int, list[Data]] = {}

    def draw(dice: random.Random, count: int) -> Data:
        count = min(count, 3)  # a graph need not name everybody
        if count not in pools:
            graphs = workflow_graphs(NAMES[:count])
            contexts = st.dictionaries(st.sampled_from(["tier", "kit"]), st.none() | st.integers(0, 2), max_size=2)
            made = st.builds(_knobs, graphs, contexts)
            pools[count] = drawn(made, seed + count)
        return dice.choice(pools[count])

    return draw


def _knobs(graph: WorkflowGraph, context: dict[str, object]) -> dict[str, object]:
    return {"graph": graph.to_json(), "context_vars": context}


def _of_schema(schema: Mapping[str, object], dice: random.Random, kind: str = "") -> object:
    if "const" in schema:
        return schema["const"]
    for several in ("enum", "anyOf", "oneOf"):
        choices = schema.get(several)
        if isinstance(choices, tuple | list) and choices:
            chosen = dice.choice(cast("Sequence[object]", choices))
            return chosen if several == "enum" else _of_schema(cast("Mapping[str, object]", chosen), dice)
    if "default" in schema and dice.random() < 0.3:
        return schema["default"]
    types = schema.get("type", kind or "any")
    kind = str(dice.choice(cast("Sequence[str]", types)) if isinstance(types, tuple | list) else types)
    match kind:
        case "object":
            return _of_object(schema, dice)
        case "array":
            count = dice.randint(_int(schema, "minItems", 0), _int(schema, "maxItems", 3))
            return [_of_schema(cast("Mapping[str, object]", schema.get("items", {})), dice) for _ in range(count)]
        case "integer" | "number":
            least = _int(schema, "minimum", 0)
            return dice.choice([least, least + 1, dice.randint(least, max(_int(schema, "maximum", least + 10), least))])
        case "boolean":
            return dice.random() < 0.5
        case "null":
            return None
        case "string":
            return dice.choice(["", "a", "b c", "x" * 30])
        case _:
            return dice.choice([None, True, 1, "a", [], {}])


def _of_object(schema: Mapping[str, object], dice: random.Random) -> dict[str, object]:
    properties = cast("Mapping[str, Mapping[str, object]]", schema.get("properties", {}))
    required = cast("Sequence[str]", schema.get("required", ()))
    wanted = [name for name in properties if name in required or dice.random() < 0.5]
    return {name: _of_schema(properties[name], dice) for name in wanted}


def _int(schema: Mapping[str, object], name: str, otherwise: int) -> int:
    value = schema.get(name, otherwise)
    return value if isinstance(value, int) else otherwise


def counts_of(adapter: AnyAdapter, participants: int | tuple[int, ...] | None) -> tuple[int, ...]:
    """How many take part in the sessions that are drawn: as the tester says, else as the manifest allows, up to four."""
    bounds = adapter.manifest.participants
    if isinstance(participants, int):
        return (participants,)
    if participants is not None:
        return tuple(participants)
    most = min(bounds.max or len(NAMES), max(4, bounds.min))
    several = [count for count in range(bounds.min, most + 1) if count > 1 or bounds.max == 1]
    return tuple(several or [bounds.min]) + ((1,) if bounds.min == 1 and several[:1] != [1] else ())
