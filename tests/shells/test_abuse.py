"""What comes of bytes that are no frames, and of those who mean ill before they are known: docs/operations.md has the list."""

import logging
import socket
import struct

import msgspec
import pytest
import trio
import trio.testing

from foldhub import Hub, MemoryStore
from foldhub.auth import ApiKey
from foldhub.tcp import TcpLink
from foldhub.tokens import Tokens
from foldhub_core import (
    Attach,
    ErrorRecord,
    Passport,
    Register,
    Resume,
    changed,
    codec,
)
from foldhub_core.questions import FindAgentId
from foldhub_core.wire.frame_bytes import write_frame
from foldhub_core.wire.frames import Ask, Goodbye, Refusal
from foldhub_core.wire.framing import framed
from foldhub_core.wire.limits import DEFAULT

from .hub_runs import run
from .wires import HOST, Calendar, ask, descriptors, hello, in_memory, joined, listening, met, unharmed

# --- before the hello, and slowly


async def _silent(greeted: bool) -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        client = await met(link)
        if greeted:
            await client.greet()
        began = trio.current_time()
        if greeted:
            for byte in framed(write_frame(ask(1, Attach(agent_id="x" * 100, link="")))):
                try:
                    await client.send(bytes([byte]))
                except trio.BrokenResourceError:
                    break
                await trio.sleep(4)
        assert await client.turned_away() == "unavailable"
        assert trio.current_time() - began < DEFAULT.frame_ms / 1000 + 5


def test_whoever_says_nothing_is_cut_off_in_time() -> None:
    run(_silent, False, jump=True)


def test_a_frame_that_comes_a_byte_every_four_seconds_is_not_waited_for() -> None:
    run(_silent, True, jump=True)


async def _idle_connects(count: int) -> None:
    before = descriptors()
    async with Hub.open(MemoryStore()) as hub, listening(hub) as port:
        link = TcpLink(HOST, port)
        async with link.connect() as friend:
            ann = await joined(friend, "ann")
            held: list[socket.socket] = []
            for at in range(count):
                held.append(socket.create_connection((HOST, port)))
                if at % 100 == 99:  # what nobody accepts the system does not hold for ever
                    await trio.testing.wait_all_tasks_blocked()
                if len(held) > DEFAULT.unauthenticated + 20:
                    held.pop(0).close()
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert descriptors() < before + 4 * DEFAULT.unauthenticated
            assert await friend.question(FindAgentId(name="ann")) == ann.agent_id
            for one in held:
                one.close()
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert descriptors() <= before + 1


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_connections_that_say_nothing_take_no_room_from_those_who_are_known(count: int) -> None:
    run(_idle_connects, count)


def packed(*fields: object) -> bytes:
    return msgspec.msgpack.encode(fields)


GREETING = [230, 1, "", "test", 1_048_576]

MALFORMED = {
    "a length of nothing": b"\x00\x00\x00\x00",
    "a length of all there is": b"\xff\xff\xff\xff",
    "a length below nothing": struct.pack(">i", -2),
    "arrays in arrays": framed(b"\x91" * 4_000),
    "an array that says it is endless": framed(b"\xdd\xff\xff\xff\xff"),
    "a map that says it is endless": framed(b"\xdf\xff\xff\xff\xff"),
    "a text that says it is endless": framed(b"\x95\xcc\xe6\x01\xdb\xff\xff\xff\xff"),
    "an integer of 64 bits without a sign": framed(packed(230, 2**64 - 1, "", "", 1_048_576)),
    "a number that is none": framed(packed(230, float("nan"), "", "", 1_048_576)),
    "a number without end": framed(packed(230, float("inf"), "", "", 1_048_576)),
    "a bool for an integer": framed(packed(230, True, "", "", 1_048_576)),
    "a text for an integer": framed(packed(230, "1", "", "", 1_048_576)),
    "bytes that are no UTF-8": framed(b"\x95\xcc\xe6\x01\xa1\xff\xa0\xce\x00\x10\x00\x00"),
    "a lone surrogate": framed(b"\x95\xcc\xe6\x01\xa3\xed\xa0\x80\xa0\xce\x00\x10\x00\x00"),
    "a field too many": framed(packed(*GREETING, "admin")),
    "a field too few": framed(packed(*GREETING[:-1])),
    "a map with names": framed(msgspec.msgpack.encode({"version": 1, "from": "admin"})),
    "an integer that is longer than it need be": framed(b"\x95\xcc\xe6\xcd\x00\x01\xa0\xa0\xce\x00\x10\x00\x00"),
    "a tag of nothing": framed(packed(9_999)),
    "a record that is no frame": framed(codec.encode(Passport("ann"))),
    "something behind it": framed(packed(*GREETING) + b"\x00"),
    "a pickle": framed(b"\x80\x04\x95\x0a\x00\x00\x00\x00\x00\x00\x00\x8c\x06system\x94."),
}


async def _malformed(data: bytes) -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        seq = hub.state.seq
        client = await met(link)
        await client.send(data)
        assert await client.turned_away() == "malformed"
        other = await met(link)
        await other.greet()
        await other.send(data)
        assert await other.turned_away() == "malformed"
        assert hub.state.seq == seq
        await unharmed(hub, link)


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_no_frame_ends_the_connection_and_nothing_else(case: str) -> None:
    run(_malformed, MALFORMED[case], jump=True)


async def _deep() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        seq = hub.state.seq
        client = await met(link)
        await client.greet()
        await client.send(framed(b"\x91" * 100_000))
        assert await client.turned_away() == "malformed"
        other = await met(link)
        await other.greet()
        await other.say(Ask(1, b"\x91" * 100_000))
        refusal = await other.hear()
        assert isinstance(refusal, Refusal)
        assert refusal.error.code == "malformed"
        assert hub.state.seq == seq
        await unharmed(hub, link)


def test_a_hundred_thousand_arrays_in_each_other_end_the_connection_or_the_request() -> None:
    run(_deep, jump=True)


async def _cut_anywhere() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        commands = ask(1, Register(passport=Passport("ann"), resume=Resume()))
        whole = framed(write_frame(commands))
        seq = hub.state.seq
        for cut in range(1, len(whole)):
            client = await met(link)
            await client.greet()
            await client.send(whole[:cut])
            await client.stream.aclose()
            await trio.testing.wait_all_tasks_blocked()
        assert hub.state.seq == seq
        await unharmed(hub, link)


def test_a_frame_that_is_cut_anywhere_has_no_effect(caplog: pytest.LogCaptureFixture) -> None:
    run(_cut_anywhere, jump=True)
    assert [one for one in caplog.records if one.exc_info] == []


async def _before_hello() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        client = await met(link)
        await client.say(ask(1, Register(passport=Passport("ann"), resume=Resume())))
        assert await client.turned_away() == "protocol_error"
        assert hub.find_agent_id("ann") is None


def test_nothing_is_taken_before_the_hello() -> None:
    run(_before_hello, jump=True)


async def _versions() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        for version in (0, 99):
            client = await met(link)
            await client.say(hello(version=version))
            assert await client.turned_away() == "protocol_error"


def test_another_version_of_the_wire_is_refused_by_name() -> None:
    run(_versions, jump=True)


async def _large_hello() -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        client = await met(link)
        await client.send(framed(packed(230, 1, "x" * 5_000, "", 1_048_576)))
        assert await client.turned_away() == "malformed"


def test_a_hello_has_little_room() -> None:
    run(_large_hello, jump=True)


# --- credentials


async def _revoked() -> None:
    tokens, token, secret = Tokens().add("team", may_register=["*"], now_ms=0)
    auth = ApiKey(tokens, Calendar())
    async with Hub.open(MemoryStore(), auth=auth) as hub, in_memory(hub) as link:
        client = await met(link)
        await client.greet(secret)
        auth.use(tokens.revoke(token.token_id)[0])
        began = trio.current_time()
        frame = await client.hear()
        assert isinstance(frame, Goodbye)
        assert frame.error.code == "auth_failed"
        assert trio.current_time() - began <= 1
        assert await client.hear() is None
        again = await met(link)
        await again.say(hello(secret))
        assert await again.turned_away() == "auth_failed"


def test_a_token_that_is_revoked_ends_its_connections_within_a_second() -> None:
    run(_revoked, jump=True)


async def _expired() -> None:
    calendar = Calendar()
    tokens, _, secret = Tokens().add("team", now_ms=0, expires_at_ms=2_000)
    async with Hub.open(MemoryStore(), auth=ApiKey(tokens, calendar)) as hub, in_memory(hub) as link:
        client = await met(link)
        await client.greet(secret)
        calendar.now_ms = 2_000
        assert await client.turned_away() == "auth_failed"
        again = await met(link)
        await again.say(hello(secret))
        assert await again.turned_away() == "auth_failed"


def test_a_token_whose_time_is_over_ends_its_connections_and_opens_no_other() -> None:
    run(_expired, jump=True)


async def _guesses() -> None:
    tokens, _, secret = Tokens().add("team", now_ms=0)
    async with Hub.open(MemoryStore(), auth=ApiKey(tokens, Calendar())) as hub, in_memory(hub) as link:
        said: set[str] = set()
        for guess in ("", "x", secret[:-1], secret + "x", "\U0001f5dd"):
            client = await met(link)
            await client.say(hello(guess))
            frame = await client.hear()
            assert isinstance(frame, Goodbye)
            said.add(f"{frame.error}")
            assert await client.hear() is None
        assert len(said) == 1
        shut = await met(link)
        assert await shut.hear() is None, "even who knows it is not listened to"
        await trio.sleep(DEFAULT.auth_pause_ms / 1000)
        await (await met(link)).greet(secret)


def test_guessing_teaches_nothing_and_soon_nobody_listens() -> None:
    run(_guesses, jump=True)


async def _secrets(caplog: pytest.LogCaptureFixture) -> None:
    tokens, _, secret = Tokens().add("team", may_register=["*"], now_ms=0)
    async with Hub.open(MemoryStore(), auth=ApiKey(tokens, Calendar())) as hub, in_memory(hub) as link:
        with caplog.at_level(logging.DEBUG):
            for credential in (secret, secret + "x"):
                client = await met(link)
                await client.say(hello(credential))
                await client.hear()
        assert secret not in caplog.text
        assert secret not in repr(await hub.read_commits())


def test_a_token_stands_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    run(_secrets, caplog, jump=True)


async def _ansi(caplog: pytest.LogCaptureFixture) -> None:
    async with Hub.open(MemoryStore()) as hub, in_memory(hub) as link:
        with caplog.at_level(logging.DEBUG):
            client = await met(link)
            await client.say(changed(hello(), client="\x1b[31m%n{0.__class__}\n2026 ERROR all is lost\u202e"))
            await client.hear()
            await client.say(Goodbye(ErrorRecord("closed", "\x1b[2J\nforged")))
            await trio.testing.wait_all_tasks_blocked()
    lines = [record.getMessage() for record in caplog.records]
    assert any("%n{0.__class__}" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_what_a_client_calls_itself_draws_nothing_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    run(_ansi, caplog, jump=True)
