"""Fuzzing: `python -m tests.fuzz TARGET|all [--seconds 60] [--seed N] [--keep] [--plain]`.

With atheris, where it can be imported, which sees the branches a target takes (see `branches`); else by changing what is kept and
keeping what shows something new, as the target tells it. Whatever raises, and whatever takes too long, is a fault: its input is
written to the target's corpus, where every ordinary run of the tests meets it until it is mended, and the exit code is 1.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from .running import CORPUS, LONGEST_S, Tally, fuzz, keep, write
from .targets import TARGETS, Target

BEGINS_S = 300
"""What atheris has to begin, and to end, before it is given up."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", action="store_true", help="put what was found and is worth it into the kept corpus")
    parser.add_argument("--plain", action="store_true", help="without atheris, though it is there")
    options = parser.parse_args(arguments)
    with_atheris = importlib.util.find_spec("atheris") is not None and not options.plain
    run = _by_branches if with_atheris else _plain
    faults = 0
    for name in list(TARGETS) if options.target == "all" else [options.target]:
        faults += run(TARGETS[name], options.seconds, options.seed, to_keep=options.keep)
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


def _by_branches(target: Target, seconds: float, seed: int, *, to_keep: bool) -> int:
    """Fuzz with atheris, which ends at the first fault; gives how many there are. What it says is shown where there is one."""
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{target.name}-") as folder:
        begun = {write(Path(folder), data) for data in target.seeds()}
        said, failed = _said(target, folder, seconds, seed)
        found = [path.read_bytes() for path in sorted(set(Path(folder).iterdir()) - begun)]
    faults = int(failed)
    if faults:
        print(said, file=sys.stderr)
    files = f", {keep(target, Tally(found=found))} files kept" if to_keep and not faults else ""
    done = re.search(r"^Done (\d+) runs in (\d+) second", said, re.MULTILINE)
    ran = f"{int(done[1]):,} executions in {done[2]} s" if done else "it ended early"
    began, *_ = [int(covered) for covered in re.findall(r"^#\d+\s+INITED cov: (\d+)", said, re.MULTILINE)] or [0]
    *_, ended = [int(covered) for covered in re.findall(r"^#\d+.* cov: (\d+)", said, re.MULTILINE)] or [0]
    seen = f"{ended:,} branches taken, {ended - began:,} of them new"
    print(f"{target.name}: seed {seed}, {ran}, {seen}, by {len(found):,} inputs; {faults} faults{files}", flush=True)
    return faults


def _said(target: Target, folder: str, seconds: float, seed: int) -> tuple[str, bool]:
    """What atheris says, and whether it failed."""
    command = [sys.executable, "-m", "tests.fuzz.branches", target.name, folder, str(max(1, int(seconds))), str(seed % 2**32)]
    try:
        ended = subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds + LONGEST_S + BEGINS_S,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired as late:
        so_far = late.output or b""  # bytes, whatever was asked for
        return f"{so_far.decode(errors='replace') if isinstance(so_far, bytes) else so_far}\n{late}", True
    return ended.stdout, ended.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
