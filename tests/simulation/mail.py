"""What is owed to an agent, as a plain program would keep it: dicts of letters, counted when somebody asks."""

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from fractions import Fraction

from foldhub_core import Envelope, Inbox, InboxCount, Limits, Rule

Sent = tuple[object, ...]
"""An effect: what kind, to whom, on which link, and what of it can be known."""

NACKS = 5


@dataclass
class Letter:
    """One delivery."""

    number: int
    word: Envelope
    counted: bool
    at_ms: int
    expires_ms: int | None
    sent: int = 0
    nacks: int = 0
    again_ms: int | None = None
    answer_id: str | None = None


@dataclass
class Key:
    """A request that came with a key, and what it made."""

    request: str
    body: object
    made_id: str
    at_ms: int


@dataclass
class Box:
    """An agent: its name, its rule, its link, its letters and its keys."""

    agent_id: str
    name: str
    rule: Rule
    remote: bool = False
    """Whether it lives elsewhere: what is owed to it is forwarded, on no link."""
    link: str | None = None
    next_number: int = 1
    owed: dict[int, Letter] = field(default_factory=dict)
    dead: dict[int, Letter] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    spent: Fraction = Fraction(0)
    """How many posts of its rate were spent at the time of its last post."""
    spent_ms: int = 0
    observed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """How its tasks of each capability ended."""

    def copied(self) -> "Box":
        owed = {number: replace(letter) for number, letter in self.owed.items()}
        dead = {number: replace(letter) for number, letter in self.dead.items()}
        return replace(self, owed=owed, dead=dead, observed=dict(self.observed))

    @property
    def inbox(self) -> Inbox:
        return self.rule.limits.inbox

    @property
    def pending(self) -> int:
        return sum(letter.counted for letter in self.owed.values())

    @property
    def full(self) -> bool:
        return 0 < self.inbox.max_pending <= self.pending

    @property
    def count(self) -> InboxCount:
        """What the hub is to say of the inbox."""
        return InboxCount(self.pending, len(self.owed), min(self.owed, default=self.next_number) - 1)

    def hears(self, name: str) -> bool:
        return any(fnmatchcase(name, glob) for glob in self.rule.access.inbound_from)

    def rate_left(self, now_ms: int) -> Fraction:
        """What is left of the rate, which must be one."""
        rate = self.rule.limits.rate
        burst = Fraction(rate.burst or rate.per_minute)
        given_back = Fraction((now_ms - self.spent_ms) * rate.per_minute, 60_000)
        return burst - max(Fraction(0), min(self.spent, burst) - given_back)

    def posts_left(self, now_ms: int) -> int | None:
        return int(self.rate_left(now_ms)) if self.rule.limits.rate.per_minute else None

    def spend(self, now_ms: int) -> bool:
        """Spend a post of the rate, where it has one; whether there is one left."""
        rate = self.rule.limits.rate
        if rate.per_minute == 0:
            return True
        left = self.rate_left(now_ms)
        if left < 1:
            return False
        self.spent, self.spent_ms = (rate.burst or rate.per_minute) - left + 1, now_ms
        return True

    def high_water(self) -> int:
        if self.inbox.max_pending == 0:
            return 0
        return max(1, int(0.8 * self.inbox.max_pending)) if self.inbox.high_water is None else self.inbox.high_water

    def deliver(self, word: Envelope, counted: bool) -> list[Sent]:
        """Owe a word, and send it where the agent is there."""
        expires_ms = None if word.ttl_seconds is None else word.created_at_ms + 1000 * word.ttl_seconds
        letter = Letter(self.next_number, word, counted, word.created_at_ms, expires_ms)
        self.owed[letter.number] = letter
        self.next_number += 1
        return self.send("Deliver", letter) + self.pressure(letter)

    def pressure(self, letter: Letter) -> list[Sent]:
        """Tell that this letter brought the inbox to its high water, where it did."""
        reached = letter.counted and self.pending == self.high_water()
        return [("Pressure", self.agent_id, self.pending, self.inbox.max_pending)] if reached else []

    def send(self, kind: str, letter: Letter) -> list[Sent]:
        if self.link is None and not self.remote:
            return []
        letter.sent += 1
        kind = "Forward" if self.remote and kind == "Deliver" else kind
        return [(kind, self.agent_id, self.link, letter.number, letter.sent, letter.word.envelope_id)]

    def attach(self, link: str) -> list[Sent]:
        """Send all that is owed on a new link."""
        sent: list[Sent] = [] if self.link is None else [("Evict", self.agent_id, self.link)]
        self.link = link
        for _, letter in sorted(self.owed.items()):
            letter.again_ms = None
            sent += self.send("Redeliver", letter)
        return sent

    def forward_again(self) -> list[Sent]:
        """What of a remote agent goes out again when a run begins: all that waits out no pause."""
        letters = [letter for _, letter in sorted(self.owed.items()) if letter.again_ms is None]
        return [one for letter in letters for one in self.send("Redeliver", letter)]

    def nack(self, number: int, now_ms: int, limits: Limits) -> bool:
        """Whether the nack changed anything."""
        letter = self.owed.get(number)
        if letter is None or letter.again_ms is not None:
            return False
        letter.nacks += 1
        if letter.nacks == NACKS:
            self.give_up(letter, limits)
        else:
            letter.again_ms = now_ms + [1, 2, 4, 8][letter.nacks - 1] * 1000
        return True

    def give_up(self, letter: Letter, limits: Limits) -> None:
        self.dead[letter.number] = self.owed.pop(letter.number)
        for number in sorted(self.dead)[: -limits.dead_letters]:
            del self.dead[number]

    def resend(self, number: int, now_ms: int) -> list[Sent]:
        letter = self.dead.pop(number)
        letter.nacks, letter.again_ms, letter.at_ms, letter.expires_ms = 0, None, now_ms, None
        self.owed[number] = letter
        return self.send("Redeliver", letter) + self.pressure(letter)

    def make_due(self, now_ms: int, limits: Limits) -> list[Sent]:
        """Forget keys, give up, drop and send again what is due."""
        sent: list[Sent] = []
        self.keys = [key for key in self.keys if key.at_ms + limits.key_ms > now_ms]
        for number, letter in sorted(self.owed.items()):
            if letter.at_ms + limits.owed_ms <= now_ms:
                self.give_up(letter, limits)
            elif letter.expires_ms is not None and letter.expires_ms <= now_ms:
                del self.owed[number]
            elif letter.again_ms is not None and letter.again_ms <= now_ms:
                letter.again_ms = None
                sent += self.send("Redeliver", letter)
        return sent

    def due_ms(self, limits: Limits) -> int | None:
        """When anything of it is due."""
        due = [key.at_ms + limits.key_ms for key in self.keys]
        due += [letter.at_ms + limits.owed_ms for letter in self.owed.values()]
        due += [letter.expires_ms for letter in self.owed.values() if letter.expires_ms is not None]
        due += [letter.again_ms for letter in self.owed.values() if letter.again_ms is not None]
        return min(due, default=None)
