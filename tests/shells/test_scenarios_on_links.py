"""Every scenario again, through `LocalLink`s and on both stores: a hub that runs says the same words to the same agents.

A scenario is played once in a plain loop, and what was asked is written down. Then it is asked of a running hub: each agent's
link is a connection, each run a hub of its own over the log of the run before. What counts is every fact, but for the names of
links and for what is remembered of keys; every answer; and what each agent was sent, in its order.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing

from foldhub import Connection, Hub, LocalLink, MemoryStore
from foldhub_core import (
    Arrival,
    Attach,
    Attached,
    Command,
    Commit,
    Configured,
    Deliver,
    Delivery,
    Detach,
    Detached,
    HubConfig,
    KeysExpired,
    NetworkError,
    Principal,
    Rearmed,
    Redeliver,
    Refuse,
    Start,
    Tick,
    step,
)
from foldhub_stores import FileStore, LogStore
from tests.scenarios.record import scenarios
from tests.scenarios.scene import Scene

ELSEWHERE = {
    "remote-agent": "its proxy's answers are scripted; tests/shells/test_proxies.py has proxies that run",
    "remote-agent-restart": "its proxy's answers are scripted; tests/shells/test_proxies.py has proxies that run",
    "evicted-link": "a link of its name is attached again and nothing changes; a connection attaches by a new name each time",
    "unregister-mid-session": "its principal still names an agent that is gone: not_found there, access_denied on a connection",
    "refused-words": "its first word comes before the run has begun, which nobody can ask of a hub that runs",
    "clock-jumps": "its clock runs backwards, which the clock of a running hub does not",
}
"""What is not played here, and why."""

Sent = tuple[str, int, int, str]


@attrs.frozen
class Asked:
    """What was asked in a scenario, and what came of it."""

    config: HubConfig
    principal: Principal
    command: Command
    now_ms: int
    refused: str | None
    sent: tuple[Sent, ...]


class Written(Scene):
    """A scenario that writes down what is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Asked] = []

    def ask(self, principal: Principal, command: Command, at_ms: int | None = None) -> list[str]:
        now_ms = self.now_ms + 1 if at_ms is None else at_ms
        came = step(self.config, self.state, Arrival(principal=principal, command=command, now_ms=now_ms)).effects
        refused = came[0].error.code if isinstance(came[0], Refuse) else None
        sent = [
            (one.agent_id, one.number, one.attempt, one.envelope.envelope_id if isinstance(one, Deliver) else one.envelope_id)
            for one in came
            if isinstance(one, Deliver | Redeliver)
        ]
        self.asked.append(Asked(self.config, principal, command, now_ms, refused, tuple(sent)))
        return super().ask(principal, command, at_ms)


class Stage:
    """A hub that runs, for the scenario's next run, and the connections of those who speak in it."""

    def __init__(self, hub: Hub, nursery: trio.Nursery, sent: list[Sent]) -> None:
        self.hub = hub
        self.nursery = nursery
        self.sent = sent
        self.links: dict[tuple[Principal, str], tuple[Connection, trio.CancelScope]] = {}

    async def connection(self, principal: Principal, link: str = "") -> Connection:
        """The connection of a principal, or of one of its links."""
        if (principal, link) not in self.links:
            self.links[principal, link] = await self.nursery.start(self._live, principal)
        return self.links[principal, link][0]

    async def _live(self, principal: Principal, task_status: trio.TaskStatus[tuple[Connection, trio.CancelScope]]) -> None:
        with trio.CancelScope() as scope:
            async with LocalLink(self.hub, principal).connect() as connection:
                task_status.started((connection, scope))
                while True:
                    for one in await connection.receive_many():
                        if isinstance(one, Delivery):
                            assert one.number is not None
                            self.sent.append((one.agent_id, one.number, one.attempt, one.envelope.envelope_id))

    async def ask(self, asked: Asked) -> None:
        """Ask what was asked; the answer is to be the one that was given."""
        command = asked.command
        if isinstance(command, Detach):
            for (_, link), (_, scope) in self.links.items():
                if link == f"{command.agent_id} {command.link}":
                    scope.cancel()
            return
        link = f"{command.agent_id} {command.link}" if isinstance(command, Attach) else ""
        connection = await self.connection(asked.principal, link)
        refused = None
        try:
            await connection.ask(command)
        except NetworkError as error:
            refused = error.code
        assert refused == asked.refused, command


def told(commits: Sequence[Commit]) -> list[str]:
    """The facts of a log that are not of its links' names, nor when its keys were forgotten or its agenda moved."""
    facts = [fact for commit in commits for fact in commit.facts]
    return [repr(fact) for fact in facts if not isinstance(fact, Attached | Detached | Configured | KeysExpired | Rearmed)]


def by_agent(sent: Sequence[Sent]) -> dict[str, list[Sent]]:
    return {agent_id: [one for one in sent if one[0] == agent_id] for agent_id in sorted({one[0] for one in sent})}


async def played_on_links(
    asked: Sequence[Asked], open_store: Callable[[int], LogStore], rest: Callable[[Hub], Awaitable[None]]
) -> tuple[list[Commit], list[Sent]]:
    """What a running hub comes to; a store for each run."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    commits: list[Commit] = []
    sent: list[Sent] = []
    starts = [at for at, one in enumerate(asked) if isinstance(one.command, Start)]
    for run, (begin, end) in enumerate(zip(starts, [*starts[1:], len(asked)], strict=True)):
        store = open_store(run)
        if commits:
            store.append(commits)
        began, began_ms = trio.current_time(), asked[begin].now_ms

        def now_ms(began: float = began, began_ms: int = began_ms) -> int:
            return began_ms + round((trio.current_time() - began) * 1000)

        async with Hub.open(store, config=asked[begin].config, clock=now_ms) as hub, trio.open_nursery() as nursery:
            stage = Stage(hub, nursery, sent)
            async with trio.open_nursery() as answers:
                for one in asked[begin + 1 : end]:
                    behind = (one.now_ms - now_ms()) / 1000
                    if behind > 0:
                        clock.jump(behind)
                    await rest(hub)
                    if not isinstance(one.command, Tick):
                        answers.start_soon(stage.ask, one)
                        await rest(hub)
                clock.jump(0.02)
                await rest(hub)
            commits = list(await hub.read_commits(limit=1_000))
            while len(commits) < hub.state.seq:
                commits += await hub.read_commits(after=commits[-1].seq, limit=1_000)
            nursery.cancel_scope.cancel()
    return commits, sent


def check(path: Path, open_store: Callable[[int], LogStore], rest: Callable[[Hub], Awaitable[None]]) -> None:
    scene = Written()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("> "):
            scene.play(line[2:])

    async def main() -> None:
        commits, sent = await played_on_links(scene.asked, open_store, rest)
        assert told(commits) == told(scene.commits)
        assert by_agent(sent) == by_agent([sent for one in scene.asked for sent in one.sent])

    trio.run(main, clock=trio.testing.MockClock())


PATHS = [path for path in scenarios() if path.stem not in ELSEWHERE]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_scenario_goes_the_same_way_in_memory(path: Path) -> None:
    async def rest(_: Hub) -> None:
        await trio.testing.wait_all_tasks_blocked()

    check(path, lambda _: MemoryStore("demo"), rest)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_scenario_goes_the_same_way_on_a_file(path: Path, tmp_path: Path) -> None:
    async def rest(hub: Hub) -> None:
        """Wait for all tasks, and for the store's thread, which may be slow."""
        await trio.testing.wait_all_tasks_blocked()
        while not hub.desk.idle:
            await trio.testing.wait_all_tasks_blocked(0.001)

    check(path, lambda run: FileStore(tmp_path / f"run {run}", hub_id="demo"), rest)


def test_what_is_not_played_here_is_there() -> None:
    assert ELSEWHERE.keys() <= {path.stem for path in scenarios()}
