"""Bits that flip on the disk: the store refuses, says so when it is asked, or nothing was lost. None is silent.

Many more: `pytest -m long tests/stores/test_rot.py`.
"""

import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from foldhub.testing.store_story import HUB_ID, story
from foldhub_stores import FileStore, MemoryStore, StoreDamaged, StoreMismatch, StoreStopped
from foldhub_stores.founding import LOG, WAL, WITNESS
from tests.stores.answers import Questions, ask, questions
from tests.stores.places import flip, killed, tell, told

SLICES = (b"one" * 900, b"two" * 4000)


@pytest.fixture
def quick() -> Generator[Path, None, None]:
    """A folder that costs no sync, where there is one: rot comes to what was synced long ago."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def asked() -> Questions:
    store = MemoryStore(HUB_ID)
    store.append(story())
    return questions(store)


def expected(asked: Questions) -> dict[str, object]:
    store = MemoryStore(HUB_ID)
    store.append(story())
    return {name: question(store) for name, question in asked.items()}


def seen(place: Path, asked: Questions, answers: dict[str, object]) -> str:
    """What became of a flip: refused, noticed when it was asked for, or harmless. A wrong answer is none of them."""
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
            assert snapshot is None or snapshot.slices == SLICES
    finally:
        store.close()
    return "noticed" if noticed else "harmless"


def with_snapshot(place: Path) -> Path:
    store = FileStore(place, HUB_ID)
    store.begin_snapshot(9)
    for data in SLICES:
        store.add_slice(data)
    store.end_snapshot()
    store.close()
    return place


def flips(quick: Path, made: Path, file: str, times: int, asked: Questions, seed: int) -> Counter[str]:
    answers = expected(asked)
    dice = random.Random(seed)
    came: Counter[str] = Counter()
    used = len((made / file).read_bytes().rstrip(b"\0"))
    for at in range(times):
        place = quick / f"flipped-{at}"
        shutil.copytree(made, place)
        bit = dice.randrange(used * 8)
        flip(place / file, bit)
        try:
            came[seen(place, asked, answers)] += 1
        except AssertionError as error:
            raise AssertionError(f"bit {bit} of {file}: {error}") from error
        shutil.rmtree(place)
    return came


def test_a_store_whose_bits_are_as_they_were_answers_everything(quick: Path, asked: Questions) -> None:
    assert seen(with_snapshot(told(quick / "store")), asked, expected(asked)) == "harmless"


def test_no_flip_in_the_database_is_silent(quick: Path, asked: Questions) -> None:
    came = flips(quick, with_snapshot(told(quick / "store")), LOG, 200, asked, 1)
    assert came["refused"] + came["noticed"] > came["harmless"]


def test_no_flip_in_the_write_ahead_log_is_silent(quick: Path, asked: Questions) -> None:
    came = flips(quick, killed(quick / "store"), WAL, 100, asked, 2)
    assert came["harmless"] == came["noticed"] == 0


def test_no_flip_in_the_witness_is_silent(quick: Path, asked: Questions) -> None:
    assert flips(quick, killed(quick / "store"), WITNESS, 20, asked, 3)["harmless"] == 20


@pytest.mark.long
@pytest.mark.parametrize("file", [LOG, WAL, WITNESS])
def test_of_very_many_flips_none_is_silent(quick: Path, asked: Questions, file: str) -> None:
    made = with_snapshot(told(quick / "store")) if file == LOG else killed(quick / "store")
    flips(quick, made, file, 5000, asked, 4)


def test_no_page_that_changed_places_is_taken_for_a_commit(quick: Path) -> None:
    """Of an index whose pages changed places only a look at all of it can tell, because every page is as it was written."""
    made = with_snapshot(told(quick / "store"))
    log = {"log": ask("read")}
    answers = expected(log)
    pages = (made / LOG).stat().st_size // 4096
    dice = random.Random(5)
    came: Counter[str] = Counter()
    for at in range(60):
        place = quick / f"swapped-{at}"
        shutil.copytree(made, place)
        data = bytearray((place / LOG).read_bytes())
        one, other = (4096 * page for page in dice.sample(range(1, pages), 2))
        data[one : one + 4096], data[other : other + 4096] = data[other : other + 4096], data[one : one + 4096]
        (place / LOG).write_bytes(data)
        came[seen(place, log, answers)] += 1
        shutil.rmtree(place)
    assert came["refused"] + came["noticed"] > 0


@pytest.mark.parametrize("column", ["payload", "chain"])
def test_a_commit_that_somebody_edited_is_named(quick: Path, column: str) -> None:
    place = told(quick / "store")
    connection = apsw.Connection(str(place / LOG), vfs="cksmvfs")
    connection.execute(f"UPDATE commits SET {column} = zeroblob(16) WHERE seq = 9")
    connection.close()
    store = FileStore(place, HUB_ID)
    with pytest.raises(StoreDamaged, match="commit 9") as raised:
        store.read()
    store.close()
    assert raised.value.seq == 9
    assert f"`foldhub repair {place}`" in str(raised.value)


def test_a_commit_that_somebody_took_out_is_missed(quick: Path) -> None:
    place = told(quick / "store")
    connection = apsw.Connection(str(place / LOG), vfs="cksmvfs")
    connection.execute("DELETE FROM commits WHERE seq = 9")
    connection.close()
    store = FileStore(place, HUB_ID)
    with pytest.raises(StoreDamaged, match="commit 9: expected it in the log, came none"):
        store.read()
    assert store.read(0, 8) == story()[:8]
    store.close()


def test_the_log_goes_on_though_an_old_commit_was_damaged(quick: Path) -> None:
    place = told(quick / "store", story()[:30])
    connection = apsw.Connection(str(place / LOG), vfs="cksmvfs")
    connection.execute("UPDATE commits SET payload = zeroblob(16) WHERE seq = 9")
    connection.close()
    store = FileStore(place, HUB_ID)
    with pytest.raises(StoreDamaged):
        store.read()
    tell(store, story()[30:])
    assert store.read(10) == story()[10:]
    store.close()
