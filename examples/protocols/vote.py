"""A vote in two phases: everybody proposes or passes, then everybody votes. A phase ends when all who are there have spoken."""

from collections.abc import Mapping

import attrs

from foldhub_core import (
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    Adapter,
    AdapterResult,
    Draft,
    Emit,
    ExpectedTurn,
    FrozenDict,
    Manifest,
    ParticipantBounds,
    ProtocolError,
)

PROPOSE, VOTE = "vote.propose", "vote.cast"


@attrs.frozen
class Ballot:
    there: tuple[str, ...] = ()
    proposals: Mapping[str, str] = FrozenDict()
    votes: Mapping[str, str] = FrozenDict()

    @property
    def phase(self):
        return VOTE if self.there and all(one in self.proposals for one in self.there) else PROPOSE


class VoteAdapter(Adapter[Ballot]):
    manifest = Manifest("vote", participants=ParticipantBounds(2), may_close=("creator", "participant"))
    state_type = Ballot

    def initial_state(self, session):
        return Ballot()

    def validate_send(self, session, state, envelope):
        text = envelope.event_data.get("text")
        if envelope.event_type != state.phase or not isinstance(text, str) or len(text) > 200:
            raise ProtocolError(f"expected a {state.phase} with a text of at most 200 characters", where="event_type")
        if envelope.sender_id in (state.votes if state.phase == VOTE else state.proposals):
            raise ProtocolError(f"expected one {state.phase} of each", where="sender_id")
        if state.phase == VOTE and text and text not in state.proposals.values():
            raise ProtocolError("expected one of the proposals, or nothing", where="event_data.text")

    def fold(self, state, envelope):
        kind, data = envelope.event_type, envelope.event_data
        if kind == EV_SESSION_OPENED:
            return attrs.evolve(state, there=data["participants"])
        if kind == EV_SESSION_JOINED and state.there:  # who comes late has nothing to propose once the others vote
            proposals = {**state.proposals, data["agent_id"]: ""} if state.phase == VOTE else state.proposals
            return attrs.evolve(state, there=(*state.there, data["agent_id"]), proposals=FrozenDict(proposals))
        if kind == EV_SESSION_LEFT:
            there, left = tuple(one for one in state.there if one != data["agent_id"]), data["agent_id"]
            kept = [FrozenDict({who: t for who, t in of.items() if who != left}) for of in (state.proposals, state.votes)]
            return Ballot(there, *kept)
        if kind == PROPOSE:
            return attrs.evolve(state, proposals=FrozenDict({**state.proposals, envelope.sender_id: data["text"]}))
        return attrs.evolve(state, votes=FrozenDict({**state.votes, envelope.sender_id: data["text"]})) if kind == VOTE else state

    def on_accepted(self, session, state, envelope):
        if not state.there or any(one not in state.votes for one in state.there):
            return AdapterResult()
        votes = [text for text in state.votes.values() if text]
        chosen = max(sorted(set(votes)), key=votes.count, default="")
        return AdapterResult("closed", "decided", (Emit("vote.decided", {"text": chosen, "votes": votes.count(chosen)}),))

    def expected_next(self, session, state):
        spoke = state.votes if state.phase == VOTE else state.proposals
        return tuple(ExpectedTurn(one) for one in state.there if one not in spoke)


EVENTS = [Draft(kind, {"text": text}) for kind in (PROPOSE, VOTE) for text in ("tea", "")]
