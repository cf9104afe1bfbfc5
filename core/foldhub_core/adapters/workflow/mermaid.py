"""The picture of a graph: a Mermaid flowchart.

A rule is an arrow from who spoke to who is next, labelled with what else must hold; the arrows stand in the order the rules are
tried in. What does not depend on who spoke begins at `anybody`. A thick arrow is one of a fan-out, a dotted one what happens
where no rule holds.
"""

from collections.abc import Sequence

from foldhub_core.adapters.workflow.conditions import AllOf, Always, AnyOf, FromSpeaker
from foldhub_core.adapters.workflow.parts import Condition, Target
from foldhub_core.adapters.workflow.targets import AgentTarget, FanOut, Terminate

Rule = tuple[Condition, Target]


def drawn(initial_speaker: str, rules: Sequence[Rule], default_target: Target, max_turns: int | None) -> str:
    """Draw a graph; its rules come in the order they are tried in."""
    picture = _Picture()
    picture.arrow('start(["start"])', "-->", "", picture.agent(initial_speaker))
    for when, then in rules:
        speakers, rest = _taken_apart(when)
        sources = [picture.agent(one) for one in speakers] or [picture.anybody()]
        picture.arrows(sources, "-->", rest, then)
    picture.arrows([picture.anybody()], "-.->", "otherwise", default_target)
    if max_turns is not None:
        picture.arrows([picture.anybody()], "-.->", f"after {max_turns} turns", Terminate("max_turns"))
    return "\n".join(["flowchart TD", *picture.lines, ""])


class _Picture:
    """The lines so far; a node is described where it comes first."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._nodes: dict[tuple[str, str], str] = {}

    def agent(self, name: str) -> str:
        return self._node("a", name, f'["{_escaped(name)}"]')

    def anybody(self) -> str:
        return self._node("any", "", '(("anybody"))')

    def arrows(self, sources: list[str], arrow: str, label: str, target: Target) -> None:
        for source in sources:
            if isinstance(target, FanOut):
                for agent_id in target.agent_ids:
                    self.arrow(source, "==>" if arrow == "-->" else arrow, label, self.agent(agent_id))
            else:
                self.arrow(source, arrow, label, self._target(target))

    def arrow(self, source: str, arrow: str, label: str, target: str) -> None:
        middle = f'|"{_escaped(label)}"|' if label else ""
        self.lines.append(f"    {source} {arrow}{middle} {target}")

    def _target(self, target: Target) -> str:
        if isinstance(target, AgentTarget):
            return self.agent(target.agent_id)
        label = target.label()
        if isinstance(target, Terminate):
            return self._node("end", label, f'(["{_escaped(label)}"])')
        return self._node("t", label, f'{{{{"{_escaped(label)}"}}}}')

    def _node(self, kind: str, name: str, shape: str) -> str:
        known = self._nodes.get((kind, name))
        if known is not None:
            return known
        node = f"{kind}{sum(other == kind for other, _ in self._nodes) + 1}"
        self._nodes[kind, name] = node
        return f"{node}{shape}"


def _taken_apart(when: Condition) -> tuple[tuple[str, ...], str]:
    """Whom a condition asks to have spoken, as far as it says so plainly, and what else it asks."""
    if isinstance(when, FromSpeaker):
        return (when.agent_id,), ""
    if isinstance(when, AnyOf):
        speakers = tuple([one.agent_id for one in when.conditions if isinstance(one, FromSpeaker)])
        return (speakers, "") if speakers and len(speakers) == len(when.conditions) else ((), when.label())
    if isinstance(when, AllOf):
        first = next((at for at, one in enumerate(when.conditions) if isinstance(one, FromSpeaker)), None)
        if first is not None:
            speakers, _ = _taken_apart(when.conditions[first])
            rest = AllOf((*when.conditions[:first], *when.conditions[first + 1 :]))
            return speakers, rest.label() if rest.conditions else ""
    return (), "" if isinstance(when, Always) else when.label()


def _escaped(label: str) -> str:
    """A label as it stands between quotes: what could end or change it goes by its number."""
    return "".join([sign if sign.isalnum() or sign in " _-.,=()'+:/" else f"#{ord(sign)};" for sign in label])
