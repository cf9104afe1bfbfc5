"""An arbiter of one's own: asked at every seam, trusted at none, composed with others; and strangers it knows."""

from collections.abc import Callable
from typing import Any

import pytest

from foldhub_core import (
    EV_TEXT,
    AllArbiters,
    Allow,
    Arbiter,
    AuthError,
    Deny,
    Envelope,
    HubConfig,
    HubState,
    Inbox,
    InboxFull,
    Invite,
    NetworkError,
    ObserveTask,
    Post,
    Readdressed,
    Register,
    RuleBasedArbiter,
    Session,
    Skipped,
    can_send,
    changed,
    find_agent_id,
    get_session,
    name_for,
    read_snapshot,
    subject_of,
    take_snapshot,
)
from foldhub_core.starting import configured
from tests.core.hub_driver import owner, registration
from tests.core.session_driver import Broken, Free, Talks, skipped_by

SEAMS = ("register", "open", "invite", "send", "delivery", "inbox", "task")
"""The questions an arbiter answers with Allow or Deny."""
REFUSING = tuple([seam for seam in SEAMS if seam != "delivery"])


class At(Arbiter):
    """Does something at one seam, and allows all the rest; notes what it was asked."""

    name = "at"

    def __init__(self, seam: str, does: Callable[[], Any]) -> None:
        self.seam = seam
        self.does = does
        self.asked: list[tuple[Any, ...]] = []

    def _at(self, seam: str, *asked: Any) -> Any:
        if seam != self.seam:
            return Allow()
        self.asked.append(asked)
        return self.does()

    def authorize_register(self, state: HubState, command: Register) -> Allow | Deny:
        answer: Allow | Deny = self._at("register", state, command)
        return answer

    def authorize_open(self, state: HubState, creator_id: str, session_type: str, participants: tuple[str, ...]) -> Allow | Deny:
        answer: Allow | Deny = self._at("open", state, creator_id, session_type, participants)
        return answer

    def authorize_invite(self, state: HubState, session: Session, participants: tuple[str, ...]) -> Allow | Deny:
        answer: Allow | Deny = self._at("invite", state, session, participants)
        return answer

    def authorize_send(self, state: HubState, envelope: Envelope) -> Allow | Deny:
        answer: Allow | Deny = self._at("send", state, envelope)
        return answer

    def authorize_delivery(self, state: HubState, envelope: Envelope, recipient_id: str) -> Allow | Deny:
        answer: Allow | Deny = self._at("delivery", state, envelope, recipient_id)
        return answer

    def authorize_inbox(self, state: HubState, envelope: Envelope, recipient_id: str) -> Allow | Deny:
        answer: Allow | Deny = self._at("inbox", state, envelope, recipient_id)
        return answer

    def authorize_task(self, state: HubState, command: ObserveTask) -> Allow | Deny:
        answer: Allow | Deny = self._at("task", state, command)
        return answer

    def resolve_stranger(self, state: HubState, envelope: Envelope, stranger_id: str) -> tuple[str, ...] | None:
        answer: tuple[str, ...] | None = self._at("stranger", state, envelope, stranger_id) if self.seam == "stranger" else None
        return answer


def raising(error: Exception) -> Callable[[], Any]:
    def does() -> Any:
        raise error

    return does


def prepared(arbiter: Arbiter, *more: str) -> tuple[Talks, str]:
    """A hub with a session of alice and bob, opened before this arbiter is in force."""
    hub = Talks("alice", "bob", "carol", *more, adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.ack_all()
    hub.arbiter = arbiter
    hub.restart(Free())
    return hub, session_id


def ask_at(hub: Talks, session_id: str, seam: str) -> str | None:
    """Do what is asked about at a seam; gives the code of the refusal."""
    alice = hub.who("alice")
    commands: dict[str, Any] = {
        "register": registration("dora"),
        "open": hub.opening("alice", "bob", type="free"),
        "invite": Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=hub.these("carol")),
        "task": hub.observing("alice", session_id),
    }
    principal = owner("dora") if seam == "register" else alice
    commits = len(hub.log)
    hub.ask(principal, commands.get(seam, hub.saying("alice", session_id)))
    assert len(hub.log) == commits + 1
    return None if hub.log[-1].refusal is None else hub.log[-1].refusal.code


def refusal_of(hub: Talks) -> str:
    refusal = hub.log[-1].refusal
    assert refusal is not None
    return refusal.message


# --- what is asked, and what an answer does


@pytest.mark.parametrize("seam", SEAMS)
def test_one_that_says_nothing_of_its_own_allows_everything(seam: str) -> None:
    hub, session_id = prepared(Arbiter())
    assert ask_at(hub, session_id, seam) is None
    assert skipped_by(hub) == []


@pytest.mark.parametrize("seam", REFUSING)
def test_a_denial_is_the_refusal_with_its_reason_and_its_code(seam: str) -> None:
    hub, session_id = prepared(At(seam, lambda: Deny("expected a nicer tone")))
    assert (ask_at(hub, session_id, seam), refusal_of(hub)) == ("access_denied", "expected a nicer tone")


@pytest.mark.parametrize("seam", REFUSING)
def test_a_denial_may_be_any_error_of_the_family(seam: str) -> None:
    hub, session_id = prepared(At(seam, lambda: Deny("expected room", InboxFull)))
    assert ask_at(hub, session_id, seam) == "inbox_full"


def test_a_denied_delivery_is_skipped_with_its_reason_and_the_sender_does_not_learn_of_it() -> None:
    hub, session_id = prepared(At("delivery", lambda: Deny("quiet hours")))
    assert ask_at(hub, session_id, "delivery") is None
    assert skipped_by(hub) == [(("bob",), "quiet hours")]
    assert hub.count("bob") == 0


def test_those_who_are_skipped_for_one_reason_are_skipped_by_one_mark() -> None:
    reasons = {"bob": "late", "carol": "early", "dave": "late"}

    class Timely(Arbiter):
        def authorize_delivery(self, state: HubState, envelope: Envelope, recipient_id: str) -> Allow | Deny:
            return Deny(reasons[name_for(state, recipient_id)])

    hub = Talks("alice", *reasons, adapters=[Free()], arbiter=Timely())
    session_id = hub.opened("alice", *reasons, type="free")
    hub.say("alice", session_id)
    assert skipped_by(hub) == [(("bob", "dave"), "late"), (("carol",), "early")]


def test_a_long_reason_is_cut_in_the_mark() -> None:
    hub, session_id = prepared(At("delivery", lambda: Deny("x" * 5_000)))
    assert ask_at(hub, session_id, "delivery") is None
    assert skipped_by(hub) == [(("bob",), "x" * hub.state.limits.short_text_chars)]


def test_who_is_not_to_be_reached_needs_no_room() -> None:
    class Deaf(RuleBasedArbiter):
        def authorize_delivery(self, state: HubState, envelope: Envelope, recipient_id: str) -> Allow | Deny:
            return Deny("deaf")

    hub, session_id = prepared(Deaf())
    hub.set_rule("bob", inbox=Inbox(1))
    for _ in range(3):
        hub.say("alice", session_id)


def test_an_inbox_that_rejects_takes_what_the_arbiter_lets_in() -> None:
    hub, session_id = prepared(Arbiter())
    hub.set_rule("bob", inbox=Inbox(1))
    for _ in range(3):
        hub.say("alice", session_id)
    assert hub.count("bob") == 3


def test_what_an_inbox_drops_is_not_the_arbiters() -> None:
    hub, session_id = prepared(Arbiter())
    hub.set_rule("bob", inbox=Inbox(1, "drop_oldest"))
    for _ in range(3):
        hub.say("alice", session_id)
    assert hub.count("bob") == 1


def test_it_is_asked_about_the_word_as_it_would_be_said_at_the_time_it_would_be() -> None:
    hub, first = prepared(arbiter := At("send", Allow))
    second = hub.opened("bob", "carol", type="free")
    cause = hub.say("alice", first)
    word = hub.say("bob", second, causation_id=cause.envelope_id, depth=0, now_ms=900)
    state, asked = arbiter.asked[-1]
    assert (asked, asked.depth, asked.created_at_ms, state.now_ms) == (word, 1, 900, 900)


@pytest.mark.parametrize("seam", SEAMS)
def test_the_state_it_is_given_is_the_one_before_at_the_time_of_the_arrival(seam: str) -> None:
    hub, session_id = prepared(arbiter := At(seam, lambda: Deny("no")))
    before = hub.state
    ask_at(hub, session_id, seam)
    assert arbiter.asked[0][0] == changed(before, now_ms=hub.state.now_ms)


def test_an_opening_names_whom_it_invites() -> None:
    hub, _ = prepared(arbiter := At("open", Allow))
    hub.pending("alice", "bob", "alice", "carol", type="free")
    assert arbiter.asked[-1][1:] == (hub.ids["alice"], "free", hub.these("bob", "carol"))


def test_a_later_invitation_names_only_who_is_new() -> None:
    hub, session_id = prepared(arbiter := At("invite", Allow))
    hub.value(hub.who("alice"), Invite(session_id=session_id, agent_id=hub.ids["alice"], participants=hub.these("bob", "carol")))
    asked = arbiter.asked[0]
    assert (asked[1].session_id, asked[2]) == (session_id, hub.these("carol"))


def test_one_that_knows_only_openings_is_asked_of_invitations_as_of_openings() -> None:
    class NoCarol(Arbiter):
        def authorize_open(
            self, state: HubState, creator_id: str, session_type: str, participants: tuple[str, ...]
        ) -> Allow | Deny:
            return Deny("no carol") if find_agent_id(state, "carol") in participants else Allow()

    hub, session_id = prepared(NoCarol())
    assert ask_at(hub, session_id, "open") is None
    assert ask_at(hub, session_id, "invite") == "access_denied"


def test_a_registration_is_asked_about_after_the_principals_own_right_and_never_for_a_retry() -> None:
    hub, _ = prepared(arbiter := At("register", Allow))
    assert hub.refused(owner("x", may_register=("y",)), registration("dora")) == "access_denied"
    assert arbiter.asked == []
    command = registration("dora", idempotency_key="k")
    passport = hub.value(owner("x"), command)
    assert [command.passport.name for _, command in arbiter.asked[:1]] == ["dora"]
    arbiter.does = lambda: Deny("no more")
    assert hub.quiet(owner("x"), command) == passport


def test_a_retry_is_answered_from_its_key_whatever_the_arbiter_says_now() -> None:
    hub, session_id = prepared(arbiter := At("send", Allow))
    word = hub.say("alice", session_id, idempotency_key="k")
    arbiter.does = lambda: Deny("no more")
    assert hub.quiet(hub.who("alice"), hub.saying("alice", session_id, idempotency_key="k")) == word


def test_a_task_is_asked_about_as_it_would_be_begun_and_never_for_a_retry() -> None:
    hub, session_id = prepared(arbiter := At("task", Allow))
    assert hub.refused(hub.who("carol"), hub.observing("carol", session_id)) == "access_denied"
    assert arbiter.asked == []
    task_id = hub.observe("bob", session_id, idempotency_key="k", ttl="2m")
    (_, command), *_ = arbiter.asked
    assert (command.owner_id, command.session_id, command.ttl) == (hub.ids["bob"], session_id, 120)
    arbiter.does = lambda: Deny("no more")
    assert hub.quiet(hub.who("bob"), hub.observing("bob", session_id, idempotency_key="k", ttl="2m")).task_id == task_id


def test_a_cap_on_tasks_is_the_arbiters() -> None:
    hub, _ = prepared(Arbiter())
    hub.set_rule("alice", max_concurrent_tasks=1)
    hub.observe("alice")
    hub.observe("alice")
    hub.arbiter = AllArbiters(Arbiter(), RuleBasedArbiter())
    hub.restart(Free())
    assert hub.refused(hub.who("alice"), hub.observing("alice")) == "access_denied"
    assert "fewer live tasks" in refusal_of(hub)


def test_a_probe_asks_it_too() -> None:
    hub, session_id = prepared(arbiter := At("send", lambda: Deny("no")))
    error = can_send(hub.config, hub.state, session_id, hub.ids["alice"])
    assert error is not None
    assert error.message == "no"
    arbiter.seam = "inbox"
    assert can_send(hub.config, hub.state, session_id, hub.ids["alice"]) == error
    arbiter.seam = "delivery"
    assert can_send(hub.config, hub.state, session_id, hub.ids["alice"]) is None


def test_a_word_the_protocol_refuses_makes_no_mark_of_who_is_skipped() -> None:
    hub = Talks("alice", "bob", adapters=[Broken("validate_send", EV_TEXT)], arbiter=At("delivery", lambda: Deny("no")))
    session_id = hub.opened("alice", "bob", type="broken")
    assert hub.unsaid("alice", session_id) == "protocol_error"


# --- one that does not answer


class Shy(NetworkError):
    """An error that cannot be written down: it never says what it is about."""

    def __init__(self, reason: str) -> None:
        Exception.__init__(self, reason)


class Mute(Exception):
    """An error that raises when it is asked what it is about."""

    def __str__(self) -> str:
        raise RuntimeError("mute")


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "raises": (raising(ZeroDivisionError("by 0")), "raised ZeroDivisionError: by 0"),
    "raises a text that cannot be stored": (raising(ValueError("\ud800")), "raised ValueError: \\ud800"),
    "raises what cannot be told": (raising(Mute()), "raised Mute"),
    "raises an error that cannot be written down": (raising(Shy("x")), "refused with Shy, which cannot be written down"),
    "answers None": (lambda: None, "answered with None where Allow or Deny was expected"),
    "answers yes": (lambda: True, "answered with True where Allow or Deny was expected"),
    "answers with the class": (lambda: Allow, "answered with type where Allow or Deny was expected"),
    "denies with no text": (lambda: Deny(7), "refused with AccessDeniedError, which cannot be written down"),  # type: ignore[arg-type]
    "denies with what cannot be stored": (lambda: Deny("\ud800"), "refused with AccessDeniedError, which cannot be written down"),
    "denies with another error": (lambda: Deny("x", ValueError), "raised ValueError: x"),  # type: ignore[arg-type]
    "denies with no error": (lambda: Deny("x", None), "raised TypeError: 'NoneType' object is not callable"),  # type: ignore[arg-type]
}
"""What an arbiter must not do, and what is said of it."""


@pytest.mark.parametrize("seam", REFUSING)
@pytest.mark.parametrize("wrong", WRONG)
def test_one_that_does_not_answer_denies(seam: str, wrong: str) -> None:
    does, told = WRONG[wrong]
    hub, session_id = prepared(At(seam, does))
    assert ask_at(hub, session_id, seam) == "protocol_error"
    assert refusal_of(hub) == f"expected Allow or Deny of the hub's arbiter, which {told}"


@pytest.mark.parametrize("wrong", WRONG)
def test_one_that_does_not_answer_at_a_delivery_skips_it(wrong: str) -> None:
    does, told = WRONG[wrong]
    hub, session_id = prepared(At("delivery", does))
    assert ask_at(hub, session_id, "delivery") is None
    assert skipped_by(hub) == [(("bob",), f"expected Allow or Deny of the hub's arbiter, which {told}")]


@pytest.mark.parametrize("seam", REFUSING)
def test_an_error_of_the_family_is_the_refusal_itself(seam: str) -> None:
    hub, session_id = prepared(At(seam, raising(AuthError("expected a badge", where="badge"))))
    assert ask_at(hub, session_id, seam) == "auth_failed"
    assert hub.log[-1].refusal is not None
    assert (hub.log[-1].refusal.message, hub.log[-1].refusal.where) == ("expected a badge", "badge")


def test_an_error_of_the_family_at_a_delivery_is_the_reason_it_is_skipped_for() -> None:
    hub, session_id = prepared(At("delivery", raising(AuthError("expected a badge"))))
    assert ask_at(hub, session_id, "delivery") is None
    assert skipped_by(hub) == [(("bob",), "expected a badge")]


# --- strangers


class Front(RuleBasedArbiter):
    """Takes `desk` for bob and carol, `nobody` for nobody."""

    name = "front"

    def resolve_stranger(self, state: HubState, envelope: Envelope, stranger_id: str) -> tuple[str, ...] | None:
        desk = (find_agent_id(state, "bob") or "", find_agent_id(state, "carol") or "")
        return {"desk": desk, "nobody": (), "me": (envelope.sender_id,)}.get(stranger_id)


def fronted() -> tuple[Talks, str]:
    hub = Talks("alice", "bob", "carol", "dave", adapters=[Free()], arbiter=Front())
    hub.ids |= {name: name for name in ("desk", "nobody", "me", "unknown")}
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.ack_all("alice", "bob", "carol")
    return hub, session_id


@pytest.mark.parametrize(
    ("to", "went_to"),
    [
        (("desk",), ("bob", "carol")),
        (("nobody",), ()),
        (("carol", "desk"), ("carol", "bob")),
        (("desk", "carol", "alice"), ("bob", "carol", "alice")),
        (("me", "nobody"), ("alice",)),
    ],
)
def test_participants_take_the_place_of_strangers_each_once(to: tuple[str, ...], went_to: tuple[str, ...]) -> None:
    hub, session_id = fronted()
    word = hub.say("alice", session_id, to=to)
    assert word.audience == hub.these(*went_to)
    assert hub.log[-1].facts == (Readdressed(word.envelope_id, hub.these(*to)), word)
    assert [name for name in ("alice", "bob", "carol") if hub.count(name)] == sorted(went_to)


@pytest.mark.parametrize(
    ("to", "code"),
    [
        (("unknown",), "protocol_error"),
        (("desk", "unknown"), "protocol_error"),
        (("dave",), "protocol_error"),
        (("desk", "desk"), "protocol_error"),
        (("x" * 1025,), "malformed"),
        (tuple([f"x{at}" for at in range(1001)]), "malformed"),
    ],
)
def test_a_stranger_nobody_knows_is_refused(to: tuple[str, ...], code: str) -> None:
    hub, session_id = fronted()
    hub.ids |= {name: name for name in to if name not in hub.ids}
    assert hub.unsaid("alice", session_id, to=to) == code


def test_without_strangers_nothing_is_marked() -> None:
    hub, session_id = fronted()
    word = hub.say("alice", session_id, to=("bob",))
    assert hub.log[-1].facts == (word,)


def test_a_retry_to_a_stranger_is_the_same_request_and_answered_alike() -> None:
    hub, session_id = fronted()
    command = hub.saying("alice", session_id, to=("desk", "alice"), idempotency_key="k")
    word = hub.value(hub.who("alice"), command)
    assert hub.quiet(hub.who("alice"), command) == word
    hub.state = read_snapshot(hub.config, take_snapshot(hub.state))
    assert hub.quiet(hub.who("alice"), command) == word
    hub.close("alice", session_id)
    assert hub.quiet(hub.who("alice"), command) == word


@pytest.mark.parametrize("to", [("bob", "carol", "alice"), ("alice", "desk"), None, ("desk",)])
def test_another_audience_under_the_key_is_a_conflict_though_it_be_whom_it_went_to(to: tuple[str, ...] | None) -> None:
    hub, session_id = fronted()
    hub.say("alice", session_id, to=("desk", "alice"), idempotency_key="k")
    assert hub.unsaid("alice", session_id, to=to, idempotency_key="k") == "key_conflict"


def test_a_post_to_a_stranger_under_no_key_leaves_nothing_for_the_next() -> None:
    hub, session_id = fronted()
    hub.say("alice", session_id, to=("desk",))
    command = hub.saying("alice", session_id, to=("bob",), idempotency_key="k")
    word = hub.value(hub.who("alice"), command)
    assert hub.quiet(hub.who("alice"), command) == word


def test_the_command_is_read_back_as_it_was_asked() -> None:
    hub, session_id = fronted()
    command = hub.saying("alice", session_id, to=("desk",))
    hub.value(hub.who("alice"), command)
    assert hub.log[-1].kept is None
    assert hub.log[-1].command == command


def test_the_sender_may_write_to_whom_the_word_goes_not_to_whom_it_names() -> None:
    hub, session_id = fronted()
    hub.set_rule("alice", outbound_to=("bob", "carol"))
    hub.say("alice", session_id, to=("desk",))
    hub.set_rule("alice", outbound_to=("bob", "desk"))
    assert hub.unsaid("alice", session_id, to=("desk",)) == "access_denied"


def test_one_who_takes_a_strangers_place_may_be_deaf_or_full() -> None:
    hub, session_id = fronted()
    hub.set_rule("bob", inbound_from=())
    hub.set_rule("carol", inbox=Inbox(1, "drop_newest"))
    hub.say("alice", session_id, to=("desk",))
    word = hub.say("alice", session_id, to=("desk",))
    (rule, over, readdressed, _) = hub.log[-1].facts
    assert rule == Skipped(word.envelope_id, hub.these("bob"), "rule")
    assert over == Skipped(word.envelope_id, hub.these("carol"), "overflow")
    assert isinstance(readdressed, Readdressed)


@pytest.mark.parametrize(
    ("does", "code", "told"),
    [
        (raising(ValueError("x")), "protocol_error", "raised ValueError: x"),
        (raising(AuthError("no badge")), "auth_failed", "no badge"),
        (lambda: "bob", "protocol_error", "put str 'bob' in the place of"),
        (lambda: ["bob"], "protocol_error", "put list in the place of"),
        (lambda: ("demo:a:a4",), "protocol_error", "put tuple in the place of"),
        (lambda: (7,), "protocol_error", "put tuple in the place of"),
        (lambda: (["demo:a:a3"],), "protocol_error", "put tuple in the place of"),
    ],
)
def test_one_that_puts_no_participants_in_a_strangers_place_denies(does: Callable[[], Any], code: str, told: str) -> None:
    hub, session_id = prepared(At("stranger", does))
    hub.ids["desk"] = "desk"
    assert hub.unsaid("alice", session_id, to=("desk",)) == code
    assert told in refusal_of(hub)


def test_strangers_are_asked_for_with_the_word_as_it_was_addressed() -> None:
    hub, session_id = prepared(arbiter := At("stranger", lambda: ()))
    hub.ids |= {"desk": "desk", "door": "door"}
    word = hub.say("alice", session_id, to=("desk", "bob", "door"), now_ms=900)
    named = (("desk", hub.ids["bob"], "door"),) * 2
    assert [(asked.audience, who) for _, asked, who in arbiter.asked[:2]] == list(zip(named, ("desk", "door"), strict=True))
    assert arbiter.asked[0][0].now_ms == word.created_at_ms == 900


# --- several as one


@pytest.mark.parametrize("seam", SEAMS)
def test_what_all_allow_is_allowed(seam: str) -> None:
    hub, session_id = prepared(AllArbiters(Arbiter(), RuleBasedArbiter()))
    assert ask_at(hub, session_id, seam) is None
    assert skipped_by(hub) == []


@pytest.mark.parametrize("seam", REFUSING)
def test_the_first_that_denies_says_why_and_no_other_is_asked(seam: str) -> None:
    one, two, three = At(seam, Allow), At(seam, lambda: Deny("two", InboxFull)), At(seam, lambda: Deny("three"))
    hub, session_id = prepared(AllArbiters(one, two, three))
    assert (ask_at(hub, session_id, seam), refusal_of(hub)) == ("inbox_full", "two")
    assert [bool(arbiter.asked) for arbiter in (one, two, three)] == [True, True, False]


def test_the_first_that_denies_a_delivery_says_why() -> None:
    hub, session_id = prepared(AllArbiters(At("delivery", Allow), At("delivery", lambda: Deny("two"))))
    assert ask_at(hub, session_id, "delivery") is None
    assert skipped_by(hub) == [(("bob",), "two")]


@pytest.mark.parametrize("seam", REFUSING)
@pytest.mark.parametrize("wrong", ["raises", "answers None"])
def test_one_among_them_that_does_not_answer_denies(seam: str, wrong: str) -> None:
    does, told = WRONG[wrong]
    hub, session_id = prepared(AllArbiters(Arbiter(), At(seam, does), Arbiter()))
    assert ask_at(hub, session_id, seam) == "protocol_error"
    assert told in refusal_of(hub)


def test_the_first_that_knows_a_stranger_says_who_is_meant() -> None:
    hub, session_id = prepared(AllArbiters(Arbiter(), At("stranger", lambda: ()), Front()))
    hub.ids["desk"] = "desk"
    assert hub.say("alice", session_id, to=("desk",)).audience == ()


def test_a_stranger_none_of_them_knows_is_refused() -> None:
    hub, session_id = prepared(AllArbiters(Arbiter(), Front()))
    hub.ids["unknown"] = "unknown"
    assert hub.unsaid("alice", session_id, to=("unknown",)) == "protocol_error"


def test_none_at_all_allow_everything() -> None:
    hub, session_id = prepared(AllArbiters())
    assert ask_at(hub, session_id, "send") is None


# --- as part of the configuration


class Strict(Arbiter):
    """The next version of something."""

    version = 2


@pytest.mark.parametrize(
    ("arbiter", "part"),
    [
        (RuleBasedArbiter(), ("arbiter rules", "1")),
        (Strict(), ("arbiter Strict", "2")),
        (AllArbiters(RuleBasedArbiter(), Strict()), ("arbiter all of rules 1, Strict 2", "1")),
    ],
)
def test_its_name_and_version_are_recorded(arbiter: Arbiter, part: tuple[str, str]) -> None:
    mark = configured(HubConfig(arbiter=arbiter))
    assert part in mark.parts
    assert [name for name, _ in mark.parts if name.startswith("arbiter")] == [part[0]]


def test_another_arbiter_has_another_fingerprint() -> None:
    assert configured(HubConfig()).fingerprint != configured(HubConfig(arbiter=Strict())).fingerprint


# --- one of one's own: under 40 lines, from foldhub_core alone


class OfficeHours(RuleBasedArbiter):
    """Goes by the rules; names say a team, teams stay among themselves, nobody speaks at night."""

    name = "office-hours"
    version = 1

    def authorize_register(self, state: HubState, command: Register) -> Allow | Deny:
        if "-" not in command.passport.name:
            return Deny("expected a name such as team-person")
        return super().authorize_register(state, command)

    def authorize_open(self, state: HubState, creator_id: str, session_type: str, participants: tuple[str, ...]) -> Allow | Deny:
        if any(subject_of(state, one) != subject_of(state, creator_id) for one in participants):
            return Deny("expected agents of one's own subject")
        return super().authorize_open(state, creator_id, session_type, participants)

    def authorize_send(self, state: HubState, envelope: Envelope) -> Allow | Deny:
        if state.now_ms // 3_600_000 % 24 < 8:
            return Deny("expected words between 8 and 24 o'clock")
        return super().authorize_send(state, envelope)

    def resolve_stranger(self, state: HubState, envelope: Envelope, stranger_id: str) -> tuple[str, ...] | None:
        others = get_session(state, envelope.session_id).participants
        team = [one.agent_id for one in others if name_for(state, one.agent_id).startswith(f"{stranger_id}-")]
        return tuple(team) or None


def test_an_arbiter_of_ones_own() -> None:
    hub = Talks(arbiter=OfficeHours())
    assert hub.refused(owner("a"), registration("alice")) == "access_denied"
    for name in ("law-alice", "law-bob", "tax-carol"):
        hub.ids[name] = hub.register(name, by=owner(name[:3]))
    assert hub.refused(hub.who("law-alice"), hub.opening("law-alice", "tax-carol")) == "access_denied"
    session_id = hub.opened("law-alice", "law-bob")
    assert hub.unsaid("law-alice", session_id) == "access_denied"
    hub.now_ms = 8 * 3_600_000
    hub.say("law-alice", session_id)
    hub.ids["law"] = "law"
    assert hub.say("law-alice", session_id, to=("law",)).audience == hub.these("law-alice", "law-bob")
    assert hub.refused(hub.who("law-bob"), Post(envelope=Envelope(session_id, hub.ids["law-bob"], EV_TEXT, audience=("tax",))))
