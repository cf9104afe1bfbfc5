"""The registry: who may be registered and under what name, what changes an agent, and how agents are looked up."""

from typing import Any

import pytest

from foldhub_core import (
    EV_AGENT_REGISTERED,
    EV_AGENT_UNREGISTERED,
    EV_RESUME_SET,
    EV_RULE_SET,
    EV_SKILL_SET,
    HUB_SESSION,
    Access,
    Command,
    Envelope,
    Inbox,
    Limits,
    NotFoundError,
    ObservedStat,
    Passport,
    Principal,
    RecordObservation,
    Register,
    Resume,
    Rule,
    RuleLimits,
    SetResume,
    SetRule,
    SetSkill,
    Skill,
    TaskState,
    Unregister,
    changed,
    find_agent_id,
    get_agent,
    get_resume,
    get_rule,
    get_skill,
    name_for,
    subject_of,
)
from tests.core.hub_driver import ADMIN, HUB_ID, NOWHERE, Hub, owner, registration


def last_event(hub: Hub) -> Envelope:
    (fact,) = hub.log[-1].facts
    assert isinstance(fact, Envelope)
    return fact


class TestRegister:
    def test_the_answer_is_the_passport_with_the_stamp_of_the_hub(self) -> None:
        hub = Hub()
        passport = hub.value(ADMIN, registration("alice", model="m"), 70)
        assert passport == Passport("alice", model="m", agent_id="demo:a:a2", hub_id=HUB_ID, created_at_ms=70)

    def test_what_it_says_of_itself_is_kept(self) -> None:
        hub, resume, rule = Hub(), Resume(("ask",), summary="answers"), Rule(Access(inbound_from=("bob",)))
        agent_id = hub.register("alice", resume=resume, rule=rule, skill_md="how to")
        assert get_resume(hub.state, agent_id) == resume
        assert get_rule(hub.state, agent_id) == rule
        assert get_skill(hub.state, agent_id) == Skill("how to")

    def test_without_a_skill_text_it_has_no_skill(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        assert get_skill(hub.state, agent_id) is None

    def test_what_only_the_hub_says_is_not_taken_from_it(self) -> None:
        hub = Hub()
        resume = Resume(observed={"ask": ObservedStat(n=9, completed=9)}, version=7, last_updated_ms=3)
        passport = hub.value(
            ADMIN,
            registration("alice", agent_id="demo:a:c777", hub_id="else", created_at_ms=3, resume=resume, rule=Rule(version=8)),
            70,
        )
        assert (passport.agent_id, passport.hub_id, passport.created_at_ms) == ("demo:a:a2", HUB_ID, 70)
        assert get_resume(hub.state, passport.agent_id) == Resume()
        assert get_rule(hub.state, passport.agent_id) == Rule()

    def test_a_remote_agent_keeps_the_hub_it_came_from(self) -> None:
        passport = Hub(remote_agents=True).value(ADMIN, registration("alice", kind="remote_agent", hub_id="else"))
        assert passport.hub_id == "else"

    def test_the_event_stands_in_the_hub_session_under_the_new_id(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice", idempotency_key="k")
        event = last_event(hub)
        assert (event.session_id, event.sender_id, event.event_type) == (HUB_SESSION, agent_id, EV_AGENT_REGISTERED)
        assert (event.audience, event.number, event.idempotency_key) == ((), 1, "k")

    def test_it_belongs_to_the_subject_that_registered_it(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice", by=owner("s"))
        assert subject_of(hub.state, agent_id) == "s"

    def test_ids_are_given_once(self) -> None:
        hub = Hub()
        ids = []
        for _ in range(5):
            ids.append(hub.register("alice"))
            hub.value(ADMIN, Unregister(agent_id=ids[-1]))
        assert len(set(ids)) == 5

    @pytest.mark.parametrize("by", [ADMIN, owner("s"), owner("other")], ids=["admin", "same subject", "other subject"])
    def test_a_name_is_registered_once(self, by: Principal) -> None:
        hub = Hub()
        hub.register("alice", by=owner("s"))
        assert hub.refused(by, registration("alice")) == "protocol_error"

    def test_names_differ_by_their_capitals(self) -> None:
        hub = Hub()
        assert hub.register("alice") != hub.register("Alice")

    @pytest.mark.parametrize("name", ["demo:a:a1", "else:s:b42-a1", "0:t:a9"])
    def test_a_name_that_looks_like_an_id_is_refused(self, name: str) -> None:
        assert Hub().refused(ADMIN, registration(name)) == "protocol_error"

    @pytest.mark.parametrize(
        "name",
        ["", " ", " alice", "alice ", "a\nb", "a\x00b", "a\u202eb", "a*", "a?", "[a", "a]"],
        ids=ascii,
    )
    def test_a_name_that_cannot_be_read_or_is_a_glob_is_refused(self, name: str) -> None:
        assert Hub().refused(ADMIN, registration(name)) == "malformed"

    @pytest.mark.parametrize("name", ["a", "team one", "ålice", "a:b", "demo:a", "x" * 128])
    def test_any_other_name_is_free_to_take(self, name: str) -> None:
        hub = Hub()
        assert find_agent_id(hub.state, name) is None
        assert hub.register(name) == find_agent_id(hub.state, name)

    @pytest.mark.parametrize(
        ("globs", "name"),
        [((), "bob"), (("bob",), "bobby"), (("team-*",), "eve"), (("Bob",), "bob"), (("",), "bob")],
    )
    def test_a_name_outside_the_globs_is_refused(self, globs: tuple[str, ...], name: str) -> None:
        assert Hub().refused(owner("s", may_register=globs), registration(name)) == "access_denied"

    @pytest.mark.parametrize(
        ("globs", "name"),
        [(("bob",), "bob"), (("x", "team-*"), "team-1"), (("b?b",), "bob"), (("[ab]ob",), "bob"), (("*",), "bob")],
    )
    def test_a_name_inside_the_globs_may_be_taken(self, globs: tuple[str, ...], name: str) -> None:
        assert Hub().register(name, by=owner("s", may_register=globs))

    def test_a_name_outside_the_globs_is_refused_alike_whether_it_is_taken_or_not(self) -> None:
        hub, stranger = Hub(), owner("s", may_register=("team-*",))
        hub.register("bob")
        assert hub.refused(stranger, registration("bob")) == hub.refused(stranger, registration("eve"))


def limited(name: str = "alice", **fields: Any) -> Register:
    return registration(name, **fields)


NARROW = Limits(
    name_chars=5,
    skill_chars=3,
    short_text_chars=23,
    text_chars=20,
    list_items=4,
    map_items=20,
    capabilities=3,
    depth=4,
)
"""Limits that a bare registration, a full resume and a nested rule just keep."""

LARGEST: list[tuple[str, Register]] = [
    ("name", limited("alice")),
    ("skill", limited(skill_md="123")),
    ("key", limited(idempotency_key="k" * 23)),
    ("text of the passport", limited(owner="o" * 20)),
    ("text of the resume", limited(resume=Resume(summary="s" * 20))),
    ("text of the rule", limited(rule=Rule(Access(inbound_from=("g" * 20,))))),
    ("capabilities", limited(resume=Resume(("a", "b", "c")))),
    ("list of the resume", limited(resume=Resume(domains=("a", "b", "c", "d")))),
    ("list of the rule", limited(rule=Rule(Access(outbound_to=("a", "b", "c", "d"))))),
]

TOO_LARGE: list[tuple[str, Register]] = [
    ("name", limited("alicea")),
    ("skill", limited(skill_md="1234")),
    ("key", limited(idempotency_key="k" * 24)),
    ("text of the passport", limited(owner="o" * 21)),
    ("text of the resume", limited(resume=Resume(summary="s" * 21))),
    ("text of the rule", limited(rule=Rule(Access(inbound_from=("g" * 21,))))),
    ("capabilities", limited(resume=Resume(("a", "b", "c", "d")))),
    ("list of the resume", limited(resume=Resume(domains=("a", "b", "c", "d", "e")))),
    ("list of the rule", limited(rule=Rule(Access(outbound_to=("a", "b", "c", "d", "e"))))),
]


class TestSizes:
    @pytest.mark.parametrize("command", [one for _, one in LARGEST], ids=[what for what, _ in LARGEST])
    def test_a_registration_as_large_as_allowed_is_accepted(self, command: Register) -> None:
        assert Hub(NARROW).value(ADMIN, command).name == "alice"

    @pytest.mark.parametrize("command", [one for _, one in TOO_LARGE], ids=[what for what, _ in TOO_LARGE])
    def test_a_registration_that_is_larger_by_one_is_refused(self, command: Register) -> None:
        assert Hub(NARROW).refused(ADMIN, command) == "malformed"

    def test_a_registration_that_is_deeper_by_one_is_refused(self) -> None:
        assert Hub(Limits(depth=4)).value(ADMIN, limited())
        assert Hub(Limits(depth=3)).refused(ADMIN, limited()) == "malformed"

    def test_a_registration_of_too_many_values_in_all_is_refused(self) -> None:
        assert Hub(Limits(data_items=10)).refused(ADMIN, limited()) == "malformed"

    @pytest.mark.parametrize(
        ("largest", "too_large"),
        [
            (
                lambda agent_id: SetResume(agent_id=agent_id, resume=Resume(("a", "b", "c"))),
                lambda agent_id: SetResume(agent_id=agent_id, resume=Resume(("a", "b", "c", "d"))),
            ),
            (
                lambda agent_id: SetResume(agent_id=agent_id, resume=Resume(summary="s" * 20)),
                lambda agent_id: SetResume(agent_id=agent_id, resume=Resume(summary="s" * 21)),
            ),
            (
                lambda agent_id: SetRule(agent_id=agent_id, rule=Rule(Access(inbound_from=("a",) * 4))),
                lambda agent_id: SetRule(agent_id=agent_id, rule=Rule(Access(inbound_from=("a",) * 5))),
            ),
            (
                lambda agent_id: SetSkill(agent_id=agent_id, skill_md="123"),
                lambda agent_id: SetSkill(agent_id=agent_id, skill_md="1234"),
            ),
            (
                lambda agent_id: observation(agent_id, "c" * 23),
                lambda agent_id: observation(agent_id, "c" * 24),
            ),
            (
                lambda agent_id: observation(agent_id, task_id="t" * 23),
                lambda agent_id: observation(agent_id, task_id="t" * 24),
            ),
        ],
        ids=["capabilities", "resume", "rule", "skill", "observed capability", "task id"],
    )
    def test_a_change_is_accepted_up_to_the_limit_and_refused_beyond_it(self, largest: Any, too_large: Any) -> None:
        hub = Hub(NARROW)
        agent_id = hub.register("alice")
        hub.value(ADMIN, largest(agent_id))
        before = hub.state.registry
        assert hub.refused(ADMIN, too_large(agent_id)) == "malformed"
        assert hub.state.registry == before

    def test_observed_capabilities_are_accepted_up_to_the_limit_and_refused_beyond_it(self) -> None:
        hub = Hub(NARROW)
        agent_id = hub.register("alice")
        for capability in "abc":
            hub.value(ADMIN, observation(agent_id, capability))
        assert hub.refused(ADMIN, observation(agent_id, "d")) == "malformed"
        assert hub.value(ADMIN, observation(agent_id, "a")).observed["a"].n == 2


def observation(agent_id: str, capability: str = "ask", **fields: Any) -> RecordObservation:
    return RecordObservation(owner_id=agent_id, capability=capability, outcome=TaskState.COMPLETED, **fields)


class TestUnregister:
    def test_its_name_is_free_at_once(self) -> None:
        hub = Hub()
        first = hub.register("alice")
        assert hub.value(ADMIN, Unregister(agent_id=first)) is None
        assert hub.register("alice") != first

    def test_it_is_an_event_with_the_name(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        hub.value(ADMIN, Unregister(agent_id=agent_id))
        event = last_event(hub)
        assert (event.event_type, event.sender_id, event.event_data) == (
            EV_AGENT_UNREGISTERED,
            agent_id,
            {"name": "alice"},
        )

    def test_nothing_of_it_is_left_in_the_state(self) -> None:
        hub = Hub()
        empty = hub.state
        agent_id = hub.register("alice", resume=Resume(("ask",)), skill_md="text", idempotency_key="k")
        hub.value(ADMIN, observation(agent_id, "answer", task_id="t"))
        hub.value(ADMIN, Unregister(agent_id=agent_id))
        now = hub.state
        assert now == changed(empty, seq=now.seq, now_ms=now.now_ms, head=now.head, hub_words=3)

    def test_a_second_time_is_answered_like_the_first_without_a_commit(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice", by=owner("s"))
        first = hub.value(owner("s", agent_id), Unregister(agent_id=agent_id))
        assert hub.quiet(owner("s", agent_id), Unregister(agent_id=agent_id)) == first

    @pytest.mark.parametrize(
        "agent_id",
        [NOWHERE, "demo:a:a3", "else:a:a1", "demo:s:a1", "demo:a:b1", "demo:a:", "alice", ""],
    )
    def test_an_id_that_was_never_issued_is_not_found(self, agent_id: str) -> None:
        hub = Hub()
        hub.register("alice")
        assert hub.refused(ADMIN, Unregister(agent_id=agent_id)) == "not_found"


class TestSetResume:
    def test_the_claims_are_replaced_and_the_version_counts(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice", resume=Resume(("ask",), domains=("law",), summary="old"))
        answer = hub.value(ADMIN, SetResume(agent_id=agent_id, resume=Resume(("tell",), summary="new")), 90)
        assert answer == Resume(("tell",), summary="new", version=2, last_updated_ms=90)
        assert get_resume(hub.state, agent_id) == answer

    def test_what_was_observed_stays(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        observed = hub.value(ADMIN, observation(agent_id)).observed
        claimed = Resume(("tell",), observed={"tell": ObservedStat(n=5, completed=5)})
        assert hub.value(ADMIN, SetResume(agent_id=agent_id, resume=claimed)).observed == observed

    @pytest.mark.parametrize(
        "again",
        [
            Resume(("ask",)),
            Resume(("ask",), version=40, last_updated_ms=3),
            Resume(("ask",), observed={"ask": ObservedStat(n=1)}),
        ],
        ids=["as it is", "another version", "another record"],
    )
    def test_the_same_claims_change_nothing(self, again: Resume) -> None:
        hub = Hub()
        agent_id = hub.register("alice", resume=Resume(("ask",)))
        assert hub.quiet(ADMIN, SetResume(agent_id=agent_id, resume=again)) == Resume(("ask",))

    def test_it_is_an_event_with_the_claims(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        hub.value(ADMIN, SetResume(agent_id=agent_id, resume=Resume(("ask",))))
        assert last_event(hub).event_type == EV_RESUME_SET
        assert last_event(hub).event_data["resume"]["claimed_capabilities"] == ("ask",)  # type: ignore[index]


class TestSetRule:
    def test_it_is_replaced_and_the_version_counts(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        rule = Rule(limits=RuleLimits(inbox=Inbox(5)))
        answer = hub.value(ADMIN, SetRule(agent_id=agent_id, rule=rule))
        assert answer == changed(rule, version=2)
        assert get_rule(hub.state, agent_id) == answer
        assert last_event(hub).event_type == EV_RULE_SET

    def test_the_version_an_agent_says_is_not_taken_from_it(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        rule = Rule(Access(inbound_from=()), version=9)
        assert hub.value(ADMIN, SetRule(agent_id=agent_id, rule=rule)).version == 2

    @pytest.mark.parametrize("version", [1, 2, 9])
    def test_the_same_rule_changes_nothing(self, version: int) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        rule = Rule(Access(inbound_from=("bob",)))
        first = hub.value(ADMIN, SetRule(agent_id=agent_id, rule=rule))
        assert hub.quiet(ADMIN, SetRule(agent_id=agent_id, rule=changed(rule, version=version))) == first


class TestSetSkill:
    def test_it_is_replaced_and_the_version_counts(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice", skill_md="old")
        assert hub.value(ADMIN, SetSkill(agent_id=agent_id, skill_md="new")) == Skill("new", 2)
        assert get_skill(hub.state, agent_id) == Skill("new", 2)
        assert last_event(hub).event_type == EV_SKILL_SET

    @pytest.mark.parametrize("text", ["first", ""])
    def test_the_first_one_has_version_1(self, text: str) -> None:
        hub = Hub()
        assert hub.value(ADMIN, SetSkill(agent_id=hub.register("alice"), skill_md=text)) == Skill(text, 1)

    def test_none_takes_it_away(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice", skill_md="text")
        assert hub.value(ADMIN, SetSkill(agent_id=agent_id, skill_md=None)) is None
        assert get_skill(hub.state, agent_id) is None

    @pytest.mark.parametrize("text", ["text", "", None])
    def test_the_same_text_changes_nothing(self, text: str | None) -> None:
        hub = Hub()
        agent_id = hub.register("alice", skill_md=text)
        assert hub.quiet(ADMIN, SetSkill(agent_id=agent_id, skill_md=text)) == (None if text is None else Skill(text))


CHANGES: list[Command] = [
    SetResume(agent_id=NOWHERE, resume=Resume()),
    SetRule(agent_id=NOWHERE, rule=Rule()),
    SetSkill(agent_id=NOWHERE, skill_md="text"),
    SetSkill(agent_id=NOWHERE, skill_md=None),
    observation(NOWHERE),
    Unregister(agent_id=NOWHERE),
]


@pytest.mark.parametrize("command", CHANGES, ids=lambda command: type(command).__name__)
def test_a_change_of_what_is_not_there_is_not_found(command: Command) -> None:
    assert Hub().refused(ADMIN, command) == "not_found"


def ended_agent() -> tuple[Hub, str]:
    hub = Hub()
    agent_id = hub.register("alice")
    hub.value(ADMIN, Unregister(agent_id=agent_id))
    return hub, agent_id


class TestLookups:
    def test_an_agent_is_found_by_its_name(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        assert get_agent(hub.state, "alice").agent_id == agent_id

    def test_an_agent_is_found_by_its_id(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        assert get_agent(hub.state, agent_id).name == "alice"

    @pytest.mark.parametrize("asked", ["bob", NOWHERE, ""])
    def test_what_is_no_name_and_no_id_is_not_found(self, asked: str) -> None:
        hub = Hub()
        hub.register("alice")
        with pytest.raises(NotFoundError, match="expected the name or id of a registered agent"):
            get_agent(hub.state, asked)

    @pytest.mark.parametrize("question", [get_resume, get_rule, get_skill, subject_of])
    def test_what_is_held_of_an_agent_that_is_not_there_is_not_found(self, question: Any) -> None:
        hub, agent_id = ended_agent()
        with pytest.raises(NotFoundError, match="expected the id of a registered agent"):
            question(hub.state, agent_id)

    def test_an_id_is_found_by_the_name(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        assert find_agent_id(hub.state, "alice") == agent_id

    def test_no_id_is_found_by_the_name_of_an_ended_agent(self) -> None:
        hub, _ = ended_agent()
        assert find_agent_id(hub.state, "alice") is None

    def test_no_id_is_found_by_an_id(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        assert find_agent_id(hub.state, agent_id) is None

    def test_the_name_of_an_id_is_the_agents(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice")
        assert name_for(hub.state, agent_id, default="nobody") == "alice"

    @pytest.mark.parametrize(("default", "name"), [(None, NOWHERE), ("nobody", "nobody"), ("", "")])
    def test_the_name_of_an_unknown_id_is_the_default_or_the_id(self, default: str | None, name: str) -> None:
        assert name_for(Hub().state, NOWHERE, default=default) == name
