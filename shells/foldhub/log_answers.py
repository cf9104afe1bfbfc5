"""Questions of the log: what a hub answers from its store, once it is known who may ask."""

from typing import assert_never

from foldhub_core import Delivery, Envelope, HubState, Log, Nack, Principal, audit, write_log
from foldhub_core.delivery import owed_after
from foldhub_core.errors import unexpected
from foldhub_core.pages import AuditPage, CommitPage, DeliveryPage, EndedSessionPage, EndedTaskPage
from foldhub_core.questions import (
    FindByCausation,
    FindEnvelope,
    GetEndedSession,
    ListEndedSessions,
    ListEndedTasks,
    LogQuestion,
    ReadAudit,
    ReadCommits,
    ReadOwed,
    ReadSession,
)
from foldhub_core.rights import ended_session_of, may_ask, readers, visible
from foldhub_core.state import GENESIS
from foldhub_core.wire.answers import WordsPage
from foldhub_stores import START, Cursor, LogStore

from .reading import Desk, envelopes, unreadable

PlainQuestion = (
    ReadSession | FindEnvelope | FindByCausation | GetEndedSession | ListEndedSessions | ListEndedTasks | ReadAudit | ReadCommits
)
"""A question that is answered by reading alone."""


async def answer_from_log(desk: Desk, state: HubState, principal: Principal, question: PlainQuestion) -> object:
    """Answer a question from the store, or raise the refusal. A checkpoint; raises what the store raises, too."""
    was_in = await _checked(desk, state, principal, question)
    return await desk.read(_answer, desk.store, state, principal, question, was_in)


async def words_from_log(desk: Desk, state: HubState, principal: Principal, question: ReadSession, most: int) -> WordsPage:
    """The first page of a session's words, made of at most so many. Else like `answer_from_log`."""
    was_in = await _checked(desk, state, principal, question)
    last = question.since + most + 1
    until = last if question.until is None else min(question.until, last)
    words = await desk.read(desk.store.read_session, question.session_id, question.since, until)
    more, words = len(words) > most, words[:most]
    upto = words[-1].number if words else question.since
    return WordsPage(visible(question, words, readers(state, principal, question.session_id, was_in)), upto, more)


async def owed_from_log(
    desk: Desk, state: HubState, principal: Principal, question: ReadOwed
) -> tuple[DeliveryPage, tuple[Nack, ...]]:
    """A page of what is owed, and what is to be done with what cannot be read of it. Else like `answer_from_log`."""
    may_ask(state, principal, question)
    owed, upto, more = owed_after(state, question.agent_id, question.session_id, question.after)
    words = await desk.read(envelopes, desk.store.envelope, [one.envelope_id for one in owed])
    deliveries: list[Delivery] = []
    nacks: list[Nack] = []
    for one, word in zip(owed, words, strict=True):
        if isinstance(word, Envelope):
            deliveries.append(Delivery(one.agent_id, word, one.number, one.attempt))
        else:
            nacks.append(unreadable(one, word))
    return DeliveryPage(tuple(deliveries), upto, more), tuple(nacks)


async def _checked(desk: Desk, state: HubState, principal: Principal, question: LogQuestion) -> tuple[str, ...]:
    """Refuse who may not ask; gives who was in the session, where it is one that has ended."""
    was_in: tuple[str, ...] = ()
    ended_id = ended_session_of(state, question)
    if ended_id is not None and not principal.admin:
        row = await desk.read(desk.store.ended_session, ended_id)
        was_in = () if row is None else row.participants
    may_ask(state, principal, question, was_in)
    return was_in


def _answer(store: LogStore, state: HubState, principal: Principal, question: PlainQuestion, was_in: tuple[str, ...]) -> object:
    match question:
        case ReadSession():
            words = store.read_session(question.session_id, question.since, question.until)
            return visible(question, words, readers(state, principal, question.session_id, was_in))
        case FindEnvelope():
            return _seen(state, principal, question, was_in, store.envelope(question.envelope_id))
        case FindByCausation():
            word = store.by_cause(question.session_id, question.sender_id, question.causation_id)
            return _seen(state, principal, question, was_in, word)
        case GetEndedSession():
            return store.ended_session(question.session_id)
        case ListEndedSessions():
            page = store.ended_sessions(_cursor(question.cursor), question.limit, agent_id=question.agent_id)
            return EndedSessionPage(page.rows, _written(page.cursor))
        case ListEndedTasks():
            tasks = store.ended_tasks(_cursor(question.cursor), question.limit, owner_id=question.owner_id)
            return EndedTaskPage(tasks.rows, _written(tasks.cursor))
        case ReadAudit():
            commits = store.audited(question.kinds, question.after, question.limit + 1)
            shown = commits[: question.limit]
            seq = shown[-1].seq if shown else question.after
            return AuditPage(tuple(audit(shown, kinds=question.kinds)), seq, len(commits) > question.limit)
        case ReadCommits():
            return _commits(store, question)
        case _:
            assert_never(question)


def _seen(
    state: HubState,
    principal: Principal,
    question: FindEnvelope | FindByCausation,
    was_in: tuple[str, ...],
    word: Envelope | None,
) -> Envelope | None:
    reading = readers(state, principal, question.session_id, was_in)
    return next(iter(visible(question, () if word is None else (word,), reading)), None)


def _commits(store: LogStore, question: ReadCommits) -> CommitPage:
    commits = store.read(question.after, question.limit)
    head = commits[0].previous if commits else GENESIS
    log = write_log(Log(store.identity.hub_id, commits, question.after, head))
    return CommitPage(log, question.after + len(commits) < store.seq)


def _cursor(written: str | None) -> Cursor:
    """Where a page begins; raises `Malformed` where it is no cursor of ours."""
    if written is None:
        return START
    seq, _, name = written.partition(" ")
    if not (seq.isascii() and seq.isdigit() and len(seq) < 18):
        raise unexpected("the cursor of a page", written, where="cursor")
    return int(seq), name


def _written(cursor: Cursor | None) -> str | None:
    return None if cursor is None else f"{cursor[0]} {cursor[1]}"
