"""docs/core.md says what the code is: every exported name once, with its fields, values and codes, and programs that run.

An entry of the document is a heading (``### `Name` ``) or a row of a table whose first column is one of `ENTRY_COLUMNS`. A
table of `field`, `value` or `member` rows belongs to the heading above it. Types and defaults stand there as they are written
in the code: they are evaluated where the class is defined, and compared with what the class holds.
"""

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import FunctionType, UnionType
from typing import Any, Literal, NamedTuple, get_args

import attrs
import immutables
import pytest

import foldhub_core
from foldhub_core import (
    AnswerInvite,
    Arrival,
    CheckpointTask,
    CloseSession,
    EndTask,
    Envelope,
    HubConfig,
    HubState,
    Leave,
    NetworkError,
    ObserveTask,
    OpenSession,
    Passport,
    Principal,
    RecordObservation,
    Register,
    RequestCancel,
    Resume,
    Rule,
    SetResume,
    SetRule,
    SetSkill,
    Start,
    TaskSpec,
    TaskState,
    Tick,
    Unregister,
    UpdateTask,
    changed,
    step,
)
from foldhub_core.audit_readings import KINDS
from foldhub_core.commands import SHELL_COMMANDS
from tests.core.recorded_hub import whole_story

DOCUMENT = Path(__file__).parents[1] / "docs" / "core.md"
ENTRY_COLUMNS = {"function", "question", "error", "event type", "constant", "union"}
PLAIN_TYPES = {
    "Any",
    "None",
    "bool",
    "bytes",
    "dict",
    "float",
    "int",
    "object",
    "str",
    "tuple",
    "type",
    "Literal",
    "Mapping",
    "Value",
}
PLAIN_DEFAULTS = (str, int, float, bytes, tuple, type(None))
STATE_SLICES = {"Agenda", "Keys", "Links", "Mailboxes", "Rates", "RefusalCount", "Registry", "Sessions", "Tasks"}

# Any, here and below: the names of the door hold values of every kind, and this module is about telling the kinds apart.
EXPORTED: dict[str, Any] = {name: getattr(foldhub_core, name) for name in foldhub_core.__all__}
CLASSES: dict[str, Any] = {name: value for name, value in EXPORTED.items() if isinstance(value, type)}
ATTRS: dict[str, Any] = {name: cls for name, cls in CLASSES.items() if attrs.has(cls)}
ENUMS: dict[str, Any] = {name: cls for name, cls in CLASSES.items() if issubclass(cls, Enum)}
ERRORS: dict[str, Any] = {name: cls for name, cls in CLASSES.items() if issubclass(cls, NetworkError)}
OTHER_CLASSES = {name: cls for name, cls in CLASSES.items() if name not in ATTRS | ENUMS | ERRORS}
FUNCTIONS = {name: value for name, value in EXPORTED.items() if isinstance(value, FunctionType)}
UNIONS = {name: value for name, value in EXPORTED.items() if isinstance(value, UnionType)}
CONSTANTS = {name: value for name, value in EXPORTED.items() if name not in CLASSES | FUNCTIONS | UNIONS}
COMMANDS: tuple[Any, ...] = get_args(foldhub_core.Command)


class Row(NamedTuple):
    """A row of a table: the first column's title, and the cells by title."""

    column: str
    cells: dict[str, str]

    @property
    def first(self) -> str:
        """What the row is about, without the code marks."""
        return self.cells[self.column].strip("`")


class Entry(NamedTuple):
    """What stands in the document of one name."""

    name: str
    text: str
    rows: list[Row]

    def said(self, label: str) -> str:
        """The line that begins with this label."""
        found: list[str] = re.findall(rf"^{label}: (.+)$", self.text, re.MULTILINE)
        assert len(found) == 1, f"{self.name}: expected one line that begins with '{label}: '"
        return found[0]

    def rows_of(self, column: str) -> list[Row]:
        return [row for row in self.rows if row.column == column]


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def _rows(text: str) -> Iterator[Row]:
    titles: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            titles = []
        elif not titles:
            titles = _cells(line)
        elif not set(line) <= set("|-: "):
            cells = _cells(line)
            assert len(cells) == len(titles), f"expected the cells {titles}, came {line}"
            assert all(cells), f"an empty cell: {line}"
            yield Row(titles[0], dict(zip(titles, cells, strict=True)))


def read_entries(text: str) -> list[Entry]:
    """All entries of a document, in its order."""
    found: list[Entry] = []
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for part in re.split(r"^(?=#{1,6} )", text, flags=re.MULTILINE):
        heading = re.match(r"### `(\w+)`$", part, re.MULTILINE)
        rows = list(_rows(part))
        if heading:
            found.append(Entry(heading[1], part, rows))
        for row in rows:
            if row.column in ENTRY_COLUMNS:
                found.append(Entry(row.first.partition("(")[0], part, [row]))
    return found


def fields_of(cls: Any) -> list[Any]:
    """The fields of a class that are for everybody."""
    return [field for field in attrs.fields(cls) if not field.name.startswith("_")]


def skeleton(name: str) -> str:
    """What to write for a name that is missing: a heading with its table, or a row."""
    if name in ATTRS:
        rows = [f"| `{field.name}` | `{_written(field.type)}` | {_default(field)} | ? |" for field in fields_of(ATTRS[name])]
        table = ["", "| field | type | default | meaning |", "|---|---|---|---|", *rows] if rows else []
        return "\n".join([f"### `{name}`", "", "?", *table, ""])
    if name in CLASSES and name not in ERRORS:
        return f"### `{name}`\n\n?\n"
    return f"| `{call_of(name, FUNCTIONS[name]) if name in FUNCTIONS else name}` | ? |"


def _written(declared: object) -> str:
    text = re.sub(r"(\w+\.)+(?=\w)", "", inspect.formatannotation(declared))
    for name, union in sorted(UNIONS.items(), key=lambda item: -len(get_args(item[1]))):
        text = text.replace(" | ".join(part.__name__ for part in get_args(union)), name)
    return text.replace("|", r"\|")


def _default(field: Any) -> str:
    value = field.default
    if value is attrs.NOTHING:
        return "required"
    if isinstance(value, Enum):
        return f"`{type(value).__name__}.{value.name}`"
    empty = attrs.has(type(value)) or isinstance(value, dict | immutables.Map)
    return f"`{type(value).__name__}()`" if empty else f"`{value!r}`"


class _Shown(str):
    """A default that is no plain value, as it is shown."""

    __slots__ = ()
    __repr__ = str.__str__


def _shown_default(default: object) -> object:
    return default if default is inspect.Parameter.empty or isinstance(default, PLAIN_DEFAULTS) else _Shown("...")


def call_of(name: str, function: Any) -> str:
    """A function as it is called: its parameters with their defaults, without types and without `self`."""
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty, default=_shown_default(parameter.default))
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name not in ("self", "cls")
    ]
    return f"{name}{inspect.Signature(bare)}"


TEXT = DOCUMENT.read_text(encoding="utf-8")
ENTRIES = read_entries(TEXT)
BY_NAME = {entry.name: entry for entry in ENTRIES}


def entry_of(name: str) -> Entry:
    assert name in BY_NAME, f"docs/core.md says nothing of {name}; it could begin with:\n\n{skeleton(name)}"
    return BY_NAME[name]


# --- names


def test_every_exported_name_has_an_entry() -> None:
    missing = sorted(set(EXPORTED) - set(BY_NAME))
    begun = "\n".join(skeleton(name) for name in missing)
    assert not missing, f"exported and not documented: {', '.join(missing)}; they could begin with:\n\n{begun}"


def test_every_entry_is_there_once() -> None:
    twice = [name for name, count in Counter(entry.name for entry in ENTRIES).items() if count > 1]
    assert not twice, f"documented twice: {', '.join(twice)}"


def test_every_entry_is_of_an_exported_name() -> None:
    unknown = sorted(set(BY_NAME) - set(EXPORTED))
    assert not unknown, f"documented and not exported: {', '.join(unknown)}"


def test_kinds_of_names_are_told_apart() -> None:
    kinds = (ATTRS, ENUMS, ERRORS, OTHER_CLASSES, FUNCTIONS, UNIONS, CONSTANTS)
    assert sum(len(kind) for kind in kinds) == len(EXPORTED)
    assert all(isinstance(value, str | int | tuple) for value in CONSTANTS.values())


# --- classes


@pytest.mark.parametrize("name", ATTRS)
def test_fields(name: str) -> None:
    cls, rows = ATTRS[name], entry_of(name).rows_of("field")
    fields = fields_of(cls)
    assert [row.first for row in rows] == [field.name for field in fields], f"the fields of {name}:\n\n{skeleton(name)}"
    scope = EXPORTED | {"Literal": Literal} | vars(inspect.getmodule(cls))
    for row, field in zip(rows, fields, strict=True):
        where = f"{name}.{field.name}"
        written = row.cells["type"].strip("`")
        named = {node.id for node in ast.walk(ast.parse(written)) if isinstance(node, ast.Name)}
        known = PLAIN_TYPES | set(EXPORTED) | (STATE_SLICES if cls is HubState else set())
        assert named <= known, f"{where}: a reader does not know {named - known}"
        assert eval(written, scope.copy()) == field.type, f"{where}: expected the type {_written(field.type)}"
        if field.default is attrs.NOTHING:
            assert row.cells["default"] == "required", f"{where} has no default"
        else:
            default = eval(row.cells["default"].strip("`"), scope.copy())
            same = type(default) is type(field.default) and default == field.default
            assert same, f"{where}: expected the default {field.default!r}"


@pytest.mark.parametrize("name", ENUMS)
def test_values_of_enums(name: str) -> None:
    rows = entry_of(name).rows_of("value")
    written = [(row.cells["name"].strip("`"), row.first) for row in rows]
    assert written == [(member.name, member.value) for member in ENUMS[name]]


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in ERRORS | ENUMS])
def test_members(name: str) -> None:
    cls = CLASSES[name]
    expected = [
        call_of(member, value) if isinstance(value, FunctionType) else member
        for member, value in vars(cls).items()
        if isinstance(value, FunctionType | property) and not member.startswith("_") and not issubclass(cls, dict)
        if not any(hasattr(base, member) for base in cls.__bases__)
    ]
    if name not in ATTRS:
        expected += inspect.get_annotations(cls)
    assert sorted(row.first for row in entry_of(name).rows_of("member")) == sorted(expected)


@pytest.mark.parametrize("name", OTHER_CLASSES)
def test_constructors(name: str) -> None:
    cls = OTHER_CLASSES[name]
    call = f"{name}()" if cls.__init__ is vars(object)["__init__"] else call_of(name, cls.__init__)
    if inspect.isabstract(cls):
        call = f"{name}[S]" if hasattr(cls, "__parameters__") else name
    assert f"`{call}`" in entry_of(name).text, f"expected to be shown how {call} is called"


# --- rows


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    (row,) = entry_of(name).rows_of("error")
    bases = ", ".join(f"`{base.__name__}`" for base in ERRORS[name].__bases__)
    assert (row.cells["code"], row.cells["is a"]) == (f"`{ERRORS[name].code}`", bases)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    (row,) = entry_of(name).rows
    assert row.first == call_of(name, FUNCTIONS[name])
    costs = re.findall(r"O\([a-z ]+\)", FUNCTIONS[name].__doc__ or "")
    assert all(cost in " ".join(row.cells.values()) for cost in costs), f"{name} costs {costs}"


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants(name: str) -> None:
    (row,) = entry_of(name).rows
    written = row.cells["value"].strip("`")
    value = CONSTANTS[name]
    assert (written if isinstance(value, str) else eval(written, dict(EXPORTED))) == value


@pytest.mark.parametrize("name", UNIONS)
def test_unions(name: str) -> None:
    (row,) = entry_of(name).rows
    parts: list[str] = re.findall(r"`(\w+)`", row.cells["is one of"])
    members = [member for part in parts for member in (get_args(EXPORTED[part]) or (EXPORTED[part],))]
    assert members == list(get_args(UNIONS[name]))


# --- commands


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_commands_say_who_asks_and_what_is_answered(command: Any) -> None:
    entry = entry_of(command.__name__)
    who = entry.said("Who may ask")
    assert ("administrator only" in who) == (command in SHELL_COMMANDS)
    if command.acting and command not in SHELL_COMMANDS:
        assert f"`{command.acting}`" in who
    assert entry.said("Answered with")
    codes = set(re.findall(r"`(\w+)` (?:where|when|for)", entry.said("Refused with")))
    assert codes, "expected codes, each with the case it is for"
    assert codes <= {error.code for error in ERRORS.values()}, "a code that no error has"


def test_event_types_say_what_they_carry() -> None:
    """The events a small hub records carry, the first time, exactly the data that is written down for them."""
    recorded: dict[str, list[str]] = {}
    for event in said_by_the_hub():
        recorded.setdefault(event.event_type, list(event.event_data))
    rows = [row for entry in ENTRIES for row in entry.rows if row.column == "event type"]
    written = {row.cells["value"].strip("`"): re.findall(r"`(\w+)`", row.cells["event_data"]) for row in rows}
    assert len(recorded) == 18
    assert {event_type: written[event_type] for event_type in recorded} == recorded


def test_kinds_of_audit_records_say_what_they_carry() -> None:
    """The kinds stand there each once; what a long story tells of carries the data that is written down for it."""
    rows = {row.first: row.cells["`data`"] for row in entry_of("AuditRecord").rows if row.column == "kind"}
    assert set(rows) == KINDS
    for record in foldhub_core.audit(whole_story().commits):
        written = rows[record.kind]
        names, of_some = [re.findall(r"`(\w+)`", part) for part in (written + ", and ").split(", and ", 1)]
        assert set(names) <= set(record.data), record
        assert "what else" in written or set(record.data) <= {*names, *of_some}, record


def said_by_the_hub() -> Iterator[Envelope]:
    config, state, admin = HubConfig(), HubState("demo"), Principal(admin=True)
    agent_id, other_id, task_id = "demo:a:a2", "demo:a:a7", "demo:t:b18"
    conversation = OpenSession(creator_id=agent_id, type="conversation", participants=(other_id,))
    commands: list[foldhub_core.Command] = [
        Start(),
        Register(passport=Passport(name="alice"), resume=Resume()),
        SetResume(agent_id=agent_id, resume=Resume(summary="new")),
        SetRule(agent_id=agent_id, rule=Rule(limits=foldhub_core.RuleLimits(delegation_depth=1))),
        SetSkill(agent_id=agent_id, skill_md="new"),
        RecordObservation(owner_id=agent_id, capability="ask", outcome=TaskState.COMPLETED),
        Register(passport=Passport(name="bob"), resume=Resume()),
        conversation,
        AnswerInvite(session_id="demo:s:a8", agent_id=other_id, accept=True),
        CloseSession(session_id="demo:s:a8"),
        conversation,
        AnswerInvite(session_id="demo:s:b11", agent_id=other_id, accept=True),
        Leave(session_id="demo:s:b11", agent_id=other_id),
        changed(conversation, ttl=1),
        Tick(),
        conversation,
        AnswerInvite(session_id="demo:s:b16", agent_id=other_id, accept=True),
        ObserveTask(owner_id=agent_id, spec=TaskSpec("Ask."), session_id="demo:s:b16"),
        UpdateTask(task_id=task_id, agent_id=agent_id, progress={"done": 1}),
        CheckpointTask(task_id=task_id, agent_id=agent_id, data={}),
        RequestCancel(task_id=task_id, agent_id=other_id),
        EndTask(task_id=task_id, agent_id=agent_id, outcome=TaskState.CANCELLED),
        Unregister(agent_id=agent_id),
    ]
    for at, command in enumerate(commands, start=1):
        result = step(config, state, Arrival(principal=admin, command=command, now_ms=at * 1000))
        assert result.commit is not None, command
        assert result.commit.facts, result.commit.refusal
        state = result.state
        yield from (fact for fact in result.commit.facts if isinstance(fact, Envelope))


# --- programs


def test_programs_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The programs of the document run, one after the other in one namespace."""
    programs: list[tuple[int, str]] = [
        (TEXT[: match.start(1)].count("\n"), match[1])
        for match in re.finditer(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    ]
    assert len(programs) >= 2
    scope: dict[str, Any] = {"__name__": "core_md"}
    for lines_before, program in programs:
        exec(compile("\n" * lines_before + program, str(DOCUMENT), "exec"), scope)
    assert re.fullmatch(r"[0-9a-f]{32}\n", capsys.readouterr().out)


# --- this module


def test_reading_a_document() -> None:
    heading = "# T\n\n### `A`\n\nWho may ask: all\n\n| field | type |\n|---|---|\n| `x` | `a \\| b` |\n\n## F\n\n"
    made, function = read_entries(f"{heading}| function | m |\n|--|--|\n| `f(a=1)` | y |\n")
    assert (made.name, made.said("Who may ask"), made.rows[0].cells["type"]) == ("A", "all", "`a | b`")
    assert (function.name, function.rows[0].first) == ("f", "f(a=1)")


@pytest.mark.parametrize("name", EXPORTED)
def test_skeletons_have_the_form_of_entries(name: str) -> None:
    begun = skeleton(name)
    if begun.startswith("|"):
        begun = f"| constant | meaning |\n|---|---|\n{begun}"
    assert [entry.name for entry in read_entries(begun)] == [name]
