"""The envelope: its defaults, its event types, and who may see it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub.testing.strategies import envelopes
from foldhub_core import envelope as module
from foldhub_core.data import Data
from foldhub_core.envelope import Envelope, visible_to
from foldhub_core.errors import Malformed
from tests.core.record_kinds import defaults_of, required_of

few = settings(max_examples=40, deadline=None)
agents = st.sampled_from(["ada", "bob", "cy"])


def test_only_session_sender_and_type_must_be_given() -> None:
    assert required_of(Envelope) == ["session_id", "sender_id", "event_type"]


def test_the_defaults_are_as_written() -> None:
    assert defaults_of(Envelope) == {
        "event_data": {},
        "audience": None,
        "causation_id": None,
        "idempotency_key": None,
        "task_id": None,
        "trace_id": None,
        "priority": "normal",
        "ttl_seconds": None,
        "envelope_id": "",
        "created_at_ms": 0,
        "number": 0,
        "depth": 0,
    }


def test_the_event_types_are_as_written() -> None:
    assert {name: value for name, value in vars(module).items() if name.startswith("EV_")} == {
        "EV_TEXT": "message.text",
        "EV_PACKET": "message.packet",
        "EV_CONTEXT_SET": "context.set",
        "EV_SESSION_INVITE": "session.invited",
        "EV_SESSION_OPENED": "session.opened",
        "EV_SESSION_JOINED": "session.joined",
        "EV_SESSION_LEFT": "session.left",
        "EV_SESSION_CLOSED": "session.closed",
        "EV_SESSION_EXPIRED": "session.expired",
        "EV_SESSION_HIDDEN": "session.hidden",
        "EV_SESSION_SHOWN": "session.shown",
        "EV_EXPECTATION_VIOLATED": "expectation.violated",
        "EV_TASK_OBSERVED": "task.observed",
        "EV_TASK_PROGRESSED": "task.progressed",
        "EV_TASK_CHECKPOINTED": "task.checkpointed",
        "EV_TASK_ENDED": "task.ended",
        "EV_TASK_CANCEL_REQUEST": "task.cancel_requested",
        "EV_TASK_CANCELLED": "task.cancelled",
        "EV_AGENT_REGISTERED": "agent.registered",
        "EV_AGENT_UNREGISTERED": "agent.unregistered",
        "EV_RESUME_SET": "agent.resume_set",
        "EV_RULE_SET": "agent.rule_set",
        "EV_SKILL_SET": "agent.skill_set",
        "EV_OBSERVATION_RECORDED": "agent.observation_recorded",
    }


def test_its_data_is_frozen_when_it_is_built() -> None:
    envelope = Envelope("s", "ada", "x", {"b": [1], "a": {}})
    assert (type(envelope.event_data), list(envelope.event_data.items())) == (Data, [("a", {}), ("b", (1,))])


def test_a_refusal_of_its_data_names_the_place() -> None:
    with pytest.raises(Malformed) as refused:
        Envelope("s", "ada", "x", {"a": [{"b": float("nan")}]})
    assert refused.value.where == "Envelope.event_data.a[0].b"


@pytest.mark.parametrize("priority", ["background", "normal", "urgent"])
def test_a_priority_of_the_three_is_accepted(priority: str) -> None:
    assert Envelope("s", "ada", "x", priority=priority).priority == priority  # type: ignore[arg-type]


@few
@given(envelopes())
def test_its_sender_sees_it_whatever_its_audience(envelope: Envelope) -> None:
    assert visible_to(envelope, envelope.sender_id)


@few
@given(envelopes(audience=st.none()), agents)
def test_everybody_sees_what_has_no_audience(envelope: Envelope, agent_id: str) -> None:
    assert visible_to(envelope, agent_id)


@few
@given(envelopes(sender_id=st.just("dee"), audience=st.lists(agents).map(tuple)), agents)
def test_others_see_what_names_them(envelope: Envelope, agent_id: str) -> None:
    assert visible_to(envelope, agent_id) == (agent_id in (envelope.audience or ()))


def test_an_empty_audience_is_nobody_else() -> None:
    assert not visible_to(Envelope("s", "ada", "x", audience=()), "bob")
