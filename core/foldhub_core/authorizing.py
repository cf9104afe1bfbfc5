"""Authorizing: the arbiter is asked, and whatever it does beside answering denies.

Asked is always on the state as it is, at the time of the arrival. What is allowed here is not thereby accepted: other checks
follow.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from .arbiter import Allow, Arbiter, Deny
from .commands import Register
from .envelope import Envelope
from .error_record import error_record, what_raised
from .errors import NetworkError, ProtocolError, shown
from .session import Session
from .task_commands import ObserveTask

if TYPE_CHECKING:
    from .decision import Decision
    from .state import HubState


def check_register(decision: "Decision", command: Register) -> None:
    """Refuse a registration the arbiter denies."""
    _check(decision.config.arbiter.authorize_register, decision.state_now(), command)


def check_open(decision: "Decision", creator_id: str, session_type: str, invited: tuple[str, ...]) -> None:
    """Refuse an opening the arbiter denies."""
    state = decision.state_now()
    _check(decision.config.arbiter.authorize_open, state, creator_id, session_type, invited)


def check_invite(decision: "Decision", session: Session, invited: tuple[str, ...]) -> None:
    """Refuse a later invitation the arbiter denies."""
    _check(decision.config.arbiter.authorize_invite, decision.state_now(), session, invited)


def check_task(decision: "Decision", command: ObserveTask) -> None:
    """Refuse a task the arbiter does not let its owner begin."""
    _check(decision.config.arbiter.authorize_task, decision.state_now(), command)


def check_send(arbiter: Arbiter, state: "HubState", word: Envelope) -> None:
    """Refuse a word the arbiter does not let its sender say."""
    try:
        answer = arbiter.authorize_send(state, word)
    except Exception as error:
        raise _as_refusal(error) from None
    if type(answer) is not Allow:
        raise _denial(answer)


def check_inbox(arbiter: Arbiter, state: "HubState", word: Envelope, recipient_id: str) -> None:
    """Refuse a word that would reach a recipient whom the arbiter says has no room for it."""
    try:
        answer = arbiter.authorize_inbox(state, word, recipient_id)
    except Exception as error:
        raise _as_refusal(error) from None
    if type(answer) is not Allow:
        raise _denial(answer)


def why_skipped(arbiter: Arbiter, state: "HubState", word: Envelope, recipient_id: str) -> str | None:
    """Why a word is not to reach a recipient; None where it is."""
    try:
        answer = arbiter.authorize_delivery(state, word, recipient_id)
    except Exception as error:
        return _reason(state, _as_refusal(error))
    return None if type(answer) is Allow else _reason(state, _denial(answer))


def resolved(arbiter: Arbiter, state: "HubState", word: Envelope, stranger_id: str, members: tuple[str, ...]) -> tuple[str, ...]:
    """Who takes the place of one in the audience who does not take part; a refusal where nobody does."""
    try:
        answer: object = arbiter.resolve_stranger(state, word, stranger_id)
    except Exception as error:
        raise _as_refusal(error) from None
    if answer is None:
        raise ProtocolError(f"expected participants, came {shown(stranger_id)}", where="audience")
    if type(answer) is not tuple or not all(type(one) is str and one in members for one in cast("tuple[object, ...]", answer)):
        raise _fault(f"put {shown(answer)} in the place of one who does not take part, where participants were expected")
    return answer


def _check(ask: Callable[..., object], *asked: object) -> None:
    try:
        answer = ask(*asked)
    except Exception as error:
        raise _as_refusal(error) from None
    if type(answer) is not Allow:
        raise _denial(answer)


def _denial(answer: object) -> NetworkError:
    """The refusal an answer is that does not allow."""
    if type(answer) is not Deny:
        return _fault(f"answered with {shown(answer)} where Allow or Deny was expected")
    try:
        return _as_refusal(answer.error(answer.reason))
    except Exception as error:
        return _as_refusal(error)


def _as_refusal(error: Exception) -> NetworkError:
    """The refusal an arbiter's error is: itself, where it is one that can be written down."""
    if not isinstance(error, NetworkError):
        return _fault(what_raised(error))
    try:
        error_record(error)
    except Exception:
        return _fault(f"refused with {type(error).__name__}, which cannot be written down")
    return error


def _reason(state: "HubState", denied: NetworkError) -> str:
    return denied.message[: state.limits.short_text_chars]


def _fault(did: str) -> ProtocolError:
    return ProtocolError(f"expected Allow or Deny of the hub's arbiter, which {did}")
