"""`foldhub backup`."""

from pathlib import Path

import foldhub_stores

from .bar import bars


def backup(path: Path, to: Path, /) -> int:
    """Copy a store, also one that a running hub has open, and look the copy through.

    The copy is a store like the one it was made of, up to a moment while it was made. It is whole at its place, or there is none.

    For example:

        foldhub backup data/demo backups/demo-monday

    Parameters
    ----------
    path
        The folder of the store.
    to
        Where the copy goes; nothing may be there.
    """
    with bars() as progress:
        last = foldhub_stores.back_up(path, to, progress=progress)
    print(f"backed up: {to} reaches commit {last:,}")
    return 0
