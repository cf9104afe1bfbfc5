"""What a law is: a name, a sentence, and a check that says what is wrong."""

from collections.abc import Callable
from typing import TypeAlias

import attrs

from foldhub.testing.adapter_kit.call import Call
from foldhub.testing.adapter_kit.scene import Scene


@attrs.frozen
class CallLaw:
    """A law that is asked about every call of the adapter. `check` gives None, or says in words how it is broken."""

    name: str
    sentence: str
    check: Callable[[Call], str | None]

    def broken(self, scene: Scene) -> str | None:
        """Say how a scene breaks it."""
        for call in scene.calls:
            why = self.check(call)
            if why is not None:
                return why
        return None


@attrs.frozen
class SceneLaw:
    """A law that is asked about every scene."""

    name: str
    sentence: str
    check: Callable[[Scene], str | None]

    def broken(self, scene: Scene) -> str | None:
        """Say how a scene breaks it."""
        return self.check(scene)


Law: TypeAlias = CallLaw | SceneLaw


def call_law(check: Callable[[Call], str | None]) -> CallLaw:
    """Make a law of a check: its name is the law's, and its first line the sentence."""
    return CallLaw(check.__name__, sentence_of(check), check)


def scene_law(check: Callable[[Scene], str | None]) -> SceneLaw:
    """Make a law of a check: its name is the law's, and its first line the sentence."""
    return SceneLaw(check.__name__, sentence_of(check), check)


def sentence_of(check: Callable[..., object]) -> str:
    """The first line of what is written under a check."""
    return (check.__doc__ or "").strip().splitlines()[0]
