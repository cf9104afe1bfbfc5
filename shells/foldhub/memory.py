"""The shell in memory: a link to a hub of the same process."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from foldhub_core import Principal

from .connection import Connection

if TYPE_CHECKING:
    from .hub import Hub

LOCAL = Principal(subject="local", may_register=("*",))
"""On whose behalf a client of the same process comes, where nothing else is said."""


class LocalLink:
    """A link to a hub of the same process. Give it a principal of its own where clients are not to be one another's subject."""

    def __init__(self, hub: "Hub", principal: Principal = LOCAL) -> None:
        self.hub = hub
        self.principal = principal

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """A connection that ends with the block.

        Entering raises `Unavailable` where the hub is closing or has stopped. Entering and leaving are checkpoints.
        """
        return self.hub.connect(self.principal)
