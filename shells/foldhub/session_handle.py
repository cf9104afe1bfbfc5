"""A session handle: an agent's grip on one session."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from foldhub_core import EV_TEXT, CloseSession, Envelope, Invite, Leave, RemoveParticipant, Session, SessionOver, SessionState

if TYPE_CHECKING:
    from .agent_client import AgentClient


class SessionHandle:
    """What one agent does in one session. `AgentClient.open` gives one, and `AgentClient.session` for any that it is in.

    `async for envelope in handle` gives word after word of what was said to the agent, until the session has ended; what
    somebody else has taken, by `wait_for_session_event`, say, does not come again. Whoever does not take what comes for so long
    that it cannot all be held misses the oldest, and `missed` tells how many; `HubClient.read_wal` has them. Agents are named by
    id or by name.

    Every method raises the hub's refusal, an error of the NetworkError family. Cancelled, what was asked for may have happened
    or not. Hearing and asking are checkpoints; for the rest see `AgentClient`.
    """

    def __init__(self, agent: "AgentClient", session_id: str, session: Session | None = None) -> None:
        self.agent = agent
        """Whose grip it is."""
        self.session_id = session_id
        self.session = session
        """The session as it was when it was last asked for; `info` asks again. None where it never was."""

    def __repr__(self) -> str:
        return f"<session {self.session_id} of {self.agent.name}>"

    @property
    def state(self) -> SessionState | None:
        """Where its life was when it was last asked for."""
        return None if self.session is None else self.session.state

    @property
    def missed(self) -> int:
        """How many words of the session were let go, because nobody here took them for so long, or the log has them no more."""
        return self.agent.waiting.missed(self.session_id)

    # --- saying

    async def send(
        self,
        content: str | None = None,
        *,
        audience: Iterable[str] | None = None,
        causation_id: str | None = None,
        event_type: str = EV_TEXT,
        event_data: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
        depth: int = 0,
        ttl_seconds: int | None = None,
        task_id: str | None = None,
    ) -> Envelope:
        """Say something; gives it as it was said, durable. A text, or whatever `event_data` holds under an `event_type`.

        `audience` None is every other participant. What is said in the agent's own turn answers the word that began it, where
        no `causation_id` says otherwise. With an `idempotency_key` it can be asked again after a cancellation, and is said once.
        """
        data: dict[str, object] = {} if event_data is None else dict(event_data)
        if content is not None:
            data["text"] = content
        return await self.agent.post_envelope(
            Envelope(
                self.session_id,
                self.agent.agent_id,
                event_type,
                data,
                None if audience is None else await self.agent.ids_of(audience),
                causation_id,
                idempotency_key,
                task_id=task_id,
                ttl_seconds=ttl_seconds,
                depth=depth,
            )
        )

    # --- who takes part, and for how long

    async def info(self) -> Session:
        """Ask how the session is now. Raises `SessionOver` once it has ended."""
        self.session = await self.agent.hub_client.get_session(self.session_id)
        return self.session

    async def invite(self, *agents: str) -> None:
        """Invite further agents: the creator's. Who accepts is told by the session's words."""
        participants = await self.agent.ids_of(agents)
        await self.agent.ask(Invite(session_id=self.session_id, agent_id=self.agent.agent_id, participants=participants))

    async def remove(self, agent: str, reason: str = "") -> None:
        """Put a participant out: the creator's."""
        (participant_id,) = await self.agent.ids_of([agent])
        whom = {"agent_id": self.agent.agent_id, "participant_id": participant_id}
        await self.agent.ask(RemoveParticipant(session_id=self.session_id, reason=reason, **whom))

    async def leave(self, reason: str = "") -> None:
        """Leave the session: nothing more of it comes."""
        await self.agent.ask(Leave(session_id=self.session_id, agent_id=self.agent.agent_id, reason=reason))
        self.agent.waiting.end(self.session_id)

    async def close(self, reason: str = "explicit_close") -> None:
        """End the session: its creator's, and a participant's where the protocol lets them. Ended already, it changes nothing."""
        await self.agent.ask(CloseSession(session_id=self.session_id, agent_id=self.agent.agent_id, reason=reason))

    # --- hearing

    def __aiter__(self) -> "SessionHandle":
        return self

    async def __anext__(self) -> Envelope:
        """The next word; raises what `wait_for_session_event` does, but for the session's end."""
        try:
            return await self.agent.take(self.session_id)
        except SessionOver:
            raise StopAsyncIteration from None
