"""Every command over a wire, from everybody: who is granted what, against a table written by hand."""

from random import Random
from typing import Any

import pytest

from foldhub_core import (
    Ack,
    AnswerInvite,
    Attach,
    AuthError,
    CheckpointTask,
    CloseSession,
    EndTask,
    Envelope,
    ErrorRecord,
    HubConfig,
    Invite,
    Leave,
    Nack,
    ObserveTask,
    OpenSession,
    Passport,
    Post,
    RecordObservation,
    Register,
    RemoveParticipant,
    RequestCancel,
    Resend,
    Resume,
    Rule,
    SetResume,
    SetRule,
    SetSkill,
    TaskSpec,
    TaskState,
    Unregister,
    UpdateTask,
)
from foldhub_core.wire.limits import WireLimits
from foldhub_core.wire.rights import CARRIED
from tests.core.session_driver import Free
from tests.wire.hosts import ClientHost, HubHost, Net

CONFIG = HubConfig(adapters=(Free(may_close=("creator", "participant")),))
OWNER, PEER, OUTSIDER, ROOT = "owner", "peer", "outsider", "root"
EVERYBODY = {OWNER, PEER, OUTSIDER, ROOT}

MAY: dict[type, set[str]] = {
    Register: EVERYBODY,
    # what names alice is alice's, and the administrator's
    Unregister: {OWNER, ROOT},
    SetResume: {OWNER, ROOT},
    SetRule: {OWNER, ROOT},
    SetSkill: {OWNER, ROOT},
    RecordObservation: {OWNER, ROOT},
    Attach: {OWNER, ROOT},
    Ack: {OWNER, ROOT},
    Nack: {OWNER, ROOT},
    OpenSession: {OWNER, ROOT},
    AnswerInvite: {OWNER, ROOT},
    Invite: {OWNER, ROOT},
    Leave: {OWNER, ROOT},
    RemoveParticipant: {OWNER, ROOT},
    CloseSession: {OWNER, ROOT},
    Post: {OWNER, ROOT},
    ObserveTask: {OWNER, ROOT},
    UpdateTask: {OWNER, ROOT},
    CheckpointTask: {OWNER, ROOT},
    EndTask: {OWNER, ROOT},
    RequestCancel: {OWNER, ROOT},
    # there is no dead letter to be sent again
    Resend: set(),
}
"""By hand: of what names alice as who acts, who is granted it."""

OWN: dict[type, set[str]] = {
    Post: {OWNER, PEER},
    Leave: {OWNER, PEER, OUTSIDER},  # who is not in it has left it: a second try changes nothing
    CloseSession: {OWNER, PEER},
    RequestCancel: {OWNER, PEER},
    Invite: {OWNER},
    RemoveParticipant: {OWNER},
    ObserveTask: {OWNER, PEER},
    UpdateTask: {OWNER},
    CheckpointTask: {OWNER},
    EndTask: {OWNER},
}
"""By hand: of what is about alice's session and task, and names the asker's own agent as who acts, who is granted it."""


class Place:
    """Alice (the owner's) talks with bob (a peer's) and has a task for it; carol (an outsider's) has nothing to do with them."""

    def __init__(self) -> None:
        hub = HubHost(CONFIG, WireLimits())
        hub.admins = frozenset({ROOT})
        self.net = Net(hub, Random(1))
        self.clients = {subject: self._client(subject) for subject in (OWNER, PEER, OUTSIDER, ROOT)}
        self.ids: dict[str, str] = {}
        for subject, name in ((OWNER, "alice"), (PEER, "bob"), (OUTSIDER, "carol"), (ROOT, "rob")):
            passport = self.granted(subject, Register(passport=Passport(name), resume=Resume()))
            self.ids[subject] = passport.agent_id
        opened = self.granted(OWNER, OpenSession(creator_id=self.ids[OWNER], type="free", participants=(self.ids[PEER],)))
        self.session_id = opened.session_id
        self.granted(PEER, AnswerInvite(session_id=self.session_id, agent_id=self.ids[PEER], accept=True))
        task = self.granted(OWNER, ObserveTask(owner_id=self.ids[OWNER], spec=TaskSpec("Do."), session_id=self.session_id))
        self.task_id = task.task_id

    def _client(self, subject: str) -> ClientHost:
        client = ClientHost(CONFIG, subject, subject, self.net.now_ms, WireLimits())
        self.net.clients.append(client)
        return client

    def answer(self, subject: str, command: Any) -> object:
        client = self.clients[subject]
        ref = client.end.ask(command)
        self.net.rest()
        for _ in client.hear():
            pass
        return client.refusals[ref] if ref in client.refusals else client.answers[ref]

    def granted(self, subject: str, command: Any) -> Any:
        value = self.answer(subject, command)
        assert not isinstance(value, ErrorRecord), value
        return value

    def command(self, kind: type, acting: str) -> Any:
        """The command of this class about alice's session and task that this one's agent acts in."""
        agent_id, peer_id = self.ids[acting], self.ids[PEER]
        session, task = {"session_id": self.session_id}, {"task_id": self.task_id}
        commands: list[Any] = [
            Register(passport=Passport("dave"), resume=Resume()),
            Unregister(agent_id=agent_id),
            SetResume(agent_id=agent_id, resume=Resume(summary="x")),
            SetRule(agent_id=agent_id, rule=Rule()),
            SetSkill(agent_id=agent_id, skill_md="x"),
            RecordObservation(owner_id=agent_id, capability="x", outcome=TaskState.FAILED, task_id="t"),
            Attach(agent_id=agent_id, link=""),
            Ack(agent_id=agent_id, numbers=(1,)),
            Nack(agent_id=agent_id, number=1),
            Resend(agent_id=agent_id, number=99),
            OpenSession(creator_id=agent_id, type="free", participants=(peer_id,)),
            AnswerInvite(**session, agent_id=agent_id, accept=True),
            Invite(**session, agent_id=agent_id, participants=(self.ids[OUTSIDER],)),
            Leave(**session, agent_id=agent_id),
            RemoveParticipant(**session, agent_id=agent_id, participant_id=peer_id),
            CloseSession(**session, agent_id=agent_id),
            Post(envelope=Envelope(self.session_id, agent_id, "x")),
            ObserveTask(owner_id=agent_id, spec=TaskSpec("Do it."), session_id=self.session_id),
            UpdateTask(**task, agent_id=agent_id, progress={"x": 1}),
            CheckpointTask(**task, agent_id=agent_id, data={"x": 1}),
            EndTask(**task, agent_id=agent_id, outcome=TaskState.COMPLETED),
            RequestCancel(**task, agent_id=agent_id),
        ]
        return next(command for command in commands if type(command) is kind)


def test_the_tables_have_every_command() -> None:
    assert set(MAY) == set(CARRIED)


@pytest.mark.parametrize("kind", CARRIED, ids=lambda kind: kind.__name__)
def test_who_is_granted_what_names_another_is_who_the_table_says(kind: type) -> None:
    granted: set[str] = set()
    for subject in (OUTSIDER, PEER, OWNER, ROOT):
        place = Place()
        before = len(place.net.hub.log)
        if not isinstance(place.answer(subject, place.command(kind, OWNER)), ErrorRecord):
            granted.add(subject)
        else:
            assert all(commit.refusal is not None for commit in place.net.hub.log[before:]), "a refusal changes nothing"
    assert granted == MAY[kind]


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_who_is_granted_what_is_about_anothers_is_who_the_table_says(kind: type) -> None:
    granted: set[str] = set()
    for subject in (OUTSIDER, PEER, OWNER):
        place = Place()
        if not isinstance(place.answer(subject, place.command(kind, subject)), ErrorRecord):
            granted.add(subject)
    assert granted == OWN[kind]


def test_who_has_no_credential_is_granted_nothing() -> None:
    place = Place()
    nobody = ClientHost(CONFIG, "", "nobody", place.net.now_ms, WireLimits())
    place.net.clients.append(nobody)
    before = len(place.net.hub.log)
    refs = [nobody.end.ask(place.command(kind, OWNER)) for kind in CARRIED]
    place.net.rest()
    for _ in nobody.hear():
        pass
    assert set(nobody.refusals) == set(refs)
    assert (nobody.end.state, len(place.net.hub.log)) == ("over", before)


def test_whose_credential_is_revoked_is_granted_nothing_more() -> None:
    place = Place()
    client = place.clients[OWNER]
    assert client.pipe is not None
    client.pipe.end.close(place.net.now_ms, AuthError("expected a credential that is known, came another"))
    before = len(place.net.hub.log)
    refs = [client.end.ask(place.command(kind, OWNER)) for kind in CARRIED]
    place.net.rest()
    for _ in client.hear():
        pass
    assert set(refs) <= set(client.refusals)
    assert client.end.state == "over"
    assert not [commit for commit in place.net.hub.log[before:] if commit.principal.subject == OWNER]
