"""What the scenarios have to show, and in which transcript each is: every part of a workflow, every end, handler and refusal."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import foldhub_core
from foldhub_core import BUILT_IN_EVALUATORS, BUILT_IN_HANDLERS, errors
from foldhub_core.adapters.workflow.conditions import CONDITIONS
from foldhub_core.adapters.workflow.targets import TARGETS
from tests.scenarios.graphs import COOKBOOK, GRAPHS
from tests.scenarios.record import HERE, scenarios

ROOT = HERE.parents[1]
CORE = Path(foldhub_core.__file__).parent

PARTS = {
    "agent": "workflow-star",
    "round_robin": "workflow-goes-back",
    "stay": "workflow-context-routing",
    "revert_to_initiator": "workflow-goes-back",
    "terminate": "workflow-escalation",
    "fan_out": "workflow-redundant",
    "always": "workflow-ends",
    "from_speaker": "workflow-pipeline",
    "tool_called": "workflow-star",
    "context_equals": "workflow-feedback-loop",
    "all_of": "workflow-context-routing",
    "any_of": "workflow-hierarchical",
    "not": "workflow-triage",
}
"""Every target and condition, and a transcript whose graph has it."""

ENDS = {
    "by a rule": ("workflow-pipeline", "sequence_complete"),
    "by the default target": ("workflow-star", "answered"),
    "by a rule without a reason": ("workflow-ends", "workflow_terminated"),
    "by a finish": ("workflow-ends", "finished"),
    "by a finish with a reason": ("workflow-coordinator", "delivered"),
    "by the number of turns": ("workflow-ends", "max_turns"),
    "for want of anybody": ("workflow-ends", "bob no_participants|no_participants"),
    "because too few are left": ("workflow-ends", "bob participant_left"),
    "by its creator": ("workflow-ends", "enough"),
    "in time": ("workflow-ends", "ttl_expired"),
    "by an expectation": ("workflow-silent", "expectation_violated:turn_within"),
    "a consulting, by its reply": ("consulting", "consulting_complete"),
    "a consulting, by an expectation": ("expectation-auto-close", "expectation_violated:reply_within"),
    "a discussion, because too few are left": ("discussion-leaver", "carol participant_left"),
    "by an invitation that nobody answers": ("invite-timeout", "invite_timeout"),
    "by an invitation that is declined": ("invite-declined", "invite_rejected"),
}
"""Every way a session ends, with the transcript and how its last word ends there."""

HANDLERS = {
    "audit": "expectation-audit",
    "warn": "expectation-warn",
    "notify_session": "expectation-notify-session",
    "hide": "expectation-hide",
    "remove": "expectation-remove",
    "auto_close": "expectation-auto-close",
}

EVALUATORS = {
    "acks_within": "expectation-acks",
    "reply_within": "expectation-warn",
    "turn_within": "workflow-silent",
    "max_silence": "expectation-audit",
}

HIDDEN = {"discussion": "discussion-hidden", "workflow": "workflow-hidden"}
"""The protocols with turns, and how each goes on without one who is hidden."""

ROOMS = (
    "access.py",
    "adapters/*.py",
    "adapters/workflow/*.py",
    "authorizing.py",
    "closing.py",
    "delivery.py",
    "evaluators.py",
    "forwarding.py",
    "keys.py",
    "opening.py",
    "posting.py",
    "rule_arbiter.py",
    "sessions.py",
    "step.py",
    "watching.py",
    "working.py",
)
"""The rooms that refuse what is asked of sessions, and of what is done in them."""

PACKETS = "tests/core/test_adapters_workflow_packets.py"
GRAPH = "tests/core/test_adapters_workflow_graph.py"
ELSEWHERE = {
    "expected the administrator for {}, came another principal": (
        "tests/core/test_access.py::test_what_is_the_shells_needs_the_administrator"
    ),
    "expected a name the principal may register, came {}": (
        "tests/core/test_arbiter.py::test_a_registration_is_asked_about_after_the_principals_own_right_and_never_for_a_retry"
    ),
    "expected nothing more: the consulting is already complete": (
        "tests/core/test_adapters_consulting.py::test_the_initiator_asks_and_then_the_respondent_replies"
    ),
    "expected at most {} rules, came {}": (
        f"{GRAPH}::test_a_graph_has_a_bound_of_turns_above_0_and_no_more_rules_than_can_be_tried"
    ),
    "expected one step at least, each of another agent, came {}": f"{GRAPH}::test_a_chain_and_a_round_have_each_agent_once",
    "expected one agent at least, and each once, came {}": f"{GRAPH}::test_a_chain_and_a_round_have_each_agent_once",
    "expected a context of at most {} keys, came {}": f"{PACKETS}::test_what_is_no_packet_is_refused",
    "expected a context of at most {} bytes, came {}": f"{PACKETS}::test_what_is_no_packet_is_refused",
    "expected at most {} characters, came {}": f"{PACKETS}::test_what_is_no_packet_is_refused",
    "expected the name or id of an agent, came {}": (
        "tests/core/test_adapters_workflow_parts.py::test_a_field_that_is_to_name_an_agent_must_be_a_text"
    ),
    "expected Allow or Deny of the hub's arbiter, which {}": "tests/core/test_arbiter.py::test_one_that_does_not_answer_denies",
    "expected 1 to {}, came {}": "tests/core/test_sessions.py::test_a_page_has_at_least_one_session_and_no_more_than_the_limit",
    "expected at most {} bytes, came {}": "tests/core/test_working.py::test_progress_over_the_limits_is_refused",
}
"""Refusals in no transcript, for they are too long for one, or no line of a scenario comes to them: where they are tested."""

CODES = {cls.code for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.NetworkError)}
NOT_OF_A_STEP = {"error", "auth_failed", "compacted"}
"""The codes of the base class, of a shell that checks credentials, and of a store that was asked for what it no longer has."""


def text_of(name: str) -> str:
    return (HERE / f"{name}.txt").read_text(encoding="utf-8")


def opened_in(name: str) -> str:
    """The graphs that are opened in a transcript, as data."""
    return "\n".join(
        json.dumps(GRAPHS[graph].to_json()) for graph in re.findall(r"^> .* graph=([\w-]+)", text_of(name), re.MULTILINE)
    )


REFUSED = [line for path in scenarios() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("refuse ")]


def refusals() -> Iterator[tuple[str, str]]:
    """What the rooms refuse with: where, and the message with a {} for whatever is put into it."""
    kinds = {name for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, errors.NetworkError)}
    for path in sorted({path for room in ROOMS for path in CORE.glob(room)}):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds | {"Deny"}):
                continue
            message = node.args[0] if node.args else None
            if isinstance(message, ast.Constant) and isinstance(message.value, str):
                yield f"{path.name}:{node.lineno}", message.value
            elif isinstance(message, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in message.values]
                yield f"{path.name}:{node.lineno}", "".join(map(str, parts))


def test_every_target_and_condition_has_its_transcript() -> None:
    assert set(PARTS) == {part.name for part in (*TARGETS, *CONDITIONS)}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_in_a_graph_of_its_transcript(part: str) -> None:
    assert f'"name": "{part}"' in opened_in(PARTS[part])


@pytest.mark.parametrize("graph", COOKBOOK)
def test_a_graph_of_the_cookbook_is_drawn_and_goes(graph: str) -> None:
    text = text_of(f"workflow-{graph}")
    assert f"> hub draws {graph}\n" in text
    assert f" graph={graph}" in text
    assert "session.closed" in text


@pytest.mark.parametrize("how", ENDS)
def test_an_end_is_in_its_transcript(how: str) -> None:
    name, said = ENDS[how]
    assert re.search(rf"session\.(closed|expired) ({said})$", text_of(name), re.MULTILINE)


def test_every_handler_and_evaluator_has_its_transcript() -> None:
    assert set(HANDLERS) == {one.name for one in BUILT_IN_HANDLERS}
    assert set(EVALUATORS) == {one.name for one in BUILT_IN_EVALUATORS}


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_answers_in_its_transcript(handler: str) -> None:
    assert re.search(rf"^recorded in hub: .*: {handler}$", text_of(HANDLERS[handler]), re.MULTILINE)


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_an_evaluator_judges_in_its_transcript(evaluator: str) -> None:
    assert re.search(rf"^recorded in hub: \w+ {evaluator}\(", text_of(EVALUATORS[evaluator]), re.MULTILINE)


@pytest.mark.parametrize("protocol", HIDDEN)
def test_one_who_is_hidden_is_passed_over_and_back_in_its_transcript(protocol: str) -> None:
    text = text_of(HIDDEN[protocol])
    assert f" {protocol} with " in text
    assert ["session.hidden" in text, "session.shown" in text, "nobody owes a turn" in text] == [True] * 3


def test_every_code_of_a_refusal_is_in_a_transcript() -> None:
    assert {line.split()[1].rstrip(":") for line in REFUSED} == CODES - NOT_OF_A_STEP


def test_every_refusal_of_the_rooms_is_in_a_transcript_or_tested_elsewhere() -> None:
    missing: list[str] = []
    for where, message in refusals():
        pattern = ".*".join(re.escape(part) for part in message.split("{}"))
        if message not in ELSEWHERE and not any(re.search(pattern, line) for line in REFUSED):
            missing.append(f"{where} {message}")
    assert missing == []


@pytest.mark.parametrize("message", ELSEWHERE)
def test_a_refusal_in_no_transcript_is_one_and_has_its_test(message: str) -> None:
    assert message in [one for _, one in refusals()]
    file, _, test = ELSEWHERE[message].partition("::")
    assert re.search(rf"^ *def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
