"""The law of stores: a store that keeps it passes, and each way of breaking it is told by its name."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest

from foldhub.testing import check_store
from foldhub.testing.store_law import StoreLawBroken, store_laws
from foldhub_core import Commit, Envelope
from foldhub_core.index import DeadLetterRow, EndedSessionRow
from foldhub_stores import START, Cursor, Durable, MemoryStore, Outcome, SessionsPage, Snapshot


def held(made: Callable[[str], MemoryStore]) -> None:
    check_store(lambda _place, hub_id: made(hub_id), lasting=False)


def test_a_store_in_memory_keeps_the_law() -> None:
    held(MemoryStore)


def test_a_store_that_forgets_breaks_the_law_of_what_lasts() -> None:
    with pytest.raises(StoreLawBroken, match="a store opened again holds the same"):
        check_store(lambda _place, hub_id: MemoryStore(hub_id))


def test_every_law_is_a_sentence() -> None:
    names = [law.__name__ for law in store_laws()]
    assert len(set(names)) == len(names)
    assert all(name.count("_") > 2 for name in names)


class Forgetful(MemoryStore):
    """Acknowledges the last commit of a batch and does not keep it."""

    def append(self, commits: Sequence[Commit]) -> Outcome:
        super().append(commits[:-1] if len(commits) > 1 else commits)
        return Durable(commits[-1].seq if commits else self.seq)


class Credulous(MemoryStore):
    """Takes whatever follows by its number."""

    def append(self, commits: Sequence[Commit]) -> Outcome:
        return super().append(commits) if commits and commits[0].seq == self.seq + 1 else Durable(self.seq)


class OffByOne(MemoryStore):
    """Takes `since` to be the first."""

    def read_session(self, session_id: str, since: int = 0, until: int | None = None) -> tuple[Envelope, ...]:
        return super().read_session(session_id, since - 1, until)


class Newest(MemoryStore):
    """Finds nothing by its cause."""

    def by_cause(self, session_id: str, sender_id: str, causation_id: str) -> Envelope | None:
        del session_id, sender_id, causation_id
        return None


class Endless(MemoryStore):
    """Says there is always more."""

    def ended_sessions(self, after: Cursor = START, limit: int = 100, *, agent_id: str | None = None) -> SessionsPage:
        page = super().ended_sessions(after, limit, agent_id=agent_id)
        return SessionsPage(page.rows, page.cursor or after)


class Undead(MemoryStore):
    """Lists dead letters that were sent again."""

    def dead_letters(self, agent_id: str, after: int = 0, limit: int = 100) -> tuple[DeadLetterRow, ...]:
        return tuple([row for number, row in sorted(self._dead[agent_id].items()) if number > after])[:limit]


class Hasty(MemoryStore):
    """Counts a snapshot from its beginning."""

    def begin_snapshot(self, seq: int) -> Outcome:
        came = super().begin_snapshot(seq)
        super().end_snapshot()
        super().begin_snapshot(seq)
        return came


class Shuffled(MemoryStore):
    """Gives slices sorted."""

    def snapshot(self) -> Snapshot | None:
        snapshot = super().snapshot()
        return None if snapshot is None else Snapshot(snapshot.seq, snapshot.digest, tuple(sorted(snapshot.slices)))


class Twice(MemoryStore):
    """Lists a commit for each of its kinds."""

    def audited(self, kinds: Collection[str], after: int = 0, limit: int = 100) -> tuple[Commit, ...]:
        return tuple([one for kind in kinds for one in super(Twice, self).audited((kind,), after, limit)])


class Immortal(MemoryStore):
    """Answers after it was closed."""

    def close(self) -> None:
        pass


class Unending(MemoryStore):
    """Knows of no session that ended."""

    def ended_session(self, session_id: str) -> EndedSessionRow | None:
        del session_id
        return None


BROKEN: tuple[tuple[type[MemoryStore], str], ...] = (
    (Forgetful, "what was appended is read back equal"),
    (Credulous, "a commit that does not follow is refused and changes nothing"),
    (OffByOne, "every word of a session is read by its number"),
    (Newest, "the first word for a cause is found"),
    (Endless, "ended sessions are listed in the order they ended"),
    (Undead, "dead letters are listed as they stand"),
    (Hasty, "a snapshot that is not ended is none"),
    (Shuffled, "the newest snapshot is given"),
    (Twice, "commits are found by the kinds of their audit records"),
    (Immortal, "a closed store answers nothing"),
    (Unending, "ended sessions are listed in the order they ended"),
)


@pytest.mark.parametrize(("made", "law"), BROKEN, ids=lambda one: one.__name__ if isinstance(one, type) else "")
def test_a_store_that_breaks_a_law_is_told_which(made: type[MemoryStore], law: str) -> None:
    with pytest.raises(StoreLawBroken, match=f"^{law}: "):
        held(made)


def test_a_store_is_given_a_place_where_nothing_is() -> None:
    places: list[Path] = []

    def open_memory(place: Path, hub_id: str) -> MemoryStore:
        assert place.parent.is_dir()
        assert not place.exists()
        places.append(place)
        return MemoryStore(hub_id)

    check_store(open_memory, lasting=False)
    assert not any(place.parent.exists() for place in places)
