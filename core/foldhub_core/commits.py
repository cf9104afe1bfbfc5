"""The commit: what one arrival came to. The one record of the log, chained to the commit before it.

What is stored of a commit is its payload: the time, who acted, the command, the facts or the refusal. Nothing in it stands
twice:
- an envelope's time and id are the commit's own, and left out;
- a command that its first fact tells again is left out and rebuilt from it (`told`);
- the principal is cut to who acted: not all that it may do, but what it did it by.

A refused command is kept whole while it is small, beyond that by its hash and length: whoever floods a hub with what it
refuses shall not fill its disk.

The chain is `H(previous, header, H(payload))` over the stored bytes: bringing old payloads up to today's shapes does not
touch it, and a payload can be dropped for good while its hash keeps the proof.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar

from . import codec
from .commands import Arrival, Command, Principal, acting_id
from .envelope import Envelope, is_posted
from .error_record import ErrorRecord
from .errors import Malformed, unexpected
from .facts import LAZY_FACTS, Acked, Fact
from .payload import items_of, read_payload
from .records import checked, hot, record
from .tags import TAGS
from .told import TOLD_COMMANDS, told_command


@record
class CutCommand:
    """What is kept of a refused command that was too large to keep: it cannot be decided again."""

    acting: ClassVar[str] = ""

    tag: int
    digest: str
    length: int


@hot
class Actor:
    """The principal, cut to who acted and by what right."""

    subject: str
    admin: bool
    acted: bool
    """Whether it named an agent it may act for."""
    may_register: str | None
    """The glob that let it register this name."""
    owner_id: str | None = None
    """The agent of its own beside which it may register a remote one."""


@hot
class Commit:
    """One arrival and what came of it: facts, or a refusal."""

    seq: int
    now_ms: int
    actor: Actor
    kept: Command | CutCommand | None
    """The command, where it is stored; None where the facts tell it."""
    facts: tuple[Fact, ...]
    refusal: ErrorRecord | None
    payload: bytes
    """What is stored."""
    form: int
    """The format the payload is written in."""
    previous: bytes
    """The chain's head it was made on."""
    chain: bytes
    """The chain's head after this commit."""

    @property
    def command(self) -> Command | CutCommand:
        """The command as it is read back: as it was stored, or as the facts tell it."""
        if self.kept is not None:
            return self.kept
        told = told_command(self.facts)
        assert told is not None, "a command that is not stored is told by its facts"
        return told

    @property
    def principal(self) -> Principal:
        """The principal as it is read back."""
        command = self.command
        acted = (acting_id(command),) if self.actor.acted and not isinstance(command, CutCommand) else ()
        beside = () if self.actor.owner_id is None else (self.actor.owner_id,)
        globs = () if self.actor.may_register is None else (self.actor.may_register,)
        return Principal(subject=self.actor.subject, agent_ids=acted + beside, may_register=globs, admin=self.actor.admin)

    @property
    def arrival(self) -> Arrival | None:
        """The arrival as it is read back, without its `ref`; None where the command was cut."""
        command = self.command
        if isinstance(command, CutCommand):
            return None
        return Arrival(principal=self.principal, command=command, now_ms=self.now_ms)

    @property
    def lazy(self) -> bool:
        """Whether losing it in a crash loses nobody's word, so that it causes no sync of its own."""
        for fact in self.facts:
            if type(fact) not in LAZY_FACTS:
                return False
        return True


def chained(hub_id: str, previous: bytes, seq: int, form: int, payload_digest: bytes, length: int) -> bytes:
    """The chain's head after a commit: its header and the hash of its payload, on the head before.

    The header names the hub: two hubs begin at the same head, and the log of one is not to be taken for the other's.
    """
    return codec.digest(previous + f"{hub_id} {seq} {form} {length} ".encode() + payload_digest)


def make_commit(
    hub_id: str,
    head: bytes,
    seq: int,
    now_ms: int,
    actor: Actor,
    command: Command,
    facts: tuple[Fact, ...],
    refusal: ErrorRecord | None,
    refusal_bytes: int,
) -> Commit:
    """Write a commit and chain it to the head before."""
    kept: Command | CutCommand | None = command
    row: codec.Row | None = None
    cut: codec.Row | None = None
    refused: codec.Row | None = None
    if refusal is not None:
        refused = (refusal.code, refusal.message, refusal.where)
        written = codec.encode(command)
        if len(written) > refusal_bytes:
            kept = CutCommand(TAGS[type(command)], codec.digest(written).hex(), len(written))
            cut = (kept.tag, kept.digest, kept.length)
        else:
            row = codec.row_of(command)
    elif type(command) in TOLD_COMMANDS:
        kept = None
    else:
        row = codec.row_of(command)
    fields: codec.Row = (
        now_ms,
        actor.subject,
        actor.admin,
        actor.acted,
        actor.may_register,
        row,
        cut,
        [codec.said_row(fact) if type(fact) is Envelope else codec.row_of(fact) for fact in facts],
        refused,
    )
    payload = codec.pack(fields if actor.owner_id is None else (*fields, actor.owner_id))
    chain = chained(hub_id, head, seq, codec.FORMAT, codec.digest(payload), len(payload))
    return Commit(seq, now_ms, actor, kept, facts, refusal, payload, codec.FORMAT, head, chain)


def read_commit(hub_id: str, seq: int, form: int, payload: bytes, previous: bytes, chain: bytes) -> Commit:
    """Read a stored commit; what is none is `Malformed`.

    The caller has checked that `chain` is what the header and the payload give on `previous`, the head before: from then on
    the two heads are what the commit is known by.
    """
    now_ms, acted, facts, command_row, cut_row, refusal_row = read_payload(hub_id, seq, form, payload)
    refusal = None if refusal_row is None else ErrorRecord(*items_of(refusal_row, 3))
    if bool(facts) == (refusal is not None) or (cut_row is not None and refusal is None):
        raise Malformed("expected facts or a refusal, and a command cut only where it was refused", where=f"commit {seq}")
    kept: object = None
    if cut_row is not None:
        kept = CutCommand(*items_of(cut_row, 3))
    elif command_row is not None:
        kept = codec.record_of(command_row, form)
    elif not _tell_command(facts):
        raise unexpected("a command, or facts that tell it", facts[0] if facts else None, where=f"commit {seq}")
    if kept is not None and not isinstance(kept, Command | CutCommand):
        raise unexpected("a command", kept, where=f"commit {seq}")
    return Commit(seq, now_ms, _actor_of(acted), kept, facts, refusal, payload, form, previous, chain)


_checked_actor: Callable[..., Actor] = checked(Actor)
_shared_actor: Callable[..., Actor] = lru_cache(maxsize=1024, typed=True)(_checked_actor)
"""A hub hears the same few all day: the commits that are read share them."""


def _actor_of(fields: tuple[object, ...]) -> Actor:
    try:
        return _shared_actor(*fields)
    except TypeError:  # what cannot be a key is no field of an actor either
        return _checked_actor(*fields)


def _tell_command(facts: tuple[Fact, ...]) -> bool:
    """Whether the command can be read back from these facts."""
    for fact in facts:
        # Nearly all of a log: posts and acks, of which everything was checked as their facts were read.
        if type(fact) is Acked or (type(fact) is Envelope and is_posted(fact)):
            return True
        if type(fact) is Envelope:
            break
    try:
        return told_command(facts) is not None
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"expected facts that tell their command, came some that do not: {error}") from None
