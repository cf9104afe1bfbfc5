"""The search for agents: what is found, in what order, a page at a time; and the directory it reads."""

from typing import Any, get_args

import pytest

from foldhub_core import (
    Cost,
    HubState,
    Limits,
    Malformed,
    RecordObservation,
    Resume,
    SetResume,
    TaskState,
    Unregister,
    agents_with_capability,
    changed,
    codec,
    list_agents,
    name_to_id_map,
)
from foldhub_core.directory import NOWHERE, Directory, places_of
from foldhub_core.identity import AgentKind
from tests.core.hub_driver import ADMIN, Hub


def names(hub: Hub, **question: Any) -> list[str]:
    """The names on the first page of a search."""
    return [passport.name for passport in list_agents(hub.state, **question).agents]


def observe(hub: Hub, agent_id: str, capability: str, *, completed: int = 0, failed: int = 0) -> None:
    for outcome in [TaskState.COMPLETED] * completed + [TaskState.FAILED] * failed:
        hub.value(ADMIN, RecordObservation(owner_id=agent_id, capability=capability, outcome=outcome))


class TestWhatIsFound:
    def test_without_a_question_every_agent(self) -> None:
        hub = Hub()
        for name in ("bob", "alice"):
            hub.register(name)
        assert names(hub) == ["alice", "bob"]

    def test_who_claims_the_capability(self) -> None:
        hub = Hub()
        hub.register("alice", resume=Resume(("ask", "tell")))
        hub.register("bob", resume=Resume(("asks",)))
        assert names(hub, capability="ask") == ["alice"]

    def test_who_was_observed_in_the_capability(self) -> None:
        hub = Hub()
        observe(hub, hub.register("alice"), "ask", failed=1)
        assert names(hub, capability="ask") == ["alice"]

    def test_who_claims_it_and_was_observed_in_it_is_found_once(self) -> None:
        hub = Hub()
        observe(hub, hub.register("alice", resume=Resume(("ask", "ask"))), "ask", completed=1)
        assert names(hub, capability="ask") == ["alice"]

    def test_nobody_where_nobody_has_the_capability(self) -> None:
        hub = Hub()
        hub.register("alice", resume=Resume(("ask",)))
        assert names(hub, capability="tell") == []

    def test_nobody_who_does_not_claim_it_any_more(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice", resume=Resume(("ask",)))
        hub.value(ADMIN, SetResume(agent_id=agent_id, resume=Resume()))
        assert names(hub, capability="ask") == []

    def test_who_does_not_claim_it_any_more_and_was_observed_in_it(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice", resume=Resume(("ask",)))
        observe(hub, agent_id, "ask", completed=1)
        hub.value(ADMIN, SetResume(agent_id=agent_id, resume=Resume()))
        assert names(hub, capability="ask") == ["alice"]

    def test_nobody_who_was_unregistered(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice", resume=Resume(("ask",)))
        hub.value(ADMIN, Unregister(agent_id=agent_id))
        assert (names(hub), names(hub, capability="ask")) == ([], [])

    @pytest.mark.parametrize(
        ("kind", "found"),
        [
            (None, ["agent", "human", "nothing said", "remote_agent"]),
            ("agent", ["agent", "nothing said"]),
            ("human", ["human"]),
            ("remote_agent", ["remote_agent"]),
        ],
    )
    def test_agents_of_a_kind_where_nothing_said_is_an_agent(self, kind: str | None, found: list[str]) -> None:
        hub = Hub(remote_agents=True)
        hub.register("nothing said")
        for one in get_args(AgentKind):
            hub.register(one, kind=one)
        assert names(hub, kind=kind) == found

    @pytest.mark.parametrize("query", ["ALI", "lic", "straSSe", "STRASSE", "wonder land", ""])
    def test_whose_name_or_summary_has_the_text_capitals_or_not(self, query: str) -> None:
        hub = Hub()
        hub.register("Alice", resume=Resume(summary="of Wonder Land, 1 Stra\u00dfe"))
        hub.register("bob", resume=Resume(summary="nothing"))
        assert "Alice" in names(hub, query=query)
        assert names(hub, query=query) == (["Alice", "bob"] if not query else ["Alice"])

    def test_only_who_fits_all_of_the_question(self) -> None:
        hub = Hub()
        hub.register("a1", kind="human", resume=Resume(("ask",)))
        hub.register("a2", kind="human")
        hub.register("a3", resume=Resume(("ask",)))
        hub.register("b1", kind="human", resume=Resume(("ask",)))
        assert names(hub, capability="ask", kind="human", query="a") == ["a1"]


class TestOrders:
    def test_by_name_capitals_first(self) -> None:
        hub = Hub()
        for name in ("b", "a", "B", "\u00e5"):
            hub.register(name)
        assert names(hub) == names(hub, sort_by="name") == ["B", "a", "b", "\u00e5"]

    def test_by_cost_in_and_out_together_cheapest_first_unknown_last(self) -> None:
        hub = Hub()
        costs = {
            "free": Cost(0.0, 0.0),
            "only in": Cost(input_per_mtok=2.0),
            "only out": Cost(output_per_mtok=1.0),
            "both": Cost(0.5, 2.5),
            "only a tier": Cost(latency_tier="fast"),
            "none": None,
        }
        for name, cost in costs.items():
            hub.register(name, cost=cost)
        assert names(hub, sort_by="cost") == ["free", "only out", "only in", "both", "none", "only a tier"]

    def test_by_track_record_best_share_first_then_the_most_observed(self) -> None:
        hub = Hub()
        for name, completed, failed in [("half", 1, 1), ("one", 1, 0), ("two", 2, 0), ("never", 0, 1), ("new", 0, 0)]:
            observe(hub, hub.register(name), "ask", completed=completed, failed=failed)
        assert names(hub, sort_by="track_record") == ["two", "one", "half", "never", "new"]

    def test_by_track_record_within_the_capability(self) -> None:
        hub = Hub()
        for name, asked, told in [("asker", 1, 0), ("teller", 0, 3)]:
            agent_id = hub.register(name)
            observe(hub, agent_id, "ask", completed=asked, failed=1 - asked)
            observe(hub, agent_id, "tell", completed=told, failed=3 - told)
        assert names(hub, capability="ask", sort_by="track_record") == ["asker", "teller"]
        assert names(hub, capability="tell", sort_by="track_record") == ["teller", "asker"]
        assert names(hub, sort_by="track_record") == ["teller", "asker"]

    @pytest.mark.parametrize("sort_by", ["cost", "track_record"])
    def test_equals_stand_by_name(self, sort_by: str) -> None:
        hub = Hub()
        for name in ("c", "a", "b"):
            hub.register(name)
        assert names(hub, sort_by=sort_by) == ["a", "b", "c"]


def hub_of(count: int, limits: Limits | None = None) -> Hub:
    hub = Hub(limits)
    for at in range(count):
        hub.register(f"agent {at:03}", kind="human" if at % 10 == 9 else None)
    return hub


class TestPages:
    def test_a_page_has_50_where_nothing_is_said(self) -> None:
        assert len(names(hub_of(51))) == 50

    @pytest.mark.parametrize("count", [3, 5])
    def test_the_last_page_has_no_cursor(self, count: int) -> None:
        assert list_agents(hub_of(count).state, limit=5).cursor is None

    def test_a_page_that_is_full_while_there_are_more_has_a_cursor(self) -> None:
        assert list_agents(hub_of(6).state, limit=5).cursor is not None

    def test_a_page_begins_behind_its_cursor_also_where_that_agent_is_gone(self) -> None:
        hub = hub_of(4)
        page = list_agents(hub.state, limit=2)
        hub.value(ADMIN, Unregister(agent_id=page.agents[-1].agent_id or ""))
        assert names(hub, cursor=page.cursor) == ["agent 002", "agent 003"]

    @pytest.mark.parametrize("limit", [1, 7])
    def test_the_limit_may_be_from_1_to_what_a_page_holds(self, limit: int) -> None:
        assert len(names(hub_of(8, Limits(page_items=7)), limit=limit)) == limit

    @pytest.mark.parametrize("limit", [-1, 0, 8])
    def test_any_other_limit_is_malformed(self, limit: int) -> None:
        with pytest.raises(Malformed, match=f"limit: expected 1 to 7, came {limit}"):
            list_agents(Hub(Limits(page_items=7)).state, limit=limit)

    def test_a_page_looks_at_no_more_than_the_limit_says_and_goes_on_from_there(self) -> None:
        hub = hub_of(30, Limits(scan_items=15))
        first = list_agents(hub.state, kind="human")
        assert [passport.name for passport in first.agents] == ["agent 009"]
        second = list_agents(hub.state, kind="human", cursor=first.cursor)
        assert [passport.name for passport in second.agents] == ["agent 019", "agent 029"]
        assert second.cursor is None

    def test_a_page_may_be_empty_and_still_have_a_cursor(self) -> None:
        page = list_agents(hub_of(30, Limits(scan_items=5)).state, kind="human")
        assert page.agents == ()
        assert page.cursor is not None


def packed(*place: object) -> str:
    return codec.pack(place).hex()


class TestWhatIsMalformed:
    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "zz",
            "0",
            "\u00e5",
            "c1",
            packed(),
            packed("name"),
            packed("name", "id", "more"),
            packed("name", 1),
            packed(1.0, "name", "id"),
            codec.pack("text").hex(),
            codec.pack({"name": "id"}).hex(),
            packed("name", "id") + "00",
        ],
        ids=ascii,
    )
    def test_a_cursor_that_no_page_gave(self, cursor: str) -> None:
        with pytest.raises(Malformed, match="cursor: expected the cursor of a page of the same question"):
            list_agents(hub_of(2).state, cursor=cursor)

    @pytest.mark.parametrize("given", ["name", "cost", "track_record"])
    @pytest.mark.parametrize("asked", ["name", "cost", "track_record"])
    def test_the_cursor_of_another_order(self, given: Any, asked: Any) -> None:
        state = hub_of(2).state
        cursor = list_agents(state, sort_by=given, limit=1).cursor
        if given == asked:
            assert len(list_agents(state, sort_by=asked, cursor=cursor).agents) == 1
        else:
            with pytest.raises(Malformed, match="cursor"):
                list_agents(state, sort_by=asked, cursor=cursor)

    @pytest.mark.parametrize("place", [(float("nan"), "name", "id"), (1, "name", "id")])
    def test_the_cursor_of_a_cost_that_is_none(self, place: tuple[object, ...]) -> None:
        with pytest.raises(Malformed, match="cursor"):
            list_agents(hub_of(2).state, sort_by="cost", cursor=packed(*place))

    @pytest.mark.parametrize("sort_by", ["", "record", "NAME"])
    def test_an_unknown_order(self, sort_by: Any) -> None:
        with pytest.raises(Malformed, match="sort_by: expected name, cost or track_record"):
            list_agents(hub_of(2).state, sort_by=sort_by)

    @pytest.mark.parametrize("kind", ["", "robot", "Human"])
    def test_an_unknown_kind(self, kind: Any) -> None:
        with pytest.raises(Malformed, match="kind: expected agent, human or remote_agent"):
            list_agents(hub_of(2).state, kind=kind)


class TestWholeLists:
    def test_the_ids_with_a_capability_are_sorted(self) -> None:
        hub = Hub()
        ids = [hub.register(name, resume=Resume(("ask",))) for name in ("b", "a", "c")]
        hub.register("d")
        assert agents_with_capability(hub.state, "ask") == tuple(sorted(ids))

    def test_nobody_has_a_capability_nobody_named(self) -> None:
        assert agents_with_capability(hub_of(2).state, "ask") == ()

    def test_every_name_has_its_id_in_the_order_of_names(self) -> None:
        hub = Hub()
        bob, alice = hub.register("bob"), hub.register("alice")
        assert list(name_to_id_map(hub.state).items()) == [("alice", alice), ("bob", bob)]

    def test_an_empty_hub_has_no_names(self) -> None:
        assert name_to_id_map(HubState("demo")) == {}


class TestDirectory:
    def test_moving_to_where_it_stands_gives_the_same_directory(self) -> None:
        state = hub_of(2).state
        directory, entry = state.registry.directory, state.registry.agents["demo:a:a2"]
        places = places_of(entry.passport, entry.resume)
        assert directory.moved(places, places) is directory

    def test_nothing_is_left_of_who_is_gone(self) -> None:
        hub = Hub()
        agent_id = hub.register("alice", resume=Resume(("ask",)))
        entry = hub.state.registry.agents[agent_id]
        places = places_of(entry.passport, entry.resume)
        assert hub.state.registry.directory.moved(places, NOWHERE) == Directory()

    def test_built_at_once_it_is_the_one_that_grew(self) -> None:
        hub = Hub()
        for at in range(5):
            observe(hub, hub.register(f"agent {at}", resume=Resume(("ask",))), "tell", completed=at)
        agents = hub.state.registry.agents.values()
        placed = [places_of(entry.passport, entry.resume) for entry in agents]
        assert Directory.of(placed) == hub.state.registry.directory

    def test_only_a_registered_agent_stands_somewhere(self) -> None:
        hub = Hub()
        hub.register("alice")
        entry = hub.state.registry.agents["demo:a:a2"]
        with pytest.raises(AssertionError, match="only registered agents stand in the directory"):
            places_of(changed(entry.passport, agent_id=None), entry.resume)
