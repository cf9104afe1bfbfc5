"""A whole hub against a naive model: agents, sessions, deliveries, tasks, under principals that lie and a clock that jumps.

A long run of the machine: `pytest -m long tests/simulation`.
"""

from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from foldhub_core import (
    EV_TEXT,
    Access,
    Ack,
    AnswerInvite,
    Arrival,
    Attach,
    CloseSession,
    Command,
    Detach,
    Effect,
    Envelope,
    Expectation,
    ForwardDone,
    ForwardFailed,
    Inbox,
    Invite,
    Leave,
    Malformed,
    Nack,
    OpenSession,
    Passport,
    Post,
    Principal,
    Rate,
    Refuse,
    Register,
    RemoveParticipant,
    Reply,
    Resend,
    Resume,
    Rule,
    RuleLimits,
    Session,
    SessionTypes,
    SetRule,
    Tick,
    Unregister,
    can_send,
    changed,
    next_deadline,
    step,
)
from foldhub_core.identity import AgentKind
from tests.simulation.draws import bad_turns, expectations, turns, unsound_expectations, workflow_knobs
from tests.simulation.machine import ADMIN, CONFIGS, LACKING, NAMES, NOWHERE, WHOLE
from tests.simulation.plans import GRAPHS
from tests.simulation.sessions import MOST
from tests.simulation.working import HubThatWorks

TEXTS = ("hello", "count", "much", "boom", "unfoldable", "loop", "more", "forge", "stranger", "trap", "x" * 41)

TYPES = ("consulting", "conversation", "relay", "relay", "discussion", "workflow", "workflow", "workflow")

inboxes = st.builds(
    Inbox,
    max_pending=st.sampled_from([1, 2, 2, 3, 0]),
    overflow=st.sampled_from(["reject", "drop_oldest", "drop_newest"]),
    high_water=st.sampled_from([None, None, 0, 1, 2]),
)
agent_rules = st.builds(
    Rule,
    access=st.builds(
        Access,
        inbound_from=st.sampled_from([("*",), ("*",), ("*",), ("*",), ("*",), ("a*", "b*"), ()]),
        outbound_to=st.sampled_from([("*",), ("*",), ("*",), ("a*", "c*"), ()]),
        session_types=st.builds(
            SessionTypes,
            initiate=st.sampled_from([("*",), ("*",), ("*",), ("con*",), ("*l*",)]),
            accept=st.sampled_from([("*",), ("*",), ("*",), ("con*",), ("*l*",)]),
        ),
    ),
    limits=st.builds(
        RuleLimits,
        max_concurrent_sessions=st.sampled_from([0, 0, 0, 1, 2]),
        max_concurrent_tasks=st.sampled_from([0, 0, 1, 2]),
        session_ttl_default=st.sampled_from(["2h", "30s", ""]),
        task_ttl_default=st.sampled_from(["15m", "3s", ""]),
        rate=st.builds(Rate, per_minute=st.sampled_from([0, 0, 7, 30]), burst=st.sampled_from([0, 1, 2])),
        delegation_depth=st.sampled_from([5, 5, 0, 1]),
        inbox=inboxes,
    ),
)
kinds: st.SearchStrategy[AgentKind | None] = st.sampled_from(cast("list[AgentKind | None]", [None, None, "remote_agent"]))
keys = st.sampled_from([None, None, None, "k", "m", "n", "o", "k" * 41])
delays_ms = st.sampled_from(
    [0, 0, 1, 700, 1_000, 2_000, 5_000, 9_000, 20_000, 30_000, 61_000, 130_000, 610_000, 3_700_000, 8_000_000, -1, -50_000]
)
lifetimes = st.sampled_from([None, None, None, 5, 100])
reasons = st.sampled_from(["", "", "tired", "r" * 41])
links = st.sampled_from(["l", "m", "n", "l" * 41])
knobs: st.SearchStrategy[dict[str, object]] = st.sampled_from(
    [
        {"wait_ms": 3_000},
        {"wait_ms": 3_000},
        {"wait_ms": 15_000},
        {},
        {"wait_ms": "x"},
        {"boom": 1},
        {"ordering": "round_robin"},
        {"ordering": "by age"},
        {"graph": GRAPHS["round"](["alice", "bob"]).to_json(), "plan": "round", "agents": (), "first": "nobody"},
    ]
)


class WholeHub(HubThatWorks):
    """What may happen to a hub."""

    # --- time

    @initialize(data=st.data(), agents=st.integers(2, 4), attached=st.integers(0, 4), sessions=st.integers(1, 3))
    def begin(self, data: st.DataObject, agents: int, attached: int, sessions: int) -> None:
        self.start(self.config)
        for name in NAMES[:agents]:
            own_rule = data.draw(st.just(Rule()) | agent_rules)
            passport = Passport(name, kind=data.draw(kinds))
            self.ask(ADMIN, Register(passport=passport, resume=Resume(), rule=own_rule))
        for agent_id in sorted(self.model.boxes)[:attached]:
            self.ask(ADMIN, Attach(agent_id=agent_id, link="l"))
        for _ in range(sessions):
            self.open_well(data)

    @rule(delay_ms=delays_ms, tick=st.booleans())
    def clock_jumps(self, delay_ms: int, tick: bool) -> None:
        self.now_ms = max(self.state.now_ms, 1_000) + delay_ms
        if tick:
            self.ask(ADMIN, Tick())

    @precondition(lambda self: next_deadline(self.state) is not None)
    @rule(late_ms=st.sampled_from([-1, 0, 0, 1, 10_000]))
    def tick_when_due(self, late_ms: int) -> None:
        deadline = next_deadline(self.state)
        assert deadline is not None
        self.now_ms = max(self.now_ms, deadline + late_ms)
        self.let_all_happen()

    @rule(data=st.data(), how=st.sampled_from(["again", "from the log", "from a snapshot"]))
    def restart(self, data: st.DataObject, how: str) -> None:
        if how == "from the log":
            self.restart_from_the_log(data.draw(st.sampled_from(CONFIGS)))
        elif how == "from a snapshot":
            self.restart_from_a_snapshot(data)
        else:
            self.start(self.config)

    @precondition(lambda self: any(talk.type == "relay" for talk in self.model.talks.values()))
    @rule(delay_ms=delays_ms)
    def a_protocol_is_missing_for_a_while(self, delay_ms: int) -> None:
        self.restart_from_the_log(LACKING)
        self.now_ms = max(self.state.now_ms, 1_000) + delay_ms
        self.let_all_happen()
        self.restart_from_the_log(WHOLE)

    # --- agents

    @rule(name=st.sampled_from(NAMES), key=keys, agent_rule=agent_rules, kind=kinds)
    def register(self, name: str, key: str | None, agent_rule: Rule, kind: AgentKind | None) -> None:
        command = Register(passport=Passport(name, kind=kind), resume=Resume(), rule=agent_rule, idempotency_key=key and key[:1])
        answer = self.ask(ADMIN, command)
        self.keep(ADMIN, command, answer)

    @rule(data=st.data(), sure=st.integers(0, 2))
    def unregister(self, data: st.DataObject, sure: int) -> None:
        if sure == 0:
            agent_id = self.someone(data)
            self.ask(self.whoever(data, agent_id), Unregister(agent_id=agent_id))

    @rule(data=st.data(), agent_rule=agent_rules)
    def set_rule(self, data: st.DataObject, agent_rule: Rule) -> None:
        agent_id = self.someone(data)
        self.ask(self.whoever(data, agent_id), SetRule(agent_id=agent_id, rule=agent_rule))

    @rule(data=st.data(), link=links)
    def attach(self, data: st.DataObject, link: str) -> None:
        agent_id = self.someone(data)
        self.ask(self.whoever(data, agent_id), Attach(agent_id=agent_id, link=link))

    @rule(data=st.data(), link=links)
    def detach(self, data: st.DataObject, link: str) -> None:
        agent_id = self.someone(data, *[one for one, box in self.model.boxes.items() if box.link is not None])
        box = self.model.boxes.get(agent_id)
        current = box.link if box is not None and box.link is not None and data.draw(st.booleans()) else link
        principal = data.draw(st.sampled_from([ADMIN, ADMIN, Principal(agent_ids=(agent_id,))]))
        self.ask(principal, Detach(agent_id=agent_id, link=current))

    # --- sessions

    @precondition(lambda self: len(self.model.boxes) > 1 and len(self.model.talks) < 4)
    @rule(data=st.data())
    def open_well(self, data: st.DataObject) -> None:
        """Open a session that can be opened; mostly all of the invited accept, and something is said."""
        session_type = data.draw(st.sampled_from(TYPES))
        everybody = data.draw(st.permutations(sorted(self.model.boxes)))
        there = everybody[: data.draw(st.integers(2, 4)) if session_type in MOST else 2]
        knobs: dict[str, object] = {"wait_ms": data.draw(st.sampled_from([3_000, 15_000, 100_000]))}
        if session_type == "workflow":
            knobs = data.draw(workflow_knobs(there, [self.model.boxes[one].name for one in there]))
        command = OpenSession(
            creator_id=there[0],
            type=session_type,
            participants=tuple(there[data.draw(st.integers(0, 1)) :]),
            knobs=knobs,
            expectations=data.draw(expectations(there)),
            ttl=data.draw(st.sampled_from([None, None, None, 0, "10s", 90])),
            required_acks=data.draw(st.sampled_from([None, None, 1])),
            idempotency_key=data.draw(keys),
        )
        answer = self.open(self.whoever(data, there[0]), command)
        if isinstance(answer, Reply) and isinstance(answer.value, Session):
            session = answer.value
            for agent_id in session.pending_acks[: data.draw(st.sampled_from([0, 1, 3, 3, 3, 3]))]:
                if session.session_id in self.model.talks:
                    self.ask(ADMIN, AnswerInvite(session_id=session.session_id, agent_id=agent_id, accept=True))
            self.talk_well(data, session.session_id, data.draw(st.integers(0, 3)))

    def talk_well(self, data: st.DataObject, session_id: str, times: int) -> None:
        """Say what may be said by those who may say it."""
        for _ in range(times):
            talk = self.model.talks.get(session_id)
            if talk is not None and talk.active and talk.members:
                sender = data.draw(st.sampled_from([*(talk.turns() or talk.members), *talk.hidden]))
                causes = [letter.word.envelope_id for letter in self.model.boxes[sender].owed.values()]
                targets = [*talk.members, *[self.model.boxes[one].name for one in talk.members]]
                event_type, said = data.draw(turns(talk.type, targets))
                word = Envelope(session_id, sender, event_type, said, idempotency_key=data.draw(keys))
                more = {"causation_id": data.draw(st.sampled_from([None, *causes])), "ttl_seconds": data.draw(lifetimes)}
                self.post(data, changed(word, **more))

    @rule(
        data=st.data(),
        session_type=st.sampled_from([*TYPES, "nothing"]),
        own_knobs=knobs,
        key=keys,
        required_acks=st.sampled_from([None, 1, 2, 0]),
        expected=unsound_expectations,
    )
    def open_whatever(
        self,
        data: st.DataObject,
        session_type: str,
        own_knobs: dict[str, object],
        key: str | None,
        required_acks: int | None,
        expected: tuple[Expectation, ...],
    ) -> None:
        creator = self.someone(data)
        named = tuple([self.someone(data) for _ in range(data.draw(st.integers(0, 5)))])
        command = OpenSession(
            creator_id=creator,
            type=session_type,
            participants=named,
            knobs=own_knobs,
            expectations=expected,
            required_acks=required_acks,
            idempotency_key=key,
        )
        self.open(self.whoever(data, creator), command)

    def open(self, principal: Principal, command: OpenSession) -> Effect:
        answer = self.ask(principal, command)
        if command.idempotency_key is not None:
            self.keep(principal, command, answer)
        return answer

    @precondition(lambda self: self.model.talks)
    @rule(data=st.data(), accept=st.sampled_from([True, True, True, False]), reason=reasons)
    def answer_invite(self, data: st.DataObject, accept: bool, reason: str) -> None:
        session_id = self.some_session(data, *[one for one, talk in self.model.talks.items() if talk.unanswered])
        talk = self.model.talks.get(session_id)
        agent_id = self.someone(data, *(talk.unanswered if talk is not None else ()))
        command = AnswerInvite(session_id=session_id, agent_id=agent_id, accept=accept, reason=reason)
        self.ask(self.whoever(data, agent_id), command)

    @precondition(lambda self: self.model.talks)
    @rule(data=st.data())
    def invite(self, data: st.DataObject) -> None:
        session_id = self.some_session(data, *[one for one, talk in self.model.talks.items() if talk.type in MOST])
        talk = self.model.talks.get(session_id)
        agent_id = self.someone(data, *([talk.creator, talk.creator, ""] if talk is not None else ()))
        invited = tuple([self.someone(data) for _ in range(data.draw(st.integers(0, 2)))])
        self.ask(self.whoever(data, agent_id), Invite(session_id=session_id, agent_id=agent_id, participants=invited))

    @precondition(lambda self: self.model.talks)
    @rule(data=st.data(), reason=reasons)
    def leave(self, data: st.DataObject, reason: str) -> None:
        session_id = self.some_session(data)
        talk = self.model.talks.get(session_id)
        agent_id = self.someone(data, *(talk.there if talk is not None else ()))
        self.ask(self.whoever(data, agent_id), Leave(session_id=session_id, agent_id=agent_id, reason=reason))

    @precondition(lambda self: self.model.talks)
    @rule(data=st.data(), reason=reasons)
    def remove_participant(self, data: st.DataObject, reason: str) -> None:
        session_id = self.some_session(data)
        talk = self.model.talks.get(session_id)
        agent_id = "" if data.draw(st.integers(0, 4)) == 4 else self.someone(data, *([talk.creator] if talk is not None else ()))
        out = self.someone(data, *(talk.there if talk is not None else ()))
        command = RemoveParticipant(session_id=session_id, agent_id=agent_id, participant_id=out, reason=reason)
        self.ask(self.whoever(data, agent_id), command)

    @precondition(lambda self: self.model.talks)
    @rule(data=st.data(), reason=reasons)
    def close_session(self, data: st.DataObject, reason: str) -> None:
        session_id = self.some_session(data)
        agent_id = "" if data.draw(st.integers(0, 4)) == 4 else self.someone(data, *self.members(session_id))
        self.ask(self.whoever(data, agent_id), CloseSession(session_id=session_id, agent_id=agent_id, reason=reason))

    @precondition(lambda self: self.model.boxes)
    @rule(data=st.data(), which=st.integers(0, 6))
    def come_late(self, data: st.DataObject, which: int) -> None:
        """Ask for something in a session that is over, or never was."""
        session_id = data.draw(st.sampled_from([*sorted(self.model.over), *sorted(self.model.over), *NOWHERE]))
        agent_id = self.someone(data)
        late: tuple[Command, ...] = (
            Post(envelope=Envelope(session_id, agent_id, EV_TEXT)),
            AnswerInvite(session_id=session_id, agent_id=agent_id, accept=True),
            AnswerInvite(session_id=session_id, agent_id=agent_id, accept=False),
            Invite(session_id=session_id, agent_id=agent_id, participants=(agent_id,)),
            Leave(session_id=session_id, agent_id=agent_id),
            RemoveParticipant(session_id=session_id, agent_id=agent_id, participant_id=agent_id),
            CloseSession(session_id=session_id, agent_id=agent_id),
        )
        self.ask(self.whoever(data, agent_id), late[which])

    # --- words

    @precondition(lambda self: any(talk.active for talk in self.model.talks.values()))
    @rule(data=st.data(), times=st.integers(1, 5))
    def talk(self, data: st.DataObject, times: int) -> None:
        active = [one for one, talk in self.model.talks.items() if talk.active]
        self.talk_well(data, data.draw(st.sampled_from(active)), times)

    @precondition(lambda self: any(talk.type == "workflow" for talk in self.model.talks.values()))
    @rule(data=st.data(), said=bad_turns)
    def say_badly(self, data: st.DataObject, said: tuple[str, dict[str, object]]) -> None:
        """Say in a workflow what is no packet, or no change of its context."""
        session_id = self.some_session(data, *[one for one, talk in self.model.talks.items() if talk.type == "workflow"])
        talk = self.model.talks.get(session_id)
        sender = self.someone(data, *(() if talk is None else talk.turns() or talk.members))
        self.post(data, Envelope(session_id, sender, *said))

    @precondition(lambda self: any(talk.rounds is not None and talk.active for talk in self.model.talks.values()))
    @rule(data=st.data(), silent_ms=st.sampled_from([1_000, 2_000, 5_000, 130_000]), times=st.integers(1, 3))
    def be_silent(self, data: st.DataObject, silent_ms: int, times: int) -> None:
        """Let whose turn it is say nothing for a while; then something is said."""
        self.now_ms = max(self.now_ms, self.state.now_ms) + silent_ms
        self.let_all_happen()
        active = [one for one, talk in self.model.talks.items() if talk.active]
        if active:
            self.talk_well(data, data.draw(st.sampled_from(active)), times)

    @precondition(lambda self: self.model.talks)
    @rule(data=st.data(), text=st.sampled_from(TEXTS), key=keys)
    def post_any_text(self, data: st.DataObject, text: str, key: str | None) -> None:
        session_id = self.some_session(data)
        talk = self.model.talks.get(session_id)
        sender = self.someone(data, *(() if talk is None else talk.turns() or talk.members))
        self.post(data, text_of(session_id, sender, text, key))

    @precondition(lambda self: self.model.talks)
    @rule(
        data=st.data(),
        event_type=st.sampled_from([EV_TEXT, EV_TEXT, "relay.note", "custom", "session.closed", "task.x", "e" * 41]),
        audience=st.sampled_from([None, "all", "one", "twice", "stranger", "nobody", "empty"]),
        ttl_seconds=st.sampled_from([None, None, 1, 5, 0, -1]),
        payload=st.sampled_from([{}, {"text": 7}, {"deep": [[[[[[[[[[[[[1]]]]]]]]]]]]]}, {"text": "ok", "more": [None, 1.5]}]),
        depth=st.sampled_from([0, 1, 3, -1]),
        cause=st.booleans(),
        key=keys,
    )
    def post_whatever(
        self,
        data: st.DataObject,
        event_type: str,
        audience: str | None,
        ttl_seconds: int | None,
        payload: dict[str, object],
        depth: int,
        cause: bool,
        key: str | None,
    ) -> None:
        session_id = self.some_session(data)
        members = self.members(session_id)
        sender = self.someone(data, *members)
        to = {
            None: None,
            "all": tuple(members),
            "one": tuple(members[:1]),
            "twice": tuple(members[:1] * 2),
            "stranger": tuple(sorted(set(self.model.boxes) - set(members))[:1]),
            "nobody": ("nobody",),
            "empty": (),
        }[audience]
        box = self.model.boxes.get(sender)
        causes = [letter.word.envelope_id for letter in box.owed.values()] if box is not None and cause else []
        causation_id = data.draw(st.sampled_from([*causes, "c" * 41])) if causes else None
        word = Envelope(
            session_id,
            sender,
            event_type,
            payload,
            to,
            causation_id,
            key,
            ttl_seconds=ttl_seconds,
            envelope_id="forged",
            depth=depth,
        )
        self.post(data, word)

    def post(self, data: st.DataObject, word: Envelope) -> None:
        principal, command = self.whoever(data, word.sender_id), Post(envelope=word)
        answer = self.ask(principal, command)
        if word.idempotency_key is not None:
            self.keep(principal, command, answer)

    @rule(payload=st.sampled_from([{"text": float("nan")}, {"text": b"x"}, {"text": "\ud800"}, {1: "x"}, {"x": 2**63}]))
    def what_cannot_be_said_is_no_envelope(self, payload: dict[str, object]) -> None:
        with pytest.raises(Malformed):
            Envelope("demo:s:a1", "demo:a:a2", EV_TEXT, payload)

    @precondition(lambda self: self.keyed)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """Ask again for what was made; while its key is known the answer is the same, and nothing is made."""
        principal, command = data.draw(st.sampled_from(self.keyed))
        self.ask(principal, command)

    # --- deliveries

    def owing(self, data: st.DataObject) -> str:
        return self.someone(data, *[agent_id for agent_id, box in self.model.boxes.items() if box.owed])

    def some_numbers(self, data: st.DataObject, agent_id: str, most: int) -> tuple[int, ...]:
        """Numbers of what is owed, in any order, some twice, some of the past and the future."""
        box = self.model.boxes.get(agent_id)
        owed = [] if box is None else list(box.owed)
        drawn = data.draw(st.lists(st.sampled_from([*owed, *owed, 1, 2, 99, 0, -1]), max_size=most))
        return tuple(drawn)

    @precondition(lambda self: any(box.owed for box in self.model.boxes.values()))
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        agent_id = self.owing(data)
        most = data.draw(st.sampled_from([4, 4, 4, 60]))
        self.ask(self.whoever(data, agent_id), Ack(agent_id=agent_id, numbers=self.some_numbers(data, agent_id, most)))

    @precondition(lambda self: any(box.owed for box in self.model.boxes.values()))
    @rule(data=st.data(), reason=reasons, times=st.sampled_from([1, 1, 2, 6]), away=st.booleans())
    def nack(self, data: st.DataObject, reason: str, times: int, away: bool) -> None:
        """Let a delivery fail, perhaps again and again, perhaps by one who is gone when it comes again."""
        agent_id = self.owing(data)
        for number in self.some_numbers(data, agent_id, 1):
            principal = self.whoever(data, agent_id)
            for _ in range(times):
                self.ask(principal, Nack(agent_id=agent_id, number=number, reason=reason))
                if away and agent_id in self.model.boxes:
                    self.ask(ADMIN, Detach(agent_id=agent_id, link=self.model.boxes[agent_id].link or ""))
                if times > 1:
                    self.now_ms = max(self.now_ms, self.state.now_ms) + 8_000
                    self.let_all_happen()

    @precondition(lambda self: any(box.remote and box.owed for box in self.model.boxes.values()))
    @rule(data=st.data(), reason=reasons, times=st.sampled_from([0, 0, 1, 1, 2, 6]), restarts=st.booleans())
    def forward(self, data: st.DataObject, reason: str, times: int, restarts: bool) -> None:
        """Let a forward be taken, or fail, perhaps again and again, perhaps with a restart in between."""
        agent_id = self.someone(data, *[one for one, box in self.model.boxes.items() if box.remote and box.owed])
        for number in self.some_numbers(data, agent_id, 2):
            principal = data.draw(st.sampled_from([ADMIN, ADMIN, ADMIN, Principal(agent_ids=(agent_id,))]))
            if times == 0:
                self.ask(principal, ForwardDone(agent_id=agent_id, number=number))
            for _ in range(times):
                self.ask(principal, ForwardFailed(agent_id=agent_id, number=number, reason=reason))
                if restarts:
                    self.start(self.config)
                if times > 1:
                    self.now_ms = max(self.now_ms, self.state.now_ms) + 8_000
                    self.let_all_happen()

    @precondition(lambda self: any(box.dead for box in self.model.boxes.values()))
    @rule(data=st.data(), then_ms=st.sampled_from([None, None, 50_000]))
    def resend(self, data: st.DataObject, then_ms: int | None) -> None:
        agent_id = self.someone(data, *[agent_id for agent_id, box in self.model.boxes.items() if box.dead])
        box = self.model.boxes.get(agent_id)
        number = data.draw(st.sampled_from([*(() if box is None else box.dead), 1, 99, 0]))
        self.ask(self.whoever(data, agent_id), Resend(agent_id=agent_id, number=number))
        if then_ms is not None:
            self.now_ms = max(self.now_ms, self.state.now_ms) + then_ms
            self.let_all_happen()

    # --- questions

    @precondition(lambda self: self.model.talks)
    @rule(data=st.data())
    def a_probe_says_what_a_post_would_come_to(self, data: st.DataObject) -> None:
        session_id = self.some_session(data)
        sender = self.someone(data, *self.members(session_id))
        word = Envelope(session_id, sender, EV_TEXT, {"text": ""})
        now_ms = self.state.now_ms
        came = step(self.config, self.state, Arrival(principal=ADMIN, command=Post(envelope=word), now_ms=now_ms)).effects[0]
        probed = can_send(self.config, self.state, session_id, sender)
        assert (came.error if isinstance(came, Refuse) else None) == probed


def text_of(session_id: str, sender_id: str, text: str, key: str | None) -> Envelope:
    """A text for everybody."""
    return Envelope(session_id, sender_id, EV_TEXT, {"text": text}, idempotency_key=key)


SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def test_a_hub_lives_as_its_model_and_recovers_as_it_lived() -> None:
    run_state_machine_as_test(WholeHub, settings=settings(SETTINGS, max_examples=50, stateful_step_count=40))


@pytest.mark.long
def test_a_hub_lives_as_its_model_and_recovers_as_it_lived_for_long() -> None:
    run_state_machine_as_test(WholeHub, settings=settings(SETTINGS, max_examples=1_500, stateful_step_count=80))
