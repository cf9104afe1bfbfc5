"""A consulting in a plain loop: alice asks, bob answers, and no I/O library is there at all.

`step` takes what arrives and gives the next state, a commit to keep and effects to carry out. Here the log is a list, the
network is a queue, and the agents are two functions from what they hear to what they do.
"""

from collections import deque

from foldhub_core import (
    EV_SESSION_CLOSED,
    EV_SESSION_INVITE,
    EV_SESSION_OPENED,
    EV_TEXT,
    Ack,
    AnswerInvite,
    Arrival,
    Attach,
    Deliver,
    Envelope,
    HubConfig,
    HubState,
    OpenSession,
    Passport,
    Post,
    Principal,
    Register,
    Resume,
    Start,
    replay,
    step,
)

config, state, log, network = HubConfig(), HubState("demo"), [], deque()


def ask(principal, command):
    """Take one step, keep its commit, send what is to be delivered; gives the value of the answer, which comes first."""
    global state
    taken = step(config, state, Arrival(principal=principal, command=command, now_ms=len(log)))
    state = taken.state
    if taken.commit is not None:
        log.append(taken.commit)
    network.extend(effect for effect in taken.effects if isinstance(effect, Deliver))
    return taken.effects[0].value


def text(sender, heard, words):
    return Post(envelope=Envelope(heard.session_id, sender, EV_TEXT, {"text": words}, causation_id=heard.envelope_id))


def alice_hears(heard):
    if heard.event_type == EV_SESSION_OPENED:
        yield text(alice, heard, "What is the single most important property?")
    elif heard.event_type == EV_SESSION_CLOSED:
        print("closed:", repr(heard.event_data["reason"]))


def bob_hears(heard):
    if heard.event_type == EV_SESSION_INVITE:
        yield AnswerInvite(session_id=heard.session_id, agent_id=bob, accept=True)
    elif heard.event_type == EV_TEXT:
        yield text(bob, heard, "Fault tolerance.")


ask(Principal(admin=True), Start())
alice, bob = [ask(Principal(admin=True), Register(passport=Passport(who), resume=Resume())).agent_id for who in ("alice", "bob")]
agents = {alice: alice_hears, bob: bob_hears}
for agent in agents:
    ask(Principal(agent_ids=(agent,)), Attach(agent_id=agent, link="the network"))
ask(Principal(agent_ids=(alice,)), OpenSession(creator_id=alice, type="consulting", participants=(bob,)))

while network:
    came = network.popleft()
    for command in [*agents[came.agent_id](came.envelope), Ack(agent_id=came.agent_id, numbers=(came.number,))]:
        ask(Principal(agent_ids=(came.agent_id,)), command)

assert replay(config, log, HubState("demo")) == state  # the log tells all of it
for word in [fact for commit in log for fact in commit.facts if isinstance(fact, Envelope) and fact.event_type == EV_TEXT]:
    print({alice: "alice", bob: "bob"}[word.sender_id] + ":", word.event_data["text"])
