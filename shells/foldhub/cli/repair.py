"""`foldhub repair`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import foldhub_stores
from foldhub_stores import Repair, Saved

from .bar import bars, counted


def repair(
    path: Path, /, *, accept_loss: Annotated[bool, Parameter(negative="")] = False, to: Path | None = None, hub: str | None = None
) -> int:
    """Show what is wrong with a store and what can be saved; with --accept-loss, make it anew of that.

    The damaged store is kept beside the repaired one, as PATH.damaged-..., and nothing in it is changed. The store must not be
    open. Exits with 1 where the store is damaged and was only looked at.

    For example:

        foldhub repair data/demo
        foldhub repair data/demo --accept-loss

    Parameters
    ----------
    path
        The folder of the store.
    accept_loss
        Make the repaired store; what cannot be saved is lost to it.
    to
        Put the repaired store there, and leave the damaged one where it is.
    hub
        Whose store it is, where nothing that is left of it says so.
    """
    with bars() as progress:
        came = foldhub_stores.repair(path, accept_loss=accept_loss, to=to, hub_id=hub, progress=progress)
    if came.saved is None:
        print("whole: there is nothing to repair")
        return 0
    for finding in came.findings:
        print(f"damaged: {finding}")
    print(_saved(came.saved))
    for line in _losses(came, came.saved):
        print(f"lost: {line}")
    if came.repaired is None:
        print(f"nothing was changed; `foldhub repair {path} --accept-loss` makes a store of what can be saved")
        return 1
    print(f"repaired: {came.repaired}; the damaged store is kept at {came.damaged}")
    return 0


def _saved(saved: Saved) -> str:
    if saved.end == saved.base.seq:
        return "can be saved: nothing"
    return f"can be saved: commits {saved.base.seq + 1:,} to {saved.end:,} of the hub {saved.hub_id}"


def _losses(came: Repair, saved: Saved) -> list[str]:
    lost = [f"{run}, for which a snapshot stands in" for run in saved.lost]
    if came.reached is not None and came.reached > saved.end:
        lost.append(f"what came behind commit {saved.end:,}: the log had reached commit {came.reached:,}")
    elif saved.beyond:
        lost.append(f"what came behind commit {saved.end:,}")
    if saved.beyond:
        lost.append(f"of that {counted(saved.beyond, 'commit')} can be read, but not used: the damaged store keeps them")
    return lost or ["nothing"]
