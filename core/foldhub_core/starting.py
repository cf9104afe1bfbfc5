"""Start: a run of the hub begins, or goes on under another configuration.

A session whose adapter could not fold its words becomes dormant here, and one whose adapter now could wakes.

What is configured and matters to folding or deciding is recorded by name, version and fingerprint, and the limits whole: from
then on the state carries them. So a reader of the log knows under what each decision was made.
"""

from typing import TYPE_CHECKING

from . import codec, forwarding, keys
from .arbiter import name_of
from .config import HubConfig
from .delivery import Links
from .facts import Configured, Dormant, Woken
from .records import changed
from .sessions import MISSING, Faulty
from .watching import watch_of
from .words import fold_due

if TYPE_CHECKING:
    from .decision import Decision
    from .state import HubState

CORE_VERSION = "0.1.0"


def start(decision: "Decision") -> Configured:
    """Begin a run under the configuration this step was given."""
    mark = configured(decision.config)
    decision.make(mark)
    for (session_id,) in decision.state.sessions.order:
        if decision.state.sessions.entries[session_id].dormant is not None:
            if _fault(decision, session_id) is not None:
                continue
            decision.make(Woken(session_id))
        fault = _fault(decision, session_id)
        if fault is not None:
            decision.make(Dormant(session_id, f"its adapter {fault}"))
    return mark


def _fault(decision: "Decision", session_id: str) -> str | None:
    """What is wrong with a session's adapter; None where it can go on."""
    sessions = decision.state.sessions
    if decision.config.adapter_of(sessions.entries[session_id].session.manifest) is None:
        return MISSING
    protocol = sessions.talks[session_id].protocol
    return protocol.reason if type(protocol) is Faulty else None


def configured(config: HubConfig) -> Configured:
    """What is recorded of a configuration."""
    manifests = [adapter.manifest for adapter in config.adapters]
    adapters = sorted({(f"adapter {one.type}", str(one.version)) for one in manifests})
    evaluators = sorted({f"evaluator {one.name}": str(one.version) for one in config.evaluators}.items())
    handlers = sorted({f"handler {one.name}": str(one.version) for one in config.handlers}.items())
    arbiter = (f"arbiter {name_of(config.arbiter)}", str(config.arbiter.version))
    remote = [("remote_agents", "allowed")] if config.remote_agents else []
    own = (("core", CORE_VERSION), ("format", str(codec.FORMAT)), arbiter)
    parts = (*own, *adapters, *evaluators, *handlers, *remote)
    return Configured(parts, codec.digest(codec.pack((parts, codec.row_of(config.limits)))).hex(), config.limits)


def fold_configured(config: HubConfig, state: "HubState", mark: Configured) -> "HubState":
    """The limits hold from now on; no link is attached, and what is owed to remote agents goes out again.

    What is remembered or owed for less time than before becomes due earlier: only then is every agent looked at. Other
    evaluators may expect otherwise: only then is every session looked at.
    """
    if state.configured is not None and state.configured.parts != mark.parts:
        state = _watched_anew(config, state)
    agenda, key_ms, owed_ms = state.agenda, mark.limits.key_ms, mark.limits.owed_ms
    if key_ms < state.limits.key_ms:
        for agent_id in state.keys:
            due_ms = keys.next_due(state.keys, agent_id, key_ms)
            assert due_ms is not None, "an agent without keys is not in the table"
            agenda = agenda.armed("agent", agent_id, due_ms)
    if owed_ms < state.limits.owed_ms:
        for agent_id, mailbox in state.mailboxes.items():
            for owed in mailbox.owed.values():
                agenda = agenda.armed("agent", agent_id, owed.at_ms + owed_ms)
    mailboxes = forwarding.sent_again(state)
    return changed(state, configured=mark, limits=mark.limits, links=Links(), mailboxes=mailboxes, agenda=agenda)


def _watched_anew(config: HubConfig, state: "HubState") -> "HubState":
    sessions, agenda = state.sessions, state.agenda
    for (session_id,) in state.sessions.order:
        entry = sessions.entries[session_id]
        if entry.watch is not None:
            entry = changed(entry, watch=watch_of(config, entry.session))
            sessions = changed(sessions, entries=sessions.entries.set(session_id, entry))
            sessions, agenda = fold_due(config, sessions, agenda, entry, state.now_ms)
    return changed(state, sessions=sessions, agenda=agenda)


def fold_dormant(config: HubConfig, state: "HubState", session_id: str, reason: str | None) -> "HubState":
    """The session cannot go on, for a reason; or can again, for None: then its protocol may wait for something."""
    entry = changed(state.sessions.entries[session_id], dormant=reason)
    sessions = changed(state.sessions, entries=state.sessions.entries.set(session_id, entry))
    sessions, agenda = fold_due(config, sessions, state.agenda, entry, state.now_ms)
    return changed(state, sessions=sessions, agenda=agenda)
