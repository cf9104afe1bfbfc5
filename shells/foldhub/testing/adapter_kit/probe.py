"""The adapter as a hub of the kit has it: every call goes through and is watched."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from foldhub_core import (
    Adapter,
    AdapterResult,
    Draft,
    Envelope,
    ExpectedTurn,
    Round,
    Session,
    ToolOffer,
    View,
)
from foldhub_core.config import AnyAdapter

from .call import Call, watched_call
from .writing import read_state


class Probe(Adapter[Any]):
    """Stands before an adapter and keeps the calls that were made. Any, all over: what comes is checked by the laws."""

    def __init__(self, adapter: AnyAdapter) -> None:
        self.adapter = adapter
        self.manifest = adapter.manifest
        self.state_type = adapter.state_type  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
        self.calls: list[Call] = []
        # A state is read again and again as a session goes on; it is frozen, or a law says so.
        self._read = lru_cache(maxsize=512)(partial(read_state, adapter))

    def taken(self) -> tuple[Call, ...]:
        """Give the calls since the last time."""
        calls = tuple(self.calls)
        self.calls.clear()
        return calls

    def _ask(self, method: str, *args: Any) -> Any:
        call = watched_call(self.adapter, method, args, self._read)
        self.calls.append(call)
        if call.error is not None:
            raise call.error
        return call.result

    def initial_state(self, session: Session) -> Any:
        return self._ask("initial_state", session)

    def validate_create(self, session: Session) -> None:
        self._ask("validate_create", session)

    def validate_send(self, session: Session, state: Any, envelope: Envelope) -> None:
        self._ask("validate_send", session, state, envelope)

    def fold(self, state: Any, envelope: Envelope) -> Any:
        return self._ask("fold", state, envelope)

    def on_accepted(self, session: Session, state: Any, envelope: Envelope) -> AdapterResult:
        result: AdapterResult = self._ask("on_accepted", session, state, envelope)
        return result

    def expected_next(self, session: Session, state: Any) -> tuple[ExpectedTurn, ...]:
        result: tuple[ExpectedTurn, ...] = self._ask("expected_next", session, state)
        return result

    def next_deadline(self, session: Session, state: Any) -> int | None:
        result: int | None = self._ask("next_deadline", session, state)
        return result

    def on_deadline(self, session: Session, state: Any, now_ms: int) -> AdapterResult:
        result: AdapterResult = self._ask("on_deadline", session, state, now_ms)
        return result

    def read_state(self, data: Mapping[str, object]) -> Any:
        return self.adapter.read_state(data)

    # The face is a client's to ask, and no hub's: it is passed on as it is.

    def default_view(self, session: Session) -> View:
        return self.adapter.default_view(session)

    def render(self, envelope: Envelope) -> tuple[str, ...]:
        return self.adapter.render(envelope)

    def turn_input(self, envelope: Envelope) -> tuple[str, ...] | None:
        return self.adapter.turn_input(envelope)

    def round_envelope(self, session: Session, state: Any, round: Round) -> Draft | None:
        return self.adapter.round_envelope(session, state, round)

    def tools(self, session: Session, state: Any, agent_id: str) -> tuple[ToolOffer, ...]:
        return self.adapter.tools(session, state, agent_id)
