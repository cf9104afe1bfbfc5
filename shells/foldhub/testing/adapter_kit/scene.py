"""A session that is played, as a value: the hub it is in, what was said, and what every move came to.

A scene never changes. To play a move gives the next one, so that a session can be gone on with from any point in several ways.
Everything happens on the real core: what a scene shows is what a user's hub would do.
"""

from functools import cached_property
from typing import Any, NamedTuple, cast

import attrs

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    Arrival,
    Command,
    Commit,
    Draft,
    Envelope,
    ErrorRecord,
    Fact,
    HubConfig,
    HubState,
    Inbox,
    NetworkError,
    ObserveTask,
    Passport,
    Principal,
    Refuse,
    Register,
    Reply,
    RequestCancel,
    Resume,
    Rule,
    RuleLimits,
    Session,
    SessionState,
    Start,
    Step,
    Task,
    TaskSpec,
    Tick,
    error_record,
    next_deadline,
    step,
)
from foldhub_core.config import AnyAdapter
from foldhub_core.ids import make_id
from foldhub_core.sessions import Faulty, SessionEntry

from .acting import command_of, opening_command
from .call import Call
from .memory import Memory
from .moves import CallOff, Close, Invite, Move, Opening, Remove, Say, Script, Wait
from .probe import Probe
from .vocabulary import DEFAULT, Maker, Place, drafts_of, information

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
MOST_PEOPLE = len(NAMES)
BEGIN_MS = 1_700_000_000_000
"""When every hub of the kit begins: no small number is ever taken for a time."""
MOVE_MS = 10
ADMIN = Principal(admin=True)
LAST_WORDS = (EV_SESSION_CLOSED, EV_SESSION_EXPIRED)


class Stage:
    """What is the same for all sessions that are played of one adapter: a hub that knows it, and people."""

    def __init__(
        self, adapter: AnyAdapter, makers: tuple[Maker, ...] = (), base: HubConfig | None = None, hub_id: str = "kit"
    ) -> None:
        self.adapter = adapter
        self.probe = Probe(adapter)
        self.own_makers = makers
        self.base = base
        self.config = attrs.evolve(base or HubConfig(), adapters=(self.probe,))
        self.memory = Memory(adapter)
        self.hub = HubState(hub_id)
        self.probing_id = make_id(hub_id, "e", 999_999_999)
        """The id of what is only asked about."""
        self.people: list[str] = []
        rule = Rule(limits=RuleLimits(inbox=Inbox(0)))
        commands: list[Command] = [Start()]
        commands += [Register(passport=Passport(name), resume=Resume(), rule=rule) for name in NAMES]
        for command in commands:
            taken = step(self.config, self.hub, Arrival(principal=ADMIN, command=command, now_ms=BEGIN_MS))
            answer = taken.effects[0]
            assert isinstance(answer, Reply), answer
            self.hub = taken.state
            if isinstance(answer.value, Passport):
                self.people.append(cast(str, answer.value.agent_id))
        self.names = dict(zip(self.people, NAMES, strict=True))
        self._makers = (*DEFAULT, *information(adapter.manifest))
        self._known: dict[tuple[str, tuple[str, ...]], tuple[Draft, ...]] = {}

    def drafts(self, place: Place) -> tuple[Draft, ...]:
        """What somebody might say, allowed or not: what the tester knows of, and what a hub knows of."""
        key = (place.sender_id, place.others)
        if key not in self._known:  # it depends on nothing else
            self._known[key] = drafts_of(self._makers, place)
        return (*drafts_of(self.own_makers, place), *self._known[key])

    def open(self, opening: Opening) -> "Scene":
        """Open a session."""
        return Scene(self, opening, self.hub, now_ms=BEGIN_MS).opened()

    def play(self, script: Script) -> "Scene":
        """Play a whole session; gives its end."""
        scene = self.open(script.opening)
        for move in script.moves:
            scene = scene.play(move)
        return scene


class Tried(NamedTuple):
    """What the rules alone answer to what somebody might say."""

    agent_id: str
    draft: Draft
    answer: object
    error: Exception | None


@attrs.frozen(eq=False, slots=False)
class Scene:
    """A session at one point."""

    stage: Stage
    opening: Opening
    hub: HubState
    now_ms: int
    session_id: str = ""
    """Empty where the opening was refused."""
    move: Move | None = None
    """The move that led here; None for the opening."""
    before: "Scene | None" = None
    words: tuple[Envelope, ...] = ()
    """What the move said, and what followed from it."""
    refused: ErrorRecord | None = None
    """Why the move was refused; None where it was not."""
    calls: tuple[Call, ...] = ()
    """What the hub asked the adapter."""
    commits: tuple[Commit, ...] = ()
    remembered: str | None = None
    """What the adapter changed outside the state."""
    depth: int = 0
    said: int = 0
    """How many words the session has."""

    # --- how it is

    @property
    def entry(self) -> SessionEntry | None:
        """What the hub holds of the session; None where it is over, or never was."""
        return self.hub.sessions.entries.get(self.session_id)

    @property
    def session(self) -> Session | None:
        """The session; None where it is over."""
        entry = self.entry
        return None if entry is None else entry.session

    @property
    def state(self) -> Any:
        """The protocol's state; None where there is none. Any: it is the adapter's own."""
        talk = self.hub.sessions.talks.get(self.session_id)
        return None if talk is None or type(talk.protocol) is Faulty else talk.protocol

    @property
    def last_state(self) -> Any:
        """The last state the adapter gave in this move; None where it gave none. Any: as above."""
        folded = [call.result for call in self.calls if call.method in ("fold", "initial_state") and call.error is None]
        return folded[-1] if folded else None

    @property
    def is_live(self) -> bool:
        """Whether the session goes on."""
        return self.entry is not None and self.entry.dormant is None and self.state is not None

    @property
    def is_active(self) -> bool:
        """Whether somebody may speak."""
        return self.is_live and self.entry is not None and self.entry.session.state is SessionState.ACTIVE

    @property
    def closed_as(self) -> str | None:
        """The reason the session was closed for by this move; None where it was not."""
        last = [word for word in self.words if word.event_type in LAST_WORDS]
        return str(last[-1].event_data.get("reason")) if last else None

    @property
    def script(self) -> Script:
        """How it came here."""
        return Script(self.opening, tuple([cast(Move, scene.move) for scene in self.history[1:]]))

    @property
    def history(self) -> tuple["Scene", ...]:
        """All scenes up to this one, the opening first."""
        scenes: list[Scene] = []
        at: Scene | None = self
        while at is not None:
            scenes.append(at)
            at = at.before
        return tuple(reversed(scenes))

    @property
    def transcript(self) -> tuple[Envelope, ...]:
        """All words of the session."""
        return tuple([word for scene in self.history for word in scene.words])

    @property
    def members(self) -> tuple[str, ...]:
        """Who takes part, by id."""
        return () if self.entry is None else self.entry.members

    def places(self, agent_ids: tuple[str, ...]) -> list[int]:
        """The places of people."""
        return [self.stage.people.index(agent_id) for agent_id in agent_ids]

    @property
    def pending(self) -> tuple[str, ...]:
        """Who was invited and has not answered."""
        return () if self.session is None else self.session.pending_acks

    # --- what may be said

    def drafts(self, agent_id: str) -> tuple[Draft, ...]:
        """What somebody might say, allowed or not."""
        return self.stage.drafts(self.place(agent_id))

    def place(self, agent_id: str) -> Place:
        """Where somebody might say something."""
        assert self.session is not None
        return Place(self.session, self.state, agent_id, tuple([one for one in self.members if one != agent_id]))

    def say(self, agent_id: str, draft: Draft) -> Say:
        """The move that says it."""
        to = None if draft.audience is None else self.places(draft.audience)
        return Say(self.stage.people.index(agent_id), draft.event_type, draft.event_data, None if to is None else tuple(to))

    def tried_by(self, agent_id: str, drafts: tuple[Draft, ...]) -> list["Tried"]:
        """Ask the rules alone whether somebody may say this now."""
        session, state, validate = self.session, self.state, self.stage.adapter.validate_send
        assert session is not None
        came: list[Tried] = []
        session_id, now_ms, number = self.session_id, self.now_ms + MOVE_MS, self.said + 1
        for draft in drafts:
            word = Envelope(
                session_id,
                agent_id,
                draft.event_type,
                draft.event_data,
                draft.audience,
                envelope_id=self.stage.probing_id,
                created_at_ms=now_ms,
                number=number,
            )
            answer, raised = None, None
            try:
                answer = cast(object, validate(session, state, word))
            except Exception as error:
                raised = error.with_traceback(None)  # or every word that is refused would keep this frame, and all in it
            came.append(Tried(agent_id, draft, answer, raised))
        return came

    @cached_property
    def tried(self) -> tuple["Tried", ...]:
        """Everything that everybody might say now, and what the rules answer."""
        if not self.is_active:
            return ()
        return tuple([one for who in self.members for one in self.tried_by(who, self.drafts(who))])

    @cached_property
    def choices(self) -> tuple[tuple[str, Draft], ...]:
        """What may be said now: who, and what."""
        return tuple([(one.agent_id, one.draft) for one in self.tried if one.error is None])

    @cached_property
    def owing(self) -> Call | None:
        """What the adapter answers to the question who owes a turn; None where it is not asked."""
        if not self.is_active:
            return None
        return Call(self.stage.adapter, "expected_next", (self.session, self.state)).again()

    @property
    def expected(self) -> tuple[str, ...]:
        """Who owes a turn, by id, as far as the adapter says so."""
        owing = self.owing
        turns: Any = () if owing is None else owing.result  # Any: a law looks at what it is
        if not issubclass(type(turns), tuple):
            return ()
        return tuple([one.agent_id for one in turns if getattr(one, "agent_id", None) in self.members])

    @property
    def due_ms(self) -> int | None:
        """When the hub looks at the session next."""
        return self.hub.agenda.by_subject.get(self.session_id)

    @property
    def waits_until_ms(self) -> int | None:
        """What the protocol itself waits for."""
        if not self.is_active:
            return None
        asked = Call(self.stage.adapter, "next_deadline", (self.session, self.state)).again()
        return asked.result if type(asked.result) is int else None

    # --- playing

    def opened(self) -> "Scene":
        """Open the session; the scene is the first one."""
        people = self.stage.people
        command = opening_command(self.stage.adapter.manifest, people, self.opening)
        self.stage.probe.taken()
        self.stage.memory.changed()
        return self._came(None, [self._asked(self.hub, command, people[0], self.now_ms)])

    def play(self, move: Move) -> "Scene":
        """Play a move."""
        people = self.stage.people
        now_ms = self.now_ms + (move.ms if isinstance(move, Wait) else MOVE_MS)
        self.stage.probe.taken()
        self.stage.memory.changed()  # what the laws asked since is not this move's
        try:
            if isinstance(move, Wait):
                return self._came(move, self._waited(now_ms))
            if isinstance(move, CallOff):
                return self._came(move, self._called_off(people[move.who], now_ms))
            command = command_of(people, self.session_id, move)
        except NetworkError as error:  # it is no envelope, before any hub sees it
            return self._came(move, [], error_record(error))
        actor = "" if isinstance(move, Close) else people[0 if isinstance(move, Invite | Remove) else move.who]
        return self._came(move, [self._asked(self.hub, command, actor, now_ms)])

    def _asked(self, hub: HubState, command: Command, actor_id: str, now_ms: int) -> Step:
        principal = Principal(subject=self.stage.names[actor_id], agent_ids=(actor_id,)) if actor_id else ADMIN
        return step(self.stage.config, hub, Arrival(principal=principal, command=command, now_ms=now_ms))

    def _waited(self, until_ms: int) -> list[Step]:
        taken: list[Step] = []
        hub = self.hub
        while (due_ms := next_deadline(hub)) is not None and due_ms <= until_ms:
            taken.append(self._asked(hub, Tick(), "", due_ms))
            hub = taken[-1].state
        return taken

    def _called_off(self, agent_id: str, now_ms: int) -> list[Step]:
        begun = self._asked(
            self.hub, ObserveTask(owner_id=agent_id, spec=TaskSpec("work"), session_id=self.session_id), agent_id, now_ms
        )
        answer = begun.effects[0]
        if not isinstance(answer, Reply) or not isinstance(answer.value, Task):
            return [begun]
        asked = RequestCancel(task_id=answer.value.task_id, agent_id=agent_id, reason="enough")
        return [begun, self._asked(begun.state, asked, agent_id, now_ms)]

    def _came(self, move: Move | None, taken: list[Step], refused: ErrorRecord | None = None) -> "Scene":
        """The scene after these steps."""
        facts: list[Fact] = [fact for one in taken if one.commit is not None for fact in one.commit.facts]
        answers = [one.effects[0] for one in taken]
        refusals = [one.error for one in answers if isinstance(one, Refuse)]
        session_id, depth = self.session_id, self.depth + 1
        if move is None:
            opened = [one.value for one in answers if isinstance(one, Reply)]
            session_id, depth = (cast(Session, opened[0]).session_id if opened else ""), 0
        words = tuple([one for one in facts if isinstance(one, Envelope) and one.session_id == session_id])
        waited = move.ms if isinstance(move, Wait) else MOVE_MS
        return Scene(
            stage=self.stage,
            opening=self.opening,
            hub=taken[-1].state if taken else self.hub,
            now_ms=self.now_ms if move is None else self.now_ms + waited,
            session_id=session_id,
            move=move,
            before=None if move is None else self,
            words=words,
            refused=refusals[0] if refusals else refused,
            calls=self.stage.probe.taken(),
            commits=tuple([one.commit for one in taken if one.commit is not None]),
            remembered=self.stage.memory.changed(),
            depth=depth,
            said=self.said + len(words),
        )
