"""Views: what a participant is shown of a session, and how much of it has to be read for that."""

from typing import Any

import pytest

from foldhub_core import (
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_TEXT,
    Entry,
    Envelope,
    Face,
    Malformed,
    Manifest,
    Participant,
    Session,
    View,
    policy_view,
    project,
    windowed,
)

RENDER = Face[object]().render
NAMES = {"a": "alice", "b": "bob", "c": "carol"}


def word(number: int, sender_id: str, text: str, to: tuple[str, ...] | None = None) -> Envelope:
    return Envelope("s", sender_id, EV_TEXT, {"text": text}, to, envelope_id=f"e{number}", number=number)


def moved(number: int, event_type: str, agent_id: str, to: tuple[str, ...] | None = None) -> Envelope:
    return Envelope("s", "hub", event_type, {"agent_id": agent_id}, to, envelope_id=f"e{number}", number=number)


WORDS = (
    Envelope("s", "a", EV_SESSION_INVITE, {"participants": ["a", "b", "c"]}, ("b", "c"), envelope_id="e1", number=1),
    word(2, "a", "one"),
    word(3, "b", "two"),
    word(4, "c", "three"),
    word(5, "a", "four"),
    word(6, "b", "five"),
)


def texts(entries: tuple[Entry, ...]) -> list[tuple[str, str]]:
    return [(entry.whose, " | ".join(entry.parts)) for entry in entries]


def shown(view: View, words: tuple[Envelope, ...] = WORDS, who: str = "b", **more: Any) -> list[tuple[str, str]]:
    return texts(project(view, words, who, NAMES, RENDER, **more))


def test_the_full_transcript_is_all_that_is_rendered() -> None:
    assert shown(View()) == [("other", "one"), ("own", "two"), ("other", "three"), ("other", "four"), ("own", "five")]


def test_an_entry_says_who_spoke_and_of_which_word_it_is_made() -> None:
    own, other = project(View(), WORDS[2:4], "b", NAMES, RENDER)
    assert own == Entry("own", ("two",), "b", ("e3",))
    assert other == Entry("other", ("three",), "c", ("e4",))


def test_a_window_sums_up_what_it_leaves_out() -> None:
    entries = project(windowed(2), WORDS, "b", NAMES, RENDER)
    assert entries[0] == Entry("summary", ("3 messages from alice, bob, carol",), None, ("e2", "e3", "e4"))
    assert texts(entries[1:]) == [("other", "four"), ("own", "five")]


def test_a_summary_of_one_message_is_in_the_singular() -> None:
    assert shown(windowed(4))[0] == ("summary", "1 message from alice")


def test_a_window_that_leaves_nothing_out_has_no_summary() -> None:
    assert shown(windowed(5)) == shown(View())


def test_a_window_over_nothing_is_empty() -> None:
    assert project(windowed(5), (), "b", NAMES, RENDER) == ()


@pytest.mark.parametrize(
    ("since", "summary"),
    [
        (3, "4 words before this, the latest from bob, carol"),
        (5, "4 words before this"),
    ],
)
def test_a_summary_counts_what_was_not_read_and_says_whose_it_knows(since: int, summary: str) -> None:
    assert shown(windowed(2), WORDS[since - 1 :])[0] == ("summary", summary)


def test_a_summary_of_one_word_that_was_not_read_is_in_the_singular() -> None:
    assert shown(windowed(9), WORDS[1:])[0] == ("summary", "1 word before this")


def test_a_speaker_without_a_name_goes_by_the_id() -> None:
    assert texts(project(windowed(4), WORDS, "b", {}, RENDER))[0] == ("summary", "1 message from a")
    assert texts(project(View(named=True), WORDS[1:2], "b", {}, RENDER)) == [("other", "[a]: one")]


def test_a_named_view_says_who_spoke_but_for_the_participant_itself() -> None:
    assert shown(View(named=True), WORDS[1:4]) == [("other", "[alice]: one"), ("own", "two"), ("other", "[carol]: three")]


def test_a_name_stands_before_the_first_part_only() -> None:
    entries = project(View(named=True), WORDS[1:2], "b", NAMES, lambda _: ("", "one", "more"))
    assert entries[0].parts == ("[alice]: one", "more")


def test_a_view_by_participant_shows_what_they_said() -> None:
    assert shown(View(speakers=("a",))) == [("other", "one"), ("other", "four")]


def test_hidden_speakers_are_left_out_of_view_and_summary() -> None:
    assert shown(View(hidden=("a",))) == [("own", "two"), ("other", "three"), ("own", "five")]
    assert shown(View(1, hidden=("a",)))[0] == ("summary", "2 messages from bob, carol")


def test_what_renders_to_nothing_is_neither_shown_nor_counted() -> None:
    assert project(windowed(1), WORDS, "b", NAMES, lambda _: ("",)) == ()


# --- who may see what


def test_a_word_for_others_is_not_shown() -> None:
    words = (*WORDS, word(7, "a", "for carol", ("c",)), word(8, "a", "for bob", ("b",)), word(9, "b", "to carol", ("c",)))
    assert shown(View(), words[6:]) == [("other", "for bob"), ("own", "to carol")]


def test_who_joined_late_is_shown_what_was_said_to_everybody_before() -> None:
    words = (*WORDS, moved(7, EV_SESSION_JOINED, "d"), word(8, "a", "welcome"))
    assert shown(View(), words, "d")[0] == ("other", "one")


def test_who_takes_part_no_more_is_shown_what_lies_between_joining_and_leaving() -> None:
    inside = (moved(7, EV_SESSION_JOINED, "d"), word(8, "d", "hi"), word(9, "a", "in"), moved(10, EV_SESSION_LEFT, "d"))
    words = (*WORDS, *inside, word(11, "a", "behind its back"), word(12, "b", "dear d", ("d",)))
    assert shown(View(), words, "d", takes_part=False) == [("own", "hi"), ("other", "in"), ("other", "dear d")]


def test_a_creator_who_left_is_shown_what_was_said_from_the_first_word_on() -> None:
    words = (*WORDS, moved(7, EV_SESSION_LEFT, "a"), word(8, "b", "alone"))
    assert shown(View(), words, "a", takes_part=False) == shown(View(), WORDS, "a")


def test_a_stranger_is_shown_nothing() -> None:
    assert project(View(), WORDS, "x", NAMES, RENDER, takes_part=False) == ()


# --- how much is read


@pytest.mark.parametrize(
    ("view", "words", "expected"),
    [
        (View(), 0, (1, 0)),
        (View(), 7, (1, 7)),
        (View(named=True, speakers=("a",)), 1_000_000, (1, 1_000_000)),
        (windowed(10), 0, (1, 0)),
        (windowed(10), 40, (1, 40)),
        (windowed(10), 41, (2, 41)),
        (windowed(10, named=True), 1_000_000, (999_961, 1_000_000)),
        (View(10, reach=10), 100, (91, 100)),
    ],
)
def test_a_view_says_which_words_it_needs(view: View, words: int, expected: tuple[int, int]) -> None:
    assert view.needs(words) == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"recent": 0}, "View.recent: expected at least one message, came 0"),
        ({"recent": 5, "reach": 4}, "View.reach: expected a reach as far as what is shown, came 4 for a window of 5"),
        ({"reach": 4}, "View.reach: expected a reach as far as what is shown, came 4 for a view without a window"),
    ],
)
def test_a_view_of_nothing_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Malformed) as refused:
        View(**fields)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("policy", "parties", "expected"),
    [
        ("full_transcript", 2, View()),
        ("windowed_summary", 2, View(10)),
        ("named_windowed_summary", 1, View(4, named=True)),
        ("named_windowed_summary", 5, View(10, named=True)),
        ("named_transcript", 2, View(named=True)),
        ("of my own", 2, View()),
    ],
)
def test_a_manifest_names_the_view(policy: str, parties: int, expected: View) -> None:
    participants = tuple([Participant(f"p{at}") for at in range(parties)])
    session = Session("s", Manifest("free", default_view_policy=policy), "p0", participants)
    assert policy_view(session) == Face[object]().default_view(session) == expected
