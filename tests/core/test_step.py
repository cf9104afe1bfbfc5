"""The funnel: what a step answers, commits and leaves behind."""

from collections.abc import Callable

import pytest

from foldhub_core import (
    Attach,
    Attached,
    Command,
    Configured,
    Detach,
    Evict,
    HubConfig,
    HubState,
    Limits,
    Passport,
    Principal,
    RecordObservation,
    Refuse,
    Register,
    Reply,
    Resume,
    Rule,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    Step,
    TaskState,
    Tick,
    Unregister,
    apply,
    changed,
    digest,
    find_agent_id,
    get_agent,
    link_of,
    next_deadline,
    owed,
)
from foldhub_core.ids import make_id
from tests.core.recorded_hub import (
    ADMIN,
    HOUR_MS,
    ROOMY,
    STRANGER,
    TIGHT,
    RecordedHub,
    agent,
    answer,
    owner_of,
    refusal,
    whole_story,
)


@pytest.fixture
def hub() -> RecordedHub:
    """A hub with the agents alice and bob; bob belongs to b."""
    hub = RecordedHub()
    hub.register(Register(passport=Passport(name="alice"), resume=Resume(), skill_md="ask", idempotency_key="k"))
    hub.register(agent("bob"), owner_of("b", globs=("*",)))
    return hub


def id_of(hub: RecordedHub, name: str) -> str:
    agent_id = find_agent_id(hub.state, name)
    assert agent_id is not None
    return agent_id


# --- the answer


def test_an_accepted_request_is_answered_first_and_by_its_ref(hub: RecordedHub) -> None:
    taken = hub.ask(agent("carol"))
    assert taken.effects == (Reply(f"r{hub.now_ms}", get_agent(hub.state, "carol")),)


def test_a_refused_request_is_answered_by_its_ref_and_with_nothing_else(hub: RecordedHub) -> None:
    (refuse,) = hub.ask(Tick(), STRANGER).effects
    assert isinstance(refuse, Refuse)
    assert (refuse.ref, refuse.error.code) == (f"r{hub.now_ms}", "access_denied")


def test_effects_of_facts_come_after_the_answer(hub: RecordedHub) -> None:
    alice = id_of(hub, "alice")
    hub.ask(Attach(agent_id=alice, link="old"))
    taken = hub.ask(Attach(agent_id=alice, link="new"))
    assert taken.effects == (Reply(f"r{hub.now_ms}", None), Evict(alice, "old"))


@pytest.mark.parametrize(
    ("command", "value"),
    [
        (Tick(), None),
        (SetSkill(agent_id="demo:a:a2", skill_md=None), None),
        (Unregister(agent_id="demo:a:a2"), None),
        (Attach(agent_id="demo:a:a2", link="l"), None),
        (Detach(agent_id="demo:a:a2", link="l"), None),
        (SetRule(agent_id="demo:a:a2", rule=Rule(version=9)), Rule()),
        (SetResume(agent_id="demo:a:a2", resume=Resume(version=9)), Resume()),
    ],
)
def test_a_command_is_answered_with_what_it_says(hub: RecordedHub, command: Command, value: object) -> None:
    assert answer(hub.ask(command)) == value


def test_start_is_answered_with_what_it_recorded(hub: RecordedHub) -> None:
    mark = answer(hub.ask(Start()))
    assert isinstance(mark, Configured)
    assert mark == hub.state.configured
    assert mark.limits == TIGHT.limits


# --- Start first


def test_nothing_is_done_before_the_first_start() -> None:
    hub = RecordedHub(started=False)
    assert refusal(hub.ask(agent("alice"))).code == "unavailable"
    assert find_agent_id(hub.state, "alice") is None


def test_rights_are_checked_before_whether_the_hub_runs() -> None:
    assert refusal(RecordedHub(started=False).ask(Tick(), STRANGER)).code == "access_denied"


def test_a_later_start_detaches_every_link_and_sets_the_limits(hub: RecordedHub) -> None:
    hub.ask(Attach(agent_id=id_of(hub, "alice"), link="l"))
    hub.config = ROOMY
    hub.ask(Start())
    assert link_of(hub.state, id_of(hub, "alice")) is None
    assert hub.state.limits == ROOMY.limits


def test_limits_of_a_configuration_hold_only_from_its_start_on(hub: RecordedHub) -> None:
    hub.config = HubConfig(limits=Limits(skill_chars=1))
    assert hub.ask(SetSkill(agent_id=id_of(hub, "alice"), skill_md="longer")).commit is not None


# --- what makes no commit


REPEATED: list[Callable[[str], Command]] = [
    lambda alice: Attach(agent_id=alice, link="l"),
    lambda alice: Detach(agent_id=alice, link="another"),
    lambda alice: SetResume(agent_id=alice, resume=Resume(summary="s")),
    lambda alice: SetRule(agent_id=alice, rule=Rule()),
    lambda alice: SetSkill(agent_id=alice, skill_md="ask"),
    lambda alice: RecordObservation(owner_id=alice, capability="c", outcome=TaskState.FAILED, task_id="t"),
    lambda _: Register(passport=Passport(name="alice"), resume=Resume(), skill_md="ask", idempotency_key="k"),
    lambda _: Unregister(agent_id="demo:a:a4"),
    lambda _: Tick(),
]


@pytest.mark.parametrize("command", REPEATED)
def test_a_repetition_changes_nothing_and_is_answered_alike(hub: RecordedHub, command: Callable[[str], Command]) -> None:
    alice = id_of(hub, "alice")
    assert hub.register(agent("gone")) == "demo:a:a4"
    hub.ask(Unregister(agent_id="demo:a:a4"))
    hub.ask(SetResume(agent_id=alice, resume=Resume(summary="s")))
    hub.ask(Attach(agent_id=alice, link="l"))
    first = answer(hub.ask(command(alice)))
    before = hub.state
    again = hub.ask(command(alice))
    assert (answer(again), again.commit) == (first, None)
    assert again.state is before


def test_time_passes_only_with_commits(hub: RecordedHub) -> None:
    before = hub.state.now_ms
    hub.ask(Tick(), now_ms=before + 1000)
    assert hub.state.now_ms == before


# --- refusals


REFUSED: list[tuple[Command, Principal, str]] = [
    (Start(), STRANGER, "access_denied"),
    (Detach(agent_id="demo:a:a2", link="l"), owner_of("x", "demo:a:a2"), "access_denied"),
    (agent("carol"), owner_of("c", globs=("team-*",)), "access_denied"),
    (SetSkill(agent_id="demo:a:a2", skill_md="mine"), owner_of("b", "demo:a:a3"), "access_denied"),
    (SetSkill(agent_id="", skill_md="nobody's"), STRANGER, "access_denied"),
    (Attach(agent_id="demo:a:c999", link="l"), ADMIN, "not_found"),
    (agent("bob"), ADMIN, "protocol_error"),
    (RecordObservation(owner_id="demo:a:a2", capability="c", outcome=TaskState.CREATED), ADMIN, "protocol_error"),
    (SetSkill(agent_id="demo:a:a2", skill_md="x" * 101), ADMIN, "malformed"),
    (Register(passport=Passport(name="alice"), resume=Resume(), idempotency_key="k"), ADMIN, "key_conflict"),
]


@pytest.mark.parametrize(("command", "principal", "code"), REFUSED)
def test_a_refusal_has_its_code(hub: RecordedHub, command: Command, principal: Principal, code: str) -> None:
    assert refusal(hub.ask(command, principal)).code == code


@pytest.mark.parametrize(("command", "principal"), [(command, principal) for command, principal, _ in REFUSED])
def test_a_refusal_moves_nothing_but_place_clock_and_count(hub: RecordedHub, command: Command, principal: Principal) -> None:
    before = hub.state
    after = hub.ask(command, principal).state
    assert after.seq == before.seq + 1
    assert changed(after, seq=before.seq, now_ms=before.now_ms, head=before.head, refusals=before.refusals) == before


@pytest.mark.parametrize(("command", "principal"), [(command, principal) for command, principal, _ in REFUSED])
def test_a_refusal_is_recorded_without_facts(hub: RecordedHub, command: Command, principal: Principal) -> None:
    taken = hub.ask(command, principal)
    assert taken.commit is not None
    assert (taken.commit.refusal, taken.commit.facts) == (refusal(taken), ())


def capped_hub() -> RecordedHub:
    """A hub that has recorded as many refusals of the stranger as it does in an hour."""
    hub = RecordedHub(HubConfig(limits=Limits(refusals=2)))
    for _ in range(2):
        assert hub.ask(Tick(), STRANGER).commit is not None
    return hub


def test_a_refusal_over_the_cap_is_answered_and_leaves_the_very_same_state() -> None:
    hub = capped_hub()
    before = hub.state
    taken = hub.ask(Tick(), STRANGER)
    assert (refusal(taken).code, taken.commit) == ("access_denied", None)
    assert taken.state is before


def test_the_cap_is_per_subject() -> None:
    assert capped_hub().ask(Tick(), Principal(subject="other")).commit is not None


def test_the_cap_begins_anew_with_each_window() -> None:
    hub = capped_hub()
    times_ms = [HOUR_MS - 1, HOUR_MS, HOUR_MS + 1, HOUR_MS + 2]
    recorded = [hub.ask(Tick(), STRANGER, now_ms=now_ms).commit is not None for now_ms in times_ms]
    assert recorded == [False, True, True, False]


def test_with_a_cap_of_zero_no_refusal_is_recorded() -> None:
    hub = RecordedHub(HubConfig(limits=Limits(refusals=0)))
    assert hub.ask(Tick(), STRANGER, now_ms=HOUR_MS).commit is None


# --- place and time


def test_commits_are_numbered_without_a_gap() -> None:
    commits = whole_story().commits
    assert [commit.seq for commit in commits] == list(range(1, len(commits) + 1))


def test_an_id_names_the_commit_that_made_it(hub: RecordedHub) -> None:
    hub.ask(Tick(), STRANGER)
    assert hub.register(agent("carol")) == make_id("demo", "a", hub.state.seq)


def test_an_earlier_arrival_happens_at_the_time_of_the_hub(hub: RecordedHub) -> None:
    now_ms = hub.state.now_ms
    taken = hub.ask(agent("carol"), now_ms=now_ms - 500)
    assert taken.commit is not None
    assert (taken.commit.now_ms, get_agent(hub.state, "carol").created_at_ms) == (now_ms, now_ms)


def test_the_state_before_a_step_stays_as_it_was(hub: RecordedHub) -> None:
    before, name = hub.state, digest(hub.state)
    hub.ask(Unregister(agent_id=id_of(hub, "alice")))
    assert digest(before) == name


# --- deadlines


def test_nothing_is_due_without_keys() -> None:
    hub = RecordedHub()
    hub.register(agent("alice"))
    assert next_deadline(hub.state) is None


def test_the_next_deadline_is_the_end_of_the_oldest_key(hub: RecordedHub) -> None:
    created_ms = get_agent(hub.state, "alice").created_at_ms
    assert created_ms is not None
    assert next_deadline(hub.state) == created_ms + HOUR_MS


def test_a_tick_handles_no_more_entries_than_the_limit() -> None:
    hub = RecordedHub()
    for at in range(5):
        hub.register(Register(passport=Passport(name=f"a{at}"), resume=Resume(), idempotency_key="k"))
    facts: list[int] = []
    while next_deadline(hub.state) is not None:
        commit = hub.ask(Tick(), now_ms=10 * HOUR_MS).commit
        assert commit is not None
        facts.append(len(commit.facts))
    assert facts == [4, 4, 2], "two facts an entry: forgotten, and not armed again"


def test_a_tick_arms_again_what_is_due_later_now(hub: RecordedHub) -> None:
    due_ms = next_deadline(hub.state)
    assert due_ms is not None
    hub.config = ROOMY
    hub.ask(Start())
    hub.ask(Tick(), now_ms=due_ms)
    assert next_deadline(hub.state) == due_ms + 2 * HOUR_MS


# --- recovery


def test_applying_a_commit_gives_the_state_of_its_step() -> None:
    hub = whole_story()
    applied = [apply(TIGHT, before, commit) for before, commit in zip(hub.states, hub.commits, strict=False)]
    assert applied == hub.states[1:]


def test_applying_what_is_not_the_next_commit_is_a_fault_of_the_caller(hub: RecordedHub) -> None:
    with pytest.raises(AssertionError, match="expected commit 1, came 2"):
        apply(TIGHT, HubState("demo"), hub.commits[1])


def test_nothing_is_owed_to_links_after_a_restart(hub: RecordedHub) -> None:
    hub.ask(Attach(agent_id=id_of(hub, "alice"), link="l"))
    assert owed(TIGHT, hub.state) == ()


def test_a_fact_holds_what_was_evicted(hub: RecordedHub) -> None:
    alice = id_of(hub, "alice")
    hub.ask(Attach(agent_id=alice, link="old"))
    taken: Step = hub.ask(Attach(agent_id=alice, link="new"))
    assert taken.commit is not None
    assert taken.commit.facts == (Attached(alice, "new", "old"),)
