"""Snapshots of live sessions and mailboxes: what is written is read back, and what could not be folded is not written."""

from collections.abc import Mapping

import attrs
import pytest

from foldhub_core import (
    Adapter,
    AdapterResult,
    Data,
    Envelope,
    FrozenDict,
    HubConfig,
    HubState,
    Inbox,
    Limits,
    Malformed,
    Manifest,
    ParticipantBounds,
    Session,
    Start,
    Unavailable,
    changed,
    codec,
    digest,
    read_snapshot,
    replay,
    take_snapshot,
)
from foldhub_core.mailbox import DeadLetter, Owed
from foldhub_core.sessions import Faulty, Sessions
from foldhub_core.snapshot import DEALT, first_dormant, first_unread
from foldhub_core.snapshot_rows import DeadLetterRow, EndRow, HubRow, MailboxRow, OwedRow, SessionRow
from tests.core.hub_driver import ADMIN
from tests.core.session_driver import Broken, Free, Heard, Talks


@attrs.frozen
class Bid:
    bidder: str
    amount: float
    note: str | None = None


@attrs.frozen
class Auction:
    """A protocol's state that holds one of everything a record may hold."""

    bids: tuple[Bid, ...] = ()
    best: Bid | None = None
    by_agent: Mapping[str, int] = FrozenDict()
    seen: Mapping[str, object] = Data()
    open: bool = True
    sealed: bytes = b""
    note: str | int = 0


class AuctionAdapter(Adapter[Auction]):
    manifest = Manifest("auction", 3, ParticipantBounds(2))
    state_type = Auction

    def initial_state(self, session: Session) -> Auction:
        return Auction()

    def validate_send(self, session: Session, state: Auction, envelope: Envelope) -> None:
        pass

    def fold(self, state: Auction, envelope: Envelope) -> Auction:
        if envelope.event_type != "bid":
            return state
        bid = Bid(envelope.sender_id, float(len(state.bids) + 1), None if state.bids else "first")
        counts = FrozenDict({**state.by_agent, bid.bidder: state.by_agent.get(bid.bidder, 0) + 1})
        return Auction((*state.bids, bid), bid, counts, envelope.event_data, False, b"\x00", "closed" if state.bids else 1)


def story() -> Talks:
    """A hub with something of everything: sessions in each state, deliveries owed, nacked, expiring, dead."""
    hub = Talks("alice", "bob", "carol", "dave", adapters=[AuctionAdapter(), Free()], limits=Limits(owed_ms=50_000))
    hub.attach("alice")
    hub.pending("alice", "bob", ttl=0, knobs={"a": 1}, labels={"b": "c"}, intent="talk", idempotency_key="k")
    auction = hub.pending("alice", "bob", "carol", "dave", type="auction", version=3, required_acks=2)
    for name in ("bob", "dave"):
        hub.answer(name, auction)
    hub.say("bob", auction, event_type="bid", ttl_seconds=100, idempotency_key="k")
    hub.say("dave", auction, event_type="bid", depth=2)
    cause = hub.words(auction)[-1].envelope_id
    hub.say("alice", auction, causation_id=cause)
    hub.nack("bob", 2)
    hub.ack("bob", 3)
    hub.attach("bob", "l2")
    hub.nack("bob", 4)
    hub.now_ms = 49_000
    hub.say("alice", auction, event_type="bid", ttl_seconds=2)
    hub.tick_until_rest(50_010)
    hub.close("alice", hub.opened("alice", "carol", type="free"))
    hub.set_rule("carol", inbox=Inbox(1, "drop_oldest"))
    hub.say("bob", auction)
    return hub


STORY = story()


def rows_of(state: HubState, config: HubConfig | None = None) -> list[object]:
    slices = list(take_snapshot(state))
    assert config is None or read_snapshot(config, slices) == state
    rows: list[object] = []
    for data in slices:
        packed = codec.unpack(data)
        assert isinstance(packed, list)
        rows += [codec.record_of(codec.unpack(row)) for row in packed]
    return rows


def whole(*rows: object) -> list[bytes]:
    """These rows as a snapshot that is whole."""
    packed = [codec.encode(row) for row in rows]
    hasher = codec.hasher()
    for row in packed:
        hasher.update(row)
    return [codec.pack([*packed, codec.encode(EndRow(5, hasher.digest()))])]


FIRST = HubRow(codec.FORMAT, "demo", 5, 0, bytes(16), 0, 0)
OWED = Owed("s", "e", True, 1, 1, 0, 0, None)


def test_the_story_has_something_of_everything() -> None:
    kinds = {type(row) for row in rows_of(STORY.state)}
    assert {SessionRow, MailboxRow, OwedRow, DeadLetterRow} <= kinds
    owed = [row for row in rows_of(STORY.state) if isinstance(row, OwedRow)]
    assert {row.owed.counted for row in owed} == {True, False}


@pytest.mark.parametrize("slice_rows", [1, 2, 7, 500])
def test_a_snapshot_is_read_back_equal(slice_rows: int) -> None:
    again = read_snapshot(STORY.config, take_snapshot(STORY.state, slice_rows))
    assert again == STORY.state
    assert digest(again) == digest(STORY.state)


def test_the_hub_goes_on_from_a_snapshot_as_from_the_state() -> None:
    one, two = story(), story()
    two.state = read_snapshot(two.config, take_snapshot(two.state))
    for hub in (one, two):
        hub.tick_until_rest(120_000)
        hub.attach("carol")
        hub.unregister("bob")
    assert one.state == two.state


@pytest.mark.parametrize("seq", range(1, len(STORY.log), 3))
def test_a_snapshot_anywhere_and_the_tail_of_the_log_give_the_same_state(seq: int) -> None:
    early = replay(STORY.config, STORY.log[:seq], HubState("demo"))
    begun = read_snapshot(STORY.config, take_snapshot(early, 2))
    assert replay(STORY.config, STORY.log, begun) == STORY.state


def test_the_state_of_a_users_protocol_is_read_back_as_its_own_class() -> None:
    again = read_snapshot(STORY.config, take_snapshot(STORY.state))
    (protocol,) = [talk.protocol for talk in again.sessions.talks.values() if isinstance(talk.protocol, Auction)]
    assert protocol.best == protocol.bids[-1]
    assert [type(bid) for bid in protocol.bids] == [Bid] * 3
    assert protocol.bids[0].amount == 1.0
    assert type(protocol.bids[0].amount) is float


@pytest.mark.parametrize("deliveries", ["owed", "dead"])
def test_states_that_differ_in_a_mailbox_have_other_digests(deliveries: str) -> None:
    one, two = story(), story()
    if deliveries == "owed":
        two.ack("bob", *two.numbers("bob"))
        one.ack("bob", *one.numbers("bob")[:-1])
    else:
        two.resend("bob", min(two.dead("bob")))
        one.resend("bob", max(one.dead("bob")))
    assert digest(one.state) != digest(two.state)


# --- what cannot be written, or read


@pytest.mark.parametrize("place", ["on_accepted", "fold"])
def test_no_snapshot_is_taken_while_a_session_is_dormant(place: str) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Broken(place, "session.left")])
    session_id = hub.opened("alice", "bob", "carol", type="broken")
    assert first_dormant(hub.state) is None
    hub.leave("carol", session_id)
    assert first_dormant(hub.state) == session_id
    with pytest.raises(Unavailable, match=session_id):
        next(take_snapshot(hub.state))
    hub.close("alice", session_id)
    assert read_snapshot(hub.config, take_snapshot(hub.state)) == hub.state


def test_no_snapshot_is_taken_of_a_state_that_was_folded_without_an_adapter() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    folded = replay(HubConfig(), hub.log, HubState("demo"))
    assert folded.sessions.entries[session_id].dormant is None
    assert first_dormant(folded) == session_id
    with pytest.raises(Unavailable, match=session_id):
        next(take_snapshot(folded))


def test_the_caller_may_pause_while_many_sessions_are_looked_at() -> None:
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    entry, talk = hub.state.sessions.entries[session_id], hub.state.sessions.talks[session_id]
    ids = [f"demo:s:{at}" for at in range(DEALT)]
    many = Sessions.of(dict.fromkeys(ids, entry), dict.fromkeys(ids, talk))
    assert codec.unpack(next(take_snapshot(changed(hub.state, sessions=many)))) == []


def test_a_dormant_state_has_a_digest_of_its_own() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    hub.opened("alice", "bob", type="free")
    folded = replay(HubConfig(), hub.log, HubState("demo"))
    assert len({digest(hub.state), digest(folded)}) == 2
    assert digest(folded) == digest(replay(HubConfig(), hub.log, HubState("demo")))


def test_a_session_whose_adapter_is_not_configured_is_read_back_and_dormant_from_the_next_start() -> None:
    config = HubConfig(adapters=(Free(),))
    read = read_snapshot(config, take_snapshot(STORY.state))
    without = replay(config, STORY.log, HubState("demo"))
    assert read.sessions.entries == without.sessions.entries
    assert read.sessions.talks == without.sessions.talks
    assert first_unread(config, read) is None, "there is no adapter that could not read it"
    assert changed(read, sessions=STORY.state.sessions) == STORY.state, "nothing else is missing"


class Timed(Free):
    """A protocol that closes its session a second after it was opened."""

    def next_deadline(self, session: Session, state: Heard) -> int | None:
        return session.created_at_ms + 1_000

    def on_deadline(self, session: Session, state: Heard, now_ms: int) -> AdapterResult:
        return AdapterResult("closed", "its time is over")


def test_what_a_missing_protocol_waits_for_passes_and_follows_when_it_is_back() -> None:
    hub = Talks("alice", "bob", adapters=[Timed("timed")])
    session_id = hub.opened("alice", "bob", type="timed")
    slices, with_it = list(take_snapshot(hub.state)), hub.config
    hub.config = hub.configured(built_in=True, limits=None)
    hub.state = read_snapshot(hub.config, slices)
    hub.value(ADMIN, Start())
    hub.tick_until_rest(hub.now_ms + 5_000)
    assert hub.state.sessions.entries[session_id].dormant == "its adapter is missing"
    hub.config, hub.state = with_it, replay(with_it, hub.log, read_snapshot(with_it, slices))
    assert digest(hub.state) == digest(replay(with_it, hub.log, HubState("demo")))
    hub.value(ADMIN, Start())
    hub.tick_until_rest(hub.now_ms + 5_000)
    assert hub.words(session_id)[-1].event_data["reason"] == "its time is over"


class OtherState(AuctionAdapter):
    """The same type and version with another class of state."""

    state_type = Bid  # type: ignore[assignment]


class NeverReads(AuctionAdapter):
    """A protocol whose state is written by a class that is well, and built by one that raises."""

    @attrs.frozen
    class Raising(Auction):
        def __attrs_post_init__(self) -> None:
            raise RuntimeError("not today")

    state_type = Raising


@pytest.mark.parametrize(
    ("adapter", "reason"),
    [(OtherState(), "expected 3 fields"), (NeverReads(), "its adapter raised RuntimeError: not today")],
    ids=lambda one: type(one).__name__,
)
def test_a_protocols_state_that_its_adapter_cannot_read_is_faulty(adapter: AuctionAdapter, reason: str) -> None:
    config = HubConfig(adapters=(*[one for one in STORY.config.adapters if one.manifest.type != "auction"], adapter))
    read = read_snapshot(config, take_snapshot(STORY.state))
    (faulty,) = [talk.protocol for talk in read.sessions.talks.values() if type(talk.protocol) is Faulty]
    assert faulty.reason.startswith("cannot read the state it wrote: ")
    assert reason in faulty.reason
    assert first_unread(config, read) is not None
    assert first_unread(STORY.config, read_snapshot(STORY.config, take_snapshot(STORY.state))) is None


@pytest.mark.parametrize(
    "row",
    [OwedRow("a", 1, OWED, None), DeadLetterRow("a", DeadLetter(1, OWED, "why"))],
    ids=["owed", "dead"],
)
def test_what_is_owed_before_its_mailbox_is_malformed(row: object) -> None:
    with pytest.raises(Malformed, match="before what is owed"):
        read_snapshot(HubConfig(), whole(FIRST, row))


def test_what_is_derived_of_a_mailbox_is_built_again() -> None:
    rows = [MailboxRow("a", 8, 3, 2), OwedRow("a", 4, OWED, 70), OwedRow("a", 6, changed(OWED, envelope_id="f"), None)]
    mailbox = read_snapshot(HubConfig(), whole(FIRST, *rows)).mailboxes["a"]
    assert (mailbox.next_number, mailbox.settled, mailbox.pending, mailbox.attachings) == (8, 3, 2, 2)
    assert dict(mailbox.numbers) == {"e": 4, "f": 6}
    assert dict(mailbox.waiting) == {4: 70}


def test_many_mailboxes_are_written_in_an_order_of_their_own() -> None:
    def crowd(names: list[str]) -> HubState:
        boxes = [MailboxRow(name, 1, 0, 0) for name in names]
        return read_snapshot(HubConfig(), whole(FIRST, *boxes))

    names = [f"a{at}" for at in range(50)]
    assert digest(crowd(names)) == digest(crowd(names[::-1]))


@attrs.frozen
class Told:
    """A state that says itself how it is written, and needs no other reader than the fields it names."""

    words: int = 0

    def to_data(self) -> Mapping[str, object]:
        return {"words": self.words}


class Telling(Adapter[Told]):
    manifest = Manifest("telling")
    state_type = Told

    def initial_state(self, session: Session) -> Told:
        return Told()

    def validate_send(self, session: Session, state: Told, envelope: Envelope) -> None:
        pass

    def fold(self, state: Told, envelope: Envelope) -> Told:
        return Told(state.words + 1)


def test_a_state_is_written_as_it_says_itself_and_read_back_by_its_fields() -> None:
    hub = Talks("alice", "bob", adapters=[Telling()])
    session_id = hub.opened("alice", "bob", type="telling")
    (row,) = [row for row in rows_of(hub.state, hub.config) if isinstance(row, SessionRow)]
    assert codec.unpack(row.protocol) == {"words": len(hub.words(session_id))}


def test_a_state_that_is_no_data_where_its_class_asks_for_data_is_faulty() -> None:
    hub = Talks("alice", "bob", adapters=[Free("telling")])
    session_id = hub.opened("alice", "bob", type="telling")
    read = read_snapshot(HubConfig(adapters=(Telling(),)), take_snapshot(hub.state))
    assert "expected the data of a protocol's state" in str(read.sessions.talks[session_id].protocol)
