"""The live sessions and the questions about them."""

from typing import Any

import pytest

from foldhub_core import (
    AdapterResult,
    Expectation,
    ExpectedTurn,
    Invite,
    Limits,
    Malformed,
    NetworkError,
    PendingTurn,
    Session,
    SessionState,
    changed,
    expected,
    get_session,
    list_sessions,
    pending_turns,
    protocol_state,
)
from foldhub_core.sessions import Sessions
from tests.core.hub_driver import NOWHERE
from tests.core.session_driver import Free, Heard, Talks


def ids_of(page: Any) -> list[str]:
    return [session.session_id for session in page.sessions]


class Turns(Free):
    """Everybody who was ever named owes a turn."""

    def __init__(self, *names: str) -> None:
        super().__init__("turns")
        self.names = names

    def expected_next(self, session: Session, state: Heard) -> tuple[ExpectedTurn, ...]:
        return tuple([ExpectedTurn(name, "e1", 5) for name in self.names])


# --- one session


@pytest.mark.parametrize("question", [get_session, protocol_state, lambda state, one: expected(Talks().config, state, one)])
@pytest.mark.parametrize(
    ("session_id", "code"),
    [
        ("demo:s:a1", "session_over"),
        ("demo:s:c999", "not_found"),
        ("hub", "not_found"),
        ("else:s:a1", "not_found"),
        ("", "not_found"),
    ],
)
def test_what_is_not_live_is_over_or_not_found(question: Any, session_id: str, code: str) -> None:
    hub = Talks("alice")
    with pytest.raises(NetworkError) as refused:
        question(hub.state, session_id)
    assert (refused.value.code, refused.value.where) == (code, "session_id")


def test_an_ended_session_is_not_live() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    assert get_session(hub.state, session_id).state is SessionState.ACTIVE
    hub.close("alice", session_id)
    with pytest.raises(NetworkError) as refused:
        get_session(hub.state, session_id)
    assert refused.value.code == "session_over"


def test_the_state_of_a_protocol_is_the_adapters() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.pending("alice", "bob", type="free")
    assert protocol_state(hub.state, session_id) == Heard(("session.invited",))


# --- turns


def test_turns_are_expected_of_those_who_take_part() -> None:
    hub = Talks("alice", "bob", "carol")
    hub.restart(Turns(*hub.these("alice", "bob", "carol"), NOWHERE))
    session_id = hub.pending("alice", "bob", "carol", type="turns", required_acks=1)
    assert expected(hub.config, hub.state, session_id) == ()
    hub.answer("bob", session_id)
    assert [turn.agent_id for turn in expected(hub.config, hub.state, session_id)] == list(hub.these("alice", "bob"))
    hub.leave("alice", session_id)
    assert [turn.agent_id for turn in expected(hub.config, hub.state, session_id)] == list(hub.these("bob"))


@pytest.mark.parametrize("said", [None, 7, (None,), ("alice",), [AdapterResult()]])
def test_a_protocol_that_cannot_say_whose_turn_it_is_hides_no_other(said: Any) -> None:
    class Vague(Free):
        def expected_next(self, session: Session, state: Heard) -> tuple[ExpectedTurn, ...]:
            answered: tuple[ExpectedTurn, ...] = said
            return answered

    hub = Talks("alice", "bob")
    hub.restart(Vague("vague"), Turns(hub.ids["alice"]))
    vague = hub.opened("alice", "bob", type="vague", expectations=(Expectation("turn_within", "warn"),))
    clear = hub.opened("alice", "bob", type="turns")
    assert expected(hub.config, hub.state, vague) == ()
    assert pending_turns(hub.config, hub.state, hub.ids["alice"]) == (PendingTurn(clear, "e1", 5),)


def test_an_agents_turns_are_given_in_the_order_of_its_sessions() -> None:
    hub = Talks("alice", "bob")
    hub.restart(Turns(hub.ids["alice"]))
    ids = [hub.opened("alice", "bob", type="turns") for _ in range(12)]
    assert pending_turns(hub.config, hub.state, hub.ids["alice"]) == tuple([PendingTurn(one, "e1", 5) for one in ids])
    assert pending_turns(hub.config, hub.state, hub.ids["bob"]) == ()


@pytest.mark.parametrize("agent_id", [NOWHERE, ""])
def test_a_stranger_owes_nothing(agent_id: str) -> None:
    hub = Talks("alice")
    assert pending_turns(hub.config, hub.state, agent_id) == ()


def test_where_the_adapter_is_missing_nobody_owes_a_turn() -> None:
    hub = Talks("alice", "bob")
    hub.restart(Turns(hub.ids["alice"]))
    session_id = hub.opened("alice", "bob", type="turns")
    hub.restart()
    assert expected(hub.config, hub.state, session_id) == ()


# --- lists


def crowd(limits: Limits | None = None) -> tuple[Talks, list[str]]:
    """Fourteen sessions of alice, some with bob, some with carol."""
    hub = Talks("alice", "bob", "carol", adapters=[Free()], limits=limits)
    ids = [
        hub.pending(
            "alice",
            "bob" if at % 2 else "carol",
            type="free" if at % 3 else "conversation",
            labels={"colour": "red" if at < 5 else "blue"},
            intent="talk" if at % 5 == 0 else "",
        )
        for at in range(14)
    ]
    return hub, ids


def test_live_sessions_are_listed_in_the_order_of_their_opening() -> None:
    hub, ids = crowd()
    page = list_sessions(hub.state)
    assert ids_of(page) == ids
    assert page.cursor is None


def test_the_sessions_of_an_agent_are_those_it_is_in_or_invited_to() -> None:
    hub, ids = crowd()
    assert ids_of(list_sessions(hub.state, agent_id=hub.ids["bob"])) == ids[1::2]
    assert ids_of(list_sessions(hub.state, agent_id=hub.ids["alice"])) == ids
    assert ids_of(list_sessions(hub.state, agent_id=NOWHERE)) == []


@pytest.mark.parametrize(
    ("conditions", "at"),
    [
        ({"type": "conversation"}, [0, 3, 6, 9, 12]),
        ({"label": ("colour", "red")}, [0, 1, 2, 3, 4]),
        ({"label": ("colour", "green")}, []),
        ({"label": ("shape", "red")}, []),
        ({"intent": "talk"}, [0, 5, 10]),
        ({"intent": ""}, [1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13]),
        ({"type": "free", "intent": "talk"}, [5, 10]),
        ({"session_state": SessionState.ACTIVE}, []),
        ({"session_state": SessionState.PENDING, "type": "conversation"}, [0, 3, 6, 9, 12]),
        ({"session_state": SessionState.CLOSED}, []),
    ],
)
def test_the_list_is_of_those_that_fit_all_conditions(conditions: dict[str, Any], at: list[int]) -> None:
    hub, ids = crowd()
    assert ids_of(list_sessions(hub.state, **conditions)) == [ids[one] for one in at]


def test_the_list_tells_pending_from_active() -> None:
    hub, ids = crowd()
    hub.answer("carol", ids[2])
    assert ids_of(list_sessions(hub.state, session_state=SessionState.ACTIVE)) == [ids[2]]


def test_ended_sessions_are_not_listed() -> None:
    hub, ids = crowd()
    hub.close("alice", ids[3])
    assert ids_of(list_sessions(hub.state)) == ids[:3] + ids[4:]


@pytest.mark.parametrize("limit", [1, 3, 5, 7, 13, 14, 15])
@pytest.mark.parametrize("conditions", [{}, {"type": "conversation"}])
def test_pages_put_together_are_the_whole_list(conditions: dict[str, Any], limit: int) -> None:
    hub, _ = crowd()
    whole, pages = ids_of(list_sessions(hub.state, **conditions)), []
    cursor = None
    while True:
        page = list_sessions(hub.state, limit=limit, cursor=cursor, **conditions)
        pages.append(ids_of(page))
        cursor = page.cursor
        if cursor is None:
            break
    assert [one for page in pages for one in page] == whole
    assert max(len(one) for one in pages) <= limit
    assert all(len(one) == limit for one in pages[:-1])


def test_a_page_that_has_looked_at_enough_is_short_and_says_where_to_go_on() -> None:
    hub, ids = crowd(Limits(scan_items=4))
    first = list_sessions(hub.state, type="conversation")
    assert (ids_of(first), first.cursor) == ([ids[0], ids[3]], ids[3])
    second = list_sessions(hub.state, type="conversation", cursor=first.cursor)
    assert (ids_of(second), second.cursor) == ([ids[6]], ids[7])


def test_a_cursor_outlives_its_session() -> None:
    hub, ids = crowd()
    page = list_sessions(hub.state, limit=3)
    hub.close("alice", ids[2])
    assert ids_of(list_sessions(hub.state, cursor=page.cursor)) == ids[3:]


@pytest.mark.parametrize("limit", [0, -1, 6])
def test_a_page_has_at_least_one_session_and_no_more_than_the_limit(limit: int) -> None:
    hub = Talks("alice", limits=Limits(page_items=5))
    with pytest.raises(Malformed) as refused:
        list_sessions(hub.state, limit=limit)
    assert refused.value.where == "limit"
    assert list_sessions(hub.state, limit=5).sessions == ()


# --- the slice


def test_the_slice_built_anew_is_the_slice_there_was() -> None:
    hub, ids = crowd()
    hub.close("alice", ids[0])
    sessions = hub.state.sessions
    assert Sessions.of(dict(sessions.entries), dict(sessions.talks)) == sessions


def test_an_agent_in_no_session_is_in_no_index() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.value(hub.who("alice"), Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=hub.these("carol")))
    assert sorted(hub.state.sessions.of_agent) == sorted(hub.ids.values())
    hub.leave("bob", session_id)
    assert sorted(hub.state.sessions.of_agent) == sorted(hub.these("alice", "carol"))
    hub.close("alice", session_id)
    assert hub.state.sessions == Sessions()


def test_an_entry_that_keeps_its_participants_moves_no_index() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob")
    sessions = hub.state.sessions
    entry = changed(sessions.entries[session_id], dormant="why")
    again = sessions.with_entry(entry)
    assert again.of_agent is sessions.of_agent
    assert again.entries[session_id].dormant == "why"
