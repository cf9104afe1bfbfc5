"""Watching: what is owed in a session under its expectations, and when the hub is to look again.

What is owed changes only when something is said, so the fold of a word is where the agenda is armed for it. Evaluators are
asked there sparingly: not at all where the session is looked at anyway before anything this word begins could be due.

A fold cannot fail: an evaluator that raises is something to be looked at now, and the `Tick` that looks records it.
"""

from typing import TYPE_CHECKING, cast

from .agenda import Agenda
from .consequences import raised
from .data import INT_MAX
from .envelope import Envelope, is_hub_event
from .errors import NetworkError, ProtocolError, shown
from .expectations import DEBTS, Debt, Evaluator, Handler, Watched
from .records import changed, hot, trusted
from .session import Asked, Expectation, Fired, Session, SessionState
from .sessions import Faulty, SessionEntry, Talk, Watch, turns_of

if TYPE_CHECKING:
    from .config import HubConfig


@hot
class Owing:
    """What is owed under one expectation, or why its evaluator could not say."""

    debts: tuple[Debt, ...]
    fault: str | None = None


_watched = trusted(Watched)


# --- when a session is opened


def check_expectations(config: "HubConfig", expectations: tuple[Expectation, ...]) -> None:
    """Refuse an opening that expects what nobody here can judge, or answer."""
    for expectation in expectations:
        evaluator = config.evaluator_of(expectation)
        if evaluator is None:
            raise _unknown("a configured evaluator", expectation.name)
        if config.handler_of(expectation) is None:
            raise _unknown("a configured handler", expectation.on_violation)
        try:
            evaluator.check(expectation)
        except NetworkError as error:
            what = f"{error.where}: {error.message}" if error.where else error.message
            raise ProtocolError(what, where="expectations") from None
        except Exception as error:
            what = f"expected params that {shown(expectation.name)} can take; its evaluator {raised(error)}"
            raise ProtocolError(what, where="expectations") from None


def _unknown(expected: str, came: str) -> ProtocolError:
    return ProtocolError(f"expected the name of {expected}, came {shown(came)}", where="expectations")


# --- who was asked


def asked_after(entry: SessionEntry, asked: tuple[Asked, ...], word: Envelope, heard_by: tuple[str, ...]) -> tuple[Asked, ...]:
    """Who was asked and has not answered, after a participant's word.

    A word of one who was asked is an answer and asks nobody; any other asks all who hear it and were not asked before.
    Information is nobody's turn: it neither asks nor answers.
    """
    if word.event_type in entry.session.manifest.information:
        return asked
    before = [one.agent_id for one in asked]
    if word.sender_id in before:
        return tuple([one for one in asked if one.agent_id != word.sender_id])
    new = [one for one in heard_by if one not in before and one != word.sender_id]
    return asked + tuple([Asked(one, word.envelope_id, word.created_at_ms) for one in new])


def is_content(word: Envelope, hub_id: str) -> bool:
    """Whether a participant said it, and not the hub, in its own name or a protocol's."""
    return word.sender_id != hub_id and not is_hub_event(word.event_type)


# --- when to ask


def watch_of(config: "HubConfig", session: Session) -> Watch | None:
    """How closely a session has to be watched under this configuration."""
    if not session.manifest.expectations:
        return None
    patience: list[int | None] = []
    reads_asked = False
    for expectation in session.manifest.expectations:
        judges = _judges(config, expectation)
        if judges is None:
            # It may be configured again tomorrow, and look then at who was asked today.
            reads_asked = True
        else:
            evaluator, _ = judges
            reads_asked = reads_asked or evaluator.reads_asked
            patience.append(_patience_ms(evaluator, expectation))
    known = [one for one in patience if one is not None]
    return Watch(None if len(known) < len(patience) else min(known, default=INT_MAX), reads_asked)


def _patience_ms(evaluator: Evaluator, expectation: Expectation) -> int | None:
    try:
        patience_ms: object = evaluator.patience_ms(expectation)
    except Exception:
        # Asking after every word is always right; that the evaluator is at fault shows when it is asked what is owed.
        return None
    return patience_ms if type(patience_ms) is int and patience_ms >= 0 else None


def must_ask(entry: SessionEntry, agenda: Agenda, now_ms: int) -> bool:
    """Whether evaluators have to be asked after a word that moved nobody in or out."""
    watch = entry.watch
    if watch is None:
        return False
    if watch.patience_ms is None or entry.fired:
        return True
    comes_up_ms = agenda.by_subject.get(entry.session.session_id)
    return comes_up_ms is None or comes_up_ms > now_ms + watch.patience_ms


# --- what is owed


def watched_of(config: "HubConfig", entry: SessionEntry, talk: Talk) -> Watched:
    """What evaluators and handlers are shown of a session."""
    session = entry.session
    turns = turns_of(config, entry, talk) if session.state is SessionState.ACTIVE else ()
    return _watched(session, turns, talk.asked, talk.last_said_ms, entry.opened_at_ms, entry.hidden)


def owing(config: "HubConfig", watched: Watched, expectation: Expectation) -> Owing | None:
    """What is owed under one expectation; None where its evaluator or handler is not configured: it is passed over."""
    judges = _judges(config, expectation)
    if judges is None:
        return None
    evaluator, _ = judges
    places = {one.agent_id: one.role for one in watched.session.participants}
    try:
        debts = evaluator.owed(watched, expectation)
        for debt in _checked(debts):
            if debt.agent_id is not None and debt.agent_id not in places:
                return Owing((), f"named {shown(debt.agent_id)}, who does not take part")
    except Exception as error:
        return Owing((), str(raised(error)))
    whom = expectation.applies_to
    if whom is None:
        return Owing(debts)
    return Owing(tuple([one for one in debts if one.agent_id is None or one.agent_id in whom or places[one.agent_id] in whom]))


def _checked(debts: object) -> tuple[Debt, ...]:
    if type(debts) is not tuple:
        raise TypeError(f"expected a tuple of Debt, came {shown(debts)}")
    answered = cast("tuple[object, ...]", debts)
    if len(answered) > DEBTS:
        raise ValueError(f"expected at most {DEBTS} debts, came {len(answered)}")
    for debt in answered:
        if type(debt) is not Debt:
            raise TypeError(f"expected a Debt, came {shown(debt)}")
    return cast("tuple[Debt, ...]", answered)


def next_violation(config: "HubConfig", entry: SessionEntry, talk: Talk) -> int | None:
    """When the next violation of a session's expectations is due; None for none."""
    if not _is_watched(entry, talk):
        return None
    watched = watched_of(config, entry, talk)
    due: list[int] = []
    for index, expectation in enumerate(entry.session.manifest.expectations):
        owed = owing(config, watched, expectation)
        if owed is None:
            continue
        if owed.fault is not None:
            if fault_of(index) not in entry.fired:
                due.append(entry.session.created_at_ms)
            continue
        due.extend([one.due_ms for one in owed.debts if key_of(index, one) not in entry.fired])
    return min(due, default=None)


def still_fired(config: "HubConfig", entry: SessionEntry, talk: Talk, now_ms: int) -> SessionEntry:
    """The entry without the violations that are mended: their debt is owed no more, or is not due any more."""
    if not entry.fired or not _is_watched(entry, talk):
        return entry
    watched = watched_of(config, entry, talk)
    expectations = entry.session.manifest.expectations
    standing: dict[int, tuple[Fired, ...]] = {}
    for index in dict.fromkeys([one.index for one in entry.fired]):
        owed = owing(config, watched, expectations[index])
        if owed is not None:
            standing[index] = standing_of(index, owed, now_ms, entry.fired)
    kept = tuple([one for one in entry.fired if one.index not in standing or one in standing[one.index]])
    return entry if len(kept) == len(entry.fired) else changed(entry, fired=kept)


def standing_of(index: int, owed: Owing, now_ms: int, fired: tuple[Fired, ...]) -> tuple[Fired, ...]:
    """The violations of one expectation that stand now, recorded or not. While nobody can judge, those stand that did."""
    if owed.fault is not None:
        return (*[one for one in fired if one.index == index and not one.faulty], fault_of(index))
    return tuple(dict.fromkeys([key_of(index, one) for one in owed.debts if one.due_ms <= now_ms]))


def key_of(index: int, debt: Debt) -> Fired:
    """What a debt is known by once it has become a violation."""
    return _fired(index, debt.agent_id, debt.cause, False)


def fault_of(index: int) -> Fired:
    """What an evaluator that is at fault is known by."""
    return _fired(index, None, "", True)


_fired = trusted(Fired)


def _judges(config: "HubConfig", expectation: Expectation) -> tuple[Evaluator, Handler] | None:
    evaluator, handler = config.evaluator_of(expectation), config.handler_of(expectation)
    return None if evaluator is None or handler is None else (evaluator, handler)


def _is_watched(entry: SessionEntry, talk: Talk) -> bool:
    return entry.watch is not None and entry.dormant is None and type(talk.protocol) is not Faulty
