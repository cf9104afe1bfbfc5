"""What a commit gives a store to index: rows, derived from the commit alone.

A store keeps payloads and knows nothing of what they mean. It writes these rows beside them, in the same transaction, and
can then answer by decoding one commit: what was said in a session from here to there, the envelope of an id, what somebody
said for a cause, which sessions and tasks ended, which deliveries were given up, where an auditor has to look. Rows can be
thrown away and made again from the commits.

Every row says which commit it was made from. A store may write each class as a table of its own, field by field: the fields
are integers, texts, booleans, None, and one tuple of texts.
"""

from collections.abc import Mapping
from typing import Literal

from .audit import kinds_of
from .commits import Commit
from .envelope import EV_SESSION_CLOSED, EV_SESSION_EXPIRED, EV_TASK_ENDED, Envelope
from .facts import DeadLettered, Resent
from .ids import HUB_SESSION
from .records import hot

_ENDS: Mapping[str, Literal["closed", "expired"]] = {EV_SESSION_CLOSED: "closed", EV_SESSION_EXPIRED: "expired"}
_ENDING = frozenset({*_ENDS, EV_TASK_ENDED})


@hot
class EnvelopeRow:
    """Where an envelope stands: one for every envelope of a log, the hub session's included.

    Envelope ids are unique in a log, and so is a number in its session. One cause may have several answers; the first is the
    one with the least number.
    """

    seq: int
    place: int
    """Its place among the facts of the commit: `commit.facts[place]` is the envelope."""
    session_id: str
    number: int
    envelope_id: str
    sender_id: str
    causation_id: str | None


@hot
class EndedSessionRow:
    """A session is over. One for each, at its last word."""

    seq: int
    session_id: str
    ended_at_ms: int
    state: Literal["closed", "expired"]
    reason: str
    words: int
    """The number of its last word."""
    participants: tuple[str, ...]
    """Who was in it at its end, those who had not answered included."""


@hot
class EndedTaskRow:
    """A task is over. One for each."""

    seq: int
    task_id: str
    owner_id: str
    session_id: str | None
    ended_at_ms: int
    outcome: str | None


@hot
class DeadLetterRow:
    """A delivery was given up, or a dead letter is owed again. The newest row of an agent and number says how it stands."""

    seq: int
    agent_id: str
    number: int
    session_id: str
    envelope_id: str
    at_ms: int
    is_dead: bool
    reason: str
    """Why it was given up; empty where it is owed again."""


@hot
class AuditRow:
    """The commit gives audit records of this kind: one row for each kind, however many records."""

    seq: int
    kind: str


IndexRow = EnvelopeRow | EndedSessionRow | EndedTaskRow | DeadLetterRow | AuditRow


def index_rows(commit: Commit) -> tuple[IndexRow, ...]:
    """The rows of a commit: in the order of its facts, and the kinds of audit records last. Needs nothing but the commit."""
    rows: list[IndexRow] = []
    seq = commit.seq
    for place, fact in enumerate(commit.facts):
        if type(fact) is Envelope:
            rows.append(
                EnvelopeRow(seq, place, fact.session_id, fact.number, fact.envelope_id, fact.sender_id, fact.causation_id)
            )
            if fact.event_type in _ENDING:
                ended = _ended(seq, fact)
                if ended is not None:
                    rows.append(ended)
        elif type(fact) is DeadLettered:
            rows.append(DeadLetterRow(*_which(seq, fact), commit.now_ms, True, fact.reason))
        elif type(fact) is Resent:
            rows.append(DeadLetterRow(*_which(seq, fact), commit.now_ms, False, ""))
    kinds = kinds_of(commit)
    if kinds:
        rows += [AuditRow(seq, kind) for kind in kinds]
    return tuple(rows)


def _which(seq: int, mark: DeadLettered | Resent) -> tuple[int, str, int, str, str]:
    """Of which delivery a mark is."""
    return seq, mark.agent_id, mark.number, mark.session_id, mark.envelope_id


def _ended(seq: int, word: Envelope) -> EndedSessionRow | EndedTaskRow | None:
    """What an envelope ends: its session, or a task."""
    data, at_ms = word.event_data, word.created_at_ms
    if word.event_type in _ENDS:
        state, reason = _ENDS[word.event_type], _text(data, "reason") or ""
        return EndedSessionRow(seq, word.session_id, at_ms, state, reason, word.number, word.audience or ())
    if word.session_id == HUB_SESSION:
        task_id = _text(data, "task_id")
        if task_id is not None:
            return EndedTaskRow(seq, task_id, word.sender_id, _text(data, "session_id"), at_ms, _text(data, "outcome"))
    return None


def _text(data: Mapping[str, object], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) else None
