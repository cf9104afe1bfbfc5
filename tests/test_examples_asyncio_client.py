"""The asyncio client of examples/embedding takes part in a session with agents on trio, and comes back when the hub does."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from foldhub import Hub
from foldhub.serving import serve_tcp
from foldhub.tcp import TcpLink
from foldhub_stores import FileStore
from tests.shells.hub_runs import run
from tests.shells.wires import HOST, WireAgent, joined

ROOT = Path(__file__).parents[1]


@contextmanager
def shouter(port: int, name: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "examples/embedding/asyncio_client.py", HOST, str(port), name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def _session(folder: Path) -> None:
    async with Hub.open(FileStore(folder, "demo")) as hub, trio.open_nursery() as nursery:
        listening = trio.CancelScope()

        async def serve(on: int, task_status: trio.TaskStatus[int]) -> None:
            with listening:
                await serve_tcp(hub, HOST, on, task_status=task_status)

        port: int = await nursery.start(serve, 0)
        with shouter(port, "bob") as process:
            assert process.stdout is not None
            said = await trio.to_thread.run_sync(process.stdout.readline)
            bob_id = said.split()[-1]
            async with TcpLink(HOST, port).connect() as duplex:
                ann = await joined(duplex, "ann")
                session_id = await ann.open(WireAgent(duplex, bob_id), accept=False)
                while hub.get_session(session_id).state != "active":
                    await trio.sleep(0.005)
                await ann.say(session_id, "hello")
                assert await ann.text() == "HELLO"
                listening.cancel()
                saying = trio.Event()

                async def say() -> None:
                    await ann.say(session_id, "still there?")
                    saying.set()

                nursery.start_soon(say)
                listening = trio.CancelScope()
                await nursery.start(serve, port)
                await saying.wait()
                while (heard := await ann.text()) == "HELLO":
                    """What was acked when the link broke may come once more."""
                assert heard == "STILL THERE?"
        nursery.cancel_scope.cancel()


def test_an_agent_on_asyncio_talks_with_one_on_trio_also_after_the_link_broke(tmp_path: Path) -> None:
    run(_session, tmp_path)
