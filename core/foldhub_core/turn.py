"""Turns: what an agent's client does with a delivery. A plan, made of values: the client asks, reads, runs, posts and acks.

    standing(config, state, agent_id, envelope)    the one question that the hub is asked before
    plan(delivery, standing, face)                 what to do: answer an invitation, cancel a task, pass over it, or take a turn
    take_turn(need, words)                         the turn, with what the agent is shown, once those words were read
    answered(turn, round)                          what its round posts, or nothing
    settled(delivery, refusal), failed(delivery, error)    the ack or nack that ends it, whatever was done

What is owed is answered once. A turn is taken only for the word that begins it. Its answer names that word as its cause and
bears a key made of it, so that two runs of one turn make one answer, whichever crashed where: a run that comes later finds
the answer by its cause and only acks; one that comes at the same time is refused by the key, and acks too. A delivery is
acked after its answer is said and not before, so that a crash brings it again.

What can do with a second try (a full inbox, a dormant session, a handler that raised) is nacked; the hub lets it come again
after a pause, or gives it up as a dead letter, which can be asked for.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import attrs

from .adapters.face import Draft, Face, ToolOffer
from .adapters.protocol import ExpectedTurn
from .commands import Ack, AnswerInvite, Nack, Post
from .data import FrozenDict
from .delivery import find_by_causation
from .envelope import EV_SESSION_INVITE, EV_TASK_CANCEL_REQUEST, EV_TEXT, Envelope, is_hub_event, visible_to
from .error_record import ErrorRecord
from .errors import InboxFull, KeyConflict, NotFoundError, RateLimited, SessionOver, Unavailable
from .posting import can_send
from .records import record
from .registry import name_for
from .round import Round
from .session import Session
from .sessions import Faulty, expected
from .views import Entry, View, entry_of, project

if TYPE_CHECKING:
    from .config import HubConfig
    from .state import HubState

NO_NAMES: FrozenDict[str] = FrozenDict()

REASON_CHARS = 200
"""A reason that the plan gives is cut to this."""

_PASSING = frozenset({one.code for one in (InboxFull, RateLimited, Unavailable)})
"""Refusals of what may be granted later."""

_NO_USE = frozenset({one.code for one in (SessionOver, NotFoundError, KeyConflict)})
"""Refusals after which nothing is left to be done: nobody to say it to, or another run has said it."""

Declines = Callable[[Session], str | None]
"""What the owner of an agent thinks of an invitation: why the session is declined, or None where it is accepted. Pure."""


# --- what the plan is made of


@record
class Delivery:
    """An envelope that reached an agent's client."""

    agent_id: str
    envelope: Envelope
    number: int | None = None
    """The delivery's number; None for a turn that is owed without one, as `pending_turns` tells. Nothing is acked of that."""
    attempt: int = 1


@record
class Standing:
    """How things are for an agent to whom a word was delivered. `Standing()` where it has nothing to do with the session."""

    session: Session | None = None
    """None where it is over, or the agent takes no part in it."""
    protocol: object = None
    """The state of the session's protocol."""
    dormant: str | None = None
    """Why the session cannot go on; None while it can."""
    turns: tuple[ExpectedTurn, ...] = ()
    """Who owes a turn."""
    refused: ErrorRecord | None = None
    """Why the agent could not say a text to everybody; None where it could."""
    answered_by: str | None = None
    """What the agent has posted for this word, while it is owed to it."""
    names: Mapping[str, str] = NO_NAMES
    """The names of the participants, by id."""


def standing(config: "HubConfig", state: "HubState", agent_id: str, envelope: Envelope) -> Standing:
    """Tell how things are for an agent to whom this was delivered. O(log n) for every participant, and what the adapter takes."""
    session_id = envelope.session_id
    entry = state.sessions.entries.get(session_id)
    if entry is None or not any(one.agent_id == agent_id for one in entry.session.participants):
        return Standing()
    protocol = state.sessions.talks[session_id].protocol
    return Standing(
        entry.session,
        protocol,
        protocol.reason if type(protocol) is Faulty else entry.dormant,
        expected(config, state, session_id),
        can_send(config, state, session_id, agent_id),
        find_by_causation(state, agent_id, envelope.envelope_id),
        FrozenDict({one.agent_id: name_for(state, one.agent_id) for one in entry.session.participants}),
    )


@record
class Ignore:
    """Nothing is to be done with it."""

    why: str
    then: Ack | None
    """What ends the delivery."""


@record
class Postpone:
    """It cannot be answered now; it is to come again."""

    why: str
    then: Nack | None


@record
class CancelTask:
    """The agent's task is to be called off: tell whoever runs it."""

    task_id: str
    reason: str
    then: Ack | None


@attrs.frozen
class NeedLog:
    """A turn is to be taken. What the agent is to be shown must be read before: the session's words `since` to `until`."""

    delivery: Delivery
    session: Session
    # Any: the face of whatever protocol it is, which gets its own state.
    protocol: Any
    face: Face[Any]
    owed: bool
    """Whether the protocol waits for this turn; False where everybody may speak and nobody must."""
    view: View
    names: Mapping[str, str]
    since: int
    """The number of the first word that is needed."""
    until: int
    """The number of the last; none are needed where it is before the first."""


@attrs.frozen
class Turn:
    """A turn to be taken: run the agent with it."""

    delivery: Delivery
    session: Session
    # Any: as in `NeedLog`.
    protocol: Any
    face: Face[Any]
    owed: bool
    view: View
    input: tuple[str, ...]
    """What the agent is asked, part by part."""
    history: tuple[Entry, ...]
    """What was said before it, as the view shows it."""
    tools: tuple[ToolOffer, ...]
    """What the protocol offers it for this turn."""
    card: str
    """What the agent is told of itself."""


Plan = AnswerInvite | CancelTask | Ignore | Postpone | NeedLog


# --- the plan


def plan(
    delivery: Delivery,
    standing: Standing,
    face: Face[Any] | None,
    *,
    declines: Declines | None = None,
    view: View | None = None,
) -> Plan:
    """Say what to do with a delivery, as things stand.

    `face` is the adapter of the session, None where the client has none for it. `view` is what the agent wants to be shown,
    in place of what the protocol shows. `declines` says which invitations are declined, and why; None accepts all of them. An
    `AnswerInvite` is to be asked, and the delivery settled by what came of it.
    """
    agent_id, envelope, session = delivery.agent_id, delivery.envelope, standing.session
    if envelope.event_type == EV_TASK_CANCEL_REQUEST:
        data = cast("Mapping[str, str]", envelope.event_data)
        return CancelTask(data["task_id"], data.get("reason", ""), _acked(delivery))
    if session is None:
        return Ignore("the session is over, or the agent takes no part in it", _acked(delivery))
    if envelope.event_type == EV_SESSION_INVITE:
        return _invited(delivery, session, declines)
    if standing.answered_by is not None:
        return Ignore(f"it was answered by {standing.answered_by}", _acked(delivery))
    turn = next((one for one in standing.turns if one.agent_id == agent_id), None)
    why_not = _not_for(envelope, agent_id, standing.turns, turn)
    if why_not is not None:
        return Ignore(why_not, _acked(delivery))
    if standing.dormant is not None:
        return _postponed(delivery, f"the session is dormant: {standing.dormant}")
    refused = standing.refused
    if refused is not None and refused.code in _PASSING:
        return _postponed(delivery, _told(refused))
    if refused is not None and turn is None:
        return Ignore(_told(refused), _acked(delivery))
    if face is None:
        return _postponed(delivery, f"there is no adapter here of {session.manifest.type} version {session.manifest.version}")
    shown = face.default_view(session) if view is None else view
    since, until = shown.needs(envelope.number - 1)
    return NeedLog(delivery, session, standing.protocol, face, turn is not None, shown, standing.names, since, until)


def _not_for(envelope: Envelope, agent_id: str, turns: tuple[ExpectedTurn, ...], turn: ExpectedTurn | None) -> str | None:
    """Why a word is not the agent's to answer, or None."""
    if turn is not None and turn.triggering_envelope_id == envelope.envelope_id:
        return None
    if is_hub_event(envelope.event_type):
        return "what the hub tells asks for no answer"
    if envelope.sender_id == agent_id:
        return "it is the agent's own word"
    if turn is not None and turn.triggering_envelope_id is not None:
        return f"the agent's turn is for another word, {turn.triggering_envelope_id}"
    if turn is None and turns:
        return f"the turn is that of {', '.join([one.agent_id for one in turns])}"
    return None


def _invited(delivery: Delivery, session: Session, declines: Declines | None) -> Plan:
    if delivery.agent_id not in session.pending_acks:
        return Ignore("the invitation was answered", _acked(delivery))
    why_not = None if declines is None else declines(session)
    reason = "" if why_not is None else why_not[:REASON_CHARS]
    return AnswerInvite(session_id=session.session_id, agent_id=delivery.agent_id, accept=why_not is None, reason=reason)


def take_turn(need: NeedLog, words: Iterable[Envelope], *, names: Mapping[str, str] = NO_NAMES, card: str = "") -> Turn | Ignore:
    """Make the turn, of the words that were asked for, in their order.

    `names` may tell more names by id, as of those who have left. `card` is what the agent is told of itself, usually by
    `introduction` and `skill_card`. A turn that the protocol waits for and whose word asks nothing (somebody left, say) is for
    what was said last by another; where nobody asks anything, there is no turn to take.
    """
    delivery, face, view = need.delivery, need.face, need.view
    agent_id, envelope = delivery.agent_id, delivery.envelope
    known = {**need.names, **names}
    before = [word for word in words if word.number < envelope.number]
    history = project(view, before, agent_id, known, face.render)
    asked = _asked(need, known)
    others = [entry for entry in history if entry.whose == "other"]
    if not asked and need.owed and others:
        asked = others[-1].parts
        history = history[:-1] if history[-1] is others[-1] else history
    if not asked:
        return Ignore("it asks nothing", _acked(delivery))
    tools = face.tools(need.session, need.protocol, agent_id)
    return Turn(delivery, need.session, need.protocol, face, need.owed, view, asked, history, tools, card)


def _asked(need: NeedLog, names: Mapping[str, str]) -> tuple[str, ...]:
    """What the word itself asks: as the view shows it, or where the view leaves its speaker out, as it is."""
    agent_id, envelope = need.delivery.agent_id, need.delivery.envelope
    parts = tuple([part for part in need.face.turn_input(envelope) or () if part])
    if not parts or not visible_to(envelope, agent_id):
        return ()
    entry = entry_of(need.view, envelope, agent_id, names, lambda _: parts)
    return parts if entry is None else entry.parts


# --- what comes of a turn


def answered(turn: Turn, round: Round) -> Post | None:
    """Give what a round posts; None where it has nothing to say, or has said it while it ran.

    A turn that the protocol waited for was taken by the first thing the agent said, so nothing can follow. Where everybody may
    speak at any time, only what says the same again is left out.
    """
    draft = turn.face.round_envelope(turn.session, turn.protocol, round)
    if draft is None or (round.said and (turn.owed or _was_said(turn, round, draft))):
        return None
    return _post(turn, draft, "turn")


def saying(turn: Turn, text: str, nth: int, audience: tuple[str, ...] | None = None) -> Post:
    """Give what the `nth` use of the tool `say` in a turn posts. Whatever it says answers the turn's word."""
    return _post(turn, Draft(EV_TEXT, {"text": text}, audience), f"say {nth}")


def settled(delivery: Delivery, refusal: ErrorRecord | None = None) -> Ack | Nack | None:
    """Give what ends a delivery after all was done, or the last of it was refused.

    None only for a delivery without a number.
    """
    if refusal is None or refusal.code in _NO_USE:
        return _acked(delivery)
    return failed(delivery, _told(refusal))


def failed(delivery: Delivery, error: Exception | str) -> Nack | None:
    """Give what ends a delivery whose turn failed: it comes again, or is given up. None only for one without a number."""
    if delivery.number is None:
        return None
    reason = error if isinstance(error, str) else f"{type(error).__name__}: {ascii(str(error))[1:-1]}"
    return Nack(agent_id=delivery.agent_id, number=delivery.number, reason=reason[:REASON_CHARS])


def _was_said(turn: Turn, round: Round, draft: Draft) -> bool:
    """Whether a round says no more than one of the texts it has said."""
    said = round.body.strip() in [text.strip() for text in round.said]
    return said and draft == turn.face.round_envelope(turn.session, turn.protocol, Round(round.body))


def _post(turn: Turn, draft: Draft, what: str) -> Post:
    delivery = turn.delivery
    cause = delivery.envelope.envelope_id
    return Post(
        envelope=Envelope(
            delivery.envelope.session_id,
            delivery.agent_id,
            draft.event_type,
            draft.event_data,
            draft.audience,
            causation_id=cause,
            idempotency_key=f"{what} {cause}",
        )
    )


def _acked(delivery: Delivery) -> Ack | None:
    return None if delivery.number is None else Ack(agent_id=delivery.agent_id, numbers=(delivery.number,))


def _postponed(delivery: Delivery, why: str) -> Postpone:
    return Postpone(why, failed(delivery, why))


def _told(refusal: ErrorRecord) -> str:
    return f"{refusal.code}: {refusal.message}"
