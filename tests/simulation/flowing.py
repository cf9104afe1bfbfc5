"""A workflow, as a plain program would keep it: who owes a turn, what is agreed on, and who is passed over."""

from dataclasses import dataclass, field, replace
from typing import Any

from foldhub_core import EV_CONTEXT_SET, EV_PACKET, EV_TEXT, Envelope
from tests.simulation.circling import Turn
from tests.simulation.plans import FOLLOWING, GRAPHS, Next

BAD_DATA: tuple[dict[str, object], ...] = (
    {"body": 7},
    {"body": "x", "more": 1},
    {"routing": {"kind": "dance"}},
    {"routing": {"kind": "handoff", "target": 1}},
    {"context": {"set": 5}},
    {"set": "x"},
    {"delete": (1,)},
)
"""What no packet is, and no change of a context."""


@dataclass
class Flow:
    """Turns by a plan."""

    plan: str
    agents: list[str]
    creator: str
    names: dict[str, str]
    context: dict[str, object]
    order: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    owing: list[str] = field(default_factory=list)
    fans: bool = False
    last: str | None = None
    tool: str | None = None
    """What the packet of the last speaker called."""
    count: int = 0
    reason: str | None = None
    by: str | None = None
    since_ms: int | None = None

    def copied(self) -> "Flow":
        lists = {"order": list(self.order), "hidden": list(self.hidden), "owing": list(self.owing)}
        return replace(self, **lists, names=dict(self.names), context=dict(self.context))  # type: ignore[arg-type]

    def turns(self) -> list[Turn]:
        return [(agent_id, self.by, self.since_ms) for agent_id in self.owing]

    def lets(self, word: Envelope) -> bool:
        if word.event_type not in (EV_TEXT, EV_PACKET, EV_CONTEXT_SET):
            return False
        data: Any = word.event_data
        if word.event_type == EV_CONTEXT_SET:
            return data not in BAD_DATA and set(data) <= {"set", "delete"}
        in_turn = not self.owing or word.sender_id in self.owing
        if not in_turn and word.sender_id not in self.hidden:
            return False
        if word.event_type == EV_TEXT:
            return True
        if data in BAD_DATA or not set(data) <= {"body", "routing", "context"}:
            return False
        routing = data.get("routing", {"kind": "text"})
        if routing["kind"] == "text":
            return True
        if not in_turn or (routing["kind"] == "handoff" and self.fans):
            return False
        target = self._id_of(routing.get("target", word.sender_id))
        return routing["kind"] == "finish" or target == word.sender_id or self._is_there(target)

    def ends(self) -> str | None:
        if self.reason is not None:
            return self.reason or "workflow_terminated"
        most = GRAPHS[self.plan](self.agents).max_turns
        return "max_turns" if most is not None and self.count >= most else None

    # --- what happens

    def opens(self, there: list[str], word: Envelope) -> None:
        self.order = list(there)
        self._go_to([self.agents[{"tools": 1, "short": -1}.get(self.plan, 0)]], word)
        self.by = None

    def hears(self, word: Envelope) -> None:
        data: Any = word.event_data
        if word.event_type == EV_CONTEXT_SET:
            self._change(data)
        if word.event_type not in (EV_TEXT, EV_PACKET):
            return
        if word.event_type == EV_TEXT:
            data = {}
        self._change(data.get("context", {}))
        if self.owing and word.sender_id not in self.owing:
            return
        if not self.owing and word.sender_id in self.hidden:
            self.hidden.remove(word.sender_id)
        self.count += 1
        self.last = word.sender_id
        routing = data.get("routing", {})
        if routing.get("kind") == "finish":
            self._end(routing.get("reason", "finished"))
        elif routing.get("kind") == "handoff" and "target" in routing:
            self._go_to([self._id_of(routing["target"])], word)
        else:
            self._pass_on(word.sender_id, word, routing.get("tool"))

    def invites(self, names: dict[str, str]) -> None:
        self.names |= names

    def joins(self, agent_id: str, word: Envelope) -> None:
        if self.order and agent_id not in self.order:
            self.order.append(agent_id)
            self._take(agent_id, word)

    def hides(self, agent_id: str, word: Envelope) -> None:
        if self._is_there(agent_id):
            self.hidden.append(agent_id)
            if agent_id in self.owing:
                self._pass_on(agent_id, word, None)

    def shows(self, agent_id: str, word: Envelope) -> None:
        if agent_id in self.hidden:
            self.hidden.remove(agent_id)
            self._take(agent_id, word)

    def leaves(self, agent_id: str, word: Envelope) -> None:
        self.hides(agent_id, word)
        self.names.pop(agent_id, None)
        self.order = [one for one in self.order if one != agent_id]
        self.hidden = [one for one in self.hidden if one != agent_id]

    # --- how it goes on

    def _change(self, change: dict[str, Any]) -> None:
        for key in change.get("delete", ()):
            self.context.pop(key, None)
        self.context.update(change.get("set", {}))

    def _id_of(self, agent: str) -> str:
        by_name = {name: agent_id for agent_id, name in self.names.items()}
        return agent if agent in self.names else by_name.get(agent, agent)

    def _is_there(self, agent_id: str) -> bool:
        return agent_id in self.order and agent_id not in self.hidden

    def _take(self, agent_id: str, word: Envelope) -> None:
        """Where nobody owes a turn, this one does."""
        if not self.owing and self.reason is None:
            self.owing, self.by, self.since_ms = [agent_id], word.envelope_id, word.created_at_ms

    def _pass_on(self, agent_id: str, word: Envelope, tool: str | None) -> None:
        self.owing = [one for one in self.owing if one != agent_id]
        if not self.owing:
            self.last, self.tool = agent_id, tool
            self._go_to(FOLLOWING[self.plan](self), word)

    def _go_to(self, coming: Next, word: Envelope) -> None:
        """Let these owe a turn; where none of them is there, those who come after the last of them, as if it had spoken."""
        tried: set[str] = set()
        while not isinstance(coming, str):
            there = [one for one in coming if self._is_there(one)]
            if there:
                self.owing, self.fans, self.by, self.since_ms = there, len(coming) > 1, word.envelope_id, word.created_at_ms
                return
            if set(self.order) <= set(self.hidden):
                self.owing, self.fans, self.by, self.since_ms = [], False, None, None
                return
            passed = coming[-1]
            if passed in tried:
                coming = "no_participants"
                break
            tried.add(passed)
            self.last, self.tool = passed, None
            coming = FOLLOWING[self.plan](self)
        self._end(coming)

    def _end(self, reason: str) -> None:
        self.owing, self.fans, self.reason = [], False, reason
