"""A hub whose agents talk: driven by their names, and everything that must hold of every step checked at every step."""

from collections.abc import Iterable
from typing import Any

import attrs

from foldhub_core import (
    EV_SESSION_EXPIRED,
    EV_TASK_ENDED,
    EV_TEXT,
    Ack,
    Adapter,
    AnswerInvite,
    Arbiter,
    Attach,
    CheckpointTask,
    CloseSession,
    Command,
    Deliver,
    Detach,
    Effect,
    EndTask,
    Envelope,
    HubConfig,
    HubState,
    Leave,
    Limits,
    Manifest,
    Nack,
    ObserveTask,
    OpenSession,
    ParticipantBounds,
    Post,
    Principal,
    Redeliver,
    RemoveParticipant,
    RequestCancel,
    Resend,
    Rule,
    RuleBasedArbiter,
    RuleLimits,
    Session,
    SessionTypes,
    SetRule,
    Skipped,
    Start,
    Step,
    Task,
    TaskSpec,
    TaskState,
    Tick,
    Unregister,
    UpdateTask,
    changed,
    dead_letters,
    get_session,
    inbox,
    replay,
    verify,
)
from foldhub_core.adapters.protocol import NOTHING_FOLLOWS, AdapterResult
from foldhub_core.commits import read_commit
from foldhub_core.config import BUILT_IN
from foldhub_core.delivery import next_due as delivery_due
from foldhub_core.envelope import EV_SESSION_CLOSED
from foldhub_core.rule import Access, Inbox
from foldhub_core.words import next_due as session_due
from tests.core.hub_driver import ADMIN, HUB_ID, Hub, owner


@attrs.frozen
class Heard:
    """What a test's protocol remembers: the types of all words, in their order."""

    event_types: tuple[str, ...] = ()


class Free(Adapter[Heard]):
    """A protocol that lets everybody say everything; tests override what they are about."""

    state_type = Heard

    def __init__(self, type: str = "free", version: int = 1, least: int = 1, most: int | None = None, **fields: Any) -> None:
        self.manifest = Manifest(type, version, ParticipantBounds(least, most), **fields)

    def initial_state(self, session: Session) -> Heard:
        return Heard()

    def validate_send(self, session: Session, state: Heard, envelope: Envelope) -> None:
        pass

    def fold(self, state: Heard, envelope: Envelope) -> Heard:
        return Heard((*state.event_types, envelope.event_type))


class Following(Free):
    """A protocol that says what follows from a word of one type, by its table."""

    def __init__(self, follows: dict[str, AdapterResult], **fields: Any) -> None:
        super().__init__("following", **fields)
        self.follows = follows

    def on_accepted(self, session: Session, state: Heard, envelope: Envelope) -> AdapterResult:
        return self.follows.get(envelope.event_type, NOTHING_FOLLOWS)


class Broken(Free):
    """A protocol that raises in one of its methods, at words of one type where it is given a word."""

    def __init__(self, place: str, on: str = "", error: Exception | None = None, **fields: Any) -> None:
        super().__init__("broken", **fields)
        self.place = place
        self.on = on
        self.error = RuntimeError("out of order") if error is None else error

    def _maybe(self, place: str, event_type: str = "") -> None:
        if place == self.place and event_type == self.on:
            raise self.error

    def initial_state(self, session: Session) -> Heard:
        self._maybe("initial_state")
        return Heard()

    def validate_create(self, session: Session) -> None:
        self._maybe("validate_create")

    def validate_send(self, session: Session, state: Heard, envelope: Envelope) -> None:
        self._maybe("validate_send", envelope.event_type)

    def fold(self, state: Heard, envelope: Envelope) -> Heard:
        self._maybe("fold", envelope.event_type)
        return super().fold(state, envelope)

    def on_accepted(self, session: Session, state: Heard, envelope: Envelope) -> AdapterResult:
        self._maybe("on_accepted", envelope.event_type)
        return NOTHING_FOLLOWS

    def next_deadline(self, session: Session, state: Heard) -> int | None:
        if state.event_types:
            self._maybe("next_deadline", state.event_types[-1])
        return None


class Talks(Hub):
    """A hub with these agents, who are known by their names, and these protocols beside the built-in ones."""

    def __init__(
        self,
        *names: str,
        adapters: Iterable[Adapter[Any]] = (),
        limits: Limits | None = None,
        remote_agents: bool = False,
        arbiter: Arbiter | None = None,
        **more: Any,
    ) -> None:
        super().__init__(started=False, remote_agents=remote_agents)
        self.ids: dict[str, str] = {}
        self.arbiter = arbiter or RuleBasedArbiter()
        self.restart(*adapters, limits=limits, **more)
        for name in names:
            self.join(name)

    # --- what is asked

    def step(self, principal: Principal, command: Command, now_ms: int | None = None) -> Step:
        before = self.state
        result = super().step(principal, command, now_ms)
        if result.commit is not None:
            self._check_commit(before, result)
            check_state(self.config, self.state)
        return result

    def configured(self, *adapters: Adapter[Any], built_in: bool, limits: Limits | None, **more: Any) -> HubConfig:
        every = (*BUILT_IN, *adapters) if built_in else adapters
        remote = self.config.remote_agents
        return HubConfig(adapters=every, limits=limits or Limits(), arbiter=self.arbiter, remote_agents=remote, **more)

    def restart(self, *adapters: Adapter[Any], built_in: bool = True, limits: Limits | None = None, **more: Any) -> None:
        """Begin a run under these protocols and limits, and what else is configured; the state is the one there was."""
        self.config = self.configured(*adapters, built_in=built_in, limits=limits, **more)
        self.value(ADMIN, Start(), self.now_ms)

    def recover(self, *adapters: Adapter[Any], built_in: bool = True, limits: Limits | None = None, **more: Any) -> None:
        """Begin a run under these protocols on the state that the log gives under them."""
        self.config = self.configured(*adapters, built_in=built_in, limits=limits, **more)
        self.state = replay(self.config, self.log, HubState(HUB_ID))
        self.value(ADMIN, Start(), self.now_ms)

    def join(self, name: str, **fields: Any) -> str:
        """Register an agent that is known by its name from then on; gives its id."""
        self.ids[name] = self.register(name, by=owner(name), **fields)
        return self.ids[name]

    def who(self, name: str) -> Principal:
        """The principal that may act for one agent."""
        return owner(name, self.ids[name])

    def these(self, *names: str) -> tuple[str, ...]:
        return tuple([self.ids[name] for name in names])

    def opening(self, creator: str, *others: str, type: str = "conversation", **fields: Any) -> OpenSession:
        return OpenSession(creator_id=self.ids[creator], type=type, participants=self.these(*others), **fields)

    def pending(self, creator: str, *others: str, now_ms: int | None = None, **fields: Any) -> str:
        """Open a session; gives its id."""
        session: Session = self.value(self.who(creator), self.opening(creator, *others, **fields), now_ms)
        return session.session_id

    def opened(self, creator: str, *others: str, **fields: Any) -> str:
        """Open a session that all others accept; gives its id."""
        session_id = self.pending(creator, *others, **fields)
        for name in others:
            self.answer(name, session_id)
        return session_id

    def answer(self, name: str, session_id: str, accept: bool = True, reason: str = "", now_ms: int | None = None) -> None:
        command = AnswerInvite(session_id=session_id, agent_id=self.ids[name], accept=accept, reason=reason)
        assert self.value(self.who(name), command, now_ms) is None

    def saying(self, sender: str, session_id: str, text: str = "hi", to: tuple[str, ...] | None = None, **fields: Any) -> Post:
        fields.setdefault("event_type", EV_TEXT)
        audience = None if to is None else self.these(*to)
        return Post(envelope=Envelope(session_id, self.ids[sender], event_data={"text": text}, audience=audience, **fields))

    def say(self, sender: str, session_id: str, text: str = "hi", to: tuple[str, ...] | None = None, **fields: Any) -> Envelope:
        """Post a text; gives the stamped envelope."""
        now_ms = fields.pop("now_ms", None)
        word: Envelope = self.value(self.who(sender), self.saying(sender, session_id, text, to, **fields), now_ms)
        return word

    def unsaid(self, sender: str, session_id: str, text: str = "hi", to: tuple[str, ...] | None = None, **fields: Any) -> str:
        """Post a text that is refused; gives the code."""
        return self.refused(self.who(sender), self.saying(sender, session_id, text, to, **fields))

    def leave(self, name: str, session_id: str, reason: str = "") -> None:
        self.value(self.who(name), Leave(session_id=session_id, agent_id=self.ids[name], reason=reason))

    def remove(self, name: str, session_id: str, out: str, reason: str = "") -> None:
        whom = {"agent_id": self.ids[name], "participant_id": self.ids[out]}
        self.value(self.who(name), RemoveParticipant(session_id=session_id, reason=reason, **whom))

    def close(self, name: str, session_id: str, **fields: Any) -> tuple[Effect, ...]:
        return self.ask(self.who(name), CloseSession(session_id=session_id, agent_id=self.ids[name], **fields))

    def unregister(self, name: str) -> None:
        self.value(self.who(name), Unregister(agent_id=self.ids[name]))

    def ack(self, name: str, *numbers: int) -> None:
        self.value(self.who(name), Ack(agent_id=self.ids[name], numbers=numbers))

    def ack_all(self, *names: str) -> None:
        for name in names or tuple(self.ids):
            self.ack(name, *self.numbers(name))

    def nack(self, name: str, number: int, reason: str = "", now_ms: int | None = None) -> None:
        self.value(self.who(name), Nack(agent_id=self.ids[name], number=number, reason=reason), now_ms)

    def resend(self, name: str, number: int) -> tuple[Effect, ...]:
        return self.ask(self.who(name), Resend(agent_id=self.ids[name], number=number))[1:]

    def attach(self, name: str, link: str = "l1") -> tuple[Effect, ...]:
        return self.ask(self.who(name), Attach(agent_id=self.ids[name], link=link))[1:]

    def detach(self, name: str, link: str = "l1") -> None:
        self.value(ADMIN, Detach(agent_id=self.ids[name], link=link))

    def tick(self, now_ms: int) -> tuple[Effect, ...]:
        return self.ask(ADMIN, Tick(), now_ms)[1:]

    def observing(self, owner: str, session_id: str | None = None, title: str = "Sum it up.", **fields: Any) -> ObserveTask:
        spec = TaskSpec(title, capability=fields.pop("capability", None))
        return ObserveTask(owner_id=self.ids[owner], spec=spec, session_id=session_id, **fields)

    def observe(self, owner: str, session_id: str | None = None, now_ms: int | None = None, **fields: Any) -> str:
        """Begin a task; gives its id."""
        task: Task = self.value(self.who(owner), self.observing(owner, session_id, **fields), now_ms)
        return task.task_id

    def progress(self, owner: str, task_id: str, **progress: Any) -> Task:
        task: Task = self.value(self.who(owner), UpdateTask(task_id=task_id, agent_id=self.ids[owner], progress=progress))
        return task

    def checkpoint(self, owner: str, task_id: str, **data: Any) -> None:
        assert self.value(self.who(owner), CheckpointTask(task_id=task_id, agent_id=self.ids[owner], data=data)) is None

    def end_task(self, owner: str, task_id: str, outcome: TaskState = TaskState.COMPLETED, **fields: Any) -> tuple[Effect, ...]:
        """End a task; gives what is owed for it."""
        return self.step(self.who(owner), self.ending(owner, task_id, outcome, **fields)).effects[1:]

    def ending(self, owner: str, task_id: str, outcome: TaskState = TaskState.COMPLETED, **fields: Any) -> EndTask:
        return EndTask(task_id=task_id, agent_id=self.ids[owner], outcome=outcome, **fields)

    def request_cancel(self, name: str, task_id: str, reason: str = "") -> tuple[Effect, ...]:
        """Ask for a task's end; gives what is owed for it."""
        return self.ask(self.who(name), RequestCancel(task_id=task_id, agent_id=self.ids[name], reason=reason))[1:]

    def set_rule(
        self,
        name: str,
        *,
        inbound_from: tuple[str, ...] = ("*",),
        outbound_to: tuple[str, ...] = ("*",),
        session_types: SessionTypes | None = None,
        inbox: Inbox | None = None,
        **limits: Any,
    ) -> None:
        access = Access(inbound_from, outbound_to, session_types or SessionTypes())
        rule = Rule(access, RuleLimits(inbox=inbox or Inbox(), **limits))
        self.value(self.who(name), SetRule(agent_id=self.ids[name], rule=rule))

    # --- what came of it

    def session(self, session_id: str) -> Session:
        return get_session(self.state, session_id)

    def is_live(self, session_id: str) -> bool:
        return session_id in self.state.sessions.entries

    def words(self, session_id: str) -> list[Envelope]:
        """All words of a session, as the log holds them."""
        facts = [fact for commit in self.log for fact in commit.facts]
        return [fact for fact in facts if isinstance(fact, Envelope) and fact.session_id == session_id]

    def types(self, session_id: str) -> list[str]:
        return [word.event_type for word in self.words(session_id)]

    def ends(self, commit: int = -1) -> list[tuple[str, str, str]]:
        """The tasks that ended in a commit, by default the last: which, how, and why."""
        facts = [fact for fact in self.log[commit].facts if isinstance(fact, Envelope)]
        ends = [fact.event_data for fact in facts if fact.event_type == EV_TASK_ENDED]
        return [(str(data["task_id"]), str(data["outcome"]), str(data["error"])) for data in ends]

    def end(self, session_id: str) -> dict[str, object]:
        """What the last word of a session that is over says, but for the id."""
        assert not self.is_live(session_id), "the session goes on"
        last = self.words(session_id)[-1]
        assert last.event_type in (EV_SESSION_CLOSED, EV_SESSION_EXPIRED)
        assert last.event_data["session_id"] == session_id
        return {key: value for key, value in last.event_data.items() if key != "session_id"}

    def numbers(self, name: str) -> tuple[int, ...]:
        """The numbers of what is owed to an agent."""
        mailbox = self.state.mailboxes.get(self.ids[name])
        return () if mailbox is None else mailbox.numbered()

    def owed_types(self, name: str) -> list[str]:
        """What is owed to an agent, by the types of the words, in the order of its numbers."""
        mailbox = self.state.mailboxes[self.ids[name]]
        said = {word.envelope_id: word for commit in self.log for word in commit.facts if isinstance(word, Envelope)}
        return [said[mailbox.owed[number].envelope_id].event_type for number in mailbox.numbered()]

    def count(self, name: str) -> int:
        """How much of what is owed to an agent counts."""
        return inbox(self.state, self.ids[name]).pending

    def dead(self, name: str) -> dict[int, str]:
        """The dead letters of an agent: why each was given up."""
        return {letter.number: letter.reason for letter in dead_letters(self.state, self.ids[name])}

    # --- what must hold

    def _check_commit(self, before: HubState, result: Step) -> None:
        """By induction: the whole log, read back from its bytes, leads to this state and is decided again alike."""
        commit = result.commit
        assert commit is not None
        again = read_commit(HUB_ID, commit.seq, commit.form, commit.payload, commit.previous, commit.chain)
        assert replay(self.config, [again], before) == result.state
        assert list(verify(self.config, [again], before)) == []
        if commit.refusal is not None:
            now = result.state
            moved = {"seq": now.seq, "now_ms": now.now_ms, "head": now.head, "refusals": now.refusals}
            assert changed(before, **moved) == now, "a refusal changes nothing else"
        if isinstance(commit.command, Start):
            return
        for effect in result.effects[1:]:
            if isinstance(effect, Deliver | Redeliver):
                assert self.state.links.get(effect.agent_id, effect.link) == effect.link


def check_state(config: HubConfig, state: HubState) -> None:
    """Check what must hold of a state, by counting again what it keeps counted."""
    assert (state.withheld, state.addressed) == ((), None)
    rated = {agent_id for agent_id, entry in state.registry.agents.items() if entry.rule.limits.rate.per_minute}
    assert set(state.rates) <= rated, "who has no rate has spent nothing of it"
    for agent_id, mailbox in state.mailboxes.items():
        assert agent_id in state.registry.agents
        assert mailbox.pending == sum(owed.counted for owed in mailbox.owed.values())
        assert dict(mailbox.numbers) == {owed.envelope_id: number for number, owed in mailbox.owed.items()}
        assert mailbox.settled == min(mailbox.owed, default=mailbox.next_number) - 1
        assert set(mailbox.waiting) <= set(mailbox.owed)
        assert not set(mailbox.dead) & set(mailbox.owed)
        due_ms = delivery_due(state, agent_id)
        assert due_ms is None or state.agenda.by_subject[agent_id] <= due_ms, "a deadline is never late"
    sessions = state.sessions
    creators = [entry.session.creator_id for entry in sessions.entries.values()]
    assert dict(sessions.created) == {agent_id: creators.count(agent_id) for agent_id in creators}
    assert [session_id for (session_id,) in sessions.order] == sorted(sessions.entries) == sorted(sessions.talks)
    places: dict[str, list[str]] = {}
    for session_id in sorted(sessions.entries):
        entry, talk = sessions.entries[session_id], sessions.talks[session_id]
        for participant in entry.session.participants:
            places.setdefault(participant.agent_id, []).append(session_id)
        ids = {participant.agent_id for participant in entry.session.participants}
        assert set(entry.members) | set(entry.session.pending_acks) == ids
        assert not set(entry.members) & set(entry.session.pending_acks)
        assert set(entry.hidden) <= set(entry.members)
        due_ms = session_due(config, entry, talk)
        assert due_ms is None or state.agenda.by_subject[session_id] <= due_ms, "a deadline is never late"
    assert {agent_id: [one for (one,) in found] for agent_id, found in sessions.of_agent.items()} == places
    check_tasks(state)


def check_tasks(state: HubState) -> None:
    """Check what must hold of tasks: every owner and session is there, and every order is whole."""
    tasks = state.tasks
    assert [task_id for (task_id,) in tasks.order] == sorted(tasks.entries)
    owners: dict[str, list[str]] = {}
    sessions: dict[str, list[str]] = {}
    for task_id in sorted(tasks.entries):
        task = tasks.entries[task_id].task
        assert (task.task_id, task.state) == (task_id, TaskState.RUNNING)
        assert task.owner_id in state.registry.agents
        owners.setdefault(task.owner_id, []).append(task_id)
        assert state.agenda.by_subject.get(task_id) == task.expires_at_ms
        if task.session_id is not None:
            assert task.owner_id in state.sessions.entries[task.session_id].members
            sessions.setdefault(task.session_id, []).append(task_id)
    assert {owner_id: [one for (one,) in found] for owner_id, found in tasks.of_owner.items()} == owners
    assert {session_id: [one for (one,) in found] for session_id, found in tasks.of_session.items()} == sessions
    live = {*state.registry.agents, *state.sessions.entries, *tasks.entries}
    assert set(state.agenda.by_subject) <= live, "nothing comes due of what is gone"


def skipped_by(hub: Talks) -> list[tuple[tuple[str, ...], str]]:
    """Whom the last commit's marks say were not delivered to, and why."""
    names = {agent_id: name for name, agent_id in hub.ids.items()}
    marks = [fact for fact in hub.log[-1].facts if isinstance(fact, Skipped)]
    return [(tuple([names[one] for one in mark.agent_ids]), mark.reason) for mark in marks]
