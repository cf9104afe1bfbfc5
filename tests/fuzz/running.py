"""Running a target: over what is kept, and over what becomes of it by chance."""

import hashlib
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random

import attrs

from .mutating import changed_bytes
from .targets import LARGEST, Seen, Target

LONGEST_S = 20
"""An input that takes longer, of the processor, is a fault."""

CORPUS = Path(__file__).parent / "corpus"
MOST_FILES, MOST_BYTES = 48, 2_048
"""So many files of one target are kept, and none that is larger."""


@attrs.frozen
class Fault:
    """Bytes that a target fails over."""

    data: bytes
    error: BaseException


class TookTooLong(BaseException):
    """An input is not done with in time. No error of what reads it, which might catch it."""


@attrs.define
class Tally:
    """What came of a run."""

    executions: int = 0
    began_with: int = 0
    found: list[bytes] = attrs.Factory(list)
    """What showed something new, in the order it was found."""
    seen: Seen = attrs.Factory(set)
    faults: list[Fault] = attrs.Factory(list)


def kept(target: Target, corpus: Path = CORPUS) -> dict[str, bytes]:
    """The kept corpus of a target, by the names of its files."""
    return {path.name: path.read_bytes() for path in sorted((corpus / target.name).glob("*"))}


def in_time(target: Target, data: bytes, longest_s: float = LONGEST_S) -> Seen:
    """Check an input; raises `TookTooLong` where that takes longer, of the processor. The main thread calls it."""

    def late(*_: object) -> None:
        raise TookTooLong(f"expected {len(data)} bytes to take {longest_s} s at most, came some that take longer: {data[:64]!r}")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, longest_s)
    try:
        return target.check(data)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def fuzz(
    target: Target,
    seconds: float,
    seed: int,
    *,
    executions: int | None = None,
    corpus: Path = CORPUS,
    longest_s: float = LONGEST_S,
) -> Tally:
    """Run a target for so long, or so many times: what is kept first, then what becomes of what has shown something new."""
    dice, tally = Random(seed), Tally()
    pool = [*kept(target, corpus).values(), *target.seeds()]
    for data in pool:
        _try(target, data, tally, longest_s)
    tally.began_with, live = len(tally.seen), list(dict.fromkeys(pool))
    tally.found.clear()
    end = time.monotonic() + seconds
    while time.monotonic() < end and (executions is None or tally.executions < executions):
        # What was found lately leads on more often than what everybody has tried to change.
        parent = dice.choice(live[-64:] if dice.randrange(3) == 0 else live)
        data = changed_bytes(parent, live, target.shape, dice)
        if _try(target, data, tally, longest_s):
            live.append(data)
    return tally


def _try(target: Target, data: bytes, tally: Tally, longest_s: float) -> bool:
    """Run it over some bytes; whether they showed something new."""
    tally.executions += 1
    try:
        seen = in_time(target, data[:LARGEST], longest_s)
    except (Exception, TookTooLong) as error:  # whatever it is, it is a fault
        if _what(error) not in {_what(one.error) for one in tally.faults}:
            tally.faults.append(Fault(data, error))
        return False
    if seen <= tally.seen:
        return False
    tally.seen |= seen
    tally.found.append(data)
    return True


def _what(error: BaseException) -> str:
    """By which two faults are the same."""
    return "late" if isinstance(error, TookTooLong) else repr(error)


def worth_keeping(target: Target, candidates: Iterable[bytes]) -> list[bytes]:
    """Of these bytes the smallest that together show nearly all that they show."""
    chosen: list[bytes] = []
    shown: Seen = set()
    for data in sorted({one for one in candidates if len(one) <= MOST_BYTES}, key=lambda one: (len(one), one)):
        seen = in_time(target, data)
        if not seen <= shown:
            shown |= seen
            chosen.append(data)
    # Where that is too many, an even choice of the short and the long.
    return chosen if len(chosen) <= MOST_FILES else [chosen[at * len(chosen) // MOST_FILES] for at in range(MOST_FILES)]


def keep(target: Target, tally: Tally, corpus: Path = CORPUS) -> int:
    """Write down what is worth it, in place of what is kept; gives how many files there are then."""
    folder = corpus / target.name
    folder.mkdir(parents=True, exist_ok=True)
    chosen = worth_keeping(target, [*kept(target, corpus).values(), *target.seeds(), *tally.found])
    for path in folder.glob("*"):
        path.unlink()
    for data in chosen:
        write(folder, data)
    return len(chosen)


def write(folder: Path, data: bytes, prefix: str = "") -> Path:
    """Write one file of a corpus; its name is that of its content."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{prefix}{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.write_bytes(data)
    return path
