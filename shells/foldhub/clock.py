"""The hub's clock: wall-clock at its start, and from there the time of trio, which does not run backwards."""

import time
from collections.abc import Callable

import trio

Clock = Callable[[], int]
"""Gives the time in ms; it may not run backwards while the hub runs."""


def hub_clock(least_ms: int) -> Clock:
    """A clock that begins now, or where the hub's clock already was: a machine's clock may have been set back since."""
    begin_ms = max(time.time_ns() // 1_000_000, least_ms)
    current_time = trio.lowlevel.current_clock().current_time
    began = current_time()

    def now_ms() -> int:
        return begin_ms + int((current_time() - began) * 1000 + 1e-6)  # the time of trio is a float

    return now_ms
