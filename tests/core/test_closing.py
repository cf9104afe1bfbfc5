"""Closing: who may leave or end a session, what the others hear, and that an end is an end."""

from collections.abc import Callable
from typing import Any

import pytest

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_TEXT,
    Ack,
    AdapterResult,
    AnswerInvite,
    Attach,
    CloseSession,
    Command,
    Deliver,
    Detach,
    Invite,
    Leave,
    Limits,
    Nack,
    Principal,
    RemoveParticipant,
    Reply,
    Resend,
    SessionState,
    Tick,
    Unregister,
    inbox,
    list_sessions,
)
from tests.core.hub_driver import ADMIN
from tests.core.session_driver import Broken, Following, Free, Talks

GONE = "demo:s:c999"
"""The id of a session that never was."""


def talking(*names: str, **fields: Any) -> tuple[Talks, str]:
    """A hub with a session of these agents."""
    hub = Talks(*(names or ("alice", "bob")), adapters=[Free(**fields)])
    return hub, hub.opened(*hub.ids, type="free")


def closing(session_id: str, agent_id: str = "", reason: str = "explicit_close") -> CloseSession:
    return CloseSession(session_id=session_id, agent_id=agent_id, reason=reason)


# --- who may close


@pytest.mark.parametrize(
    ("may_close", "name", "allowed"),
    [
        (("creator",), "alice", True),
        (("creator",), "bob", False),
        (("creator",), "carol", False),
        (("participant",), "alice", True),
        (("participant",), "bob", True),
        (("creator", "participant"), "bob", True),
        (("creator", "participant"), "carol", False),
        ((), "alice", False),
        ((), "bob", False),
    ],
)
def test_those_close_it_whom_its_protocol_lets(may_close: tuple[str, ...], name: str, allowed: bool) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free(may_close=may_close)])
    session_id = hub.opened("alice", "bob", type="free")
    (answer, *_) = hub.close(name, session_id)
    assert isinstance(answer, Reply) is allowed
    assert hub.is_live(session_id) is not allowed
    if not allowed:
        assert hub.log[-1].refusal is not None
        assert hub.log[-1].refusal.code == "access_denied"


def test_the_administrator_closes_any_session() -> None:
    hub, session_id = talking(may_close=())
    hub.value(ADMIN, closing(session_id, reason="maintenance"))
    assert hub.end(session_id) == {"reason": "maintenance"}


def test_nobody_else_closes_without_naming_an_agent() -> None:
    hub, session_id = talking()
    assert hub.refused(hub.who("alice"), closing(session_id)) == "access_denied"


def test_an_invited_agent_that_has_not_answered_closes_nothing() -> None:
    hub = Talks("alice", "bob", adapters=[Free(may_close=("participant",))])
    session_id = hub.pending("alice", "bob", type="free")
    assert hub.refused(hub.who("bob"), closing(session_id, hub.ids["bob"])) == "access_denied"


@pytest.mark.parametrize("what", ["close", "invite", "remove"])
def test_a_creator_that_has_left_is_one_like_others(what: str) -> None:
    hub = Talks("alice", "bob", "carol", "dave", adapters=[Free()])
    session_id = hub.opened("alice", "bob", "carol", type="free")
    alice, bob, dave = hub.these("alice", "bob", "dave")
    commands: dict[str, Command] = {
        "close": closing(session_id, alice),
        "invite": Invite(session_id=session_id, agent_id=alice, participants=(dave,)),
        "remove": RemoveParticipant(session_id=session_id, agent_id=alice, participant_id=bob),
    }
    hub.leave("alice", session_id)
    assert hub.refused(hub.who("alice"), commands[what]) == "access_denied"
    hub.value(ADMIN, Invite(session_id=session_id, agent_id="", participants=(alice,)))
    assert hub.refused(hub.who("alice"), commands[what]) == "access_denied"
    hub.answer("alice", session_id)
    hub.value(hub.who("alice"), commands[what])


def test_a_session_that_never_was_cannot_be_closed() -> None:
    hub, _ = talking()
    assert hub.refused(ADMIN, closing(GONE)) == "not_found"


# --- the last word


@pytest.mark.parametrize(("reason", "said"), [("explicit_close", "explicit_close"), ("bored", "bored"), ("", "explicit_close")])
def test_the_last_word_says_why(reason: str, said: str) -> None:
    hub, session_id = talking()
    hub.close("alice", session_id, reason=reason)
    assert hub.end(session_id) == {"reason": said}


def test_the_last_word_is_the_hubs_and_numbered_after_the_others() -> None:
    hub, session_id = talking()
    hub.say("alice", session_id)
    hub.close("alice", session_id)
    last = hub.words(session_id)[-1]
    assert last.sender_id == "demo"
    assert [word.number for word in hub.words(session_id)] == [1, 2, 3, 4, 5]


def test_the_last_word_is_delivered_to_all_that_were_in_it() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.pending("alice", "bob", "carol", type="free", required_acks=1)
    hub.answer("bob", session_id)
    hub.attach("bob")
    answer, *effects = hub.close("alice", session_id)
    assert isinstance(answer, Reply)
    (deliver,) = effects
    assert isinstance(deliver, Deliver)
    assert (deliver.agent_id, deliver.envelope.event_type) == (hub.ids["bob"], EV_SESSION_CLOSED)
    assert hub.owed_types("alice") == [EV_SESSION_OPENED, EV_SESSION_CLOSED]
    assert hub.owed_types("carol") == [EV_SESSION_INVITE, EV_SESSION_CLOSED], "who had not answered hears of the end too"


def test_one_that_left_before_does_not_hear_the_last_word() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.ack_all()
    hub.leave("bob", session_id)
    hub.close("alice", session_id)
    assert hub.numbers("bob") == ()
    assert hub.owed_types("carol") == [EV_SESSION_LEFT, EV_SESSION_CLOSED]


@pytest.mark.parametrize("by", ["alice", "bob", "admin"])
def test_closing_twice_is_one_closing(by: str) -> None:
    hub, session_id = talking()
    hub.close("alice", session_id)
    principal, agent_id = (ADMIN, "") if by == "admin" else (hub.who(by), hub.ids[by])
    assert hub.quiet(principal, closing(session_id, agent_id)) is None
    assert hub.types(session_id).count(EV_SESSION_CLOSED) == 1


def test_nothing_is_said_after_the_last_word() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.close("alice", session_id)
    alice, bob, carol = hub.these("alice", "bob", "carol")
    refused: list[tuple[Principal, Command]] = [
        (hub.who("bob"), hub.saying("bob", session_id)),
        (hub.who("bob"), AnswerInvite(session_id=session_id, agent_id=bob, accept=True)),
        (hub.who("alice"), Invite(session_id=session_id, agent_id=alice, participants=(carol,))),
    ]
    for principal, command in refused:
        assert hub.refused(principal, command) == "session_over"
    repeated: list[tuple[Principal, Command]] = [
        (hub.who("bob"), Leave(session_id=session_id, agent_id=bob)),
        (hub.who("alice"), RemoveParticipant(session_id=session_id, agent_id=alice, participant_id=bob)),
        (hub.who("bob"), AnswerInvite(session_id=session_id, agent_id=bob, accept=False)),
    ]
    for principal, command in repeated:
        assert hub.quiet(principal, command) is None
    for name in hub.ids:
        hub.unregister(name)
    assert hub.types(session_id)[-1] == EV_SESSION_CLOSED


def test_an_ended_session_leaves_nothing_but_what_is_owed_of_it() -> None:
    hub = Talks("alice", "bob")
    hub.attach("bob")
    before = hub.state
    session_id = hub.opened("alice", "bob")
    hub.say("alice", session_id)
    hub.close("alice", session_id)
    assert hub.state.sessions == before.sessions
    assert hub.state.agenda.by_subject.get(session_id) is None
    hub.ack_all()
    assert [inbox(hub.state, hub.ids[name]).owed for name in hub.ids] == [0, 0]


def test_what_is_owed_of_an_ended_session_is_delivered_after_it() -> None:
    hub, session_id = talking()
    word = hub.say("alice", session_id)
    hub.close("alice", session_id)
    assert [getattr(effect, "envelope_id", None) for effect in hub.attach("bob")][-2] == word.envelope_id
    hub.ack_all("bob")
    assert hub.count("bob") == 0


# --- leaving


def test_the_others_hear_who_left_and_why() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.ack_all()
    hub.leave("bob", session_id, "tired")
    assert hub.words(session_id)[-1].event_data == {"agent_id": hub.ids["bob"], "reason": "tired"}
    assert [hub.owed_types(name) for name in ("alice", "carol")] == [[EV_SESSION_LEFT]] * 2
    assert hub.numbers("bob") == ()


def test_one_that_left_is_a_participant_no_more() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.leave("bob", session_id)
    assert hub.unsaid("bob", session_id) == "access_denied"
    assert hub.unsaid("alice", session_id, to=("bob",)) == "protocol_error"
    hub.say("alice", session_id)
    assert hub.count("bob") == 0
    assert [one.agent_id for one in hub.session(session_id).participants] == list(hub.these("alice", "carol"))
    assert list_sessions(hub.state, agent_id=hub.ids["bob"]).sessions == ()


def test_what_was_owed_to_one_that_left_is_still_owed() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.say("alice", session_id)
    hub.leave("bob", session_id)
    assert hub.count("bob") == 1


def test_leaving_twice_is_one_leaving() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.leave("bob", session_id)
    assert hub.quiet(hub.who("bob"), Leave(session_id=session_id, agent_id=hub.ids["bob"])) is None


def test_one_that_takes_no_part_has_nothing_to_leave() -> None:
    hub = Talks("alice", "bob", "carol")
    session_id = hub.opened("alice", "bob")
    assert hub.quiet(hub.who("carol"), Leave(session_id=session_id, agent_id=hub.ids["carol"])) is None
    assert hub.refused(hub.who("carol"), Leave(session_id=GONE, agent_id=hub.ids["carol"])) == "not_found"


def test_one_that_left_may_be_invited_again() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.leave("bob", session_id)
    hub.value(hub.who("alice"), Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=hub.these("bob")))
    hub.answer("bob", session_id)
    hub.say("bob", session_id)


def test_a_session_with_too_few_left_closes() -> None:
    hub, session_id = talking("alice", "bob", "carol", least=2)
    hub.leave("bob", session_id)
    assert hub.is_live(session_id)
    hub.leave("alice", session_id)
    assert hub.end(session_id) == {"reason": "participant_left", "agent_id": hub.ids["alice"]}
    assert hub.types(session_id)[-2:] == [EV_SESSION_LEFT, EV_SESSION_CLOSED]
    assert hub.owed_types("carol")[-2:] == [EV_SESSION_LEFT, EV_SESSION_CLOSED]


def test_a_protocol_may_close_its_session_when_somebody_leaves() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Following({EV_SESSION_LEFT: AdapterResult("closed", "broken_up")}, least=3)])
    session_id = hub.opened("alice", "bob", "carol", type="following")
    hub.leave("bob", session_id)
    assert hub.end(session_id) == {"reason": "broken_up"}
    assert hub.types(session_id).count(EV_SESSION_CLOSED) == 1


# --- being put out


def test_the_creator_puts_somebody_out() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.remove("alice", session_id, "bob")
    assert hub.words(session_id)[-1].event_data == {"agent_id": hub.ids["bob"], "reason": "removed"}
    assert hub.unsaid("bob", session_id) == "access_denied"


def test_a_reason_for_putting_somebody_out_is_told() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.remove("alice", session_id, "bob", "noise")
    assert hub.words(session_id)[-1].event_data["reason"] == "noise"


def test_one_that_is_put_out_hears_of_it_and_then_nothing_more() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.attach("bob")
    hub.ack_all()
    hub.remove("alice", session_id, "bob")
    hub.say("alice", session_id)
    hub.close("alice", session_id)
    assert [hub.owed_types(name)[0] for name in ("alice", "bob", "carol")] == [EV_SESSION_LEFT] * 3
    assert hub.owed_types("bob") == [EV_SESSION_LEFT]
    assert hub.count("bob") == 0


def test_an_invited_one_that_is_put_out_hears_of_it() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.pending("alice", "bob", "carol", type="free", required_acks=1)
    hub.remove("alice", session_id, "bob")
    assert hub.owed_types("bob") == [EV_SESSION_INVITE, EV_SESSION_LEFT]
    assert hub.owed_types("carol") == [EV_SESSION_INVITE]


def test_the_administrator_puts_somebody_out() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.value(ADMIN, RemoveParticipant(session_id=session_id, agent_id="", participant_id=hub.ids["alice"]))
    assert [one.agent_id for one in hub.session(session_id).participants] == list(hub.these("bob", "carol"))


@pytest.mark.parametrize("principal", ["bob", "admin"])
def test_nobody_but_the_creator_puts_somebody_out(principal: str) -> None:
    hub, session_id = talking("alice", "bob", "carol")
    command = RemoveParticipant(session_id=session_id, agent_id=hub.ids["bob"], participant_id=hub.ids["carol"])
    assert hub.refused(ADMIN if principal == "admin" else hub.who(principal), command) == "access_denied"


def test_who_is_not_in_cannot_be_put_out_and_that_is_no_mistake() -> None:
    hub = Talks("alice", "bob", "carol")
    session_id = hub.opened("alice", "bob")
    command = RemoveParticipant(session_id=session_id, agent_id=hub.ids["alice"], participant_id=hub.ids["carol"])
    assert hub.quiet(hub.who("alice"), command) is None


def test_putting_somebody_out_of_a_session_that_never_was_is_not_found() -> None:
    hub, _ = talking()
    command = RemoveParticipant(session_id=GONE, agent_id=hub.ids["alice"], participant_id=hub.ids["bob"])
    assert hub.refused(hub.who("alice"), command) == "not_found"


def test_putting_out_an_invited_agent_that_is_needed_closes_the_session() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob")
    hub.remove("alice", session_id, "bob")
    assert hub.end(session_id) == {"reason": "invite_failed", "agent_id": hub.ids["bob"]}


@pytest.mark.parametrize(
    "command",
    [
        closing("?", "alice", "x" * 2000),
        Leave(session_id="?", agent_id="alice", reason="x" * 2000),
        RemoveParticipant(session_id="?", agent_id="alice", participant_id="bob", reason="x" * 2000),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_reason_that_is_too_long_is_malformed(command: CloseSession | Leave | RemoveParticipant) -> None:
    hub, session_id = talking("alice", "bob", "carol")
    fields = {"session_id": session_id, "agent_id": hub.ids["alice"], "reason": command.reason}
    if isinstance(command, RemoveParticipant):
        fields["participant_id"] = hub.ids["bob"]
    assert hub.refused(hub.who("alice"), type(command)(**fields)) == "malformed"


# --- unregistered


def test_an_agent_that_unregisters_leaves_its_sessions() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free(least=2)])
    both = hub.opened("alice", "bob", type="free")
    three = hub.opened("alice", "bob", "carol", type="free")
    hub.unregister("bob")
    assert hub.end(both) == {"reason": "participant_left", "agent_id": hub.ids["bob"]}
    assert hub.words(three)[-1].event_data == {"agent_id": hub.ids["bob"], "reason": "unregistered"}
    assert [one.agent_id for one in hub.session(three).participants] == list(hub.these("alice", "carol"))


@pytest.mark.parametrize(("who", "required"), [("bob", None), ("alice", None), ("alice", 1), ("carol", None), ("carol", 2)])
def test_an_agent_that_unregisters_is_sent_nothing_any_more(who: str, required: int | None) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free(least=2)])
    hub.opened("alice", "bob", "carol", type="free")
    hub.opened("alice", "bob", type="free")
    pending = hub.pending("alice", "bob", "carol", type="free", required_acks=required)
    hub.answer("bob", pending)
    for name in hub.ids:
        hub.attach(name)
    sent = hub.ask(hub.who(who), Unregister(agent_id=hub.ids[who]))[1:]
    told = {effect.agent_id for effect in sent if isinstance(effect, Deliver)}
    assert told == {agent_id for name, agent_id in hub.ids.items() if name != who}


def test_nothing_of_an_unregistered_agent_stays() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.attach("bob")
    hub.say("bob", session_id, idempotency_key="k")
    hub.say("alice", session_id)
    hub.nack("bob", 2)
    bob = hub.ids["bob"]
    hub.unregister("bob")
    state = hub.state
    places = (state.mailboxes, state.links, state.keys, state.agenda.by_subject, state.sessions.of_agent, state.registry.agents)
    assert [bob in place for place in places] == [False] * 6
    hub.say("alice", session_id)
    assert bob not in hub.state.mailboxes


def test_the_new_agent_of_an_old_name_inherits_nothing() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.say("alice", session_id)
    hub.unregister("bob")
    hub.join("bob")
    assert hub.numbers("bob") == ()
    assert hub.unsaid("bob", session_id) == "access_denied"


def test_unregistering_again_changes_nothing() -> None:
    hub, _ = talking("alice", "bob", "carol")
    hub.unregister("bob")
    assert hub.quiet(hub.who("bob"), Unregister(agent_id=hub.ids["bob"])) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda bob: Attach(agent_id=bob, link="l"),
        lambda bob: Ack(agent_id=bob, numbers=(1,)),
        lambda bob: Nack(agent_id=bob, number=1),
        lambda bob: Resend(agent_id=bob, number=1),
    ],
)
def test_an_unregistered_agent_has_no_mailbox(make: Callable[[str], Command]) -> None:
    hub, _ = talking("alice", "bob", "carol")
    hub.unregister("bob")
    assert hub.refused(hub.who("bob"), make(hub.ids["bob"])) == "not_found"


def test_detaching_the_link_of_an_unregistered_agent_changes_nothing() -> None:
    hub, _ = talking("alice", "bob", "carol")
    hub.attach("bob")
    hub.unregister("bob")
    assert hub.quiet(ADMIN, Detach(agent_id=hub.ids["bob"], link="l1")) is None


# --- time


def test_a_session_expires_when_its_time_is_over() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob", ttl=60, now_ms=1000)
    hub.ack_all()
    assert hub.tick_until_rest(60_999) <= 1, "when the invited should have answered it is looked at in vain"
    assert hub.is_live(session_id)
    hub.tick_until_rest(61_000)
    assert hub.types(session_id)[-1] == EV_SESSION_EXPIRED
    assert hub.end(session_id) == {"reason": "ttl_expired"}
    assert [hub.owed_types(name) for name in hub.ids] == [[EV_SESSION_EXPIRED]] * 2


def test_until_a_tick_comes_a_session_goes_on() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob", ttl=60, now_ms=1000)
    hub.say("alice", session_id, now_ms=90_000)


def test_a_session_without_an_end_waits_for_nothing() -> None:
    hub = Talks("alice", "bob", adapters=(Free(),))
    session_id = hub.opened("alice", "bob", type="free", ttl=0)
    hub.ack_all()
    hub.tick_until_rest(60_000)
    assert hub.state.agenda.by_subject.get(session_id) is None
    assert hub.is_live(session_id)


def test_a_tick_ends_many_sessions_in_portions() -> None:
    hub = Talks("alice", "bob", limits=Limits(tick_entries=2))
    ids = [hub.opened("alice", "bob", ttl=60, now_ms=1000 + at) for at in range(5)]
    hub.tick(100_000)
    assert [hub.is_live(session_id) for session_id in ids] == [False, False, True, True, True]
    hub.tick_until_rest(100_000)
    assert [hub.is_live(session_id) for session_id in ids] == [False] * 5


def test_a_tick_before_anything_is_due_changes_nothing() -> None:
    hub = Talks("alice", "bob")
    hub.opened("alice", "bob")
    hub.quiet(ADMIN, Tick())


# --- the words of a session


def test_the_words_of_a_session_are_numbered_densely() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    other = hub.opened("bob", "alice", type="free")
    hub.say("alice", session_id)
    hub.say("bob", other)
    assert hub.unsaid("alice", session_id, to=("alice", "alice")) == "protocol_error"
    hub.say("carol", session_id)
    hub.leave("bob", session_id)
    hub.close("alice", session_id)
    for one in (session_id, other):
        assert [word.number for word in hub.words(one)] == list(range(1, len(hub.words(one)) + 1))


def test_a_long_life_ends_as_it_should() -> None:
    hub, session_id = talking("alice", "bob", "carol", least=2)
    assert hub.session(session_id).state is SessionState.ACTIVE
    hub.say("bob", session_id)
    hub.leave("carol", session_id)
    hub.unregister("bob")
    assert hub.types(session_id) == [
        EV_SESSION_INVITE,
        *[EV_SESSION_JOINED] * 2,
        EV_SESSION_OPENED,
        EV_TEXT,
        EV_SESSION_LEFT,
        EV_SESSION_LEFT,
        EV_SESSION_CLOSED,
    ]
    hub.check_log()


def test_the_broken_protocol_of_a_leaver_does_not_hold_it() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Broken("on_accepted", EV_SESSION_LEFT)])
    session_id = hub.opened("alice", "bob", "carol", type="broken")
    hub.leave("bob", session_id)
    assert [one.agent_id for one in hub.session(session_id).participants] == list(hub.these("alice", "carol"))
