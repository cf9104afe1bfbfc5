"""A client's ledger: what it asked for and was not answered, and what it acked and was not confirmed, across all connections.

A request has one number for ever, and another on each connection it is sent on, so that the numbers of a connection rise in
the order in which its requests are sent.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator

from foldhub_core.commands import Ack, Attach, Command
from foldhub_core.errors import ProtocolError
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.records import checked

from .requests import Request

_ack = checked(Ack)


class Ledger:
    """The requests of one client."""

    __slots__ = ("_acking", "_acks", "_flying", "_last_ref", "_last_wire_ref", "_later", "_requests", "_unsent")

    def __init__(self) -> None:
        self._last_ref = 0
        self._last_wire_ref = 0
        self._requests: dict[int, Request] = {}
        """All that is not answered, by the client's number, in the order in which it was asked."""
        self._unsent: deque[Request] = deque()
        """What of it is to be sent on this connection."""
        self._flying: dict[int, Request] = {}
        """What of it was sent on this connection, by its number there."""
        self._later: dict[int, int] = {}
        """When the client's own requests are to be sent again that could not be granted."""
        self._acks: dict[str, dict[int, None]] = {}
        """What is to be acked, by agent."""
        self._acking: dict[str, tuple[int, ...]] = {}
        """By agent what the one ack holds that is not confirmed; what is acked meanwhile waits for it."""

    @property
    def next_ref(self) -> int:
        """The number of the next request."""
        return self._last_ref + 1

    @property
    def unanswered(self) -> int:
        """How many requests are not answered, the client's own included."""
        return len(self._requests)

    @property
    def waiting(self) -> bool:
        """Whether anything waits to be sent, or to be acked."""
        return bool(self._unsent or self._acks)

    @property
    def acking(self) -> bool:
        """Whether anything was acked that is not confirmed."""
        return bool(self._acks or self._acking)

    def add(self, record: Command | Question | LogQuestion, *, own: bool = False) -> Request:
        """Put a request in, to be sent behind all others."""
        self._last_ref += 1
        request = Request(self._last_ref, record, own=own)
        self._requests[request.ref] = request
        self._unsent.append(request)
        return request

    def ack(self, agent_id: str, numbers: Iterable[int]) -> None:
        """Note that deliveries are to be acked."""
        if waiting := dict.fromkeys(numbers):
            self._acks.setdefault(agent_id, {}).update(waiting)

    def is_acked(self, agent_id: str, number: int) -> bool:
        """Whether a delivery was acked, and that is not confirmed."""
        return number in self._acks.get(agent_id, ()) or number in self._acking.get(agent_id, ())

    def forget(self, ref: int) -> None:
        """Nobody waits for a request any more. What was not sent never is."""
        request = self._requests.get(ref)
        if request is None:
            return
        request.silence()
        if request not in self._flying.values():
            del self._requests[ref]
            if request in self._unsent:
                self._unsent.remove(request)

    # --- a connection

    def begin(self, attached: Collection[str]) -> None:
        """A connection takes requests: all are to be sent, acks first, then the agents attached again that were attached.

        What was acked and is not confirmed is acked again together with what was acked since: what is not owed any more is not
        delivered again.
        """
        for request in [request for request in self._requests.values() if request.own and isinstance(request.record, Ack)]:
            del self._requests[request.ref]
        for agent_id, numbers in self._acking.items():
            self._acks[agent_id] = dict.fromkeys((*numbers, *self._acks.get(agent_id, ())))
        self._acking.clear()
        again = {request.record.agent_id for request in self._requests.values() if isinstance(request.record, Attach)}
        self._last_wire_ref = 0
        for agent_id in attached:
            if agent_id not in again:
                self.add(Attach(agent_id=agent_id, link=""), own=True)
        self._unsent = deque(sorted(self._requests.values(), key=_rank))

    def sendable(self, in_flight: int, acks: int) -> Iterator[tuple[int, Request]]:
        """Requests to be sent now with their numbers on this connection, so that at most `in_flight` are under way.

        `acks` is how many deliveries may be acked at once.
        """
        for agent_id in [agent_id for agent_id in self._acks if agent_id not in self._acking] if self._acks else ():
            numbers = tuple(self._acks.pop(agent_id))
            if len(numbers) > acks:
                self.ack(agent_id, numbers[acks:])
                numbers = numbers[:acks]
            self._acking[agent_id] = numbers
            self.add(_ack(agent_id, numbers), own=True)
            self._unsent.rotate(1)
        while self._unsent and len(self._flying) < in_flight:
            request = self._unsent.popleft()
            self._last_wire_ref += 1
            self._flying[self._last_wire_ref] = request
            yield self._last_wire_ref, request

    def landed(self, wire_ref: int) -> Request:
        """The request that an answer is for; raises `ProtocolError` where none is under way by that number."""
        request = self._flying.pop(wire_ref, None)
        if request is None:
            raise ProtocolError(f"expected the number of a request that is not answered, came {wire_ref}", where="ref")
        return request

    def done(self, request: Request) -> None:
        """A request needs no more."""
        del self._requests[request.ref]
        if request.own and isinstance(request.record, Ack):
            del self._acking[request.record.agent_id]

    def more(self, request: Request) -> None:
        """A request asks for more, before all others."""
        self._unsent.appendleft(request)

    def later(self, request: Request, due_ms: int) -> None:
        """A request is to be sent again, not before this time."""
        self._later[request.ref] = due_ms

    def due(self, now_ms: int) -> None:
        """Let what waited until now be sent."""
        for ref in [ref for ref, due_ms in self._later.items() if due_ms <= now_ms]:
            del self._later[ref]
            self._unsent.append(self._requests[ref])

    def next_due(self) -> int | None:
        """When something is to be sent again, or None."""
        return min(self._later.values()) if self._later else None

    def lost(self) -> list[Request]:
        """The connection is gone: gives the requests that were under way and must not be sent again."""
        flying, self._flying = self._flying, {}
        self._unsent.clear()
        self._later.clear()
        over = [one for one in flying.values() if not one.repeatable or (one.quiet and not one.own)]
        for request in over:
            del self._requests[request.ref]
        return over

    def clear(self) -> list[Request]:
        """Nothing more is asked; gives what was not answered."""
        left = list(self._requests.values())
        for waiting in (self._requests, self._flying, self._later, self._acks, self._acking, self._unsent):
            waiting.clear()
        return left


def _rank(request: Request) -> tuple[int, int]:
    """The order in which requests are sent on a new connection."""
    return (0 if request.own else 1), request.ref
