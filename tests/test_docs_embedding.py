"""docs/embedding.md shows what the code does: its program runs, and its tables name everything there is."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from foldhub_core import Effect, Ending
from foldhub_core.commands import SHELL_COMMANDS

DOCUMENT = Path(__file__).parents[1] / "docs" / "embedding.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def first_cells(heading: str) -> list[str]:
    """What stands in the first column of the table under a heading, without its marks."""
    part = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)


def test_the_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Its parts run one after the other in one namespace, and nothing waits that long that somebody would have to be told."""
    scope: dict[str, Any] = {"__name__": "embedding_md"}
    for match in re.finditer(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        lines_before = TEXT[: match.start(1)].count("\n")
        exec(compile("\n" * lines_before + match[1], str(DOCUMENT), "exec"), scope)
    assert scope["shell"].engine.state.seq > 0
    assert capsys.readouterr().out == ""


def test_every_effect_says_what_it_asks_for() -> None:
    assert sorted(first_cells("What each effect asks for")) == sorted(effect.__name__ for effect in get_args(Effect))


def test_every_end_of_an_append_says_what_to_do() -> None:
    assert first_cells("A full store, and a broken one") == [ending.name for ending in Ending]


def test_the_commands_that_no_wire_carries_are_named() -> None:
    named = re.search(r"((?:`\w+`(?:,| and)?\s+)+)are read from no wire", TEXT)
    assert named is not None
    assert re.findall(r"`(\w+)`", named[1]) == [command.__name__ for command in SHELL_COMMANDS]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (DOCUMENT.parent / target).exists(), target
    headings = {
        line[3:].strip().lower().replace(",", "").replace(" ", "-") for line in TEXT.splitlines() if line.startswith("## ")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) == headings
