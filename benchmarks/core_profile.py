"""Where the time of a post and its ack goes: by file, and by line.

A timer of the processor interrupts the steps some hundred times a second, and what line of the core runs then is counted. Python
looks at signals where a function begins, after a call and at the head of a loop. So the time of what is called in C (a hash,
a persistent map) counts for the line that calls it, and so does that of the constructors made of records; where a function has
just begun, the line that called it is counted.
"""

import gc
import linecache
import signal
import sys
from collections import Counter
from pathlib import Path
from time import process_time
from types import FrameType
from typing import NamedTuple

import foldhub_core
from benchmarks.core_sessions import CONFIG, Talk
from foldhub_core import Arrival, step

CORE = Path(foldhub_core.__file__).parent
EVERY_S = 0.001
DEAREST = 5
FILES = 12


class Line(NamedTuple):
    """A line of the core, and its share of the time."""

    where: str
    """File and function."""
    text: str
    share: float


class Profile(NamedTuple):
    """What a post and its ack are made of."""

    pairs: int
    samples: int
    calls: float
    """Of functions in Python, for one pair."""
    c_calls: float
    """Of functions in C, for one pair."""
    files: list[tuple[str, float]]
    """The dearest files, and their shares of the time."""
    lines: list[Line]
    """The dearest lines."""


class Sampler:
    """Counts the lines of the core that run, by file, function and number."""

    def __init__(self) -> None:
        self.lines: Counter[tuple[str, str, int]] = Counter()
        self.samples = 0

    def run(self, talk: Talk, arrivals: list[Arrival]) -> None:
        """Step these, and look."""
        before = signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
        try:
            state = talk.state
            for arrival in arrivals:
                state = step(CONFIG, state, arrival).state
            talk.state = state
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    def _look(self, _: int, frame: FrameType | None) -> None:
        while frame is not None:
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(CORE) and frame.f_lineno != frame.f_code.co_firstlineno:
                name = path.relative_to(CORE).with_suffix("").as_posix()
                self.lines[name, frame.f_code.co_name, frame.f_lineno] += 1
                self.samples += 1
                return
            frame = frame.f_back


def counted(talk: Talk, pairs: int) -> tuple[float, float]:
    """How many functions a pair calls, in Python and in C."""
    arrivals = talk.pairs(pairs)
    calls = Counter[str]()

    # object: what is called is not looked at.
    def look(_: FrameType, event: str, __: object) -> None:
        calls[event] += 1

    state = talk.state
    sys.setprofile(look)
    for arrival in arrivals:
        state = step(CONFIG, state, arrival).state
    sys.setprofile(None)
    talk.state = state
    return calls["call"] / pairs, calls["c_call"] / pairs


def measured(seconds: float) -> Profile:
    """Sample for so long, of the processor's time."""
    talk, sampler, pairs = Talk(), Sampler(), 0
    calls, c_calls = counted(talk, 20)
    gc.collect()
    gc.disable()
    until = process_time() + seconds
    while process_time() < until:
        arrivals = talk.pairs(500)
        sampler.run(talk, arrivals)
        pairs += 500
    gc.enable()
    files = Counter[str]()
    for (name, _, _), count in sampler.lines.items():
        files[name] += count
    whole = max(1, sampler.samples)
    return Profile(
        pairs,
        sampler.samples,
        calls,
        c_calls,
        [(name, count / whole) for name, count in files.most_common(FILES)],
        [
            Line(f"{name}.{function}", linecache.getline(str(CORE / f"{name}.py"), number).strip(), count / whole)
            for (name, function, number), count in sampler.lines.most_common(DEAREST)
        ],
    )
