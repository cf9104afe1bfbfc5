"""Snapshots: a state as bytes, in slices, and back.

A snapshot is a list of slices; a slice is a list of rows; a row is the name of its table and the values of one entry. The
first row says whose state it is and where in the chain, the last one carries the digest of all rows before it: a snapshot
without its last row is none. What can be derived (names, the directory, the agenda's second order) is not written but built
again.

Because a state never changes, its slices can be made one at a time between the steps of a running hub. No slice costs more
than its share: the entries of a map are dealt into baskets as they are met, by a hash of the key that is the same in every
process, and a basket is sorted when its turn comes. So equal states give equal rows, whatever their maps' own order.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, assert_never

from immutables import Map

from . import codec
from .agenda import Agenda, Entry
from .config import HubConfig
from .errors import Malformed, Unavailable, unexpected
from .exact import is_list
from .keys import AgentKeys, Answered
from .mailbox import DeadLetter, Mailbox
from .ordered import Ordered
from .protocol_bytes import read_protocol, write_protocol
from .rates import Spent
from .recent import Recent
from .records import changed
from .refusals import RefusalCount
from .registry import AgentEntry, Registry
from .sessions import MISSING, Faulty, SessionEntry, Sessions, Talk
from .snapshot_rows import (
    AgentRow,
    ConfiguredRow,
    DeadLetterRow,
    DueRow,
    EndRow,
    HubRow,
    KeyRow,
    KeysRow,
    LinkRow,
    MailboxRow,
    OwedRow,
    RateRow,
    RefusalsRow,
    SessionRow,
    SnapshotRow,
    StateRow,
    TaskRow,
)
from .state import HubState
from .tasks import TaskEntry, Tasks
from .track_record import TrackRecord
from .watching import watch_of

SLICE_ROWS = 500
SLICE_BYTES = 262_144
"""A slice ends with the row that reaches either."""

BASKET = 500
"""Entries of a map that are sorted at once, about. Every digest depends on it: it stays as it is."""

DEALT = 10_000
"""Keys of a map that are dealt, or sessions that are looked at, between two slices."""

V = TypeVar("V")


def take_snapshot(state: HubState, slice_rows: int = SLICE_ROWS) -> Iterator[bytes]:
    """Give the slices of a state one by one; between two of them the caller may do other things. Some are empty.

    Raises `Unavailable` where a session is dormant: what its adapter did not fold cannot be written, only folded again.
    """
    for looked, (session_id,) in enumerate(state.sessions.order, start=1):
        if _is_dormant(state, session_id):
            raise Unavailable(
                f"expected no session to be dormant, came {session_id}: its words must be folded again from the log"
            )
        if looked % DEALT == 0:
            yield codec.pack([])
    hasher = codec.hasher()
    rows: list[bytes] = []
    size = 0
    for row in _rows(state):
        if row is None or len(rows) == slice_rows or size >= SLICE_BYTES:
            yield codec.pack(rows)
            rows, size = [], 0
        if row is not None:
            rows.append(codec.encode(row))
            size += len(rows[-1])
            hasher.update(rows[-1])
    yield codec.pack([*rows, codec.encode(EndRow(state.seq, hasher.digest()))])


def read_snapshot(config: HubConfig, slices: Iterable[bytes]) -> HubState:
    """Build the state from its slices; raises `Malformed` unless they are whole, in order and unchanged.

    A session whose adapter is missing, or cannot read what it wrote, is there without the state of its protocol: the next
    `Start` makes it dormant. As long as it is, no snapshot takes the place of this one, so a run in which its adapter is well
    reads it from here.
    """
    hasher = codec.hasher()
    rows = read_rows(slices)
    packed, first = next(rows, (b"", None))
    if not isinstance(first, HubRow):
        raise unexpected("the first row of a snapshot", first, where="snapshot")
    hasher.update(packed)
    reader = _Reader(config, first)
    for packed, row in rows:
        if isinstance(row, EndRow):
            if row != EndRow(first.seq, hasher.digest()) or next(rows, None) is not None:
                raise Malformed("expected the digest of the rows before it at the end, came another", where="snapshot")
            return reader.state()
        hasher.update(packed)
        reader.take(row)
    raise Malformed("expected the last row with the digest, came the end", where="snapshot")


def digest(state: HubState) -> str:
    """Name the content of a state: equal states, equal digest, in every process. O(n): on demand and at snapshots."""
    hasher = codec.hasher()
    for row in _rows(state):
        if row is not None:
            hasher.update(codec.encode(row))
    return hasher.hexdigest()


def _rows(state: HubState) -> Iterator[HubRow | StateRow | None]:
    """All rows of a state in their order; None where the caller may pause."""
    refusals = state.refusals
    yield HubRow(codec.FORMAT, state.hub_id, state.seq, state.now_ms, state.head, state.hub_words, refusals.window)
    if state.configured is not None:
        yield ConfiguredRow(state.configured)
    yield from _in_order(refusals.by_subject, RefusalsRow)
    yield from _in_order(state.registry.agents, _agent_row)
    yield from _in_order(state.keys, _keys_row)
    for (session_id,) in state.sessions.order:
        yield _session_row(state.sessions.entries[session_id], state.sessions.talks[session_id])
    for (task_id,) in state.tasks.order:
        yield _task_row(state.tasks.entries[task_id])
    for agent_id, mailbox in _sorted_in_turn(state.mailboxes):
        yield from _mailbox_rows(agent_id, mailbox) if mailbox is not None else (None,)
    yield from _in_order(state.links, LinkRow)
    yield from _in_order(state.rates, _rate_row)
    for entry in state.agenda.by_time:
        yield DueRow(*entry)


def _in_order(table: Map[str, V], row: Callable[[str, V], StateRow]) -> Iterator[StateRow | None]:
    """Give a row for every entry of a map, in an order that is the same in every process."""
    for key, value in _sorted_in_turn(table):
        yield None if value is None else row(key, value)


def _sorted_in_turn(table: Map[str, V]) -> Iterator[tuple[str, V | None]]:
    """Give the entries of a map in an order that is the same in every process; None where the caller may pause."""
    baskets: list[list[str]] = [[] for _ in range(len(table) // BASKET + 1)]
    for dealt, key in enumerate(table, start=1):
        baskets[int.from_bytes(codec.digest(key.encode())[:4], "big") % len(baskets)].append(key)
        if dealt % DEALT == 0:
            yield "", None
    for basket in baskets:
        for key in sorted(basket):
            yield key, table[key]


def _agent_row(agent_id: str, entry: AgentEntry) -> AgentRow:
    record = entry.track_record
    tasks = tuple([task_id for task_id, _ in record.tasks.items()])
    identity = (entry.passport, entry.resume, entry.rule, entry.skill, entry.subject)
    return AgentRow(agent_id, *identity, record.latencies, record.tasks.first, tasks)


def _keys_row(agent_id: str, keys: AgentKeys) -> KeysRow:
    return KeysRow(agent_id, keys.first, tuple([_key_row(key, came) for key, came in keys.items()]))


def _key_row(key: str, came: Answered) -> KeyRow:
    return KeyRow(key, came.body, came.made_id, came.at_ms, came.number, came.depth, came.audience)


def _rate_row(agent_id: str, spent: Spent) -> RateRow:
    return RateRow(agent_id, spent.at_ms, spent.parts)


def _session_row(entry: SessionEntry, talk: Talk) -> SessionRow:
    return SessionRow(
        entry.session,
        entry.members,
        entry.invited_until_ms,
        entry.dormant,
        talk.words,
        write_protocol(talk.protocol),
        entry.opened_at_ms,
        entry.hidden,
        entry.fired,
        talk.last_said_ms,
        talk.asked,
    )


def _task_row(entry: TaskEntry) -> TaskRow:
    return TaskRow(entry.task, entry.checkpoint, entry.asked_by)


def _mailbox_rows(agent_id: str, mailbox: Mailbox) -> Iterator[StateRow]:
    yield MailboxRow(agent_id, mailbox.next_number, mailbox.settled, mailbox.attachings)
    for number in mailbox.numbered():
        yield OwedRow(agent_id, number, mailbox.owed[number], mailbox.waiting.get(number))
    for number in sorted(mailbox.dead):
        yield DeadLetterRow(agent_id, mailbox.dead[number])


def first_dormant(state: HubState) -> str | None:
    """The first session that cannot go on, or None. O(n) in live sessions."""
    for (session_id,) in state.sessions.order:
        if _is_dormant(state, session_id):
            return session_id
    return None


def first_unread(config: HubConfig, state: HubState) -> str | None:
    """The first session of a state that was just read whose adapter is there and could not read what it wrote, or None.

    O(n) in live sessions.
    """
    for (session_id,) in state.sessions.order:
        entry, talk = state.sessions.entries[session_id], state.sessions.talks[session_id]
        if type(talk.protocol) is Faulty and config.adapter_of(entry.session.manifest) is not None:
            return session_id
    return None


def _is_dormant(state: HubState, session_id: str) -> bool:
    entry, talk = state.sessions.entries[session_id], state.sessions.talks[session_id]
    return entry.dormant is not None or isinstance(talk.protocol, Faulty)


def read_rows(slices: Iterable[bytes]) -> Iterator[tuple[bytes, SnapshotRow]]:
    """Read the rows of slices, each with its bytes; whatever is no row is `Malformed`."""
    form = codec.FORMAT
    for data in slices:
        packed_rows = codec.unpack(data)
        if not is_list(packed_rows):
            raise unexpected("a list of rows", packed_rows, where="snapshot")
        for packed in packed_rows:
            if type(packed) is not bytes:
                raise unexpected("a row in bytes", packed, where="snapshot")
            row = codec.record_of(codec.unpack(packed), form)
            if not isinstance(row, SnapshotRow):
                raise unexpected("a row of a snapshot", row, where="snapshot")
            if isinstance(row, HubRow):
                form = row.form
            yield packed, row


class _Reader:
    """Collects rows until they are a state."""

    def __init__(self, config: HubConfig, first: HubRow) -> None:
        self._config = config
        self._first = first
        self._sessions: list[SessionRow] = []
        self._tasks: dict[str, TaskEntry] = {}
        self._boxes: dict[str, _Box] = {}
        self._configured: ConfiguredRow | None = None
        self._refusals: dict[str, int] = {}
        self._agents: dict[str, AgentEntry] = {}
        self._keys: dict[str, AgentKeys] = {}
        self._links: dict[str, str] = {}
        self._rates: dict[str, Spent] = {}
        self._due: list[Entry] = []

    def take(self, row: SnapshotRow) -> None:
        match row:
            case AgentRow():
                tasks: Recent[None] = _recent([(task_id, None) for task_id in row.tasks], row.first_task)
                record = TrackRecord(row.latencies, tasks)
                entry = AgentEntry(row.passport, row.resume, row.rule, row.skill, row.subject, record)
                self._agents[row.agent_id] = entry
            case KeysRow():
                keys = [(key.key, _answered(key)) for key in row.keys]
                self._keys[row.agent_id] = _recent(keys, row.first)
            case SessionRow():
                self._sessions.append(row)
            case TaskRow():
                self._tasks[row.task.task_id] = TaskEntry(row.task, row.checkpoint, row.asked_by)
            case MailboxRow():
                self._boxes[row.agent_id] = _Box(row)
            case OwedRow():
                self._box(row.agent_id).owed[row.number] = row
            case DeadLetterRow():
                self._box(row.agent_id).dead[row.letter.number] = row.letter
            case LinkRow():
                self._links[row.agent_id] = row.link
            case RateRow():
                self._rates[row.agent_id] = Spent(row.at_ms, row.parts)
            case DueRow():
                self._due.append((row.due_ms, row.kind, row.subject_id))
            case RefusalsRow():
                self._refusals[row.subject] = row.count
            case ConfiguredRow():
                self._configured = row
            case HubRow() | EndRow():
                raise unexpected("one first and one last row", row, where="snapshot")
            case _:
                assert_never(row)

    def _box(self, agent_id: str) -> "_Box":
        if agent_id not in self._boxes:
            raise unexpected("the row of a mailbox before what is owed in it", agent_id, where="snapshot")
        return self._boxes[agent_id]

    def _session(self, row: SessionRow) -> tuple[SessionEntry, Talk]:
        """Read one session. Its row is known to be unchanged: what cannot be read of it is its adapter's doing."""
        session = row.session
        protocol = self._protocol(row)
        watch = watch_of(self._config, session)
        more = (row.opened_at_ms, row.hidden, row.fired, watch)
        entry = SessionEntry(session, row.members, row.invited_until_ms, None, *more)
        return entry, Talk(row.words, protocol, row.last_said_ms, row.asked)

    def _protocol(self, row: SessionRow) -> object:
        adapter = self._config.adapter_of(row.session.manifest)
        if adapter is None:
            return Faulty(MISSING)
        try:
            return read_protocol(adapter, row.protocol, self._first.form)
        except Malformed as error:
            return Faulty(f"cannot read the state it wrote: {error.message}"[:500])

    def state(self) -> HubState:
        first = self._first
        sessions = {row.session.session_id: self._session(row) for row in self._sessions}
        # Only what was read from outside goes through the checks of the constructor; the maps were built here.
        state = changed(
            HubState(first.hub_id, seq=first.seq, now_ms=first.now_ms, head=first.head, hub_words=first.hub_words),
            refusals=RefusalCount(first.refusal_window, Map(self._refusals)),
            registry=Registry.of(self._agents),
            keys=Map(self._keys),
            links=Map(self._links),
            rates=Map(self._rates),
            sessions=Sessions.of(
                {session_id: entry for session_id, (entry, _) in sessions.items()},
                {session_id: talk for session_id, (_, talk) in sessions.items()},
            ),
            tasks=Tasks.of(self._tasks),
            mailboxes=Map({agent_id: box.mailbox() for agent_id, box in self._boxes.items()}),
            agenda=Agenda(Ordered(self._due), Map({subject_id: due_ms for due_ms, _, subject_id in self._due})),
        )
        if self._configured is None:
            return state
        configured = self._configured.configured
        return changed(state, configured=configured, limits=configured.limits)


def _answered(row: KeyRow) -> Answered:
    return Answered(row.body, row.made_id, row.at_ms, row.number, row.depth, row.audience)


class _Box:
    """Collects the rows of one mailbox."""

    def __init__(self, row: MailboxRow) -> None:
        self.row = row
        self.owed: dict[int, OwedRow] = {}
        self.dead: dict[int, DeadLetter] = {}

    def mailbox(self) -> Mailbox:
        owed = {number: row.owed for number, row in self.owed.items()}
        waiting = {number: row.waits_until_ms for number, row in self.owed.items() if row.waits_until_ms is not None}
        return Mailbox(
            self.row.next_number,
            self.row.settled,
            sum(one.counted for one in owed.values()),
            self.row.attachings,
            Map(owed),
            Map({one.envelope_id: number for number, one in owed.items()}),
            Map(waiting),
            Map(self.dead),
        )


def _recent(items: list[tuple[str, V]], first: int) -> Recent[V]:
    """Remember items again under the numbers they had."""
    numbered = list(enumerate(items, start=first))
    entries = Map({key: (number, value) for number, (key, value) in numbered})
    return Recent(entries, Map({number: key for number, (key, _) in numbered}), first)
