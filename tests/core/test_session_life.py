"""The life of a session: one table says what can happen in which state, and what is not in it is refused."""

from itertools import product

import pytest

from foldhub_core import ProtocolError, SessionState
from foldhub_core.session import LIFE, next_state

PENDING, ACTIVE, CLOSED, EXPIRED = SessionState
EVENTS = ("invite", "join", "leave", "open", "post", "close", "expire")
STAYS = {
    PENDING: {"invite", "join", "leave"},
    ACTIVE: {"invite", "join", "leave", "post"},
}
MOVES = {
    (PENDING, "open"): ACTIVE,
    (PENDING, "close"): CLOSED,
    (PENDING, "expire"): EXPIRED,
    (ACTIVE, "close"): CLOSED,
    (ACTIVE, "expire"): EXPIRED,
}


@pytest.mark.parametrize(("state", "event"), list(product(SessionState, EVENTS)))
def test_each_event_leads_where_it_is_written_or_is_refused(state: SessionState, event: str) -> None:
    after = state if event in STAYS.get(state, ()) else MOVES.get((state, event))
    if after is not None:
        assert next_state(state, event) is after
        return
    with pytest.raises(ProtocolError, match=f"while the session is {state.value}, came {event}"):
        next_state(state, event)


def test_a_refusal_says_what_could_happen() -> None:
    with pytest.raises(ProtocolError, match="expected one of close, expire, invite, join, leave, open while"):
        next_state(PENDING, "post")


def test_nothing_happens_after_the_end() -> None:
    assert {state for state, _ in LIFE} == {PENDING, ACTIVE}


def test_the_table_knows_no_other_event() -> None:
    assert {event for _, event in LIFE} == set(EVENTS)
