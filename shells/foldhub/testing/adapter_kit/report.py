"""What a check came to: the laws that held, and how far it looked; or the law that is broken, with the session that shows it."""

from collections.abc import Mapping

import attrs

from .transcript import Line


@attrs.frozen(kw_only=True)
class AdapterReport:
    """An adapter kept all laws in everything that was tried."""

    adapter: str
    """The class of the adapter, its type and version."""
    seed: int
    laws: tuple[str, ...]
    """The names of the laws that were checked."""
    examples: int
    """How many sessions were played."""
    events: int
    """How many moves were made in them."""
    states: int
    """How many states of a session were told apart."""
    said: Mapping[str, int]
    """By event type, how often something was accepted of a participant."""
    closed: Mapping[str, int]
    """By reason, how often a session ended."""
    happened: Mapping[str, int]
    """What else there was, and how often."""
    never: tuple[str, ...]
    """What was never reached, and so was not checked."""
    not_held: Mapping[str, str]
    """The laws that could not be checked, and why."""
    is_again: bool = False
    """Whether one session was played again, and nothing else looked at."""

    def __str__(self) -> str:
        if self.is_again:
            return (
                f"{self.adapter}: the session that broke a law breaks none now: {counted(self.events, 'move')}, held to "
                f"{counted(len(self.laws), 'law')}\n  not checked: {', '.join(self.not_held)}, and any other session"
            )
        lines = [
            f"{self.adapter} keeps {counted(len(self.laws), 'law')}: {counted(self.examples, 'session')}, "
            f"{counted(self.events, 'move')}, {counted(self.states, 'state')} (seed {self.seed})",
            f"  said: {_by_name(self.said)}",
            f"  ended as: {_by_name(self.closed)}",
        ]
        lines += [f"  never: {one}" for one in self.never]
        lines += [f"  not checked: {law}: {why}" for law, why in self.not_held.items()]
        return "\n".join(lines)


def counted(count: int, what: str) -> str:
    """A number of things, as people write it."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _by_name(counts: Mapping[str, int]) -> str:
    return ", ".join([f"{what} ({count})" for what, count in counts.items()]) or "nothing"


class AdapterLawBroken(AssertionError):
    """An adapter breaks a law. `law` is its name, `lines` the session that shows it."""

    def __init__(self, adapter: str, law: str, sentence: str, why: str, lines: tuple[Line, ...], reproduce: str) -> None:
        self.adapter = adapter
        self.law = law
        self.sentence = sentence
        self.why = why
        self.lines = lines
        self.reproduce = reproduce
        super().__init__(self.told())

    def told(self) -> str:
        """All of it, as text."""
        session = [line.text for line in self.lines]
        return "\n".join(
            [
                f"{self.adapter} breaks the law {self.law}: {self.sentence}",
                "",
                *session,
                "",
                f"Reproduce it with: {self.reproduce}",
            ]
        )
