"""A client's connection to a hub over TCP: the wire machine of its side, carried by trio."""

import random
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import trio

from foldhub_core import (
    Ack,
    Command,
    Delivery,
    ErrorRecord,
    Face,
    HubConfig,
    NetworkError,
    Unavailable,
    error_from,
)
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.records import trusted
from foldhub_core.wire.client import ClientEnd
from foldhub_core.wire.events import Answered, Closed, Connected, Connecting, Delivered, Lost, Refused

from .link import Evicted, LinkClosed, Received
from .pipes import Pipe, Sender, pipe_of
from .sockets import Alarm, Bell, now_ms
from .steady_log import SteadyLog
from .untaken import Untaken

if TYPE_CHECKING:
    from .tcp import TcpLink

LOG = SteadyLog("foldhub.tcp")

ROOM = 10_000
"""How many deliveries may wait for their client; with so many, nothing is read."""

ACKS = 64
"""How many deliveries are acked at once at the latest."""

LinkState = Literal["connecting", "connected", "closed"]

_delivery = trusted(Delivery)


class _Asked:
    """Somebody who waits for an answer."""

    __slots__ = ("answer", "task")

    def __init__(self) -> None:
        self.answer: Answered | Refused | None = None
        self.task: trio.lowlevel.Task | None = None


class TcpConnection:
    """A `Duplex` over TCP. `TcpLink.connect` makes one."""

    def __init__(
        self,
        link: "TcpLink",
        config: HubConfig,
        credentials: str,
        client: str,
        on_state: Callable[[LinkState, str], None] | None,
    ) -> None:
        self.state: LinkState = "connecting"
        self.hub_id = ""
        """The hub it is connected to, or was last."""
        self.subject = ""
        """As whom the hub knows this client."""
        self.ended = trio.Event()
        """Set when nothing comes or goes any more."""
        self._link = link
        self._config = config
        self._on_state = on_state
        keys = secrets.token_hex(8)
        self._end = ClientEnd(config, keys, now_ms(), credential=credentials, client=client, limits=link.limits)
        self._asked: dict[int, _Asked] = {}
        self._received = Untaken()
        self._receiving = False
        self._arrived = Bell()
        self._full = False
        """Whether nothing is read, for so much waits that the owner did not take."""
        self._begun = trio.Event()
        """Set when the first try has ended, one way or the other."""
        self._why = ""
        """Why there is no connection, where there is none."""
        self._refused: ErrorRecord | None = None
        """What the hub turned it away with for good."""
        self._alarm = Alarm()
        self._sender: Sender | None = None
        """Sends on the socket there is."""
        self._acked: dict[str, list[int]] = {}
        """Acks that wait for others, by agent."""
        self._acks = 0
        """How many deliveries they ack."""
        self._acks_go = False
        """Whether they wait for no more than the sender's turn."""
        self._ack_at_ms: int | None = None
        """When they are sent at the latest, while others may come."""
        self._confirmed: trio.Event | None = None
        """Set when they are confirmed, or there is no connection; None while nobody waits for that."""
        self._readable = Bell()
        self._closed = Bell()
        self._hung_up = Bell()
        """Rings when the socket there is is of no use any more."""

    # --- what the client asks

    async def ask(self, command: Command) -> object:
        """Ask for a command; see `Duplex`. A checkpoint, but for acks.

        While there is no connection it waits for one. Acks are not waited for: they go out before anything that is asked after
        them, and by themselves as soon as whoever acks waits, or some milliseconds later where more has come that was not taken;
        raised is for them only that the connection is closed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if type(command) is Ack:
            if self._is_over():
                raise Unavailable("expected an open connection, came one that is closed")
            self.ack_soon(command.agent_id, command.numbers)
            return None
        self._ack_all()
        try:
            ref = self._end.ask(command)
        except NetworkError:
            self._happen()
            raise
        return await self._answer(ref)

    async def question(self, question: Question | LogQuestion) -> object:
        """Ask what changes nothing; see `Duplex`. A checkpoint. While there is no connection it waits for one."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._ack_all()
        return await self._answer(self._end.question(question))

    # Any: faces of protocols of any state.
    def adapter_face(self, type: str, version: int) -> Face[Any] | None:
        """The client's own face of a protocol."""
        return self._config.adapter_for(type, version)

    def ack_soon(self, agent_id: str, numbers: Sequence[int]) -> None:
        """Ack deliveries, as `ask` does, but with the connection closed leave them owed."""
        self._acked.setdefault(agent_id, []).extend(numbers)
        self._received.acked(agent_id, numbers)
        self._acks += len(numbers)
        ack_ms = self._link.limits.ack_ms
        if self._sender is None or self.state != "connected":
            self._ack_all()
        elif not ack_ms or not self._received or self._acks >= ACKS:
            # All that is acked until the sender has its turn goes together.
            self._acks_go = True
            self._sender.soon()
        elif self._ack_at_ms is None:
            self._ack_at_ms = now_ms() + ack_ms
            self._alarm.move(self._ack_at_ms)

    def _data_to_send(self) -> bytes:
        if self._acks_go:
            self._ack_all()
        return self._end.data_to_send()

    def _ack_all(self) -> None:
        """Have all acks sent that wait, before anything else."""
        for agent_id, numbers in self._acked.items():
            self._end.ack(agent_id, numbers)
        self._acked.clear()
        self._acks, self._acks_go, self._ack_at_ms = 0, False, None

    async def _answer(self, ref: int) -> object:
        asked = self._asked[ref] = _Asked()
        # Where others wait too, it is likely that more is asked before the sender has its turn.
        self._happen(at_once=len(self._asked) == 1)
        if asked.answer is None:
            asked.task = trio.lowlevel.current_task()

            def abort(_: object) -> trio.lowlevel.Abort:
                self._asked.pop(ref, None)
                self._end.forget(ref)
                return trio.lowlevel.Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(abort)
        answer = asked.answer
        assert answer is not None, "whoever waits for an answer is woken with it"
        if isinstance(answer, Refused):
            raise error_from(answer.error)
        return answer.value

    # --- what comes to the client

    async def receive(self) -> Received:
        """The next thing for the client; see `Duplex`. A checkpoint."""
        (one,) = await self.receive_many(1)
        return one

    async def receive_many(self, limit: int = 64) -> tuple[Received, ...]:
        """What there is for the client; see `Duplex`. A checkpoint. Raises `trio.BusyResourceError` where another receives."""
        if self._receiving:
            raise trio.BusyResourceError("another task receives from this connection")
        self._receiving = True
        try:
            if self._received or self._is_over():
                await trio.lowlevel.checkpoint()
            while not (taken := self._received.take(limit)):
                if self._is_over():
                    return (LinkClosed(self._why),)
                await self._arrived.wait()
            if self._full and len(self._received) < ROOM:
                self._readable.ring()
            return taken
        finally:
            self._receiving = False

    async def confirmed(self) -> None:
        """Wait until the hub has confirmed what was acked, or there is no connection. A checkpoint."""
        self._ack_all()
        self._happen()
        await trio.lowlevel.checkpoint()
        while self._end.acking and self.state == "connected":
            self._confirmed = trio.Event()
            await self._confirmed.wait()

    def close(self) -> None:
        """End it for good: what is not answered is refused. Closing twice is closing once."""
        self._ack_all()
        self._end.close()
        self._happen()
        if self._sender is not None:
            self._sender.now()  # its task may be cancelled before it has its turn

    # --- carrying it

    async def first(self) -> None:
        """Wait for the first connection; raises why there is none. A checkpoint."""
        await self._begun.wait()
        if self._refused is not None:
            raise error_from(self._refused)
        if self.state != "connected":
            raise Unavailable(f"expected a hub at {self._link.host} port {self._link.port}, came none: {self._why}")

    async def run(self) -> None:
        """Keep a connection, until it is closed or turned away for good."""
        end = self._end
        try:
            self._happen()
            while (connect_at := end.connect_at) is not None:
                if connect_at > now_ms():
                    with trio.CancelScope(deadline=connect_at / 1000):
                        await self._closed.wait()
                if self._is_over():
                    break
                error = await self._connect()
                self._happen()
                end.lost(now_ms(), random.random(), error)
                self._happen()
                self._begun.set()
        finally:
            self._begun.set()
            self.ended.set()

    def _is_over(self) -> bool:
        return self._end.state == "over"

    async def _connect(self) -> NetworkError | None:
        """Carry one socket to its end; gives why there was none."""
        end, limits = self._end, self._link.limits
        stream: trio.abc.Stream | None = None
        with trio.move_on_after(limits.connect_ms / 1000):
            try:
                stream = await self._link.open_stream()
            except (OSError, trio.BrokenResourceError) as error:
                return Unavailable(f"expected a connection, came an error: {_said(error)}")
        if stream is None:
            return Unavailable(f"expected a connection in {limits.connect_ms} ms, came none")
        pipe = pipe_of(stream)
        self._sender = sender = Sender(pipe, self._data_to_send)
        try:
            end.connected(now_ms())
            self._hung_up = Bell()
            async with trio.open_nursery() as nursery:
                gone = trio.Event()
                nursery.start_soon(self._give_up, nursery.cancel_scope)
                nursery.start_soon(self._read, pipe, gone)
                nursery.start_soon(self._keep_time)
                await sender.run(lambda: end.hung_up)
                if self._is_over():
                    await pipe.say_no_more()
                    await gone.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._sender = None
            with trio.CancelScope(shield=True):
                await pipe.close()
        return None

    async def _read(self, pipe: Pipe, gone: trio.Event) -> None:
        end, most = self._end, self._link.limits.take_bytes
        while not gone.is_set():
            while len(self._received) >= ROOM and not end.hung_up:
                self._full = True
                await self._readable.wait()
            data = await pipe.receive(most)
            if not data:
                gone.set()
            end.receive(data, now_ms())
            del data  # a connection that waits holds nothing of what came
            self._full = False
            self._happen()

    async def _give_up(self, socket: trio.CancelScope) -> None:
        """Wait no longer than a little for a hub that takes no last word, or does not go."""
        await self._hung_up.wait()
        await trio.sleep(self._link.limits.goodbye_ms / 1000)
        socket.cancel()

    async def _keep_time(self) -> None:
        end = self._end
        while True:
            due_ms = None if self._full else end.next_deadline()
            if self._ack_at_ms is not None and (due_ms is None or self._ack_at_ms < due_ms):
                due_ms = self._ack_at_ms
            await self._alarm.sleep(due_ms)
            now = now_ms()
            if self._ack_at_ms is not None and now >= self._ack_at_ms:
                self._ack_all()
            # While it does not listen itself, that nothing is heard tells nothing.
            if not self._full:
                end.advance(now)
            self._happen()

    # --- what happens

    def _happen(self, *, at_once: bool = False) -> None:
        """Let happen what the machine says, and wake whoever it is for. What there is to say is sent soon, or at once."""
        end = self._end
        for event in end.events():
            if type(event) is Delivered:
                if event.attempt == 1 or event.number not in self._acked.get(event.agent_id, ()):
                    self._received.put(_delivery(event.agent_id, event.envelope, event.number, event.attempt))
            elif type(event) is Answered or type(event) is Refused:
                self._give(event)
            elif type(event) is Lost:
                self._received.put(Evicted(event.agent_id))
            elif type(event) is Connected:
                self._why = ""
                self.hub_id, self.subject = event.hub_id, event.subject
                self._tell("connected", "")
                self._begun.set()
            elif type(event) is Connecting:
                self._why = "" if event.error is None else event.error.message
                self._ack_all()
                self._forget_deliveries()
                self._tell("connecting", self._why)
            elif type(event) is Closed:
                if self.state == "connecting":
                    self._refused = event.error
                self._why = event.error.message
                self._tell("closed", self._why)
        if self._received:
            self._arrived.ring()
        hung_up = end.hung_up
        if hung_up:
            self._readable.ring()
            self._hung_up.ring()
            if self._is_over():
                self._arrived.ring()
                self._closed.ring()
        sender = self._sender
        if sender is not None and (hung_up or end.waiting):
            if at_once and not hung_up:
                sender.now()
            else:
                sender.soon()
        if self._confirmed is not None and (not end.acking or self.state != "connected"):
            self._confirmed.set()
        self._alarm.move(end.next_deadline())

    def _forget_deliveries(self) -> None:
        """The connection is gone: what the owner did not take yet comes again with the next."""
        self._received.forget_deliveries()
        self._full = False

    def _give(self, answer: Answered | Refused) -> None:
        asked = self._asked.pop(answer.ref, None)
        if asked is None:
            return
        asked.answer = answer
        if asked.task is not None:
            trio.lowlevel.reschedule(asked.task)

    def _tell(self, state: LinkState, why: str) -> None:
        self.state = state
        LOG.info("%s port %d: %s %a", self._link.host, self._link.port, state, why)
        if self._on_state is not None:
            try:
                self._on_state(state, why)
            except Exception:
                LOG.exception("who was to be told of the connection's state raised")


def _said(error: Exception) -> str:
    """What an error says, with what is behind it."""
    return str(error.__cause__ or error) or type(error).__name__
