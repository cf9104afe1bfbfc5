"""Making a store in a folder of an exported log: whole at its place, or not at all."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from .export import import_log
from .file import FileStore
from .placing import placed
from .progress import Progress, unheard


def import_store(lines: Iterable[str], path: str | PathLike[str], *, progress: Progress = unheard) -> int:
    """Make a store of an exported log at a place where nothing is; gives the last commit.

    Raises what `import_log` raises, and then nothing is left of it.
    """
    with placed(Path(path), "import") as new:
        made: list[FileStore] = []

        def make(hub_id: str) -> FileStore:
            made.append(FileStore(new, hub_id))
            return made[0]

        try:
            return import_log(lines, make, progress=progress).seq
        finally:
            for store in made:
                store.close()
