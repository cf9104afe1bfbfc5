"""A log that may fail: what is written down by tasks on which others rest costs nobody anything where it cannot be.

Handlers and filters are the user's. The standard library asks them not to raise, and does not see to it; here what could not be
written is said on standard error, and that is all.
"""

import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any


class SteadyLog(logging.LoggerAdapter[logging.Logger]):
    """A logger that raises nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name))

    # Any: as the standard library has it.
    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Write a line down; whoever asked for it stands in it as its place."""
        kwargs.setdefault("stacklevel", 2)
        try:
            super().log(level, msg, *args, **kwargs)
        except Exception as error:
            with suppress(Exception):
                print(f"the log failed with {error!r}, and it says: {msg} {args!a}", file=sys.stderr)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Nothing is added to it."""
        return msg, kwargs
