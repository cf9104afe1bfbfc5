"""What the tests of a running hub share: stores that survive a close, stores that fail, agents on connections."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import trio
from trio.testing import MockClock

from foldhub import Connection, Hub, LocalLink
from foldhub_core import (
    EV_TEXT,
    Ack,
    AnswerInvite,
    Attach,
    Commit,
    Delivery,
    Envelope,
    OpenSession,
    Passport,
    Post,
    Principal,
    Register,
    Resume,
    Rule,
    Session,
)
from foldhub_stores import Durable, LogStore, MemoryStore, Outcome

T = TypeVar("T")


def run(test: Callable[..., Awaitable[T]], *args: object, jump: bool = False) -> T:
    """Run a test under trio; with `jump` the clock jumps to whatever is next when all is at rest, so that no test sleeps."""

    async def guarded() -> T:
        with trio.fail_after(1_000_000 if jump else 20):
            return await test(*args)

    return trio.run(guarded, clock=MockClock(autojump_threshold=0) if jump else None)


class KeptStore(MemoryStore):
    """A store in memory that a second hub can be opened on: a close does not end it."""

    def close(self) -> None:
        """Do nothing."""


class ScriptedStore(KeptStore):
    """A store in memory whose next appends end as they are told to."""

    def __init__(self, hub_id: str = "demo") -> None:
        super().__init__(hub_id)
        self.script: list[Outcome | Exception] = []

    def append(self, commits: Sequence[Commit]) -> Outcome:
        """Append, unless the script says otherwise."""
        if not self.script:
            return super().append(commits)
        end = self.script.pop(0)
        if isinstance(end, Exception):
            raise end
        return super().append(commits) if isinstance(end, Durable) else end


class ThreadedStore:
    """A store in memory that is treated like one that needs a sync; each append waits until it is let go on, where one asks."""

    def __init__(self, inner: ScriptedStore) -> None:
        self._inner = inner
        self.before_append: Callable[[], None] = lambda: None
        """Called in the worker thread."""
        self.batches: list[int] = []
        self.tended = 0

    # Any: it has all methods of the store it stands for.
    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def as_store(self) -> LogStore:
        """This, as what it is."""
        return cast(LogStore, self)

    def append(self, commits: Sequence[Commit]) -> Outcome:
        """Append, in the thread in which it is called."""
        self.before_append()
        self.batches.append(len(commits))
        return self._inner.append(commits)

    def tend(self) -> None:
        """Count it."""
        self.tended += 1


class Agent:
    """An agent on a connection, driven by hand."""

    def __init__(self, connection: Connection, agent_id: str) -> None:
        self.connection = connection
        self.agent_id = agent_id

    async def take(self) -> Delivery:
        """The next delivery."""
        one = await self.connection.receive()
        assert isinstance(one, Delivery), f"expected a delivery, came {one}"
        return one

    async def types(self, count: int) -> list[str]:
        """The event types of the next deliveries."""
        return [(await self.take()).envelope.event_type for _ in range(count)]

    async def ack(self, *numbers: int) -> None:
        """Ack deliveries."""
        await self.connection.ask(Ack(agent_id=self.agent_id, numbers=numbers))

    async def open(self, *others: "Agent", type: str = "conversation") -> str:
        """Open a session, and have everybody accept; gives its id. Nothing is acked."""
        participants = tuple([one.agent_id for one in others])
        command = OpenSession(creator_id=self.agent_id, type=type, participants=participants)
        session = cast(Session, await self.connection.ask(command))
        for one in others:
            answer = AnswerInvite(session_id=session.session_id, agent_id=one.agent_id, accept=True)
            await one.connection.ask(answer)
        return session.session_id

    async def say(self, session_id: str, text: str, **fields: Any) -> Envelope:
        """Post a text."""
        envelope = Envelope(session_id, self.agent_id, EV_TEXT, {"text": text}, **fields)
        return cast(Envelope, await self.connection.ask(Post(envelope=envelope)))


def owner(subject: str) -> Principal:
    """Somebody who may register whomever he likes."""
    return Principal(subject=subject, may_register=("*",))


@asynccontextmanager
async def agent(hub: Hub, name: str, *, subject: str = "", rule: Rule | None = None) -> AsyncIterator[Agent]:
    """An agent on a connection of its own: registered, or attached where it already is there."""
    async with LocalLink(hub, owner(subject or f"owner of {name}")).connect() as connection:
        agent_id = hub.find_agent_id(name)
        if agent_id is None:
            command = Register(passport=Passport(name), resume=Resume(), rule=rule or Rule())
            agent_id = cast(Passport, await connection.ask(command)).agent_id
        assert agent_id is not None
        await connection.ask(Attach(agent_id=agent_id, link=""))
        yield Agent(connection, agent_id)
