"""Every kept input of every target, again and again; and the fuzzers themselves for a moment, so that they run when needed."""

from pathlib import Path

import pytest

from foldhub_core import Malformed

from .__main__ import main
from .running import CORPUS, MOST_FILES, TookTooLong, fuzz, in_time, keep, kept
from .targets import TARGETS, Target


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_what_was_found_once_is_taken_or_refused(target: Target) -> None:
    files = kept(target)
    assert files, "there is a corpus"
    for data in files.values():
        in_time(target, data)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_what_becomes_of_it_by_chance_is_taken_or_refused(target: Target) -> None:
    tally = fuzz(target, 60, 1, executions=len(kept(target)) + len(target.seeds()) + 150)
    assert tally.faults == []
    assert tally.executions > 150


@pytest.mark.long
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_minute_of_it_is_taken_or_refused(target: Target) -> None:
    assert fuzz(target, 60, 0).faults == []


def test_the_kept_corpus_is_small() -> None:
    files = list(CORPUS.glob("*/*"))
    assert sum([path.stat().st_size for path in files]) < 300_000
    assert len(files) <= MOST_FILES * len(TARGETS)


def _brittle(data: bytes) -> set[str]:
    if data[:1] == b"b" and len(data) > 3:
        raise Malformed("too much")
    return {str(len(data))}


def test_a_fault_is_found_and_told(tmp_path: Path) -> None:
    target = Target("brittle", _brittle, lambda: [b"", b"b", b"bbb"], "row")
    tally = fuzz(target, 60, 0, executions=2_000, corpus=tmp_path)
    assert [repr(fault.error) for fault in tally.faults] == ["Malformed('too much')"]
    assert tally.faults[0].data.startswith(b"b")
    assert tally.found, "what is longer is new"


def _endless(data: bytes) -> set[str]:
    while data[:1] == b"b" and len(data) > 3:
        try:
            data = bytes(bytearray(data))
        except Exception as error:
            raise AssertionError from error
    return {str(len(data))}


def test_what_takes_too_long_is_a_fault_and_the_run_goes_on(tmp_path: Path) -> None:
    target = Target("endless", _endless, lambda: [b"", b"b", b"bbb"], "row")
    tally = fuzz(target, 60, 0, executions=200, corpus=tmp_path, longest_s=0.01)
    assert [type(fault.error) for fault in tally.faults] == [TookTooLong]
    assert tally.faults[0].data.startswith(b"b")
    assert tally.executions == 200


def test_what_is_kept_shows_what_was_seen_and_is_small(tmp_path: Path) -> None:
    target = Target("plain", lambda data: {str(len(data) % 100)}, lambda: [b"", b"x"], "row")
    tally = fuzz(target, 60, 0, executions=3_000, corpus=tmp_path)
    assert keep(target, tally, tmp_path) == len(kept(target, tmp_path)) <= MOST_FILES


def test_the_same_seed_is_the_same_run() -> None:
    target = TARGETS["frames"]
    one, other = [fuzz(target, 60, 7, executions=600) for _ in range(2)]
    assert (one.found, one.seen) == (other.found, other.seen)


def test_the_command_tells_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["framing", "--seconds", "0", "--seed", "1", "--plain"]) == 0
    assert "framing: seed 1, " in capsys.readouterr().out
