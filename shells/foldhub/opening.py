"""Opening: an agent that opened a session waits until it has begun."""

import logging
from typing import TYPE_CHECKING

import trio

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    EV_SESSION_OPENED,
    CloseSession,
    Envelope,
    NetworkError,
    ProtocolError,
    Session,
    SessionState,
    changed,
)

if TYPE_CHECKING:
    from .agent_client import AgentClient

log = logging.getLogger("foldhub.client")


async def begun(agent: "AgentClient", session: Session, nursery: trio.Nursery) -> Session:
    """Wait until a session that an agent opened is active; gives it as it is then. A checkpoint.

    Raises `ProtocolError` where it ends before it began. Cancelled, the session is closed, by a task of the nursery.
    """
    session_id = session.session_id
    try:
        word = await agent.waiting.first(session_id, _is_begun_or_over, take=False)
    except trio.Cancelled:
        nursery.start_soon(_give_up, agent, session_id)
        raise
    if word.event_type != EV_SESSION_OPENED:
        await agent.waiting.first(session_id, _is_begun_or_over)
        reason = str(word.event_data.get("reason", word.event_type))
        raise ProtocolError(f"expected the invited to accept, came {reason}", where="open")
    return changed(session, state=SessionState.ACTIVE, pending_acks=())


async def _give_up(agent: "AgentClient", session_id: str) -> None:
    try:
        await agent.ask(CloseSession(session_id=session_id, agent_id=agent.agent_id, reason="opening_cancelled"))
    except (NetworkError, trio.ClosedResourceError) as error:
        log.debug("%s: closing %s: %s", agent.name, session_id, error)


def _is_begun_or_over(word: Envelope) -> bool:
    return word.event_type in (EV_SESSION_OPENED, EV_SESSION_CLOSED, EV_SESSION_EXPIRED)
