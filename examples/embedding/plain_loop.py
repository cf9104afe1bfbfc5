"""A shell as a plain loop: a queue is the network, and the loop waits by sleeping.

    python examples/embedding/plain_loop.py FOLDER [--die-before N]

Run it again after it was killed: it goes on where it was.
"""

import time
from collections import deque

from story import CONFIG, REGISTERED, SHELL, Agents, arguments, is_over, recovered

from foldhub_core import Arrival, Deliver, Engine, Forward, ForwardDone, ForwardFailed, Redeliver, Refuse, Start, digest, owed
from foldhub_stores import FileStore

path, notes = arguments()
store = FileStore(path, "demo")
engine = Engine(CONFIG, recovered(store), lazy_ms=0)  # the clock stands still meanwhile, so an ack waits for no other
now_ms = engine.state.now_ms
network = deque()


def ask(principal, command):
    """Put a command into the engine, and go as far as can be gone."""
    while not engine.take(Arrival(principal=principal, command=command, now_ms=now_ms)):
        advance()  # the inbox is full: make room first
    advance()


def outcome(command):
    """Put in what came of an effect; there is always room for it."""
    engine.take_outcome(Arrival(principal=SHELL, command=command, now_ms=now_ms))
    advance()


def advance():
    """Append before effects: what is released was made durable."""
    while (append := engine.advance(now_ms)) is not None:
        came = store.append(append.commits)
        engine.ended(came.ending, now_ms)  # full: the engine pauses by itself; broken: nothing is known any more
        if engine.stopped:
            raise SystemExit(came.reason)
    for effect in engine.effects():
        carry_out(effect)


def carry_out(effect):
    """Send it. What is sent again is read from the store; what comes of a forward comes back as a command."""
    notes.note(effect)
    match effect:
        case Refuse():
            raise SystemExit(effect.error.message)
        case Deliver():
            network.append((effect.agent_id, effect.number, effect.attempt, effect.envelope))
        case Forward():
            network.append((effect.passport.agent_id, effect.number, effect.attempt, effect.envelope))
        case Redeliver():
            network.append((effect.agent_id, effect.number, effect.attempt, store.envelope(effect.envelope_id)))


def wait():
    """Nothing is to be done before the next deadline. The store is tended about once a second."""
    global now_ms
    due_ms = engine.next_deadline()
    left = (due_ms - now_ms) / 1000
    while left > 0:
        time.sleep(min(left, 1))
        left -= 1
        store.tend()
    now_ms = max(now_ms, due_ms)
    advance()


ask(SHELL, Start())  # each run begins with it
for effect in owed(CONFIG, engine.state):
    carry_out(effect)
for command in REGISTERED:
    ask(SHELL, command)
agents = Agents(engine.state)
for command in agents.begin():
    ask(agents.principal, command)

while not is_over(engine.state):
    if not network:
        wait()
        continue
    agent_id, number, attempt, word = network.popleft()
    try:
        for command in agents.hear(agent_id, number, attempt, word):
            ask(agents.principal, command)
    except ConnectionError as error:
        outcome(ForwardFailed(agent_id=agent_id, number=number, reason=str(error)))
    else:
        if agent_id == agents.bob:
            outcome(ForwardDone(agent_id=agent_id, number=number))

store.close()
print(digest(engine.state))
