"""Health: a hub in numbers, for whoever watches it from outside.

The numbers are of one published state, so that they fit each other. They are counted when they are asked for: a step pays
nothing for them, and asking takes a look at every live session and every mailbox. Ask every few seconds, not at every post.
"""

from typing import TYPE_CHECKING

from .records import record
from .session import SessionState
from .step import next_deadline

if TYPE_CHECKING:
    from .config import HubConfig
    from .state import HubState


@record
class Health:
    """A hub in numbers, as of the commit `seq`."""

    hub_id: str
    seq: int
    now_ms: int
    """The hub's clock: when anything last reached the log."""
    is_started: bool
    """Whether there was a `Start` ever; before it everything else is refused."""
    next_deadline_ms: int | None
    """When the next `Tick` is due. Long before the time it is: nobody feeds the hub its ticks."""
    adapters_loaded: tuple[tuple[str, int], ...]
    """Type and version of every protocol that is configured, sorted."""
    registered_agents: int
    attached_agents: int
    """Those that a link carries deliveries to."""
    active_sessions: int
    """Live sessions that have opened."""
    pending_sessions: int
    """Live sessions whose invited are still waited for."""
    dormant_sessions: int
    """Those of both that cannot go on."""
    live_tasks: int
    pending_inbox_total: int
    """What is owed and counts, of all agents: what `inbox` calls pending."""
    max_pending_inbox_depth: int | None
    """The most of it that is owed to one agent; None while there is no agent."""
    owed_total: int
    """Everything that is owed, what the hub itself says included."""
    dead_letters_total: int
    """Deliveries that were given up and can be sent again, as far as they are kept."""
    refusals_in_window: int
    """Refusals recorded in the window of time that the hub's clock is in."""


def health(state: "HubState", *, config: "HubConfig") -> Health:
    """A hub in numbers. O(n) in agents and live sessions."""
    pending_sessions = dormant_sessions = 0
    for entry in state.sessions.entries.values():
        pending_sessions += entry.session.state is SessionState.PENDING
        dormant_sessions += entry.dormant is not None
    pending_total = deepest = owed_total = dead_total = 0
    for mailbox in state.mailboxes.values():
        pending_total += mailbox.pending
        deepest = max(deepest, mailbox.pending)
        owed_total += len(mailbox.owed)
        dead_total += len(mailbox.dead)
    agents, refusals = len(state.registry.agents), state.refusals
    in_window = state.now_ms // state.limits.refusal_window_ms == refusals.window
    return Health(
        hub_id=state.hub_id,
        seq=state.seq,
        now_ms=state.now_ms,
        is_started=state.configured is not None,
        next_deadline_ms=next_deadline(state),
        adapters_loaded=tuple(sorted({(one.manifest.type, one.manifest.version) for one in config.adapters})),
        registered_agents=agents,
        attached_agents=len(state.links),
        active_sessions=len(state.sessions.entries) - pending_sessions,
        pending_sessions=pending_sessions,
        dormant_sessions=dormant_sessions,
        live_tasks=len(state.tasks.entries),
        pending_inbox_total=pending_total,
        max_pending_inbox_depth=deepest if agents else None,
        owed_total=owed_total,
        dead_letters_total=dead_total,
        refusals_in_window=sum(refusals.by_subject.values()) if in_window else 0,
    )
