"""What holds of a hub whatever it was asked: second tries change nothing, orders agree, logs lead where the hub went."""

from hypothesis import given, settings
from immutables import Map

from foldhub_core import (
    Command,
    EndTask,
    ForwardDone,
    ForwardFailed,
    HubState,
    ObserveTask,
    OpenSession,
    Post,
    RecordObservation,
    Refuse,
    Register,
    Start,
    Tick,
    Unregister,
    changed,
    find_agent_id,
    get_agent,
    next_deadline,
    read_snapshot,
    take_snapshot,
)
from foldhub_core.ids import was_issued
from foldhub_core.registry import Registry
from foldhub_core.sessions import Sessions
from foldhub_core.tasks import Tasks
from tests.core.hub_driver import ADMIN, Hub
from tests.properties.hub_histories import LIMITS, Asked, histories

LONGER_THAN_ANY_SESSION_MS = 10_000_000


def is_safe_to_repeat(command: Command) -> bool:
    """Whether a second try can be known for one: all but those that make something and carry no key for it."""
    if isinstance(command, Register | OpenSession | ObserveTask):
        return command.idempotency_key is not None
    if isinstance(command, EndTask):
        return command.idempotency_key is not None and command.agent_id != ""
    if isinstance(command, Post):
        return command.envelope.idempotency_key is not None
    return not isinstance(command, RecordObservation) or command.task_id is not None


def names_what_may_come(command: Command, state: HubState) -> bool:
    """Whether it names what is not there yet: a later commit, were it a refusal, makes it something that is over."""
    session_id = command.envelope.session_id if isinstance(command, Post) else getattr(command, "session_id", None)
    task_id = getattr(command, "task_id", None)
    return (session_id is not None and not was_issued(state.hub_id, "s", session_id, state.seq)) or (
        task_id is not None and not was_issued(state.hub_id, "t", task_id, state.seq)
    )


def played(history: list[Asked]) -> Hub:
    hub = Hub(LIMITS, remote_agents=True)
    for principal, command, later_ms in history:
        hub.step(principal, command, hub.now_ms + later_ms)
    return hub


@settings(max_examples=100, deadline=None)
@given(histories)
def test_a_second_try_of_what_was_granted_changes_nothing_and_is_answered_like_the_first(history: list[Asked]) -> None:
    hub = Hub(LIMITS, remote_agents=True)
    for principal, command, later_ms in history:
        hub.tick_until_rest(hub.now_ms + later_ms)
        first = hub.step(principal, command, hub.now_ms + later_ms)
        if isinstance(first.effects[0], Refuse) or not is_safe_to_repeat(command):
            continue
        again = hub.step(principal, command, hub.now_ms)
        assert again.effects == first.effects[:1], "the same answer, and nothing owed"
        if isinstance(command, Start):
            now = again.state
            assert now == changed(first.state, seq=now.seq, head=now.head, mailboxes=now.mailboxes), "a run began: it is recorded"
        else:
            assert again.commit is None


@settings(max_examples=60, deadline=None)
@given(histories)
def test_a_second_try_of_what_was_refused_is_refused_alike(history: list[Asked]) -> None:
    hub = Hub(LIMITS, remote_agents=True)
    for principal, command, later_ms in history:
        unknown = names_what_may_come(command, hub.state)
        first = hub.step(principal, command, hub.now_ms + later_ms)
        # The id of an agent that ended is known by the commit it names, so that a refused end may be taken for a second one.
        of_the_gone = isinstance(command, Unregister | ForwardDone | ForwardFailed)
        if isinstance(first.effects[0], Refuse) and not of_the_gone and not unknown:
            again = hub.step(principal, command, hub.now_ms)
            assert again.effects == first.effects


@settings(max_examples=60, deadline=None)
@given(histories)
def test_a_refusal_changes_nothing_but_sequence_clock_head_and_count(history: list[Asked]) -> None:
    hub = Hub(LIMITS, remote_agents=True)
    for principal, command, later_ms in history:
        before = hub.state
        result = hub.step(principal, command, hub.now_ms + later_ms)
        if isinstance(result.effects[0], Refuse):
            now = hub.state
            moved = changed(before, seq=now.seq, now_ms=now.now_ms, head=now.head, refusals=now.refusals)
            assert now == moved
            assert len(result.effects) == 1


@settings(max_examples=60, deadline=None)
@given(histories)
def test_the_log_leads_to_the_state_and_is_decided_again_alike(history: list[Asked]) -> None:
    played(history).check_log()


@settings(max_examples=40, deadline=None)
@given(histories)
def test_a_snapshot_is_the_state(history: list[Asked]) -> None:
    hub = played(history)
    assert read_snapshot(hub.config, take_snapshot(hub.state)) == hub.state


@settings(max_examples=40, deadline=None)
@given(histories)
def test_the_registry_is_the_one_built_anew_from_its_agents(history: list[Asked]) -> None:
    registry = played(history).state.registry
    assert Registry.of(dict(registry.agents)) == registry


@settings(max_examples=40, deadline=None)
@given(histories)
def test_every_agent_is_found_by_its_name_and_its_id(history: list[Asked]) -> None:
    state = played(history).state
    for agent_id, entry in state.registry.agents.items():
        passport = entry.passport
        assert passport.agent_id == agent_id == find_agent_id(state, passport.name)
        assert get_agent(state, agent_id) == get_agent(state, passport.name) == passport
    assert len(state.registry.names) == len(state.registry.agents)


@settings(max_examples=40, deadline=None)
@given(histories)
def test_links_keys_and_entries_belong_to_agents_that_are_there(history: list[Asked]) -> None:
    state = played(history).state
    agents = set(state.registry.agents)
    assert set(state.links) <= agents
    assert set(state.keys) <= agents
    assert set(state.mailboxes) <= agents
    assert set(state.rates) <= agents
    assert set(state.agenda.by_subject) <= agents | set(state.sessions.entries) | set(state.tasks.entries)


@settings(max_examples=40, deadline=None)
@given(histories)
def test_the_sessions_are_those_built_anew_from_their_entries(history: list[Asked]) -> None:
    sessions = played(history).state.sessions
    assert Sessions.of(dict(sessions.entries), dict(sessions.talks)) == sessions


@settings(max_examples=40, deadline=None)
@given(histories)
def test_the_tasks_are_those_built_anew_from_their_entries(history: list[Asked]) -> None:
    tasks = played(history).state.tasks
    assert Tasks.of(dict(tasks.entries)) == tasks


@settings(max_examples=40, deadline=None)
@given(histories)
def test_no_task_outlives_its_owner_or_its_session(history: list[Asked]) -> None:
    state = played(history).state
    for entry in state.tasks.entries.values():
        task = entry.task
        assert task.owner_id in state.registry.agents
        assert task.session_id is None or task.owner_id in state.sessions.entries[task.session_id].members


@settings(max_examples=40, deadline=None)
@given(histories)
def test_who_takes_part_in_a_session_is_registered_and_has_answered_or_is_waited_for(history: list[Asked]) -> None:
    state = played(history).state
    for entry in state.sessions.entries.values():
        there = {one.agent_id for one in entry.session.participants}
        assert there <= set(state.registry.agents)
        assert there == {*entry.members, *entry.session.pending_acks}


@settings(max_examples=40, deadline=None)
@given(histories)
def test_what_is_kept_of_a_mailbox_is_what_counting_gives(history: list[Asked]) -> None:
    for mailbox in played(history).state.mailboxes.values():
        assert mailbox.pending == sum(owed.counted for owed in mailbox.owed.values())
        assert mailbox.numbers == Map({owed.envelope_id: number for number, owed in mailbox.owed.items()})
        assert mailbox.settled == min(mailbox.owed, default=mailbox.next_number) - 1
        assert set(mailbox.waiting) <= set(mailbox.owed)
        assert not set(mailbox.dead) & set(mailbox.owed)


@settings(max_examples=40, deadline=None)
@given(histories)
def test_no_id_is_given_twice(history: list[Asked]) -> None:
    made: list[str] = []
    hub = Hub(LIMITS, remote_agents=True)
    for principal, command, later_ms in history:
        before = hub.state
        hub.step(principal, command, hub.now_ms + later_ms)
        made += [agent_id for agent_id in hub.state.registry.agents if agent_id not in before.registry.agents]
        made += [task_id for task_id in hub.state.tasks.entries if task_id not in before.tasks.entries]
        made += [session_id for session_id in hub.state.sessions.entries if session_id not in before.sessions.entries]
    assert len(set(made)) == len(made)


@settings(max_examples=40, deadline=None)
@given(histories)
def test_in_the_end_all_keys_are_forgotten_and_nothing_is_due(history: list[Asked]) -> None:
    hub = played(history)
    hub.tick_until_rest(hub.now_ms + LONGER_THAN_ANY_SESSION_MS)
    hub.tick_until_rest(hub.now_ms + LIMITS.owed_ms)
    assert (len(hub.state.keys), next_deadline(hub.state)) == (0, None)
    assert all(not mailbox.owed for mailbox in hub.state.mailboxes.values())
    hub.quiet(ADMIN, Tick(), hub.now_ms)
