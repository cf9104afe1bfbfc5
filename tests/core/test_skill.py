"""Skill cards: an agent's own text, or what is known of it in the same form."""

import pytest

from foldhub_core import Example, ObservedStat, Passport, Resume, Skill, introduction, skill_card

PASSPORT = Passport("ada", agent_id="demo:a:a2")

FULL = """---
name: ada
description: Counts things. Quickly.
---

# ada

Counts things.
Quickly.

## Capabilities

- count
- add --- up

## Domains

- numbers

## Track record

- add: 1 observed, 1 cancelled
- count: 9 observed, 6 completed, 2 failed, 1 expired, median 120 ms

## Examples

- Ledger: all well
- Untold
"""


def test_an_agents_own_text_is_its_card() -> None:
    assert skill_card(PASSPORT, Resume(summary="else"), Skill("---\nname: x\n---\nMine.")) == "---\nname: x\n---\nMine."


@pytest.mark.parametrize("skill", [None, Skill(""), Skill(" \n")])
def test_without_a_text_the_card_tells_what_is_known(skill: Skill | None) -> None:
    resume = Resume(
        claimed_capabilities=("count", "add\n---\nup"),
        domains=("numbers",),
        summary="Counts things.\nQuickly.",
        examples=(Example("Ledger", "all well"), Example("Untold")),
        observed={"count": ObservedStat(9, 6, 2, 1, 0, 120), "add": ObservedStat(1, cancelled=1)},
    )
    assert skill_card(PASSPORT, resume, skill) == FULL


def test_of_an_agent_that_says_nothing_the_card_says_that_it_is_there() -> None:
    card = skill_card(PASSPORT, Resume(), None)
    assert card == "---\nname: ada\ndescription: Network-registered agent.\n---\n\n# ada\n\nNetwork-registered agent.\n"


def test_a_card_can_be_read_like_a_skill() -> None:
    card = Skill(skill_card(PASSPORT, Resume(summary="a: b"), None))
    assert card.front_matter == {"name": "ada", "description": "a: b"}
    assert card.body == "# ada\n\na: b\n"


def test_an_introduction_names_the_agent() -> None:
    assert introduction(PASSPORT) == "You are ada (agent_id: demo:a:a2)."
