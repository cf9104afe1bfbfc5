"""The state machine of hypothesis: its own rules keep to the laws, and a user's rules and invariants join them."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from foldhub.testing import AdapterLawBroken
from foldhub.testing.adapter_kit.moves import Wait
from foldhub.testing.adapter_machine import adapter_machine
from tests.shells.adapters.broken import STOP, RaisesAtOddTexts
from tests.shells.adapters.sound import Circle

EVERY_CHECK: Any = list(HealthCheck)
few = settings(max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=EVERY_CHECK, database=None)


def test_a_sound_adapter_keeps_the_laws_in_a_machine() -> None:
    run_state_machine_as_test(adapter_machine(Circle(), vocabulary=[STOP]), settings=few)


def test_a_broken_one_is_caught_by_it() -> None:
    many = settings(few, max_examples=100, phases=[Phase.generate])
    with pytest.raises(AdapterLawBroken) as caught:
        run_state_machine_as_test(adapter_machine(RaisesAtOddTexts()), settings=many)
    assert caught.value.law == "send_is_answered"


def test_rules_and_invariants_can_be_added() -> None:
    base: Any = adapter_machine(Circle(), participants=2)
    looked: list[int] = []

    class Watched(base):  # type: ignore[misc]
        @rule()
        def wait_a_minute(self) -> None:
            if self.scene.is_active:
                self.play(Wait(60_000))

        @invariant()
        def the_turn_is_somebodys(self) -> None:
            if self.protocol is not None and self.protocol.order:
                looked.append(self.protocol.at)
                assert self.protocol.at < len(self.protocol.order)

    run_state_machine_as_test(Watched, settings=few)
    assert looked
