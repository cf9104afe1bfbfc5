"""A disk that fails when it is told to: under SQLite by a VFS, and beside it."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import count
from typing import Any

import apsw

from foldhub_stores.disk import Disk
from foldhub_stores.schema import load_checked_files


class Fault(StrEnum):
    """How an operation fails."""

    EIO = "eio"
    ENOSPC = "enospc"
    SHORT = "short"
    """Half is written, then the disk is full."""


class Faults:
    """Fails the k-th operation of a kind, and where it is for ever all of that kind after it."""

    def __init__(self, kind: str = "", at: int = 0, fault: Fault = Fault.EIO, *, for_ever: bool = False) -> None:
        self.kind = kind
        self.at = at
        self.fault = fault
        self.for_ever = for_ever
        self.counted = {"write": 0, "sync": 0, "allocate": 0}
        self.failed = 0
        self.armed = True

    def hit(self, kind: str) -> Fault | None:
        """Count an operation; says how it fails, if it does."""
        if not self.armed:
            return None
        self.counted[kind] += 1
        if kind != self.kind or self.counted[kind] < self.at or (self.counted[kind] > self.at and not self.for_ever):
            return None
        self.failed += 1
        return self.fault


class FaultyDisk(Disk):
    """What is beside SQLite: the witness, and room for the write-ahead log."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def write(self, file: int, data: bytes, offset: int) -> None:
        fault = self._faults.hit("write")
        if fault is Fault.SHORT:
            super().write(file, data[: len(data) // 2], offset)
        _raise(fault)
        super().write(file, data, offset)

    def sync(self, file: int) -> None:
        _raise(self._faults.hit("sync"))
        super().sync(file)

    def allocate(self, file: int, size: int) -> None:
        _raise(self._faults.hit("allocate"))
        super().allocate(file, size)


def _raise(fault: Fault | None) -> None:
    if fault is not None:
        raise OSError(errno.EIO if fault is Fault.EIO else errno.ENOSPC, f"injected {fault}")


class FaultyFile(apsw.VFSFile):
    """A file of SQLite."""

    def __init__(self, faults: Faults, name: Any, flags: list[int]) -> None:
        self._faults = faults
        super().__init__(load_checked_files(), name, flags)

    def xWrite(self, data: Any, offset: int) -> None:
        fault = self._faults.hit("write")
        if fault is Fault.EIO:
            raise apsw.IOError("injected")
        if fault is Fault.SHORT:
            # Below the half that is written there are checksums of whole pages: what is no page is written as it is.
            super().xWrite(bytes(data)[: len(data) // 2 + 1], offset)
        if fault is not None:
            raise apsw.FullError("injected")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        fault = self._faults.hit("sync")
        if fault is Fault.ENOSPC:
            raise apsw.FullError("injected")
        if fault is not None:
            raise apsw.IOError("injected")
        super().xSync(flags)

    def excepthook(self, etype: Any, evalue: Any, etraceback: Any) -> bool:
        """What was injected is not printed."""
        return True


class FaultyFiles(apsw.VFS):
    """The files of SQLite, checked as ours are, that fail as they are told."""

    def __init__(self, name: str, faults: Faults) -> None:
        self._faults = faults
        super().__init__(name, load_checked_files())

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return FaultyFile(self._faults, name, flags)

    def excepthook(self, etype: Any, evalue: Any, etraceback: Any) -> bool:
        """What was injected is not printed."""
        return True


_names: Callable[[], int] = count().__next__


@contextmanager
def faulty_files(faults: Faults) -> Iterator[str]:
    """Register the files under a name of their own, and give it."""
    name = f"faulty-{_names()}"
    files = FaultyFiles(name, faults)
    try:
        yield name
    finally:
        files.unregister()
