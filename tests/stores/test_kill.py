"""A process that is killed while it writes: nothing that it acknowledged is lost, nothing is there twice.

Many more: `pytest -m long tests/stores/test_kill.py`.
"""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from foldhub.testing.store_story import Teller
from foldhub_core import HubConfig, HubState, Log, Passport, Register, Resume, SetSkill, Start, check_chain, replay
from foldhub_stores import Durable, FileStore

SLICE = bytes(200_000)


def write_for_ever(place: Path, told: int) -> None:
    """What the child does: open the store, go on where the log ends, append, and say what is durable."""
    store = FileStore(place, "demo")
    hub = Teller()
    hub.state = replay(HubConfig(), store.read(), hub.state)
    hub.now_ms = hub.state.now_ms
    hub.ask(Start())
    if not hub.state.registry.agents:
        hub.ask(Register(passport=Passport(name="ann"), resume=Resume()))
    (ann,) = hub.state.registry.agents
    at = 0
    while True:
        for _ in range(1 + at % 7):
            at += 1
            hub.ask(SetSkill(agent_id=ann, skill_md=f"{hub.state.seq} " * (at % 200)))
        came = store.append(hub.commits)
        assert isinstance(came, Durable)
        os.write(told, f"{came.seq}\n".encode())
        hub.commits.clear()
        if at % 5 == 0:
            store.begin_snapshot(came.seq)
            store.add_slice(SLICE)
            store.end_snapshot()


def killed_writer(place: Path, after_s: float) -> int:
    """Let a child write, and kill it a while after its first word; gives the last commit that it acknowledged."""
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write_for_ever(place, told)
        finally:
            os._exit(1)
    os.close(told)
    with os.fdopen(heard, "rb") as lines:
        said = lines.readline()
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        said += lines.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child wrote until it was killed"
    return max(int(line) for line in said.split(b"\n")[:-1])


def kill_again_and_again(place: Path, times: int, seed: int) -> None:
    """Kill a process that writes, at a moment of chance, and look at what it left; again and again on the same store."""
    dice = random.Random(seed)
    for _ in range(times):
        acknowledged = killed_writer(place, dice.random() * 0.1)
        store = FileStore(place, "demo")
        commits = store.read()
        assert store.seq >= acknowledged, "what was acknowledged is there"
        assert [commit.seq for commit in commits] == list(range(1, store.seq + 1)), "once, and in order"
        check_chain(Log("demo", commits))
        assert replay(HubConfig(), commits, HubState("demo")).seq == store.seq
        snapshot = store.snapshot()
        assert snapshot is None or (snapshot.seq <= store.seq and snapshot.slices == (SLICE,))
        store.close()


def test_nothing_acknowledged_is_lost_when_its_writer_is_killed(tmp_path: Path) -> None:
    for at in range(4):
        kill_again_and_again(tmp_path / f"store-{at}", 9, at)


@pytest.mark.long
def test_nothing_acknowledged_is_lost_however_often_its_writer_is_killed(tmp_path: Path) -> None:
    for at in range(100):
        kill_again_and_again(tmp_path / f"store-{at}", 10, at)
