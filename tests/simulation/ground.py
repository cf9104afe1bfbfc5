"""What a plain program would hold of a hub, and how it says something: the ground of the model."""

from dataclasses import dataclass, field

from foldhub_core import (
    EV_OBSERVATION_RECORDED,
    EV_SESSION_CLOSED,
    EV_TASK_ENDED,
    HUB_SESSION,
    Data,
    Envelope,
    HubConfig,
    Principal,
    TaskState,
    changed,
)
from foldhub_core.ids import make_id
from tests.simulation.mail import Box, Key, Sent
from tests.simulation.talks import Emitted, Fault, Talk
from tests.simulation.works import Work

HUB_EVENTS = ("session.", "expectation.", "task.", "agent.")


class Refused(Exception):
    """A request is refused, with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Now:
    """The request that is being taken: when, under which number, and what came of it so far."""

    now_ms: int
    seq: int
    due: tuple[tuple[str, str], ...]
    principal: Principal
    said: list[Envelope] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    made_id: str | None = None
    changes: bool = False


class Ground:
    """All that there is, and the request that is being taken."""

    def __init__(self, config: HubConfig) -> None:
        self.config = config
        self.started = False
        self.now_ms = 0
        self.boxes: dict[str, Box] = {}
        self.gone: set[str] = set()
        self.talks: dict[str, Talk] = {}
        self.over: set[str] = set()
        self.works: dict[str, Work] = {}
        self.done: set[str] = set()
        self.hub_words = 0
        self.forwarded_again: list[Sent] = []
        """What the beginning of the run forwards again."""
        self.window = 0
        self.recorded: dict[str, int] = {}
        self.now = Now(0, 0, (), Principal())

    def _box(self, agent_id: str) -> Box:
        if agent_id not in self.boxes:
            raise Refused("not_found")
        return self.boxes[agent_id]

    def _talk(self, session_id: str) -> Talk:
        if session_id in self.over:
            raise Refused("session_over")
        if session_id not in self.talks:
            raise Refused("not_found")
        return self.talks[session_id]

    def _check_short(self, text: str | None) -> None:
        if text is not None and len(text) > self.config.limits.short_text_chars:
            raise Refused("malformed")

    def _record(self, agent_id: str, event_type: str, data: dict[str, object] | None = None) -> Envelope:
        """Say something of an agent in the hub's own session."""
        self.hub_words += 1
        stamp = {"envelope_id": self._next_id(), "created_at_ms": self.now.now_ms, "number": self.hub_words}
        word = changed(Envelope(HUB_SESSION, agent_id, event_type, Data(data or {}), ()), **stamp)
        self.now.said.append(word)
        return word

    def _send(self, sent: list[Sent]) -> None:
        self.now.sent += sent
        self.now.changes = True

    # --- keys

    def _known(self, agent_id: str, kind: str, text: str, body: object) -> bool:
        """Whether the request was made before; another one under its key is refused."""
        keys = self.boxes[agent_id].keys if agent_id in self.boxes else []
        for key in keys:
            if key.request == f"{kind}:{text}":
                if key.body != body:
                    raise Refused("key_conflict")
                self.now.made_id = key.made_id
                return True
        return False

    def _remember(self, agent_id: str, kind: str, text: str | None, body: object, made_id: str) -> None:
        if text is not None:
            keys = [*self.boxes[agent_id].keys, Key(f"{kind}:{text}", body, made_id, self.now.now_ms)]
            self.boxes[agent_id].keys = keys[-self.config.limits.keys :]

    # --- what is said

    def _next_id(self) -> str:
        return make_id("demo", "e", self.now.seq, len(self.now.said))

    def _say(self, talk: Talk, word: Envelope, to: list[str], skipped: tuple[str, ...] = ()) -> Envelope:
        """Stamp a word, fold it and owe it."""
        talk.words += 1
        word = changed(word, envelope_id=self._next_id(), created_at_ms=self.now.now_ms, number=talk.words)
        talk.fold(word)
        self.now.said.append(word)
        counted = word.sender_id != "demo" and not word.event_type.startswith(HUB_EVENTS)
        if counted:
            talk.hear(word, to, skipped)
        talk.mend(self.now.now_ms)
        for agent_id in to:
            if agent_id not in skipped:
                self.now.sent += self.boxes[agent_id].deliver(word, counted)
        return word

    def _hub_says(self, talk: Talk, event_type: str, to: list[str], data: dict[str, object] | None = None) -> Envelope:
        return self._say(talk, Envelope(talk.session_id, "demo", event_type, Data(data or {})), to)

    def _finish(self, work: Work, outcome: TaskState) -> None:
        """Say that a task is over, and count it."""
        self._record(work.owner, EV_TASK_ENDED)
        del self.works[work.task_id]
        self.done.add(work.task_id)
        observed, most = self.boxes[work.owner].observed, self.config.limits.capabilities
        if work.capability is not None and (work.capability in observed or len(observed) < most):
            self._record(work.owner, EV_OBSERVATION_RECORDED)
            before = observed.get(work.capability, ())
            observed[work.capability] = (*before, outcome.value)

    def _expire_all(self, owner: str | None = None, session_id: str | None = None) -> None:
        for work in list(self.works.values()):
            if owner in (None, work.owner) and session_id in (None, work.session_id):
                self._finish(work, TaskState.EXPIRED)

    def _end(self, talk: Talk, event_type: str, reason: str, deaf: str | None = None) -> None:
        self._expire_all(session_id=talk.session_id)
        self._hub_says(talk, event_type, [one for one in talk.there if one != deaf], {"reason": reason})
        del self.talks[talk.session_id]
        self.over.add(talk.session_id)

    def _emit(self, talk: Talk, emits: list[Emitted]) -> list[Envelope]:
        return [self._hub_says(talk, event, talk.members if to is None else list(to)) for event, to in emits]

    def _follow(self, talk: Talk, word: Envelope) -> None:
        """Let happen what the protocol wants, until it wants nothing more."""
        words = [word]
        for each in words:
            if len(words) - 1 > self.config.limits.emits:
                raise Fault
            if talk.session_id not in self.talks:
                return
            emits, reason = talk.follows(each)
            words += self._emit(talk, emits)
            if reason is not None:
                self._end(talk, EV_SESSION_CLOSED, reason)

    def _follow_or_refuse(self, talk: Talk, word: Envelope) -> None:
        try:
            self._follow(talk, word)
        except Fault:
            raise Refused("protocol_error") from None

    def _follow_or_sleep(self, talk: Talk, word: Envelope) -> None:
        if not talk.dormant:
            try:
                self._follow(talk, word)
            except Fault:
                talk.dormant = True
