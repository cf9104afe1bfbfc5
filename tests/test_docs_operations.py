"""docs/operations.md is held to the code: every test it names is there, every option and default it tells is so."""

import re
from pathlib import Path

from foldhub.listening import ROOM
from foldhub_core import Inbox, Limits
from foldhub_core.wire.limits import DEFAULT
from foldhub_stores.schema import SETTINGS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def test_every_test_that_is_named_is_there() -> None:
    source = "\n".join([path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")])
    there = set(re.findall(r"def (test_\w+)\(", source))
    named = re.findall(r"`(test_\w+)`", PAGE)
    assert len(named) > 30
    assert [name for name in named if name not in there] == []


COMMANDS = ("serve", "status", "tail", "token")
OF_OTHERS = {"no-cache-dir", "system", "create-home", "home-dir", "json"}


def test_every_option_that_is_told_is_one() -> None:
    source = "".join([(ROOT / f"shells/foldhub/cli/{name}.py").read_text(encoding="utf-8") for name in COMMANDS])
    lines = [line for line in PAGE.splitlines() if "foldhub" in line or "--tls" in line]
    told = {option for line in lines for option in re.findall(r" --([a-z-]+)", line)} - OF_OTHERS
    assert len(told) > 8
    assert [option for option in told if not re.search(rf"\b{option.replace('-', '_')}: ", source)] == []


def test_the_limits_that_are_told_are_the_defaults() -> None:
    assert (DEFAULT.connections, DEFAULT.unauthenticated, DEFAULT.unauthenticated_per_address) == (1_024, 64, 8)
    assert DEFAULT.connects_per_address_per_s == 32
    assert (DEFAULT.connections_per_subject, DEFAULT.in_flight, DEFAULT.frames_per_s) == (16, 256, 1_000)
    assert {DEFAULT.tls_ms, DEFAULT.hello_ms, DEFAULT.check_ms} == {5_000}
    assert (DEFAULT.send_bytes, DEFAULT.frame_bytes, DEFAULT.hello_bytes) == (8 << 20, 1 << 20, 4 << 10)
    assert (DEFAULT.ping_ms, DEFAULT.idle_ms, DEFAULT.auth_failures, DEFAULT.auth_pause_ms) == (30_000, 75_000, 5, 60_000)


def test_the_bounds_of_memory_that_are_told_are_the_defaults() -> None:
    limits, day_ms = Limits(), 24 * 3600 * 1000
    assert (limits.keys, limits.dead_letters, limits.observed_tasks, limits.task_bytes) == (1_000, 1_000, 1_000, 256 << 10)
    assert (limits.key_ms, limits.owed_ms, limits.refusal_window_ms) == (day_ms, 7 * day_ms, day_ms // 24)
    assert (Inbox().max_pending, ROOM) == (1_000, 1_024)
    assert f"cache_size = -{16 << 10}" in SETTINGS
