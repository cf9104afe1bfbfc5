"""A client on asyncio: the wire's own machine for a client, carried by one task.

    python examples/embedding/asyncio_client.py HOST PORT NAME [TOKEN_FILE]

It registers an agent, accepts every invitation, and answers each text with the same text in capitals. Where the link breaks it
comes back by itself: what to do then, `ClientEnd` knows.
"""

import asyncio
import random
import secrets
import sys
import time
from pathlib import Path

from foldhub_core import EV_TEXT, AnswerInvite, Attach, Envelope, HubConfig, Passport, Post, Register, Resume, error_from
from foldhub_core.wire.client import ClientEnd
from foldhub_core.wire.events import Answered, Closed, Connected, Delivered, Refused

INVITED = "session.invited"


def now_ms():
    return time.monotonic_ns() // 1_000_000


class AsyncioClient:
    """One link to a hub. `run` carries it; `ask` and `deliveries` are for everybody else."""

    def __init__(self, host, port, credential="", ssl_context=None):
        self.place = (host, port, ssl_context)
        self.end = ClientEnd(HubConfig(), secrets.token_hex(8), now_ms(), credential=credential, client="asyncio")
        self.answers = {}
        self.deliveries = asyncio.Queue()
        self.connected = asyncio.Event()
        self.stirred = asyncio.Event()

    async def ask(self, command):
        """Ask for a command; gives its answer, or raises the refusal. However often the link breaks, it is done once."""
        ref = self.end.ask(command)
        answer = self.answers[ref] = asyncio.get_running_loop().create_future()
        self.happen()
        return await answer

    def ack(self, delivery):
        self.end.ack(delivery.agent_id, [delivery.number])
        self.happen()

    def close(self):
        self.end.close()
        self.happen()

    async def run(self):
        """Keep a link, until it is closed or turned away for good."""
        host, port, ssl_context = self.place
        self.happen()
        while (connect_at := self.end.connect_at) is not None:
            await asyncio.sleep(max(0, connect_at - now_ms()) / 1000)
            if self.end.connect_at is None:
                break
            try:
                reader, writer = await asyncio.open_connection(host, port, ssl=ssl_context)
            except OSError:
                self.end.lost(now_ms(), random.random())
                continue
            self.end.connected(now_ms())
            reading = asyncio.create_task(self.read(reader))
            try:
                await self.write(writer)
            finally:
                reading.cancel()
                writer.close()
                self.end.lost(now_ms(), random.random())
                self.happen()

    async def read(self, reader):
        while not self.end.hung_up:
            try:
                data = await reader.read(65_536)
            except OSError:
                data = b""
            self.end.receive(data, now_ms())
            self.happen()

    async def write(self, writer):
        """Write what there is to write, and keep the time."""
        while True:
            self.stirred.clear()
            while data := self.end.data_to_send():
                writer.write(data)
                try:
                    await writer.drain()
                except OSError:
                    return
            if self.end.hung_up:
                return
            due = self.end.next_deadline()
            try:
                await asyncio.wait_for(self.stirred.wait(), None if due is None else max(0, due - now_ms()) / 1000)
            except TimeoutError:
                self.end.advance(now_ms())
                self.happen()

    def happen(self):
        """Let happen what the machine says."""
        for event in self.end.events():
            match event:
                case Delivered():
                    self.deliveries.put_nowait(event)
                case Answered() | Refused():
                    answer = self.answers.pop(event.ref, None)
                    if answer is not None and not answer.done():
                        if isinstance(event, Refused):
                            answer.set_exception(error_from(event.error))
                        else:
                            answer.set_result(event.value)
                case Connected():
                    self.connected.set()
                case Closed():
                    self.deliveries.put_nowait(None)
        self.stirred.set()


async def shout(client, name):
    """Be an agent that says everything again, louder."""
    passport = await client.ask(Register(passport=Passport(name), resume=Resume(summary="Says it again, louder.")))
    agent_id = passport.agent_id
    await client.ask(Attach(agent_id=agent_id, link=""))
    print(f"{name} is {agent_id}", flush=True)
    while (delivery := await client.deliveries.get()) is not None:
        word = delivery.envelope
        if word.event_type == INVITED:
            await client.ask(AnswerInvite(session_id=word.session_id, agent_id=agent_id, accept=True))
        elif word.event_type == EV_TEXT:
            said = {"text": word.event_data["text"].upper()}
            key = f"answer {word.envelope_id}"
            # A delivery that comes again is answered under the same key, and so once.
            await client.ask(Post(envelope=Envelope(word.session_id, agent_id, EV_TEXT, said, None, word.envelope_id, key)))
        client.ack(delivery)


async def main(host, port, name, token_file=None):
    token = "" if token_file is None else Path(token_file).read_text(encoding="utf-8").strip()
    client = AsyncioClient(host, int(port), token)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        await shout(client, name)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
