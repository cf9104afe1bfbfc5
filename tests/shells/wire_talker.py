"""A process with one agent, on a link to a hub that is killed again and again.

    python -m tests.shells.wire_talker PORT NAME OTHER

It posts numbers to OTHER until its standard input ends, and says on standard output `said N` when a post has returned and
`handled N` when a delivery has reached it; `done` when it posts no more. It goes on handling until it is killed.
"""

import sys
from typing import cast

import trio

from foldhub.tcp import TcpConnection, TcpLink
from foldhub_core import (
    EV_TEXT,
    Ack,
    AnswerInvite,
    Attach,
    Delivery,
    Envelope,
    Inbox,
    OpenSession,
    Passport,
    Post,
    Register,
    Resume,
    Rule,
    RuleLimits,
    Session,
    changed,
)
from foldhub_core.questions import FindAgentId
from foldhub_core.wire.limits import DEFAULT

QUICK = changed(DEFAULT, pause_ms=20, longest_pause_ms=100)
RULE = Rule(limits=RuleLimits(inbox=Inbox(max_pending=0)))


class Talker:
    """One agent."""

    def __init__(self, connection: TcpConnection, agent_id: str) -> None:
        self.connection = connection
        self.agent_id = agent_id
        self.session_id = ""
        self.opened = trio.Event()

    async def handle(self) -> None:
        """Take what comes, and ack it after it was handled."""
        while True:
            for one in await self.connection.receive_many():
                if not isinstance(one, Delivery) or one.number is None:
                    return
                word = one.envelope
                if word.event_type == EV_TEXT:
                    tell(f"handled {word.event_data['text']}")
                elif word.event_type == "session.invited":
                    await self.connection.ask(AnswerInvite(session_id=word.session_id, agent_id=self.agent_id, accept=True))
                elif word.event_type == "session.opened":
                    self.session_id = word.session_id
                    self.opened.set()
                await self.connection.ask(Ack(agent_id=self.agent_id, numbers=(one.number,)))

    async def post(self, ended: trio.Event) -> None:
        """Post numbers until it is enough."""
        await self.opened.wait()
        number = 0
        while not ended.is_set():
            envelope = Envelope(self.session_id, self.agent_id, EV_TEXT, {"text": str(number)})
            await self.connection.ask(Post(envelope=envelope))
            tell(f"said {number}")
            number += 1
        tell("done")


async def live(port: int, name: str, other: str) -> None:
    """Talk until killed."""
    async with TcpLink("127.0.0.1", port, limits=QUICK).connect() as connection, trio.open_nursery() as nursery:
        passport = cast(Passport, await connection.ask(Register(passport=Passport(name), resume=Resume(), rule=RULE)))
        assert passport.agent_id is not None
        await connection.ask(Attach(agent_id=passport.agent_id, link=""))
        talker = Talker(connection, passport.agent_id)
        nursery.start_soon(talker.handle)
        ended = trio.Event()
        nursery.start_soon(talker.post, ended)
        if name < other:
            while (other_id := await connection.question(FindAgentId(name=other))) is None:
                await trio.sleep(0.02)
            command = OpenSession(creator_id=talker.agent_id, type="conversation", participants=(cast(str, other_id),), ttl=0)
            cast(Session, await connection.ask(command))
        await trio.to_thread.run_sync(sys.stdin.read)
        ended.set()


def tell(line: str) -> None:
    """Write a line that outlives the process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    trio.run(live, int(sys.argv[1]), sys.argv[2], sys.argv[3])
