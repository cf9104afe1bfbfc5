"""The state of a protocol stays small, however long people talk."""

import random
from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from foldhub.testing.adapter_kit.fields import grown_field, holders_of
from foldhub.testing.adapter_kit.moves import Invite, Join, Leave, Opening
from foldhub.testing.adapter_kit.scene import MOST_PEOPLE, Scene, Stage
from foldhub.testing.adapter_kit.shapes import size, told_texts
from foldhub_core.codec import pack

Growth: TypeAlias = Literal["constant", "participants", "envelopes"]
"""What a state may grow with: with nobody who is not there any more, with all who ever took part, or with every word."""

WORDS = 120
FEW = 40
"""A protocol that ends its sessions sooner cannot grow."""
SLACK = 0.2
"""Bytes for each envelope that are no growth yet."""


@attrs.frozen
class Grown:
    """A state that grew, at the end of the session that shows it."""

    why: str
    scene: Scene


def grown(stage: Stage, openings: Sequence[Opening], growth: Growth, seed: int) -> Grown | None:
    """Talk long, and let people come and go; gives the session in which the state grew more than it may."""
    if growth == "envelopes":
        return None
    dice = random.Random(seed)
    for opening in _several(openings, dice):
        scene = begun(stage, opening)
        if scene is None:
            continue
        found = _by_words(scene, dice) or (_by_people(scene, dice) if growth == "constant" else None)
        if found is not None:
            return found
    return None


def begun(stage: Stage, opening: Opening) -> Scene | None:
    """A session that is opened, and in which all take part; None where it does not come to that."""
    scene = stage.open(attrs.evolve(opening, hides=False, warns=False, required=None))
    for who in range(1, opening.count):
        scene = scene.play(Join(who))
    return scene if scene.is_active else None


def _several(openings: Sequence[Opening], dice: random.Random) -> list[Opening]:
    """Some openings: of the most different counts."""
    drawn = sorted(dice.sample(list(openings), len(openings)), key=lambda opening: len(pack(opening.knobs)), reverse=True)
    by_count = {opening.count: opening for opening in drawn}  # the plainest of each count is the last
    return [*list(by_count.values())[:3], *drawn[:1]]


def _by_words(scene: Scene, dice: random.Random) -> Grown | None:
    sizes: list[int] = []
    scene = _talked(scene, dice, sizes)
    half = len(sizes) // 2
    if len(sizes) < FEW or not _has_grown(sizes[half // 2 : half], sizes[half:]):
        return None
    # What only fills up to a bound has reached it by now.
    scene = _talked(_talked(scene, dice, sizes), dice, sizes)
    third = len(sizes) // 3
    if not _has_grown(sizes[third : 2 * third], sizes[2 * third :]):
        return None
    early = scene.history[third - 1 - len(sizes)].state
    field = grown_field(early, scene.state)
    why = (
        f"after {third} envelopes the state was {sizes[third - 1]} bytes, after {len(sizes)} it is {sizes[-1]}: it grows with "
        f"the envelopes{'' if field is None else f': {field}'}. Where that is meant: growth='envelopes'"
    )
    return Grown(why, scene)


def _talked(scene: Scene, dice: random.Random, sizes: list[int]) -> Scene:
    """The session after many words, and how large the state was after each."""
    for _ in range(WORDS):
        after = _next(scene, dice)
        if after is None:
            break
        scene = after
        sizes.append(size(scene.state))
    return scene


def _has_grown(early: list[int], late: list[int]) -> bool:
    return max(late) - max(early) > SLACK * len(late)


def _by_people(scene: Scene, dice: random.Random) -> Grown | None:
    """Let people come, speak and go, while those who were there before stay; nothing is to be kept of them but the last."""
    session = scene.session
    assert session is not None
    most = session.manifest.participants.max
    if most is not None and most <= scene.opening.count:
        return None
    gone = range(scene.opening.count, MOST_PEOPLE)
    for who in gone:
        for move in (Invite(who), Join(who)):
            scene = scene.play(move)
        for _ in range(2):
            scene = _next(scene, dice, scene.stage.people[who]) or scene
        scene = scene.play(Leave(who))
        if not scene.is_active:
            return None
    kept = [who for who in gone if scene.stage.people[who] in told_texts(scene.state)]
    if len(gone) < 2 or len(kept) < len(gone):
        return None
    names = ", ".join([scene.stage.names[scene.stage.people[who]] for who in kept])
    fields = holders_of(scene.state, scene.stage.people[kept[0]])
    inside = ", in " + " and ".join([f"`{name}`" for name in fields]) if fields else ""
    return Grown(f"the state keeps all who are gone: {names}{inside}. Where that is meant: growth='participants'", scene)


def _next(scene: Scene, dice: random.Random, who: str | None = None) -> Scene | None:
    """The scene after somebody said something that does not end the session; None where nobody can."""
    possible = [(one, draft) for one in scene.members if who in (None, one) for draft in scene.drafts(one)]
    left = 6
    for speaker, draft in dice.sample(possible, len(possible)):
        (tried,) = scene.tried_by(speaker, (draft,))
        if tried.error is not None:
            continue
        after = scene.play(scene.say(speaker, draft))
        if after.is_active and after.refused is None:
            return after
        left -= 1
        if not left:
            break
    return None
