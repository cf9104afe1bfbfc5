"""`foldhub check`, as the function the command line calls."""

import re
from typing import Any

import pytest

from foldhub.cli.check import check


def ran(capsys: pytest.CaptureFixture[str], adapter: str, **given: Any) -> tuple[int, str, str]:
    code = check(adapter, **given)
    came = capsys.readouterr()
    return code, came.out, came.err


def test_an_adapter_that_keeps_the_laws_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "foldhub_core:ConsultingAdapter", examples=10, seed=1)
    assert code == 0
    assert out.startswith("ConsultingAdapter (consulting 1) keeps 27 laws: 10 sessions")


def test_a_broken_law_is_named_with_its_session(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "tests.shells.adapters.broken:NeverRests", seed=1)
    assert code == 1
    assert "breaks the law comes_to_rest: " in out
    assert "alice opens circle 1 with bob" in out
    assert re.search(r"again='[^']+'", out)


def test_a_vocabulary_and_knobs_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    given: dict[str, Any] = {"vocabulary": "tests.shells.adapters.events:EVENTS", "knobs": '{"rounds": 2}', "participants": (2,)}
    code, out, _ = ran(capsys, "tests.shells.adapters.sound:Circle", examples=10, seed=1, **given)
    assert code == 0
    assert "stopped" in out


def test_sessions_can_be_explored_and_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "foldhub_core:ConsultingAdapter", explore=3)
    assert code == 0
    assert "3 states" in out
    assert "stateDiagram-v2" in out


@pytest.mark.parametrize(
    ("adapter", "told"),
    [
        ("nowhere", "expected MODULE:NAME, came 'nowhere'"),
        ("nowhere:Adapter", "No module named 'nowhere'"),
        ("foldhub_core:NoAdapter", "has no attribute 'NoAdapter'"),
        ("foldhub_core:Envelope", "expected an adapter"),
    ],
)
def test_what_is_no_adapter_is_told_in_a_line(capsys: pytest.CaptureFixture[str], adapter: str, told: str) -> None:
    code, out, err = ran(capsys, adapter)
    assert (code, out) == (2, "")
    assert told in " ".join(err.split())


def test_a_vocabulary_that_is_no_list_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = ran(capsys, "foldhub_core:ConsultingAdapter", vocabulary="foldhub_core:EV_TEXT")
    assert code == 2
    assert err.splitlines() == ["foldhub: expected a list of event makers in foldhub_core:EV_TEXT, came a str"]
