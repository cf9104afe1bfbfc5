"""Hypothesis strategies for what records are made of: texts, numbers, names, ids, times, free data."""

from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from foldhub_core.data import INT_MAX, INT_MIN, Data, Value, freeze, freeze_value
from foldhub_core.ids import Kind, make_id
from foldhub_core.rule import Duration

R = TypeVar("R")


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
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | dicts(inner), max_leaves=5)


def plain_data() -> SearchStrategy[dict[str, object]]:
    """Free data before it is frozen, a dict at the top."""
    return dicts(plain_values())


def values() -> SearchStrategy[Value]:
    """Any frozen value."""
    return plain_values().map(freeze_value)


def data() -> SearchStrategy[Data]:
    """Any frozen map: what an envelope carries, and what knobs and payloads are made of."""
    return plain_data().map(freeze)


def dicts(held: SearchStrategy[R]) -> SearchStrategy[dict[str, R]]:
    """Small dicts of texts to whatever is held."""
    return st.dictionaries(texts(), held, max_size=3)
