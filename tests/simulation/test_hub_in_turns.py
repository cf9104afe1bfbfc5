"""Sessions with turns against the naive model: discussions, workflows, and what is expected in them, with time passing.

The same hub and model as the whole hub's, drawn closer: everybody means well, so that sessions live long enough for turns to be
passed on, fanned out, missed, and answered for. A long run of the machine: `pytest -m long tests/simulation`.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from foldhub_core import (
    EV_CONTEXT_SET,
    EV_EXPECTATION_VIOLATED,
    EV_PACKET,
    EV_TEXT,
    AnswerInvite,
    Attach,
    CloseSession,
    Envelope,
    Invite,
    Leave,
    OpenSession,
    Passport,
    Post,
    Register,
    RemoveParticipant,
    Reply,
    Resume,
    Rule,
    Session,
    Unregister,
)
from tests.simulation.debts import HANDLERS, SECONDS
from tests.simulation.draws import bad_turns, expectations, turns, workflow_knobs
from tests.simulation.machine import ADMIN, CONFIGS, NAMES, HubBesideItsModel
from tests.simulation.sessions import MOST
from tests.simulation.talks import Talk

REASONS = (
    "asked",
    "done",
    "enough",
    "finished",
    "max_turns",
    "no_participants",
    "participant_left",
    "sequence_complete",
    "workflow_terminated",
)
"""Why workflows end of themselves, by the graphs that are drawn."""

TYPES = ("workflow", "workflow", "workflow", "workflow", "discussion", "discussion", "relay", "consulting", "conversation")


class HubInTurns(HubBesideItsModel):
    """What may happen in sessions with turns."""

    @initialize(data=st.data(), agents=st.integers(3, 4), sessions=st.integers(1, 2))
    def begin(self, data: st.DataObject, agents: int, sessions: int) -> None:
        self.start(self.config)
        for name in NAMES[:agents]:
            self.come(name, attached=data.draw(st.booleans()))
        for _ in range(sessions):
            self.open(data)

    def come(self, name: str, attached: bool) -> None:
        self.ask(ADMIN, Register(passport=Passport(name), resume=Resume(), rule=Rule()))
        if attached:
            self.ask(ADMIN, Attach(agent_id=max(self.model.boxes), link="l"))

    def a_session(self, data: st.DataObject, *, active: bool = True) -> Talk:
        """One of the live sessions: where only active ones will do, of those."""
        there = [one for one, talk in self.model.talks.items() if talk.active or not active]
        return self.model.talks[data.draw(st.sampled_from(there))]

    # --- sessions

    @precondition(lambda self: len(self.model.boxes) > 1 and len(self.model.talks) < 3)
    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        session_type = data.draw(st.sampled_from(TYPES))
        everybody = data.draw(st.permutations(sorted(self.model.boxes)))
        there = everybody[: data.draw(st.sampled_from([2, 3, 3, 4])) if session_type in MOST else 2]
        knobs: dict[str, object] = {"wait_ms": data.draw(st.sampled_from([3_000, 15_000, 100_000]))}
        if session_type == "workflow":
            knobs = data.draw(workflow_knobs(there, [self.model.boxes[one].name for one in there]))
        command = OpenSession(
            creator_id=there[0],
            type=session_type,
            participants=tuple(there[data.draw(st.integers(0, 1)) :]),
            knobs=knobs,
            ttl=data.draw(st.sampled_from([None, 0, 0, 200])),
            required_acks=data.draw(st.sampled_from([None, None, None, 1])),
            expectations=data.draw(expectations(there, least=1)),
        )
        answer = self.ask(ADMIN, command)
        if not isinstance(answer, Reply):
            return  # its protocol is missing for a while
        assert isinstance(answer.value, Session)
        for agent_id in answer.value.pending_acks[: data.draw(st.sampled_from([0, 1, 3, 3, 3, 3, 3, 3]))]:
            self.answer(answer.value.session_id, agent_id, accept=True)
        self.take_turns_in(data, answer.value.session_id, data.draw(st.integers(0, 3)))

    def answer(self, session_id: str, agent_id: str, accept: bool) -> None:
        if session_id in self.model.talks:
            self.ask(ADMIN, AnswerInvite(session_id=session_id, agent_id=agent_id, accept=accept))

    @precondition(lambda self: any(talk.unanswered for talk in self.model.talks.values()))
    @rule(data=st.data(), accept=st.sampled_from([True, True, True, False]))
    def answer_invite(self, data: st.DataObject, accept: bool) -> None:
        asked = [(one, agent_id) for one, talk in self.model.talks.items() for agent_id in talk.unanswered]
        self.answer(*data.draw(st.sampled_from(asked)), accept)

    @precondition(lambda self: any(talk.type in MOST for talk in self.model.talks.values()))
    @rule(data=st.data(), accept=st.booleans())
    def invite(self, data: st.DataObject, accept: bool) -> None:
        """Somebody else is invited, by the creator, or the administrator where it is gone."""
        talk = self.a_session(data, active=False)
        others = sorted(set(self.model.boxes) - set(talk.there))
        if others and talk.type in MOST:
            new, host = data.draw(st.sampled_from(others)), talk.creator if talk.creator in talk.members else ""
            self.ask(ADMIN, Invite(session_id=talk.session_id, agent_id=host, participants=(new,)))
            if accept:
                self.answer(talk.session_id, new, accept=True)

    @precondition(lambda self: any(len(talk.there) > 2 for talk in self.model.talks.values()))
    @rule(data=st.data(), how=st.sampled_from(["leaves", "leaves", "removed", "closed", "unregisters"]))
    def somebody_goes(self, data: st.DataObject, how: str) -> None:
        """Where more than two are there, one of them goes; now and then all of it is closed."""
        many = [one for one, talk in self.model.talks.items() if len(talk.there) > 2]
        talk = self.model.talks[data.draw(st.sampled_from(many))]
        gone, session_id = data.draw(st.sampled_from([*talk.turns(), *talk.there])), talk.session_id
        if how == "leaves":
            self.ask(ADMIN, Leave(session_id=session_id, agent_id=gone))
        elif how == "removed":
            self.ask(ADMIN, RemoveParticipant(session_id=session_id, agent_id="", participant_id=gone))
        elif how == "closed":
            self.ask(ADMIN, CloseSession(session_id=session_id))
        else:
            name = self.model.boxes[gone].name
            self.ask(ADMIN, Unregister(agent_id=gone))
            self.come(name, attached=data.draw(st.booleans()))

    # --- turns

    def take_turns_in(self, data: st.DataObject, session_id: str, times: int) -> None:
        """Let those who owe a turn take it."""
        for _ in range(times):
            talk = self.model.talks.get(session_id)
            if talk is not None and talk.active and talk.members:
                self.say_as(data, talk, data.draw(st.sampled_from(talk.turns() or talk.members)))

    def say_as(self, data: st.DataObject, talk: Talk, sender: str) -> None:
        targets = [*talk.members, *[self.model.boxes[one].name for one in talk.members]]
        event_type, said = data.draw(turns(talk.type, targets))
        self.ask(ADMIN, Post(envelope=Envelope(talk.session_id, sender, event_type, said)))

    @precondition(lambda self: any(talk.active for talk in self.model.talks.values()))
    @rule(data=st.data(), times=st.integers(1, 6))
    def take_turns(self, data: st.DataObject, times: int) -> None:
        self.take_turns_in(data, self.a_session(data).session_id, times)

    @precondition(lambda self: any(talk.active for talk in self.model.talks.values()))
    @rule(data=st.data(), times=st.integers(1, 3))
    def speak_whenever(self, data: st.DataObject, times: int) -> None:
        """Somebody speaks whether it is its turn or not; those who are hidden more often."""
        session_id = self.a_session(data).session_id
        for _ in range(times):
            talk = self.model.talks.get(session_id)
            if talk is not None and talk.active and talk.members:
                self.say_as(data, talk, data.draw(st.sampled_from([*talk.hidden, *talk.hidden, *talk.members])))

    @precondition(lambda self: any(talk.active and talk.type == "workflow" for talk in self.model.talks.values()))
    @rule(data=st.data(), said=bad_turns)
    def say_badly(self, data: st.DataObject, said: tuple[str, dict[str, object]]) -> None:
        talk = self.a_session(data)
        if talk.type == "workflow" and talk.members:
            sender = data.draw(st.sampled_from(talk.turns() or talk.members))
            self.ask(ADMIN, Post(envelope=Envelope(talk.session_id, sender, *said)))

    # --- time

    @rule(
        silent_ms=st.sampled_from([500, 1_000, 1_000, 2_000, 3_000, 5_000, 20_000, 130_000, 610_000]),
        late_ms=st.sampled_from([0, 0, 0, 700, 2_500]),
    )
    def be_silent(self, silent_ms: int, late_ms: int) -> None:
        """Nobody says anything, and the ticks come, perhaps late."""
        self.now_ms = max(self.now_ms, self.state.now_ms) + silent_ms
        if late_ms:
            self.now_ms += late_ms
        self.let_all_happen()

    @rule(data=st.data(), how=st.sampled_from(["from the log", "from a snapshot"]), seldom=st.integers(0, 3))
    def restart(self, data: st.DataObject, how: str, seldom: int) -> None:
        if seldom == 0 and how == "from the log":
            self.restart_from_the_log(data.draw(st.sampled_from(CONFIGS)))
        elif seldom == 0:
            self.restart_from_a_snapshot(data)


SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def test_turns_and_what_is_expected_go_as_the_model_says() -> None:
    run_state_machine_as_test(HubInTurns, settings=settings(SETTINGS, max_examples=50, stateful_step_count=30))


MOVES = ("hidden", "shown", "left", "joined")
WANTED = frozenset(
    {
        *[f"violated: turn_within {handler}" for handler in HANDLERS],
        *[f"violated: {name} warn" for name in SECONDS],
        *[f"said: {kind} session.{moved}" for kind in ("discussion", "workflow") for moved in MOVES],
        *[f"owing in a workflow: {count}" for count in range(4)],
        *[f"ended: workflow {reason}" for reason in REASONS],
        *[f"ended: {kind} expectation_violated:turn_within" for kind in ("discussion", "workflow")],
        *[f"said: workflow {event_type}" for event_type in (EV_TEXT, EV_PACKET, EV_CONTEXT_SET, EV_EXPECTATION_VIOLATED)],
    }
)
"""What a long run has to come by."""


@pytest.mark.long
def test_turns_and_what_is_expected_go_as_the_model_says_for_long() -> None:
    run_state_machine_as_test(HubInTurns, settings=settings(SETTINGS, max_examples=1_500, stateful_step_count=60))
    assert sorted(WANTED - set(HubInTurns.tally)) == []
