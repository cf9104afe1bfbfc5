"""Snapshots: what a hub keeps in its store so that it comes back quickly."""

from collections.abc import Iterator, Sequence

import trio

from foldhub_core import Commit, Unavailable, take_snapshot
from foldhub_stores import Durable, LogStore, Outcome

from .loop import Loop
from .reading import Desk
from .steady_log import SteadyLog

log = SteadyLog("foldhub")

COMMITS, BYTES = 20_000, 16_000_000
"""A snapshot is taken when so many commits, or so much of them, came since the last."""


class Snapshots:
    """Takes a snapshot when it is time for one, slice by slice: what is appended meanwhile waits for a slice at most."""

    def __init__(self, loop: Loop, desk: Desk, commits: int = COMMITS, size: int = BYTES) -> None:
        self._loop = loop
        self._desk = desk
        self._commits = commits
        self._bytes = size
        self._came = (0, 0)
        """Commits, and bytes of them, since the last snapshot, or the last try."""
        self._time = trio.Event()
        """Set when it is time for one."""

    def appended(self, commits: Sequence[Commit]) -> None:
        """These were appended: perhaps it is time."""
        count, size = self._came
        self._came = count + len(commits), size + sum([len(commit.payload) for commit in commits])
        if self._came[0] >= self._commits or self._came[1] >= self._bytes:
            self._time.set()

    async def run(self) -> None:
        """Take snapshots until cancelled."""
        self._came = await self._desk.read(self._desk.store.since_snapshot)
        while True:
            await self._time.wait()
            self._came, self._time = (0, 0), trio.Event()
            await self._take()

    async def _take(self) -> None:
        """Take one snapshot of the published state; one that cannot be taken is tried again when it is time for the next."""
        desk, store, state = self._desk, self._desk.store, self._loop.engine.state
        outcome = await desk.read(store.begin_snapshot, state.seq)
        slices = take_snapshot(state)
        try:
            while isinstance(outcome, Durable):
                came = await desk.read(_add_next, slices, store)
                if came is None:
                    outcome = await desk.read(store.end_snapshot)
                    return
                outcome = came
        except Unavailable:
            return  # a session is dormant
        log.warning("no snapshot at commit %d: %s", state.seq, outcome)


def _add_next(slices: Iterator[bytes], store: LogStore) -> Outcome | None:
    """Make the next slice and write it down; None where there is none."""
    data = next(slices, None)
    return None if data is None else store.add_slice(data)
