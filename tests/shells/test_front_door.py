"""Importing foldhub is cheap: it loads what is used, and nothing of what is used only now and then."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import foldhub
import foldhub_core
from foldhub.connection import Connection
from foldhub.link import Duplex
from foldhub.proxies import RemoteAgentProxy

HEAVY = ("anthropic", "hypothesis", "pytest", "textual", "cyclopts", "rich", "yaml", "asyncio", "multiprocessing")


def loaded(statement: str, names: tuple[str, ...]) -> str:
    program = f"import sys\n{statement}\nprint([name for name in {names!r} if name in sys.modules])"
    came = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return came.stdout.strip()


def test_all_of_foldhub_loads_nothing_that_is_used_now_and_then() -> None:
    assert loaded("from foldhub import *", HEAVY) == "[]"


def test_the_door_alone_loads_nothing_at_all() -> None:
    assert loaded("import foldhub", (*HEAVY, "trio", "attrs", "foldhub_core")) == "[]"


def test_a_name_of_the_core_is_the_cores() -> None:
    assert foldhub.Envelope is foldhub_core.Envelope
    assert set(foldhub_core.__all__) < set(foldhub.__all__) <= set(dir(foldhub))


def test_a_name_that_is_not_there_is_said_to_be_none() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Hubb'"):
        getattr(foldhub, "Hubb")  # noqa: B009 - written plainly it is an error to the type checkers too


def test_no_room_has_the_name_of_something_that_the_core_exports() -> None:
    rooms = {file.stem for file in Path(foldhub.__path__[0]).iterdir()}
    assert rooms & set(foldhub_core.__all__) == set()


@pytest.mark.parametrize(
    "kind",
    [
        *(foldhub.Hub, foldhub.HubListener, Connection, Duplex, RemoteAgentProxy),
        *(foldhub.HubClient, foldhub.AgentClient, foldhub.HumanClient, foldhub.SessionHandle, foldhub.ClientTask),
    ],
)
def test_every_coroutine_says_what_cancelling_it_does(kind: type) -> None:
    rooms = [room for room in kind.__mro__ if room.__module__.startswith("foldhub.")]
    silent = [
        f"{room.__name__}.{name}"
        for room in rooms
        for name, method in vars(room).items()
        if inspect.iscoroutinefunction(getattr(method, "__func__", method)) and not name.startswith("_")
        if "ancel" not in f"{method.__doc__} {room.__doc__} {kind.__doc__}"
    ]
    assert silent == []
