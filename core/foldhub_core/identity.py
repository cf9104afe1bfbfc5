"""Who an agent is: the passport it shows, the resume it claims, the skill text it offers, and what the hub saw it do.

The passport and the claims are the agent's words. The observed track record is the hub's: it grows by observations of tasks
that ended, and nothing an agent says about itself changes it. No record here holds a secret: credentials are checked by the
shell before an arrival is made, and stay there. The claim of a remote agent is kept in the log for its proxy, and shown to
nobody else; what it names is an address, or where the proxy finds a credential.
"""

from collections.abc import Mapping
from typing import Literal

from .data import Data, FrozenDict
from .exact import EMPTY
from .records import changed, record

AgentKind = Literal["agent", "human", "remote_agent"]


@record
class Cost:
    """What the agent says its work costs, in the currency its community agreed on."""

    input_per_mtok: float | None = None
    output_per_mtok: float | None = None
    latency_tier: str | None = None


@record
class Auth:
    """How the agent proves who it is, without the proof."""

    scheme: str = "none"
    issuer: str | None = None
    audience: str | None = None
    key_fingerprint: str | None = None
    claim: Mapping[str, object] = EMPTY
    """What the proxy of a remote agent reaches it by. Of every other agent the hub drops it unseen."""


@record
class Passport:
    """Who the agent is. The hub stamps `agent_id`, `hub_id` and `created_at_ms` at registration."""

    name: str
    owner: str = ""
    provider: str | None = None
    model: str | None = None
    region: str | None = None
    cost: Cost | None = None
    auth: Auth = Auth()
    kind: AgentKind | None = None
    """None is an agent."""
    hub_id: str | None = None
    version: int = 1
    agent_id: str | None = None
    created_at_ms: int | None = None

    @property
    def effective_kind(self) -> AgentKind:
        """The kind, with None read as an agent."""
        return self.kind or "agent"

    @property
    def without_claim(self) -> "Passport":
        """The passport as it is shown to others."""
        return changed(self, auth=changed(self.auth, claim=EMPTY)) if self.auth.claim else self


@record
class Example:
    """A piece of past work the agent tells of."""

    title: str
    outcome: str = ""
    task_id: str | None = None
    session_id: str | None = None
    when: str | None = None
    note: str = ""


@record
class ObservedStat:
    """How tasks of one capability ended, as the hub saw it."""

    n: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    p50_latency_ms: int | None = None
    """The median of the last 64 latencies; None while there is none."""


NOTHING_OBSERVED: FrozenDict[ObservedStat] = FrozenDict()


@record
class Resume:
    """What the agent claims, and what the hub observed of it. `version` and `last_updated_ms` are the hub's."""

    claimed_capabilities: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    summary: str = ""
    examples: tuple[Example, ...] = ()
    observed: Mapping[str, ObservedStat] = NOTHING_OBSERVED
    version: int = 1
    last_updated_ms: int | None = None


@record
class Skill:
    """The agent's SKILL.md and the version the hub counts."""

    text: str
    version: int = 1

    @property
    def front_matter(self) -> Data:
        """The `key: value` lines between the two fences at the top; empty where there are none."""
        return Data(_split(self.text)[0])

    @property
    def body(self) -> str:
        """The text behind the front matter; all of it where there is none."""
        return _split(self.text)[1]


def _split(text: str) -> tuple[dict[str, object], str]:
    lines = text.split("\n")
    if lines[0].strip() != "---":
        return {}, text
    found: dict[str, object] = {}
    for at, line in enumerate(lines[1:], start=2):
        stripped = line.strip()
        if stripped == "---":
            return found, "\n".join(lines[at:]).lstrip("\n")
        if stripped and not stripped.startswith("#"):
            key, _, value = stripped.partition(":")
            found[key.strip()] = value.strip()
    return {}, text
