"""The track record: what the hub saw an agent do. It grows by observations of tasks that ended, each counted once.

The last latencies of each capability are kept, so that the median in the resume is one; and the last tasks that were
counted, so that a task that is told of twice counts once.
"""

from collections.abc import Mapping
from typing import cast

from .data import FrozenDict
from .envelope import Envelope
from .identity import ObservedStat, Resume
from .limits import Limits
from .recent import Recent
from .records import changed, hot

LATENCIES = 64
"""How many of the last latencies the median is taken of."""

_NO_LATENCIES: FrozenDict[tuple[int, ...]] = FrozenDict()
_NO_TASKS: Recent[None] = Recent()


@hot
class TrackRecord:
    """What is remembered of an agent's tasks beside the counts in its resume."""

    latencies: Mapping[str, tuple[int, ...]] = _NO_LATENCIES
    """By capability, the last ones, oldest first."""
    tasks: Recent[None] = _NO_TASKS
    """Tasks whose end was counted."""


def observed(resume: Resume, track_record: TrackRecord, event: Envelope, limits: Limits) -> tuple[Resume, TrackRecord]:
    """Fold one observation."""
    data = event.event_data
    capability, outcome = cast(str, data["capability"]), cast(str, data["outcome"])
    latencies, latency_ms = track_record.latencies.get(capability, ()), cast("int | None", data["latency_ms"])
    if latency_ms is not None:
        latencies = (*latencies, latency_ms)[-LATENCIES:]
    before = resume.observed.get(capability, ObservedStat())
    counts = {"n": before.n + 1, outcome: getattr(before, outcome) + 1}
    stat = changed(before, p50_latency_ms=_median(latencies) if latencies else None, **counts)
    task_id, tasks = cast("str | None", data["task_id"]), track_record.tasks
    resume = changed(
        resume,
        observed=FrozenDict({**resume.observed, capability: stat}),
        version=resume.version + 1,
        last_updated_ms=event.created_at_ms,
    )
    if latencies:
        track_record = changed(track_record, latencies=FrozenDict({**track_record.latencies, capability: latencies}))
    if task_id is not None:
        track_record = changed(track_record, tasks=tasks.put(task_id, None, limits.observed_tasks))
    return resume, track_record


def _median(values: tuple[int, ...]) -> int:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2
