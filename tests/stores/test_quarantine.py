"""A hub on disk whose adapter is missing or raises when it is opened again: its sessions are quarantined, the hub is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from foldhub_core import (
    EV_TEXT,
    Ack,
    Adapter,
    CloseSession,
    Commit,
    Envelope,
    HubConfig,
    Leave,
    Malformed,
    Post,
    Refuse,
    Reply,
    Session,
    Unavailable,
    changed,
    digest,
    get_session,
    protocol_state,
    replay,
    take_snapshot,
)
from foldhub_core.config import BUILT_IN
from foldhub_stores import Durable, FileStore, Snapshot, compact, recover
from tests.core.session_driver import Broken, Free, Heard
from tests.stores.writer import Walk, open_store


def config(*adapters: Adapter[Any]) -> HubConfig:
    return HubConfig(adapters=(*BUILT_IN, *adapters))


class Run:
    """One run of the hub, from opening its store to closing it, with two sessions of the same two agents."""

    def __init__(self, place: Path, *adapters: Adapter[Any]) -> None:
        self.place = place
        self.store = open_store(place)
        self.walk = Walk(self.store, config(*adapters))
        self.ann, self.bob = self.walk.agent("ann"), self.walk.agent("bob")

    def opened(self, type: str) -> str:
        return self.walk.session(self.ann, self.bob, type)

    def say(self, session_id: str, text: str = "Hello.") -> Reply | Refuse:
        (answer,) = self.walk.ask(Post(envelope=Envelope(session_id, self.ann, EV_TEXT, {"text": text})))
        return answer

    def dormant(self, session_id: str) -> str | None:
        return self.walk.engine.state.sessions.entries[session_id].dormant

    def snapshot(self) -> None:
        state = self.walk.engine.state
        taken = [self.store.begin_snapshot(state.seq), *[self.store.add_slice(data) for data in take_snapshot(state)]]
        assert all(isinstance(one, Durable) for one in (*taken, self.store.end_snapshot()))


Before = Callable[[Run], None]


def nothing(run: Run) -> None:
    """The log alone tells."""


def a_snapshot(run: Run) -> None:
    """A snapshot tells, in which the sessions live, and a log behind it."""
    run.snapshot()
    for (session_id,) in run.walk.engine.state.sessions.order:
        assert isinstance(run.say(session_id, "After the snapshot."), Reply)


def a_compaction(run: Run) -> None:
    """A snapshot tells, and the log behind it; what was before is compacted."""
    over = run.opened("discussion")
    assert isinstance(run.say(over), Reply)
    for agent_id in (run.ann, run.bob):
        run.walk.get(Ack(agent_id=agent_id, numbers=tuple(run.walk.engine.state.mailboxes[agent_id].owed)))
    run.walk.get(CloseSession(session_id=over, agent_id=run.ann))
    run.snapshot()
    a_snapshot(run)
    run.store.close()
    assert compact(run.place, 0, clock=lambda: 10**9).dropped == 1


@pytest.fixture(params=[nothing, a_snapshot, a_compaction], ids=lambda before: before.__name__)
def left(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, str]:
    """A store with a session whose adapter will be missing or raise, and one of a built-in protocol; closed."""
    run = Run(tmp_path / "store", Broken("nowhere"))
    fragile, sound = run.opened("broken"), run.opened("conversation")
    for session_id in (fragile, sound):
        assert isinstance(run.say(session_id), Reply)
    request.param(run)
    run.store.close()
    return tmp_path / "store", fragile, sound


RUNS: dict[str, tuple[tuple[Adapter[Any], ...], str]] = {
    "missing": ((), "its adapter is missing"),
    "of another version": ((Broken("nowhere", version=2),), "its adapter is missing"),
    "raising": ((Broken("fold", EV_TEXT),), "its adapter raised RuntimeError: out of order"),
}


@pytest.mark.parametrize("why", RUNS)
def test_its_session_is_dormant_and_the_hub_goes_on(left: tuple[Path, str, str], why: str) -> None:
    place, fragile, sound = left
    adapters, reason = RUNS[why]
    run = Run(place, *adapters)
    assert run.dormant(fragile) == reason
    assert run.dormant(sound) is None
    answer = run.say(fragile)
    assert isinstance(answer, Refuse)
    assert answer.error.code == "protocol_error"
    assert isinstance(run.say(sound), Reply)
    other = run.walk.get(CloseSession(session_id=run.opened("consulting"), agent_id=run.ann))
    assert other is None, "sessions are opened and closed beside it"
    said = [word.event_data["text"] for word in run.store.read_session(fragile) if word.event_type == EV_TEXT]
    assert said[0] == "Hello.", "what was said in it can be read"
    run.store.close()


@pytest.mark.parametrize("why", RUNS)
def test_while_it_is_dormant_no_snapshot_is_taken(left: tuple[Path, str, str], why: str) -> None:
    run = Run(left[0], *RUNS[why][0])
    with pytest.raises(Unavailable, match="to be dormant"):
        next(take_snapshot(run.walk.engine.state))
    run.store.close()


@pytest.mark.parametrize("why", RUNS)
def test_it_is_dormant_in_every_run_and_wakes_when_its_adapter_is_well(left: tuple[Path, str, str], why: str) -> None:
    place, fragile, sound = left
    for at in range(3):
        run = Run(place, *RUNS[why][0])
        assert run.dormant(fragile) == RUNS[why][1]
        assert isinstance(run.say(sound, f"Run {at}."), Reply)
        run.store.close()
    run = Run(place, Broken("nowhere"))
    assert run.dormant(fragile) is None
    assert isinstance(run.say(fragile), Reply)
    run.snapshot()
    expected = digest(run.walk.engine.state)
    run.store.close()
    store = open_store(place)
    assert digest(recover(config(Broken("nowhere")), store)) == expected
    store.close()


@pytest.mark.parametrize("why", RUNS)
def test_the_administrator_closes_it(left: tuple[Path, str, str], why: str) -> None:
    place, fragile, _ = left
    run = Run(place, *RUNS[why][0])
    run.walk.get(CloseSession(session_id=fragile, agent_id=run.ann, reason="nobody can go on"))
    run.store.close()
    run = Run(place)
    assert run.store.ended_session(fragile) is not None
    run.snapshot()
    run.store.close()


@pytest.mark.parametrize("why", RUNS)
def test_a_run_without_it_changes_nothing_for_the_next_with_it(left: tuple[Path, str, str], why: str) -> None:
    place, fragile, sound = left
    run = Run(place, Broken("nowhere"))
    before = run.walk.engine.state
    run.store.close()
    run = Run(place, *RUNS[why][0])
    run.say(fragile)
    run.say(sound)
    run.walk.get(Leave(session_id=fragile, agent_id=run.bob))
    run.store.close()
    store = open_store(place)
    well = recover(config(Broken("nowhere")), store)
    assert digest(well) == digest(replay(config(Broken("nowhere")), store.read(before.seq), before))
    protocol = protocol_state(well, fragile)
    assert isinstance(protocol, Heard)
    assert len(protocol.event_types) == store.words(fragile), "what was said without it was folded"
    store.close()


@attrs.frozen
class Remodelled:
    """What a later release of a protocol remembers, under the same version."""

    words: int = 0


class ReleasedAnew(Adapter[Remodelled]):
    """A release that changed its state and not its version."""

    manifest = Broken("nowhere").manifest
    state_type = Remodelled

    def initial_state(self, session: Session) -> Remodelled:
        return Remodelled()

    def validate_send(self, session: Session, state: Remodelled, envelope: Envelope) -> None:
        pass

    def fold(self, state: Remodelled, envelope: Envelope) -> Remodelled:
        return Remodelled(state.words + 1)


def test_an_adapter_that_cannot_read_what_it_wrote_folds_the_log_as_long_as_there_is_one(
    left: tuple[Path, str, str], request: pytest.FixtureRequest
) -> None:
    place, fragile, sound = left
    run = Run(place, ReleasedAnew())
    assert isinstance(run.say(sound), Reply)
    if "a_compaction" in request.node.callspec.id:
        assert (run.dormant(fragile) or "").startswith("its adapter cannot read the state it wrote: expected ")
        run.store.close()
        run = Run(place, Broken("nowhere"))
    assert run.dormant(fragile) is None
    assert isinstance(run.say(fragile), Reply)
    run.store.close()


class CutOff(FileStore):
    """A store whose snapshot is not whole, and whose log begins behind its first commit."""

    def snapshot(self) -> Snapshot | None:
        whole = super().snapshot()
        return whole and changed(whole, slices=whole.slices[:-1])

    def read(self, after: int = 0, limit: int | None = None) -> tuple[Commit, ...]:
        return super().read(max(after, 1), limit)


def test_a_snapshot_that_cannot_be_read_and_a_log_that_begins_later_are_told_by_the_snapshots_error(tmp_path: Path) -> None:
    run = Run(tmp_path / "store", Free())
    run.opened("free")
    run.snapshot()
    run.store.close()
    store = CutOff(tmp_path / "store")
    with pytest.raises(Malformed, match="expected the first row of a snapshot"):
        recover(config(), store)
    store.close()


def test_a_session_can_be_looked_at_whatever_its_adapter_does(left: tuple[Path, str, str]) -> None:
    place, fragile, _ = left
    run = Run(place)
    assert get_session(run.walk.engine.state, fragile).manifest.type == "broken"
    run.store.close()
