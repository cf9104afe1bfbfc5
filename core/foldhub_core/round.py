"""A round: what a run of an agent came to, and how tools that it called lead a workflow on.

An agent's tools are plain functions of its owner. One that returns a `Handoff` or a `Finish` decides where the workflow goes;
any other may be named by the graph itself, in a rule that waits for the tool. The first such call of a round counts.
"""

from collections.abc import Collection, Mapping

from .data import Data, freeze
from .exact import EMPTY
from .records import record

ROUTING_CHARS = 1_024
"""A reason, which a model wrote, is cut to this."""


@record
class Handoff:
    """A tool's result: the turn goes to this agent, given by name or id."""

    target: str
    reason: str = ""


@record
class Finish:
    """A tool's result: the workflow is done."""

    summary: str = ""
    reason: str = "finished"


@record
class ToolCall:
    """A call of a tool in a round."""

    name: str
    arguments: Mapping[str, object] = EMPTY
    result: Handoff | Finish | None = None
    """What it decided; None of a tool that decides nothing."""


@record
class Round:
    """What a run of an agent came to."""

    body: str = ""
    """Its last text."""
    calls: tuple[ToolCall, ...] = ()
    """The tools it called, in the order in which it did."""
    said: tuple[str, ...] = ()
    """What it has said in the session while it ran, with the tool `say`."""


def round_packet(round: Round, tools: Collection[str], names: Mapping[str, str]) -> Data | None:
    """Make the data of the packet that a round says; None where it says nothing and leads nowhere.

    `tools` are the tools that the graph's rules wait for, `names` the ids of the participants by name. The target of a handoff
    is an id where it is one, else the id of that name, else as it was given, for the protocol to refuse.
    """
    for call in round.calls:
        routing = _routing(call, tools, names)
        if routing is not None:
            return _packet(round.body, {name: text for name, text in routing.items() if text})
    return _packet(round.body, {"kind": "text"}) if round.body else None


def _routing(call: ToolCall, tools: Collection[str], names: Mapping[str, str]) -> dict[str, str] | None:
    match call.result:
        case Finish(summary=summary, reason=reason):
            return {"kind": "finish", "tool": call.name, "reason": reason[:ROUTING_CHARS], "summary": summary}
        case Handoff(target=target, reason=reason):
            agent_id = target if target in names.values() else names.get(target, target)
            return {"kind": "handoff", "tool": call.name, "reason": reason[:ROUTING_CHARS], "target": agent_id}
        case _:
            if call.name not in tools:
                return None
            given = call.arguments.get("reason")
            told = given[:ROUTING_CHARS] if isinstance(given, str) else ""
            return {"kind": "handoff", "tool": call.name, "reason": told}


def _packet(body: str, routing: Mapping[str, str]) -> Data:
    return freeze({"body": body, "routing": routing} if body else {"routing": routing})
