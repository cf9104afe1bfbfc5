"""A hub's state from its store: the newest snapshot, and what was appended since."""

import gc
import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from foldhub_core import Commit, Compacted, HubConfig, HubState, NetworkError, read_snapshot, replay
from foldhub_core.snapshot import first_unread

from .store import LogStore

LOG = logging.getLogger("foldhub.stores")

PIECE = 1_000
"""Commits that are read at once: a long log is never in memory whole."""


def recover(config: HubConfig, store: LogStore) -> HubState:
    """The state after the last commit of a store, from which a run begins with `Start`.

    It is read from the newest snapshot, and what was appended since is folded. A session whose adapter is missing is there, and
    will be dormant. Where a snapshot cannot be read, or an adapter cannot read the state it wrote, the log is folded from its
    beginning. Where that is gone, sessions that could not be read will be dormant too, and of a snapshot the error is raised.
    """
    with _uncollected():
        read, unread = _from_snapshot(config, store)
        session_id = None if read is None else first_unread(config, read)
        if read is not None and session_id is None:
            return _folded(config, store, read)
        try:
            return _folded(config, store, HubState(store.identity.hub_id))
        except Compacted:
            if read is not None:
                LOG.warning("the log is compacted: %s cannot be read from the snapshot, nor folded", session_id)
                return _folded(config, store, read)
            if unread is not None:
                raise unread from None
            raise


def _from_snapshot(config: HubConfig, store: LogStore) -> tuple[HubState | None, NetworkError | None]:
    """The state of the newest snapshot; or None, and why it cannot be read where there is one."""
    snapshot = store.snapshot()
    if snapshot is None:
        return None, None
    try:
        return read_snapshot(config, snapshot.slices), None
    except NetworkError as error:
        LOG.warning("the snapshot at commit %d is passed over: %s", snapshot.seq, error)
        return None, error


def _folded(config: HubConfig, store: LogStore, state: HubState) -> HubState:
    """The state after everything that was appended since."""
    return replay(config, _pieces(store, state.seq), state)


@contextmanager
def _uncollected() -> Generator[None, None, None]:
    """Meanwhile nobody looks for cycles: reading and folding make none, and looking costs them up to half of their time."""
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
