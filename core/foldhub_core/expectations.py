"""Expectations: what an evaluator and a handler are, and what they are shown and answer with.

A session says what its participants owe in time, and what happens when they do not. Its *evaluator* says what is owed now and
when it is overdue; its *handler* says what the hub does then. Both are pure values, ours or a user's, found by their name.

The hub asks an evaluator after words that could matter, arms its agenda for the earliest debt, and lets a `Tick` look when
that time has come. What is overdue is a *violation*: recorded once, by an event in the hub session, and answered by the
handler in the same step. It stands until the debt is paid; broken anew, it is a violation anew.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, TypeAlias

from .adapters.protocol import Emit, ExpectedTurn
from .limits import check_length
from .records import record
from .session import Asked, Expectation, Session

CAUSE_CHARS = 1_024
DEBTS = 10_000
"""The most debts of one expectation. Folding asks evaluators, so these bounds are no part of a configuration."""


@record
class Watched:
    """What an evaluator and a handler may look at of a session. It changes only when something is said."""

    session: Session
    turns: tuple[ExpectedTurn, ...] = ()
    """Who owes a turn, by the adapter's `expected_next`; nobody while the session is pending."""
    asked: tuple[Asked, ...] = ()
    """Who was asked and has not answered since, in the order they were asked."""
    last_said_ms: int | None = None
    """When a participant last said something; None before the first time."""
    opened_at_ms: int | None = None
    """When the session opened; None while it is pending."""
    hidden: tuple[str, ...] = ()
    """The participants the others go on without."""


@record
class Debt:
    """Something that is owed: by whom, when it becomes a violation, and what it was caused by.

    `cause` tells one debt of an agent from the next: a violation whose agent and cause come again has not been mended.
    """

    agent_id: str | None
    """None is nobody in particular."""
    due_ms: int
    cause: str = ""

    def __checked__(self) -> None:
        check_length(self.cause, CAUSE_CHARS, "Debt.cause")


class Evaluator(ABC):
    """Says what is owed under the expectations of its name. Every method is pure."""

    name: ClassVar[str]
    """By what name expectations ask for it."""
    version: ClassVar[int] = 1
    """Recorded at each `Start`; one that judges otherwise than it did needs a new version."""
    reads_asked: ClassVar[bool] = True
    """Whether it looks at `Watched.asked`, which the hub keeps only where somebody looks at it."""

    def check(self, expectation: Expectation) -> None:  # noqa: B027 - taking anything is a default, not a gap
        """Refuse an expectation whose params make no sense: raise `ProtocolError`. Asked when a session is opened."""

    @abstractmethod
    def owed(self, watched: Watched, expectation: Expectation) -> tuple[Debt, ...]:
        """All that is owed now, paid for or not yet due: each debt with the time it becomes, or became, a violation.

        To whom the expectation applies is the hub's affair: it passes over the debts of others.
        """

    def patience_ms(self, expectation: Expectation) -> int | None:
        """The least time between a word and a violation it begins; None where that is not known.

        With it the hub need not ask after every word: nothing that a word begins is due before it.
        """
        return None


@record
class Violation:
    """An expectation was not met: by whom, and which debts have come due."""

    expectation: Expectation
    index: int
    """Which of the session's expectations it is: the same name may stand twice."""
    violators: tuple[str, ...]
    """Each once; empty where nobody in particular owed it."""
    debts: tuple[Debt, ...]
    detail: str
    """The same for people."""


@record
class Warn:
    """The hub tells these participants of the violation; None is all of them."""

    agent_ids: tuple[str, ...] | None = None


@record
class Hide:
    """The others go on without this participant until it says something again."""

    agent_id: str


@record
class Remove:
    """This participant is put out."""

    agent_id: str


@record
class Close:
    """The session ends."""

    reason: str


Response: TypeAlias = Emit | Warn | Hide | Remove | Close
"""What a handler may have the hub do; an `Emit` is said by the hub in the session."""


class Handler(ABC):
    """Says what follows from a violation. Pure."""

    name: ClassVar[str]
    """By what name expectations ask for it, in `on_violation`."""
    version: ClassVar[int] = 1
    """Recorded at each `Start`; one that answers otherwise than it did needs a new version."""

    @abstractmethod
    def respond(self, watched: Watched, violation: Violation) -> tuple[Response, ...]:
        """What the hub is to do, in this order; () where recording the violation is enough."""
