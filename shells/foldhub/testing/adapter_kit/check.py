"""`check_adapter`: an adapter is held to all laws.

from foldhub.testing import check_adapter

def test_my_protocol_keeps_the_laws() -> None:
    check_adapter(MyAdapter())
"""

import gc
import os
import random
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from foldhub_core import HubConfig, Manifest
from foldhub_core.config import AnyAdapter
from foldhub_core.envelope import is_hub_event

from . import settings
from .drawing import counts_of, knobs_of
from .laws import processes, sizes, versions
from .laws.book import OF_ALL, SENTENCES, first_broken
from .laws.sizes import Growth
from .moves import Script, read_script
from .naming import name_of
from .report import AdapterLawBroken, AdapterReport
from .scene import Scene, Stage
from .search import Found, Reached, Search
from .shapes import exact_shape
from .shrinking import shrunk
from .transcript import transcript
from .vocabulary import UNKNOWN, Maker

Tell: TypeAlias = Callable[[Reached], None]

SESSIONS = 100
"""How many sessions are played where the tester does not say."""
PLAYED_AGAIN = 12
"""How many of them are played again in another process."""


def check_adapter(
    adapter: AnyAdapter,
    *,
    participants: int | tuple[int, ...] | None = None,
    knobs: Any = None,
    vocabulary: Sequence[Maker] = (),
    growth: Growth = "constant",
    max_examples: int | None = None,
    seed: int | None = None,
    again: str | None = None,
    record: str | Path | None = None,
    second_process: bool = True,
    config: HubConfig | None = None,
    tell: Tell = lambda _: None,
) -> AdapterReport:
    """Hold an adapter to all laws; raises `AdapterLawBroken` with the shortest session that was found to break one.

    participants    how many take part: a number, or several; None is what the manifest allows, up to four
    knobs           a map, a list of maps, a function of (random.Random, count), or a strategy. Any: one of these; None draws them
                    from the manifest's `knobs_schema`, and graphs for a workflow
    vocabulary      drafts, or functions that make them, of a protocol with event types of its own
    growth          what the state may grow with: "constant", "participants" or "envelopes"
    max_examples    how many sessions are played
    seed            of all that is drawn; None draws one, or takes 0 under CI
    again           plays one session, as a failure printed it
    record          a file in which the behaviour of each (type, version) is written down, and held to from then on
    second_process  whether sessions are played again in another process, under another hash seed
    config          a hub's configuration, for a protocol whose expectations have evaluators or handlers of their own
    tell            is told how far the search is, after every session
    """
    __tracebackhide__ = True
    if settings.in_second_process:
        raise RuntimeError("expected a module that checks no adapter when it is imported: put that under __name__ == '__main__'")
    sessions = max_examples or settings.max_examples or SESSIONS
    drawn = seed if seed is not None else settings.seed
    if drawn is None:
        drawn = 0 if os.environ.get("CI") else random.SystemRandom().randrange(2**31)
    _check_manifest(adapter)
    check = Check(adapter, Stage(adapter, tuple(vocabulary), config), drawn)
    if again is not None:
        return check.again(read_script(again))
    search = Search(check.stage, counts_of(adapter, participants), knobs_of(adapter, knobs, drawn), drawn)
    with _seldom_collected():
        report = check.all(search, sessions, growth, None if record is None else Path(record), second_process, tell)
    settings.reports.append(report)
    return report


@contextmanager
def _seldom_collected() -> Generator[None]:
    """Meanwhile cycles are looked for more seldom: sessions are kept, all of them, and looking through them costs a quarter."""
    before = gc.get_threshold()
    if gc.isenabled():
        gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _check_manifest(adapter: AnyAdapter) -> None:
    manifest: object = getattr(adapter, "manifest", None)
    if type(manifest) is not Manifest or not isinstance(getattr(adapter, "state_type", None), type):
        raise TypeError(f"expected an adapter with a manifest and a state_type, came {adapter!r}")


class Check:
    """One check of one adapter."""

    def __init__(self, adapter: AnyAdapter, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.seed = seed
        self.named = f"{type(adapter).__name__} ({adapter.manifest.type} {adapter.manifest.version})"

    def again(self, script: Script) -> AdapterReport:
        """Play one session."""
        scene = self.stage.open(script.opening)
        scenes = [scene]
        for move in script.moves:
            scenes.append(scenes[-1].play(move))
        for one in scenes:
            self.hold(one)
        reached = Reached(1, len(script.moves), {exact_shape(one) for one in scenes})
        not_held = dict.fromkeys(OF_ALL, "one session does not show it")
        return attrs.evolve(self._report(reached, (), not_held), is_again=True)

    def hold(self, scene: Scene) -> None:
        """Hold one scene to the laws; raises `AdapterLawBroken`."""
        broken = first_broken(scene)
        if broken is not None:
            raise self._broken(broken[0].name, broken[1], scene)

    def all(
        self, search: Search, sessions: int, growth: Growth, record: Path | None, second_process: bool, tell: Tell
    ) -> AdapterReport:
        """Search, then hold the adapter to what no single session shows."""
        found = search.run(sessions, tell)
        if found is not None:
            raise self._shrunk(found)
        grown = sizes.grown(self.stage, search.good, growth, self.seed)
        if grown is not None:
            raise self._broken("state_stays_small", grown.why, grown.scene)
        not_held: dict[str, str] = {}
        scenes = self._to_play_again(search)
        self._hold("same_version_same_behaviour", processes.differs_when_made_anew(self.stage, scenes), not_held)
        if record is not None:
            self._hold("same_version_same_behaviour", versions.differs_from_record(self.stage, record, scenes), not_held)
            not_held.pop("same_version_same_behaviour", None)
        self._hold("processes_agree", self._second(scenes, second_process), not_held)
        return self._report(search.reached, _never(search), not_held)

    def _second(self, scenes: list[Scene], second_process: bool) -> processes.Differs | str | None:
        if not second_process:
            return "it was not asked for"
        if self.stage.base is not None:
            why = "a second process has the configuration that comes with the hub; it was played again in this one instead"
            return processes.differs_when_played_again(self.stage, scenes) or why
        found = name_of(self.stage.adapter)
        if isinstance(found, str):
            return processes.differs_when_played_again(self.stage, scenes) or f"{found}; it was played again in this one instead"
        return processes.differs_in_second_process(found, scenes, 1 + self.seed % 1_000)

    def _to_play_again(self, search: Search) -> list[Scene]:
        """The last scenes of sessions that are played again: those that came to the most, and the latest."""
        dice = random.Random(self.seed)
        latest = search.pool[-3 * PLAYED_AGAIN :]
        scenes = dice.sample(latest, min(len(latest), PLAYED_AGAIN))
        return scenes + sorted(search.pool, key=lambda scene: scene.depth)[-3:]

    def _hold(self, law: str, differs: processes.Differs | str | None, not_held: dict[str, str]) -> None:
        if isinstance(differs, str):
            not_held[law] = differs
        elif differs is not None:
            raise self._broken(law, differs.why, differs.scene)

    def _shrunk(self, found: Found) -> AdapterLawBroken:
        law = found.law

        def breaks(scene: Scene) -> bool:
            return law.broken(scene) is not None

        scene = shrunk(self.stage, found.scene, breaks)
        return self._broken(law.name, law.broken(scene) or found.why, scene)

    def _broken(self, law: str, why: str, scene: Scene) -> AdapterLawBroken:
        more = ", vocabulary=..." if self.stage.own_makers else ""
        reproduce = f"check_adapter(adapter, seed={self.seed}{more})"
        script = scene.script.written()
        if law not in OF_ALL and len(script) < 2_000:
            reproduce = f"check_adapter(adapter, again={script!r}{more})   or {reproduce}"
        return AdapterLawBroken(self.named, law, SENTENCES[law], why, transcript(scene, why), reproduce)

    def _report(self, reached: Reached, never: tuple[str, ...], not_held: dict[str, str]) -> AdapterReport:
        return AdapterReport(
            adapter=self.named,
            seed=self.seed,
            laws=tuple([name for name in SENTENCES if name not in not_held]),
            examples=reached.sessions,
            events=reached.moves,
            states=len(reached.states),
            said=dict(reached.said.most_common()),
            closed=dict(reached.closed.most_common()),
            happened=dict(reached.happened.most_common()),
            never=never,
            not_held=not_held,
        )


def _never(search: Search) -> tuple[str, ...]:
    """What was not reached, in words."""
    reached, never = search.reached, list[str]()
    for event_type, count in reached.refused.items():
        if event_type not in reached.said and event_type != UNKNOWN and not is_hub_event(event_type) and count:
            never.append(f"{event_type} was accepted")
    if not search.good:
        never.append("a session was opened: all were refused")
    ended = [reason for reason in reached.closed if reason not in _NOT_ITS_OWN]
    if not ended:
        never.append("the protocol ended a session itself")
    for what, told in _WORTH_REACHING.items():
        if what not in reached.happened:
            never.append(told)
    return tuple(never)


_NOT_ITS_OWN = ("participant_left", "invite_rejected", "invite_timeout", "invite_failed", "explicit_close", "ttl_expired")
_WORTH_REACHING = {
    "session.left": "somebody left a session that went on",
    "session.hidden": "somebody was hidden",
    "a deadline came": "a deadline of the protocol came",
}
