"""The same in every process: under another hash seed, and made anew."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, cast

import attrs

from foldhub.testing.adapter_kit.call import told_error
from foldhub.testing.adapter_kit.naming import Found
from foldhub.testing.adapter_kit.scene import Scene, Stage
from foldhub.testing.adapter_kit.writing import written_state
from foldhub_core import Session

SECONDS = 300


@attrs.frozen
class Differs:
    """A session that comes to something else."""

    why: str
    scene: Scene


def fingerprints(scene: Scene) -> list[str]:
    """What every scene of a session came to, in short: its commits, its state, and who owes a turn."""
    return [_fingerprint(one) for one in scene.history]


def _fingerprint(scene: Scene) -> str:
    owing = scene.owing
    expected = "" if owing is None else told_error(owing.error) if owing.error is not None else repr(owing.result)
    state = written_state(scene.last_state)
    chain = scene.commits[-1].chain.hex() if scene.commits else ""
    return f"{chain} {'' if state is None else state.hex()} {expected} {_tools(scene)}"


def _tools(scene: Scene) -> str:
    try:
        return repr([scene.stage.adapter.tools(cast(Session, scene.session), scene.state, who) for who in scene.members])
    except Exception as error:
        return told_error(error)


def differs_in_second_process(found: Found, scenes: Sequence[Scene], hash_seed: int) -> Differs | str | None:
    """Play sessions in another process; gives the first that differs, or a text that says why that could not be done."""
    asked = {"adapter": attrs.asdict(found), "scripts": [scene.script.written() for scene in scenes]}
    env = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": os.pathsep.join([one for one in sys.path if one])}
    command = [sys.executable, "-m", "foldhub.testing.adapter_kit.second_process"]
    try:
        ran = subprocess.run(
            command, input=json.dumps(asked), env=env, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the second process did not run: {error}"
    if ran.returncode != 0:
        return (
            f"the adapter could not be made in a second process: {(ran.stderr.strip().splitlines() or ['it said nothing'])[-1]}"
        )
    theirs: Any = json.loads(ran.stdout)  # Any: what the second process wrote
    for scene, there in zip(scenes, theirs, strict=True):
        differs = first_difference(scene, there, "in a process with another hash seed")
        if differs is not None:
            return differs
    return None


def differs_when_made_anew(stage: Stage, scenes: Sequence[Scene]) -> Differs | str | None:
    """Play sessions with another adapter of the same class; gives the first that differs, or a text that says why not."""
    cls = type(stage.adapter)
    if inspect.signature(cls).parameters:
        return f"{cls.__name__} takes arguments, so that no other of its kind could be made"
    try:
        other = cls()
    except Exception as error:
        return f"no other of its kind could be made: {told_error(error)}"
    mine, theirs = stage.adapter.manifest, other.manifest
    if (mine.type, mine.version) != (theirs.type, theirs.version):
        return "another adapter of its class has another type or version"
    if mine != theirs:
        return Differs("another adapter of this class has the same type and version, and another manifest", scenes[0])
    second = Stage(other, stage.own_makers, stage.base)
    for scene in scenes:
        there = fingerprints(second.play(scene.script))
        differs = first_difference(scene, there, "with another adapter of the same class, type and version")
        if differs is not None:
            return differs
    return None


def differs_when_played_again(stage: Stage, scenes: Sequence[Scene]) -> Differs | None:
    """Play sessions once more in this process, where no other will do; gives the first that differs."""
    second = Stage(stage.adapter, stage.own_makers, stage.base)
    for scene in scenes:
        differs = first_difference(scene, fingerprints(second.play(scene.script)), "once more")
        if differs is not None:
            return differs
    return None


def first_difference(scene: Scene, theirs: Sequence[str], where: str) -> Differs | None:
    """The first scene of a session that came to something else there."""
    for one, here, there in zip(scene.history, fingerprints(scene), theirs, strict=True):
        if here != there:
            return Differs(f"played {where}, this came to something else", one)
    return None
