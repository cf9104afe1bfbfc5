"""How the facts of a commit, and its refusal, are read for the audit: kind by kind, from the commit alone.

Every fact is read by the rows of the tables below; a mark that tells an auditor nothing is listed as such, so that none is
passed over by oversight. Events of the hub that have no row of their own are read by a default: the kind is the event type
with `_` for its dots, the data is the event's.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from .codec import to_data
from .commands import ForwardFailed, Nack, Post, acting_id
from .commits import Commit, CutCommand
from .data import freeze
from .envelope import (
    EV_AGENT_REGISTERED,
    EV_AGENT_UNREGISTERED,
    EV_EXPECTATION_VIOLATED,
    EV_OBSERVATION_RECORDED,
    EV_RESUME_SET,
    EV_RULE_SET,
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    EV_SESSION_HIDDEN,
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_SESSION_SHOWN,
    EV_SKILL_SET,
    EV_TASK_CANCEL_REQUEST,
    EV_TASK_CANCELLED,
    EV_TASK_CHECKPOINTED,
    EV_TASK_ENDED,
    EV_TASK_OBSERVED,
    EV_TASK_PROGRESSED,
    Envelope,
    is_posted,
)
from .error_record import ErrorRecord
from .exact import EMPTY
from .facts import (
    Acked,
    Attached,
    Configured,
    DeadLettered,
    Detached,
    Dormant,
    Dropped,
    KeysExpired,
    Nacked,
    Readdressed,
    Rearmed,
    Redelivered,
    Resent,
    Skipped,
    Woken,
)
from .ids import HUB_SESSION, looks_like_id
from .tags import TAGS


class About(NamedTuple):
    """What a fact tells, but for its kind and for what its commit tells of all its facts."""

    agent_id: str | None = None
    session_id: str | None = None
    envelope_id: str | None = None
    data: Mapping[str, object] = EMPTY


def told_of(commit: Commit) -> list[tuple[str, About]]:
    """What the facts or the refusal of a commit tell, and of which kind each is."""
    told: list[tuple[str, About]] = []
    for fact in commit.facts:
        if type(fact) is not Envelope:
            for kind, read in OF_MARKS[type(fact)]:
                told += [(kind, about) for about in read(fact, commit)]
        elif not is_posted(fact):
            for kind, read_event in _rows_of(fact):
                told += [(kind, about) for about in read_event(fact)]
    if commit.refusal is not None:
        told.append(("refused", _refused(commit, commit.refusal)))
    return told


def _rows_of(event: Envelope) -> "tuple[tuple[str, _OfEvent], ...]":
    """How an event of the hub is read: by its rows, or by the default where it has none."""
    if event.session_id == HUB_SESSION:
        rows, read = OF_HUB_EVENTS.get(event.event_type), _hub_event
    else:
        rows, read = OF_SESSION_EVENTS.get(event.event_type), _session_event
    return ((event.event_type.replace(".", "_"), read),) if rows is None else rows


# --- marks


def _configured(mark: Configured, _: Commit) -> tuple[About, ...]:
    data = {"parts": mark.parts, "fingerprint": mark.fingerprint, "limits": to_data(mark.limits)}
    return (About(data=freeze(data)),)


def _evicted(mark: Attached, _: Commit) -> tuple[About, ...]:
    return () if mark.evicted is None else (About(mark.agent_id, data=freeze({"link": mark.evicted, "by": mark.link})),)


def _link(mark: Attached | Detached, _: Commit) -> tuple[About, ...]:
    return (About(mark.agent_id, data=freeze({"link": mark.link})),)


def _skipped(mark: Skipped, commit: Commit) -> tuple[About, ...]:
    words = _words(commit, mark.envelope_id)
    session_id = words[0].session_id if words else None
    data = freeze({"reason": mark.reason})
    return tuple([About(agent_id, session_id, mark.envelope_id, data) for agent_id in mark.agent_ids])


def _readdressed(mark: Readdressed, commit: Commit) -> tuple[About, ...]:
    return tuple(
        [
            About(word.sender_id, word.session_id, word.envelope_id, freeze({"named": mark.audience, "audience": word.audience}))
            for word in _words(commit, mark.envelope_id)
        ]
    )


def _words(commit: Commit, envelope_id: str) -> list[Envelope]:
    """The word of a commit that a mark before it is about."""
    return [fact for fact in commit.facts if type(fact) is Envelope and fact.envelope_id == envelope_id]


def _dropped(mark: Dropped | DeadLettered, _: Commit) -> tuple[About, ...]:
    return (_of_delivery(mark, {"number": mark.number, "reason": mark.reason}),)


def _of_delivery(mark: Dropped | Nacked | DeadLettered | Resent, data: Mapping[str, object]) -> About:
    return About(mark.agent_id, mark.session_id, mark.envelope_id, freeze(data))


def _failed(by: type) -> "_OfMark":
    """How the failure of a delivery is read that came by this command.

    One that was given up because it was owed too long failed nowhere: its time came.
    """

    def read(mark: Nacked | DeadLettered, commit: Commit) -> tuple[About, ...]:
        due_ms = mark.due_ms if type(mark) is Nacked else None
        data = {"number": mark.number, "reason": mark.reason, "due_ms": due_ms}
        return (_of_delivery(mark, data),) if type(commit.kept) is by else ()

    return read


_turn_failed, _forward_failed = _failed(Nack), _failed(ForwardFailed)


def _resent(mark: Resent, _: Commit) -> tuple[About, ...]:
    return (_of_delivery(mark, {"number": mark.number}),)


def _dormant(mark: Dormant, _: Commit) -> tuple[About, ...]:
    return (About(session_id=mark.session_id, data=freeze({"reason": mark.reason})),)


def _woken(mark: Woken, _: Commit) -> tuple[About, ...]:
    return (About(session_id=mark.session_id),)


# Any: each function reads the marks of the class it stands beside.
_OfMark = Callable[[Any, Commit], tuple[About, ...]]

OF_MARKS: Mapping[type, tuple[tuple[str, _OfMark], ...]] = {
    Configured: (("configured", _configured),),
    Attached: (("evicted", _evicted), ("attached", _link)),
    Detached: (("detached", _link),),
    Skipped: (("recipient_skipped", _skipped),),
    Readdressed: (("readdressed", _readdressed),),
    Dropped: (("delivery_dropped", _dropped),),
    Nacked: (("turn_failed", _turn_failed), ("forward_failed", _forward_failed)),
    DeadLettered: (("turn_failed", _turn_failed), ("forward_failed", _forward_failed), ("dead_lettered", _dropped)),
    Resent: (("resent", _resent),),
    Dormant: (("session_dormant", _dormant),),
    Woken: (("session_woken", _woken),),
    # Bookkeeping: what arrived, and what came up.
    Acked: (),
    KeysExpired: (),
    Rearmed: (),
    Redelivered: (),
}
"""Of each mark what kinds of records it gives, and how each is read; those of bookkeeping give none."""


# --- events of the hub session


def _hub_event(event: Envelope) -> tuple[About, ...]:
    return (_hub_about(event, event.event_data),)


def _hub_about(event: Envelope, data: Mapping[str, object]) -> About:
    """The agent is who the event is of; the hub itself is none."""
    agent_id = event.sender_id if looks_like_id(event.sender_id) else None
    return About(agent_id, _text(event.event_data, "session_id"), event.envelope_id, data)


def _registered(event: Envelope) -> tuple[About, ...]:
    """Who the agent is and whom it belongs to. The rest stands in the envelope, what a proxy proves itself with as well."""
    data = event.event_data
    passport, resume = cast("Mapping[str, object]", data["passport"]), cast("Mapping[str, object]", data["resume"])
    read = {
        "name": passport["name"],
        "kind": passport["kind"] or "agent",
        "owner": passport["owner"],
        "subject": data["subject"],
        "capabilities": resume["claimed_capabilities"],
    }
    return (_hub_about(event, freeze(read)),)


def _skill_set(event: Envelope) -> tuple[About, ...]:
    removed = event.event_data["skill_md"] is None
    return (_hub_about(event, freeze({**event.event_data, "removed": removed})),)


def _violated(event: Envelope) -> tuple[About, ...]:
    return () if event.event_data.get("fault") else _hub_event(event)


def _faulty(event: Envelope) -> tuple[About, ...]:
    """What watches over an expectation, or answers its violation, raised: nobody violated anything by that."""
    return _hub_event(event) if event.event_data.get("fault") else ()


def _asked_to_stop(event: Envelope) -> tuple[About, ...]:
    """A request to a task's owner: in the session the task is for, or in the hub session where it is for none."""
    owner_id = event.audience[0] if event.audience else None
    session_id = None if event.session_id == HUB_SESSION else event.session_id
    return (About(owner_id, session_id, event.envelope_id, event.event_data),)


_OfEvent = Callable[[Envelope], tuple[About, ...]]

OF_HUB_EVENTS: Mapping[str, tuple[tuple[str, _OfEvent], ...]] = {
    EV_AGENT_REGISTERED: (("agent_registered", _registered),),
    EV_AGENT_UNREGISTERED: (("agent_unregistered", _hub_event),),
    EV_RESUME_SET: (("resume_set", _hub_event),),
    EV_RULE_SET: (("rule_set", _hub_event),),
    EV_SKILL_SET: (("skill_set", _skill_set),),
    EV_OBSERVATION_RECORDED: (("observation_recorded", _hub_event),),
    EV_EXPECTATION_VIOLATED: (("expectation_violated", _violated), ("expectation_faulty", _faulty)),
    EV_TASK_CANCEL_REQUEST: (("task_cancel_requested", _asked_to_stop),),
    EV_TASK_OBSERVED: (("task_observed", _hub_event),),
    EV_TASK_ENDED: (("task_ended", _hub_event),),
    # How far a task is, and what its owner keeps of it, concerns those who wait for it.
    EV_TASK_PROGRESSED: (),
    EV_TASK_CHECKPOINTED: (),
}
"""Of each event of the hub session what kinds of records it gives, and how each is read; of all others by `_hub_event`."""


# --- what the hub says in a session


def _session_event(event: Envelope) -> tuple[About, ...]:
    return (_session_about(event, event.event_data),)


def _session_about(event: Envelope, data: Mapping[str, object]) -> About:
    """The agent is the one the event names."""
    return About(_text(event.event_data, "agent_id"), event.session_id, event.envelope_id, data)


def _created(event: Envelope) -> tuple[About, ...]:
    """The first word of a session: what it is. What its protocol promises stands in the envelope."""
    if event.number > 1:
        return ()
    data, manifest = event.event_data, cast("Mapping[str, object]", event.event_data["manifest"])
    same = ("expires_at_ms", "intent", "labels", "parent_session_id", "participants", "required_acks")
    read = {"type": manifest["type"], "version": manifest["version"], "creator_id": event.sender_id}
    read |= {name: data[name] for name in same}
    return (About(event.sender_id, event.session_id, event.envelope_id, freeze(read)),)


def _invited(event: Envelope) -> tuple[About, ...]:
    """A later invitation, for each whom it is for."""
    if event.number == 1:
        return ()
    data = freeze({"creator_id": event.sender_id})
    return tuple([About(agent_id, event.session_id, event.envelope_id, data) for agent_id in event.audience or ()])


def _ended(event: Envelope) -> tuple[About, ...]:
    """The last word of a session: why it ended, after how many words, and who was in it."""
    said = {name: value for name, value in event.event_data.items() if name != "session_id"}
    return (_session_about(event, freeze({**said, "words": event.number, "participants": event.audience or ()})),)


def _named(event: Envelope) -> tuple[About, ...]:
    """Something of one participant: `agent_id` says whose it is, and the data what else is said."""
    data = {name: value for name, value in event.event_data.items() if name != "agent_id"}
    return (_session_about(event, freeze(data)),)


def _text(data: Mapping[str, object], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) else None


OF_SESSION_EVENTS: Mapping[str, tuple[tuple[str, _OfEvent], ...]] = {
    EV_SESSION_INVITE: (("session_created", _created), ("participant_invited", _invited)),
    EV_SESSION_OPENED: (("session_opened", _session_event),),
    EV_SESSION_JOINED: (("participant_joined", _named),),
    EV_SESSION_LEFT: (("participant_left", _named),),
    EV_SESSION_HIDDEN: (("participant_hidden", _named),),
    EV_SESSION_SHOWN: (("participant_shown", _named),),
    EV_SESSION_CLOSED: (("session_closed", _ended),),
    EV_SESSION_EXPIRED: (("session_expired", _ended),),
    EV_TASK_CANCEL_REQUEST: (("task_cancel_requested", _asked_to_stop),),
    # What a session's participants are told of an event that the hub session has, too.
    EV_EXPECTATION_VIOLATED: (),
    EV_TASK_CANCELLED: (),
}
"""Of each event said in a session what kinds of records it gives, and how each is read; of all others by `_session_event`."""


# --- refusals


def _refused(commit: Commit, refusal: ErrorRecord) -> About:
    """What was refused; of a command that was cut it is known which it was, and no more."""
    command = commit.command
    data = {"code": refusal.code, "message": refusal.message, "where": refusal.where}
    if isinstance(command, CutCommand):
        name = _COMMANDS.get(command.tag, str(command.tag))
        return About(data=freeze({**data, "command": name, "length": command.length}))
    session_id = command.envelope.session_id if type(command) is Post else getattr(command, "session_id", None)
    return About(acting_id(command) or None, session_id, None, freeze({**data, "command": type(command).__name__}))


_COMMANDS = {tag: kind.__name__ for kind, tag in TAGS.items()}


# --- the kinds


def _kinds(*tables: Mapping[Any, tuple[tuple[str, Any], ...]]) -> frozenset[str]:
    return frozenset({kind for table in tables for rows in table.values() for kind, _ in rows})


KINDS = _kinds(OF_MARKS, OF_HUB_EVENTS, OF_SESSION_EVENTS) | {"refused"}
"""The kinds of audit records; other events of the hub give others."""
