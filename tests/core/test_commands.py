"""Commands and arrivals: what may be asked for, the clock, and who acts."""

from typing import get_args

import pytest

from foldhub_core import (
    Ack,
    AnswerInvite,
    Arrival,
    Attach,
    CheckpointTask,
    CloseSession,
    Command,
    Detach,
    EndTask,
    Envelope,
    ForwardDone,
    ForwardFailed,
    HubConfig,
    HubState,
    Invite,
    Leave,
    Limits,
    Malformed,
    Nack,
    ObserveTask,
    OpenSession,
    Post,
    Principal,
    RecordObservation,
    Register,
    RemoveParticipant,
    RequestCancel,
    Resend,
    Rule,
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
from foldhub_core.commands import acting_id
from foldhub_core.state import GENESIS
from tests.core.hub_driver import ADMIN, Hub, registration
from tests.core.record_kinds import defaults_of, required_of

LAST_MS = (2**63 - 1) // 2


@pytest.mark.parametrize("now_ms", [0, 1, LAST_MS])
def test_an_arrival_comes_at_any_time_from_0_on(now_ms: int) -> None:
    assert Arrival(principal=ADMIN, command=Tick(), now_ms=now_ms).now_ms == now_ms


@pytest.mark.parametrize("now_ms", [-1, LAST_MS + 1])
def test_a_time_before_0_or_out_of_reach_is_malformed(now_ms: int) -> None:
    with pytest.raises(Malformed, match=r"Arrival\.now_ms: expected a time from 0 to"):
        Arrival(principal=ADMIN, command=Tick(), now_ms=now_ms)


@pytest.mark.parametrize(
    ("command", "agent_id"),
    [
        (Start(), ""),
        (registration("alice"), ""),
        (Unregister(agent_id="a"), "a"),
        (Attach(agent_id="a", link="l"), "a"),
        (RecordObservation(owner_id="a", capability="c", outcome=TaskState.FAILED), "a"),
        (OpenSession(creator_id="a", type="t", participants=("b",)), "a"),
        (AnswerInvite(session_id="s", agent_id="a", accept=True), "a"),
        (Invite(session_id="s", agent_id="a", participants=("b",)), "a"),
        (Leave(session_id="s", agent_id="a"), "a"),
        (RemoveParticipant(session_id="s", agent_id="a", participant_id="b"), "a"),
        (CloseSession(session_id="s", agent_id="a"), "a"),
        (CloseSession(session_id="s"), ""),
        (Post(envelope=Envelope("s", "a", "message.text")), "a"),
        (Ack(agent_id="a", numbers=(1,)), "a"),
        (Nack(agent_id="a", number=1), "a"),
        (Resend(agent_id="a", number=1), "a"),
        (ForwardDone(agent_id="a", number=1), "a"),
        (ForwardFailed(agent_id="a", number=1), "a"),
        (ObserveTask(owner_id="a", spec=TaskSpec("x")), "a"),
        (UpdateTask(task_id="t", agent_id="a", progress={}), "a"),
        (CheckpointTask(task_id="t", agent_id="a", data={}), "a"),
        (EndTask(task_id="t", agent_id="a", outcome=TaskState.FAILED), "a"),
        (RequestCancel(task_id="t", agent_id="a"), "a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_command_names_who_acts(command: Command, agent_id: str) -> None:
    assert acting_id(command) == agent_id


def test_a_principal_may_do_nothing_where_nothing_is_said() -> None:
    assert Principal() == Principal(subject="", agent_ids=(), may_register=(), admin=False)


def test_a_registration_has_the_default_rule_where_nothing_is_said() -> None:
    plain = registration("alice")
    assert Register(passport=plain.passport, resume=plain.resume) == plain
    assert plain.rule == Rule()


COMMANDS: dict[type, tuple[list[str], dict[str, object]]] = {
    Start: ([], {}),
    Tick: ([], {}),
    Register: (["passport", "resume"], {"rule": Rule(), "skill_md": None, "idempotency_key": None}),
    Unregister: (["agent_id"], {}),
    SetResume: (["agent_id", "resume"], {}),
    SetRule: (["agent_id", "rule"], {}),
    SetSkill: (["agent_id", "skill_md"], {}),
    RecordObservation: (["owner_id", "capability", "outcome"], {"latency_ms": None, "task_id": None}),
    Attach: (["agent_id", "link"], {}),
    Detach: (["agent_id", "link"], {}),
    OpenSession: (
        ["creator_id", "type", "participants"],
        {
            "version": 1,
            "knobs": {},
            "labels": {},
            "intent": "",
            "ttl": None,
            "parent_session_id": None,
            "required_acks": None,
            "expectations": (),
            "idempotency_key": None,
        },
    ),
    AnswerInvite: (["session_id", "agent_id", "accept"], {"reason": ""}),
    Invite: (["session_id", "agent_id", "participants"], {}),
    Leave: (["session_id", "agent_id"], {"reason": ""}),
    RemoveParticipant: (["session_id", "agent_id", "participant_id"], {"reason": ""}),
    CloseSession: (["session_id"], {"agent_id": "", "reason": "explicit_close"}),
    Post: (["envelope"], {}),
    Ack: (["agent_id", "numbers"], {}),
    Nack: (["agent_id", "number"], {"reason": ""}),
    Resend: (["agent_id", "number"], {}),
    ForwardDone: (["agent_id", "number"], {}),
    ForwardFailed: (["agent_id", "number"], {"reason": ""}),
    ObserveTask: (["owner_id", "spec"], {"session_id": None, "ttl": None, "idempotency_key": None}),
    UpdateTask: (["task_id", "agent_id", "progress"], {}),
    CheckpointTask: (["task_id", "agent_id", "data"], {}),
    EndTask: (["task_id", "agent_id", "outcome"], {"result": None, "error": "", "idempotency_key": None}),
    RequestCancel: (["task_id", "agent_id"], {"reason": ""}),
}
"""What must be given, and what is taken where nothing is said."""


def test_every_command_is_written_here() -> None:
    assert set(COMMANDS) == set(get_args(Command))


@pytest.mark.parametrize("cls", COMMANDS, ids=lambda cls: cls.__name__)
def test_the_fields_of_a_command_are_as_written(cls: type) -> None:
    assert (required_of(cls), defaults_of(cls)) == COMMANDS[cls]


@pytest.mark.parametrize("ttl", ["2 weeks", "-1s", "1e3", 2**62])
def test_a_session_lasts_as_long_as_a_duration_says(ttl: str | int) -> None:
    with pytest.raises(Malformed, match=r"OpenSession\.ttl"):
        OpenSession(creator_id="a", type="t", participants=("b",), ttl=ttl)


@pytest.mark.parametrize("ttl", ["2 weeks", "-1s", "1e3", 2**62])
def test_a_task_lasts_as_long_as_a_duration_says(ttl: str | int) -> None:
    with pytest.raises(Malformed, match=r"ObserveTask\.ttl"):
        ObserveTask(owner_id="a", spec=TaskSpec("x"), ttl=ttl)


class TestClock:
    def test_the_hubs_clock_is_that_of_the_arrival(self) -> None:
        hub = Hub()
        hub.register("alice", now_ms=500)
        assert hub.state.now_ms == 500

    def test_it_never_runs_backwards(self) -> None:
        hub = Hub()
        hub.register("alice", now_ms=500)
        passport = hub.value(ADMIN, registration("bob"), 3)
        assert (hub.state.now_ms, hub.log[-1].now_ms, passport.created_at_ms) == (500, 500, 500)

    def test_a_refusal_moves_it_too(self) -> None:
        hub = Hub()
        hub.refused(Principal(), Tick(), 500)
        assert hub.state.now_ms == 500


class TestBeginning:
    def test_a_hub_begins_with_nothing(self) -> None:
        state = HubState("demo")
        assert (state.seq, state.now_ms, state.head, state.hub_words) == (0, 0, GENESIS, 0)

    @pytest.mark.parametrize("hub_id", ["", "Demo", "-demo", "a b", "d" * 33, "hub:1"])
    def test_a_hub_has_an_id_that_can_stand_in_others(self, hub_id: str) -> None:
        with pytest.raises(Malformed, match="hub_id"):
            HubState(hub_id)

    def test_the_limits_are_the_default_ones_where_nothing_is_configured(self) -> None:
        assert HubConfig().limits == HubState("demo").limits == Limits()
