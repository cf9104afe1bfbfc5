"""Proxies: the way to agents that live on another system, one for each scheme of their `Auth`.

What is owed to a remote agent comes here as a `Forward`. An agent's deliveries are handed on one at a time, in order; those of
different agents beside each other. What fails, or has no proxy, is told to the hub, which lets it come again after a pause and
gives it up at the fifth time. What the other system says comes back as a post of the agent's: `hub.post_envelope`.
"""

from collections import deque
from typing import TYPE_CHECKING, Protocol

import trio

from foldhub_core import (
    Envelope,
    Forward,
    ForwardDone,
    ForwardFailed,
    NetworkError,
    NotFoundError,
    Passport,
    Redeliver,
    forwarding_passport,
)

if TYPE_CHECKING:
    from .hub import Hub

ROOM = 1_000
"""What may wait for one remote agent."""
AT_ONCE = 64
"""How many deliveries are handed on at the same time."""


class RemoteAgentProxy(Protocol):
    """Hands deliveries to another system. The hub does not close it."""

    @property
    def scheme(self) -> str:
        """The scheme of the agents it speaks for."""
        ...

    async def dispatch(self, envelope: Envelope, passport: Passport) -> None:
        """Hand a delivery on; when this returns, the hub owes it no more. Raise where it failed.

        The same one may come again. Cancelled, because the hub closes, it is owed, and comes again in the hub's next run.
        """
        ...


class Proxies:
    """The proxies of a hub, by scheme, and what is on its way to them."""

    def __init__(self, hub: "Hub", nursery: trio.Nursery) -> None:
        self._hub = hub
        self._nursery = nursery
        self._proxies: dict[str, RemoteAgentProxy] = {}
        self._waiting: dict[str, deque[Forward | Redeliver]] = {}
        """By agent; an agent has an entry as long as a task hands its deliveries on."""
        self._at_once = trio.CapacityLimiter(AT_ONCE)

    def register(self, proxy: RemoteAgentProxy) -> RemoteAgentProxy | None:
        """Use this proxy for its scheme; gives the one that was used before."""
        before = self._proxies.get(proxy.scheme)
        self._proxies[proxy.scheme] = proxy
        return before

    def unregister(self, scheme: str) -> RemoteAgentProxy | None:
        """Use no proxy for a scheme; gives the one that was used before."""
        return self._proxies.pop(scheme, None)

    def proxy_for(self, scheme: str) -> RemoteAgentProxy | None:
        """The proxy that is used for a scheme, or None."""
        return self._proxies.get(scheme)

    def put(self, effect: Forward | Redeliver) -> None:
        """Have a delivery handed on."""
        agent_id = _agent_of(effect)
        waiting = self._waiting.get(agent_id)
        if waiting is None:
            self._waiting[agent_id] = deque([effect])
            self._nursery.start_soon(self._hand_on, agent_id)
        elif len(waiting) < ROOM:
            waiting.append(effect)
        else:
            self._failed(effect, f"{ROOM} deliveries wait for its proxy")

    async def _hand_on(self, agent_id: str) -> None:
        waiting = self._waiting[agent_id]
        while waiting:
            effect = waiting[0]
            try:
                async with self._at_once:
                    await self._dispatch(effect)
            except Exception as error:
                self._failed(effect, f"{type(error).__name__}: {error}")
            else:
                self._hub.loop.take_outcome(ForwardDone(agent_id=agent_id, number=effect.number))
            waiting.popleft()
        del self._waiting[agent_id]

    async def _dispatch(self, effect: Forward | Redeliver) -> None:
        envelope: Envelope | None
        if isinstance(effect, Forward):
            passport, envelope = effect.passport, effect.envelope
        else:
            try:
                passport = forwarding_passport(self._hub.state, effect.agent_id)
            except NetworkError:
                return  # it was unregistered, and nothing is owed to it
            desk = self._hub.desk
            envelope = await desk.read(desk.store.envelope, effect.envelope_id)
            if envelope is None:
                raise NotFoundError(f"expected {effect.envelope_id} in the store, came none")
        proxy = self._proxies.get(passport.auth.scheme)
        if proxy is None:
            raise NotFoundError(f"expected a proxy for the scheme {passport.auth.scheme!r}, came none")
        await proxy.dispatch(envelope, passport)

    def _failed(self, effect: Forward | Redeliver, reason: str) -> None:
        self._hub.loop.take_outcome(ForwardFailed(agent_id=_agent_of(effect), number=effect.number, reason=reason))


def _agent_of(effect: Forward | Redeliver) -> str:
    if isinstance(effect, Redeliver):
        return effect.agent_id
    assert effect.passport.agent_id is not None, "a registered agent has an id"
    return effect.passport.agent_id
