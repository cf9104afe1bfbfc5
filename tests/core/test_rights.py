"""Who may ask what: the table against one written by hand, and that what may not be seen is answered like what is not there."""

from typing import Any, get_args

import pytest

from foldhub_core import (
    HUB_SESSION,
    AccessDeniedError,
    Envelope,
    GetEndedSession,
    GetTask,
    HubState,
    LogQuestion,
    Malformed,
    NetworkError,
    NotFoundError,
    Principal,
    Question,
    ReadAudit,
    ReadCommits,
    ReadOwed,
    ReadSession,
    SessionOver,
    StandingOf,
    TaskOver,
    ended_session_of,
    error_record,
    may_ask,
    readers,
    visible,
)
from foldhub_core.answering import answer
from foldhub_core.questions import (
    FindByCausation,
    FindEnvelope,
    GetHealth,
    GetSession,
    ListEndedSessions,
    ListSessions,
    ListTasks,
)
from foldhub_core.rights import SCOPES, sees_session, sees_task
from tests.core.hub_driver import ADMIN, NOWHERE, owner
from tests.core.record_kinds import fields_of
from tests.core.session_driver import Free, Talks

ALL: tuple[Any, ...] = get_args(Question) + get_args(LogQuestion)
NOBODY = Principal()

OWNER, PEER, OUTSIDER, UNKNOWN, ADMINISTRATOR = "owner", "peer", "outsider", "nobody", "administrator"
EVERYBODY = {OWNER, PEER, OUTSIDER, UNKNOWN, ADMINISTRATOR}
MAY: dict[str, set[str]] = {
    "GetAgent": EVERYBODY,
    "GetResume": EVERYBODY,
    "GetRule": EVERYBODY,
    "GetSkill": EVERYBODY,
    "FindAgentId": EVERYBODY,
    "NamesFor": EVERYBODY,
    "ListAgents": EVERYBODY,
    "ListTasks": EVERYBODY,
    "AgentsWithCapability": {ADMINISTRATOR},
    "NameToIdMap": {ADMINISTRATOR},
    "SubjectOf": {ADMINISTRATOR},
    "GetHealth": {ADMINISTRATOR},
    "ReadAudit": {ADMINISTRATOR},
    "ReadCommits": {ADMINISTRATOR},
    "LinkOf": {OWNER, ADMINISTRATOR},
    "PostsLeft": {OWNER, ADMINISTRATOR},
    "CanSend": {OWNER, ADMINISTRATOR},
    "CreatedSessions": {OWNER, ADMINISTRATOR},
    "PendingTurns": {OWNER, ADMINISTRATOR},
    "InboxCountOf": {OWNER, ADMINISTRATOR},
    "InboxCursor": {OWNER, ADMINISTRATOR},
    "DeadLetters": {OWNER, ADMINISTRATOR},
    "ReadOwed": {OWNER, ADMINISTRATOR},
    "StandingOf": {OWNER, ADMINISTRATOR},
    "ListSessions": {OWNER, ADMINISTRATOR},
    "ListEndedSessions": {OWNER, ADMINISTRATOR},
    "ListEndedTasks": {OWNER, ADMINISTRATOR},
    "GetSession": {OWNER, PEER, ADMINISTRATOR},
    "Expected": {OWNER, PEER, ADMINISTRATOR},
    "ProtocolState": {OWNER, PEER, ADMINISTRATOR},
    "Violations": {OWNER, PEER, ADMINISTRATOR},
    "HiddenParticipants": {OWNER, PEER, ADMINISTRATOR},
    "GetTask": {OWNER, PEER, ADMINISTRATOR},
    "ReadCheckpoint": {OWNER, PEER, ADMINISTRATOR},
    "ReadSession": {OWNER, PEER, ADMINISTRATOR},
    "FindEnvelope": {OWNER, PEER, ADMINISTRATOR},
    "FindByCausation": {OWNER, PEER, ADMINISTRATOR},
    "GetEndedSession": {OWNER, PEER, ADMINISTRATOR},
}
"""By hand: of alice's things, who may ask. Bob is her peer, carol has nothing to do with her."""


class Place:
    """Alice and bob talk and alice has a task for it; carol is elsewhere."""

    def __init__(self) -> None:
        self.hub = Talks("alice", "bob", "carol")
        self.session_id = self.hub.opened("alice", "bob")
        self.task_id = self.hub.observe("alice", self.session_id)
        self.word = self.hub.say("alice", self.session_id)
        self.principals = {
            OWNER: self.hub.who("alice"),
            PEER: self.hub.who("bob"),
            OUTSIDER: self.hub.who("carol"),
            UNKNOWN: NOBODY,
            ADMINISTRATOR: ADMIN,
        }

    @property
    def state(self) -> HubState:
        return self.hub.state

    def about_alice(self, kind: Any) -> Any:
        """The question of this class that is about alice, her session, her task."""
        alice = self.hub.ids["alice"]
        values: dict[str, object] = {
            "name_or_id": alice,
            "agent_id": alice,
            "agent_ids": (alice,),
            "sender_id": alice,
            "owner_id": alice,
            "name": "alice",
            "capability": "ask",
            "session_id": self.session_id,
            "task_id": self.task_id,
            "envelope": self.word,
            "envelope_id": self.word.envelope_id,
            "causation_id": self.word.envelope_id,
            "kinds": ("refused",),
        }
        names = [field.name for field in fields_of(kind)]
        return kind(**{name: values[name] for name in names if name in values})


@pytest.fixture(scope="module")
def place() -> Place:
    return Place()


def test_every_question_has_its_scope() -> None:
    assert set(SCOPES) == set(ALL)
    assert {cls.__name__ for cls in ALL} == set(MAY)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_who_may_ask_is_who_the_table_by_hand_says(place: Place, kind: Any) -> None:
    question = place.about_alice(kind)
    may: set[str] = set()
    for name, principal in place.principals.items():
        try:
            may_ask(place.state, principal, question)
        except NetworkError:
            continue
        may.add(name)
    assert may == MAY[kind.__name__]


@pytest.mark.parametrize("kind", get_args(Question), ids=lambda kind: kind.__name__)
def test_who_may_not_ask_is_not_answered(place: Place, kind: Any) -> None:
    question = place.about_alice(kind)
    for name in EVERYBODY - MAY[kind.__name__]:
        with pytest.raises(NetworkError):
            answer(place.hub.config, place.state, place.principals[name], question)


@pytest.mark.parametrize("kind", get_args(Question), ids=lambda kind: kind.__name__)
def test_of_what_one_may_not_see_one_hears_what_one_would_if_it_were_not_there(place: Place, kind: Any) -> None:
    """The refusal that carol hears of the live session and task is the one she hears when both are over."""
    gone = Place()
    gone.hub.end_task("alice", gone.task_id)
    gone.hub.close("alice", gone.session_id)
    question = place.about_alice(kind)
    told: list[object] = []
    for state in (place.state, gone.state):
        try:
            answer(place.hub.config, state, place.principals[OUTSIDER], question)
        except NetworkError as error:
            told.append(error_record(error))
    assert len(told) in (0, 2)
    assert len(set(told)) <= 1


def test_an_agent_of_others_and_one_that_is_not_are_refused_alike(place: Place) -> None:
    carol = place.principals[OUTSIDER]
    for agent_id in (place.hub.ids["alice"], NOWHERE):
        with pytest.raises(AccessDeniedError, match="may act for"):
            may_ask(place.state, carol, StandingOf(agent_id=agent_id, envelope=place.word))


def test_a_session_and_a_task_of_others_are_over_or_were_never(place: Place) -> None:
    carol = place.principals[OUTSIDER]
    with pytest.raises(SessionOver):
        may_ask(place.state, carol, GetSession(session_id=place.session_id))
    with pytest.raises(TaskOver):
        may_ask(place.state, carol, GetTask(task_id=place.task_id))
    with pytest.raises(NotFoundError):
        may_ask(place.state, carol, GetSession(session_id=NOWHERE))
    with pytest.raises(NotFoundError):
        may_ask(place.state, carol, GetTask(task_id=NOWHERE))


def test_a_task_for_no_session_is_its_owners_only() -> None:
    hub = Talks("alice", "bob")
    task_id = hub.observe("alice")
    assert sees_task(hub.state, hub.who("alice"), task_id)
    assert not sees_task(hub.state, hub.who("bob"), task_id)
    assert sees_task(hub.state, ADMIN, task_id)


def test_what_is_not_live_nobody_sees(place: Place) -> None:
    assert not sees_session(place.state, ADMIN, NOWHERE)
    assert not sees_task(place.state, ADMIN, NOWHERE)
    assert sees_session(place.state, ADMIN, place.session_id)


def test_who_may_act_for_several_may_ask_for_each(place: Place) -> None:
    both = owner("both", *place.hub.these("alice", "carol"))
    may_ask(place.state, both, ListSessions(agent_id=place.hub.ids["carol"]))
    may_ask(place.state, both, ListSessions())
    with pytest.raises(AccessDeniedError):
        may_ask(place.state, both, ListSessions(agent_id=place.hub.ids["bob"]))


# --- the log


def test_an_ended_session_is_read_by_who_was_in_it_and_by_nobody_else() -> None:
    gone = Place()
    gone.hub.close("alice", gone.session_id)
    question = ReadSession(session_id=gone.session_id)
    assert ended_session_of(gone.state, question) == gone.session_id
    was_in = gone.hub.these("alice", "bob")
    may_ask(gone.state, gone.principals[PEER], question, was_in)
    may_ask(gone.state, ADMIN, question)
    for principal in (gone.principals[OUTSIDER], NOBODY):
        with pytest.raises(NotFoundError):
            may_ask(gone.state, principal, question, was_in)
    with pytest.raises(NotFoundError):
        may_ask(gone.state, gone.principals[PEER], question)


def test_of_a_live_session_the_store_need_not_be_asked_who_was_in_it(place: Place) -> None:
    for question in (
        ReadSession(session_id=place.session_id),
        ReadSession(session_id=HUB_SESSION),
        ListEndedSessions(agent_id="a"),
        ReadAudit(kinds=()),
    ):
        assert ended_session_of(place.state, question) is None


def test_who_was_in_a_live_session_is_not_taken_from_the_caller(place: Place) -> None:
    carol = place.principals[OUTSIDER]
    with pytest.raises(NotFoundError):
        may_ask(place.state, carol, ReadSession(session_id=place.session_id), place.hub.these("carol"))


def test_the_hub_session_is_the_administrators(place: Place) -> None:
    may_ask(place.state, ADMIN, ReadSession(session_id=HUB_SESSION))
    with pytest.raises(NotFoundError):
        may_ask(place.state, place.principals[OWNER], ReadSession(session_id=HUB_SESSION))


def test_a_session_that_never_was_is_not_found_by_anybody(place: Place) -> None:
    for principal in place.principals.values():
        for question in (GetEndedSession(session_id=NOWHERE), ReadSession(session_id="no id")):
            with pytest.raises(NotFoundError):
                may_ask(place.state, principal, question)


def test_a_log_of_others_and_one_that_never_was_are_refused_in_the_same_words(place: Place) -> None:
    told: set[str] = set()
    for session_id in (place.session_id, NOWHERE, "no id", HUB_SESSION):
        with pytest.raises(NotFoundError) as refused:
            may_ask(place.state, place.principals[OUTSIDER], ReadSession(session_id=session_id))
        told.add(str(refused.value))
    assert len(told) == 1


@pytest.mark.parametrize(
    "question",
    [
        ReadSession(session_id="x", since=-1),
        ReadAudit(kinds=(), after=-1),
        ReadCommits(after=-1),
        ReadCommits(limit=0),
        ReadAudit(kinds=(), limit=1_001),
        ReadOwed(agent_id="a", after=-1),
    ],
)
def test_a_page_of_no_size_is_malformed(place: Place, question: LogQuestion) -> None:
    with pytest.raises(Malformed):
        may_ask(place.state, ADMIN, question)


def test_readers_are_the_principals_agents_that_take_part(place: Place) -> None:
    both = owner("both", *place.hub.these("alice", "carol"))
    assert readers(place.state, both, place.session_id) == place.hub.these("alice")
    assert readers(place.state, ADMIN, place.session_id) is None
    assert readers(place.state, both, "ended", place.hub.these("carol")) == place.hub.these("carol")


def test_an_invited_agent_reads_what_it_is_invited_to() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.pending("alice", "bob")
    assert readers(hub.state, hub.who("bob"), session_id) == hub.these("bob")


def test_a_reader_sees_what_is_for_it_and_what_it_said() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", "carol", type="free")
    for to in (("bob",), ("carol",), None):
        hub.say("alice", session_id, to=to)
    hub.say("bob", session_id, to=("alice",))
    words = [word for word in hub.words(session_id) if word.event_type == "message.text"]
    question = ReadSession(session_id=session_id)
    assert visible(question, words, None) == tuple(words)
    assert visible(question, words, hub.these("bob")) == (words[0], words[2], words[3])
    assert visible(question, words, hub.these("carol")) == (words[1], words[2])
    assert visible(question, words, hub.these("bob", "carol")) == tuple(words)
    assert visible(question, words, ()) == ()


def test_a_word_of_another_session_is_not_found_in_this_one(place: Place) -> None:
    elsewhere = Envelope("another", place.hub.ids["alice"], "x")
    for question in (
        FindEnvelope(session_id=place.session_id, envelope_id="x"),
        FindByCausation(session_id=place.session_id, sender_id="a", causation_id="x"),
    ):
        assert visible(question, (elsewhere,), None) == ()


def test_the_administrator_may_ask_everything(place: Place) -> None:
    for kind in ALL:
        may_ask(place.state, ADMIN, place.about_alice(kind))
    may_ask(place.state, ADMIN, ListTasks())
    may_ask(place.state, ADMIN, GetHealth())
