"""The agenda under any sequence of registrations, ends, restarts and ticks: small, never late, and exact about keys."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from foldhub_core import HubConfig, KeysExpired, Limits, Rearmed, Start, Tick, Unregister, next_deadline
from tests.core.hub_driver import ADMIN, Hub, registration

TICK_ENTRIES = 3
KEY_MS = (40, 100, 250)


def limits(key_ms: int) -> Limits:
    return Limits(key_ms=key_ms, tick_entries=TICK_ENTRIES)


class KeysAndTime(RuleBasedStateMachine):
    """A hub beside a table of when each agent used its key."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub(limits(KEY_MS[1]))
        self.key_ms = KEY_MS[1]
        self.used_at_ms: dict[str, int] = {}
        self.agents: dict[str, str] = {}

    def due(self) -> dict[str, int]:
        """When the key of each agent is truly due."""
        return {agent_id: at_ms + self.key_ms for agent_id, at_ms in self.used_at_ms.items()}

    @rule(number=st.integers(0, 30), keyed=st.booleans())
    def register(self, number: int, keyed: bool) -> None:
        name = f"agent {number}"
        if name not in self.agents:
            key = "k" if keyed else None
            self.agents[name] = self.hub.register(name, now_ms=self.hub.now_ms, idempotency_key=key)
            if keyed:
                self.used_at_ms[self.agents[name]] = self.hub.now_ms

    @rule(count=st.integers(5, 15))
    def register_many(self, count: int) -> None:
        for number in range(count):
            self.register(number, keyed=True)

    @precondition(lambda self: self.agents)
    @rule(data=st.data())
    def unregister(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.agents)))
        agent_id = self.agents.pop(name)
        self.hub.value(ADMIN, Unregister(agent_id=agent_id), self.hub.now_ms)
        self.used_at_ms.pop(agent_id, None)

    @rule(key_ms=st.sampled_from(KEY_MS))
    def restart(self, key_ms: int) -> None:
        self.hub.config = HubConfig(limits=limits(key_ms))
        self.hub.value(ADMIN, Start(), self.hub.now_ms)
        self.key_ms = key_ms

    @rule(later_ms=st.integers(0, 120))
    def tick(self, later_ms: int) -> None:
        now_ms = self.hub.now_ms + later_ms
        come_up = next_deadline(self.hub.state)
        commit = self.hub.step(ADMIN, Tick(), now_ms).commit
        assert (commit is not None) == (come_up is not None and come_up <= now_ms)
        facts = () if commit is None else commit.facts
        assert sum(isinstance(fact, Rearmed) for fact in facts) <= TICK_ENTRIES
        forgotten = [fact.agent_id for fact in facts if isinstance(fact, KeysExpired)]
        due = self.due()
        assert all(due[agent_id] <= now_ms for agent_id in forgotten)
        for agent_id in forgotten:
            del self.used_at_ms[agent_id]

    @rule(later_ms=st.integers(0, 300))
    def tick_until_rest(self, later_ms: int) -> None:
        now_ms = self.hub.now_ms + later_ms
        entries = len(self.hub.state.agenda.by_subject)
        ticks = self.hub.tick_until_rest(now_ms)
        assert ticks <= -(-entries // TICK_ENTRIES), "no entry comes up twice at one time"
        self.hub.quiet(ADMIN, Tick(), now_ms)
        due = self.due()
        self.used_at_ms = {agent_id: at for agent_id, at in self.used_at_ms.items() if due[agent_id] > now_ms}

    @rule()
    def retry_all(self) -> None:
        for name, agent_id in self.agents.items():
            again = registration(name, idempotency_key="k")
            if agent_id in self.used_at_ms:
                assert self.hub.quiet(ADMIN, again, self.hub.now_ms).agent_id == agent_id

    @invariant()
    def keys_are_known_until_they_are_forgotten(self) -> None:
        assert set(self.hub.state.keys) == set(self.used_at_ms)

    @invariant()
    def it_is_never_late(self) -> None:
        deadline = next_deadline(self.hub.state)
        assert not self.used_at_ms or (deadline is not None and deadline <= min(self.due().values()))

    @invariant()
    def every_agent_with_a_key_has_one_entry_and_no_other_has_any(self) -> None:
        agenda = self.hub.state.agenda
        assert sorted(subject_id for _, _, subject_id in agenda.by_time) == sorted(self.used_at_ms)
        assert dict(agenda.by_subject) == {subject_id: due_ms for due_ms, _, subject_id in agenda.by_time}

    def teardown(self) -> None:
        self.hub.tick_until_rest(self.hub.now_ms + max(KEY_MS))
        assert next_deadline(self.hub.state) is None
        assert len(self.hub.state.keys) == 0


KeysAndTime.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestKeysAndTime = KeysAndTime.TestCase
