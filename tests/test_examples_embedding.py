"""The three loops of examples/embedding write one log and send one sequence of deliveries, killed in between or not."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from foldhub_core import Envelope, HubState, digest, inbox, list_sessions, replay, verify
from foldhub_core.config import HubConfig
from foldhub_stores import FileStore

ROOT = Path(__file__).parents[1]
LOOPS = ("plain_loop", "asyncio_socket", "trio_loop")

BETWEEN = 9
"""The ninth effect forwards to bob that the session opened; the eighth told alice."""

LAST = 24
"""The last effect: that bob heard the last word is answered."""


class Ran(NamedTuple):
    """What one loop left behind."""

    digest: str
    notes: list[str]
    """What was sent: agent, number, attempt and envelope of every delivery, in order."""


def run_all(folders: Mapping[str, Path], *options: str) -> dict[str, tuple[int, str, str]]:
    """Run the loops at the same time, each in a process of its own; gives how each ended and what it printed."""
    processes = {
        loop: subprocess.Popen(
            [sys.executable, f"examples/embedding/{loop}.py", str(folder), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for loop, folder in folders.items()
    }
    ended: dict[str, tuple[int, str, str]] = {}
    for loop, process in processes.items():
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
        ended[loop] = (process.returncode, out, err)
    return ended


def notes_in(folder: Path) -> list[str]:
    return (folder / "notes").read_text(encoding="utf-8").splitlines()


def finished(folders: Mapping[str, Path]) -> dict[str, Ran]:
    """Run the loops to their end."""
    ended = run_all(folders)
    assert {loop: (code, err) for loop, (code, _, err) in ended.items()} == dict.fromkeys(folders, (0, ""))
    return {loop: Ran(out.strip(), notes_in(folders[loop])) for loop, (_, out, _) in ended.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], dict[str, Ran]]:
    """The loops, each run once to its end."""
    folders = {loop: tmp_path_factory.mktemp(loop) for loop in LOOPS}
    return folders, finished(folders)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], dict[str, list[str]], dict[str, Ran]]:
    """The loops, each killed between two effects and run again to its end; between them the notes at the kill."""
    folders = {loop: tmp_path_factory.mktemp(loop) for loop in LOOPS}
    ended = run_all(folders, "--die-before", str(BETWEEN))
    assert {loop: code for loop, (code, _, _) in ended.items()} == dict.fromkeys(LOOPS, -signal.SIGKILL)
    return folders, {loop: notes_in(folders[loop]) for loop in LOOPS}, finished(folders)


Undisturbed = tuple[dict[str, Path], dict[str, Ran]]
Killed = tuple[dict[str, Path], dict[str, list[str]], dict[str, Ran]]


def only(values: Sequence[object]) -> object:
    """The one value that all are."""
    assert [one for one in values if one != values[0]] == []
    return values[0]


def test_three_loops_end_with_one_digest_and_one_sequence_of_deliveries(undisturbed: Undisturbed) -> None:
    _, ran = undisturbed
    only([ran[loop] for loop in LOOPS])
    assert len(ran["plain_loop"].digest) == 32


def test_three_loops_that_were_killed_between_two_effects_end_alike(killed: Killed) -> None:
    _, _, ran = killed
    only([ran[loop] for loop in LOOPS])


def test_three_loops_that_were_killed_when_all_but_the_last_answer_was_given_end_alike(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """What is left to be done then is nothing, and all of them find out."""
    folders = {loop: tmp_path_factory.mktemp(loop) for loop in LOOPS}
    ended = run_all(folders, "--die-before", str(LAST))
    assert {loop: code for loop, (code, _, _) in ended.items()} == dict.fromkeys(LOOPS, -signal.SIGKILL)
    ran = finished(folders)
    only([ran[loop] for loop in LOOPS])


@pytest.mark.parametrize("loop", LOOPS)
def test_the_kill_came_between_two_effects_of_one_commit(killed: Killed, loop: str) -> None:
    """alice was told that the session opened, and bob was not: he is the first to be told after the restart."""
    folders, at_kill, ran = killed
    store = FileStore(folders[loop] / "store")
    alice, _, _, opened = at_kill[loop][-1].split()
    found = store.envelope(opened)
    store.close()
    assert isinstance(found, Envelope)
    assert found.event_type == "session.opened"
    said = [line.split() for line in ran[loop].notes[len(at_kill[loop]) :]]
    assert [to for to, _, _, envelope_id in said if envelope_id == opened] == [ran[loop].notes[0].split()[0], alice]


@pytest.mark.parametrize("loop", LOOPS)
def test_nothing_was_lost_and_nothing_said_twice(undisturbed: Undisturbed, killed: Killed, loop: str) -> None:
    """To each agent the same events went in the same order, and each is a word of its own in the log."""

    def events(folder: Path, notes: list[str]) -> list[tuple[str, int, str]]:
        store = FileStore(folder / "store")
        first: dict[tuple[str, int], str] = {}
        for to, number, _, envelope_id in [line.split() for line in notes]:
            word = store.envelope(envelope_id)
            assert word is not None
            first.setdefault((to, int(number)), word.event_type)
        store.close()
        return sorted((to, number, event_type) for (to, number), event_type in first.items())

    folders, _, ran = killed
    assert events(folders[loop], ran[loop].notes) == events(undisturbed[0][loop], undisturbed[1][loop].notes)


@pytest.mark.parametrize("loop", LOOPS)
def test_the_log_tells_how_it_ended(killed: Killed, loop: str) -> None:
    """Replayed from the store alone, by nobody who ran it, the state is the one whose digest was printed."""
    folders, _, ran = killed
    config = HubConfig(remote_agents=True)
    store = FileStore(folders[loop] / "store")
    commits = store.read()
    store.close()
    state = replay(config, commits, HubState("demo"))
    assert digest(state) == ran[loop].digest
    assert not verify(config, commits, HubState("demo"))
    assert not list_sessions(state).sessions
    assert [inbox(state, agent_id).owed for agent_id in state.registry.agents] == [0, 0]


@pytest.mark.parametrize("loop", LOOPS)
def test_an_example_is_short_enough_to_be_read(loop: str) -> None:
    source = (ROOT / "examples" / "embedding" / f"{loop}.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 175
