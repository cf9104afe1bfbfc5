"""A mailbox by itself: dense numbers, counts that are kept, attempts without touching each delivery."""

import pytest

from foldhub_core import changed
from foldhub_core.mailbox import (
    EMPTY_MAILBOX,
    Mailbox,
    Owed,
    attached,
    delivered,
    given_up,
    nacked,
    pause_ms,
    revived,
    sent_again,
    settled,
)


def owed(at: int, *, counted: bool = True, attempts: int = 1, attachings: int = 0) -> Owed:
    return Owed("s", f"e{at}", counted, at, attempts, attachings, 0, None)


def with_owed(*ats: int) -> Mailbox:
    mailbox = EMPTY_MAILBOX
    for at in ats:
        mailbox = delivered(mailbox, owed(at))
    return mailbox


def test_numbers_are_dense_from_one() -> None:
    assert with_owed(7, 8, 9).numbered() == (1, 2, 3)


def test_numbers_are_given_in_order_however_many_there_are() -> None:
    assert with_owed(*range(100)).numbered() == tuple(range(1, 101))


def test_a_number_that_was_settled_is_not_given_again() -> None:
    assert delivered(settled(with_owed(1, 2), (1, 2)), owed(3)).numbered() == (3,)


def test_only_what_counts_is_pending() -> None:
    mailbox = delivered(with_owed(1), owed(2, counted=False))
    assert (mailbox.pending, len(mailbox.owed)) == (1, 2)
    assert settled(mailbox, (2,)).pending == 1
    assert settled(mailbox, (1, 2)).pending == 0


@pytest.mark.parametrize(
    ("numbers", "cursor"), [((1,), 1), ((2,), 0), ((1, 2), 2), ((2, 1), 2), ((1, 3), 1), ((1, 2, 3), 3), ((2, 3), 0)]
)
def test_the_cursor_is_the_last_up_to_which_all_is_settled(numbers: tuple[int, ...], cursor: int) -> None:
    assert settled(with_owed(1, 2, 3), numbers).settled == cursor


def test_the_cursor_passes_over_what_was_settled_before() -> None:
    mailbox = settled(with_owed(1, 2, 3), (2, 3))
    assert settled(mailbox, (1,)).settled == 3


def test_an_envelope_is_found_while_it_is_owed() -> None:
    mailbox = with_owed(1, 2)
    assert dict(mailbox.numbers) == {"e1": 1, "e2": 2}
    assert dict(settled(mailbox, (1,)).numbers) == {"e2": 2}


def test_a_nacked_delivery_waits_and_comes_again() -> None:
    mailbox = nacked(with_owed(1, 2), 1, 500)
    assert dict(mailbox.waiting) == {1: 500}
    assert mailbox.owed[1].nacks == 1
    again = sent_again(mailbox, 1, True)
    assert (dict(again.waiting), again.attempt(1), again.attempt(2)) == ({}, 2, 1)


def test_a_pause_that_ends_where_nobody_is_attached_is_no_attempt() -> None:
    again = sent_again(nacked(with_owed(1), 1, 500), 1, False)
    assert (dict(again.waiting), again.attempt(1)) == ({}, 1)


@pytest.mark.parametrize("waits", [True, False])
def test_what_is_settled_waits_no_more(waits: bool) -> None:
    mailbox = nacked(with_owed(1), 1, 500)
    mailbox = mailbox if waits else sent_again(mailbox, 1, True)
    assert dict(settled(mailbox, (1,)).waiting) == {}


def test_a_link_makes_every_delivery_an_attempt_more_and_ends_all_pauses() -> None:
    mailbox = attached(nacked(with_owed(1, 2), 1, 500))
    assert (mailbox.attempt(1), mailbox.attempt(2)) == (2, 2)
    assert dict(mailbox.waiting) == {}
    assert mailbox.owed[1].nacks == 1, "a pause that is over is still a nack"


def test_what_comes_after_a_link_counts_from_its_own_first_attempt() -> None:
    mailbox = delivered(attached(attached(with_owed(1))), owed(2, attachings=2))
    assert (mailbox.attempt(1), mailbox.attempt(2)) == (3, 1)


def test_what_is_given_up_is_owed_no_more() -> None:
    mailbox = given_up(nacked(with_owed(1, 2), 1, 500), 1, "why", 10)
    assert (mailbox.numbered(), mailbox.pending, mailbox.settled) == ((2,), 1, 1)
    assert dict(mailbox.waiting) == {}
    assert (mailbox.dead[1].number, mailbox.dead[1].reason, mailbox.dead[1].owed.envelope_id) == (1, "why", "e1")


def test_the_oldest_dead_letter_beyond_the_most_is_forgotten() -> None:
    mailbox = with_owed(1, 2, 3)
    for number in (3, 1, 2):
        mailbox = given_up(mailbox, number, "why", 2)
    assert sorted(mailbox.dead) == [2, 3]


@pytest.mark.parametrize(("there", "attempt"), [(True, 3), (False, 2)])
def test_a_dead_letter_that_is_revived_is_owed_again_under_its_number(there: bool, attempt: int) -> None:
    mailbox = nacked(attached(with_owed(1, 2)), 1, 500)
    mailbox = attached(settled(given_up(mailbox, 1, "why", 10), (2,)))
    again = revived(mailbox, 1, 900, there)
    assert (again.numbered(), again.pending, again.settled) == ((1,), 1, 0)
    assert (again.owed[1].at_ms, again.owed[1].nacks, again.attempt(1)) == (900, 0, attempt)
    assert dict(again.numbers) == {"e1": 1}
    assert not again.dead


def test_a_revived_letter_moves_the_cursor_back_and_never_forth() -> None:
    mailbox = given_up(with_owed(1, 2, 3), 3, "why", 10)
    assert revived(mailbox, 3, 900, True).settled == 0
    assert revived(settled(mailbox, (1, 2)), 3, 900, True).settled == 2


def test_a_revived_letter_does_not_expire() -> None:
    mailbox = delivered(EMPTY_MAILBOX, changed(owed(1), expires_at_ms=5))
    assert revived(given_up(mailbox, 1, "why", 10), 1, 900, True).owed[1].expires_at_ms is None


@pytest.mark.parametrize(
    ("nacks", "pause"), [(1, 1000), (2, 2000), (3, 4000), (4, 8000), (5, 16000), (6, 32000), (7, 60000), (60, 60000)]
)
def test_pauses_double_up_to_a_minute(nacks: int, pause: int) -> None:
    assert pause_ms(nacks) == pause
