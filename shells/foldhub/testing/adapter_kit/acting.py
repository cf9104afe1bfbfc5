"""Moves as commands: what a hub is asked for when one is played."""

from collections.abc import Sequence

from foldhub_core import (
    AnswerInvite,
    CloseSession,
    Command,
    Envelope,
    Expectation,
    Malformed,
    Manifest,
    OpenSession,
    Post,
    RemoveParticipant,
)
from foldhub_core import Invite as InviteCommand
from foldhub_core import Leave as LeaveCommand

from .moves import Close, Decline, Invite, Join, Leave, Move, Opening, Remove, Say


def opening_command(manifest: Manifest, people: Sequence[str], opening: Opening) -> OpenSession:
    """The command that opens a session; `people` are ids, the creator's first."""
    expectations: list[Expectation] = []
    if opening.hides:
        expectations.append(Expectation("turn_within", "hide", {"seconds": 60}))
    if opening.warns:
        expectations.append(Expectation("max_silence", "notify_session", {"seconds": 45}))
    return OpenSession(
        creator_id=people[0],
        type=manifest.type,
        version=manifest.version,
        participants=tuple(people[: opening.count]),
        knobs=opening.knobs,
        required_acks=opening.required,
        expectations=tuple(expectations),
    )


def command_of(people: Sequence[str], session_id: str, move: Move) -> Command:
    """The command of a move that is one; raises `Malformed` where no envelope can be made of what is said."""
    match move:
        case Join():
            return AnswerInvite(session_id=session_id, agent_id=people[move.who], accept=True)
        case Decline():
            return AnswerInvite(session_id=session_id, agent_id=people[move.who], accept=False, reason="busy")
        case Say():
            to = None if move.to is None else tuple([people[one] for one in move.to])
            return Post(envelope=Envelope(session_id, people[move.who], move.event_type, move.event_data, to))
        case Invite():
            return InviteCommand(session_id=session_id, agent_id=people[0], participants=(people[move.who],))
        case Leave():
            return LeaveCommand(session_id=session_id, agent_id=people[move.who])
        case Remove():
            return RemoveParticipant(session_id=session_id, agent_id=people[0], participant_id=people[move.who])
        case Close():
            return CloseSession(session_id=session_id)
        case _:
            raise Malformed(f"expected a move that is a command, came {move}")
