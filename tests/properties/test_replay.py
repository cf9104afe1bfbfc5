"""The hub of agents against a naive model, and its log against the life it records.

A long run of the machine: `pytest -m long tests/properties/test_replay.py`.
"""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from foldhub_core import (
    Arrival,
    Attach,
    Commit,
    CutCommand,
    Detach,
    HubConfig,
    HubState,
    Limits,
    Log,
    Malformed,
    Passport,
    Principal,
    RecordObservation,
    Refuse,
    Register,
    Reply,
    Resume,
    Rule,
    RuleLimits,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    Tick,
    Unregister,
    apply,
    changed,
    check_chain,
    codec,
    digest,
    read_log,
    read_snapshot,
    replay,
    step,
    take_snapshot,
    verify,
    write_log,
)
from foldhub_core.commits import read_commit
from foldhub_core.ids import make_id
from foldhub_core.rule import Access
from foldhub_core.task import TaskState
from tests.core.recorded_hub import ROOMY, small_log, whole_story
from tests.properties.hub_model import NAMES, AgentCommand, Model, view_of

TINY = HubConfig(
    remote_agents=True,
    limits=Limits(
        skill_chars=20,
        summary_chars=200,
        short_text_chars=30,
        capabilities=2,
        key_ms=5_000,
        observed_tasks=2,
        tick_entries=2,
        refusals=8,
        refusal_window_ms=60_000,
        refusal_bytes=150,
    ),
)
SLOW = HubConfig(remote_agents=True, limits=Limits(key_ms=40_000, tick_entries=1, refusals=5))
CONFIGS = (TINY, SLOW, HubConfig(remote_agents=True))
ADMIN = Principal(admin=True)
FAR_FUTURE_MS = 2**62 - 1
NOBODY = ("", "nobody", "other:a:b12", "demo:a:f999999", "demo:s:a1")
"""Texts that are the id of no agent this hub ever had."""

# --- what is asked for

GOOD_NAMES = ("alice", "bob", "team-1", "zo\u00eb")
names = st.sampled_from(GOOD_NAMES) | st.sampled_from(sorted(NAMES))
capabilities = st.sampled_from(["ask", "sum", "\u2211", "c" * 31])
short_texts = st.sampled_from(["", "l", "m", "\u00fc", "x" * 31, "x" * 1_100])
keys = st.sampled_from(["k", "k", "m", "", None, "k" * 31])
skills = st.sampled_from(["be kind", "---\nname: a\n---\n", "", None, "s" * 21, "s" * 70_000])
resumes = st.builds(
    Resume,
    claimed_capabilities=st.lists(capabilities, max_size=3).map(tuple),
    summary=st.sampled_from(["", "Sums \u2211 up.", "\U0001f600" * 201, "s" * 16_001]),
    version=st.integers(0, 3),
    last_updated_ms=st.sampled_from([None, 0, 2**63 - 1]),
)
rules = st.builds(
    Rule,
    access=st.builds(Access, inbound_from=st.lists(st.sampled_from(["*", "team-*", "[a"]), max_size=2).map(tuple)),
    limits=st.builds(RuleLimits, session_ttl_default=st.sampled_from(["2h", "", 90, "1d"])),
    version=st.integers(0, 3),
)
passports = st.builds(
    Passport,
    name=names,
    owner=st.sampled_from(["", "lab"]),
    kind=st.sampled_from([None, "agent", "human", "remote_agent"]),
    agent_id=st.sampled_from([None, "demo:a:a2"]),
    created_at_ms=st.none() | st.integers(0, 9),
)
latencies = st.none() | st.integers(0, 50) | st.just(2**63 - 1)
task_ids = st.none() | st.sampled_from(["t1", "t2", "t3", "t" * 31])
outcomes = st.sampled_from(["completed", "failed", "expired", "cancelled", "running"]).map(TaskState)
globs = st.lists(st.sampled_from(["*", "a*", "[a-b]*", "team-?", "", "[", "*" * 50]), max_size=3).map(tuple)
subjects = st.sampled_from(["", "b", "c"])
delays_ms = st.sampled_from([0, 0, 1, 7, 700, 4_999, 5_000, 36_000, 3_600_000, -1, -50_000, -(10**9)])


class HubMachine(RuleBasedStateMachine):
    """A hub, its model and its log, under principals that claim what they like and a clock that jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.config = TINY
        self.state = HubState("demo")
        self.model = Model()
        self.commits: list[Commit] = []
        self.states = [self.state]
        self.reconfigured: list[HubConfig] = []
        self.asked = 0
        self.now_ms = 1_000

    # --- asking

    def someone(self, data: st.DataObject) -> str:
        """The id of an agent; now and then of one that was there or never was."""
        there, others = sorted(self.model.agents), [*sorted(self.model.gone), *NOBODY]
        return data.draw(st.sampled_from(others if not there or data.draw(st.integers(0, 7)) == 7 else there))

    def whoever(self, data: st.DataObject, agent_id: str = "") -> Principal:
        """The administrator, one who may act for the agent, or one who claims what may not be theirs."""
        who = data.draw(st.sampled_from(["administrator", "its own", "its own", "liar"]))
        if who == "administrator":
            return ADMIN
        claimed = (agent_id,) if who == "its own" else tuple(data.draw(st.lists(st.sampled_from(NOBODY), max_size=2)))
        return Principal(subject=data.draw(subjects), agent_ids=("x", *claimed), may_register=data.draw(globs))

    def ask(self, principal: Principal, command: AgentCommand) -> None:
        """Ask the hub and the model for the same, and check all that holds of one step."""
        self.asked += 1
        before, ref = self.state, f"r{self.asked}"
        now_ms = min(max(self.now_ms, 0), FAR_FUTURE_MS)
        new_id = make_id("demo", "a", before.seq + 1)
        expected = self.model.take(principal, command, now_ms, self.config.limits, new_id)
        taken = step(self.config, before, Arrival(principal=principal, command=command, now_ms=now_ms, ref=ref))
        answer = taken.effects[0]
        assert isinstance(answer, Reply | Refuse)
        assert answer.ref == ref
        assert (answer.error.code if isinstance(answer, Refuse) else None) == expected.refusal
        assert (taken.commit is not None) == expected.changes
        if taken.commit is None:
            assert taken.state is before
            return
        if expected.refusal is not None:
            after = changed(taken.state, seq=before.seq, now_ms=before.now_ms, head=before.head, refusals=before.refusals)
            assert after == before
        self.check_commit(before, taken.commit, taken.state)
        if isinstance(command, Start) and expected.refusal is None:
            self.reconfigured.append(self.config)
        self.state = taken.state
        self.commits.append(taken.commit)
        self.states.append(taken.state)

    def check_commit(self, before: HubState, commit: Commit, after: HubState) -> None:
        """A commit leads to the state of its step, also when it went through bytes."""
        again = read_commit("demo", commit.seq, commit.form, commit.payload, commit.previous, commit.chain)
        assert (again.facts, again.refusal, again.principal) == (commit.facts, commit.refusal, commit.principal)
        assert again.lazy == commit.lazy
        assert apply(self.config, before, commit) == after
        assert apply(self.config, before, again) == after

    @property
    def log(self) -> Log:
        return Log("demo", tuple(self.commits))

    # --- what happens

    @initialize(early=st.booleans(), config=st.sampled_from(CONFIGS), agents=st.integers(0, 3))
    def begin(self, early: bool, config: HubConfig, agents: int) -> None:
        self.config = config
        if early:
            self.ask(ADMIN, Tick())
        self.ask(ADMIN, Start())
        for name, subject in zip(GOOD_NAMES[:agents], ("", "b", "c"), strict=False):
            self.register_plainly(name=name, key="k", subject=subject, skill_md=None)

    @rule(delay_ms=delays_ms)
    def clock_jumps(self, delay_ms: int) -> None:
        self.now_ms = max(self.state.now_ms, 1_000) + delay_ms

    @precondition(lambda self: self.asked > 20)
    @rule(once=st.integers(0, 9))
    def clock_jumps_to_the_end_of_time(self, once: int) -> None:
        if once == 0:
            self.now_ms = FAR_FUTURE_MS

    @rule(data=st.data(), passport=passports, resume=resumes, skill_md=skills, key=keys)
    def register(self, data: st.DataObject, passport: Passport, resume: Resume, skill_md: str | None, key: str | None) -> None:
        command = Register(passport=passport, resume=resume, skill_md=skill_md, idempotency_key=key)
        self.ask(self.whoever(data, self.someone(data)), command)

    @rule(name=st.sampled_from(GOOD_NAMES), key=keys, subject=subjects, skill_md=st.sampled_from([None, "be kind"]))
    def register_plainly(self, name: str, key: str | None, subject: str, skill_md: str | None) -> None:
        principal = Principal(subject=subject, may_register=("*",))
        self.ask(principal, Register(passport=Passport(name=name), resume=Resume(), skill_md=skill_md, idempotency_key=key))

    @rule(data=st.data())
    def unregister(self, data: st.DataObject) -> None:
        agent_id = self.someone(data)
        self.ask(self.whoever(data, agent_id), Unregister(agent_id=agent_id))

    @rule(data=st.data(), resume=resumes)
    def set_resume(self, data: st.DataObject, resume: Resume) -> None:
        agent_id = self.someone(data)
        self.ask(self.whoever(data, agent_id), SetResume(agent_id=agent_id, resume=resume))

    @rule(data=st.data(), wanted=rules)
    def set_rule(self, data: st.DataObject, wanted: Rule) -> None:
        agent_id = self.someone(data)
        self.ask(self.whoever(data, agent_id), SetRule(agent_id=agent_id, rule=wanted))

    @rule(data=st.data(), skill_md=skills)
    def set_skill(self, data: st.DataObject, skill_md: str | None) -> None:
        agent_id = self.someone(data)
        self.ask(self.whoever(data, agent_id), SetSkill(agent_id=agent_id, skill_md=skill_md))

    @rule(data=st.data(), capability=capabilities, outcome=outcomes, latency_ms=latencies, task_id=task_ids)
    def record_observation(
        self, data: st.DataObject, capability: str, outcome: TaskState, latency_ms: int | None, task_id: str | None
    ) -> None:
        owner_id = self.someone(data)
        command = RecordObservation(
            owner_id=owner_id, capability=capability, outcome=outcome, latency_ms=latency_ms, task_id=task_id
        )
        self.ask(self.whoever(data, owner_id), command)

    @rule(data=st.data(), link=short_texts)
    def attach(self, data: st.DataObject, link: str) -> None:
        agent_id = self.someone(data)
        self.ask(self.whoever(data, agent_id), Attach(agent_id=agent_id, link=link))

    @rule(data=st.data(), link=short_texts)
    def detach(self, data: st.DataObject, link: str) -> None:
        agent_id = self.someone(data)
        self.ask(self.whoever(data, agent_id), Detach(agent_id=agent_id, link=link))

    @precondition(lambda self: any(agent.link is not None for agent in self.model.agents.values()))
    @rule(data=st.data())
    def a_link_ends(self, data: st.DataObject) -> None:
        links = sorted((agent_id, agent.link) for agent_id, agent in self.model.agents.items() if agent.link is not None)
        agent_id, link = data.draw(st.sampled_from(links))
        self.ask(ADMIN, Detach(agent_id=agent_id, link=link))

    @rule(data=st.data())
    def tick_by_whoever(self, data: st.DataObject) -> None:
        self.ask(self.whoever(data), Tick())

    @precondition(lambda self: self.model.view()["next deadline"] is not None)
    @rule(late_ms=st.sampled_from([-1, 0, 0, 1, 10_000]))
    def tick_when_due(self, late_ms: int) -> None:
        self.now_ms = max(self.now_ms, self.model.view()["next deadline"] + late_ms)
        self.ask(ADMIN, Tick())

    @rule(data=st.data())
    def start_by_whoever(self, data: st.DataObject) -> None:
        self.ask(self.whoever(data), Start())

    @rule(config=st.sampled_from(CONFIGS))
    def restart_from_the_log(self, config: HubConfig) -> None:
        written = write_log(self.log)
        read = read_log(written)
        assert write_log(read) == written
        self.restart(config, replay(config, read.commits, HubState("demo")))

    @rule(data=st.data(), config=st.sampled_from(CONFIGS), slice_rows=st.sampled_from([1, 3, 500]))
    def restart_from_a_snapshot_and_the_tail(self, data: st.DataObject, config: HubConfig, slice_rows: int) -> None:
        seq = data.draw(st.integers(0, len(self.commits)))
        begun = read_snapshot(config, take_snapshot(self.states[seq], slice_rows))
        assert begun == self.states[seq]
        tail = read_log(write_log(self.log.cut(seq)))
        self.restart(config, replay(config, tail.commits, begun))

    def restart(self, config: HubConfig, recovered: HubState) -> None:
        """Go on with what was recovered instead of what was lived."""
        assert recovered == self.state
        assert digest(recovered) == digest(self.state)
        self.state = recovered
        self.config = config
        self.ask(ADMIN, Start())

    # --- what always holds

    @invariant()
    def the_hub_is_as_the_model_says(self) -> None:
        assert view_of(self.state) == self.model.view()

    def teardown(self) -> None:
        new = HubState("demo")
        check_chain(self.log)
        assert replay(self.config, self.commits, new) == self.state
        for source in (self.commits, read_log(write_log(self.log)).commits):
            report = verify(self.config, source, new)
            assert list(report) == []
            assert report.undecided == sum(isinstance(commit.command, CutCommand) for commit in source)
            assert len(report.reconfigured) == sum(config != self.config for config in self.reconfigured)


SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def test_the_hub_lives_as_its_model_and_recovers_as_it_lived() -> None:
    run_state_machine_as_test(HubMachine, settings=settings(SETTINGS, max_examples=20, stateful_step_count=40))


@pytest.mark.long
def test_the_hub_lives_as_its_model_and_recovers_as_it_lived_for_long() -> None:
    run_state_machine_as_test(HubMachine, settings=settings(SETTINGS, max_examples=3_000, stateful_step_count=100))


# --- bytes from anywhere

LOG = write_log(small_log())
STORY = whole_story()
SNAPSHOT = list(take_snapshot(STORY.state, 3))

leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def places_in(tree: object) -> Iterable[tuple[int, ...]]:
    """The places of all values in lists of lists."""
    yield ()
    if isinstance(tree, list):
        for at, item in enumerate(tree):
            for place in places_in(item):
                yield (at, *place)


def replaced(tree: object, place: tuple[int, ...], value: object) -> object:
    """The tree with another value in one place."""
    if not place:
        return value
    assert isinstance(tree, list)
    items: list[Any] = list(tree)
    items[place[0]] = replaced(items[place[0]], place[1:], value)
    return items


def commit_or_malformed(commit: Commit, payload: bytes) -> None:
    try:
        again = read_commit("demo", commit.seq, commit.form, payload, commit.previous, commit.chain)
    except Malformed:
        return
    assert again.payload == payload


@given(payload=trees.map(codec.pack) | st.binary(max_size=200))
def test_any_payload_is_a_commit_or_malformed(payload: bytes) -> None:
    commit_or_malformed(STORY.commits[0], payload)


@settings(max_examples=300)
@given(data=st.data(), commit=st.sampled_from(STORY.commits), value=trees)
def test_a_payload_with_another_value_somewhere_is_a_commit_or_malformed(
    data: st.DataObject, commit: Commit, value: object
) -> None:
    fields = codec.unpack(commit.payload)
    place = data.draw(st.sampled_from(list(places_in(fields))))
    commit_or_malformed(commit, codec.pack(replaced(fields, place, value)))


@given(data=st.binary(max_size=300), kept=st.integers(0, len(LOG)))
def test_any_bytes_behind_the_begin_of_a_log_are_malformed(data: bytes, kept: int) -> None:
    if LOG[:kept] + data != LOG:
        with pytest.raises(Malformed):
            read_log(LOG[:kept] + data)


@given(data=st.data(), junk=trees.map(codec.pack) | st.binary(max_size=50))
def test_a_slice_that_was_replaced_is_malformed(data: st.DataObject, junk: bytes) -> None:
    at = data.draw(st.integers(0, len(SNAPSHOT) - 1))
    with pytest.raises(Malformed):
        read_snapshot(ROOMY, [*SNAPSHOT[:at], junk, *SNAPSHOT[at + 1 :]])
