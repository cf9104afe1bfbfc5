"""What comes of those who mean ill with TLS: docs/operations.md has the list."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from foldhub import Hub, MemoryStore
from foldhub.auth import NoAuth
from foldhub.serving import Server
from foldhub.tcp import TcpLink
from foldhub.tls import client_context, server_context
from foldhub_core import (
    Unavailable,
    changed,
)
from foldhub_core.questions import FindAgentId
from foldhub_core.wire.frame_bytes import write_frame
from foldhub_core.wire.frames import Answer, Refusal
from foldhub_core.wire.framing import framed
from foldhub_core.wire.limits import DEFAULT

from .certificates import Authority
from .hub_runs import run
from .wires import HOST, MemoryLink, Raw, listening, met, query, raw, unharmed

# --- TLS


async def _tls(folder: Path, attack: Callable[[int, Authority], Awaitable[None]], mutual: bool) -> None:
    authority = Authority(folder)
    signed, shown = authority.sign("hub"), authority.sign("client")
    context = server_context(signed.cert, signed.key, authority.ca if mutual else None)
    limits = changed(DEFAULT, tls_ms=5_000)
    async with Hub.open(MemoryStore()) as hub, listening(hub, ssl_context=context, limits=limits) as port:
        await attack(port, authority)
        await unharmed(hub, TcpLink(HOST, port, ssl_context=client_context(authority.ca, shown.cert, shown.key)))


async def _plaintext(port: int, _: Authority) -> None:
    async with raw(port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
        # At most what TLS has for an alert, and then the end.
        data = b""
        try:
            while piece := await client.stream.receive_some():
                data += piece
        except trio.BrokenResourceError:
            pass
        assert len(data) < 64


def test_whoever_speaks_plain_text_to_a_port_of_tls_is_cut_off(tmp_path: Path) -> None:
    run(_tls, tmp_path, _plaintext, False)


async def _old_tls(port: int, authority: Authority) -> None:
    context = client_context(authority.ca)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(Unavailable):
        async with TcpLink(HOST, port, ssl_context=context).connect():
            raise AssertionError("nobody is let in")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_1_2_is_refused(tmp_path: Path) -> None:
    run(_tls, tmp_path, _old_tls, False)


async def refused_with(port: int, context: ssl.SSLContext) -> None:
    with pytest.raises(Unavailable):
        async with TcpLink(HOST, port, ssl_context=context).connect():
            raise AssertionError("nobody is let in")


async def _no_certificate(port: int, authority: Authority) -> None:
    await refused_with(port, client_context(authority.ca))


def test_where_certificates_are_asked_for_nobody_comes_without_one(tmp_path: Path) -> None:
    run(_tls, tmp_path, _no_certificate, True)


async def _rogue(port: int, authority: Authority) -> None:
    rogue = Authority(authority.folder, "rogue").sign("client")
    await refused_with(port, client_context(authority.ca, rogue.cert, rogue.key))


def test_a_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    run(_tls, tmp_path, _rogue, True)


@pytest.mark.parametrize("days", [("20200101000000Z", "20210101000000Z"), ("20900101000000Z", "20910101000000Z")])
def test_a_certificate_out_of_its_time_is_refused(tmp_path: Path, days: tuple[str, str]) -> None:
    async def attack(port: int, authority: Authority) -> None:
        shown = authority.sign("stale", days=days)
        await refused_with(port, client_context(authority.ca, shown.cert, shown.key))

    run(_tls, tmp_path, attack, True)


async def _half_hello(folder: Path) -> None:
    signed = Authority(folder).sign("hub")
    async with Hub.open(MemoryStore()) as hub, trio.open_nursery() as nursery:
        server = Server(hub, NoAuth(), server_context(signed.cert, signed.key), DEFAULT)
        link = MemoryLink(server, nursery)
        began = trio.current_time()
        client = await met(link)
        await client.send(b"\x16\x03\x01\x02\x00\x01")
        assert await client.hear() is None
        assert trio.current_time() - began == pytest.approx(DEFAULT.tls_ms / 1000)
        assert server.gate.connections == 0


def test_half_a_client_hello_and_silence_is_cut_off_in_time(tmp_path: Path) -> None:
    run(_half_hello, tmp_path, jump=True)


async def _in_pieces(port: int, authority: Authority) -> None:
    async with await trio.open_tcp_stream(HOST, port) as tcp:
        client = Raw(trio.SSLStream(tcp, client_context(authority.ca), server_hostname=HOST))
        await client.greet()
        # A record for each byte: far more of TLS than of what is said, and yet nothing but what is said.
        for ref in range(1, 151):
            for byte in framed(write_frame(query(ref, FindAgentId(name="nobody")))):
                await client.send(bytes([byte]))
            assert isinstance(await client.hear(), Answer)
        await client.say(query(1_000, FindAgentId(name="x" * 900_000)))
        frame = await client.hear()
        assert isinstance(frame, Refusal | Answer)
        assert frame.ref == 1_000


def test_what_is_said_over_tls_in_small_and_in_large_pieces_is_heard(tmp_path: Path) -> None:
    run(_tls, tmp_path, _in_pieces, False)
