"""A mailbox: what is owed to one agent.

Every envelope owed to an agent is a delivery, under a number that is dense per agent. It is owed until it is acked, dropped,
or given up as a dead letter; that is, across reconnects and restarts, and after its session is over. Acks are per delivery:
one that is not acked stays owed behind others that are.

Counts are kept, not counted: `pending` is how many deliveries are owed that are not the hub's own events, exact at every
moment. An attempt is counted without touching each delivery at each reconnect: the mailbox counts its attachings, and a
delivery remembers how many there had been when it came. For a remote agent the beginning of a run is an attaching.
"""

from immutables import Map

from .records import changed, changer, hot

PAUSE_MS, LONGEST_PAUSE_MS = 1_000, 60_000
"""A nacked delivery comes again after one second, doubling up to a minute."""

NACKS = 5
"""At this many a delivery is given up."""


@hot
class Owed:
    """One delivery that is owed: ids, not the envelope."""

    session_id: str
    envelope_id: str
    counted: bool
    """Whether it counts as pending: what the hub itself says does not."""
    at_ms: int
    """Since when it is owed."""
    attempts: int
    """Times it was sent, but for reconnects since."""
    attachings: int
    """How often the agent had been attached when it came."""
    depth: int
    expires_at_ms: int | None
    """When it is not worth delivering any more; None is never."""
    nacks: int = 0
    answered_by: str | None = None
    """What the agent posted for this cause."""


@hot
class DeadLetter:
    """A delivery that was given up, and why."""

    number: int
    owed: Owed
    reason: str


@hot
class Mailbox:
    """What is owed to one agent, by number and by envelope."""

    next_number: int = 1
    settled: int = 0
    """Up to this number nothing is owed."""
    pending: int = 0
    """How many are owed that count."""
    attachings: int = 0
    owed: Map[int, Owed] = Map()
    numbers: Map[str, int] = Map()
    """The number of every envelope that is owed."""
    waiting: Map[int, int] = Map()
    """When a nacked delivery comes again."""
    dead: Map[int, DeadLetter] = Map()

    def numbered(self) -> tuple[int, ...]:
        """The numbers of what is owed, in order. O(m log m) in what is owed."""
        return tuple(sorted(self.owed))

    def attempt(self, number: int) -> int:
        """Which attempt the last sending of a delivery was."""
        owed = self.owed[number]
        return owed.attempts + self.attachings - owed.attachings


EMPTY_MAILBOX = Mailbox()

_delivered = changer(Mailbox, "next_number", "pending", "owed", "numbers")
_settled = changer(Mailbox, "settled", "pending", "owed", "numbers", "waiting")


def is_full(mailbox: Mailbox | None, most: int) -> bool:
    """Whether as much is pending as may be; never where there is no cap."""
    return mailbox is not None and mailbox.pending >= most > 0


def delivered(mailbox: Mailbox, owed: Owed) -> Mailbox:
    """Owe one delivery more."""
    number = mailbox.next_number
    all_owed, numbers = mailbox.owed.set(number, owed), mailbox.numbers.set(owed.envelope_id, number)
    return _delivered(mailbox, number + 1, mailbox.pending + owed.counted, all_owed, numbers)


def settled(mailbox: Mailbox, numbers: tuple[int, ...]) -> Mailbox:
    """Owe these deliveries no more, whatever became of them. They must be owed."""
    owed, by_envelope, waiting, pending = mailbox.owed, mailbox.numbers, mailbox.waiting, mailbox.pending
    for number in numbers:
        one = owed[number]
        owed = owed.delete(number)
        by_envelope = by_envelope.delete(one.envelope_id)
        pending -= one.counted
        if one.nacks and number in waiting:
            waiting = waiting.delete(number)
    cursor = mailbox.settled
    while cursor + 1 < mailbox.next_number and cursor + 1 not in owed:
        cursor += 1
    return _settled(mailbox, cursor, pending, owed, by_envelope, waiting)


def nacked(mailbox: Mailbox, number: int, due_ms: int) -> Mailbox:
    """The delivery failed and comes again when it is due."""
    one = mailbox.owed[number]
    again = changed(one, nacks=one.nacks + 1)
    return changed(mailbox, owed=mailbox.owed.set(number, again), waiting=mailbox.waiting.set(number, due_ms))


def sent_again(mailbox: Mailbox, number: int, attached: bool) -> Mailbox:
    """The pause of a nacked delivery is over: it is sent again where the agent is attached."""
    one = mailbox.owed[number]
    owed = mailbox.owed.set(number, changed(one, attempts=one.attempts + attached))
    return changed(mailbox, owed=owed, waiting=mailbox.waiting.delete(number))


def given_up(mailbox: Mailbox, number: int, reason: str, most: int) -> Mailbox:
    """The delivery becomes a dead letter; the oldest dead letter beyond `most` is forgotten."""
    letter = DeadLetter(number, changed(mailbox.owed[number], attempts=mailbox.attempt(number)), reason)
    dead = mailbox.dead.set(number, letter)
    if len(dead) > most:
        dead = dead.delete(min(dead))
    return changed(settled(mailbox, (number,)), dead=dead)


def revived(mailbox: Mailbox, number: int, at_ms: int, attached: bool) -> Mailbox:
    """A dead letter is owed again, under its number; it is sent where the agent is attached."""
    one = mailbox.dead[number].owed
    attempts = {"attempts": one.attempts + attached, "attachings": mailbox.attachings}
    owed = changed(one, nacks=0, at_ms=at_ms, expires_at_ms=None, **attempts)
    return changed(
        mailbox,
        settled=min(mailbox.settled, number - 1),
        pending=mailbox.pending + owed.counted,
        owed=mailbox.owed.set(number, owed),
        numbers=mailbox.numbers.set(owed.envelope_id, number),
        dead=mailbox.dead.delete(number),
    )


def attached(mailbox: Mailbox) -> Mailbox:
    """A link is there, and all that is owed is sent on it: pauses are over."""
    return changed(mailbox, attachings=mailbox.attachings + 1, waiting=Map[int, int]())


def forwarded_again(mailbox: Mailbox) -> Mailbox:
    """A run began, and all that is owed to a remote agent goes out again, but what waits out a pause."""
    attachings, owed = mailbox.attachings + 1, mailbox.owed
    for number in mailbox.waiting:
        owed = owed.set(number, changed(owed[number], attachings=owed[number].attachings + 1))
    return changed(mailbox, attachings=attachings, owed=owed)


def pause_ms(nacks: int) -> int:
    """How long a delivery with so many nacks waits."""
    return min(PAUSE_MS << (nacks - 1), LONGEST_PAUSE_MS)
