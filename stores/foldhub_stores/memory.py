"""A store that rests on nothing but memory: for tests, for examples, and for hubs whose words need not outlive them."""

import secrets
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Collection, Sequence
from operator import attrgetter

from foldhub_core import Commit, Compacted, Envelope
from foldhub_core.ids import check_hub_id, commit_of, was_issued
from foldhub_core.index import AuditRow, DeadLetterRow, EndedSessionRow, EndedTaskRow, EnvelopeRow, index_rows
from foldhub_core.state import GENESIS

from .checking import check_next, find_envelope
from .errors import StoreStopped
from .slices import SliceDigest, check_begins, check_begun
from .store import PAGE, START, Cursor, Durable, Identity, Opened, Outcome, SessionsPage, Snapshot, TasksPage

FORMAT = 1
_SESSION_KEY = attrgetter("seq", "session_id")
_TASK_KEY = attrgetter("seq", "task_id")


class MemoryStore:
    """A `LogStore` in memory. An append costs what its commits cost, however long the log is."""

    def __init__(self, hub_id: str | None = None) -> None:
        """Make the store of a hub; without a name the hub is given one of its own."""
        named = f"h{secrets.token_hex(5)}" if hub_id is None else hub_id
        self._identity = Identity(secrets.token_hex(16), check_hub_id(named), FORMAT)
        self._opened = Opened(True, 0, GENESIS)
        self._closed = False
        self._commits: list[Commit] = []
        self._head = GENESIS
        self._words: defaultdict[str, list[Envelope]] = defaultdict(list)
        """By session, in the order of their numbers, which have no gap."""
        self._causes: dict[tuple[str, str, str], Envelope] = {}
        self._ended: dict[str, EndedSessionRow] = {}
        self._sessions: list[EndedSessionRow] = []
        self._sessions_of: defaultdict[str, list[EndedSessionRow]] = defaultdict(list)
        self._tasks: list[EndedTaskRow] = []
        self._tasks_of: defaultdict[str, list[EndedTaskRow]] = defaultdict(list)
        self._dead: defaultdict[str, dict[int, DeadLetterRow]] = defaultdict(dict)
        self._kinds: defaultdict[str, list[int]] = defaultdict(list)
        self._begun: _Begun | None = None
        self._snapshots: list[Snapshot] = []
        """The two newest."""

    @property
    def identity(self) -> Identity:
        """Which store this is."""
        return self._identity

    @property
    def opened(self) -> Opened:
        """What opening it found: nothing."""
        return self._opened

    @property
    def seq(self) -> int:
        """The last commit of the log."""
        return len(self._commits)

    # --- commits

    def append(self, commits: Sequence[Commit]) -> Outcome:
        """Keep commits. There is always room."""
        self._check_open()
        log = self._commits
        check_next(self._identity.hub_id, len(log), self._head, commits)
        for commit in commits:
            log.append(commit)
            self._head = commit.chain
            for row in index_rows(commit):
                if isinstance(row, EnvelopeRow):  # nearly all of a log
                    self._say(row, commit)
                else:
                    self._keep(row)
        return Durable(len(log))

    def read(self, after: int = 0, limit: int | None = None) -> tuple[Commit, ...]:
        """The commits after a place, at most `limit`."""
        self._check_open()
        if after < 0:
            raise Compacted(f"expected a place from commit 0 on, came {after}")
        return tuple(self._commits[after : None if limit is None else after + max(limit, 0)])

    def _say(self, row: EnvelopeRow, commit: Commit) -> None:
        word = commit.facts[row.place]
        assert isinstance(word, Envelope), "a row of an envelope says where one stands"
        self._words[row.session_id].append(word)
        if row.causation_id is not None:
            self._causes.setdefault((row.session_id, row.sender_id, row.causation_id), word)

    def _keep(self, row: EndedSessionRow | EndedTaskRow | DeadLetterRow | AuditRow) -> None:
        match row:
            case EndedSessionRow():
                self._ended[row.session_id] = row
                insort(self._sessions, row, key=_SESSION_KEY)
                for agent_id in dict.fromkeys(row.participants):
                    insort(self._sessions_of[agent_id], row, key=_SESSION_KEY)
            case EndedTaskRow():
                insort(self._tasks, row, key=_TASK_KEY)
                insort(self._tasks_of[row.owner_id], row, key=_TASK_KEY)
            case DeadLetterRow():
                self._dead[row.agent_id][row.number] = row
            case AuditRow():
                self._kinds[row.kind].append(row.seq)

    # --- words

    def words(self, session_id: str) -> int:
        """How many words were said in a session."""
        self._check_open()
        return len(self._words.get(session_id, ()))

    def read_session(self, session_id: str, since: int = 0, until: int | None = None) -> tuple[Envelope, ...]:
        """The words of a session after number `since` up to number `until`."""
        self._check_open()
        words = self._words.get(session_id, [])
        return tuple(words[max(since, 0) : None if until is None else max(until, 0)])

    def envelope(self, envelope_id: str) -> Envelope | None:
        """The envelope of this id, or None."""
        self._check_open()
        seq = commit_of(envelope_id)
        if seq is None or not was_issued(self._identity.hub_id, "e", envelope_id, self.seq):
            return None
        return find_envelope(self._commits[seq - 1], envelope_id)

    def by_cause(self, session_id: str, sender_id: str, causation_id: str) -> Envelope | None:
        """The first word somebody said for a cause in a session, or None."""
        self._check_open()
        return self._causes.get((session_id, sender_id, causation_id))

    # --- lists

    def ended_session(self, session_id: str) -> EndedSessionRow | None:
        """How a session ended, or None."""
        self._check_open()
        return self._ended.get(session_id)

    def ended_sessions(self, after: Cursor = START, limit: int = PAGE, *, agent_id: str | None = None) -> SessionsPage:
        """A page of ended sessions, of one agent or of all."""
        self._check_open()
        rows = self._sessions if agent_id is None else self._sessions_of.get(agent_id, [])
        begin = bisect_right(rows, after, key=_SESSION_KEY)
        page = tuple(rows[begin : begin + limit])
        return SessionsPage(page, _SESSION_KEY(page[-1]) if page and begin + limit < len(rows) else None)

    def ended_tasks(self, after: Cursor = START, limit: int = PAGE, *, owner_id: str | None = None) -> TasksPage:
        """A page of ended tasks, of one owner or of all."""
        self._check_open()
        rows = self._tasks if owner_id is None else self._tasks_of.get(owner_id, [])
        begin = bisect_right(rows, after, key=_TASK_KEY)
        page = tuple(rows[begin : begin + limit])
        return TasksPage(page, _TASK_KEY(page[-1]) if page and begin + limit < len(rows) else None)

    def dead_letters(self, agent_id: str, after: int = 0, limit: int = PAGE) -> tuple[DeadLetterRow, ...]:
        """What was given up of one agent's deliveries and is not owed again."""
        self._check_open()
        rows = self._dead.get(agent_id, {})
        numbers = sorted([number for number, row in rows.items() if row.is_dead and number > after])
        return tuple([rows[number] for number in numbers[:limit]])

    def audited(self, kinds: Collection[str], after: int = 0, limit: int = PAGE) -> tuple[Commit, ...]:
        """The commits after a place that give audit records of any of these kinds."""
        self._check_open()
        found: set[int] = set()
        for kind in kinds:
            rows = self._kinds.get(kind, [])
            begin = bisect_right(rows, after)
            found.update(rows[begin : begin + limit])
        return tuple([self._commits[seq - 1] for seq in sorted(found)[:limit]])

    # --- snapshots

    def begin_snapshot(self, seq: int) -> Outcome:
        """Begin a snapshot of the state after a commit."""
        self._check_open()
        check_begins(seq, self.seq)
        self._begun = _Begun(seq)
        return Durable(self.seq)

    def add_slice(self, data: bytes) -> Outcome:
        """Add the next slice."""
        self._check_open()
        begun = check_begun(self._begun)
        begun.slices.append(data)
        begun.digest.take(data)
        return Durable(self.seq)

    def end_snapshot(self) -> Outcome:
        """End the snapshot."""
        self._check_open()
        begun = check_begun(self._begun)
        self._begun = None
        self._snapshots = [*self._snapshots[-1:], Snapshot(begun.seq, begun.digest.hex(), tuple(begun.slices))]
        return Durable(self.seq)

    def snapshot(self) -> Snapshot | None:
        """The newest snapshot, or None."""
        self._check_open()
        return self._snapshots[-1] if self._snapshots else None

    def since_snapshot(self) -> tuple[int, int]:
        """How many commits, and bytes of payload, were appended since the newest snapshot."""
        self._check_open()
        since = self._commits[self._snapshots[-1].seq if self._snapshots else 0 :]
        return len(since), sum([len(commit.payload) for commit in since])

    # --- its life

    def tend(self) -> None:
        """Nothing is ever due."""

    def close(self) -> None:
        """Forget nothing, and answer nothing any more."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreStopped("expected an open store, came one that was closed")


class _Begun:
    """A snapshot that is not ended."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.slices: list[bytes] = []
        self.digest = SliceDigest()
