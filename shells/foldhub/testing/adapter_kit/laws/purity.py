"""An adapter is a value: what it answers depends on what it is asked, and on nothing else."""

from typing import Any

from foldhub.testing.adapter_kit.call import Call, told_error
from foldhub.testing.adapter_kit.scene import Scene
from foldhub.testing.adapter_kit.writing import written_state

from .law import call_law, scene_law

TIMES = 3
"""How often is asked again what moves a session: a die falls alike by chance."""


@call_law
def no_clock_no_dice(call: Call) -> str | None:
    """An adapter looks at no clock, throws no die, and reads nothing but its arguments."""
    return f"{call.method} asked for {call.looked_at}" if call.looked_at is not None else None


@call_law
def same_in_same_out(call: Call) -> str | None:
    """Asked the same twice, an adapter answers the same twice."""
    for _ in range(TIMES if call.method in ("fold", "on_accepted", "on_deadline") else 1):
        second = call.again()
        if answer_of(call) != answer_of(second):
            return f"{call.method}, asked the same twice, {call.outcome}, and then {second.outcome}"
    return None


@call_law
def arguments_stay(call: Call) -> str | None:
    """An adapter changes nothing that it is given."""
    for at, (before, after) in enumerate(zip(call.before, call.after, strict=True)):
        if before != after:
            return f"{call.method} changed its argument {call.args[at]!r}"
    return None


@scene_law
def nothing_remembered(scene: Scene) -> str | None:
    """An adapter remembers nothing outside the state: not in itself, its class or its module."""
    if scene.remembered is None or scene.refused is not None:
        return None
    return f"after this {scene.remembered} is not what it was"


@scene_law
def refused_changes_nothing(scene: Scene) -> str | None:
    """What is refused changes nothing."""
    if scene.refused is None:
        return None
    if scene.remembered is not None:
        return f"it was refused, and {scene.remembered} is not what it was"
    if scene.before is not None and written_state(scene.state) != written_state(scene.before.state):
        return "it was refused, and the protocol's state is not what it was"
    return None


def answer_of(call: Call) -> Any:
    """What two answers are compared by: states by their bytes, errors by what they say. Any: whatever an adapter answers."""
    if call.error is not None:
        return told_error(call.error)
    if call.method in ("fold", "initial_state"):
        written = written_state(call.result)
        return written if written is not None else repr(call.result)
    return call.result
