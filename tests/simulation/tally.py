"""What a run of the simulation came by: so that it can be said whether it drew what it is there to draw."""

from collections import Counter
from collections.abc import Iterable

from foldhub_core import (
    EV_EXPECTATION_VIOLATED,
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    HUB_SESSION,
    Envelope,
    HubState,
    WorkflowState,
)


class Tally(Counter[str]):
    """How often each thing happened, by a name made of what it was."""

    def take(self, before: HubState, after: HubState, words: Iterable[Envelope], refusal: str | None) -> None:
        """Count in what one request came to."""
        if refusal is not None:
            self[f"refused: {refusal}"] += 1
        for word in words:
            if word.session_id == HUB_SESSION:
                if word.event_type == EV_EXPECTATION_VIOLATED:
                    data = word.event_data
                    fault = " at fault" if data["at_fault"] else ""
                    self[f"violated: {data['expectation']} {data['on_violation']}{fault}"] += 1
                continue
            entry = before.sessions.entries.get(word.session_id)
            kind = entry.session.manifest.type if entry is not None else "new"
            if word.event_type in (EV_SESSION_CLOSED, EV_SESSION_EXPIRED):
                self[f"ended: {kind} {word.event_data['reason']}"] += 1
            else:
                self[f"said: {kind} {word.event_type}"] += 1
            talk = after.sessions.talks.get(word.session_id)
            if talk is not None and isinstance(talk.protocol, WorkflowState):
                self[f"owing in a workflow: {len(talk.protocol.owing)}"] += 1
