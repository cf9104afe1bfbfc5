"""`foldhub import`."""

from pathlib import Path

import foldhub_stores

from .bar import bars


def import_log(file: Path, path: Path, /) -> int:
    """Make a store of a log that was exported; every commit is checked against the chain.

    The store has the same commits to the last byte. It is whole at its place, or there is none.

    For example:

        foldhub import demo.jsonl data/demo-again

    Parameters
    ----------
    file
        The exported log; /dev/stdin reads it from a pipe.
    path
        Where the store goes; nothing may be there.
    """
    with file.open(encoding="utf-8") as lines, bars() as progress:
        last = foldhub_stores.import_store(lines, path, progress=progress)
    print(f"imported: {path} reaches commit {last:,}")
    return 0
