"""A process with a hub on a file and agents in it is killed, again and again: nothing acknowledged is lost, nothing doubled."""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import cast

import pytest
import trio

from foldhub import Hub, LocalLink
from foldhub_core import EV_TEXT, Ack, Attach, Delivery, Envelope, HubConfig, HubState, replay, verify
from foldhub_stores import FileStore

from .hub_runs import run

ROOT = Path(__file__).parents[2]
POSTERS = 4


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.long)])
def test_nothing_acknowledged_is_lost_or_doubled_when_the_process_is_killed(tmp_path: Path, kills: int) -> None:
    folder, dice = tmp_path / "hub", random.Random(7)
    said: list[list[int]] = [[] for _ in range(POSTERS)]
    handled: Counter[str] = Counter()
    for _ in range(kills):
        numbers = [str(one[-1] + 1 if one else 0) for one in said]
        command = [sys.executable, "-m", "tests.shells.killed_hub", str(folder), *numbers]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(dice.randrange(1, 120))]
            process.kill()
            lines += process.stdout.read().splitlines(keepends=True)
        for line in [line for line in lines if line.endswith("\n")]:
            what, *rest = line.split()
            if what == "said":
                said[int(rest[0])].append(int(rest[1]))
            else:
                handled[rest[0]] += 1
    texts = run(_rest, folder, handled)
    assert [text for text, count in Counter(texts).items() if count > 1] == [], "nothing is said twice"
    for poster, numbers_said in enumerate(said):
        assert {f"{poster}-{number}" for number in numbers_said} <= set(texts), "what was acknowledged is there"
    assert set(handled) == set(texts), "every delivery arrived, and of nothing that is not there"


async def _rest(folder: Path, handled: Counter[str]) -> list[str]:
    """Let what is still owed arrive; gives what was said."""
    async with Hub.open(FileStore(folder)) as hub, LocalLink(hub).connect() as connection:
        bob = hub.find_agent_id("bob")
        assert bob is not None
        await connection.ask(Attach(agent_id=bob, link=""))
        while hub.inbox(bob).owed:
            one = await connection.receive()
            assert isinstance(one, Delivery)
            if one.envelope.event_type == EV_TEXT:
                handled[cast(str, one.envelope.event_data["text"])] += 1
            await connection.ask(Ack(agent_id=bob, numbers=(one.number or 0,)))
        commits = await hub.read_commits(limit=1_000_000)
        config = HubConfig()
        assert replay(config, commits, HubState("demo")) == hub.state
        assert not verify(config, commits, HubState("demo"))
        await trio.lowlevel.checkpoint()
        return [
            cast(str, fact.event_data["text"])
            for commit in commits
            for fact in commit.facts
            if isinstance(fact, Envelope) and fact.event_type == EV_TEXT
        ]
