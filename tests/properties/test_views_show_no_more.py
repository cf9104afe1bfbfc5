"""Views over drawn logs: what a participant may not see is never shown, and a window is the end of the whole, read in part."""

from hypothesis import given
from hypothesis import strategies as st

from foldhub_core import (
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_TEXT,
    Envelope,
    Face,
    View,
    project,
)

AGENTS = ("a", "b", "c", "d")
RENDER = Face[object]().render


@st.composite
def logs(draw: st.DrawFn) -> tuple[tuple[Envelope, ...], tuple[frozenset[str], ...]]:
    """The words of a session, and after each who takes part. Texts are all different."""
    present = {"a"}
    words = [Envelope("s", "a", EV_SESSION_INVITE, {}, ("b", "c", "d"), envelope_id="e1", number=1)]
    members = [frozenset(present)]
    for number in range(2, draw(st.integers(2, 30))):
        who = draw(st.sampled_from(AGENTS))
        fields = {"envelope_id": f"e{number}", "number": number}
        if draw(st.integers(0, 3)) == 0:
            event_type = EV_SESSION_LEFT if who in present else EV_SESSION_JOINED
            present ^= {who}
            words.append(Envelope("s", "hub", event_type, {"agent_id": who}, **fields))  # type: ignore[arg-type]
        elif who in present:
            audience = draw(st.none() | st.lists(st.sampled_from(AGENTS), unique=True).map(tuple))
            words.append(Envelope("s", who, EV_TEXT, {"text": f"<{number}>"}, audience, **fields))  # type: ignore[arg-type]
        else:
            words.append(Envelope("s", "hub", "hub.says", {}, **fields))  # type: ignore[arg-type]
        members.append(frozenset(present))
    return tuple(words), tuple(members)


def allowed(words: tuple[Envelope, ...], members: tuple[frozenset[str], ...], who: str) -> list[str]:
    """Naively: the ids of the texts a participant may see."""
    found: list[str] = []
    for word, there in zip(words, members, strict=True):
        to_everybody = word.audience is None and (who in members[-1] or who in there)
        if word.event_type == EV_TEXT and (word.sender_id == who or to_everybody or who in (word.audience or ())):
            found.append(word.envelope_id)
    return found


views = st.builds(
    View,
    recent=st.none() | st.integers(1, 8),
    named=st.booleans(),
    speakers=st.none() | st.lists(st.sampled_from(AGENTS), unique=True).map(tuple),
    hidden=st.lists(st.sampled_from(AGENTS), unique=True).map(tuple),
)


@given(logs(), views, st.sampled_from(AGENTS))
def test_nothing_is_shown_that_was_not_for_the_participant(
    log: tuple[tuple[Envelope, ...], tuple[frozenset[str], ...]], view: View, who: str
) -> None:
    words, members = log
    since, until = view.needs(len(words))
    entries = project(view, words[since - 1 : until], who, {}, RENDER, takes_part=who in members[-1])
    may_see = allowed(words, members, who)
    shown = [envelope_id for entry in entries for envelope_id in entry.envelope_ids]
    assert shown == [one for one in may_see if one in set(shown)], "in the order it was said, each once"
    hidden = [word for word in words if word.event_type == EV_TEXT and word.envelope_id not in may_see]
    hidden_texts = [str(word.event_data["text"]) for word in hidden]
    assert not [text for text in hidden_texts for entry in entries for part in entry.parts if text in part]


@given(logs(), st.sampled_from(AGENTS))
def test_the_full_transcript_is_all_that_the_participant_may_see(
    log: tuple[tuple[Envelope, ...], tuple[frozenset[str], ...]], who: str
) -> None:
    words, members = log
    entries = project(View(), words, who, {}, RENDER, takes_part=who in members[-1])
    assert [envelope_id for entry in entries for envelope_id in entry.envelope_ids] == allowed(words, members, who)
    assert {entry.whose for entry in entries if entry.speaker_id == who} <= {"own"}


@given(logs(), views, st.sampled_from(AGENTS))
def test_a_window_is_the_end_of_the_whole_and_reads_a_bounded_part(
    log: tuple[tuple[Envelope, ...], tuple[frozenset[str], ...]], view: View, who: str
) -> None:
    words, _ = log
    since, until = view.needs(len(words))
    entries = project(view, words[since - 1 : until], who, {}, RENDER)
    whole = project(View(None, view.named, view.speakers, view.hidden), words, who, {}, RENDER)
    recent = [entry for entry in entries if entry.whose != "summary"]
    assert whole[len(whole) - len(recent) :] == tuple(recent)
    if view.recent is not None:
        assert until - since + 1 <= 4 * view.recent
        assert len(recent) <= view.recent
        assert (len(entries) > len(recent)) == (since > 1 or len(whole) > view.recent)
