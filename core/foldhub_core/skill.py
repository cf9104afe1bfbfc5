"""Skill cards: what one agent reads of another, or is told of itself."""

from .identity import ObservedStat, Passport, Resume, Skill

_NOTHING_SAID = "Network-registered agent."


def introduction(passport: Passport) -> str:
    """Tell an agent who it is; the passport is one the hub stamped."""
    return f"You are {passport.name} (agent_id: {passport.agent_id})."


def skill_card(passport: Passport, resume: Resume, skill: Skill | None) -> str:
    """Give the agent's own skill text, or where it has none a card in the same form, made of what is known of it."""
    if skill is not None and skill.text.strip():
        return skill.text
    summary = _line(resume.summary) or _NOTHING_SAID
    name = _line(passport.name)
    head = f"---\nname: {name}\ndescription: {summary}\n---\n\n# {name}\n\n{resume.summary.strip() or _NOTHING_SAID}\n"
    lists = (
        ("Capabilities", [_line(one) for one in resume.claimed_capabilities]),
        ("Domains", [_line(one) for one in resume.domains]),
        ("Track record", [_track(one, resume.observed[one]) for one in sorted(resume.observed)]),
        ("Examples", [_line(": ".join([part for part in (one.title, one.outcome) if part])) for one in resume.examples]),
    )
    return head + "".join([f"\n## {title}\n\n" + "".join([f"- {one}\n" for one in lines]) for title, lines in lists if lines])


def _line(text: str) -> str:
    """The text on one line: a card's lines mean something."""
    return " ".join(text.split())


def _track(capability: str, stat: ObservedStat) -> str:
    """How tasks of a capability ended, without what never happened."""
    ends = (("completed", stat.completed), ("failed", stat.failed), ("expired", stat.expired), ("cancelled", stat.cancelled))
    told = [f"{stat.n} observed", *[f"{count} {end}" for end, count in ends if count]]
    if stat.p50_latency_ms is not None:
        told.append(f"median {stat.p50_latency_ms} ms")
    return f"{_line(capability)}: {', '.join(told)}"
