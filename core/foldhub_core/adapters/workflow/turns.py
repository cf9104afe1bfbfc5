"""How turns go on: the rules are tried after each, and who is named and cannot take one is passed over.

Whoever owed the turn and leaves or is hidden has had it, as if it had spoken. Somebody whom a target names and who is not there,
or is hidden, is passed over in the same way: the rules are tried again as if that one had said nothing. A graph that comes to
the same one twice without finding anybody would go round for ever, and ends the session. While all who are there are hidden,
nobody owes a turn, and the session waits for one of them to speak, or for somebody else to join.
"""

from collections.abc import Mapping
from typing import cast

from foldhub_core.adapters.workflow.packets import changed_context
from foldhub_core.adapters.workflow.parts import Resolution, Target
from foldhub_core.adapters.workflow.state import WorkflowState, agent_of, is_visible
from foldhub_core.adapters.workflow.targets import NO_PARTICIPANTS
from foldhub_core.data import FrozenDict
from foldhub_core.envelope import EV_PACKET, EV_TEXT, Envelope
from foldhub_core.errors import shown
from foldhub_core.exact import EMPTY
from foldhub_core.records import changed


def begun(state: WorkflowState, order: tuple[str, ...], word: Envelope) -> WorkflowState:
    """Let the initial speaker begin."""
    state = _arrived(changed(state, order=order), Resolution((state.graph.initial_speaker,)), word)
    return changed(state, trigger_id=None)


def said(state: WorkflowState, word: Envelope) -> WorkflowState:
    """Count in a text or a packet. One of somebody hidden, while others owe the turn, changes the context only."""
    data = word.event_data if word.event_type == EV_PACKET else EMPTY
    if "context" in data:
        change = cast("Mapping[str, object]", data["context"])
        state = changed(state, context=changed_context(state.context, change))
    sender_id = word.sender_id
    if state.owing and sender_id not in state.owing:
        return state
    state = changed(
        state,
        # Who was hidden and speaks while nobody owes a turn is back.
        hidden=state.hidden if state.owing else without(state.hidden, sender_id),
        turn_count=state.turn_count + 1,
        last_speaker_id=sender_id,
        last_envelope_id=word.envelope_id,
    )
    routing = cast("Mapping[str, str]", data.get("routing", EMPTY))
    kind = routing.get("kind")
    if kind == "finish":
        reason = routing.get("reason", "")
        return _ended(state, reason if reason.strip() else "finished")
    if kind == "handoff" and routing.get("target"):
        return _arrived(state, Resolution((agent_of(state, routing["target"]),)), word)
    return _passed(state, sender_id, word)


def joined(state: WorkflowState, agent_id: str, word: Envelope) -> WorkflowState:
    """Put a late-comer last; who is there at the opening, the opening says."""
    if not state.order or agent_id in state.order:
        return state
    return _goes_on(changed(state, order=(*state.order, agent_id)), agent_id, word)


def hidden(state: WorkflowState, agent_id: str, word: Envelope) -> WorkflowState:
    """Pass over somebody until it speaks."""
    if not is_visible(state, agent_id):
        return state
    state = changed(state, hidden=(*state.hidden, agent_id))
    return _passed(state, agent_id, word) if agent_id in state.owing else state


def shown_again(state: WorkflowState, agent_id: str, word: Envelope) -> WorkflowState:
    """Give somebody turns again."""
    if agent_id not in state.hidden:
        return state
    return _goes_on(changed(state, hidden=without(state.hidden, agent_id)), agent_id, word)


def left(state: WorkflowState, agent_id: str, word: Envelope) -> WorkflowState:
    """Take somebody out; its place is looked at before it is given up, so that the next after it is the next."""
    state = hidden(state, agent_id, word)
    names = {one: name for one, name in state.names.items() if one != agent_id}
    order = without(state.order, agent_id)
    return changed(state, names=FrozenDict(names), order=order, hidden=without(state.hidden, agent_id))


def without(agent_ids: tuple[str, ...], agent_id: str) -> tuple[str, ...]:
    """These but one."""
    return tuple([one for one in agent_ids if one != agent_id])


def _goes_on(state: WorkflowState, agent_id: str, word: Envelope) -> WorkflowState:
    """Where nobody owed a turn, the one who is there now does."""
    if state.owing or state.close_reason is not None:
        return state
    return changed(state, owing=(agent_id,), trigger_id=word.envelope_id, since_ms=word.created_at_ms)


def _passed(state: WorkflowState, agent_id: str, word: Envelope) -> WorkflowState:
    """One has had its turn: the others of a fan-out still owe theirs, or the rules say who is next."""
    owing = without(state.owing, agent_id)
    if owing:
        return changed(state, owing=owing)
    state = changed(state, last_speaker_id=agent_id)
    return _arrived(state, _selected(state, word).resolve(state, word), word)


def _selected(state: WorkflowState, word: Envelope) -> Target:
    """The target of the first rule that holds."""
    for rule in state.graph.transitions:
        if rule.when.evaluate(state, word):
            return rule.then
    return state.graph.default_target


def _arrived(state: WorkflowState, resolution: object, word: Envelope) -> WorkflowState:
    """Let those owe a turn who are named and there, or pass over them."""
    passed_over: list[str] = []
    while True:
        if type(resolution) is not Resolution:
            raise TypeError(f"expected a target to give a Resolution, came {shown(resolution)}")
        if not resolution.agent_ids:
            return _ended(state, resolution.close_reason)
        named = tuple(dict.fromkeys([agent_of(state, agent) for agent in resolution.agent_ids]))
        there = tuple([agent_id for agent_id in named if is_visible(state, agent_id)])
        if there:
            since = {"trigger_id": word.envelope_id, "since_ms": word.created_at_ms}
            return changed(state, owing=there, fan_out=len(named) > 1, **since)
        if all(agent_id in state.hidden for agent_id in state.order):
            return changed(state, owing=(), fan_out=False, trigger_id=None, since_ms=None)
        last = named[-1]
        if last in passed_over:
            return _ended(state, NO_PARTICIPANTS)
        passed_over.append(last)
        state = changed(state, last_speaker_id=last)
        nothing = changed(word, sender_id=last, event_type=EV_TEXT, event_data=EMPTY)
        resolution = _selected(state, nothing).resolve(state, nothing)


def _ended(state: WorkflowState, reason: str) -> WorkflowState:
    return changed(state, owing=(), fan_out=False, close_reason=reason)
