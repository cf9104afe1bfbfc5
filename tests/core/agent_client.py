"""An agent's client in a plain loop, over a hub driven by hand: what a shell does with the plan, step by step."""

from collections.abc import Callable
from typing import Any

from foldhub_core import (
    Ack,
    AnswerInvite,
    Command,
    Deliver,
    Delivery,
    Envelope,
    Face,
    Nack,
    NeedLog,
    Plan,
    Post,
    Redeliver,
    Refuse,
    Round,
    Turn,
    answered,
    failed,
    plan,
    settled,
    standing,
    take_turn,
)
from tests.core.session_driver import Talks

Handler = Callable[[Turn], Round]


class Client:
    """One agent's client. It notes how many words it read for a turn."""

    def __init__(self, hub: Talks, name: str) -> None:
        self.hub = hub
        self.name = name
        self.read = 0

    def delivery(self, effect: Deliver | Redeliver) -> Delivery:
        """What arrives of an effect; a redelivery is filled from the log."""
        envelope = effect.envelope if isinstance(effect, Deliver) else self.word(effect.session_id, effect.envelope_id)
        return Delivery(effect.agent_id, envelope, effect.number, effect.attempt)

    def owed(self, number: int) -> Delivery:
        """A delivery that is owed, as it would arrive now."""
        owed = self.hub.state.mailboxes[self.hub.ids[self.name]].owed[number]
        return Delivery(self.hub.ids[self.name], self.word(owed.session_id, owed.envelope_id), number)

    def word(self, session_id: str, envelope_id: str) -> Envelope:
        return next(word for word in self.hub.words(session_id) if word.envelope_id == envelope_id)

    def words(self, need: NeedLog) -> list[Envelope]:
        """The words a turn needs, as a store gives them."""
        said = self.hub.words(need.session.session_id)
        read = [word for word in said if need.since <= word.number <= need.until]
        self.read = len(read)
        return read

    def face(self, session_id: str) -> Face[Any] | None:
        entry = self.hub.state.sessions.entries.get(session_id)
        return None if entry is None else self.hub.config.adapter_of(entry.session.manifest)

    def plan(self, delivery: Delivery, **more: Any) -> Plan:
        stands = standing(self.hub.config, self.hub.state, delivery.agent_id, delivery.envelope)
        return plan(delivery, stands, self.face(delivery.envelope.session_id), **more)

    def turn(self, delivery: Delivery, **more: Any) -> Turn:
        """The turn that a delivery begins."""
        need = self.plan(delivery, **more)
        assert isinstance(need, NeedLog), need
        turn = take_turn(need, self.words(need))
        assert isinstance(turn, Turn), turn
        return turn

    def ask(self, command: Command) -> Refuse | None:
        answer = self.hub.ask(self.hub.who(self.name), command)[0]
        return answer if isinstance(answer, Refuse) else None

    def post(self, turn: Turn, post: Post | None) -> Ack | Nack | None:
        """Post what a turn says, if anything; gives what is to end the delivery."""
        refuse = None if post is None else self.ask(post)
        return settled(turn.delivery, None if refuse is None else refuse.error)

    def serve(self, delivery: Delivery, handler: Handler, **more: Any) -> Ack | Nack | None:
        """Do all that is to be done with a delivery; gives what ended it."""
        end = self.work(delivery, handler, **more)
        if end is not None:
            self.hub.value(self.hub.who(self.name), end)
        return end

    def work(self, delivery: Delivery, handler: Handler, **more: Any) -> Ack | Nack | None:
        """Do what is to be done with a delivery but for ending it."""
        todo: Plan | Turn = self.plan(delivery, **more)
        if isinstance(todo, NeedLog):
            todo = take_turn(todo, self.words(todo))
        if isinstance(todo, Turn):
            try:
                post = answered(todo, handler(todo))
            except Exception as error:
                return failed(delivery, error)
            return self.post(todo, post)
        if isinstance(todo, AnswerInvite):
            refuse = self.ask(todo)
            return settled(delivery, None if refuse is None else refuse.error)
        assert not isinstance(todo, NeedLog), "the words were read"
        return todo.then
