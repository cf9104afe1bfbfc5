"""What was ever said and sent, and what must hold of it whatever the hub decides."""

from collections.abc import Iterable

from foldhub_core import (
    EV_AGENT_UNREGISTERED,
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    EV_SESSION_INVITE,
    HUB_SESSION,
    Deliver,
    Effect,
    Envelope,
    Forward,
    Redeliver,
    visible_to,
)


class Ledger:
    """All words and sendings so far."""

    def __init__(self) -> None:
        self.words: dict[str, Envelope] = {}
        self.numbers: dict[str, int] = {}
        """The number of the last word of every session."""
        self.over: set[str] = set()
        self.gone: set[str] = set()
        self.ever_in: dict[str, set[str]] = {}
        self.sent: dict[tuple[str, int], int] = {}
        """How often each delivery was sent."""
        self.last_first: dict[str, int] = {}
        """The highest number each agent was ever sent."""

    def take(self, words: Iterable[Envelope], effects: Iterable[Effect]) -> None:
        """Take in what one request came to."""
        words = tuple(words)
        self._say(words)
        self._send_all(effects)
        self.gone |= {word.sender_id for word in words if word.event_type == EV_AGENT_UNREGISTERED}

    def _say(self, words: Iterable[Envelope]) -> None:
        """Words are numbered densely, and none comes after the last."""
        for word in words:
            session_id = word.session_id
            assert session_id not in self.over, "nothing is said after the last word"
            assert word.number == self.numbers.get(session_id, 0) + 1, "words are numbered densely"
            assert word.envelope_id not in self.words, "an envelope is said once"
            self.numbers[session_id] = word.number
            self.words[word.envelope_id] = word
            if word.event_type == EV_SESSION_INVITE:
                self.ever_in.setdefault(session_id, {word.sender_id}).update(word.audience or ())
            elif word.event_type in (EV_SESSION_CLOSED, EV_SESSION_EXPIRED):
                self.over.add(session_id)

    def _send_all(self, effects: Iterable[Effect]) -> None:
        """What is sent goes to who may see it, first sendings in order, attempts counted."""
        for effect in effects:
            if isinstance(effect, Deliver):
                assert effect.envelope == self.words[effect.envelope.envelope_id]
                assert effect.number > self.last_first.get(effect.agent_id, 0), "first deliveries come in order"
                self._send(effect.agent_id, effect.number, effect.attempt, effect.envelope)
            elif isinstance(effect, Forward):
                agent_id = effect.passport.agent_id
                assert agent_id is not None
                assert effect.envelope == self.words[effect.envelope.envelope_id]
                assert effect.number > self.last_first.get(agent_id, 0), "first forwards come in order"
                self._send(agent_id, effect.number, effect.attempt, effect.envelope)
            elif isinstance(effect, Redeliver):
                word = self.words[effect.envelope_id]
                assert word.session_id == effect.session_id
                self._send(effect.agent_id, effect.number, effect.attempt, word)

    def _send(self, agent_id: str, number: int, attempt: int, word: Envelope) -> None:
        assert agent_id not in self.gone, "nothing is sent to an agent that is gone"
        assert visible_to(word, agent_id), "nothing is sent to one who may not see it"
        if word.session_id == HUB_SESSION:
            assert agent_id in (word.audience or ()), "nobody is sent the hub's own words but who is named"
        else:
            assert agent_id in self.ever_in[word.session_id], "nothing is sent to a stranger"
        assert attempt == self.sent.get((agent_id, number), 0) + 1, "an attempt is a sending"
        self.sent[agent_id, number] = attempt
        self.last_first[agent_id] = max(number, self.last_first.get(agent_id, 0))
