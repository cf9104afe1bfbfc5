"""Scripted agents: what is said is written down before. For tests, for demos, and for whoever wants no model."""

import inspect
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

import trio

from foldhub_core import Round

from .agent import Agent, Taking

Line: TypeAlias = str | Round | Exception | float
"""What a script holds: an answer; an error, which is raised; or a number, so many seconds of silence before what follows."""

Script: TypeAlias = Iterable[Line] | Callable[[str], "str | Round | Awaitable[str | Round]"]
"""Lines, one after the other; or a function of what the agent is asked, which may be asynchronous."""


KEPT_SESSIONS = 1_024
"""Of so many sessions, those that asked last, it is known how far they have the script read."""


class ScriptEnded(RuntimeError):
    """A turn came and the script has no line for it."""


class _Reading:
    """How far the script was read."""

    __slots__ = ("next",)

    def __init__(self) -> None:
        self.next = 0


class ScriptedConfig:
    """Answers with what is written down, in order, whoever asks; or with what a function gives for what was asked.

    A session that comes when all was said has it said from the beginning: so a program that was killed, and runs again, can
    answer what it still owed, and what it asks itself anew. So has one that did not ask while 1,024 others did.
    """

    def __init__(self, script: Script) -> None:
        self._function = script if callable(script) else None
        self._lines = [] if callable(script) else list(script)
        self._reading = _Reading()
        """The one that new sessions join, until it has ended."""
        self._readings: OrderedDict[str, _Reading] = OrderedDict()
        """Those of sessions that asked, the one that asked last at the end."""
        self.heard: list[str] = []
        """What was asked, turn by turn."""

    async def answer(self, agent: Agent, taking: Taking) -> Round | str:
        """The next line of the script; raises the error that stands there, and `ScriptEnded` where nothing does.

        Cancelled in a silence, it goes on behind it.
        """
        self.heard.append(taking.input)
        if self._function is not None:
            given = self._function(taking.input)
            return await given if inspect.isawaitable(given) else given
        reading = self._reading_of(taking)
        while reading.next < len(self._lines):
            line = self._lines[reading.next]
            reading.next += 1
            if isinstance(line, Exception):
                raise line
            if isinstance(line, str | Round):
                return line
            await trio.sleep(line)
        raise ScriptEnded(f"expected at most {len(self.heard) - 1} turns of {agent.name}, came another: {taking.input[:60]!r}")

    def _reading_of(self, taking: Taking) -> _Reading:
        """The reading that a turn's session has a part in."""
        session = getattr(taking, "session", None)  # a turn that is made by hand may be of none
        session_id = "" if session is None else session.session_id
        reading = self._readings.get(session_id)
        if reading is None:
            if self._reading.next >= len(self._lines):
                self._reading = _Reading()
            reading = self._readings[session_id] = self._reading
            if len(self._readings) > KEPT_SESSIONS:
                self._readings.popitem(last=False)
        self._readings.move_to_end(session_id)
        return reading
