"""The search for a session that breaks a law: it goes on from what is new, with what was accepted before.

It plays one session after another, some from their openings, some from the middle of a session that came to something new. At
every scene it knows what the rules would accept, so it gets deep into a protocol; now and then it says what is refused, spoils a
payload, lets somebody join or leave, or lets time pass.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence

import attrs

from foldhub_core import Data, Draft, ProtocolError
from foldhub_core.envelope import is_hub_event

from .hostile import PAYLOADS, hostile_draft, hostile_map
from .laws.book import LAWS, first_broken
from .laws.law import Law
from .moves import CallOff, Close, Decline, Invite, Join, Leave, Move, Opening, Remove, Say, Wait
from .scene import MOST_PEOPLE, Scene, Stage
from .shapes import Shape, exact_shape, rough_shape
from .vocabulary import Place, hub_events

SPOILT = 100
"""How many openings are tried first with knobs that mean no good."""
SPOILT_WORDS = 12
"""About how many spoilt words the rules are asked at every scene that is new in kind."""
LONGEST = 40
"""No session is played for more moves than this."""


@attrs.frozen
class Found:
    """A law that is broken, by which scene and how."""

    law: Law
    why: str
    scene: Scene


@attrs.define
class Reached:
    """What a search has come to."""

    sessions: int = 0
    moves: int = 0
    states: set[Shape] = attrs.field(factory=set[Shape])
    said: Counter[str] = attrs.field(factory=Counter[str])
    """By event type, how often it was accepted of a participant."""
    refused: Counter[str] = attrs.field(factory=Counter[str])
    """By event type, how often it was refused."""
    closed: Counter[str] = attrs.field(factory=Counter[str])
    """By reason, how often a session ended."""
    happened: Counter[str] = attrs.field(factory=Counter[str])
    """What else there was: who joined late, left, was hidden, what was due."""


class Search:
    """One search. Everything it does follows from the adapter and the seed."""

    def __init__(
        self,
        stage: Stage,
        counts: Sequence[int],
        knobs: Callable[[random.Random, int], Data],
        seed: int,
        laws: Sequence[Law] = LAWS,
    ) -> None:
        self.stage = stage
        self.counts = counts
        self.reached = Reached()
        self.dice = random.Random(seed)
        self.good: list[Opening] = []
        """Openings that were accepted."""
        self.pool: list[Scene] = []
        """Scenes that were new in kind, and can be gone on from."""
        self._knobs = knobs
        self._laws = tuple(laws)
        self._visits: Counter[int] = Counter()
        self._seen: set[Shape] = set()
        self._leads: Counter[str] = Counter()
        self._tries: Counter[str] = Counter()

    def run(self, sessions: int, tell: Callable[[Reached], None] = lambda _: None) -> Found | None:
        """Play so many sessions; gives the first law that is broken."""
        found = self._spoilt_openings()
        if found is not None:
            return found
        for _ in range(sessions):
            found = self._session()
            self.reached.sessions += 1
            tell(self.reached)
            if found is not None:
                return found
        return None

    # --- a session

    def _spoilt_openings(self) -> Found | None:
        """Open sessions with knobs that mean no good: most go no further."""
        for at in range(SPOILT):
            count = self.dice.choice(self.counts)
            spoilt = PAYLOADS[at] if at < len(PAYLOADS) else Data(hostile_map(self._knobs(self.dice, count), self.dice))
            scene = self.stage.open(Opening(count, spoilt))
            broken = first_broken(scene, self._laws)
            if broken is not None:
                return Found(*broken, scene)
        return None

    def _session(self) -> Found | None:
        if self.pool and self.dice.random() < 0.55:
            scene = self._old()
        else:
            scene = self.stage.open(self._opening())
            found = self._looked_at(scene)
            if found is not None:
                return found
            if scene.session_id and scene.opening not in self.good:
                self.good.append(scene.opening)
        for _ in range(self.dice.randint(1, 14)):
            if not scene.is_live or scene.depth >= LONGEST:
                return None
            scene = scene.play(self._move(scene))
            found = self._looked_at(scene)
            if found is not None:
                return found
        return None

    def _looked_at(self, scene: Scene) -> Found | None:
        self._count(scene)
        broken = first_broken(scene, self._laws)
        if broken is not None:
            return Found(*broken, scene)
        self.reached.states.add(exact_shape(scene))
        rough = rough_shape(scene)
        new = rough not in self._seen
        self._seen.add(rough)
        if isinstance(scene.move, Say) and scene.refused is None:
            self._tries[scene.move.event_type] += 1
            self._leads[scene.move.event_type] += new
        if new and scene.is_live:
            self.pool.append(scene)
            return self._spoilt_words(scene) or self._somebody_goes(scene) or self._time_comes(scene)
        return None

    def _spoilt_words(self, scene: Scene) -> Found | None:
        """Ask about words that mean no good, which costs little, and say one of those that are let pass."""
        if not scene.choices:
            return None
        dice, passed = self.dice, list[Say]()
        for _ in range(SPOILT_WORDS):
            who, draft = self._choice(scene)
            spoilt = hostile_draft(draft, dice)
            (one,) = scene.tried_by(who, (spoilt,))
            if not isinstance(one.error, ProtocolError):  # it is let pass, or not refused as it should be
                passed.append(scene.say(who, spoilt))
        return self._aside(scene, dice.choice(passed)) if passed else None

    def _somebody_goes(self, scene: Scene) -> Found | None:
        """Let somebody leave whose turn it is, or anybody: much is forgotten then."""
        if not scene.is_active or not scene.members:
            return None
        who = self.dice.choice(scene.expected if scene.expected and self.dice.random() < 0.5 else scene.members)
        return self._aside(scene, Leave(self.stage.people.index(who)))

    def _time_comes(self, scene: Scene) -> Found | None:
        """Let now and then come what the protocol waits for."""
        due_ms = scene.waits_until_ms
        if due_ms is None or self.dice.random() < 0.6:
            return None
        return self._aside(scene, Wait(max(due_ms - scene.now_ms, 1)))

    def _aside(self, scene: Scene, move: Move) -> Found | None:
        """Play a move beside the session that is played; what comes of it can be gone on from."""
        after = scene.play(move)
        self._count(after)
        broken = first_broken(after, self._laws)
        if broken is not None:
            return Found(*broken, after)
        rough = rough_shape(after)
        if after.is_live and rough not in self._seen:
            self._seen.add(rough)
            self.pool.append(after)
        return None

    def _old(self) -> Scene:
        """A scene to go on from: one of two that was gone on from more seldom, the newer ones rather."""
        at = min(self._some_place(), self._some_place(), key=self._visits.__getitem__)
        self._visits[at] += 1
        return self.pool[at]

    def _some_place(self) -> int:
        newest = len(self.pool)
        return newest - 1 - self.dice.randrange(min(newest, 20)) if self.dice.random() < 0.5 else self.dice.randrange(newest)

    def _opening(self) -> Opening:
        dice = self.dice
        if len(self.good) >= 3 and dice.random() < 0.4:
            return dice.choice(self.good)
        count = dice.choice(self.counts)
        knobs = self._knobs(dice, count)
        if dice.random() < 0.1:
            knobs = dice.choice(PAYLOADS) if not knobs or dice.random() < 0.3 else Data(hostile_map(knobs, dice))
        required = dice.randint(1, count - 2) if count > 2 and dice.random() < 0.2 else None
        return Opening(count, knobs, dice.random() < 0.4, dice.random() < 0.15, required)

    # --- a move

    def _move(self, scene: Scene) -> Move:
        dice, places = self.dice, scene.places
        if scene.pending and (not scene.is_active or dice.random() < 0.15):
            who = dice.choice(places(scene.pending))
            return Decline(who) if dice.random() < 0.04 else Wait(31_000) if dice.random() < 0.02 else Join(who)
        if not scene.is_active or not scene.members:
            return Wait(1_000)
        hidden = scene.entry.hidden if scene.entry is not None else ()
        if hidden and dice.random() < 0.3:  # it is seldom, and much is forgotten then
            who = dice.choice(places(hidden))
            return Leave(who) if dice.random() < 0.5 else scene.say(*self._choice(scene, self.stage.people[who]))
        luck = dice.random()
        if luck < 0.60:
            return scene.say(*self._choice(scene))
        if luck < 0.66:
            return scene.say(dice.choice(scene.members), self._choice(scene)[1])  # the right thing, of somebody else
        if luck < 0.72:
            return scene.say(*self._some(scene))
        if luck < 0.83:
            speaker, draft = self._choice(scene) if dice.random() < 0.7 else self._some(scene)
            return scene.say(speaker, hostile_draft(draft, dice))
        if luck < 0.90:
            return self._membership(scene)
        if luck < 0.98:
            return self._waiting(scene)
        if luck < 0.99:
            return CallOff(dice.choice(places(scene.members)))
        return Close() if dice.random() < 0.5 else self._forged(scene)

    def _choice(self, scene: Scene, who: str | None = None) -> tuple[str, Draft]:
        """Something that is allowed, and rather what led on before; anything where nothing is."""
        choices = [one for one in scene.choices if who is None or one[0] == who]
        if not choices:
            return self._some(scene)
        weights = [1 + 4 * (self._leads[draft.event_type] + 1) / (self._tries[draft.event_type] + 1) for _, draft in choices]
        return self.dice.choices(choices, weights)[0]

    def _some(self, scene: Scene) -> tuple[str, Draft]:
        """Something, allowed or not, and rather of those who are waited for."""
        who = self.dice.choice(scene.expected if scene.expected and self.dice.random() < 0.5 else scene.members)
        return who, self.dice.choice(scene.drafts(who))

    def _membership(self, scene: Scene) -> Move:
        dice, session = self.dice, scene.session
        assert session is not None
        outside = [at for at in range(MOST_PEOPLE) if self.stage.people[at] not in [one.agent_id for one in session.participants]]
        most = session.manifest.participants.max
        if scene.pending and dice.random() < 0.6:
            return Join(dice.choice(scene.places(scene.pending)))
        if outside and (most is None or len(session.participants) < most) and dice.random() < 0.5:
            return Invite(outside[0])
        who = dice.choice(scene.places(scene.members))
        return Remove(who) if dice.random() < 0.2 else Leave(who)

    def _waiting(self, scene: Scene) -> Move:
        due_ms = scene.due_ms
        if due_ms is not None and due_ms > scene.now_ms and self.dice.random() < 0.75:
            return Wait(due_ms - scene.now_ms)
        return Wait(self.dice.choice([1, 1_000, 61_000, 3_600_000]))

    def _forged(self, scene: Scene) -> Move:
        session = scene.session
        assert session is not None
        who = self.dice.choice(scene.members)
        others = tuple([one for one in scene.members if one != who])
        return scene.say(who, self.dice.choice(list(hub_events(Place(session, scene.state, who, others)))))

    # --- what was reached

    def _count(self, scene: Scene) -> None:
        reached, move = self.reached, scene.move
        reached.moves += 1
        if isinstance(move, Say):
            (reached.said if scene.refused is None else reached.refused)[move.event_type] += 1
        for word in scene.words:
            if is_hub_event(word.event_type):
                reached.happened[word.event_type] += 1
            elif word.sender_id == self.stage.hub.hub_id:
                reached.happened[f"emitted {word.event_type}"] += 1
        for call in scene.calls:
            if call.method == "on_deadline":
                reached.happened["a deadline came"] += 1
        if scene.closed_as is not None:
            reached.closed[scene.closed_as] += 1
