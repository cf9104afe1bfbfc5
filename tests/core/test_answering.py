"""What a question is answered with: what the function says that it is named after, and of lists what the asker may see."""

from typing import Any

import pytest

import foldhub_core as core
from foldhub_core import (
    AgentsWithCapability,
    CanSend,
    CreatedSessions,
    DeadLetters,
    Expected,
    FindAgentId,
    FrozenDict,
    GetAgent,
    GetHealth,
    GetResume,
    GetRule,
    GetSession,
    GetSkill,
    GetTask,
    HiddenParticipants,
    InboxCountOf,
    InboxCursor,
    LinkOf,
    ListAgents,
    ListSessions,
    ListTasks,
    Malformed,
    NamesFor,
    NameToIdMap,
    NotFoundError,
    PendingTurns,
    PostsLeft,
    Principal,
    ProtocolState,
    Question,
    ReadCheckpoint,
    Resume,
    SessionPage,
    SessionState,
    StandingOf,
    SubjectOf,
    TaskPage,
    TaskState,
    Violations,
    answer,
)
from tests.core.hub_driver import ADMIN, NOWHERE, owner
from tests.core.session_driver import Talks


class Circle(Talks):
    """Alice talks with bob and with carol, bob and carol talk, each has a task."""

    def __init__(self) -> None:
        super().__init__("alice", "bob", "carol", "dave")
        self.join("able", resume=Resume(("ask",)), skill_md="# Able")
        self.ab = self.opened("alice", "bob", labels={"k": "v"}, intent="x")
        self.ac = self.opened("alice", "carol", type="discussion")
        self.bc = self.opened("bob", "carol")
        self.word = self.say("alice", self.ab)
        self.tasks = {
            "a": self.observe("alice", self.ab, capability="ask"),
            "b": self.observe("bob", self.bc),
            "c": self.observe("carol"),
            "a2": self.observe("alice"),
        }
        self.checkpoint("alice", self.tasks["a"], at=1)
        self.attach("bob")

    def answered(self, name: str | None, question: Question) -> Any:
        return answer(self.config, self.state, ADMIN if name is None else self.who(name), question)


@pytest.fixture(scope="module")
def hub() -> Circle:
    return Circle()


def test_each_question_is_answered_by_the_function_of_its_name(hub: Circle) -> None:
    config, state, (alice, bob) = hub.config, hub.state, hub.these("alice", "bob")
    able, task_id = hub.ids["able"], hub.tasks["a"]
    pairs: list[tuple[Question, object]] = [
        (GetAgent(name_or_id="alice"), core.get_agent(state, alice)),
        (GetResume(agent_id=able), core.get_resume(state, able)),
        (GetRule(agent_id=able), core.get_rule(state, able)),
        (GetSkill(agent_id=able), core.get_skill(state, able)),
        (FindAgentId(name="bob"), bob),
        (FindAgentId(name="nobody"), None),
        (NamesFor(agent_ids=(bob, NOWHERE, alice)), FrozenDict({alice: "alice", bob: "bob"})),
        (ListAgents(capability="ask"), core.list_agents(state, capability="ask")),
        (AgentsWithCapability(capability="ask"), (able,)),
        (NameToIdMap(), FrozenDict(core.name_to_id_map(state))),
        (SubjectOf(agent_id=alice), "alice"),
        (LinkOf(agent_id=bob), "l1"),
        (PostsLeft(agent_id=alice), None),
        (CanSend(session_id=hub.ab, sender_id=alice), None),
        (CanSend(session_id=hub.ab, sender_id=able), core.can_send(config, state, hub.ab, able)),
        (CreatedSessions(agent_id=alice), 2),
        (PendingTurns(agent_id=alice), core.pending_turns(config, state, alice)),
        (InboxCountOf(agent_id=bob), core.inbox(state, bob)),
        (InboxCursor(agent_id=bob), 0),
        (DeadLetters(agent_id=bob), ()),
        (StandingOf(agent_id=bob, envelope=hub.word), core.standing(config, state, bob, hub.word)),
        (GetSession(session_id=hub.ab), hub.session(hub.ab)),
        (Expected(session_id=hub.ac), core.expected(config, state, hub.ac)),
        (ProtocolState(session_id=hub.ac), core.protocol_state(state, hub.ac)),
        (Violations(session_id=hub.ac), ()),
        (HiddenParticipants(session_id=hub.ac), ()),
        (GetTask(task_id=task_id), core.get_task(state, task_id)),
        (ReadCheckpoint(task_id=task_id), {"at": 1}),
        (GetHealth(), core.health(state, config=config)),
        (ListSessions(), core.list_sessions(state)),
        (ListTasks(), core.list_tasks(state)),
    ]
    for question, expected in pairs:
        assert hub.answered(None, question) == expected, question


def test_what_is_not_there_is_refused_as_the_function_refuses_it(hub: Circle) -> None:
    with pytest.raises(NotFoundError):
        hub.answered("alice", GetAgent(name_or_id="nobody"))


def test_names_are_given_a_page_at_a_time(hub: Circle) -> None:
    with pytest.raises(Malformed):
        hub.answered("alice", NamesFor(agent_ids=("x",) * 1_001))


def sessions(page: SessionPage) -> list[str]:
    return [session.session_id for session in page.sessions]


def tasks(page: TaskPage) -> list[str]:
    return [task.task_id for task in page.tasks]


def test_a_principal_lists_the_sessions_of_all_its_agents_each_once(hub: Circle) -> None:
    assert sessions(hub.answered("alice", ListSessions())) == [hub.ab, hub.ac]
    both = owner("both", *hub.these("bob", "alice"))
    assert sessions(answer(hub.config, hub.state, both, ListSessions())) == [hub.ab, hub.ac, hub.bc]  # type: ignore[arg-type]
    assert sessions(hub.answered("dave", ListSessions())) == []
    assert sessions(answer(hub.config, hub.state, Principal(), ListSessions())) == []  # type: ignore[arg-type]


def test_sessions_are_listed_by_condition_and_page(hub: Circle) -> None:
    assert sessions(hub.answered("alice", ListSessions(type="discussion"))) == [hub.ac]
    assert sessions(hub.answered("alice", ListSessions(label=("k", "v"), intent="x"))) == [hub.ab]
    assert sessions(hub.answered("alice", ListSessions(session_state=SessionState.PENDING))) == []
    assert sessions(hub.answered("bob", ListSessions(agent_id=hub.ids["bob"]))) == [hub.ab, hub.bc]
    page = hub.answered("alice", ListSessions(limit=1))
    assert (sessions(page), page.cursor) == ([hub.ab], hub.ab)
    assert sessions(hub.answered("alice", ListSessions(cursor=page.cursor))) == [hub.ac]


def test_the_administrator_lists_those_of_all_and_of_one(hub: Circle) -> None:
    assert sessions(hub.answered(None, ListSessions())) == [hub.ab, hub.ac, hub.bc]
    assert sessions(hub.answered(None, ListSessions(agent_id=hub.ids["carol"]))) == [hub.ac, hub.bc]
    assert tasks(hub.answered(None, ListTasks(owner_id=hub.ids["carol"]))) == [hub.tasks["c"]]


def test_a_principal_lists_its_own_tasks_and_those_of_its_sessions(hub: Circle) -> None:
    assert tasks(hub.answered("alice", ListTasks())) == [hub.tasks["a"], hub.tasks["a2"]]
    assert tasks(hub.answered("bob", ListTasks())) == [hub.tasks["a"], hub.tasks["b"]]
    assert tasks(hub.answered("carol", ListTasks())) == [hub.tasks["b"], hub.tasks["c"]]
    assert tasks(hub.answered("dave", ListTasks())) == []


def test_tasks_are_listed_by_condition_and_page(hub: Circle) -> None:
    alice = hub.ids["alice"]
    assert tasks(hub.answered("bob", ListTasks(owner_id=alice))) == [hub.tasks["a"]]
    assert tasks(hub.answered("bob", ListTasks(session_id=hub.bc))) == [hub.tasks["b"]]
    assert tasks(hub.answered("alice", ListTasks(session_id=hub.bc))) == []
    assert tasks(hub.answered("alice", ListTasks(capability="ask"))) == [hub.tasks["a"]]
    assert tasks(hub.answered("alice", ListTasks(task_state=TaskState.FAILED))) == []
    page = hub.answered("alice", ListTasks(limit=1))
    assert (tasks(page), page.cursor) == ([hub.tasks["a"]], hub.tasks["a"])
    assert tasks(hub.answered("alice", ListTasks(cursor=page.cursor))) == [hub.tasks["a2"]]


@pytest.mark.parametrize("kind", [ListSessions, ListTasks])
@pytest.mark.parametrize("limit", [0, 1_001])
@pytest.mark.parametrize("name", ["alice", None])
def test_a_page_of_no_size_is_malformed(hub: Circle, name: str | None, kind: Any, limit: int) -> None:
    with pytest.raises(Malformed):
        hub.answered(name, kind(limit=limit))
