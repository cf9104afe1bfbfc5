"""The index in SQLite: the rows of the core, written in the transaction of their commits, and what is asked of them."""

from collections.abc import Collection, Sequence
from typing import cast

from foldhub_core import Commit, codec
from foldhub_core.exact import is_list
from foldhub_core.index import AuditRow, DeadLetterRow, EndedSessionRow, EndedTaskRow, EnvelopeRow, IndexRow, index_rows

from .database import Database, OtherRows, Values
from .store import Cursor, SessionsPage, TasksPage

WORD = "INSERT INTO words VALUES (?, ?, ?, ?)"
CAUSE = "INSERT OR IGNORE INTO causes VALUES (?, ?, ?, ?)"
ENDED_SESSION = "INSERT INTO ended_sessions VALUES (?, ?, ?, ?, ?, ?, ?)"
ENDED_SESSION_AGENT = "INSERT INTO ended_session_agents VALUES (?, ?, ?)"
ENDED_TASK = "INSERT INTO ended_tasks VALUES (?, ?, ?, ?, ?, ?)"
DEAD_LETTER = "INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
AUDITED = "INSERT INTO audited VALUES (?, ?)"

_SESSION = "SELECT s.seq, s.session_id, s.ended_at_ms, s.state, s.reason, s.words, s.participants FROM ended_sessions s"
_TASK = "SELECT seq, task_id, owner_id, session_id, ended_at_ms, outcome FROM ended_tasks"
_SESSION_KINDS, _TASK_KINDS = "itittib", "ittTiT"


def index_writes(commits: Sequence[Commit]) -> dict[str, list[Values]]:
    """What indexes these commits: the rows of each statement, in order."""
    words: list[Values] = []
    writes: dict[str, list[Values]] = {}
    for commit in commits:
        for row in index_rows(commit):
            if type(row) is EnvelopeRow and row.causation_id is None:  # nearly all of a log
                words.append((row.session_id, row.number, row.seq, row.place))
                continue
            for statement, values in _writes_of(row):
                writes.setdefault(statement, []).append(values)
    if words:
        writes.setdefault(WORD, []).extend(words)
    return writes


def _writes_of(row: IndexRow) -> list[tuple[str, Values]]:
    match row:
        case EnvelopeRow():
            word: tuple[str, Values] = (WORD, (row.session_id, row.number, row.seq, row.place))
            if row.causation_id is None:
                return [word]
            return [word, (CAUSE, (row.session_id, row.causation_id, row.sender_id, row.number))]
        case EndedSessionRow():
            participants = codec.pack(row.participants)
            ended = (row.seq, row.session_id, row.ended_at_ms, row.state, row.reason, row.words, participants)
            agents = [(ENDED_SESSION_AGENT, (one, row.seq, row.session_id)) for one in dict.fromkeys(row.participants)]
            return [(ENDED_SESSION, ended), *agents]
        case EndedTaskRow():
            return [(ENDED_TASK, (row.seq, row.task_id, row.owner_id, row.session_id, row.ended_at_ms, row.outcome))]
        case DeadLetterRow():
            which = (row.agent_id, row.number, row.seq, row.session_id, row.envelope_id)
            return [(DEAD_LETTER, (*which, row.at_ms, int(row.is_dead), row.reason))]
        case AuditRow():
            return [(AUDITED, (row.kind, row.seq))]


def select_ended_session(database: Database, session_id: str) -> EndedSessionRow | None:
    """How a session ended."""
    found = database.ask(f"{_SESSION} WHERE s.session_id = ?", (session_id,), _SESSION_KINDS)
    return _session_row(found[0]) if found else None


def select_ended_sessions(database: Database, after: Cursor, limit: int, agent_id: str | None) -> SessionsPage:
    """A page of ended sessions, of one agent or of all."""
    if agent_id is None:
        query = f"{_SESSION} WHERE (s.seq, s.session_id) > (?, ?) ORDER BY s.seq, s.session_id"
        given: Values = after
    else:
        query = f"{_SESSION} JOIN ended_session_agents a USING (seq, session_id) WHERE a.agent_id = ?"
        query += " AND (a.seq, a.session_id) > (?, ?) ORDER BY a.seq, a.session_id"
        given = (agent_id, *after)
    found, more = _page(database, query, given, limit, _SESSION_KINDS)
    rows = tuple([_session_row(values) for values in found])
    return SessionsPage(rows, (rows[-1].seq, rows[-1].session_id) if more else None)


def select_ended_tasks(database: Database, after: Cursor, limit: int, owner_id: str | None) -> TasksPage:
    """A page of ended tasks, of one owner or of all."""
    if owner_id is None:
        query = f"{_TASK} WHERE (seq, task_id) > (?, ?) ORDER BY seq, task_id"
        given: Values = after
    else:
        query = f"{_TASK} WHERE owner_id = ? AND (seq, task_id) > (?, ?) ORDER BY seq, task_id"
        given = (owner_id, *after)
    found, more = _page(database, query, given, limit, _TASK_KINDS)
    rows = tuple([EndedTaskRow(*values) for values in found])
    return TasksPage(rows, (rows[-1].seq, rows[-1].task_id) if more else None)


def select_dead_letters(database: Database, agent_id: str, after: int, limit: int) -> tuple[DeadLetterRow, ...]:
    """What was given up of one agent's deliveries and is not owed again."""
    query = "SELECT seq, number, session_id, envelope_id, at_ms, reason FROM dead_letters"
    query += " WHERE agent_id = ? AND number > ? AND is_dead = 1 ORDER BY number LIMIT ?"
    found = database.ask(query, (agent_id, after, max(limit, 0)), "iittit")
    return tuple(
        [
            DeadLetterRow(seq, agent_id, number, session_id, envelope_id, at_ms, True, reason)
            for seq, number, session_id, envelope_id, at_ms, reason in found
        ]
    )


def select_audited(database: Database, kinds: Collection[str], after: int, limit: int) -> list[int]:
    """Which commits after a place give audit records of any of these kinds."""
    found: set[int] = set()
    query = "SELECT seq FROM audited WHERE kind = ? AND seq > ? ORDER BY seq LIMIT ?"
    for kind in kinds:
        found.update([seq for (seq,) in database.ask(query, (kind, after, max(limit, 0)), "i")])
    return sorted(found)[: max(limit, 0)]


def _page(database: Database, query: str, given: Values, limit: int, kinds: str) -> tuple[list[Values], bool]:
    """A page, and whether there is more behind it."""
    found = database.ask(f"{query} LIMIT ?", (*given, max(limit, 0) + 1), kinds)
    page = found[: max(limit, 0)]
    return page, bool(page) and len(found) > len(page)


def _session_row(values: Values) -> EndedSessionRow:
    seq, session_id, ended_at_ms, state, reason, words, participants = values
    agents = codec.unpack(participants)
    if not is_list(agents) or not all(type(agent_id) is str for agent_id in agents):
        raise OtherRows("expected the participants of a session, came something else")
    return EndedSessionRow(seq, session_id, ended_at_ms, state, reason, words, tuple(cast("list[str]", agents)))
