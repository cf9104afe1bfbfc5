"""Opening: who may open what, the invited and their answers, and how a pending session ends without having opened."""

from typing import Any

import pytest

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    AdapterResult,
    AnswerInvite,
    CloseSession,
    Deliver,
    Expectation,
    Invite,
    Limits,
    Malformed,
    OpenSession,
    Participant,
    ProtocolError,
    Reply,
    Session,
    SessionState,
    Unregister,
    find_agent_id,
    list_sessions,
    pending_turns,
)
from tests.core.hub_driver import ADMIN, NOWHERE, owner
from tests.core.session_driver import Broken, Following, Free, Talks

LIMITS = Limits(short_text_chars=40, text_chars=50, participants=4, list_items=3, map_items=30, invite_timeout_ms=1000)


# --- what an opening makes


def test_the_answer_is_the_pending_session() -> None:
    hub = Talks("alice", "bob")
    command = hub.opening("alice", "bob", ttl="2m", knobs={"a": 1}, labels={"b": "c"}, intent="talk", parent_session_id="p")
    session: Session = hub.value(hub.who("alice"), command, 500)
    alice, bob = hub.these("alice", "bob")
    assert session == hub.session(session.session_id)
    assert session.state is SessionState.PENDING
    assert (session.creator_id, session.pending_acks) == (alice, (bob,))
    assert (session.created_at_ms, session.expires_at_ms) == (500, 120_500)
    assert (session.knobs, session.labels, session.intent) == ({"a": 1}, {"b": "c"}, "talk")
    assert session.parent_session_id == "p"
    assert session.participants == (
        Participant(alice, "initiator", 0, 500, "alice"),
        Participant(bob, "respondent", 1, 500, "bob"),
    )


def test_a_creator_listed_elsewhere_keeps_its_place() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session = hub.session(hub.pending("alice", "bob", "alice", "carol", type="free"))
    assert [one.agent_id for one in session.participants] == list(hub.these("bob", "alice", "carol"))
    assert [one.role for one in session.participants] == ["participant", "initiator", "participant"]
    assert session.pending_acks == hub.these("bob", "carol")


def test_the_manifest_is_the_adapters_with_the_expectations_asked_for_behind_its_own() -> None:
    hub = Talks("alice", "bob")
    asked = Expectation("reply_within", "audit", {"seconds": 5}, ("respondent",))
    session = hub.session(hub.pending("alice", "bob", expectations=(asked,)))
    assert session.manifest.type == "conversation"
    assert [one.name for one in session.manifest.expectations] == ["max_silence", "reply_within"]
    assert session.manifest.expectations[-1] == asked


def test_the_version_asked_for_is_opened() -> None:
    hub = Talks("alice", adapters=[Free(version=1), Free(version=3)])
    assert hub.session(hub.opened("alice", "alice", type="free", version=3)).manifest.version == 3


@pytest.mark.parametrize(
    ("ttl", "expires_at_ms"),
    [(None, 7_205_000), ("30s", 35_000), (30, 35_000), ("2h", 7_205_000), ("90", 95_000), (0, None), (-1, None), ("", None)],
)
def test_it_lasts_as_long_as_was_asked_or_as_the_creators_rule_says(ttl: str | int | None, expires_at_ms: int | None) -> None:
    hub = Talks("alice", "bob")
    assert hub.session(hub.pending("alice", "bob", ttl=ttl, now_ms=5000)).expires_at_ms == expires_at_ms


def test_the_creators_rule_says_how_long_a_session_lasts_where_it_is_not_said() -> None:
    hub = Talks("alice", "bob")
    hub.set_rule("alice", session_ttl_default="10s")
    hub.set_rule("bob", session_ttl_default="20s")
    assert hub.session(hub.pending("alice", "bob", now_ms=5000)).expires_at_ms == 15_000


def test_a_time_that_is_none_is_malformed_where_it_is_written() -> None:
    with pytest.raises(Malformed, match=r"OpenSession\.ttl"):
        OpenSession(creator_id="a", type="t", participants=("b",), ttl="soon")


def test_the_invitation_goes_to_the_invited_and_tells_the_whole_opening() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    for name in ("alice", "bob"):
        hub.attach(name)
    command = hub.opening("alice", "bob", "carol", type="free", knobs={"a": 1}, labels={"b": "c"}, intent="talk", ttl=9)
    _, *effects = hub.ask(hub.who("alice"), command)
    (effect,) = effects
    assert isinstance(effect, Deliver)
    assert (effect.agent_id, effect.link, effect.number, effect.attempt) == (hub.ids["bob"], "l1", 1, 1)
    word = effect.envelope
    assert (word.event_type, word.sender_id) == (EV_SESSION_INVITE, hub.ids["alice"])
    assert word.audience == hub.these("bob", "carol")
    assert [word.event_data[key] for key in ("knobs", "labels", "intent")] == [{"a": 1}, {"b": "c"}, "talk"]
    assert hub.numbers("carol") == (1,)
    assert hub.numbers("alice") == ()


def test_the_first_word_has_the_number_one() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob")
    assert [word.number for word in hub.words(session_id)] == [1]


# --- the checks and their order


class Refusing(Free):
    """Takes three of one knob, and raises what its own checks find."""

    def validate_create(self, session: Session) -> None:
        if session.knobs:
            raise ProtocolError("expected no knobs", where="knobs")


def bad(**fields: Any) -> dict[str, Any]:
    """An opening that is wrong in everything; fields that are put right are given."""
    wrong: dict[str, Any] = {
        "creator": NOWHERE,
        "participants": (),
        "type": "unknown",
        "intent": "x" * 51,
        "required_acks": 9,
        "knobs": {"a": 1},
    }
    return wrong | fields


@pytest.mark.parametrize(
    ("put_right", "code", "where"),
    [
        ({}, "not_found", ""),
        ({"creator": "alice"}, "protocol_error", "participants"),
        ({"creator": "alice", "participants": ("bob",) * 5}, "malformed", "participants"),
        ({"creator": "alice", "participants": (NOWHERE, NOWHERE)}, "protocol_error", "participants"),
        ({"creator": "alice", "participants": ("bob", NOWHERE)}, "not_found", ""),
        ({"creator": "alice", "participants": ("bob",)}, "not_found", "type"),
        ({"creator": "alice", "participants": ("bob",), "type": "refusing"}, "malformed", "intent"),
        ({"creator": "alice", "participants": ("bob",), "type": "refusing", "intent": ""}, "protocol_error", "participants"),
        (
            {"creator": "alice", "participants": ("bob", "carol"), "type": "refusing", "intent": ""},
            "protocol_error",
            "required_acks",
        ),
        (
            {"creator": "alice", "participants": ("bob", "carol"), "type": "refusing", "intent": "", "required_acks": 2},
            "protocol_error",
            "knobs",
        ),
    ],
)
def test_the_first_check_that_fails_says_what_is_wrong(put_right: dict[str, Any], code: str, where: str) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Refusing("refusing", least=3, most=3)], limits=LIMITS)
    fields = bad(**put_right)
    creator_id = hub.ids.get(fields.pop("creator"), NOWHERE)
    participants: tuple[str, ...] = tuple([hub.ids.get(str(name), str(name)) for name in fields.pop("participants")])
    command = OpenSession(creator_id=creator_id, participants=participants, **fields)
    (effect,) = hub.ask(owner("s", creator_id), command)
    assert not isinstance(effect, Reply)
    refusal = hub.log[-1].refusal
    assert refusal is not None
    assert (refusal.code, refusal.where) == (code, where)


def test_when_all_is_put_right_it_is_opened() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Refusing("refusing", least=3, most=3)], limits=LIMITS)
    assert hub.pending("alice", "bob", "carol", type="refusing", required_acks=2)


def test_nobody_opens_a_session_for_another() -> None:
    hub = Talks("alice", "bob")
    assert hub.refused(hub.who("bob"), hub.opening("alice", "bob")) == "access_denied"


def test_another_version_than_is_configured_is_not_found() -> None:
    hub = Talks("alice", "bob")
    assert hub.refused(hub.who("alice"), hub.opening("alice", "bob", version=2)) == "not_found"


@pytest.mark.parametrize(
    "fields",
    [
        {"knobs": {"a": "x" * 51}},
        {"labels": {f"l{at}": "" for at in range(31)}},
        {"labels": {"x" * 41: ""}},
        {"labels": {"a": "x" * 41}},
        {"intent": "x" * 51},
        {"idempotency_key": "x" * 41},
        {"parent_session_id": "x" * 41},
        {"expectations": (Expectation("a", "b"),) * 4},
        {"expectations": (Expectation("a", "b", {"c": "x" * 51}),)},
    ],
)
def test_what_is_too_large_is_malformed(fields: dict[str, Any]) -> None:
    hub = Talks("alice", "bob", limits=LIMITS)
    assert hub.refused(hub.who("alice"), hub.opening("alice", "bob", **fields)) == "malformed"


@pytest.mark.parametrize(("least", "most"), [(4, None), (1, 2), (4, 5)])
def test_the_manifests_bounds_are_the_hubs_to_hold(least: int, most: int | None) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free(least=least, most=most)])
    assert hub.refused(hub.who("alice"), hub.opening("alice", "bob", "carol", type="free")) == "protocol_error"


@pytest.mark.parametrize("required", [0, -1, 3])
def test_as_many_acks_as_can_come_may_be_required_and_at_least_one(required: int) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    opening = hub.opening("alice", "bob", "carol", type="free", required_acks=required)
    assert hub.refused(hub.who("alice"), opening) == "protocol_error"


@pytest.mark.parametrize("broken", [Broken("validate_create"), Broken("initial_state"), Broken("fold", EV_SESSION_INVITE)])
def test_an_adapter_that_raises_at_an_opening_costs_its_creator_a_refusal(broken: Broken) -> None:
    hub = Talks("alice", "bob", adapters=[broken])
    before = hub.state.sessions
    assert hub.refused(hub.who("alice"), hub.opening("alice", "bob", type="broken")) == "protocol_error"
    assert hub.state.sessions == before
    assert hub.numbers("bob") == ()


# --- the key of an opening


def test_a_retry_is_answered_with_the_session_as_it_is() -> None:
    hub = Talks("alice", "bob")
    command = hub.opening("alice", "bob", idempotency_key="k")
    session_id = hub.value(hub.who("alice"), command).session_id
    hub.answer("bob", session_id)
    again: Session = hub.quiet(hub.who("alice"), command)
    assert again == hub.session(session_id)
    assert again.state is SessionState.ACTIVE


def test_a_retry_after_the_end_is_answered_with_the_session_that_is_over() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    command = hub.opening("alice", "bob", "carol", type="free", idempotency_key="k")
    first: Session = hub.value(hub.who("alice"), command, 50)
    hub.close("alice", first.session_id)
    again: Session = hub.quiet(hub.who("alice"), command)
    assert (again.session_id, again.state, again.created_at_ms) == (first.session_id, SessionState.CLOSED, 50)
    assert again.participants == first.participants


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"ttl": "2m"}, {"ttl": 120}),
        ({"others": ("bob",)}, {"others": ("alice", "bob")}),
        ({"ttl": None}, {"ttl": None}),
    ],
)
def test_a_retry_that_means_the_same_is_the_same_request(first: dict[str, Any], second: dict[str, Any]) -> None:
    hub = Talks("alice", "bob")
    one, two = [
        hub.opening("alice", *fields.pop("others", ("bob",)), idempotency_key="k", **fields) for fields in (first, second)
    ]
    assert hub.value(hub.who("alice"), one).session_id == hub.quiet(hub.who("alice"), two).session_id


@pytest.mark.parametrize("other", [{"intent": "else"}, {"ttl": 1}, {"knobs": {"a": 1}}, {"required_acks": 1}, {"version": 2}])
def test_another_body_under_the_key_is_a_conflict(other: dict[str, Any]) -> None:
    hub = Talks("alice", "bob")
    hub.value(hub.who("alice"), hub.opening("alice", "bob", idempotency_key="k"))
    assert hub.refused(hub.who("alice"), hub.opening("alice", "bob", idempotency_key="k", **other)) == "key_conflict"


def test_an_opening_without_a_key_opens_another_session() -> None:
    hub = Talks("alice", "bob")
    assert hub.pending("alice", "bob") != hub.pending("alice", "bob")


def test_keys_of_two_agents_are_two() -> None:
    hub = Talks("alice", "bob")
    assert hub.pending("alice", "bob", idempotency_key="k") != hub.pending("bob", "alice", idempotency_key="k")


def test_a_refused_opening_uses_up_no_key() -> None:
    hub = Talks("alice", "bob")
    assert hub.refused(hub.who("alice"), hub.opening("alice", idempotency_key="k")) == "protocol_error"
    assert hub.pending("alice", "bob", idempotency_key="k")


# --- answers


def test_the_session_opens_when_all_have_accepted() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.pending("alice", "bob", "carol", type="free")
    hub.answer("bob", session_id)
    assert hub.session(session_id).state is SessionState.PENDING
    assert hub.session(session_id).pending_acks == hub.these("carol")
    hub.answer("carol", session_id)
    assert hub.session(session_id).state is SessionState.ACTIVE
    assert hub.types(session_id) == [EV_SESSION_INVITE, EV_SESSION_JOINED, EV_SESSION_JOINED, EV_SESSION_OPENED]


def test_that_it_opened_is_told_to_all() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    hub.opened("alice", "bob", "carol", type="free")
    assert [hub.owed_types(name)[-1] for name in hub.ids] == [EV_SESSION_OPENED] * 3
    assert hub.owed_types("alice") == [EV_SESSION_OPENED], "who accepted is told when it opens"


def test_while_it_is_pending_nobody_may_speak_or_owes_a_turn() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob", type="consulting")
    assert hub.unsaid("alice", session_id) == "protocol_error"
    assert pending_turns(hub.config, hub.state, hub.ids["alice"]) == ()


def test_accepting_again_changes_nothing() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    for name in ("bob", "alice"):
        command = AnswerInvite(session_id=session_id, agent_id=hub.ids[name], accept=True)
        assert hub.quiet(hub.who(name), command) is None


def test_one_that_has_accepted_cannot_decline() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    command = AnswerInvite(session_id=session_id, agent_id=hub.ids["bob"], accept=False)
    assert hub.refused(hub.who("bob"), command) == "protocol_error"


def test_one_that_was_not_invited_has_nothing_to_accept() -> None:
    hub = Talks("alice", "bob", "carol")
    command = AnswerInvite(session_id=hub.pending("alice", "bob"), agent_id=hub.ids["carol"], accept=True)
    assert hub.refused(hub.who("carol"), command) == "access_denied"


def test_nobody_answers_for_another() -> None:
    hub = Talks("alice", "bob")
    command = AnswerInvite(session_id=hub.pending("alice", "bob"), agent_id=hub.ids["bob"], accept=True)
    assert hub.refused(hub.who("alice"), command) == "access_denied"


def test_a_reason_that_is_too_long_is_malformed() -> None:
    hub = Talks("alice", "bob", limits=LIMITS)
    command = AnswerInvite(session_id=hub.pending("alice", "bob"), agent_id=hub.ids["bob"], accept=False, reason="x" * 41)
    assert hub.refused(hub.who("bob"), command) == "malformed"


@pytest.mark.parametrize(("session_id", "code"), [("demo:s:a1", "session_over"), ("demo:s:c999", "not_found")])
def test_who_answers_too_late_hears_that_it_is_over(session_id: str, code: str) -> None:
    hub = Talks("alice", "bob")
    command = AnswerInvite(session_id=session_id, agent_id=hub.ids["bob"], accept=True)
    assert hub.refused(hub.who("bob"), command) == code


def test_a_declined_invitation_closes_a_session_that_needs_all() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.pending("alice", "bob", "carol", type="free")
    hub.answer("carol", session_id)
    hub.answer("bob", session_id, accept=False, reason="busy")
    assert hub.end(session_id) == {"reason": "invite_rejected", "rejected_by": hub.ids["bob"], "detail": "busy"}
    assert [hub.owed_types(name)[-1] for name in hub.ids] == [EV_SESSION_CLOSED] * 3


def test_declining_again_changes_nothing() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob")
    hub.answer("bob", session_id, accept=False)
    assert hub.quiet(hub.who("bob"), AnswerInvite(session_id=session_id, agent_id=hub.ids["bob"], accept=False)) is None


def test_one_that_declines_goes_through_even_where_the_protocol_is_broken() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Broken("fold", EV_SESSION_LEFT)])
    session_id = hub.pending("alice", "bob", "carol", type="broken", required_acks=1)
    hub.answer("bob", session_id, accept=False)
    assert hub.session(session_id).pending_acks == hub.these("carol")


@pytest.mark.parametrize("place", ["fold", "on_accepted", "next_deadline"])
def test_an_adapter_that_raises_at_an_acceptance_costs_who_accepts_a_refusal(place: str) -> None:
    hub = Talks("alice", "bob", adapters=[Broken(place, EV_SESSION_OPENED)])
    session_id = hub.pending("alice", "bob", type="broken")
    command = AnswerInvite(session_id=session_id, agent_id=hub.ids["bob"], accept=True)
    assert hub.refused(hub.who("bob"), command) == "protocol_error"
    assert hub.session(session_id).pending_acks == hub.these("bob")


def test_a_protocol_may_close_its_session_when_it_opens() -> None:
    hub = Talks("alice", "bob", adapters=[Following({EV_SESSION_OPENED: AdapterResult("closed", "enough")})])
    session_id = hub.pending("alice", "bob", type="following")
    hub.answer("bob", session_id)
    assert hub.end(session_id) == {"reason": "enough"}


# --- as many acks as are required


def quorum_of_two(**fields: Any) -> tuple[Talks, str]:
    hub = Talks("alice", "bob", "carol", "dave", adapters=[Free(**fields)])
    return hub, hub.pending("alice", "bob", "carol", "dave", type="free", required_acks=2)


def test_it_opens_when_as_many_as_are_required_have_accepted() -> None:
    hub, session_id = quorum_of_two()
    hub.answer("bob", session_id)
    assert hub.session(session_id).state is SessionState.PENDING
    hub.answer("dave", session_id)
    assert hub.session(session_id).state is SessionState.ACTIVE
    assert hub.session(session_id).pending_acks == hub.these("carol")


def test_those_who_have_not_answered_take_no_part_until_they_do() -> None:
    hub, session_id = quorum_of_two()
    for name in ("bob", "dave"):
        hub.answer(name, session_id)
    assert hub.unsaid("carol", session_id) == "access_denied"
    assert hub.unsaid("alice", session_id, to=("carol",)) == "protocol_error"
    hub.say("alice", session_id)
    assert hub.owed_types("carol") == [EV_SESSION_INVITE]
    hub.answer("carol", session_id)
    hub.say("carol", session_id)
    hub.say("alice", session_id)
    assert hub.owed_types("carol") == [EV_SESSION_INVITE, EV_SESSION_JOINED, "message.text"]


def test_who_joins_an_open_session_is_told_to_all() -> None:
    hub, session_id = quorum_of_two()
    for name in ("bob", "dave", "carol"):
        hub.answer(name, session_id)
    assert [hub.owed_types(name)[-1] for name in hub.ids] == [EV_SESSION_JOINED] * 4


def test_one_that_is_not_needed_may_decline() -> None:
    hub, session_id = quorum_of_two()
    hub.answer("bob", session_id, accept=False)
    assert hub.session(session_id).state is SessionState.PENDING
    assert hub.session(session_id).pending_acks == hub.these("carol", "dave")
    for name in ("carol", "dave"):
        hub.answer(name, session_id)
    assert hub.session(session_id).state is SessionState.ACTIVE


def test_it_closes_when_the_required_can_be_reached_no_more() -> None:
    hub, session_id = quorum_of_two()
    hub.answer("carol", session_id)
    for name in ("bob", "dave"):
        hub.answer(name, session_id, accept=False)
    assert hub.end(session_id) == {"reason": "invite_rejected", "rejected_by": hub.ids["dave"], "detail": ""}


def test_an_open_session_goes_on_without_one_that_declines() -> None:
    hub, session_id = quorum_of_two()
    for name in ("bob", "dave"):
        hub.answer(name, session_id)
    hub.answer("carol", session_id, accept=False, reason="busy")
    assert hub.session(session_id).state is SessionState.ACTIVE
    assert hub.words(session_id)[-1].event_data == {"agent_id": hub.ids["carol"], "reason": "busy"}


def test_an_open_session_closes_where_one_that_declines_leaves_too_few() -> None:
    hub, session_id = quorum_of_two(least=4)
    for name in ("bob", "dave"):
        hub.answer(name, session_id)
    hub.answer("carol", session_id, accept=False)
    assert hub.end(session_id)["reason"] == "participant_left"


def test_a_pending_session_closes_where_one_that_declines_leaves_too_few() -> None:
    hub, session_id = quorum_of_two(least=4)
    hub.answer("carol", session_id, accept=False)
    assert not hub.is_live(session_id)


# --- in time, or not at all


def test_who_has_not_answered_in_time_closes_it() -> None:
    hub = Talks("alice", "bob", limits=LIMITS)
    session_id = hub.pending("alice", "bob", now_ms=100)
    assert hub.tick_until_rest(1099) == 0
    assert hub.is_live(session_id)
    hub.tick_until_rest(1100)
    assert hub.end(session_id) == {"reason": "invite_timeout"}
    assert hub.owed_types("bob") == [EV_SESSION_INVITE, EV_SESSION_CLOSED]


def test_an_opened_session_does_not_end_when_the_time_to_answer_is_over() -> None:
    hub = Talks("alice", "bob", limits=LIMITS)
    session_id = hub.opened("alice", "bob")
    hub.tick_until_rest(60_000)
    assert hub.is_live(session_id)


def test_a_session_that_expires_before_all_have_answered_is_expired() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob", ttl=1, now_ms=100)
    hub.tick_until_rest(1100)
    assert hub.types(session_id)[-1] == EV_SESSION_EXPIRED
    assert hub.end(session_id) == {"reason": "ttl_expired"}


def test_an_invited_agent_that_leaves_closes_a_session_that_needs_all() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob")
    hub.leave("bob", session_id)
    assert hub.end(session_id) == {"reason": "invite_failed", "agent_id": hub.ids["bob"]}


def test_an_invited_agent_that_is_unregistered_closes_a_session_that_needs_all() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob")
    hub.unregister("bob")
    assert hub.end(session_id) == {"reason": "invite_failed", "agent_id": hub.ids["bob"]}


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_one_that_had_accepted_and_leaves_before_it_opened_closes_it(name: str) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.pending("alice", "bob", "carol", type="free")
    hub.answer("bob", session_id)
    hub.leave(name, session_id)
    assert hub.end(session_id) == {"reason": "participant_left", "agent_id": hub.ids[name]}


def test_one_that_had_accepted_may_leave_while_enough_others_can_accept() -> None:
    hub, session_id = quorum_of_two()
    hub.answer("bob", session_id)
    hub.leave("bob", session_id)
    for name in ("carol", "dave"):
        hub.answer(name, session_id)
    assert hub.session(session_id).state is SessionState.ACTIVE


def test_one_that_had_accepted_and_leaves_too_few_closes_it() -> None:
    hub, session_id = quorum_of_two()
    hub.answer("bob", session_id)
    hub.answer("carol", session_id, accept=False)
    hub.leave("bob", session_id)
    assert hub.end(session_id) == {"reason": "participant_left", "agent_id": hub.ids["bob"]}


def test_a_creator_that_leaves_before_it_opened_closes_it_whoever_else_is_there() -> None:
    hub, session_id = quorum_of_two()
    hub.answer("bob", session_id)
    hub.leave("alice", session_id)
    assert hub.end(session_id) == {"reason": "participant_left", "agent_id": hub.ids["alice"]}


def test_declining_again_what_goes_on_without_one_changes_nothing() -> None:
    hub, session_id = quorum_of_two()
    hub.answer("bob", session_id, accept=False)
    assert hub.quiet(hub.who("bob"), AnswerInvite(session_id=session_id, agent_id=hub.ids["bob"], accept=False)) is None


def test_an_invited_agent_that_is_not_needed_may_leave() -> None:
    hub, session_id = quorum_of_two()
    hub.leave("bob", session_id)
    assert hub.session(session_id).pending_acks == hub.these("carol", "dave")
    hub.leave("carol", session_id)
    assert hub.end(session_id) == {"reason": "participant_left", "agent_id": hub.ids["carol"]}


def test_a_pending_session_that_is_closed_is_nothing_that_lives() -> None:
    hub = Talks("alice", "bob", limits=LIMITS)
    session_id = hub.pending("alice", "bob")
    hub.value(hub.who("alice"), CloseSession(session_id=session_id, agent_id=hub.ids["alice"]))
    assert list_sessions(hub.state).sessions == ()
    assert hub.state.sessions.of_agent.get(hub.ids["bob"]) is None
    assert (
        hub.refused(hub.who("bob"), AnswerInvite(session_id=session_id, agent_id=hub.ids["bob"], accept=True)) == "session_over"
    )


# --- alone


def test_a_session_with_oneself_opens_at_once() -> None:
    hub = Talks("alice", adapters=[Free()])
    session: Session = hub.value(hub.who("alice"), hub.opening("alice", "alice", type="free"))
    assert (session.state, session.pending_acks) == (SessionState.ACTIVE, ())
    assert hub.types(session.session_id) == [EV_SESSION_INVITE, EV_SESSION_OPENED]
    assert hub.owed_types("alice") == [EV_SESSION_OPENED]


def test_a_session_with_oneself_that_its_protocol_closes_at_once_is_answered_closed() -> None:
    hub = Talks("alice", adapters=[Following({EV_SESSION_OPENED: AdapterResult("closed", "enough")})])
    session: Session = hub.value(hub.who("alice"), hub.opening("alice", "alice", type="following"))
    assert session.state is SessionState.CLOSED
    assert hub.end(session.session_id) == {"reason": "enough"}


def test_nobody_can_be_required_to_accept_where_nobody_is_invited() -> None:
    hub = Talks("alice", adapters=[Free()])
    opening = hub.opening("alice", "alice", type="free", required_acks=1)
    assert hub.refused(hub.who("alice"), opening) == "protocol_error"


# --- further ones


def inviting(hub: Talks, session_id: str, *names: str, by: str = "alice") -> Invite:
    return Invite(session_id=session_id, agent_id=hub.ids[by], participants=hub.these(*names))


def open_to_more(most: int | None = None, limits: Limits | None = None) -> tuple[Talks, str]:
    hub = Talks("alice", "bob", "carol", "dave", "erin", adapters=[Free(most=most)], limits=limits)
    return hub, hub.opened("alice", "bob", type="free")


def test_further_agents_are_invited_and_join_at_the_end() -> None:
    hub, session_id = open_to_more()
    hub.value(hub.who("alice"), inviting(hub, session_id, "dave", "carol"), 700)
    session = hub.session(session_id)
    assert session.pending_acks == hub.these("dave", "carol")
    dave, carol = hub.these("dave", "carol")
    assert session.participants[2:] == (
        Participant(dave, "participant", 2, 700, "dave"),
        Participant(carol, "participant", 3, 700, "carol"),
    )
    word = hub.words(session_id)[-1]
    assert (word.event_type, word.audience, word.sender_id) == (EV_SESSION_INVITE, (dave, carol), hub.ids["alice"])
    assert (word.event_data["participants"], word.event_data["names"]) == ((dave, carol), ("dave", "carol"))
    hub.answer("carol", session_id)
    hub.say("carol", session_id)


def test_a_place_that_was_left_is_not_given_again() -> None:
    hub, session_id = open_to_more()
    hub.leave("bob", session_id)
    hub.value(hub.who("alice"), inviting(hub, session_id, "carol"))
    hub.value(hub.who("alice"), inviting(hub, session_id, "bob"))
    assert [one.order for one in hub.session(session_id).participants] == [0, 1, 2]


def test_those_who_are_there_are_not_invited_again() -> None:
    hub, session_id = open_to_more()
    hub.value(hub.who("alice"), inviting(hub, session_id, "carol"))
    assert hub.quiet(hub.who("alice"), inviting(hub, session_id, "bob", "carol", "alice")) is None
    hub.value(hub.who("alice"), inviting(hub, session_id, "bob", "dave", "dave"))
    assert hub.session(session_id).pending_acks == hub.these("carol", "dave")


def test_the_pending_session_waits_for_further_ones_too() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()], limits=LIMITS)
    session_id = hub.pending("alice", "bob", type="free", now_ms=100)
    hub.value(hub.who("alice"), inviting(hub, session_id, "carol"), 600)
    hub.answer("bob", session_id, now_ms=700)
    assert hub.session(session_id).state is SessionState.PENDING
    hub.tick_until_rest(1100)
    assert hub.end(session_id) == {"reason": "invite_timeout"}


def test_one_invited_into_an_open_session_may_take_its_time() -> None:
    hub, session_id = open_to_more(limits=LIMITS)
    hub.value(hub.who("alice"), inviting(hub, session_id, "carol"))
    hub.tick_until_rest(60_000)
    hub.answer("carol", session_id, now_ms=60_001)
    assert hub.session(session_id).pending_acks == ()


def test_the_administrator_invites_in_the_creators_name() -> None:
    hub, session_id = open_to_more()
    hub.value(ADMIN, Invite(session_id=session_id, agent_id="", participants=hub.these("carol")))
    assert hub.words(session_id)[-1].sender_id == hub.ids["alice"]


def test_only_the_creator_invites() -> None:
    hub, session_id = open_to_more()
    assert hub.refused(hub.who("bob"), inviting(hub, session_id, "carol", by="bob")) == "access_denied"
    assert hub.refused(ADMIN, inviting(hub, session_id, "carol", by="bob")) == "access_denied"


@pytest.mark.parametrize(
    ("most", "names", "code"), [(3, ("carol", "dave"), "protocol_error"), (None, ("carol", "dave", "erin"), "malformed")]
)
def test_no_more_are_invited_than_the_manifest_and_the_limits_allow(most: int | None, names: tuple[str, ...], code: str) -> None:
    hub, session_id = open_to_more(most, LIMITS)
    assert hub.refused(hub.who("alice"), inviting(hub, session_id, *names)) == code


def test_as_many_are_invited_as_the_manifest_allows() -> None:
    hub, session_id = open_to_more(4)
    hub.value(hub.who("alice"), inviting(hub, session_id, "carol", "dave"))
    assert len(hub.session(session_id).participants) == 4


def test_strangers_to_the_registry_cannot_be_invited() -> None:
    hub, session_id = open_to_more()
    command = Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=(NOWHERE,))
    assert hub.refused(hub.who("alice"), command) == "not_found"


def test_nobody_is_invited_into_a_session_that_is_over() -> None:
    hub, session_id = open_to_more()
    hub.close("alice", session_id)
    assert hub.refused(hub.who("alice"), inviting(hub, session_id, "carol")) == "session_over"


@pytest.mark.parametrize("place", ["fold", "next_deadline"])
def test_an_adapter_that_raises_at_a_further_invitation_costs_the_creator_a_refusal(place: str) -> None:
    class Late(Broken):
        def _maybe(self, place: str, event_type: str = "") -> None:
            if self.armed:
                super()._maybe(place, event_type)

        armed = False

    broken = Late(place, EV_SESSION_INVITE)
    hub = Talks("alice", "bob", "carol", adapters=[broken])
    session_id = hub.opened("alice", "bob", type="broken")
    broken.armed = True
    assert hub.refused(hub.who("alice"), inviting(hub, session_id, "carol")) == "protocol_error"
    assert len(hub.session(session_id).participants) == 2


def test_a_further_invitation_is_no_opening_to_whoever_reads_the_log() -> None:
    hub, session_id = open_to_more()
    command = inviting(hub, session_id, "carol")
    hub.value(hub.who("alice"), command)
    assert hub.log[-1].command == command


def test_the_principal_of_an_unregistered_creator_opens_nothing() -> None:
    hub = Talks("alice", "bob")
    hub.value(hub.who("alice"), Unregister(agent_id=hub.ids["alice"]))
    assert find_agent_id(hub.state, "alice") is None
    assert hub.refused(hub.who("alice"), hub.opening("alice", "bob")) == "not_found"
