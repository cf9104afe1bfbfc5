"""A workflow without a hub: what is said and who comes and goes is given to the adapter as a hub gives it, by names."""

from collections.abc import Mapping
from typing import Any

from foldhub_core import (
    EV_CONTEXT_SET,
    EV_PACKET,
    EV_SESSION_HIDDEN,
    EV_SESSION_INVITE,
    EV_SESSION_JOINED,
    EV_SESSION_LEFT,
    EV_SESSION_OPENED,
    EV_SESSION_SHOWN,
    EV_TEXT,
    Envelope,
    Participant,
    ProtocolError,
    Session,
    WorkflowAdapter,
    WorkflowGraph,
    WorkflowState,
    packet,
)
from foldhub_core.data import Data, freeze

NAMES = ("alice", "bob", "carol", "dave")


def id_of(name: str) -> str:
    """The id of who is called so; whoever is not in the driver's list goes by the name."""
    return f"a{NAMES.index(name) + 1}" if name in NAMES else name


def name_of(agent_id: str | None) -> str | None:
    return next((name for name in NAMES if id_of(name) == agent_id), agent_id)


class Flow:
    """A session under a workflow; `graph` may be data, which the adapter refuses or not."""

    def __init__(
        self,
        graph: WorkflowGraph | Mapping[str, object],
        *names: str,
        adapter: WorkflowAdapter | None = None,
        present: tuple[str, ...] | None = None,
        context: Mapping[str, object] | None = None,
    ) -> None:
        self.adapter = adapter or WorkflowAdapter()
        names = names or ("alice", "bob", "carol")
        data = graph.to_json() if isinstance(graph, WorkflowGraph) else graph
        knobs = freeze({"graph": data} | ({} if context is None else {"context_vars": context}))
        places = tuple([Participant(id_of(name), order=at, name=name) for at, name in enumerate(names)])
        self.session = Session("s", self.adapter.manifest, id_of(names[0]), places, knobs=knobs)
        self.adapter.validate_create(self.session)
        self.state: WorkflowState = self.adapter.initial_state(self.session)
        self.count = 0
        there = names if present is None else present
        self.take("hub", EV_SESSION_OPENED, {"participants": tuple([id_of(name) for name in there])})

    # --- what is said

    def word(self, sender: str, event_type: str, data: Mapping[str, Any]) -> Envelope:
        self.count += 1
        at_ms = self.count * 10
        return Envelope("s", id_of(sender), event_type, freeze(data), envelope_id=f"e{self.count}", created_at_ms=at_ms)

    def take(self, sender: str, event_type: str, data: Mapping[str, Any]) -> None:
        self.state = self.adapter.fold(self.state, self.word(sender, event_type, data))

    def post(self, sender: str, event_type: str, data: Mapping[str, Any]) -> None:
        """Post as a participant; raises the refusal."""
        word = self.word(sender, event_type, data)
        self.adapter.validate_send(self.session, self.state, word)
        self.state = self.adapter.fold(self.state, word)

    def says(self, *senders: str) -> "Flow":
        for sender in senders:
            self.post(sender, EV_TEXT, {"text": "hi"})
        return self

    def sends(self, sender: str, body: str = "hi", **fields: Any) -> "Flow":
        self.post(sender, EV_PACKET, packet(body, **fields))
        return self

    def sets(self, sender: str, **variables: Any) -> "Flow":
        self.post(sender, EV_CONTEXT_SET, {"set": variables})
        return self

    def refusal(self, sender: str, event_type: str, data: Mapping[str, Any]) -> tuple[str, str]:
        """Where a word is refused, and what the refusal says."""
        try:
            self.adapter.validate_send(self.session, self.state, self.word(sender, event_type, data))
        except ProtocolError as refused:
            return refused.where, refused.message
        raise AssertionError("it was allowed")

    # --- who comes and goes

    def hides(self, *names: str) -> "Flow":
        return self._moved(EV_SESSION_HIDDEN, names)

    def shows(self, *names: str) -> "Flow":
        return self._moved(EV_SESSION_SHOWN, names)

    def leaves(self, *names: str) -> "Flow":
        return self._moved(EV_SESSION_LEFT, names)

    def joins(self, *names: str) -> "Flow":
        return self._moved(EV_SESSION_JOINED, names)

    def invites(self, *names: str) -> "Flow":
        ids = tuple([id_of(name) for name in names])
        self.take("alice", EV_SESSION_INVITE, {"participants": ids, "names": names, "type": "workflow", "version": 1})
        return self

    def _moved(self, event_type: str, names: tuple[str, ...]) -> "Flow":
        for name in names:
            self.take("hub", event_type, {"agent_id": id_of(name)})
        return self

    # --- what came of it

    @property
    def owing(self) -> list[str | None]:
        """Who owes a turn."""
        return [name_of(turn.agent_id) for turn in self.adapter.expected_next(self.session, self.state)]

    @property
    def trigger(self) -> tuple[str | None, int | None]:
        """By which word a turn is owed, and since when."""
        (turn, *others) = self.adapter.expected_next(self.session, self.state)
        assert all(
            (other.triggering_envelope_id, other.expected_since_ms) == (turn.triggering_envelope_id, turn.expected_since_ms)
            for other in others
        )
        return turn.triggering_envelope_id, turn.expected_since_ms

    @property
    def last(self) -> str | None:
        return name_of(self.state.last_speaker_id)

    @property
    def ending(self) -> str | None:
        """Why the session closes now; None while it goes on."""
        result = self.adapter.on_accepted(self.session, self.state, self.word("hub", "any", Data()))
        return result.auto_close_reason if result.next_state == "closed" else None
