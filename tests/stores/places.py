"""Stores on real files, closed and killed, and what can happen to their bytes."""

import shutil
from pathlib import Path

from foldhub.testing.store_story import HUB_ID, story
from foldhub_core import Commit
from foldhub_stores import Durable, FileStore, LogStore
from foldhub_stores.founding import LOG, WAL, WITNESS

FILES = (LOG, WAL, WITNESS)


def told(place: Path, commits: tuple[Commit, ...] = story(), batch: int = 5) -> Path:
    """A store that was told these commits and closed."""
    store = FileStore(place, HUB_ID)
    tell(store, commits, batch)
    store.close()
    return place


def killed(place: Path, commits: tuple[Commit, ...] = story(), batch: int = 5) -> Path:
    """A store as its process leaves it when it dies after telling these commits: a copy of its files while it is open."""
    alive = place.with_name(f"{place.name}-alive")
    store = FileStore(alive, HUB_ID)
    tell(store, commits, batch)
    shutil.copytree(alive, place)
    store.close()
    shutil.rmtree(alive)
    return place


def tell(store: LogStore, commits: tuple[Commit, ...], batch: int = 5) -> None:
    """Append commits, some at a time."""
    for at in range(0, len(commits), batch):
        assert isinstance(store.append(commits[at : at + batch]), Durable)


def files_of(place: Path) -> dict[str, bytes]:
    """What a store's files hold, but for the lock, on which every opener writes its name. An empty file is as good as none."""
    return {name: (place / name).read_bytes() if (place / name).exists() else b"" for name in FILES}


def flip(file: Path, bit: int) -> None:
    """Flip one bit of a file."""
    with file.open("r+b") as opened:
        opened.seek(bit // 8)
        (byte,) = opened.read(1)
        opened.seek(bit // 8)
        opened.write(bytes([byte ^ (1 << (bit % 8))]))


def overwrite(file: Path, offset: int, data: bytes) -> None:
    """Write over a part of a file."""
    with file.open("r+b") as opened:
        opened.seek(offset)
        opened.write(data)


def rewrite(file: Path, was: bytes, new: bytes) -> None:
    """Put something of the same length in the place of something that a file holds once."""
    data = file.read_bytes()
    assert data.count(was) == 1
    assert len(was) == len(new)
    file.write_bytes(data.replace(was, new))
