"""What a state is written as is written anew where something in it was changed, however deep, and only there."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest
from immutables import Map

from foldhub.testing.adapter_kit.writing import rewritten_state, watched_state, written_state


@attrs.frozen
class Bid:
    amount: int = 1


@attrs.frozen
class Lot:
    """A state whose fields may hold anything."""

    held: Any = None
    more: Any = None

    def to_data(self) -> Mapping[str, object]:
        return {"held": repr(self.held)}


@attrs.frozen(slots=False)
class Loose:
    held: Any = None


@attrs.frozen
class Nothing:
    pass


def raised_to_9(bid: Bid) -> None:
    object.__setattr__(bid, "amount", 9)


def deep(wrap: Callable[[Bid], Any]) -> tuple[Lot, Callable[[], None]]:
    bid = Bid()
    return Lot(wrap(bid), Nothing()), lambda: raised_to_9(bid)


def listed() -> tuple[Lot, Callable[[], None]]:
    items = [1]
    return Lot((items,)), lambda: items.append(2)


def exchanged() -> tuple[Lot, Callable[[], None]]:
    items = [1]
    return Lot(items), lambda: items.__setitem__(0, 2)


def keyed() -> tuple[Lot, Callable[[], None]]:
    items = {"a": 1}
    return Lot(items), lambda: items.update(b=2)


def gathered() -> tuple[Lot, Callable[[], None]]:
    items = {1}
    return Lot(items), lambda: items.add(2)


def given_more() -> tuple[Lot, Callable[[], None]]:
    loose = Loose()
    return Lot(loose), lambda: object.__setattr__(loose, "held", 1)


def of_bytes() -> tuple[Lot, Callable[[], None]]:
    """What holds it cannot be looked into."""
    array = bytearray(b"a")
    return Lot(array), lambda: array.extend(b"b")


CHANGED: dict[str, Callable[[], tuple[Lot, Callable[[], None]]]] = {
    "a field": lambda: deep(lambda bid: bid),
    "in a tuple": lambda: deep(lambda bid: (1, (bid,))),
    "in a frozen set": lambda: deep(lambda bid: frozenset({bid})),
    "in a map": lambda: deep(lambda bid: {"a": {"b": bid}}),
    "in a persistent map": lambda: deep(lambda bid: Map({"a": bid})),
    "as a key": lambda: deep(lambda bid: {bid: 1}),
    "in a record with a dict": lambda: deep(Loose),
    "a list": listed,
    "an item of a list": exchanged,
    "a dict": keyed,
    "a set": gathered,
    "an attribute": given_more,
    "a byte": of_bytes,
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_change_inside_a_watched_state_is_seen(what: str) -> None:
    state, change = CHANGED[what]()
    before = watched_state(state)
    assert rewritten_state(state) == before
    change()
    assert written_state(state) == before, "it was not looked at yet"
    after = rewritten_state(state)
    assert after != before
    assert written_state(state) == watched_state(state) == after


def test_a_state_in_which_nothing_changed_is_not_written_again() -> None:
    times: list[int] = []

    @attrs.frozen
    class Counted:
        bids: tuple[Bid, ...] = (Bid(),)
        by_name: Mapping[str, Bid] = attrs.field(factory=lambda: {"a": Bid()})

        def to_data(self) -> Mapping[str, object]:
            times.append(1)
            return {}

    state = Counted()
    assert watched_state(state) is not None
    for _ in range(3):
        rewritten_state(state)
        watched_state(state)
    assert len(times) == 1


def test_a_state_that_cannot_be_written_is_told_by_none() -> None:
    state = Loose(object())
    assert written_state(state) is watched_state(state) is rewritten_state(state) is None
