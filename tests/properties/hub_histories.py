"""Histories of a hub: principals and commands over few names and ids, so that they meet again and again."""

from typing import cast

from hypothesis import strategies as st

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_TEXT,
    Ack,
    AnswerInvite,
    Attach,
    CheckpointTask,
    CloseSession,
    Command,
    Cost,
    Detach,
    EndTask,
    Envelope,
    ForwardDone,
    ForwardFailed,
    Inbox,
    Invite,
    Leave,
    Limits,
    Nack,
    ObserveTask,
    OpenSession,
    Passport,
    Post,
    Principal,
    Rate,
    RecordObservation,
    Register,
    RemoveParticipant,
    RequestCancel,
    Resend,
    Resume,
    Rule,
    RuleLimits,
    SessionTypes,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    TaskSpec,
    TaskState,
    Tick,
    Unregister,
    UpdateTask,
)
from foldhub_core.identity import AgentKind
from foldhub_core.ids import make_id
from foldhub_core.rule import Access
from tests.core.hub_driver import ADMIN, HUB_ID

NAMES = ("alice", "bob", "eve", "team-1")
SUBJECTS = ("", "s", "t")
CAPABILITIES = ("ask", "tell", "sum", "")
LIMITS = Limits(
    keys=3,
    key_ms=50,
    tick_entries=2,
    refusals=20,
    refusal_window_ms=200,
    observed_tasks=2,
    refusal_bytes=90,
    owed_ms=70,
    dead_letters=2,
    invite_timeout_ms=40,
    participants=3,
)
"""Limits that short histories reach."""

names = st.sampled_from(NAMES)
agent_ids = st.one_of(
    st.integers(2, 3).map(lambda seq: make_id(HUB_ID, "a", seq)),
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
inboxes = st.builds(Inbox, st.integers(0, 2), overflow=st.sampled_from(["reject", "drop_oldest", "drop_newest"]))
rules = st.builds(
    Rule,
    st.builds(
        Access,
        st.sampled_from([("*",), ("*",), ("bob",), ()]),
        st.sampled_from([("*",), ("*",), ("team-*",), ()]),
        st.builds(SessionTypes, *[st.sampled_from([("*",), ("*",), ("con*",), ()])] * 2),
    ),
    st.builds(
        RuleLimits,
        max_concurrent_sessions=st.sampled_from([0, 1]),
        session_ttl_default=st.sampled_from(["2h", "1s"]),
        rate=st.builds(Rate, st.sampled_from([0, 60, 1_000]), st.sampled_from([0, 1])),
        delegation_depth=st.sampled_from([0, 1, 5]),
        inbox=inboxes,
    ),
    version=st.integers(1, 3),
)
skills = st.sampled_from([None, "", "text", "---\na: b\n---\nbody"])
links = st.sampled_from(["l1", "l2"])
principals = st.one_of(
    st.just(ADMIN),
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
session_ids = st.one_of(
    st.just(make_id(HUB_ID, "s", 4)),
    st.integers(4, 20).map(lambda seq: make_id(HUB_ID, "s", seq)),
    st.sampled_from(["", "hub", "else:s:a4", make_id(HUB_ID, "s", 999), make_id(HUB_ID, "a", 2)]),
)
several = st.lists(agent_ids, max_size=3).map(tuple)
reasons = st.sampled_from(["", "enough"])
keys = st.sampled_from([None, "k1", "k2"])
numbers = st.integers(-1, 9)
openings = st.builds(
    OpenSession,
    creator_id=agent_ids,
    type=st.sampled_from(["consulting", "conversation", "dance"]),
    participants=several,
    ttl=st.sampled_from([None, 0, 1, "2s"]),
    labels=st.sampled_from([{}, {"a": "b"}]),
    required_acks=st.sampled_from([None, 1, 2]),
    idempotency_key=keys,
)
words = st.builds(
    Envelope,
    session_ids,
    agent_ids,
    st.sampled_from([EV_TEXT, EV_TEXT, "note", EV_SESSION_CLOSED]),
    st.sampled_from([{"text": "Hello."}, {}]),
    audience=st.none() | several,
    causation_id=st.none() | st.integers(4, 12).map(lambda seq: make_id(HUB_ID, "e", seq)),
    idempotency_key=keys,
    ttl_seconds=st.sampled_from([None, None, 1, 0]),
    depth=st.sampled_from([0, 0, 3, -1]),
)
EVE, TEAM, TALK = make_id(HUB_ID, "a", 2), make_id(HUB_ID, "a", 3), make_id(HUB_ID, "s", 4)
talkers = st.sampled_from([EVE, TEAM])
talk: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        Post,
        envelope=st.builds(
            Envelope, st.just(TALK), talkers, st.just(EV_TEXT), idempotency_key=keys, ttl_seconds=st.sampled_from([None, 1])
        ),
    ),
    st.builds(Ack, agent_id=talkers, numbers=st.lists(st.integers(1, 5), max_size=3).map(tuple)),
    st.builds(Nack, agent_id=talkers, number=st.integers(1, 5)),
    st.builds(Resend, agent_id=talkers, number=st.integers(1, 5)),
    st.builds(ForwardDone, agent_id=talkers, number=st.integers(1, 5)),
    *[st.builds(ForwardFailed, agent_id=talkers, number=st.integers(1, 5))] * 2,
    st.builds(Attach, agent_id=talkers, link=links),
)
"""What goes on in a session that a history may begin with."""

session_commands: st.SearchStrategy[Command] = st.one_of(
    openings,
    st.builds(AnswerInvite, session_id=session_ids, agent_id=agent_ids, accept=st.booleans(), reason=reasons),
    st.builds(Invite, session_id=session_ids, agent_id=agent_ids, participants=several),
    st.builds(Leave, session_id=session_ids, agent_id=agent_ids, reason=reasons),
    st.builds(RemoveParticipant, session_id=session_ids, agent_id=agent_ids, participant_id=agent_ids, reason=reasons),
    st.builds(CloseSession, session_id=session_ids, agent_id=agent_ids, reason=reasons),
    *[st.builds(Post, envelope=words)] * 3,
    st.builds(Ack, agent_id=agent_ids, numbers=st.lists(numbers, max_size=3).map(tuple)),
    *[st.builds(Nack, agent_id=agent_ids, number=numbers, reason=reasons)] * 2,
    st.builds(Resend, agent_id=agent_ids, number=numbers),
)
task_ids = st.one_of(
    st.just(make_id(HUB_ID, "t", 6)),
    st.integers(4, 20).map(lambda seq: make_id(HUB_ID, "t", seq)),
    st.sampled_from(["", "else:t:a4", make_id(HUB_ID, "t", 999), make_id(HUB_ID, "s", 4)]),
)
told = st.sampled_from([{}, {"a": 1}, {"a": True}, {"b": [1.0]}])
observings = st.builds(
    ObserveTask,
    owner_id=talkers | agent_ids,
    spec=st.builds(TaskSpec, st.just("Sum."), payload=told, capability=st.none() | st.sampled_from(CAPABILITIES)),
    session_id=st.none() | st.just(TALK) | session_ids,
    ttl=st.sampled_from([None, 0, 1, "2s"]),
    idempotency_key=keys,
)
task_commands: st.SearchStrategy[Command] = st.one_of(
    *[observings] * 2,
    st.builds(UpdateTask, task_id=task_ids, agent_id=talkers | agent_ids, progress=told),
    st.builds(CheckpointTask, task_id=task_ids, agent_id=talkers | agent_ids, data=told),
    st.builds(
        EndTask,
        task_id=task_ids,
        agent_id=talkers | agent_ids,
        outcome=st.sampled_from(TaskState),
        result=st.none() | told,
        error=reasons,
        idempotency_key=keys,
    ),
    st.builds(RequestCancel, task_id=task_ids, agent_id=talkers | agent_ids, reason=reasons),
)
commands: st.SearchStrategy[Command] = st.one_of(
    talk,
    task_commands,
    session_commands,
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

FORWARDING: list[Asked] = [
    (ADMIN, Register(passport=Passport("eve"), resume=Resume()), 1),
    (ADMIN, Register(passport=Passport("team-1", kind="remote_agent"), resume=Resume()), 1),
    (ADMIN, OpenSession(creator_id=EVE, type="conversation", participants=(TEAM,)), 1),
    (ADMIN, AnswerInvite(session_id=TALK, agent_id=TEAM, accept=True), 1),
]
"""How a history may begin: with an agent that talks with a remote one."""

TALKING: list[Asked] = [
    (ADMIN, Register(passport=Passport("eve"), resume=Resume()), 1),
    (ADMIN, Register(passport=Passport("team-1"), resume=Resume()), 1),
    (ADMIN, OpenSession(creator_id=EVE, type="conversation", participants=(TEAM,)), 1),
    (ADMIN, AnswerInvite(session_id=TALK, agent_id=TEAM, accept=True), 1),
]
"""How a history may begin: with two agents that talk."""

WORKING: list[Asked] = [
    *TALKING,
    (ADMIN, ObserveTask(owner_id=TEAM, spec=TaskSpec("Sum.", capability="sum"), session_id=TALK), 1),
]
"""Or with one of them at work, too."""

asked = st.tuples(principals, commands, st.integers(0, 30))
histories: st.SearchStrategy[list[Asked]] = st.builds(
    list.__add__, st.sampled_from([[], TALKING, TALKING, FORWARDING, WORKING]), st.lists(asked, min_size=6, max_size=25)
)
