"""Posting: somebody says something in a session.

The checks, in this order, each with the refusal it gives:

 1. the principal acts for the sender                                        access_denied (before anything else)
 2. the key: a retry is answered from it, whatever became of the session     key_conflict
 3. the sender is registered                                                 not_found
 4. the session is live                                                      session_over, not_found
 5. the session is active                                                    protocol_error
 6. the event is nobody's but a participant's: the hub's own are its own     access_denied
 7. the sender takes part                                                    access_denied
 8. the audience are participants, each once                                 protocol_error
 9. the sizes                                                                malformed
10. the session is awake, its adapter is there                               protocol_error
11. there is room in the inboxes, or what is over goes as their rule says    inbox_full
12. the protocol lets it be said now                                         protocol_error
13. the protocol can fold it, and what follows comes to rest                 protocol_error

Whom a rule of his own keeps from hearing the sender is skipped by a mark, and the sender does not learn of it.
"""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from . import keys
from .codec import posted_hash
from .commands import Post
from .consequences import AdapterFault, follow, refusal_of, refuse_fault
from .delivery import others
from .envelope import EV_TEXT, Envelope, is_hub_event
from .error_record import ErrorRecord, error_record
from .errors import AccessDeniedError, InboxFull, Malformed, NetworkError, ProtocolError, shown
from .facts import Dropped, Skipped
from .limits import Limits, check_count, check_data, check_length
from .mailbox import EMPTY_MAILBOX
from .records import changed
from .registry import AgentEntry, agent_entry
from .session import SessionState, next_state
from .sessions import SessionEntry, session_entry

if TYPE_CHECKING:
    from .config import AnyAdapter, HubConfig
    from .decision import Decision
    from .state import HubState


LONGEST_TTL = 100 * 365 * 24 * 3600
"""A century, in seconds: more is a mistake, and could not be added to a clock."""


def post(decision: "Decision", command: Post) -> Envelope:
    """Say an envelope, or answer a retry with the one that was said."""
    envelope, state = command.envelope, decision.state
    if envelope.idempotency_key is not None:
        key = envelope.idempotency_key
        came = keys.answered(state.keys, envelope.sender_id, "post", key, lambda: posted_hash(envelope))
        if came is not None:
            stamp = {"envelope_id": came.made_id, "created_at_ms": came.at_ms}
            return changed(envelope, **stamp, number=came.number, depth=came.depth)
    entry, adapter = check_sayable(decision.config, state, envelope)
    audience = others(entry.members, envelope.sender_id) if envelope.audience is None else envelope.audience
    _make_room(decision, envelope, audience)
    _check_turn(adapter, entry, state, envelope)
    word = decision.word(envelope, _depth(state, envelope))
    try:
        follow(decision, word)
    except AdapterFault as fault:
        raise refuse_fault(fault) from fault
    return word


def can_send(
    config: "HubConfig", state: "HubState", session_id: str, sender_id: str, event_type: str = EV_TEXT
) -> ErrorRecord | None:
    """Why an agent could not post an empty event of this type to everybody now; None where it could. Changes nothing."""
    probe = Envelope(session_id, sender_id, event_type, {"text": ""} if event_type == EV_TEXT else {})
    try:
        entry, adapter = check_sayable(config, state, probe)
        _check_inboxes(state, sender_id, others(entry.members, sender_id))
        _check_turn(adapter, entry, state, probe)
    except NetworkError as error:
        return error_record(error)
    return None


def check_sayable(config: "HubConfig", state: "HubState", envelope: Envelope) -> "tuple[SessionEntry, AnyAdapter]":
    """Refuse what is not to be said whoever's turn it is."""
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
    audience = envelope.audience
    if audience is not None:
        _check_audience(entry, audience)
    _check_sizes(state.limits, envelope)
    adapter = config.adapter_of(entry.session.manifest)
    if adapter is None or entry.dormant is not None:
        why = entry.dormant or "its adapter is missing"
        raise ProtocolError(f"expected a session that goes on, came one that is dormant: {why}", where="session_id")
    return entry, adapter


def _check_audience(entry: SessionEntry, audience: tuple[str, ...]) -> None:
    for agent_id in audience:
        if agent_id not in entry.members:
            raise ProtocolError(f"expected participants, came {shown(agent_id)}", where="audience")
    if len(audience) > 1 and len(set(audience)) != len(audience):
        raise ProtocolError("expected every recipient once, came one twice", where="audience")


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


def _check_inboxes(state: "HubState", sender_id: str, audience: tuple[str, ...]) -> None:
    agents = state.registry.agents
    sender_name = agents[sender_id].passport.name
    for agent_id in audience:
        entry = agents[agent_id]
        rejects = entry.rule.limits.inbox.overflow == "reject" and _hears(entry, sender_name)
        if rejects and _is_full(state, agent_id, entry):
            most = entry.rule.limits.inbox.max_pending
            raise InboxFull(f"expected room in the inbox of {agent_id}, came {most} pending, as many as it takes")


def _make_room(decision: "Decision", envelope: Envelope, audience: tuple[str, ...]) -> None:
    """Do with full inboxes and rules that refuse the sender what is to be done before the word is said."""
    state = decision.state
    agents = state.registry.agents
    sender_name = agents[envelope.sender_id].passport.name
    deaf: list[str] = []
    over: list[str] = []
    for agent_id in audience:
        entry = agents[agent_id]
        if not _hears(entry, sender_name):
            deaf.append(agent_id)
        elif _is_full(state, agent_id, entry):
            overflow = entry.rule.limits.inbox.overflow
            if overflow == "reject":
                _check_inboxes(state, envelope.sender_id, (agent_id,))
            elif overflow == "drop_newest":
                over.append(agent_id)
            else:
                decision.make(Dropped(agent_id, _oldest_counted(state, agent_id), "overflow"))
    if deaf:
        decision.make(Skipped(decision.next_envelope_id(), tuple(deaf), "rule"))
    if over:
        decision.make(Skipped(decision.next_envelope_id(), tuple(over), "overflow"))


def _hears(entry: AgentEntry, sender_name: str) -> bool:
    globs = entry.rule.access.inbound_from
    return globs == ("*",) or any(fnmatchcase(sender_name, glob) for glob in globs)


def _is_full(state: "HubState", agent_id: str, entry: AgentEntry) -> bool:
    most = entry.rule.limits.inbox.max_pending
    mailbox = state.mailboxes.get(agent_id)
    return mailbox is not None and most > 0 and mailbox.pending >= most


def _oldest_counted(state: "HubState", agent_id: str) -> int:
    mailbox = state.mailboxes.get(agent_id, EMPTY_MAILBOX)
    return min(number for number, owed in mailbox.owed.items() if owed.counted)


def _check_turn(adapter: "AnyAdapter", entry: SessionEntry, state: "HubState", envelope: Envelope) -> None:
    if envelope.event_type in entry.session.manifest.information:
        return
    try:
        adapter.validate_send(entry.session, state.sessions.talks[envelope.session_id].protocol, envelope)
    except Exception as error:
        raise refusal_of(error) from None


def _depth(state: "HubState", envelope: Envelope) -> int:
    """How deep the delegation is: one more than the cause's where the cause was said in another session."""
    mailbox = state.mailboxes.get(envelope.sender_id)
    if envelope.causation_id is None or mailbox is None:
        return envelope.depth
    number = mailbox.numbers.get(envelope.causation_id)
    if number is None:
        return envelope.depth
    cause = mailbox.owed[number]
    return max(envelope.depth, cause.depth + (cause.session_id != envelope.session_id))
