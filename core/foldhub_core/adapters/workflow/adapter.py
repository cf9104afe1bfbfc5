"""The protocol `workflow`: turns by a graph."""

from collections.abc import Iterable, Mapping
from typing import cast

from foldhub_core.adapters.face import Draft
from foldhub_core.adapters.protocol import NOTHING_FOLLOWS, Adapter, AdapterResult, ExpectedTurn
from foldhub_core.adapters.workflow import turns
from foldhub_core.adapters.workflow.graph import WorkflowGraph, read_graph, resolved, tools_of
from foldhub_core.adapters.workflow.packets import ROUTING_CHARS, changed_context, check_change, check_context, check_packet
from foldhub_core.adapters.workflow.parts import Condition, Target
from foldhub_core.adapters.workflow.state import WorkflowState, agent_of, is_visible
from foldhub_core.adapters.workflow.vocabulary import Vocabulary
from foldhub_core.data import Data, FrozenDict
from foldhub_core.envelope import (
    EV_CONTEXT_SET,
    EV_PACKET,
    EV_SESSION_HIDDEN,
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_SESSION_SHOWN,
    EV_TEXT,
    Envelope,
)
from foldhub_core.errors import ProtocolError, WorkflowGraphError, shown
from foldhub_core.exact import EMPTY
from foldhub_core.records import changed
from foldhub_core.round import Round, round_packet
from foldhub_core.session import Expectation, Manifest, ParticipantBounds, Session

_SAID = (EV_TEXT, EV_PACKET)


class WorkflowAdapter(Adapter[WorkflowState]):
    """Turns by the graph a session was opened with, and a context all take part in.

    `conditions` and `targets` are classes of one's own that graphs may name beside those that come with it. Raises `ValueError`
    where their names are not their own.
    """

    manifest = Manifest(
        "workflow",
        participants=ParticipantBounds(2),
        knobs_schema=Data(
            {
                "type": "object",
                "properties": {"graph": {"type": "object"}, "context_vars": {"type": "object"}},
                "required": ["graph"],
            }
        ),
        default_view_policy="named_windowed_summary",
        expectations=(
            Expectation("turn_within", "warn", Data({"seconds": 120})),
            Expectation("turn_within", "auto_close", Data({"seconds": 600})),
        ),
    )
    state_type = WorkflowState

    def __init__(self, conditions: Iterable[type[Condition]] = (), targets: Iterable[type[Target]] = ()) -> None:
        self._vocabulary = Vocabulary(conditions, targets)

    def initial_state(self, session: Session) -> WorkflowState:
        """The graph for those who take part, and the context it begins with."""
        names = {one.agent_id: one.name for one in session.participants}
        context = cast("Mapping[str, object]", session.knobs.get("context_vars", EMPTY))
        return WorkflowState(self._graph(session), session.creator_id, FrozenDict(names), context=context)

    def validate_create(self, session: Session) -> None:
        """The graph can be run by those who take part; raises `WorkflowGraphError` saying in `where` which rule is wrong."""
        self._graph(session)
        context = session.knobs.get("context_vars", EMPTY)
        if not isinstance(context, dict):
            raise ProtocolError(f"expected a map of variables, came {shown(context)}", where="knobs.context_vars")
        check_context(cast("Mapping[str, object]", context), "knobs.context_vars")

    def _graph(self, session: Session) -> WorkflowGraph:
        """Read the graph of a session, by ids."""
        try:
            if "graph" not in session.knobs:
                raise WorkflowGraphError("expected a graph, came none")
            graph = read_graph(session.knobs["graph"], self._vocabulary)
            return resolved(graph, {one.agent_id: one.name for one in session.participants})
        except WorkflowGraphError as refused:
            where = f"knobs.graph.{refused.where}" if refused.where else "knobs.graph"
            raise WorkflowGraphError(refused.message, where=where) from None

    def validate_send(self, session: Session, state: WorkflowState, envelope: Envelope) -> None:
        """Changes of the context at any time; texts and packets of who owes a turn, or is hidden."""
        event_type, data = envelope.event_type, envelope.event_data
        if event_type == EV_CONTEXT_SET:
            check_change(data, "event_data")
            check_context(changed_context(state.context, data), "event_data")
            return
        if event_type not in _SAID:
            expected = f"{EV_TEXT}, {EV_PACKET} or {EV_CONTEXT_SET}"
            raise ProtocolError(f"expected {expected}, came {shown(event_type)}", where="event_type")
        sender_id = envelope.sender_id
        in_turn = not state.owing or sender_id in state.owing
        if not in_turn and sender_id not in state.hidden:
            expected = " or ".join(state.owing)
            raise ProtocolError(f"expected the turn of {expected}, came a word of {sender_id}", where="sender_id")
        if event_type == EV_PACKET:
            _check_packet(state, envelope, in_turn)

    def fold(self, state: WorkflowState, envelope: Envelope) -> WorkflowState:
        """Count a word in; a packet changes the context before the graph is asked."""
        event_type, data = envelope.event_type, envelope.event_data
        if event_type in _SAID:
            return turns.said(state, envelope)
        if event_type == EV_CONTEXT_SET:
            return changed(state, context=changed_context(state.context, data))
        if event_type in _MOVES:
            return _MOVES[event_type](state, cast(str, data["agent_id"]), envelope)
        if event_type == EV_SESSION_OPENED:
            return turns.begun(state, cast("tuple[str, ...]", data["participants"]), envelope)
        if event_type == EV_SESSION_INVITE and "names" in data:  # a later one: the first says whom the session began with
            new = zip(cast("tuple[str, ...]", data["participants"]), cast("tuple[str, ...]", data["names"]), strict=True)
            return changed(state, names=FrozenDict({**state.names, **dict(new)}))
        return state

    def on_accepted(self, session: Session, state: WorkflowState, envelope: Envelope) -> AdapterResult:
        """The graph's own end comes before that by the number of turns."""
        if state.close_reason is not None:
            reason = state.close_reason[:ROUTING_CHARS]
            return AdapterResult("closed", reason if reason.strip() else "workflow_terminated")
        most = state.graph.max_turns
        return AdapterResult("closed", "max_turns") if most is not None and state.turn_count >= most else NOTHING_FOLLOWS

    def expected_next(self, session: Session, state: WorkflowState) -> tuple[ExpectedTurn, ...]:
        """The next turn, or those of a fan-out that are still owed."""
        return tuple([ExpectedTurn(agent_id, state.trigger_id, state.since_ms) for agent_id in state.owing])

    def read_state(self, data: Mapping[str, object]) -> WorkflowState:
        """Read a state back, its conditions and targets among those this adapter knows."""
        return self._vocabulary.read(WorkflowState, data)

    def round_envelope(self, session: Session, state: WorkflowState, round: Round) -> Draft | None:
        """A packet: where the tools that were called lead, and what was said."""
        ids = {name: agent_id for agent_id, name in state.names.items()}
        packet = round_packet(round, tools_of(state.graph), ids)
        return None if packet is None else Draft(EV_PACKET, packet)


def _check_packet(state: WorkflowState, envelope: Envelope, in_turn: bool) -> None:
    data = envelope.event_data
    routing = check_packet(data)
    if "context" in data:
        change = data["context"]
        check_change(change, "event_data.context")
        check_context(changed_context(state.context, cast("Mapping[str, object]", change)), "event_data.context")
    kind = routing.get("kind", "text")
    if kind != "text" and not in_turn:
        raise ProtocolError(
            f"expected no {kind} of one who is hidden, while others owe the turn", where="event_data.routing.kind"
        )
    if kind != "handoff":
        return
    if state.fan_out:
        raise ProtocolError(
            "expected no handoff in a fan-out: the graph goes on when all have spoken", where="event_data.routing.kind"
        )
    target = routing.get("target")
    if target:
        agent_id = agent_of(state, target)
        if not is_visible(state, agent_id) and agent_id != envelope.sender_id:
            why = "who is hidden" if agent_id in state.hidden else "who does not take part"
            raise ProtocolError(
                f"expected a handoff to one who is there, came {shown(target)}, {why}", where="event_data.routing.target"
            )


_MOVES = {
    EV_SESSION_JOINED: turns.joined,
    EV_SESSION_LEFT: turns.left,
    EV_SESSION_HIDDEN: turns.hidden,
    EV_SESSION_SHOWN: turns.shown_again,
}
"""How the words that say who is there move the turn."""
