"""What the store on disk costs, beside what the disk gives at best in the same run.

    python benchmarks/bench_store.py [--quick] [--only append|open|snapshot ...] [--envelopes N] [--sessions N]
                                      [--rounds N] [--folder DIR] [--json FILE]

Every row is measured round by round, and in each round right beside its limit: for appends a plain log that is written and
synced, for reading the same bytes read from a file. What is given is the medians, and the ratio of the store to the limit.

A commit is a post of a short text under a key. The long log has a session of its own twentieth part, and others beside it.
"""

import argparse
import gc
import json
import os
import platform
import random
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from foldhub_core import (
    Commit,
    HubState,
    Post,
    codec,
    read_snapshot,
    replay,
    take_snapshot,
)
from foldhub_core.commits import chained, read_commit
from foldhub_stores import Durable, FileStore, recover
from foldhub_stores.founding import LOG

sys.path.append(str(Path(__file__).parents[1]))  # run as a file, it finds its neighbours all the same

from benchmarks.core_sessions import CONFIG, HUB_ID, Talk

ENVELOPES, QUICK_ENVELOPES = 1_000_000, 20_000
SESSIONS, QUICK_SESSIONS = 100_000, 2_000
ROUNDS, QUICK_ROUNDS = 9, 3
HEAVY_ROUNDS = 3
"""Rounds of what takes long."""
BATCHES = (1, 16, 64, 256)
APPENDS = 30
"""Batches in one sample."""
LONG_SHARE = 20
"""One in so many envelopes of the long log is of its one long session."""
TAIL = 1_000
"""Commits behind the snapshot."""
LAST = 10
SAMPLE = 20_000
"""Commits by which is measured where the time of opening goes."""


class Row(NamedTuple):
    """A row of the table; `limit` is what the machine gave beside it, where there is such a thing."""

    name: str
    unit: str
    value: float
    limit: float | None
    samples: list[float]
    aim: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.limit if self.limit else None


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing that is there now is looked at by the garbage collector, and nothing new for a while."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


# --- appends


class RawLog:
    """The limit of a log: one write and one sync a batch, of the bytes of the payloads."""

    def __init__(self, file: Path, ahead: int = 0) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT)
        if ahead:
            os.posix_fallocate(self._file, 0, ahead)

    def append(self, commits: Sequence[Commit]) -> None:
        os.write(self._file, b"".join([commit.chain + commit.payload for commit in commits]))
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)


def posts(count: int) -> list[Commit]:
    """A log of posts, and of acks where an inbox would overflow."""
    talk = Talk(keep=True)
    assert talk.commits is not None
    while len(talk.commits) < count:
        for arrival in talk.pairs(500):
            if isinstance(arrival.command, Post):
                talk.take(arrival)
        talk.settle()
    return talk.commits[:count]


def appends(folder: Path, rounds: int, batches: int) -> list[Row]:
    """Commits a second, by the size of the batch."""
    log = posts(max(BATCHES) * batches * rounds)
    stores = {size: FileStore(folder / f"batch-{size}", HUB_ID) for size in BATCHES}
    raws = {size: RawLog(folder / f"raw-{size}") for size in BATCHES}
    aheads = {size: RawLog(folder / f"ahead-{size}", 512 * len(log)) for size in BATCHES}
    took: dict[tuple[str, int], list[float]] = {(kind, size): [] for kind in ("store", "raw", "ahead") for size in BATCHES}
    for number in range(rounds):
        for size in BATCHES:
            begin = number * batches * size
            with uncollected():
                # In turn batch by batch: what else the machine does falls on all three alike.
                for at in range(begin, begin + batches * size, size):
                    piece = log[at : at + size]
                    took["raw", size].append(clocked(raws[size].append, piece))
                    took["store", size].append(clocked(stores[size].append, piece))
                    took["ahead", size].append(clocked(aheads[size].append, piece))
    rows: list[Row] = []
    for size in BATCHES:
        assert stores[size].seq == rounds * batches * size, "all of it was durable"
        rates = {kind: [size / one for one in took[kind, size]] for kind in ("store", "raw", "ahead")}
        taken, limit, ahead = rates["store"], median(rates["raw"]), median(rates["ahead"])
        aim = "at least 0.5 of the limit" if size == 64 else ""
        rows.append(Row(f"append, {size} together", "commits/s", median(taken), limit, taken, aim))
        rows.append(Row(f"append, {size} together, beside a log whose space was there", "commits/s", median(taken), ahead, taken))
    logs: list[FileStore | RawLog] = [*stores.values(), *raws.values(), *aheads.values()]
    for one in logs:
        one.close()
    return rows


def clocked(append: Callable[[list[Commit]], object], piece: list[Commit]) -> float:
    began = perf_counter()
    append(piece)
    return perf_counter() - began


# --- a long log


class LongLog(NamedTuple):
    """A store with very many envelopes, closed."""

    place: Path
    envelopes: int
    session_id: str
    """Its long session."""
    middle: HubState
    """The state somewhere in the middle."""
    near: HubState
    """The state some thousand commits before the end."""


def long_log(place: Path, envelopes: int) -> LongLog:
    """Make the store; a snapshot is taken nowhere."""
    talk = Talk(sessions=100, keep=True)
    assert talk.commits is not None
    long, talk.sessions = talk.sessions[0], talk.sessions[1:]
    store = FileStore(place, HUB_ID)
    middle, last = talk.state, deque([talk.state], maxlen=TAIL // 500 + 1)

    def tell() -> None:
        commits = talk.commits or []
        for at in range(0, len(commits), 1_000):
            assert isinstance(store.append(commits[at : at + 1_000]), Durable)
        commits.clear()

    with uncollected():
        while talk.posted < envelopes:
            others = talk.sessions
            for sessions, count in ((others, 480), ([long], 500 // LONG_SHARE)):
                talk.sessions = sessions
                for arrival in talk.pairs(count):
                    if isinstance(arrival.command, Post):
                        talk.take(arrival)
            talk.sessions = others
            talk.settle()
            tell()
            last.append(talk.state)
            if talk.posted <= envelopes // 2:
                middle = talk.state
    store.close()
    return LongLog(place, talk.posted, long, middle, last[0])


def opened(log: LongLog) -> tuple[float, HubState]:
    """Open the store and recover the hub; gives the seconds and the state."""
    gc.collect()
    began = perf_counter()
    store = FileStore(log.place)
    state = recover(CONFIG, store)
    took = perf_counter() - began
    store.close()
    return took, state


def read_raw(log: LongLog) -> float:
    """The limit of opening: all bytes of the database, read."""

    def read() -> None:
        with (log.place / LOG).open("rb") as file:
            while file.read(1 << 20):
                pass

    return timed(read)


def opening(log: LongLog, rounds: int) -> list[Row]:
    """Opening without a snapshot, then with one."""
    without: list[float] = []
    raw: list[float] = []
    state = HubState(HUB_ID)
    for _ in range(rounds):
        raw.append(read_raw(log))
        took, state = opened(log)
        without.append(took)
    store = FileStore(log.place)
    take(store, log.near)
    behind = store.seq - log.near.seq
    store.close()
    within: list[float] = []
    for _ in range(rounds):
        took, came = opened(log)
        assert came.head == state.head, "a snapshot and the tail come to where the log comes"
        within.append(took)
    each = median(without) / log.envelopes * 1e6
    million = log.envelopes == ENVELOPES
    return [
        Row("open, without a snapshot", "s", median(without), median(raw), without, "under 30" if million else ""),
        Row("open, without a snapshot, an envelope", "us", each, None, [one / log.envelopes * 1e6 for one in without]),
        Row(f"open, with a snapshot {behind:,} commits ago", "s", median(within), None, within, "under 1" if million else ""),
    ]


def take(store: FileStore, state: HubState) -> None:
    assert isinstance(store.begin_snapshot(state.seq), Durable)
    for data in take_snapshot(state):
        assert isinstance(store.add_slice(data), Durable)
    assert isinstance(store.end_snapshot(), Durable)


def pieces_of_opening(log: LongLog, rounds: int) -> list[Row]:
    """Where the time of opening goes, by commits in the middle of the log."""
    store = FileStore(log.place)
    state, middle = log.middle, log.middle.seq
    commits = store.read(middle, SAMPLE)
    rows = [(one.seq, one.form, one.payload, one.previous, one.chain) for one in commits]
    count = len(commits)
    samples: dict[str, list[float]] = {name: [] for name in ("rows", "links", "commits", "fold", "read")}

    def select() -> object:
        # Any: the private connection of the store, which is all there is to measure its rows alone.
        database: Any = store._database
        query = "SELECT seq, form, chain, payload FROM commits WHERE seq > ? AND seq <= ? ORDER BY seq"
        return [database.ask(query, (at, at + 1_000), "iibb") for at in range(middle, middle + count, 1_000)]

    works: dict[str, Callable[[], object]] = {
        "rows": select,
        "links": lambda: [chained(HUB_ID, p, seq, form, codec.digest(data), len(data)) for seq, form, data, p, _ in rows],
        "commits": lambda: [read_commit(HUB_ID, seq, form, data, p, chain) for seq, form, data, p, chain in rows],
        "fold": lambda: replay(CONFIG, commits, state),
        "read": lambda: [store.read(at, 1_000) for at in range(middle, middle + count, 1_000)],
    }
    for _ in range(rounds):
        for name, work in works.items():
            with uncollected():
                samples[name].append(timed(work) / count * 1e6)
    store.close()
    names = {
        "rows": "of a commit: its row out of SQLite",
        "links": "of a commit: its link of the chain",
        "commits": "of a commit: read from its payload (read_commit)",
        "fold": "of a commit: folded (replay)",
        "read": "of a commit: all that `read` does",
    }
    return [Row(name, "us", median(samples[key]), None, samples[key]) for key, name in names.items()]


def looking(log: LongLog, rounds: int) -> list[Row]:
    """The last words of a long session, one envelope, and what a memory store takes for the same."""
    store = FileStore(log.place)
    words = store.words(log.session_id)
    dice = random.Random(1)
    last: list[float] = []
    one: list[float] = []
    for _ in range(rounds * 20):
        with uncollected():
            last.append(timed(lambda: store.read_session(log.session_id, store.words(log.session_id) - LAST)) * 1e3)
            (word,) = store.read_session(log.session_id, at := dice.randrange(words), at + 1)
            one.append(timed(lambda: store.envelope(word.envelope_id)) * 1e3)  # noqa: B023
    store.close()
    return [
        Row(f"the last {LAST} of a session of {words:,}", "ms", median(last), None, last, "under 1"),
        Row("an envelope by its id", "ms", median(one), None, one),
    ]


# --- a snapshot of many sessions


def snapshot_rows(folder: Path, sessions: int, rounds: int) -> list[Row]:
    """The longest a hub does nothing else while a snapshot is taken a slice at a time, and all of it."""
    talk = Talk(sessions=sessions, keep=True)
    assert talk.commits is not None
    commits, talk.commits = talk.commits, None
    store = FileStore(folder / "sessions", HUB_ID)
    for at in range(0, len(commits), 1_000):
        assert isinstance(store.append(commits[at : at + 1_000]), Durable)
    del commits
    longest: list[float] = []
    makes: list[float] = []
    writes: list[float] = []
    whole: list[float] = []
    slices = 0
    gc.collect()
    gc.freeze()  # as a hub does that has just been opened: or every collection looks at all of its state
    for _ in range(rounds):
        began = perf_counter()
        assert isinstance(store.begin_snapshot(talk.state.seq), Durable)
        pauses = [perf_counter() - began]
        made: list[float] = []
        written: list[float] = []
        taken = take_snapshot(talk.state)
        while True:
            before = perf_counter()
            data = next(taken, None)
            between = perf_counter()
            if data is None:
                break
            assert isinstance(store.add_slice(data), Durable)
            after = perf_counter()
            made.append(between - before)
            written.append(after - between)
            pauses.append(after - before)
        before = perf_counter()
        assert isinstance(store.end_snapshot(), Durable)
        pauses.append(perf_counter() - before)
        whole.append(perf_counter() - began)
        longest.append(max(pauses) * 1e3)
        makes.append(max(made) * 1e3)
        writes.append(max(written) * 1e3)
        slices = len(made)
    gc.unfreeze()
    began = perf_counter()
    snapshot = store.snapshot()
    assert snapshot is not None
    assert read_snapshot(CONFIG, snapshot.slices).head == talk.state.head, "the snapshot is this hub's"
    restored = perf_counter() - began
    store.close()
    what = f"snapshot of {sessions:,} live sessions"
    aim = "under 50" if sessions == SESSIONS else ""
    return [
        Row(f"{what}, in {slices} slices", "s", median(whole), None, whole),
        Row(f"{what}: the longest wait of a step", "ms", median(longest), None, longest, aim),
        Row(f"{what}: the slowest slice to be made", "ms", median(makes), None, makes),
        Row(f"{what}: the slowest slice to be written", "ms", median(writes), None, writes),
        Row(f"{what}: read back", "s", restored, None, [restored]),
    ]


# --- all of it


PARTS = ("append", "open", "snapshot")


def measured(folder: Path, envelopes: int, sessions: int, rounds: int, batches: int, parts: Sequence[str]) -> list[Row]:
    heavy = min(rounds, HEAVY_ROUNDS)
    rows: list[Row] = []
    if "append" in parts:
        rows += appends(folder, rounds, batches)
    if "open" in parts:
        log = long_log(folder / "long", envelopes)
        rows += [*opening(log, heavy), *pieces_of_opening(log, rounds), *looking(log, rounds)]
    if "snapshot" in parts:
        rows += snapshot_rows(folder, sessions, heavy)
    return rows


def table(rows: Iterable[Row]) -> str:
    """The rows as a table of Markdown."""
    lines = ["| | unit | store | limit | ratio | aimed at |", "|---|---|---:|---:|---:|---|"]
    for row in rows:
        limit = "" if row.limit is None else shown(row.limit)
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(f"| {row.name} | {row.unit} | {shown(row.value)} | {limit} | {ratio} | {row.aim} |")
    return "\n".join(lines)


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="What the store on disk costs.")
    parser.add_argument("--quick", action="store_true", help="a short log and few sessions")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure these only")
    parser.add_argument("--envelopes", type=int, help="envelopes of the long log")
    parser.add_argument("--sessions", type=int, help="live sessions of the snapshot")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--folder", type=Path, help="where the stores are made: the disk that is measured")
    parser.add_argument("--json", type=Path, help="write all samples there")
    asked = parser.parse_args(arguments)
    envelopes = asked.envelopes or (QUICK_ENVELOPES if asked.quick else ENVELOPES)
    sessions = asked.sessions or (QUICK_SESSIONS if asked.quick else SESSIONS)
    rounds = asked.rounds or (QUICK_ROUNDS if asked.quick else ROUNDS)
    if min(envelopes, sessions, rounds) < 1:
        parser.error("expected at least one of everything")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        rows = measured(Path(folder), envelopes, sessions, rounds, min(APPENDS, max(2, envelopes // 1_000)), asked.only)
    print(f"{os.cpu_count()} processors, Python {platform.python_version()}; {rounds} rounds\n")
    print(table(rows))
    if asked.json is not None:
        samples = [{"name": row.name, "unit": row.unit, "limit": row.limit, "samples": row.samples} for row in rows]
        told = {"envelopes": envelopes, "sessions": sessions, "rounds": rounds, "rows": samples}
        asked.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
