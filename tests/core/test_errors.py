"""The errors a peer can cause: each has a code of its own that no version changes, and words that are safe to show."""

from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub_core import errors
from foldhub_core.errors import ERRORS, SHOWN_CHARS, Malformed, NetworkError, ProtocolError, inside, shown, unexpected

CODES = {
    "NetworkError": "error",
    "NotFoundError": "not_found",
    "AccessDeniedError": "access_denied",
    "AuthError": "auth_failed",
    "ProtocolError": "protocol_error",
    "SessionOver": "session_over",
    "TaskOver": "task_over",
    "InboxFull": "inbox_full",
    "RateLimited": "rate_limited",
    "KeyConflict": "key_conflict",
    "Malformed": "malformed",
    "WorkflowGraphError": "workflow_graph",
    "Compacted": "compacted",
    "Unavailable": "unavailable",
}
"""Stored in logs and sent over wires: a code that is here stays what it is."""

PARENTS = {
    "NetworkError": Exception,
    "SessionOver": ProtocolError,
    "TaskOver": ProtocolError,
    "WorkflowGraphError": ProtocolError,
}


class Colour(StrEnum):
    RED = "red"


def test_every_error_has_its_written_code() -> None:
    assert {error.__name__: error.code for error in ERRORS} == CODES


def test_no_two_errors_share_a_code() -> None:
    assert len({error.code for error in ERRORS}) == len(ERRORS)


def test_every_error_of_the_family_is_listed() -> None:
    family = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, NetworkError)}
    assert family == set(ERRORS)


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_caught_as_its_parent(error: type[NetworkError]) -> None:
    assert error.__mro__[1] is PARENTS.get(error.__name__, NetworkError)


def test_malformed_is_a_value_error() -> None:
    assert issubclass(Malformed, ValueError)


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_keeps_its_words_and_its_place(error: type[NetworkError]) -> None:
    raised = error("expected a, came b", where="Rule.version")
    assert (raised.message, raised.where, raised.args) == ("expected a, came b", "Rule.version", ("expected a, came b",))


@pytest.mark.parametrize(("where", "text"), [("", "came b"), ("Rule.version", "Rule.version: came b")])
def test_the_text_of_an_error_begins_with_its_place(where: str, text: str) -> None:
    assert str(NetworkError("came b", where=where)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (False, "False"),
        (1, "int 1"),
        (-1.5, "float -1.5"),
        ("a", "str 'a'"),
        (b"a", "bytes b'a'"),
        ("ä\n\ud800", r"str '\xe4\n\ud800'"),
        ("\x1b[31m", r"str '\x1b[31m'"),
        ("a" * SHOWN_CHARS, f"str '{'a' * SHOWN_CHARS}'"),
        ("a" * (SHOWN_CHARS + 1), f"str '{'a' * SHOWN_CHARS}'..."),
        (b"a" * (SHOWN_CHARS + 1), f"bytes b'{'a' * SHOWN_CHARS}'..."),
        (2**127, f"int {2**127}"),
        (2**128, "int of 129 bits"),
        pytest.param(10**5000, "int of 16610 bits", id="an integer of many digits"),
        ([1], "list"),
        ({}, "dict"),
        (Colour.RED, "Colour 'red'"),
        (object(), "object"),
    ],
)
def test_a_value_is_shown_as_its_type_and_what_fits(value: object, text: str) -> None:
    assert shown(value) == text


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters()) | st.binary() | st.integers() | st.floats() | st.lists(st.text()))
def test_what_is_shown_is_one_short_line_of_plain_signs(value: object) -> None:
    text = shown(value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= SHOWN_CHARS * len(r"\U0010ffff") + 20


def test_what_was_unexpected_is_said_with_what_was_expected() -> None:
    error = unexpected("a number", "x", where="Rate.burst")
    assert (type(error), str(error)) == (Malformed, "Rate.burst: expected a number, came str 'x'")


@pytest.mark.parametrize(
    ("place", "where", "whole"),
    [("a", "", "a"), ("a", "b", "a.b"), ("a", "[1]", "a[1]"), ("[1]", "a", "[1].a"), ("[1]", "[2].a", "[1][2].a")],
)
def test_a_refusal_from_inside_gets_the_place_around_it(place: str, where: str, whole: str) -> None:
    error = inside(place, Malformed("came b", where=where))
    assert (error.where, error.message) == (whole, "came b")


def test_a_long_name_of_a_place_is_cut() -> None:
    assert inside("k" * 61, Malformed("came b", where="a")).where == "k" * 60 + "....a"
