"""A hub that is served for long, over TLS and plain, to agents whose links break and to strangers that do not behave.

What is looked at when all have gone: whether tasks, descriptors and memory are back where they were after the warming up,
and whether each text that was acknowledged is in the log once and was heard.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import cast

import attrs
import trio
import trio.testing

from foldhub import Hub
from foldhub.auth import ApiKey
from foldhub.serving import serve_tcp
from foldhub.tls import client_context, server_context
from foldhub.tokens import Tokens
from foldhub_core import EV_TEXT, Envelope, HubConfig, HubState, Limits, changed, verify
from foldhub_stores import FileStore
from tests.shells.certificates import Authority

from .footprint import Footprint
from .fragile import HOST, LIMITS
from .strangers import come_and_go
from .talkers import Talker

PAIRS, STRANGERS = 6, 8

CONFIG = HubConfig(limits=changed(Limits(), keys=50, refusals=50))
"""What a hub remembers of what is over is full after the warming up, and grows no more."""

WARM_TEXTS = 5_000
"""After so many texts it is: on a machine that has other things to do, few are said in a time."""

Tell = Callable[[str], None]


@attrs.frozen
class Soaked:
    """What came of it."""

    before: Footprint
    after: Footprint
    said: int
    """Texts that were acknowledged."""
    repeats: int
    """How often one was heard that had been heard."""
    connections: int
    strangers: int


async def soak(folder: Path, warm_up: float, seconds: float, seed: int, tell: Tell, warm_texts: int = WARM_TEXTS) -> Soaked:
    """Serve a hub for so many seconds, after so many, and so many texts, of warming up.

    Raises `AssertionError` where a promise is broken.
    """
    dice = Random(seed)
    tokens, _, secret = Tokens().add("soak", may_register=["*"], now_ms=0)
    authority = Authority(folder)
    signed = authority.sign("hub")
    context, believed = server_context(signed.cert, signed.key), client_context(authority.ca)
    strangers: Counter[str] = Counter()
    auth = ApiKey(tokens, lambda: 1)
    async with Hub.open(FileStore(folder / "store"), config=CONFIG, auth=auth) as hub, trio.open_nursery() as nursery:
        plain = cast(int, await nursery.start(partial(serve_tcp, hub, HOST, 0, limits=LIMITS)))
        tls = cast(int, await nursery.start(partial(serve_tcp, hub, HOST, 0, ssl_context=context, limits=LIMITS)))
        ports = ((plain, None), (tls, believed))
        talkers: list[Talker] = []
        for number in range(2 * PAIRS):
            port, theirs = ports[number // 2 % 2]
            talkers.append(Talker(f"agent-{number}", port, theirs, secret, dice))
        await trio.testing.wait_all_tasks_blocked(0.1)
        empty = trio.lowlevel.current_statistics().tasks_living

        async def some(seconds: float, texts: int, what: str) -> Footprint:
            """Let all of them come, do what they do for so long and to so many texts, hear what is owed to them, and go."""
            end = trio.current_time() + seconds
            async with trio.open_nursery() as crowd:
                for first, second in _pairs(talkers):
                    crowd.start_soon(first.live, second)
                    crowd.start_soon(second.live, None)
                for _ in range(STRANGERS):
                    crowd.start_soon(come_and_go, ports, secret, dice, lambda kind: strangers.update([kind]))
                while trio.current_time() < end or _said(talkers) < texts:
                    await trio.sleep(min(10, max(0.1, end - trio.current_time())))
                    tell(_progress(what, end - trio.current_time(), hub, talkers, strangers))
                crowd.cancel_scope.cancel()
            await _heard_out(hub, talkers)
            with trio.fail_after(30):
                while trio.lowlevel.current_statistics().tasks_living > empty:
                    await trio.sleep(0.05)
            await hub.loop.rest()
            return await Footprint.at_rest(_own(talkers))

        before = await some(warm_up, warm_texts, "warming up")
        tell(f"after the warming up: {before}")
        after = await some(seconds, 0, "soaking")
        tell(f"at the end: {after}")
        nursery.cancel_scope.cancel()
    repeats = _kept(folder / "store", talkers)
    return Soaked(before, after, _said(talkers), repeats, sum([one.connections for one in talkers]), strangers.total())


def _pairs(talkers: list[Talker]) -> Iterator[tuple[Talker, Talker]]:
    return iter(list(zip(talkers[::2], talkers[1::2], strict=True)))


def _progress(what: str, left: float, hub: Hub, talkers: list[Talker], strangers: Counter[str]) -> str:
    connections = sum([one.connections for one in talkers])
    came = f"{_said(talkers):,} texts, {connections:,} lives of links, {strangers.total():,} strangers, commit {hub.state.seq:,}"
    return f"{what}, {max(0, left):.0f} s left: {came}; {Footprint.now(_own(talkers))}"


def _said(talkers: list[Talker]) -> int:
    """How many texts were acknowledged."""
    return sum([one.said for one in talkers])


def _own(talkers: list[Talker]) -> int:
    """How many bytes the soak itself keeps of what was heard: more with every text, and none of them the hub's."""
    return sum([sys.getsizeof(one.heard) for one in talkers])


async def _heard_out(hub: Hub, talkers: list[Talker]) -> None:
    """Let everybody hear what is owed to him, over links that hold."""
    async with trio.open_nursery() as nursery:
        for one in talkers:
            one.link.sound = one.quiet = True
            nursery.start_soon(one.live, None)
        with trio.fail_after(60):
            while any(not one.agent_id or hub.inbox(one.agent_id).owed for one in talkers):
                await trio.sleep(0.05)
        nursery.cancel_scope.cancel()
    for one in talkers:
        one.link.sound = one.quiet = False


def _kept(place: Path, talkers: list[Talker]) -> int:
    """Check the log against what was acknowledged and heard; gives how often something was heard again."""
    store = FileStore(place)
    texts: dict[str, Counter[int]] = {one.agent_id: Counter() for one in talkers}
    state, seq = HubState(store.identity.hub_id), 0
    while commits := store.read(seq, 5_000):
        seq = commits[-1].seq
        for commit in commits:
            for fact in commit.facts:
                if isinstance(fact, Envelope) and fact.event_type == EV_TEXT:
                    texts[fact.sender_id][int(str(fact.event_data["text"]))] += 1
    assert not list(verify(CONFIG, store.read(0, 20_000), state)), "the log is decided again as it was"
    store.close()
    repeats = 0
    for first, second in _pairs(talkers):
        for one, other in ((first, second), (second, first)):
            said = texts[one.agent_id]
            # The last may have been said and not been acknowledged.
            assert one.said <= len(said) <= one.said + 1, f"{one.name}: {one.said} acknowledged, {len(said)} in the log"
            assert said == Counter(range(len(said))), f"{one.name}: each text is there once"
            assert len(other.heard) == len(said), f"{other.name}: heard {len(other.heard)} of {len(said)}"
            assert 0 not in other.heard, f"{other.name}: every text was heard"
            repeats += sum(other.heard) - len(other.heard)
    return repeats
