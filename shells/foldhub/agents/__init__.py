"""Agents: what takes turns for a name in the network. An agent is its owner's; the hub knows only what it says of itself."""

from .agent import Agent, Answers, Taking
from .scripted import Script, ScriptedConfig, ScriptEnded

__all__ = ["Agent", "Answers", "Script", "ScriptEnded", "ScriptedConfig", "Taking"]
