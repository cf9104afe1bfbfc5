"""Repair: a store that is damaged is made anew of what can be saved, and the damaged one is kept beside it.

The files that are damaged are read and never written. The new store is made whole beside them, opened once, and changes
places with them in one move. Killed at any moment, the place holds the damaged store or the repaired one.
"""

import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path

import apsw

from foldhub_core.records import record

from .alone import held
from .backup import furnish
from .building import Builder
from .clock import wall_clock_ms
from .disk import sync_folder
from .errors import StoreDamaged, StoreMismatch, StoreStopped
from .file import FileStore
from .founding import LOG, WITNESS, is_founded
from .placing import beside, check_free, exchange, put
from .progress import Progress, unheard
from .salvage import Saved, Scratch, look_through, saved_entries
from .schema import APPLICATION, FORMAT
from .store import Identity
from .verifying import verify_store
from .witness import hear_witness

_APPLICATION = slice(68, 72)
"""Where the header of a database says whose it is."""


@record
class Repair:
    """What is wrong with a store, and what came of its repair."""

    findings: tuple[str, ...]
    """What is wrong with it; empty where nothing is, and nothing was done."""
    saved: Saved | None = None
    """What can be saved of it."""
    reached: int | None = None
    """How far the log had come, as far as a witness knows."""
    repaired: str | None = None
    """Where the repaired store lies; None where it was only looked at."""
    damaged: str | None = None
    """Where the damaged one lies now."""


def repair(
    path: str | PathLike[str],
    *,
    accept_loss: bool = False,
    to: str | PathLike[str] | None = None,
    hub_id: str | None = None,
    clock: Callable[[], int] = wall_clock_ms,
    progress: Progress = unheard,
) -> Repair:
    """Look at what is wrong with a store and what can be saved; where the loss is accepted, make it anew of that.

    With `to` the repaired store is put there, and the damaged one stays where it is. `hub_id` is needed only where nothing that
    is left names the hub. Raises `StoreDamaged` where nothing can be saved.
    """
    folder = Path(path).absolute()
    target = None if to is None else Path(to).absolute()
    if target is not None:
        check_free(target)
    try:
        findings = verify_store(folder, clock=clock, progress=progress).findings
    except StoreMismatch as error:
        # One bit says whose the database is. Where there is the witness of a store beside it, it was ours.
        if not _was_ours(folder):
            raise
        findings = (str(error),)
    if not findings:
        return Repair(())
    with held(folder):
        account = hear_witness(folder / WITNESS).account
        reached = None if account is None else account.seq
        work = beside(folder, "repair")
        try:
            scratch = Scratch(work)
            try:
                scratch.collect(folder, progress)
                saved = look_through(scratch, hub_id, str(folder))
                if saved.end == saved.base.seq:
                    raise StoreDamaged(f"nothing of the log of {folder} can be saved: what is left has no beginning")
                if not accept_loss:
                    return Repair(findings, saved, reached)
                new = work / "store"
                _build(new, scratch, saved, str(folder), progress)
            finally:
                scratch.close()
            FileStore(new, saved.hub_id).close()
            if target is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                put(new, target)
                return Repair(findings, saved, reached, str(target), str(folder))
            damaged = _put_instead(new, folder, clock())
            return Repair(findings, saved, reached, str(folder), str(damaged))
        except apsw.Error as error:
            raise StoreStopped(f"the disk of {folder} failed: {error!r}") from error
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _was_ours(folder: Path) -> bool:
    """Whether a database that says it is something else was that of a store; one of a format of tomorrow is none for us."""
    if not is_founded(folder) or hear_witness(folder / WITNESS).account is None:
        return False
    with (folder / LOG).open("rb") as file:
        header = file.read(_APPLICATION.stop)
    return header[_APPLICATION] != APPLICATION.to_bytes(4, "big")


def _build(folder: Path, scratch: Scratch, saved: Saved, path: str, progress: Progress) -> None:
    """Make a store of what is saved. It is another store than the damaged one, of the same hub."""
    folder.mkdir(mode=0o700)
    identity = Identity(secrets.token_hex(16), saved.hub_id, FORMAT)
    builder = Builder(folder, identity, saved.base)
    head = saved.base.head
    try:
        for entries in saved_entries(scratch, saved, path):
            builder.add(entries)
            head = entries[-1].chain if entries else head
            done = entries[-1].seq if entries else saved.end
            progress("commits", done - saved.base.seq, saved.end - saved.base.seq)
        for snapshot in saved.snapshots:
            builder.add_snapshot(snapshot)
    except BaseException:
        builder.drop()
        raise
    builder.finish()
    furnish(folder, identity.store_id, saved.end, head)


def _put_instead(new: Path, folder: Path, now_ms: int) -> Path:
    """Put a new store at the place of another, which is moved aside; gives where to."""
    when = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = folder.with_name(f"{folder.name}.damaged-{when}-{secrets.token_hex(2)}")
    ready = beside(folder, "repaired")
    new.rename(ready)
    sync_folder(ready)
    try:
        exchange(ready, folder)
    except BaseException:
        shutil.rmtree(ready, ignore_errors=True)
        raise
    ready.rename(aside)
    sync_folder(folder.parent)
    return aside
