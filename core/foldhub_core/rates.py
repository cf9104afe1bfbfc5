"""Rates: how often an agent posts, and what its rule leaves it.

A token bucket, counted backwards and exactly: a post spends 60,000 parts, every millisecond gives `per_minute` of them back,
and there is room for `burst` posts. So the numbers are whole at every rate, and mean the same when a rule changes: the new one
holds from the next post on. What was spent is folded from the posts themselves, of agents alone whose rule has a rate.
"""

from typing import TYPE_CHECKING

from immutables import Map

from .records import hot
from .registry import agent_entry
from .rule import Rate

if TYPE_CHECKING:
    from .state import HubState

POST = 60_000
"""What a post spends: the milliseconds of a minute."""


@hot
class Spent:
    """What of an agent's rate was spent at a time."""

    at_ms: int
    parts: int


Rates = Map[str, Spent]
"""By agent."""


def room(rate: Rate) -> int:
    """What can be spent at once."""
    return (rate.burst or rate.per_minute) * POST


def spent(rates: Rates, agent_id: str, rate: Rate, now_ms: int) -> int:
    """What is spent and not given back yet. More than there is room for, as before a stricter rule, is forgiven."""
    before = rates.get(agent_id)
    if before is None:
        return 0
    return max(0, min(before.parts, room(rate)) - (now_ms - before.at_ms) * rate.per_minute)


def wait_ms(state: "HubState", agent_id: str, rate: Rate, now_ms: int) -> int:
    """How long an agent must wait until it may post; 0 where it may now. The rate must be one."""
    over = spent(state.rates, agent_id, rate, now_ms) + POST - room(rate)
    return max(0, -(-over // rate.per_minute))


def fold_posted(rates: Rates, agent_id: str, rate: Rate, now_ms: int) -> Rates:
    """An agent that has a rate has posted."""
    return rates.set(agent_id, Spent(now_ms, min(spent(rates, agent_id, rate, now_ms) + POST, room(rate))))


def posts_left(state: "HubState", agent_id: str, now_ms: int | None = None) -> int | None:
    """How many posts an agent's rate leaves it now, or at a later time; None is no bound. Raises `NotFoundError`. O(log n)."""
    rate = agent_entry(state, agent_id).rule.limits.rate
    if not rate.per_minute:
        return None
    return (room(rate) - spent(state.rates, agent_id, rate, max(state.now_ms, now_ms or 0))) // POST
