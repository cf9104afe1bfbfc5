"""Leaving and ending: who may, and what the others hear.

A session ends once. Its last word goes to everybody who was in it; after it nothing can be said, and whoever comes late
hears that it is over. A session that has too few participants left to go on closes.
"""

from typing import TYPE_CHECKING

from .adapters.protocol import AdapterResult
from .commands import CloseSession, Leave, RemoveParticipant
from .consequences import (
    AdapterFault,
    checked_result,
    close,
    expire,
    follow_or_sleep,
    is_awake,
    raised,
    say_emitted,
    sleep,
)
from .envelope import EV_SESSION_LEFT, Envelope
from .errors import AccessDeniedError
from .limits import check_length
from .session import Session, SessionState, next_state
from .sessions import SessionEntry, is_over, session_entry
from .tasks import expire_tasks
from .words import next_due, protocol_deadline

if TYPE_CHECKING:
    from .config import AnyAdapter
    from .decision import Decision
    from .state import HubState


def close_session(decision: "Decision", command: CloseSession) -> None:
    """End a session; ending it again changes nothing."""
    state = decision.state
    if is_over(state, command.session_id):
        return
    entry = session_entry(state, command.session_id)
    check_length(command.reason, state.limits.short_text_chars, "reason")
    if not _may_close(decision, command, entry.session.manifest.may_close, entry.session.creator_id, entry.members):
        raise AccessDeniedError("expected one whom the session's protocol lets close it, came another", where="agent_id")
    close(decision, command.session_id, command.reason or "explicit_close")


def leave(decision: "Decision", command: Leave) -> None:
    """Leave a session; leaving it again, or one that is over, changes nothing."""
    state = decision.state
    check_length(command.reason, state.limits.short_text_chars, "reason")
    if is_over(state, command.session_id):
        return
    entry = session_entry(state, command.session_id)
    if any(one.agent_id == command.agent_id for one in entry.session.participants):
        take_out(decision, command.session_id, command.agent_id, command.reason)


def remove_participant(decision: "Decision", command: RemoveParticipant) -> None:
    """Put somebody out; who is not in stays out, and out of a session that is over is everybody."""
    state = decision.state
    check_length(command.reason, state.limits.short_text_chars, "reason")
    if is_over(state, command.session_id):
        return
    entry = session_entry(state, command.session_id)
    check_host(decision, entry, command.agent_id)
    if any(one.agent_id == command.participant_id for one in entry.session.participants):
        put_out(decision, command.session_id, command.participant_id, command.reason or "removed")


def check_host(decision: "Decision", entry: SessionEntry, agent_id: str) -> None:
    """Refuse what only a session's creator may do, while it takes part, and the administrator."""
    if agent_id == entry.session.creator_id and agent_id in entry.members:
        return
    if agent_id or not decision.principal.admin:
        raise AccessDeniedError("expected the session's creator, who takes part, came another agent", where="agent_id")


def leave_all(decision: "Decision", agent_id: str) -> None:
    """Take an agent that is being unregistered out of all its sessions."""
    sessions = decision.state.sessions.of_agent.get(agent_id, ())
    for (session_id,) in tuple(sessions):
        _take_out(decision, session_id, agent_id, "unregistered", deaf=agent_id)


def take_out(decision: "Decision", session_id: str, agent_id: str, reason: str) -> None:
    """Say that an agent left, and what follows from it."""
    _take_out(decision, session_id, agent_id, reason)


def put_out(decision: "Decision", session_id: str, agent_id: str, reason: str) -> None:
    """Say that an agent was put out, and what follows from it. It hears of it as the last it hears of the session."""
    members = decision.state.sessions.entries[session_id].members
    _take_out(decision, session_id, agent_id, reason, audience=(*[one for one in members if one != agent_id], agent_id))


def _take_out(
    decision: "Decision",
    session_id: str,
    agent_id: str,
    reason: str,
    *,
    audience: tuple[str, ...] | None = None,
    deaf: str | None = None,
) -> None:
    session = decision.state.sessions.entries[session_id].session
    needed = session.required_acks is None or agent_id == session.creator_id
    if session.state is SessionState.PENDING and agent_id not in session.pending_acks and needed:
        close(decision, session_id, "participant_left", deaf, agent_id=agent_id)
        return
    if session.state is SessionState.PENDING and session.required_acks is None:
        close(decision, session_id, "invite_failed", deaf, agent_id=agent_id)
        return
    word = _say_left(decision, session_id, agent_id, reason, audience)
    follow_or_sleep(decision, word)
    entry_after = decision.state.sessions.entries.get(session_id)
    if entry_after is None:
        return
    session = entry_after.session
    missing = session.state is SessionState.PENDING and _cannot_open(decision.state, session_id)
    if missing or len(session.participants) < session.manifest.participants.min:
        close(decision, session_id, "participant_left", agent_id=agent_id)


def _say_left(decision: "Decision", session_id: str, agent_id: str, reason: str, audience: tuple[str, ...] | None) -> Envelope:
    """Say that an agent is in the session no more; what it did for it beside talking has expired before."""
    session = decision.state.sessions.entries[session_id].session
    next_state(session.state, "leave")
    expire_tasks(decision, "left", owner_id=agent_id, session_id=session_id)
    return decision.say(session_id, EV_SESSION_LEFT, {"agent_id": agent_id, "reason": reason}, audience)


def make_due(decision: "Decision", session_id: str) -> None:
    """Let happen what is due in a session: the time of the invited, its own, what its protocol waits for."""
    entry = decision.state.sessions.entries[session_id]
    session, now_ms = entry.session, decision.now_ms
    if session.expires_at_ms is not None and session.expires_at_ms <= now_ms:
        expire(decision, session_id)
    elif entry.invited_until_ms is not None and entry.invited_until_ms <= now_ms:
        close(decision, session_id, "invite_timeout")
    elif is_awake(entry):
        _ask_deadline(decision, session_id)


def next_session_due(decision: "Decision", session_id: str) -> int | None:
    """When a live session is to be looked at next."""
    sessions = decision.state.sessions
    return next_due(decision.config, sessions.entries[session_id], sessions.talks[session_id])


def _ask_deadline(decision: "Decision", session_id: str) -> None:
    entry = decision.state.sessions.entries[session_id]
    adapter = decision.config.adapter_of(entry.session.manifest)
    protocol = decision.state.sessions.talks[session_id].protocol
    if adapter is None:
        sleep(decision, session_id, "its adapter is missing")
        return
    try:
        if not _is_due(adapter, entry.session, protocol, decision.now_ms):
            return
        result = _asked(adapter, entry.session, protocol, decision.now_ms)
        for word in say_emitted(decision, session_id, result):
            follow_or_sleep(decision, word)
        entry_after = decision.state.sessions.entries.get(session_id)
        if entry_after is None or not is_awake(entry_after):
            return
        if result.next_state is not None:
            close(decision, session_id, result.auto_close_reason or "closed_by_protocol")
        elif _is_due(adapter, entry.session, decision.state.sessions.talks[session_id].protocol, decision.now_ms):
            sleep(decision, session_id, "its adapter waits for a deadline that does not move on")
    except AdapterFault as fault:
        sleep(decision, session_id, f"its adapter {fault}")


def _asked(adapter: "AnyAdapter", session: Session, protocol: object, now_ms: int) -> AdapterResult:
    try:
        result = adapter.on_deadline(session, protocol, now_ms)
    except Exception as error:
        raise raised(error) from error
    return checked_result(result)


def _is_due(adapter: "AnyAdapter", session: Session, protocol: object, now_ms: int) -> bool:
    due_ms = protocol_deadline(adapter, session, protocol)
    return due_ms is not None and due_ms <= now_ms


def _cannot_open(state: "HubState", session_id: str) -> bool:
    entry = state.sessions.entries[session_id]
    required = entry.session.required_acks
    return required is not None and len(entry.members) - 1 + len(entry.session.pending_acks) < required


def _may_close(
    decision: "Decision", command: CloseSession, may_close: tuple[str, ...], creator_id: str, members: tuple[str, ...]
) -> bool:
    if not command.agent_id:
        return decision.principal.admin
    as_creator = command.agent_id == creator_id and "creator" in may_close
    return command.agent_id in members and (as_creator or "participant" in may_close)
