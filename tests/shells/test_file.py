"""A day of a hub from files alone: arrivals in, log and effects out, on the time of the stamps."""

import json
from pathlib import Path

import pytest

from foldhub.file import arrival_data, effect_data, feed, write_arrivals
from foldhub_core import (
    Arrival,
    Attach,
    Command,
    HubConfig,
    HubState,
    Limits,
    Malformed,
    OpenSession,
    Passport,
    Principal,
    Register,
    Reply,
    Resume,
    SetSkill,
    Start,
    TaskSpec,
    changed,
    read_log,
    replay,
    verify,
)
from foldhub_core.commits import CutCommand
from foldhub_core.task_commands import ObserveTask

ADMIN = Principal(admin=True)


def write(path: Path, *arrivals: tuple[int, Command]) -> Path:
    """Write arrivals of the administrator, each at its time."""
    lines = [
        json.dumps(arrival_data(Arrival(principal=ADMIN, command=command, now_ms=now_ms, ref=f"r{number}")))
        for number, (now_ms, command) in enumerate(arrivals)
    ]
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return path


def a_day(path: Path) -> Path:
    """A day on which an invitation runs out between two arrivals."""
    return write(
        path,
        (1, Start()),
        (2, Register(passport=Passport("ann"), resume=Resume(claimed_capabilities=("ask",)))),
        (3, Register(passport=Passport("bob"), resume=Resume())),
        (4, Attach(agent_id="hub:a:a2", link="l")),
        (5, OpenSession(creator_id="hub:a:a2", type="consulting", participants=("hub:a:a3",))),
        (6, ObserveTask(owner_id="hub:a:a2", spec=TaskSpec(title="dig", payload={"deep": [1, 2.5, None]}))),
        (100_000, SetSkill(agent_id="hub:a:a9", skill_md="nobody's")),
    )


def test_a_day_comes_to_its_log_on_the_time_of_its_stamps(tmp_path: Path) -> None:
    config = HubConfig()
    state = feed(config, a_day(tmp_path / "in"), tmp_path / "log", tmp_path / "out")
    log = read_log((tmp_path / "log").read_bytes())
    assert replay(config, log.commits, HubState("hub")) == state
    assert not verify(config, log.commits, HubState("hub"))
    assert [commit.now_ms for commit in log.commits] == [1, 2, 3, 4, 5, 6, 30_005, 100_000]
    effects = [json.loads(line) for line in (tmp_path / "out").read_text(encoding="utf-8").splitlines()]
    assert [one["effect"] for one in effects] == ["Reply"] * 6 + ["Deliver", "Refuse"]
    assert effects[6]["envelope"]["event_data"]["reason"] == "invite_timeout"
    assert effects[7]["error"]["code"] == "not_found"
    assert effects[5]["value"]["spec"]["payload"] == {"deep": [1, 2.5, None]}
    assert [one["seq"] for one in effects] == [1, 2, 3, 4, 5, 6, 8, 8]


def test_a_recorded_day_runs_again_to_the_same_log(tmp_path: Path) -> None:
    feed(HubConfig(), a_day(tmp_path / "in"), tmp_path / "log", tmp_path / "out")
    write_arrivals(read_log((tmp_path / "log").read_bytes()).commits, tmp_path / "again")
    feed(HubConfig(), tmp_path / "again", tmp_path / "log2", tmp_path / "out2")
    assert (tmp_path / "log2").read_bytes() == (tmp_path / "log").read_bytes()


def test_a_command_that_was_cut_cannot_be_fed_again(tmp_path: Path) -> None:
    config = HubConfig(limits=changed(Limits(), refusal_bytes=0))
    feed(config, a_day(tmp_path / "in"), tmp_path / "log", tmp_path / "out")
    commits = read_log((tmp_path / "log").read_bytes()).commits
    assert isinstance(commits[-1].command, CutCommand)
    with pytest.raises(Malformed, match="commit 8"):
        write_arrivals(commits, tmp_path / "again")


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("{", "line 2"),
        ("[]", "line 2"),
        ("{}", "line 2.command"),
        ('{"command": {"kind": "Sing"}, "now_ms": 1}', "line 2.command.kind"),
        ('{"command": {"kind": "Start"}, "now_ms": "1"}', "line 2.arrival"),
        ('{"command": {"kind": "Start"}, "now_ms": 1, "more": 2}', "line 2.arrival"),
        ('{"command": {"kind": "Start", "loud": true}, "now_ms": 1}', "line 2"),
        ('{"command": {"kind": "Start"}, "principal": [], "now_ms": 1}', "line 2.command"),
    ],
)
def test_a_line_that_is_no_arrival_is_named(tmp_path: Path, line: str, where: str) -> None:
    (tmp_path / "in").write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(Malformed) as raised:
        feed(HubConfig(), tmp_path / "in", tmp_path / "log", tmp_path / "out")
    assert raised.value.where.startswith(where)


def test_the_values_of_answers_are_written_as_json() -> None:
    value = (Passport("ann"), ("x", 1), None)
    data = effect_data(Reply("r", value), 3)
    assert json.loads(json.dumps(data))["value"][1:] == [["x", 1], None]
