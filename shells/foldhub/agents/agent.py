"""An agent: a name, what it is told of itself, and what answers for it."""

from typing import TYPE_CHECKING, Protocol

import attrs

from foldhub_core import Round, Turn, saying

if TYPE_CHECKING:
    from foldhub.agent_client import AgentClient
    from foldhub.session_handle import SessionHandle


class Answers(Protocol):
    """What answers for an agent: a script, a model. Several agents may share one."""

    async def answer(self, agent: "Agent", taking: "Taking") -> Round | str:
        """Run one turn; gives what it came to, a text or a whole `Round`.

        It is cancelled where the session ends or its task is called off. What it raises makes the turn a failed one, which
        comes again after a pause.
        """
        ...


@attrs.frozen
class Agent:
    """What takes turns under a name. Without a config it takes none: then its owner speaks for it."""

    name: str
    prompt: str = ""
    """What it is told to be, beside what the network tells it."""
    config: Answers | None = None


class Taking:
    """A turn being taken: the turn, and what the agent can do while it takes it."""

    def __init__(self, turn: Turn, client: "AgentClient", session: "SessionHandle") -> None:
        self.turn = turn
        self.client = client
        """The agent's own grip on the network: it may open sessions, and wait in them, inside its turn."""
        self.session = session
        self._said: list[str] = []

    @property
    def input(self) -> str:
        """What the agent is asked, as one text."""
        return "\n\n".join(self.turn.input)

    @property
    def said(self) -> tuple[str, ...]:
        """What it has said so far."""
        return tuple(self._said)

    async def say(self, text: str, *, audience: tuple[str, ...] | None = None) -> None:
        """Say something in the session now, before the turn is over; what is said this way is the turn's answer.

        Raises the hub's refusal. Cancelled, it may have been said or not; said again as the same text of the same turn, it is
        the same word.
        """
        await self.client.ask(saying(self.turn, text, len(self._said) + 1, audience))
        self._said.append(text)
