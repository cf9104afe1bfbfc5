"""docs/protocols.md shows what the code does: its programs run, and its picture is the one the code draws."""

import re
from pathlib import Path
from typing import Any

import pytest

from foldhub_core import (
    BUILT_IN_EVALUATORS,
    BUILT_IN_HANDLERS,
    EV_TEXT,
    Envelope,
    Expectation,
    HubConfig,
    Post,
    Transition,
    WorkflowAdapter,
    WorkflowGraph,
)
from foldhub_core.config import BUILT_IN
from tests.core.session_driver import Talks
from tests.core.workflow_driver import Flow

DOCUMENT = Path(__file__).parents[1] / "docs" / "protocols.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(name="scope", scope="module")
def _scope() -> dict[str, Any]:
    """The names of the document's programs, run one after the other."""
    scope: dict[str, Any] = {"__name__": "protocols_md"}
    for program in blocks("python"):
        exec(compile(program, str(DOCUMENT), "exec"), scope)
    return scope


def test_the_picture_is_what_the_code_draws(scope: dict[str, Any]) -> None:
    (picture,) = blocks("mermaid")
    assert picture == scope["graph"].mermaid()


def test_the_programs_import_from_the_core_only_and_are_short() -> None:
    for program in blocks("python"):
        modules = re.findall(r"^(?:from|import) (\w+)", program, re.MULTILINE)
        assert set(modules) <= {"attrs", "foldhub_core"}
        assert len(program.splitlines()) < 40


def test_all_protocols_that_come_with_the_hub_are_there() -> None:
    rows = re.findall(r"^\| `(\w+)` \| two", TEXT, re.MULTILINE)
    assert rows == [adapter.manifest.type for adapter in BUILT_IN]


def test_the_links_lead_somewhere() -> None:
    headings = {heading.lower().replace(" ", "-").replace("'", "") for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= headings


def test_the_graph_goes_as_it_is_told(scope: dict[str, Any]) -> None:
    flow = Flow(scope["graph"], "intake", "stock", "credit", "desk")
    assert flow.sends("intake", set={"tier": "gold"}).owing == ["stock", "credit"]
    assert flow.says("credit", "stock").owing == ["desk"]
    assert flow.says("desk").ending == "shipped"


def test_the_condition_and_the_target_work(scope: dict[str, Any]) -> None:
    own = WorkflowAdapter(conditions=[scope["SaidMoreThan"]], targets=[scope["LeastOften"]])
    rules = [Transition(scope["SaidMoreThan"](1), scope["LeastOften"](("bob", "carol")))]
    flow = Flow(WorkflowGraph("alice", rules), adapter=own, context={"turns_of_bob": 2})
    flow.post("alice", EV_TEXT, {"text": "two words"})
    assert flow.owing == ["carol"]
    assert isinstance(scope["config"], HubConfig)


def test_the_adapter_counts_a_ballot(scope: dict[str, Any]) -> None:
    hub = Talks("alice", "bob", adapters=[scope["BallotAdapter"]()])
    session_id = hub.opened("alice", "bob", type="ballot")
    hub.say("alice", session_id, "tea")
    assert hub.unsaid("alice", session_id, "tea") == "protocol_error"
    hub.say("bob", session_id, "tea")
    assert hub.end(session_id) == {"reason": "counted"}
    counted = hub.words(session_id)[-2]
    assert isinstance(counted, Envelope)
    assert (counted.event_type, counted.event_data) == ("ballot.counted", {"winner": "tea"})


def test_the_arbiter_keeps_its_hours(scope: dict[str, Any]) -> None:
    hub = Talks("alice", "team-bob", arbiter=scope["OfficeHours"]())
    session_id = hub.opened("alice", "team-bob", type="conversation")
    assert hub.unsaid("alice", session_id, "at midnight") == "access_denied"
    post = Post(envelope=Envelope(session_id, hub.ids["alice"], EV_TEXT, {"text": "good morning"}, audience=("team",)))
    said = hub.value(hub.who("alice"), post, 9 * 3_600_000)
    assert said.audience == (hub.ids["team-bob"],)


def test_the_evaluator_and_the_handler_work(scope: dict[str, Any]) -> None:
    evaluators = (*BUILT_IN_EVALUATORS, scope["GreetingWithin"]())
    handlers = (*BUILT_IN_HANDLERS, scope["CallForHelp"]())
    hub = Talks("alice", "bob", evaluators=evaluators, handlers=handlers)
    greeting = Expectation("greeting_within", "call_for_help", {"seconds": 60})
    session_id = hub.opened("alice", "bob", type="conversation", expectations=(greeting,))
    hub.tick_until_rest(hub.now_ms + 60_000)
    said = hub.words(session_id)[-1]
    assert (said.event_type, said.audience) == ("help.wanted", (hub.ids["alice"],))
