"""Adapters that do unusual things, and keep every law."""

import random
import re
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any, ClassVar, cast

import attrs

from foldhub_core import (
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_TEXT,
    Adapter,
    AdapterResult,
    Condition,
    ContextEquals,
    Emit,
    Envelope,
    ExpectedTurn,
    FrozenDict,
    Manifest,
    ParticipantBounds,
    ProtocolError,
    RoundRobin,
    Session,
    Terminate,
    ToolOffer,
    Transition,
    WorkflowGraph,
)
from foldhub_core.data import freeze
from tests.shells.adapters.sound import Circle, Turns


class DrawsLots(Circle):
    """Draws who is next by a die that is made of the word itself: the same in every process and every run."""

    def passed(self, state: Turns, envelope: Envelope) -> Turns:
        state = super().passed(state, envelope)
        return attrs.evolve(state, at=random.Random(envelope.envelope_id).randrange(max(len(state.order), 1)))


@cache
def pattern(text: str) -> re.Pattern[str]:
    """A pattern, made once."""
    return re.compile(text)


class KeepsWhatItWorkedOut(Circle):
    """Works things out once, which is no memory of what was said."""

    forbidden: ClassVar[list[str]] = ["!", "?"]

    def __init__(self, most: int = 100) -> None:
        self.most = most

    @cached_property
    def longest(self) -> int:
        return self.most // 2

    def validate_send(self, session: Session, state: Turns, envelope: Envelope) -> None:
        super().validate_send(session, state, envelope)
        text = str(envelope.event_data["text"])
        if len(text) > self.longest or text in self.forbidden or pattern("[0-9]{5}").match(text):
            raise ProtocolError("expected another text")


@attrs.frozen
class Tally:
    """Votes by who gave them."""

    votes: Mapping[str, str] = FrozenDict()
    there: tuple[str, ...] = ()

    def to_data(self) -> Mapping[str, object]:
        return freeze({"votes": dict(self.votes), "there": list(self.there)})


class Vote(Adapter[Tally]):
    """Everybody says a text once, in any order; what most said is announced."""

    manifest = Manifest("vote", participants=ParticipantBounds(1, 5), may_close=("participant",))
    state_type = Tally

    def initial_state(self, session: Session) -> Tally:
        return Tally()

    def validate_send(self, session: Session, state: Tally, envelope: Envelope) -> None:
        if envelope.event_type != EV_TEXT or envelope.audience is not None:
            raise ProtocolError("expected a text to all")
        if envelope.sender_id in state.votes or not isinstance(envelope.event_data.get("text"), str):
            raise ProtocolError("expected one vote of each, as a text")

    def fold(self, state: Tally, envelope: Envelope) -> Tally:
        if envelope.event_type == EV_SESSION_OPENED:
            return attrs.evolve(state, there=cast("tuple[str, ...]", envelope.event_data["participants"]))
        if envelope.event_type == EV_SESSION_JOINED and state.there:
            late = cast(str, envelope.event_data["agent_id"])
            return attrs.evolve(state, there=(*[one for one in state.there if one != late], late))
        if envelope.event_type == EV_SESSION_LEFT:
            left = envelope.event_data["agent_id"]
            votes = {who: vote for who, vote in state.votes.items() if who != left}
            return Tally(FrozenDict(votes), tuple([one for one in state.there if one != left]))
        if envelope.event_type == EV_TEXT:
            vote = cast(str, envelope.event_data["text"])
            return attrs.evolve(state, votes=FrozenDict({**state.votes, envelope.sender_id: vote}))
        return state

    def on_accepted(self, session: Session, state: Tally, envelope: Envelope) -> AdapterResult:
        if not state.there or len(state.votes) < len(state.there):
            return AdapterResult()
        votes = list(state.votes.values())
        most = max(sorted(set(votes)), key=votes.count)
        return AdapterResult("closed", "decided", (Emit("vote.decided", {"by": votes.count(most)}),))

    def expected_next(self, session: Session, state: Tally) -> tuple[ExpectedTurn, ...]:
        return tuple([ExpectedTurn(one) for one in state.there if one not in state.votes])

    def read_state(self, data: Mapping[str, object]) -> Tally:
        votes = FrozenDict(cast("Mapping[str, str]", data["votes"]))
        return Tally(votes, cast("tuple[str, ...]", data["there"]))


@attrs.frozen
class Clocked:
    """Until when a bell is waited for, and how often it rang."""

    due_ms: int | None = None
    rang: int = 0


class Bell(Adapter[Clocked]):
    """Nobody may say anything; a bell rings three times, and it is over."""

    manifest = Manifest("bell", participants=ParticipantBounds(2))
    state_type = Clocked

    def initial_state(self, session: Session) -> Clocked:
        return Clocked()

    def validate_send(self, session: Session, state: Clocked, envelope: Envelope) -> None:
        raise ProtocolError("expected silence")

    def fold(self, state: Clocked, envelope: Envelope) -> Clocked:
        if envelope.event_type in (EV_SESSION_OPENED, "bell.rang"):
            rang = state.rang + (envelope.event_type == "bell.rang")
            return Clocked(envelope.created_at_ms + 1_000, rang)
        return state

    def next_deadline(self, session: Session, state: Clocked) -> int | None:
        return state.due_ms

    def on_deadline(self, session: Session, state: Clocked, now_ms: int) -> AdapterResult:
        if state.rang < 2:
            return AdapterResult(emit=(Emit("bell.rang"),))
        return AdapterResult("closed", "rang", (Emit("bell.rang"),))


class TellsWhatIsKnown(Circle):
    """Tells with a tool what was said to all, and to each what was said to it."""

    def tools(self, session: Session, state: Turns, agent_id: str) -> tuple[ToolOffer, ...]:
        return (ToolOffer("answer", "Answer, in a text of at most 100 signs."),)


@attrs.frozen
class TurnsOver(Condition):
    """A condition of one's own."""

    name = "turns_over"
    count: int

    def evaluate(self, state: Any, envelope: Envelope) -> bool:
        return bool(state.turn_count > self.count)


GRAPH = WorkflowGraph(
    "alice",
    [Transition(TurnsOver(4), Terminate("enough")), Transition(ContextEquals("kit", 1), Terminate("seen"))],
    default_target=RoundRobin(),
)
