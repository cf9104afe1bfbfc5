"""How far long work has come, told to whoever wants to hear it."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is. What it raises ends the work."""


def unheard(_what: str, _done: int, _of: int) -> None:
    """Nobody wants to hear it."""
