"""Those who connect and do not behave: each is somebody who comes, does what he does, and is gone."""

import ssl
from collections.abc import Awaitable, Callable
from random import Random

import trio

from foldhub_core import Passport, Register, Resume, codec
from foldhub_core.questions import FindAgentId
from foldhub_core.wire.frame_bytes import write_frame
from foldhub_core.wire.frames import VERSION, Ask, Frame, Hello, Query
from foldhub_core.wire.framing import framed

from .fragile import HOST, reset


class Stranger:
    """A connection of somebody who says what he likes."""

    def __init__(self, raw: trio.SocketStream, stream: trio.abc.Stream, secret: str, dice: Random) -> None:
        self.raw = raw
        self.stream = stream
        self.secret = secret
        self.dice = dice

    async def say(self, *frames: Frame, upto: int | None = None) -> None:
        """Say frames, or the first bytes of them."""
        await self.stream.send_all(b"".join([framed(write_frame(one)) for one in frames])[:upto])

    async def greet(self, credential: str | None = None) -> None:
        """Say hello, and hear what comes of it."""
        await self.say(Hello(VERSION, self.secret if credential is None else credential, "stranger", 1_048_576))
        await self.stream.receive_some()

    async def hear_out(self) -> None:
        """Read until the hub has closed it."""
        while await self.stream.receive_some():
            pass


async def says_nothing(one: Stranger) -> None:
    """Until it is closed."""
    await one.hear_out()


async def is_gone_after_its_hello(one: Stranger) -> None:
    """By a reset, without hearing what comes of it."""
    await one.say(Hello(VERSION, one.secret))
    reset(one.raw)


async def guesses(one: Stranger) -> None:
    """A credential."""
    await one.greet("foldhub_guess")
    await one.hear_out()


async def begins_a_frame(one: Stranger) -> None:
    """And does not end it."""
    await one.greet()
    await one.say(Query(1, codec.encode(FindAgentId(name="x"))), upto=one.dice.randrange(1, 12))
    await one.hear_out()


async def is_gone_within_a_frame(one: Stranger) -> None:
    """By a reset."""
    await one.greet()
    await one.say(Ask(1, codec.encode(Register(passport=Passport("nobody"), resume=Resume()))), upto=one.dice.randrange(1, 40))
    reset(one.raw)


async def hears_no_ping(one: Stranger) -> None:
    """And answers none."""
    await one.greet()
    await one.hear_out()


async def says_nonsense(one: Stranger) -> None:
    """Known or not."""
    if one.dice.randrange(2):
        await one.greet()
    await one.stream.send_all(one.dice.randbytes(one.dice.randrange(1, 5_000)))
    await one.hear_out()


async def floods(one: Stranger) -> None:
    """With questions, and hears the answers or does not."""
    await one.greet()
    question = codec.encode(FindAgentId(name="x"))
    await one.say(*[Query(ref, question) for ref in range(1, 1_501)])
    if one.dice.randrange(2):
        for _ in range(20):
            await one.stream.receive_some()
    reset(one.raw)


async def declares_much(one: Stranger) -> None:
    """More than there may be."""
    await one.greet()
    await one.stream.send_all(b"\xff\xff\xff\xff")
    await one.hear_out()


KINDS: tuple[Callable[[Stranger], Awaitable[None]], ...] = (
    *(says_nothing, is_gone_after_its_hello, guesses, begins_a_frame, is_gone_within_a_frame),
    *(hears_no_ping, says_nonsense, floods, declares_much),
)


async def come_and_go(
    ports: tuple[tuple[int, ssl.SSLContext | None], ...], secret: str, dice: Random, count: Callable[[str], None]
) -> None:
    """One stranger after the other, until cancelled."""
    while True:
        await trio.sleep(dice.uniform(0, 0.2))
        port, context = dice.choice(ports)
        kind = dice.choice(KINDS)
        count(kind.__name__)
        raw = await trio.open_tcp_stream(HOST, port)
        try:
            with trio.move_on_after(10):
                if context is None:
                    await kind(Stranger(raw, raw, secret, dice))
                elif dice.randrange(8) == 0:
                    await raw.send_all(b"\x16\x03\x01\x02\x00\x01")  # half a hello of TLS
                    while await raw.receive_some():
                        pass
                else:
                    stream = trio.SSLStream(raw, context, server_hostname=HOST)
                    await kind(Stranger(raw, stream, secret, dice))
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            pass  # the hub, or the stranger himself, has ended it
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(raw)
