"""The stage of a scenario: a hub that is told what to do a line at a time, and says in lines what came of it.

A command line says who does what: `> bob accepts s1`. Words with `=` are options. An agent goes by its name, a session by the
name it is opened under, a word by its session and number (`s1#3`). What comes back is the answer, then what the hub owes:

    reply s1 pending                 refuse access_denied: expected ...
    deliver bob 2 s1#2 session.opened      redeliver bob 2 (2nd time) s1#2 session.opened

    forward carol 2 s1#2 session.opened, for an agent that lives elsewhere: `carol registers kind=remote_agent`

and marks, where they tell what became of somebody's words. `mallory as alice` is mallory naming alice; what becomes of a
forward, `proxy as carol took 2` or `proxy as carol failed 2 down` says.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from foldhub_core import (
    EV_CONTEXT_SET,
    EV_EXPECTATION_VIOLATED,
    EV_PACKET,
    EV_TASK_ENDED,
    EV_TEXT,
    HUB_SESSION,
    Access,
    Ack,
    AnswerInvite,
    Arrival,
    Attach,
    CheckpointTask,
    CloseSession,
    Command,
    Commit,
    Configured,
    DeadLettered,
    Deliver,
    Detach,
    Dormant,
    Dropped,
    Effect,
    EndTask,
    Envelope,
    Evict,
    Expectation,
    ExpectedTurn,
    Fact,
    Forward,
    ForwardDone,
    ForwardFailed,
    HubConfig,
    HubState,
    Inbox,
    Invite,
    Leave,
    Log,
    Nack,
    Nacked,
    ObserveTask,
    OpenSession,
    Passport,
    Post,
    Pressure,
    Principal,
    Rate,
    Readdressed,
    Redeliver,
    Refuse,
    Register,
    RemoveParticipant,
    Reply,
    RequestCancel,
    Resend,
    Resume,
    Rule,
    RuleLimits,
    Session,
    SessionTypes,
    SetRule,
    Skipped,
    Start,
    Task,
    TaskSpec,
    TaskState,
    Tick,
    Unregister,
    UpdateTask,
    Woken,
    changed,
    dead_letters,
    duration_ms,
    expected,
    get_resume,
    inbox,
    list_tasks,
    next_deadline,
    owed,
    packet,
    pending_turns,
    read_checkpoint,
    read_log,
    replay,
    step,
    verify,
    write_log,
)
from foldhub_core.config import BUILT_IN
from foldhub_core.identity import AgentKind
from foldhub_core.ids import make_id
from tests.core.recorded_hub import ARBITER
from tests.core.rounds import Rounds
from tests.scenarios.graphs import GRAPHS
from tests.simulation.relay import Relay

ADMIN = Principal(admin=True)
Options = dict[str, str]


class Scene:
    """One hub, its log, and the names its agents, sessions and words go by."""

    def __init__(self) -> None:
        self.config = HubConfig()
        self.state = HubState("demo")
        self.commits: list[Commit] = []
        self.runs: list[tuple[int, HubConfig]] = []
        self.now_ms = 0
        self.ids: dict[str, str] = {}
        self.names: dict[str, str] = {"demo": "hub"}
        self.words: dict[str, Envelope] = {}
        self.verbs: dict[str, Callable[[str, list[str], Options], Command]] = {
            "accepts": lambda who, words, _: AnswerInvite(session_id=self.id(words[0]), agent_id=who, accept=True),
            "begins": self.observing,
            "acks": lambda who, words, _: Ack(agent_id=who, numbers=tuple(map(int, words))),
            "attaches": lambda who, words, _: Attach(agent_id=who, link=words[0]),
            "asks": lambda who, words, given: RequestCancel(task_id=self.id(words[-1]), agent_id=who, **given),
            "closes": lambda who, words, given: CloseSession(session_id=self.id(words[0]), agent_id=who, **given),
            "declines": lambda who, words, _: AnswerInvite(
                session_id=self.id(words[0]), agent_id=who, accept=False, reason=" ".join(words[1:])
            ),
            "ends": lambda who, words, given: EndTask(
                task_id=self.id(words[0]),
                agent_id=who,
                outcome=TaskState(words[-1]),
                error=given.get("error", ""),
                idempotency_key=given.get("key"),
            ),
            "detaches": lambda who, words, _: Detach(agent_id=who, link=words[0]),
            "failed": lambda who, words, _: ForwardFailed(agent_id=who, number=int(words[0]), reason=" ".join(words[1:])),
            "invites": lambda who, words, _: Invite(
                session_id=self.id(words[-1]), agent_id=who, participants=self.all_ids(words[:-2])
            ),
            "keeps": lambda who, words, given: CheckpointTask(task_id=self.id(words[-1]), agent_id=who, data=given),
            "leaves": lambda who, words, _: Leave(session_id=self.id(words[0]), agent_id=who),
            "nacks": lambda who, words, _: Nack(agent_id=who, number=int(words[0]), reason=" ".join(words[1:])),
            "opens": self.opening,
            "posts": lambda who, words, given: self.posting(who, words[0], json.loads(given.get("data", "{}")), words[2], given),
            "registers": self.registering,
            "removes": lambda who, words, _: RemoveParticipant(
                session_id=self.id(words[-1]), agent_id=who, participant_id=self.id(words[0])
            ),
            "resends": lambda who, words, _: Resend(agent_id=who, number=int(words[0])),
            "rules": lambda who, _, given: SetRule(agent_id=who, rule=rule_of(given)),
            "sends": lambda who, words, given: self.posting(who, EV_PACKET, packed(words[0], given), words[2], {}),
            "sets": lambda who, words, given: self.posting(who, EV_CONTEXT_SET, {"set": valued(given)}, words[1], {}),
            "says": lambda who, words, given: self.posting(who, EV_TEXT, {"text": words[0]}, words[2], given),
            "took": lambda who, words, _: ForwardDone(agent_id=who, number=int(words[0])),
            "tells": lambda who, words, given: UpdateTask(task_id=self.id(words[-1]), agent_id=who, progress=given),
            "unregisters": lambda who, _, __: Unregister(agent_id=who),
        }

    def play(self, line: str) -> list[str]:
        """Do what a command line says; gives the lines of what came of it."""
        who, *words = shlex.split(line)
        given = dict(word.split("=", 1) for word in words if "=" in word)
        words = [word for word in words if "=" not in word]
        acts = who
        if words[0] == "as":
            acts, words = words[1], words[2:]
        verb, words = words[0], words[1:]
        if verb == "draws":
            return GRAPHS[words[0]].mermaid().splitlines()
        if who == "hub":
            return self.run(verb, words)
        if who == "clock":
            return self.move_clock(verb)
        if verb == "looks":
            return self.shown(who, " ".join(words))
        command = self.verbs[verb]("" if acts == "admin" else self.id(acts), words, given)
        for_the_hub = who == "admin" or isinstance(command, Register | Detach | ForwardDone | ForwardFailed)
        return self.ask(ADMIN if for_the_hub else Principal(subject=who, agent_ids=(self.id(who),)), command)

    def finish(self) -> None:
        """Check that the log tells all of it."""
        read = read_log(write_log(Log("demo", tuple(self.commits)))).commits
        ends = [begin for begin, _ in self.runs[1:]] + [len(read)]
        for (begin, config), end in zip(self.runs, ends, strict=True):
            base = replay(config, read[:begin], HubState("demo"))
            assert list(verify(config, read[begin:end], base)) == []
        assert replay(self.config, read, HubState("demo")) == self.state

    # --- the commands that are not an agent's

    def run(self, verb: str, words: list[str]) -> list[str]:
        """Begin a run: `hub starts with alice bob`, who are attached to a1 and b1; `hub restarts without relay`, from its log."""
        preposition, *names = words or ["with"]
        adapters = BUILT_IN if preposition == "without" else (*BUILT_IN, Relay(), Rounds())
        self.config = HubConfig(adapters=adapters, remote_agents=True, arbiter=ARBITER)
        if verb == "restarts":
            read = read_log(write_log(Log("demo", tuple(self.commits))))
            self.state = replay(self.config, read.commits, HubState("demo"))
        self.runs.append((len(self.commits), self.config))
        came = self.ask(ADMIN, Start()) + [self.told(effect) for effect in owed(self.config, self.state)]
        for name in names if preposition == "with" else ():
            self.play(f"{name} registers")
            self.play(f"{name} attaches {name[0]}1")
        return came

    def move_clock(self, by: str) -> list[str]:
        """Move the clock, forwards or backwards, and let happen what is due until then, each at its time."""
        self.now_ms += duration_ms(by.removeprefix("-")) * (-1 if by.startswith("-") else 1)
        came: list[str] = []
        while (due_ms := next_deadline(self.state)) is not None and due_ms <= self.now_ms:
            came += self.ask(ADMIN, Tick(), due_ms)[1:]
        return came

    def shown(self, who: str, at: str) -> list[str]:
        """What an agent finds: `at inbox`, `turns`, `tasks`, `record`; what the administrator finds at a session: `at s1`."""
        if at == "at inbox":
            count, dead = inbox(self.state, self.id(who)), dead_letters(self.state, self.id(who))
            letters = [f"dead letter {one.number} {self.word(one.owed.envelope_id)}: {one.reason}" for one in dead]
            return [f"{count.pending} pending, {count.owed} owed, settled up to {count.cursor}", *letters]
        if at == "at turns":
            turns = pending_turns(self.config, self.state, self.id(who))
            return [f"owes a turn in {self.named(turn.session_id)}" for turn in turns] or ["owes no turn"]
        if at.startswith("at turns in "):
            owing = expected(self.config, self.state, self.id(at.rsplit(maxsplit=1)[-1]))
            return [f"{self.named(turn.agent_id)} owes a turn by {self.caused(turn)}" for turn in owing] or ["nobody owes a turn"]
        if at == "at tasks":
            return [self.work(task) for task in list_tasks(self.state, owner_id=self.id(who)).tasks] or ["no task"]
        if at == "at record":
            stats = get_resume(self.state, self.id(who)).observed.items()
            return [f"{name}: {one.completed} of {one.n} completed, {one.cancelled} cancelled" for name, one in stats]
        said = [word for word in self.words.values() if word.session_id == self.id(at.removeprefix("at "))]
        return [f"{self.word(word.envelope_id)} by {self.named(word.sender_id)}" for word in said]

    # --- commands with more to them

    def registering(self, who: str, words: list[str], given: Options) -> Register:
        name = self.named(who)
        if who not in self.state.registry.agents:
            self.ids[name] = make_id("demo", "a", self.state.seq + 1)
        passport = Passport(name, kind=cast("AgentKind | None", given.get("kind")))
        return Register(passport=passport, resume=Resume(), rule=rule_of(given), idempotency_key=given.get("key"))

    def opening(self, who: str, words: list[str], given: Options) -> OpenSession:
        name, session_type, *others = words
        if all(word.session_id != self.ids.get(name) for word in self.words.values()):
            self.ids[name] = make_id("demo", "s", self.state.seq + 1)
        return OpenSession(
            creator_id=who,
            type=session_type,
            participants=self.all_ids(others[1:]),
            knobs=self.knobs(session_type, given),
            ttl=given.get("ttl"),
            required_acks=int(given["required"]) if "required" in given else None,
            expectations=tuple([self.expectation(one) for one in given["expects"].split(",")]) if "expects" in given else (),
            idempotency_key=given.get("key"),
        )

    def knobs(self, session_type: str, given: Options) -> dict[str, object]:
        """The options that are a protocol's own: `wait=2m`, `ordering=`, `graph=` by name or as JSON, `vars=` as JSON."""
        if session_type == "relay":
            return {"wait_ms": duration_ms(given.get("wait", "1h"))}
        knobs: dict[str, object] = {"ordering": given["ordering"]} if "ordering" in given else {}
        if "graph" in given:
            named = given["graph"]
            knobs["graph"] = GRAPHS[named].to_json() if named in GRAPHS else json.loads(named)
        if "vars" in given:
            knobs["context_vars"] = json.loads(given["vars"])
        return knobs

    def expectation(self, told: str) -> Expectation:
        """What is expected: `reply_within/5m/warn`, or of one agent or role `reply_within/5m/warn/bob`; `?` is a wrong param."""
        name, seconds, on_violation, *whom = told.split("/")
        params = {"minutes": 1} if seconds == "?" else {"seconds": int(seconds) if seconds.lstrip("-").isdigit() else seconds}
        return Expectation(name, on_violation, params, self.all_ids(whom) or None)

    def observing(self, who: str, words: list[str], given: Options) -> ObserveTask:
        """`begins t1`, or `begins t1 in s1`; with `ttl=`, `of=` a capability, `key=`."""
        name, *session = words
        if name not in self.ids:
            self.ids[name] = make_id("demo", "t", self.state.seq + 1)
        return ObserveTask(
            owner_id=who,
            spec=TaskSpec(name, capability=given.get("of")),
            session_id=self.id(session[-1]) if session else None,
            ttl=given.get("ttl"),
            idempotency_key=given.get("key"),
        )

    def posting(self, who: str, event_type: str, data: Mapping[str, object], session: str, given: Options) -> Post:
        """`says "text" in s1`, or `posts event.type in s1`; with `to=`, `key=`, `because=s1#2`, `ttl=`, `depth=`, `data=`."""
        cause = given.get("because")
        return Post(
            envelope=Envelope(
                session_id=self.id(session),
                sender_id=who,
                event_type=event_type,
                event_data=data,
                audience=self.all_ids(given["to"].split(",")) if "to" in given else None,
                causation_id=None if cause is None else next(one for one in self.words if self.named(one) == cause),
                idempotency_key=given.get("key"),
                ttl_seconds=int(given["ttl"]) if "ttl" in given else None,
                depth=int(given.get("depth", 0)),
            )
        )

    # --- asking, and telling what came of it

    def ask(self, principal: Principal, command: Command, at_ms: int | None = None) -> list[str]:
        self.now_ms += 1 if at_ms is None else 0
        now_ms = self.now_ms if at_ms is None else at_ms
        taken = step(self.config, self.state, Arrival(principal=principal, command=command, now_ms=now_ms))
        self.state = taken.state
        facts: tuple[Fact, ...] = ()
        if taken.commit is not None:
            self.commits.append(taken.commit)
            facts = taken.commit.facts
        for fact in facts:
            if isinstance(fact, Envelope):
                self.words[fact.envelope_id] = fact
                self.names[fact.envelope_id] = f"{self.named(fact.session_id)}#{fact.number}"
        answer, *effects = [self.told(effect) for effect in taken.effects]
        same = taken.commit is None and isinstance(taken.effects[0], Reply)
        marks = [mark for fact in facts for mark in self.marked(fact)]
        return [answer + (" (nothing changed)" if same else ""), *marks, *effects]

    def told(self, effect: Effect) -> str:
        match effect:
            case Refuse():
                return f"refuse {effect.error.code}: {self.in_names(effect.error.message)}"
            case Reply():
                return f"reply {self.valued(effect.value)}".rstrip()
            case Deliver():
                return f"deliver {self.named(effect.agent_id)} {effect.number} {self.word(effect.envelope.envelope_id)}"
            case Forward():
                return f"forward {self.named(effect.passport.agent_id)} {effect.number} {self.word(effect.envelope.envelope_id)}"
            case Redeliver():
                again = f"(attempt {effect.attempt})"
                how = "forward" if effect.link is None else "redeliver"
                return f"{how} {self.named(effect.agent_id)} {effect.number} {again} {self.word(effect.envelope_id)}"
            case Evict():
                return f"evict {self.named(effect.agent_id)} from {effect.link}"
            case Pressure():
                return f"pressure {self.named(effect.agent_id)} {effect.pending} of {effect.cap}"

    def valued(self, value: Any) -> str:  # Any: an answer's value is of the command's own kind
        if isinstance(value, Session):
            return f"{self.named(value.session_id)} {value.state.value}"
        if isinstance(value, Envelope):
            return self.named(value.envelope_id)
        if isinstance(value, Task):
            return f"{self.named(value.task_id)} {value.state.value}"
        return "" if value is None or isinstance(value, Configured | Rule) else self.named(value.agent_id)

    def work(self, task: Task) -> str:
        """A task, with what of it a reader looks for."""
        told = [
            f"{key}={value}"
            for key, value in (*task.progress.items(), *(read_checkpoint(self.state, task.task_id) or {}).items())
        ]
        return " ".join([self.named(task.task_id), task.state.value, *told])

    def marked(self, fact: Fact) -> Iterator[str]:
        match fact:
            case Envelope() if fact.event_type == EV_TASK_ENDED:
                ended = fact.event_data
                why = f": {ended['error']}" if ended["error"] else ""
                yield f"task {self.named(str(ended['task_id']))} {ended['outcome']}{why}"
            case Dropped():
                yield f"mark dropped {self.named(fact.agent_id)} {fact.number}: {fact.reason}"
            case Skipped():
                yield f"mark skipped {' '.join(map(self.named, fact.agent_ids))}: {fact.reason}"
            case Readdressed():
                yield f"mark readdressed from {' '.join(map(self.named, fact.audience))}"
            case Nacked():
                yield f"mark nacked {self.named(fact.agent_id)} {fact.number}: comes again at {fact.due_ms} ms"
            case DeadLettered():
                yield f"mark dead letter {self.named(fact.agent_id)} {fact.number}: {fact.reason}"
            case Dormant():
                yield f"mark dormant {self.named(fact.session_id)}: {fact.reason}"
            case Woken():
                yield f"mark woken {self.named(fact.session_id)}"
            case Envelope() if fact.session_id == HUB_SESSION and fact.event_type == EV_EXPECTATION_VIOLATED:
                data: Any = fact.event_data  # Any: an event's data is what its type says
                by = " ".join(self.named(one) for one in data["violators"]) or "nobody in particular"
                yield f"recorded in hub: {self.named(data['session_id'])} {data['detail']}, by {by}: {data['on_violation']}"
            case _:
                return

    def caused(self, turn: ExpectedTurn) -> str:
        """The word by which a turn is owed."""
        cause = turn.triggering_envelope_id
        return "nobody's word" if cause is None else self.named(cause)

    def word(self, envelope_id: str) -> str:
        """A word, with what of its data a reader looks for."""
        word = self.words[envelope_id]
        data = word.event_data
        told = [f'"{data["text"]}"'] if "text" in data else []
        told += [json.dumps(data)] if word.event_type in (EV_PACKET, EV_CONTEXT_SET) else []
        told += [self.in_names(str(data[key])) for key in ("agent_id", "task_id", "reason", "texts") if data.get(key)]
        told += [self.in_names(str(data["detail"]))] if word.event_type == EV_EXPECTATION_VIOLATED else []
        return " ".join([self.named(envelope_id), word.event_type, *told])

    # --- names

    def id(self, name: str) -> str:
        return self.ids.get(name, name)

    def all_ids(self, names: list[str]) -> tuple[str, ...]:
        return tuple([self.id(name) for name in names])

    def named(self, id: str | None) -> str:
        assert id is not None, "what has a name has an id"
        names = {own: name for name, own in self.ids.items()}
        return names.get(id) or self.names.get(id, id)

    def in_names(self, text: str) -> str:
        """A text with names in the place of ids."""
        known = {own: name for name, own in self.ids.items()} | self.names
        for own in sorted(known.keys() - {"demo"}, key=len, reverse=True):
            text = text.replace(own, known[own])
        return text


def rule_of(given: Options) -> Rule:
    """A rule by its options: `hears=` and `writes=` globs over names, `opens=` and `joins=` over types, caps by number."""
    globs = {key: tuple(given.get(key, "*").split(",")) for key in ("hears", "writes", "opens", "joins")}
    caps = {"max_pending": int(given.get("inbox", 1000)), "overflow": given.get("overflow", "reject")}
    return Rule(
        Access(globs["hears"], globs["writes"], SessionTypes(globs["opens"], globs["joins"])),
        RuleLimits(
            max_concurrent_sessions=int(given.get("sessions", 0)),
            max_concurrent_tasks=int(given.get("tasks", 0)),
            rate=Rate(int(given.get("per_minute", 0)), int(given.get("burst", 0))),
            delegation_depth=int(given.get("depth", 5)),
            inbox=changed(Inbox(), **caps),
        ),
    )


def valued(given: Options) -> dict[str, object]:
    """Options as values: as JSON where they are, else as text."""
    values: dict[str, object] = {}
    for key, text in given.items():
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values


def packed(body: str, given: Options) -> Mapping[str, object]:
    """A packet: `sends "body" in s1` with `kind=`, `tool=`, `reason=`, `target=`, `set=` as JSON, `delete=` with commas."""
    changes = {"set": json.loads(given.pop("set", "{}")), "delete": [key for key in given.pop("delete", "").split(",") if key]}
    return packet(body, **changes, **given)  # type: ignore[arg-type]
