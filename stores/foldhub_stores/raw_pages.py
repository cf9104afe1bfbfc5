"""The rows of a database of SQLite, read page by page, without SQLite.

SQLite finds a row by going down a tree, and a page that is damaged above hides all rows below it. Here every page that looks
like a leaf of a table is read by itself, wherever it lies, with whatever rows can be made out in it. What is read so proves
nothing: it may be damaged, or of yesterday. Whoever asks must be able to tell.

The layout: https://www.sqlite.org/fileformat2.html#b_tree_pages
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from .schema import CHECKSUM_BYTES, PAGE_SIZE

Value: TypeAlias = int | str | bytes | None

_USABLE = PAGE_SIZE - CHECKSUM_BYTES
_FILE_HEADER = 100
_TABLE_LEAF = 0x0D
_MOST_LOCAL = _USABLE - 35
_LEAST_LOCAL = (_USABLE - 12) * 32 // 255 - 23
_LINK = 4
_INT_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def leaf_rows(page: bytes, number: int, page_of: Callable[[int], bytes | None]) -> Iterator[tuple[int, list[Value]]]:
    """Give the rows that can be made out in a page: the number of each, and its values.

    `page_of` gives the page of a number, where long rows go on, or None.
    """
    begin = _FILE_HEADER if number == 1 else 0
    if len(page) < PAGE_SIZE or page[begin] != _TABLE_LEAF:
        return
    cells = min(int.from_bytes(page[begin + 3 : begin + 5], "big"), _USABLE // 2)
    for at in range(cells):
        place = begin + 8 + 2 * at
        try:
            yield _row(page, int.from_bytes(page[place : place + 2], "big"), page_of)
        except (IndexError, ValueError):
            continue


def _row(page: bytes, at: int, page_of: Callable[[int], bytes | None]) -> tuple[int, list[Value]]:
    length, at = _varint(page, at)
    if length < 0:
        raise ValueError("a cell of no length")
    rowid, at = _varint(page, at)
    local = length
    if length > _MOST_LOCAL:
        local = _LEAST_LOCAL + (length - _LEAST_LOCAL) % (_USABLE - _LINK)
        local = local if local <= _MOST_LOCAL else _LEAST_LOCAL
    end = at + local
    data = page[at:end]
    if end > _USABLE:
        raise ValueError("a cell that goes over its page")
    if local < length:
        data += _rest(int.from_bytes(page[end : end + _LINK], "big"), length - local, page_of)
    return rowid, _values(data)


def _rest(number: int, length: int, page_of: Callable[[int], bytes | None]) -> bytes:
    """What of a long row stands on pages of its own."""
    parts: list[bytes] = []
    seen: set[int] = set()
    while length > 0:
        page = page_of(number)
        if page is None or len(page) < PAGE_SIZE or number in seen:
            raise ValueError("a row that goes on nowhere")
        seen.add(number)
        parts.append(page[_LINK : _LINK + min(length, _USABLE - _LINK)])
        length -= len(parts[-1])
        number = int.from_bytes(page[:_LINK], "big")
    return b"".join(parts)


def _values(data: bytes) -> list[Value]:
    header, at = _varint(data, 0)
    kinds: list[int] = []
    while at < header:
        kind, at = _varint(data, at)
        kinds.append(kind)
    if at != header:
        raise ValueError("a row whose header does not end where it says")
    values: list[Value] = []
    for kind in kinds:
        value, at = _value(data, at, kind)
        values.append(value)
    if at != len(data):
        raise ValueError("a row that does not end where it says")
    return values


def _value(data: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    if kind in _INT_SIZES:
        end = at + _INT_SIZES[kind]
        return int.from_bytes(_piece(data, at, end), "big", signed=True), end
    if kind < 12:
        raise ValueError("a kind of value that no table here has")
    end = at + (kind - 12) // 2
    piece = _piece(data, at, end)
    return (piece.decode() if kind % 2 else piece), end


def _piece(data: bytes, begin: int, end: int) -> bytes:
    if end > len(data):
        raise ValueError("a value that goes over its row")
    return data[begin:end]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to nine bytes; raises `IndexError` where the bytes end before it does."""
    value = 0
    for _ in range(8):
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    value = value << 8 | data[at]
    return (value if value < 1 << 63 else value - (1 << 64)), at + 1
