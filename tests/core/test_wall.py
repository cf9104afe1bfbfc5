"""The wall around the core: what lies under core/ has no clock, no randomness, no I/O and no hidden state.

`breaches` reads a source and says where it breaks the wall. It is tested on small broken sources first, because a
checker that sees nothing looks like a core that does nothing wrong.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "core"

# The one file that makes records, and so may do to a class what nobody else may.
RECORDS = "foldhub_core/records.py"

LIBRARIES = frozenset({"attr", "attrs", "cattrs", "foldhub_core", "immutables", "msgspec"})

# Written out, module by module, because looking harmless is not enough: `statistics` imports random and
# `importlib.metadata` imports socket.
STANDARD_LIBRARY = frozenset(
    {
        "__future__",
        "abc",
        "base64",
        "bisect",
        "collections",
        "collections.abc",
        "contextlib",
        "copy",
        "enum",
        "fnmatch",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "itertools",
        "json",
        "keyword",
        "math",
        "operator",
        "re",
        "struct",
        "types",
        "typing",
    }
)

FORBIDDEN_NAMES = frozenset(
    {"__import__", "breakpoint", "compile", "delattr", "eval", "exec", "id", "input", "open", "print", "setattr"}
)
FORBIDDEN_METHODS = frozenset({"__delattr__", "__setattr__"})
FREE_IN_RECORDS = frozenset({"compile", "delattr", "exec", "setattr"})

RECORD_DECORATORS = frozenset({"attrs", "attributes", "dataclass", "define", "frozen", "hot", "mutable", "record", "s"})

FOREIGN_MODULES = frozenset({"_socket", "asyncio", "logging", "random", "socket", "sqlite3", "ssl", "trio", "uuid"})


def breaches(source: str, filename: str) -> list[str]:
    """Where a source breaks the wall, as `filename:line: what`, in the order of lines.

    The filename is relative to core/.
    """
    guard = _Guard(filename)
    guard.visit(ast.parse(source, filename))
    return [f"{filename}:{line}: {what}" for line, what in sorted(guard.found)]


def hash_makers(source: str) -> int:
    """How many functions called `__hash__` ask for the built-in hash."""
    return sum(
        any(isinstance(part, ast.Name) and part.id == "hash" for part in ast.walk(node))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == "__hash__"
    )


class _Guard(ast.NodeVisitor):
    def __init__(self, filename: str) -> None:
        self.found: list[tuple[int, str]] = []
        self.makes_records = filename == RECORDS
        # The definitions around the node being visited, outermost first.
        self.around: list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = []

    def report(self, node: ast.expr | ast.stmt, what: str) -> None:
        self.found.append((node.lineno, what))

    @contextmanager
    def inside(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[None]:
        self.around.append(node)
        yield
        self.around.pop()

    def check_import(self, node: ast.stmt, module: str) -> None:
        if module.partition(".")[0] not in LIBRARIES and module not in STANDARD_LIBRARY:
            self.report(node, f"imports {module}")

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.check_import(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        # A relative import cannot leave the core: Python refuses to climb above the top package.
        if node.level == 0 and node.module is not None:
            self.check_import(node, node.module)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.enter(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.enter(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.report(node, "async function")
        self.enter(node)

    def enter(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        with self.inside(node):
            for part in ast.iter_child_nodes(node):
                if part not in node.decorator_list:
                    self.visit(part)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.report(node, "async for")
        self.generic_visit(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self.report(node, "async with")
        self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> None:
        self.report(node, "await")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if node.is_async:
            self.report(node.iter, "async comprehension")
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.report(node, "global")

    def visit_Name(self, node: ast.Name) -> None:
        # Not only calls: `map(print, lines)` prints, and a name of one's own that hides a built-in is better renamed.
        if not isinstance(node.ctx, ast.Load):
            return
        if node.id == "hash" and not self.is_in_hash_method():
            self.report(node, "hash outside of __hash__")
        if node.id in FORBIDDEN_NAMES and not (self.makes_records and node.id in FREE_IN_RECORDS):
            self.report(node, f"uses {node.id}")

    def is_in_hash_method(self) -> bool:
        return any(isinstance(outer, ast.FunctionDef) and outer.name == "__hash__" for outer in self.around)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not self.makes_records:
            if node.attr in FORBIDDEN_METHODS:
                self.report(node, f"uses {node.attr}")
            if not isinstance(node.ctx, ast.Load) and not self.is_own_attribute(node):
                deed = "deletes" if isinstance(node.ctx, ast.Del) else "assigns to"
                self.report(node, f"{deed} {ast.unparse(node)}")
        self.generic_visit(node)

    def is_own_attribute(self, node: ast.Attribute) -> bool:
        """Whether this is `self.x` in a method of a class that is no record."""
        classes = [outer for outer in self.around if isinstance(outer, ast.ClassDef)]
        return (
            isinstance(node.value, ast.Name)
            and node.value.id == "self"
            and bool(classes)
            and classes[-1] is not self.around[-1]
            and not _is_record(classes[-1])
        )


def _is_record(node: ast.ClassDef) -> bool:
    return any(_last_name(decorator) in RECORD_DECORATORS for decorator in node.decorator_list)


def _last_name(decorator: ast.expr) -> str:
    """The name a decorator goes by: `frozen` for `frozen`, `attrs.frozen` and `attrs.frozen(eq=False)`."""
    match decorator:
        case ast.Call(func=called):
            return _last_name(called)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


# --- the checker itself ---------------------------------------------------------------------------------------------

CLEAN = '''
"""A file as it should be."""

from __future__ import annotations

import collections.abc
import re
from collections import abc
from typing import Final

import attrs
from cattrs.gen import make_dict_structure_fn
from foldhub_core.envelope import Envelope
from immutables import Map
from msgspec import msgpack

from . import sibling
from .state import HubState

WORD: Final = re.compile("[a-z]+")


@record
class Point:
    x: int
    id: str = ""
    open: bool = False

    def moved(self, dx: int) -> Point:
        return attrs.evolve(self, x=self.x + dx)


class Frozen(dict[str, int]):
    def __hash__(self) -> int:
        return hash(tuple(self.items()))

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError(name)


class Machine:
    def __init__(self) -> None:
        self.taken = 0
        self.last: int | None = None

    def take(self, number: int) -> int:
        self.taken += 1
        self.last, rest = number, number

        def undo() -> None:
            self.taken -= 1

        del self.last
        return rest


def lookup(point: Point) -> str:
    point_id = point.id
    return point_id if point.open else WORD.sub("", point_id)
'''


def test_clean_source_has_no_breaches() -> None:
    assert breaches(CLEAN, "foldhub_core/clean.py") == []


@pytest.mark.parametrize(
    "module",
    [
        "asyncio", "builtins", "collections.elsewhere", "datetime", "foldhub", "foldhub_stores", "importlib.metadata",
        "io", "logging", "os", "os.path", "pathlib", "random", "secrets", "select", "socket", "sqlite3", "statistics",
        "subprocess", "sys", "tempfile", "threading", "time", "trio", "uuid", "weakref",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["import {}", "import math, {} as m", "from {} import x", "def f():\n    import {}"])
def test_import_outside_the_list(form: str, module: str) -> None:
    (breach,) = breaches(form.format(module), "foldhub_core/x.py")
    assert breach.endswith(f": imports {module}")


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("async def f(): ...", "async function"),
        ("async for x in y: ...", "async for"),
        ("async with y: ...", "async with"),
        ("await y", "await"),
        ("z = [x async for x in y]", "async comprehension"),
        ("open('x')", "uses open"),
        ("print('x')", "uses print"),
        ("list(map(print, xs))", "uses print"),
        ("eval('x')", "uses eval"),
        ("exec('x')", "uses exec"),
        ("compile('x', 'x', 'exec')", "uses compile"),
        ("input()", "uses input"),
        ("breakpoint()", "uses breakpoint"),
        ("__import__('time')", "uses __import__"),
        ("id(x)", "uses id"),
        ("sorted(xs, key=id)", "uses id"),
        ("hash(x)", "hash outside of __hash__"),
        ("def digest(x): return hash(x)", "hash outside of __hash__"),
        ("sorted(xs, key=hash)", "hash outside of __hash__"),
        ("def f():\n    global x", "global"),
        ("setattr(x, 'y', 1)", "uses setattr"),
        ("delattr(x, 'y')", "uses delattr"),
        ("object.__setattr__(x, 'y', 1)", "uses __setattr__"),
        ("object.__delattr__(x, 'y')", "uses __delattr__"),
        ("class C:\n    def f(self): super().__setattr__('y', 1)", "uses __setattr__"),
        ("x.y = 1", "assigns to x.y"),
        ("x.y: int = 1", "assigns to x.y"),
        ("x.y += 1", "assigns to x.y"),
        ("z, (x.y, *w) = q", "assigns to x.y"),
        ("x[0].y = 1", "assigns to x[0].y"),
        ("for x.y in z: ...", "assigns to x.y"),
        ("with z as x.y: ...", "assigns to x.y"),
        ("del x.y", "deletes x.y"),
        ("def f(self): self.y = 1", "assigns to self.y"),
        ("class C:\n    self.y = 1", "assigns to self.y"),
        ("class C:\n    def f(self): self.y.z = 1", "assigns to self.y.z"),
        ("class C:\n    def f(self, other): other.y = 1", "assigns to other.y"),
        ("class C:\n    @classmethod\n    def f(cls): cls.y = 1", "assigns to cls.y"),
        ("class C:\n    @record\n    class D:\n        def f(self): self.y = 1", "assigns to self.y"),
        ("@keep(print)\ndef f(): ...", "uses print"),
        ("def f(x=print): ...", "uses print"),
    ],
)
def test_forbidden_thing(source: str, what: str) -> None:
    (breach,) = breaches(source, "foldhub_core/x.py")
    assert breach.startswith("foldhub_core/x.py:")
    assert breach.endswith(f": {what}")


@pytest.mark.parametrize(
    "decorator",
    [
        "record", "record(order=True)", "records.record", "hot", "hot(why='asked at every step')", "define", "frozen",
        "attrs.define", "attrs.frozen(eq=False)", "attr.s", "attr.attrs(auto_attribs=True)",
    ],
)  # fmt: skip
def test_record_does_not_assign_to_itself(decorator: str) -> None:
    source = f"@{decorator}\nclass C:\n    y: int\n    def f(self) -> None:\n        self.y = 1\n        del self.y"
    assert breaches(source, "foldhub_core/x.py") == [
        "foldhub_core/x.py:5: assigns to self.y",
        "foldhub_core/x.py:6: deletes self.y",
    ]


def test_only_the_maker_of_records_reaches_into_classes() -> None:
    source = "exec(compile(text, name, 'exec'), space)\nsetattr(made, 'y', 1)\nobject.__setattr__(made, 'y', 1)\nmade.y = 1"
    assert breaches(source, "foldhub_core/records.py") == []
    assert len(breaches(source, "foldhub_core/wire/records.py")) == 5


@pytest.mark.parametrize("source", ["open('x')", "print('x')", "eval('x')", "id(x)", "hash(x)", "import time", "await x"])
def test_the_maker_of_records_has_no_other_freedom(source: str) -> None:
    assert len(breaches(source, "foldhub_core/records.py")) == 1


def test_breaches_come_in_the_order_of_lines() -> None:
    source = "import time\nx.y = 1\nprint('x')\nimport random"
    assert breaches(source, "foldhub_core/x.py") == [
        "foldhub_core/x.py:1: imports time",
        "foldhub_core/x.py:2: assigns to x.y",
        "foldhub_core/x.py:3: uses print",
        "foldhub_core/x.py:4: imports random",
    ]


def test_hash_makers_are_counted() -> None:
    maker = "class {}:\n    def __hash__(self): return hash(self.y)\n"
    assert hash_makers(CLEAN) == 1
    assert hash_makers(maker.format("A") + maker.format("B")) == 2
    assert hash_makers("class A:\n    def __hash__(self): return 1\ndef f(): return hash(1)") == 0


# --- the core -------------------------------------------------------------------------------------------------------


def core_files() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


def test_core_is_behind_the_wall() -> None:
    files = core_files()
    assert files, f"there are no sources under {CORE}"
    found = [breach for file in files for breach in breaches(file.read_text(encoding="utf-8"), file.relative_to(CORE).as_posix())]
    assert not found, "\n".join(["the wall is broken:", *found])


def test_core_asks_for_a_hash_in_one_place() -> None:
    # Two places could disagree on what is equal, and the built-in hash of a text differs in every process.
    assert sum(hash_makers(file.read_text(encoding="utf-8")) for file in core_files()) <= 1


NEWLY_IMPORTED = """
import sys
import attrs, cattrs, immutables, msgspec
before = set(sys.modules)
import {module}
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""


def newly_imported(module: str) -> set[str]:
    """The top names of the modules that an import adds in a fresh process where the core's libraries are loaded."""
    code = NEWLY_IMPORTED.format(module=module)
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_import_of_the_core_brings_nothing_foreign() -> None:
    added = newly_imported("foldhub_core")
    assert "foldhub_core" in added
    assert not added & FOREIGN_MODULES


@pytest.mark.parametrize("module", ["asyncio", "sqlite3", "trio"])
def test_foreign_import_is_seen(module: str) -> None:
    assert module in newly_imported(module) & FOREIGN_MODULES
