"""Views: what a participant is shown of a session.

A view is a value that says how much of what was said is shown, and how. It is asked twice: `needs` says which words of the
session it has to see, so that nobody reads a whole log for a window; `project` makes entries of them. An entry is nobody's
message format: whoever calls a model makes one of it.

Nothing is shown that was not for the participant: the words it said, those whose audience names it, and those said to
everybody. Who joins late is shown what was said to everybody before; who takes part no more, only what lies between its
joining and its leaving.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from .envelope import EV_SESSION_JOINED, EV_SESSION_LEFT, Envelope, visible_to
from .errors import Malformed
from .records import record
from .session import Session

Render = Callable[[Envelope], tuple[str, ...]]
"""The texts of a word; () for one that is not shown."""

REACH = 4
"""A window looks back over so many words for each that it shows: others may be the hub's own, or not for the participant."""


@record
class Entry:
    """A piece of a view: one word, or the summary of what a window leaves out."""

    whose: Literal["own", "other", "summary"]
    """The participant's own words, somebody else's, or nobody's."""
    parts: tuple[str, ...]
    """Its texts; each stays a part of its own."""
    speaker_id: str | None = None
    """Who said it; None of a summary."""
    envelope_ids: tuple[str, ...] = ()
    """What it was made of; of a summary, the words it was given."""


@record
class View:
    """How much of a session is shown, and how. `View()` is all of it; raises `Malformed` for a window of nothing."""

    recent: int | None = None
    """Only so many of the latest; what is older becomes one summary. None is all of them."""
    named: bool = False
    """Whether the texts of others begin with who said them: `[alice]: `."""
    speakers: tuple[str, ...] | None = None
    """Only what these said, by id; None is everybody."""
    hidden: tuple[str, ...] = ()
    """Without what these said, by id."""
    reach: int | None = None
    """Over how many of the session's last words a window looks for them; None is four times as many as it shows."""

    def __checked__(self) -> None:
        if self.recent is not None and self.recent < 1:
            raise Malformed(f"expected at least one message, came {self.recent}", where="View.recent")
        if self.reach is not None and (self.recent is None or self.reach < self.recent):
            least = "a view without a window" if self.recent is None else f"a window of {self.recent}"
            raise Malformed(f"expected a reach as far as what is shown, came {self.reach} for {least}", where="View.reach")

    def needs(self, session_words: int) -> tuple[int, int]:
        """Say which of a session's words to give to `project`, by their numbers, the first and the last of them included.

        `session_words` is how many the session has, or how many of them are to be looked at. Where none are needed the last
        is before the first.
        """
        if self.recent is None:
            return 1, session_words
        reach = REACH * self.recent if self.reach is None else self.reach
        return max(1, session_words - reach + 1), session_words


def windowed(recent: int, *, named: bool = False) -> View:
    """View the latest messages, and a summary of those before."""
    return View(recent, named)


def policy_view(session: Session) -> View:
    """Give the view that a session's manifest names as its default; the full transcript for a name of somebody's own."""
    match session.manifest.default_view_policy:
        case "windowed_summary":
            return windowed(10)
        case "named_windowed_summary":
            return windowed(max(2 * len(session.participants), 4), named=True)
        case "named_transcript":
            return View(named=True)
        case _:
            return View()


def project(
    view: View,
    words: Iterable[Envelope],
    participant_id: str,
    names: Mapping[str, str],
    render: Render,
    *,
    takes_part: bool = True,
) -> tuple[Entry, ...]:
    """Make the entries of a view of these words, which stand in their order.

    `names` are names by agent id; who has none there goes by the id. `takes_part` says whether the participant is in the session
    after the last of the words.
    """
    seen = tuple(words)
    entries: list[Entry] = []
    for word in _visible(seen, participant_id, takes_part):
        entry = entry_of(view, word, participant_id, names, render)
        if entry is not None:
            entries.append(entry)
    if view.recent is None or not seen:
        return tuple(entries)
    older, recent = entries[: -view.recent], entries[-view.recent :]
    before = max(0, seen[0].number - 1)
    return (*_summary(older, before, names), *recent)


def entry_of(view: View, word: Envelope, participant_id: str, names: Mapping[str, str], render: Render) -> Entry | None:
    """Make the entry of one word that the participant may see; None where the view does not show it."""
    speaker_id = word.sender_id
    if speaker_id in view.hidden or (view.speakers is not None and speaker_id not in view.speakers):
        return None
    parts = tuple([part for part in render(word) if part])
    if not parts:
        return None
    if speaker_id == participant_id:
        return Entry("own", parts, speaker_id, (word.envelope_id,))
    if view.named:
        parts = (f"[{names.get(speaker_id, speaker_id)}]: {parts[0]}", *parts[1:])
    return Entry("other", parts, speaker_id, (word.envelope_id,))


def _visible(words: tuple[Envelope, ...], participant_id: str, takes_part: bool) -> Iterator[Envelope]:
    present = False
    for word in words:
        if word.number == 1 and word.sender_id == participant_id:
            present = True  # the creator is in from the first word on
        elif _moved(word, EV_SESSION_JOINED, participant_id):
            present = True
        elif _moved(word, EV_SESSION_LEFT, participant_id):
            present = False
        to_everybody = word.audience is None and word.sender_id != participant_id
        if visible_to(word, participant_id) and (takes_part or present or not to_everybody):
            yield word


def _moved(word: Envelope, event_type: str, participant_id: str) -> bool:
    return word.event_type == event_type and word.event_data.get("agent_id") == participant_id


def _summary(older: list[Entry], before: int, names: Mapping[str, str]) -> tuple[Entry, ...]:
    """Say what a window leaves out: how much, and from whom as far as it was looked at."""
    speakers = dict.fromkeys([entry.speaker_id or "" for entry in older])
    who = ", ".join([names.get(speaker_id, speaker_id) for speaker_id in speakers])
    if before:
        left_out = before + len(older)
        text = f"{left_out} {'word' if left_out == 1 else 'words'} before this" + (f", the latest from {who}" if who else "")
    elif older:
        text = f"{len(older)} {'message' if len(older) == 1 else 'messages'} from {who}"
    else:
        return ()
    return (Entry("summary", (text,), None, tuple([each for entry in older for each in entry.envelope_ids])),)
