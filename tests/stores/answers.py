"""Everything a store can be asked, so that two stores can be compared in all of it."""

from collections.abc import Callable
from typing import Any

from foldhub_core import Envelope
from foldhub_core.index import AuditRow, DeadLetterRow, EndedTaskRow, EnvelopeRow, index_rows
from foldhub_stores import LogStore

Questions = dict[str, Callable[[LogStore], object]]


def ask(method: str, *values: Any, **named: Any) -> Callable[[LogStore], object]:
    """One question."""
    return lambda store: getattr(store, method)(*values, **named)


def questions(told: LogStore) -> Questions:
    """Questions to which a store that was told the same must give the same answers."""
    commits = told.read()
    rows = [row for commit in commits for row in index_rows(commit)]
    said = [fact for commit in commits for fact in commit.facts if isinstance(fact, Envelope)]
    asked: Questions = {
        "read": ask("read"),
        "ended": ask("ended_sessions", limit=1000),
        "tasks": ask("ended_tasks", limit=1000),
    }
    for session_id in dict.fromkeys(one.session_id for one in said):
        asked[f"words {session_id}"] = ask("words", session_id)
        asked[f"session {session_id}"] = ask("read_session", session_id)
        asked[f"ended {session_id}"] = ask("ended_session", session_id)
    for one in said[:: max(len(said) // 20, 1)]:
        asked[f"envelope {one.envelope_id}"] = ask("envelope", one.envelope_id)
    for row in rows:
        match row:
            case EnvelopeRow() if row.causation_id is not None:
                cause = (row.session_id, row.sender_id, row.causation_id)
                asked[f"cause {cause}"] = ask("by_cause", *cause)
            case DeadLetterRow():
                asked[f"dead {row.agent_id}"] = ask("dead_letters", row.agent_id)
            case AuditRow():
                asked[f"audit {row.kind}"] = ask("audited", (row.kind,), limit=1000)
            case EndedTaskRow():
                asked[f"tasks {row.owner_id}"] = ask("ended_tasks", owner_id=row.owner_id)
            case _:
                pass
    agents = {agent_id for page in (told.ended_sessions(limit=1000),) for row in page.rows for agent_id in row.participants}
    for agent_id in sorted(agents):
        asked[f"sessions of {agent_id}"] = ask("ended_sessions", limit=1000, agent_id=agent_id)
    return asked
