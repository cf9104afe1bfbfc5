"""docs/testing.md shows what the kit does: its programs run, its failure is the one that is raised, its tables are whole."""

import re
from pathlib import Path
from typing import Any

import pytest

from foldhub.testing import AdapterLawBroken, check_adapter, strategies
from foldhub.testing.adapter_kit.laws.book import SENTENCES

DOCUMENT = Path(__file__).parents[1] / "docs" / "testing.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(name="scope", scope="module")
def _scope() -> dict[str, Any]:
    """The names of the document's programs, run one after the other."""
    scope: dict[str, Any] = {"__name__": "testing_md"}
    for program in blocks("python"):
        exec(compile(program, str(DOCUMENT), "exec"), scope)
    return scope


def test_the_failure_that_is_shown_is_the_one_that_is_raised(scope: dict[str, Any]) -> None:
    with pytest.raises(AdapterLawBroken) as caught:
        check_adapter(scope["Poll"](), seed=0)
    assert blocks("text") == [f"{caught.value}\n"]


def test_the_picture_is_the_one_that_is_drawn(scope: dict[str, Any]) -> None:
    assert blocks("mermaid") == [f"{scope['found'].mermaid()}\n"]
    assert str(scope["found"]) in TEXT


def test_all_laws_are_there_in_their_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", TEXT.split("## Events of your own")[0], re.MULTILINE)
    assert rows == list(SENTENCES.items())


def test_all_strategies_are_there() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", TEXT.split("## Strategies")[1], re.MULTILINE)
    assert sorted(rows) == sorted([name for name in strategies.__all__ if name != "of_type"])


def test_the_links_lead_somewhere() -> None:
    headings = {re.sub(r"[^a-z -]", "", line[3:].lower()).replace(" ", "-") for line in TEXT.splitlines() if line[:3] == "## "}
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= headings
