"""The write-ahead log of SQLite, read raw before SQLite opens it.

SQLite stops reading at the first frame whose checksum fails and says nothing: what lies behind is gone, whether it was torn by
a crash or rotted after it was synced. The two can be told apart, because a store writes one transaction at a time and syncs
each before the next begins:

- Behind the first frame that fails lie frames of one transaction, the last, at most: its writes never ended, nobody was told
  of it, and a power cut may have kept any of them. That is a *torn tail*; it is cut off, so that its frames are never met again.
- Behind it lies more: frames of a transaction that began after the failing one was synced. That is *damage*.

One case looks like the first and may be the second: damage in the very last transaction. What knows better is the witness, which
says how many frames of the round were there. It also knows of a round of which no transaction ended: where the header is not
whole then, it was never written to its end, and what lies behind it is in the database.

Frames that were left by an earlier round of the log carry another salt and say nothing.

The layout: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

import os
from array import array
from pathlib import Path
from struct import Struct
from sys import byteorder

from foldhub_core.records import record

from .errors import StoreDamaged

HEADER = Struct(">IIIIIIII")
"""Magic, version, page size, checkpoints, two salts, two checksums."""
FRAME = Struct(">IIIIII")
"""Page, pages of the database after a commit or 0, two salts, two checksums."""

SALTS = slice(16, 24)
"""Where the header says which round this is."""

_MAGIC = 0x377F0682
"""With its last bit set the checksums read words with the big end first."""
_VERSION = 3_007_000
_WORD = 0xFFFFFFFF


@record
class WalScan:
    """What a write-ahead log holds."""

    salts: bytes
    """Which round of it this is; empty where it holds none."""
    frames: int
    """Frames up to the last commit that is whole."""
    end: int
    """The byte where they end."""
    torn: int
    """Bytes behind it that belong to a transaction that never ended; 0 where there are none."""


def scan_wal(wal: Path, path: str, *, may_have_no_header: bool = False) -> WalScan:
    """Read the write-ahead log at `wal`; raises `StoreDamaged` for the store at `path` where it was damaged.

    `may_have_no_header` is for a log of which it is known that no transaction of its round ended: all of it is torn then.
    """
    data = wal.read_bytes() if wal.exists() else b""
    if not data[: HEADER.size].strip(b"\0") and not data.strip(b"\0"):
        return WalScan(b"", 0, 0, 0)
    if len(data) < HEADER.size:
        return WalScan(b"", 0, 0, len(data))
    magic, version, page_size, _, salt_1, salt_2, *checksum = HEADER.unpack_from(data)
    big = magic & 1 == 1
    sums = _summed(data[: HEADER.size - 8], big, (0, 0))
    if magic & ~1 != _MAGIC or version != _VERSION or sums != tuple(checksum):
        if may_have_no_header:
            return WalScan(b"", 0, 0, HEADER.size)
        raise StoreDamaged("expected the header of the write-ahead log as it was written, came another", path=path)
    size = FRAME.size + page_size
    count = (len(data) - HEADER.size) // size
    whole, at = 0, 0
    while at < count:
        begin = HEADER.size + at * size
        _, committed, frame_salt_1, frame_salt_2, *checksum = FRAME.unpack_from(data, begin)
        if (frame_salt_1, frame_salt_2) != (salt_1, salt_2):
            break
        sums = _summed(data[begin + FRAME.size : begin + size], big, _summed(data[begin : begin + 8], big, sums))
        if sums != tuple(checksum):
            break
        at += 1
        if committed:
            whole = at
    end = HEADER.size + whole * size
    last = _last_of_the_round(data, size, at, count, (salt_1, salt_2), path)
    behind = HEADER.size + last * size
    if last == count and data[behind + 8 : behind + 16] == data[SALTS]:
        behind = len(data)  # a frame of this round that was not written to its end
    return WalScan(data[SALTS], whole, end, behind - end)


def _last_of_the_round(data: bytes, size: int, failing: int, count: int, salts: tuple[int, int], path: str) -> int:
    """Where the frames of this round end, the failing one included; raises where they are of more than one transaction."""
    last, ended = failing, False
    for at in range(failing, count):
        _, committed, salt_1, salt_2, _, _ = FRAME.unpack_from(data, HEADER.size + at * size)
        if (salt_1, salt_2) != salts:
            continue
        if ended:
            raise StoreDamaged(
                f"expected the write-ahead log as it was written, came a damaged frame {failing + 1} with synced ones behind it",
                path=path,
            )
        last, ended = at + 1, bool(committed)
    return last


def cut_wal(wal: Path, scan: WalScan) -> None:
    """Cut the torn tail off, and make that durable."""
    with wal.open("r+b") as file:
        file.truncate(scan.end)
        os.fsync(file.fileno())


def _summed(data: bytes, big: bool, sums: tuple[int, int]) -> tuple[int, int]:
    """The checksum of SQLite over these bytes, going on from `sums`."""
    words = array("I", data)
    if big != (byteorder == "big"):
        words.byteswap()
    first, second = sums
    quick = len(words) // 8 * 8
    rest = iter(words[quick:])
    eight = iter(words[:quick])
    # What is more than a word is taken off every eight words: till then nothing of it reaches the bits that are kept.
    for one, two, three, four, five, six, seven, last in zip(*[eight] * 8, strict=True):
        first += one + second
        second += two + first
        first += three + second
        second += four + first
        first += five + second
        second += six + first
        first = (first + seven + second) & _WORD
        second = (second + last + first) & _WORD
    for even, odd in zip(rest, rest, strict=True):
        first = (first + even + second) & _WORD
        second = (second + odd + first) & _WORD
    return first, second
