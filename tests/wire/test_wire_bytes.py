"""Any bytes, to either end, in any pieces: they lead to the same as all at once, and never to anything but an end of the link."""

from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub.testing.strategies import commands, frames, questions
from foldhub_core import ErrorRecord, FindAgentId, HubConfig, Principal, encode
from foldhub_core.wire.client import ClientEnd
from foldhub_core.wire.events import Gone
from foldhub_core.wire.frame_bytes import write_frame
from foldhub_core.wire.frames import Answer, Ask, Frame, Goodbye, Hello, Ping, Query, Welcome
from foldhub_core.wire.framing import framed
from foldhub_core.wire.server import HubEnd

CONFIG = HubConfig()
WELCOME = Welcome(1, "demo", "ann", (), 1_048_576, 9, 1, 1)
BYE = ErrorRecord("closed", "bye")
some = settings(max_examples=60, deadline=None)


def asked(number: int) -> st.SearchStrategy[Frame]:
    return commands().map(lambda one: Ask(number, encode(one))) | questions().map(lambda one: Query(number, encode(one)))


def streams(*first: Frame) -> st.SearchStrategy[bytes]:
    """What a peer might say: what it may say, what it may not, and what is nothing."""
    answers = st.builds(Answer, st.integers(1, 3), st.just(b"\xc0"))
    fair = st.integers(1, 9).flatmap(asked) | st.builds(Ping, st.integers(0, 9)) | answers
    said = st.one_of(fair.map(written), fair.map(written), frames().map(written), st.binary(max_size=9))
    return st.lists(said, max_size=6).map(lambda parts: b"".join([*map(written, first), *parts]))


def written(frame: Frame) -> bytes:
    return framed(write_frame(frame))


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def heard_by_a_hub(pieces: list[bytes]) -> tuple[list[object], bytes]:
    end, events, said = HubEnd(CONFIG, "l1", 0), list[object](), b""
    for piece in [*pieces, b""]:
        end.receive(piece, 0)
        events += end.events()
        if end.state == "checking":
            end.accept(Principal(subject="ann"), "demo", 0)
            events += end.events()
        while data := end.data_to_send():
            said += data
    return events, said


def heard_by_a_client(pieces: list[bytes]) -> tuple[list[object], bytes]:
    end = ClientEnd(CONFIG, "keys", 0)
    end.question(FindAgentId(name="x"))
    end.connected(0)
    events, said = list[object](), b""
    for piece in pieces:
        end.receive(piece, 0)
        events += end.events()
        while data := end.data_to_send():
            said += data
    return events, said


@some
@given(streams(Hello(1, "token")) | streams(), st.integers(1, 7))
def test_to_a_hub_in_pieces_is_to_a_hub_at_once(data: bytes, size: int) -> None:
    events, said = heard_by_a_hub([data] if data else [])
    in_pieces, said_meanwhile = heard_by_a_hub(cut(data, size))
    assert in_pieces == events
    assert said_meanwhile.startswith(said)  # to who says goodbye nothing more is said
    assert [isinstance(event, Gone) for event in events].count(True) == 1
    assert isinstance(events[-1], Gone)


@some
@given(streams(WELCOME) | streams(), st.integers(1, 7))
def test_to_a_client_in_pieces_is_to_a_client_at_once(data: bytes, size: int) -> None:
    assert heard_by_a_client(cut(data, size)) == heard_by_a_client([data] if data else [])


def test_a_goodbye_in_the_middle_of_bytes_is_the_end() -> None:
    closed = written(Hello(1, "")) + written(Goodbye(BYE)) + b"\0\0\0\0"
    events, _ = heard_by_a_hub(cut(closed, 3))
    assert isinstance(events[-1], Gone)
    assert events[-1].error == BYE
