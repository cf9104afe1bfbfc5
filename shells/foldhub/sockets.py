"""What both ends of a TCP link share: the time they go by, and what wakes their tasks."""

import math

import trio

NEARLY = 0.001
"""Of a millisecond: whoever wakes when it is due finds that it is, however the time is rounded."""


def now_ms() -> int:
    """The time of a wire: trio's, which does not run backwards."""
    return int(trio.current_time() * 1000 + NEARLY)


class Bell:
    """Wakes the one task that waits for it; rung while nobody waits, it is heard by who waits next."""

    __slots__ = ("_rung", "_task")

    def __init__(self) -> None:
        self._rung = False
        self._task: trio.lowlevel.Task | None = None

    def ring(self) -> None:
        """Wake whoever waits."""
        self._rung = True
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    async def wait(self) -> None:
        """Wait until it rings. A checkpoint only where it has not rung yet."""
        if not self._rung:
            self._task = trio.lowlevel.current_task()

            def abort(_: object) -> trio.lowlevel.Abort:
                self._task = None
                return trio.lowlevel.Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(abort)
        self._rung = False


class Alarm:
    """Wakes the one task that keeps the time when something is due. That it is due later costs nothing until then."""

    __slots__ = ("_due_ms", "_scope")

    def __init__(self) -> None:
        self._due_ms: int | None = None
        self._scope: trio.CancelScope | None = None

    async def sleep(self, due_ms: int | None) -> None:
        """Sleep until then, or until what `move` makes of it; None is for ever. A checkpoint."""
        self._due_ms = due_ms
        with trio.CancelScope(deadline=math.inf if due_ms is None else due_ms / 1000) as self._scope:
            await trio.sleep_forever()
        self._scope = None

    def move(self, due_ms: int | None) -> None:
        """Something is due then: wake no later."""
        if due_ms is not None and self._scope is not None and (self._due_ms is None or due_ms < self._due_ms):
            self._due_ms = due_ms
            self._scope.deadline = due_ms / 1000
