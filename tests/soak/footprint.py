"""What a process has: its tasks and descriptors, and what of its memory is in use, whatever is resident.

How much is resident tells little: an allocator keeps what was freed for what comes next, and gives it back when a whole run of
pages is free. So what is in use is counted where it is handed out, and each kind by itself:

- Python's small objects, as blocks (`sys.getallocatedblocks`). One object that is left behind is one block at least, so that
  what a connection leaves behind shows as so many blocks a connection.
- What `malloc` has handed out, as bytes, where the C library is glibc, which counts it: larger objects, the hash tables and
  buffers of everything, OpenSSL. SQLite's is part of it, and is taken off.
- SQLite's own, nearly all of it the pages that a store keeps at hand. They grow with the database, up to a bound, and stay.

Resident is what is left when glibc has been asked to give back all that is free (`malloc_trim`). That it grows by no more than
the pages and some mebibytes is looked at too, for what is neither in blocks nor `malloc`'s: mapped files, the stacks of threads.
"""

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import attrs
import trio

BLOCKS = 2_000
"""So many blocks more may be in use: one for every second life of a link or stranger of five minutes. A few hundred have been
seen, of what is done for the first time after the warming up."""

MALLOCED = 1 << 19
"""So many bytes more `malloc` may have handed out, SQLite's aside."""

PAGES = 18 << 20
"""So many bytes SQLite may have at any time: the 16 MiB of pages that a store asks for, and what stands around them."""

RESIDENT = 6 << 20
"""So many bytes more may be resident, SQLite's growth aside: what is free in pages of which a little is in use."""

STALE = 1_000
"""So many deadlines that count no more trio keeps before it lets go of them."""


_COUNTS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _MallInfo(ctypes.Structure):
    """What glibc's `mallinfo2` gives, over all its arenas."""

    _fields_ = tuple([(name, ctypes.c_size_t) for name in _COUNTS])


# Any: functions of the C library, or None where it has none of the name.
def _of_libc(name: str, gives: Any) -> Any:
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function.restype = gives
    return function


_mallinfo2: Callable[[], Any] | None = _of_libc("mallinfo2", _MallInfo)
_malloc_trim: Callable[[ctypes.c_size_t], int] | None = _of_libc("malloc_trim", ctypes.c_int)

COUNTS_MALLOC = _mallinfo2 is not None
"""Whether it is known what `malloc` has handed out."""


@attrs.frozen
class Footprint:
    """What a process has."""

    tasks: int
    descriptors: int
    blocks: int
    """Python's small objects."""
    malloced: int
    """Bytes that `malloc` has handed out, SQLite's and the looker's own aside; 0 where nobody counts them."""
    pages: int
    """Bytes that SQLite has."""
    resident: int
    """Bytes of memory that are there."""

    @classmethod
    async def at_rest(cls, own: int = 0) -> "Footprint":
        """What it has when rubbish is gone; `own` bytes of `malloc`'s are those of whoever looks."""
        await _let_go_of_deadlines()
        return cls.now(own)

    @classmethod
    def now(cls, own: int = 0) -> "Footprint":
        """What it has now."""
        for _ in range(3):
            gc.collect()
        pages = apsw.memory_used()
        malloced = 0
        if _mallinfo2 is not None:
            counted = _mallinfo2()
            malloced = counted.uordblks + counted.hblkhd - pages - own
        if _malloc_trim is not None:
            _malloc_trim(ctypes.c_size_t(0))
        resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        tasks, files = trio.lowlevel.current_statistics().tasks_living, len(os.listdir("/proc/self/fd"))
        return cls(tasks, files, sys.getallocatedblocks(), malloced, pages, resident)

    def grown_since(self, before: "Footprint", times: int = 1) -> Iterator[str]:
        """Say of each thing that is not back where it was before; `times` as much may be left where little has settled."""
        if self.tasks != before.tasks:
            yield f"{self.tasks - before.tasks:+} tasks"
        if self.descriptors != before.descriptors:
            yield f"{self.descriptors - before.descriptors:+} descriptors"
        if self.blocks - before.blocks > times * BLOCKS:
            yield f"{self.blocks - before.blocks:+,} blocks"
        if self.malloced - before.malloced > times * MALLOCED:
            yield f"{_mib(self.malloced - before.malloced)} of malloc's"
        if self.pages > PAGES:
            yield f"{_mib(self.pages)} of SQLite's"
        resident = self.resident - before.resident - (self.pages - before.pages)
        if resident > times * RESIDENT:
            yield f"{_mib(resident)} resident"

    def __str__(self) -> str:
        memory = f"{self.blocks:,} blocks, {_mib(self.malloced)} of malloc's, {_mib(self.pages)} of SQLite's"
        return f"{self.tasks} tasks, {self.descriptors} descriptors, {memory}; {_mib(self.resident)} resident"


async def _let_go_of_deadlines() -> None:
    """Have trio let go of deadlines that count no more: it keeps so many of them until their time has come."""
    for _ in range(2 * STALE):
        with trio.move_on_after(3_600):
            pass
    await trio.sleep(0.01)


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
