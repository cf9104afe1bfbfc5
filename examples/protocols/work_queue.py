"""A work queue: anybody puts jobs in, workers take the oldest. Who leaves or is too late loses its job to the next who asks."""

from collections.abc import Mapping

import attrs

from foldhub_core import (
    EV_SESSION_LEFT,
    Adapter,
    AdapterResult,
    Draft,
    Emit,
    FrozenDict,
    Manifest,
    ParticipantBounds,
    ProtocolError,
)

PUT, TAKE, DONE = "job.put", "job.take", "job.done"
MOST_JOBS = 8
JOB_MS = 120_000


@attrs.frozen
class Queue:
    waiting: tuple[str, ...] = ()
    taken: Mapping[str, str] = FrozenDict()
    due: Mapping[str, int] = FrozenDict()


class WorkQueueAdapter(Adapter[Queue]):
    manifest = Manifest("work_queue", participants=ParticipantBounds(1), may_close=("creator",))
    state_type = Queue

    def initial_state(self, session):
        return Queue()

    def validate_send(self, session, state, envelope):
        kind, job = envelope.event_type, envelope.event_data.get("job")
        if kind == PUT:
            if not isinstance(job, str) or not 0 < len(job) <= 100:
                raise ProtocolError("expected a job of 1 to 100 characters", where="event_data.job")
            if len(state.waiting) + len(state.taken) >= MOST_JOBS:
                raise ProtocolError(f"expected at most {MOST_JOBS} jobs at a time")
        elif kind == TAKE:
            if not state.waiting or envelope.sender_id in state.taken:
                raise ProtocolError("expected a job that waits, and a worker without one")
        elif kind != DONE or envelope.sender_id not in state.taken:
            raise ProtocolError("expected a job to be put in, taken, or reported by its worker", where="event_type")

    def fold(self, state, envelope):
        kind, who = envelope.event_type, envelope.sender_id
        if kind == PUT:
            return attrs.evolve(state, waiting=(*state.waiting, envelope.event_data["job"]))
        if kind == TAKE:
            taken = FrozenDict({**state.taken, who: state.waiting[0]})
            return Queue(state.waiting[1:], taken, FrozenDict({**state.due, who: envelope.created_at_ms + JOB_MS}))
        if kind == DONE:
            return self.without(state, who)
        if kind in (EV_SESSION_LEFT, "job.dropped"):
            left = envelope.event_data["agent_id"]
            back = (state.taken[left],) if left in state.taken else ()
            return attrs.evolve(self.without(state, left), waiting=(*back, *state.waiting))
        return state

    def without(self, state, who):
        kept = [FrozenDict({one: value for one, value in of.items() if one != who}) for of in (state.taken, state.due)]
        return Queue(state.waiting, *kept)

    def next_deadline(self, session, state):
        return min(state.due.values(), default=None)

    def on_deadline(self, session, state, now_ms):
        late = [who for who in sorted(state.due) if state.due[who] <= now_ms]
        return AdapterResult(emit=tuple(Emit("job.dropped", {"agent_id": who}) for who in late))


EVENTS = [Draft(PUT, {"job": "sweep"}), Draft(PUT, {"job": "wash"}), Draft(TAKE), Draft(DONE)]
