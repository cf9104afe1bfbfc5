"""Who an agent is: the defaults of its records, and its skill text taken apart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub.testing.strategies import passports, skills
from foldhub_core.data import Data
from foldhub_core.errors import Malformed
from foldhub_core.identity import NOTHING_OBSERVED, Auth, Cost, Example, ObservedStat, Passport, Resume, Skill
from tests.core.record_kinds import defaults_of, required_of

few = settings(max_examples=40, deadline=None)

REQUIRED: dict[type, list[str]] = {
    Cost: [],
    Auth: [],
    Passport: ["name"],
    Example: ["title"],
    ObservedStat: [],
    Resume: [],
    Skill: ["text"],
}
DEFAULTS: dict[type, dict[str, object]] = {
    Cost: {"input_per_mtok": None, "output_per_mtok": None, "latency_tier": None},
    Auth: {"scheme": "none", "issuer": None, "audience": None, "key_fingerprint": None, "claim": {}},
    Passport: {
        "owner": "",
        "provider": None,
        "model": None,
        "region": None,
        "cost": None,
        "auth": Auth(),
        "kind": None,
        "hub_id": None,
        "version": 1,
        "agent_id": None,
        "created_at_ms": None,
    },
    Example: {"outcome": "", "task_id": None, "session_id": None, "when": None, "note": ""},
    ObservedStat: {"n": 0, "completed": 0, "failed": 0, "expired": 0, "cancelled": 0, "p50_latency_ms": None},
    Resume: {
        "claimed_capabilities": (),
        "domains": (),
        "summary": "",
        "examples": (),
        "observed": {},
        "version": 1,
        "last_updated_ms": None,
    },
    Skill: {"version": 1},
}


@pytest.mark.parametrize("cls", REQUIRED)
def test_what_must_be_given_is_as_written(cls: type) -> None:
    assert required_of(cls) == REQUIRED[cls]


@pytest.mark.parametrize("cls", DEFAULTS)
def test_the_defaults_are_as_written(cls: type) -> None:
    assert defaults_of(cls) == DEFAULTS[cls]


@few
@given(passports())
def test_an_agent_without_a_kind_is_an_agent(passport: Passport) -> None:
    assert passport.effective_kind == (passport.kind if passport.kind is not None else "agent")


@pytest.mark.parametrize("kind", ["", "robot", "Agent", 1])
def test_another_kind_is_refused(kind: object) -> None:
    with pytest.raises(Malformed) as refused:
        Passport("ada", kind=kind)  # type: ignore[arg-type]
    assert refused.value.where == "Passport.kind"


@pytest.mark.parametrize("cost", [3, 3.0])
def test_a_whole_number_is_a_cost(cost: float) -> None:
    assert repr(Cost(input_per_mtok=cost).input_per_mtok) == "3.0"


def test_nothing_is_observed_by_default() -> None:
    assert NOTHING_OBSERVED == {}


FENCED = "---\nname: Ada\n\n# a comment\ntone : warm: and dry \nplain\n---\n\nBody.\n---\nMore."


def test_front_matter_is_the_scalar_lines_between_the_fences() -> None:
    assert Skill(FENCED).front_matter == {"name": "Ada", "plain": "", "tone": "warm: and dry"}


def test_the_body_is_what_stands_behind_the_second_fence() -> None:
    assert Skill(FENCED).body == "Body.\n---\nMore."


@pytest.mark.parametrize("text", ["", "Body.", "--- x\nname: Ada\n---\n", "\n---\nname: Ada\n---\n", "---", "---\nname: Ada"])
def test_without_two_fences_at_the_top_all_is_body(text: str) -> None:
    assert (Skill(text).front_matter, Skill(text).body) == ({}, text)


def test_lines_may_end_as_windows_ends_them() -> None:
    skill = Skill("---\r\nname: Ada\r\n---\r\nBody.")
    assert (skill.front_matter, skill.body) == ({"name": "Ada"}, "Body.")


def test_the_last_of_two_lines_of_one_key_counts() -> None:
    assert Skill("---\na: 1\na: 2\n---").front_matter == {"a": "2"}


lines = st.sampled_from(["---", "a: b", "# c", "", " ", "text", " --- ", "ä:\u2028", ":"])


@few
@given(skills(text=st.lists(lines, max_size=8).map("\n".join) | st.text()))
def test_any_text_can_be_taken_apart(skill: Skill) -> None:
    assert type(skill.front_matter) is Data
    assert skill.text.endswith(skill.body)
