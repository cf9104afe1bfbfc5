"""What follows from a word: the protocol is asked, the hub says what it is to say, and the session may end.

To a fixed point inside the one step: what the hub says in consequence is a word again, and the protocol is asked about it
too. A protocol that never comes to rest is refused.

An adapter that raises costs its sender a refusal. Where no sender can be refused (somebody leaves, a deadline comes), the
session becomes dormant: it can be read, and closed by the administrator, and wakes when a later run folds it cleanly.
"""

from typing import TYPE_CHECKING

from .adapters.protocol import NOTHING_FOLLOWS, AdapterResult, Emit
from .envelope import EV_SESSION_CLOSED, EV_SESSION_EXPIRED, Envelope, is_hub_event
from .error_record import error_record, what_raised
from .errors import NetworkError, ProtocolError, shown
from .facts import Dormant
from .limits import check_data, check_length
from .session import SessionState, next_state
from .sessions import Faulty, SessionEntry
from .tasks import expire_tasks

if TYPE_CHECKING:
    from .decision import Decision
    from .state import HubState


class AdapterFault(Exception):
    """An adapter raised, or gave what it may not give. Ours, between the rooms: it never leaves a step."""


def follow(decision: "Decision", word: Envelope) -> None:
    """Let happen what follows from a word of a live session; raises `AdapterFault`."""
    session_id = word.session_id
    words = [word]
    for each in words:  # what is said in consequence joins the list, and its turn comes
        if len(words) - 1 > decision.state.limits.emits:
            raise AdapterFault(f"never came to rest: it said more than {decision.state.limits.emits} words")
        entry = decision.state.sessions.entries.get(session_id)
        if entry is None:
            return
        result = ask_accepted(decision, entry, each)
        if result is NOTHING_FOLLOWS:
            continue
        words.extend(say_emitted(decision, session_id, result))
        if result.next_state is not None:
            close(decision, session_id, result.auto_close_reason or "closed_by_protocol")


def ask_accepted(decision: "Decision", entry: SessionEntry, word: Envelope) -> AdapterResult:
    """Ask the protocol what follows from a word that was folded."""
    protocol = decision.state.sessions.talks[word.session_id].protocol
    if type(protocol) is Faulty:
        raise AdapterFault(protocol.reason)
    adapter = decision.config.adapter_of(entry.session.manifest)
    assert adapter is not None, "a protocol whose state was folded has its adapter"
    try:
        result = adapter.on_accepted(entry.session, protocol, word)
    except Exception as error:
        raise raised(error) from error
    return checked_result(result)


def raised(error: Exception) -> AdapterFault:
    """The fault of an adapter that raised."""
    return AdapterFault(what_raised(error))


def checked_result(result: object) -> AdapterResult:
    """Give back what an adapter answered with, if it is an answer."""
    if type(result) is not AdapterResult:
        raise AdapterFault(f"answered with {shown(result)} where an AdapterResult was expected")
    return result


def say_emitted(decision: "Decision", session_id: str, result: AdapterResult) -> list[Envelope]:
    """Say what a protocol wants to be said."""
    said: list[Envelope] = []
    members = decision.state.sessions.entries[session_id].members
    for emit in result.emit:
        check_emit(decision.state, members, emit)
        said.append(decision.say(session_id, emit.event_type, emit.event_data, emit.audience))
    return said


def check_emit(state: "HubState", members: tuple[str, ...], emit: Emit) -> None:
    """Check that the hub may say it on somebody's behalf; raises `AdapterFault`."""
    if is_hub_event(emit.event_type):
        raise AdapterFault(f"may not make the hub's own events, as {shown(emit.event_type)}")
    audience = emit.audience or ()
    for at, agent_id in enumerate(audience):
        if agent_id not in members or agent_id in audience[:at]:
            raise AdapterFault(f"spoke to {shown(agent_id)}, who does not take part or was named before")
    try:
        check_length(emit.event_type, state.limits.short_text_chars, "event_type")
        check_data(state.limits, emit.event_data, "event_data")
    except NetworkError as error:
        raise AdapterFault(f"said too much: {error}") from error


def close(decision: "Decision", session_id: str, reason: str, deaf: str | None = None, /, **more: object) -> None:
    """End a live session: its tasks expire, and its last word goes to everybody in it, those who have not answered included.

    To everybody but one who is `deaf`: an agent that is just being unregistered.
    """
    _end(decision, session_id, "close", EV_SESSION_CLOSED, {"reason": reason, **more}, deaf)


def expire(decision: "Decision", session_id: str) -> None:
    """End a live session whose time is over."""
    _end(decision, session_id, "expire", EV_SESSION_EXPIRED, {"reason": "ttl_expired"})


def _end(
    decision: "Decision", session_id: str, event: str, event_type: str, data: dict[str, object], deaf: str | None = None
) -> None:
    session = decision.state.sessions.entries[session_id].session
    next_state(session.state, event)
    expire_tasks(decision, "session_closed", session_id=session_id)
    audience = tuple([one.agent_id for one in session.participants if one.agent_id != deaf])
    decision.say(session_id, event_type, {**data, "session_id": session_id}, audience)


def refuse_fault(fault: AdapterFault) -> ProtocolError:
    """The refusal a sender gets whose word an adapter could not take."""
    return ProtocolError(f"expected a word the session's protocol can take; its adapter {fault}")


def refusal_of(error: Exception) -> NetworkError:
    """What a sender hears whom a protocol refused, or at whose word it raised something else."""
    if isinstance(error, NetworkError):
        try:
            error_record(error)
        except Exception:
            return refuse_fault(raised(error))  # it is one of ours by its class, and cannot be written down
        return error
    return refuse_fault(raised(error))


def sleep(decision: "Decision", session_id: str, reason: str) -> None:
    """Make a live session dormant."""
    decision.make(Dormant(session_id, reason))


def follow_or_sleep(decision: "Decision", word: Envelope) -> None:
    """Let happen what follows from a word nobody can be refused for; in a dormant session nothing does."""
    entry = decision.state.sessions.entries.get(word.session_id)
    if entry is None or entry.dormant is not None:
        return
    try:
        follow(decision, word)
    except AdapterFault as fault:
        sleep(decision, word.session_id, f"its adapter {fault}")


def follow_or_refuse(decision: "Decision", word: Envelope) -> None:
    """Let happen what follows from a word somebody asked for; in a dormant session nothing does."""
    entry = decision.state.sessions.entries.get(word.session_id)
    if entry is None or entry.dormant is not None:
        return
    try:
        follow(decision, word)
    except AdapterFault as fault:
        raise refuse_fault(fault) from fault


def is_awake(entry: SessionEntry) -> bool:
    """Whether a session's protocol is to be asked."""
    return entry.dormant is None and entry.session.state is SessionState.ACTIVE
