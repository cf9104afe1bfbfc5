"""A round: which of an agent's tool calls leads a workflow on, and the packet that comes of it."""

import pytest

from foldhub_core import Finish, Handoff, Malformed, Round, ToolCall, round_packet

NAMES = {"alice": "demo:a:a1", "bob": "demo:a:a2", "demo:a:a1": "demo:a:a3"}
"""Somebody goes by a name that is another's id."""
TOOLS = frozenset({"refund", "escalate"})
LONG = "x" * 2_000


def packet(*calls: ToolCall, body: str = "so") -> object:
    return round_packet(Round(body, calls), TOOLS, NAMES)


def routed(*calls: ToolCall) -> object:
    made = packet(*calls)
    assert isinstance(made, dict)
    assert made["body"] == "so"
    return made["routing"]


@pytest.mark.parametrize(
    ("call", "routing"),
    [
        (ToolCall("done", result=Finish("all well", "resolved")),
         {"kind": "finish", "tool": "done", "reason": "resolved", "summary": "all well"}),
        (ToolCall("done", result=Finish()), {"kind": "finish", "tool": "done", "reason": "finished"}),
        (ToolCall("done", result=Finish(reason=LONG)), {"kind": "finish", "tool": "done", "reason": LONG[:1024]}),
        (ToolCall("give", result=Handoff("bob", "he knows")),
         {"kind": "handoff", "tool": "give", "reason": "he knows", "target": "demo:a:a2"}),
        (ToolCall("give", result=Handoff("demo:a:a2")), {"kind": "handoff", "tool": "give", "target": "demo:a:a2"}),
        (ToolCall("give", result=Handoff("demo:a:a1")), {"kind": "handoff", "tool": "give", "target": "demo:a:a1"}),
        (ToolCall("give", result=Handoff("zoe")), {"kind": "handoff", "tool": "give", "target": "zoe"}),
        (ToolCall("give", result=Handoff("bob", LONG)),
         {"kind": "handoff", "tool": "give", "reason": LONG[:1024], "target": "demo:a:a2"}),
        (ToolCall("refund", {"reason": "broken", "sum": 5}), {"kind": "handoff", "tool": "refund", "reason": "broken"}),
        (ToolCall("refund", {"reason": LONG}), {"kind": "handoff", "tool": "refund", "reason": LONG[:1024]}),
        (ToolCall("refund", {"reason": 5}), {"kind": "handoff", "tool": "refund"}),
        (ToolCall("refund"), {"kind": "handoff", "tool": "refund"}),
        (ToolCall("refund", {"reason": "no"}, Handoff("bob", "yes")),
         {"kind": "handoff", "tool": "refund", "reason": "yes", "target": "demo:a:a2"}),
        (ToolCall("look_up", {"reason": "curious"}), {"kind": "text"}),
    ],
)  # fmt: skip
def test_a_call_leads_on(call: ToolCall, routing: dict[str, str]) -> None:
    assert routed(call) == routing


def test_the_first_call_that_leads_on_counts() -> None:
    calls = (ToolCall("look_up"), ToolCall("escalate"), ToolCall("give", result=Handoff("bob")), ToolCall("x", result=Finish()))
    assert routed(*calls) == {"kind": "handoff", "tool": "escalate"}


def test_a_round_without_a_call_is_a_text() -> None:
    assert packet() == {"body": "so", "routing": {"kind": "text"}}


@pytest.mark.parametrize("calls", [(), (ToolCall("look_up"),)])
def test_a_round_that_says_nothing_and_leads_nowhere_is_no_packet(calls: tuple[ToolCall, ...]) -> None:
    assert packet(*calls, body="") is None


def test_a_round_that_only_leads_on_has_no_body() -> None:
    assert packet(ToolCall("refund"), body="") == {"routing": {"kind": "handoff", "tool": "refund"}}


def test_a_tools_result_is_a_handoff_a_finish_or_nothing() -> None:
    with pytest.raises(Malformed):
        ToolCall("give", result="bob")  # type: ignore[arg-type]
