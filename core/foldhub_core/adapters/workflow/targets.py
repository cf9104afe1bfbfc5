"""The targets that come with the workflow."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs

from foldhub_core.adapters.workflow.parts import Resolution, Target
from foldhub_core.envelope import Envelope
from foldhub_core.errors import WorkflowGraphError

if TYPE_CHECKING:
    from foldhub_core.adapters.workflow.state import WorkflowState

NO_PARTICIPANTS = "no_participants"
"""Why a session ends whose graph finds nobody to go on."""

_NOBODY = Resolution((), NO_PARTICIPANTS)


def _as_tuple(agent_ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(agent_ids)


@attrs.frozen
class AgentTarget(Target):
    """One agent, given by id or name."""

    name = "agent"
    refers_to = ("agent_id",)
    agent_id: str

    def resolve(self, state: "WorkflowState", envelope: Envelope) -> Resolution:
        """That one."""
        return Resolution((self.agent_id,))

    def label(self) -> str:
        """Its name."""
        return self.agent_id


@attrs.frozen
class RoundRobin(Target):
    """The next after the last speaker: of these, given by ids or names in their order, or of all who are there."""

    name = "round_robin"
    refers_to = ("agent_ids",)
    agent_ids: tuple[str, ...] = attrs.field(default=(), converter=_as_tuple)

    def resolve(self, state: "WorkflowState", envelope: Envelope) -> Resolution:
        """The next; the first where the last speaker is none of them."""
        order = self.agent_ids or state.order
        if not order:
            return _NOBODY
        last = state.last_speaker_id
        return Resolution((order[(order.index(last) + 1) % len(order) if last in order else 0],))

    def label(self) -> str:
        """As `the next of alice, bob`."""
        return f"the next of {', '.join(self.agent_ids)}" if self.agent_ids else "the next in turn"


@attrs.frozen
class Stay(Target):
    """The last speaker again."""

    name = "stay"

    def resolve(self, state: "WorkflowState", envelope: Envelope) -> Resolution:
        """That one."""
        return _NOBODY if state.last_speaker_id is None else Resolution((state.last_speaker_id,))

    def label(self) -> str:
        """In words."""
        return "the same again"


@attrs.frozen
class RevertToInitiator(Target):
    """Who opened the session."""

    name = "revert_to_initiator"

    def resolve(self, state: "WorkflowState", envelope: Envelope) -> Resolution:
        """That one."""
        return Resolution((state.creator_id,))

    def label(self) -> str:
        """In words."""
        return "the initiator"


@attrs.frozen
class Terminate(Target):
    """The end, for a reason."""

    name = "terminate"
    reason: str = "after_work"

    def resolve(self, state: "WorkflowState", envelope: Envelope) -> Resolution:
        """Nobody."""
        return Resolution((), self.reason)

    def label(self) -> str:
        """Its reason."""
        return self.reason if self.reason.strip() else "the end"


@attrs.frozen
class FanOut(Target):
    """Several at once, given by ids or names: each owes one turn, and the rules are asked when the last has taken it."""

    name = "fan_out"
    refers_to = ("agent_ids",)
    agent_ids: tuple[str, ...] = attrs.field(converter=_as_tuple)

    def __attrs_post_init__(self) -> None:
        if not self.agent_ids or len(set(self.agent_ids)) != len(self.agent_ids):
            came = ", ".join(self.agent_ids) or "none"
            raise WorkflowGraphError(f"expected a fan-out to one agent at least, and to each once, came {came}")

    def resolve(self, state: "WorkflowState", envelope: Envelope) -> Resolution:
        """All of them."""
        return Resolution(self.agent_ids)

    def label(self) -> str:
        """As `all of alice, bob`."""
        return f"all of {', '.join(self.agent_ids)}"


TARGETS: tuple[type[Target], ...] = (AgentTarget, RoundRobin, Stay, RevertToInitiator, Terminate, FanOut)
