"""A shell on asyncio: the agents are at the other end of a socket, and the store works in a thread.

    python examples/embedding/asyncio_socket.py FOLDER [--die-before N]

One task drives the engine, and nothing else does: it writes the log and carries out the effects. One task reads the socket,
and only while there is room. While the store appends, the engine steps what comes meanwhile.
"""

import asyncio
import socket

from story import CONFIG, REGISTERED, SHELL, Agents, arguments, is_over, recovered, request_line, request_of

from foldhub_core import (
    Arrival,
    Deliver,
    Engine,
    Envelope,
    Forward,
    ForwardDone,
    ForwardFailed,
    Redeliver,
    Refuse,
    Reply,
    Start,
    decode,
    digest,
    encode,
    owed,
)
from foldhub_stores import FileStore


class Shell:
    def __init__(self, path, notes):
        self.store, self.notes = FileStore(path, "demo"), notes
        self.engine = Engine(CONFIG, recovered(self.store), lazy_ms=0)  # the clock stands still: an ack waits for no other
        self.now_ms = self.engine.state.now_ms
        self.woken, self.room, self.one_call = asyncio.Event(), asyncio.Event(), asyncio.Lock()

    async def run(self):
        near, far = socket.socketpair()
        reader, self.writer = await asyncio.open_connection(sock=near)
        async with asyncio.TaskGroup() as tasks:
            self.tasks = tasks
            await self.ask(Start())  # each run begins with it, and nobody is heard before
            for effect in owed(CONFIG, self.engine.state):
                await self.carry_out(effect)
            for command in REGISTERED:
                await self.ask(command)
            agents = Agents(self.engine.state)
            others = [tasks.create_task(self.read(reader, agents.principal)), tasks.create_task(live(agents, far))]
            while self.engine.appending or not is_over(self.engine.state):
                await self.wait()
                await self.turn()
            for task in others:
                task.cancel()
        self.store.close()

    async def ask(self, command):
        """Put in a command of the shell's own, and see it through."""
        self.engine.take(Arrival(principal=SHELL, command=command, now_ms=self.now_ms))
        await self.turn()
        while self.engine.appending:
            await self.wait()
            await self.turn()

    async def turn(self):
        """Go as far as can be gone, and carry out what was released."""
        append = self.engine.advance(self.now_ms)
        if append is not None:
            self.tasks.create_task(self.append(append))
        for effect in self.engine.effects():
            await self.carry_out(effect)
        if self.engine.room:
            self.room.set()

    async def wait(self):
        """Wait for what comes, or comes due."""
        due_ms = self.engine.next_deadline()
        try:
            async with asyncio.timeout(None if due_ms is None else (due_ms - self.now_ms) / 1000):
                await self.woken.wait()
        except TimeoutError:
            self.now_ms = due_ms
            await self.called(self.store.tend)
        self.woken.clear()

    async def append(self, append):
        """One append at a time: the engine asks for the next one when it knows how this one ended."""
        came = await self.called(self.store.append, append.commits)
        self.engine.ended(came.ending, self.now_ms)
        if self.engine.stopped:
            raise SystemExit(came.reason)
        self.woken.set()

    async def called(self, method, *arguments):
        async with self.one_call:
            return await asyncio.to_thread(method, *arguments)

    async def carry_out(self, effect):
        self.notes.note(effect)
        match effect:
            case Reply(ref="link"):
                await self.send("answer")
            case Refuse(ref="link"):
                await self.send("answer", effect.error.message)
            case Refuse():
                raise SystemExit(effect.error.message)
            case Deliver():
                await self.send_word(effect.agent_id, effect, effect.envelope)
            case Forward():
                await self.send_word(effect.passport.agent_id, effect, effect.envelope)
            case Redeliver():
                await self.send_word(effect.agent_id, effect, await self.called(self.store.envelope, effect.envelope_id))

    async def send_word(self, agent_id, effect, word):
        await self.send("word", agent_id, str(effect.number), str(effect.attempt), encode(word).hex())

    async def send(self, *words):
        self.writer.write((" ".join(words) + "\n").encode())
        await self.writer.drain()

    async def read(self, reader, principal):
        """Put in what comes from the link: requests of the agents, and what came of a forward."""
        while line := (await reader.readline()).decode():
            if line.startswith("outcome"):
                _, agent_id, number, reason = line.strip().split(" ", 3)
                made = {"agent_id": agent_id, "number": int(number)}
                command = ForwardFailed(**made, reason=reason) if reason != "-" else ForwardDone(**made)
                self.engine.take_outcome(Arrival(principal=SHELL, command=command, now_ms=self.now_ms, ref="link"))
            else:
                command = request_of(line)
                while not self.engine.take(Arrival(principal=principal, command=command, now_ms=self.now_ms, ref="link")):
                    self.room.clear()
                    await self.room.wait()
            self.woken.set()


async def live(agents, sock):
    """The other end: hears word after word, and asks for one thing after the other."""
    reader, writer = await asyncio.open_connection(sock=sock)
    heard = []

    async def ask(line):
        writer.write(f"{line}\n".encode())
        while (line := (await reader.readline()).decode()).startswith("word"):
            heard.append(line)
        if line.strip() != "answer":
            raise SystemExit(line)

    for command in agents.begin():
        await ask(request_line(command))
    while True:
        line = heard.pop(0) if heard else (await reader.readline()).decode()
        _, agent_id, number, attempt, word = line.split()
        reason = "-"
        try:
            for command in agents.hear(agent_id, int(number), int(attempt), decode(bytes.fromhex(word), Envelope)):
                await ask(request_line(command))
        except ConnectionError as error:
            reason = str(error)
        if agent_id == agents.bob:
            await ask(f"outcome {agent_id} {number} {reason}")


if __name__ == "__main__":
    shell = Shell(*arguments())
    asyncio.run(shell.run())
    print(digest(shell.engine.state))
