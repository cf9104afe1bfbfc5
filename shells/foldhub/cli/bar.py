"""How far a command has come, on standard error; nothing where that is no terminal."""

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from foldhub_stores import Progress


@contextmanager
def bars() -> Generator[Progress]:
    """Show a bar for each thing that is done, for as long as the command works."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=of)
            shown.update(tasks[what], completed=done, total=of)

        yield progress


def counted(count: int, what: str) -> str:
    """A number of things, as people write it."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
