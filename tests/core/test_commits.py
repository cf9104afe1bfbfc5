"""Commits: what is stored of an arrival, what is left out, and what is read back."""

from collections.abc import Callable

import pytest

from foldhub_core import (
    Ack,
    Actor,
    AnswerInvite,
    Attach,
    CloseSession,
    Command,
    Commit,
    CutCommand,
    Detach,
    Envelope,
    HubConfig,
    Limits,
    Malformed,
    Nack,
    OpenSession,
    Passport,
    Post,
    Principal,
    RecordObservation,
    Register,
    Resume,
    Rule,
    RuleLimits,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    TaskState,
    Tick,
    Unregister,
    changed,
    codec,
)
from foldhub_core.commits import chained, make_commit, read_commit
from foldhub_core.state import GENESIS
from foldhub_core.tags import TAGS
from tests.core.recorded_hub import (
    ADMIN,
    HOUR_MS,
    ROOMY,
    STRANGER,
    RecordedHub,
    a_text,
    agent,
    full_registration,
    owner_of,
    whole_story,
)


@pytest.fixture
def hub() -> RecordedHub:
    """A hub with limits as they are by default and the agent alice, `demo:a:a2`."""
    hub = RecordedHub(HubConfig())
    hub.register(agent("alice"))
    return hub


ALICE, BOB, TALK = "demo:a:a2", "demo:a:a3", "demo:s:a4"


def read_again(commit: Commit, hub_id: str = "demo") -> Commit:
    return read_commit(hub_id, commit.seq, commit.form, commit.payload, commit.previous, commit.chain)


# --- what is read back


STORY = whole_story().commits


@pytest.mark.parametrize("commit", STORY, ids=lambda commit: f"commit {commit.seq}")
def test_a_commit_is_read_back_with_its_facts_and_refusal(commit: Commit) -> None:
    again = read_again(commit)
    assert (again.seq, again.now_ms, again.facts, again.refusal) == (commit.seq, commit.now_ms, commit.facts, commit.refusal)


@pytest.mark.parametrize("commit", STORY, ids=lambda commit: f"commit {commit.seq}")
def test_a_commit_is_read_back_with_who_acted(commit: Commit) -> None:
    again = read_again(commit)
    assert (again.actor, again.principal) == (commit.actor, commit.principal)


ACCEPTED: list[tuple[Command, Principal]] = [
    (full_registration(), owner_of("s", globs=("alice-2", "a*"))),
    (Unregister(agent_id=ALICE), ADMIN),
    (SetResume(agent_id=ALICE, resume=Resume(claimed_capabilities=("ask",), summary="Asks.")), ADMIN),
    (SetRule(agent_id=ALICE, rule=Rule(limits=RuleLimits(task_ttl_default=90))), ADMIN),
    (SetSkill(agent_id=ALICE, skill_md="ask"), ADMIN),
    (RecordObservation(owner_id=ALICE, capability="ask", outcome=TaskState.EXPIRED, latency_ms=7, task_id="t"), ADMIN),
    (RecordObservation(owner_id=ALICE, capability="ask", outcome=TaskState.COMPLETED), ADMIN),
    (Attach(agent_id=ALICE, link="l"), owner_of("s", ALICE)),
    (Start(), ADMIN),
    (AnswerInvite(session_id=TALK, agent_id=BOB, accept=False, reason="no time"), owner_of("s", BOB)),
    (OpenSession(creator_id=ALICE, type="consulting", participants=(ALICE, BOB), ttl=60, idempotency_key="k"), ADMIN),
    (Nack(agent_id=BOB, number=1, reason="crashed"), owner_of("s", BOB)),
    (CloseSession(session_id=TALK, reason="enough"), ADMIN),
    (CloseSession(session_id=TALK, agent_id=ALICE), owner_of("s", ALICE)),
]


def hub_with_a_session() -> RecordedHub:
    """A hub with the agents alice and bob, whom alice has invited."""
    hub = RecordedHub(HubConfig())
    hub.register(agent("alice"))
    hub.register(agent("bob"))
    hub.open(OpenSession(creator_id=ALICE, type="conversation", participants=(BOB,)))
    return hub


@pytest.mark.parametrize(("command", "principal"), ACCEPTED, ids=lambda value: type(value).__name__)
def test_an_accepted_command_is_read_back_equal(command: Command, principal: Principal) -> None:
    hub = RecordedHub(HubConfig()) if isinstance(command, Register) else hub_with_a_session()
    assert read_again(hub.committed(command, principal)).command == command


def test_taking_a_skill_away_is_read_back_equal(hub: RecordedHub) -> None:
    hub.ask(SetSkill(agent_id=ALICE, skill_md="ask"))
    command = SetSkill(agent_id=ALICE, skill_md=None)
    assert read_again(hub.committed(command)).command == command


def test_a_detach_and_a_tick_are_read_back_equal() -> None:
    hub = RecordedHub()
    alice = hub.register(Register(passport=Passport(name="alice"), resume=Resume(), idempotency_key="k"))
    hub.ask(Attach(agent_id=alice, link="l"))
    detach = Detach(agent_id=alice, link="l")
    assert read_again(hub.committed(detach)).command == detach
    tick = hub.ask(Tick(), now_ms=2 * HOUR_MS).commit
    assert tick is not None
    assert read_again(tick).command == Tick()


def test_what_only_the_hub_says_is_left_out_of_a_registration_read_back(hub: RecordedHub) -> None:
    came = agent("bob", agent_id="demo:a:a9", hub_id="elsewhere", created_at_ms=5)
    assert read_again(hub.committed(came)).command == agent("bob")


def test_the_hub_of_a_remote_agent_is_read_back() -> None:
    hub = RecordedHub(HubConfig(remote_agents=True))
    came = agent("far", kind="remote_agent", hub_id="elsewhere")
    assert read_again(hub.committed(came)).command == came


# --- nothing is stored twice


def large_text(seed: str) -> str:
    return (seed * 10_000)[:10_000]


LARGE: list[Command] = [
    SetSkill(agent_id=ALICE, skill_md=large_text("skill ")),
    SetResume(agent_id=ALICE, resume=Resume(summary=large_text("resume "))),
    SetRule(agent_id=ALICE, rule=Rule(limits=RuleLimits(session_ttl_default=" " * 9_900 + "1d"))),
    Register(passport=Passport(name="bob", owner=large_text("owner ")), resume=Resume()),
    Register(passport=Passport(name="bob"), resume=Resume(), skill_md=large_text("skill ")),
]


@pytest.mark.parametrize("command", LARGE, ids=lambda command: type(command).__name__)
def test_an_accepted_text_is_stored_once(hub: RecordedHub, command: Command) -> None:
    assert 9_900 < len(hub.committed(command).payload) < 11_000


def test_a_post_is_stored_once_and_small() -> None:
    hub = hub_with_a_session()
    hub.ask(AnswerInvite(session_id=TALK, agent_id=BOB, accept=True))
    said = a_text(TALK, ALICE, "x" * 1_000, audience=(BOB,), idempotency_key="key-0001")
    commit = hub.committed(Post(envelope=said), owner_of("s", ALICE))
    assert (commit.kept, commit.command) == (None, Post(envelope=said))
    assert 1_000 < len(commit.payload) < 1_180


def test_an_ack_of_many_is_stored_in_a_few_bytes_each() -> None:
    hub = hub_with_a_session()
    hub.ask(AnswerInvite(session_id=TALK, agent_id=BOB, accept=True))
    for at in range(50):
        hub.say(TALK, ALICE, str(at))
    numbers = tuple(hub.state.mailboxes[BOB].numbered())
    commit = hub.committed(Ack(agent_id=BOB, numbers=numbers), owner_of("s", BOB))
    assert (commit.kept, commit.command) == (None, Ack(agent_id=BOB, numbers=numbers))
    assert len(commit.payload) < 4 * len(numbers)


def test_the_ref_is_not_stored(hub: RecordedHub) -> None:
    hub.now_ms = 123_456_788_000
    assert b"r123456789000" not in hub.committed(agent("bob")).payload


def test_the_arrival_is_read_back_without_its_ref(hub: RecordedHub) -> None:
    arrival = read_again(hub.committed(Attach(agent_id=ALICE, link="l"))).arrival
    assert arrival is not None
    assert (arrival.ref, arrival.now_ms, arrival.principal) == ("", hub.now_ms, Principal(admin=True))


def test_an_envelope_made_by_its_commit_does_not_repeat_the_commits_place(hub: RecordedHub) -> None:
    commit = hub.committed(agent("bob"))
    (fact,) = commit.facts
    assert isinstance(fact, Envelope)
    assert fact.envelope_id.encode() not in commit.payload


def commit_of(*facts: Envelope) -> Commit:
    return make_commit(
        hub_id="demo",
        head=GENESIS,
        seq=1,
        now_ms=5,
        actor=Actor("", True, False, None),
        command=Tick(),
        facts=facts,
        refusal=None,
        refusal_bytes=1000,
    )


def test_an_envelope_is_read_back_with_the_id_and_time_of_its_commit() -> None:
    envelope = Envelope("s", "a", "t", envelope_id="demo:e:a1", created_at_ms=5)
    assert read_again(commit_of(envelope)).facts == (envelope,)


def test_a_second_envelope_has_its_own_id() -> None:
    envelopes = [Envelope("s", "a", "t", envelope_id=name, created_at_ms=5) for name in ("demo:e:a1", "demo:e:a1-a1")]
    assert read_again(commit_of(*envelopes)).facts == tuple(envelopes)


# --- who acted


@pytest.mark.parametrize(
    ("principal", "command", "kept"),
    [
        (
            Principal(subject="s", agent_ids=("x", ALICE, "y"), may_register=("*",)),
            SetSkill(agent_id=ALICE, skill_md="s"),
            Principal(subject="s", agent_ids=(ALICE,)),
        ),
        (
            Principal(subject="s", agent_ids=("x", "y"), may_register=("*",)),
            SetSkill(agent_id=ALICE, skill_md="s"),
            Principal(subject="s"),
        ),
        (
            Principal(subject="s", agent_ids=(ALICE,), may_register=("x*", "b*", "bo?", "*")),
            agent("bob"),
            Principal(subject="s", may_register=("b*",)),
        ),
        (Principal(subject="s", agent_ids=(ALICE,), may_register=("x*",)), agent("bob"), Principal(subject="s")),
        (Principal(subject="s", admin=True, may_register=("*",)), Start(), Principal(subject="s", admin=True)),
        (Principal(agent_ids=("", ALICE)), SetSkill(agent_id="", skill_md="s"), Principal(agent_ids=("",))),
        (Principal(agent_ids=("",)), Tick(), Principal()),
    ],
    ids=["acting", "not acting", "first glob", "no glob", "administrator", "empty id", "no acting agent"],
)
def test_a_principal_is_cut_to_who_acted(hub: RecordedHub, principal: Principal, command: Command, kept: Principal) -> None:
    assert read_again(hub.committed(command, principal)).principal == kept


def test_nobody_acted_in_a_command_that_was_cut() -> None:
    hub = RecordedHub()
    alice = hub.register(agent("alice"))
    commit = hub.committed(SetSkill(agent_id=alice, skill_md="x" * 400), owner_of("s", alice))
    assert read_again(commit).principal == Principal(subject="s")


# --- refusals


def refused_skill(hub: RecordedHub, over: int) -> tuple[SetSkill, Commit]:
    """A refused command that is so many bytes longer than what is kept whole."""
    bare = len(codec.encode(SetSkill(agent_id=ALICE, skill_md="x" * 300))) - 300
    command = SetSkill(agent_id=ALICE, skill_md="x" * (hub.state.limits.refusal_bytes - bare + over))
    return command, hub.committed(command, STRANGER)


def test_a_refused_command_is_kept_whole_up_to_the_limit(hub: RecordedHub) -> None:
    command, commit = refused_skill(hub, over=0)
    assert len(codec.encode(command)) == 1_024
    assert read_again(commit).command == command


def test_a_refused_command_beyond_the_limit_is_cut_to_tag_digest_and_length(hub: RecordedHub) -> None:
    command, commit = refused_skill(hub, over=1)
    written = codec.encode(command)
    cut = CutCommand(TAGS[SetSkill], codec.digest(written).hex(), 1_025)
    assert (commit.command, read_again(commit).command) == (cut, cut)


def test_a_cut_command_has_no_arrival(hub: RecordedHub) -> None:
    assert refused_skill(hub, over=1)[1].arrival is None


def test_a_flood_of_large_refusals_stays_small(hub: RecordedHub) -> None:
    assert len(hub.committed(SetSkill(agent_id=ALICE, skill_md="x" * 1_000_000)).payload) < 300


def test_a_refused_command_that_would_be_told_is_kept() -> None:
    hub = RecordedHub(HubConfig())
    assert read_again(hub.committed(agent("bob"), STRANGER)).command == agent("bob")


# --- lazy


def test_a_refusal_is_lazy(hub: RecordedHub) -> None:
    assert hub.committed(Tick(), STRANGER).lazy


@pytest.mark.parametrize(("command", "principal"), ACCEPTED, ids=lambda value: type(value).__name__)
def test_what_somebody_was_promised_is_not_lazy(command: Command, principal: Principal) -> None:
    hub = RecordedHub(HubConfig()) if isinstance(command, Register) else hub_with_a_session()
    assert not hub.committed(command, principal).lazy


def test_an_ack_is_lazy() -> None:
    assert hub_with_a_session().committed(Ack(agent_id=BOB, numbers=(1,))).lazy


def test_a_post_is_not_lazy() -> None:
    hub = hub_with_a_session()
    hub.ask(AnswerInvite(session_id=TALK, agent_id=BOB, accept=True))
    assert not hub.committed(Post(envelope=a_text(TALK, ALICE, "Hello."))).lazy


@pytest.mark.parametrize("config", [HubConfig(), ROOMY], ids=["keys expire", "keys are armed again"])
def test_a_tick_over_keys_is_lazy(config: HubConfig) -> None:
    hub = RecordedHub(HubConfig(limits=Limits(key_ms=HOUR_MS)))
    hub.register(Register(passport=Passport(name="alice"), resume=Resume(), idempotency_key="k"))
    hub.config = config
    hub.ask(Start())
    commit = hub.ask(Tick(), now_ms=2 * HOUR_MS).commit
    assert commit is not None
    assert commit.lazy


# --- the chain


def test_a_commit_is_chained_to_the_head_before(hub: RecordedHub) -> None:
    before = hub.state.head
    commit = hub.committed(agent("bob"))
    payload = codec.digest(commit.payload)
    assert commit.chain == hub.state.head == chained("demo", before, commit.seq, 1, payload, len(commit.payload))


HEADER = ("demo", GENESIS, 1, 1, bytes(16), 10)


@pytest.mark.parametrize(
    "other",
    [
        ("demi", GENESIS, 1, 1, bytes(16), 10),
        ("demo", bytes(15) + b"\1", 1, 1, bytes(16), 10),
        ("demo", GENESIS, 2, 1, bytes(16), 10),
        ("demo", GENESIS, 1, 2, bytes(16), 10),
        ("demo", GENESIS, 1, 1, bytes(15) + b"\1", 10),
        ("demo", GENESIS, 1, 1, bytes(16), 11),
    ],
    ids=["hub", "previous", "place", "format", "payload", "length"],
)
def test_the_chain_depends_on_everything_in_the_header(other: tuple[str, bytes, int, int, bytes, int]) -> None:
    assert chained(*other) != chained(*HEADER)


def test_the_numbers_of_the_header_do_not_run_into_each_other() -> None:
    headers = [("demo", GENESIS, seq, form, bytes(16), length) for seq, form, length in ((1, 11, 1), (11, 1, 1), (1, 1, 11))]
    assert len({chained(*header) for header in headers}) == 3


# --- what is no commit


def fields_of(commit: Commit) -> list[object]:
    fields = codec.unpack(commit.payload)
    assert isinstance(fields, list)
    return fields


def tampered(at: int, value: object) -> Callable[[list[object]], object]:
    return lambda fields: [*fields[:at], value, *fields[at + 1 :]]


@pytest.mark.parametrize(
    ("tamper", "what"),
    [
        (lambda _: 7, "expected a list"),
        (lambda fields: fields[:-1], "expected 9 fields, came 8"),
        (lambda fields: [*fields, "a", "a"], "expected 9 fields, came 11"),
        (lambda fields: [*fields, None], "expected the id of an owner"),
        (lambda fields: [*fields, 1], "Actor.owner_id"),
        (tampered(0, "1"), "expected a time"),
        (tampered(0, True), "expected a time"),
        (tampered(0, -1), "expected a time"),
        (tampered(0, 2**63), "expected a time"),
        (tampered(1, None), "Actor.subject"),
        (tampered(1, ["a"]), "Actor.subject"),
        (tampered(2, 1), "Actor.admin"),
        (tampered(3, None), "Actor.acted"),
        (tampered(4, 5), "Actor.may_register"),
        (tampered(5, [80, 1]), "expected 3 fields"),
        (tampered(5, [83, "a", 1]), "expected a command"),
        (tampered(5, None), "expected a command, or facts that tell it"),
        (tampered(6, [37, "ab", 1]), "a command cut only where it was refused"),
        (tampered(7, None), "expected a list"),
        (tampered(7, []), "expected facts or a refusal"),
        (tampered(7, [33]), "a row that begins with a tag"),
        (tampered(7, [[33]]), "expected a fact"),
        (tampered(8, ["not_found", "m", ""]), "expected facts or a refusal"),
        (tampered(8, ["not_found", "m"]), "expected 3 fields"),
        (tampered(8, ["not_found", "m", 3]), "ErrorRecord.where"),
    ],
)
def test_a_payload_that_is_no_commit_is_malformed(hub: RecordedHub, tamper: Callable[[list[object]], object], what: str) -> None:
    commit = hub.committed(Attach(agent_id=ALICE, link="l"))
    payload = codec.pack(tamper(fields_of(commit)))
    with pytest.raises(Malformed, match=what):
        read_again(changed(commit, payload=payload))


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("agent.resume_set", {}),
        ("agent.registered", {"passport": 7}),
        ("agent.observation_recorded", {"capability": "c", "outcome": "slept", "latency_ms": None, "task_id": None}),
        ("agent.observation_recorded", {"capability": "c", "outcome": "failed", "latency_ms": -1, "task_id": None}),
        ("message.text", {}),
    ],
)
def test_an_event_that_does_not_tell_its_command_is_malformed(event_type: str, data: dict[str, object]) -> None:
    commit = commit_of(Envelope("hub", ALICE, event_type, data, envelope_id="demo:e:a1", created_at_ms=5))
    payload = codec.pack(tampered(5, None)(fields_of(commit)))
    with pytest.raises(Malformed):
        read_again(changed(commit, payload=payload))


def test_a_cut_command_is_checked_field_by_field(hub: RecordedHub) -> None:
    _, commit = refused_skill(hub, over=1)
    payload = codec.pack(tampered(6, ["37", "ab", 1])(fields_of(commit)))
    with pytest.raises(Malformed, match=r"CutCommand\.tag"):
        read_again(changed(commit, payload=payload))
