"""The walk is what ARCHITECTURE.md says: which rooms one post enters, in which order, and that it turns back into none.

The calls of one post are recorded as they happen, from the arrival that the engine takes to the effects that it releases.
"""

import re
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

import pytest

import foldhub_core
from foldhub_core import (
    EV_TEXT,
    AnswerInvite,
    Arrival,
    Attach,
    Command,
    Deliver,
    Effect,
    Ending,
    Engine,
    Envelope,
    HubConfig,
    HubState,
    OpenSession,
    Passport,
    Post,
    Principal,
    Register,
    Reply,
    Resume,
    Start,
    effects_of,
    fold,
)

CORE = Path(foldhub_core.__file__).parent
ARCHITECTURE = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
WALK = ARCHITECTURE.split("## The walk\n", 1)[1].split("\n## ", 1)[0]

FOLD: tuple[CodeType, ...] = (fold.__code__, effects_of.__code__)
"""The two functions of `step` that are the fold's."""

MOST = 10
"""How many rooms one post may enter."""


def written_rooms() -> list[str]:
    """The rooms that ARCHITECTURE.md says the walk enters, in their order."""
    return re.findall(r"^\| `([^`]+)` \|", WALK, re.MULTILINE)


def written_leaves() -> set[str]:
    """What ARCHITECTURE.md says is asked on the way."""
    return {name for line in re.findall(r"^- .*$", WALK, re.MULTILINE) for name in re.findall(r"`([^`]+)`", line)}


class Call(NamedTuple):
    """One call: of which file, and for whom, outermost first, each file once where it called itself."""

    callee: str
    callers: tuple[str, ...]


class Walk:
    """The engine of a small hub, and the calls it makes while it is watched."""

    def __init__(self) -> None:
        self.engine = Engine(HubConfig(), HubState("demo"))
        self.now_ms = 1
        self.calls: list[Call] = []

    def go(self, principal: Principal, command: Command) -> tuple[Effect, ...]:
        """From the arrival to its effects."""
        assert self.engine.take(Arrival(principal=principal, command=command, now_ms=self.now_ms))
        append = self.engine.advance(self.now_ms)
        assert append is not None
        self.engine.ended(Ending.DURABLE, self.now_ms)
        return self.engine.effects()

    def watched(self, principal: Principal, command: Command) -> tuple[Effect, ...]:
        """The same, with every call recorded that one file of the core makes of another."""
        before = sys.getprofile()
        sys.setprofile(self._called)
        try:
            return self.go(principal, command)
        finally:
            sys.setprofile(before)

    # object: what comes with an event is not looked at.
    def _called(self, frame: FrameType, event: str, _: object) -> None:
        callee = file_of(frame)
        if event != "call" or callee is None:
            return
        callers: list[str] = []
        outer = frame.f_back
        while outer is not None:
            name = file_of(outer)
            if name is not None and callers[-1:] != [name]:
                callers.append(name)
            outer = outer.f_back
        if callers[:1] != [callee]:
            self.calls.append(Call(callee, tuple(reversed(callers))))


def file_of(frame: FrameType) -> str | None:
    """The file of the core a frame runs in; None for any other, and for the constructors that are made of records."""
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(CORE):
        return None
    name = path.relative_to(CORE).with_suffix("").as_posix()
    return "step (fold)" if frame.f_code in FOLD else name


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """The calls of one post of a conversation, under a key, to somebody who is attached."""
    walk, admin = Walk(), Principal(admin=True)
    walk.go(admin, Start())
    ids: list[str] = []
    for name in ("alice", "bob"):
        reply = walk.go(admin, Register(passport=Passport(name), resume=Resume()))[0]
        assert isinstance(reply, Reply)
        assert isinstance(reply.value, Passport)
        assert reply.value.agent_id is not None
        ids.append(reply.value.agent_id)
        walk.go(admin, Attach(agent_id=ids[-1], link=name))
    alice, bob = ids
    _, invite = walk.go(admin, OpenSession(creator_id=alice, type="conversation", participants=(bob,)))
    assert isinstance(invite, Deliver)
    session_id = invite.envelope.session_id
    walk.go(admin, AnswerInvite(session_id=session_id, agent_id=bob, accept=True))
    said = Envelope(session_id, alice, EV_TEXT, {"text": "Hello."}, idempotency_key="hello")
    effects = walk.watched(Principal(subject="a", agent_ids=(alice,)), Post(envelope=said))
    assert [type(effect) for effect in effects] == [Reply, Deliver]
    return walk.calls


def test_a_post_enters_the_rooms_that_are_written_down_in_that_order(calls: list[Call]) -> None:
    leaves = written_leaves()
    entered = dict.fromkeys(call.callee for call in calls if call.callee not in leaves)
    assert list(entered) == written_rooms()


def test_a_post_enters_at_most_ten_rooms() -> None:
    assert len(written_rooms()) <= MOST


def test_everything_that_is_asked_on_the_way_is_written_down_and_nothing_else(calls: list[Call]) -> None:
    assert {call.callee for call in calls} - set(written_rooms()) == written_leaves()


def test_what_is_asked_on_the_way_calls_no_room(calls: list[Call]) -> None:
    rooms, leaves = set(written_rooms()), written_leaves()
    assert [call for call in calls if call.callee in rooms and call.callers[-1:] and call.callers[-1] in leaves] == []


def test_a_post_turns_back_into_no_room_that_waits_for_another(calls: list[Call]) -> None:
    rooms = set(written_rooms())
    assert [call for call in calls if call.callee in rooms and call.callee in call.callers] == []
