"""Agents that answer by a script."""

import pytest
import trio

from foldhub import Agent, Round, ScriptedConfig, ScriptEnded, Taking
from foldhub.agents import Script
from tests.shells.network import in_trio

AGENT = Agent("bob", prompt="Answer.")


class Asked(Taking):
    """A turn of which only the input is known."""

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def input(self) -> str:
        return self.text


async def answers(script: Script, *texts: str) -> list[Round | str]:
    config = ScriptedConfig(script)
    came = [await config.answer(AGENT, Asked(text)) for text in texts]
    assert config.heard == list(texts)
    return came


@in_trio
async def test_lines_are_said_in_their_order() -> None:
    assert await answers(["one", Round("two")], "a", "b") == ["one", Round("two")]


@in_trio
async def test_a_number_is_a_silence_before_what_follows() -> None:
    assert await answers([5, 2.5, "late"], "a") == ["late"]
    assert trio.current_time() == pytest.approx(7.5)


@in_trio
async def test_an_error_is_raised_in_its_place() -> None:
    config = ScriptedConfig([ValueError("no idea"), "yes"])
    with pytest.raises(ValueError, match="no idea"):
        await config.answer(AGENT, Asked("a"))
    assert await config.answer(AGENT, Asked("a")) == "yes"


@in_trio
async def test_a_script_that_has_ended_says_so() -> None:
    config = ScriptedConfig(["one"])
    await config.answer(AGENT, Asked("a"))
    with pytest.raises(ScriptEnded, match="at most 1 turns of bob, came another: 'b'"):
        await config.answer(AGENT, Asked("b"))


@in_trio
async def test_a_function_answers_what_it_is_asked() -> None:
    async def later(text: str) -> str:
        await trio.sleep(1)
        return text[::-1]

    assert await answers(str.upper, "a", "b") == ["A", "B"]
    assert await answers(later, "abc") == ["cba"]
