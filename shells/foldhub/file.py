"""The shell of files: a day of a hub from a file of arrivals, into a log and a file of effects.

    feed(HubConfig(), "arrivals.jsonl", "day.log", "effects.jsonl")

An arrival is a line of JSON: `principal`, `command` with its class as `kind`, `now_ms`, `ref`; an effect is a line too, with the
number of the commit that is durable before it. Time is that of the stamps: what came due between two arrivals happens between
them, and nothing waits. So a recorded day runs again from files alone, and comes to the same log, byte for byte.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TextIO, TypeAlias, cast, get_args

import attrs

from foldhub_core import (
    Arrival,
    Command,
    Commit,
    Effect,
    Ending,
    Engine,
    HubConfig,
    HubState,
    Log,
    Malformed,
    Principal,
    changed,
    freeze,
    write_log,
)
from foldhub_core.codec import from_data, to_data
from foldhub_core.errors import inside, unexpected
from foldhub_core.records import names_of

Place: TypeAlias = str | PathLike[str]

_COMMANDS: Mapping[str, type[object]] = {kind.__name__: kind for kind in get_args(Command)}


def feed(config: HubConfig, arrivals: Place, log: Place, effects: Place, *, hub_id: str = "hub") -> HubState:
    """Run a file of arrivals through an engine; writes its log and its effects, and gives the state it came to.

    The first arrival is a `Start`, as in every run. Raises `Malformed` for a line that is no arrival, naming it; what was
    written of the effects stays, the log is written at the end.
    """
    state = HubState(hub_id)
    engine = Engine(config, state, lazy_ms=0)
    commits: list[Commit] = []
    with open(arrivals, encoding="utf-8") as lines, open(effects, "w", encoding="utf-8") as out:
        for arrival in read_arrivals(lines):
            assert engine.take(arrival), "an engine at rest has room"
            commits += _walk(engine, arrival.now_ms, out)
    Path(log).write_bytes(write_log(Log(hub_id, tuple(commits))))
    return engine.state


def _walk(engine: Engine, now_ms: int, out: TextIO) -> Iterator[Commit]:
    """Let an engine come to rest; gives its commits and writes its effects."""
    while True:
        append = engine.advance(now_ms)
        if append is not None:
            yield from append.commits
            engine.ended(Ending.DURABLE, now_ms)
        for effect in engine.effects():
            out.write(json.dumps(effect_data(effect, engine.state.seq), ensure_ascii=False) + "\n")
        if append is None:
            return


def read_arrivals(lines: Iterable[str]) -> Iterator[Arrival]:
    """The arrivals that these lines tell, empty ones passed over; raises `Malformed`, naming the line."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield arrival_from(_read(line))
            except Malformed as error:
                raise inside(f"line {number}", error) from error


def write_arrivals(commits: Iterable[Commit], arrivals: Place) -> None:
    """Write what was asked in these commits as a file that `feed` reads; raises `Malformed` for one whose command was cut."""
    with open(arrivals, "w", encoding="utf-8") as out:
        for commit in commits:
            arrival = commit.arrival
            if arrival is None:
                raise Malformed("expected a command, came one that was too large to keep", where=f"commit {commit.seq}")
            out.write(json.dumps(arrival_data(changed(arrival, ref=str(commit.seq))), ensure_ascii=False) + "\n")


def arrival_data(arrival: Arrival) -> Mapping[str, object]:
    """An arrival as named data: what `arrival_from` reads."""
    command = {"kind": type(arrival.command).__name__, **to_data(arrival.command)}
    return {"now_ms": arrival.now_ms, "ref": arrival.ref, "principal": to_data(arrival.principal), "command": command}


def arrival_from(data: Mapping[str, object]) -> Arrival:
    """The arrival that named data tells; raises `Malformed`."""
    named = dict(data)
    principal, command = named.pop("principal", {}), named.pop("command", None)
    if not isinstance(principal, Mapping) or not isinstance(command, Mapping):
        raise unexpected("a principal and a command, as maps", command, where="command")
    fields = dict(cast("Mapping[str, object]", command))
    kind = fields.pop("kind", None)
    if not isinstance(kind, str) or kind not in _COMMANDS:
        raise unexpected("the class of a command", kind, where="command.kind")
    made = cast(Command, from_data(_COMMANDS[kind], fields))
    whose = from_data(Principal, cast("Mapping[str, object]", principal))
    now_ms, ref = named.pop("now_ms", None), named.pop("ref", "")
    if named or type(now_ms) is not int or type(ref) is not str:
        raise unexpected("now_ms, ref, principal and command", sorted(data), where="arrival")
    return Arrival(principal=whose, command=made, now_ms=now_ms, ref=ref)


def effect_data(effect: Effect, seq: int) -> Mapping[str, object]:
    """An effect as named data, with the last commit that is durable before it."""
    fields = {name: _plain(getattr(effect, name)) for name in names_of(type(effect))}
    return {"effect": type(effect).__name__, "seq": seq, **fields}


def _plain(value: object) -> object:
    """A value as JSON knows it."""
    if attrs.has(type(value)):
        return to_data(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    return value


def _read(line: str) -> Mapping[str, object]:
    try:
        read: object = json.loads(line)
    except ValueError as error:
        raise Malformed(f"expected a line of JSON, came {error}") from error
    if not isinstance(read, dict):
        raise unexpected("a map", read)
    return freeze(cast("dict[str, object]", read))
