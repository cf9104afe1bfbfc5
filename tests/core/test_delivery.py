"""Delivery: what is owed to whom, until it is acked, dropped or given up; and on which link it goes out."""

from typing import Any

import pytest

from foldhub_core import (
    EV_SESSION_INVITE,
    EV_SESSION_OPENED,
    EV_TEXT,
    Ack,
    Acked,
    Attach,
    Commit,
    DeadLettered,
    Deliver,
    Detach,
    Dropped,
    Evict,
    Inbox,
    Limits,
    Nack,
    Nacked,
    NotFoundError,
    Pressure,
    Rearmed,
    Redeliver,
    Redelivered,
    Resend,
    Resent,
    dead_letters,
    find_by_causation,
    inbox,
    inbox_cursor,
    owed_after,
)
from foldhub_core.delivery import LOOKED_AT, OWED_PAGE
from tests.core.hub_driver import ADMIN, NOWHERE, owner
from tests.core.session_driver import Free, Talks


def talking(*names: str, limits: Limits | None = None) -> tuple[Talks, str]:
    """A hub with a session of these agents, none of them attached, in which all that was said until now is acked."""
    hub = Talks(*(names or ("alice", "bob")), adapters=[Free()], limits=limits)
    session_id = hub.opened(*hub.ids, type="free", ttl=0)
    hub.ack_all()
    return hub, session_id


def numbers_of(effects: tuple[Any, ...]) -> list[tuple[int, int]]:
    """Number and attempt of what is sent."""
    return [(effect.number, effect.attempt) for effect in effects if isinstance(effect, Deliver | Redeliver)]


# --- first deliveries


def test_numbers_are_dense_over_all_sessions_of_an_agent() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    first, second = hub.opened("alice", "bob", type="free"), hub.opened("alice", "bob", type="free")
    hub.attach("bob")
    sent: list[tuple[int, int]] = []
    for session_id in (second, first, second):
        sent += numbers_of(hub.ask(hub.who("alice"), hub.saying("alice", session_id)))
    assert sent == [(5, 1), (6, 1), (7, 1)]


def test_first_deliveries_go_out_in_the_order_of_the_audience() -> None:
    hub, session_id = talking("alice", "bob", "carol")
    for name in ("bob", "carol"):
        hub.attach(name, f"to {name}")
    _, *effects = hub.ask(hub.who("alice"), hub.saying("alice", session_id, to=("carol", "bob")))
    word = hub.words(session_id)[-1]
    assert effects == [
        Deliver(hub.ids["carol"], "to carol", 3, 1, word),
        Deliver(hub.ids["bob"], "to bob", 3, 1, word),
    ]


def test_what_is_owed_to_one_that_is_away_is_not_sent() -> None:
    hub, session_id = talking()
    _, *effects = hub.ask(hub.who("alice"), hub.saying("alice", session_id))
    assert effects == []
    assert hub.count("bob") == 1


# --- acks


def test_acks_are_of_each_delivery_in_any_order() -> None:
    hub, session_id = talking()
    for _ in range(4):
        hub.say("alice", session_id)
    first, second, third, fourth = hub.numbers("bob")
    hub.ack("bob", third)
    assert hub.numbers("bob") == (first, second, fourth)
    assert inbox_cursor(hub.state, hub.ids["bob"]) == first - 1
    hub.ack("bob", fourth, first)
    assert hub.numbers("bob") == (second,)
    assert inbox_cursor(hub.state, hub.ids["bob"]) == first
    hub.ack("bob", second)
    assert inbox_cursor(hub.state, hub.ids["bob"]) == fourth


def test_what_is_not_acked_is_still_owed_behind_what_is() -> None:
    hub, session_id = talking()
    word = hub.say("alice", session_id)
    hub.say("alice", session_id)
    hub.ack("bob", hub.numbers("bob")[1])
    (again,) = hub.attach("bob")
    assert isinstance(again, Redeliver)
    assert again.envelope_id == word.envelope_id


def test_numbers_that_are_not_owed_are_passed_over() -> None:
    hub, session_id = talking()
    hub.say("alice", session_id)
    (number,) = hub.numbers("bob")
    hub.ack("bob", 1, 99, -3, number, number)
    assert hub.log[-1].facts == (Acked(hub.ids["bob"], (number,)),)


@pytest.mark.parametrize("numbers", [(), (1,), (99,)])
def test_an_ack_of_nothing_that_is_owed_changes_nothing(numbers: tuple[int, ...]) -> None:
    hub, _ = talking()
    assert hub.quiet(hub.who("bob"), Ack(agent_id=hub.ids["bob"], numbers=numbers)) is None


def test_an_ack_before_anything_was_sent_changes_nothing() -> None:
    hub = Talks("alice")
    hub.quiet(hub.who("alice"), Ack(agent_id=hub.ids["alice"], numbers=(1,)))


def test_an_ack_is_lazy() -> None:
    hub, session_id = talking()
    hub.say("alice", session_id)
    assert not hub.log[-1].lazy
    hub.ack_all("bob")
    assert hub.log[-1].lazy


def test_too_many_numbers_at_once_are_malformed() -> None:
    hub, _ = talking(limits=Limits(list_items=3))
    assert hub.refused(hub.who("bob"), Ack(agent_id=hub.ids["bob"], numbers=(1, 2, 3, 4))) == "malformed"
    hub.quiet(hub.who("bob"), Ack(agent_id=hub.ids["bob"], numbers=(1, 2, 3)))


@pytest.mark.parametrize("kind", [Ack, Nack, Resend, Attach])
def test_nobody_settles_for_another(kind: type) -> None:
    hub, _ = talking()
    fields: dict[str, Any] = {"numbers": (1,)} if kind is Ack else {"link": "l"} if kind is Attach else {"number": 1}
    assert hub.refused(hub.who("alice"), kind(agent_id=hub.ids["bob"], **fields)) == "access_denied"
    assert hub.refused(owner("s", NOWHERE), kind(agent_id=NOWHERE, **fields)) == "not_found"


# --- nacks


def nacking(limits: Limits | None = None) -> tuple[Talks, int]:
    """A hub in which bob, attached, is owed one text; gives its number."""
    hub, session_id = talking(limits=limits)
    hub.attach("bob")
    hub.say("alice", session_id, now_ms=1000)
    (number,) = hub.numbers("bob")
    return hub, number


def owed_word(hub: Talks, number: int) -> tuple[str, str]:
    """The session and the envelope of a delivery that is owed to bob."""
    owed = hub.state.mailboxes[hub.ids["bob"]].owed[number]
    return owed.session_id, owed.envelope_id


def test_a_nacked_delivery_comes_again_after_a_pause() -> None:
    hub, number = nacking()
    which = owed_word(hub, number)
    hub.nack("bob", number, "busy", now_ms=2000)
    assert hub.log[-1].facts == (Nacked(hub.ids["bob"], number, *which, 3000, "busy"),)
    hub.tick_until_rest(2999)
    assert hub.numbers("bob") == (number,)
    (again,) = hub.tick(3000)
    word = hub.words(hub.state.mailboxes[hub.ids["bob"]].owed[number].session_id)[-1]
    assert again == Redeliver(hub.ids["bob"], "l1", number, 2, word.session_id, word.envelope_id)


def test_pauses_double_and_the_fifth_nack_gives_the_delivery_up() -> None:
    hub, number = nacking()
    now_ms, pauses = 1000, []
    for _ in range(4):
        hub.nack("bob", number, now_ms=now_ms)
        due_ms = hub.state.mailboxes[hub.ids["bob"]].waiting[number]
        pauses.append(due_ms - now_ms)
        now_ms = due_ms
        assert hub.tick(now_ms) != ()
    which = owed_word(hub, number)
    hub.nack("bob", number, "broken", now_ms=now_ms)
    assert pauses == [1000, 2000, 4000, 8000]
    assert hub.log[-1].facts == (DeadLettered(hub.ids["bob"], number, *which, "broken"),)
    assert (hub.count("bob"), hub.numbers("bob")) == (0, ())
    assert hub.dead("bob") == {number: "broken"}


def given_up(reason: str = "", **fields: Any) -> tuple[Talks, int]:
    """A hub in which bob has a dead letter; gives its number."""
    hub, number = nacking(**fields)
    for _ in range(5):
        hub.nack("bob", number, reason)
        hub.attach("bob", f"after {hub.now_ms}")
    return hub, number


def test_a_delivery_that_was_given_up_without_a_reason_is_given_one() -> None:
    hub, number = given_up()
    assert hub.dead("bob") == {number: "nacked too often"}


def test_reconnects_are_no_nacks() -> None:
    hub, number = nacking()
    for at in range(9):
        hub.attach("bob", f"link {at}")
    hub.nack("bob", number)
    assert hub.dead("bob") == {}
    assert hub.numbers("bob") == (number,)


def test_a_nack_that_comes_twice_is_one_nack() -> None:
    hub, number = nacking()
    hub.nack("bob", number)
    assert hub.quiet(hub.who("bob"), Nack(agent_id=hub.ids["bob"], number=number)) is None


@pytest.mark.parametrize("number", [1, 99, 0, -1])
def test_a_nack_of_what_is_not_owed_changes_nothing(number: int) -> None:
    hub, _ = nacking()
    assert hub.quiet(hub.who("bob"), Nack(agent_id=hub.ids["bob"], number=number)) is None


def test_a_reason_that_is_too_long_is_cut_in_the_log_too() -> None:
    hub, number = nacking(Limits(short_text_chars=40))
    hub.nack("bob", number, "x" * 41)
    fact, command = hub.log[-1].facts[0], hub.log[-1].command
    assert isinstance(fact, Nacked)
    assert isinstance(command, Nack)
    assert (fact.reason, command.reason) == ("x" * 40, "x" * 40)


def test_a_nacked_delivery_may_be_acked_during_its_pause() -> None:
    hub, number = nacking()
    hub.nack("bob", number)
    hub.ack("bob", number)
    assert hub.tick(60_000) == ()
    assert hub.count("bob") == 0


def test_a_nacked_delivery_holds_up_no_other() -> None:
    hub, number = nacking()
    session_id = hub.state.mailboxes[hub.ids["bob"]].owed[number].session_id
    hub.nack("bob", number, now_ms=2000)
    assert numbers_of(hub.ask(hub.who("alice"), hub.saying("alice", session_id))) == [(number + 1, 1)]
    assert numbers_of(hub.tick(3000)) == [(number, 2)]


def test_what_is_due_is_looked_at_again_when_the_next_pause_is_over() -> None:
    hub, number = nacking()
    session_id = hub.state.mailboxes[hub.ids["bob"]].owed[number].session_id
    hub.say("alice", session_id)
    hub.nack("bob", number, now_ms=2000)
    hub.nack("bob", number + 1, now_ms=2500)
    assert numbers_of(hub.tick(3000)) == [(number, 2)]
    assert hub.log[-1].facts == (Redelivered(hub.ids["bob"], number), Rearmed("agent", hub.ids["bob"], 3500))
    assert numbers_of(hub.tick(3500)) == [(number + 1, 2)]


# --- links and attempts


def test_a_link_is_sent_all_that_is_owed_in_the_order_of_its_numbers() -> None:
    hub, session_id = talking()
    words = [hub.say("alice", session_id, f"{at}") for at in range(12)]
    effects = hub.attach("bob")
    bob = hub.ids["bob"]
    assert effects == tuple(
        [Redeliver(bob, "l1", number, 1, session_id, word.envelope_id) for number, word in enumerate(words, start=3)]
    )


def test_a_new_link_evicts_the_old_one_and_is_sent_what_is_owed() -> None:
    hub, number = nacking()
    evict, again = hub.attach("bob", "l2")
    assert evict == Evict(hub.ids["bob"], "l1")
    assert isinstance(again, Redeliver)
    assert (again.link, again.number, again.attempt) == ("l2", number, 2)


def test_the_same_link_again_is_sent_nothing() -> None:
    hub, _ = nacking()
    hub.quiet(hub.who("bob"), Attach(agent_id=hub.ids["bob"], link="l1"))


def test_an_evicted_link_cannot_detach_its_successor() -> None:
    hub, number = nacking()
    hub.attach("bob", "l2")
    hub.quiet(ADMIN, Detach(agent_id=hub.ids["bob"], link="l1"))
    session_id = hub.state.mailboxes[hub.ids["bob"]].owed[number].session_id
    _, effect = hub.ask(hub.who("alice"), hub.saying("alice", session_id))
    assert isinstance(effect, Deliver)
    assert effect.link == "l2"


def test_what_is_said_while_an_agent_is_detached_waits_for_its_next_link() -> None:
    hub, number = nacking()
    hub.detach("bob")
    session_id = hub.state.mailboxes[hub.ids["bob"]].owed[number].session_id
    assert hub.ask(hub.who("alice"), hub.saying("alice", session_id))[1:] == ()
    assert numbers_of(hub.attach("bob")) == [(number, 2), (number + 1, 1)]


def test_a_restart_detaches_everybody_and_forgets_nothing() -> None:
    hub, number = nacking()
    hub.restart(Free())
    session_id = hub.state.mailboxes[hub.ids["bob"]].owed[number].session_id
    assert hub.ask(hub.who("alice"), hub.saying("alice", session_id))[1:] == ()
    assert numbers_of(hub.attach("bob")) == [(number, 2), (number + 1, 1)]


def test_an_attempt_is_counted_each_time_it_is_sent_and_no_other_time() -> None:
    hub, session_id = talking()
    hub.say("alice", session_id, now_ms=1000)
    (number,) = hub.numbers("bob")
    sent: list[tuple[int, int]] = []
    sent += numbers_of(hub.attach("bob", "l1"))
    hub.nack("bob", number, now_ms=2000)
    sent += numbers_of(hub.tick(3000))
    hub.nack("bob", number, now_ms=4000)
    hub.detach("bob", "l1")
    assert numbers_of(hub.tick(6000)) == [], "nobody is there"
    sent += numbers_of(hub.attach("bob", "l2"))
    hub.nack("bob", number, now_ms=7000)
    sent += numbers_of(hub.attach("bob", "l3"))
    assert sent == [(number, attempt) for attempt in (1, 2, 3, 4)]


def test_a_link_ends_all_pauses() -> None:
    hub, number = nacking()
    hub.nack("bob", number, now_ms=2000)
    assert numbers_of(hub.attach("bob", "l2")) == [(number, 2)]
    assert numbers_of(hub.tick(3000)) == []


def test_a_links_name_that_is_too_long_is_malformed() -> None:
    hub, _ = talking(limits=Limits(short_text_chars=40))
    assert hub.refused(hub.who("bob"), Attach(agent_id=hub.ids["bob"], link="x" * 41)) == "malformed"


# --- dead letters


def test_a_delivery_owed_too_long_is_given_up() -> None:
    hub, session_id = talking(limits=Limits(owed_ms=5000))
    hub.say("alice", session_id, now_ms=1000)
    hub.say("alice", session_id, now_ms=1500)
    first, second = hub.numbers("bob")
    hub.tick_until_rest(5999)
    assert hub.numbers("bob") == (first, second)
    hub.tick_until_rest(6000)
    assert (hub.numbers("bob"), hub.count("bob"), hub.dead("bob")) == ((second,), 1, {first: "owed too long"})
    hub.tick_until_rest(6500)
    assert (hub.count("bob"), sorted(hub.dead("bob"))) == (0, [first, second])


def test_a_hubs_own_word_that_is_owed_too_long_is_given_up_like_any_other() -> None:
    hub = Talks("alice", "bob", limits=Limits(owed_ms=5000))
    hub.pending("alice", "bob", now_ms=1000)
    hub.tick_until_rest(6000)
    assert hub.dead("bob") == {1: "owed too long"}


def test_a_restart_under_a_shorter_time_gives_up_earlier() -> None:
    hub, session_id = talking()
    hub.say("alice", session_id, now_ms=1000)
    (number,) = hub.numbers("bob")
    hub.restart(Free(), limits=Limits(owed_ms=5000))
    hub.tick_until_rest(6000)
    assert hub.dead("bob") == {number: "owed too long"}


def test_dead_letters_are_listed_by_number_with_what_is_known_of_them() -> None:
    hub, session_id = talking(limits=Limits(owed_ms=5000))
    words = [hub.say("alice", session_id, now_ms=1000) for _ in range(3)]
    hub.tick_until_rest(6000)
    letters = dead_letters(hub.state, hub.ids["bob"])
    assert [letter.owed.envelope_id for letter in letters] == [word.envelope_id for word in words]
    assert [letter.owed.attempts for letter in letters] == [0] * 3


def test_only_so_many_dead_letters_are_kept() -> None:
    hub, session_id = talking(limits=Limits(owed_ms=5000, dead_letters=2))
    for _ in range(3):
        hub.say("alice", session_id, now_ms=1000)
    numbers = hub.numbers("bob")
    hub.tick_until_rest(6000)
    assert tuple(hub.dead("bob")) == numbers[1:]


def test_a_dead_letter_is_owed_and_sent_again_on_demand() -> None:
    hub, number = given_up()
    (again,) = hub.resend("bob", number)
    assert numbers_of((again,)) == [(number, 6)]
    assert hub.log[-1].facts == (Resent(hub.ids["bob"], number, *owed_word(hub, number), hub.now_ms),)
    assert (hub.count("bob"), hub.dead("bob"), hub.numbers("bob")) == (1, {}, (number,))


def test_a_resent_letter_has_all_its_nacks_and_its_time_again() -> None:
    hub, number = given_up(limits=Limits(owed_ms=5000))
    hub.now_ms = 5900
    hub.resend("bob", number)
    hub.tick_until_rest(6100)
    hub.nack("bob", number)
    assert hub.dead("bob") == {}


def test_a_letter_that_is_resent_to_nobody_waits_for_a_link() -> None:
    hub, number = given_up()
    hub.detach("bob", hub.state.links[hub.ids["bob"]])
    assert hub.resend("bob", number) == ()
    assert numbers_of(hub.attach("bob")) == [(number, 6)]


def test_links_that_came_while_a_letter_was_dead_are_no_attempts() -> None:
    hub, number = given_up()
    for at in range(3):
        hub.attach("bob", f"idle {at}")
    assert numbers_of(hub.resend("bob", number)) == [(number, 6)]


def test_a_letter_that_is_resent_can_bring_its_inbox_to_high_water() -> None:
    hub, number = given_up()
    hub.set_rule("bob", inbox=Inbox(10, "reject", 1))
    assert hub.resend("bob", number)[1:] == (Pressure(hub.ids["bob"], 1, 10),)


def test_a_resent_word_of_the_hub_makes_no_pressure() -> None:
    hub = Talks("alice", "bob", limits=Limits(owed_ms=5000))
    hub.pending("alice", "bob", now_ms=1000)
    hub.tick_until_rest(6000)
    hub.set_rule("bob", inbox=Inbox(0))
    assert hub.resend("bob", 1) == ()
    assert hub.count("bob") == 0


def test_resending_again_changes_nothing() -> None:
    hub, number = given_up()
    hub.resend("bob", number)
    hub.quiet(hub.who("bob"), Resend(agent_id=hub.ids["bob"], number=number))
    hub.ack("bob", number)
    hub.quiet(hub.who("bob"), Resend(agent_id=hub.ids["bob"], number=number))


@pytest.mark.parametrize("number", [0, -1, 99])
def test_a_letter_that_never_was_cannot_be_resent(number: int) -> None:
    hub, _ = given_up()
    assert hub.refused(hub.who("bob"), Resend(agent_id=hub.ids["bob"], number=number)) == "not_found"


def test_a_letter_may_be_resent_after_its_session_is_over() -> None:
    hub, number = given_up()
    session_id = dead_letters(hub.state, hub.ids["bob"])[0].owed.session_id
    hub.close("alice", session_id)
    assert numbers_of(hub.resend("bob", number)) == [(number, 6)]


# --- words that are worth delivering for some time only


def test_a_word_that_is_not_worth_delivering_any_more_is_dropped() -> None:
    hub, session_id = talking()
    hub.say("alice", session_id, ttl_seconds=2, now_ms=1000)
    (number,) = hub.numbers("bob")
    hub.tick_until_rest(2999)
    assert hub.count("bob") == 1
    which = owed_word(hub, number)
    hub.tick_until_rest(3000)
    assert hub.log[-1].facts[0] == Dropped(hub.ids["bob"], number, *which, "expired")
    assert (hub.count("bob"), hub.dead("bob")) == (0, {})


def test_a_word_worth_delivering_for_longer_than_anything_is_owed_is_given_up() -> None:
    hub, session_id = talking(limits=Limits(owed_ms=5000))
    hub.say("alice", session_id, ttl_seconds=60, now_ms=1000)
    hub.tick_until_rest(6000)
    assert list(hub.dead("bob").values()) == ["owed too long"]


def test_a_word_that_expires_during_its_pause_is_dropped() -> None:
    hub, session_id = talking()
    hub.attach("bob")
    hub.say("alice", session_id, ttl_seconds=2, now_ms=1000)
    (number,) = hub.numbers("bob")
    hub.nack("bob", number, now_ms=2500)
    hub.tick_until_rest(3000)
    assert hub.numbers("bob") == ()
    assert hub.tick(3500) == ()


# --- counts and causes


def test_the_count_says_what_counts_what_is_owed_and_what_is_settled() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.say("alice", session_id)
    hub.ack("bob", 1)
    count = inbox(hub.state, hub.ids["bob"])
    assert (count.pending, count.owed, count.cursor) == (1, 2, 1)
    assert hub.owed_types("bob") == [EV_SESSION_OPENED, EV_TEXT]


def test_the_count_of_one_that_was_never_sent_anything_is_nothing() -> None:
    hub = Talks("alice")
    count = inbox(hub.state, hub.ids["alice"])
    assert (count.pending, count.owed, count.cursor) == (0, 0, 0)
    assert dead_letters(hub.state, hub.ids["alice"]) == ()


@pytest.mark.parametrize("question", [inbox, inbox_cursor, dead_letters])
def test_questions_about_a_strangers_mailbox_are_not_found(question: Any) -> None:
    hub = Talks("alice")
    with pytest.raises(NotFoundError):
        question(hub.state, NOWHERE)


@pytest.mark.parametrize("page_items", [3, 1_000])
def test_what_is_owed_after_a_number_is_told_in_pages_but_for_what_waits_out_a_pause(page_items: int) -> None:
    most = min(OWED_PAGE, page_items)
    hub, session_id = talking(limits=Limits(page_items=page_items))
    other = hub.opened(*hub.ids, type="free", ttl=0)
    hub.ack_all()
    hub.attach("bob")
    for of in (session_id, other, *[session_id] * most):
        hub.say("alice", of)
    one, two, *rest = hub.numbers("bob")

    def page(session_id: str | None, after: int) -> tuple[list[int], int, bool]:
        sent, upto, more = owed_after(hub.state, hub.ids["bob"], session_id, after)
        return [each.number for each in sent], upto, more

    assert page(None, 0) == ([one, two, *rest[:-2]], rest[-3], True)
    assert page(None, rest[-3]) == (rest[-2:], rest[-1], False)
    assert page(session_id, 0) == ([one, *rest[:-1]], rest[-2], True)
    assert page(session_id, one) == (rest, rest[-1], True), "there may be more"
    assert page(other, two) == ([], rest[-1], False)
    hub.nack("bob", rest[0])
    hub.ack("bob", one)
    assert page(session_id, 0) == (rest[1:], rest[-1], False)


def test_of_many_numbers_only_so_many_are_looked_at_at_once() -> None:
    hub, session_id = talking()
    other = hub.opened(*hub.ids, type="free", ttl=0)
    hub.ack_all()
    hub.say("alice", session_id)
    (first,) = hub.numbers("bob")
    last = first + LOOKED_AT
    for number in range(first + 1, last + 1):
        hub.say("alice", other)
        hub.ack("bob", number)
    ids = hub.ids["bob"], session_id
    assert owed_after(hub.state, *ids, first) == ((), last, False)
    hub.say("alice", session_id)
    assert owed_after(hub.state, *ids, first) == ((), last, True)
    found, upto, more = owed_after(hub.state, *ids, last)
    assert ([one.number for one in found], upto, more) == ([last + 1], last + 1, False)


def test_nothing_is_owed_to_one_that_was_never_sent_anything() -> None:
    assert owed_after(Talks("alice").state, NOWHERE, None, 0) == ((), 0, False)


def test_an_answer_stays_with_its_cause_through_nacks_and_death() -> None:
    hub, number = nacking()
    session_id = hub.state.mailboxes[hub.ids["bob"]].owed[number].session_id
    cause = hub.words(session_id)[-1].envelope_id
    answer = hub.say("bob", session_id, causation_id=cause)
    for _ in range(5):
        hub.nack("bob", number)
        hub.attach("bob", f"after {hub.now_ms}")
    assert find_by_causation(hub.state, hub.ids["bob"], cause) is None
    hub.resend("bob", number)
    assert find_by_causation(hub.state, hub.ids["bob"], cause) == answer.envelope_id


def test_everything_owed_is_delivered_once_all_attach_and_ack() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", "carol", type="free")
    for name in ("alice", "carol", "bob"):
        hub.say(name, session_id)
    hub.close("alice", session_id)
    said = {word.envelope_id for word in hub.words(session_id) if word.audience != ()}
    heard: set[str] = set()
    for name in hub.ids:
        heard |= {effect.envelope_id for effect in hub.attach(name) if isinstance(effect, Redeliver)}
        hub.ack_all(name)
    assert heard == said
    assert [inbox(hub.state, hub.ids[name]).owed for name in hub.ids] == [0, 0, 0]


def test_an_invitation_to_one_that_is_away_waits_for_it() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob")
    (again,) = hub.attach("bob")
    assert isinstance(again, Redeliver)
    assert (again.session_id, again.number, again.attempt) == (session_id, 1, 1)
    assert hub.owed_types("bob") == [EV_SESSION_INVITE]


def test_a_tick_that_only_looks_is_lazy() -> None:
    hub, number = nacking()
    hub.nack("bob", number, now_ms=2000)
    hub.ack("bob", number)
    hub.tick(3000)
    commit: Commit = hub.log[-1]
    assert [type(fact) for fact in commit.facts] == [Rearmed]
    assert commit.lazy
