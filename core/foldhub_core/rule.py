"""What an agent may do and what may be done to it: its rule. And durations, as people write them.

In every cap 0 means no cap.
"""

from typing import Literal

from .data import INT_MAX
from .errors import Malformed, unexpected
from .records import record

Duration = str | int
"""Whole seconds, or text as `90`, `30s`, `15m`, `2h`, `1d`; empty text and anything up to 0 mean: for ever."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION_FORMS = "a duration such as 90, '30s', '15m', '2h' or '1d'"


def duration_ms(value: Duration, where: str = "") -> int:
    """Read a duration as milliseconds; raises `Malformed` for anything else."""
    if type(value) is int:
        seconds = value
    elif type(value) is str:
        stripped = value.strip()
        digits, unit = (stripped[:-1], _SECONDS[stripped[-1]]) if stripped[-1:] in _SECONDS else (stripped, 1)
        if stripped and not (digits.isascii() and digits.isdigit() and len(digits) < 18):
            raise unexpected(_DURATION_FORMS, value, where=where)
        seconds = int(digits) * unit if stripped else 0
    else:
        raise unexpected(_DURATION_FORMS, value, where=where)
    if abs(seconds) > INT_MAX // 2000:
        # It is added to the hub's clock, and the sum is written down.
        raise unexpected("a duration a clock can be moved by", value, where=where)
    return seconds * 1000


def _check_caps(where: str, *caps: int) -> None:
    if min(caps) < 0:
        raise Malformed(f"expected caps of 0 (none) or more, came {min(caps)}", where=where)


@record
class SessionTypes:
    """Globs over the types of sessions the agent may open, and be invited to."""

    initiate: tuple[str, ...] = ("*",)
    accept: tuple[str, ...] = ("*",)


@record
class Access:
    """Globs over names: who may write to the agent, and to whom it may write. Capitals count."""

    inbound_from: tuple[str, ...] = ("*",)
    outbound_to: tuple[str, ...] = ("*",)
    session_types: SessionTypes = SessionTypes()


@record
class Rate:
    """How often the agent may post: so many a minute, and so many at once."""

    per_minute: int = 0
    burst: int = 0

    def __checked__(self) -> None:
        _check_caps("Rate", self.per_minute, self.burst)


@record
class Inbox:
    """How much may be owed to the agent, and what happens to what is over it."""

    max_pending: int = 1000
    overflow: Literal["reject", "drop_oldest", "drop_newest"] = "reject"
    high_water: int | None = None
    """Pending deliveries at which pressure is told; None is four fifths of `max_pending`, 0 is never."""

    def __checked__(self) -> None:
        _check_caps("Inbox", self.max_pending, self.high_water or 0)


@record
class RuleLimits:
    """The caps on what the agent does."""

    max_concurrent_sessions: int = 0
    max_concurrent_tasks: int = 0
    session_ttl_default: Duration = "2h"
    task_ttl_default: Duration = "15m"
    rate: Rate = Rate()
    delegation_depth: int = 5
    inbox: Inbox = Inbox()

    def __checked__(self) -> None:
        duration_ms(self.session_ttl_default, "RuleLimits.session_ttl_default")
        duration_ms(self.task_ttl_default, "RuleLimits.task_ttl_default")
        _check_caps("RuleLimits", self.max_concurrent_sessions, self.max_concurrent_tasks, self.delegation_depth)


@record
class Rule:
    """An agent's rule; the hub counts its `version`."""

    access: Access = Access()
    limits: RuleLimits = RuleLimits()
    version: int = 1
