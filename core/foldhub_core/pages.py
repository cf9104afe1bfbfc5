"""Pages of the log: what a shell answers the questions with that list what its store holds."""

from .audit import AuditRecord
from .index import EndedSessionRow, EndedTaskRow
from .records import record
from .turn import Delivery


@record
class EndedSessionPage:
    """Sessions that ended, in that order."""

    sessions: tuple[EndedSessionRow, ...]
    cursor: str | None
    """Asks for the next page; None says that there are no more."""


@record
class EndedTaskPage:
    """Tasks that ended, in that order."""

    tasks: tuple[EndedTaskRow, ...]
    cursor: str | None
    """Asks for the next page; None says that there are no more."""


@record
class DeliveryPage:
    """What is owed to an agent, in the order of its numbers, but for what cannot be read: that is nacked."""

    deliveries: tuple[Delivery, ...]
    upto: int
    """The number of the last delivery that was looked at: `after` it the next page begins."""
    more: bool
    """Whether more may be owed after it of what was asked for."""


@record
class AuditPage:
    """What was worth knowing of some commits."""

    records: tuple[AuditRecord, ...]
    seq: int
    """The last commit that was looked at: `after` it the next page begins."""
    more: bool
    """Whether there are commits after it that give such records."""


@record
class CommitPage:
    """Some commits, as the bytes of a log."""

    log: bytes
    """What `read_log` reads."""
    more: bool
    """Whether there are commits after them."""
