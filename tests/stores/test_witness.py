"""The witness: what it says, and what is left of it when a part of it is gone."""

from pathlib import Path

import pytest

from foldhub_stores.disk import Disk
from foldhub_stores.witness import SLOT, Account, Witness, hear_witness
from tests.stores.places import flip

STORE, HEAD = "ab" * 16, b"h" * 16


def noted(file: Path, seqs: range, turn: int = 0) -> None:
    witness = Witness(file, STORE, turn, Disk(), lambda: 5)
    for seq in seqs:
        witness.note(seq, HEAD, b"saltsalt", seq + 1)
    witness.close()


def test_the_newest_word_is_heard(tmp_path: Path) -> None:
    noted(tmp_path / "w", range(1, 8))
    heard = hear_witness(tmp_path / "w")
    assert (heard.account, heard.damaged) == (Account(STORE, 7, 7, HEAD, 5, b"saltsalt", 8), 0)


def test_a_witness_goes_on_where_it_stopped(tmp_path: Path) -> None:
    noted(tmp_path / "w", range(1, 4))
    noted(tmp_path / "w", range(4, 5), turn=3)
    heard = hear_witness(tmp_path / "w").account
    assert heard is not None
    assert (heard.turn, heard.seq) == (4, 4)


@pytest.mark.parametrize(("slot", "left"), [(0, 7), (1, 6)])
def test_of_a_torn_word_the_one_before_is_left(tmp_path: Path, slot: int, left: int) -> None:
    noted(tmp_path / "w", range(1, 8))
    for offset in range(0, 96, 7):
        data = (tmp_path / "w").read_bytes()
        flip(tmp_path / "w", (slot * SLOT + offset) * 8)
        heard = hear_witness(tmp_path / "w")
        assert heard.damaged == 1
        assert heard.account is not None
        assert heard.account.seq == left
        (tmp_path / "w").write_bytes(data)


@pytest.mark.parametrize("data", [b"", b"x" * 50, bytes(2 * SLOT)])
def test_of_nothing_nothing_is_heard(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "w").write_bytes(data)
    heard = hear_witness(tmp_path / "w")
    assert (heard.account, heard.damaged) == (None, int(data.strip(b"\0") != b""))


def test_where_there_is_no_witness_nothing_is_heard(tmp_path: Path) -> None:
    assert hear_witness(tmp_path / "w").account is None


def test_what_is_in_the_database_too_is_told(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "w", STORE, 0, Disk(), lambda: 5)
    witness.note(3, HEAD, b"saltsalt", 4)
    witness.note_emptied()
    emptied = hear_witness(tmp_path / "w").account
    witness.note(4, HEAD, b"newround", 2)
    later = hear_witness(tmp_path / "w").account
    witness.close()
    assert emptied == Account(STORE, 2, 3, HEAD, 5, b"saltsalt", 4, True)
    assert later == Account(STORE, 3, 4, HEAD, 5, b"newround", 2)


def test_where_nothing_is_written_ahead_there_is_nothing_to_tell(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "w", STORE, 0, Disk(), lambda: 5)
    witness.note_emptied()
    witness.note(3, HEAD)
    witness.note_emptied()
    heard = hear_witness(tmp_path / "w").account
    witness.close()
    assert heard == Account(STORE, 1, 3, HEAD, 5, bytes(8), 0)
