"""What reads bytes of strangers, each as a function of bytes that checks what must hold whatever they are.

A target gives what it has seen: which frame in which state, which error and where. Bytes that show something nobody has seen yet
are worth keeping and changing further. Whatever it raises is a fault.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Literal

import attrs

from foldhub.testing.store_story import HUB_ID
from foldhub_core import (
    Attach,
    ErrorRecord,
    Malformed,
    NetworkError,
    Passport,
    Principal,
    Register,
    Resume,
    codec,
)
from foldhub_core.commits import chained, read_commit
from foldhub_core.questions import FindAgentId, GetSession, ReadSession
from foldhub_core.state import GENESIS
from foldhub_core.wire.answers import read_answer, write_answer
from foldhub_core.wire.client import ClientEnd
from foldhub_core.wire.events import Asked, Gone, Introduced, Questioned
from foldhub_core.wire.frame_bytes import read_frame, write_frame
from foldhub_core.wire.frames import Frame
from foldhub_core.wire.framing import FrameBuffer, framed
from foldhub_core.wire.limits import WireLimits
from foldhub_core.wire.rights import read_command, read_question
from foldhub_core.wire.server import HubEnd
from foldhub_stores.export import LogHeader, commit_line, read_line

from . import seeds
from .seeds import CONFIG, REQUESTS, request_of

Seen = set[str]
Shape = Literal["frames", "row", "line"]

LARGEST = 8_192
"""No input is longer."""

TIGHT = WireLimits(hello_bytes=256, frame_bytes=4_096, client_frame_bytes=4_096, in_flight=8, send_bytes=8_192, frames_per_s=50)
NOTHING = ErrorRecord("malformed", "nothing is granted here")


@attrs.frozen
class Target:
    """One reader of bytes."""

    name: str
    check: Callable[[bytes], Seen]
    """Raises nothing but for a fault."""
    seeds: Callable[[], list[bytes]]
    """What it takes: what to begin with."""
    shape: Shape
    """How its bytes are made of parts, for who changes them: frames of rows, a row, or a line of JSON."""


def shown(error: NetworkError) -> str:
    """An error without what came: which it is, and where."""
    message = error.message.partition(", came")[0]
    return f"{error.code} {re.sub('[0-9]+', '#', error.where)} {re.sub('[0-9]+', '#', message)[:60]}"


# --- bytes to payloads


def framing(data: bytes) -> Seen:
    """Any pieces are all at once, what comes out was framed, and nothing but one refusal comes of all else."""
    most = 1_024
    at_once = _payloads([data], most)
    assert at_once == _payloads([data[at : at + 1] for at in range(len(data))], most), "byte by byte is all at once"
    assert at_once == _payloads([data[at : at + 7] for at in range(0, len(data), 7)], most), "in pieces is all at once"
    payloads, refused = at_once
    written = b"".join([framed(payload) for payload in payloads])
    assert data.startswith(written), "what came out is what was there"
    return {f"{min(len(payloads), 4)} {refused and shown(refused)} {min(len(data) - len(written), 5)}"}


def _payloads(pieces: list[bytes], most: int) -> tuple[list[bytes], Malformed | None]:
    buffer, found, total = FrameBuffer(), list[bytes](), 0
    for piece in pieces:
        buffer.take(piece)
        total += len(piece)
        try:
            while (payload := buffer.next(most)) is not None:
                found.append(payload)
        except Malformed as refused:
            return found, _Same(refused.message, where=refused.where)
        assert buffer.held <= min(total, most + 4), "no more is kept than a frame"
    return found, None


class _Same(Malformed):
    """A refusal that is the same as another with the same words."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and str(self) == str(other)

    __hash__ = None  # type: ignore[assignment]


def frames(data: bytes) -> Seen:
    """A payload is a frame, which is written as it was read, or malformed."""
    try:
        frame = read_frame(data)
    except Malformed as error:
        return {shown(error)}
    assert write_frame(frame) == data
    return {type(frame).__name__}


# --- the two ends


def hub_end(data: bytes) -> Seen:
    """To a hub in pieces is to a hub at once, the link ends once, and little waits for who does not read."""
    events, said, seen = _told_hub([data], answers=False)
    in_pieces, _, _ = _told_hub([data[at : at + 1] for at in range(len(data))], answers=False)
    assert in_pieces == events, "byte by byte is all at once"
    assert [type(event) for event in events].count(Gone) == 1, "it ends once"
    assert isinstance(events[-1], Gone), "and nothing comes after"
    _, _, more = _told_hub([data[at : at + 97] for at in range(0, len(data), 97)], answers=True)
    return seen | more | {type(frame).__name__ for frame in _frames(said)}


def _told_hub(pieces: list[bytes], *, answers: bool) -> tuple[list[object], bytes, Seen]:
    """What a hub's end tells and says; with `answers`, requests are refused as they come, and time passes."""
    end, now_ms, events, said, seen = HubEnd(CONFIG, "l1", 0, TIGHT), 0, list[object](), b"", Seen()
    for piece in [*[piece for piece in pieces if piece], b""]:
        end.receive(piece, now_ms)
        if answers and not end.over:
            now_ms += 40
            end.advance(now_ms)
        while fresh := end.events():
            for event in fresh:
                events.append(event)
                seen.add(_event_seen(end.state, event))
                if isinstance(event, Introduced):
                    end.accept(Principal(subject="ann"), "demo", now_ms)
                elif isinstance(event, Asked | Questioned) and answers:
                    end.refuse(event.ref, NOTHING, now_ms)
        assert end.waiting <= TIGHT.send_bytes + TIGHT.client_frame_bytes, "little waits"
        while answers and (piece_said := end.data_to_send()):
            said += piece_said
    while piece_said := end.data_to_send():
        said += piece_said
    return events, said, seen


def _event_seen(state: str, event: object) -> str:
    if isinstance(event, Gone):
        return f"{state} gone {event.error.code} {re.sub('[0-9]+', '#', event.error.message.partition(', came')[0])[:60]}"
    if isinstance(event, Asked):
        return f"{state} asked {type(event.command).__name__}"
    if isinstance(event, Questioned):
        return f"{state} questioned {type(event.question).__name__}"
    return f"{state} {type(event).__name__}"


def _frames(said: bytes) -> Iterator[Frame]:
    buffer = FrameBuffer()
    buffer.take(said)
    while (payload := buffer.next(1 << 24)) is not None:
        yield read_frame(payload)


def client_end(data: bytes) -> Seen:
    """To a client in pieces is to a client at once, and each of its requests is answered at most once."""
    events, seen = _told_client([data])
    in_pieces, _ = _told_client([data[at : at + 1] for at in range(len(data))])
    assert in_pieces == events, "byte by byte is all at once"
    refs = [ref for event in events if (ref := getattr(event, "ref", None)) is not None]
    assert len(refs) == len(set(refs)), "answered once"
    return seen


def _told_client(pieces: list[bytes]) -> tuple[list[object], Seen]:
    end = ClientEnd(CONFIG, "keys", 0, limits=TIGHT)
    for question in (FindAgentId(name="x"), GetSession(session_id="demo:s:1"), ReadSession(session_id="demo:s:1")):
        end.question(question)
    end.ask(Register(passport=Passport("x"), resume=Resume()))
    end.ask(Attach(agent_id="demo:a:1", link=""))
    end.ack("demo:a:1", [1, 2])
    end.connected(0)
    events, seen = list[object](), Seen()
    for piece in pieces:
        if piece:
            end.receive(piece, 0)
        for event in end.events():
            events.append(event)
            error = getattr(event, "error", None)
            seen.add(f"{end.state} {type(event).__name__} {error and error.code}")
        seen |= {f"{end.state} says {type(frame).__name__}" for frame in _frames(end.data_to_send(1 << 24))}
        if end.hung_up and end.state != "over":
            break
    hung_up, over = end.hung_up, end.state == "over"
    end.lost(1, 0.5)
    for event in end.events():
        events.append(event)
        error = getattr(event, "error", None)
        message = "" if error is None else re.sub("[0-9]+", "#", error.message.partition(", came")[0])[:60]
        seen.add(f"{hung_up} {over} {type(event).__name__} {error and error.code} {message}")
    return events, seen


# --- rows


def record(data: bytes) -> Seen:
    """Bytes are a record, which is written as it was read, or malformed; and nobody asks a hub for what no wire carries."""
    seen = Seen()
    try:
        came = codec.record_of(codec.unpack(data))
    except Malformed as error:
        return {shown(error)}
    cls = type(came)
    try:
        again = codec.decode(data, cls)
    except Malformed as error:
        seen.add(f"{cls.__name__} {shown(error)}")
    else:
        assert codec.encode(again) == data, "it is written as it was read"
        assert codec.decode(codec.encode(again), cls) == again
        seen.add(f"{cls.__name__} taken")
    for read in (read_command, read_question):
        try:
            asked = read(data)
        except NetworkError as error:
            seen.add(f"{read.__name__} {shown(error)[:80]}")
        else:
            assert codec.encode(asked) == data
            seen.add(f"{read.__name__} {cls.__name__}")
    return seen


def answer(data: bytes) -> Seen:
    """What a client is answered with is read to what is written so again, or refused."""
    if not data:
        return set()
    cls = REQUESTS[data[0] % len(REQUESTS)]
    request = request_of(cls)
    try:
        value = read_answer(CONFIG, request, data[1:])
    except NetworkError as error:
        return {f"{cls.__name__} {shown(error)}"}
    if cls.__name__ not in ("StandingOf", "ProtocolState"):
        assert write_answer(CONFIG, request, value) == data[1:], "it is written as it was read"
    return {f"{cls.__name__} taken {type(value).__name__}"}


def commit(data: bytes) -> Seen:
    """A chained payload is a commit, which can be told and read back from what is told, or malformed."""
    chain = chained("demo", GENESIS, 1, codec.FORMAT, codec.digest(data), len(data))
    try:
        came = read_commit("demo", 1, codec.FORMAT, data, GENESIS, chain)
    except Malformed as error:
        return {shown(error)}
    kinds = " ".join([type(fact).__name__ for fact in came.facts[:3]])
    try:
        line = commit_line(came)
    except Malformed as error:
        return {f"untold {kinds} {shown(error)}"}
    header = LogHeader("demo", codec.FORMAT, 0, GENESIS, 1, chain)
    assert read_line(line, header, 1, GENESIS, 2) == came, "what is told is what it was"
    for fact in came.facts:
        assert codec.record_of(codec.unpack(codec.pack(codec.row_of(fact)))) == fact
    return {f"{type(came.kept).__name__} {kinds} {came.refusal and came.refusal.code}"}


def line(data: bytes) -> Seen:
    """A line of an exported log is the commit it was, whatever else stands in it, or malformed."""
    text = data.decode("utf-8", "surrogateescape")
    header = LogHeader(HUB_ID, codec.FORMAT, 0, GENESIS, 1, GENESIS)
    try:
        came = read_line(_chained(text), header, 1, GENESIS, 2)
    except Malformed as error:
        return {shown(error)}
    assert read_line(commit_line(came), header, 1, GENESIS, 2) == came, "what is told is what it was"
    return {f"{type(came.kept).__name__} {len(came.facts)}"}


def _chained(text: str) -> str:
    """The line with the head it should have, where that can be said, so that more is read of it than that it has not."""
    try:
        fields = json.loads(text)
        payload = b64decode(fields["payload"], validate=True)
        head = chained(HUB_ID, GENESIS, fields["seq"], fields["form"], codec.digest(payload), len(payload))
        return json.dumps(fields | {"chain": head.hex()})
    except (ValueError, KeyError, TypeError, RecursionError):
        return text


TARGETS = {
    one.name: one
    for one in (
        Target("framing", framing, seeds.framing_seeds, "frames"),
        Target("frames", frames, seeds.frame_seeds, "row"),
        Target("hub-end", hub_end, seeds.hub_seeds, "frames"),
        Target("client-end", client_end, seeds.client_seeds, "frames"),
        Target("record", record, seeds.record_seeds, "row"),
        Target("answer", answer, seeds.answer_seeds, "row"),
        Target("commit", commit, seeds.commit_seeds, "row"),
        Target("line", line, seeds.line_seeds, "line"),
    )
}
