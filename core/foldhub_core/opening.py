"""Opening: how a session begins, and how agents come into it.

The checks of an opening, in this order: the creator is registered; others are named, each once, each registered; the
creator's place is first unless it is listed elsewhere; the adapter is there; the arbiter lets it be opened with them; the
sizes; what is expected can be judged and answered; the manifest's bounds; then the protocol's own `validate_create`. What
passes is a pending session whose invitation is its first word. It opens when all invited have accepted, or `required_acks` of
them; it closes when that cannot happen any
more, or not in time. In between it is nothing that anybody owes a turn in.
"""

from typing import TYPE_CHECKING

from . import authorizing, keys
from .closing import check_host, take_out
from .codec import body_hash, to_data
from .commands import AnswerInvite, Invite, OpenSession
from .consequences import AdapterFault, close, follow_or_refuse, refusal_of, refuse_fault
from .envelope import EV_SESSION_INVITE, EV_SESSION_JOINED, EV_SESSION_OPENED
from .errors import AccessDeniedError, NotFoundError, ProtocolError, shown
from .limits import Limits, check_count, check_data, check_length
from .records import changed
from .registry import agent_entry, name_for
from .rule import duration_ms
from .session import Manifest, Session, SessionState, next_state
from .sessions import Faulty, SessionEntry, is_over, session_entry
from .watching import check_expectations
from .words import as_participants

if TYPE_CHECKING:
    from .config import AnyAdapter
    from .decision import Decision
    from .state import HubState


def open_session(decision: "Decision", command: OpenSession) -> Session:
    """Open a session: pending, or at once where nobody is invited."""
    state = decision.state
    command = _as_told(command)
    key = command.idempotency_key
    if key is not None:
        came = keys.answered(state.keys, command.creator_id, "open", key, lambda: body_hash(command))
        if came is not None:
            return _opened_before(decision, command, came)
    creator = agent_entry(state, command.creator_id)
    _check_listed(state, command)
    participants = command.participants
    adapter = decision.config.adapter_for(command.type, command.version)
    if adapter is None:
        what = f"{shown(command.type)} version {command.version}"
        raise NotFoundError(f"expected the type of a configured adapter, came {what}", where="type")
    invited = tuple([one for one in participants if one != command.creator_id])
    authorizing.check_open(decision, command.creator_id, command.type, invited)
    _check_sizes(state.limits, command)
    ttl_ms = duration_ms(creator.rule.limits.session_ttl_default if command.ttl is None else command.ttl)
    session = Session(
        session_id=decision.new_id("s"),
        manifest=changed(adapter.manifest, expectations=adapter.manifest.expectations + command.expectations),
        creator_id=command.creator_id,
        participants=as_participants(state, participants, command.creator_id, decision.now_ms),
        created_at_ms=decision.now_ms,
        expires_at_ms=decision.now_ms + ttl_ms if ttl_ms > 0 else None,
        parent_session_id=command.parent_session_id,
        knobs=command.knobs,
        labels=command.labels,
        intent=command.intent,
        required_acks=command.required_acks,
        pending_acks=invited,
    )
    check_expectations(decision.config, session.manifest.expectations)
    _validate(adapter, session)
    _say_first_word(decision, session, adapter.manifest, command)
    _check_folded(decision, session.session_id)
    _open_if_enough(decision, session.session_id)
    entry = decision.state.sessions.entries.get(session.session_id)
    return changed(session, state=SessionState.CLOSED) if entry is None else entry.session


def answer_invite(decision: "Decision", command: AnswerInvite) -> None:
    """Take an answer to an invitation; a second answer changes nothing, nor does declining what is over or not one's own."""
    if not command.accept and is_over(decision.state, command.session_id):
        return
    entry = session_entry(decision.state, command.session_id)
    session = entry.session
    check_length(command.reason, decision.state.limits.short_text_chars, "reason")
    if command.agent_id not in session.pending_acks:
        if not command.accept and command.agent_id not in entry.members:
            return  # whoever declined is not remembered: declining what one is not invited to changes nothing
        if command.agent_id not in entry.members:
            raise AccessDeniedError(f"expected an invited agent, came {shown(command.agent_id)}", where="agent_id")
        if not command.accept:
            raise ProtocolError("expected an agent that has not answered, came one that has accepted: it may leave")
        return
    if not command.accept:
        _decline(decision, entry, command)
        return
    next_state(session.state, "join")
    # While the session is pending its members wait for nobody in particular: the word is kept, and told to nobody.
    audience = () if session.state is SessionState.PENDING else None
    word = decision.say(command.session_id, EV_SESSION_JOINED, {"agent_id": command.agent_id}, audience)
    _open_if_enough(decision, command.session_id)
    follow_or_refuse(decision, word)


def invite(decision: "Decision", command: Invite) -> None:
    """Invite further agents; those who are in, or are invited, stay as they are."""
    state = decision.state
    entry = session_entry(state, command.session_id)
    session = entry.session
    check_host(decision, entry, command.agent_id)
    next_state(session.state, "invite")
    there = {one.agent_id for one in session.participants}
    new = tuple([agent_id for agent_id in dict.fromkeys(command.participants) if agent_id not in there])
    for agent_id in new:
        agent_entry(state, agent_id)
    most = session.manifest.participants.max
    if most is not None and len(there) + len(new) > most:
        raise ProtocolError(f"expected at most {most} participants, came {len(there) + len(new)}", where="participants")
    check_count(len(there) + len(new), state.limits.participants, "participants")
    if new:
        authorizing.check_invite(decision, session, new)
        names = tuple([name_for(state, agent_id) for agent_id in new])
        data = {"participants": new, "names": names, "type": session.manifest.type, "version": session.manifest.version}
        word = decision.say(command.session_id, EV_SESSION_INVITE, data, new, sender_id=session.creator_id)
        follow_or_refuse(decision, word)


def _as_told(command: OpenSession) -> OpenSession:
    """An opening as its first word tells it: the creator among those it names, its time in seconds."""
    named = command.participants
    listed = named if not named or command.creator_id in named else (command.creator_id, *named)
    return changed(command, participants=listed, ttl=None if command.ttl is None else duration_ms(command.ttl) // 1000)


def _check_listed(state: "HubState", command: OpenSession) -> None:
    named = command.participants
    if not named:
        raise ProtocolError("expected at least one participant, came none", where="participants")
    check_count(len(named), state.limits.participants, "participants")
    if len(set(named)) != len(named):
        twice = next(one for at, one in enumerate(named) if one in named[:at])
        raise ProtocolError(f"expected every participant once, came {shown(twice)}, listed twice", where="participants")
    for agent_id in named:
        agent_entry(state, agent_id)


def _check_sizes(limits: Limits, command: OpenSession) -> None:
    check_data(limits, command.knobs, "knobs")
    check_count(len(command.labels), limits.map_items, "labels")
    for key, label in command.labels.items():
        check_length(key, limits.short_text_chars, "a key of labels")
        check_length(label, limits.short_text_chars, f"labels.{key}")
    check_length(command.intent, limits.text_chars, "intent")
    check_length(command.idempotency_key or "", limits.short_text_chars, "idempotency_key")
    check_length(command.parent_session_id or "", limits.short_text_chars, "parent_session_id")
    check_count(len(command.expectations), limits.list_items, "expectations")
    for expectation in command.expectations:
        check_data(limits, to_data(expectation), "expectations")


def _validate(adapter: "AnyAdapter", session: Session) -> None:
    bounds, count = adapter.manifest.participants, len(session.participants)
    if count < bounds.min or (bounds.max is not None and count > bounds.max):
        most = "any number" if bounds.max is None else bounds.max
        raise ProtocolError(f"expected {bounds.min} to {most} participants, came {count}", where="participants")
    required = session.required_acks
    if required is not None and not 1 <= required <= len(session.pending_acks):
        came = f"{required} of {len(session.pending_acks)} invited"
        raise ProtocolError(f"expected at least one and at most all of the invited, came {came}", where="required_acks")
    try:
        adapter.validate_create(session)
    except Exception as error:
        raise refusal_of(error) from None


def _say_first_word(decision: "Decision", session: Session, manifest: Manifest, command: OpenSession) -> None:
    decision.say(
        session.session_id,
        EV_SESSION_INVITE,
        {
            "manifest": to_data(manifest),
            "participants": [one.agent_id for one in session.participants],
            "knobs": session.knobs,
            "labels": session.labels,
            "intent": session.intent,
            "ttl": command.ttl,
            "expires_at_ms": session.expires_at_ms,
            "parent_session_id": session.parent_session_id,
            "required_acks": session.required_acks,
            "expectations": [to_data(one) for one in command.expectations],
            "invited_until_ms": decision.now_ms + decision.state.limits.invite_timeout_ms,
            "body": "" if command.idempotency_key is None else body_hash(command).hex(),
        },
        session.pending_acks,
        sender_id=session.creator_id,
        idempotency_key=command.idempotency_key,
    )


def _check_folded(decision: "Decision", session_id: str) -> None:
    protocol = decision.state.sessions.talks[session_id].protocol
    if type(protocol) is Faulty:
        raise refuse_fault(AdapterFault(protocol.reason))


def _opened_before(decision: "Decision", command: OpenSession, came: keys.Answered) -> Session:
    """What a retry is answered with: the session as it is, or that it is over."""
    entry = decision.state.sessions.entries.get(came.made_id)
    if entry is not None:
        return entry.session
    return Session(
        session_id=came.made_id,
        manifest=Manifest(command.type, command.version),
        creator_id=command.creator_id,
        participants=as_participants(decision.state, command.participants, command.creator_id, came.at_ms),
        state=SessionState.CLOSED,
        created_at_ms=came.at_ms,
    )


def _decline(decision: "Decision", entry: SessionEntry, command: AnswerInvite) -> None:
    """One who declines ends a session that needs it; from one that does not it is gone."""
    session = entry.session
    pending = session.state is SessionState.PENDING
    still_possible = len(entry.members) - 1 + len(session.pending_acks) - 1
    if pending and (session.required_acks is None or still_possible < session.required_acks):
        more = {"rejected_by": command.agent_id, "detail": command.reason}
        close(decision, command.session_id, "invite_rejected", **more)
    else:
        take_out(decision, command.session_id, command.agent_id, command.reason)


def _open_if_enough(decision: "Decision", session_id: str) -> None:
    """Open a pending session once enough of the invited have accepted."""
    entry = decision.state.sessions.entries[session_id]
    session = entry.session
    if session.state is not SessionState.PENDING:
        return
    accepted = len(entry.members) - (1 if session.creator_id in entry.members else 0)
    if session.pending_acks and (session.required_acks is None or accepted < session.required_acks):
        return
    next_state(session.state, "open")
    follow_or_refuse(decision, decision.say(session_id, EV_SESSION_OPENED, {"participants": entry.members}, None))
