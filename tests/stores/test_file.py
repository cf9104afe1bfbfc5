"""The store in a folder keeps every law of a store."""

from pathlib import Path

import apsw
import pytest

from foldhub.testing.store_ground import Law
from foldhub.testing.store_law import store_laws, try_law
from foldhub.testing.store_story import HUB_ID, Teller
from foldhub_core import Passport, Register, Resume, SetSkill, Start
from foldhub_stores import FileStore


def open_file(place: Path, hub_id: str) -> FileStore:
    return FileStore(place, hub_id)


@pytest.mark.parametrize("law", store_laws(), ids=lambda law: law.__name__)
def test_the_store_in_a_folder_keeps_the_law_that(law: Law) -> None:
    try_law(law, open_file)


AT_HAND = 18 << 20
"""The 16 MiB of pages that a store asks for, and what SQLite has around them."""


@pytest.mark.parametrize("batch", [10, 400])
def test_of_a_log_however_long_so_much_is_kept_at_hand(tmp_path: Path, batch: int) -> None:
    teller = Teller()
    teller.ask(Start())
    passport = teller.ask(Register(passport=Passport("ann"), resume=Resume()))
    assert isinstance(passport, Passport)
    for number in range(600):
        teller.ask(SetSkill(agent_id=passport.agent_id or "", skill_md=f"{number:5}" * 10_000))
    before = apsw.memory_used()
    store = FileStore(tmp_path / "store", HUB_ID)
    for begin in range(0, len(teller.commits), batch):
        store.append(teller.commits[begin : begin + batch])
    assert store.read(0) == tuple(teller.commits)
    assert 16 << 20 < apsw.memory_used() - before < AT_HAND
    store.close()
    assert apsw.memory_used() - before < 1 << 20
