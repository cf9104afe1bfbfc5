"""Ids: derived, sortable as text, and told apart from ids that no commit can have made."""

from typing import get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from foldhub.testing.strategies import hub_ids, ids
from foldhub_core.data import INT_MAX
from foldhub_core.errors import Malformed
from foldhub_core.ids import Kind, check_hub_id, commit_of, looks_like_id, make_id, ordinal, was_issued

few = settings(max_examples=60, deadline=None)
kinds: st.SearchStrategy[Kind] = st.sampled_from(get_args(Kind))
seqs = st.integers(1, INT_MAX) | st.integers(1, 1000)
places = st.integers(0, 1000)

MADE = {make_id("demo", "a", seq, place) for seq in range(1, 20) for place in range(100)}
"""What 19 commits can have made, as far as a test looks."""


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (make_id("demo", "a", 42), "demo:a:b42"),
        (make_id("demo", "e", 42, 1), "demo:e:b42-a1"),
        (make_id("demo", "s", 1, 10), "demo:s:a1-b10"),
        (make_id("x-1", "t", INT_MAX), "x-1:t:s9223372036854775807"),
    ],
)
def test_an_id_reads_hub_kind_ordinal(made: str, text: str) -> None:
    assert made == text


@few
@given(st.integers(0, INT_MAX), st.integers(0, INT_MAX))
def test_ordinals_sort_as_their_numbers(left: int, right: int) -> None:
    assert (ordinal(left) < ordinal(right)) == (left < right)


@few
@given(st.tuples(seqs, places), st.tuples(seqs, places))
def test_ids_of_one_kind_sort_as_their_commits_and_places(left: tuple[int, int], right: tuple[int, int]) -> None:
    assert (make_id("demo", "e", *left) < make_id("demo", "e", *right)) == (left < right)


@few
@given(st.tuples(hub_ids(), kinds, seqs, places), st.tuples(hub_ids(), kinds, seqs, places))
def test_different_things_have_different_ids(left: tuple[str, Kind, int, int], right: tuple[str, Kind, int, int]) -> None:
    assume(left != right)
    assert make_id(*left) != make_id(*right)


@few
@given(hub_ids(), kinds, seqs, places, st.integers(0, 1000))
def test_an_id_of_this_hub_was_issued_from_its_commit_on(hub_id: str, kind: Kind, seq: int, place: int, later: int) -> None:
    assert was_issued(hub_id, kind, make_id(hub_id, kind, seq, place), seq + later)


@few
@given(hub_ids(), kinds, seqs, places)
def test_an_id_was_not_issued_before_its_commit(hub_id: str, kind: Kind, seq: int, place: int) -> None:
    assert not was_issued(hub_id, kind, make_id(hub_id, kind, seq, place), seq - 1)


@pytest.mark.parametrize(
    "text",
    [
        "other:a:b42",
        "demo:e:b42",
        "demo:a:a42",
        "demo:a:c42",
        "demo:a:b042",
        "demo:a:b42-a0",
        "demo:a:b42-a00",
        "demo:a:b42-b1",
        "demo:a:b42-a12",
        "demo:a:b42-",
        "demo:a:b42-a" + "1" * 5000,
        "demo:a:a" + "1" * 5000,
        "demo:a:b42\n",
        " demo:a:b42",
        "demo:a:b\u0664\u0662",
        "demo",
        "",
    ],
)
def test_what_no_commit_can_have_made_was_not_issued(text: str) -> None:
    assert not was_issued("demo", "a", text, INT_MAX)


@few
@given(st.text() | st.from_regex(r"demo:a:[a-c][0-9]{1,3}(-[a-b][0-9]{1,2})?", fullmatch=True))
def test_what_was_issued_is_exactly_what_is_made(text: str) -> None:
    assert was_issued("demo", "a", text, 19) == (text in MADE)


@few
@given(kinds.flatmap(ids))
def test_an_id_looks_like_one(text: str) -> None:
    assert looks_like_id(text)


@pytest.mark.parametrize(
    ("text", "seq"), [("demo:a:a2", 2), ("demo:e:b42-a1", 42), ("else:s:c100", 100), ("", None), ("hub", None)]
)
def test_an_id_says_which_commit_made_it(text: str, seq: int | None) -> None:
    assert commit_of(text) == seq


@pytest.mark.parametrize("text", ["", "ada", "demo:a", "demo:x:a1", "Demo:a:a1", "demo:a:a0", "demo:a:1", "demo:a:a1 ", "-:a:a1"])
def test_other_text_does_not_look_like_an_id(text: str) -> None:
    assert not looks_like_id(text)


@few
@given(hub_ids())
def test_the_id_of_a_hub_is_given_back(hub_id: str) -> None:
    assert check_hub_id(hub_id) == hub_id


@pytest.mark.parametrize("hub_id", ["", "-a", "A", "a b", "a:b", "ä", "a\n", "a" * 33, "\ud800"])
def test_other_text_is_no_id_of_a_hub(hub_id: str) -> None:
    with pytest.raises(Malformed) as refused:
        check_hub_id(hub_id)
    assert refused.value.where == "hub_id"


def test_the_longest_id_of_a_hub_is_accepted() -> None:
    assert check_hub_id("a" * 32) == "a" * 32
