"""The strategies: there is one for every record, and what they draw is what their names say."""

import subprocess
import sys
from typing import get_args

import attrs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import foldhub_core
from foldhub.testing import strategies
from foldhub.testing.strategies import (
    commands,
    data,
    durations,
    effects,
    envelopes,
    facts,
    frames,
    hub_ids,
    ids,
    names,
    plain_data,
    questions,
    records,
)
from foldhub_core import snapshot_rows
from foldhub_core.commands import Command
from foldhub_core.data import Data
from foldhub_core.effects import Effect
from foldhub_core.envelope import Envelope
from foldhub_core.facts import Fact
from foldhub_core.ids import Kind, check_hub_id, was_issued
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.records import record
from foldhub_core.rule import Duration, duration_ms
from foldhub_core.tags import TAGS
from foldhub_core.wire.frames import Frame

few = settings(max_examples=40, deadline=None)

NAMED = {
    "Access": "accesses",
    "Arrival": "arrivals",
    "Asked": "asked",
    "Auth": "auths",
    "Cost": "costs",
    "DeadLetter": "dead_letters",
    "Envelope": "envelopes",
    "ErrorRecord": "error_records",
    "Example": "examples",
    "Expectation": "expectations",
    "Fired": "fired",
    "Inbox": "inboxes",
    "Limits": "limits",
    "Manifest": "manifests",
    "ObservedStat": "observed_stats",
    "Owed": "owed",
    "Participant": "participants",
    "ParticipantBounds": "participant_bounds",
    "Passport": "passports",
    "Principal": "principals",
    "Rate": "rates",
    "Resume": "resumes",
    "Rule": "rules",
    "RuleLimits": "rule_limits",
    "Sent": "sent",
    "Session": "sessions",
    "SessionTypes": "session_types",
    "Skill": "skills",
    "Task": "tasks",
    "TaskSpec": "task_specs",
}
UNIONS: dict[str, tuple[type, ...]] = {
    "commands": get_args(Command),
    "facts": get_args(Fact),
    "effects": get_args(Effect),
    "questions": get_args(Question | LogQuestion),
    "frames": get_args(Frame),
}
"""What is drawn together; a mark is one of several classes of fact."""


def test_every_record_that_users_meet_has_a_strategy_of_its_name() -> None:
    together = {cls for members in UNIONS.values() for cls in members} - {Envelope}
    inner = {cls for cls in TAGS if cls.__module__ == snapshot_rows.__name__}
    assert {cls.__name__ for cls in TAGS.keys() - together - inner} == set(NAMED)


@pytest.mark.parametrize(("name", "strategy"), NAMED.items())
def test_a_named_strategy_draws_records_of_its_name(name: str, strategy: str) -> None:
    @settings(max_examples=3, deadline=None)
    @given(getattr(strategies, strategy)())
    def holds(made: object) -> None:
        assert type(made).__name__ == name

    holds()


@pytest.mark.parametrize(("strategy", "members"), UNIONS.items())
def test_every_member_of_a_kind_is_drawn(strategy: str, members: tuple[type, ...]) -> None:
    drawn: dict[str, st.SearchStrategy[object]] = {
        "commands": commands(),
        "facts": facts(),
        "effects": effects(),
        "questions": questions(),
        "frames": frames(),
    }
    left = set(members)

    class AllDrawn(Exception):
        """There is no need to draw more."""

    @settings(max_examples=800, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    @given(drawn[strategy])
    def collects(made: object) -> None:
        assert type(made) in members
        left.discard(type(made))
        if not left:
            raise AllDrawn

    with pytest.raises(AllDrawn):
        collects()


@few
@given(envelopes(event_type=st.just("message.text"), audience=st.none()))
def test_a_field_can_be_given_a_strategy(envelope: Envelope) -> None:
    assert (envelope.event_type, envelope.audience) == ("message.text", None)


def test_a_strategy_for_a_field_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="Envelope has no field audio, sender"):
        envelopes(sender=st.none(), audio=st.none())


def test_a_field_of_a_type_without_a_strategy_is_a_mistake() -> None:
    @attrs.define
    class Odd:
        held: complex

    with pytest.raises(TypeError, match="no strategy"):
        records(Odd)


@record
class Nested:
    one: tuple[int, str]


@few
@given(records(Nested))
def test_a_record_of_ones_own_can_be_drawn(made: Nested) -> None:
    assert [type(part) for part in made.one] == [int, str]


@few
@given(data(), plain_data())
def test_data_is_frozen_and_plain_data_is_not(frozen: Data, plain: dict[str, object]) -> None:
    assert (type(frozen), type(plain)) == (Data, dict)


@few
@given(hub_ids())
def test_ids_of_hubs_are_accepted(hub_id: str) -> None:
    assert check_hub_id(hub_id) == hub_id


@pytest.mark.parametrize("kind", get_args(Kind))
def test_ids_may_have_been_issued(kind: Kind) -> None:
    @few
    @given(ids(kind, "other"))
    def holds(made: str) -> None:
        assert was_issued("other", kind, made, 2**63 - 1)

    holds()


@few
@given(names())
def test_names_can_be_registered(name: str) -> None:
    hub = foldhub_core.HubState("demo")
    admin = foldhub_core.Principal(admin=True)
    config = foldhub_core.HubConfig()
    for command in (
        foldhub_core.Start(),
        foldhub_core.Register(passport=foldhub_core.Passport(name), resume=foldhub_core.Resume()),
    ):
        came = foldhub_core.step(config, hub, foldhub_core.Arrival(principal=admin, command=command, now_ms=1))
        assert type(came.effects[0]) is foldhub_core.Reply
        hub = came.state


@few
@given(durations())
def test_durations_can_be_read(duration: Duration) -> None:
    assert duration_ms(duration) % 1000 == 0


def test_the_front_door_does_not_load_hypothesis() -> None:
    code = "import sys, foldhub, foldhub.testing; print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
