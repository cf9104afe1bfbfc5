"""Violations: what is overdue is recorded once, and its handler answers.

A violation is an event in the hub session. Folding it marks the debts as fired, and nothing else: what the handler wants done
is done by words of the session, in the same step. An evaluator or handler that raises, or answers nonsense, is recorded there
too and costs nothing else.

All of it comes to rest inside one `Tick`. What a handler has the hub say may make something else due at once; each
expectation has a bounded number of words to say in one `Tick`, and one that wants more is at fault.
"""

from typing import TYPE_CHECKING, assert_never, cast, get_args

from .adapters.protocol import AdapterResult, Emit
from .closing import put_out
from .consequences import AdapterFault, check_emit, close, follow_or_sleep, raised, say_emitted
from .data import freeze_value
from .envelope import EV_EXPECTATION_VIOLATED, EV_SESSION_HIDDEN, EV_SESSION_SHOWN, Envelope
from .errors import shown
from .expectations import Close, Hide, Remove, Response, Violation, Warn
from .records import changed
from .session import Expectation, Fired, SessionState
from .sessions import SessionEntry
from .watching import Owing, key_of, owing, standing_of, watched_of

if TYPE_CHECKING:
    from .decision import Decision
    from .state import HubState


def make_due(decision: "Decision", session_id: str) -> None:
    """Record what is overdue in a session and has not been recorded, and let the handlers answer, until nothing more is."""
    words_left: dict[int, int] = {}
    while _one_round(decision, session_id, words_left):
        pass


def show_again(decision: "Decision", session_id: str, agent_id: str) -> Envelope | None:
    """Say that a hidden participant is back, now that it has said something; None where it was not hidden."""
    if agent_id not in decision.state.sessions.entries[session_id].hidden:
        return None
    return decision.say(session_id, EV_SESSION_SHOWN, {"agent_id": agent_id}, None)


def fold_violated(state: "HubState", event: Envelope) -> "HubState":
    """The violations of one expectation that stand are those the event names."""
    session_id, index = cast(str, event.event_data["session_id"]), cast(int, event.event_data["index"])
    entry = state.sessions.entries[session_id]
    keys = cast("tuple[tuple[str | None, str], ...]", event.event_data["keys"])
    standing = [Fired(index, agent_id, cause) for agent_id, cause in keys]
    if event.event_data["at_fault"] == "evaluator":
        standing.append(Fired(index, None, faulty=True))
    others = [one for one in entry.fired if one.index != index]
    # By expectation, so that it does not matter which was violated first.
    fired = tuple(sorted([*others, *standing], key=lambda one: one.index))
    entries = state.sessions.entries.set(session_id, changed(entry, fired=fired))
    return changed(state, hub_words=event.number, sessions=changed(state.sessions, entries=entries))


def _one_round(decision: "Decision", session_id: str, words_left: dict[int, int]) -> bool:
    """Look at every expectation once; tells whether a handler did something, so that all have to be looked at again."""
    entry = _awake(decision, session_id)
    expectations = () if entry is None else entry.session.manifest.expectations
    moved = False
    for index, expectation in enumerate(expectations):
        entry = _awake(decision, session_id)
        if entry is None:
            return False
        words_left.setdefault(index, decision.state.limits.emits)
        moved = _look(decision, entry, index, expectation, words_left) or moved
    return moved


def _awake(decision: "Decision", session_id: str) -> SessionEntry | None:
    entry = decision.state.sessions.entries.get(session_id)
    return None if entry is None or entry.dormant is not None else entry


def _look(decision: "Decision", entry: SessionEntry, index: int, expectation: Expectation, words_left: dict[int, int]) -> bool:
    session_id = entry.session.session_id
    watched = watched_of(decision.config, entry, decision.state.sessions.talks[session_id])
    owed = owing(decision.config, watched, expectation)
    if owed is None:
        return False
    standing = standing_of(index, owed, decision.now_ms, entry.fired)
    if all(one in entry.fired for one in standing):
        return False
    if owed.fault is not None:
        _record(decision, entry, _violation(index, expectation, Owing(())), standing, "evaluator", owed.fault)
        return False
    new = [one for one in standing if one not in entry.fired]
    due = tuple([one for one in owed.debts if one.due_ms <= decision.now_ms and key_of(index, one) in new])
    violation = _violation(index, expectation, Owing(due))
    _record(decision, entry, violation, standing)
    handler = decision.config.handler_of(expectation)
    assert handler is not None, "what has no handler is passed over"
    try:
        responses = _checked(handler.respond(watched, violation), entry, decision.state, words_left[index])
    except AdapterFault as fault:
        _record(decision, entry, violation, standing, "handler", str(fault))
        return False
    except Exception as error:
        _record(decision, entry, violation, standing, "handler", str(raised(error)))
        return False
    words_left[index] -= _count_words(responses)
    for response in responses:
        _carry_out(decision, session_id, response, violation)
    return bool(responses)


def _violation(index: int, expectation: Expectation, overdue: Owing) -> Violation:
    violators = tuple(dict.fromkeys([one.agent_id for one in overdue.debts if one.agent_id is not None]))
    params = ", ".join(f"{key}={value!r}" for key, value in expectation.params.items())
    due_ms = min((one.due_ms for one in overdue.debts), default=None)
    detail = f"{expectation.name}({params[:200]})" + ("" if due_ms is None else f" was due at {due_ms} ms")
    return Violation(expectation, index, violators, overdue.debts, detail)


def _record(
    decision: "Decision",
    entry: SessionEntry,
    violation: Violation,
    standing: tuple[Fired, ...],
    at_fault: str | None = None,
    fault: str = "",
) -> None:
    expectation = violation.expectation
    decision.record_event(
        decision.state.hub_id,
        EV_EXPECTATION_VIOLATED,
        {
            "session_id": entry.session.session_id,
            "expectation": expectation.name,
            "index": violation.index,
            "on_violation": expectation.on_violation,
            "params": expectation.params,
            "violators": violation.violators,
            "detail": violation.detail,
            "keys": freeze_value([[one.agent_id, one.cause] for one in standing if not one.faulty]),
            "at_fault": at_fault,
            "fault": fault,
        },
    )


# --- what a handler has the hub do


def _checked(responses: object, entry: SessionEntry, state: "HubState", words_left: int) -> tuple[Response, ...]:
    """Give back what a handler answered with, if the hub can do all of it; raises `AdapterFault`."""
    if type(responses) is not tuple:
        raise AdapterFault(f"answered with {shown(responses)} where a tuple of responses was expected")
    answered = cast("tuple[Response, ...]", responses)
    there = [one.agent_id for one in entry.session.participants]
    for response in answered:
        if type(response) not in _RESPONSES:
            raise AdapterFault(f"answered with {shown(response)} where a response was expected")
        match response:
            case Emit():
                check_emit(state, entry.members, response)
            case Warn():
                if not set(response.agent_ids or ()) <= set(there):
                    raise AdapterFault("warned somebody who does not take part")
            case Hide() | Remove():
                if response.agent_id not in there:
                    raise AdapterFault(f"meant {shown(response.agent_id)}, who does not take part")
            case Close():
                if len(response.reason) > state.limits.short_text_chars:
                    raise AdapterFault(f"gave a reason of {len(response.reason)} characters")
            case _:
                assert_never(response)
    if _count_words(answered) > words_left:
        raise AdapterFault(f"never came to rest: it said more than {state.limits.emits} words")
    return answered


_RESPONSES = frozenset(get_args(Response))


def _count_words(responses: tuple[Response, ...]) -> int:
    return sum(isinstance(one, Emit | Warn) for one in responses)


def _carry_out(decision: "Decision", session_id: str, response: Response, violation: Violation) -> None:
    """Do one thing; in a session that has ended or fallen dormant by what was done before, nothing."""
    entry = _awake(decision, session_id)
    if entry is None:
        return
    there = [one.agent_id for one in entry.session.participants]
    match response:
        case Emit():
            audience = response.audience and tuple([one for one in response.audience if one in entry.members])
            for word in say_emitted(decision, session_id, AdapterResult(emit=(changed(response, audience=audience),))):
                follow_or_sleep(decision, word)
        case Warn():
            data = {
                "expectation": violation.expectation.name,
                "violators": violation.violators,
                "detail": violation.detail,
            }
            audience = None if response.agent_ids is None else tuple([one for one in there if one in response.agent_ids])
            follow_or_sleep(decision, decision.say(session_id, EV_EXPECTATION_VIOLATED, data, audience))
        case Hide():
            is_active = entry.session.state is SessionState.ACTIVE
            if is_active and response.agent_id in entry.members and response.agent_id not in entry.hidden:
                data = {"agent_id": response.agent_id}
                follow_or_sleep(decision, decision.say(session_id, EV_SESSION_HIDDEN, data, None))
        case Remove():
            if response.agent_id in there:
                put_out(decision, session_id, response.agent_id, f"expectation_violated:{violation.expectation.name}")
        case Close():
            close(decision, session_id, response.reason)
        case _:
            assert_never(response)
