"""What grew of a state is told by its name."""

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from foldhub.testing.adapter_kit.fields import grown_field, holders_of


@attrs.frozen
class Book:
    lines: tuple[str, ...] = ()
    title: str = ""
    names: frozenset[str] = frozenset()


@attrs.frozen
class Held:
    turn: int = 0
    book: Book = Book()
    by_agent: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


@attrs.frozen
class SaysItself:
    words: tuple[str, ...] = ()

    def to_data(self) -> Mapping[str, object]:
        return {"heard": self.words}


GROWN: dict[str, tuple[object, object, str | None]] = {
    "nothing": (Held(turn=1), Held(turn=2), None),
    "a list in a record": (Held(), Held(book=Book(("a", "b"))), "`book.lines` had 0 items, and has 2"),
    "a text": (Held(book=Book(title="a")), Held(book=Book(title="abcd")), "`book.title` had 1 character, and has 4"),
    "a set": (Held(), Held(book=Book(names=frozenset("ab"))), "`book.names` had 0 items, and has 2"),
    "a map": (Held(by_agent={"a": 1}), Held(by_agent={"a": 1, "b": 2}), "`by_agent` had 1 item, and has 2"),
    "an entry of a map": (Held(by_agent={"a": ()}), Held(by_agent={"a": (1, 2)}), "`by_agent['a']` had 0 items, and has 2"),
    "items that are longer": (Held(book=Book(("a",))), Held(book=Book(("aaa",))), "`book.lines` had 3 bytes, and has 5"),
    "two alike": (Held(), Held(book=Book(("abc",), "abcd", frozenset("ab"))), "`book` had 4 bytes, and has 16"),
    "data it says itself in": (SaysItself(), SaysItself(("a",)), "`heard` had 0 items, and has 1"),
    "no record": ((), (1, 2), None),
}


@pytest.mark.parametrize("what", GROWN)
def test_the_field_that_grew_the_most_is_named(what: str) -> None:
    before, after, told = GROWN[what]
    assert grown_field(before, after) == told


def test_the_fields_that_hold_a_text_are_named() -> None:
    state = Held(book=Book(names=frozenset({"ann"})), by_agent={"ann": 1, "bob": {"left": ("eve",)}})
    assert holders_of(state, "ann") == ("book", "by_agent")
    assert holders_of(state, "eve") == ("by_agent",)
    assert holders_of(state, "nobody") == ()
