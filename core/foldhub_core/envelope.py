"""The envelope: the one shape of everything said in a session or recorded of the hub.

Whoever posts fills in the upper part. The hub stamps the lower part when it accepts, on a copy: what was handed in stays as
it was. `number` counts the words of a session densely from 1, so that a reader sees when one is missing.
"""

from collections.abc import Mapping
from typing import Literal

from .exact import EMPTY
from .ids import HUB_SESSION
from .records import changer, record

EV_TEXT = "message.text"
EV_PACKET = "message.packet"
EV_CONTEXT_SET = "context.set"
EV_SESSION_INVITE = "session.invited"
EV_SESSION_OPENED = "session.opened"
EV_SESSION_JOINED = "session.joined"
EV_SESSION_LEFT = "session.left"
EV_SESSION_CLOSED = "session.closed"
EV_SESSION_EXPIRED = "session.expired"
EV_SESSION_HIDDEN = "session.hidden"
EV_SESSION_SHOWN = "session.shown"
EV_EXPECTATION_VIOLATED = "expectation.violated"
EV_TASK_OBSERVED = "task.observed"
EV_TASK_PROGRESSED = "task.progressed"
EV_TASK_CHECKPOINTED = "task.checkpointed"
EV_TASK_ENDED = "task.ended"
EV_TASK_CANCEL_REQUEST = "task.cancel_requested"
EV_TASK_CANCELLED = "task.cancelled"
EV_AGENT_REGISTERED = "agent.registered"
EV_AGENT_UNREGISTERED = "agent.unregistered"
EV_RESUME_SET = "agent.resume_set"
EV_RULE_SET = "agent.rule_set"
EV_SKILL_SET = "agent.skill_set"
EV_OBSERVATION_RECORDED = "agent.observation_recorded"

HUB_EVENTS = ("session.", "expectation.", "task.", "agent.")
"""How the types of the hub's own events begin. Nobody else can make one, and no inbox counts one."""

Priority = Literal["background", "normal", "urgent"]


@record
class Envelope:
    """One thing said. `audience` None is every other participant; a tuple is those agents only."""

    session_id: str
    sender_id: str
    event_type: str
    event_data: Mapping[str, object] = EMPTY
    audience: tuple[str, ...] | None = None
    causation_id: str | None = None
    """The envelope this one answers."""
    idempotency_key: str | None = None
    """Makes a retry of the post the same request."""
    task_id: str | None = None
    trace_id: str | None = None
    priority: Priority = "normal"
    ttl_seconds: int | None = None
    """How long it is worth delivering; None is as long as the hub owes it."""

    envelope_id: str = ""
    created_at_ms: int = 0
    number: int = 0
    """The place among the words of its session, from 1."""
    depth: int = 0
    """How many delegations lie between this and what nobody asked for."""


def is_hub_event(event_type: str) -> bool:
    """Whether only the hub makes events of this type."""
    return event_type.startswith(HUB_EVENTS)


def is_posted(envelope: Envelope) -> bool:
    """Whether a participant said it, not the hub."""
    return envelope.session_id != HUB_SESSION and not envelope.event_type.startswith(HUB_EVENTS)


stamped = changer(Envelope, "envelope_id", "created_at_ms", "number", "depth")
"""The envelope with the hub's stamp."""


_unstamped = changer(Envelope, "envelope_id", "created_at_ms", "number")


def as_posted(envelope: Envelope) -> Envelope:
    """The envelope without the hub's stamp: what its sender asked to be said. The depth stays, as the least it may be."""
    return _unstamped(envelope, "", 0, 0)


def visible_to(envelope: Envelope, agent_id: str) -> bool:
    """Tell whether a participant may see it: its sender may, and whom its audience names or does not leave out."""
    return envelope.audience is None or agent_id in envelope.audience or envelope.sender_id == agent_id
