"""Every broken adapter is caught, with its law named; nobody else is accused."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import strategies as st

from foldhub.testing import AdapterLawBroken, check_adapter
from foldhub.testing.adapter_kit.laws.book import LAWS, OF_ALL, SENTENCES
from foldhub_core import (
    Adapter,
    ConsultingAdapter,
    ConversationAdapter,
    DiscussionAdapter,
    Draft,
    Envelope,
    Manifest,
    ProtocolError,
    Session,
    WorkflowAdapter,
    changed,
)
from foldhub_core.config import AnyAdapter
from tests.shells.adapters.broken import BROKEN, STOP, BeginsAgain, KeepsEverything, KeepsWhoLeft, Log, NeverRests
from tests.shells.adapters.sound import Circle
from tests.shells.adapters.varied import GRAPH, Bell, DrawsLots, KeepsWhatItWorkedOut, TellsWhatIsKnown, TurnsOver, Vote

MOST_SECONDS = 20


def seconds_of_work() -> float:
    """The processor time of this process and those it waited for: the machine may be doing other things."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: f"{BROKEN[cls]}-{cls.__name__}")
def test_a_broken_adapter_is_caught_and_its_law_is_named(cls: type[Adapter[Any]]) -> None:
    began = seconds_of_work()
    # One ends only by a word the kit cannot know.
    vocabulary = [STOP] if cls is BeginsAgain else ()
    with pytest.raises(AdapterLawBroken) as caught:
        check_adapter(cls(), vocabulary=vocabulary)
    assert caught.value.law == BROKEN[cls]
    assert seconds_of_work() - began < MOST_SECONDS


def test_every_law_has_an_adapter_that_breaks_it() -> None:
    assert set(BROKEN.values()) == set(SENTENCES)


def test_every_law_is_a_sentence() -> None:
    assert all(sentence.endswith(".") and sentence[0] in sentence[0].upper() + "`" for sentence in SENTENCES.values())
    assert {law.name for law in LAWS} | set(OF_ALL) == set(SENTENCES)


VARIED: list[tuple[AnyAdapter, dict[str, Any]]] = [
    (Circle(), {"vocabulary": [STOP]}),
    (DrawsLots(), {"vocabulary": [STOP]}),
    (KeepsWhatItWorkedOut(), {}),
    (Vote(), {}),
    (Bell(), {}),
    (TellsWhatIsKnown(), {}),
    (WorkflowAdapter(conditions=[TurnsOver]), {"knobs": {"graph": GRAPH.to_json()}}),
    (KeepsWhoLeft(), {"growth": "participants"}),
]


@pytest.mark.parametrize(("adapter", "given"), VARIED, ids=lambda one: type(one).__name__)
def test_an_unusual_adapter_that_keeps_the_laws_is_not_accused(adapter: AnyAdapter, given: dict[str, Any]) -> None:
    report = check_adapter(adapter, max_examples=15, second_process=False, **given)
    assert report.events > 15


BUILT_IN = (ConsultingAdapter(), ConversationAdapter(), DiscussionAdapter(), WorkflowAdapter())


@pytest.mark.parametrize("adapter", BUILT_IN, ids=lambda adapter: adapter.manifest.type)
def test_a_built_in_adapter_keeps_the_laws(adapter: AnyAdapter) -> None:
    report = check_adapter(adapter, max_examples=15)
    assert set(SENTENCES) - set(report.laws) <= {"same_version_same_behaviour"}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("adapter", BUILT_IN, ids=lambda adapter: adapter.manifest.type)
def test_a_built_in_adapter_keeps_the_laws_for_long(adapter: AnyAdapter, seed: int) -> None:
    check_adapter(adapter, max_examples=2_000, seed=seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize(("adapter", "given"), VARIED, ids=lambda one: type(one).__name__)
def test_an_unusual_adapter_is_not_accused_for_long(adapter: AnyAdapter, given: dict[str, Any], seed: int) -> None:
    check_adapter(adapter, max_examples=500, seed=seed, **given)


# --- what is reported


# What a report says has nothing to do with how a state grows, which takes long talks to see.
SHORT: dict[str, Any] = {"growth": "envelopes", "second_process": False}


def broken_by(adapter: AnyAdapter, **given: Any) -> AdapterLawBroken:
    with pytest.raises(AdapterLawBroken) as caught:
        check_adapter(adapter, **given)
    return caught.value


def test_the_session_that_shows_it_is_short_and_speaks_of_people() -> None:
    broken = broken_by(NeverRests(), seed=1)
    told = str(broken)
    assert "alice opens circle 1 with bob" in told
    assert sum(" says message.text" in line for line in told.splitlines()) == 5
    assert "one word led to more than 64 others" in told
    assert "kit:a:" not in told


def test_the_line_that_is_printed_reproduces_it() -> None:
    broken = broken_by(NeverRests(), seed=1)
    again = broken.reproduce.split("again='")[1].split("'")[0]
    assert broken_by(NeverRests(), again=again).lines == broken.lines


def test_a_session_that_broke_a_law_and_breaks_none_any_more_is_told_so() -> None:
    broken = broken_by(NeverRests(), seed=1)
    again = broken.reproduce.split("again='")[1].split("'")[0]
    report = check_adapter(Circle(), again=again)
    moves = sum(line.kind == "move" for line in broken.lines) - 1
    told, unchecked = str(report).splitlines()
    assert told == f"Circle (circle 1): the session that broke a law breaks none now: {moves} moves, held to 24 laws"
    assert unchecked == "  not checked: state_stays_small, same_version_same_behaviour, processes_agree, and any other session"
    assert report.states > 3


def test_the_same_seed_finds_the_same() -> None:
    first, second = [check_adapter(Circle(), seed=3, max_examples=10, **SHORT) for _ in range(2)]
    assert first == second


def test_a_report_says_how_far_it_came() -> None:
    report = check_adapter(ConsultingAdapter(), seed=1, max_examples=20, **SHORT)
    assert report.examples == 20
    assert report.states > 5
    assert report.closed["consulting_complete"] > 1
    assert "message.packet was accepted" in report.never
    assert report.not_held == {"processes_agree": "it was not asked for"}
    assert str(report).startswith("ConsultingAdapter (consulting 1) keeps 26 laws: 20 sessions")


def test_the_search_tells_how_far_it_is() -> None:
    told: list[int] = []
    check_adapter(ConsultingAdapter(), max_examples=5, second_process=False, tell=lambda reached: told.append(reached.sessions))
    assert told == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("cls", "told"),
    [
        (KeepsEverything, "it grows with the envelopes: `texts` had 120 items, and has 360. Where that is meant"),
        (KeepsWhoLeft, "frank, grace, heidi, in `texts`. Where that is meant"),
    ],
)
def test_a_state_that_grows_is_told_by_the_field_that_does(cls: type[Adapter[Any]], told: str) -> None:
    assert told in broken_by(cls(), max_examples=5).why


class Bids(Adapter[Log]):
    """Takes events of its own only."""

    manifest = Manifest("bids")
    state_type = Log

    def initial_state(self, session: Session) -> Log:
        return Log()

    def validate_send(self, session: Session, state: Log, envelope: Envelope) -> None:
        if envelope.event_type != "bid" or type(envelope.event_data.get("amount")) is not int:
            raise ProtocolError("expected a bid")

    def fold(self, state: Log, envelope: Envelope) -> Log:
        return state


def test_a_protocol_with_events_of_its_own_is_asked_for_them() -> None:
    broken = broken_by(Bids())
    assert broken.law == "never_deadlocks"
    assert "vocabulary=" in broken.why


def test_a_vocabulary_says_what_a_protocol_takes() -> None:
    report = check_adapter(Bids(), vocabulary=[Draft("bid", {"amount": 3})], max_examples=20, **SHORT)
    assert report.said["bid"] > 10


def test_a_maker_sees_where_it_speaks() -> None:
    seen: list[tuple[str, ...]] = []

    def bid(place: Any) -> Draft:
        seen.append((place.sender_id, *place.others))
        return Draft("bid", {"amount": 3}, place.others[:1] or None)

    check_adapter(Bids(), vocabulary=[bid], participants=3, max_examples=5, **SHORT)
    assert max(map(len, seen)) >= 3


@pytest.mark.parametrize(
    "knobs",
    [{"rounds": 2}, [{"rounds": 2}], lambda *_: {"rounds": 2}, st.builds(lambda: {"rounds": 2})],
    ids=["a map", "a list", "a function", "a strategy"],
)
def test_knobs_come_as_they_are_given(knobs: Any) -> None:
    class Knobbed(Bids):
        def validate_create(self, session: Session) -> None:
            if session.knobs.get("rounds") != 2:
                raise ProtocolError("expected two rounds")

    report = check_adapter(Knobbed(), knobs=knobs, vocabulary=[Draft("bid", {"amount": 3})], max_examples=10, **SHORT)
    assert report.said["bid"] > 5


def test_an_adapter_that_cannot_be_found_from_outside_is_told_so() -> None:
    class Inside(Bids):
        pass

    report = check_adapter(Inside(), vocabulary=[Draft("bid", {"amount": 3})], max_examples=5, growth="envelopes")
    why = "Inside is defined in a function; put it at the top of a module; it was played again in this one instead"
    assert report.not_held == {"processes_agree": why}


def test_what_was_written_down_of_a_version_is_held_to(tmp_path: Any) -> None:
    file = tmp_path / "behaviour.json"
    given: dict[str, Any] = {"record": file, "vocabulary": [STOP], "max_examples": 8, "seed": 1} | SHORT
    check_adapter(Circle(), **given)
    check_adapter(Circle(), **given)

    class Later(Circle):
        def without(self, state: Any, agent_id: str) -> Any:
            return attrs.evolve(super().without(state, agent_id), at=0)

        def passed(self, state: Any, envelope: Envelope) -> Any:
            return attrs.evolve(super().passed(state, envelope), due_ms=envelope.created_at_ms + 5_000)

    broken = broken_by(Later(), **given)
    assert broken.law == "same_version_same_behaviour"
    assert "needs a new version" in broken.why

    class New(Later):
        manifest = changed(Circle.manifest, version=2)

    check_adapter(New(), **given)


def test_what_is_no_adapter_is_refused() -> None:
    with pytest.raises(TypeError, match="expected an adapter with a manifest"):
        check_adapter(object())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


UNGUARDED = """
from foldhub.testing import check_adapter
from foldhub_core import ConsultingAdapter

class Mine(ConsultingAdapter):
    pass

print(check_adapter(Mine(), max_examples=2))
"""


def test_a_script_that_checks_when_it_is_imported_begins_no_third_process(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(UNGUARDED, encoding="utf-8")
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True).stdout
    assert "not checked: processes_agree" in told
    assert "checks no adapter when it is imported" in told
