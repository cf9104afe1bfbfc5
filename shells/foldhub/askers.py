"""Who waits for an answer of the hub: a task that sleeps until it is there, or somebody who wants to be told.

An asker is made before its arrival is taken in, because the answer may be there as soon as that is.
"""

from collections.abc import Callable

import trio

from foldhub_core import Refuse, Reply


class Asker:
    """Somebody who waits for one answer."""

    __slots__ = ("answer", "task", "tell")

    def __init__(self, tell: Callable[[Reply | Refuse], None] | None = None) -> None:
        self.answer: Reply | Refuse | None = None
        self.task: trio.lowlevel.Task | None = None
        self.tell = tell

    def give(self, answer: Reply | Refuse) -> None:
        """Here it is."""
        self.answer = answer
        if self.tell is not None:
            self.tell(answer)
        if self.task is not None:
            trio.lowlevel.reschedule(self.task)


class Askers:
    """All that wait, by the refs of their arrivals."""

    def __init__(self) -> None:
        self._askers: dict[str, Asker] = {}

    def put(self, ref: str, asker: Asker) -> None:
        """Somebody waits from now on."""
        self._askers[ref] = asker

    async def wait(self, ref: str, asker: Asker) -> Reply | Refuse:
        """The answer, as soon as it is there; others run meanwhile, also where it is. Cancelled, nobody waits any more."""
        there = asker.answer
        if there is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return there
        asker.task = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._askers.pop(ref, None)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        assert asker.answer is not None, "whoever waits for an answer is woken with it"
        return asker.answer

    def give(self, answer: Reply | Refuse) -> None:
        """An answer is there, for whoever still waits for it."""
        asker = self._askers.pop(answer.ref, None)
        if asker is not None:
            asker.give(answer)

    def give_all(self, answer: Reply | Refuse) -> None:
        """The same answer for all: there is no other any more."""
        askers = list(self._askers.values())
        self._askers.clear()
        for asker in askers:
            asker.give(answer)
