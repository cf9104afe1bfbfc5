"""Delivery: what is owed to whom, until it is acked.

A word is owed to its audience from the moment it is said. The first sending goes out with it where the agent is attached; all
further ones are redeliveries, which the shell fills from the store: when the agent attaches, and when the pause of a nack is
over. What fails too often, or is owed too long, becomes a dead letter, which can be asked for and sent again.

A remote agent attaches to nothing: what is owed to it is forwarded from the moment it is said, and is else like anybody's.
"""

from typing import TYPE_CHECKING, TypeVar, assert_never

from immutables import Map

from . import mailbox as box
from .agenda import Agenda
from .commands import Ack, Attach, Detach, ForwardFailed, Nack, Resend
from .effects import Deliver, Effect, Evict, Forward, Pressure, Redeliver
from .envelope import Envelope
from .errors import NotFoundError, ProtocolError
from .facts import Acked, Attached, DeadLettered, Detached, Dropped, Nacked, Redelivered, Resent
from .limits import Limits, check_count, check_length
from .mailbox import EMPTY_MAILBOX, NACKS, DeadLetter, Mailbox, Owed
from .records import changed, record
from .registry import agent_entry, is_remote
from .rule import Inbox

if TYPE_CHECKING:
    from .decision import Decision
    from .state import HubState

C = TypeVar("C", bound=Nack | ForwardFailed)

OWED_PAGE = 256
"""So much of what is owed is told at once."""

LOOKED_AT = 4_096
"""For that so many numbers are looked at."""

Mailboxes = Map[str, Mailbox]
"""By agent; an agent to whom nothing was ever owed has none."""

Links = Map[str, str]
"""The link of every attached agent. At most one, the newest."""


# --- decide


def attach(decision: "Decision", command: Attach) -> None:
    """Let a link carry the agent's deliveries, and send on it what is owed."""
    agent_entry(decision.state, command.agent_id)
    check_length(command.link, decision.state.limits.short_text_chars, "link")
    if is_remote(decision.state, command.agent_id):
        raise ProtocolError("expected an agent that attaches, came a remote one: its deliveries are forwarded", where="agent_id")
    before = decision.state.links.get(command.agent_id)
    if before != command.link:
        decision.make(Attached(command.agent_id, command.link, before))


def detach(decision: "Decision", command: Detach) -> None:
    """Take a link away, where it is still the agent's."""
    if decision.state.links.get(command.agent_id) == command.link:
        decision.make(Detached(command.agent_id, command.link))


def ack(decision: "Decision", command: Ack) -> None:
    """Owe these deliveries no more."""
    state, agent_id, numbers = decision.state, command.agent_id, command.numbers
    agent_entry(state, agent_id)
    check_count(len(numbers), state.limits.list_items, "numbers")
    owed = state.mailboxes.get(agent_id, EMPTY_MAILBOX).owed
    arrived = tuple(filter(owed.__contains__, dict.fromkeys(numbers)))
    if arrived:
        decision.make(Acked(agent_id, arrived))


def nack(decision: "Decision", command: Nack) -> None:
    """Let a delivery come again after a pause, or give it up."""
    agent_entry(decision.state, command.agent_id)
    command = cut(decision.state.limits, command)
    mailbox = decision.state.mailboxes.get(command.agent_id, EMPTY_MAILBOX)
    owed = mailbox.owed.get(command.number)
    if owed is None or command.number in mailbox.waiting:
        return
    which = (command.agent_id, command.number, owed.session_id, owed.envelope_id)
    if owed.nacks + 1 >= NACKS:
        decision.make(DeadLettered(*which, command.reason or "nacked too often"))
    else:
        decision.make(Nacked(*which, decision.now_ms + box.pause_ms(owed.nacks + 1), command.reason))


def cut(limits: Limits, command: C) -> C:
    """A failure whose reason fits: an outcome is not lost because of the words of a stranger's error."""
    return changed(command, reason=command.reason[: limits.short_text_chars])


def resend(decision: "Decision", command: Resend) -> None:
    """Owe a dead letter again."""
    agent_entry(decision.state, command.agent_id)
    mailbox = decision.state.mailboxes.get(command.agent_id, EMPTY_MAILBOX)
    letter = mailbox.dead.get(command.number)
    if letter is not None:
        owed = letter.owed
        decision.make(Resent(command.agent_id, command.number, owed.session_id, owed.envelope_id, decision.now_ms))
    elif not 1 <= command.number < mailbox.next_number:
        raise NotFoundError(f"expected the number of a dead letter, came {command.number}", where="number")


def make_due(decision: "Decision", agent_id: str) -> None:
    """Let happen what is due in an agent's mailbox: give up, drop, send again."""
    now_ms, limits = decision.now_ms, decision.state.limits
    mailbox = decision.state.mailboxes.get(agent_id, EMPTY_MAILBOX)
    for number in mailbox.numbered():
        owed = mailbox.owed[number]
        if owed.at_ms + limits.owed_ms <= now_ms:
            decision.make(DeadLettered(agent_id, number, owed.session_id, owed.envelope_id, "owed too long"))
        elif owed.expires_at_ms is not None and owed.expires_at_ms <= now_ms:
            decision.make(Dropped(agent_id, number, owed.session_id, owed.envelope_id, "expired"))
        elif mailbox.waiting.get(number, now_ms + 1) <= now_ms:
            decision.make(Redelivered(agent_id, number))


def next_due(state: "HubState", agent_id: str) -> int | None:
    """When something is due in an agent's mailbox. O(m) in what is owed."""
    mailbox = state.mailboxes.get(agent_id, EMPTY_MAILBOX)
    due = list(mailbox.waiting.values())
    for owed in mailbox.owed.values():
        due.append(owed.at_ms + state.limits.owed_ms)
        if owed.expires_at_ms is not None:
            due.append(owed.expires_at_ms)
    return min(due, default=None)


# --- fold


def others(members: tuple[str, ...], sender_id: str) -> tuple[str, ...]:
    """Everybody but the sender."""
    if len(members) == 2:
        first, second = members
        if first == sender_id:
            return (second,)
        return (first,) if second == sender_id else members
    return tuple([agent_id for agent_id in members if agent_id != sender_id])


def fold_delivered(
    state: "HubState", word: Envelope, audience: tuple[str, ...], agenda: Agenda, *, counted: bool
) -> tuple[Mailboxes, Agenda]:
    """Owe a word to everybody it is for, and have answered what it answers."""
    mailboxes, links, withheld = state.mailboxes, state.links, state.withheld
    created_at_ms = word.created_at_ms
    due_ms = created_at_ms + state.limits.owed_ms
    expires_at_ms = None
    if word.ttl_seconds is not None:
        expires_at_ms = created_at_ms + word.ttl_seconds * 1000
        due_ms = min(due_ms, expires_at_ms)
    for agent_id in audience:
        if agent_id in withheld:
            continue
        mailbox = mailboxes.get(agent_id, EMPTY_MAILBOX)
        owed = Owed(
            word.session_id,
            word.envelope_id,
            counted,
            created_at_ms,
            1 if agent_id in links or is_remote(state, agent_id) else 0,
            mailbox.attachings,
            word.depth,
            expires_at_ms,
        )
        mailboxes = mailboxes.set(agent_id, box.delivered(mailbox, owed))
        agenda = agenda.armed("agent", agent_id, due_ms)
    if word.causation_id is not None:
        mailbox = mailboxes.get(word.sender_id, EMPTY_MAILBOX)
        number = mailbox.numbers.get(word.causation_id)
        # Said in another session, as to ask somebody else first, it is no answer: that is still owed.
        if number is not None and mailbox.owed[number].session_id == word.session_id:
            answered = changed(mailbox.owed[number], answered_by=word.envelope_id)
            mailboxes = mailboxes.set(word.sender_id, changed(mailbox, owed=mailbox.owed.set(number, answered)))
    return mailboxes, agenda


def fold_acked(mailboxes: Mailboxes, mark: Acked) -> Mailboxes:
    """Deliveries arrived: they are owed no more."""
    return mailboxes.set(mark.agent_id, box.settled(mailboxes[mark.agent_id], mark.numbers))


def fold_mark(state: "HubState", mark: Nacked | Redelivered | Dropped | DeadLettered | Resent) -> "HubState":
    """Fold what else became of deliveries."""
    agent_id, agenda = mark.agent_id, state.agenda
    mailbox = state.mailboxes[agent_id]
    match mark:
        case Dropped():
            mailbox = box.settled(mailbox, (mark.number,))
        case Nacked():
            mailbox = box.nacked(mailbox, mark.number, mark.due_ms)
            agenda = agenda.armed("agent", agent_id, mark.due_ms)
        case Redelivered():
            mailbox = box.sent_again(mailbox, mark.number, is_carried(state, agent_id))
        case DeadLettered():
            mailbox = box.given_up(mailbox, mark.number, mark.reason, state.limits.dead_letters)
        case Resent():
            mailbox = box.revived(mailbox, mark.number, mark.at_ms, is_carried(state, agent_id))
            agenda = agenda.armed("agent", agent_id, mark.at_ms + state.limits.owed_ms)
        case _:
            assert_never(mark)
    return changed(state, mailboxes=state.mailboxes.set(agent_id, mailbox), agenda=agenda)


def fold_attached(state: "HubState", mark: Attached) -> "HubState":
    """The link carries the agent's deliveries, and all that is owed is sent on it."""
    mailboxes, mailbox = state.mailboxes, state.mailboxes.get(mark.agent_id)
    if mailbox is not None:
        mailboxes = mailboxes.set(mark.agent_id, box.attached(mailbox))
    return changed(state, links=state.links.set(mark.agent_id, mark.link), mailboxes=mailboxes)


# --- effects


def word_effects(state: "HubState", word: Envelope) -> tuple[Effect, ...]:
    """Send a word to whom it is owed and who can be reached; tell of inboxes it filled to their high water."""
    effects: list[Effect] = []
    audience = word.audience
    if audience is None:
        entry = state.sessions.entries.get(word.session_id)
        audience = () if entry is None else entry.members
    for agent_id in audience:
        mailbox = state.mailboxes.get(agent_id, EMPTY_MAILBOX)
        number = mailbox.numbers.get(word.envelope_id)
        if number is None:
            continue
        link = state.links.get(agent_id)
        if link is not None:
            effects.append(Deliver(agent_id, link, number, 1, word))
        elif is_remote(state, agent_id):
            passport = state.registry.agents[agent_id].passport
            effects.append(Forward(passport.auth.scheme, passport, number, 1, word))
        if mailbox.owed[number].counted:
            effects.extend(_pressure(state, agent_id, mailbox))
    return tuple(effects)


def attached_effects(state: "HubState", mark: Attached) -> tuple[Effect, ...]:
    """Tell the link that was evicted, and send on the new one what is owed, in the order of its numbers."""
    evicted: tuple[Effect, ...] = () if mark.evicted is None else (Evict(mark.agent_id, mark.evicted),)
    mailbox = state.mailboxes.get(mark.agent_id, EMPTY_MAILBOX)
    return evicted + tuple([redeliver(state, mark.agent_id, number) for number in mailbox.numbered()])


def again_effects(state: "HubState", mark: Redelivered | Resent) -> tuple[Effect, ...]:
    """Send a delivery again where something carries it; a dead letter that is owed again may bring its inbox to high water."""
    agent_id, mailbox = mark.agent_id, state.mailboxes[mark.agent_id]
    again: tuple[Effect, ...] = (redeliver(state, agent_id, mark.number),) if is_carried(state, agent_id) else ()
    if type(mark) is Resent and mailbox.owed[mark.number].counted:
        again += _pressure(state, agent_id, mailbox)
    return again


def _pressure(state: "HubState", agent_id: str, mailbox: Mailbox) -> tuple[Effect, ...]:
    """Tell of an inbox that has just come to its high water."""
    inbox = state.registry.agents[agent_id].rule.limits.inbox
    return (Pressure(agent_id, mailbox.pending, inbox.max_pending),) if mailbox.pending == high_water(inbox) else ()


def redeliver(state: "HubState", agent_id: str, number: int) -> Redeliver:
    """Send a delivery as the attempt that is counted last."""
    mailbox = state.mailboxes[agent_id]
    owed = mailbox.owed[number]
    attempt = mailbox.attempt(number)
    return Redeliver(agent_id, state.links.get(agent_id), number, attempt, owed.session_id, owed.envelope_id)


def high_water(inbox: Inbox) -> int:
    """At how many pending deliveries pressure is told; 0 is never."""
    if not inbox.max_pending:
        return 0
    return max(1, inbox.max_pending * 4 // 5) if inbox.high_water is None else inbox.high_water


# --- questions


def is_carried(state: "HubState", agent_id: str) -> bool:
    """Whether a delivery to a registered agent goes out now: on a link, or to a proxy."""
    return agent_id in state.links or is_remote(state, agent_id)


@record
class InboxCount:
    """What is owed to an agent: how much counts, how much in all, and the last delivery up to which all is settled."""

    pending: int
    owed: int
    cursor: int


def inbox(state: "HubState", agent_id: str) -> InboxCount:
    """What is owed to an agent, exactly; raises `NotFoundError`. O(log n)."""
    agent_entry(state, agent_id)
    mailbox = state.mailboxes.get(agent_id, EMPTY_MAILBOX)
    return InboxCount(mailbox.pending, len(mailbox.owed), mailbox.settled)


def inbox_cursor(state: "HubState", agent_id: str) -> int:
    """The last delivery up to which everything is settled; raises `NotFoundError`. O(log n)."""
    return inbox(state, agent_id).cursor


def owed_after(state: "HubState", agent_id: str, session_id: str | None, after: int) -> tuple[tuple[Redeliver, ...], int, bool]:
    """The first of what is owed to an agent after a number, of one session or of all, and does not wait out a pause.

    Gives them by number, up to which number all was looked at (0 where nothing was ever owed), and whether there may be more. At
    most `OWED_PAGE` of them, and `Limits.page_items`; none where the agent is not registered. So few numbers are looked at that
    nobody waits for it: there may be more though none was found. O(log n).
    """
    mailbox, most = state.mailboxes.get(agent_id, EMPTY_MAILBOX), min(OWED_PAGE, state.limits.page_items)
    first = max(after, mailbox.settled) + 1
    last = min(mailbox.next_number, first + LOOKED_AT) - 1
    found: list[Redeliver] = []
    for number in range(first, last + 1):
        owed = mailbox.owed.get(number)
        if owed is None or number in mailbox.waiting or session_id not in (None, owed.session_id):
            continue
        found.append(redeliver(state, agent_id, number))
        if len(found) == most:
            return tuple(found), number, True
    return tuple(found), last, last < mailbox.next_number - 1


def is_owed(state: "HubState", agent_id: str, number: int) -> bool:
    """Whether a delivery is owed. O(log n)."""
    return number in state.mailboxes.get(agent_id, EMPTY_MAILBOX).owed


def dead_letters(state: "HubState", agent_id: str) -> tuple[DeadLetter, ...]:
    """The agent's deliveries that were given up, by number; raises `NotFoundError`. O(m log m) in those."""
    agent_entry(state, agent_id)
    dead = state.mailboxes.get(agent_id, EMPTY_MAILBOX).dead
    return tuple([dead[number] for number in sorted(dead)])


def find_by_causation(state: "HubState", sender_id: str, causation_id: str) -> str | None:
    """The envelope an agent posted for a cause that is still owed to it, or None. O(log n)."""
    mailbox = state.mailboxes.get(sender_id, EMPTY_MAILBOX)
    number = mailbox.numbers.get(causation_id)
    return None if number is None else mailbox.owed[number].answered_by


def link_of(state: "HubState", agent_id: str) -> str | None:
    """The link that carries the agent's deliveries, or None. O(log n)."""
    return state.links.get(agent_id)
