"""A hub beside its model: asked for the same, and held to the same answers, whatever the rules draw."""

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from foldhub_core import (
    EV_EXPECTATION_VIOLATED,
    EV_SESSION_CLOSED,
    EV_SESSION_HIDDEN,
    EV_SESSION_LEFT,
    EV_SESSION_SHOWN,
    Ack,
    Arrival,
    Attach,
    Command,
    Commit,
    CutCommand,
    Deliver,
    Effect,
    Envelope,
    Evict,
    Forward,
    HubConfig,
    HubState,
    InboxCount,
    Limits,
    Log,
    Passport,
    Pressure,
    Principal,
    Redeliver,
    Refuse,
    Reply,
    Session,
    SessionState,
    Start,
    Task,
    Tick,
    Unavailable,
    apply,
    changed,
    dead_letters,
    digest,
    expected,
    find_by_causation,
    get_resume,
    hidden_participants,
    inbox,
    link_of,
    list_sessions,
    list_tasks,
    next_deadline,
    owed,
    pending_turns,
    posts_left,
    read_checkpoint,
    read_log,
    read_snapshot,
    replay,
    step,
    take_snapshot,
    verify,
    violations,
    write_log,
)
from foldhub_core.commits import read_commit
from foldhub_core.config import BUILT_IN
from tests.simulation.ledger import Ledger
from tests.simulation.mail import Sent
from tests.simulation.model import Model
from tests.simulation.relay import EMITS, Relay
from tests.simulation.tally import Tally
from tests.simulation.works import packed

TIGHT = Limits(
    text_chars=40,
    short_text_chars=40,
    list_items=50,
    depth=12,
    keys=3,
    key_ms=20_000,
    tick_entries=2,
    refusals=30,
    refusal_bytes=300,
    owed_ms=60_000,
    dead_letters=2,
    invite_timeout_ms=5_000,
    participants=5,
    emits=EMITS,
    capabilities=2,
    task_bytes=150,
)
WHOLE = HubConfig(adapters=(*BUILT_IN, Relay()), limits=TIGHT, remote_agents=True)
HURRIED = HubConfig(adapters=(*BUILT_IN, Relay()), limits=changed(TIGHT, key_ms=9_000, owed_ms=30_000), remote_agents=True)
LACKING = HubConfig(adapters=BUILT_IN, limits=TIGHT, remote_agents=True)
"""A configuration in which the protocol of some sessions is missing."""
CONFIGS = (WHOLE, WHOLE, HURRIED, LACKING)

ADMIN = Principal(admin=True)
NAMES = ("alice", "bob", "carol", "dave")
NOBODY = ("", "nobody", "other:a:b12", "demo:a:f999999")
NOWHERE = ("", "nowhere", "other:s:b12", "demo:s:f999999", "hub")
NOTHING = ("", "nothing", "other:t:b12", "demo:t:f999999", "demo:s:a1")


TOLD = {
    EV_EXPECTATION_VIOLATED: ("index", "violators", "at_fault"),
    EV_SESSION_CLOSED: ("reason",),
    EV_SESSION_HIDDEN: ("agent_id",),
    EV_SESSION_LEFT: ("agent_id",),
    EV_SESSION_SHOWN: ("agent_id",),
}
"""What the model knows of what words say."""


class HubBesideItsModel(RuleBasedStateMachine):
    """A hub, its log, a model of it, and a ledger of what was ever said and sent."""

    tally: ClassVar[Tally] = Tally()
    """What all runs of this machine came by."""

    def __init__(self) -> None:
        super().__init__()
        self.config = WHOLE
        self.state = HubState("demo")
        self.model = Model(WHOLE)
        self.ledger = Ledger()
        self.commits: list[Commit] = []
        self.states = [self.state]
        self.runs: list[tuple[int, HubConfig]] = []
        """After which commit which configuration was in force."""
        self.keyed: list[tuple[Principal, Command]] = []
        self.now_ms = 1_000
        self.asked = 0
        self.sound = False
        """Whether all that was asked so far came to what it should."""

    # --- asking

    def ask(self, principal: Principal, command: Command) -> Effect:
        """Ask the hub and the model for the same, and check all that holds of one step."""
        self.asked, self.sound = self.asked + 1, False
        before, now_ms = self.state, max(self.now_ms, 0)
        clock_ms = max(now_ms, before.now_ms)
        due = tuple([(kind, subject_id) for _, kind, subject_id in before.agenda.due(clock_ms)][: TIGHT.tick_entries])
        foreseen = self.model.take(self.config, principal, command, now_ms, before.seq + 1, due)
        taken = step(self.config, before, Arrival(principal=principal, command=command, now_ms=now_ms, ref=f"r{self.asked}"))
        answer, *sent = taken.effects
        assert isinstance(answer, Reply | Refuse)
        assert answer.ref == f"r{self.asked}"
        assert (answer.error.code if isinstance(answer, Refuse) else None) == foreseen.refusal
        assert made_id(answer) == foreseen.made_id
        assert (taken.commit is not None) == foreseen.changes
        if taken.commit is None:
            assert taken.state is before
            assert not sent
            self.sound = True
            return answer
        words = [fact for fact in taken.commit.facts if isinstance(fact, Envelope)]
        assert [known(word) for word in words] == [known(word) for word in foreseen.said]
        assert [as_sent(effect) for effect in sent] == list(foreseen.sent)
        if foreseen.refusal is not None:
            same = changed(taken.state, seq=before.seq, now_ms=before.now_ms, head=before.head, refusals=before.refusals)
            assert same == before
        again = read_commit(
            "demo", taken.commit.seq, taken.commit.form, taken.commit.payload, taken.commit.previous, taken.commit.chain
        )
        assert again.facts == taken.commit.facts
        assert apply(self.config, before, again) == taken.state
        self.ledger.take(words, sent)
        self.tally.take(before, taken.state, words, foreseen.refusal)
        self.state = taken.state
        self.commits.append(taken.commit)
        self.states.append(self.state)
        self.sound = True
        return answer

    @property
    def log(self) -> Log:
        return Log("demo", tuple(self.commits))

    def whoever(self, data: st.DataObject, agent_id: str) -> Principal:
        """The administrator, one who may act for the agent, or one who claims what is not theirs."""
        who = data.draw(st.sampled_from(["its own", "its own", "its own", "its own", "administrator", "liar"]))
        if who == "administrator":
            return ADMIN
        claimed = (agent_id,) if who == "its own" else tuple(data.draw(st.lists(st.sampled_from(NOBODY[1:]), max_size=2)))
        return Principal(subject=data.draw(st.sampled_from(["a", "b"])), agent_ids=("x", *claimed))

    def someone(self, data: st.DataObject, *wanted: str) -> str:
        """One of those who are wanted, or any agent; now and then one that was there or never was."""
        there = [one for one in wanted if one] or sorted(self.model.boxes)
        others = [*sorted(self.model.boxes), *sorted(self.model.gone), *NOBODY]
        return data.draw(st.sampled_from(others if not there or data.draw(st.integers(0, 9)) == 9 else there))

    def some_session(self, data: st.DataObject, *wanted: str) -> str:
        """One of the sessions that are wanted, or any live one; now and then one that is over or never was."""
        there = list(wanted) or sorted(self.model.talks)
        others = [*sorted(self.model.talks), *sorted(self.model.over), *NOWHERE]
        return data.draw(st.sampled_from(others if not there or data.draw(st.integers(0, 9)) == 9 else there))

    def members(self, session_id: str) -> list[str]:
        """Who takes part in a session; nobody in one that is not live."""
        talk = self.model.talks.get(session_id)
        return [] if talk is None else talk.members

    def keep(self, principal: Principal, command: Command, answer: Effect) -> None:
        """Keep a request that came with a key, to try it again."""
        if isinstance(answer, Reply):
            self.keyed = [*self.keyed[-9:], (principal, command)]

    # --- runs and time

    def start(self, config: HubConfig) -> None:
        self.runs.append((len(self.commits), config))
        self.config = config
        self.ask(ADMIN, Start())
        again = owed(self.config, self.state)
        assert [as_sent(effect) for effect in again] == self.model.forwarded_again
        self.ledger.take((), again)

    def let_all_happen(self) -> None:
        """Tick until nothing is due any more."""
        for _ in range(100):
            deadline = next_deadline(self.state)
            if deadline is None or deadline > max(self.now_ms, self.state.now_ms):
                return
            self.ask(ADMIN, Tick())
        raise AssertionError("a tick always brings the next deadline nearer")

    def restart_from_the_log(self, config: HubConfig) -> None:
        written = write_log(self.log)
        read = read_log(written)
        assert write_log(read) == written
        self.check_recovered(replay(self.config, read.commits, HubState("demo")))
        self.state = replay(config, read.commits, HubState("demo"))
        self.states = []
        self.start(config)

    def restart_from_a_snapshot(self, data: st.DataObject) -> None:
        """Take a snapshot of some moment of this run, and read it and the commits after it."""
        begun = data.draw(st.sampled_from(self.states))
        try:
            slices = list(take_snapshot(begun, data.draw(st.sampled_from([1, 3, 500]))))
        except Unavailable:
            assert any(begun.sessions.entries[one].dormant is not None for (one,) in begun.sessions.order)
            return
        read = read_snapshot(self.config, slices)
        assert read == begun
        recovered = replay(self.config, read_log(write_log(self.log.cut(begun.seq))).commits, read)
        self.check_recovered(recovered)
        self.state = recovered
        self.start(self.config)

    def check_recovered(self, recovered: HubState) -> None:
        assert recovered == self.state
        assert digest(recovered) == digest(self.state)

    # --- what always holds

    @invariant()
    def the_hub_is_as_the_model_says(self) -> None:
        for agent_id, box in self.model.boxes.items():
            assert inbox(self.state, agent_id) == box.count
            assert [letter.number for letter in dead_letters(self.state, agent_id)] == sorted(box.dead)
            assert link_of(self.state, agent_id) == box.link
            of_agent = [talk for talk in self.model.talks.values() if agent_id in talk.there]
            listed = list_sessions(self.state, agent_id=agent_id).sessions
            assert [session.session_id for session in listed] == [talk.session_id for talk in of_agent]
            turns = [turn.session_id for turn in pending_turns(self.config, self.state, agent_id)]
            assert turns == [talk.session_id for talk in of_agent if agent_id in talk.turns()]
            for letter in box.owed.values():
                assert find_by_causation(self.state, agent_id, letter.word.envelope_id) == letter.answer_id
        for session in list_sessions(self.state).sessions:
            talk = self.model.talks[session.session_id]
            assert [one.agent_id for one in session.participants] == talk.there
            assert sorted(session.pending_acks) == sorted(talk.unanswered)
            assert session.state is (SessionState.ACTIVE if talk.active else SessionState.PENDING)
            assert [turn.agent_id for turn in expected(self.config, self.state, session.session_id)] == talk.turns()
            assert list(hidden_participants(self.state, session.session_id)) == talk.hidden
            if not talk.dormant:
                fired = violations(self.state, session.session_id)
                assert {(one.index, one.agent_id, one.cause) for one in fired} == talk.standing
                assert len(fired) == len(talk.standing)
        assert len(list_sessions(self.state).sessions) == len(self.model.talks)
        creators = [talk.creator for talk in self.model.talks.values()]
        assert dict(self.state.sessions.created) == {one: creators.count(one) for one in creators}
        for agent_id, box in self.model.boxes.items():
            assert posts_left(self.state, agent_id, self.now_ms) == box.posts_left(max(self.state.now_ms, self.now_ms))
        assert set(self.state.rates) <= {one for one, box in self.model.boxes.items() if box.rule.limits.rate.per_minute}
        assert set(self.state.mailboxes) <= set(self.model.boxes)

    @invariant()
    def the_tasks_are_as_the_model_says(self) -> None:
        for task, work in zip(list_tasks(self.state).tasks, self.model.works.values(), strict=True):
            assert (task.task_id, task.owner_id, task.session_id) == (work.task_id, work.owner, work.session_id)
            assert (task.started_at_ms, task.expires_at_ms) == (work.began_ms, work.expires_ms)
            assert (packed(task.progress), task.spec.capability) == (packed(work.progress), work.capability)
            assert packed(read_checkpoint(self.state, task.task_id)) == packed(work.checkpoint)
        for agent_id, box in self.model.boxes.items():
            owned = [task.task_id for task in list_tasks(self.state, owner_id=agent_id).tasks]
            assert owned == [work.task_id for work in self.model.works.values() if work.owner == agent_id]
            observed = get_resume(self.state, agent_id).observed
            ends = {name: [stat.n, stat.completed, stat.failed, stat.expired, stat.cancelled] for name, stat in observed.items()}
            kinds = ("completed", "failed", "expired", "cancelled")
            assert ends == {name: [len(came), *map(came.count, kinds)] for name, came in box.observed.items()}

    @invariant()
    def the_agenda_is_bounded_and_never_late(self) -> None:
        agenda = self.state.agenda
        assert {subject_id: due_ms for due_ms, _, subject_id in agenda.by_time} == dict(agenda.by_subject)
        assert len(agenda.by_time) == len(agenda.by_subject)
        assert set(agenda.by_subject) <= {*self.model.boxes, *self.model.talks, *self.model.works}
        due = {agent_id: box.due_ms(self.model.config.limits) for agent_id, box in self.model.boxes.items()}
        due |= {session_id: talk.next_ms() for session_id, talk in self.model.talks.items()}
        for subject_id, due_ms in due.items():
            assert due_ms is None or agenda.by_subject[subject_id] <= due_ms
        for task_id, work in self.model.works.items():
            assert agenda.by_subject.get(task_id) == work.expires_ms

    # --- the end

    def teardown(self) -> None:
        if not self.sound:
            return
        self.everything_owed_is_delivered_once_everyone_is_there()
        self.the_log_tells_all_of_it()

    def everything_owed_is_delivered_once_everyone_is_there(self) -> None:
        for agent_id in list(self.model.boxes):
            if not self.model.boxes[agent_id].remote:
                self.ask(ADMIN, Attach(agent_id=agent_id, link="last"))
            self.ack_all(agent_id)
        self.let_all_happen()
        for agent_id, box in list(self.model.boxes.items()):
            self.ack_all(agent_id)
            assert inbox(self.state, agent_id) == InboxCount(0, 0, box.next_number - 1)

    def ack_all(self, agent_id: str) -> None:
        """Ack all that is owed, as many at once as go in one command."""
        owed, most = sorted(self.model.boxes[agent_id].owed), TIGHT.list_items
        for begin in range(0, len(owed), most):
            answer = self.ask(ADMIN, Ack(agent_id=agent_id, numbers=tuple(owed[begin : begin + most])))
            assert isinstance(answer, Reply)

    def the_log_tells_all_of_it(self) -> None:
        read = read_log(write_log(self.log)).commits
        assert replay(self.config, read, HubState("demo")) == self.state
        ends = [begin for begin, _ in self.runs[1:]] + [len(read)]
        for (begin, config), end in zip(self.runs, ends, strict=True):
            base = replay(config, read[:begin], HubState("demo"))
            report = verify(config, read[begin:end], base)
            assert [str(one) for one in report] == []
            assert report.reconfigured == ()
            assert report.undecided == sum(isinstance(commit.command, CutCommand) for commit in read[begin:end])


def made_id(answer: Effect) -> str | None:
    """The id of what an answer says was made."""
    value = answer.value if isinstance(answer, Reply) else None
    if isinstance(value, Session):
        return value.session_id
    if isinstance(value, Envelope):
        return value.envelope_id
    if isinstance(value, Task):
        return value.task_id
    return value.agent_id if isinstance(value, Passport) else None


def known(word: Envelope) -> tuple[object, ...]:
    """What the model knows of a word."""
    stamp = (word.envelope_id, word.created_at_ms, word.depth)
    told = [word.event_data.get(key) for key in TOLD.get(word.event_type, ())]
    return (word.session_id, word.number, word.event_type, word.sender_id, *stamp, *told)


def as_sent(effect: Effect) -> Sent:
    """What the model knows of an effect."""
    match effect:
        case Deliver():
            return ("Deliver", effect.agent_id, effect.link, effect.number, effect.attempt, effect.envelope.envelope_id)
        case Forward():
            passport, word = effect.passport, effect.envelope
            return ("Forward", passport.agent_id, None, effect.number, effect.attempt, word.envelope_id)
        case Redeliver():
            return ("Redeliver", effect.agent_id, effect.link, effect.number, effect.attempt, effect.envelope_id)
        case Pressure():
            return ("Pressure", effect.agent_id, effect.pending, effect.cap)
        case Evict():
            return ("Evict", effect.agent_id, effect.link)
        case Reply() | Refuse():
            raise AssertionError("an arrival is answered once, and first")
