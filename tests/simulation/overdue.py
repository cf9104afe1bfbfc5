"""The model's violations: what is recorded, and what the handlers do."""

from foldhub_core import (
    EV_EXPECTATION_VIOLATED,
    EV_SESSION_CLOSED,
    EV_SESSION_HIDDEN,
    Envelope,
    Expectation,
)
from tests.simulation import debts
from tests.simulation.talks import Talk
from tests.simulation.tasks import Tasks


class Overdue(Tasks):
    """What happens when somebody does not do what it owes."""

    def _look(self, talk: Talk) -> None:
        """Look at what is expected, until nothing follows from it any more."""
        left = dict.fromkeys(range(len(talk.expectations)), self.config.limits.emits)
        moved = True
        while moved:
            moved = False
            for index, expectation in enumerate(talk.expectations):
                if self._goes_on(talk):
                    moved = self._look_at(talk, index, expectation, left) or moved

    def _goes_on(self, talk: Talk) -> bool:
        return talk.session_id in self.talks and not talk.dormant

    def _look_at(self, talk: Talk, index: int, expectation: Expectation, left: dict[int, int]) -> bool:
        due = [key for key, due_ms in debts.owed(talk) if key[0] == index and due_ms <= self.now.now_ms]
        new = [key for key in due if key not in talk.standing]
        if not new:
            return False
        talk.standing = {key for key in talk.standing if key[0] != index} | set(due)
        by = tuple(dict.fromkeys([agent_id for _, agent_id, _ in new if agent_id is not None]))
        self._violated(index, by, None)
        handler = expectation.on_violation
        if handler in ("warn", "notify_session"):
            if left[index] == 0:
                self._violated(index, by, "handler")
                return False
            left[index] -= 1
            told = talk.members if handler == "notify_session" or not by else [one for one in talk.there if one in by]
            self._follow_or_sleep(talk, self._hub_says(talk, EV_EXPECTATION_VIOLATED, told, {"violators": by}))
        elif handler == "auto_close":
            self._end(talk, EV_SESSION_CLOSED, f"expectation_violated:{expectation.name}")
        for agent_id in by:
            if handler == "hide" and self._goes_on(talk):
                self._hide(talk, agent_id)
            if handler == "remove" and self._goes_on(talk) and agent_id in talk.there:
                self._take_out(talk.session_id, agent_id, told=True)
        return handler in ("warn", "notify_session", "auto_close") or (handler in ("hide", "remove") and by != ())

    def _hide(self, talk: Talk, agent_id: str) -> None:
        if talk.active and agent_id in talk.members and agent_id not in talk.hidden:
            self._follow_or_sleep(talk, self._hub_says(talk, EV_SESSION_HIDDEN, talk.members, {"agent_id": agent_id}))

    def _violated(self, index: int, by: tuple[str, ...], at_fault: str | None) -> Envelope:
        data: dict[str, object] = {"index": index, "violators": by, "at_fault": at_fault}
        return self._record("demo", EV_EXPECTATION_VIOLATED, data)
