"""What a step costs does not depend on what was said before, nor on how much else there is.

Counted are calls, of functions in Python and in C, so that the figures are the same on every machine.
"""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from foldhub_core import (
    EV_TEXT,
    Ack,
    AgentTarget,
    AnswerInvite,
    Command,
    Envelope,
    FromSpeaker,
    ObserveTask,
    OpenSession,
    Post,
    Reply,
    TaskSpec,
    Tick,
    Transition,
    WorkflowGraph,
    WorkflowState,
    inbox_cursor,
    list_sessions,
    list_tasks,
    next_deadline,
    pending_turns,
    protocol_state,
    step,
)
from foldhub_core.commands import Arrival
from tests.core.hub_driver import ADMIN
from tests.core.session_driver import Talks

FEW, MANY = 4, 400
MORE = 1.25
"""Trees that are a level deeper make some calls more."""


def calls_of(work: Callable[[], object]) -> int:
    """How many calls a piece of work makes."""
    count = 0

    # object: what is called is not looked at.
    def look(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def step_calls(hub: Talks, command: Command, now_ms: int | None = None) -> int:
    """How many calls the step of a command makes; the hub stays as it was."""
    arrival = Arrival(principal=ADMIN, command=command, now_ms=hub.now_ms if now_ms is None else now_ms)
    taken: list[Any] = []
    count = calls_of(lambda: taken.append(step(hub.config, hub.state, arrival)))
    assert taken[0].commit is not None
    assert taken[0].commit.refusal is None
    return count


def hardly_more(cost: Callable[[int], int]) -> None:
    """With a hundred times as much of it, it costs hardly more."""
    few, many = cost(FEW), cost(MANY)
    assert many <= few * MORE


def take(hub: Talks, command: Command) -> Any:
    """Step a command, and nothing else, so that hubs of some size are quickly made. Any: what it is answered with."""
    came = step(hub.config, hub.state, Arrival(principal=ADMIN, command=command, now_ms=hub.now_ms))
    hub.state = came.state
    answer = came.effects[0]
    assert isinstance(answer, Reply)
    return answer.value


def post(hub: Talks, session_id: str, words: str = "Why?") -> Post:
    return Post(envelope=Envelope(session_id, hub.ids["alice"], EV_TEXT, {"text": words}))


def hub_with_words(words: int) -> tuple[Talks, str]:
    """A conversation in which so much was said, and all of it acked."""
    hub = Talks("alice", "bob")
    session_id = hub.opened("alice", "bob")
    for at in range(words):
        take(hub, post(hub, session_id, f"word {at}"))
        take(hub, Ack(agent_id=hub.ids["bob"], numbers=(inbox_cursor(hub.state, hub.ids["bob"]) + 1,)))
    return hub, session_id


def hub_with_sessions(sessions: int) -> tuple[Talks, str]:
    """A hub in which the same two have so many conversations."""
    hub = Talks("alice", "bob")
    first = hub.opened("alice", "bob")
    for _ in range(sessions - 1):
        session = take(hub, OpenSession(creator_id=hub.ids["alice"], type="conversation", participants=(hub.ids["bob"],)))
        take(hub, AnswerInvite(session_id=session.session_id, agent_id=hub.ids["bob"], accept=True))
    return hub, first


def hub_with_tasks(tasks: int) -> Talks:
    hub = Talks("alice")
    for _ in range(tasks):
        take(hub, ObserveTask(owner_id=hub.ids["alice"], spec=TaskSpec("Ask."), ttl=0))
    return hub


def test_a_post_costs_the_same_behind_many_words() -> None:
    def cost(words: int) -> int:
        hub, session_id = hub_with_words(words)
        return step_calls(hub, post(hub, session_id))

    hardly_more(cost)


def test_a_post_costs_the_same_beside_many_sessions() -> None:
    def cost(sessions: int) -> int:
        hub, session_id = hub_with_sessions(sessions)
        return step_calls(hub, post(hub, session_id))

    hardly_more(cost)


def test_a_session_is_opened_at_the_same_cost_whatever_its_creator_has_opened() -> None:
    def cost(sessions: int) -> int:
        hub, _ = hub_with_sessions(sessions)
        opening = OpenSession(creator_id=hub.ids["alice"], type="conversation", participants=(hub.ids["bob"],))
        return step_calls(hub, opening)

    hardly_more(cost)


def test_a_task_is_observed_at_the_same_cost_whatever_its_owner_has_to_do() -> None:
    def cost(tasks: int) -> int:
        hub = hub_with_tasks(tasks)
        return step_calls(hub, ObserveTask(owner_id=hub.ids["alice"], spec=TaskSpec("Ask."), ttl=0))

    hardly_more(cost)


def test_what_comes_due_costs_the_same_whatever_is_not_due() -> None:
    def cost(sessions: int) -> int:
        hub, _ = hub_with_sessions(sessions)
        session = OpenSession(creator_id=hub.ids["alice"], type="conversation", participants=(hub.ids["bob"],), ttl=1)
        take(hub, session)
        due_ms = next_deadline(hub.state)
        assert due_ms is not None
        return step_calls(hub, Tick(), due_ms)

    hardly_more(cost)


@pytest.mark.parametrize(
    ("made", "question"),
    [
        (lambda many: hub_with_sessions(many)[0], lambda hub: list_sessions(hub.state, limit=3)),
        (hub_with_tasks, lambda hub: list_tasks(hub.state, owner_id=hub.ids["alice"], limit=3)),
        (lambda many: hub_with_words(many)[0], lambda hub: pending_turns(hub.config, hub.state, hub.ids["alice"])),
    ],
    ids=["sessions", "tasks", "turns"],
)
def test_a_page_costs_the_same_of_a_longer_list(made: Callable[[int], Talks], question: Callable[[Talks], object]) -> None:
    def cost(many: int) -> int:
        hub = made(many)
        return calls_of(lambda: question(hub))

    hardly_more(cost)


def test_a_graph_is_read_once_and_every_turn_goes_by_the_same_one() -> None:
    hub = Talks("alice", "bob")
    alice, bob = hub.these("alice", "bob")
    rules = (Transition(FromSpeaker(alice), AgentTarget(bob)), Transition(FromSpeaker(bob), AgentTarget(alice)))
    session_id = hub.opened("alice", "bob", type="workflow", knobs={"graph": WorkflowGraph(alice, rules).to_json()})
    before = protocol_state(hub.state, session_id)
    take(hub, post(hub, session_id))
    after = protocol_state(hub.state, session_id)
    assert isinstance(before, WorkflowState)
    assert isinstance(after, WorkflowState)
    assert after != before
    assert after.graph is before.graph
