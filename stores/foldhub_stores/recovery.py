"""A hub's state from its store: the newest snapshot, and what was appended since."""

import gc
import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from foldhub_core import Commit, Compacted, HubConfig, HubState, NetworkError, read_snapshot, replay

from .store import LogStore

LOG = logging.getLogger("foldhub.stores")

PIECE = 1_000
"""Commits that are read at once: a long log is never in memory whole."""


def recover(config: HubConfig, store: LogStore) -> HubState:
    """The state after the last commit of a store, from which a run begins with `Start`.

    A snapshot that cannot be read under this configuration, because the adapter of a live session is missing or raises, is
    passed over, and the log is folded from its beginning: those sessions will be dormant, and the hub is there. Where the log
    does not begin at its beginning any more, the error of the snapshot is raised.
    """
    state, unread = _from_snapshot(config, store)
    try:
        with _uncollected():
            return replay(config, _pieces(store, state.seq), state)
    except Compacted:
        if unread is not None:
            raise unread from None
        raise


def _from_snapshot(config: HubConfig, store: LogStore) -> tuple[HubState, NetworkError | None]:
    """The state of the newest snapshot, or that before the first commit and why."""
    empty, snapshot = HubState(store.identity.hub_id), store.snapshot()
    if snapshot is None:
        return empty, None
    try:
        return read_snapshot(config, snapshot.slices), None
    except NetworkError as error:
        LOG.warning("the snapshot at commit %d is passed over: %s", snapshot.seq, error)
        return empty, error


@contextmanager
def _uncollected() -> Generator[None, None, None]:
    """Meanwhile nobody looks for cycles: a fold makes none, and looking costs it a tenth of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _pieces(store: LogStore, after: int) -> Iterator[Commit]:
    while piece := store.read(after, PIECE):
        yield from piece
        after = piece[-1].seq
