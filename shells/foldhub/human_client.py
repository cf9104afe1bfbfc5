"""A person's client: what is said to a person waits until it is taken, in one queue for all sessions."""

import inspect
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Self

import trio

from foldhub_core import Ack, Delivery, Envelope, Passport, Resume, changed
from foldhub_core.envelope import is_hub_event

from .agent_client import AgentClient
from .agents.agent import Agent
from .turning import Handler, log
from .waiting import Predicate

if TYPE_CHECKING:
    from .client import HubClient

KEPT_SESSIONS = 4_096
"""So many sessions that have ended are kept with what nobody took."""


class HumanClient(AgentClient):
    """What one person does in the network. `HubClient.register_human` gives one.

    What is said to it is acked when it is taken, or when the callbacks have seen it: so its inbox counts what is unread, and what
    nobody took comes again when it attaches. The hub's own events are acked at once. No turns are taken.

    What errors and cancellation do, `AgentClient` says.
    """

    kept_sessions = KEPT_SESSIONS

    def __init__(self, *given: Any, **more: Any) -> None:  # Any: what `AgentClient` takes
        super().__init__(*given, **more)
        self._unread: dict[tuple[str, int], int] = {}
        """The deliveries that are acked when they are taken, by the session and the number of the word."""
        self._callbacks: list[Handler] = []

    @classmethod
    async def register(
        cls, hub_client: "HubClient", agent: Agent, passport: Passport, resume: Resume, **more: Any
    ) -> Self:  # Any: what `AgentClient.register` takes
        """Register a person; else like `AgentClient.register`. Raises `ValueError` for a passport of another kind.

        Its callbacks hear one word at a time, of all sessions, where `turns` does not say how many.
        """
        if passport.kind not in (None, "human"):
            raise ValueError(f"expected a passport of kind 'human', came {passport.kind!r}")
        more.setdefault("turns", 1)
        return await super().register(hub_client, agent, changed(passport, kind="human"), resume, **more)

    def on_envelope(self, handler: Handler | None) -> None:
        """Have this done with every word, beside the queue: one callback after the other, in the order in which they were added.

        None removes them all. What one raises is logged, and keeps it from nobody else.
        """
        if handler is None:
            self._callbacks.clear()
        else:
            self._callbacks.append(handler)
        super().on_envelope(self._tell if self._callbacks else None)

    async def next_envelope(self, predicate: Predicate | None = None, timeout: float | None = None) -> Envelope:
        """Take the first word that fits, of whatever session, as soon as it is there; all others stay.

        Raises `trio.TooSlowError` after `timeout` seconds (None waits for ever), `trio.ClosedResourceError` or
        `trio.BrokenResourceError` where nothing comes any more, and what the predicate raises. Cancelled, it has taken nothing.
        """
        with trio.fail_after(float("inf") if timeout is None else timeout):
            return await self.waiting.first_of_any(predicate)

    def envelopes(self) -> AsyncIterator[Envelope]:
        """Take word after word, until the client is closed or the connection lost: `async for word in human.envelopes()`."""
        return _Envelopes(self)

    async def close_session(self, session_id: str, reason: str = "human_closed") -> None:
        """End a session, where the person may."""
        await self.session(session_id).close(reason)

    def work_off(self, delivery: Delivery) -> bool:
        """Do with a delivery what is to be done beside its being heard; False where that is put off. The client's."""
        word = delivery.envelope
        if is_hub_event(word.event_type) or self._callbacks or delivery.number is None:
            return super().work_off(delivery)
        self._unread[word.session_id, word.number] = delivery.number
        return True

    def taken(self, word: Envelope) -> None:
        """Somebody has taken a word. The client's."""
        number = self._unread.pop((word.session_id, word.number), None)
        if number is not None:
            self.settle(Ack(agent_id=self.agent_id, numbers=(number,)))

    def let_go(self, session_id: str, numbers: Iterable[int]) -> None:
        """Nobody can take these words any more: they are owed, and come again when the person attaches. The client's."""
        for word in numbers:
            number = self._unread.pop((session_id, word), None)
            if number is not None:
                self._heard.discard(number)

    async def _tell(self, word: Envelope) -> None:
        for callback in tuple(self._callbacks):
            try:
                came = callback(word)
                if inspect.isawaitable(came):
                    await came
            except Exception as error:
                log.warning("%s: a callback failed at %s", self.name, word.envelope_id, exc_info=error)


class _Envelopes:
    """Words as they come. No generator: one that is not run to its end would have to be closed."""

    def __init__(self, client: HumanClient) -> None:
        self._client = client

    def __aiter__(self) -> "_Envelopes":
        return self

    async def __anext__(self) -> Envelope:
        try:
            return await self._client.next_envelope()
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            raise StopAsyncIteration from None
