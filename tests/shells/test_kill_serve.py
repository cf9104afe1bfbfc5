"""`foldhub serve` is killed under load from two client processes: nothing acknowledged is lost, nothing doubled, all arrives."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from foldhub_core import EV_TEXT, Envelope, HubConfig, HubState, replay, verify
from foldhub_stores import FileStore

ROOT = Path(__file__).parents[2]


@contextmanager
def started(*words: object, out: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", *map(str, words)]
    with ExitStack() as stack:
        stdout = subprocess.PIPE if out is None else stack.enter_context(out.open("w"))
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.DEVNULL, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@contextmanager
def hub(folder: Path, port: int) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A hub that serves, and its port."""
    with started("foldhub.cli", "serve", folder, "--listen", f"127.0.0.1:{port}") as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline().rsplit(":", 1)[1])


def numbers(out: Path, what: str) -> list[int]:
    """The numbers a talker has told of, whole lines only."""
    lines = out.read_text(encoding="utf-8").split("\n")[:-1]
    return [int(line.split()[1]) for line in lines if line.startswith(what)]


def until(condition: "object", seconds: float = 60) -> None:
    """Wait for what another process does."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.long)])
def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed(tmp_path: Path, kills: int) -> None:
    folder, dice = tmp_path / "hub", random.Random(kills)
    outs = {name: tmp_path / name for name in ("ann", "bob")}
    with ExitStack() as talkers:
        port = 0
        talking: list[subprocess.Popen[str]] = []
        for kill in range(kills + 1):
            with hub(folder, port) as (process, port):
                if kill == 0:
                    for name, other in (("ann", "bob"), ("bob", "ann")):
                        opened = started("tests.shells.wire_talker", port, name, other, out=outs[name])
                        talking.append(talkers.enter_context(opened))
                before = {name: len(numbers(out, "said")) for name, out in outs.items()}
                until(lambda before=before: all(len(numbers(out, "said")) > before[name] + 3 for name, out in outs.items()))
                if kill < kills:
                    time.sleep(dice.uniform(0, 0.2))
                    process.kill()
                    continue
                for talker in talking:
                    assert talker.stdin is not None
                    talker.stdin.close()
                    talker.stdin = None
                until(lambda: all("done\n" in out.read_text(encoding="utf-8") for out in outs.values()))
                for name, other in (("ann", "bob"), ("bob", "ann")):
                    until(lambda name=name, other=other: set(numbers(outs[name], "said")) <= set(numbers(outs[other], "handled")))
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
    store = FileStore(folder)
    commits = store.read(0, 1_000_000)
    assert replay(HubConfig(), commits, HubState(store.identity.hub_id)).seq == store.seq
    assert not list(verify(HubConfig(), commits, HubState(store.identity.hub_id)))
    store.close()
    words = [fact for commit in commits for fact in commit.facts if isinstance(fact, Envelope) and fact.event_type == EV_TEXT]
    texts = Counter((word.sender_id, word.event_data["text"]) for word in words)
    assert [text for text, count in texts.items() if count > 1] == [], "nothing is said twice"
    assert len({sender for sender, _ in texts}) == 2
    for name, other in (("ann", "bob"), ("bob", "ann")):
        said, handled = numbers(outs[name], "said"), numbers(outs[other], "handled")
        assert said == list(range(len(said))), "what was acknowledged was said in its order"
        assert set(handled) >= set(said), "every delivery arrived"
    by_sender = Counter(sender for sender, _ in texts)
    assert sorted(by_sender.values()) == sorted(len(numbers(out, "said")) for out in outs.values())
