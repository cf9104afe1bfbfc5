"""What an arbiter is: who may do what, as a pure value.

The hub asks its one arbiter at every seam where somebody's doing reaches others: who is registered, which session is opened
with whom, what is said to whom, which task is begun. An arbiter remembers nothing: what it goes by is in the state it is
given, and in itself.

It fails closed. One that raises denies: a `NetworkError` is the refusal itself, anything else a `protocol_error` that says so,
and so is an answer that is neither `Allow` nor `Deny`. Where a denial only skips a recipient, such a fault skips it too.
"""

from typing import TYPE_CHECKING

import attrs

from .commands import Register
from .envelope import Envelope
from .errors import AccessDeniedError, NetworkError
from .session import Session
from .task_commands import ObserveTask

if TYPE_CHECKING:
    from .state import HubState


@attrs.frozen
class Allow:
    """Let it be."""


@attrs.frozen
class Deny:
    """Do not let it be."""

    reason: str
    """What the one who asked is told: what was expected, and what came."""
    error: type[NetworkError] = AccessDeniedError
    """The refusal it becomes."""


ALLOW = Allow()


class Arbiter:
    """Who may do what. Every method is pure and asked before anything is done; what a subclass leaves out is allowed.

    `state` is the hub before what is asked about, at the time of the arrival: `state.now_ms` is now. An envelope is as it would
    be said: stamped, its depth counted. Ask the state by the questions that `foldhub_core` exports.
    """

    name: str = ""
    """What the log calls it; empty is the name of the class."""
    version: int = 1
    """One that decides otherwise than it did needs a new version: the log says at each `Start` which one was asked."""

    def authorize_register(self, state: "HubState", command: Register) -> Allow | Deny:
        """Whether an agent may be registered; the principal's own right to the name was checked before."""
        return ALLOW

    def authorize_open(
        self, state: "HubState", creator_id: str, session_type: str, participants: tuple[str, ...]
    ) -> Allow | Deny:
        """Whether an agent may open a session of this type and invite these to it."""
        return ALLOW

    def authorize_invite(self, state: "HubState", session: Session, participants: tuple[str, ...]) -> Allow | Deny:
        """Whether these may be invited to a live session later on; by default, whether its creator may open one with them."""
        return self.authorize_open(state, session.creator_id, session.manifest.type, participants)

    def authorize_send(self, state: "HubState", envelope: Envelope) -> Allow | Deny:
        """Whether its sender may say this."""
        return ALLOW

    def authorize_delivery(self, state: "HubState", envelope: Envelope, recipient_id: str) -> Allow | Deny:
        """Whether it may reach this recipient; if not, that one is skipped, and the sender does not learn of it."""
        return ALLOW

    def authorize_inbox(self, state: "HubState", envelope: Envelope, recipient_id: str) -> Allow | Deny:
        """Whether a recipient whom it may reach has room for it; if not, it is refused, and nobody gets it."""
        return ALLOW

    def authorize_task(self, state: "HubState", command: ObserveTask) -> Allow | Deny:
        """Whether an agent may begin this task. That it is registered, and in the task's session, was checked before."""
        return ALLOW

    def resolve_stranger(self, state: "HubState", envelope: Envelope, stranger_id: str) -> tuple[str, ...] | None:
        """Who is meant by an entry of the audience that does not take part: participants, nobody (), or None to refuse."""
        return None


class AllArbiters(Arbiter):
    """Several arbiters as one: what all of them allow is allowed, and the first that denies says why."""

    def __init__(self, *arbiters: Arbiter) -> None:
        self.arbiters = arbiters
        self.name = f"all of {', '.join([f'{name_of(one)} {one.version}' for one in arbiters])}"

    def authorize_register(self, state: "HubState", command: Register) -> Allow | Deny:
        """All must allow."""
        return next((no for one in self.arbiters if not _is_yes(no := one.authorize_register(state, command))), ALLOW)

    def authorize_open(
        self, state: "HubState", creator_id: str, session_type: str, participants: tuple[str, ...]
    ) -> Allow | Deny:
        """All must allow."""
        asked = (state, creator_id, session_type, participants)
        return next((no for one in self.arbiters if not _is_yes(no := one.authorize_open(*asked))), ALLOW)

    def authorize_invite(self, state: "HubState", session: Session, participants: tuple[str, ...]) -> Allow | Deny:
        """All must allow."""
        asked = (state, session, participants)
        return next((no for one in self.arbiters if not _is_yes(no := one.authorize_invite(*asked))), ALLOW)

    def authorize_send(self, state: "HubState", envelope: Envelope) -> Allow | Deny:
        """All must allow."""
        return next((no for one in self.arbiters if not _is_yes(no := one.authorize_send(state, envelope))), ALLOW)

    def authorize_delivery(self, state: "HubState", envelope: Envelope, recipient_id: str) -> Allow | Deny:
        """All must allow."""
        asked = (state, envelope, recipient_id)
        return next((no for one in self.arbiters if not _is_yes(no := one.authorize_delivery(*asked))), ALLOW)

    def authorize_inbox(self, state: "HubState", envelope: Envelope, recipient_id: str) -> Allow | Deny:
        """All must allow."""
        asked = (state, envelope, recipient_id)
        return next((no for one in self.arbiters if not _is_yes(no := one.authorize_inbox(*asked))), ALLOW)

    def authorize_task(self, state: "HubState", command: ObserveTask) -> Allow | Deny:
        """All must allow."""
        return next((no for one in self.arbiters if not _is_yes(no := one.authorize_task(state, command))), ALLOW)

    def resolve_stranger(self, state: "HubState", envelope: Envelope, stranger_id: str) -> tuple[str, ...] | None:
        """The first that knows who is meant says it."""
        answers = [one.resolve_stranger(state, envelope, stranger_id) for one in self.arbiters]
        return next((answer for answer in answers if answer is not None), None)


def name_of(arbiter: Arbiter) -> str:
    """What the log calls an arbiter."""
    return arbiter.name or type(arbiter).__name__


def _is_yes(answer: object) -> bool:
    # What is no answer at all is handed on like a denial, to whoever asked: there it is a fault.
    return type(answer) is Allow
