"""Where a hub is, and a client's connection to it: one pair of protocols for memory and for wires.

    async with link.connect() as duplex:
        passport = await duplex.ask(Register(...))
        await duplex.ask(Attach(agent_id=passport.agent_id, link=""))
        match await duplex.receive():
            case Delivery(): ...

What a connection may do comes from the connection: a `Principal`, widened by what it registers, and by the agents of its own
subject that it attaches. A command names its agent; the hub refuses one the connection may not act for.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, runtime_checkable

from foldhub_core import Command, Delivery, Face
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.records import record


@record
class Evicted:
    """Another connection carries the agent's deliveries now."""

    agent_id: str


@record
class LinkClosed:
    """Nothing comes any more: the connection has ended. What was not acked is still owed."""

    reason: str = ""
    """Why, where it was not its own client that closed it."""


Received: TypeAlias = Delivery | Evicted | LinkClosed
"""What a connection brings its client."""


class Duplex(Protocol):
    """One client's connection to a hub. Its methods may be called from several tasks; `receive` from one at a time."""

    async def ask(self, command: Command) -> object:
        """Ask for a command; gives the value of its `Reply`, when it is durable.

        The `link` of an `Attach` is the connection's to fill in, whatever it says; attaching again sends again what is owed.

        Raises the hub's refusal, an error of the NetworkError family; `Unavailable` where the hub is full, stopped or gone.
        Cancelled, the command may have been carried out or not: asked again under its key it is the same request.
        """
        ...

    async def question(self, question: Question | LogQuestion) -> object:
        """Ask what changes nothing: answered from what is durable, and for questions of the log from the store.

        Raises the hub's refusal. May be cancelled at any time.
        """
        ...

    async def receive(self) -> Received:
        """The next thing for this client, in the order in which the hub said it; a redelivery comes filled from the store.

        After `LinkClosed` it gives `LinkClosed` again. Cancelled, it has taken nothing.
        """
        ...

    async def receive_many(self, limit: int = 64) -> tuple[Received, ...]:
        """What there is for this client, at least one thing and at most `limit`, in order: one switch of tasks for all of it.

        Else like `receive`: cancelled, it has taken nothing.
        """
        ...

    # Any: a client holds faces of protocols of any state.
    def adapter_face(self, type: str, version: int) -> Face[Any] | None:
        """The face of a protocol: in process the hub's own, over a wire the client's; None where it is not known there."""
        ...


@runtime_checkable
class AcksSoon(Protocol):
    """A connection whose acks nobody waits for."""

    def ack_soon(self, agent_id: str, numbers: Sequence[int]) -> None:
        """Ack deliveries, together with what else is acked or asked now. With the connection closed they stay owed."""
        ...


class Link(Protocol):
    """Where a hub is."""

    def connect(self) -> AbstractAsyncContextManager[Duplex]:
        """A connection; it ends with the block, and with it the attachments of its agents.

        Raises `Unavailable` where there is no hub to connect to.
        """
        ...
