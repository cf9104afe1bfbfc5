"""A discussion, as a plain program would keep it: who is there, who is passed over, whose turn it is."""

from dataclasses import dataclass, field, replace

from foldhub_core import EV_TEXT, Envelope

Turn = tuple[str, str | None, int | None]
"""Who owes it, by which word, since when."""


@dataclass
class Circle:
    """Everybody in turn."""

    creator: str
    order: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    turn: str | None = None
    by: str | None = None
    since_ms: int | None = None

    def copied(self) -> "Circle":
        return replace(self, order=list(self.order), hidden=list(self.hidden))

    def turns(self) -> list[Turn]:
        return [] if self.turn is None else [(self.turn, self.by, self.since_ms)]

    def lets(self, word: Envelope) -> bool:
        return word.event_type == EV_TEXT and (self.turn in (None, word.sender_id) or word.sender_id in self.hidden)

    def ends(self) -> str | None:
        return None

    def opens(self, there: list[str], word: Envelope) -> None:
        self.order, self.turn, self.since_ms = list(there), self.creator, word.created_at_ms

    def hears(self, word: Envelope) -> None:
        if word.event_type == EV_TEXT and word.sender_id == self.turn:
            self._pass_on(word)

    def joins(self, agent_id: str, word: Envelope) -> None:
        if self.order and agent_id not in self.order:
            self.order.append(agent_id)
            self._take(agent_id, word)

    def hides(self, agent_id: str, word: Envelope) -> None:
        if agent_id in self.order and agent_id not in self.hidden:
            self.hidden.append(agent_id)
            if agent_id == self.turn:
                self._pass_on(word)

    def shows(self, agent_id: str, word: Envelope) -> None:
        if agent_id in self.hidden:
            self.hidden.remove(agent_id)
            self._take(agent_id, word)

    def leaves(self, agent_id: str, word: Envelope) -> None:
        self.hides(agent_id, word)
        if agent_id in self.order:
            self.order.remove(agent_id)
            self.hidden.remove(agent_id)

    def _take(self, agent_id: str, word: Envelope) -> None:
        """Where nobody has the turn, it is this one's."""
        if self.turn is None:
            self.turn, self.by, self.since_ms = agent_id, word.envelope_id, word.created_at_ms

    def _pass_on(self, word: Envelope) -> None:
        assert self.turn is not None
        at = self.order.index(self.turn)
        after = [one for one in self.order[at + 1 :] + self.order[: at + 1] if one not in self.hidden]
        self.turn, self.by, self.since_ms = after[0] if after else None, word.envelope_id, word.created_at_ms
