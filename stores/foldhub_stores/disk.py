"""What a store asks of the operating system beside SQLite: one small class, so that a test can put a failing one in its place."""

import errno
import os
from pathlib import Path

FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""How a system says that there is no room: on the disk, in a quota, in a file."""


class Disk:
    """The disk of this machine."""

    def write(self, file: int, data: bytes, offset: int) -> None:
        """Write all of it; raises `OSError`."""
        done = 0
        while done < len(data):
            done += os.pwrite(file, data[done:], offset + done)

    def sync(self, file: int) -> None:
        """Return when all that was written to the file is on the disk; raises `OSError`."""
        os.fdatasync(file)

    def allocate(self, file: int, size: int) -> None:
        """Make sure that a file can be written up to this size; raises `OSError` where there is no room."""
        os.posix_fallocate(file, 0, size)


def is_full(error: OSError) -> bool:
    """Whether an error says no more than that there is no room."""
    return error.errno in FULL_ERRNOS


def sync_file(file: Path) -> None:
    """Make durable what a file holds."""
    opened = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_folder(folder: Path) -> None:
    """Make durable which files a folder holds."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
