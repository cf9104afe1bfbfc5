"""What the two ends of a link tell the shells that carry them."""

import attrs

from foldhub_core.commands import Command
from foldhub_core.envelope import Envelope
from foldhub_core.error_record import ErrorRecord
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.records import hot

# --- the hub's end


@hot
class Introduced:
    """A client says who it is: check its credential, then `accept` or `turn_away`."""

    credential: str = attrs.field(repr=False)
    client: str


@hot
class Asked:
    """A client asks for a command: feed it to the hub on behalf of `principal`, then `answer` or `refuse`."""

    ref: int
    command: Command


@hot
class Questioned:
    """A client asks a question: answer it from the published state or the store, with `answer` or `refuse`."""

    ref: int
    question: Question | LogQuestion


@hot
class Undeliverable:
    """A delivery is larger than any frame its client takes: nack it, for the reason given."""

    agent_id: str
    number: int
    reason: str


@hot
class Gone:
    """The link is over, and why; the last event."""

    error: ErrorRecord
    agent_ids: tuple[str, ...]
    """The agents it carried: detach them from it."""


HubEvent = Introduced | Asked | Questioned | Undeliverable | Gone


# --- the client's end


@hot
class Connecting:
    """There is no link; one is wanted now, or after the pause that `connect_at` tells."""

    error: ErrorRecord | None
    """Why the last one ended; None before the first."""


@hot
class Connected:
    """The hub has said its welcome: requests are sent, and deliveries come."""

    hub_id: str
    subject: str
    agent_ids: tuple[str, ...]
    """The agents the hub says may be acted for."""


@hot
class Answered:
    """A request was granted."""

    ref: int
    value: object


@hot
class Refused:
    """A request was refused."""

    ref: int
    error: ErrorRecord


@hot
class Delivered:
    """An envelope came for an agent; it comes again until it is acked."""

    agent_id: str
    number: int
    attempt: int
    envelope: Envelope


@hot
class Lost:
    """The agent's deliveries do not come here any more, and it is not attached again by itself."""

    agent_id: str
    error: ErrorRecord | None
    """Why it could not be attached again; None where another link carries it."""


@hot
class Closed:
    """The link is over for good; the last event."""

    error: ErrorRecord


ClientEvent = Connecting | Connected | Answered | Refused | Delivered | Lost | Closed
