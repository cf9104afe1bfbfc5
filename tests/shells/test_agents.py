"""Agents that answer by a script."""

from typing import cast

import pytest
import trio

from foldhub import Agent, AgentClient, Round, ScriptedConfig, ScriptEnded, SessionHandle, Taking
from foldhub.agents import Script
from foldhub.agents.scripted import KEPT_SESSIONS
from tests.shells.network import in_trio, is_text, network

AGENT = Agent("bob", prompt="Answer.")


class Asked(Taking):
    """A turn of which only the input is known."""

    def __init__(self, text: str, session_id: str | None = None) -> None:
        self.text = text
        if session_id is not None:
            self.session = SessionHandle(cast(AgentClient, None), session_id)

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
async def test_a_session_that_has_not_asked_for_long_is_forgotten_and_one_that_asks_on_is_not() -> None:
    config = ScriptedConfig(["one"])
    assert [await config.answer(AGENT, Asked("a", session_id)) for session_id in ("old", "busy")] == ["one", "one"]
    for at in range(KEPT_SESSIONS - 1):
        assert await config.answer(AGENT, Asked("a", f"s{at}")) == "one"
        with pytest.raises(ScriptEnded):
            await config.answer(AGENT, Asked("a", "busy"))
    assert await config.answer(AGENT, Asked("a", "old")) == "one"


@in_trio
async def test_sessions_share_a_script_and_one_that_comes_when_it_has_ended_begins_it_anew() -> None:
    async with network() as net:
        alice, _ = await net.agent("alice"), await net.agent("bob", ["one", "two"])
        heard: list[str] = []
        for _ in range(3):
            session = await alice.open(type="consulting", target="bob")
            await session.send("why?")
            heard += [str(word.event_data["text"]) async for word in session if is_text(word)]
        assert heard == ["one", "two", "one"]


@in_trio
async def test_a_function_answers_what_it_is_asked() -> None:
    async def later(text: str) -> str:
        await trio.sleep(1)
        return text[::-1]

    assert await answers(str.upper, "a", "b") == ["A", "B"]
    assert await answers(later, "abc") == ["cba"]
