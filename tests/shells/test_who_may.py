"""Who may send what over a wire: a table written by hand, and the hub held to it by pairs that are drawn.

Every command is asked as ann's agent. `owner` is the subject that registered her, `peer` one whose agent is in her session,
`outsider` one that is known and no more. `may` says that the wire and the principal do not stand in the way; whether the
session or the protocol then does is another matter. `denied` is `access_denied`, `never` is `protocol_error`, and `closed`
is the end of the connection.
"""

import itertools
import random
from collections.abc import Callable
from typing import Literal

import pytest
import trio

from foldhub import Hub, MemoryStore
from foldhub.auth import ApiKey
from foldhub.tokens import Tokens
from foldhub_core import (
    EV_TEXT,
    Ack,
    AnswerInvite,
    Attach,
    CheckpointTask,
    CloseSession,
    Command,
    Detach,
    EndTask,
    Envelope,
    ForwardDone,
    ForwardFailed,
    Invite,
    Leave,
    Nack,
    ObserveTask,
    OpenSession,
    Passport,
    Post,
    RecordObservation,
    Register,
    RemoveParticipant,
    RequestCancel,
    Resend,
    Resume,
    Rule,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    TaskSpec,
    TaskState,
    Tick,
    Unregister,
    UpdateTask,
)
from foldhub_core.commands import SHELL_COMMANDS
from foldhub_core.records import changed
from foldhub_core.wire.frames import Answer, Goodbye, Refusal
from foldhub_core.wire.limits import DEFAULT
from foldhub_core.wire.rights import CARRIED

from .hub_runs import run
from .wires import Calendar, MemoryLink, Raw, ask, hello, in_memory, joined, met

Outcome = Literal["may", "denied", "never", "closed"]

MAY: dict[type[Command], tuple[Outcome, Outcome, Outcome]] = {
    #                     owner    peer      outsider
    Register:           ("may", "denied", "denied"),  # the owner's names are the owner's
    Unregister:         ("may", "denied", "denied"),
    SetResume:          ("may", "denied", "denied"),
    SetRule:            ("may", "denied", "denied"),
    SetSkill:           ("may", "denied", "denied"),
    RecordObservation:  ("may", "denied", "denied"),
    Attach:             ("may", "denied", "denied"),
    Ack:                ("may", "denied", "denied"),
    Nack:               ("may", "denied", "denied"),
    Resend:             ("may", "denied", "denied"),
    OpenSession:        ("may", "denied", "denied"),
    AnswerInvite:       ("may", "denied", "denied"),
    Invite:             ("may", "denied", "denied"),
    Leave:              ("may", "denied", "denied"),
    RemoveParticipant:  ("may", "denied", "denied"),
    CloseSession:       ("may", "denied", "denied"),
    Post:               ("may", "denied", "denied"),
    ObserveTask:        ("may", "denied", "denied"),
    UpdateTask:         ("may", "denied", "denied"),
    CheckpointTask:     ("may", "denied", "denied"),
    EndTask:            ("may", "denied", "denied"),
    RequestCancel:      ("may", "denied", "denied"),
    Start:              ("never", "never", "never"),
    Tick:               ("never", "never", "never"),
    Detach:             ("never", "never", "never"),
    ForwardDone:        ("never", "never", "never"),
    ForwardFailed:      ("never", "never", "never"),
}  # fmt: skip
PATIENT = changed(DEFAULT, auth_failures=1_000_000)
"""A hub that goes on listening to those who show revoked tokens."""

KNOWN = ("owner", "peer", "outsider")
NOBODY = ("unauthenticated", "revoked")
"""Whoever has not said who he is, or shows a token that was revoked: every command of his ends the connection."""


def command_of(kind: type[Command], ann: str, bob: str, session: str, task: str) -> Command:
    """A command of this kind, as ann's agent."""
    made: dict[type[Command], Callable[[], Command]] = {
        Register: lambda: Register(passport=Passport("a-again"), resume=Resume()),
        Unregister: lambda: Unregister(agent_id=ann),
        SetResume: lambda: SetResume(agent_id=ann, resume=Resume()),
        SetRule: lambda: SetRule(agent_id=ann, rule=Rule()),
        SetSkill: lambda: SetSkill(agent_id=ann, skill_md=None),
        RecordObservation: lambda: RecordObservation(owner_id=ann, capability="x", outcome=TaskState.COMPLETED),
        Attach: lambda: Attach(agent_id=ann, link=""),
        Ack: lambda: Ack(agent_id=ann, numbers=(1,)),
        Nack: lambda: Nack(agent_id=ann, number=1),
        Resend: lambda: Resend(agent_id=ann, number=1),
        OpenSession: lambda: OpenSession(creator_id=ann, type="nonesuch", participants=(bob,)),
        AnswerInvite: lambda: AnswerInvite(session_id=session, agent_id=ann, accept=True),
        Invite: lambda: Invite(session_id=session, agent_id=ann, participants=(bob,)),
        Leave: lambda: Leave(session_id=session, agent_id=ann),
        RemoveParticipant: lambda: RemoveParticipant(session_id=session, agent_id=ann, participant_id=bob),
        CloseSession: lambda: CloseSession(session_id=session, agent_id=ann),
        Post: lambda: Post(envelope=Envelope(session, ann, EV_TEXT, {"text": "x"})),
        ObserveTask: lambda: ObserveTask(owner_id=ann, spec=TaskSpec("x"), idempotency_key="one is enough"),
        UpdateTask: lambda: UpdateTask(task_id=task, agent_id=ann, progress={}),
        CheckpointTask: lambda: CheckpointTask(task_id=task, agent_id=ann, data={}),
        EndTask: lambda: EndTask(task_id=task, agent_id=ann, outcome=TaskState.COMPLETED),
        RequestCancel: lambda: RequestCancel(task_id=task, agent_id=ann),
        Start: Start,
        Tick: Tick,
        Detach: lambda: Detach(agent_id=ann, link="x"),
        ForwardDone: lambda: ForwardDone(agent_id=ann, number=1),
        ForwardFailed: lambda: ForwardFailed(agent_id=ann, number=1),
    }
    return made[kind]()


ENDING = (Unregister, Leave, RemoveParticipant, CloseSession, EndTask)
"""What would end the stage, where the owner asks it: he asks it of what is not there."""


async def outcome(client: Raw, ref: int, command: Command) -> Outcome:
    """What comes of asking."""
    try:
        await client.say(ask(ref, command))
        while True:
            frame = await client.hear()
            if frame is None or isinstance(frame, Goodbye):
                return "closed"
            if isinstance(frame, Answer) and frame.ref == ref:
                return "may"
            if isinstance(frame, Refusal) and frame.ref == ref:
                codes: dict[str, Outcome] = {"access_denied": "denied"}
                never = frame.error.code == "protocol_error" and "that a wire carries" in frame.error.message
                return "never" if never else codes.get(frame.error.code, "may")
    except trio.BrokenResourceError:
        return "closed"


async def _pairs(seed: int, count: int) -> None:
    tokens, dice, secrets = Tokens(), random.Random(seed), dict[str, str]()
    for who in (*KNOWN, "revoked"):
        tokens, token, secrets[who] = tokens.add(who, may_register=[f"{'a' if who == 'owner' else who}-*"], now_ms=0)
        if who == "revoked":
            tokens, _ = tokens.revoke(token.token_id)
    async with Hub.open(MemoryStore(), auth=ApiKey(tokens, Calendar())) as hub, in_memory(hub, limits=PATIENT) as link:
        near, far = link.beside(credentials=secrets["owner"]), link.beside(credentials=secrets["peer"])
        async with near.connect() as owner, far.connect() as peer:
            ann, bob = await joined(owner, "a-nn"), await joined(peer, "peer-bob")
            spare = await joined(owner, "a-spare")
            session = await ann.open(bob)
            task = await owner.ask(ObserveTask(owner_id=ann.agent_id, spec=TaskSpec("x")))
            clients = {who: await met(link) for who in KNOWN}
            for who, client in clients.items():
                await client.greet(secrets[who])
            refs = itertools.count(1)
            for one in (spare, ann):
                await outcome(clients["owner"], next(refs), Attach(agent_id=one.agent_id, link=""))
            for _ in range(count):
                kind, who = dice.choice(list(MAY)), dice.choice((*KNOWN, *NOBODY))
                ends = kind in ENDING and who == "owner"
                nowhere = ("none:s:1", "none:t:1") if ends else (session, getattr(task, "task_id", ""))
                agent_id = spare.agent_id if kind is Unregister else ann.agent_id
                command = command_of(kind, agent_id, bob.agent_id, *nowhere)
                if who in NOBODY:
                    assert await _as_nobody(link, who, secrets["revoked"], command) == "closed", (kind, who)
                    continue
                came = await outcome(clients[who], next(refs), command)
                assert came == MAY[kind][KNOWN.index(who)], (kind, who)
                if kind is Unregister and who == "owner":
                    spare = await joined(owner, "a-spare")
                    assert await outcome(clients["owner"], next(refs), Attach(agent_id=spare.agent_id, link="")) == "may"


async def _as_nobody(link: MemoryLink, who: str, revoked: str, command: Command) -> Outcome:
    client = await met(link)
    try:
        if who == "revoked":
            await client.say(hello(revoked))
        return await outcome(client, 1, command)
    except trio.BrokenResourceError:
        return "closed"
    finally:
        await client.stream.aclose()


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.long)])
def test_every_pair_of_a_command_and_whoever_sends_it_ends_as_the_table_says(count: int) -> None:
    run(_pairs, 11, count, jump=True)


def test_the_table_names_every_command_there_is() -> None:
    assert set(MAY) == {*CARRIED, *SHELL_COMMANDS}
    assert {kind for kind, row in MAY.items() if "never" in row} == set(SHELL_COMMANDS)
