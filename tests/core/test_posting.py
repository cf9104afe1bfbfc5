"""Posting: who may say what to whom, what the hub adds to it, and what becomes of it at a full or deaf recipient."""

from typing import Any

import pytest

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_TEXT,
    AdapterResult,
    Deliver,
    Dropped,
    Emit,
    Envelope,
    HubConfig,
    Inbox,
    Limits,
    Post,
    Pressure,
    ProtocolError,
    Refuse,
    Session,
    Skipped,
    can_send,
    find_by_causation,
    inbox,
)
from foldhub_core.delivery import others
from foldhub_core.ids import make_id
from foldhub_core.posting import LONGEST_TTL
from tests.core.hub_driver import NOWHERE, owner
from tests.core.session_driver import Broken, Following, Free, Heard, Talks, skipped_by

LIMITS = Limits(short_text_chars=40, text_chars=50, participants=3)


def talking(*names: str, **fields: Any) -> tuple[Talks, str]:
    """A hub with a session of these agents, in which all that was said until now is acked."""
    hub = Talks(*(names or ("alice", "bob")), adapters=[Free(**fields)])
    session_id = hub.opened(*hub.ids, type="free")
    hub.ack_all()
    return hub, session_id


# --- what a post makes


def test_the_answer_is_the_envelope_with_the_hubs_stamp() -> None:
    hub, session_id = talking()
    posted = Envelope(
        session_id,
        hub.ids["alice"],
        "vote.cast",
        {"a": [1]},
        hub.these("bob"),
        "cause",
        "key",
        "task",
        "00-trace",
        "urgent",
        60,
    )
    word = hub.value(hub.who("alice"), Post(envelope=posted), 900)
    assert word == Envelope(
        session_id,
        hub.ids["alice"],
        "vote.cast",
        {"a": [1]},
        hub.these("bob"),
        "cause",
        "key",
        "task",
        "00-trace",
        "urgent",
        60,
        envelope_id=make_id("demo", "e", hub.state.seq),
        created_at_ms=900,
        number=4,
    )
    assert hub.log[-1].facts == (word,)


def test_what_the_client_writes_where_the_stamp_goes_is_written_over() -> None:
    hub, session_id = talking()
    word = hub.say("alice", session_id, envelope_id="mine", created_at_ms=7, number=99, now_ms=900)
    assert (word.created_at_ms, word.number) == (900, 4)
    assert word.envelope_id.startswith("demo:e:")


def test_what_was_posted_stays_as_it_was() -> None:
    hub, session_id = talking()
    command = hub.saying("alice", session_id)
    hub.value(hub.who("alice"), command)
    assert (command.envelope.envelope_id, command.envelope.number) == ("", 0)


def test_a_post_is_owed_to_everybody_but_its_sender() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.attach("bob")
    _, *effects = hub.ask(hub.who("alice"), hub.saying("alice", session_id))
    word = hub.words(session_id)[-1]
    assert effects == [Deliver(hub.ids["bob"], "l1", 3, 1, word)]
    assert [hub.count(name) for name in hub.ids] == [0, 1, 1]


@pytest.mark.parametrize(("to", "counts"), [(("carol",), [0, 0, 1]), ((), [0, 0, 0]), (("alice", "bob"), [1, 1, 0])])
def test_a_post_with_an_audience_is_owed_to_it_alone(to: tuple[str, ...], counts: list[int]) -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.say("alice", session_id, to=to)
    assert [hub.count(name) for name in hub.ids] == counts


@pytest.mark.parametrize(
    ("members", "sender", "heard"),
    [
        (("a", "b"), "a", ("b",)),
        (("a", "b"), "b", ("a",)),
        (("a", "b"), "hub", ("a", "b")),
        (("a", "b", "c"), "b", ("a", "c")),
        (("a",), "a", ()),
        (("a",), "hub", ("a",)),
    ],
)
def test_others_are_everybody_but_the_sender(members: tuple[str, ...], sender: str, heard: tuple[str, ...]) -> None:
    assert others(members, sender) == heard


# --- the checks and their order


class Mute(Free):
    """Lets nobody say a text."""

    def validate_send(self, session: Session, state: Heard, envelope: Envelope) -> None:
        if envelope.event_type == EV_TEXT:
            raise ProtocolError("expected no text", where="mute")

    def fold(self, state: Heard, envelope: Envelope) -> Heard:
        if envelope.event_type == "unfolded":
            raise RuntimeError("lost")
        return super().fold(state, envelope)


def test_nobody_speaks_for_another_not_even_under_a_known_key() -> None:
    hub, session_id = talking()
    hub.say("alice", session_id, idempotency_key="k")
    assert hub.refused(hub.who("bob"), hub.saying("alice", session_id, idempotency_key="k")) == "access_denied"


CHECKS: list[tuple[str, dict[str, Any]]] = [
    ("not_found", {}),
    ("not_found session_id", {"sender_id": "alice"}),
    ("session_over session_id", {"sender_id": "alice", "session_id": "over"}),
    ("protocol_error", {"sender_id": "alice", "session_id": "pending"}),
    ("access_denied event_type", {"sender_id": "alice", "session_id": "live"}),
    ("access_denied sender_id", {"sender_id": "alice", "session_id": "live", "event_type": "x" * 41}),
    ("protocol_error audience", {"sender_id": "bob", "session_id": "live", "event_type": "x" * 41}),
    ("malformed event_type", {"sender_id": "bob", "session_id": "live", "event_type": "x" * 41, "audience": ("carol",)}),
    ("inbox_full", {"sender_id": "bob", "session_id": "live", "event_type": EV_TEXT, "audience": ("carol",)}),
    ("protocol_error mute", {"sender_id": "bob", "session_id": "live", "event_type": EV_TEXT, "audience": ("bob",)}),
    ("protocol_error", {"sender_id": "bob", "session_id": "live", "event_type": "unfolded", "audience": ("bob",)}),
]


@pytest.mark.parametrize(("refusal", "fields"), CHECKS, ids=[code for code, _ in CHECKS])
def test_the_first_check_that_fails_says_what_is_wrong(refusal: str, fields: dict[str, Any]) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Mute("mute")], limits=LIMITS)
    hub.set_rule("carol", inbox=Inbox(max_pending=1))
    sessions = {"live": hub.opened("bob", "carol", type="mute"), "pending": hub.pending("alice", "bob", type="mute")}
    sessions["over"] = hub.pending("alice", "bob", type="mute")
    hub.close("alice", sessions["over"])
    hub.say("bob", sessions["live"], event_type="note")
    wrong = {"sender_id": NOWHERE, "session_id": NOWHERE, "event_type": EV_SESSION_CLOSED, "audience": (NOWHERE,)} | fields
    wrong["sender_id"] = hub.ids.get(wrong["sender_id"], NOWHERE)
    wrong["session_id"] = sessions.get(wrong["session_id"], "demo:s:c999")
    wrong["audience"] = tuple([hub.ids.get(name, NOWHERE) for name in wrong["audience"]])
    (answer,) = hub.ask(owner("s", wrong["sender_id"]), Post(envelope=Envelope(**wrong)))
    assert isinstance(answer, Refuse)
    assert f"{answer.error.code} {answer.error.where}".strip() == refusal


def test_a_missing_adapter_is_told_before_a_full_inbox() -> None:
    hub, session_id = talking()
    hub.set_rule("bob", inbox=Inbox(max_pending=1))
    hub.say("alice", session_id)
    hub.config, before = HubConfig(), hub.config
    assert hub.unsaid("alice", session_id) == "protocol_error"
    assert hub.log[-1].refusal is not None
    assert hub.log[-1].refusal.where == "session_id"
    hub.config = before
    assert hub.unsaid("alice", session_id) == "inbox_full"


@pytest.mark.parametrize(
    "event_type", [EV_SESSION_CLOSED, "session.anything", "task.x", "agent.registered", "expectation.violated"]
)
def test_a_forged_hub_event_is_refused(event_type: str) -> None:
    hub, session_id = talking(information=(event_type,))
    assert hub.unsaid("alice", session_id, event_type=event_type) == "access_denied"
    assert hub.is_live(session_id)


@pytest.mark.parametrize("to", [("bob", "bob"), ("carol",), ("bob", "carol")])
def test_an_audience_is_of_participants_each_once(to: tuple[str, ...]) -> None:
    hub = Talks("alice", "bob", "carol")
    session_id = hub.opened("alice", "bob")
    assert hub.unsaid("alice", session_id, to=to) == "protocol_error"


@pytest.mark.parametrize(
    "fields",
    [
        {"event_type": "x" * 41},
        {"causation_id": "x" * 41},
        {"idempotency_key": "x" * 41},
        {"task_id": "x" * 41},
        {"trace_id": "x" * 41},
        {"ttl_seconds": 0},
        {"ttl_seconds": -1},
        {"ttl_seconds": LONGEST_TTL + 1},
        {"depth": -1},
        {"text": "x" * 51},
    ],
)
def test_what_is_too_large_is_malformed(fields: dict[str, Any]) -> None:
    hub = Talks("alice", "bob", adapters=[Free()], limits=LIMITS)
    assert hub.unsaid("alice", hub.opened("alice", "bob", type="free"), **fields) == "malformed"


@pytest.mark.parametrize(
    "fields",
    [
        {"event_type": "x" * 40},
        {"causation_id": "x" * 40},
        {"idempotency_key": "x" * 40},
        {"task_id": "x" * 40},
        {"trace_id": "x" * 40},
        {"ttl_seconds": 1},
        {"ttl_seconds": LONGEST_TTL},
        {"depth": 0},
        {"text": "x" * 50},
    ],
)
def test_what_is_as_large_as_it_may_be_is_taken(fields: dict[str, Any]) -> None:
    hub = Talks("alice", "bob", adapters=[Free()], limits=LIMITS)
    hub.say("alice", hub.opened("alice", "bob", type="free"), **fields)


def test_a_longer_audience_than_a_session_may_have_is_malformed() -> None:
    hub, session_id = talking("alice", "bob", "carol", "dave")
    hub.restart(Free(), limits=LIMITS)
    assert hub.unsaid("alice", session_id, to=("alice", "bob", "carol", "dave")) == "malformed"


def test_a_type_that_is_information_is_nobodys_turn() -> None:
    hub = Talks("alice", "bob", adapters=[Mute("mute"), Mute("open", information=(EV_TEXT,))])
    assert hub.unsaid("alice", hub.opened("alice", "bob", type="mute")) == "protocol_error"
    hub.say("alice", hub.opened("alice", "bob", type="open"))


def test_a_refusal_of_the_protocol_reaches_the_sender_as_it_is() -> None:
    hub = Talks("alice", "bob", adapters=[Mute("mute")])
    hub.unsaid("alice", hub.opened("alice", "bob", type="mute"))
    assert hub.log[-1].refusal is not None
    assert (hub.log[-1].refusal.message, hub.log[-1].refusal.where) == ("expected no text", "mute")


# --- keys


def test_a_retry_is_answered_with_the_envelope_that_was_said() -> None:
    hub, session_id = talking()
    command = hub.saying("alice", session_id, idempotency_key="k", causation_id="c", trace_id="t")
    word = hub.value(hub.who("alice"), command, 900)
    assert hub.quiet(hub.who("alice"), command) == word
    assert hub.count("bob") == 1


def test_a_retry_is_answered_after_the_session_is_over() -> None:
    hub, session_id = talking()
    word = hub.say("alice", session_id, idempotency_key="k")
    hub.close("alice", session_id)
    hub.ack_all()
    assert hub.quiet(hub.who("alice"), hub.saying("alice", session_id, idempotency_key="k")) == word


def test_a_retry_is_answered_whatever_became_of_its_session() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.set_rule("bob", inbox=Inbox(max_pending=1))
    word = hub.say("alice", session_id, idempotency_key="k")
    hub.leave("alice", session_id)
    hub.restart()
    assert hub.quiet(hub.who("alice"), hub.saying("alice", session_id, idempotency_key="k")) == word


def test_a_retry_is_the_same_whatever_its_stamp_and_depth() -> None:
    hub, session_id = talking()
    word = hub.say("alice", session_id, idempotency_key="k", depth=3)
    retry = hub.saying("alice", session_id, idempotency_key="k", envelope_id="e", created_at_ms=5, number=9, depth=1)
    assert hub.quiet(hub.who("alice"), retry) == word


@pytest.mark.parametrize(
    "other",
    [
        {"text": "else"},
        {"to": ("bob",)},
        {"causation_id": "c"},
        {"event_type": "note"},
        {"priority": "urgent"},
        {"ttl_seconds": 5},
        {"task_id": "t"},
        {"trace_id": "t"},
    ],
)
def test_another_body_under_the_key_is_a_conflict_and_the_first_stands(other: dict[str, Any]) -> None:
    hub, session_id = talking()
    word = hub.say("alice", session_id, idempotency_key="k")
    assert hub.unsaid("alice", session_id, idempotency_key="k", **other) == "key_conflict"
    assert hub.quiet(hub.who("alice"), hub.saying("alice", session_id, idempotency_key="k")) == word


def test_the_same_words_under_the_key_in_another_session_are_a_conflict() -> None:
    hub, session_id = talking()
    other = hub.opened("alice", "bob", type="free")
    hub.say("alice", session_id, idempotency_key="k")
    assert hub.unsaid("alice", other, idempotency_key="k") == "key_conflict"


def test_a_key_is_its_senders() -> None:
    hub, session_id = talking()
    one, two = [hub.say(name, session_id, idempotency_key="k") for name in ("alice", "bob")]
    assert one.envelope_id != two.envelope_id


def test_a_key_of_an_opening_is_not_that_of_a_post() -> None:
    hub, _ = talking()
    session_id = hub.opened("alice", "bob", type="free", idempotency_key="k")
    assert hub.say("alice", session_id, idempotency_key="k").session_id == session_id


def test_a_refused_post_uses_up_no_key() -> None:
    hub, session_id = talking()
    assert hub.unsaid("alice", session_id, to=("bob", "bob"), idempotency_key="k") == "protocol_error"
    hub.say("alice", session_id, idempotency_key="k")


def test_a_key_is_forgotten_when_its_time_is_over() -> None:
    hub, session_id = talking()
    command = hub.saying("alice", session_id, idempotency_key="k")
    hub.value(hub.who("alice"), command, 1000)
    hub.tick_until_rest(1000 + Limits().key_ms - 1)
    hub.quiet(hub.who("alice"), command, hub.now_ms)
    hub.tick_until_rest(1000 + Limits().key_ms)
    assert hub.refused(hub.who("alice"), command) == "session_over"


# --- causes


def test_the_answer_to_a_cause_is_found_while_the_cause_is_owed() -> None:
    hub, session_id = talking()
    cause = hub.say("alice", session_id)
    assert find_by_causation(hub.state, hub.ids["bob"], cause.envelope_id) is None
    answer = hub.say("bob", session_id, causation_id=cause.envelope_id)
    assert find_by_causation(hub.state, hub.ids["bob"], cause.envelope_id) == answer.envelope_id
    hub.ack_all("bob")
    assert find_by_causation(hub.state, hub.ids["bob"], cause.envelope_id) is None


def test_what_is_said_in_another_session_for_a_cause_is_no_answer_to_it() -> None:
    hub, session_id = talking()
    elsewhere = hub.opened("bob", "alice")
    cause = hub.say("alice", session_id)
    assert hub.say("bob", elsewhere, causation_id=cause.envelope_id).depth == 1
    assert find_by_causation(hub.state, hub.ids["bob"], cause.envelope_id) is None


def test_an_answer_is_its_senders() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    cause = hub.say("alice", session_id)
    hub.say("bob", session_id, causation_id=cause.envelope_id)
    assert find_by_causation(hub.state, hub.ids["carol"], cause.envelope_id) is None
    assert find_by_causation(hub.state, hub.ids["alice"], cause.envelope_id) is None


def test_a_cause_that_nobody_owes_is_carried_and_no_more() -> None:
    hub, session_id = talking()
    assert hub.say("alice", session_id, causation_id="from elsewhere").causation_id == "from elsewhere"
    assert find_by_causation(hub.state, hub.ids["alice"], "from elsewhere") is None


def test_one_that_was_never_sent_anything_has_answered_nothing() -> None:
    hub = Talks("alice")
    assert find_by_causation(hub.state, hub.ids["alice"], "demo:e:a1") is None


# --- depth


def delegating() -> tuple[Talks, str, str]:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    return hub, hub.opened("alice", "bob", type="free"), hub.opened("bob", "carol", type="free")


def test_an_answer_in_the_same_session_is_as_deep_as_its_cause() -> None:
    hub, first, _ = delegating()
    cause = hub.say("alice", first, depth=2)
    assert hub.say("bob", first, causation_id=cause.envelope_id).depth == 2


def test_a_cause_in_another_session_makes_one_deeper() -> None:
    hub, first, second = delegating()
    cause = hub.say("alice", first)
    further = hub.say("bob", second, causation_id=cause.envelope_id)
    assert (cause.depth, further.depth) == (0, 1)
    assert hub.say("carol", second, causation_id=further.envelope_id).depth == 1


def test_a_client_may_say_it_is_deeper_but_not_that_it_is_less_deep() -> None:
    hub, first, second = delegating()
    hub.set_rule("bob", delegation_depth=0)
    cause = hub.say("alice", first, depth=4)
    assert hub.say("bob", second, causation_id=cause.envelope_id, depth=1).depth == 5
    assert hub.say("bob", second, causation_id=cause.envelope_id, depth=9).depth == 9


@pytest.mark.parametrize("cause", [None, "unknown"])
def test_without_a_cause_that_is_owed_the_depth_is_what_the_client_says(cause: str | None) -> None:
    hub = Talks("alice", adapters=[Free()])
    session_id = hub.opened("alice", "alice", type="free")
    assert hub.say("alice", session_id, causation_id=cause, depth=3).depth == 3


def test_the_depth_is_what_the_client_says_where_nothing_was_ever_owed_to_it() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.pending("alice", "bob", type="free")
    mailbox = hub.state.mailboxes.get(hub.ids["alice"])
    hub.answer("bob", session_id)
    assert mailbox is None
    assert hub.say("alice", session_id, causation_id="demo:e:a1", depth=2).depth == 2


# --- full inboxes


def filled(overflow: Any, most: int = 2, high_water: int | None = 0) -> tuple[Talks, str]:
    """A session in which bob has as many pending deliveries as he takes."""
    hub, session_id = talking("alice", "bob", "carol")
    hub.set_rule("bob", inbox=Inbox(most, overflow, high_water))
    for at in range(most):
        hub.say("alice", session_id, f"{at}")
    assert hub.count("bob") == most
    return hub, session_id


def test_a_full_inbox_refuses_by_its_rule() -> None:
    hub, session_id = filled("reject")
    owed = hub.numbers("carol")
    assert hub.unsaid("alice", session_id) == "inbox_full"
    assert hub.numbers("carol") == owed, "what one is refused nobody gets"
    hub.say("alice", session_id, to=("carol",))
    hub.ack("bob", hub.numbers("bob")[0])
    hub.say("alice", session_id)


def test_a_full_inbox_drops_the_oldest_by_its_rule() -> None:
    hub, session_id = filled("drop_oldest")
    before = hub.numbers("bob")
    oldest = hub.state.mailboxes[hub.ids["bob"]].owed[before[0]].envelope_id
    hub.say("alice", session_id)
    assert hub.log[-1].facts[0] == Dropped(hub.ids["bob"], before[0], session_id, oldest, "overflow")
    assert hub.numbers("bob") == (before[1], before[1] + 1)
    assert hub.count("bob") == 2


def test_a_full_inbox_drops_the_newest_by_its_rule() -> None:
    hub, session_id = filled("drop_newest")
    before = hub.numbers("bob")
    word = hub.say("alice", session_id)
    assert hub.log[-1].facts[0] == Skipped(word.envelope_id, hub.these("bob"), "overflow")
    assert hub.numbers("bob") == before
    assert hub.count("carol") == 3


def test_what_was_dropped_leaves_no_gap_in_the_numbers_of_a_reader() -> None:
    hub, session_id = filled("drop_newest")
    last = hub.numbers("bob")[-1]
    hub.say("alice", session_id)
    hub.ack_all("bob")
    hub.say("alice", session_id)
    assert hub.numbers("bob") == (last + 1,)


@pytest.mark.parametrize("overflow", ["reject", "drop_oldest", "drop_newest"])
def test_the_hubs_own_words_are_neither_counted_nor_dropped(overflow: str) -> None:
    hub, session_id = filled(overflow)
    hub.opened("alice", "bob", type="free")
    hub.leave("carol", session_id)
    assert hub.count("bob") == 2
    hub.close("alice", session_id)
    assert len(hub.numbers("bob")) == 2 + 4
    assert hub.owed_types("bob")[-1] == EV_SESSION_CLOSED


def test_only_what_counts_is_dropped_for_what_is_newer() -> None:
    hub, session_id = talking()
    invite = hub.pending("alice", "bob", type="free")
    hub.set_rule("bob", inbox=Inbox(1, "drop_oldest"))
    for _ in range(3):
        hub.say("alice", session_id)
    assert hub.owed_types("bob") == ["session.invited", EV_TEXT]
    assert hub.is_live(invite)


def test_an_inbox_without_a_cap_is_never_full() -> None:
    hub, session_id = talking()
    hub.set_rule("bob", inbox=Inbox(0))
    for _ in range(5):
        hub.say("alice", session_id)
    assert hub.count("bob") == 5


def test_a_full_inbox_of_ones_own_counts_when_one_speaks_to_oneself() -> None:
    hub, session_id = talking()
    hub.set_rule("alice", inbox=Inbox(1))
    hub.say("alice", session_id, to=("alice",))
    assert hub.unsaid("alice", session_id, to=("alice",)) == "inbox_full"
    hub.say("alice", session_id)


def test_what_a_refused_post_would_have_dropped_stays() -> None:
    hub = Talks("alice", "bob", adapters=[Broken("validate_send", "bad")])
    session_id = hub.opened("alice", "bob", type="broken")
    hub.set_rule("bob", inbox=Inbox(1, "drop_oldest"))
    hub.say("alice", session_id)
    before = hub.numbers("bob")
    assert hub.unsaid("alice", session_id, event_type="bad") == "protocol_error"
    assert hub.numbers("bob") == before


# --- recipients who do not hear the sender


def test_a_recipient_whose_rule_refuses_the_sender_is_skipped_without_a_word_to_it() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    hub.set_rule("bob", inbound_from=("c*",))
    hub.attach("bob")
    answer, *effects = hub.ask(hub.who("alice"), hub.saying("alice", session_id))
    assert not isinstance(answer, Refuse)
    assert effects == []
    assert skipped_by(hub) == [(("bob",), "rule")]
    assert [hub.count(name) for name in hub.ids] == [0, 0, 1]
    hub.say("carol", session_id)
    assert [hub.count(name) for name in hub.ids] == [1, 1, 1]


def test_who_is_skipped_once_hears_the_next() -> None:
    hub, session_id = talking()
    hub.set_rule("bob", inbound_from=())
    hub.say("alice", session_id)
    hub.set_rule("bob")
    hub.say("alice", session_id)
    assert hub.count("bob") == 1


def test_what_a_protocol_says_after_a_skipped_word_is_heard() -> None:
    hub = Talks("alice", "bob", adapters=[Following({EV_TEXT: AdapterResult(emit=(Emit("note"),))})])
    session_id = hub.opened("alice", "bob", type="following")
    hub.ack_all()
    hub.set_rule("bob", inbound_from=())
    hub.say("alice", session_id)
    assert hub.owed_types("bob") == ["note"]


def test_a_full_inbox_that_would_not_hear_the_sender_refuses_nothing() -> None:
    hub, session_id = filled("reject")
    hub.set_rule("bob", inbox=Inbox(2), inbound_from=("carol",))
    hub.say("alice", session_id)
    assert hub.unsaid("carol", session_id) == "inbox_full"


def test_the_deaf_and_the_full_are_skipped_each_for_their_reason() -> None:
    hub, session_id = filled("drop_newest")
    hub.set_rule("carol", inbound_from=("bob",))
    hub.say("alice", session_id)
    assert skipped_by(hub) == [(("carol",), "rule"), (("bob",), "overflow")]


# --- pressure


@pytest.mark.parametrize(
    ("most", "high_water", "told_at"),
    [(10, None, 8), (10, 3, 3), (10, 0, None), (1, None, 1), (4, None, 3), (0, None, None), (0, 5, None), (2, 2, 2)],
)
def test_pressure_is_told_when_high_water_is_reached(most: int, high_water: int | None, told_at: int | None) -> None:
    hub, session_id = talking()
    hub.set_rule("bob", inbox=Inbox(most, "reject", high_water))
    told: list[tuple[int, Pressure]] = []
    for sent in range(1, (most or 10) + 1):
        effects = hub.ask(hub.who("alice"), hub.saying("alice", session_id))
        told += [(sent, effect) for effect in effects if isinstance(effect, Pressure)]
    assert told == ([] if told_at is None else [(told_at, Pressure(hub.ids["bob"], told_at, most))])


def test_pressure_is_told_again_after_it_fell_and_rose() -> None:
    hub, session_id = talking()
    hub.set_rule("bob", inbox=Inbox(10, "reject", 2))
    told: list[bool] = []
    for _ in range(3):
        effects = hub.ask(hub.who("alice"), hub.saying("alice", session_id))
        told.append(any(isinstance(effect, Pressure) for effect in effects))
    hub.ack("bob", *hub.numbers("bob")[:2])
    effects = hub.ask(hub.who("alice"), hub.saying("alice", session_id))
    assert (told, any(isinstance(effect, Pressure) for effect in effects)) == ([False, True, False], True)


def test_the_hubs_own_words_make_no_pressure() -> None:
    hub, session_id = talking()
    hub.set_rule("bob", inbox=Inbox(10, "reject", 1))
    hub.say("alice", session_id)
    _, *effects = hub.close("alice", session_id)
    assert effects == []


# --- the probe


def test_a_probe_says_what_a_post_would_be_refused_with() -> None:
    hub = Talks("alice", "bob", "carol")
    session_id = hub.opened("alice", "bob", type="consulting")
    codes = {name: can_send(hub.config, hub.state, session_id, hub.ids[name]) for name in hub.ids}
    assert {name: error and error.code for name, error in codes.items()} == {
        "alice": None,
        "bob": "protocol_error",
        "carol": "access_denied",
    }


@pytest.mark.parametrize(
    ("session_id", "sender", "code"),
    [("demo:s:c999", "alice", "not_found"), ("demo:s:a1", "alice", "session_over"), ("demo:s:c999", "nobody", "not_found")],
)
def test_a_probe_of_what_is_not_there_says_so(session_id: str, sender: str, code: str) -> None:
    hub = Talks("alice", "bob")
    error = can_send(hub.config, hub.state, session_id, hub.ids.get(sender, NOWHERE))
    assert error is not None
    assert error.code == code


def test_a_probe_is_of_one_event_type() -> None:
    hub, session_id = talking()
    hub.restart(Mute("free"))
    assert can_send(hub.config, hub.state, session_id, hub.ids["alice"], "note") is None
    error = can_send(hub.config, hub.state, session_id, hub.ids["alice"])
    assert error is not None
    assert error.where == "mute"


def test_a_probe_finds_full_inboxes_of_those_who_would_hear() -> None:
    hub, session_id = filled("reject")
    error = can_send(hub.config, hub.state, session_id, hub.ids["alice"])
    assert error is not None
    assert error.code == "inbox_full"
    hub.set_rule("bob", inbox=Inbox(2), inbound_from=())
    assert can_send(hub.config, hub.state, session_id, hub.ids["alice"]) is None


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
def test_a_probe_finds_no_fault_with_inboxes_that_drop(overflow: str) -> None:
    hub, session_id = filled(overflow)
    assert can_send(hub.config, hub.state, session_id, hub.ids["alice"]) is None
    assert inbox(hub.state, hub.ids["bob"]).pending == 2
