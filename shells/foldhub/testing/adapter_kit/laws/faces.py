"""The client's half: it can show whatever the rules let be said, and shows nobody what is not for him."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from foldhub.testing.adapter_kit.call import told_error
from foldhub.testing.adapter_kit.scene import Scene
from foldhub_core import (
    Draft,
    Envelope,
    Finish,
    Handoff,
    Round,
    Session,
    ToolCall,
    ToolOffer,
    View,
    project,
    visible_to,
)
from foldhub_core.envelope import is_hub_event
from foldhub_core.ids import looks_like_id

from .law import scene_law

ROUNDS = (
    Round("hello"),
    Round(),
    Round("", (ToolCall("say", {"text": "hello"}),), ("hello",)),
    Round("over to you", (ToolCall("pass_on", result=Handoff("bob", "because")),)),
    Round("done", (ToolCall("end", result=Finish("done")),)),
    Round("x" * 2_000, (ToolCall("look_up", {"reason": 5}),)),
)


@scene_law
def face_never_raises(scene: Scene) -> str | None:
    """The face shows whatever was said, and makes something of every round."""
    session = scene.session or (None if scene.before is None else scene.before.session)
    if session is None:
        return None
    adapter, state = scene.stage.adapter, scene.state
    asked: list[tuple[str, Callable[[], object], Callable[[Any], bool]]] = [
        ("default_view", lambda: adapter.default_view(session), lambda view: isinstance(view, View)),
    ]
    for word in scene.words:
        asked += _of_word(scene, word)
    if state is not None:
        asked += _of_state(scene, session, state)
    for what, ask, fits in asked:
        try:
            came = ask()
        except Exception as error:
            return f"{what} raised {told_error(error)}"
        if not fits(came):
            return f"{what} gave {came!r}"
    return None


def _of_word(scene: Scene, word: Envelope) -> Iterator[tuple[str, Callable[[], object], Callable[[Any], bool]]]:
    adapter = scene.stage.adapter
    yield f"render of {word.event_type}", lambda: adapter.render(word), _are_texts
    yield f"turn_input of {word.event_type}", lambda: adapter.turn_input(word), lambda came: came is None or _are_texts(came)


def _of_state(scene: Scene, session: Session, state: Any) -> Iterator[tuple[str, Callable[[], object], Callable[[Any], bool]]]:
    adapter = scene.stage.adapter
    for agent_id in scene.members:
        yield f"tools for {scene.stage.names[agent_id]}", _asking(adapter.tools, session, state, agent_id), _are_offers
    for round in ROUNDS:
        yield "round_envelope", _asking(adapter.round_envelope, session, state, round), _is_draft


def _asking(method: Callable[..., object], *args: Any) -> Callable[[], object]:
    return lambda: method(*args)


def _are_texts(came: Any) -> bool:
    return isinstance(came, tuple) and all(isinstance(one, str) for one in cast("tuple[object, ...]", came))


def _are_offers(came: Any) -> bool:
    return isinstance(came, tuple) and all(type(one) is ToolOffer for one in cast("tuple[object, ...]", came))


def _is_draft(came: Any) -> bool:
    return came is None or type(came) is Draft


@scene_law
def views_keep_secrets(scene: Scene) -> str | None:
    """Nobody is shown, nor told with a tool, what was said to others only."""
    session, state = scene.session, scene.state
    if session is None or state is None:
        return None
    words = scene.transcript
    private = [word for word in words if word.audience is not None and not is_hub_event(word.event_type)]
    if not private or scene.refused is not None:
        return None
    names = scene.stage.names
    earlier = next(one for one in scene.history if private[0] in one.words).before
    for agent_id in scene.members:
        secrets = _secrets(private, words, agent_id)
        if not secrets:
            continue
        try:
            shown = _shown(scene, agent_id)
            before = "" if earlier is None or agent_id not in earlier.members else _shown(earlier, agent_id)
        except Exception:
            return None  # that is another law's
        for secret in secrets:
            if secret in shown and secret not in before:
                return f"{names[agent_id]} is shown {secret!r}, which was said to others only"
    return None


def _shown(scene: Scene, agent_id: str) -> str:
    """All texts that somebody is shown for a turn."""
    adapter, session = scene.stage.adapter, cast(Session, scene.session)
    offers = adapter.tools(session, scene.state, agent_id)
    entries = project(adapter.default_view(session), scene.transcript, agent_id, scene.stage.names, adapter.render)
    return " ".join(
        [part for one in offers for part in (one.name, one.purpose)] + [part for one in entries for part in one.parts]
    )


def _secrets(private: list[Envelope], words: tuple[Envelope, ...], agent_id: str) -> list[str]:
    """What is to be seen in words that are not for somebody, and in no other."""
    hidden = [leaf for word in private if not visible_to(word, agent_id) for leaf in _leaves(word.event_data)]
    if not hidden:
        return []
    seen = " ".join([leaf for word in words if visible_to(word, agent_id) for leaf in _leaves(word.event_data)])
    return [leaf for leaf in dict.fromkeys(hidden) if leaf not in seen]


def _leaves(value: object) -> Iterator[str]:
    """The texts and numbers in data that cannot be there by chance."""
    if isinstance(value, Mapping):
        for item in cast("Mapping[str, object]", value).values():
            yield from _leaves(item)
    elif isinstance(value, tuple):
        for item in cast("tuple[object, ...]", value):
            yield from _leaves(item)
    elif isinstance(value, str):
        if len(value) >= 6 and not value.isalpha() and not looks_like_id(value):
            yield value
    elif isinstance(value, int) and abs(value) >= 10_000:
        yield str(value)
