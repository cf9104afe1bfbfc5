"""Links: which connection carries an agent's deliveries. At most one, the newest; it evicts the one before.

A link is named by its shell; the hub only compares names. A `Detach` names its link too, so that the end of an evicted link
cannot detach its successor. A `Start` detaches every link: no connection outlives its run.
"""

from typing import TYPE_CHECKING

from immutables import Map

from .commands import Attach, Detach
from .effects import Evict
from .facts import Attached, Detached
from .limits import check_length
from .registry import agent_entry

if TYPE_CHECKING:
    from .decision import Decision
    from .state import HubState

Links = Map[str, str]
"""The link of every attached agent."""


def attach(decision: "Decision", command: Attach) -> None:
    """Let a link carry the agent's deliveries."""
    agent_entry(decision.state, command.agent_id)
    check_length(command.link, decision.state.limits.short_text_chars, "link")
    before = decision.state.links.get(command.agent_id)
    if before != command.link:
        decision.make(Attached(command.agent_id, command.link, before))


def detach(decision: "Decision", command: Detach) -> None:
    """Take a link away, where it is still the agent's."""
    if decision.state.links.get(command.agent_id) == command.link:
        decision.make(Detached(command.agent_id, command.link))


def fold_attached(links: Links, mark: Attached) -> Links:
    """The link carries the agent's deliveries."""
    return links.set(mark.agent_id, mark.link)


def fold_detached(links: Links, mark: Detached) -> Links:
    """No link does."""
    return links.delete(mark.agent_id)


def attached_effects(mark: Attached) -> tuple[Evict, ...]:
    """The link that was evicted is told."""
    return () if mark.evicted is None else (Evict(mark.agent_id, mark.evicted),)


def link_of(state: "HubState", agent_id: str) -> str | None:
    """The link that carries the agent's deliveries, or None. O(log n)."""
    return state.links.get(agent_id)
