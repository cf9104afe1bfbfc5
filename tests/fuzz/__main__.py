"""Fuzzing: `python -m tests.fuzz TARGET|all [--seconds 60] [--seed N] [--keep]`.

With atheris, where it can be imported, which sees the branches a target takes; else by changing what is kept and keeping what
shows something new, as the target tells it. A fault is written to the target's corpus, where every ordinary run of the tests
meets it until it is mended, and the exit code is 1.
"""

import argparse
import importlib
import importlib.util
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from .running import CORPUS, fuzz, keep, write
from .targets import LARGEST, TARGETS, Target


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", action="store_true", help="put what was found and is worth it into the kept corpus")
    parser.add_argument("--plain", action="store_true", help="without atheris, though it is there")
    options = parser.parse_args(arguments)
    names = list(TARGETS) if options.target == "all" else [options.target]
    with_atheris = importlib.util.find_spec("atheris") is not None and not options.plain
    if with_atheris and options.target != "all":
        return _atheris(TARGETS[names[0]], options.seconds, options.seed)
    faults = 0
    for name in names:
        if with_atheris:
            # It ends its process, so that each target has one of its own.
            command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(options.seconds), "--seed", str(options.seed)]
            faults += subprocess.run(command, check=False).returncode != 0
        else:
            faults += _plain(TARGETS[name], options.seconds, options.seed, to_keep=options.keep)
    return 1 if faults else 0


def _plain(target: Target, seconds: float, seed: int, *, to_keep: bool) -> int:
    """Fuzz by chance; gives how many faults there are."""
    began = time.process_time()
    tally = fuzz(target, seconds, seed)
    for fault in tally.faults:
        path = write(CORPUS / target.name, fault.data, "fault-")
        print(f"{target.name}: a fault, kept as {path}", file=sys.stderr)
        traceback.print_exception(fault.error)
    files = f", {keep(target, tally)} files kept" if to_keep and not tally.faults else ""
    print(
        f"{target.name}: seed {seed}, {tally.executions:,} executions in {time.process_time() - began:.0f} s of the processor, "
        f"{len(tally.seen):,} things seen, {len(tally.seen) - tally.began_with:,} of them new, by {len(tally.found):,} inputs; "
        f"{len(tally.faults)} faults{files}",
        flush=True,
    )
    return len(tally.faults)


def _atheris(target: Target, seconds: float, seed: int) -> int:
    """Fuzz by the branches that are taken. Any input that raises is written down by atheris, and ends the process."""
    atheris = importlib.import_module("atheris")
    folder, found = CORPUS / target.name, Path(tempfile.mkdtemp(prefix=f"fuzz-{target.name}-"))
    for data in target.seeds():
        write(found, data)

    def one_input(data: bytes) -> None:
        target.check(data)

    atheris.instrument_all()
    options = [
        f"-max_total_time={int(seconds)}",
        f"-seed={seed % 2**32}",
        f"-max_len={LARGEST}",
        f"-artifact_prefix={folder}/fault-",
    ]
    # What it finds goes into the first folder; what is kept is read.
    atheris.Setup([sys.argv[0], *options, str(found), str(folder)], one_input)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
