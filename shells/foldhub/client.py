"""A hub's client: one connection to a hub, and the agents on it."""

from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, TypeVar, cast

import trio

from foldhub_core import (
    AccessDeniedError,
    Attach,
    Command,
    Delivery,
    NetworkError,
    NotFoundError,
    Passport,
    Register,
    Resume,
    Rule,
    View,
)
from foldhub_core.turn import Declines

from .agent_client import TURNS, AgentClient
from .agents.agent import Agent
from .commanding import Commanding
from .human_client import HumanClient
from .link import Duplex, Evicted, Link
from .settling import Settling

GRACE = 5.0
"""So many seconds what is being done has to end, when a client closes."""

C = TypeVar("C", bound=AgentClient)


class HubClient(Commanding):
    """One connection to a hub, which any number of agents share: `async with HubClient(link) as client`.

    One process needs one client for a hub; two clients are two connections. What comes is taken in as it comes, whatever the
    agents are doing. At the end of the block the client closes like `aclose`; at once, where the block raises.

    Questions are checkpoints, and so are commands, but for a hub in memory, where only one in several is. All raise the hub's
    refusal, an error of the NetworkError family, and `trio.ClosedResourceError` where the client is closed. Cancelled, what was
    asked for may have happened or not; where it has an `idempotency_key`, asked again it is the same request.
    """

    def __init__(self, link: Link, *, grace: float = GRACE) -> None:
        self.link = link
        self.grace = grace
        self._agents: dict[str, AgentClient] = {}
        self._stack = AsyncExitStack()
        self._outer: trio.Nursery | None = None
        self._nursery: trio.Nursery | None = None
        self._duplex: Duplex | None = None
        self._settling: Settling | None = None
        self._lost: str | None = None
        self._close = trio.Event()
        self._ended = trio.Event()

    # --- the connection

    async def __aenter__(self) -> "HubClient":
        """Connect. Raises what the link raises where there is no hub; cancelled, nothing was connected."""
        if self._outer is not None:
            raise RuntimeError("expected a client that was not opened before; make another one")
        self._outer = await self._stack.enter_async_context(trio.open_nursery())
        try:
            await self._outer.start(self._run)
        except BaseException:
            self._outer.cancel_scope.cancel()
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        outer = self._outer
        assert outer is not None, "it was entered"
        if error is None:
            try:
                await self.aclose()
            except BaseException as raised:
                outer.cancel_scope.cancel()
                await self._stack.__aexit__(type(raised), raised, raised.__traceback__)
                raise
        outer.cancel_scope.cancel()
        if isinstance(error, Exception):
            # It is passed on as it is, and not in a group with what the client came to.
            await self._stack.__aexit__(None, None, None)
            return None
        return await self._stack.__aexit__(kind, error, trace)

    async def _run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """The connection, from its beginning to its end."""
        try:
            async with self.link.connect() as self._duplex, trio.open_nursery() as self._nursery:
                self._settling = Settling(self._duplex)
                self._nursery.start_soon(self._settling.run)
                self._nursery.start_soon(self._receive, self._duplex)
                task_status.started()
                await self._close.wait()
                self._nursery.cancel_scope.cancel()
        finally:
            self._duplex = None
            for agent in tuple(self._agents.values()):
                agent.lose(trio.ClosedResourceError("the client is closed"))
            self._ended.set()

    async def _receive(self, duplex: Duplex) -> None:
        agents = self._agents
        while True:
            for one in await duplex.receive_many():
                if type(one) is Delivery:
                    agent = agents.get(one.agent_id)
                    if agent is not None:
                        agent.deliver(one)
                elif type(one) is Evicted:
                    evicted = agents.pop(one.agent_id, None)
                    if evicted is not None:
                        evicted.lose(trio.BrokenResourceError("another connection carries its deliveries now"))
                else:
                    self._lose(getattr(one, "reason", ""))
                    return

    def _lose(self, reason: str) -> None:
        self._lost = reason or "the hub has closed the connection"
        for agent in tuple(self._agents.values()):
            agent.lose(trio.BrokenResourceError(self._lost))

    @property
    def duplex(self) -> Duplex:
        """The connection; raises `trio.ClosedResourceError` where it is closed or was not opened."""
        if self._duplex is None:
            raise trio.ClosedResourceError("the client is closed" if self._ended.is_set() else "the client was not opened")
        return self._duplex

    @property
    def settling(self) -> Settling:
        """What ends deliveries. The client's."""
        assert self._settling is not None, "it was entered"
        return self._settling

    async def ask(self, command: Command) -> object:
        """Ask for any command of the core; gives the value of its answer, when it is durable."""
        return await self.duplex.ask(command)

    async def aclose(self, *, grace: float | None = None) -> None:
        """Close the connection, when what is being done has ended: agents stay registered, what they did not ack is owed.

        Nothing new is begun; turns that run have `grace` seconds, by default those of the client, to end, and to be acked. What
        has not ended then, or when this is cancelled, is cancelled and comes again. Closing twice is closing once.
        """
        if self._duplex is None:
            await trio.lowlevel.checkpoint()
            return
        agents = tuple(self._agents.values())
        for agent in agents:
            agent.stop()
        try:
            if self._lost is None:
                with trio.move_on_after(self.grace if grace is None else grace):
                    for agent in agents:
                        await agent.idle()
                    await self.settling.done()
        finally:
            self._close.set()
        await self._ended.wait()

    close = aclose

    async def shutdown(self) -> None:
        """Unregister every agent, then close. What the hub refuses of that is passed over."""
        for agent in tuple(self._agents.values()):
            with suppress(NetworkError):
                await agent.unregister()
        await self.aclose()

    # --- agents

    async def register(
        self,
        agent: Agent,
        passport: Passport,
        resume: Resume,
        *,
        skill_md: str | None = None,
        rule: Rule | None = None,
        idempotency_key: str | None = None,
        turns: int = TURNS,
        declines: Declines | None = None,
        view: View | None = None,
        answers_invites: bool = True,
    ) -> AgentClient:
        """Register an agent and attach it here: from now on its deliveries come on this connection, and it takes its turns.

        It is what `AgentClient.register` does, with an `AgentClient`; cancellation and errors are told there.
        """
        return await AgentClient.register(
            self,
            agent,
            passport,
            resume,
            skill_md=skill_md,
            rule=rule,
            idempotency_key=idempotency_key,
            turns=turns,
            declines=declines,
            view=view,
            answers_invites=answers_invites,
        )

    async def register_human(
        self,
        passport: Passport,
        resume: Resume,
        *,
        rule: Rule | None = None,
        auto_ack_invites: bool = True,
        idempotency_key: str | None = None,
    ) -> HumanClient:
        """Register a person and attach it here; else like `register`. Raises `ValueError` for a passport of another kind."""
        return await HumanClient.register(
            self,
            Agent(passport.name),
            passport,
            resume,
            rule=rule,
            idempotency_key=idempotency_key,
            answers_invites=auto_ack_invites,
        )

    async def attach(
        self, agent: Agent, name: str, passport: Passport | None = None, resume: Resume | None = None
    ) -> AgentClient:
        """Attach an agent that is registered under a name; where none is, and both are given, register it.

        Raises `NotFoundError` for a name that nobody has and `AccessDeniedError` for another's; else like `register`.
        """
        found = await self.find_agent_id(name)
        if found is not None:
            return await self._installed(AgentClient, agent, await self.get_agent(found))
        if passport is None or resume is None:
            raise NotFoundError(f"expected the name of a registered agent, or a passport and a resume, came {name!a}")
        return await self.register(agent, passport, resume)

    # Any: how an agent goes about it, as the constructor of its client takes it.
    async def registered(self, kind: type[C], agent: Agent, made: Register, **manner: Any) -> C:
        """The client of the agent under a name, which is made, or was before. The agents'."""
        known = None if made.idempotency_key is not None else await self.find_agent_id(made.passport.name)
        if known is not None:
            try:
                return await self._installed(kind, agent, await self.get_agent(known), **manner)
            except (AccessDeniedError, NotFoundError):
                pass  # it is another's, or has just gone: its registration tells
        passport = cast(Passport, await self.ask(made))
        return await self._installed(kind, agent, passport, **manner)

    async def _installed(self, kind: type[C], agent: Agent, passport: Passport, **manner: Any) -> C:
        """An agent's client, attached. It is there before, for what is owed comes at once."""
        agent_id, nursery = passport.agent_id, self._nursery
        assert agent_id is not None, "the hub stamped it"
        assert nursery is not None, "the client is open"
        resume, rule = await self.get_resume(agent_id), await self.get_rule(agent_id)
        client = kind(self, agent, passport, resume=resume, rule=rule, nursery=nursery, **manner)
        before = self._agents.get(agent_id)
        self._agents[agent_id] = client
        try:
            await self.ask(Attach(agent_id=agent_id, link=""))
        except BaseException:
            self._restore(agent_id, before)
            raise
        if before is not None:
            before.lose(trio.BrokenResourceError("the agent was attached again"))
        return client

    def _restore(self, agent_id: str, before: AgentClient | None) -> None:
        if before is None:
            self._agents.pop(agent_id, None)
        else:
            self._agents[agent_id] = before

    async def unregister_agent(self, agent_id: str) -> None:
        """End an agent, and close its client, if it is here."""
        await super().unregister_agent(agent_id)
        agent = self._agents.get(agent_id)
        if agent is not None:
            await agent.aclose(grace=0)

    def forget(self, agent: AgentClient) -> None:
        """Deliver nothing more to an agent's client. The agents'."""
        if self._agents.get(agent.agent_id) is agent:
            del self._agents[agent.agent_id]

    @property
    def agents(self) -> tuple[AgentClient, ...]:
        """The agents on this connection, in the order in which they came."""
        return tuple(self._agents.values())
