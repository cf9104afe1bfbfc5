"""The commit: what one arrival came to. The one record of the log, chained to the commit before it.

What is stored of a commit is its payload: the time, who acted, the command, the facts or the refusal. Nothing in it stands
twice:
- an envelope's time and id are left out where they are the commit's own, which is nearly always;
- a command that its first fact tells again is left out and rebuilt from it (`told`);
- the principal is cut to who acted: not all that it may do, but what it did it by.

A refused command is kept whole while it is small, beyond that by its hash and length: whoever floods a hub with what it
refuses shall not fill its disk.

The chain is `H(previous, header, H(payload))` over the stored bytes: bringing old payloads up to today's shapes does not
touch it, and a payload can be dropped for good while its hash keeps the proof.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from . import codec
from .commands import Arrival, Command, Principal, acting_id
from .data import INT_MAX
from .envelope import Envelope
from .error_record import ErrorRecord
from .errors import Malformed, unexpected
from .exact import is_list
from .facts import LAZY_FACTS, Fact, Mark
from .ids import make_id
from .records import changed, checked, hot, record
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


@hot
class Commit:
    """One arrival and what came of it: facts, or a refusal."""

    seq: int
    now_ms: int
    actor: Actor
    command: Command | CutCommand
    facts: tuple[Fact, ...]
    refusal: ErrorRecord | None
    payload: bytes
    """What is stored."""
    form: int
    """The format the payload is written in."""
    chain: bytes
    """The chain's head after this commit."""

    @property
    def principal(self) -> Principal:
        """The principal as it is read back."""
        acted = (acting_id(self.command),) if self.actor.acted and not isinstance(self.command, CutCommand) else ()
        globs = () if self.actor.may_register is None else (self.actor.may_register,)
        return Principal(subject=self.actor.subject, agent_ids=acted, may_register=globs, admin=self.actor.admin)

    @property
    def arrival(self) -> Arrival | None:
        """The arrival as it is read back, without its `ref`; None where the command was cut."""
        if isinstance(self.command, CutCommand):
            return None
        return Arrival(principal=self.principal, command=self.command, now_ms=self.now_ms)

    @property
    def lazy(self) -> bool:
        """Whether losing it in a crash loses nobody's word, so that it causes no sync of its own."""
        return all(type(fact) in LAZY_FACTS for fact in self.facts)


def chained(hub_id: str, previous: bytes, seq: int, form: int, payload_digest: bytes, length: int) -> bytes:
    """The chain's head after a commit: its header and the hash of its payload, on the head before.

    The header names the hub: two hubs begin at the same head, and the log of one is not to be taken for the other's.
    """
    header = f"{hub_id} {seq} {form} {length} ".encode()
    return codec.digest(previous + header + payload_digest)


def make_commit(
    *,
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
    kept: Command | CutCommand = command
    row: codec.Row | None = None
    if refusal is not None:
        written = codec.encode(command)
        if len(written) > refusal_bytes:
            kept = CutCommand(codec.TAGS[type(command)], codec.digest(written).hex(), len(written))
            row = (kept.tag, kept.digest, kept.length)
        else:
            row = codec.row_of(command)
    elif type(command) not in TOLD_COMMANDS:
        row = codec.row_of(command)
    payload = codec.pack(
        (
            now_ms,
            actor.subject,
            actor.admin,
            actor.acted,
            actor.may_register,
            row if kept is command else None,
            row if kept is not command else None,
            _fact_rows(hub_id, seq, now_ms, facts),
            None if refusal is None else (refusal.code, refusal.message, refusal.where),
        )
    )
    chain = chained(hub_id, head, seq, codec.FORMAT, codec.digest(payload), len(payload))
    return Commit(seq, now_ms, actor, kept, facts, refusal, payload, codec.FORMAT, chain)


def read_commit(hub_id: str, seq: int, form: int, payload: bytes, chain: bytes) -> Commit:
    """Read a stored commit. The bytes are vouched for by the chain; what is no commit all the same is `Malformed`."""
    # Any: the values are checked one by one below, each by its own constructor.
    fields = _fields(codec.unpack(payload), _PAYLOAD_FIELDS)
    now_ms, subject, admin, acted, may_register, command_row, cut_row, fact_rows, refusal_row = fields
    if type(now_ms) is not int or not 0 <= now_ms <= INT_MAX // 2:
        raise unexpected("a time", now_ms, where=f"commit {seq}")
    actor = _checked_actor(subject, admin, acted, may_register)
    facts = _read_facts(hub_id, seq, now_ms, _fields(fact_rows), form)
    refusal = None if refusal_row is None else ErrorRecord(*_fields(refusal_row, 3))
    if bool(facts) == (refusal is not None) or (cut_row is not None and refusal is None):
        raise Malformed("expected facts or a refusal, and a command cut only where it was refused", where=f"commit {seq}")
    command: object
    if cut_row is not None:
        command = CutCommand(*_fields(cut_row, 3))
    elif command_row is not None:
        command = codec.record_of(command_row, form)
    else:
        command = _rebuilt(facts)
    if not isinstance(command, Command | CutCommand):
        raise unexpected("a command", command, where=f"commit {seq}")
    return Commit(seq, now_ms, actor, command, facts, refusal, payload, form, chain)


_PAYLOAD_FIELDS = 9
_checked_actor: Callable[..., Actor] = checked(Actor)


def _rebuilt(facts: tuple[Fact, ...]) -> Command:
    try:
        told = told_command(facts[0]) if facts else None
    except (KeyError, ValueError) as error:
        raise Malformed(f"expected a first fact that tells its command, came one that does not: {error}") from None
    if told is None:
        raise unexpected("a command, or a first fact that tells it", facts[0] if facts else None)
    return told


def _fields(row: object, count: int | None = None) -> list[Any]:
    if not is_list(row):
        raise unexpected("a list", row)
    if count is not None and len(row) != count:
        raise Malformed(f"expected {count} fields, came {len(row)}")
    return row


def _fact_rows(hub_id: str, seq: int, now_ms: int, facts: tuple[Fact, ...]) -> list[codec.Row]:
    rows: list[codec.Row] = []
    envelopes = 0
    for fact in facts:
        written = fact
        if type(fact) is Envelope:
            if fact.created_at_ms == now_ms and fact.envelope_id == make_id(hub_id, "e", seq, envelopes):
                written = changed(fact, created_at_ms=0, envelope_id="")
            envelopes += 1
        rows.append(codec.row_of(written))
    return rows


def _read_facts(hub_id: str, seq: int, now_ms: int, rows: list[object], form: int) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    envelopes = 0
    for row in rows:
        fact = codec.record_of(row, form)
        if not isinstance(fact, Envelope | Mark):
            raise unexpected("a fact", fact, where=f"commit {seq}")
        if type(fact) is Envelope:
            if not fact.envelope_id:
                made_id = make_id(hub_id, "e", seq, envelopes)
                fact = changed(fact, created_at_ms=now_ms, envelope_id=made_id)
            envelopes += 1
        facts.append(fact)
    return tuple(facts)
