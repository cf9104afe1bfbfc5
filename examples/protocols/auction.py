"""A sealed-bid auction: each bids once, to the creator alone, who sells. It is over when all have bid, or after `seconds`."""

from collections.abc import Mapping

import attrs

from foldhub_core import (
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    Adapter,
    AdapterResult,
    Draft,
    Emit,
    FrozenDict,
    Manifest,
    ParticipantBounds,
    ProtocolError,
)

BID = "auction.bid"
KNOBS = {"properties": {"seconds": {"type": "integer", "minimum": 1, "maximum": 600}}}


@attrs.frozen
class Auction:
    bids: Mapping[str, int] = FrozenDict()
    opened_at_ms: int | None = None


class AuctionAdapter(Adapter[Auction]):
    manifest = Manifest("auction", 1, ParticipantBounds(2), KNOBS)
    state_type = Auction

    def initial_state(self, session):
        return Auction()

    def validate_create(self, session):
        seconds = session.knobs.get("seconds", 60)
        if type(seconds) is not int or not 1 <= seconds <= 600:
            raise ProtocolError("expected 1 to 600 seconds", where="knobs.seconds")

    def validate_send(self, session, state, envelope):
        amount = envelope.event_data.get("amount")
        if envelope.event_type != BID or type(amount) is not int or amount < 1:
            raise ProtocolError("expected a bid with an amount of 1 or more", where="event_data.amount")
        if envelope.sender_id == session.creator_id or envelope.sender_id in state.bids:
            raise ProtocolError("expected one bid of each who does not sell", where="sender_id")
        if envelope.audience != (session.creator_id,):
            raise ProtocolError("expected a sealed bid, to the seller alone", where="audience")

    def fold(self, state, envelope):
        if envelope.event_type == EV_SESSION_OPENED:
            return attrs.evolve(state, opened_at_ms=envelope.created_at_ms)
        if envelope.event_type == BID:
            return attrs.evolve(state, bids=FrozenDict({**state.bids, envelope.sender_id: envelope.event_data["amount"]}))
        if envelope.event_type == EV_SESSION_LEFT:
            left = envelope.event_data["agent_id"]
            return attrs.evolve(state, bids=FrozenDict({who: bid for who, bid in state.bids.items() if who != left}))
        return state

    def on_accepted(self, session, state, envelope):
        there = {one.agent_id for one in session.participants} - {session.creator_id, *session.pending_acks}
        return self.sold(state) if state.opened_at_ms is not None and there <= set(state.bids) else AdapterResult()

    def next_deadline(self, session, state):
        return None if state.opened_at_ms is None else state.opened_at_ms + session.knobs.get("seconds", 60) * 1000

    def on_deadline(self, session, state, now_ms):
        return self.sold(state)

    def sold(self, state):
        winner = max(sorted(state.bids), key=state.bids.get, default=None)  # of two equal bids the first id's
        price = state.bids.get(winner, 0)
        return AdapterResult("closed", "sold" if winner else "no_bids", (Emit("auction.over", {"to": winner, "for": price}),))


def bids(place):
    return [*[Draft(BID, {"amount": amount}, (place.session.creator_id,)) for amount in (1, 7)], Draft(BID, {"amount": 3})]
