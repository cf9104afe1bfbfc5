"""`foldhub verify-store`."""

from pathlib import Path

import foldhub_stores

from .bar import bars


def verify_store(path: Path, /) -> int:
    """Look through a whole store: pages, chain, index, snapshots and witness.

    Tells everything that is wrong with it, and exits with 1 where anything is. The store must not be open; nothing is
    repaired. What opening a store does is done: a torn tail, of which nobody was told, is cut off.

    For example:

        foldhub verify-store data/demo

    Parameters
    ----------
    path
        The folder of the store.
    """
    with bars() as progress:
        came = foldhub_stores.verify_store(path, progress=progress)
    for note in came.notes:
        print(f"note: {note}")
    for finding in came.findings:
        print(f"damaged: {finding}")
    if came.findings:
        print(f"`foldhub repair {path}` shows what can be saved")
        return 1
    assert came.identity is not None, "a store without findings was opened"
    holes = f", {came.holes:,} of them without words" if came.holes else ""
    lost = f", {came.lost:,} lost before a repair" if came.lost else ""
    print(f"whole: hub {came.identity.hub_id}, commits {came.first:,} to {came.last:,}{holes}{lost}")
    return 0
