"""Turning: the deliveries of one agent are worked off, each as the core's plan of a turn says, beside the delivery itself.

Every session has a `lane`: what comes of it is done one after the other, and what comes of different sessions at the same time,
at most so many turns at once. Nothing here keeps the connection from bringing more: an agent may wait, inside its turn, for
what another one says. A word that ends its session, and a request to call a task off, overtake what waits in the lane and
reach the turn that runs.

What a turn says is posted before its delivery is acked. A turn that fails is a nack, with what went wrong: the hub lets it come
again after a pause, and lists it when it gives it up. A turn that was called off is acked: nobody wants its answer any more.
"""

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import attrs
import trio

from foldhub_core import (
    EV_SESSION_INVITE,
    EV_TASK_CANCEL_REQUEST,
    Ack,
    AnswerInvite,
    CancelTask,
    Delivery,
    DeliveryPage,
    EndTask,
    Envelope,
    Ignore,
    Nack,
    NamesFor,
    NeedLog,
    NetworkError,
    Plan,
    Post,
    ReadOwed,
    ReadSession,
    Round,
    Standing,
    StandingOf,
    TaskState,
    Turn,
    Unavailable,
    answered,
    changed,
    error_record,
    failed,
    introduction,
    plan,
    settled,
    take_turn,
)

from .agents.agent import Taking
from .lane import Lane
from .settling import LONGEST_PAUSE, PAUSE
from .waiting import ends_for

if TYPE_CHECKING:
    from .agent_client import AgentClient

AT_ONCE = 64
"""After so many deliveries in a row a lane lets others have a go."""

NO_NAMES: Mapping[str, str] = {}

log = logging.getLogger("foldhub.client")

# Any: a handler may give an awaitable, which is awaited, or whatever it likes, which is dropped.
Handler = Callable[[Envelope], Any]
"""What an owner does with a word; may be asynchronous."""


@attrs.define
class Current:
    """What an agent is doing: a turn, or the handling of a word."""

    agent_id: str
    cause: Envelope
    scope: trio.CancelScope | None = None
    """How it can be called off; None where it cannot."""
    tasks: list[str] = attrs.field(factory=list[str])
    """The tasks that were begun in it, and end with it where it is called off."""
    called_off: str | None = None
    """Why, where it was."""

    def call_off(self, reason: str) -> None:
        """Stop doing it."""
        if self.scope is not None:
            self.called_off = reason
            self.scope.cancel()


current: ContextVar[Current | None] = ContextVar("foldhub.current", default=None)
"""What the agent whose code runs is doing just now; None outside of turns and handlers."""


class Turning:
    """Works off the deliveries of one agent."""

    def __init__(self, client: "AgentClient", nursery: trio.Nursery, most: int) -> None:
        self._client = client
        self._nursery = nursery
        self._room = trio.Semaphore(most)
        self._lanes: dict[str, Lane] = {}
        self._stopping = False
        self._idle = trio.Event()
        self._idle.set()
        self.handler: Handler | None = None
        """Does with words what the owner wants, in place of turns."""
        self.by_hand: set[str] = set()
        """Sessions in which no turns are taken: their words are waited for."""
        self.tasks: dict[str, Callable[[str], None]] = {}
        """How the agent's running tasks are called off, by id."""

    # --- what comes

    def put(self, delivery: Delivery) -> bool:
        """Do what is to be done with a delivery, soon. Where nobody takes turns it is done already.

        False where too much waits before it: then it is put off, and the hub is asked for it in time.
        """
        if self._stopping:
            return True
        word = delivery.envelope
        if word.event_type == EV_TASK_CANCEL_REQUEST:
            self._call_off(delivery)
            return True
        if not self._is_work(word):
            if ends_for(word, delivery.agent_id):
                self.by_hand.discard(word.session_id)
            self._client.arrived(delivery)
            return True
        lane = self._lanes.get(word.session_id)
        if lane is None:
            lane = self._lanes[word.session_id] = Lane()
            self._idle = trio.Event() if self._idle.is_set() else self._idle
            self._nursery.start_soon(self._serve, word.session_id, lane)
        if ends_for(word, delivery.agent_id):
            lane.over = True
            self.by_hand.discard(word.session_id)
            if lane.current is not None:
                lane.current.call_off("the session is over")
        return lane.put(delivery)

    def has_put_off(self, session_id: str, number: int) -> bool:
        """Whether a delivery is put off."""
        lane = self._lanes.get(session_id)
        return lane is not None and lane.has_put_off(number)

    def holds(self, session_id: str, envelope_id: str) -> bool:
        """Whether a word waits to be worked off, or is being, or may be put off."""
        lane = self._lanes.get(session_id)
        if lane is None:
            return False
        doing = lane.current is not None and lane.current.cause.envelope_id == envelope_id
        return doing or lane.has_put_off() or any(one.envelope.envelope_id == envelope_id for one in lane.waiting)

    def stop(self) -> None:
        """Begin nothing new: what waits stays owed."""
        self._stopping = True
        for lane in self._lanes.values():
            lane.refilling.cancel()

    def cancel(self) -> None:
        """Stop at once: what is being done is cancelled, and stays owed."""
        self._stopping = True
        for lane in self._lanes.values():
            lane.scope.cancel()

    async def idle(self) -> None:
        """Wait until nothing is being done."""
        await self._idle.wait()

    def _is_work(self, word: Envelope) -> bool:
        if word.event_type == EV_SESSION_INVITE and self._client.answers_invites:
            return True
        if self.handler is not None:
            return True
        return self._client.agent.config is not None and word.session_id not in self.by_hand

    def _call_off(self, delivery: Delivery) -> None:
        """Tell whoever runs a task that it is to stop."""
        todo = plan(delivery, Standing(), None)
        assert isinstance(todo, CancelTask), "a request to cancel is planned as one"
        call_off = self.tasks.get(todo.task_id)
        if call_off is not None:
            call_off(todo.reason)
        self._client.settle(todo.then)

    # --- a lane

    async def _serve(self, session_id: str, lane: Lane) -> None:
        done = 0
        try:
            with lane.scope:
                while not self._stopping:
                    if not lane.waiting:
                        if not lane.has_put_off():
                            break
                        with trio.CancelScope() as lane.refilling:
                            await self._refill(session_id, lane)
                        continue
                    self._client.settle(await self._work(lane.waiting.popleft(), lane))
                    done += 1
                    if done % AT_ONCE == 0:
                        await trio.lowlevel.checkpoint()
        finally:
            del self._lanes[session_id]
            if not self._lanes:
                self._idle.set()

    async def _refill(self, session_id: str, lane: Lane) -> None:
        """Ask for what was put off, until the hub has answered. What it refuses for good stays owed."""
        name, pause = self._client.name, PAUSE
        while True:
            question = ReadOwed(agent_id=self._client.agent_id, session_id=session_id, after=lane.asks_from() - 1)
            try:
                page = cast(DeliveryPage, await self._client.duplex.question(question))
            except NetworkError as refusal:
                log.warning("%s: what is owed of %s could not be asked for: %s", name, session_id, refusal)
                if not isinstance(refusal, Unavailable):
                    page = DeliveryPage((), 0, False)
                    break
            except Exception as error:
                log.warning("%s: what is owed of %s could not be asked for", name, session_id, exc_info=error)
            else:
                break
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self._client.refilled(lane.refill(page))

    async def _work(self, delivery: Delivery, lane: Lane) -> Ack | Nack | None:
        """Do all that is to be done with a delivery; gives what ends it. Whatever is raised is a nack."""
        word = delivery.envelope
        lane.current = doing = Current(delivery.agent_id, word)
        try:
            if self.handler is not None and (word.event_type != EV_SESSION_INVITE or not self._client.answers_invites):
                return await self._handle(self.handler, delivery, doing)
            todo = await self._plan(delivery)
            if isinstance(todo, AnswerInvite):
                return await self._ask(delivery, todo)
            if not isinstance(todo, NeedLog):
                return todo.then
            return await self._turn(todo, delivery, lane, doing)
        except Exception as error:
            name, number = self._client.name, delivery.number
            log.warning("%s: delivery %s of %s failed", name, number, word.envelope_id, exc_info=error)
            return failed(delivery, error)
        finally:
            lane.current = None
            for task_id in doing.tasks:
                self.tasks.pop(task_id, None)

    async def _handle(self, handler: Handler, delivery: Delivery, doing: Current) -> Ack | Nack | None:
        current.set(doing)
        came = handler(delivery.envelope)
        if inspect.isawaitable(came):
            async with self._room:
                await came
        self._client.arrived(delivery)
        return None

    # --- a turn

    async def _plan(self, delivery: Delivery) -> Plan:
        duplex = self._client.duplex
        standing = cast(Standing, await duplex.question(StandingOf(agent_id=delivery.agent_id, envelope=delivery.envelope)))
        manifest = None if standing.session is None else standing.session.manifest
        face = None if manifest is None else duplex.adapter_face(manifest.type, manifest.version)
        return plan(delivery, standing, face, declines=self._client.declines, view=self._client.view)

    async def _turn(self, need: NeedLog, delivery: Delivery, lane: Lane, doing: Current) -> Ack | Nack | None:
        """Take a turn that was planned, once there is room for it."""
        if delivery.envelope.session_id in self.by_hand or self._client.agent.config is None:
            return settled(delivery)
        try:
            self._room.acquire_nowait()
        except trio.WouldBlock:
            await self._room.acquire()
            return await self._turn_again(delivery, lane, doing)
        return await self._turn_in_room(need, delivery, lane, doing)

    async def _turn_again(self, delivery: Delivery, lane: Lane, doing: Current) -> Ack | Nack | None:
        """Take a turn that had to wait, if it is still to be taken."""
        try:
            todo = await self._plan(delivery)
        except BaseException:
            self._room.release()
            raise
        if isinstance(todo, NeedLog):
            return await self._turn_in_room(todo, delivery, lane, doing)
        self._room.release()
        return None if isinstance(todo, AnswerInvite) else todo.then

    async def _turn_in_room(self, need: NeedLog, delivery: Delivery, lane: Lane, doing: Current) -> Ack | Nack | None:
        try:
            words = await self._words(need)
            names = await self._more_names(need, words)
            turn = take_turn(need, words, names=names, card=introduction(self._client.passport))
            if isinstance(turn, Ignore):
                return turn.then
            post: Post | None = None
            with trio.CancelScope() as scope:
                doing.scope = scope
                if lane.over:
                    doing.call_off("the session is over")
                current.set(doing)
                post = answered(turn, await self._run(turn))
        finally:
            self._room.release()
        if scope.cancelled_caught:
            await self._end_tasks(doing)
            return settled(delivery)
        return settled(delivery) if post is None else await self._ask(delivery, post)

    async def _run(self, turn: Turn) -> Round:
        client = self._client
        assert client.agent.config is not None, "only an agent with a config takes turns"
        taking = Taking(turn, client, client.session(turn.session))
        came = await client.agent.config.answer(client.agent, taking)
        made = Round(came) if isinstance(came, str) else came
        return changed(made, said=taking.said) if taking.said and not made.said else made

    async def _words(self, need: NeedLog) -> tuple[Envelope, ...]:
        if need.until < need.since:
            return ()
        question = ReadSession(session_id=need.session.session_id, since=need.since - 1, until=need.until)
        return tuple(cast("Iterable[Envelope]", await self._client.duplex.question(question)))

    async def _more_names(self, need: NeedLog, words: tuple[Envelope, ...]) -> Mapping[str, str]:
        """The names of those who spoke and take part no more, where the view shows names."""
        unknown = {word.sender_id: None for word in words if word.sender_id not in need.names}
        if not need.view.named or not unknown:
            return NO_NAMES
        return cast("Mapping[str, str]", await self._client.duplex.question(NamesFor(agent_ids=tuple(unknown))))

    async def _ask(self, delivery: Delivery, command: Post | AnswerInvite) -> Ack | Nack | None:
        try:
            await self._client.duplex.ask(command)
        except NetworkError as refusal:
            return settled(delivery, error_record(refusal))
        return settled(delivery)

    async def _end_tasks(self, doing: Current) -> None:
        """End the tasks of a turn that was called off, where the hub has not."""
        for task_id in doing.tasks:
            end = EndTask(
                task_id=task_id, agent_id=doing.agent_id, outcome=TaskState.CANCELLED, error=doing.called_off or "called off"
            )
            try:
                await self._client.duplex.ask(end)
            except NetworkError as refusal:
                log.debug("%s: task %s: %s", self._client.name, task_id, refusal)
