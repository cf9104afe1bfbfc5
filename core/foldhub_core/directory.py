"""The directory: where agents stand in the orders they are searched by.

One shelf for all agents and one for each capability, claimed or observed. On a shelf each agent stands three times: by name,
by cost (cheapest first, unknown last) and by track record (best share of completed first, then the most observed). So a
search in any of these orders takes what it gives and no more. Putting an agent in costs O(c log n) for c capabilities; a
change moves only the places that differ.
"""

from collections.abc import Iterable
from math import inf
from typing import Literal

from immutables import Map

from .identity import ObservedStat, Passport, Resume
from .ordered import Ordered
from .records import hot

SortBy = Literal["name", "cost", "track_record"]
"""The orders a search may ask for."""

Place = tuple[float | int | str, ...]
"""A key of a shelf; it ends with the agent's id."""

Shelf = tuple[str | None, str]
"""A capability, None for all agents, and an order: "name", "cost" or "record"."""

Places = dict[Shelf, Place]
"""Where one agent stands."""

Order = Ordered[Place]


@hot
class Directory:
    """All shelves, by capability and order."""

    shelves: Map[Shelf, Order] = Map()

    @classmethod
    def of(cls, placed: Iterable[Places]) -> "Directory":
        """Build the directory of agents that stand in these places."""
        shelves: dict[Shelf, list[Place]] = {}
        for places in placed:
            for shelf, place in places.items():
                shelves.setdefault(shelf, []).append(place)
        return cls(Map({shelf: Ordered(standing) for shelf, standing in shelves.items()}))

    def moved(self, before: Places, after: Places) -> "Directory":
        """Move an agent from the places where it stood to those where it stands now."""
        shelves = self.shelves
        for shelf, place in before.items():
            if after.get(shelf) != place:
                left = shelves[shelf].remove(place)
                shelves = shelves.set(shelf, left) if len(left) else shelves.delete(shelf)
        for shelf, place in after.items():
            if before.get(shelf) != place:
                shelves = shelves.set(shelf, shelves.get(shelf, _EMPTY).add(place))
        return self if shelves is self.shelves else Directory(shelves)

    def shelf(self, capability: str | None, order: str) -> Order:
        """The agents with a capability, or all for None, in an order."""
        return self.shelves.get((capability, order), _EMPTY)


_EMPTY: Order = Ordered()

NOWHERE: Places = {}


def places_of(passport: Passport, resume: Resume) -> Places:
    """Where an agent stands."""
    assert passport.agent_id is not None, "only registered agents stand in the directory"
    agent_id, name, cost = passport.agent_id, passport.name, total_cost(passport)
    places: Places = {}
    for capability in (None, *resume.claimed_capabilities, *resume.observed):
        stat = total_record(resume) if capability is None else resume.observed.get(capability, ObservedStat())
        places[capability, "name"] = (name, agent_id)
        places[capability, "cost"] = (cost, name, agent_id)
        places[capability, "record"] = (-success_rate(stat), -stat.n, name, agent_id)
    return places


def total_cost(passport: Passport) -> float:
    """What a million tokens in and out cost together; infinite where it is not said."""
    cost = passport.cost
    if cost is None or (cost.input_per_mtok is None and cost.output_per_mtok is None):
        return inf
    return (cost.input_per_mtok or 0.0) + (cost.output_per_mtok or 0.0)


def total_record(resume: Resume) -> ObservedStat:
    """The track record over all capabilities, latencies left out."""
    stats = list(resume.observed.values())
    return ObservedStat(n=sum(stat.n for stat in stats), completed=sum(stat.completed for stat in stats))


def success_rate(stat: ObservedStat) -> float:
    """The share of tasks that were completed; 0 where none was observed."""
    return stat.completed / stat.n if stat.n else 0.0
