"""Snapshots: whole or refused, the same for equal states, taken while the hub goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from immutables import Map

from foldhub_core import (
    HubConfig,
    HubState,
    Log,
    Malformed,
    Passport,
    Register,
    Resume,
    Start,
    Unregister,
    changed,
    codec,
    digest,
    read_log,
    read_snapshot,
    replay,
    take_snapshot,
    write_log,
)
from foldhub_core.snapshot import DEALT, SLICE_BYTES, first_dormant
from foldhub_core.snapshot_rows import DueRow, EndRow, HubRow, LinkRow, RefusalsRow
from tests.core.recorded_hub import ROOMY, RecordedHub, agent, crowded_hub, full_registration, whole_story

ROOT = Path(__file__).parents[2]

WHOLE = whole_story()
STORY = WHOLE.state
CROWD = crowded_hub(60)
STATES = {
    "new": HubState("demo"),
    "started": RecordedHub().state,
    "whole": STORY,
    "crowded": CROWD.state,
}


each_state = pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())


def rows_in(slices: list[bytes]) -> list[int]:
    """How many rows each slice has."""
    rows = [codec.unpack(data) for data in slices]
    return [len(row) if isinstance(row, list) else -1 for row in rows]


def whole(*rows: object) -> list[bytes]:
    """One slice of these rows with the right last row."""
    packed = [codec.encode(row) for row in rows]
    hasher = codec.hasher()
    for row in packed:
        hasher.update(row)
    return [codec.pack([*packed, codec.encode(EndRow(5, hasher.digest()))])]


# --- there and back


@pytest.mark.parametrize("slice_rows", [1, 2, 3, 7, 50, 500])
@each_state
def test_a_snapshot_is_read_back_equal_for_any_size_of_slices(state: HubState, slice_rows: int) -> None:
    assert read_snapshot(ROOMY, take_snapshot(state, slice_rows)) == state


@each_state
def test_a_snapshot_is_read_back_with_the_same_digest(state: HubState) -> None:
    assert digest(read_snapshot(ROOMY, take_snapshot(state))) == digest(state)


@each_state
def test_a_snapshot_read_back_is_written_as_the_same_bytes(state: HubState) -> None:
    assert list(take_snapshot(read_snapshot(ROOMY, take_snapshot(state, 7)), 7)) == list(take_snapshot(state, 7))


AWAKE = [seq for seq, state in enumerate(WHOLE.states) if first_dormant(state) is None]


@pytest.mark.parametrize("seq", AWAKE[::4])
def test_a_snapshot_and_the_tail_of_the_log_give_the_state_of_the_whole_log(seq: int) -> None:
    hub = whole_story()
    begun = read_snapshot(ROOMY, take_snapshot(hub.states[seq], 3))
    assert replay(ROOMY, hub.log.cut(seq).commits, begun) == hub.state


def test_idempotency_keys_outlive_a_snapshot() -> None:
    hub = RecordedHub()
    hub.register(full_registration())
    hub.state = read_snapshot(ROOMY, take_snapshot(hub.state))
    assert hub.ask(full_registration()).commit is None


# --- slices


@pytest.mark.parametrize("slice_rows", [1, 2, 7, 50])
@each_state
def test_no_slice_has_more_rows_than_its_share_and_the_last_row(state: HubState, slice_rows: int) -> None:
    *inner, last = rows_in(list(take_snapshot(state, slice_rows)))
    assert max(inner, default=0) <= slice_rows
    assert last <= slice_rows + 1


def test_a_slice_ends_where_its_rows_have_many_bytes() -> None:
    hub = RecordedHub(HubConfig())
    for at in range(12):
        hub.register(Register(passport=Passport(name=f"a{at}"), resume=Resume(), skill_md="s" * 60_000))
    sizes = [len(data) for data in take_snapshot(hub.state)]
    assert len(sizes) == 3
    assert max(sizes) < SLICE_BYTES + 61_000


def test_the_caller_may_pause_while_a_large_map_is_dealt() -> None:
    state = changed(HubState("demo"), links=Map({f"demo:a:{at}": "l" for at in range(DEALT)}))
    assert rows_in(list(take_snapshot(state)))[0] == 1, "the first row, and no link yet"


def test_a_snapshot_taken_while_the_hub_goes_on_is_of_the_state_at_its_begin() -> None:
    hub = crowded_hub(20)
    begun = hub.state
    slices: list[bytes] = []
    for taken, data in enumerate(take_snapshot(begun, 3)):
        slices.append(data)
        hub.register(agent(f"late-{taken}"))
        hub.ask(Unregister(agent_id=min(hub.state.registry.agents)))
    assert read_snapshot(ROOMY, slices) == begun
    assert hub.state.seq > begun.seq


# --- whole or refused


SLICES = list(take_snapshot(STORY, 3))
LAST = len(SLICES) - 1


def test_the_slices_to_be_touched_all_hold_rows_that_differ() -> None:
    assert min(rows_in(SLICES)) > 0
    assert len(set(SLICES)) == len(SLICES) > 3


@pytest.mark.parametrize("at", range(len(SLICES)))
def test_a_dropped_slice_is_found(at: int) -> None:
    with pytest.raises(Malformed):
        read_snapshot(ROOMY, [*SLICES[:at], *SLICES[at + 1 :]])


@pytest.mark.parametrize("at", range(len(SLICES)))
def test_a_doubled_slice_is_found(at: int) -> None:
    with pytest.raises(Malformed):
        read_snapshot(ROOMY, [*SLICES[: at + 1], *SLICES[at:]])


@pytest.mark.parametrize("at", range(LAST))
def test_swapped_slices_are_found(at: int) -> None:
    with pytest.raises(Malformed):
        read_snapshot(ROOMY, [*SLICES[:at], SLICES[at + 1], SLICES[at], *SLICES[at + 2 :]])


@pytest.mark.parametrize("length", range(len(SLICES)))
def test_a_snapshot_that_ends_early_is_found(length: int) -> None:
    with pytest.raises(Malformed):
        read_snapshot(ROOMY, SLICES[:length])


def test_slices_of_two_snapshots_do_not_mix() -> None:
    hub = whole_story()
    hub.ask(Start())
    with pytest.raises(Malformed):
        read_snapshot(ROOMY, [*list(take_snapshot(hub.state, 3))[:1], *SLICES[1:]])


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.long)])
def test_every_byte_that_was_flipped_is_found(step: int) -> None:
    data = b"".join(take_snapshot(STATES["whole"], 500))
    accepted: list[int] = []
    for at in range(0, len(data), step):
        touched = bytearray(data)
        touched[at] ^= 1 << at % 8
        try:
            read_snapshot(ROOMY, [bytes(touched)])
        except Malformed:
            continue
        accepted.append(at)
    assert accepted == []


FIRST = HubRow(codec.FORMAT, "demo", 5, 1000, bytes(16), 0, 0)


def test_the_least_snapshot_is_a_first_and_a_last_row() -> None:
    assert read_snapshot(ROOMY, whole(FIRST)) == HubState("demo", seq=5, now_ms=1000)


@pytest.mark.parametrize(
    ("slices", "what"),
    [
        ([], "the first row of a snapshot"),
        ([codec.pack([])], "the first row of a snapshot"),
        ([b"\xc1"], "bytes that msgpack cannot read"),
        ([codec.pack(7)], "a list of rows"),
        ([codec.pack(["row"])], "a row in bytes"),
        ([codec.pack([b"\xc1"])], "bytes that msgpack cannot read"),
        ([codec.pack([codec.encode(Start())])], "a row of a snapshot"),
        (whole(LinkRow("a", "l")), "the first row of a snapshot"),
        (whole(), "the first row of a snapshot"),
        (whole(FIRST, FIRST), "one first and one last row"),
        ([codec.pack([codec.encode(FIRST)])], "the last row with the digest"),
        ([codec.pack([codec.encode(FIRST), codec.encode(EndRow(5, bytes(16)))])], "the digest of the rows before"),
        ([codec.pack([codec.encode(FIRST), codec.encode(EndRow(6, codec.digest(codec.encode(FIRST))))])], "the digest"),
        ([*whole(FIRST), *whole(FIRST)], "the digest of the rows before"),
        (whole(HubRow(2, "demo", 5, 1000, bytes(16), 0, 0)), "expected format 1 to 1, came 2"),
        (whole(HubRow(0, "demo", 5, 1000, bytes(16), 0, 0)), "expected format 1 to 1, came 0"),
        (whole(HubRow(1, "Demo", 5, 1000, bytes(16), 0, 0)), "hub_id"),
        (whole(FIRST, DueRow(2**63, "agent", "a")), "64-bit"),
    ],
)
def test_what_is_no_snapshot_is_malformed(slices: list[bytes], what: str) -> None:
    with pytest.raises(Malformed, match=what):
        read_snapshot(ROOMY, slices)


# --- one name for equal states


def test_equal_states_have_equal_digests_whatever_the_order_their_maps_were_filled_in() -> None:
    links = [(f"demo:a:{at}", f"link-{at}") for at in range(10_000)]
    forth, back = (changed(HubState("demo"), links=Map(order)) for order in (links, reversed(links)))
    assert digest(forth) == digest(back)


def test_every_state_of_a_story_has_its_own_digest() -> None:
    states = whole_story().states
    assert len({digest(state) for state in states}) == len(states)


def test_the_digest_of_a_refusals_count_differs() -> None:
    rows = [whole(FIRST, RefusalsRow("s", count)) for count in (1, 2)]
    assert digest(read_snapshot(ROOMY, rows[0])) != digest(read_snapshot(ROOMY, rows[1]))


# --- in every process


RECORD = """
import json, sys
from foldhub_core import HubConfig, HubState, codec, digest, read_log, read_snapshot, replay, take_snapshot, write_log
from tests.core.recorded_hub import crowded_hub

def name(data):
    return codec.digest(data).hex()

lived = crowded_hub(150)
given = read_log(sys.stdin.buffer.read())
replayed = replay(HubConfig(), given.commits, HubState("demo"))
print(json.dumps({
    "lived": [digest(lived.state), name(write_log(lived.log)), [name(one) for one in take_snapshot(lived.state, 20)]],
    "given": [digest(replayed), name(write_log(given)), [name(one) for one in take_snapshot(replayed, 20)]],
    "order of a set": list({"a", "b", "c", "d", "e", "f", "g", "h"}),
}))
"""


def in_a_process_of_its_own(hash_seed: str, log: Log) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", RECORD],
        input=write_log(log),
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    told: dict[str, object] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def tellings() -> list[dict[str, object]]:
    """What two processes with other hash seeds tell of the same requests, and of the same log."""
    return [in_a_process_of_its_own(seed, CROWD.log) for seed in ("1", "2")]


def test_the_two_processes_do_hash_differently(tellings: list[dict[str, object]]) -> None:
    assert tellings[0]["order of a set"] != tellings[1]["order of a set"]


@pytest.mark.parametrize("source", ["lived", "given"])
def test_two_processes_come_to_the_same_digest_log_and_snapshot(tellings: list[dict[str, object]], source: str) -> None:
    assert tellings[0][source] == tellings[1][source]


def test_another_process_reads_this_ones_log_to_the_same_digest_log_and_snapshot(tellings: list[dict[str, object]]) -> None:
    log = write_log(read_log(write_log(CROWD.log)))
    slices = [codec.digest(data).hex() for data in take_snapshot(CROWD.state, 20)]
    assert tellings[0]["given"] == [digest(CROWD.state), codec.digest(log).hex(), slices]
