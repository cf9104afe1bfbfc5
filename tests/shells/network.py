"""A hub, a client of it, and agents by name: what tests of the clients stand on."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import trio
import trio.testing

from foldhub import Agent, AgentClient, Hub, HubClient, HumanClient, LocalLink, MemoryStore, Passport, Principal, Resume
from foldhub.agents import Script, ScriptedConfig
from foldhub_core import EV_TEXT, Envelope
from foldhub_stores import FileStore, LogStore

P = ParamSpec("P")


def in_trio(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an asynchronous test on virtual time, which jumps when nobody has anything to do."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def main() -> None:
            await test(*args, **kwargs)

        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))

    return run


def on_disk(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an asynchronous test on real time: a store in a file works in a thread, and virtual time would not wait for it."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def main() -> None:
            with trio.fail_after(60):
                await test(*args, **kwargs)

        trio.run(main)

    return run


class Network:
    """A hub with one client that all agents share, where a test does not make others."""

    def __init__(self, hub: Hub, client: HubClient) -> None:
        self.hub = hub
        self.link = LocalLink(hub)
        self.client = client

    async def agent(
        self, name: str, script: Script | None = None, *, client: HubClient | None = None, **more: Any
    ) -> AgentClient:
        """An agent that answers by a script, or takes no turns."""
        config = None if script is None else ScriptedConfig(script)
        return await (client or self.client).register(Agent(name, config=config), Passport(name), Resume(), **more)

    async def human(self, name: str, **more: Any) -> HumanClient:
        return await self.client.register_human(Passport(name), Resume(), **more)

    async def texts(self, session_id: str) -> list[str]:
        """What was said in a session, as the hub holds it."""
        words = await self.hub.read_wal(session_id)
        return [str(word.event_data["text"]) for word in words if word.event_type == EV_TEXT]

    async def settled(self, *agents: AgentClient) -> None:
        """Wait until nothing is owed to these agents, however long it takes."""
        while sum([self.hub.inbox(agent.agent_id).owed for agent in agents]):
            await trio.sleep(0.05)

    def stranger(self, subject: str = "stranger") -> LocalLink:
        """A link of somebody else."""
        return LocalLink(self.hub, Principal(subject=subject, may_register=("*",)))


@asynccontextmanager
async def network(store: LogStore | Path | None = None, **options: Any) -> AsyncGenerator[Network, None]:
    """A network in memory, or on a store."""
    kept = FileStore(store) if isinstance(store, Path) else store or MemoryStore()
    async with Hub.open(kept, **options) as hub, HubClient(LocalLink(hub)) as client:
        yield Network(hub, client)


def is_text(word: Envelope) -> bool:
    return word.event_type == EV_TEXT


async def quiet() -> None:
    """Wait until every task waits for another, or for time to pass."""
    await trio.testing.wait_all_tasks_blocked()
