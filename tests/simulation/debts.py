"""What is owed in a session, as a plain program would keep it: who was asked, what stands, what is due when."""

from typing import TYPE_CHECKING

from foldhub_core import Expectation

if TYPE_CHECKING:
    from tests.simulation.talks import Talk

Key = tuple[int, str | None, str]
"""A debt: under which expectation, whose, and what caused it."""

SECONDS = {"acks_within": 30, "reply_within": 600, "turn_within": 120, "max_silence": 3600}
HANDLERS = ("audit", "warn", "notify_session", "hide", "remove", "auto_close")


def is_known(expectation: Expectation) -> bool:
    """Whether the hub can judge and answer it."""
    seconds = expectation.params.get("seconds", 0)
    return (
        expectation.name in SECONDS
        and expectation.on_violation in HANDLERS
        and set(expectation.params) <= {"seconds"}
        and isinstance(seconds, int)
        and seconds >= 0
    )


def owed(talk: "Talk") -> list[tuple[Key, int]]:
    """All that is owed, by expectation, with the time it is due."""
    found: list[tuple[Key, int]] = []
    for index, expectation in enumerate(talk.expectations):
        seconds = expectation.params.get("seconds", SECONDS[expectation.name])
        assert isinstance(seconds, int)
        for agent_id, since_ms, cause in _debts(talk, expectation.name):
            if agent_id is None or applies(talk, expectation.applies_to, agent_id):
                found.append(((index, agent_id, cause), since_ms + seconds * 1000))
    return found


def applies(talk: "Talk", whom: tuple[str, ...] | None, agent_id: str) -> bool:
    return whom is None or agent_id in whom or talk.roles[agent_id] in whom


def _debts(talk: "Talk", name: str) -> list[tuple[str | None, int, str]]:
    if name == "acks_within":
        return [(one, talk.invited_ms[one], str(talk.invited_ms[one])) for one in talk.there if one in talk.unanswered]
    if not talk.active:
        return []
    assert talk.opened_ms is not None
    said_ms = talk.opened_ms if talk.said_ms is None else talk.said_ms
    if name == "max_silence":
        return [(None, said_ms, str(said_ms))]
    if name == "reply_within":
        return [(one, since_ms, word_id) for one, (word_id, since_ms) in talk.asked.items()]
    debts: list[tuple[str | None, int, str]] = []
    for agent_id, by, since_ms in talk.owed_turns():
        if agent_id not in talk.hidden:
            from_ms = max(said_ms if since_ms is None else since_ms, talk.opened_ms)
            debts.append((agent_id, from_ms, by or str(from_ms)))
    return debts
