"""Sessions and their protocols, as a plain program would keep them."""

from dataclasses import dataclass, field, replace
from typing import Any

from foldhub_core import (
    EV_SESSION_HIDDEN,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_SESSION_SHOWN,
    EV_TEXT,
    Envelope,
    Expectation,
    Manifest,
)
from tests.simulation import debts
from tests.simulation.circling import Circle, Turn
from tests.simulation.debts import Key
from tests.simulation.flowing import Flow
from tests.simulation.relay import EMITS, TEXTS

Emitted = tuple[str, tuple[str, ...] | None]
"""What a protocol says: the type of the event, and to whom."""


class Fault(Exception):
    """A protocol did what it must not do."""


@dataclass
class Talk:
    """A live session."""

    session_id: str
    manifest: Manifest
    creator: str
    there: list[str]
    unanswered: list[str]
    knobs: dict[str, Any]
    expires_ms: int | None
    until_ms: int | None
    required: int | None
    created_ms: int
    expectations: tuple[Expectation, ...]
    roles: dict[str, str]
    invited_ms: dict[str, int]
    """When everybody was invited last."""
    rounds: Circle | Flow | None = None
    """Whose turn it is, in a discussion and in a workflow."""
    active: bool = False
    dormant: bool = False
    words: int = 0
    texts: int = 0
    reminders: int = 0
    due_ms: int | None = None
    trap: bool = False
    question: tuple[str, int] | None = None
    """The first text, and when it was said."""
    opened_ms: int | None = None
    said_ms: int | None = None
    """When a participant last said something."""
    asked: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Who was asked and has not answered: by which word, and when."""
    hidden: list[str] = field(default_factory=list)
    standing: set[Key] = field(default_factory=set)
    """The violations that were recorded and are not mended."""

    @property
    def type(self) -> str:
        return self.manifest.type

    @property
    def members(self) -> list[str]:
        return [one for one in self.there if one not in self.unanswered]

    @property
    def awake(self) -> bool:
        return self.active and not self.dormant

    def next_ms(self) -> int | None:
        """When the session is to be looked at."""
        due = [self.expires_ms, self.until_ms, self.due_ms if self.awake else None]
        if not self.dormant:
            due += [due_ms for key, due_ms in debts.owed(self) if key not in self.standing]
        return min((at for at in due if at is not None), default=None)

    def copied(self) -> "Talk":
        rounds = None if self.rounds is None else self.rounds.copied()
        lists = {"there": list(self.there), "unanswered": list(self.unanswered), "hidden": list(self.hidden)}
        maps = {"roles": dict(self.roles), "invited_ms": dict(self.invited_ms), "asked": dict(self.asked)}
        return replace(self, rounds=rounds, standing=set(self.standing), **lists, **maps)  # type: ignore[arg-type]

    # --- what is owed

    def hear(self, word: Envelope, to: list[str], skipped: tuple[str, ...]) -> None:
        """Who says something has answered; who hears it was asked."""
        self.said_ms = word.created_at_ms
        if word.event_type not in self.manifest.information and self.asked.pop(word.sender_id, None) is None:
            for agent_id in to:
                if agent_id != word.sender_id and agent_id not in skipped:
                    self.asked.setdefault(agent_id, (word.envelope_id, word.created_at_ms))

    def mend(self, now_ms: int) -> None:
        """Forget the violations that are mended."""
        if not self.dormant:
            self.standing &= {key for key, due_ms in debts.owed(self) if due_ms <= now_ms}

    # --- the protocols, all five of them

    def lets(self, word: Envelope) -> bool:
        """Whether the protocol lets it be said."""
        if word.event_type in self.manifest.information:
            return True
        if self.rounds is not None:
            return self.rounds.lets(word)
        if word.event_type != EV_TEXT:
            return False
        if self.type == "consulting":
            asker = word.sender_id == self.creator
            return self.texts < 2 and asker == (self.texts == 0)
        return self.type == "conversation" or word.event_data.get("text") != "boom"

    def turns(self) -> list[str]:
        """Who owes a turn."""
        return [agent_id for agent_id, _, _ in self.owed_turns()] if self.awake else []

    def owed_turns(self) -> list[Turn]:
        if self.rounds is not None:
            owes = self.rounds.turns()
        elif self.type == "consulting" and self.question is None:
            owes = [(self.creator, None, self.created_ms)]
        elif self.type == "consulting":
            assert self.question is not None
            owes = [(one, *self.question) for one in self.there if one != self.creator]
        else:
            owes = [(one, None, None) for one in self.there[:1] if self.type == "relay"]
        return [turn for turn in owes if turn[0] in self.members]

    def fold(self, word: Envelope) -> None:
        self._move(word)
        if word.event_type == EV_TEXT:
            self.question = self.question or (word.envelope_id, word.created_at_ms)
            if self.type == "relay" and word.event_data.get("text") == "unfoldable":
                raise Fault
            self.texts += 1
            self.reminders = 0
            self.trap = self.trap or (self.type == "relay" and word.event_data.get("text") == "trap")
        if word.event_type == "relay.reminded":
            self.reminders += 1
        waits_anew = word.event_type in (EV_TEXT, EV_SESSION_OPENED, "relay.reminded")
        if self.type == "relay" and waits_anew:
            self.due_ms = word.created_at_ms + int(self.knobs["wait_ms"])

    def _move(self, word: Envelope) -> None:
        """Let come and go who does."""
        rounds, agent_id = self.rounds, str(word.event_data.get("agent_id"))
        if word.event_type == EV_SESSION_OPENED:
            self.opened_ms = word.created_at_ms
            if rounds is not None:
                rounds.opens(self.members, word)
        elif word.event_type == EV_SESSION_JOINED and rounds is not None:
            rounds.joins(agent_id, word)
        elif word.event_type == EV_SESSION_LEFT:
            self.hidden = [one for one in self.hidden if one != agent_id]
            self.asked.pop(agent_id, None)
            if rounds is not None:
                rounds.leaves(agent_id, word)
        elif word.event_type == EV_SESSION_HIDDEN:
            self.hidden.append(agent_id)
            if rounds is not None:
                rounds.hides(agent_id, word)
        elif word.event_type == EV_SESSION_SHOWN:
            self.hidden.remove(agent_id)
            if rounds is not None:
                rounds.shows(agent_id, word)
        elif rounds is not None:
            rounds.hears(word)

    def follows(self, word: Envelope) -> tuple[list[Emitted], str | None]:
        """What the protocol says to a word, and for which reason it ends the session."""
        text = word.event_data.get("text") if word.event_type == EV_TEXT else None
        if self.type == "consulting" and self.texts == 2:
            return [], "consulting_complete"
        if self.rounds is not None:
            return [], self.rounds.ends()
        if self.type != "relay":
            return [], None
        if (word.event_type == EV_SESSION_LEFT and self.trap) or text in ("forge", "stranger"):
            raise Fault
        if word.event_type == EV_SESSION_LEFT:
            return [("relay.missed", None)], None
        if word.event_type == EV_SESSION_JOINED and self.active:
            return [("relay.welcomed", (str(word.event_data["agent_id"]),))], None
        if text in ("much", "more"):
            return [("relay.said", None)] * (EMITS + (text == "more")), None
        if word.event_type == "relay.looped" or text == "loop":
            return [("relay.looped", None)], None
        if text is not None and self.texts == TEXTS:
            return [("relay.finished", None)], "relay_done"
        return ([("relay.counted", None)] if text == "count" else []), None

    def deadline(self) -> tuple[list[Emitted], str | None]:
        """What the protocol says when it has waited long enough."""
        if self.trap:
            raise Fault
        return ([("relay.reminded", None)], None) if self.reminders == 0 else ([], "silence")
