"""A state machine of hypothesis for an adapter, to which rules and invariants of one's own can be added.

    from foldhub.testing.adapter_machine import adapter_machine

    class Auctions(adapter_machine(AuctionAdapter(), vocabulary=[...])):
        @invariant()
        def no_bid_is_negative(self):
            assert all(bid >= 0 for bid in self.protocol.bids.values())

    TestAuctions = Auctions.TestCase

Its rules say, allowed or not, what is in the vocabulary, spoil payloads, let people join and leave and time pass. At every step
the adapter is held to the laws of the kit.
"""

import random
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from foldhub_core import HubConfig, Session
from foldhub_core.config import AnyAdapter

from .check import Check
from .drawing import counts_of, knobs_of
from .hostile import hostile_draft
from .moves import CallOff, Invite, Join, Leave, Move, Opening, Wait
from .scene import MOST_PEOPLE, Scene, Stage
from .vocabulary import Maker


class AdapterMachine(RuleBasedStateMachine):
    """A session that is played by hypothesis. `scene` is how it is now, and `play(move)` goes on."""

    stage: Stage
    counts: tuple[int, ...]
    draw_knobs: Any
    scene: Scene

    # --- for rules and invariants of one's own

    @property
    def protocol(self) -> Any:
        """The protocol's state; None where the session is over, or was refused. Any: it is the adapter's own."""
        return self.scene.state

    @property
    def session(self) -> Session | None:
        """The session; None where it is over, or was refused."""
        return self.scene.session

    def play(self, move: Move) -> Scene:
        """Play a move, and hold what comes to the laws."""
        self.scene = self.scene.play(move)
        Check(self.stage.adapter, self.stage, 0).hold(self.scene)
        return self.scene

    # --- its own rules

    @initialize(data=st.data(), hides=st.booleans(), luck=st.integers(0, 1_000_000))
    def open(self, data: st.DataObject, hides: bool, luck: int) -> None:
        """Open a session, and let all join."""
        self._open(data, hides, luck)

    @precondition(lambda self: not self.scene.is_live)
    @rule(data=st.data(), hides=st.booleans(), luck=st.integers(0, 1_000_000))
    def open_another(self, data: st.DataObject, hides: bool, luck: int) -> None:
        """Open another session where one is over."""
        self._open(data, hides, luck)

    def _open(self, data: st.DataObject, hides: bool, luck: int) -> None:
        count = data.draw(st.sampled_from(self.counts), label="participants")
        self.scene = self.stage.open(Opening(count, self.draw_knobs(random.Random(luck), count), hides))
        Check(self.stage.adapter, self.stage, 0).hold(self.scene)
        for who in range(1, count):
            if self.scene.is_live:
                self.play(Join(who))

    @precondition(lambda self: self.scene.is_active and self.scene.choices)
    @rule(data=st.data())
    def say_what_is_allowed(self, data: st.DataObject) -> None:
        """Somebody says what may be said."""
        who, draft = data.draw(st.sampled_from(self.scene.choices), label="allowed")
        self.play(self.scene.say(who, draft))

    @precondition(lambda self: self.scene.is_active and self.scene.choices)
    @rule(data=st.data(), luck=st.integers(0, 1_000_000))
    def say_what_is_spoilt(self, data: st.DataObject, luck: int) -> None:
        """Somebody says what may be said, with a payload that means no good."""
        who, draft = data.draw(st.sampled_from(self.scene.choices), label="allowed")
        self.play(self.scene.say(who, hostile_draft(draft, random.Random(luck))))

    @precondition(lambda self: self.scene.is_active)
    @rule(data=st.data())
    def say_anything(self, data: st.DataObject) -> None:
        """Somebody says something, allowed or not."""
        who = data.draw(st.sampled_from(self.scene.members), label="who")
        self.play(self.scene.say(who, data.draw(st.sampled_from(self.scene.drafts(who)), label="draft")))

    @precondition(lambda self: self.scene.is_active)
    @rule(who=st.integers(0, MOST_PEOPLE - 1))
    def invite_or_leave(self, who: int) -> None:
        """Somebody who is there leaves, who was invited joins, who is not there is invited."""
        agent_id = self.stage.people[who]
        if agent_id in self.scene.pending:
            self.play(Join(who))
        else:
            self.play(Leave(who) if agent_id in self.scene.members else Invite(who))

    @precondition(lambda self: self.scene.is_live)
    @rule(ms=st.sampled_from([1, 1_000, 61_000, 3_600_000]), until_due=st.booleans())
    def wait(self, ms: int, until_due: bool) -> None:
        """Time passes: until something is due, or so much."""
        due_ms = self.scene.due_ms
        self.play(Wait(max(due_ms - self.scene.now_ms, 1) if until_due and due_ms is not None else ms))

    @precondition(lambda self: self.scene.is_active)
    @rule(data=st.data())
    def call_off(self, data: st.DataObject) -> None:
        """Somebody is asked to call a task off."""
        who = data.draw(st.sampled_from(self.scene.places(self.scene.members)), label="who")
        self.play(CallOff(who))


def adapter_machine(
    adapter: AnyAdapter,
    *,
    participants: int | tuple[int, ...] | None = None,
    knobs: Any = None,
    vocabulary: Sequence[Maker] = (),
    config: HubConfig | None = None,
) -> type[AdapterMachine]:
    """Make the class of a machine for an adapter; its arguments are those of `check_adapter`. Any: knobs come in many forms."""
    made = {
        "stage": Stage(adapter, tuple(vocabulary), config),
        "counts": counts_of(adapter, participants),
        "draw_knobs": staticmethod(knobs_of(adapter, knobs, 0)),
        "__doc__": f"Sessions of {adapter.manifest.type} {adapter.manifest.version}, played by hypothesis.",
    }
    return type(f"{type(adapter).__name__}Machine", (AdapterMachine,), made)
