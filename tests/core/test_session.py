"""Sessions: the defaults of their records, the states of their lives, and bounds that can be kept."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub_core.errors import Malformed
from foldhub_core.session import Expectation, Manifest, Participant, ParticipantBounds, Session, SessionState
from tests.core.record_kinds import defaults_of, required_of

few = settings(max_examples=40, deadline=None)

REQUIRED: dict[type, list[str]] = {
    Expectation: ["name", "on_violation"],
    ParticipantBounds: [],
    Manifest: ["type"],
    Participant: ["agent_id"],
    Session: ["session_id", "manifest", "creator_id", "participants"],
}
DEFAULTS: dict[type, dict[str, object]] = {
    Expectation: {"params": {}, "applies_to": None},
    ParticipantBounds: {"min": 1, "max": None, "roles": ()},
    Manifest: {
        "version": 1,
        "participants": ParticipantBounds(),
        "knobs_schema": {},
        "default_view_policy": "full_transcript",
        "expectations": (),
        "information": (),
        "may_close": ("creator",),
    },
    Participant: {"role": "participant", "order": 0, "joined_at_ms": 0, "name": ""},
    Session: {
        "state": SessionState.PENDING,
        "created_at_ms": 0,
        "expires_at_ms": None,
        "closed_at_ms": None,
        "close_reason": "",
        "parent_session_id": None,
        "knobs": {},
        "labels": {},
        "intent": "",
        "required_acks": None,
        "pending_acks": (),
        "rejected_by": None,
    },
}


def test_the_states_are_as_written() -> None:
    assert [str(state) for state in SessionState] == ["pending", "active", "closed", "expired"]


@pytest.mark.parametrize("cls", REQUIRED)
def test_what_must_be_given_is_as_written(cls: type) -> None:
    assert required_of(cls) == REQUIRED[cls]


@pytest.mark.parametrize("cls", DEFAULTS)
def test_the_defaults_are_as_written(cls: type) -> None:
    assert defaults_of(cls) == DEFAULTS[cls]


@few
@given(st.integers(-3, 5), st.none() | st.integers(-3, 5))
def test_bounds_are_accepted_where_somebody_fits_them(least: int, most: int | None) -> None:
    fits = any(least <= count <= (10 if most is None else most) for count in range(1, 10)) and least >= 1
    try:
        ParticipantBounds(least, most)
    except Malformed:
        assert not fits
    else:
        assert fits


@pytest.mark.parametrize("bounds", [(0, None), (-1, 1), (2, 1), (1, 0)])
def test_bounds_that_nobody_fits_are_refused(bounds: tuple[int, int | None]) -> None:
    with pytest.raises(Malformed) as refused:
        ParticipantBounds(*bounds)
    assert refused.value.where == "ParticipantBounds"


def test_labels_are_texts() -> None:
    with pytest.raises(Malformed) as refused:
        Session("s", Manifest("consulting"), "ada", (), labels={"a": 1})  # type: ignore[dict-item]
    assert refused.value.where == "Session.labels"
