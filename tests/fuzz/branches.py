"""One target under atheris, in a process of its own: `python -m tests.fuzz.branches TARGET FOUND SECONDS SEED`.

Atheris sees the branches that are taken, and libFuzzer under it ends the process: when the time is over, at the first input that
raises, and at one that takes too long, which it writes down. `tests.fuzz` starts it and tells what came of it.
"""

import gc
import importlib
import sys
from collections.abc import Callable, Iterator
from random import Random
from types import FunctionType
from typing import Any

from .mutating import changed_bytes
from .running import CORPUS, LONGEST_S, kept
from .targets import LARGEST, TARGETS, Target

PACKAGES = ("foldhub_core", "foldhub_stores")
"""Whose branches are looked at. All that is imported would be five times as much, among it what atheris itself is made of: to
begin would take minutes."""

Mutator = Callable[[bytes, int, int], bytes]


def functions_of(packages: tuple[str, ...]) -> Iterator[FunctionType]:
    """Every function of these packages, the made ones too."""
    for one in gc.get_objects():
        if type(one) is FunctionType and str(one.__module__).partition(".")[0] in packages:
            yield one


def mutator(target: Target, atheris: Any) -> Mutator:
    """What changes an input: as it is made of parts, or else blindly. Any: atheris is not there to be checked against."""
    others = [*kept(target).values(), *target.seeds()]

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        dice = Random(seed)
        if dice.randrange(2):
            return bytes(atheris.Mutate(data, most))  # which function that is, it knows when it runs
        return changed_bytes(data, others, target.shape, dice)[:most]

    return mutate


def main(name: str, found: str, seconds: str, seed: str) -> None:
    """Fuzz a target, beginning with what is kept and what is found so far, for which `found` is the folder."""
    atheris: Any = importlib.import_module("atheris")
    target = TARGETS[name]
    folder = CORPUS / target.name
    for function in list(functions_of(PACKAGES)):
        atheris.instrument_func(function)

    def one_input(data: bytes) -> None:
        target.check(data)

    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={LARGEST}",
        f"-timeout={LONGEST_S}",
        f"-artifact_prefix={folder}/fault-",
    ]
    # What it finds goes into the first folder; what is kept is read.
    arguments = [sys.argv[0], *options, found, str(folder)]
    atheris.Setup(arguments, one_input, custom_mutator=mutator(target, atheris))
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
