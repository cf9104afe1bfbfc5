"""Exhaustive mode: all sessions of a small size, counted and drawn."""

from typing import Any

import pytest

from foldhub.testing import AdapterLawBroken, explore_adapter
from foldhub.testing.adapter_kit.exploring import Explored
from foldhub_core import (
    EV_PACKET,
    EV_TEXT,
    ConsultingAdapter,
    ConversationAdapter,
    DiscussionAdapter,
    Draft,
    WorkflowAdapter,
    WorkflowGraph,
    packet,
)
from tests.shells.adapters.broken import GetsStuck, NeverRests
from tests.shells.adapters.sound import Circle

HELLO = Draft(EV_TEXT, {"text": "hello"})
STOP = Draft(EV_TEXT, {"text": "stop"})


def test_a_consulting_has_three_states_and_one_end() -> None:
    found = explore_adapter(ConsultingAdapter())
    assert (found.participants, found.states, found.is_whole) == (2, 3, True)
    assert found.closed == {"consulting_complete": 2}
    assert found.mermaid().splitlines() == [
        "stateDiagram-v2",
        "    s0: turn of alice",
        "    s1: turn of bob",
        "    s2: over, consulting_complete",
        "    [*] --> s0",
        "    s0 --> s1: alice message.text",
        "    s1 --> s2: bob message.text",
        "    s2 --> [*]",
    ]


def test_a_discussion_goes_round() -> None:
    found = explore_adapter(DiscussionAdapter(), vocabulary=[HELLO])
    # Its texts are counted, so that every word leads to a new state.
    assert found.states == 7
    assert [(edge.before[8:12], edge.after[8:12]) for edge in found.edges] == [
        ("alic", "bob "),
        ("bob ", "caro"),
        ("caro", "alic"),
    ]


def test_states_that_differ_in_names_only_are_one() -> None:
    # Who spoke last and how much was said: the start, and two speakers for each number of words.
    assert explore_adapter(ConversationAdapter(), vocabulary=[HELLO], envelopes=4).states == 1 + 2 * 4


def test_deadlines_come_and_people_leave() -> None:
    silent = explore_adapter(Circle(), participants=2, vocabulary=[], envelopes=3)
    assert {edge.what for edge in silent.edges} == {"time passes"}
    leaving = explore_adapter(Circle(), participants=2, vocabulary=[HELLO], envelopes=2, leaving=True)
    assert leaving.closed["participant_left"] >= 2


def test_a_workflow_is_explored_by_its_graph() -> None:
    graph = WorkflowGraph.round_robin(["alice", "bob", "carol"], max_turns=5).to_json()
    vocabulary = [Draft(EV_PACKET, packet("x")), Draft(EV_PACKET, packet("x", kind="finish", reason="solved"))]
    found = explore_adapter(WorkflowAdapter(), knobs={"graph": graph}, vocabulary=vocabulary)
    assert found.closed == {"solved": 5, "max_turns": 1}
    assert "max_turns" in found.mermaid()


def test_three_participants_and_six_envelopes_take_seconds() -> None:
    found = explore_adapter(Circle(), participants=3, envelopes=6, vocabulary=[HELLO, STOP])
    assert found.is_whole
    assert found.states > 15
    assert str(found).startswith(f"3 participants, up to 6 envelopes: {found.states} states, ")


def test_it_tells_how_far_it_is() -> None:
    told: list[Explored] = []
    found = explore_adapter(ConsultingAdapter(), tell=told.append)
    assert [(one.done, one.waiting, one.states, one.moves, one.envelopes) for one in told] == [(1, 1, 2, 2, 0), (2, 0, 3, 4, 1)]
    assert (told[-1].states, told[-1].moves) == (found.states, found.moves)


def test_one_of_a_thing_is_told_as_one() -> None:
    told = str(explore_adapter(ConversationAdapter(), envelopes=1, vocabulary=[]))
    assert told == "2 participants, up to 1 envelope: 1 state, 0 moves between them, 0 refused; it ends in no way"


def test_it_stops_where_there_are_too_many_states() -> None:
    found = explore_adapter(Circle(), vocabulary=[HELLO, STOP], most_states=5)
    assert (found.states, found.is_whole) == (5, False)
    assert "and there are more" in str(found)


@pytest.mark.parametrize(("adapter", "law"), [(NeverRests(), "comes_to_rest"), (GetsStuck(), "never_deadlocks")])
def test_a_law_that_is_broken_is_found_by_the_shortest_way(adapter: Any, law: str) -> None:
    with pytest.raises(AdapterLawBroken) as caught:
        explore_adapter(adapter, participants=2, vocabulary=[HELLO], envelopes=6)
    assert caught.value.law == law
    assert sum("says" in line.text for line in caught.value.lines if line.kind == "move") == 5


def test_knobs_that_open_nothing_are_told() -> None:
    with pytest.raises(ValueError, match="expected a graph"):
        explore_adapter(WorkflowAdapter())
