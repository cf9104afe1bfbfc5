"""Histories of a hub: principals and commands over few names and ids, so that they meet again and again."""

from typing import cast

from hypothesis import strategies as st

from foldhub_core import (
    Attach,
    Command,
    Cost,
    Detach,
    Limits,
    Passport,
    Principal,
    RecordObservation,
    Register,
    Resume,
    Rule,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    TaskState,
    Tick,
    Unregister,
)
from foldhub_core.identity import AgentKind
from foldhub_core.ids import make_id
from foldhub_core.rule import Access
from tests.core.hub_driver import ADMIN, HUB_ID

NAMES = ("alice", "bob", "eve", "team-1")
SUBJECTS = ("", "s", "t")
CAPABILITIES = ("ask", "tell", "sum", "")
LIMITS = Limits(keys=3, key_ms=50, tick_entries=2, refusals=20, refusal_window_ms=200, observed_tasks=2, refusal_bytes=90)
"""Limits that short histories reach."""

names = st.sampled_from(NAMES)
agent_ids = st.one_of(
    st.integers(2, 12).map(lambda seq: make_id(HUB_ID, "a", seq)),
    st.sampled_from(["", "alice", "else:a:a2", make_id(HUB_ID, "a", 999)]),
)
kinds: st.SearchStrategy[AgentKind | None] = st.sampled_from(cast("list[AgentKind | None]", [None, "human", "remote_agent"]))
costs = st.none() | st.builds(Cost, st.none() | st.sampled_from([0.0, 1.0, 2.5]), st.none() | st.sampled_from([0.0, 1.5]))
passports = st.builds(
    Passport,
    st.one_of(names, st.sampled_from(["", "a*", "demo:a:a2"])),
    cost=costs,
    kind=kinds,
    hub_id=st.sampled_from([None, HUB_ID, "else"]),
    agent_id=st.none() | agent_ids,
)
resumes = st.builds(
    Resume,
    st.lists(st.sampled_from(CAPABILITIES), max_size=3).map(tuple),
    summary=st.sampled_from(["", "Answers", "tells"]),
    version=st.integers(1, 3),
)
rules = st.builds(Rule, st.builds(Access, st.sampled_from([("*",), ("bob",), ()])), version=st.integers(1, 3))
skills = st.sampled_from([None, "", "text", "---\na: b\n---\nbody"])
links = st.sampled_from(["l1", "l2"])
principals = st.one_of(
    st.just(ADMIN),
    st.builds(
        Principal,
        subject=st.sampled_from(SUBJECTS),
        agent_ids=st.lists(agent_ids, max_size=6).map(tuple),
        may_register=st.sampled_from([(), ("*",), ("alice", "team-*")]),
    ),
)
registrations = st.builds(
    Register,
    passport=passports,
    resume=resumes,
    rule=rules,
    skill_md=skills,
    idempotency_key=st.sampled_from([None, "k1", "k2"]),
)
observations = st.builds(
    RecordObservation,
    owner_id=agent_ids,
    capability=st.sampled_from(CAPABILITIES),
    outcome=st.sampled_from(TaskState),
    latency_ms=st.none() | st.integers(0, 100),
    task_id=st.sampled_from([None, "t1", "t2", "t3"]),
)
commands: st.SearchStrategy[Command] = st.one_of(
    registrations,
    st.builds(Unregister, agent_id=agent_ids),
    st.builds(SetResume, agent_id=agent_ids, resume=resumes),
    st.builds(SetRule, agent_id=agent_ids, rule=rules),
    st.builds(SetSkill, agent_id=agent_ids, skill_md=skills),
    observations,
    st.builds(Attach, agent_id=agent_ids, link=links),
    st.builds(Detach, agent_id=agent_ids, link=links),
    st.just(Start()),
    st.just(Tick()),
)

Asked = tuple[Principal, Command, int]
"""A command, on whose behalf, and how long after the one before (ms)."""

histories: st.SearchStrategy[list[Asked]] = st.lists(st.tuples(principals, commands, st.integers(0, 30)), min_size=1, max_size=25)
