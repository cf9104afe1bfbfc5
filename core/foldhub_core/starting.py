"""Start: a run of the hub begins, or goes on under another configuration.

What is configured and matters to folding or deciding is recorded by name, version and fingerprint, and the limits whole: from
then on the state carries them. So a reader of the log knows under what each decision was made.
"""

from typing import TYPE_CHECKING

from . import codec, keys
from .config import HubConfig
from .facts import Configured
from .links import Links
from .records import changed

if TYPE_CHECKING:
    from .decision import Decision
    from .state import HubState

CORE_VERSION = "0.1.0"


def start(decision: "Decision") -> Configured:
    """Begin a run under the configuration this step was given."""
    mark = configured(decision.config)
    decision.make(mark)
    return mark


def configured(config: HubConfig) -> Configured:
    """What is recorded of a configuration."""
    parts = (("core", CORE_VERSION), ("format", str(codec.FORMAT)))
    return Configured(parts, codec.digest(codec.pack((parts, codec.row_of(config.limits)))).hex(), config.limits)


def fold_configured(state: "HubState", mark: Configured) -> "HubState":
    """The limits hold from now on; no link is attached.

    Keys that are remembered for less time than before become due earlier: only then is every agent with keys looked at.
    """
    agenda, key_ms = state.agenda, mark.limits.key_ms
    if key_ms < state.limits.key_ms:
        for agent_id in state.keys:
            due_ms = keys.next_due(state.keys, agent_id, key_ms)
            assert due_ms is not None, "an agent without keys is not in the table"
            agenda = agenda.armed("agent", agent_id, due_ms)
    return changed(state, configured=mark, limits=mark.limits, links=Links(), agenda=agenda)
