"""What comes of those who come often, or send much that is nothing: docs/operations.md has the list."""

import os
import pty
import shutil
import socket
import subprocess
import termios
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing

from foldhub import Hub, MemoryStore
from foldhub.auth import ApiKey, NoAuth
from foldhub.serving import Server
from foldhub.tcp import TcpLink
from foldhub.tls import client_context, server_context
from foldhub.tokens import Tokens
from foldhub_core import Attach, EndTask, ObserveTask, Task, TaskSpec, TaskState, changed
from foldhub_core.questions import FindAgentId
from foldhub_core.wire.answers import read_answer
from foldhub_core.wire.frame_bytes import write_frame
from foldhub_core.wire.frames import Answer
from foldhub_core.wire.framing import framed
from foldhub_core.wire.limits import DEFAULT

from .certificates import Authority
from .hub_runs import run
from .test_kill_serve import hub
from .wires import HOST, Calendar, MemoryLink, ask, hello, in_memory, joined, listening, met, refusal, unharmed

# --- often


async def _comes_and_goes(credential: str, link: MemoryLink) -> bool:
    """Whether one that connects is welcomed; it goes at once."""
    client = await met(link)
    try:
        await client.say(hello(credential))
        return await client.hear() is not None
    except trio.BrokenResourceError:
        return False
    finally:
        await client.stream.aclose()


async def _rate() -> None:
    tokens, _, secret = Tokens().add("team", may_register=["*"], now_ms=0)
    async with Hub.open(MemoryStore(), auth=ApiKey(tokens, Calendar())) as here, in_memory(here, credentials=secret) as link:
        async with link.connect() as friend:
            ann = await joined(friend, "ann")
            await trio.sleep(1)
            let_in = 0
            for _ in range(3_000):
                let_in += await _comes_and_goes(secret, link)
                await trio.sleep(0.001)
            # Of a thousand a second: the room for a second's worth, and then what three seconds give.
            assert let_in == pytest.approx(4 * DEFAULT.connects_per_address_per_s, abs=1)
            assert await friend.question(FindAgentId(name="ann")) == ann.agent_id
        await trio.sleep(1)
        assert len(link.server.served) == 0
        await unharmed(here, link)


def test_connections_that_come_faster_than_an_address_may_are_closed_at_once() -> None:
    run(_rate, jump=True)


async def _asked_for_certificates(folder: Path) -> None:
    authority = Authority(folder)
    signed = authority.sign("hub")
    async with Hub.open(MemoryStore()) as here:
        for client_ca, refused in ((None, False), (authority.ca, True)):
            server = Server(here, NoAuth(), server_context(signed.cert, signed.key, client_ca), DEFAULT)
            why = [server.gate.enter("192.0.2.7", 0) for _ in range(DEFAULT.unauthenticated_per_address + 1)]
            assert (why[-1] is not None) is refused


def test_where_certificates_let_others_in_one_address_has_its_bounds(tmp_path: Path) -> None:
    run(_asked_for_certificates, tmp_path)


async def _asks_and_cancels(pairs: int) -> None:
    async with Hub.open(MemoryStore()) as here, in_memory(here) as link, link.connect() as friend:
        ann = await joined(friend, "ann")
        client = await met(link)
        await client.greet()
        assert await refusal(client, 1, ask(1, Attach(agent_id=ann.agent_id, link=""))) is None
        began, ref = trio.current_time(), 0
        for _ in range(pairs):
            ref += 2
            observe = ObserveTask(owner_id=ann.agent_id, spec=TaskSpec(title="t"))
            await client.say(ask(ref, observe))
            answer = await client.hear()
            assert isinstance(answer, Answer), "the task is taken"
            task = cast(Task, read_answer(here.config, observe, answer.value))
            end = EndTask(task_id=task.task_id, agent_id=ann.agent_id, outcome=TaskState.CANCELLED)
            await client.say(ask(ref + 1, end))
            assert isinstance(await client.hear(), Answer)
        # Each half of a pair is a frame, and the frames of one second are there at the beginning.
        assert trio.current_time() - began == pytest.approx(2 * pairs / DEFAULT.frames_per_s - 1, abs=0.1)
        assert here.health().live_tasks == 0
        assert await friend.question(FindAgentId(name="ann")) == ann.agent_id


@pytest.mark.parametrize("pairs", [1_000, pytest.param(50_000, marks=pytest.mark.long)])
def test_what_is_asked_for_and_cancelled_at_once_counts_like_all_else(pairs: int) -> None:
    run(_asks_and_cancels, pairs, jump=True)


# --- much


def memory_of(pid: int) -> tuple[int, int]:
    """What a process holds in memory, and has held at most, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    sizes = {
        name: int(rest.split()[0]) << 10 for name, _, rest in (line.partition(":") for line in lines) if name.startswith("Vm")
    }
    return sizes["VmRSS"], sizes["VmHWM"]


def _declare(port: int, length: int, *, greeted: bool, more: bytes = b"") -> socket.socket:
    """Connect, and declare a frame of this length; `more` is what is sent of it, as long as anybody takes it."""
    client = socket.create_connection((HOST, port), timeout=10)
    if greeted:
        client.sendall(framed(write_frame(hello())))
        assert client.recv(65_536), "a welcome"
    try:
        client.sendall(length.to_bytes(4, "big"))
        client.sendall(more)
    except OSError:
        pass  # it was cut off while it still spoke
    return client


def _heard_out(client: socket.socket) -> None:
    """Wait until the hub has closed it."""
    try:
        while client.recv(65_536):
            pass
    except OSError:
        pass
    client.close()


def test_a_huge_length_costs_a_hub_no_memory(tmp_path: Path) -> None:
    flood = bytes(1 << 20)
    with hub(tmp_path / "hub", 0) as (process, port):
        for number in range(200):
            _heard_out(_declare(port, 2**32 - 1, greeted=number % 2 == 0, more=flood))
        before, _ = memory_of(process.pid)
        # From here on the most it has held is counted anew.
        Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")
        for length in (2**32 - 1, 2**31, (1 << 20) + 1):
            for number in range(60):
                _heard_out(_declare(port, length, greeted=number % 2 == 0, more=flood))
        after, most = memory_of(process.pid)
    # Of what was declared, 450 GiB, and of what was sent, 180 MiB, next to nothing.
    assert after - before < 4 << 20
    assert most - before < 6 << 20


def test_a_length_that_may_be_costs_memory_only_as_its_bytes_come(tmp_path: Path) -> None:
    with hub(tmp_path / "hub", 0) as (process, port), ExitStack() as held:
        for _ in range(20):
            _heard_out(_declare(port, 2**32 - 1, greeted=True))
        before, _ = memory_of(process.pid)
        for _ in range(100):
            held.enter_context(_declare(port, DEFAULT.frame_bytes, greeted=True))
        _heard_out(_declare(port, 2**32 - 1, greeted=True))
        after, _ = memory_of(process.pid)
    assert after - before < 100 * DEFAULT.frame_bytes // 4, "of each a quarter, and that is what a connection costs"


@contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal on which every line is read alone."""
    near, far = pty.openpty()
    try:
        settings = termios.tcgetattr(far)
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(far, termios.TCSANOW, settings)
        os.set_blocking(near, False)
        yield near, far
    finally:
        os.close(near)
        os.close(far)


async def _key_updates(folder: Path, letter: str) -> None:
    signed = Authority(folder).sign("hub")
    # Nothing but the flood is to end it.
    limits = changed(DEFAULT, hello_ms=3_600_000)
    context = server_context(signed.cert, signed.key)
    async with Hub.open(MemoryStore()) as here, listening(here, ssl_context=context, limits=limits) as port:
        link = TcpLink(HOST, port, ssl_context=client_context(folder / "authority.pem"))
        async with link.connect() as friend, trio.open_nursery() as nursery:
            ann = await joined(friend, "ann")
            with _terminal() as (near, far):
                command = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-tls1_3"]
                run_it = partial(trio.run_process, stdin=far, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
                attacker = cast(trio.Process, await nursery.start(partial(run_it, command)))
                sent = 0
                # Each line is a new key; it can be read when the connection is there, and is not when that is gone.
                while attacker.poll() is None and sent < 1_000_000:
                    with trio.move_on_after(0.1):
                        await trio.lowlevel.wait_writable(near)
                        sent += os.write(near, f"{letter}\n".encode() * 50) // 2
                    assert await friend.question(FindAgentId(name="ann")) == ann.agent_id
                assert sent < 20_000
        await unharmed(here, link)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to send new keys with")
@pytest.mark.parametrize("letter", ["k", "K"], ids=["new keys", "new keys that ask for new keys"])
def test_a_flood_of_new_keys_ends_the_connection(tmp_path: Path, letter: str) -> None:
    run(_key_updates, tmp_path, letter)
