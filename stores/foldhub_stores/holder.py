"""Who has a store open: one process at a time, by a lock that the system takes back however the process ends."""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

from .errors import StoreLocked


class Holder:
    """The hold on one store."""

    def __init__(self, file: Path, path: str) -> None:
        """Take hold; raises `StoreLocked` at once where somebody else has it."""
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid, since = _told(os.pread(self._file, 200, 0))
            os.close(self._file)
            if not isinstance(error, BlockingIOError):
                raise
            raise StoreLocked(path, pid, since) from None
        told = f"{os.getpid()} {datetime.now(UTC).isoformat(timespec='seconds')}\n"
        os.ftruncate(self._file, 0)
        try:
            os.pwrite(self._file, told.encode(), 0)
        except OSError:
            # The name on the lock is a courtesy: a disk that is full must not keep a store from being read.
            os.ftruncate(self._file, 0)

    def release(self) -> None:
        """Let go."""
        os.close(self._file)


def _told(data: bytes) -> tuple[int | None, str | None]:
    """Read what a holder wrote of itself; somebody may just be writing it."""
    words = data.decode("ascii", "replace").split()
    if len(words) != 2 or not words[0].isdecimal():
        return None, None
    return int(words[0]), words[1]
