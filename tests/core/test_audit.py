"""The audit: what is worth knowing of a commit, and nothing else, read from the commit alone."""

from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest

from foldhub_core import (
    EV_TEXT,
    HUB_SESSION,
    AdapterResult,
    AnswerInvite,
    AuditRecord,
    CloseSession,
    Commit,
    CutCommand,
    Emit,
    Envelope,
    Fact,
    ForwardFailed,
    HubState,
    Inbox,
    Invite,
    Limits,
    Mark,
    Passport,
    Post,
    RecordObservation,
    Register,
    Resume,
    SetResume,
    SetSkill,
    Skipped,
    TaskState,
    Tick,
    audit,
    changed,
    envelope,
    readings,
)
from foldhub_core.audit import kinds_of
from foldhub_core.audit_readings import KINDS, OF_HUB_EVENTS, OF_MARKS, OF_SESSION_EVENTS
from foldhub_core.commits import Actor, make_commit
from foldhub_core.data import freeze
from foldhub_core.envelope import is_hub_event
from foldhub_core.errors import Malformed
from foldhub_core.facts import Acked, KeysExpired, Rearmed, Redelivered
from tests.core.hub_driver import ADMIN, HUB_ID, owner, registration
from tests.core.recorded_hub import Desk, whole_story
from tests.core.session_driver import Following, Free, Talks

SILENT_MARKS = {Acked, KeysExpired, Rearmed, Redelivered}


def last(hub: Talks) -> tuple[AuditRecord, ...]:
    """What the last commit tells."""
    return readings(hub.log[-1])


def only(hub: Talks, kind: str) -> AuditRecord:
    """The one record of this kind in the last commit."""
    (found,) = [one for one in last(hub) if one.kind == kind]
    return found


def kinds(hub: Talks) -> list[str]:
    return [one.kind for one in last(hub)]


def forged(*facts: Fact, seq: int = 9) -> Commit:
    """A commit of a tick that made these facts."""
    actor = Actor("", True, False, None)
    return make_commit(HUB_ID, HubState(HUB_ID).head, seq, 70, actor, Tick(), facts, None, 1000)


def said(session_id: str, sender_id: str, event_type: str, /, **data: Any) -> Envelope:
    """An event as the hub says it in this session."""
    return Envelope(session_id, sender_id, event_type, freeze(data), (), envelope_id="demo:e:a9", number=7)


# --- the tables


def test_every_mark_is_read_or_listed_as_telling_nothing() -> None:
    assert set(OF_MARKS) == set(get_args(Mark))
    assert {mark for mark, rows in OF_MARKS.items() if not rows} == SILENT_MARKS


def test_every_event_of_the_hub_is_read_by_rows_or_by_the_default() -> None:
    events = {value for name, value in vars(envelope).items() if name.startswith("EV_") and is_hub_event(value)}
    assert events <= set(OF_HUB_EVENTS) | set(OF_SESSION_EVENTS)


def test_the_kinds_of_a_commit_are_those_of_its_records() -> None:
    for commit in whole_story().commits:
        assert list(kinds_of(commit)) == sorted({one.kind for one in readings(commit)})


def test_a_long_story_gives_every_kind_but_what_it_does_not_tell_of() -> None:
    found = {one.kind for commit in whole_story().commits for one in readings(commit)}
    missing = {"session_expired", "participant_hidden", "participant_shown", "expectation_violated", "expectation_faulty"}
    assert found == KINDS - missing


# --- each kind


def a_start(hub: Talks) -> None:
    hub.restart(limits=Limits(participants=5))


def a_registration(hub: Talks) -> None:
    resume = Resume(claimed_capabilities=("ask",))
    hub.value(owner("lab"), Register(passport=Passport("dora", owner="The lab", kind="human"), resume=resume))


def an_eviction(hub: Talks) -> None:
    hub.attach("alice", "l1")
    hub.attach("alice", "l2")


def a_detachment(hub: Talks) -> None:
    hub.attach("alice", "l1")
    hub.detach("alice", "l1")


def a_resume(hub: Talks) -> None:
    hub.value(hub.who("alice"), SetResume(agent_id=hub.ids["alice"], resume=Resume(summary="new")))


def a_rule(hub: Talks) -> None:
    hub.set_rule("alice", inbound_from=("bob",))


def a_skill(hub: Talks) -> None:
    hub.value(hub.who("alice"), SetSkill(agent_id=hub.ids["alice"], skill_md="be kind"))


def no_skill(hub: Talks) -> None:
    a_skill(hub)
    hub.value(hub.who("alice"), SetSkill(agent_id=hub.ids["alice"], skill_md=None))


def an_observation(hub: Talks) -> None:
    ended: dict[str, Any] = {"capability": "ask", "outcome": TaskState.COMPLETED, "latency_ms": 7, "task_id": "t1"}
    hub.value(hub.who("alice"), RecordObservation(owner_id=hub.ids["alice"], **ended))


def a_creation(hub: Talks) -> None:
    more: dict[str, Any] = {"labels": {"case": "7"}, "intent": "why", "ttl": 60, "required_acks": 1}
    hub.pending("alice", "bob", type="free", **more)


def an_acceptance(hub: Talks) -> None:
    hub.answer("bob", hub.pending("alice", "bob"))


def an_invitation(hub: Talks) -> None:
    session_id = hub.opened("alice", "bob", type="free")
    to = hub.these("carol", "bob")
    hub.value(hub.who("alice"), Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=to))


def a_removal(hub: Talks) -> None:
    hub.remove("alice", hub.opened("alice", "bob", "carol", type="free"), "bob", "rude")


def a_close(hub: Talks) -> None:
    hub.close("alice", hub.opened("alice", "bob"))


def a_decline(hub: Talks) -> None:
    hub.answer("bob", hub.pending("alice", "bob"), accept=False, reason="no time")


def an_expiry(hub: Talks) -> None:
    hub.opened("alice", "bob", ttl=60)
    hub.tick(hub.now_ms + 60_000)


def a_nack(hub: Talks) -> None:
    hub.say("alice", hub.opened("alice", "bob"))
    hub.nack("bob", 3, "crashed")


def the_last_nack(hub: Talks) -> None:
    a_nack(hub)
    for _ in range(4):
        hub.tick_until_rest(hub.now_ms + 60_000)
        hub.nack("bob", 3, "crashed")


def a_resending(hub: Talks) -> None:
    the_last_nack(hub)
    hub.resend("bob", 3)


def owed_too_long(hub: Talks) -> None:
    hub.close("alice", hub.pending("alice", "bob"))
    hub.tick(hub.now_ms + hub.config.limits.owed_ms)


def an_overflow(hub: Talks) -> None:
    hub.set_rule("bob", inbox=Inbox(max_pending=1, overflow="drop_oldest"))
    session_id = hub.opened("alice", "bob")
    hub.say("alice", session_id)
    hub.say("alice", session_id)


def an_expired_word(hub: Talks) -> None:
    hub.say("alice", hub.opened("alice", "bob"), ttl_seconds=1)
    hub.tick(hub.now_ms + 1000)


def a_deaf_recipient(hub: Talks) -> None:
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.set_rule("bob", inbound_from=())
    hub.set_rule("carol", inbound_from=())
    hub.say("alice", session_id)


def a_missing_adapter(hub: Talks) -> None:
    hub.opened("alice", "bob", type="free")
    hub.recover()


def an_adapter_found_again(hub: Talks) -> None:
    a_missing_adapter(hub)
    hub.recover(Free())


def a_refusal(hub: Talks) -> None:
    session_id = hub.opened("alice", "bob")
    hub.unsaid("carol", session_id)


ALICE, BOB, CAROL, DORA = "demo:a:a2", "demo:a:a3", "demo:a:a4", "demo:a:a5"
SESSION = "demo:s:a5"

CASES: list[tuple[Callable[[Talks], None], str, str | None, str | None, dict[str, object]]] = [
    (
        a_registration,
        "agent_registered",
        DORA,
        None,
        {"name": "dora", "kind": "human", "owner": "The lab", "subject": "lab", "capabilities": ("ask",)},
    ),
    (lambda hub: hub.unregister("alice"), "agent_unregistered", ALICE, None, {"name": "alice"}),
    (a_skill, "skill_set", ALICE, None, {"skill_md": "be kind", "removed": False}),
    (no_skill, "skill_set", ALICE, None, {"skill_md": None, "removed": True}),
    (
        an_observation,
        "observation_recorded",
        ALICE,
        None,
        {"capability": "ask", "outcome": "completed", "latency_ms": 7, "task_id": "t1"},
    ),
    (an_eviction, "evicted", ALICE, None, {"link": "l1", "by": "l2"}),
    (an_eviction, "attached", ALICE, None, {"link": "l2"}),
    (a_detachment, "detached", ALICE, None, {"link": "l1"}),
    (
        a_creation,
        "session_created",
        ALICE,
        SESSION,
        {
            "type": "free",
            "version": 1,
            "creator_id": ALICE,
            "participants": (ALICE, BOB),
            "intent": "why",
            "labels": {"case": "7"},
            "parent_session_id": None,
            "expires_at_ms": 60_004,
            "required_acks": 1,
        },
    ),
    (an_acceptance, "participant_joined", BOB, SESSION, {}),
    (an_acceptance, "session_opened", None, SESSION, {"participants": (ALICE, BOB)}),
    (an_invitation, "participant_invited", CAROL, SESSION, {"creator_id": ALICE}),
    (a_removal, "participant_left", BOB, SESSION, {"reason": "rude"}),
    (a_close, "session_closed", None, SESSION, {"reason": "explicit_close", "words": 4, "participants": (ALICE, BOB)}),
    (
        a_decline,
        "session_closed",
        None,
        SESSION,
        {"reason": "invite_rejected", "rejected_by": BOB, "detail": "no time", "words": 2, "participants": (ALICE, BOB)},
    ),
    (an_expiry, "session_expired", None, SESSION, {"reason": "ttl_expired", "words": 4, "participants": (ALICE, BOB)}),
    (a_nack, "turn_failed", BOB, SESSION, {"number": 3, "reason": "crashed", "due_ms": 1007}),
    (the_last_nack, "turn_failed", BOB, SESSION, {"number": 3, "reason": "crashed", "due_ms": None}),
    (the_last_nack, "dead_lettered", BOB, SESSION, {"number": 3, "reason": "crashed"}),
    (a_resending, "resent", BOB, SESSION, {"number": 3}),
    (an_overflow, "delivery_dropped", BOB, "demo:s:a6", {"number": 3, "reason": "overflow"}),
    (an_expired_word, "delivery_dropped", BOB, SESSION, {"number": 3, "reason": "expired"}),
    (a_missing_adapter, "session_dormant", None, SESSION, {"reason": "its adapter is missing"}),
    (an_adapter_found_again, "session_woken", None, SESSION, {}),
    (
        a_refusal,
        "refused",
        CAROL,
        SESSION,
        {
            "code": "access_denied",
            "message": f"expected one who takes part, came {CAROL}",
            "where": "sender_id",
            "command": "Post",
        },
    ),
]


@pytest.mark.parametrize(
    ("happens", "kind", "agent_id", "session_id", "data"), CASES, ids=lambda one: getattr(one, "__name__", None)
)
def test_a_record_says_whom_it_is_about_and_what_happened(
    happens: Callable[[Talks], None], kind: str, agent_id: str | None, session_id: str | None, data: dict[str, object]
) -> None:
    hub = Talks("alice", "bob", "carol", adapters=(Free(),))
    happens(hub)
    record = only(hub, kind)
    assert (record.agent_id, record.session_id, record.data) == (agent_id, session_id, data)


@pytest.fixture
def hub() -> Talks:
    return Talks("alice", "bob", "carol", adapters=(Free(),))


def test_a_record_says_which_commit_it_is_of_and_when_that_was(hub: Talks) -> None:
    a_close(hub)
    record = only(hub, "session_closed")
    assert (record.seq, record.at_ms) == (hub.log[-1].seq, hub.log[-1].now_ms)


def test_a_record_of_an_event_names_its_envelope(hub: Talks) -> None:
    a_close(hub)
    (word,) = [fact for fact in hub.log[-1].facts if isinstance(fact, Envelope)]
    assert only(hub, "session_closed").envelope_id == word.envelope_id


def test_a_resume_and_a_rule_are_told_as_their_events_tell_them(hub: Talks) -> None:
    for happens, kind in ((a_resume, "resume_set"), (a_rule, "rule_set")):
        happens(hub)
        (event,) = [fact for fact in hub.log[-1].facts if isinstance(fact, Envelope)]
        assert (only(hub, kind).data, only(hub, kind).agent_id) == (event.event_data, ALICE)


def test_a_configuration_is_told_with_its_parts_and_limits(hub: Talks) -> None:
    a_start(hub)
    data = only(hub, "configured").data
    assert data["parts"] == hub.state.configured.parts  # type: ignore[union-attr]
    assert data["limits"]["participants"] == 5  # type: ignore[index]


def test_a_registration_tells_nothing_that_an_agent_proves_itself_with(hub: Talks) -> None:
    a_registration(hub)
    assert "auth" not in str(only(hub, "agent_registered").data)


def test_everybody_who_is_skipped_has_a_record_that_names_the_word(hub: Talks) -> None:
    a_deaf_recipient(hub)
    word = hub.log[-1].facts[-1]
    assert isinstance(word, Envelope)
    found = [(one.agent_id, one.session_id, one.envelope_id, one.data["reason"]) for one in last(hub)]
    assert found == [(who, SESSION, word.envelope_id, "rule") for who in (BOB, CAROL)]


def test_a_skipped_word_is_the_one_that_is_named() -> None:
    other = changed(said("demo:s:a1", ALICE, EV_TEXT), envelope_id="demo:e:a9-a1")
    (record,) = readings(forged(Skipped("demo:e:a9", (BOB,), "rule"), other, said(SESSION, ALICE, EV_TEXT)))
    assert record.session_id == SESSION


def test_a_skipped_word_that_is_not_there_leaves_the_session_open() -> None:
    (record,) = readings(forged(Skipped("demo:e:a1", (BOB,), "rule")))
    assert (record.session_id, record.envelope_id) == (None, "demo:e:a1")


def test_what_was_owed_too_long_is_a_dead_letter_and_no_failed_turn(hub: Talks) -> None:
    owed_too_long(hub)
    given_up = [one for commit in hub.log for one in readings(commit) if one.kind in ("dead_lettered", "turn_failed")]
    assert {(one.kind, one.data["reason"]) for one in given_up} == {("dead_lettered", "owed too long")}


@pytest.mark.parametrize(
    ("happens", "kind"),
    [(a_nack, "turn_failed"), (the_last_nack, "dead_lettered"), (a_resending, "resent"), (an_overflow, "delivery_dropped")],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_what_became_of_a_delivery_names_its_word(hub: Talks, happens: Callable[[Talks], None], kind: str) -> None:
    happens(hub)
    record = only(hub, kind)
    assert record.session_id is not None
    (word,) = [one for one in hub.words(record.session_id) if one.envelope_id == record.envelope_id]
    assert word.event_type == EV_TEXT


def test_the_first_attachment_evicts_nobody(hub: Talks) -> None:
    hub.attach("alice")
    assert kinds(hub) == ["attached"]


def test_an_opening_is_no_invitation(hub: Talks) -> None:
    hub.pending("alice", "bob")
    assert kinds(hub) == ["session_created"]


def test_an_invitation_that_is_the_second_word_is_no_opening(hub: Talks) -> None:
    session_id = hub.pending("alice", "bob", type="free")
    hub.value(hub.who("alice"), Invite(session_id=session_id, agent_id=ALICE, participants=(CAROL,)))
    assert kinds(hub) == ["participant_invited"]


def test_the_records_of_a_commit_come_in_the_order_of_its_facts(hub: Talks) -> None:
    an_acceptance(hub)
    assert kinds(hub) == ["participant_joined", "session_opened"]


# --- what tells nothing


def test_a_word_that_was_posted_is_no_record(hub: Talks) -> None:
    hub.say("alice", hub.opened("alice", "bob"))
    assert last(hub) == ()


def test_what_a_protocol_says_is_no_record() -> None:
    follows = {EV_TEXT: AdapterResult(emit=(Emit("score", {"of": 1}),))}
    hub = Talks("alice", "bob", adapters=(Following(follows),))
    hub.say("alice", hub.opened("alice", "bob", type="following"))
    assert [type(fact) for fact in hub.log[-1].facts] == [Envelope, Envelope]
    assert last(hub) == ()


def test_an_ack_is_no_record(hub: Talks) -> None:
    hub.pending("alice", "bob")
    hub.ack_all("bob")
    assert last(hub) == ()


@pytest.mark.parametrize("mark", [Rearmed("agent", ALICE, 1), KeysExpired(ALICE, 1), Redelivered(ALICE, 1)])
def test_bookkeeping_is_no_record(mark: Mark) -> None:
    assert readings(forged(mark)) == ()


# --- on whose behalf


def test_it_says_who_asked_and_for_which_agent(hub: Talks) -> None:
    a_close(hub)
    record = only(hub, "session_closed")
    assert (record.subject, record.admin, record.acting_id) == ("alice", False, ALICE)


def test_the_administrator_is_told_and_the_agent_it_named(hub: Talks) -> None:
    hub.value(ADMIN, AnswerInvite(session_id=hub.pending("alice", "bob"), agent_id=BOB, accept=True))
    record = only(hub, "session_opened")
    assert (record.subject, record.admin, record.acting_id) == ("", True, BOB)


def test_the_administrator_may_name_nobody(hub: Talks) -> None:
    hub.value(ADMIN, CloseSession(session_id=hub.opened("alice", "bob")))
    assert only(hub, "session_closed").acting_id is None


def test_what_follows_from_a_word_is_done_for_its_sender(hub: Talks) -> None:
    session_id = hub.opened("alice", "bob", type="consulting")
    hub.say("alice", session_id)
    hub.say("bob", session_id)
    assert (only(hub, "session_closed").subject, only(hub, "session_closed").acting_id) == ("bob", BOB)


def test_one_who_names_an_agent_of_others_does_not_act_for_it(hub: Talks) -> None:
    hub.refused(hub.who("bob"), CloseSession(session_id=hub.opened("alice", "bob"), agent_id=ALICE))
    record = only(hub, "refused")
    assert (record.subject, record.acting_id, record.agent_id) == ("bob", None, ALICE)


# --- refusals


def test_a_refused_registration_is_about_no_agent(hub: Talks) -> None:
    hub.refused(owner("eve", may_register=()), registration("eve"))
    record = only(hub, "refused")
    assert (record.agent_id, record.session_id, record.data["command"]) == (None, None, "Register")


def test_a_refused_command_of_a_session_names_it(hub: Talks) -> None:
    session_id = hub.pending("alice", "bob")
    hub.refused(hub.who("carol"), CloseSession(session_id=session_id, agent_id=CAROL))
    assert only(hub, "refused").session_id == session_id


def test_of_a_command_that_was_cut_is_told_which_it_was_and_how_long(hub: Talks) -> None:
    hub.restart(limits=Limits(skill_chars=5, refusal_bytes=50))
    hub.refused(hub.who("alice"), SetSkill(agent_id=ALICE, skill_md="x" * 400))
    record = only(hub, "refused")
    assert isinstance(hub.log[-1].kept, CutCommand)
    assert (record.agent_id, record.acting_id, record.data["command"]) == (None, None, "SetSkill")
    assert record.data["length"] == hub.log[-1].kept.length


def test_a_command_that_was_cut_and_is_not_known_is_told_by_its_tag(hub: Talks) -> None:
    a_refusal(hub)
    (record,) = readings(changed(hub.log[-1], kept=CutCommand(999, "", 5000)))
    assert record.data["command"] == "999"


# --- events of others


@pytest.mark.parametrize("event_type", ["task.ended", "agent.promoted"])
def test_an_event_of_the_hub_session_without_a_row_is_told_as_it_is(event_type: str) -> None:
    event = said(HUB_SESSION, ALICE, event_type, session_id=SESSION, outcome="failed")
    (record,) = readings(forged(event))
    assert record.kind == event_type.replace(".", "_")
    assert (record.agent_id, record.session_id, record.envelope_id) == (ALICE, SESSION, event.envelope_id)
    assert record.data is event.event_data


def test_an_event_said_in_a_session_without_a_row_is_told_as_it_is() -> None:
    event = said(SESSION, HUB_ID, "session.renamed", agent_id=BOB, name="x")
    (record,) = readings(forged(event))
    assert (record.kind, record.agent_id, record.session_id) == ("session_renamed", BOB, SESSION)
    assert record.data is event.event_data


def test_a_session_that_an_event_does_not_name_by_a_text_is_none() -> None:
    (record,) = readings(forged(said(HUB_SESSION, ALICE, "task.ended", session_id=7)))
    assert record.session_id is None


@pytest.mark.parametrize("event_type", ["task.progressed", "task.checkpointed"])
def test_how_far_a_task_is_is_no_record(event_type: str) -> None:
    assert readings(forged(said(HUB_SESSION, ALICE, event_type, task_id="t"))) == ()


def test_a_violation_is_told_once_where_the_hub_records_it() -> None:
    more: dict[str, Any] = {"session_id": SESSION, "expectation": "turn_within", "violators": (BOB,)}
    recorded = said(HUB_SESSION, HUB_ID, "expectation.violated", fault="", **more)
    (record,) = readings(forged(recorded, said(SESSION, HUB_ID, "expectation.violated", **more)))
    assert (record.kind, record.agent_id, record.session_id) == ("expectation_violated", None, SESSION)


def test_an_evaluator_at_fault_is_no_violation() -> None:
    event = said(HUB_SESSION, HUB_ID, "expectation.violated", session_id=SESSION, fault="raised KeyError")
    assert [one.kind for one in readings(forged(event))] == ["expectation_faulty"]


@pytest.mark.parametrize(("said_in", "session_id"), [(SESSION, SESSION), (HUB_SESSION, None)])
@pytest.mark.parametrize(("audience", "agent_id"), [((BOB,), BOB), ((), None)])
def test_a_request_to_stop_is_about_whom_it_is_for(
    said_in: str, session_id: str | None, audience: tuple[str, ...], agent_id: str | None
) -> None:
    event = changed(said(said_in, HUB_ID, "task.cancel_requested", task_id="t"), audience=audience)
    (record,) = readings(forged(event))
    assert (record.kind, record.agent_id, record.session_id) == ("task_cancel_requested", agent_id, session_id)


def test_a_cancelled_task_is_told_by_its_end_only() -> None:
    assert readings(forged(said(SESSION, HUB_ID, "task.cancelled", task_id="t"))) == ()


@pytest.mark.parametrize("what", ["hidden", "shown"])
def test_a_participant_that_is_hidden_or_shown_is_told(what: str) -> None:
    (record,) = readings(forged(said(SESSION, HUB_ID, f"session.{what}", agent_id=BOB)))
    assert (record.kind, record.agent_id, record.session_id, record.data) == (f"participant_{what}", BOB, SESSION, {})


# --- asking


@pytest.fixture
def asked() -> Talks:
    """A hub in which something happened to several, at times of their own."""
    hub = Talks("alice", "bob", "carol", adapters=(Free(),))
    hub.now_ms = 999
    session_id = hub.opened("alice", "bob", type="free")
    hub.now_ms = 1999
    hub.close("alice", session_id)
    hub.unsaid("carol", session_id)
    return hub


def test_without_conditions_all_records_of_all_commits_are_given(asked: Talks) -> None:
    assert list(audit(asked.log)) == [one for commit in asked.log for one in readings(commit)]


def test_commits_are_read_as_the_records_are_asked_for(asked: Talks) -> None:
    def endless() -> Iterator[Commit]:
        while True:
            yield asked.log[-1]

    assert next(audit(endless(), kinds=("refused",))).kind == "refused"


CONDITIONS: list[tuple[dict[str, Any], list[str]]] = [
    ({"kinds": ("refused",)}, ["refused"]),
    ({"kinds": {"session_closed", "session_opened", "no_such_kind"}}, ["session_opened", "session_closed"]),
    ({"kinds": ()}, []),
    ({"session_id": SESSION}, ["session_created", "participant_joined", "session_opened", "session_closed", "refused"]),
    ({"session_id": "demo:s:z1"}, []),
    ({"agent_id": CAROL}, ["agent_registered", "refused"]),
    ({"agent_id": BOB, "session_id": SESSION}, ["session_created", "participant_joined", "session_opened", "session_closed"]),
    ({"subject": "bob"}, ["agent_registered", "participant_joined", "session_opened"]),
    ({"subject": ""}, ["configured"]),
    ({"since_ms": 2000}, ["session_closed", "refused"]),
    ({"since_ms": 1000, "until_ms": 1001}, ["session_created"]),
    ({"since_ms": 1001, "until_ms": 2000}, ["participant_joined", "session_opened"]),
    ({"since_ms": 5000}, []),
    ({"subject": "alice", "kinds": ["session_closed"], "agent_id": BOB, "since_ms": 2000}, ["session_closed"]),
]


@pytest.mark.parametrize(("conditions", "found"), CONDITIONS)
def test_every_condition_that_is_given_is_met(asked: Talks, conditions: dict[str, Any], found: list[str]) -> None:
    assert [one.kind for one in audit(asked.log, **conditions)] == found


def test_what_lists_an_agent_as_a_violator_is_of_it() -> None:
    event = said(HUB_SESSION, HUB_ID, "expectation.violated", violators=[BOB], session_id=SESSION)
    commits = (forged(event),)
    assert len(list(audit(commits, agent_id=BOB))) == 1
    assert list(audit(commits, agent_id=CAROL)) == []


def test_what_was_asked_for_an_agent_is_of_it(hub: Talks) -> None:
    hub.remove("alice", hub.opened("alice", "bob", "carol", type="free"), "bob")
    assert "participant_left" in [one.kind for one in audit(hub.log[-1:], agent_id=ALICE)]


def test_a_text_is_not_several_kinds(asked: Talks) -> None:
    with pytest.raises(Malformed, match="several kinds"):
        audit(asked.log, kinds="refused")


def test_a_word_that_went_to_others_than_were_named_says_both() -> None:
    hub = Talks("alice", "bob", arbiter=Desk())
    session_id = hub.opened("alice", "bob", type="conversation")
    said = hub.value(hub.who("bob"), Post(envelope=Envelope(session_id, hub.ids["bob"], EV_TEXT, {"text": "hi"}, ("desk",))))
    (record,) = [one for one in readings(hub.log[-1]) if one.kind == "readdressed"]
    assert (record.agent_id, record.session_id, record.envelope_id) == (hub.ids["bob"], session_id, said.envelope_id)
    assert record.data == {"named": ("desk",), "audience": (hub.ids["alice"],)}


def test_a_forward_that_failed_is_no_turn_that_failed() -> None:
    hub = Talks("alice", remote_agents=True)
    hub.ids["far"] = hub.register("far", kind="remote_agent")
    hub.pending("alice", "far", type="conversation")
    hub.value(ADMIN, ForwardFailed(agent_id=hub.ids["far"], number=1, reason="down"))
    assert kinds(hub) == ["forward_failed"]
    assert only(hub, "forward_failed").data["reason"] == "down"
