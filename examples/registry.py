"""A registry of agents in a plain loop: registered, refused, replayed and verified, with no I/O library at all."""

from foldhub_core import Arrival, HubConfig, HubState, Passport, Principal, Register, Resume, Start, digest, replay, step, verify

config, state, log = HubConfig(), HubState("demo"), []


def ask(principal, command, now_ms):
    global state
    result = step(config, state, Arrival(principal=principal, command=command, now_ms=now_ms))
    state = result.state
    if result.commit is not None:
        log.append(result.commit)
    return result.effects[0]  # the answer comes first: Reply(ref, value) or Refuse(ref, error)


ask(Principal(admin=True), Start(), 1)
alice = ask(Principal(subject="a", may_register=("team-*",)), Register(passport=Passport("team-alice"), resume=Resume()), 2)
print(alice.value.agent_id)
refused = ask(Principal(subject="b", may_register=("bob",)), Register(passport=Passport("team-eve"), resume=Resume()), 3)
print(refused.error.code, "-", refused.error.message)
assert replay(config, log, HubState("demo")) == state and not verify(config, log, HubState("demo"))
print(digest(state))
