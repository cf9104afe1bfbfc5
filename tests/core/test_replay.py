"""Replay and verify: recovery decides nothing, and deciding again finds what was not decided so."""

from collections.abc import Callable

import pytest

from foldhub_core import (
    Attach,
    Attached,
    Commit,
    Compacted,
    Configured,
    Detach,
    Detached,
    Envelope,
    ErrorRecord,
    Fact,
    HubConfig,
    HubState,
    Limits,
    Log,
    Malformed,
    SetSkill,
    Start,
    Tick,
    Verification,
    changed,
    digest,
    read_log,
    replay,
    verify,
    write_log,
)
from foldhub_core.replay import Divergence
from foldhub_core.starting import configured
from tests.core.recorded_hub import (
    ADAPTERS,
    ARBITER,
    ROOMY,
    STRANGER,
    TIGHT,
    Forged,
    RecordedHub,
    agent,
    forge,
    owner_of,
    small_log,
    whole_story,
    with_payload,
)

STORY = whole_story()
NEW = HubState("demo")


# --- replay


def test_a_replayed_log_gives_the_state_that_was_lived() -> None:
    assert replay(ROOMY, STORY.commits, NEW) == STORY.state


def test_a_replayed_log_gives_the_digest_that_was_lived() -> None:
    assert digest(replay(ROOMY, STORY.commits, NEW)) == digest(STORY.state)


def test_a_log_that_went_through_bytes_gives_the_same_state() -> None:
    assert replay(ROOMY, read_log(write_log(STORY.log)).commits, NEW) == STORY.state


@pytest.mark.parametrize("seq", range(0, len(STORY.commits) + 1, 5))
def test_a_log_can_be_replayed_from_every_state_it_went_through(seq: int) -> None:
    assert replay(ROOMY, STORY.log.cut(seq).commits, STORY.states[seq]) == STORY.state


def test_commits_the_state_has_already_are_passed_over() -> None:
    assert replay(ROOMY, STORY.commits, STORY.states[9]) == STORY.state


def test_a_hub_with_stricter_rules_opens_yesterdays_log() -> None:
    strict = HubConfig(adapters=ADAPTERS, remote_agents=True, limits=Limits(skill_chars=1, capabilities=1, name_chars=1))
    assert replay(strict, STORY.commits, NEW) == STORY.state


def test_nothing_replayed_is_the_state_itself() -> None:
    assert replay(ROOMY, [], STORY.state) is STORY.state


Reader = Callable[[HubConfig, list[Commit] | tuple[Commit, ...], HubState], object]


@pytest.mark.parametrize("reader", [replay, verify])
class TestWhatIsNoLogOfThisState:
    def test_a_gap_is_compacted(self, reader: Reader) -> None:
        with pytest.raises(Compacted, match="expected commit 3 next, came 4"):
            reader(TIGHT, [*STORY.commits[:2], *STORY.commits[3:]], NEW)

    def test_a_log_that_begins_later_is_compacted(self, reader: Reader) -> None:
        with pytest.raises(Compacted, match="expected commit 1 next, came 6"):
            reader(TIGHT, STORY.log.cut(5).commits, NEW)

    def test_the_log_of_another_hub_is_malformed(self, reader: Reader) -> None:
        with pytest.raises(Malformed, match="commit 1: expected a commit chained"):
            reader(TIGHT, STORY.commits, HubState("other"))

    def test_another_history_of_the_same_hub_is_malformed(self, reader: Reader) -> None:
        with pytest.raises(Malformed, match="commit 6: expected a commit chained"):
            reader(TIGHT, STORY.commits, replay(TIGHT, small_log().commits, NEW))


def test_a_payload_that_was_touched_is_malformed_to_who_verifies() -> None:
    touched = changed(STORY.commits[2], payload=b"\x90")
    with pytest.raises(Malformed, match="commit 3: expected a commit chained"):
        verify(TIGHT, [*STORY.commits[:2], touched, *STORY.commits[3:]], NEW)


# --- verify: nothing to report


def test_an_honest_log_decides_again_as_it_was_decided() -> None:
    assert list(verify(ROOMY, STORY.commits, NEW)) == []


def test_an_honest_log_that_went_through_bytes_decides_again_as_it_was_decided() -> None:
    assert list(verify(ROOMY, read_log(write_log(STORY.log)).commits, NEW)) == []


def test_the_tail_of_a_log_is_verified_from_the_state_before_it() -> None:
    assert list(verify(ROOMY, STORY.log.cut(20).commits, STORY.states[20])) == []


def test_commits_the_state_has_already_are_not_verified() -> None:
    assert verify(HubConfig(), STORY.commits, STORY.state) == Verification((), 0, ())


def test_each_commit_is_decided_under_the_limits_of_its_own_run() -> None:
    limits = Limits(skill_chars=1, capabilities=1, name_chars=1)
    strict = HubConfig(adapters=ADAPTERS, remote_agents=True, arbiter=ARBITER, limits=limits)
    assert list(verify(strict, STORY.commits, NEW)) == []


def test_commands_that_were_cut_are_counted() -> None:
    hub = RecordedHub()
    alice = hub.register(agent("alice"))
    for length in (10, 400, 500):
        hub.ask(SetSkill(agent_id=alice, skill_md="x" * length), STRANGER)
    assert verify(TIGHT, hub.commits, NEW) == Verification((), 2, ())


ROOMIER = next(commit.seq for commit in STORY.commits[2:] if isinstance(commit.command, Start))
LATE = next(commit.seq for commit in STORY.commits[ROOMIER:] if isinstance(commit.command, Start))


@pytest.mark.parametrize(
    ("config", "places"),
    [(TIGHT, (ROOMIER, LATE)), (ROOMY, (2,)), (HubConfig(), (2, ROOMIER, LATE))],
    ids=["the first", "the second", "neither"],
)
def test_runs_under_another_configuration_are_named(config: HubConfig, places: tuple[int, ...]) -> None:
    assert verify(config, STORY.commits, NEW).reconfigured == places


def test_a_refused_start_is_no_reconfiguration() -> None:
    hub = RecordedHub()
    hub.ask(Start(), STRANGER)
    assert verify(TIGHT, hub.commits, NEW) == Verification((), 0, ())


# --- verify: forgeries


def forging_hub() -> tuple[RecordedHub, str]:
    """A hub whose agent alice is attached to a link."""
    hub = RecordedHub()
    alice = hub.register(agent("alice"), owner_of("a", globs=("*",)))
    hub.ask(Attach(agent_id=alice, link="l"))
    return hub, alice


def with_first_fact(**changes: object) -> Callable[[Commit], Forged]:
    return lambda commit: Forged(facts=(changed(commit.facts[0], **changes), *commit.facts[1:]))


def with_event_data(**changes: object) -> Callable[[Commit], Forged]:
    def how(commit: Commit) -> Forged:
        event = commit.facts[0]
        assert isinstance(event, Envelope)
        return Forged(facts=(changed(event, event_data={**event.event_data, **changes}),))

    return how


def with_another_fact(fact: Fact) -> Callable[[Commit], Forged]:
    return lambda commit: Forged(facts=(*commit.facts, fact))


NOT_FOUND = ErrorRecord("not_found", "nobody")
START, REGISTER, ATTACH = 1, 2, 3

FORGED: list[tuple[int, Callable[[Commit], Forged]]] = [
    (START, with_another_fact(configured(TIGHT))),
    (START, lambda _: Forged(refusal=NOT_FOUND)),
    (REGISTER, with_event_data(subject="somebody else")),
    (REGISTER, with_event_data(body="ab")),
    (REGISTER, with_first_fact(number=7)),
    (REGISTER, with_first_fact(audience=("demo:a:a2",))),
    (REGISTER, with_another_fact(Attached("demo:a:a2", "l", None))),
    (REGISTER, lambda _: Forged(refusal=NOT_FOUND)),
    (ATTACH, with_first_fact(evicted="k")),
    (ATTACH, with_first_fact(link="k")),
    (ATTACH, lambda commit: Forged(facts=commit.facts, command=Tick())),
    (ATTACH, lambda commit: Forged(facts=commit.facts, command=Attach(agent_id="demo:a:a9", link="l"))),
]


@pytest.mark.parametrize(("seq", "how"), FORGED)
def test_a_forged_commit_diverges_though_it_is_chained(seq: int, how: Callable[[Commit], Forged]) -> None:
    hub, _ = forging_hub()
    forged = read_log(write_log(forge(hub.log, seq, how)))
    assert seq in [divergence.seq for divergence in verify(TIGHT, forged.commits, NEW)]


def test_what_follows_a_forged_commit_is_decided_on_what_it_made_true() -> None:
    hub, alice = forging_hub()
    hub.ask(Attach(agent_id=alice, link="m"))
    forged = forge(hub.log, ATTACH, with_first_fact(link="k"))
    assert [divergence.seq for divergence in verify(TIGHT, forged.commits, NEW)] == [3, 4]


def test_a_refusal_by_another_code_diverges() -> None:
    hub = RecordedHub()
    hub.ask(Tick(), STRANGER)
    forged = forge(hub.log, 2, lambda _: Forged(refusal=NOT_FOUND))
    assert [str(divergence) for divergence in verify(TIGHT, forged.commits, NEW)] == [
        "commit 2: recorded refusal not_found (nobody), decided refusal access_denied "
        "(expected the administrator for Tick, came another principal)"
    ]


def test_a_refusal_in_other_words_does_not_diverge() -> None:
    hub = RecordedHub()
    hub.ask(Tick(), STRANGER)
    forged = forge(hub.log, 2, lambda _: Forged(refusal=ErrorRecord("access_denied", "in other words")))
    assert list(verify(TIGHT, forged.commits, NEW)) == []


def one_divergence(log: Log) -> Divergence:
    (divergence,) = verify(TIGHT, log.commits, NEW)
    return divergence


def test_a_divergence_tells_what_was_recorded_and_what_is_decided() -> None:
    hub, _ = forging_hub()
    forged = one_divergence(forge(hub.log, REGISTER, with_event_data(subject="b")))
    assert str(forged) == "commit 2: recorded agent.registered, decided agent.registered"


def test_a_divergence_names_marks_and_says_where_nothing_is_decided() -> None:
    hub, alice = forging_hub()
    hub.ask(Detach(agent_id=alice, link="l"))
    forged = forge(
        hub.log,
        4,
        lambda _: Forged(facts=(Detached(alice, "l"),), command=Detach(agent_id=alice, link="another")),
    )
    assert str(one_divergence(forged)) == "commit 4: recorded Detached, decided nothing"


def test_a_divergence_holds_both_sides() -> None:
    hub, alice = forging_hub()
    forged = one_divergence(forge(hub.log, ATTACH, with_first_fact(evicted="k")))
    assert forged == Divergence(3, (Attached(alice, "l", "k"),), (Attached(alice, "l", None),))


def test_one_and_true_are_two_facts() -> None:
    hub, _ = forging_hub()
    forged = forge(hub.log, REGISTER, with_first_fact(number=True))
    assert one_divergence(forged).seq == REGISTER


def test_a_start_with_forged_limits_is_another_configuration() -> None:
    hub, _ = forging_hub()
    forged = forge(hub.log, START, with_first_fact(limits=ROOMY.limits))
    assert verify(TIGHT, forged.commits, NEW) == Verification((), 0, (1,))


def test_a_start_records_the_parts_of_its_configuration_sorted() -> None:
    (mark,) = RecordedHub().commits[0].facts
    assert isinstance(mark, Configured)
    types = ["consulting", "conversation", "discussion", "gathering", "workflow"]
    evaluators = ["acks_within", "max_silence", "reply_within", "turn_within"]
    handlers = ["audit", "auto_close", "hide", "notify_session", "remove", "warn"]
    named = [("adapter", types), ("evaluator", evaluators), ("handler", handlers)]
    names = ["core", "format", "arbiter Desk", *[f"{kind} {one}" for kind, own in named for one in own], "remote_agents"]
    assert [name for name, _ in mark.parts] == names


def test_other_limits_are_another_fingerprint() -> None:
    assert configured(TIGHT).fingerprint != configured(ROOMY).fingerprint


def test_other_adapters_are_another_fingerprint() -> None:
    assert configured(HubConfig()).fingerprint != configured(HubConfig(adapters=ADAPTERS)).fingerprint


def test_a_refusal_cannot_carry_facts() -> None:
    hub = RecordedHub()
    hub.ask(Tick(), STRANGER)
    refused = forge(hub.log, 2, lambda _: Forged(facts=(Attached("demo:a:a2", "l", None),), refusal=NOT_FOUND))
    with pytest.raises(Malformed, match="expected facts or a refusal"):
        read_log(write_log(with_payload(refused, 2, refused.commits[1].payload)))


# --- the report


DIVERGED = Divergence(3, (), ErrorRecord("not_found", "nobody"))


@pytest.mark.parametrize(
    ("report", "holds", "count"),
    [
        (Verification((), 0, ()), False, 0),
        (Verification((), 4, (2, 3)), False, 0),
        (Verification((DIVERGED,), 0, ()), True, 1),
        (Verification((DIVERGED, DIVERGED), 0, ()), True, 2),
    ],
)
def test_a_report_is_true_and_as_long_as_what_diverged(report: Verification, holds: bool, count: int) -> None:
    assert (bool(report), len(report), len(list(report))) == (holds, count, count)


def test_a_report_iterates_over_what_diverged_in_order() -> None:
    first, second = DIVERGED, changed(DIVERGED, seq=4)
    assert list(Verification((first, second), 0, ())) == [first, second]
