"""The search for agents: a page at a time, in an order, at a cost that is said.

With and without a capability, in any order, a page costs O(log n) and what it looks at. Without `kind` and `query` it looks
at what it gives. `kind` and `query` are tried on one agent after another; a page looks at no more than `limits.scan_items`
of them, and may therefore be short and still have a cursor.
"""

from math import isnan
from typing import TYPE_CHECKING, cast, get_args

from . import codec
from .directory import Place, SortBy
from .errors import Malformed, shown
from .exact import is_list
from .identity import AgentKind, Passport
from .records import record

if TYPE_CHECKING:
    from .state import HubState

_ORDERS = {"name": "name", "cost": "cost", "track_record": "record"}
_KINDS = get_args(AgentKind)
_CURSOR_KINDS: dict[str, tuple[type, ...]] = {
    "name": (str, str),
    "cost": (float, str, str),
    "record": (float, int, str, str),
}


@record
class AgentPage:
    """Agents found, and where to go on; a `cursor` of None says that there are no more."""

    agents: tuple[Passport, ...]
    cursor: str | None


def list_agents(
    state: "HubState",
    *,
    capability: str | None = None,
    kind: AgentKind | None = None,
    query: str | None = None,
    sort_by: SortBy | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> AgentPage:
    """Search the registry.

    `capability` is claimed or observed, to the letter; `query` is a part of the name or the summary, capitals or not;
    `sort_by` None is by name. Best track record first, within the capability where one is asked for. The cursor of one page
    asks for the next; it belongs to the same question. Raises `Malformed` for an unknown order, kind or cursor.
    """
    if sort_by is not None and sort_by not in _ORDERS:
        raise Malformed(f"expected name, cost or track_record, came {shown(sort_by)}", where="sort_by")
    if kind is not None and kind not in _KINDS:
        raise Malformed(f"expected agent, human or remote_agent, came {shown(kind)}", where="kind")
    if not 1 <= limit <= state.limits.page_items:
        raise Malformed(f"expected 1 to {state.limits.page_items}, came {limit}", where="limit")
    order = _ORDERS[sort_by or "name"]
    shelf = state.registry.directory.shelf(capability, order)
    wanted = None if query is None else query.casefold()
    found: list[Passport] = []
    looked_at = 0
    last: Place | None = _read_cursor(cursor, order)
    for place in shelf.after(last):
        if len(found) == limit or looked_at == state.limits.scan_items:
            return AgentPage(tuple(found), codec.pack(last).hex())
        last = place
        looked_at += 1
        entry = state.registry.agents[cast(str, place[-1])]
        if kind is not None and entry.passport.effective_kind != kind:
            continue
        if wanted is None or wanted in entry.passport.name.casefold() or wanted in entry.resume.summary.casefold():
            found.append(entry.passport.without_claim)
    return AgentPage(tuple(found), None)


def agents_with_capability(state: "HubState", capability: str) -> tuple[str, ...]:
    """The ids of all agents that claim a capability or were observed in it, sorted. O(m log m) in those it gives."""
    return tuple(sorted(cast(str, place[-1]) for place in state.registry.directory.shelf(capability, "name")))


def name_to_id_map(state: "HubState") -> dict[str, str]:
    """The id of every agent by its name, in the order of names. O(n)."""
    return {cast(str, place[0]): cast(str, place[1]) for place in state.registry.directory.shelf(None, "name")}


def _read_cursor(cursor: str | None, order: str) -> Place | None:
    if cursor is None:
        return None
    kinds = _CURSOR_KINDS[order]
    try:
        place = codec.unpack(bytes.fromhex(cursor))
    except ValueError:
        place = None
    if is_list(place) and tuple([type(item) for item in place]) == kinds:
        key = cast("list[float | int | str]", place)
        if not any(isinstance(item, float) and isnan(item) for item in key):
            return tuple(key)
    raise Malformed("expected the cursor of a page of the same question, came another text", where="cursor")
