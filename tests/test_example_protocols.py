"""The example protocols keep the laws, are short, and come to the ends they are about."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from foldhub.testing import check_adapter, explore_adapter

FOLDER = Path(__file__).parents[1] / "examples" / "protocols"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


auction, vote, work_queue = example("auction"), example("vote"), example("work_queue")


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.stem)
def test_an_example_is_short_and_imports_the_core_only(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 80
    froms = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert froms <= {"collections.abc", "attrs", "foldhub_core"}


def test_an_auction_keeps_the_laws_and_is_sold() -> None:
    report = check_adapter(auction.AuctionAdapter(), vocabulary=[auction.bids], max_examples=40, second_process=False)
    assert {"sold", "no_bids"} <= set(report.closed)


def test_a_vote_keeps_the_laws_and_is_decided() -> None:
    report = check_adapter(vote.VoteAdapter(), vocabulary=vote.EVENTS, max_examples=40, second_process=False)
    assert report.closed["decided"] > 5


def test_a_work_queue_keeps_the_laws_and_takes_jobs_back() -> None:
    given: dict[str, Any] = {"vocabulary": work_queue.EVENTS, "max_examples": 40, "second_process": False}
    report = check_adapter(work_queue.WorkQueueAdapter(), **given)
    assert {"job.put", "job.take", "job.done"} <= set(report.said)
    assert report.happened["emitted job.dropped"] > 0


@pytest.mark.parametrize(
    ("adapter", "vocabulary"),
    [
        (auction.AuctionAdapter(), [auction.bids]),
        (vote.VoteAdapter(), vote.EVENTS),
        (work_queue.WorkQueueAdapter(), work_queue.EVENTS),
    ],
    ids=["auction", "vote", "work_queue"],
)
def test_all_small_sessions_of_an_example_keep_the_laws(adapter: Any, vocabulary: Any) -> None:
    found = explore_adapter(adapter, participants=3, envelopes=4, vocabulary=vocabulary)
    assert found.is_whole
