"""The front door of foldhub: the names of the core, and the shells that carry its effects out.

A name is imported when it is asked for: whoever imports the door, or runs a command, pays for what he uses and nothing else.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    import foldhub_core
    from foldhub_core import *
    from foldhub_stores import MemoryStore

    from .agent_client import AgentClient
    from .agents import Agent, ScriptedConfig, ScriptEnded, Taking
    from .auth import ApiKey, NoAuth
    from .client import HubClient
    from .client_task import ClientTask
    from .connection import Connection
    from .hub import Hub
    from .human_client import HumanClient
    from .link import Duplex, Evicted, Link, LinkClosed, Received
    from .listening import Commits, HubListener, Missed
    from .loop import HubStopped
    from .memory import LocalLink
    from .proxies import RemoteAgentProxy
    from .serving import serve_tcp
    from .session_handle import SessionHandle
    from .tcp import TcpLink
    from .tls import client_context, server_context
    from .tokens import TokenFile, Tokens

    __all__: list[str] = [
        "Agent",
        "AgentClient",
        "ApiKey",
        "ClientTask",
        "Commits",
        "Connection",
        "Duplex",
        "Evicted",
        "Hub",
        "HubClient",
        "HubListener",
        "HubStopped",
        "HumanClient",
        "Link",
        "LinkClosed",
        "LocalLink",
        "MemoryStore",
        "Missed",
        "NoAuth",
        "Received",
        "RemoteAgentProxy",
        "ScriptEnded",
        "ScriptedConfig",
        "SessionHandle",
        "Taking",
        "TcpLink",
        "TokenFile",
        "Tokens",
        "client_context",
        "serve_tcp",
        "server_context",
    ]
    __all__ += foldhub_core.__all__

_PLACES = {
    "Agent": ".agents",
    "AgentClient": ".agent_client",
    "ApiKey": ".auth",
    "ClientTask": ".client_task",
    "Commits": ".listening",
    "Connection": ".connection",
    "Duplex": ".link",
    "Evicted": ".link",
    "Hub": ".hub",
    "HubClient": ".client",
    "HubListener": ".listening",
    "HubStopped": ".loop",
    "HumanClient": ".human_client",
    "Link": ".link",
    "LinkClosed": ".link",
    "LocalLink": ".memory",
    "MemoryStore": "foldhub_stores",
    "Missed": ".listening",
    "NoAuth": ".auth",
    "Received": ".link",
    "RemoteAgentProxy": ".proxies",
    "ScriptEnded": ".agents",
    "ScriptedConfig": ".agents",
    "SessionHandle": ".session_handle",
    "Taking": ".agents",
    "TcpLink": ".tcp",
    "TokenFile": ".tokens",
    "Tokens": ".tokens",
    "client_context": ".tls",
    "serve_tcp": ".serving",
    "server_context": ".tls",
}
"""Where the names are that are not the core's."""


def __getattr__(name: str) -> object:
    if name == "__all__":
        value: object = [*_PLACES, *importlib.import_module("foldhub_core").__all__]
    elif name in _PLACES:
        value = getattr(importlib.import_module(_PLACES[name], __name__), name)
    elif name.startswith("_") or name not in importlib.import_module("foldhub_core").__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        value = getattr(importlib.import_module("foldhub_core"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_PLACES, *importlib.import_module("foldhub_core").__all__])
