"""The command line `foldhub`. Its libraries are imported when it runs."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit code: 0 fine, 1 something was found or went wrong, 2 it was asked for wrongly."""
    from .app import run  # noqa: PLC0415 - what a command needs is imported when one runs

    return run(sys.argv[1:] if arguments is None else arguments)
