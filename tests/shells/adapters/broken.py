"""Adapters that break one law each: most of them a sound protocol with one thing wrong."""

import datetime
import random
import time
from typing import Any, ClassVar, cast

import attrs

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_TEXT,
    Adapter,
    AdapterResult,
    Draft,
    Emit,
    Envelope,
    ExpectedTurn,
    FrozenDict,
    Manifest,
    ParticipantBounds,
    ProtocolError,
    Round,
    Session,
    ToolOffer,
    View,
    changed,
)
from tests.shells.adapters.sound import Circle, Turns

# --- purity


class LooksAtTheClock(Circle):
    """Counts seconds by its own clock, from the third text on."""

    def fold(self, state: Turns, envelope: Envelope) -> Turns:
        folded = super().fold(state, envelope)
        return attrs.evolve(folded, due_ms=int(time.time() * 1000)) if folded.said > 3 else folded


class AsksTheDate(Circle):
    """Refuses texts on Sundays."""

    def validate_send(self, session: Session, state: Turns, envelope: Envelope) -> None:
        super().validate_send(session, state, envelope)
        if datetime.date.today().year < 1970:
            raise ProtocolError("expected a later year")


class ThrowsADie(Circle):
    """Lets the next one be drawn by lot when somebody leaves a circle of three."""

    def without(self, state: Turns, agent_id: str) -> Turns:
        state = super().without(state, agent_id)
        return attrs.evolve(state, at=random.randrange(len(state.order))) if len(state.order) > 1 else state


class HasItsOwnDie(Circle):
    """The same with a generator of its own, which moves on with every call."""

    dice = random.Random(7)

    def passed(self, state: Turns, envelope: Envelope) -> Turns:
        state = super().passed(state, envelope)
        return attrs.evolve(state, at=self.dice.randrange(max(len(state.order), 1))) if state.said > 4 else state


class CountsInItself(Circle):
    """Remembers in an attribute how much was said."""

    def __init__(self) -> None:
        self.count = 0

    def on_accepted(self, session: Session, state: Turns, envelope: Envelope) -> AdapterResult:
        if envelope.event_type == EV_TEXT:
            self.count = state.said
        return super().on_accepted(session, state, envelope)


class CountsInItsClass(Circle):
    """Keeps in its class who has left."""

    gone: ClassVar[list[str]] = []

    def without(self, state: Turns, agent_id: str) -> Turns:
        if agent_id not in self.gone:
            self.gone.append(agent_id)
        return super().without(state, agent_id)


SEEN: dict[str, int] = {}


class CountsInItsModule(Circle):
    """Keeps in its module what was said."""

    def fold(self, state: Turns, envelope: Envelope) -> Turns:
        if envelope.event_type == EV_TEXT:
            SEEN[str(envelope.event_data["text"])] = 1
        return super().fold(state, envelope)


class RemembersWhomItRefused(Circle):
    """Counts the refusals of those who speak out of turn."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def validate_send(self, session: Session, state: Turns, envelope: Envelope) -> None:
        try:
            super().validate_send(session, state, envelope)
        except ProtocolError as error:
            if error.where == "sender_id" and state.said >= 2:
                self.refused.append(envelope.sender_id)
            raise


class ChangesItsArgument(Circle):
    """Writes into the state it is asked about."""

    def validate_send(self, session: Session, state: Turns, envelope: Envelope) -> None:
        super().validate_send(session, state, envelope)
        object.__setattr__(state, "last", "asked")


class GoesByHash(Circle):
    """Lets the next one be chosen by a hash, which is another in every process."""

    def passed(self, state: Turns, envelope: Envelope) -> Turns:
        state = super().passed(state, envelope)
        if state.said < 3 or not state.order:
            return state
        return attrs.evolve(state, at=hash(state.order[state.at]) % len(state.order))


# --- states


@attrs.define
class Loose:
    """A state that is not frozen."""

    said: int = 0


class KeepsALooseState(Adapter[Loose]):
    """Counts in a state that anybody can change."""

    manifest = Manifest("loose")
    state_type = Loose

    def initial_state(self, session: Session) -> Loose:
        return Loose()

    def validate_send(self, session: Session, state: Loose, envelope: Envelope) -> None:
        if envelope.event_type != EV_TEXT:
            raise ProtocolError("expected a text")

    def fold(self, state: Loose, envelope: Envelope) -> Loose:
        return Loose(state.said + (envelope.event_type == EV_TEXT))


@attrs.frozen(eq=False)
class Unequal:
    """A state that is equal to itself only."""

    said: int = 0


class KeepsAnUnequalState(Adapter[Unequal]):
    """Counts in a state that is equal to no other."""

    manifest = Manifest("unequal")
    state_type = Unequal

    def initial_state(self, session: Session) -> Unequal:
        return Unequal()

    def validate_send(self, session: Session, state: Unequal, envelope: Envelope) -> None:
        if envelope.event_type != EV_TEXT:
            raise ProtocolError("expected a text")

    def fold(self, state: Unequal, envelope: Envelope) -> Unequal:
        return Unequal(state.said + (envelope.event_type == EV_TEXT))


@attrs.frozen
class Counted:
    """A state whose field is declared otherwise than it is used."""

    said: int = 0
    mean: float = 0.0


class WritesAnIntegerForAFloat(Adapter[Counted]):
    """Its mean is an integer once five texts were said, which the codec will not have."""

    manifest = Manifest("counted")
    state_type = Counted

    def initial_state(self, session: Session) -> Counted:
        return Counted()

    def validate_send(self, session: Session, state: Counted, envelope: Envelope) -> None:
        if envelope.event_type != EV_TEXT:
            raise ProtocolError("expected a text")

    def fold(self, state: Counted, envelope: Envelope) -> Counted:
        if envelope.event_type != EV_TEXT:
            return state
        said = min(state.said + 1, 9)
        return Counted(said, cast(Any, said if said > 4 else said / 2))


@attrs.frozen
class Partly:
    """A state that does not write all of itself."""

    said: int = 0
    limit: int = attrs.field(default=3, eq=False)

    def to_data(self) -> FrozenDict[Any]:
        return FrozenDict({"said": self.said})


class ForgetsInASnapshot(Adapter[Partly]):
    """Its limit moves with every fifth text, and is 3 again after a snapshot."""

    manifest = Manifest("partly")
    state_type = Partly

    def initial_state(self, session: Session) -> Partly:
        return Partly()

    def validate_send(self, session: Session, state: Partly, envelope: Envelope) -> None:
        if envelope.event_type != EV_TEXT:
            raise ProtocolError("expected a text")
        if state.limit < 3 and len(session.participants) > 2:
            raise ProtocolError("expected silence")

    def fold(self, state: Partly, envelope: Envelope) -> Partly:
        if envelope.event_type == EV_SESSION_JOINED:
            return Partly(state.said, 3)
        if envelope.event_type != EV_TEXT:
            return state
        return Partly(min(state.said + 1, 5), 2 if state.said >= 4 else state.limit)

    def next_deadline(self, session: Session, state: Partly) -> int | None:
        return session.created_at_ms + state.limit * 10_000

    def on_deadline(self, session: Session, state: Partly, now_ms: int) -> AdapterResult:
        return AdapterResult("closed", "over")


# --- answers


class RaisesAtBadKnobs(Circle):
    """Takes a knob for a number."""

    def validate_create(self, session: Session) -> None:
        if "rounds" in session.knobs and cast(int, session.knobs["rounds"]) < 1:
            raise ProtocolError("expected a round")

    manifest = changed(
        Circle.manifest,
        knobs_schema=FrozenDict({"type": "object", "properties": FrozenDict({"rounds": FrozenDict({"type": "integer"})})}),
    )


class RaisesAtOddTexts(Circle):
    """Takes the text for a text."""

    def validate_send(self, session: Session, state: Turns, envelope: Envelope) -> None:
        if envelope.event_type == EV_TEXT and cast(str, envelope.event_data.get("text", "")).startswith("!"):
            raise ProtocolError("expected no command")
        super().validate_send(session, state, envelope)


class RefusesWithFalse(Circle):
    """Answers False, and believes to have refused."""

    def validate_send(self, session: Session, state: Turns, envelope: Envelope) -> None:
        super().validate_send(session, state, envelope)
        if not envelope.event_data["text"]:
            return False  # type: ignore[return-value]  # pyright: ignore[reportReturnType]
        return None


class CannotFoldWhatItAccepts(Circle):
    """Takes the first sign of every text, and there is not always one."""

    def fold(self, state: Turns, envelope: Envelope) -> Turns:
        if envelope.event_type == EV_TEXT and state.said > 1:
            return attrs.evolve(super().fold(state, envelope), last=str(envelope.event_data["text"])[0])
        return super().fold(state, envelope)


class StumblesOverALeaver(Circle):
    """Looks for the leaver in an order it may not be in: one who was hidden before."""

    def without(self, state: Turns, agent_id: str) -> Turns:
        gone = state.order.index(agent_id)
        order = tuple([one for one in state.order if one != agent_id])
        return attrs.evolve(state, order=order, at=(state.at - (gone < state.at)) % max(len(order), 1))


class StumblesOverALateComer(Circle):
    """Counts on everybody who joins to be in the order already."""

    def on_accepted(self, session: Session, state: Turns, envelope: Envelope) -> AdapterResult:
        if envelope.event_type == EV_SESSION_JOINED and state.said > 1:
            place = session.participants[3].agent_id
            return AdapterResult(emit=(Emit("circle.welcome", {"after": place}),))
        return super().on_accepted(session, state, envelope)


class AnswersWithNothing(Circle):
    """Forgets to answer after the fifth text."""

    def on_accepted(self, session: Session, state: Turns, envelope: Envelope) -> AdapterResult:
        return super().on_accepted(session, state, envelope) if state.said != 5 else cast(AdapterResult, None)


class SpeaksToStrangers(Circle):
    """Tells the next one it is its turn, also when that is somebody who left."""

    def on_accepted(self, session: Session, state: Turns, envelope: Envelope) -> AdapterResult:
        if envelope.event_type == EV_SESSION_LEFT:
            return AdapterResult(emit=(Emit("circle.thanks", audience=(cast(str, envelope.event_data["agent_id"]),)),))
        return super().on_accepted(session, state, envelope)


class NeverRests(Circle):
    """Answers every note, its own among them, once there are three."""

    def on_accepted(self, session: Session, state: Turns, envelope: Envelope) -> AdapterResult:
        if not state.done and state.said >= 5 and envelope.event_type in (EV_TEXT, "circle.counted"):
            return AdapterResult(emit=(Emit("circle.counted", {"said": state.said}),))
        return super().on_accepted(session, state, envelope)


class EndsWithoutAReason(Circle):
    """Ends after six texts, and does not say why."""

    def on_accepted(self, session: Session, state: Turns, envelope: Envelope) -> AdapterResult:
        return AdapterResult("closed") if state.said >= 6 else super().on_accepted(session, state, envelope)


# --- turns


class WaitsForALeaver(Circle):
    """Keeps who left in the order, in a circle of three or more."""

    def without(self, state: Turns, agent_id: str) -> Turns:
        return state if len(state.order) > 2 else super().without(state, agent_id)

    def validate_send(self, session: Session, state: Turns, envelope: Envelope) -> None:
        try:
            super().validate_send(session, state, envelope)
        except ProtocolError as error:
            if error.where != "sender_id":
                raise


class WaitsForOneItRefuses(Circle):
    """Expects the next one, and refuses everybody, from the fifth text on."""

    def validate_send(self, session: Session, state: Turns, envelope: Envelope) -> None:
        super().validate_send(session, state, envelope)
        if state.said >= 5:
            raise ProtocolError("expected no more than five texts")


class GetsStuck(Circle):
    """Expects nobody and accepts nothing after five texts, and waits for nothing."""

    def validate_send(self, session: Session, state: Turns, envelope: Envelope) -> None:
        super().validate_send(session, state, envelope)
        if state.said >= 5:
            raise ProtocolError("expected no more than five texts")

    def expected_next(self, session: Session, state: Turns) -> tuple[ExpectedTurn, ...]:
        return super().expected_next(session, state) if state.said < 5 else ()

    def next_deadline(self, session: Session, state: Turns) -> int | None:
        return None


class WaitsForEver(Circle):
    """Passes a turn without moving its deadline."""

    def passed(self, state: Turns, envelope: Envelope) -> Turns:
        after = super().passed(state, envelope)
        return after if envelope.event_type == EV_TEXT else attrs.evolve(after, due_ms=state.due_ms)


class BeginsAgain(Circle):
    """Forgets at the end that it is one."""

    def fold(self, state: Turns, envelope: Envelope) -> Turns:
        if envelope.event_type == EV_SESSION_CLOSED:
            return attrs.evolve(state, done=False)
        return super().fold(state, envelope)


# --- sizes, faces, versions


@attrs.frozen
class Log:
    """A state that keeps everything."""

    texts: tuple[str, ...] = ()


class KeepsEverything(Adapter[Log]):
    """Keeps every text."""

    manifest = Manifest("keeper")
    state_type = Log

    def initial_state(self, session: Session) -> Log:
        return Log()

    def validate_send(self, session: Session, state: Log, envelope: Envelope) -> None:
        if envelope.event_type != EV_TEXT:
            raise ProtocolError("expected a text")

    def fold(self, state: Log, envelope: Envelope) -> Log:
        return Log((*state.texts, envelope.sender_id)) if envelope.event_type == EV_TEXT else state


class KeepsWhoLeft(Adapter[Log]):
    """Keeps everybody who ever spoke."""

    manifest = Manifest("guests", participants=ParticipantBounds(2))
    state_type = Log

    def initial_state(self, session: Session) -> Log:
        return Log()

    def validate_send(self, session: Session, state: Log, envelope: Envelope) -> None:
        if envelope.event_type != EV_TEXT:
            raise ProtocolError("expected a text")

    def fold(self, state: Log, envelope: Envelope) -> Log:
        if envelope.event_type != EV_TEXT or envelope.sender_id in state.texts:
            return state
        return Log((*state.texts, envelope.sender_id))


class ShowsNoHubWords(Circle):
    """Renders every word as if it had a text."""

    def render(self, envelope: Envelope) -> tuple[str, ...]:
        return (str(envelope.event_data["text"]),) if envelope.event_type != EV_SESSION_OPENED else ()


class DraftsNothing(Circle):
    """Takes a round for one with a body."""

    def round_envelope(self, session: Session, state: Turns, round: Round) -> Draft | None:
        return Draft(EV_TEXT, {"text": round.body.split()[0]})


class GivesNoView(Circle):
    """Names a view, and gives none."""

    def default_view(self, session: Session) -> View:
        return cast(View, "windowed_summary")


class TellsSecrets(Circle):
    """Tells with a tool what was said last, to whomever it was said."""

    def tools(self, session: Session, state: Turns, agent_id: str) -> tuple[ToolOffer, ...]:
        return (ToolOffer("answer", f"Answer: {state.last}"),) if state.said > 2 else ()


class MadeOtherwiseEachTime(Circle):
    """Every one of them lets texts be a little longer."""

    made: ClassVar[int] = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.most = 3 + type(self).made * 40

    def fold(self, state: Turns, envelope: Envelope) -> Turns:
        folded = super().fold(state, envelope)
        return attrs.evolve(folded, last=str(self.most)) if folded.said else folded


STOP = Draft(EV_TEXT, {"text": "stop"})

BROKEN: dict[type[Adapter[Any]], str] = {
    LooksAtTheClock: "no_clock_no_dice",
    AsksTheDate: "no_clock_no_dice",
    ThrowsADie: "no_clock_no_dice",
    HasItsOwnDie: "same_in_same_out",
    CountsInItself: "nothing_remembered",
    CountsInItsClass: "nothing_remembered",
    CountsInItsModule: "nothing_remembered",
    RemembersWhomItRefused: "refused_changes_nothing",
    ChangesItsArgument: "arguments_stay",
    GoesByHash: "processes_agree",
    KeepsALooseState: "state_is_frozen",
    KeepsAnUnequalState: "state_is_equal_by_value",
    WritesAnIntegerForAFloat: "state_survives_the_codec",
    ForgetsInASnapshot: "snapshot_changes_nothing",
    RaisesAtBadKnobs: "create_is_answered",
    RaisesAtOddTexts: "send_is_answered",
    RefusesWithFalse: "send_is_answered",
    CannotFoldWhatItAccepts: "accepted_can_be_folded",
    StumblesOverALeaver: "hub_words_are_folded",
    StumblesOverALateComer: "hub_words_are_folded",
    AnswersWithNothing: "what_follows_is_answered",
    SpeaksToStrangers: "emits_can_be_said",
    NeverRests: "comes_to_rest",
    EndsWithoutAReason: "close_has_a_reason",
    WaitsForALeaver: "expected_are_present",
    WaitsForOneItRefuses: "expected_can_move",
    GetsStuck: "never_deadlocks",
    WaitsForEver: "deadlines_move_on",
    BeginsAgain: "over_is_over",
    KeepsEverything: "state_stays_small",
    KeepsWhoLeft: "state_stays_small",
    ShowsNoHubWords: "face_never_raises",
    DraftsNothing: "face_never_raises",
    GivesNoView: "face_never_raises",
    TellsSecrets: "views_keep_secrets",
    MadeOtherwiseEachTime: "same_version_same_behaviour",
}
"""Each with the law it breaks."""
