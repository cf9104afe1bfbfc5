"""What the tests of expectations share: what was recorded of violations, and evaluators and handlers of the tests' own."""

from collections.abc import Callable
from typing import Any

from foldhub_core import (
    EV_EXPECTATION_VIOLATED,
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    HUB_SESSION,
    Debt,
    Envelope,
    Evaluator,
    Expectation,
    Handler,
    Response,
    Violation,
    Watched,
    digest,
    next_deadline,
    read_snapshot,
    take_snapshot,
)
from tests.core.session_driver import Talks

SECOND = 1000


def expects(name: str, on_violation: str = "audit", seconds: object = None, *whom: str, **params: Any) -> Expectation:
    """An expectation; of those in `whom`, or of everybody."""
    given = params if seconds is None else {"seconds": seconds, **params}
    return Expectation(name, on_violation, given, whom or None)


def pass_until(hub: Talks, now_ms: int) -> None:
    """Let everything happen that is due until then, each at its time."""
    while (due_ms := next_deadline(hub.state)) is not None and due_ms <= now_ms:
        hub.tick_until_rest(max(due_ms, hub.now_ms))
    hub.now_ms = max(hub.now_ms, now_ms)


def recorded(hub: Talks, session_id: str | None = None) -> list[Envelope]:
    """The violations that were recorded, faults included, of one session or of all."""
    facts = [fact for commit in hub.log for fact in commit.facts if isinstance(fact, Envelope)]
    found = [fact for fact in facts if fact.session_id == HUB_SESSION and fact.event_type == EV_EXPECTATION_VIOLATED]
    return [one for one in found if session_id in (None, one.event_data["session_id"])]


def violated(hub: Talks, session_id: str | None = None) -> list[tuple[Any, ...]]:
    """When which expectation was violated, and by whom; without what is a fault."""
    names = {agent_id: name for name, agent_id in hub.ids.items()}
    found: list[tuple[Any, ...]] = []
    for one in recorded(hub, session_id):
        violators: Any = one.event_data["violators"]
        if one.event_data["at_fault"] is None:
            found.append((one.created_at_ms, one.event_data["expectation"], *[names[agent_id] for agent_id in violators]))
    return found


def faults(hub: Talks) -> list[tuple[str, str]]:
    """Who was at fault, and what it did."""
    data = [one.event_data for one in recorded(hub)]
    return [(str(one["at_fault"]), str(one["fault"])) for one in data if one["at_fault"] is not None]


def through_a_snapshot(hub: Talks) -> None:
    """Let the hub go on from a snapshot of itself."""
    restored = read_snapshot(hub.config, list(take_snapshot(hub.state)))
    assert restored == hub.state
    assert digest(restored) == digest(hub.state)
    hub.state = restored


def ended(hub: Talks, session_id: str) -> Any:
    """For what reason a session ended; None where it goes on."""
    last = hub.words(session_id)[-1]
    return last.event_data["reason"] if last.event_type in (EV_SESSION_CLOSED, EV_SESSION_EXPIRED) else None


class Owes(Evaluator):
    """An evaluator of the name `owes`, made of a function."""

    name = "owes"

    def __init__(self, owed: Callable[[Watched], Any], patience_ms: Any = None) -> None:
        self.by = owed
        self.patience = patience_ms

    def owed(self, watched: Watched, expectation: Expectation) -> tuple[Debt, ...]:
        debts: tuple[Debt, ...] = self.by(watched)
        return debts

    def patience_ms(self, expectation: Expectation) -> int | None:
        if isinstance(self.patience, Exception):
            raise self.patience
        patience_ms: int | None = self.patience
        return patience_ms


class Answers(Handler):
    """A handler of the name `answers`, made of a function."""

    name = "answers"

    def __init__(self, respond: Callable[[Watched, Violation], Any]) -> None:
        self.by = respond

    def respond(self, watched: Watched, violation: Violation) -> tuple[Response, ...]:
        responses: tuple[Response, ...] = self.by(watched, violation)
        return responses


def raises(*_: object) -> Any:
    raise RuntimeError("out of order")
