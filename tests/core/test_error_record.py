"""An error as a record, and back: the code survives, also one that we do not know."""

import pytest
from hypothesis import given, settings

from foldhub.testing.strategies import texts
from foldhub_core.error_record import ErrorRecord, error_from, error_record
from foldhub_core.errors import ERRORS, NetworkError
from tests.core.record_kinds import defaults_of, required_of

few = settings(max_examples=20, deadline=None)


@few
@pytest.mark.parametrize("error", ERRORS)
@given(message=texts(), where=texts())
def test_an_error_comes_back_as_it_was(error: type[NetworkError], message: str, where: str) -> None:
    again = error_from(error_record(error(message, where=where)))
    assert (type(again), again.message, again.where) == (error, message, where)


@few
@pytest.mark.parametrize("error", ERRORS)
@given(message=texts(), where=texts())
def test_a_record_comes_back_as_it_was(error: type[NetworkError], message: str, where: str) -> None:
    record = ErrorRecord(error.code, message, where)
    assert error_record(error_from(record)) == record


def test_a_code_we_do_not_know_becomes_the_base_that_tells_it() -> None:
    error = error_from(ErrorRecord("too_blue", "expected red, came blue", "colour"))
    assert (type(error), str(error)) == (NetworkError, "colour: expected red, came blue [too_blue]")


def test_where_may_be_left_out() -> None:
    assert (required_of(ErrorRecord), defaults_of(ErrorRecord)) == (["code", "message"], {"where": ""})
