"""Sweepers: what a user wants done every so often beside a hub. The hub itself sweeps nothing: what comes due has a deadline."""

from collections.abc import Awaitable, Callable

import trio

from .steady_log import SteadyLog

log = SteadyLog("foldhub")

Sweep = Callable[[], Awaitable[None]]


class Sweepers:
    """The sweepers of a hub, by name. They run in the nursery they are given, until they are unregistered or it ends."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._running: dict[str, tuple[trio.CancelScope, trio.Event]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those that run, sorted."""
        return tuple(sorted(self._running))

    def register(self, name: str, interval: float, sweep: Sweep) -> None:
        """Have `sweep` awaited every `interval` seconds. What it raises is logged, and it is awaited again.

        Raises `ValueError` where the name is taken, or the interval is not above 0.
        """
        if name in self._running:
            raise ValueError(f"expected a name no sweeper has, came {name!r}")
        if not interval > 0:
            raise ValueError(f"expected an interval above 0, came {interval}")
        scope, ended = trio.CancelScope(), trio.Event()
        self._running[name] = scope, ended
        self._nursery.start_soon(self._sweep, name, interval, sweep, scope, ended)

    async def unregister(self, name: str) -> None:
        """Stop a sweeper and wait until it has; one that is not there has stopped. A checkpoint."""
        running = self._running.pop(name, None)
        if running is None:
            await trio.lowlevel.checkpoint()
            return
        scope, ended = running
        scope.cancel()
        await ended.wait()

    async def _sweep(self, name: str, interval: float, sweep: Sweep, scope: trio.CancelScope, ended: trio.Event) -> None:
        try:
            with scope:
                while True:
                    await trio.sleep(interval)
                    try:
                        await sweep()
                    except Exception:
                        log.exception("the sweeper %s raised", name)
        finally:
            ended.set()
