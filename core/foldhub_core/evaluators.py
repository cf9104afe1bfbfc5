"""The evaluators that come with the hub. All fire when their time is exactly over; `seconds` of 0 fires at once."""

from typing import ClassVar

import attrs

from .errors import NetworkError, ProtocolError, shown
from .expectations import Debt, Evaluator, Watched
from .rule import Duration, duration_ms
from .session import Expectation, SessionState


class _Within(Evaluator):
    """What is owed within `seconds`: whole seconds, or a duration as people write it."""

    reads_asked = False
    seconds: ClassVar[int]
    """Where the expectation does not say."""

    def check(self, expectation: Expectation) -> None:
        """Only `seconds` may be given, and it must be a time from now on."""
        others = [key for key in expectation.params if key != "seconds"]
        if others:
            raise ProtocolError(f"expected no param but seconds, came {shown(others[0])}", where=self.name)
        given = expectation.params.get("seconds", self.seconds)
        try:
            time_ms = -1 if given == "" else duration_ms(_as_duration(given))
        except NetworkError as error:
            raise ProtocolError(error.message, where=f"{self.name}.seconds") from None
        if time_ms < 0:
            raise ProtocolError(f"expected seconds of 0 or more, came {shown(given)}", where=f"{self.name}.seconds")

    def patience_ms(self, expectation: Expectation) -> int:
        """What a word begins to owe is due when the time is over, not before."""
        return duration_ms(_as_duration(expectation.params.get("seconds", self.seconds)))


def _as_duration(given: object) -> Duration:
    # What is neither is refused by `duration_ms`, as anything that is no duration.
    return given  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


@attrs.frozen
class AcksWithin(_Within):
    """The invited answer their invitation."""

    name = "acks_within"
    seconds = 30

    def owed(self, watched: Watched, expectation: Expectation) -> tuple[Debt, ...]:
        """An answer of each who has not given one, since it was invited."""
        session, time_ms = watched.session, self.patience_ms(expectation)
        pending = [one for one in session.participants if one.agent_id in session.pending_acks]
        return tuple([Debt(one.agent_id, one.joined_at_ms + time_ms, str(one.joined_at_ms)) for one in pending])


@attrs.frozen
class ReplyWithin(_Within):
    """Whoever was asked answers."""

    name = "reply_within"
    reads_asked = True
    seconds = 600

    def owed(self, watched: Watched, expectation: Expectation) -> tuple[Debt, ...]:
        """A word of each who was asked and has not spoken since, from the first question on."""
        if watched.session.state is not SessionState.ACTIVE:
            return ()
        time_ms = self.patience_ms(expectation)
        return tuple([Debt(one.agent_id, one.since_ms + time_ms, one.envelope_id) for one in watched.asked])


@attrs.frozen
class TurnWithin(_Within):
    """Whoever's turn it is takes it."""

    name = "turn_within"
    seconds = 120

    def owed(self, watched: Watched, expectation: Expectation) -> tuple[Debt, ...]:
        """A word of each whose turn it is, since it is; of nobody who is hidden. No turn begins before the session opened."""
        opened_at_ms = watched.opened_at_ms
        if opened_at_ms is None:
            return ()
        time_ms = self.patience_ms(expectation)
        debts: list[Debt] = []
        for turn in watched.turns:
            if turn.agent_id in watched.hidden:
                continue
            since_ms = watched.last_said_ms if turn.expected_since_ms is None else turn.expected_since_ms
            since_ms = opened_at_ms if since_ms is None else max(since_ms, opened_at_ms)
            debts.append(Debt(turn.agent_id, since_ms + time_ms, turn.triggering_envelope_id or str(since_ms)))
        return tuple(debts)


@attrs.frozen
class MaxSilence(_Within):
    """Somebody says something."""

    name = "max_silence"
    seconds = 3600

    def owed(self, watched: Watched, expectation: Expectation) -> tuple[Debt, ...]:
        """A word of anybody, since the last one, or since the session opened."""
        since_ms = watched.opened_at_ms if watched.last_said_ms is None else watched.last_said_ms
        if since_ms is None:
            return ()
        return (Debt(None, since_ms + self.patience_ms(expectation), str(since_ms)),)


BUILT_IN_EVALUATORS: tuple[Evaluator, ...] = (AcksWithin(), ReplyWithin(), TurnWithin(), MaxSilence())
"""The evaluators a hub has unless it is configured otherwise; a user's own are given in addition."""
