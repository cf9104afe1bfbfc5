"""What AG2's network gets wrong and the core gets right: one test for each line of docs/from-ag2.md that lives here."""

from typing import Any

import attrs
import pytest

from foldhub_core import (
    EV_EXPECTATION_VIOLATED,
    EV_PACKET,
    EV_SESSION_CLOSED,
    EV_SESSION_LEFT,
    EV_TASK_CANCEL_REQUEST,
    EV_TEXT,
    HUB_SESSION,
    Ack,
    AnswerInvite,
    Arrival,
    Attach,
    CloseSession,
    Condition,
    ContextEquals,
    Deliver,
    Detach,
    Effect,
    EndTask,
    Envelope,
    Expectation,
    Forward,
    ForwardFailed,
    HubConfig,
    HubState,
    Log,
    Malformed,
    Nack,
    ObserveTask,
    OpenSession,
    Post,
    Redeliver,
    RequestCancel,
    Round,
    RoundRobin,
    Rule,
    RuleLimits,
    Session,
    SessionState,
    SetRule,
    Start,
    Stay,
    Task,
    TaskSpec,
    TaskState,
    Terminate,
    Tick,
    ToolCall,
    Transition,
    Turn,
    Unregister,
    WorkflowAdapter,
    WorkflowGraph,
    WorkflowState,
    expected,
    get_agent,
    get_resume,
    get_session,
    inbox,
    inbox_cursor,
    list_sessions,
    list_tasks,
    next_deadline,
    owed,
    packet,
    pending_turns,
    read_log,
    replay,
    saying,
    step,
    verify,
    violations,
    write_log,
)
from foldhub_core.commands import RecordObservation
from foldhub_core.config import BUILT_IN
from foldhub_core.rule import Inbox
from foldhub_core.session import LIFE
from tests.core.agent_client import Client
from tests.core.hub_driver import ADMIN, HUB_ID, Hub, owner
from tests.core.rounds import Rounds
from tests.core.session_driver import Talks
from tests.simulation.relay import Relay

CONFIG = HubConfig(adapters=(*BUILT_IN, Relay(), Rounds()), remote_agents=True)


class Network:
    """A hub with agents that are attached, by their names."""

    def __init__(self, *names: str, rule: Rule | None = None) -> None:
        self.hub = Hub(started=False)
        self.hub.config = CONFIG
        self.hub.value(ADMIN, Start())
        self.ids = {name: self.hub.register(name, rule=rule or Rule()) for name in names}
        for name, agent_id in self.ids.items():
            self.hub.value(ADMIN, Attach(agent_id=agent_id, link=name))

    def open(self, session_type: str, *names: str, expects: tuple[Expectation, ...] = ()) -> str:
        """Open a session that all accept; gives its id."""
        session_id = self.invite(session_type, *names, expects=expects)
        for name in names[1:]:
            self.hub.value(ADMIN, AnswerInvite(session_id=session_id, agent_id=self.ids[name], accept=True))
        return session_id

    def invite(self, session_type: str, *names: str, expects: tuple[Expectation, ...] = ()) -> str:
        first, *others = [self.ids[name] for name in names]
        knobs = {"wait_ms": 10**9}
        command = OpenSession(creator_id=first, type=session_type, participants=tuple(others), knobs=knobs, expectations=expects)
        opened: Session = self.hub.value(owner("", first), command)
        return opened.session_id

    def said(self, name: str, session_id: str, text: str, **fields: object) -> Post:
        word = Envelope(session_id, self.ids[name], EV_TEXT, {"text": text}, **fields)  # type: ignore[arg-type]
        return Post(envelope=word)

    def say(self, name: str, session_id: str, text: str, **fields: object) -> tuple[Effect, ...]:
        return self.hub.ask(owner("", self.ids[name]), self.said(name, session_id, text, **fields))[1:]

    def ack_all(self, name: str) -> None:
        numbers = tuple(range(1, 1_000))
        self.hub.value(ADMIN, Ack(agent_id=self.ids[name], numbers=numbers))

    def reopened(self) -> HubState:
        """The state that opening the log from its bytes leads to."""
        return replay(CONFIG, read_log(write_log(Log(HUB_ID, tuple(self.hub.log)))).commits, HubState(HUB_ID))

    def restart(self) -> None:
        """End the run, and begin one from the log."""
        self.hub.state = self.reopened()
        self.hub.value(ADMIN, Start())


def numbers_of(effects: tuple[Effect, ...]) -> list[int]:
    return [effect.number for effect in effects if isinstance(effect, Deliver | Redeliver)]


def test_03_a_word_that_cannot_be_folded_is_refused_and_never_stored() -> None:
    network = Network("alice", "bob")
    session_id = network.open("relay", "alice", "bob")
    poison = network.said("alice", session_id, "unfoldable")
    before = network.hub.state.sessions
    assert network.hub.refused(owner("", network.ids["alice"]), poison) == "protocol_error"
    assert network.hub.state.sessions == before
    assert network.reopened() == network.hub.state
    assert numbers_of(network.say("alice", session_id, "goes on"))


def test_04_a_nack_before_an_ack_and_acks_out_of_order_lose_nothing() -> None:
    network = Network("alice", "bob")
    bob, session_id = network.ids["bob"], network.open("conversation", "alice", "bob")
    network.ack_all("bob")
    (first,) = numbers_of(network.say("alice", session_id, "one"))
    (second,) = numbers_of(network.say("alice", session_id, "two"))
    (third,) = numbers_of(network.say("alice", session_id, "three"))
    network.hub.value(ADMIN, Nack(agent_id=bob, number=first))
    network.hub.value(ADMIN, Ack(agent_id=bob, numbers=(third,)))
    network.hub.value(ADMIN, Ack(agent_id=bob, numbers=(second,)))
    assert inbox(network.hub.state, bob).owed == 1
    again = network.hub.ask(ADMIN, Attach(agent_id=bob, link="new"))
    assert numbers_of(again) == [first]
    network.hub.value(ADMIN, Ack(agent_id=bob, numbers=(first,)))
    assert inbox_cursor(network.hub.state, bob) == third


def test_05_a_turn_that_failed_and_was_nacked_comes_again_and_is_still_owed() -> None:
    network = Network("alice", "bob")
    bob, session_id = network.ids["bob"], network.open("consulting", "alice", "bob")
    (number,) = numbers_of(network.say("alice", session_id, "Why?"))
    network.hub.value(ADMIN, Nack(agent_id=bob, number=number, reason="crashed"))
    (turn,) = pending_turns(CONFIG, network.hub.state, bob)
    assert turn.session_id == session_id
    due_ms = next_deadline(network.hub.state)
    assert due_ms is not None
    again = network.hub.ask(ADMIN, Tick(), due_ms)
    assert numbers_of(again) == [number]


def test_05_an_agent_whose_handler_raised_takes_the_turn_again_and_answers_it() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob", type="consulting")
    bob = Client(hub, "bob")
    hub.ack_all("bob")
    hub.attach("bob")
    hub.say("alice", session_id, "Why?")
    (number,) = hub.numbers("bob")

    def raising(_: Turn) -> Round:
        raise RuntimeError("out of order")

    end = bob.serve(bob.owed(number), raising)
    assert end == Nack(agent_id=hub.ids["bob"], number=number, reason="RuntimeError: out of order")
    (again,) = hub.tick(hub.now_ms + 1_000)
    assert isinstance(again, Redeliver)
    assert isinstance(bob.serve(bob.delivery(again), lambda _: Round("Because.")), Ack)
    assert hub.end(session_id)["reason"] == "consulting_complete"


def test_06_an_agent_that_unregisters_wedges_no_session_that_waits_for_it() -> None:
    network = Network("alice", "bob", "carol")
    consulting, relay = network.open("consulting", "alice", "bob"), network.open("relay", "alice", "bob", "carol")
    network.say("alice", consulting, "Why?")
    heard = network.hub.ask(ADMIN, Unregister(agent_id=network.ids["bob"]))
    told = [effect.envelope.event_type for effect in heard if isinstance(effect, Deliver)]
    assert told[:2] == [EV_SESSION_LEFT, EV_SESSION_CLOSED]
    assert [session.session_id for session in list_sessions(network.hub.state).sessions] == [relay]
    assert network.ids["bob"] not in [turn.agent_id for turn in expected(CONFIG, network.hub.state, relay)]
    assert numbers_of(network.say("alice", relay, "We go on."))


def workflow(network: Network, graph: WorkflowGraph) -> str:
    alice, bob = network.ids["alice"], network.ids["bob"]
    command = OpenSession(creator_id=alice, type="workflow", participants=(bob,), knobs={"graph": graph.to_json()})
    session: Session = network.hub.value(owner("", alice), command)
    network.hub.value(owner("", bob), AnswerInvite(session_id=session.session_id, agent_id=bob, accept=True))
    return session.session_id


def test_06_a_handoff_to_nobody_is_refused_and_wedges_nothing() -> None:
    network = Network("alice", "bob")
    alice = network.ids["alice"]
    session_id = workflow(network, WorkflowGraph("alice", default_target=Stay()))
    for target in ("eve", "demo:a:c999"):
        handoff = Envelope(session_id, alice, EV_PACKET, packet(kind="handoff", target=target))
        assert network.hub.refused(owner("", alice), Post(envelope=handoff)) == "protocol_error"
    assert [turn.agent_id for turn in expected(CONFIG, network.hub.state, session_id)] == [alice]


def test_06_a_turn_that_is_not_taken_in_time_is_passed_on() -> None:
    network = Network("alice", "bob", "carol")
    hide = Expectation("turn_within", "hide", {"seconds": 60})
    session_id = network.open("rounds", "alice", "bob", "carol", expects=(hide,))
    network.say("alice", session_id, "One.")
    network.hub.tick_until_rest(network.hub.now_ms + 60_000)
    assert [turn.agent_id for turn in expected(CONFIG, network.hub.state, session_id)] == [network.ids["carol"]]


def test_07_a_session_of_many_never_fills_inboxes_that_are_acked() -> None:
    names = ("alice", "bob", "carol", "dave")
    network = Network(*names, rule=Rule(limits=RuleLimits(inbox=Inbox(max_pending=6))))
    for _ in range(10):
        session_id = network.open("relay", *names)
        for name in names:
            network.say(name, session_id, "mine")
            for listener in names:
                network.ack_all(listener)
    assert [inbox(network.hub.state, agent_id).pending for agent_id in network.ids.values()] == [0, 0, 0, 0]


def test_08_no_state_of_a_session_is_a_trap() -> None:
    over = {SessionState.CLOSED, SessionState.EXPIRED}
    assert {state for state, _ in LIFE} == set(SessionState) - over
    for state in set(SessionState) - over:
        assert LIFE[state, "close"] is SessionState.CLOSED
        assert LIFE[state, "expire"] is SessionState.EXPIRED


def test_09_nothing_is_said_after_the_last_word() -> None:
    network = Network("alice", "bob")
    alice, session_id = network.ids["alice"], network.open("conversation", "alice", "bob")
    network.hub.value(owner("", alice), CloseSession(session_id=session_id, agent_id=alice))
    said = len(network.hub.log)
    assert network.hub.refused(owner("", alice), network.said("alice", session_id, "and another thing")) == "session_over"
    assert not network.hub.log[said].facts


def test_10_closing_twice_is_one_closing() -> None:
    network = Network("alice", "bob")
    alice, session_id = network.ids["alice"], network.open("conversation", "alice", "bob")
    command = CloseSession(session_id=session_id, agent_id=alice)
    network.hub.value(owner("", alice), command)
    network.hub.quiet(owner("", alice), command)
    network.hub.quiet(ADMIN, CloseSession(session_id=session_id))
    words = [fact for commit in network.hub.log for fact in commit.facts if isinstance(fact, Envelope)]
    assert [word.event_type for word in words].count(EV_SESSION_CLOSED) == 1


def test_11_a_post_whose_commit_was_never_appended_never_was() -> None:
    network = Network("alice", "bob")
    alice, session_id = network.ids["alice"], network.open("conversation", "alice", "bob")
    before, command = network.hub.state, network.said("alice", session_id, "lost")
    arrival = Arrival(principal=owner("", alice), command=command, now_ms=100)
    taken = step(CONFIG, before, arrival)
    assert taken.commit is not None
    assert network.reopened() == network.hub.state == before
    assert step(CONFIG, network.reopened(), arrival).commit == taken.commit


def test_12_an_outsider_can_neither_close_a_session_nor_speak_in_it_nor_forge_its_events() -> None:
    network = Network("alice", "bob", "mallory")
    session_id = network.open("conversation", "alice", "bob")
    mallory = network.ids["mallory"]
    as_mallory = owner("", mallory)
    assert network.hub.refused(as_mallory, CloseSession(session_id=session_id, agent_id=mallory)) == "access_denied"
    assert network.hub.refused(as_mallory, network.said("mallory", session_id, "hello")) == "access_denied"
    assert network.hub.refused(as_mallory, network.said("alice", session_id, "I am alice")) == "access_denied"
    for name in ("alice", "mallory"):
        forged = Post(envelope=Envelope(session_id, network.ids[name], EV_SESSION_CLOSED, {"reason": "forged"}))
        assert network.hub.refused(owner("", network.ids[name]), forged) == "access_denied"
    assert get_session(network.hub.state, session_id).state is SessionState.ACTIVE


def test_13_what_was_handed_over_is_shared_with_nobody() -> None:
    network = Network("alice", "bob")
    session_id = network.open("conversation", "alice", "bob")
    mine = {"text": "as I said it", "list": [1, 2]}
    command = Post(envelope=Envelope(session_id, network.ids["alice"], EV_TEXT, mine))
    mine["text"] = "as I would have said it"
    (delivered,) = [one for one in network.hub.ask(owner("", network.ids["alice"]), command) if isinstance(one, Deliver)]
    assert delivered.envelope.event_data == {"text": "as I said it", "list": (1, 2)}
    assert command.envelope.envelope_id == ""
    with pytest.raises(TypeError, match="frozen"):
        delivered.envelope.event_data["text"] = "tampered with"  # type: ignore[index]
    with pytest.raises(AttributeError):
        get_agent(network.hub.state, "bob").name = "eve"  # type: ignore[misc]
    assert get_agent(network.hub.state, "bob").name == "bob"


def test_14_live_sessions_are_listed_however_many_have_ended() -> None:
    network = Network("alice", "bob")
    alice, live = network.ids["alice"], network.open("conversation", "alice", "bob")
    for _ in range(250):
        ended = network.open("conversation", "alice", "bob")
        network.hub.value(ADMIN, CloseSession(session_id=ended))
    page = list_sessions(network.hub.state, agent_id=alice, limit=1)
    assert [session.session_id for session in page.sessions] == [live]
    assert page.cursor is None


def test_14a_an_opening_that_is_refused_leaves_nothing_that_counts() -> None:
    network = Network("alice", "bob")
    alice, bob = network.ids["alice"], network.ids["bob"]
    before = network.hub.state
    for knobs in ({"wait_ms": "soon"}, {"boom": True}):
        command = OpenSession(creator_id=alice, type="relay", participants=(bob,), knobs=knobs)
        assert network.hub.refused(owner("", alice), command) == "protocol_error"
    assert list_sessions(network.hub.state).sessions == ()
    assert network.hub.state.sessions == before.sessions
    assert network.hub.state.agenda == before.agenda


def test_16_a_pending_session_closes_in_time_also_after_a_restart() -> None:
    network = Network("alice", "bob")
    session_id = network.invite("conversation", "alice", "bob")
    network.restart()
    assert get_session(network.hub.state, session_id).state is SessionState.PENDING
    network.hub.tick_until_rest(network.hub.now_ms + CONFIG.limits.invite_timeout_ms)
    assert list_sessions(network.hub.state).sessions == ()
    words = [fact for commit in network.hub.log for fact in commit.facts if isinstance(fact, Envelope)]
    assert words[-1].event_data["reason"] == "invite_timeout"


def test_17_variables_that_a_packet_carries_are_read_by_the_workflow() -> None:
    network = Network("alice", "bob")
    alice = network.ids["alice"]
    rules = [Transition(ContextEquals("tier", "gold"), Terminate("golden"))]
    session_id = workflow(network, WorkflowGraph("alice", rules, Stay()))
    said = Envelope(session_id, alice, EV_PACKET, packet("A gold customer.", set={"tier": "gold"}))
    network.hub.value(owner("", alice), Post(envelope=said))
    last = network.hub.log[-1].facts[-1]
    assert isinstance(last, Envelope)
    assert (last.event_type, last.event_data["reason"]) == (EV_SESSION_CLOSED, "golden")


def test_a_graph_is_read_when_its_session_opens_and_never_again() -> None:
    built: list[str] = []

    @attrs.frozen
    class Counted(Condition):
        name = "counted"
        word: str

        def __attrs_post_init__(self) -> None:
            built.append(self.word)

        def evaluate(self, state: WorkflowState, envelope: Envelope) -> bool:
            return False

    graph = WorkflowGraph("alice", [Transition(Counted("never"), Stay())], RoundRobin())
    hub = Talks("alice", "bob", adapters=[WorkflowAdapter(conditions=[Counted])])
    session_id = hub.opened("alice", "bob", type="workflow", knobs={"graph": graph.to_json()})
    built.clear()
    for _ in range(20):
        hub.say("alice", session_id)
        hub.say("bob", session_id)
    assert built == []


@pytest.mark.parametrize("body", ["Because.", "I have answered the question."])
def test_18_an_agent_that_has_spoken_by_its_tool_may_end_its_round_with_a_text(body: str) -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob", type="consulting")
    bob = Client(hub, "bob")
    hub.ack_all("bob")
    hub.say("alice", session_id, "Why?")
    (number,) = hub.numbers("bob")

    def speaking(turn: Turn) -> Round:
        assert bob.ask(saying(turn, "Because.", 1)) is None
        return Round(body, (ToolCall("say", {"content": "Because."}),), ("Because.",))

    assert isinstance(bob.serve(bob.owed(number), speaking), Ack)
    texts = [word.event_data["text"] for word in hub.words(session_id) if word.event_type == EV_TEXT]
    assert texts == ["Why?", "Because."]
    assert hub.dead("bob") == {}


@pytest.mark.parametrize("value", [object(), b"bytes", float("nan"), {1: "one"}, "\ud800", 2**64, {"a", "b"}])
def test_19_a_payload_that_is_no_json_is_refused_where_it_is_made_and_says_where(value: object) -> None:
    with pytest.raises(Malformed) as refused:
        Envelope("demo:s:a1", "demo:a:a1", EV_TEXT, {"text": value})
    assert refused.value.where.startswith("Envelope.event_data.text")
    assert refused.value.code == "malformed"


def test_20_a_cancelled_task_is_counted_as_cancelled() -> None:
    network = Network("alice")
    alice = network.ids["alice"]
    task = network.hub.value(ADMIN, ObserveTask(owner_id=alice, spec=TaskSpec("Sum.", capability="sum")))
    network.hub.value(ADMIN, EndTask(task_id=task.task_id, agent_id=alice, outcome=TaskState.CANCELLED))
    observed = get_resume(network.hub.state, alice).observed["sum"]
    assert (observed.n, observed.cancelled, observed.completed) == (1, 1, 0)


def begun(network: Network, name: str, **fields: Any) -> Task:
    """Begin a task of an agent's."""
    command = ObserveTask(owner_id=network.ids[name], spec=TaskSpec("Sum.", capability="sum"), **fields)
    task: Task = network.hub.value(ADMIN, command)
    return task


def test_t1_a_task_lives_as_long_as_its_owners_rule_says() -> None:
    network = Network("alice")
    rule = Rule(limits=RuleLimits(task_ttl_default="5s"))
    network.hub.value(ADMIN, SetRule(agent_id=network.ids["alice"], rule=rule))
    task = begun(network, "alice")
    assert next_deadline(network.hub.state) == task.created_at_ms + 5_000
    network.hub.tick_until_rest(task.created_at_ms + 5_000)
    assert get_resume(network.hub.state, network.ids["alice"]).observed["sum"].expired == 1


def test_t2_a_task_that_is_over_stays_over() -> None:
    network = Network("alice")
    alice = network.ids["alice"]
    network.hub.value(ADMIN, SetRule(agent_id=alice, rule=Rule(limits=RuleLimits(max_concurrent_tasks=1))))
    task = begun(network, "alice", idempotency_key="k")
    network.hub.value(ADMIN, EndTask(task_id=task.task_id, agent_id=alice, outcome=TaskState.FAILED))
    assert begun(network, "alice", idempotency_key="k").state is TaskState.CREATED
    assert list_tasks(network.hub.state).tasks == ()
    again = EndTask(task_id=task.task_id, agent_id=alice, outcome=TaskState.COMPLETED)
    assert network.hub.refused(ADMIN, again) == "task_over"


def test_t3_a_request_to_cancel_reaches_the_owner_that_was_away() -> None:
    network = Network("alice", "bob")
    session_id = network.open("conversation", "alice", "bob")
    bob = network.ids["bob"]
    network.hub.value(ADMIN, Detach(agent_id=bob, link=network.hub.state.links[bob]))
    task = begun(network, "bob", session_id=session_id)
    network.hub.value(ADMIN, RequestCancel(task_id=task.task_id, agent_id=network.ids["alice"], reason="too slow"))
    *_, last = network.hub.ask(ADMIN, Attach(agent_id=bob, link="again"))
    assert isinstance(last, Redeliver)
    words = [word for commit in network.hub.log for word in commit.facts if isinstance(word, Envelope)]
    (word,) = [word for word in words if word.envelope_id == last.envelope_id]
    assert (word.event_type, word.event_data["reason"]) == (EV_TASK_CANCEL_REQUEST, "too slow")


def test_t4_the_end_of_a_task_is_counted_once_whoever_tells_of_it_and_whenever() -> None:
    network = Network("alice")
    hub, alice = network.hub, network.ids["alice"]
    task = begun(network, "alice")
    hub.value(ADMIN, EndTask(task_id=task.task_id, agent_id=alice, outcome=TaskState.COMPLETED))
    hub.state = replay(CONFIG, read_log(write_log(Log(HUB_ID, tuple(hub.log)))).commits, HubState(HUB_ID))
    hub.value(ADMIN, Start())
    told = RecordObservation(owner_id=alice, capability="sum", outcome=TaskState.COMPLETED, task_id=task.task_id)
    hub.quiet(ADMIN, told)
    assert get_resume(hub.state, alice).observed["sum"].n == 1


def test_the_state_of_a_session_is_the_fold_of_its_log() -> None:
    network = Network("alice", "bob")
    session_id = network.open("consulting", "alice", "bob")
    network.say("alice", session_id, "Why?")
    for seq in range(len(network.hub.log) + 1):
        commits = network.hub.log[:seq]
        state = replay(CONFIG, commits, HubState(HUB_ID))
        assert replay(CONFIG, network.hub.log[seq:], state) == network.hub.state
        assert not verify(CONFIG, commits, HubState(HUB_ID))


def test_words_are_delivered_to_everybody_in_the_order_they_were_said() -> None:
    names = ("alice", "bob", "carol")
    network = Network(*names)
    session_id = network.open("relay", *names)
    heard: dict[str, list[int]] = {agent_id: [] for agent_id in network.ids.values()}
    numbers: dict[str, list[int]] = {agent_id: [] for agent_id in network.ids.values()}
    for name in (*names, "alice"):
        for effect in network.say(name, session_id, "count"):
            assert isinstance(effect, Deliver)
            heard[effect.agent_id].append(effect.envelope.number)
            numbers[effect.agent_id].append(effect.number)
    for agent_id in network.ids.values():
        assert heard[agent_id] == sorted(heard[agent_id])
        assert numbers[agent_id] == list(range(numbers[agent_id][0], numbers[agent_id][0] + len(numbers[agent_id])))


def test_counts_of_inboxes_and_observations_survive_a_restart() -> None:
    network = Network("alice", "bob")
    bob, session_id = network.ids["bob"], network.open("conversation", "alice", "bob")
    network.say("alice", session_id, "one")
    network.say("alice", session_id, "two")
    observation = RecordObservation(owner_id=bob, capability="sum", outcome=TaskState.COMPLETED, task_id="t1")
    network.hub.value(ADMIN, observation)
    before = inbox(network.hub.state, bob)
    network.restart()
    assert inbox(network.hub.state, bob) == before
    assert before.pending == 2
    network.hub.quiet(ADMIN, observation)
    assert get_resume(network.hub.state, bob).observed["sum"].n == 1


def test_what_a_proxy_fails_to_hand_on_comes_again_and_holds_nobody_up() -> None:
    network = Network("alice")
    far = network.ids["far"] = network.hub.register("far", kind="remote_agent")
    session_id = network.open("conversation", "alice", "far")
    (first,) = [one.number for one in network.say("alice", session_id, "one") if isinstance(one, Forward)]
    network.hub.value(ADMIN, ForwardFailed(agent_id=far, number=first, reason="no proxy"))
    (second,) = [one.number for one in network.say("alice", session_id, "two") if isinstance(one, Forward)]
    assert second == first + 1
    network.restart()
    assert first not in numbers_of(owed(CONFIG, network.hub.state))
    assert numbers_of(network.hub.ask(ADMIN, Tick(), network.hub.now_ms + 1_000)) == [first]
    assert inbox(network.hub.state, far).pending == 2


def test_a_violation_that_was_recorded_is_not_recorded_again_after_a_restart() -> None:
    network = Network("alice", "bob")
    late = Expectation("reply_within", "notify_session", {"seconds": 60})
    session_id = network.open("conversation", "alice", "bob", expects=(late,))
    network.say("alice", session_id, "Are you there?")
    network.hub.tick_until_rest(network.hub.now_ms + 60_000)
    stands = violations(network.hub.state, session_id)
    assert [one.agent_id for one in stands] == [network.ids["bob"]]
    network.restart()
    network.hub.tick_until_rest(network.hub.now_ms + 60_000)
    assert violations(network.hub.state, session_id) == stands
    said = [fact for commit in network.hub.log for fact in commit.facts if isinstance(fact, Envelope)]
    assert [word.session_id for word in said if word.event_type == EV_EXPECTATION_VIOLATED] == [HUB_SESSION, session_id]
