"""What the fuzzers begin with: some of everything that a reader takes, always the same."""

from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foldhub.testing import strategies
from foldhub.testing.store_story import HUB_ID, story
from foldhub_core import Commit, HubConfig, codec
from foldhub_core.commands import Command
from foldhub_core.commits import chained, read_commit
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.state import GENESIS
from foldhub_core.tags import TAGS
from foldhub_core.wire.answers import ANSWERS, write_answer
from foldhub_core.wire.frame_bytes import write_frame
from foldhub_core.wire.frames import Answer, Ask, Deliveries, Hello, Ping, Query, Sent, Welcome
from foldhub_core.wire.framing import framed
from foldhub_stores.export import commit_line

CONFIG = HubConfig()

REQUESTS = tuple(ANSWERS)
"""What a client may be answered."""


def request_of(cls: type) -> object:
    """A request of a class, of which the reader of its answer looks at nothing else."""
    return object.__new__(cls)


UNHURRIED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example)


@cache
def drawn(strategy: "st.SearchStrategy[Any]", count: int) -> tuple[Any, ...]:
    """So many examples of a strategy, always the same. Any: they are of any type."""
    found: list[Any] = []

    @settings(max_examples=count, database=None, derandomize=True, deadline=None, suppress_health_check=UNHURRIED)
    @given(strategy)
    def collect(one: Any) -> None:
        found.append(one)

    collect()
    return tuple(found)


def _some(strategy: "st.SearchStrategy[Any]", count: int) -> list[Any]:
    return list(drawn(strategy, count))


def _asks(first: int) -> list[bytes]:
    requests: list[Command | Question | LogQuestion] = [*_some(strategies.commands(), 60), *_some(strategies.questions(), 60)]
    return [
        framed(write_frame((Ask if isinstance(one, Command) else Query)(first + at, codec.encode(one))))
        for at, one in enumerate(requests)
    ]


def framing_seeds() -> list[bytes]:
    return [b"", b"\0\0\0\0", b"\xff\xff\xff\xff", framed(b"x") * 3, framed(b"abc") + b"\0\0", framed(bytes(1_024)), b"\0\0\4\1"]


def frame_seeds() -> list[bytes]:
    return [write_frame(frame) for frame in _some(strategies.frames(), 120)]


def hub_seeds() -> list[bytes]:
    hello, ping = framed(write_frame(Hello(1, "token", "test", 4_096))), framed(write_frame(Ping(1)))
    asks = _asks(1)
    streams = [hello, ping, hello + ping * 3, hello + hello, hello + framed(b"\x91" * 300)]
    streams += [hello + one for one in asks]
    return [*streams, *[hello + b"".join(asks[at : at + 12]) for at in range(0, len(asks), 12)]]


def client_seeds() -> list[bytes]:
    welcome = framed(write_frame(Welcome(1, "demo", "ann", (), 4_096, 9, 1_000, 2_000)))
    envelope = _some(strategies.envelopes(), 5)[-1]
    delivered = framed(write_frame(Deliveries((Sent("demo:a:1", 1, 1, envelope), Sent("demo:a:1", 3, 1, envelope)))))
    nothing = [framed(write_frame(Answer(ref, b"\xc0"))) for ref in range(1, 8)]
    said = [framed(write_frame(frame)) for frame in _some(strategies.frames(), 60)]
    return [welcome, welcome + delivered, *[welcome + one for one in (*nothing, *said)], welcome + b"".join(nothing), *said[:5]]


def record_seeds() -> list[bytes]:
    kinds = [*_some(strategies.commands(), 60), *_some(strategies.facts(), 40), *_some(strategies.questions(), 40)]
    return [codec.encode(one) for one in kinds if type(one) in TAGS]


def answer_seeds() -> list[bytes]:
    seeds: list[bytes] = []
    for at, cls in enumerate(REQUESTS):
        seeds.append(bytes([at, 0xC0]))
        try:
            values = _some(strategies.of_type(ANSWERS[cls]), 3)
        except (LookupError, TypeError):
            continue  # an answer that no strategy draws: it begins with nothing
        seeds += [bytes([at]) + write_answer(CONFIG, request_of(cls), value) for value in values]
    return seeds


def commit_seeds() -> list[bytes]:
    return [one.payload for one in story()[:60]]


def line_seeds() -> list[bytes]:
    return [commit_line(_first(one)).encode() for one in story()[:25]]


def _first(one: Commit) -> Commit:
    chain = chained(HUB_ID, GENESIS, 1, codec.FORMAT, codec.digest(one.payload), len(one.payload))
    return read_commit(HUB_ID, 1, codec.FORMAT, one.payload, GENESIS, chain)
