"""The frames of the wire: what one end says to the other, as records.

A payload is the row of one frame: a msgpack array of its tag and its fields. What a request asks for, and what it is answered
with, stand in it as bytes of their own, so that a frame is read before it is known whether they can be: who asks for nonsense
is refused by the number of the request, and the connection goes on. A payload that is no frame ends the connection.
"""

import attrs

from foldhub_core.envelope import Envelope
from foldhub_core.error_record import ErrorRecord
from foldhub_core.errors import Malformed
from foldhub_core.limits import check_count, check_length
from foldhub_core.records import record

VERSION = 1
"""The version of this protocol."""

MOST_SENT = 65_535
"""Deliveries in one frame."""

CREDENTIAL_CHARS = 2_048
CLIENT_CHARS = 128


@record
class Hello:
    """A client begins: who it is, and what it understands. The first frame of a connection, once."""

    version: int
    credential: str = attrs.field(repr=False)
    """What the client proves itself with; empty where it has nothing. It is shown in no text that could be logged."""
    client: str = ""
    """What the client calls itself, for a log."""
    frame_bytes: int = 16_777_216
    """The largest frame it takes."""

    def __checked__(self) -> None:
        check_length(self.credential, CREDENTIAL_CHARS, "Hello.credential")
        check_length(self.client, CLIENT_CHARS, "Hello.client")
        _check_from(self.version, 0, "Hello.version")
        _check_from(self.frame_bytes, 1, "Hello.frame_bytes")


@record
class Welcome:
    """The hub knows the client, and from now on takes its requests."""

    version: int
    hub_id: str
    subject: str
    """As whom it is known."""
    agent_ids: tuple[str, ...]
    """The agents it may act for."""
    frame_bytes: int
    """The largest frame the hub takes."""
    in_flight: int
    """How many requests may be unanswered at once."""
    ping_ms: int
    """After so much silence the hub asks whether the client is there."""
    idle_ms: int
    """After so much it is gone."""

    def __checked__(self) -> None:
        for name in ("version", "frame_bytes", "in_flight", "ping_ms", "idle_ms"):
            _check_from(getattr(self, name), 1, f"Welcome.{name}")


@record
class Ask:
    """A client asks for a command."""

    ref: int
    """The number of the request, greater than that of any before it on this connection."""
    command: bytes
    """The row of a command that a wire carries."""

    def __checked__(self) -> None:
        _check_from(self.ref, 1, "Ask.ref")


@record
class Query:
    """A client asks a question."""

    ref: int
    question: bytes
    """The row of a question."""

    def __checked__(self) -> None:
        _check_from(self.ref, 1, "Query.ref")


@record
class Answer:
    """A request was granted."""

    ref: int
    value: bytes
    """What it is answered with; how that is written, the request says."""

    def __checked__(self) -> None:
        _check_from(self.ref, 1, "Answer.ref")


@record
class Refusal:
    """A request was refused."""

    ref: int
    error: ErrorRecord

    def __checked__(self) -> None:
        _check_from(self.ref, 1, "Refusal.ref")


@record
class Sent:
    """One delivery."""

    agent_id: str
    number: int
    attempt: int
    envelope: Envelope


@record
class Deliveries:
    """Some deliveries, in their order."""

    deliveries: tuple[Sent, ...]

    def __checked__(self) -> None:
        check_count(len(self.deliveries), MOST_SENT, "Deliveries.deliveries")


@record
class Evicted:
    """Another connection carries the agent's deliveries now."""

    agent_id: str


@record
class Ping:
    """Whoever hears it says the same in a `Pong`."""

    token: int


@record
class Pong:
    """The answer to a `Ping`."""

    token: int


@record
class Goodbye:
    """The last frame of a side, and why: `closed` where nothing is wrong."""

    error: ErrorRecord


Frame = Hello | Welcome | Ask | Query | Answer | Refusal | Deliveries | Evicted | Ping | Pong | Goodbye

CLOSED = "closed"
"""The code of a `Goodbye` that no error caused."""


def _check_from(came: int, least: int, where: str) -> None:
    if came < least:
        raise Malformed(f"expected {least} or more, came {came}", where=where)
