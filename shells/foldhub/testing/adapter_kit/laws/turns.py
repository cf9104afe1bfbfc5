"""Somebody can always go on, and who is waited for is there."""

from typing import Any, cast

from foldhub.testing.adapter_kit.call import told_error
from foldhub.testing.adapter_kit.moves import Wait
from foldhub.testing.adapter_kit.scene import Scene
from foldhub_core import ExpectedTurn, Session

from .law import scene_law


@scene_law
def expected_are_present(scene: Scene) -> str | None:
    """`expected_next` names who takes part, each once."""
    owing = scene.owing
    if owing is None:
        return None
    if owing.error is not None:
        return f"expected_next raised {told_error(owing.error)}"
    turns: Any = owing.result  # Any: it may be anything yet
    if not isinstance(turns, tuple) or not all(type(one) is ExpectedTurn for one in cast("tuple[object, ...]", turns)):
        return f"expected_next gave {turns!r}, where a tuple of ExpectedTurn was expected"
    named: list[str] = [one.agent_id for one in cast("tuple[ExpectedTurn, ...]", turns)]
    for at, agent_id in enumerate(named):
        if agent_id not in scene.members:
            return f"expected_next names {scene.stage.names.get(agent_id, agent_id)}, who does not take part"
        if agent_id in named[:at]:
            return f"expected_next names {scene.stage.names[agent_id]} twice"
    return None


@scene_law
def expected_can_move(scene: Scene) -> str | None:
    """Whoever owes a turn has something to say that is accepted."""
    movers = {who for who, draft in scene.choices if draft.event_type not in _information(scene)}
    for agent_id in scene.expected:
        if agent_id not in movers:
            why = [str(one.error) for one in scene.tried if one.agent_id == agent_id and one.error is not None]
            told = (
                f"{scene.stage.names[agent_id]} owes a turn, and nothing of the vocabulary is accepted: {why[0] if why else ''}"
            )
            return told + _hint(scene)
    return None


@scene_law
def never_deadlocks(scene: Scene) -> str | None:
    """In an active session somebody may speak, or something is due before its time is over, or it is at its end."""
    session = scene.session
    if not scene.is_active or session is None or scene.pending or _can_go_on(scene):
        return None  # who was invited may still come
    later = scene
    end_ms = session.expires_at_ms
    for _ in range(8):  # a protocol may wait for several deadlines before it goes on
        due_ms = later.due_ms
        if due_ms is None or (end_ms is not None and due_ms >= end_ms):
            break
        later = later.play(Wait(max(due_ms - later.now_ms, 1)))
        if not later.is_active or _can_go_on(later):
            return None
    return f"nobody may say anything of the vocabulary, nothing is due, and the session goes on{_hint(scene)}"


@scene_law
def deadlines_move_on(scene: Scene) -> str | None:
    """A deadline is a time, and once it has come the protocol waits for it no longer."""
    for call in scene.calls:
        if call.method == "next_deadline":
            if call.error is not None:
                return f"next_deadline raised {told_error(call.error)}"
            if call.result is not None and type(call.result) is not int:
                return f"next_deadline gave {call.result!r}, where a time in ms was expected"
    entry = scene.entry
    if isinstance(scene.move, Wait) and entry is not None and entry.dormant is not None and "does not move on" in entry.dormant:
        return f"the session went dormant: {entry.dormant}"
    return None


@scene_law
def comes_to_rest(scene: Scene) -> str | None:
    """What follows from a word, and what follows from that, comes to an end."""
    emits = scene.hub.limits.emits
    asked = sum(call.method == "on_accepted" for call in scene.calls)
    dormant = None if scene.entry is None else scene.entry.dormant
    fault = (scene.refused.message if scene.refused is not None else "") + (dormant or "")
    if asked > emits and "never came to rest" in fault:
        return f"one word led to more than {emits} others"
    return None


@scene_law
def close_has_a_reason(scene: Scene) -> str | None:
    """A protocol that ends a session says why."""
    for call in scene.calls:
        result = call.result
        if call.method in ("on_accepted", "on_deadline") and getattr(result, "next_state", None) == "closed":
            reason: str = result.auto_close_reason
            if not reason.strip():
                return f"{call.method} ended the session without a reason"
            if len(reason) > scene.hub.limits.short_text_chars:
                return f"{call.method} gave a reason of {len(reason)} characters"
    return None


@scene_law
def over_is_over(scene: Scene) -> str | None:
    """When a session has ended, nobody owes a turn again, and nothing raises."""
    before = scene.before
    if scene.closed_as is None or before is None or before.session is None:
        return None
    ends = [call for call in scene.calls if getattr(call.result, "next_state", None) == "closed"]
    if not ends:
        return None
    session = cast(Session, ends[-1].session)
    adapter, last = scene.stage.adapter, scene.last_state
    try:
        if adapter.expected_next(session, ends[-1].args[1]):
            return None  # it ended in the middle of somebody's turn
        still = adapter.expected_next(session, last)
    except Exception as error:
        return f"asked after the end, expected_next raised {told_error(error)}"
    if still:
        return f"the session ended as {scene.closed_as}, and then {scene.stage.names.get(still[0].agent_id)} owes a turn"
    return None


def _can_go_on(scene: Scene) -> bool:
    return any(draft.event_type not in _information(scene) for _, draft in scene.choices)


def _information(scene: Scene) -> tuple[str, ...]:
    return scene.stage.adapter.manifest.information


def _hint(scene: Scene) -> str:
    if scene.stage.own_makers:
        return ""
    return " (does the protocol have event types of its own? Say so: vocabulary=[Draft(event_type, data), ...])"
