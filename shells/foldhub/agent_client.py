"""An agent's client: one agent's grip on the network, on a connection that others may share."""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, cast

import trio

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_EXPIRED,
    EV_SESSION_OPENED,
    EV_TEXT,
    Ack,
    AnswerInvite,
    Attach,
    CloseSession,
    Command,
    Delivery,
    Envelope,
    Expectation,
    FindAgentId,
    FindEnvelope,
    Nack,
    NetworkError,
    NotFoundError,
    OpenSession,
    Passport,
    PendingTurn,
    PendingTurns,
    Post,
    ProtocolError,
    ReadSession,
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
from .client_task import TaskOwner
from .link import Duplex
from .session_handle import SessionHandle
from .turning import Handler, Turning, current
from .waiting import KEPT_SESSIONS, Predicate, Waiting

if TYPE_CHECKING:
    from .client import HubClient

TURNS = 8
"""So many turns of one agent run at the same time, where nothing else is said."""

log = logging.getLogger("foldhub.client")


class AgentClient(TaskOwner):
    """What one agent does in the network. `HubClient.register` and `HubClient.attach` give one.

    Invitations are accepted, and turns taken by the agent, without anybody's doing; `on_envelope` puts something else in the
    place of the turns. Whatever comes can be waited for too, beside that.

    Agents are named by id or by name. Whatever waits for something, and every question, is a checkpoint; so is a command, but for
    a hub in memory, where only one in several is. Every coroutine raises the hub's refusal, an error of the NetworkError family,
    and `trio.ClosedResourceError` once the client is closed; cancelled, what was asked for may have happened or not, and where it
    has an `idempotency_key`, asked again it is the same request.
    """

    kept_sessions: ClassVar[int] = KEPT_SESSIONS

    answers_invites = True
    """Whether invitations are answered as `declines` says; else they come to the handler like any word."""

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
    ) -> None:
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
        self.waiting = Waiting(self.agent_id, self._read, taken=self.taken, kept=self.kept_sessions)
        self._nursery = nursery
        self._turning = Turning(self, nursery, turns)
        self.running = self._turning.tasks
        self._heard: dict[int, bool] = {}
        """The deliveries that came and were not acked, and whether they are being worked off: else they come again."""
        self._closed = False

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
        return await self._opened(session)

    async def _opened(self, session: Session) -> SessionHandle:
        session_id = session.session_id
        try:
            word = await self.waiting.first(session_id, _is_begun_or_over, take=False)
        except trio.Cancelled:
            self._nursery.start_soon(self._give_up, session_id)
            raise
        if word.event_type != EV_SESSION_OPENED:
            await self.waiting.first(session_id, _is_begun_or_over)
            reason = str(word.event_data.get("reason", word.event_type))
            raise ProtocolError(f"expected the invited to accept, came {reason}", where="open")
        return SessionHandle(self, session_id, changed(session, state=SessionState.ACTIVE, pending_acks=()))

    async def _give_up(self, session_id: str) -> None:
        try:
            await self.ask(CloseSession(session_id=session_id, agent_id=self.agent_id, reason="opening_cancelled"))
        except (NetworkError, trio.ClosedResourceError) as error:
            log.debug("%s: closing %s: %s", self.name, session_id, error)

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

    def deliver(self, delivery: Delivery) -> None:
        """Take in what came on the connection. The client's."""
        assert delivery.number is not None, "what is delivered has a number"
        working = self._heard.get(delivery.number)
        if working:
            return
        self._heard[delivery.number] = True
        if working is None:
            self.waiting.note(delivery.envelope)
        self.work_off(delivery)

    def work_off(self, delivery: Delivery) -> None:
        """Do with a delivery what is to be done beside its being heard. The client's."""
        self._turning.put(delivery)

    def taken(self, word: Envelope) -> None:
        """Somebody has taken a word. The client's."""

    def arrived(self, delivery: Delivery) -> None:
        """Ack a delivery, soon: what `settle` does, without a record for each. The client's."""
        number = delivery.number
        if number is not None:
            self._heard.pop(number, None)
            self.hub_client.settling.ack(self.agent_id, number)

    def settle(self, end: Ack | Nack | None) -> None:
        """End a delivery, soon. The client's."""
        if isinstance(end, Ack):
            for number in end.numbers:
                self._heard.pop(number, None)
        elif isinstance(end, Nack):
            self._heard[end.number] = False
        if end is not None:
            self.hub_client.settling.put(end)

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


def _is_begun_or_over(word: Envelope) -> bool:
    return word.event_type in (EV_SESSION_OPENED, EV_SESSION_CLOSED, EV_SESSION_EXPIRED)
