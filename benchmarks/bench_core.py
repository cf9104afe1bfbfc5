"""How fast the core is, and how that changes with the number of agents.

    python -m benchmarks.bench_core [--quick] [--agents SMALL LARGE] [--rounds N] [--gc] [--json FILE] [--keep]

Two hubs are built, a small and a large one, and every row is measured on both in turn, round by round, so that a machine that
is busy for a while is busy for both. What is given is the median of the rounds and the ratio of large to small.

Time is that of the processor while it worked for this process: the core waits for nothing, and other programs on the same machine
count little.

A state is a value: every sample begins on the same state and leaves it as it was.

The garbage collector: the two hubs are frozen out of it (`gc.freeze`), it collects before every sample and is off during one.
With `--gc` nothing of this is done, and a sample pays for the collections that fall into it.

What sessions and tasks cost is measured by `core_sessions` and `core_tasks`, and where the time of a post goes by `core_profile`.
With `--keep` all of it is written down: `bench_core.json`, and in `README.md` the tables that are made of it.
"""

import argparse
import gc
import json
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Literal, NamedTuple

from foldhub_core import (
    Arrival,
    Commit,
    Cost,
    HubConfig,
    HubState,
    Log,
    Passport,
    Principal,
    RecordObservation,
    Register,
    Resume,
    Start,
    TaskState,
    check_chain,
    digest,
    find_agent_id,
    get_agent,
    list_agents,
    name_for,
    read_log,
    read_snapshot,
    replay,
    step,
    take_snapshot,
    write_log,
)
from foldhub_core.commits import make_commit, read_commit

sys.path.append(str(Path(__file__).parents[1]))  # run as a file, it finds its neighbours all the same

from benchmarks import core_profile, core_sessions, core_tasks, report

CONFIG = HubConfig()
ADMIN = Principal(admin=True)
HUB_ID = "bench"

SIZES = (1_000, 100_000)
QUICK_SIZES = (300, 3_000)
ROUNDS, QUICK_ROUNDS = 7, 2
HEAVY_ROUNDS = 3
"""Rounds of what takes longer on a larger hub."""

PROFILED_S = 20.0
"""How long the steps of posts and acks are looked at, of the processor's time."""

OPERATIONS = 500
"""Commands in one sample, and commits in one of the log."""
LOOKUPS = 5_000
PAGES = 50
PAGE = 20
CAPABILITIES = 10

Order = Literal["name", "cost", "track_record"]
ORDERS: tuple[Order, ...] = ("name", "cost", "track_record")


class World(NamedTuple):
    """A hub of some size, and what is asked of it."""

    agents: int
    state: HubState
    log: bytes
    tail: Log
    told: list[Any]
    """The commands of the tail. Any: of every kind."""
    """The last commits of the log."""
    snapshot: list[bytes]
    ids: list[str]
    names: list[str]
    new: list[Arrival]
    """Registrations of agents that are not there."""
    new_with_key: list[Arrival]
    observations: list[Arrival]
    middles: dict[Order, str | None]
    """By order, the cursor of a page in the middle."""


class Measure(NamedTuple):
    """Something to be measured: what its rows are called, in what unit, and how."""

    rows: tuple[tuple[str, str], ...]
    sample: Callable[[World], tuple[float, ...]]
    """Gives one value a row."""
    heavy: bool = False


class Result(NamedTuple):
    """A row of the table: the medians on the small and on the large hub, and all samples of both."""

    name: str
    unit: str
    small: float
    large: float
    samples: tuple[list[float], list[float]]

    @property
    def ratio(self) -> float:
        return self.large / self.small if self.small else 0.0


# --- the two hubs


def name_of(number: int) -> str:
    """A name; neighbours in number are no neighbours in order."""
    return f"agent-{number * 7_368_787 % 9_999_991:07d}"


def registration(number: int, key: str | None = None) -> Register:
    passport = Passport(
        name=name_of(number),
        owner=f"owner-{number % 50}",
        provider="provider",
        model="model-large",
        cost=Cost(input_per_mtok=float(number % 40), output_per_mtok=float(number % 90)),
    )
    resume = Resume(
        claimed_capabilities=(f"capability-{number % CAPABILITIES}", f"skill-{number % 37}"),
        domains=("finance",),
        summary=f"Answers questions of kind {number % 10} and writes them down.",
    )
    return Register(passport=passport, resume=resume, idempotency_key=key)


def observation(agent_id: str, number: int) -> RecordObservation:
    outcome = TaskState.FAILED if number % 5 == 0 else TaskState.COMPLETED
    return RecordObservation(
        owner_id=agent_id,
        capability=f"capability-{number % CAPABILITIES}",
        outcome=outcome,
        latency_ms=number % 900,
        task_id=f"task-{number}",
    )


def arrivals(commands: Iterable[Any], now_ms: int) -> list[Arrival]:
    return [Arrival(principal=ADMIN, command=command, now_ms=now_ms + at, ref="r") for at, command in enumerate(commands)]


def build(agents: int) -> World:
    """Register the agents, observe one task of one in ten, and write down what comes of it."""
    state, commits, ids = HubState(HUB_ID), list[Commit](), list[str]()
    dice = random.Random(agents)

    def take(command: Any) -> Any:
        nonlocal state
        came = step(CONFIG, state, Arrival(principal=ADMIN, command=command, now_ms=state.now_ms + 1))
        assert came.commit is not None, "every command of the setup changes something"
        state = came.state
        commits.append(came.commit)
        return came.effects[0]

    take(Start())
    for number in range(agents):
        ids.append(take(registration(number)).value.agent_id)
        if number % 10 == 0:
            take(observation(ids[number], number))
    names = [name_of(number) for number in range(agents)]
    log = Log(HUB_ID, tuple(commits))
    fresh = range(agents, agents + OPERATIONS)
    seen = [ids[dice.randrange(agents)] for _ in range(OPERATIONS)]
    return World(
        agents=agents,
        state=state,
        log=write_log(log),
        tail=(tail := log.cut(max(0, log.seq - OPERATIONS))),
        told=[commit.command for commit in tail.commits],
        snapshot=list(take_snapshot(state)),
        ids=[ids[dice.randrange(agents)] for _ in range(LOOKUPS)],
        names=[names[dice.randrange(agents)] for _ in range(LOOKUPS)],
        new=arrivals((registration(number) for number in fresh), state.now_ms),
        new_with_key=arrivals((registration(number, f"key-{number}") for number in fresh), state.now_ms),
        observations=arrivals((observation(one, agents + at) for at, one in enumerate(seen)), state.now_ms),
        middles={order: middle(state, order, agents) for order in ORDERS},
    )


def middle(state: HubState, order: Order, agents: int) -> str | None:
    """The cursor behind the first half of all agents."""
    cursor: str | None = None
    left = max(1, agents // 2)
    while left:
        page = list_agents(state, sort_by=order, limit=min(left, state.limits.page_items), cursor=cursor)
        cursor, left = page.cursor, left - len(page.agents)
    return cursor


# --- what is measured


def rate(name: str, count: Callable[[World], int], *, heavy: bool = False) -> Measure:
    """So many a second of what a function does and counts."""

    def sample(world: World) -> tuple[float, ...]:
        began = process_time()
        done = count(world)
        return (done / (process_time() - began),)

    return Measure(((name, "/s"),), sample, heavy)


def stepped(state: HubState, taken: Sequence[Arrival]) -> int:
    for arrival in taken:
        state = step(CONFIG, state, arrival).state
    return len(taken)


def got(world: World, asked: Sequence[str], question: Callable[[HubState, str], object]) -> int:
    state = world.state
    for one in asked:
        question(state, one)
    return len(asked)


def paged(world: World, **question: Any) -> int:
    """Ask for the same page again and again. Any: the keywords of the question."""
    for _ in range(PAGES):
        list_agents(world.state, limit=PAGE, **question)
    return PAGES


def sorted_pages(order: Order) -> tuple[Measure, Measure]:
    shown = order.replace("_", " ")
    return (
        rate(f"search by {shown}, first page", lambda world: paged(world, sort_by=order)),
        rate(f"search by {shown}, middle page", lambda world: paged(world, sort_by=order, cursor=world.middles[order])),
    )


def written(world: World) -> int:
    head = world.tail.base_head
    for commit, command in zip(world.tail.commits, world.told, strict=True):
        head = made_again(commit, command, head).chain
    return len(world.tail.commits)


def made_again(commit: Commit, command: Any, head: bytes) -> Commit:
    """Write a commit again. Any: no command of this log was cut."""
    return make_commit(
        hub_id=HUB_ID,
        head=head,
        seq=commit.seq,
        now_ms=commit.now_ms,
        actor=commit.actor,
        command=command,
        facts=commit.facts,
        refusal=None,
        refusal_bytes=0,
    )


def chained(world: World) -> int:
    check_chain(world.tail)
    return len(world.tail.commits)


def decoded(world: World) -> int:
    for commit in world.tail.commits:
        read_commit(HUB_ID, commit.seq, commit.form, commit.payload, commit.previous, commit.chain)
    return len(world.tail.commits)


def recovered(world: World) -> tuple[float, ...]:
    began = process_time()
    log = read_log(world.log)
    read = process_time()
    state = replay(CONFIG, log.commits, HubState(HUB_ID))
    ended = process_time()
    assert state.head == world.state.head, "the log is this hub's"
    return len(log.commits) / (read - began), len(log.commits) / (ended - read), len(log.commits) / (ended - began)


def snapshot_taken(world: World) -> tuple[float, ...]:
    """The time of it all, how many slices it has, and the time of the slowest."""
    slices = take_snapshot(world.state)
    times: list[float] = []
    while True:
        began = process_time()
        piece = next(slices, None)
        times.append(process_time() - began)
        if piece is None:
            return sum(times) * 1000, float(len(times) - 1), max(times) * 1000


def in_ms(name: str, work: Callable[[World], object]) -> Measure:
    """The milliseconds of what grows with the hub."""

    def sample(world: World) -> tuple[float, ...]:
        began = process_time()
        work(world)
        return ((process_time() - began) * 1000,)

    return Measure(((name, "ms"),), sample, heavy=True)


MEASURES: tuple[Measure, ...] = (
    rate("register, without a key", lambda world: stepped(world.state, world.new)),
    rate("register, with a key", lambda world: stepped(world.state, world.new_with_key)),
    rate("record an observation", lambda world: stepped(world.state, world.observations)),
    rate("look up a passport by id", lambda world: got(world, world.ids, get_agent)),
    rate("look up a passport by name", lambda world: got(world, world.names, get_agent)),
    rate("look up an id by name", lambda world: got(world, world.names, find_agent_id)),
    rate("look up a name by id", lambda world: got(world, world.ids, name_for)),
    rate("search by capability, first page", lambda world: paged(world, capability="capability-3")),
    rate(
        "search by capability and track record",
        lambda world: paged(world, capability="capability-3", sort_by="track_record"),
    ),
    rate("search by text that one in ten has", lambda world: paged(world, query="KIND 7")),
    rate("search by text that nobody has", lambda world: paged(world, query="nobody has it")),
    *(measure for order in ORDERS for measure in sorted_pages(order)),
    rate("encode and chain commits", written),
    rate("check the chain of commits", chained),
    rate("decode commits", decoded),
    Measure((("read a log", "/s"), ("replay a log", "/s"), ("replay from bytes", "/s")), recovered, heavy=True),
    Measure((("take a snapshot", "ms"), ("slices", ""), ("slowest slice", "ms")), snapshot_taken, heavy=True),
    in_ms("restore a snapshot", lambda world: read_snapshot(CONFIG, world.snapshot)),
    in_ms("digest", lambda world: digest(world.state)),
)

ROWS: tuple[str, ...] = tuple([name for measure in MEASURES for name, _ in measure.rows])


# --- the walk


def sampled(measure: Measure, world: World, *, collect: bool) -> tuple[float, ...]:
    """One sample, with the garbage collector as the top of this file says."""
    if collect:
        return measure.sample(world)
    gc.collect()
    gc.disable()
    try:
        return measure.sample(world)
    finally:
        gc.enable()


def run(worlds: tuple[World, World], rounds: int, *, collect: bool = False) -> list[Result]:
    """Measure all rows on both hubs, round by round."""
    if not collect:
        gc.collect()
        gc.freeze()
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in ROWS}
    for number in range(rounds):
        for measure in MEASURES:
            if measure.heavy and number >= HEAVY_ROUNDS:
                continue
            for at, world in enumerate(worlds):
                for (name, _), value in zip(measure.rows, sampled(measure, world, collect=collect), strict=True):
                    found[name][at].append(value)
    units = {name: unit for measure in MEASURES for name, unit in measure.rows}
    return [Result(name, units[name], median(samples[0]), median(samples[1]), samples) for name, samples in found.items()]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure the core on a small and a large hub.")
    parser.add_argument("--quick", action="store_true", help="two small hubs and few rounds, some seconds in all")
    parser.add_argument("--agents", nargs=2, type=int, metavar=("SMALL", "LARGE"), help="the sizes of the two hubs")
    parser.add_argument("--rounds", type=int, help="how often everything is measured")
    parser.add_argument("--gc", action="store_true", help="leave the garbage collector as it is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--keep", action="store_true", help="write the results that are kept beside this file")
    options = parser.parse_args(arguments)
    small, large = options.agents or (QUICK_SIZES if options.quick else SIZES)
    rounds: int = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    if min(small, large) < 1 or rounds < 1:
        parser.error("hubs have at least one agent, and there is at least one round")
    came = report.machine()
    began, before = perf_counter(), process_time()
    worlds = build(small), build(large)
    setup_s = process_time() - before
    results = run(worlds, rounds, collect=options.gc)
    del worlds
    gc.unfreeze()
    talked = core_sessions.measured(large, rounds)
    worked = core_tasks.measured(large, rounds)
    where = core_profile.measured(min(PROFILED_S, large / 1_000))
    written: dict[str, Any] = {  # Any: JSON
        "machine": came,
        "agents": [small, large],
        "rounds": rounds,
        "setup_s": setup_s,
        "rows": [{**result._asdict(), "ratio": result.ratio} for result in results],
        "sessions": [row._asdict() for row in talked],
        "tasks": [row._asdict() for row in worked],
        "profile": {**where._asdict(), "lines": [line._asdict() for line in where.lines]},
    }
    written = json.loads(json.dumps(written))
    print(report.rendered(written))
    print(f"{perf_counter() - began:.0f} s in all")
    if options.json is not None:
        options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    if options.keep:
        report.keep(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
