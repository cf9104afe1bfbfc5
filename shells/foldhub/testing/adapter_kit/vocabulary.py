"""What can be said in a session: by default everything a hub knows of, and what the tester of a protocol adds.

A maker is a `Draft`, or a function from a `Place` to drafts: what this participant might say now. It need not know what is
allowed; what is refused is tried, too.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import attrs

from foldhub_core import (
    EV_CONTEXT_SET,
    EV_PACKET,
    EV_SESSION_CLOSED,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_TEXT,
    Draft,
    Manifest,
    Session,
    packet,
)


@attrs.frozen
class Place:
    """Where somebody might say something."""

    session: Session
    state: Any
    """The protocol's state. Any: it is the adapter's own."""
    sender_id: str
    others: tuple[str, ...]
    """The ids of the others who take part, in the order of their places."""


Maker: TypeAlias = Draft | Callable[[Place], Draft | Iterable[Draft] | None]
"""Makes events. What a function gives may be one draft, several, or None."""


UNKNOWN = "kit.unknown"
"""An event type that no protocol knows."""


def drafts_of(makers: Iterable[Maker], place: Place) -> tuple[Draft, ...]:
    """Give what these makers make there."""
    made: list[Draft] = []
    for maker in makers:
        came = maker if isinstance(maker, Draft) else maker(place)
        if isinstance(came, Draft):
            made.append(came)
        elif came is not None:
            made.extend(came)
    return tuple(made)


def texts(place: Place) -> Iterable[Draft]:
    """Texts: to everybody, and in private."""
    yield Draft(EV_TEXT, {"text": "hello"})
    for other in place.others[:2]:
        yield Draft(EV_TEXT, {"text": f"secret {place.sender_id} told {other}"}, (other,))


def packets(place: Place) -> Iterable[Draft]:
    """Packets that say something, hand off, finish, and change the context."""
    yield Draft(EV_PACKET, packet("hello"))
    yield Draft(EV_PACKET, packet("", kind="text", tool="look_up"))
    for agent_id in (*place.others[:2], place.sender_id, "nobody"):
        yield Draft(EV_PACKET, packet("yours", kind="handoff", target=agent_id, reason="because"))
    yield Draft(EV_PACKET, packet("", kind="handoff", tool="escalate"))
    yield Draft(EV_PACKET, packet("", kind="finish", reason="solved", summary="done"))
    yield Draft(EV_PACKET, packet("", set={"kit": 1}))


def context(_: Place) -> Iterable[Draft]:
    """Changes of the context."""
    yield Draft(EV_CONTEXT_SET, {"set": {"kit": 1}})
    yield Draft(EV_CONTEXT_SET, {"set": {"kit": {"list": [1, "a", None]}}, "delete": ["other"]})
    yield Draft(EV_CONTEXT_SET, {"delete": ["kit"]})


def hub_events(place: Place) -> Iterable[Draft]:
    """What only the hub may say."""
    yield Draft(EV_SESSION_CLOSED, {"reason": "forged"})
    yield Draft(EV_SESSION_LEFT, {"agent_id": place.others[0] if place.others else place.sender_id})
    yield Draft(EV_SESSION_JOINED, {"agent_id": "nobody"})


DEFAULT: tuple[Maker, ...] = (texts, packets, context, Draft(UNKNOWN))
"""What is said where nothing else is known."""


def information(manifest: Manifest) -> tuple[Maker, ...]:
    """What a protocol leaves to everybody."""
    return tuple([Draft(event_type, {"about": "something"}) for event_type in manifest.information])
