"""The arbiter that goes by the rules: every field of a rule, where it refuses or what it does."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from foldhub_core import (
    HubConfig,
    Inbox,
    Invite,
    Rate,
    Refuse,
    Rule,
    RuleBasedArbiter,
    SessionTypes,
    can_send,
    created_sessions,
    read_snapshot,
    replay,
    take_snapshot,
)
from foldhub_core.state import HubState
from tests.core.hub_driver import ADMIN, HUB_ID
from tests.core.session_driver import Free, Talks, skipped_by

ROOT = Path(__file__).parents[2]
OPENING = "tests/core/test_opening.py"
HERE = "tests/core/test_rule_arbiter.py"

TABLE: dict[str, str] = {
    "access.inbound_from": f"{HERE}::test_nobody_is_invited_by_one_it_does_not_hear",
    "access.outbound_to": f"{HERE}::test_a_sender_names_only_whom_its_rule_lets_it_write_to",
    "access.session_types.initiate": f"{HERE}::test_an_agent_opens_only_sessions_of_its_types",
    "access.session_types.accept": f"{HERE}::test_an_agent_is_invited_only_to_sessions_of_its_types",
    "limits.max_concurrent_sessions": f"{HERE}::test_an_agent_opens_no_more_sessions_than_may_be_live_at_once",
    "limits.max_concurrent_tasks": "tests/core/test_working.py::test_an_agent_has_no_more_tasks_at_once_than_its_rule_says",
    "limits.session_ttl_default": f"{OPENING}::test_the_creators_rule_says_how_long_a_session_lasts_where_it_is_not_said",
    "limits.task_ttl_default": "tests/core/test_working.py::test_the_owners_own_rule_says_how_long",
    "limits.rate.per_minute": f"{HERE}::test_an_agent_posts_no_more_in_a_minute_than_its_rate",
    "limits.rate.burst": f"{HERE}::test_an_agent_posts_no_more_at_once_than_its_burst",
    "limits.delegation_depth": f"{HERE}::test_a_word_is_no_deeper_than_its_senders_rule",
    "limits.inbox.max_pending": f"{HERE}::test_a_full_inbox_that_rejects_refuses_the_post",
    "limits.inbox.overflow": "tests/core/test_posting.py::test_the_deaf_and_the_full_are_skipped_each_for_their_reason",
    "limits.inbox.high_water": "tests/core/test_posting.py::test_pressure_is_told_when_high_water_is_reached",
    "version": "tests/core/test_registry.py::test_it_is_replaced_and_the_version_counts",
}
"""Every field of a rule, and the test in which it refuses or does something."""


def fields_below(cls: Any, place: str = "") -> Iterator[str]:
    """The fields of a record, and in the place of one that is a record those below it. Any: attrs tells the types."""
    for field in attrs.fields(cls):
        if isinstance(field.type, type) and attrs.has(field.type):
            yield from fields_below(field.type, f"{place}{field.name}.")
        else:
            yield f"{place}{field.name}"


def test_every_field_of_a_rule_is_in_the_table() -> None:
    assert list(fields_below(Rule)) == list(TABLE)


@pytest.mark.parametrize("field", TABLE)
def test_a_field_of_a_rule_has_its_test(field: str) -> None:
    file, _, test = TABLE[field].partition("::")
    assert re.search(rf"^ *def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def message(hub: Talks) -> str:
    """What the last refusal says."""
    refusal = hub.log[-1].refusal
    assert refusal is not None
    return refusal.message


def refused_opening(hub: Talks, *names: str, **fields: Any) -> str:
    return hub.refused(hub.who(names[0]), hub.opening(*names, **fields))


def inviting(hub: Talks, session_id: str, name: str, *whom: str) -> Invite:
    return Invite(session_id=session_id, agent_id=hub.ids[name], participants=hub.these(*whom))


# --- who may write to whom


@pytest.mark.parametrize(
    ("globs", "heard"),
    [(("*",), True), (("al*",), True), (("bob", "alice"), True), (("Alice",), False), (("bob",), False), ((), False)],
)
def test_nobody_is_invited_by_one_it_does_not_hear(globs: tuple[str, ...], heard: bool) -> None:
    hub = Talks("alice", "bob")
    hub.set_rule("bob", inbound_from=globs)
    if heard:
        hub.pending("alice", "bob")
    else:
        assert refused_opening(hub, "alice", "bob") == "access_denied"
        assert "expected agents that hear" in message(hub)


def test_nobody_is_invited_later_by_one_it_does_not_hear() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("carol", inbound_from=("b*",))
    assert hub.refused(hub.who("alice"), inviting(hub, session_id, "alice", "carol")) == "access_denied"


def test_one_who_takes_part_already_is_not_asked_for_again() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("bob", inbound_from=())
    hub.quiet(hub.who("alice"), inviting(hub, session_id, "alice", "bob"))


@pytest.mark.parametrize(("globs", "code"), [(("*",), None), (("alice",), "access_denied")])
def test_a_creator_that_is_gone_has_no_name_to_be_heard_by(globs: tuple[str, ...], code: str | None) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.unregister("alice")
    hub.set_rule("carol", inbound_from=globs)
    command = Invite(session_id=session_id, agent_id="", participants=hub.these("carol"))
    if code is None:
        hub.value(ADMIN, command)
    else:
        assert hub.refused(ADMIN, command) == code


@pytest.mark.parametrize(("to", "code"), [(("bob",), None), (("carol",), "access_denied"), (("bob", "carol"), "access_denied")])
def test_a_sender_names_only_whom_its_rule_lets_it_write_to(to: tuple[str, ...], code: str | None) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.set_rule("alice", outbound_to=("b*",))
    if code is None:
        hub.say("alice", session_id, to=to)
    else:
        assert hub.unsaid("alice", session_id, to=to) == code
        assert message(hub).endswith(f"came {hub.ids['carol']}")


@pytest.mark.parametrize("to", [None, ("alice",), ()])
def test_a_sender_may_always_speak_to_everybody_and_to_itself(to: tuple[str, ...] | None) -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("alice", outbound_to=())
    hub.say("alice", session_id, to=to)


def test_a_recipient_that_does_not_hear_the_sender_is_skipped() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("bob", inbound_from=("carol",))
    hub.say("alice", session_id)
    assert skipped_by(hub) == [(("bob",), "rule")]


# --- sessions


@pytest.mark.parametrize(("globs", "opened"), [(("*",), True), (("con*",), True), (("Con*",), False), ((), False)])
def test_an_agent_opens_only_sessions_of_its_types(globs: tuple[str, ...], opened: bool) -> None:
    hub = Talks("alice", "bob")
    hub.set_rule("alice", session_types=SessionTypes(initiate=globs))
    if opened:
        hub.pending("alice", "bob")
    else:
        assert refused_opening(hub, "alice", "bob") == "access_denied"


def test_whoever_may_not_open_a_session_may_be_invited_to_one() -> None:
    hub = Talks("alice", "bob")
    hub.set_rule("bob", session_types=SessionTypes(initiate=()))
    hub.opened("alice", "bob")


@pytest.mark.parametrize(("globs", "accepted"), [(("*",), True), (("fr?e",), True), (("con*",), False), ((), False)])
def test_an_agent_is_invited_only_to_sessions_of_its_types(globs: tuple[str, ...], accepted: bool) -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("carol", session_types=SessionTypes(accept=globs))
    later = inviting(hub, session_id, "alice", "carol")
    if accepted:
        hub.pending("alice", "carol", type="free")
        hub.value(hub.who("alice"), later)
    else:
        assert refused_opening(hub, "alice", "carol", type="free") == "access_denied"
        assert hub.refused(hub.who("alice"), later) == "access_denied"


def test_a_creator_needs_not_accept_its_own_session() -> None:
    hub = Talks("alice", "bob")
    hub.set_rule("alice", session_types=SessionTypes(accept=()), inbound_from=())
    hub.pending("alice", "bob")


@pytest.mark.parametrize("most", [1, 2, 3])
def test_an_agent_opens_no_more_sessions_than_may_be_live_at_once(most: int) -> None:
    hub = Talks("alice", "bob")
    hub.set_rule("alice", max_concurrent_sessions=most)
    for _ in range(most):
        hub.pending("alice", "bob")
    assert refused_opening(hub, "alice", "bob") == "access_denied"
    assert created_sessions(hub.state, hub.ids["alice"]) == most
    hub.pending("bob", "alice")


def test_a_cap_of_none_is_none() -> None:
    hub = Talks("alice", "bob")
    for _ in range(5):
        hub.pending("alice", "bob")
    assert created_sessions(hub.state, hub.ids["alice"]) == 5


def test_inviting_further_agents_opens_no_session() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    hub.set_rule("alice", max_concurrent_sessions=1, session_types=SessionTypes(initiate=("free",)))
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("alice", max_concurrent_sessions=1, session_types=SessionTypes(initiate=()))
    hub.value(hub.who("alice"), inviting(hub, session_id, "alice", "carol"))


def its_other_leaves(hub: Talks, session_id: str) -> None:
    hub.answer("bob", session_id)
    hub.leave("bob", session_id)


def its_time_is_over(hub: Talks, session_id: str) -> None:
    hub.answer("bob", session_id)
    hub.tick_until_rest(hub.now_ms + 2 * 3600 * 1000)


ENDS: dict[str, Callable[[Talks, str], object]] = {
    "closed": lambda hub, one: hub.close("alice", one),
    "declined": lambda hub, one: hub.answer("bob", one, accept=False),
    "its other left": its_other_leaves,
    "its creator left": lambda hub, one: hub.leave("alice", one),
    "not answered": lambda hub, _: hub.tick_until_rest(hub.now_ms + hub.state.limits.invite_timeout_ms),
    "its other is gone": lambda hub, _: hub.unregister("bob"),
    "expired": its_time_is_over,
}
"""How a session ends."""


@pytest.mark.parametrize("how", ENDS)
def test_a_session_that_ended_makes_room_for_another(how: str) -> None:
    hub = Talks("alice", "bob", "carol")
    hub.set_rule("alice", max_concurrent_sessions=1)
    session_id = hub.pending("alice", "bob")
    ENDS[how](hub, session_id)
    assert not hub.is_live(session_id)
    assert created_sessions(hub.state, hub.ids["alice"]) == 0
    hub.pending("alice", "carol")


def test_a_session_counts_for_its_creator_also_after_it_left() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.leave("alice", session_id)
    assert created_sessions(hub.state, hub.ids["alice"]) == 1
    hub.unregister("alice")
    assert created_sessions(hub.state, hub.ids["alice"]) == 1
    hub.leave("bob", session_id)
    hub.leave("carol", session_id)
    assert created_sessions(hub.state, hub.ids["alice"]) == 0


def test_the_count_of_sessions_survives_a_restart_and_a_snapshot() -> None:
    hub = Talks("alice", "bob")
    hub.set_rule("alice", max_concurrent_sessions=2)
    hub.opened("alice", "bob")
    hub.pending("alice", "bob")
    for state in (replay(hub.config, hub.log, HubState(HUB_ID)), read_snapshot(hub.config, take_snapshot(hub.state))):
        assert created_sessions(state, hub.ids["alice"]) == 2
        hub.state = state
        assert refused_opening(hub, "alice", "bob") == "access_denied"


def test_a_session_that_falls_asleep_still_counts() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    hub.set_rule("alice", max_concurrent_sessions=1)
    hub.opened("alice", "bob", type="free")
    hub.restart()
    hub.recover()
    assert refused_opening(hub, "alice", "bob") == "access_denied"


def test_a_retry_of_an_opening_is_answered_though_no_more_may_be_opened() -> None:
    hub = Talks("alice", "bob")
    hub.set_rule("alice", max_concurrent_sessions=1)
    command = hub.opening("alice", "bob", idempotency_key="k")
    session = hub.value(hub.who("alice"), command)
    assert hub.quiet(hub.who("alice"), command) == session


@pytest.mark.parametrize(
    ("refusal", "fields"),
    [
        ("not_found type", {"type": "nothing"}),
        ("access_denied", {"intent": "x" * 2_000_000}),
        ("malformed intent", {"intent": "x" * 2_000_000, "type": "free"}),
    ],
)
def test_the_arbiter_is_asked_after_the_adapter_and_before_the_sizes(refusal: str, fields: dict[str, Any]) -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    hub.set_rule("alice", session_types=SessionTypes(initiate=("free",)))
    refused_opening(hub, "alice", "bob", **fields)
    came = hub.log[-1].refusal
    assert came is not None
    assert f"{came.code} {came.where}".strip() == refusal


# --- how deep, how often, how much


@pytest.mark.parametrize(
    ("most", "depth", "code"),
    [(2, 2, None), (2, 3, "access_denied"), (1, 1, None), (1, 2, "access_denied"), (0, 10**6, None)],
)
def test_a_word_is_no_deeper_than_its_senders_rule(most: int, depth: int, code: str | None) -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("alice", delegation_depth=most)
    if code is None:
        hub.say("alice", session_id, depth=depth)
    else:
        assert hub.unsaid("alice", session_id, depth=depth) == code


def test_the_depth_that_counts_is_the_hubs() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    first, second = hub.opened("alice", "bob", type="free"), hub.opened("bob", "carol", type="free")
    hub.set_rule("bob", delegation_depth=1)
    cause = hub.say("alice", first, depth=1)
    assert hub.unsaid("bob", second, causation_id=cause.envelope_id) == "access_denied"
    hub.say("bob", first, causation_id=cause.envelope_id)


def posted(hub: Talks, session_id: str, times: int, now_ms: int) -> int:
    """How many of so many posts of alice are accepted at a time."""
    answers = [hub.ask(hub.who("alice"), hub.saying("alice", session_id), now_ms)[0] for _ in range(times)]
    refused = [answer.error.code for answer in answers if isinstance(answer, Refuse)]
    assert set(refused) <= {"rate_limited"}
    return times - len(refused)


def rated(rate: Rate) -> tuple[Talks, str]:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("bob", inbox=Inbox(0))
    hub.set_rule("alice", rate=rate)
    return hub, session_id


@pytest.mark.parametrize("per_minute", [1, 7, 200])
def test_an_agent_posts_no_more_in_a_minute_than_its_rate(per_minute: int) -> None:
    hub, session_id = rated(Rate(per_minute))
    assert posted(hub, session_id, per_minute + 3, 1_000) == per_minute
    assert posted(hub, session_id, per_minute + 3, 61_000) == per_minute, "a minute gives all of it back"


def test_an_agent_posts_no_more_at_once_than_its_burst() -> None:
    hub, session_id = rated(Rate(60, 2))
    assert posted(hub, session_id, 5, 1_000) == 2
    assert posted(hub, session_id, 5, 1_999) == 0
    assert posted(hub, session_id, 5, 2_000) == 1
    assert posted(hub, session_id, 5, 999_000) == 2


def test_a_burst_without_a_rate_is_no_bound() -> None:
    hub, session_id = rated(Rate(0, 1))
    for _ in range(5):
        hub.say("alice", session_id)
    assert len(hub.state.rates) == 0


def test_a_post_that_comes_too_early_says_how_much() -> None:
    hub, session_id = rated(Rate(7, 1))
    hub.say("alice", session_id, now_ms=1_000)
    hub.refused(hub.who("alice"), hub.saying("alice", session_id), 2_000)
    (early,) = re.findall(r"(\d+) ms early", message(hub))
    assert hub.refused(hub.who("alice"), hub.saying("alice", session_id), 2_000 + int(early) - 1) == "rate_limited"
    hub.say("alice", session_id, now_ms=2_000 + int(early))


def test_a_retry_costs_nothing() -> None:
    hub, session_id = rated(Rate(1))
    command = hub.saying("alice", session_id, idempotency_key="k")
    word = hub.value(hub.who("alice"), command)
    assert hub.quiet(hub.who("alice"), command) == word


def test_a_refused_post_costs_nothing() -> None:
    hub, session_id = rated(Rate(1))
    assert hub.unsaid("alice", session_id, to=("bob", "bob")) == "protocol_error"
    hub.say("alice", session_id)


def test_what_the_hub_says_for_an_agent_costs_nothing() -> None:
    hub, session_id = rated(Rate(1))
    hub.pending("alice", "bob", type="free")
    hub.close("alice", session_id)
    assert len(hub.state.rates) == 0


def test_a_full_inbox_that_rejects_refuses_the_post() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    hub.set_rule("bob", inbox=Inbox(1))
    hub.say("alice", session_id)
    assert hub.unsaid("alice", session_id) == "inbox_full"
    hub.ack_all("bob")
    hub.say("alice", session_id)


def test_to_whom_comes_before_how_deep_before_how_often_before_the_inbox() -> None:
    hub = Talks("alice", "bob", "carol", adapters=[Free()])
    session_id = hub.opened("alice", "bob", "carol", type="free")
    hub.set_rule("carol", inbox=Inbox(1))
    hub.set_rule("alice", outbound_to=("carol",), delegation_depth=1, rate=Rate(60, 1))
    hub.say("alice", session_id)
    codes = [hub.unsaid("alice", session_id, to=("bob",), depth=2)]
    said = [message(hub)]
    for depth in (2, 0):
        codes.append(hub.unsaid("alice", session_id, to=("carol",), depth=depth))
        said.append(message(hub))
    codes.append(hub.refused(hub.who("alice"), hub.saying("alice", session_id), hub.now_ms + 5_000))
    assert codes == ["access_denied", "access_denied", "rate_limited", "inbox_full"]
    assert ["recipients" in said[0], "depth" in said[1]] == [True, True]


def test_a_probe_knows_how_often_and_when() -> None:
    hub, session_id = rated(Rate(60, 1))
    hub.say("alice", session_id, now_ms=1_000)
    asked = (hub.config, hub.state, session_id, hub.ids["alice"])
    codes = [can_send(*asked, now_ms=now_ms) for now_ms in (None, 0, 1_999, 2_000)]
    assert [error and error.code for error in codes] == ["rate_limited", "rate_limited", "rate_limited", None]


# --- as part of the configuration


def test_it_is_the_arbiter_of_a_hub_that_is_told_of_none() -> None:
    assert HubConfig().arbiter == RuleBasedArbiter()
    assert HubConfig() == HubConfig(arbiter=RuleBasedArbiter())


def test_what_a_stricter_rule_would_refuse_is_replayed_all_the_same() -> None:
    hub, session_id = rated(Rate(60))
    hub.say("alice", session_id)
    hub.set_rule("alice", rate=Rate(1, 1), delegation_depth=1, outbound_to=())
    hub.recover(Free())
    assert hub.unsaid("alice", session_id) == "rate_limited"


def test_one_that_a_retry_cannot_be_told_by_is_not_asked_first() -> None:
    hub = Talks("alice", "bob", adapters=[Free()])
    session_id = hub.opened("alice", "bob", type="free")
    word = hub.say("alice", session_id, idempotency_key="k", to=("bob",))
    hub.set_rule("alice", outbound_to=())
    assert hub.quiet(hub.who("alice"), hub.saying("alice", session_id, idempotency_key="k", to=("bob",))) == word
