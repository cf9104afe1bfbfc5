"""The arbiter that goes by the agents' rules, as a hub does that was not told otherwise.

| of the rule | denies |
|---|---|
| `access.inbound_from` | of an invited: the invitation; of a recipient: the delivery, which is skipped |
| `access.outbound_to` | of a sender who names its audience: the word; itself it may always name |
| `access.session_types` | `initiate`, of a creator: the opening; `accept`, of an invited: the invitation |
| `limits.max_concurrent_sessions` | of a creator with as many live sessions, pending ones included: the opening |
| `limits.delegation_depth` | of a sender: a word that is deeper |
| `limits.rate` | of a sender: a word too many |
| `limits.inbox` | of a recipient whose overflow is `reject`: a word when it is full |
| `limits.max_concurrent_tasks` | of an owner with as many live tasks: one more |

What an inbox that is full drops is the hub's deed, not the arbiter's, and so is what it gives a session or a task that does not
say how long it lasts.
"""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import attrs

from .arbiter import ALLOW, Allow, Arbiter, Deny
from .envelope import Envelope
from .errors import InboxFull, RateLimited, shown
from .mailbox import is_full
from .rates import wait_ms
from .registry import name_for
from .session import Session
from .sessions import created_sessions
from .task_commands import ObserveTask
from .tasks import live_tasks

if TYPE_CHECKING:
    from .state import HubState

_ALL = ("*",)
_SKIPPED = Deny("rule")
"""What the mark of a skipped delivery says."""


@attrs.frozen
class RuleBasedArbiter(Arbiter):
    """Goes by the agents' rules."""

    name = "rules"

    def authorize_open(
        self, state: "HubState", creator_id: str, session_type: str, participants: tuple[str, ...]
    ) -> Allow | Deny:
        """The creator's types and cap, and what the invited accept."""
        rule = state.registry.agents[creator_id].rule
        if not _fits(session_type, rule.access.session_types.initiate):
            return Deny(f"expected a type of session its rule lets {creator_id} open, came {shown(session_type)}")
        most = rule.limits.max_concurrent_sessions
        if most and created_sessions(state, creator_id) >= most:
            return Deny(f"expected {creator_id} to have fewer live sessions of its own, came {most}, as many as its rule lets it")
        return _accepted(state, creator_id, session_type, participants)

    def authorize_invite(self, state: "HubState", session: Session, participants: tuple[str, ...]) -> Allow | Deny:
        """What the invited accept."""
        return _accepted(state, session.creator_id, session.manifest.type, participants)

    def authorize_send(self, state: "HubState", envelope: Envelope) -> Allow | Deny:
        """To whom the sender may write, how deep, how often."""
        sender_id = envelope.sender_id
        rule = state.registry.agents[sender_id].rule
        globs, limits = rule.access.outbound_to, rule.limits
        if globs != _ALL and envelope.audience is not None:
            for agent_id in envelope.audience:
                if agent_id != sender_id and not _fits(name_for(state, agent_id), globs):
                    return Deny(f"expected recipients its rule lets {sender_id} write to, came {agent_id}")
        if 0 < limits.delegation_depth < envelope.depth:
            most, came = limits.delegation_depth, envelope.depth
            return Deny(f"expected a depth of at most {most}, as the rule of {sender_id} says, came {came}")
        if limits.rate.per_minute:
            wait = wait_ms(state, sender_id, limits.rate, state.now_ms)
            if wait:
                return Deny(f"expected posts at the rate of {sender_id}, came one {wait} ms early", RateLimited)
        return ALLOW

    def authorize_delivery(self, state: "HubState", envelope: Envelope, recipient_id: str) -> Allow | Deny:
        """From whom the recipient hears."""
        agents = state.registry.agents
        globs = agents[recipient_id].rule.access.inbound_from
        if globs == _ALL or _fits(agents[envelope.sender_id].passport.name, globs):
            return ALLOW
        return _SKIPPED

    def authorize_inbox(self, state: "HubState", envelope: Envelope, recipient_id: str) -> Allow | Deny:
        """Whether there is room where the recipient rejects what is over."""
        inbox = state.registry.agents[recipient_id].rule.limits.inbox
        if inbox.overflow == "reject" and is_full(state.mailboxes.get(recipient_id), inbox.max_pending):
            most = inbox.max_pending
            return Deny(f"expected room in the inbox of {recipient_id}, came {most} pending, as many as it takes", InboxFull)
        return ALLOW

    def authorize_task(self, state: "HubState", command: ObserveTask) -> Allow | Deny:
        """How many tasks the owner may have at once."""
        owner_id = command.owner_id
        most = state.registry.agents[owner_id].rule.limits.max_concurrent_tasks
        if most and live_tasks(state, owner_id) >= most:
            return Deny(f"expected {owner_id} to have fewer live tasks, came {most}, as many as its rule lets it")
        return ALLOW


def _accepted(state: "HubState", creator_id: str, session_type: str, invited: tuple[str, ...]) -> Allow | Deny:
    """Whether all of the invited accept such a session from its creator; one that is gone has no name any more."""
    creator = name_for(state, creator_id, "")
    for agent_id in invited:
        access = state.registry.agents[agent_id].rule.access
        if not _fits(session_type, access.session_types.accept):
            return Deny(f"expected a type of session {agent_id} accepts, came {shown(session_type)}")
        if not _fits(creator, access.inbound_from):
            return Deny(f"expected agents that hear {creator_id}, came {agent_id}")
    return ALLOW


def _fits(name: str, globs: tuple[str, ...]) -> bool:
    return globs == _ALL or any(fnmatchcase(name, glob) for glob in globs)
