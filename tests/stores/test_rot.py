"""Damage on the disk: the store refuses, says so when it is asked, or nothing was lost. None is silent.

A hundred thousand: `pytest -m long tests/stores/test_rot.py`; any number, with figures: `python -m tests.stores.campaign`.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path

import apsw
import pytest

from foldhub.testing.store_story import HUB_ID, story
from foldhub_stores import FileStore, StoreDamaged
from foldhub_stores.founding import LOG, WITNESS
from tests.stores.answers import Questions, ask
from tests.stores.places import flip, tell, told
from tests.stores.rot import (
    KINDS,
    closed_store,
    damaged_again_and_again,
    dead_store,
    index_is_as_derived,
    quick_folder,
    seen,
    the_answers,
    the_questions,
)

Makes = Callable[[Path], Path]


@pytest.fixture
def quick() -> Generator[Path, None, None]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def asked() -> Questions:
    return the_questions()


@pytest.mark.parametrize("makes", [closed_store, dead_store])
def test_a_store_whose_bits_are_as_they_were_answers_everything(quick: Path, asked: Questions, makes: Makes) -> None:
    place = makes(quick / "store")
    assert seen(place, asked, the_answers(asked)) == "harmless"
    assert index_is_as_derived(place)


def test_of_a_thousand_damages_none_is_silent(quick: Path) -> None:
    came = damaged_again_and_again(quick, 1_000, 1)
    assert came["refused"] + came["noticed"] > came["harmless"]
    assert all(any(line.startswith(f"{kind}: ") for line in came) for kind in KINDS)


def test_no_damage_to_the_write_ahead_log_is_more_than_refused_or_harmless(quick: Path) -> None:
    of_the_wal = {kind: case for kind, case in KINDS.items() if case[0] is dead_store}
    came = damaged_again_and_again(quick, 5 * len(of_the_wal), 2, of_the_wal)
    assert came["noticed"] == 0


@pytest.mark.long
def test_of_a_hundred_thousand_damages_none_is_silent(quick: Path) -> None:
    damaged_again_and_again(quick, 100_000, 3)


def test_no_flip_in_the_witness_is_more_than_harmless(quick: Path, asked: Questions) -> None:
    made, answers, dice = dead_store(quick / "store"), the_answers(asked), random.Random(4)
    used = len((made / WITNESS).read_bytes().rstrip(b"\0"))
    for at in range(20):
        place = quick / f"flipped-{at}"
        shutil.copytree(made, place)
        flip(place / WITNESS, dice.randrange(used * 8))
        assert seen(place, asked, answers) == "harmless"


def test_no_page_that_changed_places_is_taken_for_a_commit(quick: Path) -> None:
    """Of an index whose pages changed places only a look at all of it can tell, because every page is as it was written."""
    made = closed_store(quick / "store")
    log = {"log": ask("read")}
    answers = the_answers(log)
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
