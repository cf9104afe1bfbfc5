"""Crashes and damage by the thousand, with figures.

    python -m tests.stores.campaign kills 10000
    python -m tests.stores.campaign cuts 1000
    python -m tests.stores.campaign faults 5000
    python -m tests.stores.campaign damage 100000

Each fails with the case and its seed, or prints what came.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.stores.failing import CASES, GROUNDS, counts, fail
from tests.stores.power import Ground, cut_again_and_again, cut_without_syncs
from tests.stores.rot import damaged_again_and_again, quick_folder
from tests.stores.writer import Child, look

KILLS_OF_A_STORE = 10
"""After that many the next store is begun, so that none becomes long."""

OPENING = 0.2
"""How many are killed while they open the store; the others, while they write, a moment after a word."""


def kill_again_and_again(folder: Path, times: int, seed: int) -> Counter[str]:
    """Kill a process that writes, at a moment of chance, and look at what it left; ten times on the same store."""
    dice = random.Random(seed)
    came: Counter[str] = Counter()
    acknowledged = 0
    for number in range(times):
        place = folder / f"store-{number // KILLS_OF_A_STORE}"
        if number % KILLS_OF_A_STORE == 0:
            acknowledged = 0
            shutil.rmtree(folder / f"store-{number // KILLS_OF_A_STORE - 1}", ignore_errors=True)
        before = acknowledged
        child = Child(place, acknowledged)
        if dice.random() < OPENING:
            child.write_for(dice.random() * 0.06)
        else:
            child.write_until(before + dice.randrange(1, 60))
            child.write_for(dice.random() * 0.005)
        acknowledged = child.kill()
        try:
            there = look(place, acknowledged)
        except AssertionError as error:
            raise AssertionError(f"kill {number} of seed {seed}: {error}") from error
        came["kills"] += 1
        came["words acknowledged"] += acknowledged - before
        came["kills while it opened"] += acknowledged == before
        came["kills after which more was there than was acknowledged"] += there > acknowledged
    return came


def cut_again_and_again_somewhere(folder: Path, times: int, seed: int) -> Counter[str]:
    """Cut the power of a file system that is made for it."""
    ground = Ground(folder)
    why = ground.make()
    if why is not None:
        raise SystemExit(f"expected a machine on which power can be cut, came one on which it cannot: {why}")
    try:
        return cut_again_and_again(ground, times, seed) + cut_without_syncs(ground, 10, seed)
    finally:
        ground.unmount()


def damaged_somewhere_quick(folder: Path, times: int, seed: int) -> Counter[str]:
    """Damage stores where a copy is quickly made."""
    with quick_folder() as quick:
        return damaged_again_and_again(quick if folder.parent == Path(tempfile.gettempdir()) else folder, times, seed)


def fail_again_and_again(folder: Path, times: int, seed: int) -> Counter[str]:
    """Let operations of the disk fail, each of a life of its own, by chance among all there are."""
    dice = random.Random(seed)
    came: Counter[str] = Counter()
    total = {ground: counts(folder / ground.__name__, ground) for ground in GROUNDS}
    for number in range(times):
        ground, (kind, fault), for_ever = dice.choice(GROUNDS), dice.choice(CASES), dice.random() < 0.5
        at = dice.randrange(total[ground][kind]) + 1
        fail(folder / f"life-{number}", ground, kind, at, fault, for_ever=for_ever)
        came["lives"] += 1
        came[f"{kind}: {fault}{' for ever' if for_ever else ''}"] += 1
    return came


CAMPAIGNS: dict[str, Callable[[Path, int, int], Counter[str]]] = {
    "kills": kill_again_and_again,
    "cuts": cut_again_and_again_somewhere,
    "faults": fail_again_and_again,
    "damage": damaged_somewhere_quick,
}


def main(arguments: list[str]) -> int:
    """Run one campaign, and print what came."""
    parser = argparse.ArgumentParser(description="Crashes and damage by the thousand.")
    parser.add_argument("what", choices=sorted(CAMPAIGNS))
    parser.add_argument("times", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the stores are made; a temporary folder where it is not said")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        came = CAMPAIGNS[asked.what](Path(folder), asked.times, asked.seed)
    for name, value in sorted(came.items()):
        print(f"{name}: {value}")
    print(f"seconds: {time.monotonic() - began:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
