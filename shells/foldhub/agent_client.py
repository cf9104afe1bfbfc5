"""An agent's client: one agent's grip on the network, on a connection that others may share."""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Self, cast

import trio

from foldhub_core import (
    EV_TEXT,
    AnswerInvite,
    Attach,
    Command,
    Delivery,
    Envelope,
    Expectation,
    FindAgentId,
    FindEnvelope,
    NotFoundError,
    OpenSession,
    Passport,
    PendingTurn,
    PendingTurns,
    Post,
    ReadSession,
    Register,
    Resume,
    Rule,
    Session,
    SessionState,
    SetResume,
    SetRule,
    SetSkill,
    Skill,
    Unregister,
    View,
    changed,
)
from foldhub_core.ids import looks_like_id
from foldhub_core.rule import Duration
from foldhub_core.turn import Declines

from .agents.agent import Agent
from .hearing import Hearing
from .link import Duplex
from .opening import begun
from .session_handle import SessionHandle
from .turning import Handler, Turning, current
from .waiting import KEPT_SESSIONS, Predicate, Waiting

if TYPE_CHECKING:
    from .client import HubClient

TURNS = 8
"""So many turns of one agent run at the same time, where nothing else is said."""

log = logging.getLogger("foldhub.client")


class AgentClient(Hearing):
    """What one agent does in the network. `register` gives one, and so do `HubClient.register` and `HubClient.attach`.

    Invitations are accepted, and turns taken by the agent, without anybody's doing; `on_envelope` puts something else in the
    place of the turns. Whatever comes can be waited for too, beside that.

    Agents are named by id or by name. Whatever waits for something, and every question, is a checkpoint; so is a command, but for
    a hub in memory, where only one in several is. Every coroutine raises the hub's refusal, an error of the NetworkError family,
    and `trio.ClosedResourceError` once the client is closed; cancelled, what was asked for may have happened or not, and where it
    has an `idempotency_key`, asked again it is the same request.
    """

    kept_sessions: ClassVar[int] = KEPT_SESSIONS

    def __init__(
        self,
        hub_client: "HubClient",
        agent: Agent,
        passport: Passport,
        *,
        resume: Resume,
        rule: Rule,
        nursery: trio.Nursery,
        turns: int = TURNS,
        declines: Declines | None = None,
        view: View | None = None,
        answers_invites: bool = True,
    ) -> None:
        super().__init__()
        assert passport.agent_id is not None, "the hub stamped it"
        self.hub_client = hub_client
        self.agent = agent
        self.passport = passport
        """As the hub stamped it."""
        self.resume = resume
        """What it claims, as it was told last; what the hub observed, `HubClient.get_resume` tells."""
        self.rule = rule
        self.agent_id = passport.agent_id
        self.declines = declines
        """Why it declines an invitation; None accepts all."""
        self.view = view
        """What it is shown of a session; None is what the protocol shows."""
        self.answers_invites = answers_invites
        """Whether invitations are answered as `declines` says; else they come to the handler like any word."""
        self.waiting = Waiting(self.agent_id, self._read, taken=self.taken, let_go=self.let_go, kept=self.kept_sessions)
        self._nursery = nursery
        self._turning = Turning(self, nursery, turns)
        self.running = self._turning.tasks
        self._closed = False

    @classmethod
    async def register(
        cls,
        hub_client: "HubClient",
        agent: Agent,
        passport: Passport,
        resume: Resume,
        *,
        skill_md: str | None = None,
        rule: Rule | None = None,
        idempotency_key: str | None = None,
        turns: int = TURNS,
        declines: Declines | None = None,
        view: View | None = None,
        answers_invites: bool = True,
    ) -> Self:
        """Register an agent and attach it on a connection: its deliveries come there, and it takes its turns.

        A name that the client's subject has registered before is attached again, with whatever is owed to it, so that a program
        can be run twice on one hub: what the hub holds of it stays as it is. At most `turns` of its turns run at the same time.
        Asked of a class that is derived from this one, it gives one of those.

        Raises `ProtocolError` where the name is another's. Cancelled, it may be registered and not attached: register it again.
        """
        made = Register(
            passport=passport,
            resume=resume,
            rule=Rule() if rule is None else rule,
            skill_md=skill_md,
            idempotency_key=idempotency_key,
        )
        manner = {"turns": turns, "declines": declines, "view": view, "answers_invites": answers_invites}
        return await hub_client.registered(cls, agent, made, **manner)

    def __repr__(self) -> str:
        return f"<agent {self.name} {self.agent_id}>"

    @property
    def name(self) -> str:
        """Its name."""
        return self.passport.name

    @property
    def duplex(self) -> Duplex:
        """The connection it is on."""
        return self.hub_client.duplex

    async def ask(self, command: Command) -> object:
        """Ask the hub for anything that the agent may ask; gives the value of the answer."""
        if self._closed:
            raise trio.ClosedResourceError(f"{self!r} is closed")
        return await self.hub_client.ask(command)

    # --- sessions

    async def open(
        self,
        *,
        type: str,
        target: str | Iterable[str],
        version: int = 1,
        ttl: Duration | None = None,
        knobs: Mapping[str, object] | None = None,
        intent: str = "",
        labels: Mapping[str, str] | None = None,
        required_acks: int | None = None,
        expectations: tuple[Expectation, ...] = (),
        parent_session_id: str | None = None,
        idempotency_key: str | None = None,
        takes_turns: bool = True,
    ) -> SessionHandle:
        """Open a session with one agent or several, and wait until it is active: until enough of them have accepted.

        With `takes_turns=False` the agent takes no turns in it: whoever opened it waits for its words.

        Raises `ProtocolError` where the session ends before it began, because they declined or were silent for too long.
        Cancelled while it waits, the session is closed; cancelled before, it may be pending until its invitations expire.
        """
        participants = await self.ids_of([target] if isinstance(target, str) else target)
        command = OpenSession(
            creator_id=self.agent_id,
            type=type,
            version=version,
            participants=participants,
            knobs={} if knobs is None else knobs,
            labels={} if labels is None else labels,
            intent=intent,
            ttl=ttl,
            parent_session_id=parent_session_id,
            required_acks=required_acks,
            expectations=expectations,
            idempotency_key=idempotency_key,
        )
        session = cast(Session, await self.ask(command))
        if not takes_turns:
            self._turning.by_hand.add(session.session_id)
        if session.state is not SessionState.PENDING:
            return SessionHandle(self, session.session_id, session)
        return SessionHandle(self, session.session_id, await begun(self, session, self._nursery))

    def session(self, session: str | Session) -> SessionHandle:
        """The agent's grip on a session, given by its id or as it was asked for. Asks nobody whether it is there."""
        if isinstance(session, Session):
            return SessionHandle(self, session.session_id, session)
        return SessionHandle(self, session)

    async def answer_invite(self, session_id: str, accept: bool = True, reason: str = "") -> None:
        """Accept an invitation, or decline it."""
        await self.ask(AnswerInvite(session_id=session_id, agent_id=self.agent_id, accept=accept, reason=reason))

    async def send(self, session_id: str, content: str, *, audience: Iterable[str] | None = None) -> Envelope:
        """Say a text in a session; `SessionHandle.send` says anything."""
        return await SessionHandle(self, session_id).send(content, audience=audience, event_type=EV_TEXT)

    async def post_envelope(self, envelope: Envelope) -> Envelope:
        """Say an envelope; gives it as it was said. The agent is its sender where it names none.

        What is said in the agent's own turn, or in its handler, answers the word it is about, where the envelope names no cause.
        """
        doing = current.get()
        if envelope.causation_id is None and doing is not None and doing.agent_id == self.agent_id:
            envelope = changed(envelope, causation_id=doing.cause.envelope_id)
        if not envelope.sender_id:
            envelope = changed(envelope, sender_id=self.agent_id)
        return cast(Envelope, await self.ask(Post(envelope=envelope)))

    # --- what comes

    async def wait_for_session_event(
        self, session_id: str, predicate: Predicate | None = None, timeout: float | None = 300.0
    ) -> Envelope:
        """Take the first word of a session that fits, as soon as it is there; all others stay for whoever waits for them.

        Raises `SessionOver` where the session has ended and nothing that is left fits, `trio.TooSlowError` after `timeout`
        seconds (None waits for ever), `trio.BrokenResourceError` where the connection was lost or another one has taken its
        place, and what the predicate raises. Cancelled, it has taken nothing.
        """
        with trio.fail_after(float("inf") if timeout is None else timeout):
            return await self.take(session_id, predicate)

    async def take(self, session_id: str, predicate: Predicate | None = None) -> Envelope:
        """`wait_for_session_event` without a timeout."""
        return await self.waiting.first(session_id, predicate)

    def on_envelope(self, handler: Handler | None) -> None:
        """Have this done with every word, in the place of turns; None goes back to them.

        It may be asynchronous: of one session it runs for one word after the other, of different ones at the same time. A word
        is acked when it has returned, and comes again after a pause where it raised. Invitations are answered as before.
        """
        self._turning.handler = handler

    async def resume_pending_turns(self) -> int:
        """Take the turns that the agent owes and is not taking: those of deliveries that were given up, or acked by its owner.

        Gives how many there are. They are taken beside whatever else; a turn whose word is not known is passed over.
        """
        begun = 0
        turns = cast("tuple[PendingTurn, ...]", await self.duplex.question(PendingTurns(agent_id=self.agent_id)))
        for turn in turns:
            cause = turn.triggering_envelope_id
            if cause is None or self._turning.holds(turn.session_id, cause):
                continue
            word = await self.duplex.question(FindEnvelope(session_id=turn.session_id, envelope_id=cause))
            if isinstance(word, Envelope):
                self._turning.put(Delivery(self.agent_id, word))
                begun += 1
        return begun

    # --- what the agent says of itself

    async def set_resume(self, resume: Resume) -> Resume:
        """Replace what the agent claims; gives it with its version, and with what the hub observed."""
        self.resume = cast(Resume, await self.ask(SetResume(agent_id=self.agent_id, resume=resume)))
        return self.resume

    async def set_skill(self, skill_md: str | None) -> Skill | None:
        """Replace the agent's SKILL.md; None takes it away."""
        return cast("Skill | None", await self.ask(SetSkill(agent_id=self.agent_id, skill_md=skill_md)))

    async def set_rule(self, rule: Rule) -> Rule:
        """Replace the agent's rule."""
        self.rule = cast(Rule, await self.ask(SetRule(agent_id=self.agent_id, rule=rule)))
        return self.rule

    # --- beginning and end

    async def attach(self) -> None:
        """Have what is owed to the agent come on this connection, again where it did before.

        For an agent that was evicted by another connection, and takes its place again.
        """
        await self.ask(Attach(agent_id=self.agent_id, link=""))

    async def unregister(self) -> None:
        """End the agent in the hub, and close its client. Its sessions go on without it, or end, as their protocols say."""
        await self.ask(Unregister(agent_id=self.agent_id))
        await self.aclose(grace=0)

    async def aclose(self, *, grace: float = 5.0) -> None:
        """Close the client; the agent stays registered, and what it has not acked is owed to it.

        What is being done has `grace` seconds to end; then, or where this is cancelled, it is cancelled. Closing twice is
        closing once.
        """
        self._turning.stop()
        try:
            with trio.move_on_after(grace):
                await self._turning.idle()
        finally:
            self.lose(trio.ClosedResourceError(f"{self!r} is closed"))
            self.hub_client.forget(self)
            self._closed = True

    close = aclose

    def lose(self, reason: Exception) -> None:
        """Nothing comes any more on this connection: stop all that is being done. The client's."""
        self.waiting.close(reason)
        self._turning.cancel()

    def stop(self) -> None:
        """Begin nothing new. The client's."""
        self._turning.stop()

    async def idle(self) -> None:
        """Wait until nothing is being done. The client's."""
        await self._turning.idle()

    # --- names

    async def ids_of(self, agents: Iterable[str]) -> tuple[str, ...]:
        """The ids of agents, who are given by id or by name. Raises `NotFoundError` for a name that nobody has."""
        ids: list[str] = []
        for agent in agents:
            found = agent if looks_like_id(agent) else await self.duplex.question(FindAgentId(name=agent))
            if not isinstance(found, str):
                raise NotFoundError(f"expected the name or id of a registered agent, came {agent!a}")
            ids.append(found)
        return tuple(ids)

    async def _read(self, session_id: str, since: int, until: int) -> Iterable[Envelope]:
        question = ReadSession(session_id=session_id, since=since - 1, until=until)
        return cast("Iterable[Envelope]", await self.duplex.question(question))
