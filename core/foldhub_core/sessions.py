"""The sessions that are live: what the hub holds of each, and the questions about them.

What changes with every word (the talk: how many words, and the protocol's state) is held apart from what seldom does (the
entry: participants, state, deadlines). An ended session leaves at once, and nothing of it stays: its words are in the log,
what is owed of it is in the mailboxes, and its id tells by itself that it was issued.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from immutables import Map

from .adapters.protocol import ExpectedTurn
from .errors import Malformed, NotFoundError, SessionOver, shown
from .ids import was_issued
from .ordered import Ordered, each_once
from .records import changed, changer, hot, record
from .session import Asked, Fired, Session, SessionState

if TYPE_CHECKING:
    from .config import HubConfig
    from .state import HubState


@hot
class Faulty:
    """Stands for the state of a protocol that could not be folded or read: `reason` says what its adapter did."""

    reason: str


MISSING = "is missing"
"""What an adapter did that is not configured."""


@hot
class Watch:
    """How closely a session's expectations have to be watched, by the evaluators that are configured."""

    patience_ms: int | None
    """The least time between a word and a violation it begins; None asks after every word."""
    reads_asked: bool
    """Whether it matters who was asked and has not answered."""


@hot
class SessionEntry:
    """What the hub holds of a live session and seldom changes."""

    session: Session
    members: tuple[str, ...]
    """Who takes part: the participants without those who have not answered yet."""
    invited_until_ms: int | None
    """When the invited must have answered; None when nobody is waited for."""
    dormant: str | None = None
    """Why the session cannot go on; None while it can."""
    opened_at_ms: int | None = None
    """When it became active; None while it is pending."""
    hidden: tuple[str, ...] = ()
    """The members the others go on without, in the order they were hidden."""
    fired: tuple[Fired, ...] = ()
    """The violations that stand, by expectation."""
    watch: Watch | None = None
    """None where nothing is expected. It follows from the manifest and the configuration."""


@hot
class Talk:
    """What every word changes."""

    words: int
    protocol: object
    """The adapter's state, or `Faulty`."""
    last_said_ms: int | None = None
    """When a participant last said something."""
    asked: tuple[Asked, ...] = ()
    """Who was asked and has not answered; kept only where an evaluator looks at it."""


@hot
class Sessions:
    """All live sessions: by id, in the order of their opening, and by agent."""

    entries: Map[str, SessionEntry] = Map()
    talks: Map[str, Talk] = Map()
    order: Ordered[tuple[str]] = Ordered()
    of_agent: Map[str, Ordered[tuple[str]]] = Map()
    created: Map[str, int] = Map()
    """How many of them each agent created, the pending ones included; of those who created any."""

    @classmethod
    def of(cls, entries: Mapping[str, SessionEntry], talks: Mapping[str, Talk]) -> "Sessions":
        """Build the slice of these sessions anew."""
        of_agent: dict[str, list[tuple[str]]] = {}
        created: dict[str, int] = {}
        for session_id, entry in entries.items():
            created[entry.session.creator_id] = created.get(entry.session.creator_id, 0) + 1
            for participant in entry.session.participants:
                of_agent.setdefault(participant.agent_id, []).append((session_id,))
        ordered = Map({agent_id: Ordered(session_ids) for agent_id, session_ids in of_agent.items()})
        return cls(Map(entries), Map(talks), Ordered([(session_id,) for session_id in entries]), ordered, Map(created))

    def opened(self, entry: SessionEntry, talk: Talk) -> "Sessions":
        """Put a session in."""
        session_id = entry.session.session_id
        of_agent = self.of_agent
        for participant in entry.session.participants:
            of_agent = _joined(of_agent, participant.agent_id, session_id)
        return Sessions(
            self.entries.set(session_id, entry),
            self.talks.set(session_id, talk),
            self.order.add((session_id,)),
            of_agent,
            self.created.set(entry.session.creator_id, self.created.get(entry.session.creator_id, 0) + 1),
        )

    def with_entry(self, entry: SessionEntry) -> "Sessions":
        """Put a session's entry in anew, and who takes part with it."""
        session_id = entry.session.session_id
        before = {one.agent_id for one in self.entries[session_id].session.participants}
        now = {one.agent_id for one in entry.session.participants}
        of_agent = self.of_agent
        for agent_id in sorted(now - before):
            of_agent = _joined(of_agent, agent_id, session_id)
        for agent_id in sorted(before - now):
            of_agent = _left(of_agent, agent_id, session_id)
        return changed(self, entries=self.entries.set(session_id, entry), of_agent=of_agent)

    def with_talk(self, session_id: str, talk: Talk) -> "Sessions":
        """Put a session's talk in anew."""
        return _with_talks(self, self.talks.set(session_id, talk))

    def ended(self, session_id: str) -> "Sessions":
        """Take a session out."""
        session, of_agent = self.entries[session_id].session, self.of_agent
        left = self.created[session.creator_id] - 1
        for participant in session.participants:
            of_agent = _left(of_agent, participant.agent_id, session_id)
        return Sessions(
            self.entries.delete(session_id),
            self.talks.delete(session_id),
            self.order.remove((session_id,)),
            of_agent,
            self.created.set(session.creator_id, left) if left else self.created.delete(session.creator_id),
        )


_with_talks = changer(Sessions, "talks")
_NONE: Ordered[tuple[str]] = Ordered()
_OfAgent = Map[str, Ordered[tuple[str]]]


def _joined(of_agent: _OfAgent, agent_id: str, session_id: str) -> _OfAgent:
    return of_agent.set(agent_id, of_agent.get(agent_id, _NONE).add((session_id,)))


def _left(of_agent: _OfAgent, agent_id: str, session_id: str) -> _OfAgent:
    left = of_agent[agent_id].remove((session_id,))
    return of_agent.set(agent_id, left) if len(left) else of_agent.delete(agent_id)


# --- questions


@record
class SessionPage:
    """Sessions found, and where to go on; a `cursor` of None says that there are no more."""

    sessions: tuple[Session, ...]
    cursor: str | None


@record
class PendingTurn:
    """A turn an agent owes: in which session, by which envelope, since when."""

    session_id: str
    triggering_envelope_id: str | None
    expected_at_ms: int | None


def session_entry(state: "HubState", session_id: str) -> SessionEntry:
    """What is held of a live session; raises `SessionOver` for one that was, `NotFoundError` for one never was. O(log n)."""
    entry = state.sessions.entries.get(session_id)
    if entry is None:
        raise no_session(state, session_id)
    return entry


def no_session(state: "HubState", session_id: str) -> SessionOver | NotFoundError:
    """The refusal for a session that is not live, or that is not to be seen: it tells no more than the id does."""
    if was_issued(state.hub_id, "s", session_id, state.seq):
        return SessionOver(f"expected a live session, came {shown(session_id)}, which is over", where="session_id")
    return NotFoundError(f"expected the id of a session, came {shown(session_id)}", where="session_id")


def is_over(state: "HubState", session_id: str) -> bool:
    """Whether a session was there, or can have been, and is no more. O(log n)."""
    return session_id not in state.sessions.entries and was_issued(state.hub_id, "s", session_id, state.seq)


def get_session(state: "HubState", session_id: str) -> Session:
    """A live session; raises `SessionOver` or `NotFoundError`. O(log n)."""
    return session_entry(state, session_id).session


def list_sessions(
    state: "HubState",
    *,
    agent_id: str | None = None,
    session_state: SessionState | None = None,
    type: str | None = None,
    label: tuple[str, str] | None = None,
    intent: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> SessionPage:
    """Live sessions in the order of their opening; ended ones are the store's to list.

    Of one agent, or of all; the other conditions are tried on one session after another, at most `limits.scan_items` for a
    page, which may therefore be short and still have a cursor. `label` is a key and its value.
    """
    order = state.sessions.order if agent_id is None else state.sessions.of_agent.get(agent_id, _NONE)
    fits = session_filter(session_state, type, label, intent)
    return session_page(state, order.after(None if cursor is None else (cursor,)), fits, limit, cursor)


def sessions_of(state: "HubState", agent_ids: Iterable[str], cursor: str | None) -> Iterator[tuple[str]]:
    """The live sessions of any of these agents after a cursor, in the order of their opening, each once."""
    orders = [state.sessions.of_agent.get(agent_id, _NONE) for agent_id in dict.fromkeys(agent_ids)]
    return each_once(orders, cursor)


def session_filter(
    session_state: SessionState | None, type: str | None, label: tuple[str, str] | None, intent: str | None
) -> Callable[[Session], bool]:
    """What a session must be to be listed; None asks for nothing."""

    def fits(session: Session) -> bool:
        return (
            (session_state is None or session.state is session_state)
            and (type is None or session.manifest.type == type)
            and (label is None or session.labels.get(label[0]) == label[1])
            and (intent is None or session.intent == intent)
        )

    return fits


def session_page(
    state: "HubState", ids: Iterable[tuple[str]], fits: Callable[[Session], bool], limit: int, cursor: str | None
) -> SessionPage:
    """A page of those of these live sessions that fit; the cursor is where the ids begin."""
    if not 1 <= limit <= state.limits.page_items:
        raise Malformed(f"expected 1 to {state.limits.page_items}, came {limit}", where="limit")
    found: list[Session] = []
    looked_at = 0
    last = cursor
    for (session_id,) in ids:
        if len(found) == limit or looked_at == state.limits.scan_items:
            return SessionPage(tuple(found), last)
        last = session_id
        looked_at += 1
        session = state.sessions.entries[session_id].session
        if fits(session):
            found.append(session)
    return SessionPage(tuple(found), None)


def created_sessions(state: "HubState", agent_id: str) -> int:
    """How many live sessions an agent created, the pending ones included. O(log n)."""
    return state.sessions.created.get(agent_id, 0)


def protocol_state(state: "HubState", session_id: str) -> object:
    """The state of a session's protocol; raises `SessionOver` or `NotFoundError`. O(log n)."""
    session_entry(state, session_id)
    return state.sessions.talks[session_id].protocol


def violations(state: "HubState", session_id: str) -> tuple[Fired, ...]:
    """The violations that stand in a session, by expectation; raises `SessionOver` or `NotFoundError`. O(log n)."""
    return session_entry(state, session_id).fired


def hidden_participants(state: "HubState", session_id: str) -> tuple[str, ...]:
    """The participants the others go on without; raises `SessionOver` or `NotFoundError`. O(log n)."""
    return session_entry(state, session_id).hidden


def expected(config: "HubConfig", state: "HubState", session_id: str) -> tuple[ExpectedTurn, ...]:
    """Who owes a turn in a session; raises `SessionOver` or `NotFoundError`. O(log n) and what the adapter takes."""
    entry = session_entry(state, session_id)
    if entry.dormant is not None or entry.session.state is not SessionState.ACTIVE:
        return ()
    return turns_of(config, entry, state.sessions.talks[session_id])


def turns_of(config: "HubConfig", entry: SessionEntry, talk: Talk) -> tuple[ExpectedTurn, ...]:
    """The turns that those who take part owe, as the protocol of an active session says; none where it cannot say."""
    adapter = config.adapter_of(entry.session.manifest)
    if adapter is None:
        return ()
    try:
        turns = adapter.expected_next(entry.session, talk.protocol)
        return tuple([turn for turn in turns if _is_turn(turn) and turn.agent_id in entry.members])
    except Exception:
        # There is no sender to refuse, and one protocol must not hide the turns owed under the others.
        return ()


def _is_turn(answered: object) -> bool:
    return type(answered) is ExpectedTurn


def pending_turns(config: "HubConfig", state: "HubState", agent_id: str) -> tuple[PendingTurn, ...]:
    """The turns an agent owes, in the order its sessions were opened. O(k) in its live sessions."""
    owed: list[PendingTurn] = []
    for (session_id,) in state.sessions.of_agent.get(agent_id, _NONE):
        for turn in expected(config, state, session_id):
            if turn.agent_id == agent_id:
                owed.append(PendingTurn(session_id, turn.triggering_envelope_id, turn.expected_since_ms))
    return tuple(owed)
