"""The hub's end of a link, as a machine without I/O: bytes, what the hub says, and the time in; bytes, events and the next
deadline out.

    opening --hello--> checking --accept--> open --goodbye, end of the stream, too slow, malformed--> over

What the shell that carries it owes:

1. Read only while `reading`, at most `limits.take_bytes` at once, and give `receive` what came; `b""` is the end of the
   stream. Not reading is how the client is told to wait.
2. After every call take `events()` in order. `Introduced` asks for the check of a credential, which ends with `accept` or
   `turn_away`. `Asked` and `Questioned` are each answered once, with `answer` or `refuse`, in any order; before one that names
   an agent which `rights.belongs` to the principal's subject, `widen` lets it act for that agent, so that a client that comes
   back has what it had. What the engine has no room for the shell keeps, and reads no more until there is.
   `Undeliverable` asks that the delivery be nacked. `Gone` is the last: the agents it names are to be detached from the link,
   and so is one whose `Attach` is granted afterwards, for nobody is there to be told.
3. After every call, and as the socket takes more, write `data_to_send()`. When `over` and nothing is left to send, close.
4. Call `advance` with the time when `next_deadline` comes.
5. A credential is looked at, and forgotten: it goes into no log and no arrival.

Effects become `answer`, `refuse`, `deliver` and `evict`, in the order in which they are released. A client that does not read
is dropped when `limits.send_bytes` wait for it; nothing is lost with it, for what it did not ack is owed to it.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

from foldhub_core.commands import Attach, Command, Principal, Register, Unregister
from foldhub_core.config import HubConfig
from foldhub_core.envelope import Envelope
from foldhub_core.error_record import ErrorRecord, error_record
from foldhub_core.errors import AuthError, Malformed, NetworkError, ProtocolError, Unavailable
from foldhub_core.identity import Passport
from foldhub_core.pages import DeliveryPage
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.records import changed

from .answers import WordsPage, delivery_page, words_page, write_answer
from .events import Asked, Gone, HubEvent, Introduced, Questioned, Undeliverable
from .frame_bytes import read_frame
from .frames import (
    CLOSED,
    VERSION,
    Answer,
    Ask,
    Evicted,
    Goodbye,
    Hello,
    Ping,
    Pong,
    Query,
    Refusal,
    Welcome,
)
from .framing import FrameBuffer
from .limits import DEFAULT, WireLimits
from .pace import Pace
from .rights import read_command, read_question
from .sending import SendQueue

State = Literal["opening", "checking", "open", "over"]


class HubEnd:
    """The hub's end of one link. See the top of this file for what its caller owes."""

    __slots__ = (
        "_attached",
        "_buffer",
        "_client_bytes",
        "_config",
        "_deadline_ms",
        "_events",
        "_frame_ms",
        "_heard_ms",
        "_last_ref",
        "_limits",
        "_link",
        "_open_requests",
        "_pace",
        "_pinged",
        "_principal",
        "_queue",
        "_state",
    )

    def __init__(self, config: HubConfig, link: str, now_ms: int, limits: WireLimits = DEFAULT) -> None:
        """`link` is the shell's name for it: the one its agents are attached to."""
        self._config = config
        self._link = link
        self._limits = limits
        self._buffer = FrameBuffer()
        self._queue = SendQueue(limits.batch)
        self._pace = Pace(limits, now_ms)
        self._events: deque[HubEvent] = deque()
        self._state: State = "opening"
        self._principal = Principal()
        self._client_bytes = limits.hello_bytes
        """The largest frame the client takes."""
        self._open_requests: dict[int, Command | Question | LogQuestion] = {}
        self._last_ref = 0
        self._attached: dict[str, None] = {}
        """The agents whose deliveries it carries."""
        self._deadline_ms: int | None = now_ms + limits.hello_ms
        """When the hello, the check or the goodbye has taken too long."""
        self._heard_ms = now_ms
        self._pinged = False
        """Whether the client was asked whether it is there, and nothing was heard since."""
        self._frame_ms: int | None = None
        """Since when a frame is begun that is not all there."""

    # --- what comes in

    def receive(self, data: bytes, now_ms: int) -> None:
        """Take bytes from the client; none are the end of the stream."""
        self._pace.advance(now_ms)
        if self._state == "over":
            return
        if not data:
            held = self._buffer.held
            broken = Malformed(f"expected whole frames, came the end of the stream {held} bytes into one", where="frame")
            self._end(error_record(broken) if held else _closed("the client has gone"), now_ms, say=False)
            return
        self._heard_ms, self._pinged = now_ms, False
        self._buffer.take(data)
        self._take_frames(now_ms)

    def advance(self, now_ms: int) -> None:
        """Let the time come."""
        self._pace.advance(now_ms)
        if self._deadline_ms is not None and now_ms >= self._deadline_ms:
            self._too_late(now_ms)
        if self._state == "over":
            return
        self._take_frames(now_ms)
        if not self.reading:
            # It is not asked to say anything.
            self._heard_ms = now_ms
        elif self._frame_ms is not None and now_ms >= self._frame_due(self._frame_ms):
            self._fail(Unavailable("expected the rest of a frame in time, came none", where="frame"), now_ms)
        elif self._state == "open" and now_ms >= self._heard_ms + self._limits.idle_ms:
            self._fail(Unavailable(f"expected a sign of life in {self._limits.idle_ms} ms, came none"), now_ms)
        elif self._state == "open" and not self._pinged and now_ms >= self._heard_ms + self._limits.ping_ms:
            self._pinged = True
            self._queue.put(Ping(now_ms))

    # --- what the hub says

    def accept(self, principal: Principal, hub_id: str, now_ms: int) -> None:
        """The credential is good: from now on requests are taken, on behalf of this principal."""
        if self._state != "checking":
            return
        limits = self._limits
        self._state, self._deadline_ms, self._heard_ms = "open", None, now_ms
        self._principal = principal
        sizes = (limits.frame_bytes, limits.in_flight, limits.ping_ms, limits.idle_ms)
        self._queue.put(Welcome(VERSION, hub_id, principal.subject, principal.agent_ids, *sizes))
        self._pace.advance(now_ms)
        self._take_frames(now_ms)

    def turn_away(self, now_ms: int, error: NetworkError | None = None) -> None:
        """The credential is not good: the client is told so, in the same words whatever was wrong with it, and goes."""
        if self._state == "checking":
            self._fail(error or AuthError("expected a credential that is known, came another"), now_ms)

    def answer(self, ref: int, value: object, now_ms: int) -> None:
        """Answer a request that was granted; a `ReadSession` with a `WordsPage`.

        An agent that was registered here may be acted for from now on; of one that was unregistered nothing is kept.
        """
        request = self._open_requests.get(ref)
        if request is None:
            return
        if type(request) is Register and isinstance(value, Passport) and value.agent_id is not None:
            self.widen(value.agent_id)
        if type(request) is Attach:
            self._attached[request.agent_id] = None
        elif type(request) is Unregister:
            self._attached.pop(request.agent_id, None)
            rest = tuple([agent_id for agent_id in self._principal.agent_ids if agent_id != request.agent_id])
            self._principal = changed(self._principal, agent_ids=rest)
        room = self._client_bytes - _AROUND
        if isinstance(value, WordsPage):
            value = words_page(value.words, value.upto, value.more, room)
        elif isinstance(value, DeliveryPage):
            value = delivery_page(value, room)
        data = write_answer(self._config, request, value)
        if len(data) > room:
            came = f"one of {len(data)}"
            self.refuse(ref, error_record(Malformed(f"expected an answer of at most {room} bytes, came {came}")), now_ms)
            return
        self._queue.put_carrier(Answer, ref, data)
        self._said(ref, now_ms)

    def refuse(self, ref: int, error: ErrorRecord, now_ms: int) -> None:
        """Answer a request that was refused."""
        if ref in self._open_requests:
            self._queue.put(Refusal(ref, error))
            self._said(ref, now_ms)

    def deliver(self, agent_id: str, number: int, attempt: int, envelope: Envelope, now_ms: int) -> None:
        """Deliver an envelope."""
        if self._state != "open":
            return
        most = self._client_bytes
        if not self._queue.put_delivery(agent_id, number, attempt, envelope, most):
            reason = f"expected an envelope that fits into a frame of {most} bytes, came a larger one"
            self._events.append(Undeliverable(agent_id, number, reason))
        self._check_waiting(now_ms)

    def evict(self, agent_id: str, now_ms: int) -> None:
        """Tell the client that another link carries the agent's deliveries."""
        self._attached.pop(agent_id, None)
        if self._state == "open":
            self._queue.put(Evicted(agent_id))
            self._check_waiting(now_ms)

    def widen(self, agent_id: str) -> None:
        """Let the principal act for one agent more."""
        if agent_id not in self._principal.agent_ids:
            self._principal = changed(self._principal, agent_ids=(*self._principal.agent_ids, agent_id))

    def close(self, now_ms: int, error: NetworkError | None = None) -> None:
        """End the link: the hub stops, or the credential was revoked."""
        if self._state != "over":
            self._end(_closed("the hub has gone") if error is None else error_record(error), now_ms)

    # --- what goes out

    @property
    def link(self) -> str:
        """The shell's name for the link."""
        return self._link

    @property
    def principal(self) -> Principal:
        """On whose behalf requests come now."""
        return self._principal

    @property
    def state(self) -> State:
        """How far the link is."""
        return self._state

    @property
    def over(self) -> bool:
        """Whether nothing more is taken in; what is left to send may still be sent."""
        return self._state == "over"

    @property
    def reading(self) -> bool:
        """Whether the socket is to be read."""
        if self._state == "open":
            return len(self._open_requests) < self._limits.in_flight and self._pace.may_take
        return self._state == "opening"

    @property
    def waiting(self) -> int:
        """How many bytes wait to be sent."""
        return self._queue.waiting

    def events(self) -> tuple[HubEvent, ...]:
        """What happened, in order; each is given once."""
        events = tuple(self._events)
        self._events.clear()
        return events

    def data_to_send(self, most: int | None = None) -> bytes:
        """Bytes to be sent now, at most so many; each is given once."""
        return self._queue.take(self._limits.take_bytes if most is None else most)

    def next_deadline(self) -> int | None:
        """When `advance` is to be called though nothing comes in; None for never."""
        if self._state != "open":
            due = [] if self._deadline_ms is None else [self._deadline_ms]
        elif not self._pace.may_take:
            return self._pace.ready_ms
        elif len(self._open_requests) >= self._limits.in_flight:
            return None
        elif self._frame_ms is None:
            return self._heard_ms + (self._limits.idle_ms if self._pinged else self._limits.ping_ms)
        else:
            due = [self._heard_ms + (self._limits.idle_ms if self._pinged else self._limits.ping_ms)]
        if self._frame_ms is not None and self.reading:
            due.append(self._frame_due(self._frame_ms))
        return min(due, default=None)

    # --- inside

    def _take_frames(self, now_ms: int) -> None:
        """Take frames as long as there are any and they may be taken. All that a client says goes through here."""
        try:
            while self.reading:
                payload = self._buffer.next(self._limits.frame_bytes if self._state == "open" else self._limits.hello_bytes)
                if payload is None:
                    break
                self._frame_ms = None
                self._pace.spend(len(payload))
                frame = read_frame(payload)
                handle = self._HANDLED.get((self._state, type(frame)))
                if handle is None:
                    raise ProtocolError(f"expected another frame while the link is {self._state}, came {type(frame).__name__}")
                handle(self, frame, now_ms)
        except (Malformed, ProtocolError) as error:
            self._fail(error, now_ms)
        if not self._buffer.held or not self.reading:
            self._frame_ms = None
        elif self._frame_ms is None:
            self._frame_ms = now_ms

    def _hello(self, frame: Hello, now_ms: int) -> None:
        if frame.version != VERSION:
            raise ProtocolError(f"expected version {VERSION} of the wire, came {frame.version}", where="Hello.version")
        if frame.frame_bytes < self._limits.hello_bytes:
            expected = f"at least {self._limits.hello_bytes}"
            raise ProtocolError(f"expected {expected}, came {frame.frame_bytes}", where="Hello.frame_bytes")
        self._state, self._deadline_ms = "checking", now_ms + self._limits.check_ms
        self._client_bytes = min(frame.frame_bytes, self._limits.client_frame_bytes)
        self._events.append(Introduced(frame.credential, frame.client))

    def _request(self, frame: Ask | Query, now_ms: int) -> None:
        ref = frame.ref
        if ref <= self._last_ref:
            raise ProtocolError(f"expected the number of a request above {self._last_ref}, came {ref}", where="ref")
        self._last_ref = ref
        try:
            request = read_command(frame.command) if isinstance(frame, Ask) else read_question(frame.question)
        except NetworkError as error:
            self._queue.put(Refusal(ref, error_record(error)))
            self._check_waiting(now_ms)
            return
        if type(request) is Attach:
            request = changed(request, link=self._link)
        self._open_requests[ref] = request
        self._events.append(Asked(ref, request) if isinstance(request, Command) else Questioned(ref, request))

    def _ping(self, frame: Ping, now_ms: int) -> None:
        self._queue.put(Pong(frame.token))
        self._check_waiting(now_ms)

    def _pong(self, frame: Pong, now_ms: int) -> None:
        """That anything came is all that was asked."""

    def _goodbye(self, frame: Goodbye, now_ms: int) -> None:
        self._end(frame.error, now_ms, say=False)

    def _said(self, ref: int, now_ms: int) -> None:
        """What came of a request was said; one more may be taken for it."""
        del self._open_requests[ref]
        self._check_waiting(now_ms)
        if self._buffer.held:
            self._take_frames(now_ms)

    def _check_waiting(self, now_ms: int) -> None:
        if self._queue.waiting > self._limits.send_bytes:
            came = f"{self._queue.waiting} that wait"
            error = Unavailable(f"expected a client that reads, with at most {self._limits.send_bytes} bytes for it, came {came}")
            self._end(error_record(error), now_ms, say=False)

    def _frame_due(self, since_ms: int) -> int:
        size = min(self._buffer.length or 0, self._limits.frame_bytes)
        return since_ms + self._limits.frame_ms + size * 1_000 // self._limits.least_bytes_per_s

    def _too_late(self, now_ms: int) -> None:
        """The hello, the check or the goodbye took too long."""
        if self._state == "over":
            self._queue.clear()
            self._deadline_ms = None
        elif self._state == "opening":
            self._fail(Unavailable(f"expected a hello in {self._limits.hello_ms} ms, came none"), now_ms)
        else:
            self._fail(Unavailable(f"expected the check of a credential in {self._limits.check_ms} ms, came none"), now_ms)

    def _fail(self, error: NetworkError, now_ms: int) -> None:
        self._end(error_record(error), now_ms)

    def _end(self, error: ErrorRecord, now_ms: int, *, say: bool = True) -> None:
        """The link is over: say why where it can be heard, and nothing after it."""
        self._state, self._deadline_ms, self._frame_ms = "over", None, None
        self._open_requests.clear()
        if say:
            self._queue.put(Goodbye(error))
            self._deadline_ms = now_ms + self._limits.goodbye_ms
        else:
            self._queue.clear()
        self._events.append(Gone(error, tuple(self._attached)))

    _HANDLED: ClassVar[Mapping[tuple[State, type], Callable[..., None]]] = {
        ("opening", Hello): _hello,
        ("open", Ask): _request,
        ("open", Query): _request,
        ("open", Ping): _ping,
        ("open", Pong): _pong,
        ("open", Goodbye): _goodbye,
    }
    """What is done with each frame in each state; a missing key is the refusal."""


_AROUND = 32
"""What a frame has around an answer, at most."""


def _closed(why: str) -> ErrorRecord:
    return ErrorRecord(CLOSED, why)
