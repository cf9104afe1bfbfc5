"""A memory that forgets its oldest first: its small cases."""

import pytest

from foldhub_core.recent import Recent


def recent(*keys: str, most: int = 10) -> Recent[int]:
    memory: Recent[int] = Recent()
    for at, key in enumerate(keys):
        memory = memory.put(key, at, most)
    return memory


def test_it_gives_what_was_put() -> None:
    assert recent("a", "b").get("b") == 1


def test_it_gives_nothing_for_what_was_not_put() -> None:
    assert recent("a").get("b") is None


def test_it_tells_the_oldest_first() -> None:
    assert list(recent("b", "a", "c").items()) == [("b", 0), ("a", 1), ("c", 2)]


def test_beyond_its_room_it_forgets_the_oldest() -> None:
    assert [key for key, _ in recent("a", "b", "c", most=2).items()] == ["b", "c"]


def test_with_less_room_than_before_it_forgets_as_many_as_are_too_many() -> None:
    assert [key for key, _ in recent("a", "b", "c").put("d", 3, 2).items()] == ["c", "d"]


@pytest.mark.parametrize("count", [0, -1])
def test_forgetting_none_changes_nothing(count: int) -> None:
    memory = recent("a")
    assert memory.forget(count) is memory


def test_forgetting_more_than_there_is_forgets_all() -> None:
    assert len(recent("a", "b").forget(5)) == 0


def test_what_was_forgotten_is_not_in_it() -> None:
    memory = recent("a", "b").forget(1)
    assert ("a" in memory, "b" in memory) == (False, True)


def test_what_was_forgotten_can_be_put_again() -> None:
    assert list(recent("a", "b").forget(1).put("a", 7, 10).items()) == [("b", 1), ("a", 7)]
