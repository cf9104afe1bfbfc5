"""The rows a commit gives a store: where everything stands that is to be found again."""

from typing import Any, get_args

import attrs
import pytest

from foldhub_core import (
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    HUB_SESSION,
    AuditRow,
    CloseSession,
    DeadLetterRow,
    EndedSessionRow,
    EndedTaskRow,
    Envelope,
    EnvelopeRow,
    IndexRow,
    index_rows,
    readings,
)
from tests.core.hub_driver import ADMIN, HUB_ID
from tests.core.session_driver import Free, Talks
from tests.core.test_audit import ALICE, BOB, CAROL, SESSION, forged, said


@pytest.fixture
def hub() -> Talks:
    return Talks("alice", "bob", "carol", adapters=(Free(),))


def last(hub: Talks, kind: Any) -> list[Any]:  # Any: rows of the class that is asked for
    """The rows of a class that the last commit gives."""
    return [row for row in index_rows(hub.log[-1]) if isinstance(row, kind)]


def test_a_word_that_was_posted_has_one_row_and_no_other(hub: Talks) -> None:
    session_id = hub.opened("alice", "bob")
    cause = hub.say("alice", session_id).envelope_id
    word = hub.say("bob", session_id, causation_id=cause)
    row = EnvelopeRow(hub.log[-1].seq, 0, session_id, 5, word.envelope_id, BOB, cause)
    assert index_rows(hub.log[-1]) == (row,)


def test_an_event_of_the_hub_session_has_a_row(hub: Talks) -> None:
    hub.set_rule("alice", inbound_from=())
    (row,) = last(hub, EnvelopeRow)
    assert (row.session_id, row.number, row.sender_id) == (HUB_SESSION, 4, ALICE)


def test_the_place_is_that_among_all_facts(hub: Talks) -> None:
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.set_rule("bob", inbound_from=())
    word = hub.say("alice", session_id)
    (row,) = last(hub, EnvelopeRow)
    assert (row.place, hub.log[-1].facts[row.place]) == (1, word)


def test_several_words_of_one_commit_have_a_row_each(hub: Talks) -> None:
    hub.leave("bob", hub.opened("alice", "bob"))
    assert [(row.place, row.number) for row in last(hub, EnvelopeRow)] == [(0, 4), (1, 5)]


def test_a_closed_session_has_a_row(hub: Talks) -> None:
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.value(ADMIN, CloseSession(session_id=session_id, reason="enough"), 77)
    seq = hub.log[-1].seq
    assert last(hub, EndedSessionRow) == [EndedSessionRow(seq, session_id, 77, "closed", "enough", 5, (ALICE, BOB, CAROL))]


def test_who_left_before_the_end_is_not_in_its_row_and_who_did_not_answer_is(hub: Talks) -> None:
    session_id = hub.pending("alice", "bob", "carol", type="free", required_acks=1)
    hub.answer("bob", session_id, accept=False)
    hub.close("alice", session_id)
    (row,) = last(hub, EndedSessionRow)
    assert row.participants == (ALICE, CAROL)


def test_an_expired_session_has_a_row(hub: Talks) -> None:
    session_id = hub.opened("alice", "bob", ttl=60)
    hub.tick(100_000)
    seq = hub.log[-1].seq
    assert last(hub, EndedSessionRow) == [EndedSessionRow(seq, session_id, 100_000, "expired", "ttl_expired", 4, (ALICE, BOB))]


@pytest.mark.parametrize("event_type", [EV_SESSION_OPENED, EV_SESSION_LEFT])
def test_another_word_of_the_hub_ends_nothing(event_type: str) -> None:
    rows = index_rows(forged(said(SESSION, HUB_ID, event_type, agent_id=BOB)))
    assert [type(row) for row in rows] == [EnvelopeRow, AuditRow]


def test_an_ended_task_has_a_row() -> None:
    event = said(HUB_SESSION, ALICE, "task.ended", task_id="demo:t:a8", session_id=SESSION, outcome="failed")
    (row,) = [row for row in index_rows(forged(event)) if isinstance(row, EndedTaskRow)]
    assert row == EndedTaskRow(9, "demo:t:a8", ALICE, SESSION, event.created_at_ms, "failed")


def test_an_ended_task_may_be_of_no_session_and_tell_no_outcome() -> None:
    event = said(HUB_SESSION, ALICE, "task.ended", task_id="demo:t:a8", session_id=None)
    (row,) = [row for row in index_rows(forged(event)) if isinstance(row, EndedTaskRow)]
    assert (row.session_id, row.outcome) == (None, None)


@pytest.mark.parametrize(
    "event",
    [
        said(HUB_SESSION, ALICE, "task.ended", task_id=7),
        said(SESSION, ALICE, "task.ended", task_id="demo:t:a8"),
        said(HUB_SESSION, ALICE, "task.observed", task_id="demo:t:a8"),
    ],
    ids=["no id", "not of the hub session", "another event"],
)
def test_what_ends_no_task_has_no_row_of_one(event: Envelope) -> None:
    assert not [row for row in index_rows(forged(event)) if isinstance(row, EndedTaskRow)]


def test_a_dead_letter_has_a_row_and_one_more_when_it_is_sent_again(hub: Talks) -> None:
    word = hub.say("alice", hub.opened("alice", "bob"))
    which = (BOB, 3, word.session_id, word.envelope_id)
    for _ in range(5):
        hub.nack("bob", 3, "crashed")
        hub.tick_until_rest(hub.now_ms + 60_000)
    hub.resend("bob", 3)
    *_, given_up, resent = [(commit, row) for commit in hub.log for row in index_rows(commit) if isinstance(row, DeadLetterRow)]
    assert given_up[1] == DeadLetterRow(given_up[0].seq, *which, given_up[0].now_ms, True, "crashed")
    assert resent[1] == DeadLetterRow(hub.log[-1].seq, *which, hub.log[-1].now_ms, False, "")


def test_every_kind_of_audit_record_has_one_row_behind_the_others(hub: Talks) -> None:
    session_id = hub.opened("alice", "bob", "carol", type="free")
    for name in ("bob", "carol"):
        hub.set_rule(name, inbound_from=())
    hub.say("alice", session_id)
    seq = hub.log[-1].seq
    assert len(readings(hub.log[-1])) == 2
    assert index_rows(hub.log[-1])[1:] == (AuditRow(seq, "recipient_skipped"),)


def test_a_refusal_is_found_by_an_auditor(hub: Talks) -> None:
    hub.unsaid("carol", hub.opened("alice", "bob"))
    assert index_rows(hub.log[-1]) == (AuditRow(hub.log[-1].seq, "refused"),)


def test_an_ack_has_no_rows(hub: Talks) -> None:
    hub.pending("alice", "bob")
    hub.ack_all("bob")
    assert index_rows(hub.log[-1]) == ()


@pytest.mark.parametrize("kind", get_args(IndexRow), ids=lambda kind: kind.__name__)
def test_rows_are_flat(kind: type[attrs.AttrsInstance]) -> None:
    for field in attrs.fields(kind):
        plain = {int, str, bool, str | None, tuple[str, ...]}
        assert field.type in plain or set(get_args(field.type)) == {"closed", "expired"}
