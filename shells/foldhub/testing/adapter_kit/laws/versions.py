"""The same (type, version) behaves the same, today and tomorrow: sessions are written down, and played again."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foldhub.testing.adapter_kit.moves import read_script
from foldhub.testing.adapter_kit.scene import Scene, Stage
from foldhub.testing.adapter_kit.shapes import exact_shape
from foldhub_core.envelope import is_hub_event

from .processes import Differs


def differs_from_record(stage: Stage, file: Path, scenes: Sequence[Scene]) -> Differs | None:
    """Play the sessions that were written down of this type and version; where there are none yet, write these down.

    Sessions are told by what the protocol made of them, in words that outlast the versions of the hub.
    """
    written: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}  # Any: a file of ours
    manifest = stage.adapter.manifest
    key = f"{manifest.type} {manifest.version}"
    if key not in written:
        written[key] = {scene.script.written(): _told(scene) for scene in scenes}
        file.write_text(json.dumps(written, indent=1, sort_keys=True) + "\n", "utf-8")
        return None
    for text, before in written[key].items():
        scene = stage.play(read_script(text))
        for one, was, now in zip(scene.history, before, _told(scene), strict=True):
            if was != now:
                why = f"since {file.name} was written, {key} behaves otherwise: a protocol that does needs a new version"
                return Differs(why, one)
    return None


def _told(scene: Scene) -> list[str]:
    return [_short(one) for one in scene.history]


def _short(scene: Scene) -> str:
    said = [(word.event_type, None if is_hub_event(word.event_type) else dict(word.event_data)) for word in scene.words]
    refused = None if scene.refused is None else scene.refused.code
    told = repr((exact_shape(scene), refused, said, scene.closed_as, scene.places(scene.expected)))
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
