"""Folders and files that are put in their place in one move."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from foldhub_stores import StoreError, StoreMismatch
from foldhub_stores.placing import exchange, placed, put, written_file


def test_what_is_made_whole_is_put_at_its_place(tmp_path: Path) -> None:
    with placed(tmp_path / "some" / "where", "test") as new:
        (new / "letter").write_text("all of it")
        assert not (tmp_path / "some" / "where").exists()
    assert (tmp_path / "some" / "where" / "letter").read_text() == "all of it"


def test_of_what_is_not_made_whole_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), placed(tmp_path / "where", "test"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_put_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "letter").touch()
    for place in (tmp_path, tmp_path / "letter"):
        with pytest.raises(StoreMismatch, match="expected nothing at"), placed(place, "test"):
            pass


def test_what_came_there_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "where").mkdir()
    (tmp_path / "where" / "letter").touch()
    with pytest.raises(StoreMismatch, match="there already"):
        put(tmp_path / "new", tmp_path / "where")
    assert (tmp_path / "where" / "letter").exists()


def test_two_folders_change_places(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one" / "other").exists()
    assert (tmp_path / "other" / "one").exists()


def test_what_cannot_change_places_says_so(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(StoreError, match="exchange two folders in one move"):
        exchange(tmp_path / "one", tmp_path / "none")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "some" / "file"
    written_file(file, [b"one"])
    written_file(file, [b"two", b"three"])
    assert file.read_bytes() == b"twothree"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_not_written_whole_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    written_file(file, [b"one"])

    def parts() -> Iterator[bytes]:
        yield b"two"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        written_file(file, parts())
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("file", b"one")]
