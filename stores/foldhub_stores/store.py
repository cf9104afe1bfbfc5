"""The contract of a store: where the commits of one hub rest, and what may be asked of them.

A store is plain and synchronous; whoever uses it decides about threads. It knows commits and what the core derives from
them, and no rule of the hub.

What the author of a store owes:

1. One log. `append` takes commits that follow on the last one, all or none; another commit raises `Malformed` and changes
   nothing. What was appended is read back equal, in order, for ever.
2. Durable means durable. `Durable` is said when a crash of the process, the machine or the power can no longer lose any of
   the commits, as far as the store can promise it. `Full` is said only where nothing was written, and the store goes on.
   Everything else is `Broken`: the outcome is unknown, the store has stopped for good, and says `Broken` to every later append.
3. Nothing is made up. What is read is what was appended, or `StoreDamaged` is raised. A commit is never skipped.
4. The index is derived. What is listed and found is what `foldhub_core.index.index_rows` gives for the commits, no more.
5. A snapshot counts once it is ended. Begun, its slices added and not ended, it was never there. The two newest that were
   ended are kept, and of them the newest that is whole is given.
6. One hub. A store is made for one hub, and its identity never changes.

What its user owes: one call at a time, from whatever thread; after `Broken` no further use but `close`; `tend` about once a
second while nothing is appended; `close` at the end.
"""

from collections.abc import Collection, Sequence
from typing import ClassVar, Protocol, TypeAlias

from foldhub_core import Commit, Ending, Envelope
from foldhub_core.index import DeadLetterRow, EndedSessionRow, EndedTaskRow
from foldhub_core.records import record

PAGE = 100
"""How many things a list gives at once where nothing else is asked."""

Cursor: TypeAlias = tuple[int, str]
"""Where a page ended: the commit, and the id in it."""

START: Cursor = (0, "")
"""Before the first."""


@record
class Durable:
    """All of it survives a crash."""

    ending: ClassVar[Ending] = Ending.DURABLE

    seq: int
    """The last commit of the log now."""


@record
class Full:
    """It was refused before anything was written; later there may be room."""

    ending: ClassVar[Ending] = Ending.FULL

    reason: str


@record
class Broken:
    """What is on the disk is unknown. The store has stopped for good; opened again, it tells."""

    ending: ClassVar[Ending] = Ending.BROKEN

    reason: str


Outcome: TypeAlias = Durable | Full | Broken
"""How a write ended; `outcome.ending` is what an `Engine` is told."""


@record
class Identity:
    """Which store this is."""

    store_id: str
    """Drawn once, when the store was made."""
    hub_id: str
    form: int
    """The version of the store's own layout."""


@record
class Opened:
    """What opening a store found."""

    created: bool
    """Whether there was none, and it was made."""
    seq: int
    """The last commit of the log."""
    head: bytes
    """The chain's head there."""
    snapshot_seq: int | None = None
    """Where the newest snapshot stands that was ended."""
    cut_bytes: int = 0
    """How much of a torn tail was cut off: writes that never ended, of which nobody was told."""
    notes: tuple[str, ...] = ()
    """Whatever else is worth a line in a shell's log."""


@record
class Snapshot:
    """A state in slices, as `foldhub_core.take_snapshot` gives them."""

    seq: int
    """The commit it stands after."""
    digest: str
    """Names its slices."""
    slices: tuple[bytes, ...]


@record
class SessionsPage:
    """Ended sessions in the order they ended."""

    rows: tuple[EndedSessionRow, ...]
    cursor: Cursor | None
    """Where the next page begins; None where there is nothing more."""


@record
class TasksPage:
    """Ended tasks in the order they ended."""

    rows: tuple[EndedTaskRow, ...]
    cursor: Cursor | None
    """Where the next page begins; None where there is nothing more."""


class LogStore(Protocol):
    """The store of one hub. See the top of this file for what its author and its user owe."""

    @property
    def identity(self) -> Identity:
        """Which store this is."""
        ...

    @property
    def opened(self) -> Opened:
        """What opening it found."""
        ...

    @property
    def seq(self) -> int:
        """The last commit of the log; 0 where there is none yet."""
        ...

    def append(self, commits: Sequence[Commit]) -> Outcome:
        """Make commits durable, all or none. Raises `Malformed` where they do not follow on the last one."""
        ...

    def read(self, after: int = 0, limit: int | None = None) -> tuple[Commit, ...]:
        """The commits after a place, at most `limit`; raises `Compacted` where the log begins later."""
        ...

    def words(self, session_id: str) -> int:
        """How many words were said in a session, live or ended; 0 where it is unknown."""
        ...

    def read_session(self, session_id: str, since: int = 0, until: int | None = None) -> tuple[Envelope, ...]:
        """The words of a session after number `since` up to number `until`, in order; `hub` is a session too."""
        ...

    def envelope(self, envelope_id: str) -> Envelope | None:
        """The envelope of this id, or None."""
        ...

    def by_cause(self, session_id: str, sender_id: str, causation_id: str) -> Envelope | None:
        """The first word somebody said for a cause in a session, or None."""
        ...

    def ended_session(self, session_id: str) -> EndedSessionRow | None:
        """How a session ended, or None where it did not."""
        ...

    def ended_sessions(self, after: Cursor = START, limit: int = PAGE, *, agent_id: str | None = None) -> SessionsPage:
        """A page of ended sessions, of one agent or of all."""
        ...

    def ended_tasks(self, after: Cursor = START, limit: int = PAGE, *, owner_id: str | None = None) -> TasksPage:
        """A page of ended tasks, of one owner or of all."""
        ...

    def dead_letters(self, agent_id: str, after: int = 0, limit: int = PAGE) -> tuple[DeadLetterRow, ...]:
        """What was given up of one agent's deliveries and is not owed again, after a number, in the order of numbers."""
        ...

    def audited(self, kinds: Collection[str], after: int = 0, limit: int = PAGE) -> tuple[Commit, ...]:
        """The commits after a place that give audit records of any of these kinds, in order."""
        ...

    def begin_snapshot(self, seq: int) -> Outcome:
        """Begin a snapshot of the state after a commit that is in the log; one that was begun and not ended is forgotten."""
        ...

    def add_slice(self, data: bytes) -> Outcome:
        """Add the next slice of the snapshot that was begun. After `Full` the snapshot is to be begun again."""
        ...

    def end_snapshot(self) -> Outcome:
        """End the snapshot: from now on it counts."""
        ...

    def snapshot(self) -> Snapshot | None:
        """The newest snapshot that is whole, or None."""
        ...

    def since_snapshot(self) -> tuple[int, int]:
        """How many commits, and bytes of payload, were appended since the newest snapshot: when it is time for the next."""
        ...

    def tend(self) -> None:
        """Do what is due and urgent to nobody. Raises nothing: a store that stops here says so at the next append."""
        ...

    def close(self) -> None:
        """Give the store back; what was durable stays so. Closing twice is closing once."""
        ...
