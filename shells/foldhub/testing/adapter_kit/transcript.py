"""A session that was played, for people to read: who did what, what the hub said to it, and what it changed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast

import attrs

from foldhub_core import Envelope
from foldhub_core.envelope import is_hub_event

from .moves import CallOff, Close, Decline, Invite, Join, Leave, Remove, Say, Wait
from .scene import Scene

Kind: TypeAlias = Literal["move", "refused", "said", "state", "broken"]
LONGEST_TEXT = 240
MOST_MOVES = 30


@attrs.frozen
class Line:
    """A line, and what it is about, which is what its colour is chosen by."""

    kind: Kind
    text: str


def transcript(scene: Scene, why: str = "") -> tuple[Line, ...]:
    """Tell a session up to a scene, and last what is wrong there."""
    history = scene.history
    lines: list[Line] = []
    left_out = len(history) - MOST_MOVES
    for at, one in enumerate(history):
        if left_out > 0 and 15 <= at < 15 + left_out:
            if at == 15:
                lines.append(Line("said", f"    ... {left_out} moves more"))
            continue
        lines.extend(_told(one))
    if why:
        lines.append(Line("broken", f"  ! {in_names(scene, why)}"))
    return tuple(lines)


def in_names(scene: Scene, text: str) -> str:
    """Text with people's names in the place of their ids."""
    for agent_id, name in scene.stage.names.items():
        text = text.replace(agent_id, name)
    return text


def _told(scene: Scene) -> Iterator[Line]:
    yield Line("move", f"  {_move(scene)}")
    if scene.refused is not None:
        yield Line("refused", f"      refused: {_short(in_names(scene, scene.refused.message))} ({scene.refused.code})")
    posted = isinstance(scene.move, Say) and scene.refused is None
    for at, word in enumerate(scene.words):
        if not (posted and at == 0):
            yield Line("said", f"      {_word(scene, word)}")
    changed = _changed(scene)
    if changed:
        yield Line("state", f"      {_short(in_names(scene, changed), 400)}")
    entry = scene.entry
    if entry is not None and entry.dormant is not None:
        yield Line("refused", f"      the session is dormant: {_short(in_names(scene, entry.dormant))}")


def _move(scene: Scene) -> str:
    people = list(scene.stage.names.values())
    match scene.move:
        case None:
            return _opening(scene)
        case Join(who):
            return f"{people[who]} joins"
        case Decline(who):
            return f"{people[who]} declines"
        case Say(who, event_type, data, to):
            told = "" if to is None else f" to {', '.join([people[one] for one in to])}"
            return f"{people[who]} says {event_type} {_data(scene, data)}{told}"
        case Invite(who):
            return f"{people[0]} invites {people[who]}"
        case Leave(who):
            return f"{people[who]} leaves"
        case Remove(who):
            return f"{people[0]} removes {people[who]}"
        case Wait(ms):
            return f"{ms / 1000:g} s pass"
        case CallOff(who):
            return f"{people[who]} begins a task, and is asked to call it off"
        case Close():
            return "the administrator closes the session"


def _opening(scene: Scene) -> str:
    opening, people = scene.opening, list(scene.stage.names.values())
    manifest = scene.stage.adapter.manifest
    others = ", ".join(people[1 : opening.count])
    told = f"{people[0]} opens {manifest.type} {manifest.version}" + (f" with {others}" if others else "")
    more = [f"knobs {_data(scene, opening.knobs)}"] if opening.knobs else []
    more += ["who is late for a minute is hidden"] if opening.hides else []
    more += ["silence is told"] if opening.warns else []
    more += [f"{opening.required} of them must accept"] if opening.required is not None else []
    return ", ".join([told, *more])


def _word(scene: Scene, word: Envelope) -> str:
    names = scene.stage.names
    speaker = names.get(word.sender_id, "the hub")
    if is_hub_event(word.event_type):
        about = [
            names.get(str(word.event_data[key]), str(word.event_data[key]))
            for key in ("agent_id", "reason")
            if word.event_data.get(key)
        ]
        return " ".join(["->", word.event_type, *about])
    told = "" if word.audience is None else f" to {', '.join([names.get(one, one) for one in word.audience])}"
    return f"-> {speaker} says {word.event_type} {_data(scene, word.event_data)}{told}"


def _changed(scene: Scene) -> str:
    """The fields of the protocol's state that are otherwise than before."""
    state, before = scene.last_state, None if scene.before is None else scene.before.state
    cls = cast(Any, type(state))
    if state is None or not attrs.has(cls):
        return ""
    fields: list[str] = [field.name for field in attrs.fields(cls)]
    if before is None or type(before) is not cls:
        return "state: " + ", ".join([f"{name}={_short(repr(getattr(state, name)), 60)}" for name in fields])
    moved: list[str] = []
    for name in fields:
        was, now = getattr(before, name), getattr(state, name)
        if was != now:
            moved.append(f"{name} {_short(repr(was), 60)} -> {_short(repr(now), 60)}")
    return "state: " + ", ".join(moved) if moved else ""


def _data(scene: Scene, data: Mapping[str, object]) -> str:
    return _short(in_names(scene, json.dumps(_plain(data), ensure_ascii=False)))


def _plain(value: Any) -> Any:
    # Any: free data, on its way to JSON.
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in cast("Mapping[str, object]", value).items()}
    return [_plain(item) for item in cast("tuple[object, ...]", value)] if isinstance(value, tuple) else value


def _short(text: str, most: int = LONGEST_TEXT) -> str:
    return text if len(text) <= most else f"{text[: most - 12]}... ({len(text)})"
