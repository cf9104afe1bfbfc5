"""The soak: `python -m tests.soak [--minutes 5] [--warm-up 45] [--seed N]`; see soaking.py for what it does."""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import trio

from .soaking import soak


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--warm-up", type=float, default=45, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    logging.getLogger("foldhub").setLevel(logging.ERROR)
    print(f"seed {options.seed}", flush=True)
    began, cpu = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        came = trio.run(
            soak, Path(folder), options.warm_up, options.minutes * 60, options.seed, lambda line: print(line, flush=True)
        )
    took = f"{time.monotonic() - began:.0f} s ({time.process_time() - cpu:.0f} of the processor)"
    print(f"{took}: {came.said:,} texts acknowledged, each in the log once and heard, {came.repeats:,} of them again;")
    print(f"{came.connections:,} lives of links, {came.strangers:,} strangers")
    print(f"before: {came.before}\nafter:  {came.after}")
    grown = list(came.after.grown_since(came.before))
    print(f"NOT ALL IS BACK WHERE IT WAS: {', '.join(grown)}" if grown else "all is back where it was")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
