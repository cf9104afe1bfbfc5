"""Forwarding: the deliveries of agents that live on another system.

Nobody attaches for a remote agent. What is owed to it goes out as `Forward`, from the moment it is said, and the shell hands
it to the proxy of the agent's scheme. `ForwardDone` is the proxy's ack, `ForwardFailed` its nack: after a pause the delivery
goes out again, as a `Redeliver` without a link, and at the fifth failure it is a dead letter. A run that begins counts one
attempt more for all that is owed and does not wait out a pause; `owed` is what the shell then sends. What a remote agent says
comes as the posts of a principal that may act for it.
"""

from typing import TYPE_CHECKING

from . import delivery
from . import mailbox as box
from .commands import Ack, ForwardDone, ForwardFailed, Nack
from .effects import Effect
from .errors import ProtocolError, shown
from .identity import Passport
from .ids import was_issued
from .registry import agent_entry, is_remote

if TYPE_CHECKING:
    from .decision import Decision
    from .state import HubState


# --- decide


def done(decision: "Decision", command: ForwardDone) -> None:
    """Owe a forwarded delivery no more."""
    if _is_there(decision.state, command.agent_id):
        delivery.ack(decision, Ack(agent_id=command.agent_id, numbers=(command.number,)))


def failed(decision: "Decision", command: ForwardFailed) -> None:
    """Let a delivery be forwarded again after a pause, or give it up."""
    if _is_there(decision.state, command.agent_id):
        delivery.nack(decision, Nack(agent_id=command.agent_id, number=command.number, reason=command.reason))


def _is_there(state: "HubState", agent_id: str) -> bool:
    """Whether a remote agent is still registered: what comes of a forward may come after its end."""
    if agent_id not in state.registry.agents and was_issued(state.hub_id, "a", agent_id, state.seq):
        return False
    if agent_entry(state, agent_id).passport.kind != "remote_agent":
        raise ProtocolError(f"expected a remote agent, came {shown(agent_id)}, which is none", where="agent_id")
    return True


# --- fold


def sent_again(state: "HubState") -> delivery.Mailboxes:
    """A run began: all that is owed to remote agents goes out once more."""
    mailboxes = state.mailboxes
    for agent_id, mailbox in state.mailboxes.items():
        if mailbox.owed and is_remote(state, agent_id):
            mailboxes = mailboxes.set(agent_id, box.forwarded_again(mailbox))
    return mailboxes


# --- questions


def owed(state: "HubState") -> tuple[Effect, ...]:
    """What is to be forwarded after a restart, by agent, then number, but for what waits out a pause."""
    effects: list[Effect] = []
    for agent_id in sorted([one for one in state.mailboxes if is_remote(state, one)]):
        mailbox = state.mailboxes[agent_id]
        effects += [delivery.redeliver(state, agent_id, one) for one in mailbox.numbered() if one not in mailbox.waiting]
    return tuple(effects)


def forwarding_passport(state: "HubState", agent_id: str) -> Passport:
    """The passport a proxy is given with a delivery, its claim included; raises `NotFoundError`. O(log n)."""
    return agent_entry(state, agent_id).passport
