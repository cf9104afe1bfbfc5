"""Sessions and their protocols, as a plain program would keep them."""

from dataclasses import dataclass, replace
from typing import Any

from foldhub_core import (
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_TEXT,
    Envelope,
    Manifest,
)
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
    active: bool = False
    dormant: bool = False
    words: int = 0
    texts: int = 0
    reminders: int = 0
    due_ms: int | None = None
    trap: bool = False

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
        return min((at for at in due if at is not None), default=None)

    def copied(self) -> "Talk":
        return replace(self, there=list(self.there), unanswered=list(self.unanswered))

    # --- the protocols, all three of them

    def lets(self, word: Envelope) -> bool:
        """Whether the protocol lets it be said."""
        if word.event_type in self.manifest.information:
            return True
        if word.event_type != EV_TEXT:
            return False
        if self.type == "consulting":
            asker = word.sender_id == self.creator
            return self.texts < 2 and asker == (self.texts == 0)
        return self.type == "conversation" or word.event_data.get("text") != "boom"

    def turns(self) -> list[str]:
        """Who owes a turn."""
        if not self.awake:
            return []
        if self.type == "consulting":
            owes = [self.creator] if self.texts == 0 else [one for one in self.there if one != self.creator]
        else:
            owes = self.there[:1] if self.type == "relay" else []
        return [one for one in owes if one in self.members]

    def fold(self, word: Envelope) -> None:
        if word.event_type == EV_TEXT:
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

    def follows(self, word: Envelope) -> tuple[list[Emitted], str | None]:
        """What the protocol says to a word, and for which reason it ends the session."""
        text = word.event_data.get("text") if word.event_type == EV_TEXT else None
        if self.type == "consulting" and self.texts == 2:
            return [], "consulting_complete"
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
