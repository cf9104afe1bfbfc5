"""The sizes and counts a hub accepts.

They are part of the configuration, but a step reads them from the state: each `Start` records the limits it runs under, so
that recovery and `verify` see yesterday's limits where yesterday's words stand.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from .data import INT_MAX, Data
from .errors import Malformed
from .records import names_of, record


@record
class Limits:
    """Every bound of the core. Counts are items, sizes are characters of text, times are milliseconds."""

    text_chars: int = 1_000_000
    """One text in free data."""
    short_text_chars: int = 1_024
    """One text of an envelope's own fields, of a key, of a link's name."""
    name_chars: int = 128
    list_items: int = 10_000
    map_items: int = 1_000
    depth: int = 16
    data_items: int = 50_000
    """All values in one tree of free data: texts, numbers, lists, maps, whatever they stand in."""
    capabilities: int = 256
    summary_chars: int = 16_000
    """A resume's summary: searches look through it."""
    skill_chars: int = 64_000
    keys: int = 1_000
    """Idempotency keys that are remembered for an agent."""
    key_ms: int = 24 * 3600 * 1000
    observed_tasks: int = 1_000
    """Tasks an agent's track record remembers, so that none counts twice."""
    task_bytes: int = 262_144
    """What a task is to do, how far it is, and what it could be resumed from: each of the three, as bytes."""
    tick_entries: int = 64
    """Due entries that one `Tick` handles."""
    refusals: int = 1_000
    """Refusals that are recorded of one subject in a window; what is over it is refused and not recorded."""
    refusal_window_ms: int = 3600 * 1000
    refusal_bytes: int = 1_024
    """A refused command up to this size is recorded whole, a larger one by its hash and length."""
    owed_ms: int = 7 * 24 * 3600 * 1000
    """A delivery owed longer than this is given up."""
    dead_letters: int = 1_000
    """Dead letters that are kept of an agent."""
    invite_timeout_ms: int = 30_000
    """How long the invited have to answer."""
    participants: int = 1_000
    """Participants of one session."""
    emits: int = 64
    """What a protocol may say in consequence of one word."""
    page_items: int = 1_000
    """The most that a question gives in one page."""
    scan_items: int = 10_000
    """The most that a question looks at for one page."""

    def __checked__(self) -> None:
        for name in names_of(Limits):
            least, came = 0 if name in _MAY_BE_NONE else 1, getattr(self, name)
            if came < least:
                raise Malformed(f"expected at least {least}, came {came}", where=f"Limits.{name}")
        for name in _ADDED_TO_THE_CLOCK:
            if getattr(self, name) > INT_MAX // 2:
                raise Malformed(f"expected at most {INT_MAX // 2} ms, came {getattr(self, name)}", where=f"Limits.{name}")


_ADDED_TO_THE_CLOCK = ("key_ms", "owed_ms", "invite_timeout_ms")
"""And the sum is written down."""

_MAY_BE_NONE = ("data_items", "refusals", "refusal_bytes")


def check_length(text: str, most: int, where: str) -> None:
    """Refuse text that is too long."""
    if len(text) > most:
        raise Malformed(f"expected at most {most} characters, came {len(text)}", where=where)


def check_count(count: int, most: int, where: str) -> None:
    """Refuse a list that has too many items."""
    if count > most:
        raise Malformed(f"expected at most {most} items, came {count}", where=where)


def check_data(limits: Limits, data: Mapping[str, object], where: str) -> None:
    """Refuse frozen data that is larger or deeper than the limits allow."""
    if len(data) == 1 <= limits.data_items:  # a text, said by the thousand
        ((key, item),) = data.items()
        if type(item) is str and len(item) <= limits.text_chars and len(key) <= limits.short_text_chars:
            return
    _check_items(limits, data, limits.depth, limits.data_items, where)


def _check_items(limits: Limits, value: object, room: int, budget: int, where: str) -> int:
    """Check one value and what is in it; gives back how much of the budget is left. A value is counted where it stands."""
    if isinstance(value, str):
        check_length(value, limits.text_chars, where)
        return budget
    if not isinstance(value, Data | tuple):
        return budget
    if not room:
        raise Malformed(f"expected a tree at most {limits.depth} deep, came a deeper one", where=where)
    items = cast("Data | tuple[object, ...]", value)
    check_count(len(items), limits.map_items if isinstance(items, Data) else limits.list_items, where)
    budget -= len(items)
    if budget < 0:
        raise Malformed(f"expected at most {limits.data_items} values in all, came more", where=where)
    if isinstance(items, Data):
        for key in items:
            check_length(key, limits.short_text_chars, f"a key of {where}")
    inner: Iterable[object] = items.values() if isinstance(items, Data) else items
    for item in inner:
        budget = _check_items(limits, item, room - 1, budget, where)
    return budget
