"""The handlers that come with the hub: what it does when an expectation is not met."""

import attrs

from .expectations import Close, Handler, Hide, Remove, Response, Violation, Warn, Watched


@attrs.frozen
class Audit(Handler):
    """Nothing more: the violation is on record."""

    name = "audit"

    def respond(self, watched: Watched, violation: Violation) -> tuple[Response, ...]:
        """Nothing."""
        return ()


@attrs.frozen
class WarnViolators(Handler):
    """Those who owe it are told; everybody where nobody in particular does."""

    name = "warn"

    def respond(self, watched: Watched, violation: Violation) -> tuple[Response, ...]:
        """One word to them."""
        return (Warn(violation.violators or None),)


@attrs.frozen
class NotifySession(Handler):
    """Everybody is told."""

    name = "notify_session"

    def respond(self, watched: Watched, violation: Violation) -> tuple[Response, ...]:
        """One word to all."""
        return (Warn(),)


@attrs.frozen
class HideViolators(Handler):
    """The others go on without those who owe it, until they speak again."""

    name = "hide"

    def respond(self, watched: Watched, violation: Violation) -> tuple[Response, ...]:
        """Each of them."""
        return tuple([Hide(agent_id) for agent_id in violation.violators])


@attrs.frozen
class RemoveViolators(Handler):
    """Those who owe it are put out."""

    name = "remove"

    def respond(self, watched: Watched, violation: Violation) -> tuple[Response, ...]:
        """Each of them."""
        return tuple([Remove(agent_id) for agent_id in violation.violators])


@attrs.frozen
class AutoClose(Handler):
    """The session ends, and its last word says by which expectation."""

    name = "auto_close"

    def respond(self, watched: Watched, violation: Violation) -> tuple[Response, ...]:
        """The end."""
        return (Close(f"expectation_violated:{violation.expectation.name}"),)


BUILT_IN_HANDLERS: tuple[Handler, ...] = (
    Audit(),
    WarnViolators(),
    NotifySession(),
    HideViolators(),
    RemoveViolators(),
    AutoClose(),
)
"""The handlers a hub has unless it is configured otherwise; a user's own are given in addition."""
