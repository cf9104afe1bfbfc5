"""docs/wire.md says what the wire is: every frame in hex, every record and limit, who may ask what, and a program that runs."""

import inspect
import re
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import attrs
import pytest

import foldhub_core
from foldhub_core import HubConfig, SessionState, TaskState, encode
from foldhub_core.errors import ERRORS
from foldhub_core.questions import LogQuestion, Question
from foldhub_core.rights import SCOPES
from foldhub_core.tags import TAGS
from foldhub_core.wire import frames
from foldhub_core.wire.answers import ANSWERS, write_answer
from foldhub_core.wire.client import FOR_GOOD, ClientEnd
from foldhub_core.wire.frame_bytes import read_frame, write_frame
from foldhub_core.wire.frames import Frame, Sent
from foldhub_core.wire.framing import framed
from foldhub_core.wire.limits import WireLimits
from foldhub_core.wire.rights import CARRIED
from foldhub_core.wire.server import HubEnd
from tests.core.record_kinds import fields_of

TEXT = (Path(__file__).parents[1] / "docs" / "wire.md").read_text(encoding="utf-8")
EXAMPLES: list[tuple[str, str]] = re.findall(r"^```wire\n(.*)\n((?:[0-9a-f ]+\n)+)```$", TEXT, re.MULTILINE)
SCOPE = {
    **{name: getattr(foldhub_core, name) for name in foldhub_core.__all__},
    **{frame.__name__: frame for frame in (*get_args(Frame), Sent)},
    "encode": encode,
    "write_answer": write_answer,
    "CONFIG": HubConfig(),
}
FRAMES: list[type] = [*get_args(Frame), Sent]
QUESTIONS: tuple[type, ...] = get_args(Question | LogQuestion)


def written(declared: Any) -> str:
    """A declared type as the document writes it."""
    if declared is NoneType:
        return "None"
    text = re.sub(r"(\w+\.)+(?=\w)", "", inspect.formatannotation(declared))
    return re.sub(r"^Optional\[(.*)\]$", r"\1 | None", text).replace("|", r"\|")


def reached(*roots: Any) -> list[type]:
    """Every record that a value of these declared types can hold."""
    found: dict[type, None] = {}

    def walk(declared: Any) -> None:
        if isinstance(declared, type) and attrs.has(declared) and declared not in found:
            found[declared] = None
            for field in fields_of(declared):
                walk(field.type)
        for part in get_args(declared):
            walk(part)

    for root in roots:
        walk(root)
    return list(found)


def record_rows(classes: list[type]) -> list[str]:
    ordered = sorted(classes, key=lambda cls: (TAGS.get(cls, 0), cls.__name__))
    return [
        f"| {TAGS.get(cls, 0)} | `{cls.__name__}` | "
        + (", ".join([f"`{field.name}: {written(field.type)}`" for field in fields_of(cls)]) or "none")
        + " |"
        for cls in ordered
    ]


def request_rows(scopes: Any) -> list[str]:
    return [
        f"| {TAGS[cls]} | `{cls.__name__}` | {scope} | {f'`{field}`' if field else 'nothing'} | `{written(ANSWERS[cls])}` |"
        for cls, (scope, field) in scopes.items()
    ]


def check_table(title: str, rows: list[str]) -> None:
    """Somewhere stands a table with this title and exactly these rows."""
    tables: list[list[str]] = [
        table.splitlines()[2:] for table in re.findall(rf"^{re.escape(title)}\n(?:\|.*\n)+", TEXT, re.MULTILINE)
    ]
    assert rows in tables, "expected this table:\n" + "\n".join([title, *rows])


# --- bytes


@pytest.mark.parametrize(("frame", "data"), EXAMPLES)
def test_a_frame_is_the_bytes_that_stand_there(frame: str, data: str) -> None:
    said: Any = eval(frame, SCOPE)
    assert framed(write_frame(said)).hex() == "".join(data.split())
    assert read_frame(bytes.fromhex("".join(data.split()))[4:]) == said


def test_every_frame_stands_there_in_bytes() -> None:
    shown = {frame.partition("(")[0] for frame, _ in EXAMPLES}
    assert shown == {frame.__name__ for frame in get_args(Frame)}


# --- tables


def test_frames_and_records_stand_there_with_their_fields() -> None:
    title = "| tag | record | fields, in their order |"
    rest = set(reached(*FRAMES, *CARRIED, *QUESTIONS, *ANSWERS.values())) - {*FRAMES, *CARRIED, *QUESTIONS}
    for classes in (FRAMES, list(CARRIED), list(QUESTIONS), list(rest)):
        check_table(title, record_rows(classes))


def test_requests_stand_there_with_who_may_ask_and_what_is_answered() -> None:
    title = "| tag | request | scope | names it by | answered with |"
    check_table(title, request_rows(CARRIED))
    check_table(title, request_rows(SCOPES))


def test_limits_stand_there_with_their_defaults() -> None:
    said: list[tuple[str, str]] = re.findall(
        r"^    (\w+): int = [\d_]+\n    \"\"\"(.*?)\"\"\"", inspect.getsource(WireLimits), re.M | re.S
    )
    meanings = dict(said)
    rows = [f"| `{field.name}` | {field.default} | {' '.join(meanings[field.name].split())} |" for field in fields_of(WireLimits)]
    check_table("| limit | default | meaning |", rows)


def test_errors_stand_there_with_their_codes() -> None:
    check_table("| code | error |", [f"| `{error.code}` | `{error.__name__}` |" for error in ERRORS])


def test_what_each_end_takes_stands_there() -> None:
    rows: dict[tuple[str, str], list[str]] = {("hub", "opening"): [], ("hub", "checking"): [], ("hub", "open"): []}
    for end, table in (("hub", HubEnd._HANDLED), ("client", ClientEnd._HANDLED)):
        for state, frame in table:
            rows.setdefault((end, state), []).append(f"`{frame.__name__}`")
    check_table(
        "| end | state | frames |", [f"| {end} | {at} | {', '.join(found) or 'none'} |" for (end, at), found in rows.items()]
    )


def test_words_that_states_are_written_as_stand_there() -> None:
    for states in (SessionState, TaskState):
        *most, last = [f"`{state.value}`" for state in states]
        assert f"`{states.__name__}` is {', '.join(most)} or {last}" in " ".join(TEXT.split())


def test_codes_after_which_a_client_does_not_come_back_stand_there() -> None:
    (said,) = re.findall(r"After a goodbye with (.*?) a client does not", TEXT, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", said)) == FOR_GOOD
    assert {error.code for error in ERRORS} >= FOR_GOOD


def test_the_version_stands_there() -> None:
    assert f"Hello(version={frames.VERSION}," in TEXT


# --- programs


def test_programs_run() -> None:
    programs: list[str] = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert programs
    for program in programs:
        exec(compile(program, "wire.md", "exec"), {"__name__": "wire_md"})
