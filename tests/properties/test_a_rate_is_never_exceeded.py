"""A rate, whatever the clock does: never more than the burst and what was given back, and never less than is left."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub_core import Inbox, Rate, Refuse, posts_left
from tests.core.session_driver import Free, Talks

rates = st.builds(Rate, st.sampled_from([1, 7, 60, 61, 1_000]), st.sampled_from([0, 1, 2, 5]))
jumps_ms = st.sampled_from([0, 0, 0, 1, 17, 999, 1_000, 8_571, 8_572, 60_000, 3_600_000, -1, -5_000])


@settings(max_examples=60, deadline=None)
@given(rates, st.lists(jumps_ms, min_size=1, max_size=40))
def test_no_more_is_let_through_than_the_burst_and_what_was_given_back(rate: Rate, jumps: list[int]) -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("bob", inbox=Inbox(0))
    hub.set_rule("alice", rate=rate)
    burst, full, at_ms = rate.burst or rate.per_minute, Fraction(0), hub.state.now_ms
    spent = full
    let_through: list[int] = []
    for jump_ms in jumps:
        now_ms = max(hub.now_ms + jump_ms, 0)
        clock_ms = max(hub.state.now_ms, now_ms)
        spent = max(full, spent - Fraction((clock_ms - at_ms) * rate.per_minute, 60_000))
        at_ms = clock_ms
        assert posts_left(hub.state, hub.ids["alice"], now_ms) == int(burst - spent)
        answer = hub.ask(hub.who("alice"), hub.saying("alice", session_id), now_ms)[0]
        assert isinstance(answer, Refuse) == (spent + 1 > burst), "what is left is let through, and nothing else"
        if not isinstance(answer, Refuse):
            spent += 1
            let_through.append(clock_ms)
    for first, from_ms in enumerate(let_through):
        for last, until_ms in enumerate(let_through[first:], start=first):
            assert last - first + 1 <= burst + Fraction((until_ms - from_ms) * rate.per_minute, 60_000)
