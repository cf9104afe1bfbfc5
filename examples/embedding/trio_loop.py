"""A shell on trio: the agents are at the other end of two channels, and the store works in a thread.

    python examples/embedding/trio_loop.py FOLDER [--die-before N]

One task drives the engine, and nothing else does: it writes the log and carries out the effects. One task takes in what comes,
and only while there is room. While the store appends, the engine steps what comes meanwhile.
"""

import math

import trio
from story import CONFIG, REGISTERED, SHELL, Agents, arguments, is_over, recovered

from foldhub_core import (
    Arrival,
    Deliver,
    Engine,
    Forward,
    ForwardDone,
    ForwardFailed,
    Redeliver,
    Refuse,
    Reply,
    Start,
    digest,
    owed,
)
from foldhub_stores import FileStore


class Shell:
    def __init__(self, path, notes):
        self.store, self.notes = FileStore(path, "demo"), notes
        self.engine = Engine(CONFIG, recovered(self.store), lazy_ms=0)  # the clock stands still: an ack waits for no other
        self.now_ms = self.engine.state.now_ms
        self.woken, self.room, self.one_call = trio.Event(), trio.Event(), trio.Lock()
        self.to_agents, self.heard = trio.open_memory_channel(math.inf)
        self.to_hub, self.asked = trio.open_memory_channel(0)
        self.answers, self.answered = trio.open_memory_channel(math.inf)

    async def run(self):
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            await self.ask(Start())  # each run begins with it, and nobody is heard before
            for effect in owed(CONFIG, self.engine.state):
                await self.carry_out(effect)
            for command in REGISTERED:
                await self.ask(command)
            agents = Agents(self.engine.state)
            nursery.start_soon(self.read, agents.principal)
            nursery.start_soon(self.live, agents)
            while self.engine.appending or not is_over(self.engine.state):
                await self.wait()
                await self.turn()
            nursery.cancel_scope.cancel()
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
            self.nursery.start_soon(self.append, append)
        for effect in self.engine.effects():
            await self.carry_out(effect)
        if self.engine.room:
            self.room.set()

    async def wait(self):
        """Wait for what comes, or comes due."""
        due_ms = self.engine.next_deadline()
        with trio.move_on_after(math.inf if due_ms is None else (due_ms - self.now_ms) / 1000) as timer:
            await self.woken.wait()
        if timer.cancelled_caught:
            self.now_ms = due_ms
            await self.called(self.store.tend)
        self.woken = trio.Event()

    async def append(self, append):
        """One append at a time: the engine asks for the next one when it knows how this one ended."""
        came = await self.called(self.store.append, append.commits)
        self.engine.ended(came.ending, self.now_ms)
        if self.engine.stopped:
            raise SystemExit(came.reason)
        self.woken.set()

    async def called(self, method, *arguments):
        async with self.one_call:
            return await trio.to_thread.run_sync(method, *arguments)

    async def carry_out(self, effect):
        self.notes.note(effect)
        match effect:
            case Reply(ref="link"):
                await self.answers.send(None)
            case Refuse(ref="link"):
                await self.answers.send(effect.error)
            case Refuse():
                raise SystemExit(effect.error.message)
            case Deliver():
                await self.to_agents.send((effect.agent_id, effect.number, effect.attempt, effect.envelope))
            case Forward():
                await self.to_agents.send((effect.passport.agent_id, effect.number, effect.attempt, effect.envelope))
            case Redeliver():
                word = await self.called(self.store.envelope, effect.envelope_id)
                await self.to_agents.send((effect.agent_id, effect.number, effect.attempt, word))

    async def read(self, principal):
        """Put in what the agents ask for, and what came of a forward."""
        async for command in self.asked:
            if isinstance(command, ForwardDone | ForwardFailed):
                self.engine.take_outcome(Arrival(principal=SHELL, command=command, now_ms=self.now_ms, ref="link"))
            else:
                while not self.engine.take(Arrival(principal=principal, command=command, now_ms=self.now_ms, ref="link")):
                    self.room = trio.Event()
                    await self.room.wait()
            self.woken.set()

    async def live(self, agents):
        """The other end: hears word after word, and asks for one thing after the other."""

        async def ask(command):
            await self.to_hub.send(command)
            refused = await self.answered.receive()
            if refused is not None:
                raise SystemExit(refused.message)

        for command in agents.begin():
            await ask(command)
        async for agent_id, number, attempt, word in self.heard:
            outcome = ForwardDone(agent_id=agent_id, number=number)
            try:
                for command in agents.hear(agent_id, number, attempt, word):
                    await ask(command)
            except ConnectionError as error:
                outcome = ForwardFailed(agent_id=agent_id, number=number, reason=str(error))
            if agent_id == agents.bob:
                await ask(outcome)


async def main():
    shell = Shell(*arguments())
    await shell.run()
    print(digest(shell.engine.state))


if __name__ == "__main__":
    trio.run(main)
