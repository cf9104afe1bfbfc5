"""Every scenario again, through `TcpLink`s on real sockets of this machine: a wire changes nothing of what is said to whom.

It is played like in test_scenarios_on_links.py. Over a wire a client puts a key on what it must not ask twice; here the scenario
itself is played with such keys, so that both remember and forget the same. What an ack is refused with nobody is told.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
import trio.testing

from foldhub import Hub, MemoryStore
from foldhub.auth import Grant
from foldhub.serving import serve_tcp
from foldhub.tcp import TcpConnection, TcpLink
from foldhub_core import Ack, Attach, Command, Commit, Delivery, Detach, NetworkError, Principal, Start, Tick, changed
from foldhub_core.wire.limits import DEFAULT
from foldhub_core.wire.requests import carried
from foldhub_core.wire.rights import CARRIED

from .test_scenarios_on_links import PATHS, Asked, Sent, Written, by_agent, told
from .wires import HOST


class Keyed(Written):
    """A scenario in which keys are where a client puts them, and whose commands are written down with theirs."""

    def ask(self, principal: Principal, command: Command, at_ms: int | None = None) -> list[str]:
        if type(command) in CARRIED and not isinstance(command, Attach):
            command = carried(command, f"key-{len(self.asked)}")
        return super().ask(principal, command, at_ms)


class ByNumber:
    """An auth of a test: a credential is the number of a principal."""

    open_to_all = True

    def __init__(self) -> None:
        self.principals: list[Principal] = []

    def credential(self, principal: Principal) -> str:
        self.principals.append(principal)
        return str(len(self.principals) - 1)

    async def check(self, credential: str) -> Grant:
        await trio.lowlevel.checkpoint()
        return Grant(self.principals[int(credential)])

    def ended(self, grant: Grant) -> str | None:
        return None


async def rest() -> None:
    """Wait until nobody has anything to do, nor anything is on its way."""
    await trio.testing.wait_all_tasks_blocked(0.003)


class Stage:
    """A hub that listens, for the scenario's next run, and the connections of those who speak in it."""

    def __init__(self, hub: Hub, auth: ByNumber, port: int, nursery: trio.Nursery, sent: list[Sent]) -> None:
        self.hub = hub
        self.auth = auth
        self.port = port
        self.nursery = nursery
        self.sent = sent
        self.links: dict[tuple[Principal, str], tuple[TcpConnection, trio.CancelScope]] = {}

    async def connection(self, principal: Principal, link: str = "") -> TcpConnection:
        """The connection of a principal, or of one of its links."""
        if (principal, link) not in self.links:
            self.links[principal, link] = await self.nursery.start(self._live, principal)
        return self.links[principal, link][0]

    async def _live(self, principal: Principal, task_status: trio.TaskStatus[tuple[TcpConnection, trio.CancelScope]]) -> None:
        with trio.CancelScope() as scope:
            link = TcpLink(HOST, self.port, config=self.hub.config, credentials=self.auth.credential(principal), limits=LIMITS)
            async with link.connect() as connection:
                task_status.started((connection, scope))
                while True:
                    for one in await connection.receive_many():
                        if not isinstance(one, Delivery):
                            continue
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
        assert refused == asked.refused or isinstance(command, Ack), command


async def played(asked: Sequence[Asked]) -> tuple[list[Commit], list[Sent]]:
    """What a hub that listens comes to; a store for each run."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    commits: list[Commit] = []
    sent: list[Sent] = []
    starts = [at for at, one in enumerate(asked) if isinstance(one.command, Start)]
    for begin, end in zip(starts, [*starts[1:], len(asked)], strict=True):
        store, auth = MemoryStore("demo"), ByNumber()
        if commits:
            store.append(commits)
        began, began_ms = trio.current_time(), asked[begin].now_ms

        def now_ms(began: float = began, began_ms: int = began_ms) -> int:
            return began_ms + round((trio.current_time() - began) * 1000)

        async with Hub.open(store, config=asked[begin].config, auth=auth, clock=now_ms) as hub, trio.open_nursery() as nursery:

            async def serve(task_status: trio.TaskStatus[int], hub: Hub = hub) -> None:
                await serve_tcp(hub, HOST, 0, task_status=task_status, limits=LIMITS)

            stage = Stage(hub, auth, await nursery.start(serve), nursery, sent)
            async with trio.open_nursery() as answers:
                for one in asked[begin + 1 : end]:
                    behind = (one.now_ms - now_ms()) / 1000
                    if behind > 0:
                        clock.jump(behind)
                    await rest()
                    if not isinstance(one.command, Tick):
                        answers.start_soon(stage.ask, one)
                        await rest()
                clock.jump(0.02)
                await rest()
            commits = list(await hub.read_commits(limit=1_000))
            nursery.cancel_scope.cancel()
    return commits, sent


LIMITS = changed(DEFAULT, idle_ms=2**31 - 1, ping_ms=2**31 - 2, ack_ms=0)
"""A clock that jumps for hours hears nothing meanwhile."""


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_scenario_goes_the_same_way_over_tcp(path: Path) -> None:
    scene = Keyed()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("> "):
            scene.play(line[2:])

    async def main() -> None:
        commits, sent = await played(scene.asked)
        assert told(commits) == told(scene.commits)
        assert by_agent(sent) == by_agent([sent for one in scene.asked for sent in one.sent])

    trio.run(main, clock=trio.testing.MockClock())
