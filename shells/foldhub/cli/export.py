"""`foldhub export`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from foldhub_stores import FileStore, StoreMismatch, export_log
from foldhub_stores.founding import is_founded
from foldhub_stores.placing import written_file

from .bar import bars


def export(path: Path, /, *, out: Path | None = None, after: int = 0) -> int:
    """Write a log as JSON Lines, a commit a line, for jq and for `foldhub import`.

    The store must not be open: of one that is, export a backup.

    For example:

        foldhub export data/demo --out demo.jsonl
        foldhub export data/demo | jq -c '.facts[]?.event_data'

    Parameters
    ----------
    path
        The folder of the store.
    out
        The file it goes to, which is replaced whole; standard output where none is given.
    after
        Begin behind this commit. Such a part can be read, but not imported.
    """
    if not is_founded(path):
        raise StoreMismatch(f"expected a store at {path}, came nothing")
    store = FileStore(path)
    try:
        with bars() as progress:
            lines = export_log(store, after, progress=progress)
            if out is None:
                _print(lines)
            else:
                written_file(out, (f"{line}\n".encode() for line in lines))
        if out is not None:
            print(f"exported: {out} reaches commit {store.seq:,}")
    finally:
        store.close()
    return 0


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        sys.stdout.buffer.write(f"{line}\n".encode())
    sys.stdout.buffer.flush()
