"""The words of a session: how one is folded, whoever said it.

A word moves four things: the protocol's state, the count of words, who takes part, and what is owed to whom. The last word
ends the session in the same fold: it is delivered like any other, and nothing can come after it.

A fold cannot fail. Where an adapter is missing or raises, the protocol's state becomes `Faulty` and stays so; whoever decides
looks at that and refuses, so that only a recovery ever folds past it.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from . import codec, delivery, keys, watching
from .adapters.protocol import Adapter
from .agenda import Agenda
from .codec import from_data
from .commands import OpenSession
from .consequences import AdapterFault, raised
from .data import INT_MAX, INT_MIN
from .envelope import (
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    EV_SESSION_HIDDEN,
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_SESSION_SHOWN,
    Envelope,
)
from .errors import shown
from .rates import fold_posted
from .records import changed
from .registry import name_for
from .session import Expectation, Manifest, Participant, Role, Session, SessionState
from .sessions import MISSING, Faulty, SessionEntry, Sessions, Talk
from .state import HubState, said_state

if TYPE_CHECKING:
    from .config import AnyAdapter, HubConfig

_NO_DEADLINE = cast(Any, Adapter).next_deadline

LAST_WORDS = (EV_SESSION_CLOSED, EV_SESSION_EXPIRED)


def fold_word(config: "HubConfig", state: "HubState", word: Envelope) -> "HubState":
    """Fold one word of a session."""
    session_id, sessions, agenda = word.session_id, state.sessions, state.agenda
    content = watching.is_content(word, state.hub_id)
    moves = None if content else _MOVES.get(word.event_type)
    entry = sessions.entries.get(session_id)
    if entry is None:
        entry, talk = _opened(config, state, word)
        adapter = config.adapter_of(entry.session.manifest)
        sessions = sessions.opened(entry, talk)
    else:
        adapter = config.adapter_of(entry.session.manifest)
        sessions = sessions.with_talk(session_id, _said(adapter, state, entry, word, content))
        if moves is not None:
            entry = moves(entry, word)
            sessions = sessions.with_entry(entry)
    if not content and word.event_type in LAST_WORDS:
        sessions = sessions.ended(session_id)
        agenda = agenda.disarmed("session", session_id)
    elif moves is not None or _has_deadlines(adapter) or watching.must_ask(entry, agenda, word.created_at_ms):
        sessions, agenda = fold_due(config, sessions, agenda, entry, word.created_at_ms)
    audience = word.audience if word.audience is not None else delivery.others(entry.members, word.sender_id)
    mailboxes, agenda = delivery.fold_delivered(state, word, audience, agenda, counted=content)
    remembered, rates = state.keys, state.rates
    sender = state.registry.agents.get(word.sender_id) if content else None
    if sender is not None and sender.rule.limits.rate.per_minute:
        rates = fold_posted(rates, word.sender_id, sender.rule.limits.rate, word.created_at_ms)
    if word.idempotency_key is not None:
        addressed = state.addressed
        request, body, made_id = _keyed(word if addressed is None else changed(word, audience=addressed))
        went_to = None if addressed is None else word.audience
        came = keys.Answered(body, made_id, word.created_at_ms, word.number, word.depth, went_to)
        remembered = keys.remember(remembered, word.sender_id, request, word.idempotency_key, came, state.limits.keys)
        agenda = agenda.armed("agent", word.sender_id, word.created_at_ms + state.limits.key_ms)
    return said_state(state, sessions, mailboxes, agenda, remembered, rates, (), None)


def _has_deadlines(adapter: "AnyAdapter | None") -> bool:
    """Whether a session's protocol ever waits for a deadline: only then can a plain word bring one nearer."""
    return adapter is not None and type(adapter).next_deadline is not _NO_DEADLINE


def fold_due(
    config: "HubConfig", sessions: Sessions, agenda: Agenda, entry: SessionEntry, now_ms: int
) -> tuple[Sessions, Agenda]:
    """Arm what a session waits for, and forget the violations that are mended.

    A protocol that cannot say what it waits for is faulty.
    """
    session_id = entry.session.session_id
    talk = sessions.talks[session_id]
    still = watching.still_fired(config, entry, talk, now_ms)
    if still is not entry:
        entry = still
        sessions = changed(sessions, entries=sessions.entries.set(session_id, entry))
    try:
        due_ms = next_due(config, entry, talk)
    except AdapterFault as fault:
        faulty = changed(talk, protocol=Faulty(str(fault)))
        sessions = sessions.with_talk(session_id, faulty)
        due_ms = next_due(config, entry, faulty)
    return sessions, agenda if due_ms is None else agenda.armed("session", session_id, due_ms)


def next_due(config: "HubConfig", entry: SessionEntry, talk: Talk) -> int | None:
    """When a session is to be looked at next: the invited, its end, what its protocol waits for, what is expected in it.

    Raises `AdapterFault`.
    """
    session = entry.session
    due = session.expires_at_ms
    if entry.invited_until_ms is not None and (due is None or entry.invited_until_ms < due):
        due = entry.invited_until_ms
    if session.state is SessionState.ACTIVE and entry.dormant is None and type(talk.protocol) is not Faulty:
        adapter = config.adapter_of(session.manifest)
        asked = None if adapter is None else protocol_deadline(adapter, session, talk.protocol)
        if asked is not None and (due is None or asked < due):
            due = asked
    violated = watching.next_violation(config, entry, talk)
    if violated is not None and (due is None or violated < due):
        due = violated
    return due


def told_opening(word: Envelope) -> OpenSession:
    """The command the first word of a session tells."""
    data = cast(Mapping[str, Any], word.event_data)
    return OpenSession(
        creator_id=word.sender_id,
        type=data["manifest"]["type"],
        version=data["manifest"]["version"],
        participants=data["participants"],
        knobs=data["knobs"],
        labels=data["labels"],
        intent=data["intent"],
        ttl=data["ttl"],
        parent_session_id=data["parent_session_id"],
        required_acks=data["required_acks"],
        expectations=tuple([from_data(Expectation, one) for one in data["expectations"]]),
        idempotency_key=word.idempotency_key,
    )


def protocol_deadline(adapter: "AnyAdapter", session: Session, protocol: object) -> int | None:
    """What a protocol waits for; raises `AdapterFault`."""
    try:
        due_ms: object = adapter.next_deadline(session, protocol)
    except Exception as error:
        raise raised(error) from error
    if due_ms is not None and not (type(due_ms) is int and INT_MIN <= due_ms <= INT_MAX):
        raise AdapterFault(f"waits for {shown(due_ms)} where a time in ms was expected")
    return due_ms


def _keyed(word: Envelope) -> tuple[str, bytes, str]:
    """What kind of request a word's key belongs to, the hash of its body, and the id of what it made."""
    if word.event_type == EV_SESSION_INVITE:
        return "open", bytes.fromhex(cast(str, word.event_data["body"])), word.session_id
    return "post", codec.posted_hash(word), word.envelope_id


def _opened(config: "HubConfig", state: HubState, word: Envelope) -> tuple[SessionEntry, Talk]:
    data = cast(Mapping[str, Any], word.event_data)
    command = told_opening(word)
    manifest = _told_manifest(codec.pack(data["manifest"]))
    participants = as_participants(state, command.participants, word.sender_id, word.created_at_ms)
    invited = tuple([one for one in command.participants if one != word.sender_id])
    session = Session(
        session_id=word.session_id,
        manifest=_expecting(manifest, command.expectations),
        creator_id=word.sender_id,
        participants=participants,
        created_at_ms=word.created_at_ms,
        expires_at_ms=data["expires_at_ms"],
        parent_session_id=command.parent_session_id,
        knobs=command.knobs,
        labels=command.labels,
        intent=command.intent,
        required_acks=command.required_acks,
        pending_acks=invited,
    )
    watch = watching.watch_of(config, session)
    entry = SessionEntry(session, (word.sender_id,), data["invited_until_ms"], watch=watch)
    adapter = config.adapter_of(manifest)
    if adapter is None:
        return entry, Talk(1, Faulty(MISSING))
    try:
        protocol: object = adapter.initial_state(session)
    except Exception as error:
        protocol = Faulty(str(raised(error)))
    return entry, Talk(1, _folded(adapter, protocol, word))


@lru_cache(maxsize=256)
def _told_manifest(packed: bytes) -> Manifest:
    """The manifest a first word tells, one for all that tell the same: any number of sessions is opened under few."""
    return from_data(Manifest, cast(Mapping[str, object], codec.unpack(packed)))


def _expecting(manifest: Manifest, more: tuple[Expectation, ...]) -> Manifest:
    return changed(manifest, expectations=manifest.expectations + more) if more else manifest


def as_participants(state: HubState, agent_ids: tuple[str, ...], creator_id: str, at_ms: int) -> tuple[Participant, ...]:
    """Give names and roles: the creator is the initiator, the other of two the respondent, everybody else a participant."""
    other: Role = "respondent" if len(agent_ids) == 2 else "participant"
    return tuple(
        [
            Participant(agent_id, "initiator" if agent_id == creator_id else other, order, at_ms, name_for(state, agent_id, ""))
            for order, agent_id in enumerate(agent_ids)
        ]
    )


def _said(adapter: "AnyAdapter | None", state: "HubState", entry: SessionEntry, word: Envelope, content: bool) -> Talk:
    """What a word changes in the talk."""
    talk = state.sessions.talks[word.session_id]
    protocol = _folded(adapter, talk.protocol, word)
    if not content:
        asked = talk.asked
        if word.event_type == EV_SESSION_LEFT and asked:
            asked = tuple([one for one in asked if one.agent_id != word.event_data["agent_id"]])
        return Talk(word.number, protocol, talk.last_said_ms, asked)
    asked = talk.asked
    if entry.watch is not None and entry.watch.reads_asked:
        audience = word.audience if word.audience is not None else delivery.others(entry.members, word.sender_id)
        heard_by = tuple([one for one in audience if one not in state.withheld]) if state.withheld else audience
        asked = watching.asked_after(entry, asked, word, heard_by)
    return Talk(word.number, protocol, word.created_at_ms, asked)


def _folded(adapter: "AnyAdapter | None", protocol: object, word: Envelope) -> object:
    if type(protocol) is Faulty:
        return protocol
    if adapter is None:
        return Faulty(MISSING)
    try:
        folded: object = adapter.fold(protocol, word)
    except Exception as error:
        return Faulty(str(raised(error)))
    if type(folded) is not adapter.state_type:
        return Faulty(f"folded to {shown(folded)} where its own state was expected")
    return folded


def _invited(entry: SessionEntry, word: Envelope) -> SessionEntry:
    session = entry.session
    new_ids = cast("tuple[str, ...]", word.event_data["participants"])
    order = max(one.order for one in session.participants) + 1
    names = cast("tuple[str, ...]", word.event_data["names"])
    new = [
        Participant(agent_id, "participant", order + at, word.created_at_ms, name)
        for at, (agent_id, name) in enumerate(zip(new_ids, names, strict=True))
    ]
    session = changed(session, participants=(*session.participants, *new), pending_acks=session.pending_acks + new_ids)
    return changed(entry, session=session)


def _joined(entry: SessionEntry, word: Envelope) -> SessionEntry:
    agent_id = word.event_data["agent_id"]
    pending = tuple([one for one in entry.session.pending_acks if one != agent_id])
    return _with_members(entry, changed(entry.session, pending_acks=pending))


def _left(entry: SessionEntry, word: Envelope) -> SessionEntry:
    agent_id = word.event_data["agent_id"]
    session = changed(
        entry.session,
        participants=tuple([one for one in entry.session.participants if one.agent_id != agent_id]),
        pending_acks=tuple([one for one in entry.session.pending_acks if one != agent_id]),
    )
    return _with_members(entry, session)


def _active(entry: SessionEntry, word: Envelope) -> SessionEntry:
    session = changed(entry.session, state=SessionState.ACTIVE)
    return changed(entry, session=session, invited_until_ms=None, opened_at_ms=word.created_at_ms)


def _hidden(entry: SessionEntry, word: Envelope) -> SessionEntry:
    return changed(entry, hidden=(*entry.hidden, word.event_data["agent_id"]))


def _shown(entry: SessionEntry, word: Envelope) -> SessionEntry:
    return changed(entry, hidden=tuple([one for one in entry.hidden if one != word.event_data["agent_id"]]))


def _with_members(entry: SessionEntry, session: Session) -> SessionEntry:
    members = tuple([one.agent_id for one in session.participants if one.agent_id not in session.pending_acks])
    return changed(entry, session=session, members=members, hidden=tuple([one for one in entry.hidden if one in members]))


_MOVES = {
    EV_SESSION_INVITE: _invited,
    EV_SESSION_JOINED: _joined,
    EV_SESSION_LEFT: _left,
    EV_SESSION_OPENED: _active,
    EV_SESSION_HIDDEN: _hidden,
    EV_SESSION_SHOWN: _shown,
}
"""How the words that say who takes part, and who is gone on without, move the session."""
