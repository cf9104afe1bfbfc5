"""Packets: what a turn of a workflow says. A body for people and models, a routing for the graph, and changes of the context.

    {"body": "Refund it.", "routing": {"kind": "handoff", "target": "bob"}, "context": {"set": {"tier": 2}, "delete": ["draft"]}}

Everything in it may be left out. A plain text is a packet that routes nowhere.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, cast

from foldhub_core import codec
from foldhub_core.data import Data, freeze, frozen_map
from foldhub_core.errors import ProtocolError, shown
from foldhub_core.exact import EMPTY

RoutingKind = Literal["handoff", "text", "finish"]

KINDS = ("handoff", "text", "finish")
_ROUTING = ("kind", "tool", "reason", "target", "summary")

ROUTING_CHARS = 1_024
"""The tool, the reason and the target of a routing; a summary may be longer."""

CONTEXT_KEYS = 1_000
CONTEXT_BYTES = 256 * 1024
"""How large a session's context may become, as it is encoded."""


def packet(
    body: str = "",
    *,
    kind: RoutingKind = "text",
    tool: str = "",
    reason: str = "",
    target: str = "",
    summary: str = "",
    set: Mapping[str, object] = EMPTY,
    delete: Iterable[str] = (),
) -> Data:
    """The data of an `EV_PACKET`: what is given, without what is empty. `target` is an agent's id or name."""
    told = {"tool": tool, "reason": reason, "target": target, "summary": summary}
    routing = {name: text for name, text in told.items() if text}
    if routing or kind != "text":
        routing["kind"] = kind
    context = {name: items for name, items in (("set", set), ("delete", list(delete))) if items}
    whole = {"body": body, "routing": routing, "context": context}
    return freeze({name: part for name, part in whole.items() if part})


def check_packet(data: Mapping[str, object]) -> Mapping[str, str]:
    """Give the routing of a packet, or raise `ProtocolError` over what no packet may hold."""
    _check_keys(data, ("body", "routing", "context"), "event_data")
    if type(data.get("body", "")) is not str:
        raise ProtocolError(f"expected a text, came {shown(data['body'])}", where="event_data.body")
    routing = data.get("routing", EMPTY)
    if "routing" in data:
        routing = _checked_map(routing, _ROUTING, "event_data.routing")
        if routing.get("kind") not in KINDS:
            raise ProtocolError(
                f"expected one of {', '.join(KINDS)}, came {shown(routing.get('kind'))}", where="event_data.routing.kind"
            )
        for name, text in routing.items():
            if type(text) is not str:
                raise ProtocolError(f"expected a text, came {shown(text)}", where=f"event_data.routing.{name}")
            if len(text) > ROUTING_CHARS and name != "summary":
                raise ProtocolError(
                    f"expected at most {ROUTING_CHARS} characters, came {len(text)}", where=f"event_data.routing.{name}"
                )
    return cast("Mapping[str, str]", routing)


def check_change(data: object, where: str) -> None:
    """Refuse what is no change of a context."""
    change = _checked_map(data, ("set", "delete"), where)
    if not isinstance(change.get("set", EMPTY), dict):
        raise ProtocolError(f"expected a map, came {shown(change['set'])}", where=f"{where}.set")
    delete = change.get("delete", ())
    keys = cast("tuple[object, ...]", delete) if isinstance(delete, tuple) else (None,)
    if not all(type(key) is str for key in keys):
        raise ProtocolError(f"expected a list of keys, came {shown(change['delete'])}", where=f"{where}.delete")


def changed_context(context: Mapping[str, object], change: Mapping[str, object]) -> Mapping[str, object]:
    """The context after a change that was checked: what is deleted goes, then what is set comes."""
    delete = cast("tuple[str, ...]", change.get("delete", ()))
    new = cast("Mapping[str, object]", change.get("set", EMPTY))
    if not new and not any(key in context for key in delete):
        return context
    kept = {key: value for key, value in context.items() if key not in delete}
    return frozen_map(sorted({**kept, **new}.items()))


def check_context(context: Mapping[str, object], where: str) -> None:
    """Refuse a context that has become too large."""
    if len(context) > CONTEXT_KEYS:
        raise ProtocolError(f"expected a context of at most {CONTEXT_KEYS} keys, came {len(context)}", where=where)
    size = len(codec.pack(context))
    if size > CONTEXT_BYTES:
        raise ProtocolError(f"expected a context of at most {CONTEXT_BYTES} bytes, came {size}", where=where)


def _checked_map(value: object, keys: tuple[str, ...], where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ProtocolError(f"expected a map, came {shown(value)}", where=where)
    given = cast("Mapping[str, object]", value)
    _check_keys(given, keys, where)
    return given


def _check_keys(data: Mapping[str, object], keys: tuple[str, ...], where: str) -> None:
    for key in data:
        if key not in keys:
            raise ProtocolError(f"expected one of {', '.join(keys)}, came {shown(key)}", where=where)
