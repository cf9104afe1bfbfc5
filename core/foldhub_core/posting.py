"""Posting: somebody says something in a session.

The checks, in this order, each with the refusal it gives:

 1. the principal acts for the sender                                        access_denied (before anything else)
 2. the key: a retry is answered from it, whatever became of the session     key_conflict
 3. the sender is registered                                                 not_found
 4. the session is live                                                      session_over, not_found
 5. the session is active                                                    protocol_error
 6. the event is nobody's but a participant's: the hub's own are its own     access_denied
 7. the sender takes part                                                    access_denied
 8. the audience are participants, each once, or strangers in whose place
    the arbiter puts participants                                            protocol_error
 9. the sizes                                                                malformed
10. the session is awake, its adapter is there                               protocol_error
11. the arbiter lets its sender say it: by its rule, to whom it may write,
    how deep, and how often                                                  access_denied, rate_limited
12. the arbiter lets it into the inboxes of those it reaches; what is over
    is dropped where their rule says so                                      inbox_full
13. the protocol lets it be said now                                         protocol_error
14. the protocol can fold it, and what follows comes to rest                 protocol_error

A sender that was hidden is back: the hub says so right after its word.

Whom the arbiter keeps it from is skipped by a mark, and the sender does not learn of it. An arbiter refuses with what it likes;
named are the refusals of the one that goes by the rules. Where it put others in a stranger's place, a mark says whom the sender
named: by that a retry is known, and by that the command is read back.
"""

from typing import TYPE_CHECKING

from . import authorizing, keys
from .codec import posted_hash
from .commands import Post
from .consequences import AdapterFault, follow, refusal_of, refuse_fault
from .delivery import others
from .envelope import EV_TEXT, Envelope, is_hub_event, stamped
from .error_record import ErrorRecord, error_record
from .errors import AccessDeniedError, Malformed, NetworkError, ProtocolError
from .facts import Dropped, Readdressed, Skipped
from .limits import Limits, check_count, check_data, check_length
from .mailbox import EMPTY_MAILBOX, Owed, is_full
from .overdue import show_again
from .records import changed
from .registry import agent_entry
from .session import SessionState, next_state
from .sessions import SessionEntry, session_entry
from .state import HubState, state_at

if TYPE_CHECKING:
    from .arbiter import Arbiter
    from .config import AnyAdapter, HubConfig
    from .decision import Decision


LONGEST_TTL = 100 * 365 * 24 * 3600
"""A century, in seconds: more is a mistake, and could not be added to a clock."""


def post(decision: "Decision", command: Post) -> Envelope:
    """Say an envelope, or answer a retry with the one that was said."""
    envelope, state = command.envelope, decision.state
    if envelope.idempotency_key is not None:
        key = envelope.idempotency_key
        came = keys.answered(state.keys, envelope.sender_id, "post", key, lambda: posted_hash(envelope))
        if came is not None:
            word = stamped(envelope, came.made_id, came.at_ms, came.number, came.depth)
            return word if came.audience is None else changed(word, audience=came.audience)
    config, state = decision.config, decision.state_now()
    entry, adapter, word = check_sayable(config, state, envelope, decision.next_envelope_id())
    reached, skipped = _reached(config.arbiter, state, word, entry)
    _check_turn(adapter, entry, state, word)
    _make_room(decision, word, reached, skipped)
    if word.audience is not envelope.audience and envelope.audience is not None:
        decision.make(Readdressed(word.envelope_id, envelope.audience))
    decision.word(word)
    try:
        # The word by which a hidden sender is back comes before anything that follows from what it said.
        back = show_again(decision, word.session_id, word.sender_id)
        follow(decision, word)
        if back is not None:
            follow(decision, back)
    except AdapterFault as fault:
        raise refuse_fault(fault) from fault
    return word


def can_send(
    config: "HubConfig",
    state: HubState,
    session_id: str,
    sender_id: str,
    event_type: str = EV_TEXT,
    now_ms: int | None = None,
) -> ErrorRecord | None:
    """Why an agent could not post an empty event of this type to everybody; None where it could. Changes nothing.

    Now is `now_ms`, and never earlier than the hub's clock: what a rate allows depends on it.
    """
    probe = Envelope(session_id, sender_id, event_type, {"text": ""} if event_type == EV_TEXT else {})
    state = state_at(state, max(state.now_ms, now_ms or 0))
    try:
        entry, adapter, word = check_sayable(config, state, probe, "")
        _reached(config.arbiter, state, word, entry)
        _check_turn(adapter, entry, state, word)
    except NetworkError as error:
        return error_record(error)
    return None


def check_sayable(
    config: "HubConfig", state: HubState, envelope: Envelope, envelope_id: str
) -> "tuple[SessionEntry, AnyAdapter, Envelope]":
    """Refuse what is not to be said whoever's turn it is; gives the word it would be, stamped now and in its final audience."""
    sender_id, event_type = envelope.sender_id, envelope.event_type
    agent_entry(state, sender_id)
    entry = session_entry(state, envelope.session_id)
    if entry.session.state is not SessionState.ACTIVE:
        next_state(entry.session.state, "post")
    if is_hub_event(event_type):
        expected = "an event type of one's own"
        raise AccessDeniedError(f"expected {expected}, came {event_type}, which only the hub makes", where="event_type")
    if sender_id not in entry.members:
        raise AccessDeniedError(f"expected one who takes part, came {sender_id}", where="sender_id")
    number = state.sessions.talks[envelope.session_id].words + 1
    word = stamped(envelope, envelope_id, state.now_ms, number, _depth(state, envelope))
    if envelope.audience is not None:
        word = _addressed(config.arbiter, state, word, entry.members, envelope.audience)
    _check_sizes(state.limits, envelope)
    adapter = config.adapter_of(entry.session.manifest)
    if adapter is None or entry.dormant is not None:
        why = entry.dormant or "its adapter is missing"
        raise ProtocolError(f"expected a session that goes on, came one that is dormant: {why}", where="session_id")
    authorizing.check_send(config.arbiter, state, word)
    return entry, adapter, word


def _addressed(
    arbiter: "Arbiter", state: HubState, word: Envelope, members: tuple[str, ...], audience: tuple[str, ...]
) -> Envelope:
    """The word to whom it goes: those it names, and in the place of strangers those the arbiter says, all of them once."""
    strangers = [agent_id for agent_id in audience if agent_id not in members]
    if strangers:
        check_count(len(audience), state.limits.participants, "audience")
    takes_place: dict[str, tuple[str, ...]] = {}
    for agent_id in strangers:
        check_length(agent_id, state.limits.short_text_chars, "audience")
        takes_place[agent_id] = authorizing.resolved(arbiter, state, word, agent_id, members)
    if len(audience) > 1 and len(set(audience)) != len(audience):
        raise ProtocolError("expected every recipient once, came one twice", where="audience")
    if not strangers:
        return word
    meant = [one for agent_id in audience for one in takes_place.get(agent_id, (agent_id,))]
    return changed(word, audience=tuple(dict.fromkeys(meant)))


def _check_sizes(limits: Limits, envelope: Envelope) -> None:
    most = limits.short_text_chars
    check_length(envelope.event_type, most, "event_type")
    if envelope.audience is not None:
        check_count(len(envelope.audience), limits.participants, "audience")
    if envelope.causation_id is not None:
        check_length(envelope.causation_id, most, "causation_id")
    if envelope.idempotency_key is not None:
        check_length(envelope.idempotency_key, most, "idempotency_key")
    if envelope.task_id is not None:
        check_length(envelope.task_id, most, "task_id")
    if envelope.trace_id is not None:
        check_length(envelope.trace_id, most, "trace_id")
    if envelope.ttl_seconds is not None and not 0 < envelope.ttl_seconds <= LONGEST_TTL:
        raise Malformed(f"expected a time of 1 to {LONGEST_TTL} s, came {envelope.ttl_seconds}", where="ttl_seconds")
    if envelope.depth < 0:
        raise Malformed(f"expected a depth of 0 or more, came {envelope.depth}", where="depth")
    check_data(limits, envelope.event_data, "event_data")


def _reached(arbiter: "Arbiter", state: HubState, word: Envelope, entry: SessionEntry) -> tuple[list[str], dict[str, list[str]]]:
    """Whom a word reaches, and by reason whom the arbiter keeps it from; a refusal where one it reaches has no room."""
    reached: list[str] = []
    skipped: dict[str, list[str]] = {}
    for agent_id in others(entry.members, word.sender_id) if word.audience is None else word.audience:
        why = authorizing.why_skipped(arbiter, state, word, agent_id)
        if why is None:
            authorizing.check_inbox(arbiter, state, word, agent_id)
            reached.append(agent_id)
        else:
            skipped.setdefault(why, []).append(agent_id)
    return reached, skipped


def _make_room(decision: "Decision", word: Envelope, reached: list[str], skipped: dict[str, list[str]]) -> None:
    """Do with full inboxes, and for those who are skipped, what is to be done before the word is said."""
    agents, mailboxes = decision.state.registry.agents, decision.state.mailboxes
    over: list[str] = []
    for agent_id in reached:
        inbox = agents[agent_id].rule.limits.inbox
        if inbox.overflow == "reject" or not is_full(mailboxes.get(agent_id), inbox.max_pending):
            continue
        if inbox.overflow == "drop_newest":
            over.append(agent_id)
        else:
            number, oldest = _oldest_counted(decision.state, agent_id)
            decision.make(Dropped(agent_id, number, oldest.session_id, oldest.envelope_id, "overflow"))
    for why, agent_ids in skipped.items():
        decision.make(Skipped(word.envelope_id, tuple(agent_ids), why))
    if over:
        decision.make(Skipped(word.envelope_id, tuple(over), "overflow"))


def _oldest_counted(state: HubState, agent_id: str) -> tuple[int, Owed]:
    owed = state.mailboxes.get(agent_id, EMPTY_MAILBOX).owed
    number = min(number for number, one in owed.items() if one.counted)
    return number, owed[number]


def _check_turn(adapter: "AnyAdapter", entry: SessionEntry, state: HubState, envelope: Envelope) -> None:
    if envelope.event_type in entry.session.manifest.information:
        return
    try:
        adapter.validate_send(entry.session, state.sessions.talks[envelope.session_id].protocol, envelope)
    except Exception as error:
        raise refusal_of(error) from None


def _depth(state: HubState, envelope: Envelope) -> int:
    """How deep the delegation is: one more than the cause's where the cause was said in another session."""
    if envelope.causation_id is None:
        return envelope.depth
    mailbox = state.mailboxes.get(envelope.sender_id, EMPTY_MAILBOX)
    number = mailbox.numbers.get(envelope.causation_id)
    if number is None:
        return envelope.depth
    cause = mailbox.owed[number]
    return max(envelope.depth, cause.depth + (cause.session_id != envelope.session_id))
