"""The persistent sorted set: its small cases. What it holds under any history stands among the properties."""

import pytest

from foldhub_core.ordered import WIDTH, Ordered

Number = tuple[int]


def numbers(*values: int) -> Ordered[Number]:
    return Ordered([(value,) for value in values])


def test_it_is_in_order_whatever_the_order_of_its_keys() -> None:
    assert list(numbers(3, 1, 2)) == [(1,), (2,), (3,)]


def test_a_key_given_twice_is_there_once() -> None:
    assert len(numbers(1, 1, 2)) == 2


def test_adding_what_is_there_gives_the_same_set() -> None:
    ordered = numbers(1, 2)
    assert ordered.add((2,)) is ordered


@pytest.mark.parametrize("count", [2, 2 * WIDTH], ids=["one leaf", "a tree"])
@pytest.mark.parametrize("absent", [-1, 1, 10_000])
def test_removing_what_is_not_there_gives_the_same_set(count: int, absent: int) -> None:
    ordered = Ordered([(2 * value,) for value in range(count)])
    assert ordered.remove((absent,)) is ordered


def test_adding_what_is_there_gives_the_same_tree() -> None:
    ordered = numbers(*range(2 * WIDTH))
    assert ordered.add((WIDTH,)) is ordered


def test_the_empty_set_has_no_first() -> None:
    assert numbers().first() is None


def test_after_none_is_everything() -> None:
    assert list(numbers(1, 2).after(None)) == [(1,), (2,)]


@pytest.mark.parametrize(("key", "rest"), [(0, [1, 3]), (1, [3]), (2, [3]), (3, [])])
def test_after_a_key_is_what_is_greater(key: int, rest: list[int]) -> None:
    assert list(numbers(1, 3).after((key,))) == [(value,) for value in rest]


def test_sets_of_other_keys_of_the_same_number_are_not_equal() -> None:
    assert numbers(1, 2) != numbers(1, 3)


def test_sets_of_other_numbers_of_keys_are_not_equal() -> None:
    assert numbers(1, 2) != numbers(1)


def test_a_set_equals_itself() -> None:
    ordered = numbers(1)
    assert ordered == ordered  # noqa: PLR0124 - that it does is what is tested


def test_it_equals_nothing_of_another_kind() -> None:
    assert numbers(1) != [(1,)]


def test_it_cannot_be_a_key() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(numbers(1))


def test_it_shows_its_keys() -> None:
    assert repr(numbers(2, 1)) == "Ordered([(1,), (2,)])"
