"""What is read of a commit is the same live and from its bytes, and the rows of a log find all of it and nothing else."""

from collections.abc import Iterable
from functools import cache

import pytest
from hypothesis import given, settings

from foldhub_core import (
    HUB_SESSION,
    AuditRow,
    Commit,
    DeadLetterRow,
    EndedSessionRow,
    Envelope,
    EnvelopeRow,
    HubState,
    IndexRow,
    Log,
    Nack,
    apply,
    audit,
    health,
    inbox,
    index_rows,
    read_log,
    readings,
    write_log,
)
from foldhub_core.facts import DeadLettered, Nacked
from tests.core.hub_driver import HUB_ID, Hub
from tests.core.recorded_hub import whole_story
from tests.corpus.test_corpus import NAMES, recorded_log
from tests.properties.hub_histories import LIMITS, Asked, histories
from tests.scenarios.record import scenarios
from tests.scenarios.scene import Scene

LAST_WORDS = {"session.closed": "closed", "session.expired": "expired"}


def played(history: list[Asked]) -> Hub:
    """A hub with this history, whose deadlines are kept in between."""
    hub = Hub(LIMITS)
    for principal, command, later_ms in history:
        hub.tick_until_rest(hub.now_ms + later_ms)
        hub.step(principal, command, hub.now_ms + later_ms)
    return hub


@cache
def told(name: str) -> tuple[Commit, ...]:
    """The commits of a scenario, of a recorded log, or of the long story."""
    if name == "story":
        return tuple(whole_story().commits)
    if name in NAMES:
        return recorded_log(name).commits
    scene = Scene()
    (path,) = [path for path in scenarios() if path.stem == name]
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("> "):
            scene.play(line[2:])
    return tuple(scene.commits)


def rows_of(commits: Iterable[Commit]) -> list[IndexRow]:
    return [row for commit in commits for row in index_rows(commit)]


def check_read_back(commits: tuple[Commit, ...], hub_id: str = HUB_ID) -> None:
    """From bytes the same is read."""
    read = read_log(write_log(Log(hub_id, commits))).commits
    assert rows_of(read) == rows_of(commits)
    assert list(audit(read)) == list(audit(commits))


def check_envelopes(commits: tuple[Commit, ...]) -> None:
    """Every envelope is found by exactly one row, in its session by its number, and every row finds one."""
    by_seq = {commit.seq: commit for commit in commits}
    rows = [row for row in rows_of(commits) if isinstance(row, EnvelopeRow)]
    found = [by_seq[row.seq].facts[row.place] for row in rows]
    assert found == [fact for commit in commits for fact in commit.facts if isinstance(fact, Envelope)]
    for row, word in zip(rows, found, strict=True):
        assert isinstance(word, Envelope)
        assert (row.session_id, row.number, row.envelope_id) == (word.session_id, word.number, word.envelope_id)
        assert (row.sender_id, row.causation_id) == (word.sender_id, word.causation_id)
    assert len({row.envelope_id for row in rows}) == len(rows)
    numbers: dict[str, int] = {}
    for row in rows:
        assert row.number == numbers.get(row.session_id, 0) + 1, "a session is read by its numbers without a gap"
        numbers[row.session_id] = row.number


def check_ends(commits: tuple[Commit, ...]) -> None:
    """The sessions that ended by their rows are those whose last word was said."""
    words: dict[str, list[Envelope]] = {}
    for commit in commits:
        for fact in commit.facts:
            if isinstance(fact, Envelope) and fact.session_id != HUB_SESSION:
                words.setdefault(fact.session_id, []).append(fact)
    lasts = [said[-1] for said in words.values() if said[-1].event_type in LAST_WORDS]
    recounted = {
        (last.session_id, last.created_at_ms, LAST_WORDS[last.event_type], len(words[last.session_id]), last.audience)
        for last in lasts
    }
    rows = [row for row in rows_of(commits) if isinstance(row, EndedSessionRow)]
    assert {(row.session_id, row.ended_at_ms, row.state, row.words, row.participants) for row in rows} == recounted
    assert len(rows) == len(recounted)


def check_kinds(commits: tuple[Commit, ...]) -> None:
    """A commit has audit records of a kind where it has a row of it."""
    rows = {(row.seq, row.kind) for row in rows_of(commits) if isinstance(row, AuditRow)}
    assert rows == {(one.seq, one.kind) for one in audit(commits)}
    assert len(rows) == len([row for row in rows_of(commits) if isinstance(row, AuditRow)])


def check_failed_turns(commits: tuple[Commit, ...]) -> None:
    """Every nack that counted is a failed turn."""
    nacks = [commit for commit in commits if isinstance(commit.kept, Nack) and commit.refusal is None]
    assert all(type(fact) in (Nacked, DeadLettered) for commit in nacks for fact in commit.facts)
    assert [one.seq for one in audit(commits, kinds=("turn_failed",))] == [commit.seq for commit in nacks]


CHECKS = (check_read_back, check_envelopes, check_ends, check_kinds, check_failed_turns)


@pytest.mark.parametrize("name", ["story", *NAMES, *[path.stem for path in scenarios()]])
def test_what_is_told_is_read_and_found(name: str) -> None:
    for check in CHECKS:
        check(told(name))


@settings(max_examples=60, deadline=None)
@given(histories)
def test_whatever_happens_is_read_and_found(history: list[Asked]) -> None:
    commits = tuple(played(history).log)
    for check in CHECKS:
        check(commits)


@settings(max_examples=40, deadline=None)
@given(histories)
def test_sessions_end_by_their_rows_when_they_leave_the_state(history: list[Asked]) -> None:
    hub = played(history)
    before = HubState(HUB_ID)
    for commit in hub.log:
        after = apply(hub.config, before, commit)
        ended = {row.session_id for row in index_rows(commit) if isinstance(row, EndedSessionRow)}
        opened = {one.session_id for one in readings(commit) if one.kind == "session_created" and one.session_id is not None}
        assert ended == (set(before.sessions.entries) | opened) - set(after.sessions.entries)
        before = after


@settings(max_examples=40, deadline=None)
@given(histories)
def test_every_dead_letter_is_dead_by_the_newest_of_its_rows(history: list[Asked]) -> None:
    hub = played(history)
    newest = {(row.agent_id, row.number): row for row in rows_of(hub.log) if isinstance(row, DeadLetterRow)}
    for agent_id, mailbox in hub.state.mailboxes.items():
        for number, letter in mailbox.dead.items():
            assert (newest[agent_id, number].is_dead, newest[agent_id, number].reason) == (True, letter.reason)
        assert not {number for (owner, number), row in newest.items() if owner == agent_id and row.is_dead} & set(mailbox.owed)


@settings(max_examples=40, deadline=None)
@given(histories)
def test_health_is_what_the_questions_give(history: list[Asked]) -> None:
    hub = played(history)
    state, found = hub.state, health(hub.state, config=hub.config)
    counts = [inbox(state, agent_id) for agent_id in state.registry.agents]
    assert found.pending_inbox_total == sum(one.pending for one in counts)
    assert found.owed_total == sum(one.owed for one in counts)
    assert found.max_pending_inbox_depth == max((one.pending for one in counts), default=None)
    assert found.active_sessions + found.pending_sessions == len(state.sessions.entries)
    window = state.now_ms // LIMITS.refusal_window_ms
    refused = [one for one in audit(hub.log, kinds=("refused",)) if one.at_ms // LIMITS.refusal_window_ms == window]
    assert found.refusals_in_window == len(refused)
