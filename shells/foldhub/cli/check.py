"""`foldhub check`: an adapter is held to its laws."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
from rich.text import Text

from foldhub.testing.adapter_kit.check import SESSIONS, check_adapter
from foldhub.testing.adapter_kit.exploring import Explored, explore_adapter
from foldhub.testing.adapter_kit.naming import adapter_named, value_named
from foldhub.testing.adapter_kit.report import AdapterLawBroken
from foldhub.testing.adapter_kit.search import Reached
from foldhub_core.config import AnyAdapter

from .bar import counted

FINE, FOUND, USAGE = 0, 1, 2
COLOURS = {"move": "bold", "refused": "yellow", "said": "cyan", "state": "dim", "broken": "bold red"}


def check(
    adapter: str,
    /,
    *,
    examples: int = SESSIONS,
    seed: int | None = None,
    participants: Annotated[tuple[int, ...] | None, Parameter(consume_multiple=True, negative="")] = None,
    knobs: str | None = None,
    vocabulary: str | None = None,
    growth: Literal["constant", "participants", "envelopes"] = "constant",
    again: str | None = None,
    record: Path | None = None,
    explore: int = 0,
) -> int:
    """Hold an adapter to its laws; exits with 1 and the law's name where it breaks one.

    Example: `foldhub check my_package.auction:AuctionAdapter --vocabulary my_package.auction:EVENTS --examples 500`

    Parameters
    ----------
    adapter
        MODULE:ADAPTER, where ADAPTER is an adapter, or a class of adapters that is made without arguments.
    examples
        How many sessions are played.
    seed
        Of all that is drawn; one is drawn where none is given, and told.
    participants
        How many take part: one number, or several.
    knobs
        The knobs of every session, as JSON; else they are drawn from the manifest's schema.
    vocabulary
        MODULE:NAME of a list of drafts and makers, for a protocol with event types of its own.
    growth
        What the protocol's state may grow with.
    again
        Plays one session again, as a failure printed it.
    record
        A file in which the behaviour of this version is written down, and held to from then on.
    explore
        Explores instead every session of so many envelopes, and draws the state diagram.
    """
    sys.path.insert(0, "")  # as `python -m` does: what is tested lies here
    out, err = Console(soft_wrap=True, highlight=False), Console(stderr=True)
    try:
        tested = adapter_named(adapter)
        makers: Any = () if vocabulary is None else value_named(vocabulary)  # Any: whatever goes by that name
        if type(makers) not in (list, tuple):
            raise TypeError(f"expected a list of event makers in {vocabulary}, came a {type(makers).__name__}")
        given: Any = None if knobs is None else json.loads(knobs)  # Any: JSON
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        err.print(f"foldhub: {error}", markup=False)
        return USAGE
    try:
        if explore:
            with _bar(err, TextColumn("{task.fields[told]}")) as progress:
                task = progress.add_task(_named(tested), total=None, told="")

                def tell_explored(far: Explored) -> None:
                    told = f"envelope {min(far.envelopes + 1, explore)} of {explore}, {counted(far.states, 'state')}"
                    progress.update(task, completed=far.done, total=far.done + far.waiting, told=told)

                found = explore_adapter(
                    tested,
                    envelopes=explore,
                    knobs=given or {},
                    vocabulary=makers or None,
                    participants=(participants or (None,))[0],
                    tell=tell_explored,
                )
            out.print(Text(str(found)))
            out.print(Text(found.mermaid()))
            return FINE
        with _bar(err, MofNCompleteColumn(), TextColumn("{task.fields[states]} states")) as progress:
            task = progress.add_task(_named(tested), total=examples, states=0)

            def tell(reached: Reached) -> None:
                progress.update(task, completed=reached.sessions, states=len(reached.states))

            report = check_adapter(
                tested,
                participants=participants,
                knobs=given,
                vocabulary=makers,
                growth=growth,
                max_examples=examples,
                seed=seed,
                again=again,
                record=record,
                tell=tell,
            )
    except AdapterLawBroken as broken:
        _show(out, broken)
        return FOUND
    out.print(Text(str(report)), style="green")
    return FINE


def _named(adapter: AnyAdapter) -> str:
    return f"{adapter.manifest.type} {adapter.manifest.version}"


def _bar(err: Console, *columns: ProgressColumn) -> Progress:
    """A bar for as long as the command works; nothing where no terminal shows it."""
    all_columns = (TextColumn("{task.description}"), BarColumn(), *columns)
    return Progress(*all_columns, console=err, transient=True, disable=not err.is_terminal)


def _show(out: Console, broken: AdapterLawBroken) -> None:
    """Print a broken law, its session in colour where there are any."""
    out.print(Text.assemble(f"{broken.adapter} breaks the law ", (broken.law, "bold red"), f": {broken.sentence}"))
    out.print()
    for line in broken.lines:
        out.print(Text(line.text, style=COLOURS[line.kind]))
    out.print()
    out.print(Text(f"Reproduce it with: {broken.reproduce}"))
