"""What an agent is asked it answers once, whatever is lost, repeated, late or crashes on the way.

An agent's client works by the plan while its deliveries come twice, late or in another order, while it crashes before, after and
between its posts and acks, while its handler raises, and while two runs of it work at the same time. In the end, when all that is
owed was worked off, every question has exactly one answer.
"""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from foldhub_core import (
    Command,
    Deliver,
    Delivery,
    Inbox,
    NeedLog,
    Principal,
    Redeliver,
    Round,
    SessionState,
    Step,
    Turn,
    answered,
    expected,
    take_turn,
)
from tests.core.agent_client import Client
from tests.core.circle import Circle
from tests.core.session_driver import Talks


class Network(Talks):
    """A hub that keeps what it sends to bob until the test lets it arrive."""

    def __init__(self) -> None:
        self.sent: list[Deliver | Redeliver] = []
        super().__init__("alice", "bob", "carol", adapters=[Circle()])

    def step(self, principal: Principal, command: Command, now_ms: int | None = None) -> Step:
        result = super().step(principal, command, now_ms)
        for effect in result.effects:
            if isinstance(effect, Deliver | Redeliver) and effect.agent_id == self.ids["bob"]:
                self.sent.append(effect)
        return result


class Crash(Exception):
    """The client's process is gone."""


HOW = ("whole", "late", "unacked", "late", "raises", "crashes", "unsent")
"""What becomes of a delivery that arrives."""


class Answers(RuleBasedStateMachine):
    """Alice asks, in conversations, consultings and circles; bob's client answers."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = Network()
        self.client = Client(self.hub, "bob")
        self.links = 0
        self.runs = 0
        self.questions: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.late: list[tuple[Turn, Round]] = []
        self.conversation = self.hub.opened("alice", "bob", ttl=0)
        self.circle = self.hub.opened("alice", "bob", "carol", type="circle", ttl=0)
        self.hub.ack_all()
        self.hub.set_rule("alice", inbox=Inbox(max_pending=1))
        self.reconnect()

    # --- what is asked

    @rule()
    def ask_in_the_conversation(self) -> None:
        self.ask(self.conversation)

    @rule()
    def open_a_consulting(self) -> None:
        self.open.append(self.hub.pending("alice", "bob", type="consulting", ttl=0))

    @rule()
    def ask_in_consultings(self) -> None:
        for session_id in tuple(self.open):
            if self.hub.is_live(session_id) and self.hub.session(session_id).state is SessionState.ACTIVE:
                self.open.remove(session_id)
                self.ask(session_id)

    @rule()
    def go_round(self) -> None:
        if self.turn_in_the_circle() == "alice":
            self.ask(self.circle)
        elif self.turn_in_the_circle() == "carol":
            self.hub.ack_all("alice", "carol")
            self.hub.say("carol", self.circle)

    def turn_in_the_circle(self) -> str:
        (turn,) = expected(self.hub.config, self.hub.state, self.circle)
        return next(name for name, agent_id in self.hub.ids.items() if agent_id == turn.agent_id)

    def ask(self, session_id: str) -> None:
        word = self.hub.say("alice", session_id, f"question {len(self.questions)}")
        self.questions.append((session_id, word.envelope_id))

    # --- what arrives, and what becomes of it

    def handle(self, turn: Turn) -> Round:
        """No two runs of a model say the same."""
        self.runs += 1
        return Round(f"run {self.runs} says: {' '.join(turn.input)}")

    @precondition(lambda self: self.hub.sent)
    @rule(
        data=st.data(),
        how=st.sampled_from(["whole", "whole", "unacked", "raises", "crashes", "unsent", "late"]),
        again=st.booleans(),
    )
    def arrive(self, data: st.DataObject, how: str, again: bool) -> None:
        at = data.draw(st.integers(0, len(self.hub.sent) - 1))
        effect = self.hub.sent[at] if again else self.hub.sent.pop(at)
        delivery = self.client.delivery(effect)
        match how:
            case "whole":
                self.client.serve(delivery, self.handle)
            case "unacked":
                self.client.work(delivery, self.handle)
            case "raises":
                self.client.serve(delivery, self.raising(RuntimeError()))
            case "crashes":
                self.client.work(delivery, self.raising(Crash()))
            case _:
                self.run_late(delivery, keep=how == "late")

    def raising(self, error: Exception) -> Callable[[Turn], Round]:
        def handler(_: Turn) -> Round:
            raise error

        return handler

    def run_late(self, delivery: Delivery, keep: bool) -> None:
        """A run whose answer is posted much later, or never."""
        need = self.client.plan(delivery)
        if isinstance(need, NeedLog):
            turn = take_turn(need, self.client.words(need))
            if isinstance(turn, Turn) and keep:
                self.late.append((turn, self.handle(turn)))

    @precondition(lambda self: self.late)
    @rule(data=st.data(), acked=st.booleans())
    def post_late(self, data: st.DataObject, acked: bool) -> None:
        turn, round = self.late.pop(data.draw(st.integers(0, len(self.late) - 1)))
        end = self.client.post(turn, answered(turn, round))
        if acked and end is not None:
            self.hub.value(self.hub.who("bob"), end)

    # --- what else happens

    @rule()
    def reconnect(self) -> None:
        self.links += 1
        self.hub.sent.clear()
        self.hub.attach("bob", f"l{self.links}")

    @rule(seconds=st.integers(0, 20))
    def wait(self, seconds: int) -> None:
        self.hub.tick(self.hub.now_ms + seconds * 1_000)

    @rule()
    def alice_reads(self) -> None:
        self.hub.ack_all("alice", "carol")

    # --- what must be true in the end

    def answers(self, question_id: str, session_id: str) -> int:
        words = self.hub.words(session_id)
        return len([word for word in words if word.sender_id == self.hub.ids["bob"] and word.causation_id == question_id])

    def teardown(self) -> None:
        for _ in range(20):
            for number in tuple(self.hub.dead("bob")):
                self.hub.resend("bob", number)
            self.reconnect()
            for effect in tuple(self.hub.sent):
                self.hub.ack_all("alice", "carol")
                self.client.serve(self.client.delivery(effect), self.handle)
            self.ask_in_consultings()
            if not self.hub.numbers("bob"):
                break
        assert self.hub.numbers("bob") == (), "all that was owed was worked off"
        while self.late:
            turn, round = self.late.pop()
            self.hub.ack_all("alice", "carol")
            self.client.post(turn, answered(turn, round))
        for session_id, question_id in self.questions:
            count = self.answers(question_id, session_id)
            ended_early = not self.hub.is_live(session_id) and self.hub.end(session_id)["reason"] != "consulting_complete"
            assert count == 1 or (count == 0 and ended_early)
        said = {session_id for session_id, _ in self.questions}
        texts = [word for one in sorted(said) for word in self.hub.words(one) if word.sender_id == self.hub.ids["bob"]]
        assert len([word for word in texts if word.causation_id]) <= len(self.questions)


TestAnswers = Answers.TestCase
TestAnswers.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
