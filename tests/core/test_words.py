"""The words of a session: what each moves, whoever said it, and that a fold never fails."""

from typing import Any

import pytest

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    EV_SESSION_INVITE,
    EV_TEXT,
    Envelope,
    Expectation,
    HubConfig,
    HubState,
    OpenSession,
    Session,
    changed,
    fold,
    next_deadline,
    replay,
)
from foldhub_core.sessions import Faulty
from foldhub_core.words import as_participants, told_opening
from tests.core.hub_driver import HUB_ID
from tests.core.session_driver import Free, Heard, Talks


def roles(*names: str, creator: str = "ada") -> list[tuple[str, str, int]]:
    return [(one.agent_id, one.role, one.order) for one in as_participants(HubState("demo"), names, creator, 5)]


def test_the_roles_of_two() -> None:
    assert roles("ada", "bob") == [("ada", "initiator", 0), ("bob", "respondent", 1)]
    assert roles("bob", "ada") == [("bob", "respondent", 0), ("ada", "initiator", 1)]


def test_the_roles_of_many() -> None:
    assert roles("bob", "ada", "cy") == [("bob", "participant", 0), ("ada", "initiator", 1), ("cy", "participant", 2)]


def test_the_role_of_one() -> None:
    assert roles("ada") == [("ada", "initiator", 0)]


def test_participants_join_when_the_session_is_opened() -> None:
    assert [one.joined_at_ms for one in as_participants(HubState("demo"), ("ada", "bob"), "ada", 5)] == [5, 5]


FULL: dict[str, Any] = {
    "knobs": {"a": {"b": [1, None]}},
    "labels": {"c": "d"},
    "intent": "talk",
    "ttl": 90,
    "parent_session_id": "p",
    "required_acks": 1,
    "expectations": (Expectation("reply_within", "audit", {"seconds": 5}, ("respondent",)),),
    "idempotency_key": "k",
}


@pytest.mark.parametrize("fields", [{}, FULL, {"ttl": 0}], ids=["least", "full", "for ever"])
def test_the_first_word_tells_the_opening(fields: dict[str, Any]) -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob", **fields)
    told = told_opening(hub.words(session_id)[0])
    assert told == OpenSession(creator_id=hub.ids["alice"], type="conversation", participants=hub.these("alice", "bob"), **fields)


@pytest.mark.parametrize("last", [EV_SESSION_CLOSED, EV_SESSION_EXPIRED])
def test_the_last_word_ends_the_session_in_the_same_fold(last: str) -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    number = hub.words(session_id)[-1].number + 1
    word = Envelope(session_id, "demo", last, {}, hub.these("alice"), envelope_id="e", created_at_ms=9, number=number)
    state = fold(hub.config, hub.state, word)
    assert session_id not in state.sessions.entries
    assert session_id not in state.agenda.by_subject
    assert "e" in state.mailboxes[hub.ids["alice"]].numbers


def test_a_word_moves_the_protocol_the_count_and_the_mailboxes_and_nothing_else() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    before = hub.state
    hub.say("alice", session_id)
    now = hub.state
    moved = {name: getattr(now, name) for name in ("seq", "now_ms", "head", "sessions", "mailboxes")}
    assert now == changed(before, **moved)
    assert now.sessions.entries == before.sessions.entries
    assert now.sessions.talks[session_id].words == before.sessions.talks[session_id].words + 1


def test_a_word_does_not_move_what_the_session_waits_for() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob", ttl=60)
    due_ms = hub.state.agenda.by_subject[session_id]
    for _ in range(3):
        hub.say("alice", session_id)
    assert hub.state.agenda.by_subject[session_id] == due_ms


@pytest.mark.parametrize(
    ("ttl", "invited_ms", "due_ms"), [(0, 30_000, 30_100), (60, 30_000, 30_100), (20, 30_000, 20_100), (30, 30_000, 30_100)]
)
def test_a_session_is_looked_at_when_the_first_of_its_times_comes(ttl: int, invited_ms: int, due_ms: int) -> None:
    hub = Talks("alice", "bob")
    hub.pending("alice", "bob", ttl=ttl, now_ms=100)
    assert hub.config.limits.invite_timeout_ms == invited_ms
    assert next_deadline(hub.state) == due_ms


class Ahead(Free):
    """Waits for a time after the opening, and for an earlier one after a text."""

    def next_deadline(self, session: Session, state: Heard) -> int | None:
        return session.created_at_ms + (10_000 if EV_TEXT in state.event_types else 20_000)


@pytest.mark.parametrize(("ttl", "opened_ms", "said_ms"), [(0, 20_100, 10_100), (5, 5100, 5100), (15, 15_100, 10_100)])
def test_what_the_protocol_waits_for_may_come_nearer(ttl: int, opened_ms: int, said_ms: int) -> None:
    hub = Talks("alice", "bob", adapters=[Ahead()])
    session_id = hub.opened("alice", "bob", type="free", ttl=ttl, now_ms=100)
    assert hub.state.agenda.by_subject[session_id] == min(opened_ms, 30_100)
    hub.say("alice", session_id)
    assert hub.state.agenda.by_subject[session_id] == said_ms


def test_a_log_is_folded_past_what_its_adapter_cannot_fold() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.say("alice", session_id)
    state = replay(HubConfig(), hub.log, HubState(HUB_ID))
    assert state.sessions.talks[session_id].protocol == Faulty("is missing")
    assert state.sessions.talks[session_id].words == 4
    assert state.mailboxes == hub.state.mailboxes
    assert state.sessions.entries == hub.state.sessions.entries


def test_an_adapter_that_went_missing_in_the_middle_leaves_the_words_and_who_takes_part() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.restart()
    hub.leave("bob", session_id)
    hub.leave("carol", session_id)
    assert hub.session(session_id).participants[0].agent_id == hub.ids["alice"]
    assert hub.state.sessions.talks[session_id].words == 6
    assert hub.types(session_id)[0] == EV_SESSION_INVITE
