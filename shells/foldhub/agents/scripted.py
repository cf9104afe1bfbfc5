"""Scripted agents: what is said is written down before. For tests, for demos, and for whoever wants no model."""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

import trio

from foldhub_core import Round

from .agent import Agent, Taking

Line: TypeAlias = str | Round | Exception | float
"""What a script holds: an answer; an error, which is raised; or a number, so many seconds of silence before what follows."""

Script: TypeAlias = Iterable[Line] | Callable[[str], "str | Round | Awaitable[str | Round]"]
"""Lines, one after the other; or a function of what the agent is asked, which may be asynchronous."""


class ScriptEnded(RuntimeError):
    """A turn came and the script has no line for it."""


class ScriptedConfig:
    """Answers with what is written down, in order, whoever asks; or with what a function gives for what was asked."""

    def __init__(self, script: Script) -> None:
        self._function = script if callable(script) else None
        self._lines = [] if callable(script) else list(script)
        self._next = 0
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
        while self._next < len(self._lines):
            line = self._lines[self._next]
            self._next += 1
            if isinstance(line, Exception):
                raise line
            if isinstance(line, str | Round):
                return line
            await trio.sleep(line)
        raise ScriptEnded(f"expected at most {len(self.heard) - 1} turns of {agent.name}, came another: {taking.input[:60]!r}")
