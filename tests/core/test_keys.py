"""Idempotency keys: a retry is the same request, for as long as the key is remembered."""

from collections.abc import Callable
from typing import Any

import pytest

from foldhub_core import (
    Access,
    KeyConflict,
    Limits,
    ObservedStat,
    Register,
    Resume,
    Rule,
    SetResume,
    Tick,
    Unregister,
    changed,
    next_deadline,
    subject_of,
)
from foldhub_core.facts import KeysExpired
from foldhub_core.keys import Answered, Keys, answered, expired, fold_expired, next_due, remember
from tests.core.hub_driver import ADMIN, HUB_ID, Hub, owner, registration

S = owner("s")


def keyed(name: str = "alice", **fields: Any) -> Register:
    return registration(name, idempotency_key="k", **fields)


class TestRetries:
    def test_a_retry_is_answered_with_the_same_passport_and_makes_no_commit(self) -> None:
        hub = Hub()
        passport = hub.value(S, keyed(), 10)
        assert hub.quiet(S, keyed(), 900) == passport

    def test_a_retry_after_a_change_of_the_agent_is_answered_like_the_first(self) -> None:
        hub = Hub()
        passport = hub.value(S, keyed())
        hub.value(ADMIN, SetResume(agent_id=passport.agent_id, resume=Resume(("tell",))))
        assert hub.quiet(S, keyed()) == passport

    def test_a_retry_that_carries_the_stamp_of_the_hub_is_the_same_request(self) -> None:
        hub = Hub()
        passport = hub.value(S, keyed())
        resume = Resume(observed={"ask": ObservedStat(n=1)}, version=4, last_updated_ms=8)
        retry = Register(passport=passport, resume=resume, rule=Rule(version=3), idempotency_key="k")
        assert hub.quiet(S, retry) == passport

    @pytest.mark.parametrize("hub_id", [None, HUB_ID, "else"])
    def test_a_retry_of_a_remote_agent_that_carries_the_stamp_is_the_same_request(self, hub_id: str | None) -> None:
        hub = Hub(remote_agents=True)
        passport = hub.value(ADMIN, keyed(kind="remote_agent", hub_id=hub_id))
        assert hub.quiet(ADMIN, Register(passport=passport, resume=Resume(), idempotency_key="k")) == passport

    @pytest.mark.parametrize("hub_id", [None, HUB_ID, "else"])
    def test_a_keyed_registration_of_a_remote_agent_is_decided_again_alike(self, hub_id: str | None) -> None:
        hub = Hub(remote_agents=True)
        hub.value(ADMIN, keyed(kind="remote_agent", hub_id=hub_id))
        hub.check_log()

    def test_a_retry_is_answered_before_the_limits_are_looked_at(self) -> None:
        hub = Hub()
        passport = hub.value(S, keyed(skill_md="long"))
        tight = changed(hub.state.limits, skill_chars=1, name_chars=1)
        hub.state = changed(hub.state, limits=tight)
        assert hub.quiet(S, keyed(skill_md="long")) == passport

    def test_a_retry_is_refused_where_the_principal_may_not_register_the_name_any_more(self) -> None:
        hub = Hub()
        hub.value(S, keyed())
        assert hub.refused(owner("s", may_register=("bob",)), keyed()) == "access_denied"

    @pytest.mark.parametrize(
        "other",
        [
            keyed(model="m"),
            keyed(kind="remote_agent"),
            keyed(resume=Resume(("ask",))),
            keyed(rule=Rule(Access(inbound_from=()))),
            keyed(skill_md="text"),
            keyed(skill_md=""),
        ],
        ids=["passport", "kind", "resume", "rule", "skill", "empty skill"],
    )
    def test_another_body_under_the_same_key_is_a_conflict(self, other: Register) -> None:
        hub = Hub()
        hub.value(S, keyed())
        before = hub.state.registry
        assert hub.refused(S, other) == "key_conflict"
        assert hub.state.registry is before

    @pytest.mark.parametrize("key", ["k2", "", None])
    def test_another_key_is_another_request_for_a_name_that_is_taken(self, key: str | None) -> None:
        hub = Hub()
        hub.value(S, keyed())
        assert hub.refused(S, registration("alice", idempotency_key=key)) == "protocol_error"

    def test_the_same_key_for_another_name_is_another_request(self) -> None:
        hub = Hub()
        assert hub.value(S, keyed("alice")).agent_id != hub.value(S, keyed("bob")).agent_id

    def test_the_same_key_of_another_subject_is_not_answered(self) -> None:
        hub = Hub()
        hub.value(S, keyed())
        assert hub.refused(owner("t"), keyed()) == "protocol_error"

    def test_the_other_body_under_the_same_key_of_another_subject_is_no_conflict(self) -> None:
        hub = Hub()
        hub.value(S, keyed())
        assert hub.refused(owner("t"), keyed(model="m")) == "protocol_error"

    def test_the_administrator_may_retry_for_anybody(self) -> None:
        hub = Hub()
        passport = hub.value(S, keyed())
        assert hub.quiet(ADMIN, keyed()) == passport
        assert subject_of(hub.state, passport.agent_id) == "s"

    def test_the_key_of_an_ended_agent_is_forgotten_with_it(self) -> None:
        hub = Hub()
        first = hub.value(S, keyed())
        hub.value(ADMIN, Unregister(agent_id=first.agent_id))
        assert hub.value(S, keyed()).agent_id != first.agent_id


class TestExpiry:
    LIMITS = Limits(key_ms=1000)

    def test_a_key_is_remembered_until_a_tick_when_it_is_due(self) -> None:
        hub = Hub(self.LIMITS)
        passport = hub.value(S, keyed(), 10)
        hub.quiet(ADMIN, Tick(), 1009)
        assert hub.quiet(S, keyed(), 1009) == passport

    def test_a_tick_when_it_is_due_forgets_it(self) -> None:
        hub = Hub(self.LIMITS)
        hub.value(S, keyed(), 10)
        hub.value(ADMIN, Tick(), 1010)
        assert hub.refused(S, keyed(), 1010) == "protocol_error"

    def test_without_a_tick_it_is_remembered_however_late(self) -> None:
        hub = Hub(self.LIMITS)
        passport = hub.value(S, keyed(), 10)
        assert hub.quiet(S, keyed(), 99_999) == passport

    def test_of_what_is_forgotten_nothing_is_left(self) -> None:
        hub = Hub(self.LIMITS)
        hub.value(S, keyed(), 10)
        hub.value(ADMIN, Tick(), 1010)
        assert (len(hub.state.keys), next_deadline(hub.state)) == (0, None)

    def test_a_retry_does_not_make_it_last_longer(self) -> None:
        hub = Hub(self.LIMITS)
        hub.value(S, keyed(), 10)
        hub.quiet(S, keyed(), 900)
        assert next_deadline(hub.state) == 1010


def memory(*at_ms: int, most: int = 10) -> Keys:
    """The keys that one agent used at these times."""
    keys = Keys()
    for number, time in enumerate(at_ms):
        keys = remember(keys, "a", "post", f"k{number}", Answered(f"b{number}".encode(), f"m{number}", time), most)
    return keys


def body(came: bytes) -> Callable[[], bytes]:
    """The hash of a request's body, for when it is asked for."""
    return lambda: came


def not_asked() -> bytes:
    """The hash of a body that nobody may have to make."""
    raise AssertionError("expected the hash of the body not to be asked for")


class TestTheMemoryOfAnAgent:
    def test_the_hash_of_the_body_is_asked_for_only_where_the_key_is_known(self) -> None:
        assert answered(memory(5), "a", "post", "k9", not_asked) is None

    def test_it_gives_what_came_of_a_request(self) -> None:
        assert answered(memory(5, 6), "a", "post", "k1", body(b"b1")) == Answered(b"b1", "m1", 6)

    @pytest.mark.parametrize(
        ("agent_id", "request_kind", "key"), [("b", "post", "k0"), ("a", "register", "k0"), ("a", "post", "k9")]
    )
    def test_a_key_belongs_to_its_agent_and_kind_of_request(self, agent_id: str, request_kind: str, key: str) -> None:
        assert answered(memory(5), agent_id, request_kind, key, body(b"b0")) is None

    def test_another_body_is_a_conflict(self) -> None:
        with pytest.raises(KeyConflict, match="expected the same body under the key str 'k0'"):
            answered(memory(5), "a", "post", "k0", body(b"other"))

    def test_beyond_its_room_it_forgets_the_oldest(self) -> None:
        keys = memory(1, 2, 3, most=2)
        assert [answered(keys, "a", "post", f"k{at}", body(f"b{at}".encode())) is None for at in range(3)] == [True, False, False]

    @pytest.mark.parametrize(("keys", "due_ms"), [(memory(5, 9), 105), (memory(), None)])
    def test_it_is_due_when_its_oldest_key_is(self, keys: Keys, due_ms: int | None) -> None:
        assert next_due(keys, "a", 100) == due_ms

    @pytest.mark.parametrize(("now_ms", "count"), [(104, 0), (105, 1), (108, 1), (109, 2), (999, 3)])
    def test_as_many_keys_expire_as_are_due(self, now_ms: int, count: int) -> None:
        mark = KeysExpired("a", count) if count else None
        assert expired(memory(5, 9, 20), "a", 100, now_ms) == mark

    def test_an_agent_without_keys_has_none_that_expire(self) -> None:
        assert expired(memory(), "a", 100, 999) is None

    def test_the_oldest_are_forgotten(self) -> None:
        left = fold_expired(memory(5, 9, 20), KeysExpired("a", 2))
        assert [key for key, _ in left["a"].items()] == ["post:k2"]

    def test_an_agent_with_no_key_left_is_not_in_the_table(self) -> None:
        assert fold_expired(memory(5, 9), KeysExpired("a", 2)) == Keys()
