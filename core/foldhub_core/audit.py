"""The audit: what an auditor wants to know of commits, read from the commits alone.

There is no second log. Posts are no audit records: they are the sessions' own. A record says what its commit says and looks
nothing up, so that a live hub and a file of yesterday's read alike. How each fact is read stands in `audit_readings`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from .audit_readings import told_of
from .commands import acting_id
from .commits import Commit, CutCommand
from .errors import Malformed, shown
from .exact import EMPTY
from .records import record


@record
class AuditRecord:
    """One thing worth knowing: when, what, on whose behalf, and about whom."""

    seq: int
    """The commit it was read from."""
    at_ms: int
    kind: str
    subject: str
    """Who asked for what it came of, by the lasting name of the credential."""
    admin: bool
    """Whether that was the administrator, which the shell is too."""
    acting_id: str | None
    """The agent that whoever asked acted for; None where it named none, or one it may not act for."""
    agent_id: str | None
    """The agent it is about."""
    session_id: str | None
    envelope_id: str | None
    data: Mapping[str, object] = EMPTY
    """What else the commit says of it, by kind."""


def readings(commit: Commit) -> tuple[AuditRecord, ...]:
    """What is worth knowing of a commit, in the order of its facts. Needs nothing but the commit."""
    told = told_of(commit)
    if not told:
        return ()
    actor, command = commit.actor, commit.command
    may_act = actor.acted or actor.admin
    acts = acting_id(command) if may_act and not isinstance(command, CutCommand) else ""
    seq, at_ms, subject, admin, acting = commit.seq, commit.now_ms, actor.subject, actor.admin, acts or None
    return tuple(
        [
            AuditRecord(seq, at_ms, kind, subject, admin, acting, one.agent_id, one.session_id, one.envelope_id, one.data)
            for kind, one in told
        ]
    )


def kinds_of(commit: Commit) -> tuple[str, ...]:
    """The kinds of a commit's audit records, each once, sorted: what a store finds it by."""
    told = told_of(commit)
    return tuple(sorted({kind for kind, _ in told})) if told else ()


def audit(
    commits: Iterable[Commit],
    *,
    kinds: Collection[str] | None = None,
    agent_id: str | None = None,
    session_id: str | None = None,
    subject: str | None = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
) -> Iterator[AuditRecord]:
    """Read the audit of these commits, one after the other as they are asked for; every condition given must be met.

    Of an agent is what is about it, what was asked for it, and what lists it as a participant or violator. Times are from
    `since_ms` on and before `until_ms`.
    """
    if isinstance(kinds, str):
        raise Malformed(f"expected several kinds, came the text {shown(kinds)}", where="kinds")
    wanted = None if kinds is None else frozenset(kinds)
    return (
        one
        for commit in commits
        if since_ms is None or since_ms <= commit.now_ms
        if until_ms is None or commit.now_ms < until_ms
        if subject is None or commit.actor.subject == subject
        for one in readings(commit)
        if wanted is None or one.kind in wanted
        if session_id is None or one.session_id == session_id
        if agent_id is None or _concerns(one, agent_id)
    )


def _concerns(one: AuditRecord, agent_id: str) -> bool:
    listed = (one.data.get("participants"), one.data.get("violators"))
    return agent_id in (one.agent_id, one.acting_id) or any(type(ids) is tuple and agent_id in ids for ids in listed)
