"""Violations under any history: what is overdue is recorded at the first tick that finds it, once, and anew when it was mended.

A hub beside a naive model, which keeps the history and works out from its beginning, every time, who owes what.
"""

from typing import Any, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from foldhub_core import Expectation, Invite, Limits, Tick, changed, hidden_participants, violations
from tests.core.hub_driver import ADMIN
from tests.core.rounds import Rounds
from tests.core.session_driver import Free, Talks
from tests.core.watchers import recorded, through_a_snapshot

NAMES = ("alice", "bob", "carol")
LONG = Limits(invite_timeout_ms=10**9)


class Happened(NamedTuple):
    """Something that matters to what is owed: `said` with who heard it, `invited`, `joined`, `left`, `hidden`, `shown`."""

    what: str
    at_ms: int
    who: str
    heard: tuple[str, ...] = ()
    envelope_id: str = ""


Key = tuple[int, str | None, str]


class Naive:
    """What is owed, from the history."""

    def __init__(self, expectations: tuple[Expectation, ...], ids: dict[str, str], opened_ms: int) -> None:
        self.expectations = expectations
        self.ids = ids
        self.opened_ms = opened_ms
        self.history: list[Happened] = []
        self.standing: set[Key] = set()

    def there(self) -> list[str]:
        there: list[str] = list(NAMES)
        for one in self.history:
            if one.what == "left" and one.who in there:
                there.remove(one.who)
            if one.what == "joined":
                there.append(one.who)
        return there

    def unanswered(self) -> dict[str, int]:
        since: dict[str, int] = {}
        for one in self.history:
            if one.what == "invited":
                since[one.who] = one.at_ms
            elif one.what in ("joined", "left"):
                since.pop(one.who, None)
        return since

    def asked(self) -> dict[str, Happened]:
        asked: dict[str, Happened] = {}
        for one in self.history:
            if one.what == "left":
                asked.pop(one.who, None)
            elif one.what == "said" and asked.pop(one.who, None) is None:
                for heard in one.heard:
                    asked.setdefault(heard, one)
        return asked

    def owed(self) -> dict[Key, int]:
        """All debts by key, with when each is due."""
        owed: dict[Key, int] = {}
        said = [one.at_ms for one in self.history if one.what == "said"]
        for index, expectation in enumerate(self.expectations):
            seconds: Any = expectation.params["seconds"]
            if expectation.name == "max_silence":
                since = said[-1] if said else self.opened_ms
                owed[index, None, str(since)] = since + seconds * 1000
            elif expectation.name == "acks_within":
                for who, at_ms in self.unanswered().items():
                    owed[index, who, str(at_ms)] = at_ms + seconds * 1000
            else:
                for who, question in self.asked().items():
                    owed[index, who, question.envelope_id] = question.at_ms + seconds * 1000
        applies = [one.applies_to for one in self.expectations]
        return {key: due for key, due in owed.items() if self.applies(applies[key[0]], key[1])}

    def applies(self, whom: tuple[str, ...] | None, who: str | None) -> bool:
        role = "initiator" if who == "alice" else "participant"
        return whom is None or who is None or role in whom or self.ids[who] in whom

    def happens(self, one: Happened) -> None:
        self.history.append(one)
        owed = self.owed()
        self.standing = {key for key in self.standing if key in owed and owed[key] <= one.at_ms}

    def tick(self, now_ms: int) -> list[tuple[int, int, tuple[str, ...]]]:
        """What is recorded at a tick: which expectation, and by whom."""
        due = {key for key, due_ms in self.owed().items() if due_ms <= now_ms}
        new = due - self.standing
        self.standing = self.standing | new
        found = sorted({index for index, _, _ in new})
        return [(now_ms, index, tuple(sorted(who for at, who, _ in new if at == index and who is not None))) for index in found]


EXPECTATIONS = st.lists(
    st.builds(
        Expectation,
        st.sampled_from(["max_silence", "reply_within", "acks_within"]),
        st.sampled_from(["audit", "warn", "notify_session"]),
        st.integers(0, 4).map(lambda seconds: {"seconds": seconds}),
        st.sampled_from([None, None, ("initiator",), ("participant",), ("nobody",)]),
    ),
    max_size=4,
)


class FiresExactly(RuleBasedStateMachine):
    """One session of three, in which everybody may say everything, beside the model."""

    hub: Talks
    naive: Naive
    session_id: str

    def __init__(self) -> None:
        super().__init__()
        self.expected: list[tuple[int, int, tuple[str, ...]]] = []

    @initialize(expectations=EXPECTATIONS, to_bob=st.booleans())
    def begin(self, expectations: list[Expectation], to_bob: bool) -> None:
        self.hub = Talks(*NAMES, adapters=(Free(),), limits=LONG)
        self.hub.now_ms = 997
        bob = self.hub.these("bob")
        given = tuple([changed(one, applies_to=bob) if to_bob and one.applies_to else one for one in expectations])
        self.naive = Naive(given, self.hub.ids, 1000)
        self.session_id = self.hub.pending(*NAMES, type="free", ttl=0, expectations=given)
        for name in NAMES[1:]:
            self.hub.answer(name, self.session_id)
        # What was overdue while it was pending is mended by now: nothing ticked in between.

    def now(self, later_ms: int) -> int:
        return self.hub.now_ms + later_ms

    @rule(later_ms=st.sampled_from([0, 1, 500, 999, 1000, 2500]), who=st.sampled_from(NAMES), data=st.data())
    def say(self, later_ms: int, who: str, data: st.DataObject) -> None:
        there = self.naive.there()
        if who not in there:
            return
        to = data.draw(st.none() | st.lists(st.sampled_from(there), unique=True).map(tuple))
        at_ms = self.now(later_ms)
        word = self.hub.say(who, self.session_id, to=to, now_ms=at_ms)
        heard = tuple(one for one in (there if to is None else to) if one != who)
        self.naive.happens(Happened("said", at_ms, who, heard, word.envelope_id))

    @rule(who=st.sampled_from(NAMES[1:]))
    def leave(self, who: str) -> None:
        if who in [*self.naive.there(), *self.naive.unanswered()]:
            self.hub.leave(who, self.session_id)
            self.naive.happens(Happened("left", self.hub.now_ms, who))

    @rule(who=st.sampled_from(NAMES[1:]))
    def come(self, who: str) -> None:
        """One who is gone is invited; one who is invited accepts."""
        if who in self.naive.unanswered():
            self.hub.answer(who, self.session_id)
            self.naive.happens(Happened("joined", self.hub.now_ms, who))
        elif who not in self.naive.there():
            participants = self.hub.these(who)
            command = Invite(session_id=self.session_id, agent_id=self.hub.ids["alice"], participants=participants)
            self.hub.value(self.hub.who("alice"), command)
            self.naive.happens(Happened("invited", self.hub.now_ms, who))

    @rule(later_ms=st.sampled_from([0, 1, 500, 999, 1000, 2500, 10_000]))
    def tick(self, later_ms: int) -> None:
        at_ms = self.now(later_ms)
        self.hub.value(ADMIN, Tick(), at_ms)
        self.expected += self.naive.tick(at_ms)

    @precondition(lambda self: self.expected)
    @rule()
    def go_on_from_a_snapshot(self) -> None:
        through_a_snapshot(self.hub)

    @invariant()
    def it_fired_as_the_model_says(self) -> None:
        names = {agent_id: name for name, agent_id in self.hub.ids.items()}
        found: list[tuple[int, Any, tuple[str, ...]]] = []
        for event in recorded(self.hub):
            violators: Any = event.event_data["violators"]
            found.append((event.created_at_ms, event.event_data["index"], tuple(sorted(names[one] for one in violators))))
        assert found == self.expected

    @invariant()
    def the_model_stands_where_the_hub_does(self) -> None:
        names = {agent_id: name for name, agent_id in self.hub.ids.items()}
        standing = violations(self.hub.state, self.session_id)
        assert {(one.index, None if one.agent_id is None else names[one.agent_id], one.cause) for one in standing} == (
            self.naive.standing
        )

    def teardown(self) -> None:
        if hasattr(self, "hub"):
            self.hub.check_log()


FiresExactly.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestFiresExactly = FiresExactly.TestCase


class TurnsPassOn(RuleBasedStateMachine):
    """Three take turns within a second; who does not is hidden, and whoever speaks is back."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = Talks(*NAMES, adapters=(Rounds(),))
        self.hub.now_ms = 997
        expectation = Expectation("turn_within", "hide", {"seconds": 1})
        self.session_id = self.hub.opened(*NAMES, type="rounds", ttl=0, expectations=(expectation,))
        self.turn: str | None = "alice"
        self.since_ms = self.hub.now_ms
        self.hidden: list[str] = []

    def pass_on(self, at_ms: int) -> None:
        at = NAMES.index(self.turn or "")
        coming = [one for one in NAMES[at + 1 :] + NAMES[: at + 1] if one not in self.hidden]
        self.turn, self.since_ms = coming[0] if coming else None, at_ms

    def say(self, who: str, later_ms: int) -> None:
        """Nothing is due in between: a tick comes first where something was."""
        at_ms = self.hub.now_ms + later_ms
        self.tick_at(at_ms)
        if who != self.turn and who not in self.hidden:
            assert self.hub.unsaid(who, self.session_id) == "protocol_error"
            return
        at_ms = self.hub.now_ms + 1
        self.hub.say(who, self.session_id, now_ms=at_ms)
        if who == self.turn:
            self.pass_on(at_ms)
        if who in self.hidden:
            self.hidden.remove(who)
            if self.turn is None:
                self.turn, self.since_ms = who, at_ms

    def tick_at(self, at_ms: int) -> None:
        while self.hub.tick_until_rest(at_ms):
            pass
        self.hub.now_ms = at_ms
        if self.turn is not None and self.since_ms + 1000 <= at_ms:
            self.hidden.append(self.turn)
            self.pass_on(at_ms)

    @rule(who=st.sampled_from(NAMES), later_ms=st.sampled_from([0, 500, 999, 1000]))
    def speak(self, who: str, later_ms: int) -> None:
        self.say(who, later_ms)

    @rule(later_ms=st.sampled_from([0, 1, 500, 999, 1000, 5000]))
    def tick(self, later_ms: int) -> None:
        self.tick_at(self.hub.now_ms + later_ms)

    @invariant()
    def the_same_are_hidden(self) -> None:
        assert hidden_participants(self.hub.state, self.session_id) == self.hub.these(*self.hidden)


TurnsPassOn.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestTurnsPassOn = TurnsPassOn.TestCase
