"""The recorded logs: what a hub once wrote is read, proved and replayed by every later version."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from foldhub_core import (
    Command,
    Commit,
    Envelope,
    HubConfig,
    HubState,
    Log,
    Mark,
    check_chain,
    digest,
    read_log,
    read_snapshot,
    replay,
    take_snapshot,
    verify,
    write_log,
)
from foldhub_core.starting import CORE_VERSION
from tests.core.recorded_hub import ADAPTERS, ARBITER
from tests.corpus.record import main

CORPUS = Path(__file__).parent
NAMES = sorted(file.stem for file in CORPUS.glob("*.log"))
CONFIG = HubConfig(adapters=ADAPTERS, remote_agents=True, arbiter=ARBITER)


def recorded_log(name: str) -> Log:
    return read_log((CORPUS / f"{name}.log").read_bytes())


def facts_of(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((CORPUS / f"{name}.json").read_text(encoding="utf-8"))
    return facts


def replayed(name: str) -> HubState:
    log = recorded_log(name)
    return replay(CONFIG, log.commits, HubState(log.hub_id))


OF_THIS_VERSION = [name for name in NAMES if facts_of(name)["core"] == CORE_VERSION]


def test_every_log_has_its_facts() -> None:
    assert NAMES
    assert sorted(file.stem for file in CORPUS.glob("*.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
class TestRecordedLog:
    def test_is_chained(self, name: str) -> None:
        check_chain(recorded_log(name))

    def test_is_whole(self, name: str) -> None:
        log, facts = recorded_log(name), facts_of(name)
        assert (log.hub_id, log.base_seq, len(log.commits)) == (facts["hub_id"], 0, facts["commits"])

    def test_is_of_its_format(self, name: str) -> None:
        assert {commit.form for commit in recorded_log(name).commits} == {facts_of(name)["format"]}

    def test_is_replayed_to_its_digest(self, name: str) -> None:
        assert digest(replayed(name)) == facts_of(name)["digest"]

    def test_is_written_again_as_the_same_bytes(self, name: str) -> None:
        assert write_log(recorded_log(name)) == (CORPUS / f"{name}.log").read_bytes()

    def test_is_replayed_to_a_state_that_a_snapshot_keeps(self, name: str) -> None:
        assert read_snapshot(CONFIG, take_snapshot(replayed(name))) == replayed(name)


@pytest.mark.parametrize("name", OF_THIS_VERSION)
def test_a_log_of_this_version_decides_again_as_it_was_decided(name: str) -> None:
    log = recorded_log(name)
    assert list(verify(CONFIG, log.commits, HubState(log.hub_id))) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_decided_again_is_what_was_cut(name: str) -> None:
    log = recorded_log(name)
    assert verify(CONFIG, log.commits, HubState(log.hub_id)).undecided == facts_of(name)["undecided"]


def all_commits() -> list[Commit]:
    return [commit for name in NAMES for commit in recorded_log(name).commits]


@pytest.mark.parametrize("kind", get_args(Command), ids=lambda kind: kind.__name__)
def test_the_corpus_holds_an_accepted_command_of_every_kind(kind: type) -> None:
    assert any(isinstance(commit.command, kind) and commit.refusal is None for commit in all_commits())


@pytest.mark.parametrize("kind", [Envelope, *get_args(Mark)], ids=lambda kind: kind.__name__)
def test_the_corpus_holds_a_fact_of_every_kind(kind: type) -> None:
    assert any(isinstance(fact, kind) for commit in all_commits() for fact in commit.facts)


CODES = (
    "access_denied",
    "inbox_full",
    "key_conflict",
    "malformed",
    "not_found",
    "protocol_error",
    "rate_limited",
    "session_over",
    "task_over",
    "unavailable",
)


@pytest.mark.parametrize("code", CODES)
def test_the_corpus_holds_a_refusal_of_every_kind(code: str) -> None:
    assert any(commit.refusal is not None and commit.refusal.code == code for commit in all_commits())


# --- recording


def test_recording_writes_a_log_and_its_facts(tmp_path: Path) -> None:
    assert main(["new"], tmp_path) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new.json", "new.log"]


def test_recording_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    main(["first"], tmp_path)
    main(["second"], tmp_path)
    for kind in ("log", "json"):
        assert (tmp_path / f"first.{kind}").read_bytes() == (tmp_path / f"second.{kind}").read_bytes()


def test_recording_does_not_write_over_a_log_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "old.log").write_bytes(b"history")
    assert main(["old"], tmp_path) == 1
    assert (tmp_path / "old.log").read_bytes() == b"history"


def test_recording_again_is_done_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "old.log").write_bytes(b"history")
    assert main(["old", "--again"], tmp_path) == 0
    assert (tmp_path / "old.log").read_bytes() != b"history"


@pytest.mark.parametrize("arguments", [[], ["--again"], ["one", "two"]])
def test_recording_wants_one_name(tmp_path: Path, arguments: list[str]) -> None:
    assert main(arguments, tmp_path) == 2
    assert list(tmp_path.iterdir()) == []
