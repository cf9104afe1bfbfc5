"""Agents that talk in pairs over links that break, count what was acknowledged and tick off what was heard."""

import contextlib
import ssl
from random import Random
from typing import cast

import trio

from foldhub.link import Evicted, LinkClosed
from foldhub.tcp import TcpConnection
from foldhub_core import (
    EV_TEXT,
    Ack,
    AnswerInvite,
    Attach,
    CloseSession,
    Delivery,
    Envelope,
    Inbox,
    NetworkError,
    OpenSession,
    Passport,
    Post,
    Register,
    Resume,
    Rule,
    RuleLimits,
    SessionOver,
    Unavailable,
)
from foldhub_core.questions import FindAgentId

from .fragile import FragileLink

RULE = Rule(limits=RuleLimits(inbox=Inbox(max_pending=0)))
TALK = 150
"""Posts in a session."""


class Talker:
    """One agent, over many connections."""

    def __init__(self, name: str, port: int, context: ssl.SSLContext | None, secret: str, dice: Random) -> None:
        self.name = name
        self.agent_id = ""
        self.link = FragileLink(port, context, secret, dice)
        self.said = 0
        """So many of its texts were acknowledged: each is the number of those before it."""
        self.heard = bytearray()
        """By number how often a text of the other was heard, up to 255."""
        self.session_id = ""
        self.connections = 0
        self.quiet = False
        """Whether it says nothing any more, and hears what is still to come."""
        self._dice = dice

    async def live(self, other: "Talker | None") -> None:
        """Connect for a while, again and again, until cancelled; the one who is given the other opens their sessions."""
        while True:
            try:
                async with self.link.connect() as connection, trio.open_nursery() as nursery:
                    self.connections += 1
                    await self._attach(connection)
                    nursery.start_soon(self._hear, connection)
                    if not self.quiet:
                        nursery.start_soon(self._cut)
                        nursery.start_soon(self._talk, connection, other)
                    await trio.sleep(self._dice.uniform(1, 12) if not self.quiet else 1_000_000)
                    nursery.cancel_scope.cancel()
            except* NetworkError:
                await trio.sleep(0.05)

    async def _attach(self, connection: TcpConnection) -> None:
        if not self.agent_id:
            agent_id = await connection.question(FindAgentId(name=self.name))
            if agent_id is None:
                register = Register(passport=Passport(self.name), resume=Resume(), rule=RULE)
                agent_id = cast(Passport, await connection.ask(register)).agent_id
            self.agent_id = cast(str, agent_id)
        await connection.ask(Attach(agent_id=self.agent_id, link=""))

    async def _hear(self, connection: TcpConnection) -> None:
        while True:
            for one in await connection.receive_many():
                if isinstance(one, LinkClosed | Evicted):
                    raise Unavailable(f"the link has ended: {one}")
                await self._take(connection, one)

    async def _take(self, connection: TcpConnection, one: Delivery) -> None:
        word = one.envelope
        try:
            if word.event_type == EV_TEXT:
                number = int(str(word.event_data["text"]))
                self.heard.extend(bytes(max(0, number + 1 - len(self.heard))))
                self.heard[number] = min(255, self.heard[number] + 1)
            elif word.event_type == "session.invited":
                await connection.ask(AnswerInvite(session_id=word.session_id, agent_id=self.agent_id, accept=True))
            elif word.event_type == "session.opened":
                self.session_id = word.session_id
        except NetworkError as error:
            if error.code == Unavailable.code:
                raise
        assert one.number is not None, "a hub numbers what it delivers"
        await connection.ask(Ack(agent_id=self.agent_id, numbers=(one.number,)))

    async def _talk(self, connection: TcpConnection, other: "Talker | None") -> None:
        """Say the next number, again and again; a number that was not acknowledged is said again, under its key."""
        while True:
            await trio.sleep(self._dice.uniform(0, 0.06))
            if other is not None and other.agent_id and self.said % TALK == 0:
                await self._open(connection, other.agent_id)
            if not self.session_id:
                continue
            key = f"{self.name} {self.said}"
            word = Envelope(self.session_id, self.agent_id, EV_TEXT, {"text": str(self.said)}, idempotency_key=key)
            try:
                await connection.ask(Post(envelope=word))
            except SessionOver:
                self.session_id = ""
                continue
            except NetworkError as error:
                if error.code == "key_conflict":
                    # It was said in the session before, and the answer was lost with the connection.
                    self.said += 1
                elif error.code == Unavailable.code:
                    raise
                continue
            self.said += 1

    async def _open(self, connection: TcpConnection, other_id: str) -> None:
        """Close the session there is, and open the next."""
        before, self.session_id = self.session_id, ""
        if before:
            with contextlib.suppress(SessionOver):  # it was closed, and the answer was lost
                await connection.ask(CloseSession(session_id=before, agent_id=self.agent_id))
        await connection.ask(OpenSession(creator_id=self.agent_id, type="conversation", participants=(other_id,)))
        with trio.move_on_after(5):
            while not self.session_id:
                await trio.sleep(0.02)

    async def _cut(self) -> None:
        while True:
            await trio.sleep(self._dice.expovariate(1 / 4))
            self.link.cut()
