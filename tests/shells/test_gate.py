"""The gate: how many may be connected, and who waits outside. Time is what it is told."""

from itertools import pairwise

import pytest

from foldhub.gate import Gate, house_of
from foldhub_core import changed
from foldhub_core.wire.limits import DEFAULT

LIMITS = changed(DEFAULT, connections=6, unauthenticated=4, unauthenticated_per_address=2, connections_per_subject=3)


def entered(gate: Gate, *addresses: str, now_ms: int = 0) -> list[bool]:
    return [gate.enter(address, now_ms) is None for address in addresses]


def test_one_address_has_room_for_few_that_nobody_knows() -> None:
    gate = Gate(LIMITS)
    assert entered(gate, "a", "a", "a", "b") == [True, True, False, True]
    gate.left("a", None)
    assert entered(gate, "a", "a") == [True, False]


def test_all_addresses_together_have_room_for_so_many_that_nobody_knows() -> None:
    assert entered(Gate(LIMITS), "a", "b", "c", "d", "e") == [True, True, True, True, False]


def test_whoever_is_known_makes_room_at_his_address() -> None:
    gate = Gate(LIMITS)
    assert entered(gate, "a", "a") == [True, True]
    assert gate.known("a", "ann")
    assert entered(gate, "a", "a") == [True, False]


def test_a_subject_has_so_many_connections_and_no_more() -> None:
    gate = Gate(LIMITS)
    for address in ("a", "b", "c"):
        assert gate.enter(address, 0) is None
        assert gate.known(address, "ann")
    assert gate.enter("d", 0) is None
    assert not gate.known("d", "ann")
    gate.left("d", None)
    gate.left("a", "ann")
    assert gate.enter("d", 0) is None
    assert gate.known("d", "ann")
    assert gate.connections == 3


def test_all_connections_are_counted() -> None:
    gate = Gate(LIMITS)
    for number in range(6):
        assert gate.enter("a", 0) is None
        assert gate.known("a", f"subject {number // 2}")
    assert gate.enter("b", 0) == "there are 6 connections"


def test_where_all_are_of_one_machine_and_subject_only_the_sums_count() -> None:
    gate = Gate(LIMITS, one_subject=True, one_machine=True)
    assert entered(gate, *"aaaaa") == [True, True, True, True, False]
    assert [gate.known("a", "local") for _ in range(4)] == [True] * 4
    assert entered(gate, "a", "a", "a") == [True, True, False]


def test_where_all_are_of_one_subject_an_address_has_its_bounds_all_the_same() -> None:
    gate = Gate(changed(LIMITS, connects_per_address_per_s=4), one_subject=True)
    assert entered(gate, "a", "a", "a") == [True, True, False]
    assert [gate.known("a", "local") for _ in range(2)] == [True] * 2
    assert entered(gate, "a", "a") == [True, True]
    assert [gate.known("a", "local") for _ in range(2)] == [True] * 2, "more than one subject may have where there are others"
    assert gate.enter("a", 0) == "more than 4 connections a second came from there"


QUICK = changed(DEFAULT, connects_per_address_per_s=3)


def came_and_went(gate: Gate, address: str, now_ms: int) -> bool:
    """Whether one that comes is let in; it leaves at once."""
    if gate.enter(address, now_ms) is not None:
        return False
    gate.left(address, None)
    return True


def test_from_one_address_come_so_many_in_a_second_and_no_more() -> None:
    gate = Gate(QUICK)
    assert [came_and_went(gate, "a", 5_000) for _ in range(5)] == [True, True, True, False, False]
    assert came_and_went(gate, "b", 5_000), "another address has its own"
    assert [came_and_went(gate, "a", now_ms) for now_ms in (5_333, 5_334, 5_335)] == [False, True, False]
    assert [came_and_went(gate, "a", 6_334) for _ in range(4)] == [True, True, True, False]


def test_whoever_keeps_trying_is_let_in_as_often_as_his_rate_is() -> None:
    gate = Gate(QUICK)
    came = [now_ms for now_ms in range(10_001) if came_and_went(gate, "a", now_ms)]
    assert len(came) == 3 + 10 * 3
    assert [b - a for a, b in pairwise(came[3:]) if b - a < 333] == []


def test_who_is_not_let_in_for_another_reason_does_not_pay_for_it() -> None:
    gate = Gate(changed(QUICK, unauthenticated_per_address=1))
    assert entered(gate, "a", *"aaaaa") == [True] + [False] * 5
    gate.left("a", None)
    assert [came_and_went(gate, "a", 0) for _ in range(3)] == [True, True, False]


def test_too_many_wrong_credentials_shut_an_address_out_for_a_while() -> None:
    gate = Gate(DEFAULT)
    for now_ms in range(4):
        gate.failed("a", now_ms)
    assert entered(gate, "a", now_ms=4) == [True]
    gate.failed("a", 5)
    assert gate.enter("a", 6) == "too many wrong credentials came from there"
    assert entered(gate, "b", now_ms=6) == [True]
    assert entered(gate, "a", now_ms=5 + DEFAULT.auth_pause_ms) == [True]


def test_wrong_credentials_that_come_slowly_shut_nobody_out() -> None:
    gate = Gate(DEFAULT)
    for number in range(50):
        gate.failed("a", number * DEFAULT.auth_window_ms // 4)
        assert entered(gate, "a", now_ms=number * DEFAULT.auth_window_ms // 4) == [True]
        gate.left("a", None)


def test_what_does_not_matter_any_more_is_forgotten() -> None:
    gate = Gate(DEFAULT)
    for number in range(1_000):
        gate.failed(f"address {number % 700}", number)
        came_and_went(gate, f"address {number % 500}", number)
    gate.forget(10 * DEFAULT.auth_window_ms)
    fresh = Gate(DEFAULT)
    assert vars(gate) == vars(fresh) | {"_limits": gate._limits}  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("host", "house"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nowhere", "nowhere"),
    ],
)
def test_the_addresses_of_one_house_are_one(host: str, house: str) -> None:
    assert house_of(host) == house
