"""Everything that can become of a store's bytes while nobody looks, and what is seen of it."""

import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from foldhub.testing.store_story import HUB_ID, story
from foldhub_stores import FileStore, MemoryStore, StoreDamaged, StoreMismatch, StoreStopped
from foldhub_stores.founding import LOG, WAL
from foldhub_stores.index_tables import index_writes
from foldhub_stores.schema import PAGE_SIZE, TABLES, load_checked_files
from foldhub_stores.wal_scan import FRAME, HEADER, WalScan, scan_wal
from tests.stores.answers import Questions, questions
from tests.stores.places import flip, killed, told

SLICES = (b"one" * 900, b"two" * 4000)
INDEX = ("words", "causes", "ended_sessions", "ended_session_agents", "ended_tasks", "dead_letters", "audited")
Damage = Callable[[Path, random.Random], str]
"""Does some damage to the store at a place; says which."""


@contextmanager
def quick_folder() -> Generator[Path, None, None]:
    """A folder that costs no sync, where there is one: rot comes to what was synced long ago."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def the_questions() -> Questions:
    return questions(_in_memory())


def the_answers(asked: Questions) -> dict[str, object]:
    store = _in_memory()
    return {name: question(store) for name, question in asked.items()}


def _in_memory() -> MemoryStore:
    store = MemoryStore(HUB_ID)
    store.append(story())
    return store


def closed_store(place: Path) -> Path:
    """A store that was told the story and closed: all of it, and a snapshot, in the database."""
    store = FileStore(told(place), HUB_ID)
    store.begin_snapshot(9)
    for data in SLICES:
        store.add_slice(data)
    store.end_snapshot()
    store.close()
    return place


def dead_store(place: Path) -> Path:
    """A store whose process died: all of the story in the write-ahead log."""
    killed(place)
    # What was only made room for is nothing; without it a copy is quickly made.
    os.truncate(place / WAL, scan_wal(place / WAL, "").end + 3 * _FRAME)
    return place


def seen(place: Path, asked: Questions, answers: dict[str, object]) -> str:
    """What is seen of damage: refused, noticed when it was asked for, or harmless. A wrong answer is none of them."""
    try:
        store = FileStore(place, HUB_ID)
    except (StoreDamaged, StoreMismatch):
        return "refused"
    noticed = False
    try:
        for name, question in asked.items():
            try:
                came = question(store)
            except (StoreDamaged, StoreStopped):
                noticed = True
            else:
                assert came == answers[name], f"a wrong answer to {name}"
        with suppress(StoreDamaged, StoreStopped):
            snapshot = store.snapshot()
            assert snapshot is None or snapshot.slices == SLICES, "a snapshot that was never taken"
    finally:
        store.close()
    return "noticed" if noticed else "harmless"


def index_is_as_derived(place: Path) -> bool:
    """Whether the index is what the commits give, row by row: the look at all of it."""
    store = FileStore(place, HUB_ID)
    derived = apsw.Connection(":memory:")
    derived.execute(TABLES)
    for statement, rows in index_writes(store.read()).items():
        derived.executemany(statement, rows)
    store.close()
    kept = apsw.Connection(str(place / LOG), vfs=load_checked_files())
    same = all(_rows(kept, table) == _rows(derived, table) for table in INDEX)
    kept.close()
    derived.close()
    return same


def _rows(connection: apsw.Connection, table: str) -> list[object]:
    return sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)


def damaged_again_and_again(
    folder: Path, times: int, seed: int, damages: "dict[str, tuple[Callable[[Path], Path], Damage]] | None" = None
) -> Counter[str]:
    """Damage a store by chance, each kind in its turn, and look at what is seen of it; raises where nothing is."""
    kinds = KINDS if damages is None else damages
    asked = the_questions()
    answers = the_answers(asked)
    dice = random.Random(seed)
    came: Counter[str] = Counter()
    made: dict[Callable[[Path], Path], Path] = {}
    for number in range(times):
        kind = list(kinds)[number % len(kinds)]
        makes, damage = kinds[kind]
        if makes not in made:
            made[makes] = makes(folder / makes.__name__)
        place = folder / f"damaged-{number}"
        shutil.copytree(made[makes], place)
        what = damage(place, dice)
        try:
            outcome = seen(place, asked, answers)
        except AssertionError as error:
            if kind not in OF_THE_INDEX or index_is_as_derived(place):
                raise AssertionError(f"{kind}: {what}: {error} (case {number} of seed {seed})") from error
            outcome = "seen where all of the index is looked at"
        came[f"{kind}: {outcome}"] += 1
        came[outcome] += 1
        shutil.rmtree(place)
    return came


# --- what becomes of the database


def a_bit_flips_in_the_database(place: Path, dice: random.Random) -> str:
    return _flipped(place / LOG, (place / LOG).stat().st_size, dice)


def the_database_is_cut(place: Path, dice: random.Random) -> str:
    return _cut(place / LOG, (place / LOG).stat().st_size, dice)


def a_page_is_filled_with_zeros(place: Path, dice: random.Random) -> str:
    page = dice.randrange((place / LOG).stat().st_size // PAGE_SIZE)
    _write(place / LOG, page * PAGE_SIZE, bytes(PAGE_SIZE))
    return f"page {page}"


def two_commits_are_swapped(place: Path, dice: random.Random) -> str:
    one, other = dice.sample(range(1, len(story()) + 1), 2)
    row = "form, chain, payload"
    first, second = _ask(place, f"SELECT {row} FROM commits WHERE seq IN (?, ?)", one, other)
    low, high = sorted((one, other))
    _ask(place, f"UPDATE commits SET ({row}) = (?, ?, ?) WHERE seq = ?", *second, low)
    _ask(place, f"UPDATE commits SET ({row}) = (?, ?, ?) WHERE seq = ?", *first, high)
    return f"{low} and {high}"


def a_commit_is_doubled(place: Path, dice: random.Random) -> str:
    one, other = dice.sample(range(1, len(story()) + 2), 2)
    if one > len(story()):
        one, other = other, one
    _ask(place, "INSERT OR REPLACE INTO commits SELECT ?, form, chain, payload FROM commits WHERE seq = ?", other, one)
    return f"{one} as {other}"


def a_commit_is_removed(place: Path, dice: random.Random) -> str:
    one = dice.randrange(1, len(story()) + 1)
    _ask(place, "DELETE FROM commits WHERE seq = ?", one)
    return str(one)


def a_slice_is_removed_or_swapped(place: Path, dice: random.Random) -> str:
    statement = dice.choice(("DELETE FROM slices WHERE place = 1", "UPDATE slices SET data = x'00' WHERE place = 0"))
    _ask(place, statement)
    return statement


def a_row_of_the_index_is_removed(place: Path, dice: random.Random) -> str:
    table, rows = _some_rows(place, 1, dice)
    _ask(place, *_where(f"DELETE FROM {table}", rows[0]))
    return f"{table} {rows[0]}"


def two_rows_of_the_index_are_swapped(place: Path, dice: random.Random) -> str:
    """What stands under the keys of two words changes places."""
    (one, place_1), (other, place_2) = ((row, (row["seq"], row["place"])) for row in _some_rows(place, 2, dice, "words")[1])
    for row, (seq, at) in ((one, place_2), (other, place_1)):
        statement = "UPDATE words SET (seq, place) = (?, ?) WHERE session_id = ? AND number = ?"
        _ask(place, statement, seq, at, row["session_id"], row["number"])
    return f"words {one} {other}"


def a_row_of_the_index_is_doubled(place: Path, dice: random.Random) -> str:
    """A word is listed once more, behind the last."""
    (row,) = _some_rows(place, 1, dice, "words")[1]
    ((last,),) = _ask(place, "SELECT max(number) FROM words WHERE session_id = ?", row["session_id"])
    _ask(place, "INSERT INTO words VALUES (?, ?, ?, ?)", row["session_id"], last + 1, row["seq"], row["place"])
    return f"words {row}"


def _some_rows(place: Path, count: int, dice: random.Random, table: str = "") -> tuple[str, list[dict[str, Any]]]:
    table = table or dice.choice(INDEX)
    connection = apsw.Connection(str(place / LOG), vfs=load_checked_files())
    cursor = connection.execute(f"SELECT * FROM {table}")
    names = [name for name, _ in cursor.get_description()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    connection.close()
    return table, dice.sample(rows, count)


def _where(statement: str, row: dict[str, Any]) -> tuple[Any, ...]:
    return (f"{statement} WHERE {' AND '.join(f'{name} IS ?' for name in row)}", *row.values())


# --- what becomes of the write-ahead log


_FRAME = FRAME.size + PAGE_SIZE


def a_bit_flips_in_the_write_ahead_log(place: Path, dice: random.Random) -> str:
    return _flipped(place / WAL, _end_of_wal(place), dice)


def the_write_ahead_log_is_cut(place: Path, dice: random.Random) -> str:
    return _cut(place / WAL, _end_of_wal(place), dice)


def two_frames_are_swapped(place: Path, dice: random.Random) -> str:
    one, other = dice.sample(range(_frames(place)), 2)
    first, second = _frame(place, one), _frame(place, other)
    _write(place / WAL, HEADER.size + one * _FRAME, second)
    _write(place / WAL, HEADER.size + other * _FRAME, first)
    return f"{one} and {other}"


def a_frame_is_doubled(place: Path, dice: random.Random) -> str:
    """It stands there once more behind itself; what came after moves back."""
    one = dice.randrange(_frames(place))
    end = HEADER.size + (one + 1) * _FRAME
    data = (place / WAL).read_bytes()
    (place / WAL).write_bytes(data[:end] + _frame(place, one) + data[end:])
    return str(one)


def a_frame_is_removed(place: Path, dice: random.Random) -> str:
    one = dice.randrange(_frames(place))
    begin = HEADER.size + one * _FRAME
    data = (place / WAL).read_bytes()
    (place / WAL).write_bytes(data[:begin] + data[begin + _FRAME :])
    return str(one)


def _frames(place: Path) -> int:
    return _scanned(place).frames


def _end_of_wal(place: Path) -> int:
    return _scanned(place).end


def _scanned(place: Path) -> WalScan:
    """What a write-ahead log holds that is not damaged yet: all of them are copies of one."""
    data = (place / WAL).read_bytes()
    if data not in _SCANS:
        _SCANS.clear()
        _SCANS[data] = scan_wal(place / WAL, "")
    return _SCANS[data]


_SCANS: dict[bytes, WalScan] = {}


def _frame(place: Path, number: int) -> bytes:
    begin = HEADER.size + number * _FRAME
    return (place / WAL).read_bytes()[begin : begin + _FRAME]


# --- what becomes of any file


def _flipped(file: Path, size: int, dice: random.Random) -> str:
    bit = dice.randrange(size * 8)
    flip(file, bit)
    return f"bit {bit}"


def _cut(file: Path, size: int, dice: random.Random) -> str:
    end = dice.randrange(size)
    os.truncate(file, end)
    return f"at byte {end}"


def _write(file: Path, offset: int, data: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(offset)
        opened.write(data)


def _ask(place: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Change the database as a program does that keeps the checksums of its pages right."""
    connection = apsw.Connection(str(place / LOG), vfs=load_checked_files())
    rows: list[tuple[Any, ...]] = connection.execute(statement, values).fetchall()
    connection.close()
    return rows


OF_THE_DATABASE = (
    a_bit_flips_in_the_database,
    the_database_is_cut,
    a_page_is_filled_with_zeros,
    two_commits_are_swapped,
    a_commit_is_doubled,
    a_commit_is_removed,
    a_slice_is_removed_or_swapped,
    a_row_of_the_index_is_removed,
    two_rows_of_the_index_are_swapped,
    a_row_of_the_index_is_doubled,
)
OF_THE_WAL = (
    a_bit_flips_in_the_write_ahead_log,
    the_write_ahead_log_is_cut,
    two_frames_are_swapped,
    a_frame_is_doubled,
    a_frame_is_removed,
)
KINDS: dict[str, tuple[Callable[[Path], Path], Damage]] = {
    **{damage.__name__.replace("_", " "): (closed_store, damage) for damage in OF_THE_DATABASE},
    **{damage.__name__.replace("_", " "): (dead_store, damage) for damage in OF_THE_WAL},
}
OF_THE_INDEX = frozenset(name for name in KINDS if "of the index" in name)
"""That something is not in an index is not seen by whoever asks for it, but by whoever looks at all of it."""
