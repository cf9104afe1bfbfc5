"""What a workflow remembers: its graph, who is there, who owes a turn, and the context they share."""

from collections.abc import Mapping
from typing import cast

from foldhub_core.adapters.workflow.graph import WorkflowGraph
from foldhub_core.data import Data, Value, freeze, frozen_map
from foldhub_core.exact import EMPTY
from foldhub_core.records import names_of, record, values_of


@record
class WorkflowState:
    """A workflow at one point, as conditions and targets see it."""

    graph: WorkflowGraph
    """By ids, its rules in the order they are tried."""
    creator_id: str
    names: Mapping[str, str]
    """By id the name of everybody who takes part or is invited."""
    order: tuple[str, ...] = ()
    """Who is there, in the order of their places; empty until the session is open."""
    hidden: tuple[str, ...] = ()
    """Who of them takes no turns for now."""
    owing: tuple[str, ...] = ()
    """Who owes a turn: nobody before the session is open and while all are hidden, several in a fan-out."""
    fan_out: bool = False
    context: Mapping[str, object] = EMPTY
    last_speaker_id: str | None = None
    """Who had the last turn; also who left or was hidden when it was theirs."""
    last_envelope_id: str | None = None
    turn_count: int = 0
    close_reason: str | None = None
    """Why the session ends now; None while it goes on."""
    trigger_id: str | None = None
    """The word by which a turn is owed; None for the first."""
    since_ms: int | None = None

    def to_data(self) -> Data:
        """All of it, the graph by its own data: its conditions and targets may be of classes only its adapter knows."""
        fields = dict(zip(_FIELDS, values_of(self), strict=True))
        fields |= {"graph": self.graph.to_json(), "names": freeze(self.names), "context": freeze(self.context)}
        # All of it is frozen now, and no deeper than a map may be: the graph and the context came within knobs or words.
        return frozen_map([(name, cast("Value", fields[name])) for name in _SORTED])


_FIELDS = names_of(WorkflowState)
_SORTED = sorted(_FIELDS)


def agent_of(state: WorkflowState, agent: str) -> str:
    """The id of an agent given by id or by name; what was given where nobody goes by it."""
    if agent in state.names:
        return agent
    return next((agent_id for agent_id, name in state.names.items() if name == agent), agent)


def is_visible(state: WorkflowState, agent_id: str) -> bool:
    """Whether an agent is there to take a turn."""
    return agent_id in state.order and agent_id not in state.hidden
