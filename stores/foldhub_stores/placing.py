"""Putting a whole folder in its place in one move, so that a place holds the old or the new and never a part."""

import ctypes
import os
import secrets
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from .disk import sync_folder
from .errors import StoreError, StoreMismatch

_AT_FDCWD = -100
_EXCHANGE = 2


def check_free(folder: Path) -> None:
    """Check that nothing lies at a place; raises `StoreMismatch`."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise StoreMismatch(f"expected nothing at {folder}, came something that is there already")


def beside(folder: Path, purpose: str) -> Path:
    """A new folder beside another, on the same disk, that nobody else may read."""
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(f".{folder.name}.{purpose}-{secrets.token_hex(4)}")
    new.mkdir(mode=0o700)
    return new


@contextmanager
def placed(folder: Path, purpose: str) -> Generator[Path]:
    """Give a folder to make something in; where that ends well it is put at its place, else nothing is left of it."""
    folder = folder.absolute()
    check_free(folder)
    new = beside(folder, purpose)
    try:
        yield new
        put(new, folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def put(new: Path, folder: Path) -> None:
    """Move a folder that is complete to its place, which must be free; it is durable then."""
    sync_folder(new)
    try:
        new.rename(folder)
    except OSError as error:
        raise StoreMismatch(f"expected nothing at {folder}, came something that is there already: {error}") from error
    sync_folder(folder.parent)


def written_file(file: Path, parts: Iterable[bytes]) -> None:
    """Write a file that is whole at its place, or not there; what was there before stays until then."""
    file = file.absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new-{secrets.token_hex(4)}")
    opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(opened, "wb") as writing:
            writing.writelines(parts)
            writing.flush()
            os.fsync(writing.fileno())
        new.rename(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def exchange(one: Path, other: Path) -> None:
    """Let two folders beside each other change places, in one move that happens or does not; raises `StoreError`."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        raise StoreError("expected a system that can exchange two folders in one move, came one that cannot") from None
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) != 0:
        why = os.strerror(ctypes.get_errno())
        raise StoreError(f"expected a disk that can exchange two folders in one move, came one that cannot ({why})")
    sync_folder(one.parent)
