"""The search, page by page, against a plain one: take all agents, keep those that fit, sort them."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from foldhub_core import (
    Limits,
    Passport,
    RecordObservation,
    Resume,
    SetResume,
    TaskState,
    Unregister,
    agents_with_capability,
    list_agents,
    name_to_id_map,
)
from foldhub_core.identity import AgentKind, Cost
from tests.core.hub_driver import ADMIN, Hub
from tests.properties.hub_histories import costs, kinds

CAPABILITIES = ("ask", "tell")
LONG = 60


@dataclass(frozen=True)
class Seen:
    """One agent as somebody outside the hub sees it."""

    name: str
    kind: AgentKind | None
    cost: Cost | None
    summary: str
    claimed: tuple[str, ...]
    claimed_later: tuple[str, ...] | None
    tasks: tuple[tuple[str, bool], ...]
    ended: bool

    @property
    def capabilities(self) -> set[str]:
        claimed = self.claimed if self.claimed_later is None else self.claimed_later
        return {*claimed, *(capability for capability, _ in self.tasks)}

    def record(self, capability: str | None) -> tuple[float, int]:
        """The share of tasks that were completed, and how many there were; signs such that the best comes first."""
        ends = [completed for of, completed in self.tasks if capability in (None, of)]
        return -(sum(ends) / len(ends)) if ends else 0.0, -len(ends)

    def price(self) -> tuple[bool, float]:
        """Whether nothing is said, and how much is."""
        said = [] if self.cost is None else [self.cost.input_per_mtok, self.cost.output_per_mtok]
        known = [part for part in said if part is not None]
        return not known, sum(known)


claims = st.lists(st.sampled_from(CAPABILITIES), max_size=2).map(tuple)
populations = st.lists(
    st.builds(
        Seen,
        name=st.text("abAB", min_size=1, max_size=4),
        kind=kinds,
        cost=costs,
        summary=st.sampled_from(["", "Answers", "bab"]),
        claimed=claims,
        claimed_later=st.none() | claims,
        tasks=st.lists(st.tuples(st.sampled_from(CAPABILITIES), st.booleans()), max_size=3).map(tuple),
        ended=st.sampled_from([False, False, False, True]),
    ),
    max_size=25,
    unique_by=lambda seen: seen.name,
)
questions = st.fixed_dictionaries(
    {},
    optional={
        "capability": st.sampled_from([*CAPABILITIES, "sing"]),
        "kind": st.sampled_from(["agent", "human", "remote_agent"]),
        "query": st.sampled_from(["a", "AB", "swer", ""]),
        "sort_by": st.sampled_from(["name", "cost", "track_record"]),
    },
)


def hub_of(population: list[Seen], limits: Limits) -> Hub:
    hub = Hub(limits, remote_agents=True)
    for seen in population:
        resume = Resume(seen.claimed, summary=seen.summary)
        agent_id = hub.register(seen.name, kind=seen.kind, cost=seen.cost, resume=resume)
        for capability, completed in seen.tasks:
            outcome = TaskState.COMPLETED if completed else TaskState.FAILED
            hub.value(ADMIN, RecordObservation(owner_id=agent_id, capability=capability, outcome=outcome))
        if seen.claimed_later is not None:
            later = Resume(seen.claimed_later, summary=seen.summary)
            hub.value(ADMIN, SetResume(agent_id=agent_id, resume=later))
        if seen.ended:
            hub.value(ADMIN, Unregister(agent_id=agent_id))
    return hub


def plain_search(population: list[Seen], question: dict[str, Any]) -> list[str]:
    """The names that are to be found, in their order."""
    capability, kind, query = question.get("capability"), question.get("kind"), question.get("query", "").lower()
    fits = [
        seen
        for seen in population
        if not seen.ended
        and (capability is None or capability in seen.capabilities)
        and (kind is None or (seen.kind or "agent") == kind)
        and (query in seen.name.lower() or query in seen.summary.lower())
    ]
    orders: dict[str, Any] = {
        "name": lambda seen: seen.name,
        "cost": lambda seen: (seen.price(), seen.name),
        "track_record": lambda seen: (seen.record(capability), seen.name),
    }
    return [seen.name for seen in sorted(fits, key=orders[question.get("sort_by", "name")])]


def pages(hub: Hub, limit: int, question: dict[str, Any]) -> list[tuple[Passport, ...]]:
    """All pages of a search, from the first to the one without a cursor."""
    page = list_agents(hub.state, limit=limit, **question)
    found = [page.agents]
    while page.cursor is not None:
        assert len(found) < LONG, "every page goes on behind the one before"
        page = list_agents(hub.state, limit=limit, cursor=page.cursor, **question)
        found.append(page.agents)
    return found


@settings(max_examples=80, deadline=None)
@given(populations, questions, st.integers(1, 10), st.sampled_from([1, 3, 10_000]))
def test_the_pages_together_give_each_agent_once_and_in_order(
    population: list[Seen], question: dict[str, Any], limit: int, scan_items: int
) -> None:
    hub = hub_of(population, Limits(scan_items=scan_items))
    found = pages(hub, limit, question)
    assert [passport.name for page in found for passport in page] == plain_search(population, question)
    assert all(len(page) <= min(limit, scan_items) for page in found)
    if scan_items >= len(population):
        assert all(len(page) == limit for page in found[:-1]), "only the last page is short"


@settings(max_examples=25, deadline=None)
@given(populations)
def test_whole_lists_are_what_the_pages_give(population: list[Seen]) -> None:
    hub = hub_of(population, Limits())
    everyone = [passport for page in pages(hub, 7, {}) for passport in page]
    assert list(name_to_id_map(hub.state).items()) == [(passport.name, passport.agent_id) for passport in everyone]
    for capability in CAPABILITIES:
        able = [passport.agent_id or "" for page in pages(hub, 7, {"capability": capability}) for passport in page]
        assert agents_with_capability(hub.state, capability) == tuple(sorted(able))
