"""docs/from-ag2.md is complete and true: every line is there, and names tests that exist or says why it is left out."""

import re
from pathlib import Path

import pytest

import foldhub

ROOT = Path(__file__).parents[1]
LINES = [
    *[*map(str, range(1, 15)), "14a", *map(str, range(15, 21)), "t1", "t2", "t3", "t4", *"abcdefg"],
    *[f"k{at}" for at in range(1, 7)],
    *[f"m{at}" for at in range(1, 19)],
    *[f"u{at}" for at in range(1, 7)],
]
HUB_NAMES = [
    "hydrate",
    "start",
    "close",
    "expire_due",
    "register_sweeper",
    "unregister_sweeper",
    "register_adapter",
    "register_listener",
    "unregister_listener",
    "report_turn_failure",
    "fire_task_event",
    "audit_log",
    "replace_audit_log",
    "register_arbiter",
    "arbiter",
    "register_remote_proxy",
    "unregister_remote_proxy",
    "remote_proxy_for",
    "health",
    "on_envelope_posted",
    "on_envelope_rejected",
    "on_dispatch_failed",
    "on_channel_event",
    "on_agent_event",
    "on_expectation_fired",
    "on_turn_failed",
    "on_task_event",
    "on_inbox_pressure",
    "register_expectation_evaluator",
    "register_violation_handler",
    "register",
    "unregister",
    "name_for",
    "get_agent",
    "get_resume",
    "find_agent_id",
    "name_to_id_map",
    "get_rule",
    "get_skill",
    "list_agents",
    "set_resume",
    "set_skill",
    "set_rule",
    "record_observation",
    "agents_with_capability",
    "create_session",
    "close_session",
    "get_session",
    "can_send",
    "default_view_policy",
    "adapter_for",
    "adapter_state",
    "list_sessions",
    "read_wal",
    "observe_task",
    "get_task",
    "update_task",
    "list_tasks",
    "checkpoint_task",
    "read_task_checkpoint",
    "post_envelope",
    "attach_endpoint",
    "bind_endpoint",
    "pending_turns_for",
    "inbox_cursor",
    "find_envelope_by_causation",
]


def rows() -> dict[str, str]:
    """What stands in the right column, by line."""
    text = (ROOT / "docs" / "from-ag2.md").read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[2] for row in cells if len(row) == 3 and row[0] != "line"}


def names() -> dict[str, str]:
    """What stands in the right column of the tables of names, by each name on the left."""
    text = (ROOT / "docs" / "from-ag2.md").read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return {name: row[1] for row in cells if len(row) == 2 for name in re.findall(r"`([\w.]+)`", row[0])}


def test_every_line_is_there_once_and_in_order() -> None:
    assert list(rows()) == LINES


@pytest.mark.parametrize("line", LINES)
def test_a_line_names_a_test_that_exists_or_says_why_it_is_left_out(line: str) -> None:
    here = rows()[line]
    tests = re.findall(r"`([\w/]+\.py)::(\w+)`", here)
    assert tests or re.match(r"left out: \w+", here)
    for file, test in tests:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_weak_point_that_is_tested_is_in_the_table() -> None:
    files = [ROOT / "tests" / floor / "test_weak_points.py" for floor in ("core", "shells")]
    source = "".join([file.read_text(encoding="utf-8") for file in files])
    named = {test for here in rows().values() for test in re.findall(r"test_weak_points\.py::(\w+)`", here)}
    assert set(re.findall(r"^(?:async )?def (test_\w+)\(", source, re.MULTILINE)) == named


def test_every_name_of_the_hub_has_its_row() -> None:
    assert sorted(set(HUB_NAMES) - names().keys()) == []


@pytest.mark.parametrize("name", names())
def test_a_name_has_a_counterpart_that_exists_or_a_sentence(name: str) -> None:
    here = names()[name]
    counterparts = re.findall(r"`([A-Z]\w+)(?:\.(\w+))?(?:\(.*?\))?`", here)
    assert counterparts or here.startswith("none: ")
    for owner, attribute in counterparts:
        assert hasattr(foldhub, owner), f"foldhub exports no {owner}"
        assert not attribute or hasattr(getattr(foldhub, owner), attribute), f"{owner} has no {attribute}"
