"""The whole hub as a plain program would have it: dicts that change, nothing folded. What the real one is held against.

The place in the log, and which subjects a tick is to look at, are given to it. What is refused, what is said under which
number, what is owed to whom and what is sent, it says itself.
"""

from fractions import Fraction
from typing import NamedTuple, assert_never

from foldhub_core import (
    EV_AGENT_REGISTERED,
    EV_AGENT_UNREGISTERED,
    EV_RULE_SET,
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    Ack,
    Attach,
    CheckpointTask,
    Command,
    Detach,
    EndTask,
    Envelope,
    ForwardDone,
    ForwardFailed,
    HubConfig,
    Nack,
    ObserveTask,
    Post,
    Principal,
    RecordObservation,
    Register,
    RequestCancel,
    Resend,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    TaskState,
    Tick,
    Unregister,
    UpdateTask,
)
from foldhub_core.ids import make_id
from tests.simulation.ground import Now, Refused
from tests.simulation.mail import Box, Sent
from tests.simulation.overdue import Overdue
from tests.simulation.talks import Fault, Talk


class Outcome(NamedTuple):
    """What a request comes to."""

    refusal: str | None
    changes: bool
    made_id: str | None
    said: tuple[Envelope, ...]
    sent: tuple[Sent, ...]


class Model(Overdue):
    """The whole hub."""

    # --- what a request comes to

    def take(
        self, config: HubConfig, principal: Principal, command: Command, now_ms: int, seq: int, due: tuple[tuple[str, str], ...]
    ) -> Outcome:
        """Take a request that would be commit `seq`; `due` are the subjects a tick is to look at."""
        boxes = {agent_id: box.copied() for agent_id, box in self.boxes.items()}
        talks = {session_id: talk.copied() for session_id, talk in self.talks.items()}
        works = {task_id: work.copied() for task_id, work in self.works.items()}
        over, done, hub_words = set(self.over), set(self.done), self.hub_words
        self.now = Now(max(self.now_ms, now_ms), seq, due, principal)
        try:
            self._check_principal(principal, command)
            self._decide(config, command)
        except Refused as refused:
            now_ms = self.now.now_ms
            self.boxes, self.talks, self.over, self.hub_words = boxes, talks, over, hub_words
            self.works, self.done = works, done
            recorded = self._count_refusal(principal.subject, now_ms)
            self.now_ms = now_ms if recorded else self.now_ms
            return Outcome(refused.code, recorded, None, (), ())
        now = self.now
        changes = now.changes or bool(now.said)
        if changes:
            self.now_ms = now.now_ms
        return Outcome(None, changes, now.made_id, tuple(now.said), tuple(now.sent))

    def _count_refusal(self, subject: str, now_ms: int) -> bool:
        limits = self.config.limits
        window = now_ms // limits.refusal_window_ms
        recorded = self.recorded if window == self.window else {}
        if recorded.get(subject, 0) >= limits.refusals:
            return False
        self.window = window
        self.recorded = {**recorded, subject: recorded.get(subject, 0) + 1}
        return True

    def _check_principal(self, principal: Principal, command: Command) -> None:
        if principal.admin:
            return
        if isinstance(command, Start | Tick | Detach | ForwardDone | ForwardFailed | Register):
            raise Refused("access_denied")
        acts = command.envelope.sender_id if isinstance(command, Post) else getattr(command, type(command).acting)
        if acts not in principal.agent_ids:
            raise Refused("access_denied")

    def _decide(self, config: HubConfig, command: Command) -> None:
        if not self.started and not isinstance(command, Start):
            raise Refused("unavailable")
        match command:
            case Start():
                self._start(config)
            case Tick():
                self._tick()
            case Register():
                self._register(command)
            case Unregister():
                self._unregister(command.agent_id)
            case SetRule():
                box = self._box(command.agent_id)
                if box.rule != command.rule:
                    box.rule = command.rule
                    if command.rule.limits.rate.per_minute == 0:
                        box.spent = Fraction(0)
                    self._record(command.agent_id, EV_RULE_SET)
            case Attach() | Detach() | Ack() | Nack() | Resend():
                self._ask_box(command)
            case ForwardDone() | ForwardFailed():
                self._forwarded(command)
            case ObserveTask() | UpdateTask() | CheckpointTask() | EndTask() | RequestCancel():
                self._ask_task(command)
            case SetResume() | SetSkill() | RecordObservation():
                raise AssertionError("not asked here")
            case _:
                self._ask_session(command)

    def _ask_box(self, command: Attach | Detach | Ack | Nack | Resend) -> None:
        if isinstance(command, Detach):
            known = self.boxes.get(command.agent_id)
            if known is not None and known.link == command.link:
                known.link = None
                self.now.changes = True
            return
        box, now_ms = self._box(command.agent_id), self.now.now_ms
        match command:
            case Attach():
                self._check_short(command.link)
                if box.remote:
                    raise Refused("protocol_error")
                if box.link != command.link:
                    self._send(box.attach(command.link))
            case Ack():
                if len(command.numbers) > self.config.limits.list_items:
                    raise Refused("malformed")
                for number in command.numbers:
                    self.now.changes = box.owed.pop(number, None) is not None or self.now.changes
            case Nack():
                self.now.changes = box.nack(command.number, now_ms, self.config.limits)
            case Resend():
                if command.number in box.dead:
                    self._send(box.resend(command.number, now_ms))
                elif not 0 < command.number < box.next_number:
                    raise Refused("not_found")
            case _:
                assert_never(command)

    def _forwarded(self, command: ForwardDone | ForwardFailed) -> None:
        if command.agent_id in self.gone:
            return
        box = self._box(command.agent_id)
        if not box.remote:
            raise Refused("protocol_error")
        if isinstance(command, ForwardDone):
            self.now.changes = box.owed.pop(command.number, None) is not None
        else:
            self.now.changes = box.nack(command.number, self.now.now_ms, self.config.limits)

    # --- the run, the time, the agents

    def _start(self, config: HubConfig) -> None:
        self.started, self.config, self.now.changes = True, config, True
        self.forwarded_again = []
        for _, box in sorted(self.boxes.items()):
            box.link = None
            self.forwarded_again += box.forward_again() if box.remote else []
        for talk in self.talks.values():
            talk.dormant = config.adapter_of(talk.manifest) is None
            talk.mend(self.now_ms)

    def _tick(self) -> None:
        limits, now_ms = self.config.limits, self.now.now_ms
        for kind, subject_id in self.now.due:
            self.now.changes = True
            if kind == "agent":
                self._send(self.boxes[subject_id].make_due(now_ms, limits))
                continue
            if kind == "task":
                if subject_id in self.works:
                    self._finish(self.works[subject_id], TaskState.EXPIRED)
                continue
            talk = self.talks[subject_id]
            if talk.expires_ms is not None and talk.expires_ms <= now_ms:
                self._end(talk, EV_SESSION_EXPIRED, "ttl_expired")
            elif talk.until_ms is not None and talk.until_ms <= now_ms:
                self._end(talk, EV_SESSION_CLOSED, "invite_timeout")
            elif talk.awake and talk.due_ms is not None and talk.due_ms <= now_ms:
                self._deadline(talk)
            self._look(talk)

    def _deadline(self, talk: Talk) -> None:
        try:
            emits, reason = talk.deadline()
            for word in self._emit(talk, emits):
                self._follow(talk, word)
            if reason is not None:
                self._end(talk, EV_SESSION_CLOSED, reason)
        except Fault:
            talk.dormant = True

    def _register(self, command: Register) -> None:
        name, key = command.passport.name, command.idempotency_key
        taken = next((box for box in self.boxes.values() if box.name == name), None)
        if taken is not None:
            if key is None or not self._known(taken.agent_id, "register", key, command):
                raise Refused("protocol_error")
            return
        agent_id = make_id("demo", "a", self.now.seq)
        self.boxes[agent_id] = Box(agent_id, name, command.rule, command.passport.kind == "remote_agent")
        self._record(agent_id, EV_AGENT_REGISTERED)
        self._remember(agent_id, "register", key, command, agent_id)
        self.now.made_id = agent_id

    def _unregister(self, agent_id: str) -> None:
        if agent_id in self.gone:
            return
        self._box(agent_id)
        self._expire_all(owner=agent_id)
        for session_id in [one for one, talk in self.talks.items() if agent_id in talk.there]:
            self._take_out(session_id, agent_id, deaf=agent_id)
        self._record(agent_id, EV_AGENT_UNREGISTERED)
        del self.boxes[agent_id]
        self.gone.add(agent_id)
