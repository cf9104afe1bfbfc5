"""What a task costs: its life, beside few and many others; checkpoints, lists, expiry, bytes of log, memory.

A life is three commands: a task of some capability is observed, tells once how far it is, and completes, which is counted in
its owner's record. The owners are a hundred, one after the other.
"""

import gc
import tracemalloc
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

from benchmarks.core_sessions import ADMIN, CONFIG, HUB_ID, Row, grouped, paused
from foldhub_core import (
    Arrival,
    CheckpointTask,
    Commit,
    EndTask,
    HubState,
    Log,
    ObserveTask,
    Passport,
    Register,
    Reply,
    Resume,
    Start,
    TaskSpec,
    TaskState,
    Tick,
    UpdateTask,
    list_tasks,
    next_deadline,
    step,
    write_log,
)

OWNERS = 100
PAGE = 20
SPEC = TaskSpec("Answer.", "What is the single most important property?", capability="ask")
CHECKPOINT = {"notes": ["x" * 100 for _ in range(10)]}


class Works:
    """A hub with so many tasks that run, and what is done with more of them."""

    def __init__(self, live: int = 0, owners: int = OWNERS) -> None:
        self.state = HubState(HUB_ID)
        self.commits: list[Commit] = []
        self.do(Start())
        self.owners = [self.do(Register(passport=Passport(f"agent-{at}"), resume=Resume())).agent_id for at in range(owners)]
        self.live = [self.observed(at) for at in range(live)]
        self.commits.clear()

    def do(self, command: Any) -> Any:
        """Any: every command has its own answer."""
        came = step(CONFIG, self.state, Arrival(principal=ADMIN, command=command, now_ms=self.state.now_ms + 1))
        self.state = came.state
        if came.commit is not None:
            self.commits.append(came.commit)
        assert isinstance(came.effects[0], Reply), "what is measured is granted"
        return came.effects[0].value

    def observed(self, at: int, ttl: int = 0) -> str:
        """The id of a task that begins, by default for ever."""
        task = self.do(ObserveTask(owner_id=self.owners[at % len(self.owners)], spec=SPEC, ttl=ttl))
        return str(task.task_id)

    def lived(self, at: int) -> None:
        owner_id = self.owners[at % len(self.owners)]
        task_id = self.observed(at)
        self.do(UpdateTask(task_id=task_id, agent_id=owner_id, progress={"done": 1, "of": 2}))
        self.do(EndTask(task_id=task_id, agent_id=owner_id, outcome=TaskState.COMPLETED, result="Fault tolerance."))

    def rate(self, count: int) -> float:
        """Lives a second."""
        with paused():
            began = process_time()
            for at in range(count):
                self.lived(at)
            took = process_time() - began
        self.commits.clear()
        return count / took


def rates(name: str, count: int, rounds: int, sample: Callable[[int], float]) -> Row:
    """The median of so many samples, each of so much a second."""
    taken = [sample(count) for _ in range(rounds)]
    return Row(name, "/s", median(taken), 1.0, tuple(taken))


def checkpoints(count: int) -> float:
    works = Works(1, 1)
    command = [
        CheckpointTask(task_id=works.live[0], agent_id=works.owners[0], data={**CHECKPOINT, "at": at}) for at in range(count)
    ]
    with paused():
        began = process_time()
        for one in command:
            works.do(one)
        return count / (process_time() - began)


def listed(works: Works) -> Callable[[int], float]:
    """Pages a second of the tasks of one owner."""

    def sample(count: int) -> float:
        with paused():
            began = process_time()
            for at in range(count):
                list_tasks(works.state, owner_id=works.owners[at % OWNERS], limit=PAGE)
            return count / (process_time() - began)

    return sample


def expired(count: int) -> float:
    """Tasks a second that come to their end by nothing but time."""
    works = Works()
    for at in range(count):
        works.observed(at, ttl=3600)
    ended = 0
    with paused():
        began = process_time()
        while (due := next_deadline(works.state)) is not None and ended < count:
            came = step(CONFIG, works.state, Arrival(principal=ADMIN, command=Tick(), now_ms=max(due, works.state.now_ms)))
            works.state = came.state
            ended = count - len(works.state.tasks.entries)
        return count / (process_time() - began)


def log_bytes(count: int) -> Row:
    works = Works()
    for at in range(count):
        works.lived(at)
    written = len(write_log(Log(HUB_ID, tuple(works.commits), works.commits[0].seq - 1, works.commits[0].previous)))
    return Row("log of a task's life", "B", written / count, 1.0)


def memory(count: int) -> Row:
    works = Works()
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for at in range(count):
        works.observed(at)
        works.commits.clear()
    gc.collect()
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Row("memory of a live task", "B", (now - before) / count, 1.0)


def measured(scale: int, rounds: int) -> list[Row]:
    """All rows; `scale` is how many tasks the largest hub has."""
    count = max(10, min(500, scale // 20))
    hubs = [(at, Works(at)) for at in (1, max(1, scale // 100), scale)]
    rows = grouped(((f"a task's life, {at:,} live tasks", works) for at, works in hubs), count, rounds)
    gc.unfreeze()
    return [
        *rows,
        rates("a checkpoint of a kilobyte", count, rounds, checkpoints),
        rates(f"list an owner's tasks, first page, {scale:,} live tasks", count, rounds, listed(hubs[-1][1])),
        rates("a task that expires", count, rounds, expired),
        log_bytes(count),
        memory(max(20, scale // 100)),
    ]
