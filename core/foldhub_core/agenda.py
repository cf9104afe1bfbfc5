"""The agenda: what comes due, and when. One persistent order of deadlines, at most one entry per agent, session and task.

An entry is a promise to look, not an appointment: it is never later than what is truly due, and may be earlier. It moves
only when something becomes due before it. When it comes up, a `Tick` lets its room do what is due and arms it again for what
is left, by a `Rearmed` mark. So neither do entries pile up as things are said, nor does every post pay for moving one.
"""

from collections.abc import Iterator
from itertools import takewhile

from immutables import Map

from .facts import Rearmed
from .ordered import Ordered
from .records import hot

Entry = tuple[int, str, str]
"""When it comes up (ms), the kind of its subject ("agent", "session" or "task"), the subject's id."""


@hot
class Agenda:
    """All deadlines of a hub, by time and by subject."""

    by_time: Ordered[Entry] = Ordered()
    by_subject: Map[str, int] = Map()
    """When the entry of a subject comes up; ids tell their kinds apart."""

    def armed(self, kind: str, subject_id: str, due_ms: int) -> "Agenda":
        """Make the subject's entry come up at `due_ms`, or leave it where it comes up before that."""
        now_due = self.by_subject.get(subject_id)
        if now_due is not None and now_due <= due_ms:
            return self
        rest = self if now_due is None else self.disarmed(kind, subject_id)
        return Agenda(rest.by_time.add((due_ms, kind, subject_id)), rest.by_subject.set(subject_id, due_ms))

    def disarmed(self, kind: str, subject_id: str) -> "Agenda":
        """Take the subject's entry out, where it has one."""
        due_ms = self.by_subject.get(subject_id)
        if due_ms is None:
            return self
        return Agenda(self.by_time.remove((due_ms, kind, subject_id)), self.by_subject.delete(subject_id))

    def next_deadline(self) -> int | None:
        """When the first entry comes up."""
        first = self.by_time.first()
        return None if first is None else first[0]

    def due(self, now_ms: int) -> Iterator[Entry]:
        """The entries that have come up, in their order."""
        return takewhile(lambda entry: entry[0] <= now_ms, self.by_time)


def fold_rearmed(agenda: Agenda, mark: Rearmed) -> Agenda:
    """Take an entry that came up out, and put it where it comes up next."""
    rest = agenda.disarmed(mark.kind, mark.subject_id)
    return rest if mark.due_ms is None else rest.armed(mark.kind, mark.subject_id, mark.due_ms)
