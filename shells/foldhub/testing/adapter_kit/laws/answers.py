"""An adapter answers whatever it is asked, and what it lets pass it can take."""

from foldhub.testing.adapter_kit.call import Call, told_error
from foldhub.testing.adapter_kit.scene import Scene
from foldhub_core import AdapterResult, NetworkError, error_record
from foldhub_core.consequences import AdapterFault, check_emit
from foldhub_core.envelope import is_hub_event

from .law import call_law, scene_law


@call_law
def create_is_answered(call: Call) -> str | None:
    """`validate_create` answers, or raises the protocol error family, whatever the knobs are."""
    return _refusal(call) if call.method == "validate_create" else None


@call_law
def send_is_answered(call: Call) -> str | None:
    """`validate_send` answers, or raises the protocol error family, whatever the payload is."""
    return _refusal(call) if call.method == "validate_send" else None


@scene_law
def every_draft_is_answered(scene: Scene) -> str | None:
    """`validate_send` answers, or raises the protocol error family, whatever the payload is."""
    for one in scene.tried:
        wrong = _wrong("validate_send", one.answer, one.error)
        if wrong is not None:
            said = f"{one.draft.event_type} {dict(one.draft.event_data)!r}"
            return f"asked whether {scene.stage.names[one.agent_id]} may say {said[:300]}, {wrong}"
    return None


@call_law
def accepted_can_be_folded(call: Call) -> str | None:
    """What was let pass can be folded, the opening too: a state of the protocol's own class comes of it."""
    if call.method == "initial_state" or (call.method == "fold" and not _of_the_hub(call)):
        return _folded(call)
    return None


@call_law
def hub_words_are_folded(call: Call) -> str | None:
    """What the hub says never raises: who joins, leaves or is hidden, what is overdue, what the protocol had it say."""
    if not _of_the_hub(call):
        return None
    if call.method == "fold":
        return _folded(call)
    if call.method == "on_accepted" and call.error is not None:
        return f"on_accepted raised {told_error(call.error)}"
    return None


@call_law
def what_follows_is_answered(call: Call) -> str | None:
    """What follows from a word, and from a deadline, is an `AdapterResult`."""
    if call.method not in ("on_accepted", "on_deadline"):
        return None
    if call.error is not None:
        return f"{call.method} raised {told_error(call.error)}"
    if type(call.result) is not AdapterResult:
        return f"{call.method} gave {call.result!r}, where an AdapterResult was expected"
    return None


@scene_law
def emits_can_be_said(scene: Scene) -> str | None:
    """What a protocol has the hub say is none of the hub's own events, small enough, and to people who take part."""
    for call in scene.calls:
        if call.method not in ("on_accepted", "on_deadline") or type(call.result) is not AdapterResult:
            continue
        session = call.session
        assert session is not None
        members = tuple([one.agent_id for one in session.participants if one.agent_id not in session.pending_acks])
        for emit in call.result.emit:
            try:
                check_emit(scene.hub, members, emit)
            except AdapterFault as fault:
                return f"{call.method} {fault}"
    return None


def _refusal(call: Call) -> str | None:
    return _wrong(call.method, call.result, call.error)


def _wrong(method: str, answer: object, raised: Exception | None) -> str | None:
    """What is wrong with how something was let pass or refused."""
    if raised is None:
        if answer is None:
            return None
        return f"{method} gave {answer!r}: it refuses by raising ProtocolError, and what it gives nobody looks at"
    if not isinstance(raised, NetworkError):
        return f"{method} raised {told_error(raised)}, which is not of the family of ProtocolError"
    try:
        error_record(raised)
    except Exception as error:
        return f"{method} raised {type(raised).__name__}, which cannot be written down: {told_error(error)}"
    return None


def _folded(call: Call) -> str | None:
    if call.error is not None:
        return f"{call.method} raised {told_error(call.error)}"
    if type(call.result) is not call.adapter.state_type:
        return f"{call.method} gave {call.result!r}, where a {call.adapter.state_type.__name__} was expected"
    return None


def _of_the_hub(call: Call) -> bool:
    """Whether a word is one that nobody can be refused for."""
    word = call.envelope
    return word is not None and (is_hub_event(word.event_type) or word.sender_id == word.envelope_id.split(":")[0])
