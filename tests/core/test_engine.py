"""The engine: what it asks for, what it holds back, and what it does when the store cannot."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub_core import (
    Append,
    Arrival,
    Attach,
    Commit,
    Detach,
    Ending,
    Engine,
    HubConfig,
    HubState,
    Limits,
    Principal,
    Refuse,
    Reply,
    SetSkill,
    Start,
    Tick,
    changed,
)
from tests.core.engine_walk import ADMIN, ANN, BEGIN, CONFIG, EVENTS, LAZY_MS, PAUSE_MS, Walk, walks

DAY_MS = 24 * 3600 * 1000


def run_every_walk(depth: int) -> int:
    count = 0
    for walk in walks(depth):
        if walk.broken:
            assert walk.engine.effects() == ()
            assert walk.engine.advance(walk.now_ms) is None
        else:
            walk.finish()
        count += 1
    return count


def test_every_order_of_four_events_keeps_the_promises() -> None:
    assert run_every_walk(4) > 2_000


@pytest.mark.long
def test_every_order_of_six_events_keeps_the_promises() -> None:
    assert run_every_walk(6) > 100_000


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(EVENTS[:-1]), max_size=60), st.integers(1, 5), st.integers(1, 5))
def test_long_walks_keep_the_promises(events: list[str], inbox: int, batch: int) -> None:
    walk = Walk(inbox=inbox, batch=batch)
    for event in events:
        if walk.can(event):
            walk.happen(event)
    walk.finish()


def engine_of(*commands: SetSkill | Attach | Detach, batch: int = 256, batch_bytes: int = 1_000_000) -> Engine:
    engine = Engine(CONFIG, BEGIN, batch=batch, batch_bytes=batch_bytes, lazy_ms=LAZY_MS, pause_ms=PAUSE_MS)
    for at, command in enumerate(commands):
        assert engine.take(Arrival(principal=ADMIN, command=command, now_ms=10, ref=str(at)))
    return engine


def skill(text: str) -> SetSkill:
    return SetSkill(agent_id=ANN, skill_md=text)


def refs(engine: Engine) -> list[str]:
    return [effect.ref for effect in engine.effects() if isinstance(effect, Reply | Refuse)]


def appended(append: Append | None) -> int:
    return 0 if append is None else len(append.commits)


def test_what_is_there_goes_into_one_append() -> None:
    assert appended(engine_of(skill("a"), skill("b"), skill("c")).advance(10)) == 3


def test_an_append_is_no_larger_than_a_batch() -> None:
    engine = engine_of(skill("a"), skill("b"), skill("c"), batch=2)
    assert appended(engine.advance(10)) == 2


def test_an_append_takes_nothing_more_once_its_bytes_are_reached() -> None:
    engine = engine_of(skill("a" * 1000), skill("b"), batch_bytes=1000)
    assert appended(engine.advance(10)) == 1


def test_the_next_batch_is_stepped_while_an_append_runs() -> None:
    engine = engine_of(skill("a"))
    engine.advance(10)
    engine.take(Arrival(principal=ADMIN, command=skill("b"), now_ms=11, ref="b"))
    assert engine.advance(11) is None
    assert engine.room == 1024
    engine.ended(Ending.DURABLE, 12)
    assert appended(engine.advance(12)) == 1


def test_no_effect_is_released_while_its_append_runs() -> None:
    engine = engine_of(skill("a"))
    engine.advance(10)
    assert engine.effects() == ()
    engine.ended(Ending.DURABLE, 12)
    assert refs(engine) == ["0"]


def test_an_answer_without_a_commit_waits_for_the_commits_it_was_decided_on() -> None:
    engine = engine_of(skill("a"), skill("a"))
    engine.advance(10)
    assert engine.effects() == ()
    engine.ended(Ending.DURABLE, 11)
    assert refs(engine) == ["0", "1"]


def test_an_answer_without_a_commit_is_released_at_once_when_nothing_is_on_its_way() -> None:
    engine = engine_of(SetSkill(agent_id=ANN, skill_md=None))
    assert engine.advance(10) is None
    assert refs(engine) == ["0"]


def test_a_lazy_commit_waits_for_the_next_that_is_not() -> None:
    engine = engine_of(Attach(agent_id="demo:a:a9", link="l"))
    assert engine.advance(10) is None
    assert engine.effects() == ()
    engine.take(Arrival(principal=ADMIN, command=skill("a"), now_ms=11, ref="a"))
    assert appended(engine.advance(11)) == 2


def test_a_lazy_commit_waits_no_longer_than_it_may() -> None:
    engine = engine_of(Attach(agent_id="demo:a:a9", link="l"))
    engine.advance(10)
    assert engine.next_deadline() == 10 + LAZY_MS
    assert engine.advance(10 + LAZY_MS - 1) is None
    assert appended(engine.advance(10 + LAZY_MS)) == 1


def test_a_full_inbox_says_no_and_takes_nothing() -> None:
    engine = Engine(CONFIG, BEGIN, inbox=1)
    arrival = Arrival(principal=ADMIN, command=skill("a"), now_ms=10)
    assert engine.take(arrival)
    assert not engine.take(arrival)
    assert engine.room == 0


def test_outcomes_are_taken_when_the_inbox_is_full_and_go_first() -> None:
    engine = Engine(CONFIG, BEGIN, inbox=1)
    engine.take(Arrival(principal=ADMIN, command=skill("a"), now_ms=10, ref="a"))
    engine.take_outcome(Arrival(principal=ADMIN, command=Detach(agent_id=ANN, link="x"), now_ms=10, ref="outcome"))
    engine.advance(10)
    engine.ended(Ending.DURABLE, 11)
    assert refs(engine) == ["outcome", "a"]


def test_what_is_due_happens_before_what_came_later() -> None:
    engine = engine_of()
    engine.take(Arrival(principal=ADMIN, command=skill("a"), now_ms=DAY_MS * 2))
    append = engine.advance(DAY_MS * 2)
    assert append is not None
    assert [type(commit.command) for commit in append.commits] == [Tick, SetSkill]


def test_a_tick_comes_at_the_time_it_was_due() -> None:
    engine = engine_of()
    assert engine.next_deadline() == 1 + DAY_MS
    engine.advance(1 + DAY_MS)
    append = engine.advance(1 + DAY_MS + LAZY_MS)
    assert append is not None
    assert [commit.now_ms for commit in append.commits] == [1 + DAY_MS]
    assert engine.next_deadline() is None


def test_the_engines_own_ticks_are_answered_to_nobody() -> None:
    engine = engine_of()
    engine.advance(1 + DAY_MS)
    engine.advance(1 + DAY_MS + LAZY_MS)
    engine.ended(Ending.DURABLE, 2 * DAY_MS)
    assert engine.effects() == ()


def test_a_full_store_refuses_the_peers_of_both_batches_and_goes_back() -> None:
    engine = engine_of(skill("a"))
    engine.advance(10)
    engine.take(Arrival(principal=ADMIN, command=skill("b"), now_ms=11, ref="b"))
    engine.advance(11)
    engine.ended(Ending.FULL, 12)
    refused = [(effect.ref, effect.error.code) for effect in engine.effects() if isinstance(effect, Refuse)]
    assert refused == [("0", "unavailable"), ("b", "unavailable")]
    assert engine.state == BEGIN


def test_while_a_full_store_is_left_alone_peers_are_refused_at_once() -> None:
    engine = engine_of(skill("a"))
    engine.advance(10)
    engine.ended(Ending.FULL, 12)
    assert engine.next_deadline() == 12 + PAUSE_MS
    engine.effects()
    engine.take(Arrival(principal=ADMIN, command=skill("b"), now_ms=13, ref="b"))
    assert engine.advance(13) is None
    assert refs(engine) == ["b"]


def test_the_hub_goes_on_when_the_pause_is_over() -> None:
    engine = engine_of(skill("a"))
    engine.advance(10)
    engine.ended(Ending.FULL, 12)
    engine.take(Arrival(principal=ADMIN, command=skill("b"), now_ms=40, ref="b"))
    assert appended(engine.advance(12 + PAUSE_MS)) == 1
    engine.ended(Ending.DURABLE, 41)
    assert refs(engine) == ["0", "b"]


def test_the_shells_own_commands_are_fed_again_in_their_order_before_anything_else() -> None:
    engine = Engine(CONFIG, HubState("demo"), pause_ms=PAUSE_MS)
    engine.take(Arrival(principal=ADMIN, command=Start(), now_ms=10, ref="start"))
    engine.advance(10)
    engine.take_outcome(Arrival(principal=ADMIN, command=Detach(agent_id=ANN, link="l"), now_ms=11, ref="detach"))
    engine.advance(11)
    engine.ended(Ending.FULL, 12)
    assert engine.effects() == ()
    engine.take(Arrival(principal=ADMIN, command=skill("b"), now_ms=40, ref="b"))
    engine.advance(12 + PAUSE_MS)
    engine.ended(Ending.DURABLE, 41)
    assert refs(engine) == ["start", "detach", "b"]


def test_a_store_that_is_full_twice_keeps_the_shells_own_commands_in_order() -> None:
    engine = Engine(CONFIG, HubState("demo"), batch=1, pause_ms=PAUSE_MS)
    for ref in ("first", "second", "third"):
        engine.take(Arrival(principal=ADMIN, command=Start(), now_ms=10, ref=ref))
    now_ms = 10
    for _ in range(2):
        engine.advance(now_ms)
        engine.advance(now_ms)
        engine.ended(Ending.FULL, now_ms)
        now_ms += PAUSE_MS
    for _ in range(3):
        engine.advance(now_ms)
        engine.ended(Ending.DURABLE, now_ms)
    assert refs(engine) == ["first", "second", "third"]


def test_a_broken_store_stops_the_engine_for_good() -> None:
    engine = engine_of(skill("a"), skill("b"), batch=1)
    engine.advance(10)
    engine.advance(10)
    engine.ended(Ending.BROKEN, 11)
    assert engine.stopped
    assert engine.effects() == ()
    assert engine.state == BEGIN
    assert engine.advance(12) is None
    assert engine.next_deadline() is None
    assert not engine.take(Arrival(principal=ADMIN, command=skill("c"), now_ms=12))


def test_nothing_is_due_while_a_full_batch_waits_for_the_append_before_it() -> None:
    engine = engine_of(skill("a"), skill("b"), batch=1)
    engine.advance(10)
    engine.advance(10)
    assert engine.appending
    assert engine.next_deadline() is None


def test_a_tick_of_the_shells_own_is_answered() -> None:
    engine = engine_of()
    engine.take(Arrival(principal=Principal(admin=True), command=Tick(), now_ms=10, ref="tick"))
    engine.advance(10)
    assert refs(engine) == ["tick"]


def test_a_tick_that_a_full_store_undid_comes_again_by_itself() -> None:
    engine = engine_of()
    engine.advance(1 + DAY_MS)
    engine.advance(1 + DAY_MS + LAZY_MS)
    engine.ended(Ending.FULL, DAY_MS + 10)
    assert engine.effects() == ()
    engine.advance(DAY_MS + 10 + PAUSE_MS)
    assert appended(engine.advance(DAY_MS + 10 + PAUSE_MS + LAZY_MS)) == 1


# --- on the spot


class Spot:
    """A store that needs no waiting, and ends its next append as it is told to."""

    def __init__(self, ending: Ending = Ending.DURABLE) -> None:
        self.ending = ending
        self.commits: list[Commit] = []

    def append(self, commits: tuple[Commit, ...]) -> Ending:
        if self.ending is Ending.DURABLE:
            self.commits.extend(commits)
        return self.ending


def now(command: SetSkill | Attach | Detach, now_ms: int = 10, ref: str = "now") -> Arrival:
    return Arrival(principal=ADMIN, command=command, now_ms=now_ms, ref=ref)


def test_on_the_spot_is_the_same_as_in_turn() -> None:
    spot, engine, other = Spot(), engine_of(), engine_of(skill("a"), skill("b"))
    for text in ("a", "b"):
        effects = engine.step_now(now(skill(text)), spot.append, 10)
        assert effects is not None
        assert isinstance(effects[0], Reply)
    append = other.advance(10)
    assert append is not None
    other.ended(Ending.DURABLE, 10)
    assert spot.commits == list(append.commits)
    assert engine.state == other.state
    assert engine.resting
    assert engine.effects() == ()


def test_on_the_spot_what_changes_nothing_is_answered_without_an_append() -> None:
    spot, engine = Spot(), engine_of()
    assert engine.step_now(now(Attach(agent_id=ANN, link="l")), spot.append, 10) is not None
    assert engine.step_now(now(Attach(agent_id=ANN, link="l")), spot.append, 10) == (Reply("now", None),)
    assert len(spot.commits) == 1


def test_on_the_spot_is_not_before_what_is_on_its_way() -> None:
    spot = Spot()
    taken = engine_of(skill("a"))
    assert taken.step_now(now(skill("b")), spot.append, 10) is None
    taken.advance(10)
    assert not taken.resting
    assert taken.step_now(now(skill("b")), spot.append, 10) is None
    taken.ended(Ending.DURABLE, 10)
    assert taken.step_now(now(skill("b")), spot.append, 10) is None
    taken.effects()
    assert taken.step_now(now(skill("b")), spot.append, 10) is not None


def test_on_the_spot_is_not_before_what_is_due() -> None:
    assert engine_of().step_now(now(skill("a"), now_ms=1 + DAY_MS), Spot().append, 1 + DAY_MS) is None


def test_a_store_that_is_full_on_the_spot_refuses_and_pauses() -> None:
    engine = engine_of()
    effects = engine.step_now(now(skill("a")), Spot(Ending.FULL).append, 10)
    assert effects is not None
    (refused,) = effects
    assert isinstance(refused, Refuse)
    assert refused.error.code == "unavailable"
    assert engine.state == BEGIN
    assert engine.step_now(now(skill("a")), Spot().append, 10) is None
    assert engine.next_deadline() == 10 + PAUSE_MS


def test_a_store_that_breaks_on_the_spot_stops_the_engine() -> None:
    engine = engine_of()
    assert engine.step_now(now(skill("a")), Spot(Ending.BROKEN).append, 10) == ()
    assert engine.stopped
    assert engine.step_now(now(skill("a")), Spot().append, 10) is None


# --- another configuration


def test_another_configuration_holds_from_its_start_on() -> None:
    louder = HubConfig(limits=changed(Limits(), skill_chars=3))
    engine = engine_of(skill("long enough"))
    engine.take_outcome(now(skill("outcome before"), ref="before"))
    engine.reconfigure(Arrival(principal=ADMIN, command=Start(), now_ms=10, ref="start"), louder)
    engine.take_outcome(now(skill("outcome behind"), ref="behind"))
    assert engine.advance(10) is not None
    engine.ended(Ending.DURABLE, 10)
    answers = {effect.ref: type(effect) for effect in engine.effects() if isinstance(effect, Reply | Refuse)}
    assert answers == {"before": Reply, "start": Reply, "behind": Refuse, "0": Refuse}
    assert engine.state.limits == louder.limits
