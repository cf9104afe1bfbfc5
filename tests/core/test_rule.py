"""Rules: their defaults, caps that are none or more, and durations in all the ways people write them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub.testing.strategies import durations
from foldhub_core.data import INT_MAX
from foldhub_core.errors import Malformed
from foldhub_core.rule import Access, Duration, Inbox, Rate, Rule, RuleLimits, SessionTypes, duration_ms
from tests.core.record_kinds import defaults_of, required_of

few = settings(max_examples=60, deadline=None)

DEFAULTS: dict[type, dict[str, object]] = {
    SessionTypes: {"initiate": ("*",), "accept": ("*",)},
    Access: {"inbound_from": ("*",), "outbound_to": ("*",), "session_types": SessionTypes()},
    Rate: {"per_minute": 0, "burst": 0},
    Inbox: {"max_pending": 1000, "overflow": "reject", "high_water": None},
    RuleLimits: {
        "max_concurrent_sessions": 0,
        "max_concurrent_tasks": 0,
        "session_ttl_default": "2h",
        "task_ttl_default": "15m",
        "rate": Rate(),
        "delegation_depth": 5,
        "inbox": Inbox(),
    },
    Rule: {"access": Access(), "limits": RuleLimits(), "version": 1},
}


@pytest.mark.parametrize("cls", DEFAULTS)
def test_the_defaults_are_as_written(cls: type) -> None:
    assert defaults_of(cls) == DEFAULTS[cls]


@pytest.mark.parametrize("cls", DEFAULTS)
def test_nothing_must_be_given(cls: type) -> None:
    assert required_of(cls) == []


# --- durations

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@few
@given(st.integers(-(10**12), 10**12))
def test_a_whole_number_is_seconds(seconds: int) -> None:
    assert duration_ms(seconds) == seconds * 1000


@few
@given(st.integers(0, 10**9), st.sampled_from(list(UNITS)))
def test_text_is_digits_and_a_unit(count: int, unit: str) -> None:
    assert duration_ms(f"{count}{unit}") == count * UNITS[unit] * 1000


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("90", 90_000),
        ("30s", 30_000),
        ("15m", 900_000),
        ("2h", 7_200_000),
        ("1d", 86_400_000),
        ("", 0),
        ("  ", 0),
        (" 5m\n", 300_000),
        ("007", 7_000),
        (0, 0),
        (-1, -1000),
        (INT_MAX // 2000, INT_MAX // 2000 * 1000),
        (str(INT_MAX // 2000), INT_MAX // 2000 * 1000),
    ],
)
def test_a_duration_is_read(value: Duration, milliseconds: int) -> None:
    assert duration_ms(value) == milliseconds


@pytest.mark.parametrize(
    "value",
    [
        "s",
        "1.5h",
        "-1",
        "+1",
        "1w",
        "1H",
        "1 h",
        "h1",
        "1h30m",
        "1_000",
        "\u0661",
        "\u00b2",
        "\ud800",
        "for ever",
        "9" * 18,
        "9" * 17 + "d",
        INT_MAX // 2000 + 1,
        -(INT_MAX // 2000) - 1,
        2**70,
        True,
        None,
        1.0,
        b"1",
    ],
)
def test_anything_else_is_no_duration(value: Any) -> None:
    with pytest.raises(Malformed) as refused:
        duration_ms(value, "ttl")
    assert refused.value.where == "ttl"


@few
@given(durations())
def test_a_rule_keeps_its_durations_as_they_were_written(duration: Duration) -> None:
    limits = RuleLimits(session_ttl_default=duration, task_ttl_default=duration)
    assert (limits.session_ttl_default, limits.task_ttl_default) == (duration, duration)


@pytest.mark.parametrize("field", ["session_ttl_default", "task_ttl_default"])
@pytest.mark.parametrize("value", ["soon", INT_MAX, True])
def test_a_rule_refuses_what_is_no_duration(field: str, value: Any) -> None:
    with pytest.raises(Malformed) as refused:
        RuleLimits(**{field: value})
    assert refused.value.where == f"RuleLimits.{field}"


# --- caps

CAPS: dict[str, Any] = {
    "max_concurrent_sessions": lambda cap: RuleLimits(max_concurrent_sessions=cap),
    "max_concurrent_tasks": lambda cap: RuleLimits(max_concurrent_tasks=cap),
    "delegation_depth": lambda cap: RuleLimits(delegation_depth=cap),
    "rate.per_minute": lambda cap: RuleLimits(rate=Rate(per_minute=cap)),
    "rate.burst": lambda cap: RuleLimits(rate=Rate(burst=cap)),
    "inbox.max_pending": lambda cap: RuleLimits(inbox=Inbox(max_pending=cap)),
    "inbox.high_water": lambda cap: RuleLimits(inbox=Inbox(high_water=cap)),
}


@pytest.mark.parametrize("make", CAPS.values(), ids=CAPS)
def test_a_cap_of_none_is_accepted(make: Any) -> None:
    assert isinstance(make(0), RuleLimits)


@pytest.mark.parametrize("make", CAPS.values(), ids=CAPS)
def test_a_cap_below_none_is_refused(make: Any) -> None:
    with pytest.raises(Malformed, match="came -1"):
        make(-1)
