"""How many refusals of a subject are recorded: enough to read what happened, not so many that they fill a disk.

Counted in windows of time that begin at fixed moments; a new window forgets the counts of the last.
"""

from immutables import Map

from .limits import Limits
from .records import hot


@hot
class RefusalCount:
    """The refusals recorded in the current window, by subject."""

    window: int = 0
    by_subject: Map[str, int] = Map()


def is_recorded(count: RefusalCount, limits: Limits, subject: str, now_ms: int) -> bool:
    """Whether one more refusal of this subject is recorded."""
    if now_ms // limits.refusal_window_ms != count.window:
        return limits.refusals > 0
    return count.by_subject.get(subject, 0) < limits.refusals


def fold_refusal(count: RefusalCount, limits: Limits, subject: str, now_ms: int) -> RefusalCount:
    """Count one recorded refusal."""
    window = now_ms // limits.refusal_window_ms
    by_subject = count.by_subject if window == count.window else Map[str, int]()
    return RefusalCount(window, by_subject.set(subject, by_subject.get(subject, 0) + 1))
