"""The client's end of a link, as a machine without I/O: bytes, requests and the time in; bytes, events and the next deadline out.

    waiting --connected--> greeting --welcome--> open --lost--> waiting ... --close, turned away--> over

It outlives its connections. When one breaks, it says when the next is to be tried, and on that one does in this order: ack
what its owner acked and the hub has not confirmed, attach again the agents that were attached, and send again every request
that is not answered. So what its owner asked for happens once, and what is owed comes, whatever breaks in between.

What the shell that carries it owes:

1. When `connect_at` has come, open a connection (with TLS, where it is to be); then call `connected`, or `lost` where it
   could not be opened. Both are given the time; `lost` also a number from 0 to 1 of the shell's own drawing, so that many
   clients of one hub do not come back at one moment.
2. Give `receive` what comes; `b""` is the end of the stream. Write `data_to_send()` after every call and as the socket takes
   more. When `hung_up` and nothing is left to send, or when the connection breaks: close it and call `lost`.
3. After every call take `events()` in order. `Answered` and `Refused` come once for every request, `Delivered` at least once
   for every delivery until it is acked.
4. Call `advance` with the time when `next_deadline` comes.
5. Give it as `keys` a text that no other client ever has, a random one: it begins the keys that make a retry the same request.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Literal

from foldhub_core.commands import Attach, Command, Unregister
from foldhub_core.config import HubConfig
from foldhub_core.error_record import ErrorRecord, error_record
from foldhub_core.errors import NetworkError, ProtocolError, Unavailable
from foldhub_core.questions import LogQuestion, Question

from .answers import WordsPage, read_answer
from .events import Answered, ClientEvent, Closed, Connected, Connecting, Delivered, Lost, Refused
from .frame_bytes import read_frame
from .frames import CLOSED, VERSION, Answer, Deliveries, Evicted, Goodbye, Hello, Ping, Pong, Refusal, Welcome
from .framing import FrameBuffer
from .ledger import Ledger
from .limits import DEFAULT, WireLimits
from .requests import carried
from .sending import SendQueue

State = Literal["waiting", "greeting", "open", "over"]

FOR_GOOD = frozenset({"auth_failed", "access_denied", "protocol_error", "malformed"})
"""The codes of a `Goodbye` after which coming back would lead to the same."""

AGAIN_MS = 1_000
"""How long the client waits with its own requests when the hub cannot grant them now."""


LEAST_BYTES = 1_024
"""What a hub takes in one frame at least: the client's own requests are no larger."""

ACK_BYTES = 9
"""What one more number takes in an ack, at most."""


class ClientEnd:
    """The client's end of a link. See the top of this file for what its caller owes."""

    __slots__ = (
        "_attached",
        "_buffer",
        "_client",
        "_config",
        "_connect_at",
        "_credential",
        "_deadline_ms",
        "_error",
        "_events",
        "_heard_ms",
        "_hung_up",
        "_keys",
        "_ledger",
        "_limits",
        "_pinged",
        "_queue",
        "_state",
        "_tries",
        "_welcome",
    )

    def __init__(
        self,
        config: HubConfig,
        keys: str,
        now_ms: int,
        *,
        credential: str = "",
        client: str = "",
        limits: WireLimits = DEFAULT,
    ) -> None:
        """`config` holds the adapters by which the states of protocols are read."""
        self._config = config
        self._keys = keys
        self._credential = credential
        self._client = client
        self._limits = limits
        self._state: State = "waiting"
        self._connect_at = now_ms
        self._tries = 0
        self._error: ErrorRecord | None = None
        """Why the last connection ended."""
        self._hung_up = False
        self._events: deque[ClientEvent] = deque([Connecting(None)])
        self._buffer = FrameBuffer()
        self._queue = SendQueue(1)
        self._welcome: Welcome | None = None
        self._deadline_ms: int | None = None
        self._heard_ms = now_ms
        self._pinged = False
        self._ledger = Ledger()
        self._attached: dict[str, None] = {}
        """The agents whose deliveries come here, in the order they were attached."""

    # --- what the owner wants

    def ask(self, command: Command) -> int:
        """Ask for a command; gives the number its answer comes under.

        Raises `ProtocolError` for one that no wire carries, and `Malformed` for one that is too large.
        """
        return self._request(carried(command, f"{self._keys}-{self._ledger.next_ref}"))

    def question(self, question: Question | LogQuestion) -> int:
        """Ask a question; gives the number its answer comes under. Raises `Malformed` for one that is too large."""
        return self._request(question)

    def ack(self, agent_id: str, numbers: Iterable[int]) -> None:
        """These deliveries are done with. They are acked together with others, however often the link breaks."""
        if self._state == "over":
            return
        self._ledger.ack(agent_id, numbers)
        self._fill()

    def forget(self, ref: int) -> None:
        """Nobody waits for this request any more; whether it is done, nobody will be told."""
        self._ledger.forget(ref)

    def close(self) -> None:
        """End the link for good. What is not answered is refused."""
        if self._state == "open":
            self._queue.put(Goodbye(ErrorRecord(CLOSED, "the client has gone")))
        self._end(ErrorRecord(CLOSED, "the client has closed the link"))

    # --- what the connection does

    def connected(self, now_ms: int) -> None:
        """A connection is there."""
        if self._state != "waiting":
            return
        self._state, self._hung_up, self._error = "greeting", False, None
        self._buffer, self._queue = FrameBuffer(), SendQueue(1)
        self._heard_ms, self._pinged = now_ms, False
        self._deadline_ms = now_ms + self._limits.connect_ms
        self._queue.put(Hello(VERSION, self._credential, self._client, self._limits.client_frame_bytes))

    def lost(self, now_ms: int, jitter: float, error: NetworkError | None = None) -> None:
        """The connection is gone, or could not be opened."""
        if self._state == "over":
            return
        why = self._error or error_record(error or Unavailable("expected a connection, which is gone"))
        self._state, self._deadline_ms, self._error = "waiting", None, None
        pause = min(self._limits.pause_ms << min(self._tries, 16), self._limits.longest_pause_ms)
        self._tries += 1
        self._connect_at = now_ms + int(pause * (1 + jitter) / 2)
        self._queue.clear()
        self._events.append(Connecting(why))
        for request in self._ledger.lost():
            if not request.quiet:
                unknown = Unavailable("expected an answer before the link broke; whether it was done is not known")
                self._events.append(Refused(request.ref, error_record(unknown)))

    def receive(self, data: bytes, now_ms: int) -> None:
        """Take bytes from the hub; none are the end of the stream."""
        if not self._listens():
            return
        if not data:
            self._queue.clear()
            self._hang_up(Unavailable("expected the hub, which has ended the connection"))
            return
        self._heard_ms, self._pinged = now_ms, False
        self._buffer.take(data)
        try:
            while (payload := self._buffer.next(self._limits.client_frame_bytes)) is not None:
                frame = read_frame(payload)
                handle = self._HANDLED.get((self._state, type(frame)))
                if handle is None:
                    raise ProtocolError(f"expected another frame while the link is {self._state}, came {type(frame).__name__}")
                handle(self, frame, now_ms)
                if self._hung_up:
                    return
                if self._ledger.waiting:
                    self._fill()
        except NetworkError as error:
            self._queue.put(Goodbye(error_record(error)))
            self._hang_up(error)

    def advance(self, now_ms: int) -> None:
        """Let the time come."""
        if not self._listens():
            return
        if self._state == "greeting":
            if self._deadline_ms is not None and now_ms >= self._deadline_ms:
                self._hang_up(Unavailable(f"expected a welcome in {self._limits.connect_ms} ms, came none"))
            return
        self._ledger.due(now_ms)
        if now_ms >= self._heard_ms + self._limits.idle_ms:
            self._hang_up(Unavailable(f"expected a sign of life in {self._limits.idle_ms} ms, came none"))
        elif not self._pinged and now_ms >= self._heard_ms + self._limits.ping_ms:
            self._pinged = True
            self._queue.put(Ping(now_ms))
        self._fill()

    # --- what goes out

    @property
    def state(self) -> State:
        """How far the link is."""
        return self._state

    @property
    def connect_at(self) -> int | None:
        """When a connection is to be opened; None while there is one, and when none is wanted any more."""
        return self._connect_at if self._state == "waiting" else None

    @property
    def hung_up(self) -> bool:
        """Whether the connection is to be closed, once what is to be sent is sent."""
        return self._hung_up

    @property
    def unanswered(self) -> int:
        """How many requests are not answered, the client's own included."""
        return self._ledger.unanswered

    @property
    def acking(self) -> bool:
        """Whether anything was acked that the hub has not confirmed."""
        return self._ledger.acking

    @property
    def waiting(self) -> int:
        """How many bytes wait to be sent."""
        return self._queue.waiting

    def events(self) -> tuple[ClientEvent, ...]:
        """What happened, in order; each is given once."""
        events = tuple(self._events)
        self._events.clear()
        return events

    def data_to_send(self, most: int | None = None) -> bytes:
        """Bytes to be sent now, at most so many; each is given once."""
        return self._queue.take(self._limits.take_bytes if most is None else most)

    def next_deadline(self) -> int | None:
        """When `advance` is to be called though nothing comes in; None for never."""
        if not self._listens():
            return None
        if self._state == "greeting":
            return self._deadline_ms
        silence_ms = self._limits.idle_ms if self._pinged else self._limits.ping_ms
        heard_ms, again_ms = self._heard_ms + silence_ms, self._ledger.next_due()
        return heard_ms if again_ms is None else min(heard_ms, again_ms)

    # --- inside: what the hub says

    def _welcomed(self, frame: Welcome, now_ms: int) -> None:
        if frame.version != VERSION:
            raise ProtocolError(f"expected version {VERSION} of the wire, came {frame.version}", where="Welcome.version")
        if frame.frame_bytes < LEAST_BYTES:
            expected = f"a hub that takes frames of {LEAST_BYTES} bytes"
            raise ProtocolError(f"expected {expected}, came one of {frame.frame_bytes}", where="Welcome.frame_bytes")
        self._state, self._welcome, self._deadline_ms, self._tries = "open", frame, None, 0
        self._events.append(Connected(frame.hub_id, frame.subject, frame.agent_ids))
        self._ledger.begin(self._attached)

    def _answered(self, frame: Answer, now_ms: int) -> None:
        request = self._ledger.landed(frame.ref)
        value = read_answer(self._config, request.record, frame.value)
        if isinstance(value, WordsPage):
            if request.taken(value):
                self._ledger.more(request)
                return
            value = tuple(request.words)
        self._ledger.done(request)
        if isinstance(request.record, Attach):
            self._attached[request.record.agent_id] = None
        elif isinstance(request.record, Unregister):
            self._attached.pop(request.record.agent_id, None)
        if not request.quiet:
            self._events.append(Answered(request.ref, value))

    def _refused(self, frame: Refusal, now_ms: int) -> None:
        request = self._ledger.landed(frame.ref)
        record = request.record
        if request.own and frame.error.code == Unavailable.code:
            self._ledger.later(request, now_ms + AGAIN_MS)
            return
        self._ledger.done(request)
        if request.own and isinstance(record, Attach):
            del self._attached[record.agent_id]
            self._events.append(Lost(record.agent_id, frame.error))
        if not request.quiet:
            self._events.append(Refused(request.ref, frame.error))

    def _delivered(self, frame: Deliveries, now_ms: int) -> None:
        for sent in frame.deliveries:
            if not self._ledger.is_acked(sent.agent_id, sent.number):
                self._events.append(Delivered(sent.agent_id, sent.number, sent.attempt, sent.envelope))

    def _evicted(self, frame: Evicted, now_ms: int) -> None:
        self._attached.pop(frame.agent_id, None)
        self._events.append(Lost(frame.agent_id, None))

    def _ping(self, frame: Ping, now_ms: int) -> None:
        self._queue.put(Pong(frame.token))

    def _pong(self, frame: Pong, now_ms: int) -> None:
        """That anything came is all that was asked."""

    def _goodbye(self, frame: Goodbye, now_ms: int) -> None:
        if frame.error.code in FOR_GOOD:
            self._end(frame.error)
        else:
            self._hung_up, self._error = True, frame.error

    # --- inside: what is sent

    def _request(self, record: Command | Question | LogQuestion) -> int:
        request = self._ledger.add(record)
        if not request.fits(self._limits.frame_bytes):
            self._ledger.forget(request.ref)
            raise request.too_large(self._limits.frame_bytes)
        if self._state == "over":
            self._ledger.forget(request.ref)
            self._events.append(Refused(request.ref, error_record(Unavailable("expected a link, which is closed"))))
        self._fill()
        return request.ref

    def _fill(self) -> None:
        """Send what may be sent: acks before all else, and no more at once than the hub takes."""
        welcome = self._welcome
        if self._state != "open" or self._hung_up or welcome is None or not self._ledger.waiting:
            return
        acks = min(self._limits.ack_batch, (welcome.frame_bytes - LEAST_BYTES) // ACK_BYTES + 1)
        for wire_ref, request in self._ledger.sendable(welcome.in_flight, acks):
            if request.fits(welcome.frame_bytes):
                self._queue.put_carrier(request.kind, wire_ref, request.body)
            else:
                self._ledger.done(self._ledger.landed(wire_ref))
                self._events.append(Refused(request.ref, error_record(request.too_large(welcome.frame_bytes))))

    def _listens(self) -> bool:
        """Whether there is a connection that anything may come on."""
        return not self._hung_up and self._state in ("greeting", "open")

    def _hang_up(self, error: NetworkError) -> None:
        """This connection is of no use any more."""
        self._hung_up, self._error = True, error_record(error)

    def _end(self, error: ErrorRecord) -> None:
        """The link is over for good: refuse what is not answered, and say so."""
        if self._state == "over":
            return
        self._state, self._hung_up = "over", True
        closed = ErrorRecord(Unavailable.code, f"the link is closed: {error.message}")
        self._events.extend([Refused(request.ref, closed) for request in self._ledger.clear() if not request.quiet])
        self._attached.clear()
        self._events.append(Closed(error))

    _HANDLED: ClassVar[Mapping[tuple[State, type], Callable[..., None]]] = {
        ("greeting", Welcome): _welcomed,
        ("greeting", Goodbye): _goodbye,
        ("open", Answer): _answered,
        ("open", Refusal): _refused,
        ("open", Deliveries): _delivered,
        ("open", Evicted): _evicted,
        ("open", Ping): _ping,
        ("open", Pong): _pong,
        ("open", Goodbye): _goodbye,
    }
    """What is done with each frame in each state; a missing key is the refusal."""
