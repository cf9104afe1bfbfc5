"""The conditions that come with the workflow."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import attrs

from foldhub_core import codec
from foldhub_core.adapters.workflow.parts import Condition
from foldhub_core.data import Value, freeze_value
from foldhub_core.envelope import EV_PACKET, Envelope

if TYPE_CHECKING:
    from foldhub_core.adapters.workflow.state import WorkflowState


def _as_tuple(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    return tuple(conditions)


def _frozen(value: object) -> Value:
    return freeze_value(value)


@attrs.frozen
class Always(Condition):
    """Holds."""

    name = "always"

    def evaluate(self, state: "WorkflowState", envelope: Envelope) -> bool:
        """Hold."""
        return True


@attrs.frozen
class FromSpeaker(Condition):
    """Holds after the turn of one agent, given by id or name."""

    name = "from_speaker"
    refers_to = ("agent_id",)
    agent_id: str

    def evaluate(self, state: "WorkflowState", envelope: Envelope) -> bool:
        """Whether it had the turn."""
        return state.last_speaker_id == self.agent_id

    def label(self) -> str:
        """As `from alice`."""
        return f"from {self.agent_id}"


@attrs.frozen
class ToolCalled(Condition):
    """Holds after a packet whose routing names a tool, whatever kind it is."""

    name = "tool_called"
    tool: str

    def evaluate(self, state: "WorkflowState", envelope: Envelope) -> bool:
        """Whether the packet names it."""
        if envelope.event_type != EV_PACKET:
            return False
        routing = envelope.event_data.get("routing")
        return isinstance(routing, dict) and cast("dict[str, object]", routing).get("tool") == self.tool

    def label(self) -> str:
        """As `tool refund`."""
        return f"tool {self.tool}"


@attrs.frozen
class ContextEquals(Condition):
    """Holds while a variable has a value, the same in type and value: 1 is neither 1.0 nor True. One not set is None."""

    name = "context_equals"
    key: str
    value: Value = attrs.field(default=None, converter=_frozen)

    def evaluate(self, state: "WorkflowState", envelope: Envelope) -> bool:
        """Whether it has it now."""
        came, value = state.context.get(self.key), self.value
        if isinstance(value, str) or value is None:
            return came == value
        # In bytes what differs in type differs, however deep.
        return type(came) is type(value) and codec.pack(came) == codec.pack(value)

    def label(self) -> str:
        """As `tier = 'gold'`."""
        return f"{self.key} = {self.value!r}"


@attrs.frozen
class AllOf(Condition):
    """Holds where all of these do; of none it does."""

    name = "all_of"
    conditions: tuple[Condition, ...] = attrs.field(converter=_as_tuple)

    def evaluate(self, state: "WorkflowState", envelope: Envelope) -> bool:
        """Ask one after the other."""
        return all(one.evaluate(state, envelope) for one in self.conditions)

    def label(self) -> str:
        """As `from alice and tool refund`."""
        return " and ".join([one.label() for one in self.conditions]) or "always"


@attrs.frozen
class AnyOf(Condition):
    """Holds where one of these does; of none it does not."""

    name = "any_of"
    conditions: tuple[Condition, ...] = attrs.field(converter=_as_tuple)

    def evaluate(self, state: "WorkflowState", envelope: Envelope) -> bool:
        """Ask one after the other."""
        return any(one.evaluate(state, envelope) for one in self.conditions)

    def label(self) -> str:
        """As `(from alice or tool refund)`."""
        return f"({' or '.join([one.label() for one in self.conditions]) or 'never'})"


@attrs.frozen
class Not(Condition):
    """Holds where another does not."""

    name = "not"
    condition: Condition

    def evaluate(self, state: "WorkflowState", envelope: Envelope) -> bool:
        """Ask the other."""
        return not self.condition.evaluate(state, envelope)

    def label(self) -> str:
        """As `not from alice`."""
        return f"not {self.condition.label()}"


CONDITIONS: tuple[type[Condition], ...] = (Always, FromSpeaker, ToolCalled, ContextEquals, AllOf, AnyOf, Not)
