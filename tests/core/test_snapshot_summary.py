"""What a snapshot says of itself without any adapter: whose it is, where it stands, what it still needs."""

import pytest

from foldhub.testing.store_story import HUB_ID, story
from foldhub_core import HubConfig, HubState, Malformed, codec, replay, take_snapshot
from foldhub_core.snapshot_summary import summarize_snapshot


def after(seq: int) -> HubState:
    return replay(HubConfig(), story()[:seq], HubState(HUB_ID))


def test_it_says_whose_it_is_and_where_it_stands() -> None:
    state = after(40)
    summary = summarize_snapshot(take_snapshot(state))
    assert (summary.hub_id, summary.seq, summary.head) == (HUB_ID, 40, state.head)


def test_it_needs_what_is_owed_and_what_was_given_up() -> None:
    # Between the dead letters of the story and their agent's leaving both are there.
    states = [after(seq) for seq in range(1, len(story()) - 2)]
    state = next(state for state in states if any(box.dead for box in state.mailboxes.values()))
    owed = {one.envelope_id for box in state.mailboxes.values() for one in box.owed.values()}
    dead = {letter.owed.envelope_id for box in state.mailboxes.values() for letter in box.dead.values()}
    assert dead
    assert summarize_snapshot(take_snapshot(state, slice_rows=3)).needed == owed | dead


def test_slices_that_are_not_whole_say_nothing() -> None:
    slices = list(take_snapshot(after(40), slice_rows=3))
    for broken in ([], slices[1:], slices[:-1], [*slices, slices[-1]], [slices[0], *slices[2:]], [codec.pack(1)]):
        with pytest.raises(Malformed):
            summarize_snapshot(broken)
