"""Forwarding: what is owed to an agent on another system goes out to its proxy, and is else counted and kept like anything."""

from typing import Any

import pytest

from foldhub_core import (
    EV_SESSION_INVITE,
    EV_SESSION_OPENED,
    EV_TEXT,
    Ack,
    Arrival,
    Attach,
    Auth,
    Command,
    DeadLettered,
    Dropped,
    Effect,
    Ending,
    Engine,
    Envelope,
    Forward,
    ForwardDone,
    ForwardFailed,
    HubConfig,
    HubState,
    Inbox,
    Limits,
    NotFoundError,
    Passport,
    Pressure,
    Principal,
    Redeliver,
    Refuse,
    Register,
    Reply,
    Resume,
    Start,
    Unregister,
    changed,
    digest,
    forwarding_passport,
    get_agent,
    link_of,
    list_agents,
    next_deadline,
    owed,
    read_snapshot,
    take_snapshot,
    verify,
)
from foldhub_core.commits import read_commit
from foldhub_core.starting import configured
from tests.core.hub_driver import ADMIN, HUB_ID, NOWHERE, Hub, owner, registration
from tests.core.session_driver import Free, Talks, check_state

CLAIM = {"url": "https://example.org/far"}
REMOTE = Auth(scheme="a2a", claim=CLAIM)


class Federation(Talks):
    """A hub with alice, who is attached, and far, who lives elsewhere; both talk in one session."""

    def __init__(self, *names: str, talk: bool = True, **fields: Any) -> None:
        super().__init__("alice", *names, remote_agents=True, **fields)
        self.ids["far"] = self.register("far", kind="remote_agent", auth=REMOTE)
        self.attach("alice")
        self.talk_id = self.opened("alice", "far", *names, type="free" if names else "conversation") if talk else ""

    def done(self, number: int) -> None:
        self.value(ADMIN, ForwardDone(agent_id=self.ids["far"], number=number))

    def fail(self, number: int, reason: str = "down", now_ms: int | None = None) -> None:
        self.value(ADMIN, ForwardFailed(agent_id=self.ids["far"], number=number, reason=reason), now_ms)

    def settle(self) -> None:
        """Let the proxy have taken all that is owed."""
        for number in self.numbers("far"):
            self.done(number)

    def say_something(self, **fields: Any) -> tuple[Envelope, tuple[Effect, ...]]:
        """Let alice say something; gives the word, and what is owed to far of it."""
        word, *effects = self.ask(self.who("alice"), self.saying("alice", self.talk_id, **fields))
        assert isinstance(word, Reply)
        assert isinstance(word.value, Envelope)
        return word.value, tuple(effects)

    def restarted(self, **fields: Any) -> tuple[Effect, ...]:
        """Recover from the log and begin a run; gives what is owed then."""
        self.recover(**fields)
        return owed(self.config, self.state)


def as_far(hub: Federation) -> Principal:
    """The principal on whose behalf far's proxy speaks."""
    return owner("proxy", hub.ids["far"])


# --- registering


class TestRegistering:
    def test_a_hub_takes_remote_agents_only_where_it_is_configured_to(self) -> None:
        assert Hub().refused(ADMIN, registration("far", kind="remote_agent")) == "access_denied"

    def test_a_hub_that_is_configured_to_takes_them_of_the_administrator(self) -> None:
        hub = Hub(remote_agents=True)
        hub.register("far", kind="remote_agent")
        hub.check_log()

    def test_one_with_a_local_agent_of_its_own_may_register_a_remote_one(self) -> None:
        hub = Hub(remote_agents=True)
        local = hub.register("local", by=owner("s"))
        hub.register("far", kind="remote_agent", by=owner("s", NOWHERE, local))
        hub.check_log()

    @pytest.mark.parametrize("kind", [None, "human"])
    def test_an_agent_and_a_human_are_owners_alike(self, kind: str | None) -> None:
        hub = Hub(remote_agents=True)
        local = hub.register("local", kind=kind)
        hub.register("far", kind="remote_agent", by=owner("s", local))

    @pytest.mark.parametrize("own", ["nobody", "one that never was", "one that is gone", "a remote one"])
    def test_one_without_a_local_agent_may_not(self, own: str) -> None:
        hub = Hub(remote_agents=True)
        gone = hub.register("gone")
        hub.value(ADMIN, Unregister(agent_id=gone))
        remote = hub.register("remote", kind="remote_agent")
        ids = {"nobody": (), "one that never was": (NOWHERE,), "one that is gone": (gone,), "a remote one": (remote,)}[own]
        assert hub.refused(owner("s", *ids), registration("far", kind="remote_agent")) == "access_denied"
        hub.check_log()

    def test_an_owner_still_needs_a_glob_for_the_name(self) -> None:
        hub = Hub(remote_agents=True)
        local = hub.register("local")
        principal = owner("s", local, may_register=("near-*",))
        assert hub.refused(principal, registration("far", kind="remote_agent")) == "access_denied"

    def test_a_registration_that_is_refused_for_something_else_is_decided_again_alike(self) -> None:
        hub = Hub(remote_agents=True)
        local = hub.register("local")
        assert hub.refused(owner("s", local), registration("no*star", kind="remote_agent")) == "malformed"
        hub.check_log()

    def test_the_log_says_beside_which_agent_it_was_registered(self) -> None:
        hub = Hub(remote_agents=True)
        local = hub.register("local")
        hub.register("far", kind="remote_agent", by=owner("s", NOWHERE, local))
        commit = hub.log[-1]
        again = read_commit(HUB_ID, commit.seq, commit.form, commit.payload, commit.previous, commit.chain)
        assert again.actor.owner_id == local
        assert again.principal.agent_ids == (local,)

    def test_of_the_administrator_the_log_says_no_such_agent(self) -> None:
        hub = Hub(remote_agents=True)
        local = hub.register("local")
        hub.register("far", kind="remote_agent", by=Principal(admin=True, agent_ids=(local,)))
        assert hub.log[-1].actor.owner_id is None

    def test_a_retry_is_answered_under_a_configuration_that_takes_none_any_more(self) -> None:
        hub = Hub(remote_agents=True)
        command = registration("far", kind="remote_agent", idempotency_key="k")
        passport = hub.value(ADMIN, command)
        hub.config = HubConfig()
        hub.value(ADMIN, Start())
        assert hub.quiet(ADMIN, command) == passport

    def test_what_is_owed_is_forwarded_under_a_configuration_that_takes_none_any_more(self) -> None:
        hub = Federation()
        hub.config = HubConfig()
        hub.value(ADMIN, Start())
        _, effects = hub.say_something()
        assert [type(effect) for effect in effects] == [Forward]

    def test_a_configuration_that_takes_them_is_recorded_as_one(self) -> None:
        with_them, without = configured(HubConfig(remote_agents=True)), configured(HubConfig())
        assert set(with_them.parts) - set(without.parts) == {("remote_agents", "allowed")}
        assert with_them.fingerprint != without.fingerprint


# --- the claim


class TestClaim:
    def test_it_is_kept_of_a_remote_agent_for_its_proxy(self) -> None:
        hub = Federation(talk=False)
        assert forwarding_passport(hub.state, hub.ids["far"]).auth == REMOTE

    def test_it_is_shown_to_nobody_else(self) -> None:
        hub = Federation(talk=False)
        shown = [get_agent(hub.state, "far"), *list_agents(hub.state, kind="remote_agent").agents]
        assert [passport.auth for passport in shown] == [Auth(scheme="a2a")] * 2

    @pytest.mark.parametrize("kind", [None, "agent", "human"])
    def test_of_every_other_agent_it_is_not_kept(self, kind: str | None) -> None:
        hub = Hub(remote_agents=True)
        passport = hub.value(ADMIN, registration("near", kind=kind, auth=Auth(claim={"token": "secret"})))
        assert passport.auth == forwarding_passport(hub.state, passport.agent_id).auth == Auth()
        assert b"secret" not in hub.log[-1].payload
        hub.check_log()

    def test_of_every_other_agent_it_is_not_kept_where_the_registration_is_refused(self) -> None:
        hub = Hub()
        hub.register("near")
        command = registration("near", auth=Auth(claim={"token": "secret"}))
        assert hub.refused(ADMIN, command) == "protocol_error"
        assert b"secret" not in hub.log[-1].payload
        hub.check_log()

    def test_a_retry_of_an_agent_with_another_credential_is_the_same_request(self) -> None:
        hub = Hub()
        passport = hub.value(ADMIN, registration("near", auth=Auth(claim={"token": "1"}), idempotency_key="k"))
        assert hub.quiet(ADMIN, registration("near", auth=Auth(claim={"token": "2"}), idempotency_key="k")) == passport

    def test_a_retry_of_a_remote_agent_with_another_claim_is_a_conflict(self) -> None:
        hub = Hub(remote_agents=True)
        hub.register("far", kind="remote_agent", auth=REMOTE, idempotency_key="k")
        other = registration("far", kind="remote_agent", auth=Auth(scheme="a2a"), idempotency_key="k")
        assert hub.refused(ADMIN, other) == "key_conflict"

    def test_a_claim_is_bounded_like_all_data(self) -> None:
        hub = Hub(Limits(text_chars=100), remote_agents=True)
        assert hub.refused(ADMIN, registration("far", kind="remote_agent", auth=Auth(claim={"url": "x" * 101}))) == "malformed"

    def test_a_snapshot_keeps_it(self) -> None:
        hub = Federation(talk=False)
        restored = read_snapshot(hub.config, take_snapshot(hub.state))
        assert forwarding_passport(restored, hub.ids["far"]).auth == REMOTE

    def test_there_is_no_passport_of_one_that_is_not_registered(self) -> None:
        with pytest.raises(NotFoundError, match="expected the id of a registered agent"):
            forwarding_passport(HubState(HUB_ID), NOWHERE)


# --- the first forward


def test_a_word_is_forwarded_where_nobody_is_attached() -> None:
    hub = Federation()
    word, effects = hub.say_something()
    passport = forwarding_passport(hub.state, hub.ids["far"])
    assert effects == (Forward("a2a", passport, 3, 1, word),)
    assert passport.agent_id == hub.ids["far"]


def test_an_invitation_is_forwarded_like_any_delivery() -> None:
    hub = Federation(talk=False)
    _, forward = hub.ask(hub.who("alice"), hub.opening("alice", "far"))
    assert isinstance(forward, Forward)
    assert (forward.number, forward.envelope.event_type) == (1, EV_SESSION_INVITE)


def test_an_invitation_is_answered_by_one_who_may_act_for_the_agent() -> None:
    hub = Federation(talk=False)
    session_id = hub.pending("alice", "far")
    hub.ids["proxy"] = hub.ids["far"]
    hub.answer("proxy", session_id)
    assert hub.types(session_id)[-1] == EV_SESSION_OPENED


def test_what_the_agent_says_comes_as_a_post_of_one_who_may_act_for_it() -> None:
    hub = Federation()
    word = Envelope(hub.talk_id, hub.ids["far"], EV_TEXT, {"text": "From afar."})
    answer, deliver = hub.ask(as_far(hub), hub.saying("far", hub.talk_id, text="From afar."))
    assert isinstance(answer, Reply)
    assert getattr(deliver, "agent_id", None) == hub.ids["alice"]
    assert hub.words(hub.talk_id)[-1].event_data == word.event_data


def test_others_are_sent_a_word_on_their_links_in_the_order_of_their_places() -> None:
    hub = Federation("bob", adapters=[Free()])
    hub.attach("bob")
    _, effects = hub.say_something()
    assert [type(effect).__name__ for effect in effects] == ["Forward", "Deliver"]


def test_a_word_that_a_rule_keeps_from_it_is_not_forwarded() -> None:
    hub = Federation()
    hub.set_rule("far", inbound_from=("nobody",))
    assert hub.say_something()[1] == ()


def test_a_remote_agent_cannot_be_attached() -> None:
    hub = Federation()
    (answer,) = hub.ask(ADMIN, Attach(agent_id=hub.ids["far"], link="l"))
    assert isinstance(answer, Refuse)
    assert (answer.error.code, "its deliveries are forwarded" in answer.error.message) == ("protocol_error", True)
    assert link_of(hub.state, hub.ids["far"]) is None


# --- what comes of it


def test_what_the_proxy_took_is_owed_no_more() -> None:
    hub = Federation()
    hub.done(2)
    assert hub.numbers("far") == (1,)
    hub.done(1)
    assert hub.numbers("far") == ()


def test_taking_a_second_time_changes_nothing() -> None:
    hub = Federation()
    hub.done(1)
    assert hub.quiet(ADMIN, ForwardDone(agent_id=hub.ids["far"], number=1)) is None


@pytest.mark.parametrize("number", [-1, 0, 99])
@pytest.mark.parametrize("kind", [ForwardDone, ForwardFailed])
def test_the_outcome_of_what_is_not_owed_changes_nothing(kind: type, number: int) -> None:
    hub = Federation()
    assert hub.quiet(ADMIN, kind(agent_id=hub.ids["far"], number=number)) is None


def test_a_failed_forward_goes_out_again_after_a_pause() -> None:
    hub = Federation()
    hub.settle()
    word, _ = hub.say_something()
    hub.fail(3, now_ms=5_000)
    assert next_deadline(hub.state) == 6_000
    (again,) = hub.tick(6_000)
    assert again == Redeliver(hub.ids["far"], None, 3, 2, hub.talk_id, word.envelope_id)


def test_failing_a_second_time_during_the_pause_changes_nothing() -> None:
    hub = Federation()
    hub.fail(1)
    assert hub.quiet(ADMIN, ForwardFailed(agent_id=hub.ids["far"], number=1, reason="down")) is None


def test_pauses_double_and_the_fifth_failure_makes_a_dead_letter() -> None:
    hub = Federation()
    hub.settle()
    hub.say_something()
    pauses, attempts = [], []
    for _ in range(4):
        hub.fail(3)
        due_ms = hub.state.mailboxes[hub.ids["far"]].waiting[3]
        pauses.append(due_ms - hub.now_ms)
        (again,) = hub.tick(due_ms)
        assert isinstance(again, Redeliver)
        attempts.append(again.attempt)
    owed = hub.state.mailboxes[hub.ids["far"]].owed[3]
    hub.fail(3, "down for good")
    assert (pauses, attempts) == ([1_000, 2_000, 4_000, 8_000], [2, 3, 4, 5])
    assert hub.dead("far") == {3: "down for good"}
    assert hub.log[-1].facts == (DeadLettered(hub.ids["far"], 3, owed.session_id, owed.envelope_id, "down for good"),)


def test_a_dead_letter_that_is_sent_again_is_forwarded() -> None:
    hub = Federation()
    for _ in range(5):
        hub.fail(1)
        hub.tick(hub.now_ms + 60_000)
    (again,) = hub.resend("far", 1)
    assert isinstance(again, Redeliver)
    assert (again.link, again.number, again.attempt) == (None, 1, 6)


def test_one_who_may_act_for_the_agent_can_ack_for_it() -> None:
    hub = Federation()
    hub.value(as_far(hub), Ack(agent_id=hub.ids["far"], numbers=(1, 2)))
    assert hub.numbers("far") == ()


# --- the outcomes as commands


OUTCOMES: list[type[ForwardDone] | type[ForwardFailed]] = [ForwardDone, ForwardFailed]


@pytest.mark.parametrize("kind", OUTCOMES)
class TestOutcome:
    def test_it_is_the_administrator_s(self, kind: type[ForwardDone] | type[ForwardFailed]) -> None:
        hub = Federation()
        assert hub.refused(as_far(hub), kind(agent_id=hub.ids["far"], number=1)) == "access_denied"

    def test_it_is_stored_and_read_back_as_itself(self, kind: type[ForwardDone] | type[ForwardFailed]) -> None:
        hub = Federation()
        command = kind(agent_id=hub.ids["far"], number=1)
        hub.value(ADMIN, command)
        commit = hub.log[-1]
        assert read_commit(HUB_ID, commit.seq, commit.form, commit.payload, commit.previous, commit.chain).command == command
        hub.check_log()

    def test_that_of_an_agent_that_is_gone_changes_nothing(self, kind: type[ForwardDone] | type[ForwardFailed]) -> None:
        hub = Federation()
        hub.value(ADMIN, Unregister(agent_id=hub.ids["far"]))
        assert hub.quiet(ADMIN, kind(agent_id=hub.ids["far"], number=1)) is None

    def test_that_of_an_agent_that_never_was_is_refused(self, kind: type[ForwardDone] | type[ForwardFailed]) -> None:
        assert Federation().refused(ADMIN, kind(agent_id=NOWHERE, number=1)) == "not_found"

    def test_that_of_an_agent_that_attaches_is_refused(self, kind: type[ForwardDone] | type[ForwardFailed]) -> None:
        hub = Federation()
        assert hub.refused(ADMIN, kind(agent_id=hub.ids["alice"], number=1)) == "protocol_error"

    def test_a_store_that_is_full_does_not_lose_it(self, kind: type[ForwardDone] | type[ForwardFailed]) -> None:
        hub = Federation()
        engine = Engine(hub.config, hub.state)
        engine.take_outcome(Arrival(principal=ADMIN, command=kind(agent_id=hub.ids["far"], number=1), now_ms=9_000))
        assert engine.advance(9_000) is not None or engine.advance(9_010) is not None
        engine.ended(Ending.FULL, 9_010)
        append = engine.advance(11_000) or engine.advance(11_010)
        assert append is not None
        engine.ended(Ending.DURABLE, 11_010)
        mailbox = engine.state.mailboxes[hub.ids["far"]]
        assert 1 not in mailbox.owed or mailbox.owed[1].nacks == 1


def test_a_reason_that_is_too_long_is_cut_and_the_failure_counts() -> None:
    hub = Federation(limits=Limits(short_text_chars=40))
    hub.fail(1, "x" * 10_000)
    assert 1 in hub.state.mailboxes[hub.ids["far"]].waiting
    assert len(hub.log[-1].payload) < 200
    assert hub.log[-1].command == ForwardFailed(agent_id=hub.ids["far"], number=1, reason="x" * 40)


# --- what holds for everybody


def test_what_is_owed_is_counted_until_it_is_taken() -> None:
    hub = Federation()
    for _ in range(3):
        hub.say_something()
    assert hub.count("far") == 3
    hub.done(4)
    assert hub.count("far") == 2


def test_pressure_is_told_when_its_inbox_comes_to_high_water() -> None:
    hub = Federation()
    hub.set_rule("far", inbox=Inbox(5, high_water=2))
    hub.say_something()
    _, effects = hub.say_something()
    assert effects[1:] == (Pressure(hub.ids["far"], 2, 5),)


def full(overflow: str) -> Federation:
    hub = Federation()
    hub.set_rule("far", inbox=changed(Inbox(1), overflow=overflow))
    hub.say_something()
    return hub


def test_a_full_inbox_that_rejects_refuses_the_sender() -> None:
    hub = full("reject")
    assert hub.refused(hub.who("alice"), hub.saying("alice", hub.talk_id)) == "inbox_full"


def test_a_full_inbox_that_drops_the_newest_forwards_nothing_more() -> None:
    assert full("drop_newest").say_something()[1] == ()


def test_a_full_inbox_that_drops_the_oldest_forwards_the_new_one() -> None:
    hub = full("drop_oldest")
    owed = hub.state.mailboxes[hub.ids["far"]].owed[3]
    _, effects = hub.say_something()
    assert [effect.number for effect in effects if isinstance(effect, Forward)] == [4]
    assert Dropped(hub.ids["far"], 3, owed.session_id, owed.envelope_id, "overflow") in hub.log[-1].facts


def test_what_is_not_worth_forwarding_any_more_is_dropped() -> None:
    hub = Federation()
    hub.settle()
    hub.say_something(ttl_seconds=2)
    hub.tick(hub.now_ms + 2_000)
    assert (hub.numbers("far"), hub.dead("far")) == ((), {})


def test_what_is_owed_too_long_becomes_a_dead_letter() -> None:
    hub = Federation(limits=Limits(owed_ms=50_000))
    hub.tick(hub.now_ms + 50_000)
    assert hub.dead("far") == {1: "owed too long", 2: "owed too long"}


def test_one_that_unregisters_is_owed_nothing_any_more() -> None:
    hub = Federation()
    hub.value(ADMIN, Unregister(agent_id=hub.ids["far"]))
    assert hub.restarted() == ()
    assert hub.ids["far"] not in hub.state.mailboxes


# --- a run begins


def sent(effects: tuple[Effect, ...]) -> list[tuple[str, str | None, int, int]]:
    return [(one.agent_id, one.link, one.number, one.attempt) for one in effects if isinstance(one, Redeliver)]


def test_a_run_forwards_all_that_is_owed_by_agent_then_number() -> None:
    hub = Federation("bob", adapters=[Free()])
    more = hub.register("more", kind="remote_agent")
    hub.ids["more"] = more
    for _ in range(10):
        hub.say_something()
    hub.pending("alice", "more")
    effects = hub.restarted()  # the protocol of the first session is missing: what was said is owed all the same
    assert effects == owed(hub.config, hub.state)
    numbers = range(1, 14)
    assert sent(effects) == [(hub.ids["far"], None, number, 2) for number in hub.numbers("far")] + [(more, None, 1, 2)]
    assert list(hub.numbers("far")) == list(numbers)[: len(hub.numbers("far"))]


def test_every_run_is_one_attempt_more() -> None:
    hub = Federation()
    assert [sent(hub.restarted())[0][3] for _ in range(3)] == [2, 3, 4]


def test_what_waits_out_a_pause_is_forwarded_by_its_tick_and_not_by_the_run() -> None:
    hub = Federation()
    hub.fail(1)
    assert sent(hub.restarted()) == [(hub.ids["far"], None, 2, 2)]
    assert sent(hub.tick(hub.now_ms + 1_000)) == [(hub.ids["far"], None, 1, 2)]
    assert sent(hub.restarted()) == [(hub.ids["far"], None, 1, 3), (hub.ids["far"], None, 2, 3)]


def test_what_was_taken_before_is_not_forwarded_again() -> None:
    hub = Federation()
    hub.settle()
    assert hub.restarted() == ()


def test_nothing_is_owed_to_agents_that_attach() -> None:
    hub = Talks("alice", "bob")
    hub.opened("alice", "bob")
    hub.recover()
    assert owed(hub.config, hub.state) == ()


def test_a_dead_letter_knows_how_often_it_was_forwarded() -> None:
    hub = Federation(limits=Limits(owed_ms=50_000))
    hub.restarted(limits=Limits(owed_ms=50_000))
    hub.tick(hub.now_ms + 50_000)
    (again,) = hub.resend("far", 1)
    assert sent((again,)) == [(hub.ids["far"], None, 1, 3)]


def test_a_recovered_hub_is_the_hub_that_was() -> None:
    hub = Federation()
    hub.fail(1)
    before = hub.state
    hub.restarted()
    again = Federation()
    again.fail(1)
    assert digest(again.state) == digest(before)
    check_state(hub.config, hub.state)
    assert list(verify(hub.config, hub.log, HubState(HUB_ID))) == []


COMMANDS: list[Command] = [
    ForwardDone(agent_id="demo:a:a3", number=1),
    ForwardFailed(agent_id="demo:a:a3", number=1),
    Register(passport=Passport("far", kind="remote_agent"), resume=Resume()),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_nothing_is_taken_before_the_first_start(command: Command) -> None:
    hub = Hub(started=False, remote_agents=True)
    assert hub.refused(ADMIN, command) == "unavailable"
